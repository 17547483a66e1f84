/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * REST: one route table, and what is checked before a handler runs.
 *
 * The fixed rows stand in routes.c; every registered node class adds its own (the object, the
 * collection, the flat collection). Routing, 405, parameters, OpenAPI and the test that every
 * route was hit all read the same rows.
 *
 * Purpose: from a request to a reply.
 * Threads: rest_handle() and the handlers on the HTTP thread.
 * Errors:  a refusal is a problem in the reply.
 */
#include <stdbool.h>
#include "inspect/actions.h"
#include "inspect/param.h"
#include "inspect/request.h"

struct resource;

struct route {
	const char *method;  /* "GET", "POST", "PATCH" */
	const char *pattern; /* "/v1/ports/{connection_id}" */
	void (*handle)(struct request *request);
	const struct param_table *query; /* NULL: no parameters */
	const struct param_table *body;  /* NULL: no body, or an empty object */
	const char *body_schema;         /* of a body that no table describes */
	enum api_action action;          /* changing routes: what the log calls it */
	const char *reply_schema;        /* NULL: not JSON */
	const char *reply_type;          /* NULL: application/json */
	unsigned statuses[3];            /* on success; 0 = none */
	const char *doc;
	const struct resource *resource; /* of a node class, else NULL */
};

/* A row in use. Rows of one pattern form a list, one per method. */
struct bound_route {
	struct route route;
	char *pattern;                 /* owns, when the row was made from a class */
	struct bound_route *same_path; /* borrows: next method */
	struct bound_route *next;      /* borrows: next of all, in order of addition */
};

extern const struct route fixed_routes[];
extern const size_t fixed_route_count;

/* Binds the fixed rows. */
int rest_init(struct inspect *inspect) MUST_CHECK;
void rest_deinit(struct inspect *inspect);
/* Adds the rows of a class. */
int rest_add_resource(struct inspect *inspect, const struct resource *resource) MUST_CHECK;

/* Changing methods are those that a read-only socket refuses. */
bool rest_is_change(const char *method);

/*
 * Fills request->reply, or leaves request->operation set: then `answered` is called later. The
 * target has been parsed and headers, body and peer are filled in.
 */
void rest_handle(struct request *request);
/* Every reply passes here on its way out: counts it and writes the reply log. */
void rest_finished(struct request *request);

/* For handlers: parse the query or the body by the route's table. False: the reply is a problem. */
bool rest_query(struct request *request, void *values) MUST_CHECK;
bool rest_body(struct request *request, void *values) MUST_CHECK;
