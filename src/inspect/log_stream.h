/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Log streams. Each reads the recorder with a cursor of its own when its client has room, so a slow
 * client costs nothing but its own gaps.
 *
 * Purpose: records, gaps, heartbeats and the end record, as NDJSON or server-sent events.
 * Threads: the HTTP thread.
 * Errors:  -ENOMEM.
 */
#include <stdbool.h>
#include <stdint.h>
#include "common/util.h"

struct inspect;
struct log_filter;
struct stream;

struct log_stream_config {
	const struct log_filter *filter; /* copied */
	uint64_t next;                   /* sequence number to start with */
	uint64_t limit;                  /* records; 0: no limit */
	bool sse;
	uint64_t heartbeat_ns;
};

int log_stream_new(struct inspect *inspect, const struct log_stream_config *config,
	struct stream **ret_stream) MUST_CHECK;
