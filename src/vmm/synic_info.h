/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Snapshots of the SynIC, its SINTs, timers, messages and routes, as inspection shows them.
 *
 * Purpose: the info structs behind the node classes of synic.h and sint_route.h.
 * Threads: filled under short locks from any thread, in mode kernel from what the VP has read
 *          (vcpu_sample.h); a slot is read while the guest may change it
 *          (`torn` says so).
 * Errors:  none.
 */
#include <stdbool.h>
#include <stdint.h>
#include "common/node.h"
#include "hvdef/hv_synic.h"

struct synic;
struct vm;

enum { SINT_INFO_FLAGS = 64, MESSAGE_INFO_PAYLOAD = 32 };

struct synic_info {
	uint32_t vp, vtl;
	uint32_t mode; /* enum synic_mode */
	uint64_t scontrol, sversion, siefp, simp;
	bool enabled, simp_enabled, siefp_enabled;
	uint64_t simp_gpa, siefp_gpa; /* all ones: disabled */
	uint64_t eoms; /* all ones: KVM executes them */
	bool retry_armed;
};

struct slot_info {
	bool present;
	bool busy;
	uint32_t type;
	uint32_t payload_size;
	bool pending;
	uint64_t sender;
	uint64_t age_ns; /* all ones: free, or not filled by us */
	bool torn;
};

struct sint_info {
	uint32_t vp, vtl, sint;
	uint64_t raw;
	uint32_t vector;
	bool masked, auto_eoi, polling, proxy;
	struct slot_info slot;
	uint32_t event_flags[SINT_INFO_FLAGS];
	uint32_t event_flags_listed;
	uint32_t event_flag_count;
	uint32_t queue_depth, queue_capacity;
	bool irq_owed;
	/* All ones: never, or not known. */
	uint64_t last_eom_age_ns, last_delivery_age_ns, last_event_age_ns, last_interrupt_age_ns;
	uint64_t posted, delivered, busy, dropped, retries, events, interrupts, owed;
	int32_t last_error;
};

struct stimer_info {
	uint32_t vp, vtl, timer;
	uint64_t config, count;
	bool enabled, periodic, lazy, auto_enable, direct;
	uint32_t vector, sint;
	uint8_t armed;                 /* this and `waiting`: or FIELD_BOOL_UNKNOWN */
	uint64_t due_100ns, due_in_ns; /* all ones: not armed, or not known */
	uint8_t waiting;
	uint64_t expirations, delivered, dropped; /* all ones: not known */
};

enum message_where { MESSAGE_SLOT, MESSAGE_QUEUED, MESSAGE_STAGED };

struct message_info {
	uint32_t vp, vtl, sint, position;
	uint32_t where; /* enum message_where */
	uint32_t type;
	uint32_t payload_size;
	uint64_t sender;
	uint64_t age_ns;
	uint8_t payload[MESSAGE_INFO_PAYLOAD];
	uint32_t payload_shown;
};

struct staged_info {
	uint32_t state; /* enum staged_state */
	int32_t status;
	uint32_t type;
	uint32_t payload_size;
	bool slot_busy;
	uint64_t age_ns; /* all ones: free */
};

struct route_info {
	uint32_t vp, vtl, sint;
	uint32_t gsi, refcount;
	bool ack;
	struct staged_info staged;
	uint64_t sets, acks, posts, completions, refused;
};

/* Time since `then_ns`; all ones (JSON null) when that is 0. */
uint64_t synic_age_or_null(const struct synic *synic, uint64_t then_ns);

/*
 * Lists what is addressed by (VP, column) with the VTL behind: for node_class.list. Objects for
 * which `get` answers -ENOENT are left out. The largest info is VP_GRID_INFO_MAX bytes.
 */
enum { VP_GRID_INFO_MAX = 1024 };
typedef int (*vp_grid_get_fn)(void *owner, const uint64_t *key, void *ret_info);
void vp_grid_list(struct vm *vm, unsigned columns, vp_grid_get_fn get, const uint64_t *key,
	unsigned fixed, const uint64_t *after, node_visit_fn visit, void *arg);
