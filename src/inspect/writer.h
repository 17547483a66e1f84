/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * JSON text, written straight into a growable buffer.
 *
 * Every reply is made with this: no tree of values is built only to be walked once. Commas are
 * placed by the writer; the caller opens, closes and names.
 *
 * Purpose: the one way hvd produces JSON (and other text).
 * Threads: one thread at a time.
 * Errors:  sticky: after a failed allocation, or beyond WRITER_MAX_BYTES, `failed` is set and
 *          nothing more is written. The caller looks once, at the end.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/util.h"

#define WRITER_MAX_BYTES ((size_t)32 << 20)

struct writer {
	char *data; /* owns; not NUL-terminated */
	size_t used, capacity;
	bool failed;
	bool comma; /* the next value or key needs one before it */
};

/* A zeroed struct writer is an empty one. */
void writer_deinit(struct writer *writer);
static inline void cleanup_writer(struct writer *writer)
{
	writer_deinit(writer);
}
/* Forgets what was written and keeps the memory. */
void writer_clear(struct writer *writer);

/* text as it is */
void writer_raw(struct writer *writer, const char *data, size_t size);
void writer_text(struct writer *writer, const char *text);
void writer_decimal(struct writer *writer, uint64_t value);
void writer_format(struct writer *writer, const char *format, ...) PRINTF(2, 3);

/* structure */
void writer_object_begin(struct writer *writer);
void writer_object_end(struct writer *writer);
void writer_array_begin(struct writer *writer);
void writer_array_end(struct writer *writer);
/* `key` is one of ours: written without escapes. */
void writer_key(struct writer *writer, const char *key);

/* values */
void writer_null(struct writer *writer);
void writer_bool(struct writer *writer, bool value);
/* Beyond INT64_MAX readers of JSON fail: such a value is shown as INT64_MAX. */
void writer_uint(struct writer *writer, uint64_t value);
void writer_int(struct writer *writer, int64_t value);
void writer_hex(struct writer *writer, uint64_t value);
/* Control bytes are escaped; what is not UTF-8 becomes U+FFFD. NULL is null. */
void writer_string(struct writer *writer, const char *text);
void writer_string_n(struct writer *writer, const char *text, size_t size);
void writer_bytes(struct writer *writer, const uint8_t *bytes, size_t count);
/* RFC 3339, UTC, nanoseconds. */
void writer_time(struct writer *writer, uint64_t realtime_ns);
/* A complete JSON text made elsewhere, as one value. */
void writer_json(struct writer *writer, const char *json, size_t size);
/* The same, of a text that ends with NUL. */
void writer_literal(struct writer *writer, const char *json);

/* key and value in one */
void writer_key_string(struct writer *writer, const char *key, const char *text);
void writer_key_uint(struct writer *writer, const char *key, uint64_t value);
void writer_key_bool(struct writer *writer, const char *key, bool value);
