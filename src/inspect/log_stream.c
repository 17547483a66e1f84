/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inspect/log_stream.h"

#include <errno.h>
#include <stdlib.h>
#include "common/clock.h"
#include "inspect/log_filter.h"
#include "inspect/log_text.h"
#include "inspect/reply_log.h"
#include "inspect/server.h"
#include "inspect/stream.h"
#include "vmm/event.h"

/* What the recorder overwrites while a client does not read is told in a gap record. */
enum { BATCH = 64, SCAN_MAX = 1 << 14 };

struct log_stream {
	struct stream stream;
	struct inspect *inspect; /* borrows */
	struct log_filter filter;
	struct record_cursor cursor;
	uint64_t left; /* records until the limit; UINT64_MAX: none */
	bool sse;
};

static struct log_stream *of(struct stream *stream)
{
	return container_of(stream, struct log_stream, stream);
}

/* Framing around one JSON object. Special records carry no SSE id: one resumes at records. */
static size_t begin_item(struct log_stream *log, uint64_t id)
{
	struct writer *w = &log->stream.text;

	w->comma = false;
	if (log->sse && id > 0)
		writer_format(w, "id: %llu\n", (unsigned long long)id);
	if (log->sse)
		writer_text(w, "data: ");
	return w->used;
}

static void end_item(struct log_stream *log, size_t start)
{
	struct writer *w = &log->stream.text;

	if (!w->failed)
		reply_log_line(&log->inspect->reply_log, w->data + start, w->used - start);
	writer_text(w, log->sse ? "\n\n" : "\n");
	stream_touched(&log->stream);
}

static void put_end(struct stream *stream, const char *reason)
{
	struct log_stream *log = of(stream);
	size_t start = begin_item(log, 0);

	log_write_end(&stream->text, log->cursor.next - 1, reason);
	end_item(log, start);
}

static void put_gap(struct log_stream *log, uint64_t seq, uint64_t lost)
{
	size_t start = begin_item(log, 0);

	log_write_gap(&log->stream.text, seq, lost);
	end_item(log, start);
}

static void put_record(struct log_stream *log, const struct record *record, uint64_t offset)
{
	size_t start;

	if (!log_filter_matches(&log->filter, record))
		return;
	start = begin_item(log, record->seq);
	log_write_record(&log->stream.text, &hv_record_names, record, offset);
	end_item(log, start);
	if (log->left != UINT64_MAX && --log->left == 0)
		stream_end(&log->stream, "limit");
}

static void put_heartbeat(struct stream *stream)
{
	struct log_stream *log = of(stream);
	size_t start = begin_item(log, 0);

	log_write_heartbeat(&stream->text, log->cursor.next - 1);
	end_item(log, start);
}

/* Reads until the buffer is full, the recorder is read out, or enough has been looked at. */
static void fill(struct stream *stream)
{
	struct log_stream *log = of(stream);
	uint64_t offset = log_realtime_offset(), gap;
	struct record records[BATCH];

	for (unsigned scanned = 0; scanned < SCAN_MAX; scanned += BATCH) {
		size_t count = recorder_read(
			log->inspect->config.recorder, &log->cursor, records, BATCH, &gap);

		if (count == 0)
			return;
		if (gap > 0)
			put_gap(log, records[0].seq - 1, gap);
		for (size_t i = 0; i < count && !stream->ended; i++)
			put_record(log, &records[i], offset);
		if (stream->ended || stream->text.used >= STREAM_BUFFER_BYTES)
			return;
	}
}

static void log_stream_free(struct stream *stream)
{
	free(of(stream));
}

static const struct stream_ops log_stream_ops = {
	.fill = fill,
	.put_heartbeat = put_heartbeat,
	.put_end = put_end,
	.free = log_stream_free,
};

int log_stream_new(
	struct inspect *inspect, const struct log_stream_config *config, struct stream **ret_stream)
{
	struct log_stream *log = calloc(1, sizeof(*log));

	if (!log)
		return -ENOMEM;
	log->inspect = inspect;
	log->filter = *config->filter;
	log->cursor.next = config->next;
	log->left = config->limit ? config->limit : UINT64_MAX;
	log->sse = config->sse;
	stream_init(&log->stream, &log_stream_ops, config->heartbeat_ns);
	*ret_stream = &log->stream;
	return 0;
}
