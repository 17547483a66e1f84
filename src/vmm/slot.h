/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * One message slot of a SIMP, as the hypervisor writes it (TLFS 11.8.3, spec 3.4).
 *
 *	hypervisor                                guest
 *	type != 0: set pending                    read the message
 *	  full barrier                            type := 0
 *	  type == 0 now?  -> slot is free           full barrier
 *	bytes 4..255, then type 0 -> T            pending set? -> write EOM
 *
 * Whichever way the two middle steps interleave, either we find the slot free or the guest writes
 * EOM. The last step is a compare-and-swap, so that another writer of the same slot (KVM's timers)
 * makes the slot occupied instead of being overwritten.
 *
 * Purpose: the protocol, on a slot that the guest may scribble on at any time.
 * Threads: one hypervisor-side writer at a time (synic->lock); any number of guest threads.
 * Errors:  none.
 */
#include <stdbool.h>
#include <stdint.h>
#include "common/util.h"
#include "hvdef/hv_synic.h"

/* 0: the slot is free. */
uint32_t slot_type(const struct hv_message *slot);
/* The occupant carries the pending flag. */
bool slot_pending(const struct hv_message *slot);
/*
 * True: `message` (type != 0) is in the slot, with the pending flag when `more` wait behind it.
 * False: the slot is occupied and the occupant carries the pending flag.
 */
bool slot_write(struct hv_message *slot, const struct hv_message *message, bool more) MUST_CHECK;
/* The same without asking the occupant for an EOM: for a fault that loses the pending flag. */
bool slot_write_silently(struct hv_message *slot, const struct hv_message *message) MUST_CHECK;
/* A copy for inspection; false when the slot changed meanwhile. */
bool slot_read(const struct hv_message *slot, struct hv_message *ret_message) MUST_CHECK;
