/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Streams: the body of a reply that goes on.
 *
 * The buffer is filled only when it has been taken completely, so a client that does not read costs
 * one buffer. A stream is pumped by a timer; whoever makes what it is about is never involved.
 *
 * Purpose: what all streams share; log_stream.h and capture_stream.h make them.
 * Threads: the HTTP thread.
 * Errors:  out of memory ends the stream.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "inspect/writer.h"

enum { STREAM_BUFFER_BYTES = 64 << 10 }; /* filled no further when it holds more */

struct stream;

struct stream_ops {
	/* Appends what there is; nothing when there is nothing. It may end the stream. */
	void (*fill)(struct stream *stream);
	/* Appends something that only shows that both ends live. */
	void (*put_heartbeat)(struct stream *stream);
	/* Appends the last words: nothing follows. */
	void (*put_end)(struct stream *stream, const char *reason);
	void (*free)(struct stream *stream);
};

/* A kind's own structure starts with it. */
struct stream {
	const struct stream_ops *ops;
	struct writer text; /* owns */
	size_t taken;       /* of text.used */
	bool ended;
	uint64_t heartbeat_ns, last_ns; /* interval; when something was last put in */
};

/* `stream` is zeroed. */
void stream_init(struct stream *stream, const struct stream_ops *ops, uint64_t heartbeat_ns);
/* NULL is fine; returns NULL. */
struct stream *stream_free(struct stream *stream);
/* For the kinds: something was appended. */
void stream_touched(struct stream *stream);

/* Looks for more; true when there are bytes to take or the stream is over. */
bool stream_ready(struct stream *stream);
/* Takes up to `size` bytes; 0: none now. */
size_t stream_take(struct stream *stream, char *to, size_t size);
/* Nothing follows but the last words. */
void stream_end(struct stream *stream, const char *reason);
/* Everything has been taken and nothing follows. */
bool stream_over(const struct stream *stream);
