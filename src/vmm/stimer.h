/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Synthetic timers (TLFS 12): four per (VP, VTL), message or direct mode.
 *
 *	idle --CONFIG/COUNT--> armed(due) --now >= due--> waiting --delivered--> idle | armed(next)
 *
 * A message timer waits for its slot in `waiting`; one tick at most waits, later ones are dropped
 * (a lazy timer drops even that one). Periodic due times keep their phase: whole periods are added.
 * Expirations closer together than STIMER_MIN_PERIOD_100NS are collapsed, so that a guest cannot
 * keep the host busy with a period of 100 ns.
 *
 * Purpose: the state of one timer and its rules (spec 7.2, 7.3); delivery is in synic_deliver.c.
 * Threads: under the SynIC's lock.
 * Errors:  writes return enum hv_fault.
 */
#include <stdbool.h>
#include <stdint.h>
#include "common/util.h"
#include "vmm/hv_fault.h"

enum { STIMER_MIN_PERIOD_100NS = 1000 };

struct stimer {
	uint64_t config, count;
	bool armed;
	uint64_t due_100ns;     /* absolute reference time, valid when armed */
	uint64_t deadline_ns;   /* due_100ns on the clock, 0: not computed yet */
	bool waiting;           /* expired, message or interrupt not delivered yet */
	uint64_t expired_100ns; /* the due time that expired, valid when waiting */
	uint64_t expirations, delivered, dropped; /* dropped: periodic ticks collapsed or lazy */
};

/* Reset values; the counters stay. */
void stimer_reset(struct stimer *timer);
/*
 * #GP: reserved bits, or direct mode with a vector below 16. Forces enable to 0 when the new value
 * names SINT 0 in message mode. Cancels what waits and arms again.
 */
enum hv_fault stimer_write_config(struct stimer *timer, uint64_t value, uint64_t now_100ns);
/* 0 disables; another value enables with auto-enable. Cancels what waits and arms again. */
void stimer_write_count(struct stimer *timer, uint64_t value, uint64_t now_100ns);

/* Expires the timer when it is due. True: a tick has begun to wait. */
bool stimer_expire(struct stimer *timer, uint64_t now_100ns);
/* The waiting tick reached the guest: a one-shot timer is disabled. */
void stimer_delivered(struct stimer *timer);
/* The waiting tick is given up. */
void stimer_drop(struct stimer *timer);

bool stimer_is_direct(const struct stimer *timer);
bool stimer_is_lazy(const struct stimer *timer);
uint8_t stimer_vector(const struct stimer *timer);
unsigned stimer_sint(const struct stimer *timer);
