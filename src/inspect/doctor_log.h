/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The findings of the doctor's watch, as records: what appears, what clears.
 *
 *	main loop --a pair of samples, once a second--> HTTP thread: judges it, compares the report with
 *	what was known, records the difference
 *
 * One pair is on its way at a time: when the HTTP thread has not come to it within a second, the next
 * one is not judged.
 *
 * Purpose: doctor.finding.
 * Threads: noted per function. The pair on its way belongs to the HTTP thread; what is known, to
 *          whoever holds the lock.
 * Errors:  what does not fit into memory is missing in the report, which then says so.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include "common/loop.h"
#include "inspect/doctor_pair.h"

struct recorder;

struct doctor_log {
	struct loop *http_loop;    /* borrows */
	struct recorder *recorder; /* borrows */
	struct doctor_limits limits;

	struct loop_work work;
	_Atomic bool busy;       /* the two below are the HTTP thread's */
	struct doctor_pair pair; /* owns its references */
	unsigned era;            /* in which it was handed over */

	pthread_mutex_t lock;       /* guards the two below; a leaf */
	struct doctor_report known; /* what was found last */
	unsigned now_era;           /* grows when everything is forgotten */

	/* For inspection, on any thread. */
	_Atomic uint64_t examinations, unjudged;
	_Atomic uint32_t found[DOCTOR_SEVERITIES]; /* in `known` */
};

/* Both are borrowed; the HTTP thread runs the loop, or has not begun. */
void doctor_log_init(struct doctor_log *log, struct loop *http_loop, struct recorder *recorder);
/* When the HTTP thread has ended. */
void doctor_log_deinit(struct doctor_log *log);
/* Main loop. The pair remains the caller's. */
void doctor_log_judge(struct doctor_log *log, const struct doctor_pair *pair);
/* Main loop: nothing is known any more, and what is being judged is not recorded. */
void doctor_log_forget(struct doctor_log *log);
