/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What only a VP's own thread can read, as that thread read it last.
 *
 * Inspection has a VP read its registers and then looks at the copy here. The copy may be old by
 * then. Nothing but inspection may look at it: delivery never believes it.
 *
 * Purpose: registers of the processor, its local APIC, and in mode kernel the synthetic MSRs.
 * Threads: written on the VP's thread, read on any.
 * Errors:  -ENODATA before the first reading.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include "common/node.h"
#include "hvdef/hv_msr.h"
#include "vmm/accel.h"

struct vcpu;

/* What the node vps/{vp}/cpu shows. */
struct vcpu_cpu_state {
	struct vcpu_regs regs;
	struct vcpu_lapic lapic;
	uint64_t vp_assist_page;
};

/* VTL 0's registers that inspection shows, by number up to CRASH_P4; the others are 0. */
struct vcpu_msrs {
	uint64_t value[HV_MSR_CRASH_P4 + 1 - HV_MSR_BASE];
};

struct vcpu_sample {
	pthread_mutex_t lock; /* guards the rest; a leaf */
	bool cpu_valid, msrs_valid;
	struct vcpu_cpu_state cpu;
	struct vcpu_msrs msrs;
};

void vcpu_sample_init(struct vcpu_sample *sample);
void vcpu_sample_deinit(struct vcpu_sample *sample);

/* node_class.on_vcpu of a class whose owner is a struct vm. */
node_on_vcpu_fn vcpu_sample_cpu(const void *vm);
/* The same for what KVM holds in mode kernel; otherwise there is nothing to read on the VP. */
node_on_vcpu_fn vcpu_sample_msrs(const void *vm);

int vcpu_cpu_state(struct vcpu *vcpu, struct vcpu_cpu_state *ret_state) MUST_CHECK;
int vcpu_msrs(struct vcpu *vcpu, struct vcpu_msrs *ret_msrs) MUST_CHECK;

static inline uint64_t vcpu_msr(const struct vcpu_msrs *msrs, uint32_t index)
{
	return msrs->value[index - HV_MSR_BASE];
}
