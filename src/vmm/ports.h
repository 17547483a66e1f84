/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Ports: what a connection id leads to (TLFS 11.5-11.7, spec 10).
 *
 * One partition-wide namespace of 24-bit connection ids for message ports, event ports and
 * monitor-backed event ports. Lookups are lock-free and O(1) (rculfhash); registration takes a
 * mutex. A handler runs on the calling VP's thread inside an RCU read-side section: it must not
 * block and must not release a port.
 *
 * Purpose: dispatch HvPostMessage and HvSignalEvent to their receivers.
 * Threads: add and release from any thread but VP threads; post and signal from any.
 * Errors:  -EEXIST duplicate id, -EINVAL, -ENOMEM; guest results are enum hv_status.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include "common/node.h"
#include "hvdef/hv_hypercall.h"
#include "hvdef/hv_synic.h"

struct vcpu;
struct vm;
struct port;
struct cds_lfht;

enum port_type { PORT_MESSAGE, PORT_EVENT, PORT_MONITOR };

/* `caller` is NULL for a post made through the API. */
typedef enum hv_status (*port_message_fn)(void *arg, struct vcpu *caller, const struct hv_post_message_input *input);
/* `flag` < the port's flag_count. */
typedef enum hv_status (*port_event_fn)(void *arg, struct vcpu *caller, uint16_t flag);

struct port_spec {
	uint32_t connection_id; /* 24 bits */
	enum port_type type;
	uint8_t minimum_vtl; /* 0..2 */
	const char *owner;   /* copied; who registered it: "demo", "testdev", "vmbus" */
	uint16_t flag_count; /* event ports: 1..2048; 0 = 2048 */
	uint8_t monitor_id;      /* PORT_MONITOR: 0..127 */
	uint16_t monitor_latency; /* PORT_MONITOR: 100 ns units, 0 = 1 ms */
	port_message_fn on_message; /* PORT_MESSAGE */
	port_event_fn on_event;     /* PORT_EVENT, PORT_MONITOR */
	void *arg;
};

struct ports {
	struct vm *vm; /* borrows */
	pthread_mutex_t lock; /* serialises add and release */
	struct cds_lfht *table;
	_Atomic uint64_t count;
};

int ports_init(struct ports *ports, struct vm *vm) MUST_CHECK;
/* Every port must have been released. */
void ports_deinit(struct ports *ports);

int ports_add(struct ports *ports, const struct port_spec *spec, struct port **ret_port) MUST_CHECK;
/* Unregisters and returns after the last running handler; NULL is fine. Returns NULL. */
struct port *port_release(struct port *port);

/* HvPostMessage after input checks (spec 6.3): unknown 0x12, kind 0x11, VTL 0x08, handler's status. */
enum hv_status ports_post_message(struct ports *ports, struct vcpu *caller, uint8_t vtl,
	const struct hv_post_message_input *input);
/* HvSignalEvent after input checks (spec 6.4). */
enum hv_status ports_signal_event(struct ports *ports, struct vcpu *caller, uint8_t vtl,
	uint32_t connection_id, uint16_t flag);

extern const struct node_class port_node_class; /* ports/{connection_id} */
