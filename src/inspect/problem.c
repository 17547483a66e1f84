/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inspect/problem.h"

#include <stdarg.h>
#include <stdio.h>
#include "inspect/stream.h"

const struct problem_desc problem_desc[PROBLEM_COUNT] = {
#define PROBLEM_DESC(id, number, name, heading, advice) \
	[PROBLEM_##id] = {.code = (name), .title = (heading), .hint = (advice), .status = (number)},
	PROBLEMS(PROBLEM_DESC)
#undef PROBLEM_DESC
};

void reply_deinit(struct reply *reply)
{
	writer_deinit(&reply->body);
	reply->stream = stream_free(reply->stream);
}

struct writer *reply_json(struct reply *reply, unsigned status, const char *schema)
{
	writer_clear(&reply->body);
	reply->status = status;
	reply->type = "application/json";
	reply->schema = schema;
	return &reply->body;
}

static void write_problem(struct reply *reply, const struct problem_desc *desc, const char *pointer,
	const char *detail)
{
	struct writer *w = reply_json(reply, desc->status, "problem");
	char type[64];

	reply->type = "application/problem+json";
	snprintf(type, sizeof(type), "urn:hvd:problem:%s", desc->code);
	writer_object_begin(w);
	writer_key_string(w, "type", type);
	writer_key_string(w, "title", desc->title);
	writer_key_uint(w, "status", desc->status);
	writer_key_string(w, "detail", detail);
	writer_key_string(w, "code", desc->code);
	writer_key_string(w, "hint", desc->hint);
	writer_key(w, "errors");
	writer_array_begin(w);
	if (pointer) {
		writer_object_begin(w);
		writer_key_string(w, "pointer", pointer);
		writer_key_string(w, "detail", detail);
		writer_object_end(w);
	}
	writer_array_end(w);
	writer_object_end(w);
}

void problem(struct reply *reply, enum problem_code code, const char *format, ...)
{
	char detail[256];
	va_list args;

	va_start(args, format);
	vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	write_problem(reply, &problem_desc[code], NULL, detail);
}

void problem_value(
	struct reply *reply, enum problem_code code, const char *pointer, const char *format, ...)
{
	char detail[256];
	va_list args;

	va_start(args, format);
	vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	write_problem(reply, &problem_desc[code], pointer, detail);
}
