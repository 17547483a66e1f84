/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Which captured items are about one channel.
 *
 * Two messages name a GPADL and no relid: whose it is was said by the GPADL_HEADER before, if the
 * filter saw it. Of the GPADLs of its channel a filter remembers the latest CAPTURE_FILTER_GPADLS.
 *
 * Purpose: `relid` of `hvctl capture`.
 * Threads: the reader's.
 * Errors:  none; what is too short to say is about no channel.
 */
#include <stdbool.h>
#include <stdint.h>
#include "vmm/capture.h"

enum { CAPTURE_FILTER_GPADLS = 64 };

struct capture_filter {
	uint32_t relid; /* 0: everything passes */
	uint32_t gpadl[CAPTURE_FILTER_GPADLS];
	unsigned gpadls; /* ever remembered */
};

/* `bytes`: the item's. */
bool capture_filter_passes(
	struct capture_filter *filter, const struct capture_item *item, const void *bytes);
