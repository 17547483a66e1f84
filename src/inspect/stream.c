/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inspect/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "common/clock.h"
#include "inspect/log_filter.h"
#include "inspect/log_text.h"
#include "inspect/reply_log.h"
#include "inspect/server.h"
#include "vmm/event.h"

/*
 * The buffer is filled only when it has been taken completely, so a client that does not read
 * costs one buffer; what the recorder overwrites meanwhile is told in a gap record.
 */
enum { BATCH = 64, BUFFER_BYTES = 64 << 10, SCAN_MAX = 1 << 14 };

struct stream {
	struct inspect *inspect; /* borrows */
	struct log_filter filter;
	struct record_cursor cursor;
	uint64_t left; /* records until the limit; UINT64_MAX: none */
	bool sse, ended;
	uint64_t heartbeat_ns, last_ns; /* interval; when something was last put in */
	struct writer text;             /* owns */
	size_t taken;                   /* of text.used */
};

int stream_new(
	struct inspect *inspect, const struct stream_config *config, struct stream **ret_stream)
{
	struct stream *stream = calloc(1, sizeof(*stream));

	if (!stream)
		return -ENOMEM;
	stream->inspect = inspect;
	stream->filter = *config->filter;
	stream->cursor.next = config->next;
	stream->left = config->limit ? config->limit : UINT64_MAX;
	stream->sse = config->sse;
	stream->heartbeat_ns = config->heartbeat_ns;
	stream->last_ns = clock_now_ns(&clock_monotonic);
	*ret_stream = stream;
	return 0;
}

struct stream *stream_free(struct stream *stream)
{
	if (!stream)
		return NULL;
	writer_deinit(&stream->text);
	free(stream);
	return NULL;
}

/* Framing around one JSON object. Special records carry no SSE id: one resumes at records. */
static size_t begin_item(struct stream *stream, uint64_t id)
{
	stream->text.comma = false;
	if (stream->sse && id > 0)
		writer_format(&stream->text, "id: %llu\n", (unsigned long long)id);
	if (stream->sse)
		writer_text(&stream->text, "data: ");
	return stream->text.used;
}

static void end_item(struct stream *stream, size_t start)
{
	struct writer *w = &stream->text;

	if (!w->failed)
		reply_log_line(&stream->inspect->reply_log, w->data + start, w->used - start);
	writer_text(w, stream->sse ? "\n\n" : "\n");
	stream->last_ns = clock_now_ns(&clock_monotonic);
}

void stream_end(struct stream *stream, const char *reason)
{
	size_t start;

	if (stream->ended)
		return;
	start = begin_item(stream, 0);
	log_write_end(&stream->text, stream->cursor.next - 1, reason);
	end_item(stream, start);
	stream->ended = true;
}

static void put_gap(struct stream *stream, uint64_t seq, uint64_t lost)
{
	size_t start = begin_item(stream, 0);

	log_write_gap(&stream->text, seq, lost);
	end_item(stream, start);
}

static void put_record(struct stream *stream, const struct record *record, uint64_t offset)
{
	size_t start;

	if (!log_filter_matches(&stream->filter, record))
		return;
	start = begin_item(stream, record->seq);
	log_write_record(&stream->text, &hv_record_names, record, offset);
	end_item(stream, start);
	if (stream->left != UINT64_MAX && --stream->left == 0)
		stream_end(stream, "limit");
}

static void put_heartbeat(struct stream *stream)
{
	size_t start = begin_item(stream, 0);

	log_write_heartbeat(&stream->text, stream->cursor.next - 1);
	end_item(stream, start);
}

/* Reads until the buffer is full, the recorder is read out, or enough has been looked at. */
static void fill(struct stream *stream)
{
	uint64_t offset = log_realtime_offset(), gap;
	struct record records[BATCH];

	for (unsigned scanned = 0; scanned < SCAN_MAX; scanned += BATCH) {
		size_t count = recorder_read(
			stream->inspect->config.recorder, &stream->cursor, records, BATCH, &gap);

		if (count == 0)
			return;
		if (gap > 0)
			put_gap(stream, records[0].seq - 1, gap);
		for (size_t i = 0; i < count && !stream->ended; i++)
			put_record(stream, &records[i], offset);
		if (stream->ended || stream->text.used >= BUFFER_BYTES)
			return;
	}
}

static bool has_bytes(const struct stream *stream)
{
	return stream->taken < stream->text.used;
}

bool stream_over(const struct stream *stream)
{
	return (stream->ended || stream->text.failed) && !has_bytes(stream);
}

bool stream_ready(struct stream *stream)
{
	if (has_bytes(stream) || stream->ended || stream->text.failed)
		return true;
	writer_clear(&stream->text);
	stream->taken = 0;
	fill(stream);
	if (!has_bytes(stream) &&
		clock_now_ns(&clock_monotonic) - stream->last_ns >= stream->heartbeat_ns)
		put_heartbeat(stream);
	return has_bytes(stream) || stream->text.failed;
}

size_t stream_take(struct stream *stream, char *to, size_t size)
{
	size_t taken;

	if (!stream_ready(stream))
		return 0;
	taken = MIN(size, stream->text.used - stream->taken);
	if (taken > 0)
		memcpy(to, stream->text.data + stream->taken, taken);
	stream->taken += taken;
	return taken;
}
