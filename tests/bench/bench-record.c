/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench-record: what a record costs, with time from ticks (common/clock_ticks.h) and with time from
 * the clock itself, and what asking the clock costs alone. Fastest of many rounds, taken by turns; the
 * thread has its ring, as VPs have.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include "common/clock.h"
#include "common/clock_ticks.h"
#include "common/record.h"

enum { RING = 4096, CALLS = 50000, ROUNDS = 21 };

static double per_call(uint64_t start_ns)
{
	return (double)(clock_now_ns(&clock_monotonic) - start_ns) / CALLS;
}

static double ns_per_record(const struct clock *clock)
{
	struct recorder *recorder;
	uint64_t start_ns = 0;
	double ns;

	if (recorder_new(clock, RING, &recorder) < 0 || recorder_attach(recorder, "bench") < 0)
		abort();
	/* Once to touch the ring's pages and learn the rate of the ticks. */
	for (unsigned pass = 0; pass < 2; pass++) {
		start_ns = clock_now_ns(&clock_monotonic);
		for (uint64_t i = 0; i < CALLS; i++)
			record_emit(recorder, 1, 0, 0, 2, (const uint64_t[RECORD_ARGS]){i, 1, i});
	}
	ns = per_call(start_ns);
	recorder_detach(recorder);
	recorder_free(recorder);
	return ns;
}

static double ns_per_reading(void)
{
	uint64_t start_ns = clock_now_ns(&clock_monotonic);

	for (unsigned i = 0; i < CALLS; i++)
		clock_now_ns(&clock_monotonic);
	return per_call(start_ns);
}

int main(void)
{
	/* The same readings, but what is not &clock_monotonic is not replaced by ticks. */
	const struct clock plain = clock_monotonic;
	double ticks = 0, clock = 0, reading = 0;

	for (unsigned i = 0; i < ROUNDS; i++) {
		double with_ticks = ns_per_record(&clock_monotonic);
		double with_clock = ns_per_record(&plain);
		double alone = ns_per_reading();

		ticks = i == 0 ? with_ticks : MIN(ticks, with_ticks);
		clock = i == 0 ? with_clock : MIN(clock, with_clock);
		reading = i == 0 ? alone : MIN(reading, alone);
	}
	if (!tick_source_for(&clock_monotonic, CLOCK_TICKS_SOURCE_FILE))
		printf("record: the kernel keeps no time with the TSC here: no ticks\n");
	printf("record: %.1f ns with ticks, %.1f ns with the clock, ratio %.2f; the clock alone %.1f ns\n",
		ticks, clock, ticks / clock, reading);
	return 0;
}
