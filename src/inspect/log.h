/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The log: recorded events as JSON, in pages and as filters for streams.
 *
 * Purpose: GET /v1/log; decode a record by its row in vmm/event.h.
 * Threads: the HTTP thread.
 * Errors:  problems in the reply; those of the writer.
 */
#include <stdbool.h>
#include <stdint.h>
#include "common/record.h"
#include "inspect/param.h"
#include "inspect/writer.h"

struct request;

enum { LOG_TYPE_BYTES = 64, LOG_SINCE_BYTES = 32 };

struct log_filter {
	char type[LOG_TYPE_BYTES]; /* glob; "": all */
	uint32_t vp;               /* UINT32_MAX: all */
	uint8_t sint;              /* 0xff: all */
};

bool log_filter_matches(const struct log_filter *filter, const struct record *record);

/*
 * One record as a JSON object. `realtime_offset_ns` is what to add to a monotonic time to get the
 * time of day.
 */
void log_write_record(
	struct writer *writer, const struct record *record, uint64_t realtime_offset_ns);
uint64_t log_realtime_offset(void);
/* {"type":"gap","seq":...,"lost":...}: `seq` is the last record lost. */
void log_write_gap(struct writer *writer, uint64_t seq, uint64_t lost);
void log_write_heartbeat(struct writer *writer, uint64_t seq);
void log_write_end(struct writer *writer, uint64_t seq, const char *reason);

extern const struct param_table log_query_table;
void log_handle(struct request *request);
