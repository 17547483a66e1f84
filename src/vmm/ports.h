/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Ports: what a connection id leads to (TLFS 11.5-11.7, spec 10).
 *
 * One partition-wide namespace of 24-bit connection ids for message ports, event ports and
 * monitor-backed event ports. The id is cut in two halves that index a two-level table: a lookup
 * is two loads whatever the number of ports, needs no lock, and ports come out in order of their
 * ids. Registration takes a mutex. A handler runs on the calling thread inside an RCU read-side
 * section: it must not block and must not add or release a port.
 *
 * In mode kernel an event port that allows it (`coalesce`) has a fast path: KVM answers signals with
 * flag number 0 itself and adds them up in an eventfd, without an exit. What has added up is taken
 * at the next turn of the main loop, or by the release: the handler runs once, with caller NULL, and
 * only then do the counters of the port and of HvSignalEvent show the signals. The guest has had
 * its HV_STATUS_SUCCESS by then, whatever the handler answers. Everything else, a port that could
 * not get an eventfd included, comes as a hypercall.
 *
 * Purpose: dispatch HvPostMessage and HvSignalEvent to their receivers.
 * Threads: add and release from any thread outside a handler; post and signal from any thread
 *          that called rcu_thread_init(); settle on the main loop; inspection from any.
 * Errors:  -EEXIST duplicate id or monitor id, -EINVAL, -ENOMEM; guest results are enum hv_status.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include "common/node.h"
#include "hvdef/hv_hypercall.h"
#include "hvdef/hv_synic.h"
#include "vmm/signal_fds.h"

struct vcpu;
struct vm;
struct port;
struct port_leaf;

enum port_type { PORT_MESSAGE, PORT_EVENT, PORT_MONITOR };

/* `caller` is NULL for a post made through the API. */
typedef enum hv_status (*port_message_fn)(void *arg, struct vcpu *caller, const struct hv_post_message_input *input);
/* `flag` < the port's flag_count. `caller` is NULL for the API, the monitor page and a fast path. */
typedef enum hv_status (*port_event_fn)(void *arg, struct vcpu *caller, uint16_t flag);

struct port_spec {
	uint32_t connection_id; /* 24 bits */
	enum port_type type;
	uint8_t minimum_vtl; /* 0..2 */
	const char *owner;   /* copied, at most 15 characters: "demo", "testdev", "vmbus" */
	uint16_t flag_count; /* event ports: 1..2048; 0 = 2048 */
	/*
	 * PORT_EVENT: on_event need not know the caller, nor how often flag 0 was signalled. It may
	 * run for several signals at once, on the main loop or on the thread that releases the port.
	 */
	bool coalesce;
	uint8_t monitor_id;      /* PORT_MONITOR: 0..127 */
	uint16_t monitor_latency; /* PORT_MONITOR: 100 ns units, 0 = 1 ms */
	uint32_t relid;           /* PORT_MONITOR: the VMBus channel, for faults; 0: none */
	port_message_fn on_message; /* PORT_MESSAGE */
	port_event_fn on_event;     /* PORT_EVENT, PORT_MONITOR */
	void *arg;
};

enum { PORTS_LEAVES = 4096 }; /* connection id bits 23:12 */

struct ports {
	struct vm *vm;        /* borrows */
	pthread_mutex_t lock; /* serialises add and release, guards what inspection looks at */
	struct signal_fds signals; /* of ports with a fast path */
	_Atomic uint64_t count;
	_Atomic(struct port_leaf *) leaf[PORTS_LEAVES]; /* owns; made on first use, kept till deinit */
};

int ports_init(struct ports *ports, struct vm *vm) MUST_CHECK;
/* Every port must have been released. */
void ports_deinit(struct ports *ports);

int ports_add(struct ports *ports, const struct port_spec *spec, struct port **ret_port) MUST_CHECK;
/*
 * Unregisters and returns after the last running handler; signals that a fast path accepted before
 * have been handled by then. NULL is fine. Returns NULL.
 */
struct port *port_release(struct port *port);
/* Main loop, no VP runs: handles and counts the signals that fast paths have accepted so far. */
void ports_settle(struct ports *ports);

/*
 * HvPostMessage once its input has been copied (spec 6.3): payload size or type 0x05, unknown id
 * 0x12, kind 0x11, VTL 0x08, handler's status. `caller` NULL: a post made through the API.
 */
enum hv_status ports_post_message(struct ports *ports, struct vcpu *caller, uint8_t vtl,
	const struct hv_post_message_input *input);
/* HvSignalEvent (spec 6.4): unknown id 0x12, kind 0x11, VTL 0x08, flag 0x05, handler's status. */
enum hv_status ports_signal_event(struct ports *ports, struct vcpu *caller, uint8_t vtl,
	uint32_t connection_id, uint16_t flag);

struct port_info {
	uint32_t connection_id;
	uint32_t type; /* enum port_type */
	uint32_t minimum_vtl;
	char owner[16];
	bool fast_path;
	char fast_path_error[16]; /* "EMFILE"; "": none */
	uint32_t flag_count; /* UINT32_MAX: none */
	uint32_t monitor_id; /* UINT32_MAX: none */
	uint64_t accepted, denied, busy, wrong_kind, failed;
	uint64_t last_age_ns; /* UINT64_MAX: never called */
};
extern const struct node_class port_node_class; /* ports/{connection_id}; owner: struct vm */
