/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Request targets, taken raw and split before they are decoded.
 *
 * "%2F" stays inside its segment; "%00", "..", ".", empty segments and broken escapes are refused.
 * A target that is decoded first (as HTTP libraries like to) can name another resource than the
 * one that was checked.
 *
 * Purpose: path segments and query of an origin-form target.
 * Threads: any.
 * Errors:  false: the target is not valid.
 */
#include <stdbool.h>
#include "common/util.h"

enum { TARGET_MAX_SEGMENTS = 16, TARGET_MAX_BYTES = 2048 };

struct target {
	unsigned count;
	const char *segment[TARGET_MAX_SEGMENTS]; /* decoded, into `path` */
	char *query;                              /* raw, into `path`; "" when there is none */
	char path[TARGET_MAX_BYTES + 1];
};

bool target_parse(const char *raw, struct target *ret_target) MUST_CHECK;
/* In place; false for broken escapes and %00. */
bool target_decode(char *text) MUST_CHECK;
