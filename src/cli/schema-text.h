/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The JSON Schemas of schema/, compiled in.
 *
 * Purpose: `hvctl explain` and its completion work without a daemon.
 * Threads: constant.
 * Errors:  none.
 */

struct schema_text {
	const char *name; /* "port"; NULL ends the list */
	const char *text;
};

extern const struct schema_text schema_texts[];
