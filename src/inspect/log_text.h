/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Records as JSON, one object each. Knows nothing of HTTP nor of VMs: run-guest writes the same
 * text, and hvctl that of a log file.
 *
 * Purpose: decode a record by its row of a table; the special records of a stream.
 * Threads: the writer's.
 * Errors:  the writer's, sticky.
 */
#include <stdint.h>
#include "common/record.h"
#include "common/record_history.h"
#include "common/record_names.h"
#include "inspect/writer.h"

/*
 * One record as a JSON object, of type "unknown" when `names` lacks it. `realtime_offset_ns` is
 * what to add to a monotonic time to get the time of day.
 */
void log_write_record(struct writer *writer, const struct record_names *names,
	const struct record *record, uint64_t realtime_offset_ns);
uint64_t log_realtime_offset(void);
/* {"type":"gap","seq":...,"lost":...}: `seq` is the last record lost. */
void log_write_gap(struct writer *writer, uint64_t seq, uint64_t lost);
void log_write_heartbeat(struct writer *writer, uint64_t seq);
/* {"type":"run",...}: whose log a file is, and how that run ended. */
void log_write_run(struct writer *writer, const struct record_history *history);
void log_write_end(struct writer *writer, uint64_t seq, const char *reason);
