/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Captures as streams of pcapng: a section header and one interface, a packet for each item, and
 * statistics as heartbeat and as the last block (docs/capture.md).
 *
 * Purpose: from struct capture_item to what Wireshark reads.
 * Threads: the HTTP thread.
 * Errors:  those of capture_open().
 */
#include <stdint.h>
#include "common/util.h"
#include "vmm/capture.h"

struct stream;

struct capture_stream_config {
	const char *application, *interface; /* copied: who wrote it, and of which VM */
	enum capture_payload payload;
	uint32_t relid; /* 0: everything */
	uint64_t limit; /* packets; 0: no limit */
	uint64_t heartbeat_ns;
};

/* `capture` outlives the stream. */
int capture_stream_new(struct capture *capture, const struct capture_stream_config *config,
	struct stream **ret_stream) MUST_CHECK;
