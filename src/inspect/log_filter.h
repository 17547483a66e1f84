/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Which records a reader wants: compiled once from what was typed, then O(1) for each record.
 *
 * hvd filters its streams and pages with it, hvctl the log files it reads itself.
 *
 * Purpose: filters by kind, VP, SINT and channel; points in the log as people write them.
 * Threads: any; a compiled filter is constant.
 * Errors:  what is wrong, as a phrase for "KEY is ...".
 */
#include <stdbool.h>
#include <stdint.h>
#include "common/record.h"
#include "common/record_names.h"
#include "common/util.h"

enum {
	LOG_TYPE_BYTES = 256,
	LOG_LIST_BYTES = 128,
	LOG_LIST_MAX = 16,    /* VPs, SINTs or channels in one filter */
	LOG_EVENTS_MAX = 256, /* kinds of record a table may have */
};

/* As given; "" each: all. */
struct log_filter_text {
	char type[LOG_TYPE_BYTES];  /* globs: "staged,message.*" */
	char vp[LOG_LIST_BYTES];    /* numbers: "0,2" */
	char sint[LOG_LIST_BYTES];  /* likewise */
	char relid[LOG_LIST_BYTES]; /* likewise: only kinds that name a channel */
};

struct log_numbers {
	uint64_t value[LOG_LIST_MAX];
	size_t count; /* 0: any */
};

/* "3" or "0,2": NULL, or what is wrong with it. "" is any number. */
const char *log_numbers_parse(
	const char *text, uint64_t maximum, struct log_numbers *ret_numbers) MUST_CHECK;
bool log_numbers_contain(const struct log_numbers *numbers, uint64_t value);

struct log_filter {
	struct log_numbers vp, sint, relid;
	bool type[LOG_EVENTS_MAX];
	int8_t relid_arg[LOG_EVENTS_MAX]; /* index of the argument that names a channel; -1: none */
	bool unknown_types;               /* kinds that the table lacks pass, too */
};

/* NULL, or what is wrong with the member of `text` that `ret_key` names then. */
const char *log_filter_compile(const struct log_filter_text *text, const struct record_names *names,
	struct log_filter *ret_filter, const char **ret_key) MUST_CHECK;
bool log_filter_matches(const struct log_filter *filter, const struct record *record);

/* "17", "5m" or "2026-11-21T15:53:15Z". */
struct log_moment {
	enum { LOG_MOMENT_SEQ, LOG_MOMENT_AGE, LOG_MOMENT_TIME } kind;
	uint64_t value; /* sequence number; nanoseconds ago; nanoseconds since 1970 */
};

/* False: it is none. */
bool log_moment_parse(const char *text, struct log_moment *ret_moment) MUST_CHECK;
/*
 * AGE and TIME as a time on the records' monotonic scale, clipped at 0. `now_ns` is the present on
 * it, `realtime_offset_ns` what to add to get the time of day.
 */
uint64_t log_moment_mono_ns(
	const struct log_moment *moment, uint64_t now_ns, uint64_t realtime_offset_ns);
