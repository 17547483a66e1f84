/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/stimer.h"

#include "hvdef/hv_msr.h"

bool stimer_is_direct(const struct stimer *timer)
{
	return timer->config & HV_STIMER_DIRECT;
}

bool stimer_is_lazy(const struct stimer *timer)
{
	return (timer->config & HV_STIMER_LAZY) && (timer->config & HV_STIMER_PERIODIC);
}

uint8_t stimer_vector(const struct stimer *timer)
{
	return (uint8_t)(timer->config >> HV_STIMER_VECTOR_SHIFT);
}

unsigned stimer_sint(const struct stimer *timer)
{
	return (timer->config >> HV_STIMER_SINT_SHIFT) & 0xf;
}

static bool is_periodic(const struct stimer *timer)
{
	return timer->config & HV_STIMER_PERIODIC;
}

/* A time past the end of the scale is never reached. */
static uint64_t saturating_add(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return checked_add_u64(a, b, &sum) ? sum : UINT64_MAX;
}

void stimer_reset(struct stimer *timer)
{
	*timer = (struct stimer){
		.expirations = timer->expirations,
		.delivered = timer->delivered,
		.dropped = timer->dropped,
	};
}

/* The registers changed: what waited is void, and the timer starts anew. */
static void restart(struct stimer *timer, uint64_t now_100ns)
{
	timer->waiting = false;
	if (!stimer_is_direct(timer) && stimer_sint(timer) == 0)
		timer->config &= ~HV_STIMER_ENABLE;
	timer->armed = (timer->config & HV_STIMER_ENABLE) && timer->count != 0;
	if (!timer->armed)
		return;
	timer->due_100ns = is_periodic(timer) ? saturating_add(now_100ns, timer->count)
					      : timer->count;
	timer->deadline_ns = 0;
}

enum hv_fault stimer_write_config(struct stimer *timer, uint64_t value, uint64_t now_100ns)
{
	uint8_t vector = (uint8_t)(value >> HV_STIMER_VECTOR_SHIFT);

	if (value & HV_STIMER_RESERVED_MASK)
		return HV_FAULT_GP;
	if ((value & HV_STIMER_DIRECT) && vector < HV_SINT_FIRST_VECTOR)
		return HV_FAULT_GP;
	timer->config = value;
	restart(timer, now_100ns);
	return HV_FAULT_NONE;
}

void stimer_write_count(struct stimer *timer, uint64_t value, uint64_t now_100ns)
{
	timer->count = value;
	if (value == 0)
		timer->config &= ~HV_STIMER_ENABLE;
	else if (timer->config & HV_STIMER_AUTO_ENABLE)
		timer->config |= HV_STIMER_ENABLE;
	restart(timer, now_100ns);
}

/*
 * Moves the due time behind `now` by whole periods, and far enough that short periods do not
 * follow each other without a pause. Periods skipped over are dropped ticks.
 */
static void next_period(struct stimer *timer, uint64_t now_100ns)
{
	uint64_t period = timer->count;
	uint64_t pause = period < STIMER_MIN_PERIOD_100NS ? STIMER_MIN_PERIOD_100NS : 1;
	uint64_t earliest = saturating_add(now_100ns, pause);
	uint64_t skipped;

	timer->due_100ns = saturating_add(timer->due_100ns, period);
	timer->deadline_ns = 0;
	if (timer->due_100ns >= earliest)
		return;
	skipped = (earliest - timer->due_100ns + period - 1) / period;
	timer->due_100ns = saturating_add(timer->due_100ns, skipped * period);
	timer->dropped += skipped;
}

bool stimer_expire(struct stimer *timer, uint64_t now_100ns)
{
	bool waited = timer->waiting;

	if (!timer->armed || timer->due_100ns > now_100ns)
		return false;
	timer->expirations++;
	if (waited)
		timer->dropped++;
	else
		timer->expired_100ns = timer->due_100ns;
	timer->waiting = true;
	if (is_periodic(timer))
		next_period(timer, now_100ns);
	else
		timer->armed = false;
	return !waited;
}

void stimer_delivered(struct stimer *timer)
{
	timer->waiting = false;
	timer->delivered++;
	if (!is_periodic(timer))
		timer->config &= ~HV_STIMER_ENABLE;
}

void stimer_drop(struct stimer *timer)
{
	timer->waiting = false;
	timer->dropped++;
}
