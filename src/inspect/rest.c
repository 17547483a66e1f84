/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inspect/rest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/cleanup.h"
#include "inspect/guard.h"
#include "inspect/json.h"
#include "inspect/resource.h"
#include "inspect/server.h"
#include "vmm/event.h"

/* ---- the table ------------------------------------------------------------------------------ */

static int bind_route(struct inspect *inspect, const struct route *route, const char *pattern)
{
	struct bound_route *bound = calloc(1, sizeof(*bound)), **tail;
	struct path_node *node;
	int r;

	if (!bound)
		return -ENOMEM;
	bound->route = *route;
	bound->pattern = strdup(pattern);
	bound->route.pattern = bound->pattern;
	r = bound->pattern ? path_add(&inspect->routes, pattern + 1, &node) : -ENOMEM;
	if (r < 0) {
		free(bound->pattern);
		free(bound);
		return r;
	}
	bound->same_path = node->value;
	node->value = bound;
	for (tail = &inspect->bound; *tail; tail = &(*tail)->next)
		;
	*tail = bound;
	return 0;
}

int rest_init(struct inspect *inspect)
{
	for (size_t i = 0; i < fixed_route_count; i++) {
		int r = bind_route(inspect, &fixed_routes[i], fixed_routes[i].pattern);

		if (r < 0)
			return r;
	}
	return 0;
}

void rest_deinit(struct inspect *inspect)
{
	struct bound_route *bound = inspect->bound;

	while (bound) {
		struct bound_route *next = bound->next;

		free(bound->pattern);
		free(bound);
		bound = next;
	}
	inspect->bound = NULL;
	path_deinit(&inspect->routes);
}

static int bind_resource(struct inspect *inspect, const struct route *route, const char *path)
{
	char pattern[RESOURCE_PATH_BYTES + 4];

	snprintf(pattern, sizeof(pattern), "/v1/%s", path);
	return bind_route(inspect, route, pattern);
}

int rest_add_resource(struct inspect *inspect, const struct resource *resource)
{
	struct route object, list;
	int r;

	resource_routes(resource, &object, &list);
	r = bind_resource(inspect, &object, resource->class->path);
	if (r == 0 && resource->list_path[0])
		r = bind_resource(inspect, &list, resource->list_path);
	if (r == 0 && resource->class->flat_path)
		r = bind_resource(inspect, &list, resource->class->flat_path);
	return r;
}

/* ---- one request ---------------------------------------------------------------------------- */

bool rest_is_change(const char *method)
{
	return strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0;
}

/* HEAD is answered like GET; the HTTP library leaves the body out. */
static const char *table_method(const char *method)
{
	return strcmp(method, "HEAD") == 0 ? "GET" : method;
}

static void refuse_method(struct request *request, const struct bound_route *routes)
{
	char allow[sizeof(request->reply.allow)] = "";
	size_t used = 0;

	for (const struct bound_route *at = routes; at; at = at->same_path) {
		bool get = strcmp(at->route.method, "GET") == 0;

		used += (size_t)snprintf(allow + used, sizeof(allow) - used, "%s%s",
			used > 0 ? ", " : "", get ? "GET, HEAD" : at->route.method);
	}
	problem(&request->reply, PROBLEM_METHOD_NOT_ALLOWED, "allowed: %s", allow);
	memcpy(request->reply.allow, allow, sizeof(allow));
}

/* Finds the row; answers 404 or 405 when there is none. */
static bool find_route(struct request *request)
{
	const struct target *target = &request->target;
	const char *method = table_method(request->method);
	const struct bound_route *routes;

	if (!path_find(
		    &request->inspect->routes, target->segment, target->count, &request->match)) {
		problem(&request->reply, PROBLEM_NOT_FOUND, "no resource has this path");
		return false;
	}
	routes = request->match.node->value;
	for (const struct bound_route *at = routes; at; at = at->same_path) {
		if (strcmp(at->route.method, method) == 0) {
			request->route = &at->route;
			return true;
		}
	}
	refuse_method(request, routes);
	return false;
}

static bool is_json_type(const char *type)
{
	size_t length = type ? strcspn(type, "; \t") : 0;

	return length == strlen("application/json") &&
	       strncasecmp(type, "application/json", length) == 0;
}

static bool check_body(struct request *request)
{
	if (request->body_size == 0)
		return true;
	if (!rest_is_change(request->method)) {
		problem(&request->reply, PROBLEM_BAD_VALUE, "%s takes no body", request->method);
		return false;
	}
	if (!is_json_type(request->headers.content_type)) {
		problem(&request->reply, PROBLEM_NOT_JSON, "Content-Type is %.80s",
			request->headers.content_type ? request->headers.content_type : "missing");
		return false;
	}
	return true;
}

static const struct param_table no_params = {0};

bool rest_query(struct request *request, void *values)
{
	const struct param_table *table = request->route->query;

	return params_from_query(
		table ? table : &no_params, request->target.query, values, &request->reply);
}

bool rest_body(struct request *request, void *values)
{
	const struct param_table *table = request->route->body;
	json_auto_t *body = NULL;

	if (request->body_size == 0)
		body = json_object();
	else
		body = json_parse_body(request->body, request->body_size, &request->reply);
	return body && params_from_json(table ? table : &no_params, body, values, &request->reply);
}

void rest_handle(struct request *request)
{
	if (!guard_origin(request) || !find_route(request) || !guard_change(request) ||
		!check_body(request))
		return;
	/* Routes without parameters refuse any, here once for all of them. */
	if (!request->route->query && !rest_query(request, NULL))
		return;
	request->route->handle(request);
}

void rest_finished(struct request *request)
{
	struct reply *reply = &request->reply;

	if (reply->body.failed)
		problem(reply, PROBLEM_INTERNAL, "the reply is too large or memory is short");
	atomic_fetch_add_explicit(&request->inspect->requests, 1, memory_order_relaxed);
	if (request->route && request->route->action != API_NONE)
		hv_record(request->inspect->config.recorder, HV_EVENT_API, RECORD_NO_VP, 0,
			RECORD_NO_SINT, request->peer_uid, request->peer_pid,
			request->route->action, reply->status);
	reply_log_reply(&request->inspect->reply_log, request);
}
