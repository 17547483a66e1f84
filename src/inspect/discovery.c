/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inspect/discovery.h"

#include <string.h>
#include "inspect/embedded.h"
#include "inspect/rest.h"
#include "inspect/server.h"

static void reply_status(struct request *request, const char *status)
{
	struct writer *w = reply_json(&request->reply, 200, "health");

	writer_object_begin(w);
	writer_key_string(w, "status", status);
	writer_object_end(w);
}

void discovery_health(struct request *request)
{
	reply_status(request, "ok");
}

void discovery_ready(struct request *request)
{
	if (atomic_load(&request->inspect->ready))
		reply_status(request, "ready");
	else
		problem(&request->reply, PROBLEM_NOT_READY, "the machine is being built");
}

/* Links are the patterns that GET answers and that have no {key}. */
static void write_links(struct writer *w, const struct inspect *inspect)
{
	writer_key(w, "links");
	writer_array_begin(w);
	for (const struct bound_route *at = inspect->bound; at; at = at->next) {
		if (strcmp(at->route.method, "GET") == 0 && !strchr(at->route.pattern, '{'))
			writer_string(w, at->route.pattern);
	}
	writer_array_end(w);
}

void discovery_root(struct request *request)
{
	struct writer *w = reply_json(&request->reply, 200, "api");

	writer_object_begin(w);
	writer_key_string(w, "name", "hvd");
	writer_key_string(w, "version", request->inspect->version);
	writer_key_string(w, "api", "v1");
	writer_key_uint(w, "seq", recorder_head(request->inspect->config.recorder));
	write_links(w, request->inspect);
	writer_object_end(w);
}

void discovery_schemas(struct request *request)
{
	struct writer *w = reply_json(&request->reply, 200, "schemas");

	writer_object_begin(w);
	writer_key(w, "items");
	writer_array_begin(w);
	for (size_t i = 0; i < embedded_file_count; i++)
		writer_string(w, embedded_files[i].name);
	writer_array_end(w);
	writer_object_end(w);
}

static bool reply_file(struct reply *reply, const char *name, const char *type)
{
	for (size_t i = 0; i < embedded_file_count; i++) {
		const struct embedded_file *file = &embedded_files[i];

		if (strcmp(file->name, name) != 0)
			continue;
		writer_literal(reply_json(reply, 200, NULL), file->text);
		reply->type = type;
		return true;
	}
	return false;
}

void discovery_schema(struct request *request)
{
	if (!reply_file(&request->reply, request->match.key[0], "application/schema+json"))
		problem(&request->reply, PROBLEM_NOT_FOUND, "there is no such schema");
}

void discovery_openapi(struct request *request)
{
	if (!reply_file(&request->reply, "openapi", "application/json"))
		problem(&request->reply, PROBLEM_NOT_FOUND, "this build has no description");
}
