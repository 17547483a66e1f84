/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * One request, as the REST layer sees it: no HTTP library in sight.
 *
 * Purpose: what http.c (or a test, or a fuzzer) hands to rest_handle(), and what comes back.
 * Threads: the HTTP thread.
 * Errors:  none; a refusal is a reply.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/node.h"
#include "inspect/inspect.h"
#include "inspect/path.h"
#include "inspect/problem.h"
#include "inspect/target.h"

struct operation;
struct route;

/* Header fields that matter; NULL when absent. Borrowed from the HTTP library. */
struct request_headers {
	const char *host, *origin, *authorization;
	const char *content_type, *accept, *last_event_id;
};

/* Where a request came in. */
struct request_door {
	enum inspect_role role;
	bool tcp;          /* Host, Origin and token are checked */
	const char *token; /* borrows; NULL: no change is ever permitted over TCP */
};

struct request {
	struct inspect *inspect; /* borrows */
	const struct request_door *door;
	const char *method;
	struct request_headers headers;
	const char *body; /* borrows */
	size_t body_size;
	uint32_t peer_uid, peer_pid; /* UINT32_MAX and 0 when unknown */

	struct target target;

	/* filled by rest_handle() */
	const struct route *route;
	struct path_match match;

	struct reply reply;
	/*
	 * Set while the reply is made elsewhere. When it is there, `answered` is called on the HTTP
	 * thread. The request must not be freed before that.
	 */
	struct operation *operation;
	void (*answered)(struct request *request);
};
