/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Delivery: what moves messages and timers into slots and raises interrupts. Private to synic*.c.
 *
 * Purpose: the one routine behind every trigger (post, EOM, register writes, timers, retry).
 * Threads: any; every function wants synic->lock held.
 * Errors:  as in synic.h.
 */
#include "vmm/synic.h"

/* Puts the next message or timer of `sint` into its slot if that is free. */
void synic_scan_locked(struct synic *synic, unsigned sint);
/* After a register changed: pays what is owed and looks at every slot. */
void synic_scan_all_locked(struct synic *synic);
/* Expires timers that are due. */
void synic_expire_locked(struct synic *synic);
/* Sets the loop timer to the earliest deadline: after anything that may have moved one. */
void synic_arm_locked(struct synic *synic);
/* Raises the SINT's interrupt: 0, the errno of the backend, or SYNIC_WITHHELD. */
enum { SYNIC_WITHHELD = 1 };
int synic_raise_locked(struct synic *synic, unsigned sint);
/* Raises the SINT's interrupt, or owes it. 0 or the errno of the backend. */
int synic_interrupt_locked(struct synic *synic, unsigned sint);
/* Raises an owed interrupt if it can be raised now and there still is something to see. */
void synic_pay_owed_locked(struct synic *synic, unsigned sint);
/* Takes a queued entry out and tells its owner. */
void synic_finish_locked(struct synic_sint *sint, struct synic_entry *entry, int status);
/* Completes everything queued with `status`; returns how many messages that were. */
unsigned synic_flush_locked(struct synic *synic, int status);

/* Where the slot and the event flags of `sint` are now, enabled or not. */
static inline struct hv_message *synic_slot_locked(const struct synic *synic, unsigned sint)
{
	return &((struct hv_message_page *)(void *)synic->simp_page.page)->slot[sint];
}

static inline struct hv_event_flags *synic_flags_locked(const struct synic *synic, unsigned sint)
{
	return &((struct hv_event_flags_page *)(void *)synic->siefp_page.page)->sint[sint];
}
