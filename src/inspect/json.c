/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inspect/json.h"

#include <stdio.h>
#include <string.h>
#include "inspect/problem.h"

/* ---- request bodies ------------------------------------------------------------------------- */

/*
 * Where in a JSON text a byte is, as a JSON pointer. The text may be broken: the scan only follows
 * brackets, commas and strings, and stops at `stop` or where nesting exceeds JSON_MAX_DEPTH.
 */
struct json_frame {
	bool array, want_key;
	unsigned index;
	const char *key;
	size_t key_size;
};

struct json_scan {
	struct json_frame frame[JSON_MAX_DEPTH];
	unsigned depth;
	bool too_deep;
};

/* `at` is behind the opening quote; returns the closing one, or `end`. */
static const char *string_end(const char *at, const char *end)
{
	while (at < end && *at != '"')
		at += *at == '\\' && end - at > 1 ? 2 : 1;
	return MIN(at, end);
}

static void scan_open(struct json_scan *scan, bool array)
{
	if (scan->depth == JSON_MAX_DEPTH) {
		scan->too_deep = true;
		return;
	}
	scan->frame[scan->depth++] = (struct json_frame){.array = array, .want_key = !array};
}

static const char *scan_string(struct json_scan *scan, const char *at, const char *end)
{
	struct json_frame *frame = scan->depth > 0 ? &scan->frame[scan->depth - 1] : NULL;
	const char *close = string_end(at, end);

	if (frame && frame->want_key) {
		frame->key = at;
		frame->key_size = (size_t)(close - at);
		frame->want_key = false;
	}
	return close;
}

static void scan_punctuation(struct json_scan *scan, char c)
{
	struct json_frame *frame = scan->depth > 0 ? &scan->frame[scan->depth - 1] : NULL;

	if (c == '{' || c == '[')
		scan_open(scan, c == '[');
	else if ((c == '}' || c == ']') && frame)
		scan->depth--;
	else if (c == ',' && frame) {
		frame->index++;
		frame->want_key = !frame->array;
	}
}

static void json_scan(struct json_scan *scan, const char *data, size_t stop)
{
	const char *at = data, *end = data + stop;

	for (; at < end && !scan->too_deep; at++) {
		if (*at == '"')
			at = scan_string(scan, at + 1, end);
		else
			scan_punctuation(scan, *at);
	}
}

static void scan_pointer(const struct json_scan *scan, char *pointer, size_t size)
{
	size_t used = 0;

	pointer[0] = '\0';
	for (unsigned i = 0; i < scan->depth && used < size; i++) {
		const struct json_frame *frame = &scan->frame[i];
		int n = 0;

		if (frame->array)
			n = snprintf(pointer + used, size - used, "/%u", frame->index);
		else if (frame->key)
			n = snprintf(pointer + used, size - used, "/%.*s",
				(int)MIN(frame->key_size, (size_t)64), frame->key);
		used += (size_t)MAX(n, 0);
	}
}

static void refuse_body(
	struct reply *reply, const char *data, size_t size, const json_error_t *error)
{
	size_t stop = error->position > 0 ? MIN((size_t)error->position, size) : 0;
	struct json_scan scan = {0};
	char pointer[512];

	json_scan(&scan, data, stop);
	scan_pointer(&scan, pointer, sizeof(pointer));
	if (json_error_code(error) == json_error_duplicate_key)
		problem_value(reply, PROBLEM_DUPLICATE_KEY, pointer, "%s", error->text);
	else
		problem_value(reply, PROBLEM_BAD_JSON, pointer, "line %d, column %d: %s",
			error->line, error->column, error->text);
}

json_t *json_parse_body(const char *data, size_t size, struct reply *reply)
{
	struct json_scan scan = {0};
	char pointer[512];
	json_error_t error;
	json_t *body;

	json_scan(&scan, data, size);
	if (scan.too_deep) {
		scan_pointer(&scan, pointer, sizeof(pointer));
		problem_value(reply, PROBLEM_TOO_DEEP, pointer, "nested deeper than %d levels",
			JSON_MAX_DEPTH);
		return NULL;
	}
	body = json_loadb(data, size, JSON_REJECT_DUPLICATES, &error);
	if (!body) {
		refuse_body(reply, data, size, &error);
		return NULL;
	}
	if (!json_is_object(body)) {
		json_decref(body);
		problem_value(reply, PROBLEM_BAD_VALUE, "", "the body must be a JSON object");
		return NULL;
	}
	return body;
}
