/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Virtual processors: one thread each, a run loop, a mailbox, a kick.
 *
 *	created -> running <-> parked -> stopped
 *
 * The VP thread alternates between vcpu_run() of the backend, the mailbox and, in mode kernel, the
 * slots that wait for it. It parks (sleeps, still serving both) while the VM is paused or stopped.
 *
 * Purpose: the life of a VP.
 * Threads: vcpu_send(), vcpu_wait() and vcpu_run_on() from any thread except VP threads; the rest
 *          says.
 * Errors:  -ETIMEDOUT when a VP does not answer before the deadline, -ESHUTDOWN when it is gone.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "common/node.h"
#include "common/util.h"
#include "vmm/msr.h"
#include "vmm/synic.h"
#include "vmm/vcpu_sample.h"

struct vm;

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
	struct hv_vp hv[HV_VTL_COUNT];    /* registers of msr.c */

	_Atomic uint64_t exits[VCPU_EXIT_COUNT]; /* written by the VP thread only */
	_Atomic uint64_t runtime_100ns;          /* VP_RUNTIME: CPU time of the thread */
	_Atomic uint64_t msr_faults, hypercall_faults;
	_Atomic uint64_t long_spin_waits;
	struct vcpu_sample sample; /* for inspection */

	pthread_t thread;
	bool started;      /* main thread: `thread` must be joined; others read it under mail_lock */
	_Atomic pid_t tid; /* of the thread; 0: it has not run yet */
	/*
	 * enum vcpu_state; written by the VP thread under mail_lock, by vcpu_stop() after it ended
	 */
	_Atomic int state;
	_Atomic bool work;   /* mode kernel: slots wait for this thread to write them */
	_Atomic bool kicked; /* the VP must leave the guest and look at its mailbox and the VM */

	pthread_mutex_t mail_lock; /* guards the mailbox and `stopping` */
	pthread_cond_t mail_cond;  /* new mail, mail done, state changed, VM may run */
	struct vcpu_mail *mail_head, *mail_tail;
	bool stopping;

	void *accel; /* owns, the backend's own part */
};

/* Main thread. Builds a VP with its SynICs and its backend part; its thread is not started. */
int vcpu_new(struct vm *vm, uint32_t index, struct vcpu **ret_vcpu) MUST_CHECK;
/* Main thread: stops the thread, frees. NULL is fine; returns NULL. */
struct vcpu *vcpu_free(struct vcpu *vcpu);

/* Main thread. Starts the VP's thread; it parks until the VM runs. */
int vcpu_start(struct vcpu *vcpu) MUST_CHECK;
/* Main thread. Asks the thread to end and joins it; mail that still waits gets -ESHUTDOWN. */
void vcpu_stop(struct vcpu *vcpu);

/* Any thread, never blocks: takes the VP out of the guest. */
void vcpu_kick(struct vcpu *vcpu);
/* VP thread, in the backend: vcpu_kick() was called since the VP last looked around. */
static inline bool vcpu_kicked(const struct vcpu *vcpu)
{
	return atomic_load(&vcpu->kicked);
}
/* Any thread: wakes a parked VP to see that the VM may run. */
void vcpu_wake(struct vcpu *vcpu);
/*
 * Any thread, never blocks, may be called with a SynIC lock held: has the VP call
 * synic_work(&vcpu->synic[0]) on its own thread, soon, whether it runs or is parked.
 */
void vcpu_request_work(struct vcpu *vcpu);
/* Waits until the VP does not run: 0, or -ETIMEDOUT. Not on its own thread. */
int vcpu_wait_parked(struct vcpu *vcpu, uint64_t deadline_ns) MUST_CHECK;

/* VP thread: counts an exit. */
static inline void vcpu_count_exit(struct vcpu *vcpu, enum vcpu_exit exit)
{
	uint64_t count = atomic_load_explicit(&vcpu->exits[exit], memory_order_relaxed);

	atomic_store_explicit(&vcpu->exits[exit], count + 1, memory_order_relaxed);
}
/*
 * Any thread but while vcpu_stop() runs: what the host's scheduler gave the VP's thread. False: it
 * has none.
 */
struct thread_time;
bool vcpu_thread_time(struct vcpu *vcpu, struct thread_time *ret_time) MUST_CHECK;
/* Any thread but while vcpu_stop() runs: brings runtime_100ns up to date. */
void vcpu_update_runtime(struct vcpu *vcpu);

/* The VP whose thread this is, or NULL. */
struct vcpu *vcpu_current(void);
/* Makes this the thread of `vcpu`, before it does anything else; NULL: of none any more. */
void vcpu_set_current(struct vcpu *vcpu);

typedef void (*vcpu_fn)(struct vcpu *vcpu, void *arg);
enum mail_state { MAIL_QUEUED, MAIL_RUNNING, MAIL_DONE, MAIL_REFUSED };

/* fn(vcpu, arg) to be run on the VP's thread with the guest stopped. The sender keeps it. */
struct vcpu_mail {
	vcpu_fn fn;
	void *arg;
	struct vcpu_mail *next; /* this and `state`: under mail_lock */
	enum mail_state state;
};

/* Each vcpu_send() must be followed by a vcpu_wait(); several VPs can so be asked at once. */
void vcpu_send(struct vcpu *vcpu, struct vcpu_mail *mail);
/*
 * Waits until the mail was run. `deadline_ns` on CLOCK_MONOTONIC; on -ETIMEDOUT it has been
 * withdrawn and will not run.
 */
int vcpu_wait(struct vcpu *vcpu, struct vcpu_mail *mail, uint64_t deadline_ns) MUST_CHECK;
/* Both: runs fn(vcpu, arg) on the VP's thread and waits for it. */
int vcpu_run_on(struct vcpu *vcpu, vcpu_fn fn, void *arg, uint64_t deadline_ns) MUST_CHECK;

extern const struct node_class vcpu_node_class;     /* vps/{vp}; owner: struct vm */
extern const struct node_class vcpu_cpu_node_class; /* vps/{vp}/cpu; owner: struct vm */
