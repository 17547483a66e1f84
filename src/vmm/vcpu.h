/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Virtual processors: one thread each, a run loop, a mailbox, a kick.
 *
 *	created -> running <-> parked -> stopped
 *
 * The VP thread alternates between vcpu_run() of the backend and the mailbox. It parks (sleeps,
 * still serving its mailbox) while the VM is paused or stopped.
 *
 * Purpose: the life of a VP.
 * Threads: vcpu_run_on() from any thread except VP threads; the rest says.
 * Errors:  -ETIMEDOUT when a VP does not answer before the deadline, -ESHUTDOWN when it is gone.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include "common/node.h"
#include "common/util.h"
#include "vmm/msr.h"
#include "vmm/synic.h"

struct vm;
struct vcpu_mail;

enum vcpu_state { VCPU_CREATED, VCPU_RUNNING, VCPU_PARKED, VCPU_STOPPED };

enum vcpu_exit {
	VCPU_EXIT_IO,
	VCPU_EXIT_MMIO,
	VCPU_EXIT_MSR_READ,
	VCPU_EXIT_MSR_WRITE,
	VCPU_EXIT_HYPERCALL,
	VCPU_EXIT_HLT,
	VCPU_EXIT_INTERRUPTED,
	VCPU_EXIT_OTHER,
	VCPU_EXIT_COUNT,
};

struct vcpu {
	struct vm *vm;    /* borrows (outlived by vm) */
	uint32_t index;   /* VP index */
	uint32_t apic_id; /* == index */

	struct synic synic[HV_VTL_COUNT]; /* KVM guests use VTL 0 only */
	struct hv_vp hv[HV_VTL_COUNT];       /* registers of msr.c */

	_Atomic uint64_t exits[VCPU_EXIT_COUNT]; /* written by the VP thread only */
	_Atomic uint64_t runtime_100ns;          /* VP_RUNTIME, updated at exits */
	_Atomic uint64_t msr_faults, hypercall_faults;
	_Atomic uint64_t long_spin_waits;

	pthread_t thread;
	_Atomic int state; /* enum vcpu_state, written by the VP thread */

	pthread_mutex_t mail_lock; /* guards the mailbox */
	pthread_cond_t mail_cond;
	struct vcpu_mail *mail_head, *mail_tail;

	void *accel; /* owns, the backend's own part */
};

/* Starts the VP's thread; it parks until the VM runs. */
int vcpu_start(struct vcpu *vcpu) MUST_CHECK;
/* Asks the thread to end and joins it. */
void vcpu_stop(struct vcpu *vcpu);

/* The VP whose thread this is, or NULL. */
struct vcpu *vcpu_current(void);

/*
 * Runs fn(vcpu, arg) on the VP's thread with the guest stopped, and waits for it.
 * `deadline_ns` on CLOCK_MONOTONIC. `arg` must stay valid until the call returns; on -ETIMEDOUT the
 * work has been withdrawn and will not run.
 */
typedef void (*vcpu_fn)(struct vcpu *vcpu, void *arg);
int vcpu_run_on(struct vcpu *vcpu, vcpu_fn fn, void *arg, uint64_t deadline_ns) MUST_CHECK;

extern const struct node_class vcpu_node_class; /* vps/{vp} */
