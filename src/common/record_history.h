/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The records of a former run, out of the file it left (common/record_file.h).
 *
 * The file is not trusted: it may be another version's, cut short, or have been half written when
 * the host lost power. What is refused is refused with a sentence; a record that is torn is left
 * out and counted.
 *
 * Purpose: `hvctl log --previous`, in hvd and without it.
 * Threads: constant once loaded.
 * Errors:  negative errno with a sentence: -EINVAL what is wrong with the file.
 */
#include <stdbool.h>
#include <stdint.h>
#include "common/record.h"
#include "common/record_names.h"

enum { RECORD_WHY_BYTES = 160 };

enum record_end {
	RECORD_END_ORDERLY,   /* with an exit status and a reason */
	RECORD_END_KILLED,    /* without a word: killed, or crashed */
	RECORD_END_HOST_DOWN, /* without a word, and the host has booted since */
	RECORD_END_NONE,      /* the process of that number still runs */
};

/* Text is printable ASCII or UTF-8 as it came; whoever prints it escapes it. */
struct record_history {
	char hvd_version[32], vm[64], why[96];
	uint64_t pid, start_realtime_ns, realtime_offset_ns;
	enum record_end end;
	uint32_t exit_status;       /* RECORD_END_ORDERLY */
	uint64_t end_mono_ns;       /* of the end, or of the last record */
	uint64_t taken;             /* records ever taken */
	uint64_t torn;              /* records left out, because they are not whole */
	struct record_table *table; /* owns */
	struct record *records;     /* owns; by sequence number */
	size_t count;
};

/*
 * `fd` stays the caller's. `former` is true when whoever wrote it is known to be gone, and false
 * when its process number is to be looked at.
 */
int record_history_load(int fd, bool former, struct record_history **ret_history,
	char ret_why[RECORD_WHY_BYTES]) MUST_CHECK;
/* NULL is fine; returns NULL. */
struct record_history *record_history_free(struct record_history *history);

/* As recorder_read(). */
size_t record_history_read(const struct record_history *history, struct record_cursor *cursor,
	struct record *records, size_t capacity, uint64_t *ret_gap);
/* The oldest sequence number that is there; `taken` + 1 without any. */
uint64_t record_history_oldest(const struct record_history *history);
