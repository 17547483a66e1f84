/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Log streams: the body of a reply that goes on.
 *
 * A stream reads the recorder with a cursor of its own when its client has room, so a slow client
 * costs nothing but its own gaps. It is pumped by a timer; whoever records is never involved.
 *
 * Purpose: records, gaps, heartbeats and the end record, as NDJSON or server-sent events.
 * Threads: the HTTP thread.
 * Errors:  out of memory ends the stream.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/util.h"

struct inspect;
struct log_filter;
struct stream;

struct stream_config {
	const struct log_filter *filter; /* copied */
	uint64_t next;                   /* sequence number to start with */
	uint64_t limit;                  /* records; 0: no limit */
	bool sse;
	uint64_t heartbeat_ns;
};

int stream_new(struct inspect *inspect, const struct stream_config *config,
	struct stream **ret_stream) MUST_CHECK;
/* NULL is fine; returns NULL. */
struct stream *stream_free(struct stream *stream);

/* Looks for records; true when there are bytes to take or the stream is over. */
bool stream_ready(struct stream *stream);
/* Takes up to `size` bytes; 0: none now. */
size_t stream_take(struct stream *stream, char *to, size_t size);
/* Appends the end record; nothing follows it. */
void stream_end(struct stream *stream, const char *reason);
/* Everything has been taken and nothing follows. */
bool stream_over(const struct stream *stream);
