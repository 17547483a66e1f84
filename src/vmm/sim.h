/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The `sim` backend: software guests, compiled into the process, on the real SynIC code.
 *
 * A software guest is a C function. It runs on the VP's thread, on a stack of its own, and reaches
 * the machine only through the primitives below. Every primitive looks for work first: it takes
 * interrupts, and leaves the guest when the VP was kicked or reset by INIT. So a guest that spins
 * over any primitive can be paused, inspected, reset and stopped at any time; it must not spin
 * without one, and must own nothing outside guest RAM, because it may be abandoned between two
 * primitives.
 *
 * Purpose: run guests where there is no /dev/kvm, and test the SynIC with all VTLs.
 * Threads: the primitives on the VP's own thread inside the guest.
 * Errors:  enum hv_fault.
 */
#include <stdint.h>
#include "common/util.h"
#include "vmm/cpuid.h"
#include "vmm/hv_fault.h"
#include "vmm/hypercall.h"

struct sim_vp; /* one VP as its software guest sees it */
struct vcpu;
struct vm;

typedef void (*sim_entry_fn)(struct sim_vp *vp, void *arg);
typedef void (*sim_interrupt_fn)(struct sim_vp *vp, unsigned vector, void *arg);

/* What vm->boot.data points to: VP 0 starts entry(vp, arg) with interrupts disabled. */
struct sim_guest {
	sim_entry_fn entry;
	void *arg;
};

struct vcpu *sim_vcpu(struct sim_vp *vp);

/* ---- registers and ports ------------------------------------------------- */

/* Later MSR accesses and hypercalls are made in this VTL (0-2). */
void sim_set_vtl(struct sim_vp *vp, uint8_t vtl);
enum hv_fault sim_rdmsr(struct sim_vp *vp, uint32_t index, uint64_t *ret_value);
enum hv_fault sim_wrmsr(struct sim_vp *vp, uint32_t index, uint64_t value);
enum hv_fault sim_hypercall(struct sim_vp *vp, struct hypercall_regs *regs);
void sim_io(struct sim_vp *vp, uint16_t port, unsigned size, bool write, uint32_t *value);
/* Leaf 1 and the Hyper-V leaves; everything else reads zeros. */
void sim_cpuid(struct sim_vp *vp, uint32_t function, struct cpuid_leaf *ret_leaf);
uint64_t sim_tsc(struct sim_vp *vp);

/* ---- interrupts ---------------------------------------------------------- */

/* `fn` runs with interrupts disabled; they are enabled again when it returns. */
void sim_on_interrupt(struct sim_vp *vp, sim_interrupt_fn fn, void *arg);
void sim_irq_enable(struct sim_vp *vp);
void sim_irq_disable(struct sim_vp *vp);
/* Enables interrupts and sleeps until one has been taken. */
void sim_halt(struct sim_vp *vp);
void sim_pause(struct sim_vp *vp);
void sim_eoi(struct sim_vp *vp);

/* ---- other VPs; an unknown target is ignored ----------------------------- */

void sim_ipi(struct sim_vp *vp, uint32_t target, uint8_t vector);
/* Resets the target, its SynICs included; it then waits for SIPI. */
void sim_init(struct sim_vp *vp, uint32_t target);
/* Starts the target at entry(vp, arg) if it waits for SIPI. */
void sim_sipi(struct sim_vp *vp, uint32_t target, sim_entry_fn entry, void *arg);
