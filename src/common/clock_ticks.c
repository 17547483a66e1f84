/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/clock_ticks.h"

#include <fcntl.h>
#include <string.h>
#include "common/cleanup.h"

enum {
	WINDOW_NS = 250, /* between the readings of the ticks before and after that of the clock */
	BASELINE_NS = CLOCK_TICKS_SPAN_NS - CLOCK_TICKS_SPAN_NS / 8,
	SLOWER_SHIFT = 11,
	AGREE_SHIFT = 10, /* the kernel steers by 500 ppm, the windows account for the rest */
	FAILURES_MAX = 16,
};

/*
 * The arithmetic of the bounds; in a span of a millisecond, ppm are nanoseconds. A base is late by a
 * window at most, so that a rate between two of them is wrong by a window in a baseline at most.
 */
enum {
	WRONG_PPM = WINDOW_NS * 1000 / (BASELINE_NS / 1000) + 1,
	SLOWER_PPM = 1000000 >> SLOWER_SHIFT,
};
_Static_assert(CLOCK_TICKS_SPAN_NS == 1000000 && WRONG_PPM < SLOWER_PPM, "never ahead");
_Static_assert(WINDOW_NS + WRONG_PPM + SLOWER_PPM < CLOCK_TICKS_LAG_NS, "nor far behind");

/* Counters of 62 MHz to 16 GHz: a millisecond of ticks times the rate stays within 64 bits. */
#define RATE_MIN (UINT64_C(1) << 28)
#define RATE_MAX (UINT64_C(1) << 36)

/* Between barriers: what is read in between was read in between. */
static uint64_t tsc_ticks(const struct tick_source *source)
{
	uint64_t ticks;

	_mm_lfence();
	ticks = __rdtsc();
	_mm_lfence();
	return ticks;
}

const struct tick_source tick_source_tsc = {.ticks = tsc_ticks};

const struct tick_source *tick_source_for(const struct clock *clock, const char *source_file)
{
	CLEANUP(fd) int fd = -1;
	char name[16] = "";

	if (clock != &clock_monotonic)
		return NULL;
	fd = open(source_file, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, name, sizeof(name) - 1) < 0)
		return NULL;
	return strcmp(name, "tsc\n") == 0 ? &tick_source_tsc : NULL;
}

void clock_ticks_init(
	struct clock_ticks *reader, const struct clock *clock, const struct tick_source *source)
{
	*reader = (struct clock_ticks){.clock = clock, .source = source, .narrowest = UINT64_MAX};
}

static uint64_t ticks_in(uint64_t ns, uint64_t rate)
{
	return (ns << 32) / rate;
}

/* 0: not that of a counter we know how to use. */
static uint64_t rate_of(uint64_t ns, uint64_t ticks)
{
	unsigned __int128 rate = ticks ? ((unsigned __int128)ns << 32) / ticks : 0;

	return rate >= RATE_MIN && rate <= RATE_MAX ? (uint64_t)rate : 0;
}

static bool agree(uint64_t rate, uint64_t before)
{
	return (rate > before ? rate - before : before - rate) <= before >> AGREE_SHIFT;
}

/*
 * Whether the thread was preempted, or the counter jumped, between the two readings around the clock:
 * they are far more apart than they need be. The measure is loosened each time, lest one lucky reading
 * spoil all later ones.
 */
static bool interrupted(struct clock_ticks *reader, uint64_t window)
{
	if (window / 4 > reader->narrowest) {
		reader->narrowest += reader->narrowest / 2 + 1;
		return true;
	}
	reader->narrowest = MIN(reader->narrowest, window);
	return false;
}

/*
 * Sets the rate from the base to here; returns whether it is one to go by. A source that time after
 * time yields none, as a TSC that traps, is not asked for ever.
 */
static bool measure(struct clock_ticks *reader, uint64_t ticks, uint64_t now_ns, uint64_t window)
{
	uint64_t before = reader->rate;
	uint64_t rate = rate_of(now_ns - reader->base_ns, ticks - reader->base_ticks);

	if (rate != 0 && window > ticks_in(WINDOW_NS, rate))
		rate = 0;
	reader->rate = rate;
	if (rate != 0 && before != 0 && agree(rate, before)) {
		reader->failures = 0;
		return true;
	}
	if ((rate == 0 || before != 0) && ++reader->failures == FAILURES_MAX)
		reader->source = NULL;
	return false;
}

/* The clock said `now_ns` when the source stood at `ticks`, or `window` ticks before that at most. */
static void learn(struct clock_ticks *reader, uint64_t ticks, uint64_t now_ns, uint64_t window)
{
	bool first = reader->base_ns == 0;

	reader->span = 0;
	if (interrupted(reader, window) || (!first && now_ns - reader->base_ns < BASELINE_NS))
		return;
	if (!first && measure(reader, ticks, now_ns, window)) {
		reader->slow_rate = reader->rate - (reader->rate >> SLOWER_SHIFT);
		reader->span = ticks_in(CLOCK_TICKS_SPAN_NS, reader->rate);
	}
	reader->base_ticks = ticks;
	reader->base_ns = now_ns;
}

uint64_t clock_ticks_ask(struct clock_ticks *reader)
{
	const struct tick_source *source = reader->source;
	uint64_t before, after, now_ns;

	if (!source) {
		now_ns = clock_now_ns(reader->clock);
	} else {
		before = source->ticks(source);
		now_ns = clock_now_ns(reader->clock);
		after = source->ticks(source);
		learn(reader, after, now_ns, after - before);
	}
	reader->last_ns = MAX(reader->last_ns, now_ns);
	return reader->last_ns;
}
