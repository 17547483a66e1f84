/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inspect/doctor_pair.h"

#include <stdlib.h>
#include "common/clock.h"

/*
 * A sample that comes so much later than it was wanted was taken of a machine that stood still as a
 * whole, hvd with it: what did not move meanwhile is not stuck.
 */
static const uint64_t late_ns = 500 * NSEC_PER_MSEC;

struct shared_sample *shared_sample_new(void)
{
	struct shared_sample *shared = calloc(1, sizeof(*shared));

	if (!shared)
		return NULL;
	shared->sample = doctor_sample_new();
	if (!shared->sample) {
		free(shared);
		return NULL;
	}
	shared->refs = 1;
	shared->taken_ns = clock_now_ns(&clock_monotonic);
	return shared;
}

struct shared_sample *shared_sample_ref(struct shared_sample *shared)
{
	shared->refs++;
	return shared;
}

struct shared_sample *shared_sample_unref(struct shared_sample *shared)
{
	if (shared && atomic_fetch_sub(&shared->refs, 1) == 1) {
		doctor_sample_free(shared->sample);
		free(shared);
	}
	return NULL;
}

struct doctor_pair doctor_pair_ref(const struct doctor_pair *pair)
{
	shared_sample_ref(pair->then);
	shared_sample_ref(pair->now);
	return *pair;
}

void doctor_pair_unref(struct doctor_pair *pair)
{
	pair->then = shared_sample_unref(pair->then);
	pair->now = shared_sample_unref(pair->now);
}

struct doctor_report doctor_pair_judge(
	const struct doctor_pair *pair, const struct doctor_limits *limits)
{
	struct doctor_report report = {
		.why_not = "hvd itself did not run for a while between the samples; try again",
	};

	if (pair->now->taken_ns - pair->wanted_ns > late_ns)
		return report;
	if (doctor_examine(pair->then->sample, pair->now->sample, limits, &report) < 0)
		report.truncated = true;
	return report;
}
