/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inspect/log.h"

#include <stdio.h>
#include <string.h>
#include "common/parse.h"
#include "inspect/glob.h"
#include "inspect/log_text.h"
#include "inspect/rest.h"
#include "inspect/server.h"
#include "inspect/stream.h"

enum { LIMIT_DEFAULT = 100, LIMIT_MAX = 1000, BATCH = 64 };

/*
 * A page looks at this many records at most; a filter that hits nothing must not hold the thread.
 */
enum { SCAN_MAX = 1 << 16 };

bool log_filter_matches(const struct log_filter *filter, const struct record *record)
{
	if (filter->vp != UINT32_MAX && filter->vp != record->vp)
		return false;
	if (filter->sint != RECORD_NO_SINT && filter->sint != record->sint)
		return false;
	return filter->type[0] == '\0' ||
	       glob_name_matches(filter->type, log_event_name(record->type));
}

/* ---- requests ------------------------------------------------------------------------------- */

struct log_query {
	char since[LOG_SINCE_BYTES], cursor[LOG_SINCE_BYTES];
	uint64_t limit; /* 0: the default of a page, none for a stream */
	struct log_filter filter;
	bool follow;
};

static const struct param log_rows[] = {
	{PARAM_S(struct log_query, since,
		"Records after this sequence number, or of the last 5m, 30s, 500ms; default: all there "
		"is for a page, new ones only for a stream")},
	{PARAM_S(struct log_query, cursor, "Where to go on: `next` of the page before")},
	{PARAM_U(struct log_query, limit, 1, LIMIT_MAX * 1000,
		"Most records; a page has at most 1000, default 100; a stream ends after them")},
	{.name = "type",
		.doc = "Glob over record types: sint.*, port.message",
		.type = PARAM_TEXT,
		.offset = offsetof(struct log_query, filter.type),
		.size = LOG_TYPE_BYTES},
	{.name = "vp",
		.doc = "Only records about this VP",
		.type = PARAM_UINT,
		.maximum = UINT32_MAX,
		.offset = offsetof(struct log_query, filter.vp),
		.size = sizeof(uint32_t)},
	{.name = "sint",
		.doc = "Only records about this SINT",
		.type = PARAM_UINT,
		.maximum = 15,
		.offset = offsetof(struct log_query, filter.sint),
		.size = sizeof(uint8_t)},
	{PARAM_B(struct log_query, follow, "A stream instead of a page")},
};
const struct param_table log_query_table = PARAM_TABLE(NULL, NULL, log_rows);

/* The sequence number of the first record not older than `age_ns`, by looking at them. */
static uint64_t first_since(struct recorder *recorder, uint64_t age_ns)
{
	uint64_t now = clock_now_ns(&clock_monotonic), start = now > age_ns ? now - age_ns : 0;
	struct record_cursor cursor = {.next = recorder_oldest(recorder)};
	struct record records[BATCH];
	uint64_t gap;
	size_t count;

	while ((count = recorder_read(recorder, &cursor, records, BATCH, &gap)) > 0) {
		for (size_t i = 0; i < count; i++) {
			if (records[i].mono_ns >= start)
				return records[i].seq;
		}
	}
	return cursor.next;
}

/* History that was asked for by number must be there, or the client must be told. */
static bool start_at(struct request *request, uint64_t since, uint64_t *ret_next)
{
	struct recorder *recorder = request->inspect->config.recorder;
	uint64_t oldest = recorder_oldest(recorder), head = recorder_head(recorder);

	if (since > head) {
		problem_value(&request->reply, PROBLEM_BAD_VALUE, "?since",
			"since is beyond the newest record, %llu", (unsigned long long)head);
		return false;
	}
	if (since + 1 < oldest && head > 0) {
		problem_value(&request->reply, PROBLEM_HISTORY_GONE, "?since",
			"the oldest record is %llu", (unsigned long long)oldest);
		return false;
	}
	*ret_next = since + 1;
	return true;
}

/* Text of `since`: digits are a sequence number, digits with a unit an age. */
static bool read_since(struct request *request, const char *text, uint64_t *ret_next)
{
	struct recorder *recorder = request->inspect->config.recorder;
	uint64_t value;

	if (text[strspn(text, "0123456789")] == '\0') {
		if (parse_u64(text, 0, INT64_MAX, &value) == 0)
			return start_at(request, value, ret_next);
	} else if (parse_duration(text, &value) == 0) {
		*ret_next = first_since(recorder, value);
		return true;
	}
	problem_value(&request->reply, PROBLEM_BAD_VALUE, "?since",
		"since is neither a sequence number nor an age like 5m");
	return false;
}

static bool read_start(struct request *request, const struct log_query *query, uint64_t *ret_next)
{
	struct recorder *recorder = request->inspect->config.recorder;
	const char *last_id = request->headers.last_event_id;
	uint64_t value;

	if (query->since[0])
		return read_since(request, query->since, ret_next);
	if (query->cursor[0]) {
		if (parse_u64(query->cursor, 0, INT64_MAX, &value) == 0) {
			*ret_next = value + 1;
			return true;
		}
		problem_value(
			&request->reply, PROBLEM_BAD_VALUE, "?cursor", "cursor is not from here");
		return false;
	}
	if (query->follow && last_id && parse_u64(last_id, 0, INT64_MAX, &value) == 0)
		return start_at(request, value, ret_next);
	*ret_next = query->follow ? recorder_head(recorder) + 1 : recorder_oldest(recorder);
	return true;
}

static bool wants_sse(const struct request *request)
{
	return request->headers.accept && strstr(request->headers.accept, "text/event-stream");
}

static void open_stream(struct request *request, const struct log_query *query, uint64_t next)
{
	const struct stream_config config = {
		.filter = &query->filter,
		.next = next,
		.limit = query->limit,
		.sse = wants_sse(request),
		.heartbeat_ns = request->inspect->config.heartbeat_ns,
	};
	int r = stream_new(request->inspect, &config, &request->reply.stream);

	if (r < 0) {
		problem(&request->reply, PROBLEM_INTERNAL, "%s", strerror(-r));
		return;
	}
	request->reply.status = 200;
	request->reply.schema = "log-record";
	request->reply.type = config.sse ? "text/event-stream" : "application/x-ndjson";
}

/* Writes the items; returns the last sequence number looked at, or 0 when the end was reached. */
static uint64_t write_page(
	struct writer *w, struct recorder *recorder, const struct log_query *query, uint64_t next)
{
	struct record_cursor cursor = {.next = next};
	uint64_t limit = query->limit ? MIN(query->limit, (uint64_t)LIMIT_MAX) : LIMIT_DEFAULT;
	uint64_t offset = log_realtime_offset(), written = 0, gap;
	struct record record;

	for (unsigned scanned = 0; scanned < SCAN_MAX && written < limit; scanned++) {
		if (recorder_read(recorder, &cursor, &record, 1, &gap) == 0)
			return 0;
		if (gap > 0)
			log_write_gap(w, record.seq - 1, gap);
		if (log_filter_matches(&query->filter, &record)) {
			log_write_record(w, &record, offset);
			written++;
		}
	}
	return cursor.next - 1;
}

static void reply_page(struct request *request, const struct log_query *query, uint64_t next)
{
	struct recorder *recorder = request->inspect->config.recorder;
	struct writer *w = reply_json(&request->reply, 200, "log-page");
	uint64_t head = recorder_head(recorder), last;
	char cursor[LOG_SINCE_BYTES];

	writer_object_begin(w);
	writer_key(w, "items");
	writer_array_begin(w);
	last = write_page(w, recorder, query, next);
	writer_array_end(w);
	writer_key_uint(w, "seq", head);
	snprintf(cursor, sizeof(cursor), "%llu", (unsigned long long)last);
	writer_key_string(w, "next", last ? cursor : NULL);
	writer_object_end(w);
}

void log_handle(struct request *request)
{
	struct log_query query = {.filter = {.vp = UINT32_MAX, .sint = RECORD_NO_SINT}};
	uint64_t next;

	if (!rest_query(request, &query) || !read_start(request, &query, &next))
		return;
	if (query.follow && strcmp(request->method, "GET") == 0)
		open_stream(request, &query, next);
	else
		reply_page(request, &query, next);
}
