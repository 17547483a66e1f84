/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Synthetic timers (TLFS 12): four per (VP, VTL), message or direct mode.
 *
 *	idle --CONFIG/COUNT--> armed(due) --now >= due--> waiting --delivered--> idle | armed(next)
 *
 * Purpose: the state of one timer and its rules (spec 7.2, 7.3); delivery is synic.c's.
 * Threads: under the SynIC's lock.
 * Errors:  none; the guest sees #GP only from the MSR layer.
 */
#include <stdbool.h>
#include <stdint.h>

struct synic;

struct stimer {
	uint64_t config, count;
	bool armed;
	uint64_t due_100ns;     /* absolute reference time, valid when armed */
	bool waiting;           /* expired, message or interrupt not delivered yet */
	uint64_t expired_100ns; /* the due time that expired, valid when waiting */
	uint64_t expirations, delivered, dropped; /* dropped: periodic ticks collapsed */
};
