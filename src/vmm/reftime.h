/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Partition reference time (TLFS 12.6, 12.7): 100 ns units since VM creation.
 *
 * The MSR and the reference TSC page use one scale and offset, so they agree; without an invariant
 * TSC the page stays invalid (sequence 0) and the counter follows the clock. The counter starts at
 * 0 when the VM is created and is not reset.
 *
 * Purpose: the reference counter, the TSC page's contents, conversions to CLOCK_MONOTONIC.
 * Threads: any; constant after reftime_init(), but for the newest time told.
 * Errors:  none.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "common/util.h"

struct vm;
struct hv_reference_tsc_page;

struct reftime {
	struct vm *vm; /* borrows */
	bool tsc_valid;
	uint64_t tsc_hz, apic_hz;
	uint64_t scale;
	int64_t offset;
	uint64_t start_ns; /* clock at creation */
	_Atomic uint64_t latest_100ns; /* newest time told: TSCs of two CPUs may differ a little */
};

/* After the backend's vm_init and VP 0 exist. tsc_hz 0: no usable TSC. */
void reftime_init(struct reftime *reftime, struct vm *vm, uint64_t tsc_hz);
/* Never less than what any thread was told before. */
uint64_t reftime_now_100ns(struct reftime *reftime);
/*
 * The counter as the guest reads it: in mode kernel KVM's own, which is not ours. 0 or a negative
 * errno.
 */
int reftime_guest_100ns(struct reftime *reftime, uint64_t *ret_100ns) MUST_CHECK;
/* CLOCK_MONOTONIC deadline for an absolute reference time, saturating. */
uint64_t reftime_deadline_ns(struct reftime *reftime, uint64_t due_100ns);
/* The page's contents; sequence 0 when there is no usable TSC. */
void reftime_fill_page(const struct reftime *reftime, struct hv_reference_tsc_page *page);
