/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inspect/log.h"

#include <stdio.h>
#include <string.h>
#include "common/parse.h"
#include "inspect/log_page.h"
#include "inspect/log_stream.h"
#include "inspect/rest.h"
#include "inspect/server.h"
#include "vmm/event.h"

enum { LIMIT_DEFAULT = 100, LIMIT_MAX = 1000 };

/* ---- requests ------------------------------------------------------------------------------- */

struct log_query {
	char since[LOG_MOMENT_BYTES], until[LOG_MOMENT_BYTES], cursor[LOG_MOMENT_BYTES];
	uint64_t limit; /* 0: the default of a page, none for a stream */
	struct log_filter_text filter;
	bool follow, previous;
};

#define FILTER_PARAM(member, text)                                      \
	{                                                               \
		.name = #member, .doc = (text), .type = PARAM_TEXT,     \
		.offset = offsetof(struct log_query, filter.member),    \
		.size = sizeof(((struct log_query *)0)->filter.member), \
	}

static const struct param log_rows[] = {
	{PARAM_S(struct log_query, since,
		"Records after this sequence number, of the last 5m, 30s, 500ms, or since "
		"2026-11-21T15:53:15Z; default: all there is for a page, new ones only for a "
		"stream")},
	{PARAM_S(struct log_query, until,
		"Records up to this sequence number, or this long ago, or this time; for a page")},
	{PARAM_S(struct log_query, cursor, "Where to go on: `next` of the page before")},
	{PARAM_U(struct log_query, limit, 1, LIMIT_MAX * 1000,
		"Most records; a page has at most 1000, default 100; a stream ends after them")},
	FILTER_PARAM(type, "Globs over record types: sint.*, or staged,port.message"),
	FILTER_PARAM(vp, "Only records about this VP, or these: 0,2"),
	FILTER_PARAM(sint, "Only records about this SINT, or these"),
	FILTER_PARAM(relid, "Only records about the channel with this relid, or these"),
	{PARAM_B(struct log_query, follow, "A stream instead of a page")},
	{PARAM_B(struct log_query, previous,
		"What the hvd before this one recorded, and how it ended; ages count from its end")},
};
const struct param_table log_query_table = PARAM_TABLE(NULL, NULL, log_rows);

/* ---- from when until when ------------------------------------------------------------------- */

static bool refuse(struct request *request, const struct log_source *source, const char *pointer,
	enum log_answer answer)
{
	switch (answer) {
	case LOG_OK:
		return true;
	case LOG_NO_MOMENT:
		problem_value(&request->reply, PROBLEM_BAD_VALUE, pointer, "%s is " LOG_MOMENT_FORM,
			pointer + 1);
		break;
	case LOG_BEYOND:
		problem_value(&request->reply, PROBLEM_BAD_VALUE, pointer,
			"%s is beyond the newest record, %llu", pointer + 1,
			(unsigned long long)source->head);
		break;
	case LOG_GONE:
		problem_value(&request->reply, PROBLEM_HISTORY_GONE, pointer,
			"the oldest record is %llu", (unsigned long long)source->oldest);
		break;
	}
	return false;
}

static bool is_cursor(const char *text, uint64_t *ret_value)
{
	return parse_u64(text, 0, INT64_MAX, ret_value) == 0;
}

static bool read_start(struct request *request, const struct log_query *query,
	const struct log_source *source, struct log_range *range)
{
	const char *last_id = request->headers.last_event_id, *since = query->since;
	uint64_t value;

	if (!since[0] && query->cursor[0]) {
		if (is_cursor(query->cursor, &value)) {
			range->next = value + 1;
			return true;
		}
		problem_value(
			&request->reply, PROBLEM_BAD_VALUE, "?cursor", "cursor is not from here");
		return false;
	}
	if (!since[0] && query->follow) {
		if (!last_id || !is_cursor(last_id, &value)) {
			range->next = source->head + 1;
			return true;
		}
		since = last_id;
	}
	return refuse(request, source, "?since", log_range_since(source, since, range));
}

static bool read_filter(struct request *request, const struct log_filter_text *text,
	const struct log_source *source, struct log_filter *ret_filter)
{
	const char *key, *wrong = log_filter_compile(text, source->names, ret_filter, &key);
	char pointer[16];

	if (!wrong)
		return true;
	snprintf(pointer, sizeof(pointer), "?%s", key);
	problem_value(&request->reply, PROBLEM_BAD_VALUE, pointer, "%s is %s", key, wrong);
	return false;
}

static bool read_range(struct request *request, const struct log_query *query,
	const struct log_source *source, struct log_range *ret_range)
{
	return read_filter(request, &query->filter, source, &ret_range->filter) &&
	       refuse(request, source, "?until",
		       log_range_until(source, query->until, ret_range)) &&
	       read_start(request, query, source, ret_range);
}

/* ---- replies -------------------------------------------------------------------------------- */

static bool wants_sse(const struct request *request)
{
	return request->headers.accept && strstr(request->headers.accept, "text/event-stream");
}

static void open_stream(
	struct request *request, const struct log_query *query, const struct log_range *range)
{
	const struct log_stream_config config = {
		.filter = &range->filter,
		.next = range->next,
		.limit = query->limit,
		.sse = wants_sse(request),
		.heartbeat_ns = request->inspect->config.heartbeat_ns,
	};
	int r = log_stream_new(request->inspect, &config, &request->reply.stream);

	if (r < 0) {
		problem(&request->reply, PROBLEM_INTERNAL, "%s", strerror(-r));
		return;
	}
	request->reply.status = 200;
	request->reply.schema = "log-record";
	request->reply.type = config.sse ? "text/event-stream" : "application/x-ndjson";
}

static void reply_page(struct request *request, const struct log_query *query,
	const struct log_source *source, const struct log_range *range)
{
	uint64_t limit = query->limit ? MIN(query->limit, (uint64_t)LIMIT_MAX) : LIMIT_DEFAULT;
	struct writer *w = reply_json(&request->reply, 200, "log-page");
	char cursor[LOG_MOMENT_BYTES];
	uint64_t last;

	writer_object_begin(w);
	writer_key(w, "items");
	writer_array_begin(w);
	last = log_write_range(w, source, range, limit);
	writer_array_end(w);
	writer_key_uint(w, "seq", source->head);
	snprintf(cursor, sizeof(cursor), "%llu", (unsigned long long)last);
	writer_key_string(w, "next", last ? cursor : NULL);
	writer_object_end(w);
}

static bool find_source(
	struct request *request, const struct log_query *query, struct log_source *ret_source)
{
	struct inspect *inspect = request->inspect;
	const struct record_history *history;
	char why[RECORD_WHY_BYTES];

	if (!query->previous) {
		*ret_source = log_source_live(inspect->config.recorder, &hv_record_names);
		return true;
	}
	history = previous_load(&inspect->previous, why);
	if (!history) {
		problem(&request->reply, PROBLEM_NO_PREVIOUS_LOG, "%s", why);
		return false;
	}
	*ret_source = log_source_former(history);
	return true;
}

static bool check_combination(struct request *request, const struct log_query *query)
{
	const char *pointer = query->until[0] ? "?until" : "?previous";

	if (!query->follow || (!query->until[0] && !query->previous))
		return true;
	problem_value(&request->reply, PROBLEM_BAD_VALUE, pointer,
		"%s is for pages, not for streams", pointer + 1);
	return false;
}

void log_handle(struct request *request)
{
	struct log_query query = {0};
	struct log_source source;
	struct log_range range;

	if (!rest_query(request, &query) || !check_combination(request, &query) ||
		!find_source(request, &query, &source) ||
		!read_range(request, &query, &source, &range))
		return;
	if (query.follow && strcmp(request->method, "GET") == 0)
		open_stream(request, &query, &range);
	else
		reply_page(request, &query, &source, &range);
}
