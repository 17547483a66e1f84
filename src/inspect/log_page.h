/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * A part of a log as JSON: of the running hvd's recorder, or of what a former run left.
 *
 * hvd makes its pages with it, and hvctl does when it reads a log file itself.
 *
 * Purpose: from `since`, `until` and a filter to records.
 * Threads: the reader's; a source is good as long as what it was made of.
 * Errors:  enum log_answer; those of the writer.
 */
#include <stddef.h>
#include <stdint.h>
#include "common/record.h"
#include "common/record_history.h"
#include "common/record_names.h"
#include "inspect/log_filter.h"
#include "inspect/writer.h"

/* "2026-11-21T15:53:15.123456789+01:00" fits. */
enum { LOG_MOMENT_BYTES = 48 };

struct log_source {
	struct recorder *recorder;            /* borrows; NULL: history */
	const struct record_history *history; /* borrows */
	const struct record_names *names;     /* borrows */
	uint64_t oldest, head;                /* sequence numbers when it was made */
	uint64_t now_ns;                      /* what ages count from: now, or the run's end */
	uint64_t realtime_offset_ns;
};

struct log_source log_source_live(struct recorder *recorder, const struct record_names *names);
struct log_source log_source_former(const struct record_history *history);

struct log_range {
	struct log_filter filter;
	uint64_t next;              /* sequence number to start with */
	uint64_t last_seq, last_ns; /* UINT64_MAX: no end */
};

enum log_answer {
	LOG_OK,
	LOG_NO_MOMENT, /* the text is no moment */
	LOG_BEYOND,    /* newer than the newest record */
	LOG_GONE,      /* older than the oldest record */
};
#define LOG_MOMENT_FORM \
	"neither a sequence number, nor an age like 5m, nor a time like 2026-11-21T15:53:15Z"

/* History that is asked for by number must be there. "": from the oldest record. */
enum log_answer log_range_since(
	const struct log_source *source, const char *text, struct log_range *range) MUST_CHECK;
/* "": to the end. */
enum log_answer log_range_until(
	const struct log_source *source, const char *text, struct log_range *range) MUST_CHECK;

/*
 * Writes up to `limit` records, gaps between them, and after the last record of a former run how
 * that ended. Returns the last sequence number looked at, or 0 when there is no more.
 */
uint64_t log_write_range(struct writer *writer, const struct log_source *source,
	const struct log_range *range, uint64_t limit);
