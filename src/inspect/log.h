/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The log: recorded events, in pages and as filters for streams.
 *
 * Purpose: GET /v1/log.
 * Threads: the HTTP thread.
 * Errors:  problems in the reply; those of the writer.
 */
#include <stdbool.h>
#include <stdint.h>
#include "common/record.h"
#include "inspect/param.h"

struct request;

enum { LOG_TYPE_BYTES = 64, LOG_SINCE_BYTES = 32 };

struct log_filter {
	char type[LOG_TYPE_BYTES]; /* glob; "": all */
	uint32_t vp;               /* UINT32_MAX: all */
	uint8_t sint;              /* 0xff: all */
};

bool log_filter_matches(const struct log_filter *filter, const struct record *record);

extern const struct param_table log_query_table;
void log_handle(struct request *request);
