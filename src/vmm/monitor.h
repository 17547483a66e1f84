/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Monitored notification (TLFS 11.11, spec 9): the guest sets a bit in a page instead of calling.
 *
 * A thread of its own polls the guest-to-host page while at least one monitor port and the page
 * exist, every minimum latency of the registered monitors (100 us at the least), takes pending bits
 * with an atomic exchange per group, and signals the ports. What the guest writes into parameters,
 * latencies or group enables has no effect: the host's own copy decides.
 *
 * Purpose: serve monitor-backed event ports.
 * Threads: set_page, add and remove from any thread but a handler's; servicing on its own thread.
 * Errors:  -EFAULT page outside RAM, -EEXIST monitor id taken, -EBUSY page in use.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "common/node.h"
#include "hvdef/hv_synic.h"

struct vm;

struct monitor_slot {
	bool used;
	uint32_t connection_id;
	uint32_t relid; /* the channel, for faults; 0: none */
	uint16_t latency_100ns;
	uint64_t hits;
};

struct monitor {
	struct vm *vm; /* borrows */
	pthread_mutex_t lock;
	pthread_cond_t cond;
	pthread_t thread;
	bool started, stopping;
	pid_t tid; /* of the thread; 0: it has not run yet */
	uint64_t page_gpa; /* UINT64_MAX: none */
	struct monitor_slot slot[HV_MONITOR_COUNT];
	unsigned used;
	uint64_t scans, scanned_ns; /* passes over the page; the last one, 0: never */
};

int monitor_init(struct monitor *monitor, struct vm *vm) MUST_CHECK;
void monitor_deinit(struct monitor *monitor);
/* The guest-to-host page; UINT64_MAX takes it away. Writes group enables and parameters into it. */
int monitor_set_page(struct monitor *monitor, uint64_t gpa) MUST_CHECK;
/* `latency_100ns` 0: 1 ms. `relid`: the VMBus channel behind the port, as faults name it; 0: none. */
int monitor_add(struct monitor *monitor, uint8_t id, uint32_t connection_id, uint16_t latency_100ns,
	uint32_t relid) MUST_CHECK;
void monitor_remove(struct monitor *monitor, uint8_t id);
/*
 * Bits that the guest has set and nobody has taken, 0-63 and 64-127; UINT64_MAX as the page: none.
 * The thread: whether there is one, and its id, which it tells once it runs.
 */
struct monitor_state {
	uint64_t page_gpa, scans, scanned_ns, pending[HV_MONITOR_COUNT / 64];
	bool started;
	pid_t tid;
};
void monitor_observe(struct monitor *monitor, struct monitor_state *ret_state);
/* One pass over the page, as the thread does it: for tests. Returns bits serviced. */
unsigned monitor_service(struct monitor *monitor);

struct monitor_info {
	uint32_t monitor_id, connection_id;
	uint32_t latency_100ns;
	uint64_t hits;
	uint64_t page_gpa; /* UINT64_MAX: none */
};
extern const struct node_class monitor_node_class; /* monitor/{monitor_id}; owner: struct vm */
