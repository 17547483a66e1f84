/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Time sources, injected so that tests own time.
 *
 * Purpose: CLOCK_MONOTONIC in nanoseconds, and the wall clock for display.
 * Threads: any.
 * Errors:  none.
 */
#include <stdint.h>

struct clock {
	/* Nanoseconds on a monotonic scale; never goes back. */
	uint64_t (*now_ns)(const struct clock *clock);
};

/* CLOCK_MONOTONIC. */
extern const struct clock clock_monotonic;

static inline uint64_t clock_now_ns(const struct clock *clock)
{
	return clock->now_ns(clock);
}

/* A clock that moves only when told to. */
struct clock_manual {
	struct clock clock;
	uint64_t now_ns; /* atomic: relaxed loads and stores */
};

void clock_manual_init(struct clock_manual *clock, uint64_t start_ns);
void clock_manual_advance(struct clock_manual *clock, uint64_t by_ns);

/* CLOCK_REALTIME in nanoseconds since the epoch. */
uint64_t clock_realtime_ns(void);
