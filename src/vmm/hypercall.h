/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Hypercalls (TLFS 3): one table (code, name, rules, handler), the register conventions of 64-bit
 * and 32-bit callers, and the hypercall page of modes user and sim.
 *
 * The page is endbr64; out HYPERCALL_PORT, eax; ret; int3... The exit of the OUT is the call.
 *
 * Purpose: decode, check in the order of spec 6.3 and 6.4, dispatch, encode the result.
 * Threads: the VP's own thread, registered with rcu_thread_init(). No allocation and no lock.
 * Errors:  HV_FAULT_UD (CPL > 0, real mode, page disabled); statuses go to the guest.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "common/node.h"
#include "hvdef/hv_hypercall.h"
#include "vmm/hv_fault.h"

struct vcpu;
struct vm;

/* imm8 port of the hypercall page's OUT; otherwise unused, and no delay port. */
#define HYPERCALL_PORT 0xf6
/* Offsets in the hypercall page: the OUT and the instruction after it. */
#define HYPERCALL_PAGE_OUT_OFFSET 4
#define HYPERCALL_PAGE_RET_OFFSET 6

struct hypercall_regs {
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, r8; /* in; rax and rdx out */
	bool long_mode;      /* EFER.LMA and CS.L */
	bool protected_mode; /* CR0.PE */
	uint8_t cpl;
};

enum { HYPERCALL_STAT_CODES = 4, HYPERCALL_STAT_STATUSES = 32 };
/* Statuses past the end are counted in the last place. */
struct hypercall_stat {
	_Atomic uint64_t by_status[HYPERCALL_STAT_STATUSES];
};
struct hypercall_stats {
	struct hypercall_stat code[HYPERCALL_STAT_CODES]; /* row of the hypercall table; last: unknown codes */
};

/*
 * Executes one hypercall: reads the input registers, writes the result registers. On HV_FAULT_UD
 * nothing is written; the fault is counted in vcpu->hypercall_faults and recorded here.
 */
enum hv_fault hypercall_dispatch(struct vcpu *vcpu, uint8_t vtl, struct hypercall_regs *regs);
/*
 * Mode kernel: a call that KVM hands over, after it has checked who may call; returns the result
 * word. `input` and `output` as the caller passed them, but for a slow HvSignalEvent: KVM has read
 * that one's input already, and `input` is what it read.
 */
uint64_t hypercall_from_kvm(struct vcpu *vcpu, uint64_t control, uint64_t input, uint64_t output);
/* Any thread: `calls` calls of HvSignalEvent succeeded that KVM answered without an exit. */
void hypercall_count_signals(struct vm *vm, uint64_t calls);
/* Any thread: how often a hypercall of the table was answered so. */
uint64_t hypercall_count(struct vm *vm, uint32_t code, enum hv_status status);
/* Fills a hypercall page. */
void hypercall_fill_page(uint8_t page[HV_PAGE_SIZE]);
/* "invalid_connection_id", ...; never NULL ("unknown"). */
const char *hv_status_name(uint64_t status);

/* The key of "every code without a handler". */
#define HYPERCALL_CODE_OTHER 0xffffu

struct hypercall_status_info {
	uint16_t status;
	char name[32];
	uint64_t count;
};
struct hypercall_info {
	uint32_t code;
	char name[32];
	uint64_t count;
	uint32_t status_count;
	struct hypercall_status_info statuses[HYPERCALL_STAT_STATUSES]; /* those that occurred */
};
extern const struct node_class hypercall_node_class; /* hypercalls/{code}; owner: struct vm */
