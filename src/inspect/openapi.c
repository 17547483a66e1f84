/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inspect/openapi.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "inspect/registry.h"
#include "inspect/rest.h"
#include "inspect/server.h"

static void write_ref(struct writer *w, const char *schema)
{
	char path[96];

	snprintf(path, sizeof(path), "/v1/schemas/%s", schema);
	writer_object_begin(w);
	writer_key_string(w, "$ref", path);
	writer_object_end(w);
}

static void write_content(struct writer *w, const char *type, const char *schema)
{
	writer_key(w, "content");
	writer_object_begin(w);
	writer_key(w, type);
	writer_object_begin(w);
	if (schema) {
		writer_key(w, "schema");
		write_ref(w, schema);
	}
	writer_object_end(w);
	writer_object_end(w);
}

static void write_responses(struct writer *w, const struct route *route)
{
	writer_key(w, "responses");
	writer_object_begin(w);
	for (size_t i = 0; i < ARRAY_LEN(route->statuses) && route->statuses[i]; i++) {
		char status[12];

		snprintf(status, sizeof(status), "%u", route->statuses[i]);
		writer_key(w, status);
		writer_object_begin(w);
		writer_key_string(w, "description", route->doc);
		write_content(w, route->reply_type ? route->reply_type : "application/json",
			route->reply_schema);
		writer_object_end(w);
	}
	writer_key(w, "default");
	writer_object_begin(w);
	writer_key_string(w, "description", "What went wrong");
	write_content(w, "application/problem+json", "problem");
	writer_object_end(w);
	writer_object_end(w);
}

static void write_parameter(struct writer *w, const char *name, const char *in, bool required)
{
	writer_key_string(w, "name", name);
	writer_key_string(w, "in", in);
	writer_key_bool(w, "required", required);
}

/* "{vp}" of the pattern; a trailing "..." is left out. */
static void write_path_parameters(struct writer *w, const char *pattern)
{
	for (const char *at = strchr(pattern, '{'); at; at = strchr(at + 1, '{')) {
		char name[32];

		snprintf(name, sizeof(name), "%.*s", (int)strcspn(at + 1, "}."), at + 1);
		writer_object_begin(w);
		write_parameter(w, name, "path", true);
		writer_key(w, "schema");
		writer_object_begin(w);
		writer_key_string(w, "type", "string");
		writer_object_end(w);
		writer_object_end(w);
	}
}

static void write_query_parameters(struct writer *w, const struct param_table *table)
{
	for (size_t i = 0; table && i < table->count; i++) {
		writer_object_begin(w);
		write_parameter(w, table->params[i].name, "query", table->params[i].required);
		writer_key(w, "schema");
		writer_object_begin(w);
		param_write_schema(w, &table->params[i]);
		writer_object_end(w);
		writer_object_end(w);
	}
}

static void write_method(struct writer *w, const struct route *route)
{
	char method[8];
	size_t i;

	for (i = 0; route->method[i] && i < sizeof(method) - 1; i++)
		method[i] = (char)tolower((unsigned char)route->method[i]);
	method[i] = '\0';
	writer_key(w, method);
	writer_object_begin(w);
	writer_key_string(w, "summary", route->doc);
	writer_key(w, "parameters");
	writer_array_begin(w);
	write_path_parameters(w, route->pattern);
	write_query_parameters(w, route->query);
	writer_array_end(w);
	if (route->body || route->body_schema) {
		writer_key(w, "requestBody");
		writer_object_begin(w);
		write_content(w, "application/json",
			route->body ? route->body->name : route->body_schema);
		writer_object_end(w);
	}
	write_responses(w, route);
	writer_object_end(w);
}

/* The rows of one path stand together, although they were added in any order. */
static bool is_first_of_path(const struct inspect *inspect, const struct bound_route *route)
{
	for (const struct bound_route *at = inspect->bound; at != route; at = at->next) {
		if (strcmp(at->route.pattern, route->route.pattern) == 0)
			return false;
	}
	return true;
}

static void write_path(struct writer *w, const struct bound_route *first)
{
	writer_key(w, first->route.pattern);
	writer_object_begin(w);
	for (const struct bound_route *at = first; at; at = at->next) {
		if (strcmp(at->route.pattern, first->route.pattern) == 0)
			write_method(w, &at->route);
	}
	writer_object_end(w);
}

void openapi_write(struct writer *w, const struct inspect *inspect)
{
	writer_object_begin(w);
	writer_key_string(w, "openapi", "3.1.0");
	writer_key(w, "info");
	writer_object_begin(w);
	writer_key_string(w, "title", "hvd");
	writer_key_string(w, "version", "v1");
	writer_key_string(w, "description",
		"Inspection and control of one VM and its Hyper-V SynIC. HEAD is answered wherever GET "
		"is. Failures are problems (RFC 9457), but for what never becomes a request: a request "
		"line or headers of more than 32 KiB (414, 431), broken framing (400) and unknown "
		"versions of HTTP (505) get a short page in HTML, and the connection is closed.");
	writer_object_end(w);
	writer_key(w, "paths");
	writer_object_begin(w);
	for (const struct bound_route *at = inspect->bound; at; at = at->next) {
		if (is_first_of_path(inspect, at))
			write_path(w, at);
	}
	writer_object_end(w);
	writer_object_end(w);
}
