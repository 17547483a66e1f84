/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inspect/log_page.h"

#include "common/clock.h"
#include "inspect/log_text.h"

/*
 * Records are read so many at a time: to find the first of them costs a look into every ring. One call
 * looks at SCAN_MAX at most; a filter that hits nothing must not hold the thread.
 */
enum { BATCH = 256, SCAN_MAX = 1 << 16 };

/* ---- sources -------------------------------------------------------------------------------- */

struct log_source log_source_live(struct recorder *recorder, const struct record_names *names)
{
	return (struct log_source){
		.recorder = recorder,
		.names = names,
		.oldest = recorder_oldest(recorder),
		.head = recorder_head(recorder),
		.now_ns = clock_now_ns(&clock_monotonic),
		.realtime_offset_ns = log_realtime_offset(),
	};
}

struct log_source log_source_former(const struct record_history *history)
{
	return (struct log_source){
		.history = history,
		.names = &history->table->names,
		.oldest = record_history_oldest(history),
		.head = history->taken,
		.now_ns = history->end_mono_ns,
		.realtime_offset_ns = history->realtime_offset_ns,
	};
}

static size_t read_some(const struct log_source *source, struct record_cursor *cursor,
	struct record *records, size_t capacity, uint64_t *ret_gap)
{
	if (source->history)
		return record_history_read(source->history, cursor, records, capacity, ret_gap);
	return recorder_read(source->recorder, cursor, records, capacity, ret_gap);
}

/* ---- from when until when ------------------------------------------------------------------- */

/* The sequence number of the first record not older than `start_ns`, by looking at them. */
static uint64_t first_since(const struct log_source *source, uint64_t start_ns)
{
	struct record_cursor cursor = {.next = source->oldest};
	struct record records[BATCH];
	uint64_t gap;
	size_t count;

	while ((count = read_some(source, &cursor, records, BATCH, &gap)) > 0) {
		for (size_t i = 0; i < count; i++) {
			if (records[i].mono_ns >= start_ns)
				return records[i].seq;
		}
	}
	return cursor.next;
}

static uint64_t moment_ns(const struct log_source *source, const struct log_moment *moment)
{
	return log_moment_mono_ns(moment, source->now_ns, source->realtime_offset_ns);
}

enum log_answer log_range_since(
	const struct log_source *source, const char *text, struct log_range *range)
{
	struct log_moment moment;

	if (!*text) {
		range->next = source->oldest;
		return LOG_OK;
	}
	if (!log_moment_parse(text, &moment))
		return LOG_NO_MOMENT;
	if (moment.kind != LOG_MOMENT_SEQ) {
		range->next = first_since(source, moment_ns(source, &moment));
		return LOG_OK;
	}
	if (moment.value > source->head)
		return LOG_BEYOND;
	if (moment.value + 1 < source->oldest && source->head > 0)
		return LOG_GONE;
	range->next = moment.value + 1;
	return LOG_OK;
}

enum log_answer log_range_until(
	const struct log_source *source, const char *text, struct log_range *range)
{
	struct log_moment moment;

	range->last_seq = range->last_ns = UINT64_MAX;
	if (!*text)
		return LOG_OK;
	if (!log_moment_parse(text, &moment))
		return LOG_NO_MOMENT;
	if (moment.kind == LOG_MOMENT_SEQ)
		range->last_seq = moment.value;
	else
		range->last_ns = moment_ns(source, &moment);
	return LOG_OK;
}

/* ---- writing -------------------------------------------------------------------------------- */

static bool is_wanted(const struct log_range *range, const struct record *record)
{
	return record->mono_ns <= range->last_ns && log_filter_matches(&range->filter, record);
}

/* What was taken after the last record that is whole, and how it all ended. */
static void write_end(struct writer *w, const struct log_source *source,
	const struct log_range *range, uint64_t next)
{
	if (!source->history)
		return;
	if (next <= source->head && range->last_seq > source->head)
		log_write_gap(w, source->head, source->head + 1 - next);
	log_write_run(w, source->history);
}

/* Records that are gone: told as one between two that are wanted, however many holes that were. */
struct hole {
	uint64_t last_seq, lost;
};

static void write_hole(struct writer *w, struct hole *hole)
{
	if (hole->lost > 0)
		log_write_gap(w, hole->last_seq, hole->lost);
	*hole = (struct hole){0};
}

static void write_wanted(struct writer *w, const struct log_source *source,
	const struct record *record, struct hole *hole)
{
	write_hole(w, hole);
	log_write_record(w, source->names, record, source->realtime_offset_ns);
}

static uint64_t finish(struct writer *w, const struct log_source *source,
	const struct log_range *range, struct hole *hole, uint64_t next)
{
	write_hole(w, hole);
	write_end(w, source, range, next);
	return 0;
}

uint64_t log_write_range(struct writer *w, const struct log_source *source,
	const struct log_range *range, uint64_t limit)
{
	struct record_cursor cursor = {.next = range->next};
	uint64_t written = 0, next = range->next, gap;
	struct record records[BATCH];
	struct hole hole = {0};

	for (unsigned scanned = 0; scanned < SCAN_MAX && written < limit; scanned += BATCH) {
		size_t count = read_some(source, &cursor, records, BATCH, &gap);

		if (count == 0)
			return finish(w, source, range, &hole, cursor.next);
		if (gap > 0)
			hole = (struct hole){records[0].seq - 1, hole.lost + gap};
		for (size_t i = 0; i < count && written < limit; i++) {
			next = records[i].seq + 1;
			if (records[i].seq > range->last_seq)
				return finish(w, source, range, &hole, next);
			if (!is_wanted(range, &records[i]))
				continue;
			write_wanted(w, source, &records[i], &hole);
			written++;
		}
	}
	write_hole(w, &hole);
	return next - 1;
}
