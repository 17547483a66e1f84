/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * HTTP over a Unix socket.
 *
 * No proxies, no redirects, no cookies, no other protocols: only the one socket. A reply is bounded
 * in size and in time, and every wait ends at SIGINT.
 *
 * Purpose: the one file that knows libcurl.
 * Threads: one.
 * Errors:  negative errno, or one of the conditions below for the direct caller.
 */
#include <stddef.h>
#include <stdint.h>
#include "common/util.h"

enum http_error {
	HTTP_E_CONNECT = 1, /* nobody listens, or not for us: http_reply.error is the errno */
	HTTP_E_CLOSED,      /* the connection ended in the middle of an answer */
	HTTP_E_BROKEN,      /* what came is not HTTP */
	HTTP_E_TIMEOUT,
	HTTP_E_INTERRUPTED,
	HTTP_E_TOO_LARGE,
	HTTP_E_STOPPED, /* on_data or the side wanted no more */
};

/* Returns false to stop the transfer. */
typedef bool (*http_data_fn)(void *arg, const char *data, size_t size);

/* How long to wait before the next turn, and for what besides the reply. */
struct http_wait {
	int fd; /* -1: nothing else */
	int timeout_ms;
};

/* Something that a stream's reader attends to beside the stream. */
struct http_side {
	/* Called before each wait; `wait` is preset. Returns false to stop the transfer. */
	bool (*turn)(void *arg, struct http_wait *wait);
	void *arg;
};

struct http_request {
	const char *method;
	const char *target; /* "/v1/ports?limit=5", percent-encoded already */
	const char *body;   /* JSON text, or NULL */
	/*
	 * For the whole exchange; for a stream, for the reply to start and for each silence in it.
	 */
	uint64_t timeout_ns;
	bool stream;
	/* Gets the body of a 2xx reply as it arrives; NULL: it is collected in http_reply.body. */
	http_data_fn on_data;
	void *arg;
	const struct http_side *side; /* borrows; NULL: nothing beside */
};

struct http_reply {
	long status;
	char *type; /* owns; content type, "" when none */
	char *body; /* owns; NUL-terminated */
	size_t size;
	uint64_t duration_ns;
	int error; /* errno of a failed connect, 0 when unknown */
};

struct http;

int http_new(const char *socket, struct http **ret_http) MUST_CHECK;
struct http *http_free(struct http *http);
/* `ret_reply` is always set, and released with http_reply_deinit(), whatever is returned. */
int http_perform(struct http *http, const struct http_request *request,
	struct http_reply *ret_reply) MUST_CHECK;
void http_reply_deinit(struct http_reply *reply);
