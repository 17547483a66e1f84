/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The synthetic interrupt controller of one (VP, VTL), TLFS 11.
 *
 * State: SCONTROL, SIEFP, SIMP, SINT0-15, two overlay pages, four timers, and behind every message
 * slot a bounded FIFO. One delivery routine (synic_scan_locked) serves every trigger: a post, EOM,
 * a write to SIMP, SCONTROL or a SINT, a timer, and a retry a millisecond after a slot was busy.
 *
 * A message may be written whenever SIMP is enabled; the interrupt needs SCONTROL.0, an unmasked,
 * non-polling, non-proxy SINT. An interrupt withheld after a write is owed and raised once when
 * the obstacle goes and the slot or a flag is still set.
 *
 * Mode kernel: the registers and timers of VTL 0 are KVM's, which reports SCONTROL, SIEFP and SIMP
 * as the guest writes them, and EOMs. What differs here (synic_is_kernel()): a slot is written by
 * the VP's own thread only; a SINT is asserted through its GSI, and KVM alone knows of a mask.
 *
 * Purpose: registers, message slots with the pending protocol, event flags.
 * Threads: any. `lock` guards everything here but `resets` and `gsi`. It may be held while a vector
 *          or a SINT is asserted, an eventfd is written or a VP is asked for work; it is never held
 *          across a completion on the main loop, a port handler, overlay_set() or
 *          sint_routes_update(). `setup_lock` is taken before
 *          overlays.lock by whoever moves a page, so that a register and its overlay agree.
 * Errors:  noted per function; guest-visible ones are enum hv_status or enum hv_fault.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include "common/node.h"
#include "hvdef/hv_hypercall.h"
#include "hvdef/hv_synic.h"
#include "vmm/hv_fault.h"
#include "vmm/overlay.h"
#include "vmm/stimer.h"

struct vcpu;
struct vm;
struct loop_timer;
struct sint_route;

enum synic_entry_state { SYNIC_ENTRY_IDLE, SYNIC_ENTRY_QUEUED, SYNIC_ENTRY_DONE };

/*
 * A message on its way to a slot. Embedded in its owner (staged message, guest port message); the
 * owner keeps it alive until `done` ran or synic_withdraw() returned true.
 */
struct synic_entry {
	TAILQ_ENTRY(synic_entry) link;
	struct hv_message message; /* header.flags is ours */
	enum synic_entry_state state;
	bool once;   /* busy slot: complete with -EAGAIN when it is freed (spec 4.2 b) */
	bool staged; /* a route's staged message; for inspection */
	bool tried;  /* found the slot busy at least once */
	uint64_t queued_ns;
	/*
	 * Under synic->lock, any thread: must only note the result and defer. 0 written and, where
	 * due, interrupt raised; -EAGAIN slot busy (`once`); -ENXIO SIMP disabled (`once`);
	 * -ECANCELED VP or VM reset; other negative errno of the interrupt.
	 */
	void (*done)(struct synic_entry *entry, int status);
};

/*
 * Wants to hear, once, that a FIFO which refused a post has room. Embedded in its owner, which
 * keeps it alive until `room` ran or synic_unwait() returned.
 */
struct synic_waiter {
	TAILQ_ENTRY(synic_waiter) link;
	bool waiting;
	void (*room)(struct synic_waiter *waiter); /* under synic->lock: must only defer */
};

struct synic_sint {
	uint64_t msr; /* raw SINTn; not in mode kernel */
	TAILQ_HEAD(, synic_entry) queue;
	TAILQ_HEAD(, synic_waiter) waiters;
	uint32_t depth;
	bool irq_owed;
	bool timer_turn; /* fairness: a waiting timer goes before the next queued message */
	struct sint_route *route; /* borrows; written under sint_routes.lock and `lock` */
	_Atomic uint32_t gsi; /* the SINT's for the VM's life, 0: none yet; by sint_routes.lock */
	/* 0: never */
	uint64_t last_delivery_ns, last_event_ns, last_interrupt_ns;
	uint64_t posted, delivered, busy, dropped, retries, events, interrupts, owed;
	int last_error;
};

struct synic {
	pthread_mutex_t setup_lock; /* serialises writers of SIEFP and SIMP */
	pthread_mutex_t lock;
	struct vcpu *vcpu; /* borrows */
	struct vm *vm;     /* borrows */
	uint8_t vtl;
	uint64_t scontrol, siefp, simp;
	struct overlay siefp_page, simp_page;
	struct synic_sint sint[HV_SINT_COUNT];
	struct stimer stimer[HV_STIMER_COUNT];
	struct loop_timer *timer; /* owns: earliest of the timers' due times and the retry */
	uint64_t armed_ns;        /* what `timer` is set to; it may fire without cause */
	uint64_t retry_ns;        /* 0: no retry wanted */
	uint16_t waiting_sints;   /* bit per SINT: a message or timer could not go into its slot */
	uint16_t lost_sints;      /* bit per SINT: a fault lost its pending flag; no retry */
	uint16_t work_sints;      /* mode kernel, bit per SINT: its slot waits for the VP's thread */
	uint64_t eoms, last_eom_ns; /* an EOM is for all SINTs */
	/* Resets so far. What waits outside the FIFOs since an earlier count is void. */
	_Atomic uint32_t resets;
};

/* `vcpu` knows its VM and index; the memory must be zeroed. Main loop: makes a timer. */
int synic_init(struct synic *synic, struct vcpu *vcpu, uint8_t vtl) MUST_CHECK;
/* Takes one that was never initialised. Completes what is queued with -ECANCELED. */
void synic_deinit(struct synic *synic);
/* The SynIC of (vp, vtl), NULL if there is none. */
struct synic *synic_find(struct vm *vm, uint64_t vp, uint64_t vtl);
/* VP INIT and VM reset: reset values, pages zeroed, timers stopped, queue completed with -ECANCELED. */
void synic_reset(struct synic *synic);

/*
 * SCONTROL..SINT15 (TLFS 11.8) and STIMER0_CONFIG..STIMER3_COUNT (TLFS 12.3); any other index is
 * #GP. The VP's own thread or any (API).
 */
enum hv_fault synic_msr_read(struct synic *synic, uint32_t index, uint64_t *ret_value);
enum hv_fault synic_msr_write(struct synic *synic, uint32_t index, uint64_t value);

/*
 * Queues a message behind the slot of `sint` (0-15) and tries to deliver. 0: accepted, `done` will
 * be called exactly once, possibly before this returns. -EAGAIN: the FIFO holds
 * HV_MESSAGE_QUEUE_MAX messages. -EINVAL: sint, type 0 or payload_size > 240.
 */
int synic_post(struct synic *synic, unsigned sint, struct synic_entry *entry) MUST_CHECK;
/* The same; on -EAGAIN `waiter` is told once when there is room. */
int synic_post_or_wait(struct synic *synic, unsigned sint, struct synic_entry *entry,
	struct synic_waiter *waiter) MUST_CHECK;
void synic_unwait(struct synic *synic, unsigned sint, struct synic_waiter *waiter);
/* Takes a queued message back; false when `done` has run or is running. */
bool synic_withdraw(struct synic *synic, unsigned sint, struct synic_entry *entry);

enum synic_sender { SYNIC_FROM_HOST, SYNIC_FROM_GUEST };
/*
 * Sets event flag `flag` (0-2047) of `sint` (TLFS 11.4). Host: 0, 1 when it was already set,
 * -EINVAL, -ENXIO (SCONTROL or SIEFP off). From a guest a masked SINT is -EPERM with the flag
 * untouched; from the host the flag is set and the interrupt is owed.
 */
int synic_set_event_flag(struct synic *synic, unsigned sint, unsigned flag, enum synic_sender sender) MUST_CHECK;

/* Any thread: 1 the flag is set, 0 it is not, -ENXIO SIEFP off, -EINVAL. */
int synic_event_flag(struct synic *synic, unsigned sint, unsigned flag) MUST_CHECK;

/* Asserts the SINT's vector without a message. -EPERM masked, polling or proxy; -ENXIO SCONTROL off. */
int synic_assert(struct synic *synic, unsigned sint) MUST_CHECK;

/* What moves when a SINT moves, in every mode without asking the VP. */
struct synic_glance {
	bool present;
	bool simp_enabled; /* else the slot says nothing */
	bool slot_busy, slot_pending;
	uint32_t slot_type;
	uint32_t queue_depth;
	bool irq_owed;
	uint64_t interrupts; /* raised by hvd */
};
/* Any thread; `sint` 0-15. */
struct synic_glance synic_glance(struct synic *synic, unsigned sint);

/*
 * The same, after another look at the slot: what waits goes into it if it is free, or its occupant
 * is asked for an EOM once more. For somebody who thinks that one of these got lost.
 */
int synic_kick(struct synic *synic, unsigned sint) MUST_CHECK;

/* Whether an interrupt of the SINT is withheld, to be raised when the obstacle goes. Any thread. */
bool synic_owes(struct synic *synic, unsigned sint);

/* Whether KVM holds the registers and timers. */
bool synic_is_kernel(const struct synic *synic);
/*
 * Mode kernel, the VP's thread after a guest wrote SCONTROL, SIEFP or SIMP: all three as KVM has
 * them now. A page outside RAM stays without effect: KVM has accepted it, #GP is no longer possible.
 */
void synic_kernel_sync(struct synic *synic, uint64_t scontrol, uint64_t siefp, uint64_t simp);
/* Mode kernel, any thread: KVM may have reported EOMs, or EOIs of the SINT's vector. */
void synic_kernel_acked(struct synic *synic, unsigned sint);
/* Mode kernel, the VP's thread outside the guest: writes the slots that wait for it. */
void synic_work(struct synic *synic);
/* The timer fired or the test clock moved: expires timers and retries. */
void synic_deadline(struct synic *synic);

/* Whether the SINT is masked, as far as hvd knows: in mode kernel only KVM does. `lock` is held. */
bool synic_masked_locked(const struct synic *synic, unsigned sint);
/*
 * The vector a SINT may be asserted with now and whether it is auto-EOI. -ENXIO SCONTROL off,
 * -EPERM masked, polling or proxy. In mode kernel only SCONTROL is looked at, and the vector is 0:
 * KVM knows it. `lock` is held.
 */
int synic_vector_locked(const struct synic *synic, unsigned sint, uint8_t *ret_vector, bool *ret_auto_eoi) MUST_CHECK;
/* Counts and records an interrupt that was raised with `status`. `lock` is held. */
void synic_raised_locked(struct synic *synic, unsigned sint, uint8_t vector, bool auto_eoi, int status);

/* Owner of these: struct vm. Snapshots are in synic_info.h. */
extern const struct node_class synic_node_class;  /* vps/{vp}/synic?vtl=, flat: synics */
extern const struct node_class sint_node_class;   /* vps/{vp}/sints/{sint}?vtl=, flat: sints */
extern const struct node_class stimer_node_class; /* vps/{vp}/stimers/{timer}?vtl=, flat: stimers */
extern const struct node_class message_node_class; /* messages/{vp}/{sint}/{position}?vtl= */
