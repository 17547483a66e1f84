/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/clock.h"

#include <time.h>
#include "common/util.h"

static uint64_t timespec_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

static uint64_t monotonic_now_ns(const struct clock *clock)
{
	return timespec_ns(CLOCK_MONOTONIC);
}

const struct clock clock_monotonic = {.now_ns = monotonic_now_ns};

static uint64_t manual_now_ns(const struct clock *clock)
{
	const struct clock_manual *manual = container_of(clock, struct clock_manual, clock);

	return __atomic_load_n(&manual->now_ns, __ATOMIC_RELAXED);
}

void clock_manual_init(struct clock_manual *clock, uint64_t start_ns)
{
	clock->clock.now_ns = manual_now_ns;
	clock->now_ns = start_ns;
}

void clock_manual_advance(struct clock_manual *clock, uint64_t by_ns)
{
	__atomic_fetch_add(&clock->now_ns, by_ns, __ATOMIC_RELAXED);
}

uint64_t clock_realtime_ns(void)
{
	return timespec_ns(CLOCK_REALTIME);
}
