/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What an operator can do to a channel that does not move (spec/vmbus.md 10.2).
 *
 * Purpose: wake whoever may have missed a signal; take an offer back and make it again.
 * Threads: main loop; takes the bus's lock. channel_glance() on any.
 * Errors:  -ENOENT no such channel; enum remedy_condition.
 */
#include <stdbool.h>
#include <stdint.h>
#include "common/field.h"
#include "common/util.h"

struct vmbus;

enum remedy_condition {
	REMEDY_E_NOT_OPEN = 1, /* unstick: there are no rings to look at */
	REMEDY_E_NOT_OFFERED,  /* rescind: the guest does not know it, or was told already */
};

/* What an operator compares before and after. UINT32_MAX: unknown, the channel has no rings. */
struct channel_glance {
	bool present;
	uint32_t state, device_state;
	uint32_t to_host_used, to_host_mask, to_host_pending;
	uint32_t to_guest_used, to_guest_mask, to_guest_pending;
	uint8_t event_flag; /* FIELD_BOOL_UNKNOWN: no target VP, or SIEFP is off */
	uint64_t signals_in, signals_out;
};
extern const struct field_table channel_glance_table;

/* Any thread: -ENOENT. */
int channel_glance(struct vmbus *bus, uint32_t relid, struct channel_glance *ret_glance) MUST_CHECK;

/* Who needs to be woken, and was unless it was a dry run. */
struct unstick_result {
	bool guest_reads;  /* packets wait for the guest, which did not mask the ring */
	bool guest_writes; /* the guest waits for room that there is */
	bool host_reads;   /* packets wait for the host, which is not at it */
	struct channel_glance before;
};
/* `force`: signals the guest although nothing says that it waits. */
int vmbus_unstick(struct vmbus *bus, uint32_t relid, bool force, bool dry_run,
	struct unstick_result *ret_result) MUST_CHECK;

struct rescind_result {
	bool offered_again; /* will be, when the guest has let go; not what is offered once */
	struct channel_glance before;
};
int vmbus_rescind(struct vmbus *bus, uint32_t relid, bool dry_run,
	struct rescind_result *ret_result) MUST_CHECK;
