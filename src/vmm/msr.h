/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Synthetic MSRs: one table (number, name, privilege, scope, reset, read, write), O(1) dispatch.
 *
 * Registers of the SynIC and its timers live in synic.h; this module holds the others and gates
 * all of them by the privileges of cpuid.h. The hypercall page, the reference TSC page and the VP
 * assist page are overlays.
 *
 * Purpose: every rule of spec 2 for guest accesses.
 * Threads: the VP's own thread; readers for inspection from any thread.
 * Errors:  enum hv_fault; nothing a guest does is a host error.
 *
 * Locks: hv_partition.lock guards the register values and is held while a page is put in place, so
 * that two VPs writing one register cannot leave the page elsewhere than the register says. Order:
 * hv_partition.lock, overlays.lock, hv_partition.page_lock.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include "common/node.h"
#include "hvdef/hv_msr.h"
#include "hvdef/hv_synic.h"
#include "vmm/cpuid.h"
#include "vmm/hv_fault.h"
#include "vmm/overlay.h"

struct vcpu;
struct vm;

/* Partition-wide registers, one set per VTL. */
struct hv_partition {
	pthread_mutex_t lock;      /* guards the values below, and vp_assist of every VP */
	pthread_mutex_t page_lock; /* the lock of the overlays here and in struct hv_vp */
	struct vm *vm;             /* borrows */
	uint8_t vtl;
	struct hv_privileges withheld; /* taken away from the offer; set before VPs start */
	uint64_t guest_os_id, reference_tsc;
	_Atomic uint64_t hypercall; /* written under lock; hypercalls read it without */
	uint64_t crash[HV_CRASH_PARAMETERS];
	uint64_t crash_ctl; /* as written with the last crash; the guest reads capabilities */
	uint64_t crashes, crashed_ns; /* ever; the last one since power-on, 0: none */
	struct overlay hypercall_page, tsc_page;
};

/* Registers of one (VP, VTL) that are not the SynIC's; guarded by hv_partition.lock of the VTL. */
struct hv_vp {
	uint64_t vp_assist;
	struct overlay vp_assist_page;
};

void hv_partition_init(struct hv_partition *hv, struct vm *vm, uint8_t vtl);
void hv_partition_reset(struct hv_partition *hv);
void hv_partition_deinit(struct hv_partition *hv);

/* vcpu->hv of every VTL; after hv_partition_init() of all VTLs. Reset: no VP runs. */
void hv_vp_init(struct vcpu *vcpu);
void hv_vp_reset(struct vcpu *vcpu);
/* VP_ASSIST_PAGE as the guest last wrote it: for inspection. */
uint64_t hv_vp_assist(struct vcpu *vcpu, uint8_t vtl);

/*
 * `index` anywhere in 0x40000000..0x400001ff (beyond: #GP); `vtl` 0..2 is the VTL the VP runs in.
 * Faults are counted in vcpu->msr_faults and recorded here.
 */
enum hv_fault hv_msr_read(struct vcpu *vcpu, uint8_t vtl, uint32_t index, uint64_t *ret_value);
enum hv_fault hv_msr_write(struct vcpu *vcpu, uint8_t vtl, uint32_t index, uint64_t value);

/* VP thread: the guest reported a crash; counts and records it. */
void hv_crashed(struct vcpu *vcpu, uint8_t vtl, const uint64_t parameters[HV_CRASH_PARAMETERS]);

enum hv_msr_scope { HV_MSR_PARTITION, HV_MSR_VP };

/* A row of the table, as far as it concerns others. */
struct hv_msr_desc {
	const char *name; /* "SCONTROL", "STIMER0_CONFIG", ... */
	enum hv_msr_scope scope;
	uint64_t reset;
	struct hv_privileges need; /* all zero: not gated */
	bool readable, writable;   /* at all; false and false: known, not implemented */
};
/* 0, or -ENOENT for an index without a register. */
int hv_msr_describe(uint32_t index, struct hv_msr_desc *ret_desc) MUST_CHECK;
/* NULL for an index without a register. */
const char *hv_msr_name(uint32_t index);

struct hv_info {
	uint32_t vtl;
	uint64_t guest_os_id, hypercall;
	bool hypercall_enabled;
	uint64_t reference_tsc;
	uint8_t tsc_page_valid; /* or FIELD_BOOL_UNKNOWN */
	uint64_t tsc_hz, ref_count_100ns;
	uint64_t crash_p0, crash_p1, crash_p2, crash_p3, crash_p4, crash_ctl, crashes;
};
extern const struct node_class hv_node_class; /* hv?vtl=; owner: struct vm */
