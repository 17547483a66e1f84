/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Two samples that are judged together, and who owns them.
 *
 * A sample is made on the main loop, and nobody changes it afterwards: whoever looks at it, on whatever
 * thread, has a reference, and the last one to go frees it. The main loop has one to the first sample
 * of each round; the pair that it hands over has two of its own, so that the round may go on meanwhile,
 * with the second sample as its next first one.
 *
 * Purpose: samples that several rounds, and the HTTP thread, look at.
 * Threads: a pair belongs to one thread at a time; the samples of several to any.
 * Errors:  NULL without memory.
 */
#include <stdatomic.h>
#include <stdint.h>
#include "doctor/doctor.h"

struct shared_sample {
	_Atomic unsigned refs;
	uint64_t taken_ns;            /* CLOCK_MONOTONIC */
	struct doctor_sample *sample; /* owns */
};

/* With one reference, an empty sample. */
struct shared_sample *shared_sample_new(void) MUST_CHECK;
struct shared_sample *shared_sample_ref(struct shared_sample *shared);
/* NULL is fine; returns NULL. */
struct shared_sample *shared_sample_unref(struct shared_sample *shared);

struct doctor_pair {
	struct shared_sample *then, *now; /* refs, or NULL */
	uint64_t wanted_ns;               /* when `now` was to be taken; CLOCK_MONOTONIC */
};

/* The same two, with references of its own. */
struct doctor_pair doctor_pair_ref(const struct doctor_pair *pair);
void doctor_pair_unref(struct doctor_pair *pair);
/*
 * With thousands of channels that takes tens of milliseconds, which the main loop has not. Not judged
 * when the second sample was taken far too late.
 */
struct doctor_report doctor_pair_judge(
	const struct doctor_pair *pair, const struct doctor_limits *limits);
