/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * HTTP: listeners, connections, bodies, suspended requests and streams.
 *
 * http.c is the only file that knows libmicrohttpd. One thread runs one event loop for all
 * listeners: each has an MHD daemon of its own (so that a role belongs to a socket), whose epoll
 * descriptor is one source of that loop.
 *
 * Purpose: carry requests to rest_handle() and replies back.
 * Threads: listen, start, stop and free on the main thread; everything else on the HTTP thread.
 * Errors:  negative errno.
 */
#include <stdint.h>
#include "inspect/inspect.h"

struct http;

/* How patient the server is. */
struct http_limits {
	/*
	 * From the last reply (or the connect) to the end of the next request; then the server
	 * hangs up.
	 */
	uint64_t idle_ns;
	uint64_t pump_ns;     /* how often streams look for new records */
	unsigned connections; /* per listener */
	unsigned streams;     /* in all */
	size_t unread_bytes;  /* replies that clients have not read, in all; one may always wait */
};
#define HTTP_LIMITS_DEFAULT                                                                      \
	{                                                                                        \
		.idle_ns = 60 * NSEC_PER_SEC, .pump_ns = 20 * NSEC_PER_MSEC, .connections = 128, \
		.streams = 16, .unread_bytes = (size_t)128 << 20,                                \
	}

enum { HTTP_BODY_MAX = 64 << 10 };

int http_new(struct inspect *inspect, const struct http_limits *limits,
	struct http **ret_http) MUST_CHECK;
struct http *http_free(struct http *http);
/*
 * Takes the listening socket over. `token` is copied; `unix_path` is copied and unlinked at stop.
 */
int http_add_listener(struct http *http, int fd, enum inspect_role role, bool tcp,
	const char *token, const char *unix_path) MUST_CHECK;
int http_start(struct http *http) MUST_CHECK;
/* Ends streams, answers what waits, waits for the replies to leave (a second at most), joins. */
void http_stop(struct http *http);
