/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Synthetic MSRs: one table (number, name, privilege, scope, reset, read, write), O(1) dispatch.
 *
 * Purpose: every rule of spec 2 for guest accesses.
 * Threads: the VP's own thread; readers for inspection from any thread.
 * Errors:  enum hv_fault; nothing a guest does is a host error.
 */
#include <pthread.h>
#include <stdint.h>
#include "common/node.h"
#include "hvdef/hv_synic.h"
#include "vmm/fault.h"
#include "vmm/overlay.h"

struct vcpu;
struct vm;

/* Partition-wide registers, one set per VTL. */
struct hv_partition {
	pthread_mutex_t lock;
	struct vm *vm; /* borrows */
	uint8_t vtl;
	uint64_t guest_os_id, hypercall, reference_tsc;
	uint64_t crash[5], crash_ctl;
	uint64_t crashes;
	struct overlay hypercall_page, tsc_page;
};

void hv_partition_init(struct hv_partition *hv, struct vm *vm, uint8_t vtl);
void hv_partition_reset(struct hv_partition *hv);
void hv_partition_deinit(struct hv_partition *hv);

/* `index` anywhere in 0x40000000..0x400001ff; `vtl` 0..2 is the VTL the VP runs in. */
enum hv_fault hv_msr_read(struct vcpu *vcpu, uint8_t vtl, uint32_t index, uint64_t *ret_value);
enum hv_fault hv_msr_write(struct vcpu *vcpu, uint8_t vtl, uint32_t index, uint64_t value);
/* "SCONTROL", "STIMER0_CONFIG", ...; NULL for an index without a register. */
const char *hv_msr_name(uint32_t index);

extern const struct node_class hv_node_class; /* hv?vtl= */
