/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inspect/reply_log.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "common/cleanup.h"
#include "inspect/request.h"
#include "inspect/rest.h"

void reply_log_init(struct reply_log *log)
{
	const char *path = getenv(REPLY_LOG_ENVIRONMENT);

	log->fd = -1;
	if (path && path[0])
		log->fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
}

void reply_log_deinit(struct reply_log *log)
{
	if (log->fd >= 0)
		close(log->fd);
	log->fd = -1;
}

/* One write per line: O_APPEND keeps lines of several processes whole. */
static void append(struct reply_log *log, const char *method, const char *pattern, unsigned status,
	const char *schema, const char *json, size_t size)
{
	CLEANUP(writer) struct writer w = {0};

	writer_object_begin(&w);
	writer_key_string(&w, "method", method);
	writer_key_string(&w, "pattern", pattern);
	writer_key_uint(&w, "status", status);
	writer_key_string(&w, "schema", schema);
	writer_key(&w, "body");
	if (schema && size > 0)
		writer_json(&w, json, size);
	else
		writer_null(&w);
	writer_object_end(&w);
	writer_text(&w, "\n");
	if (!w.failed && write(log->fd, w.data, w.used) < 0)
		return; /* a test that misses lines fails on its own */
}

void reply_log_reply(struct reply_log *log, const struct request *request)
{
	const struct reply *reply = &request->reply;
	const struct route *route = request->route;

	if (log->fd < 0)
		return;
	/* A stream's records are logged one by one. */
	append(log, request->method, route ? route->pattern : NULL, reply->status,
		reply->stream ? NULL : reply->schema, reply->body.data, reply->body.used);
}

void reply_log_line(struct reply_log *log, const char *json, size_t size)
{
	if (log->fd >= 0)
		append(log, "GET", "/v1/log", 200, "log-record", json, size);
}
