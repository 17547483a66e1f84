/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inspect/log.h"

#include <stdio.h>
#include <string.h>
#include "common/parse.h"
#include "inspect/log_filter.h"
#include "inspect/log_stream.h"
#include "inspect/log_text.h"
#include "inspect/rest.h"
#include "inspect/server.h"
#include "vmm/event.h"

enum { LIMIT_DEFAULT = 100, LIMIT_MAX = 1000, BATCH = 64 };

/* "2026-11-21T15:53:15.123456789+01:00" */
enum { MOMENT_BYTES = 48 };

/*
 * A page looks at this many records at most; a filter that hits nothing must not hold the thread.
 */
enum { SCAN_MAX = 1 << 16 };

/* ---- requests ------------------------------------------------------------------------------- */

struct log_query {
	char since[MOMENT_BYTES], until[MOMENT_BYTES], cursor[MOMENT_BYTES];
	uint64_t limit; /* 0: the default of a page, none for a stream */
	struct log_filter_text filter;
	bool follow;
};

/* What a query comes to. */
struct log_range {
	struct log_filter filter;
	uint64_t next;              /* sequence number to start with */
	uint64_t last_seq, last_ns; /* UINT64_MAX: no end */
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
};
const struct param_table log_query_table = PARAM_TABLE(NULL, NULL, log_rows);

/* The sequence number of the first record not older than `start_ns`, by looking at them. */
static uint64_t first_since(struct recorder *recorder, uint64_t start_ns)
{
	struct record_cursor cursor = {.next = recorder_oldest(recorder)};
	struct record records[BATCH];
	uint64_t gap;
	size_t count;

	while ((count = recorder_read(recorder, &cursor, records, BATCH, &gap)) > 0) {
		for (size_t i = 0; i < count; i++) {
			if (records[i].mono_ns >= start_ns)
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

static bool refuse_moment(struct request *request, const char *key)
{
	char pointer[16];

	snprintf(pointer, sizeof(pointer), "?%s", key);
	problem_value(&request->reply, PROBLEM_BAD_VALUE, pointer,
		"%s is neither a sequence number, nor an age like 5m, nor a time like "
		"2026-11-21T15:53:15Z",
		key);
	return false;
}

static uint64_t moment_ns(const struct log_moment *moment)
{
	return log_moment_mono_ns(moment, clock_now_ns(&clock_monotonic), log_realtime_offset());
}

static bool read_since(struct request *request, const char *text, uint64_t *ret_next)
{
	struct log_moment moment;

	if (!log_moment_parse(text, &moment))
		return refuse_moment(request, "since");
	if (moment.kind == LOG_MOMENT_SEQ)
		return start_at(request, moment.value, ret_next);
	*ret_next = first_since(request->inspect->config.recorder, moment_ns(&moment));
	return true;
}

static bool read_until(
	struct request *request, const struct log_query *query, struct log_range *range)
{
	struct log_moment moment;

	range->last_seq = range->last_ns = UINT64_MAX;
	if (!query->until[0])
		return true;
	if (query->follow) {
		problem_value(&request->reply, PROBLEM_BAD_VALUE, "?until",
			"until is not for streams: limit ends one");
		return false;
	}
	if (!log_moment_parse(query->until, &moment))
		return refuse_moment(request, "until");
	if (moment.kind == LOG_MOMENT_SEQ)
		range->last_seq = moment.value;
	else
		range->last_ns = moment_ns(&moment);
	return true;
}

static bool read_filter(
	struct request *request, const struct log_filter_text *text, struct log_filter *ret_filter)
{
	const char *key, *wrong = log_filter_compile(text, &hv_record_names, ret_filter, &key);
	char pointer[16];

	if (!wrong)
		return true;
	snprintf(pointer, sizeof(pointer), "?%s", key);
	problem_value(&request->reply, PROBLEM_BAD_VALUE, pointer, "%s is %s", key, wrong);
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

static bool is_wanted(const struct log_range *range, const struct record *record)
{
	return record->mono_ns <= range->last_ns && log_filter_matches(&range->filter, record);
}

/* Writes the items; returns the last sequence number looked at, or 0 when the end was reached. */
static uint64_t write_page(
	struct writer *w, struct recorder *recorder, const struct log_range *range, uint64_t limit)
{
	struct record_cursor cursor = {.next = range->next};
	uint64_t offset = log_realtime_offset(), written = 0, gap;
	struct record record;

	for (unsigned scanned = 0; scanned < SCAN_MAX && written < limit; scanned++) {
		if (recorder_read(recorder, &cursor, &record, 1, &gap) == 0 ||
			record.seq > range->last_seq)
			return 0;
		if (gap > 0)
			log_write_gap(w, record.seq - 1, gap);
		if (is_wanted(range, &record)) {
			log_write_record(w, &hv_record_names, &record, offset);
			written++;
		}
	}
	return cursor.next - 1;
}

static void reply_page(
	struct request *request, const struct log_query *query, const struct log_range *range)
{
	uint64_t limit = query->limit ? MIN(query->limit, (uint64_t)LIMIT_MAX) : LIMIT_DEFAULT;
	struct recorder *recorder = request->inspect->config.recorder;
	struct writer *w = reply_json(&request->reply, 200, "log-page");
	uint64_t head = recorder_head(recorder), last;
	char cursor[MOMENT_BYTES];

	writer_object_begin(w);
	writer_key(w, "items");
	writer_array_begin(w);
	last = write_page(w, recorder, range, limit);
	writer_array_end(w);
	writer_key_uint(w, "seq", head);
	snprintf(cursor, sizeof(cursor), "%llu", (unsigned long long)last);
	writer_key_string(w, "next", last ? cursor : NULL);
	writer_object_end(w);
}

void log_handle(struct request *request)
{
	struct log_query query = {0};
	struct log_range range;

	if (!rest_query(request, &query) || !read_filter(request, &query.filter, &range.filter) ||
		!read_until(request, &query, &range) || !read_start(request, &query, &range.next))
		return;
	if (query.follow && strcmp(request->method, "GET") == 0)
		open_stream(request, &query, &range);
	else
		reply_page(request, &query, &range);
}
