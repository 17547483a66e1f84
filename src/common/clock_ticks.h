/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * CLOCK_MONOTONIC for those who read it very often: the CPU's time-stamp counter (TSC), set by the
 * clock again and again.
 *
 * Asking the clock is most of what a record costs. So whoever writes records asks it once in a
 * millisecond, together with the TSC, and between two such moments adds the ticks that have passed:
 *
 *	base      a moment at which clock and TSC were read together
 *	rate      nanoseconds per tick, measured from one base to the next
 *	span      ticks after the base, a millisecond, for which that is believed; 0: learning
 *
 * A rate is believed when it agrees with the one measured before it. Nothing else is: a counter that
 * jumped (live migration, suspend) or changed its pace leaves the span or yields a rate that does not
 * agree, and the clock itself is asked until two rates agree again, which takes three milliseconds.
 *
 * Against CLOCK_MONOTONIC a reading
 *	- never goes back, in one reader;
 *	- lags by at most CLOCK_TICKS_LAG_NS: the rate used is the measured one less a 2048th, which
 *	  is more than the way to the clock and back can have spoilt it;
 *	- so is not ahead, but that the kernel may have begun to steer its clock since the rate was
 *	  measured, by 500 ppm either way: CLOCK_TICKS_AHEAD_NS in a span, and as much more lag;
 *	- may be off by up to one span, once, when the counter jumps by less than that or changes its
 *	  pace, or when the kernel finds that the counters of its CPUs have come apart.
 * The order of records of two threads is that of their numbers, not of their times.
 *
 * The kernel knows whether a TSC is steady and the same on all CPUs: it is used where the kernel
 * itself keeps time with it, which is not looked up again later. Everywhere else (kvm-clock, HPET, a
 * clock that is not CLOCK_MONOTONIC) a reading is the clock's own.
 *
 * Purpose: the time of records.
 * Threads: a reader (struct clock_ticks) belongs to one thread.
 * Errors:  none; what is not known to be right is the clock's own reading.
 */
#include <stdbool.h>
#include <stdint.h>
#include <x86intrin.h>
#include "common/clock.h"
#include "common/util.h"

/* Where Linux says what it keeps time with. */
#define CLOCK_TICKS_SOURCE_FILE "/sys/devices/system/clocksource/clocksource0/current_clocksource"

enum { CLOCK_TICKS_SPAN_NS = 1000000, CLOCK_TICKS_LAG_NS = 1100, CLOCK_TICKS_AHEAD_NS = 1000 };

/* A counter, injected so that tests own it. A reading is not taken before what precedes it is done. */
struct tick_source {
	uint64_t (*ticks)(const struct tick_source *source);
};

extern const struct tick_source tick_source_tsc;

/* The TSC, or NULL where it may not stand for `clock`. `source_file` is CLOCK_TICKS_SOURCE_FILE. */
const struct tick_source *tick_source_for(const struct clock *clock, const char *source_file);

struct clock_ticks {
	uint64_t base_ticks, base_ns;     /* 0: none yet */
	uint64_t span;                    /* ticks */
	uint64_t slow_rate;               /* as used */
	uint64_t last_ns;                 /* the reading that was given last */
	uint64_t rate;                    /* as measured; 2^-32 ns per tick, 0: not yet */
	uint64_t narrowest;               /* ticks that asking the clock takes */
	unsigned failures;                /* measurements in a row that were good for nothing */
	const struct clock *clock;        /* borrows */
	const struct tick_source *source; /* borrows; NULL: none, or given up */
};

/* Both are borrowed; `source` may be NULL. */
void clock_ticks_init(
	struct clock_ticks *reader, const struct clock *clock, const struct tick_source *source);

/* Asks the clock, and learns from it: for when clock_ticks_try() knows nothing. */
uint64_t clock_ticks_ask(struct clock_ticks *reader);

/* What time it is if the source stands at `ticks`; false: ask. */
static inline bool clock_ticks_convert(struct clock_ticks *reader, uint64_t ticks, uint64_t *ret_ns)
{
	uint64_t since = ticks - reader->base_ticks;

	if (since >= reader->span)
		return false;
	*ret_ns = MAX(reader->last_ns, reader->base_ns + (since * reader->slow_rate >> 32));
	reader->last_ns = *ret_ns;
	return true;
}

/*
 * What time it is, for readers of the TSC or of none; false: ask. The TSC is read without a barrier:
 * the CPU may do it some tens of nanoseconds before its turn.
 */
static inline bool clock_ticks_try(struct clock_ticks *reader, uint64_t *ret_ns)
{
	return reader->span != 0 && clock_ticks_convert(reader, __rdtsc(), ret_ns);
}
