/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Life of a port: ports_add() fills it, then publishes it in its leaf; port_release() unpublishes
 * it, waits for the read-side sections that may have found it, and frees it. A handler runs inside
 * such a section, so nothing of its owner may go away before port_release() returned.
 *
 * A fast path is there before the port is published and ends before it is unpublished, so a signal
 * with flag 0 always has somewhere to go. What KVM added to the eventfd before the end is taken by
 * the loop or by the release, whoever reads first; the other finds nothing. The descriptor is
 * closed after the wait, when the loop cannot be reading it any more.
 *
 * A port is two cache lines, and a call that succeeds touches the first only: with a million ports
 * in use, what a call costs is the cache misses on its port.
 */
#include "vmm/ports.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/cleanup.h"
#include "common/rcu.h"
#include "vmm/event.h"
#include "vmm/vm.h"

#define CACHE_LINE 64

enum { LEAF_SLOTS = 4096 }; /* connection id bits 11:0 */
_Static_assert(PORTS_LEAVES *LEAF_SLOTS == HV_CONNECTION_ID_MASK + 1, "24-bit connection ids");

struct port {
	void *arg;
	union {
		port_message_fn on_message;
		port_event_fn on_event;
	};
	_Atomic uint64_t accepted;
	_Atomic uint64_t last_ns; /* 0: never */
	uint32_t connection_id;
	uint16_t flag_count; /* 0 for a message port */
	uint8_t type;        /* enum port_type */
	uint8_t minimum_vtl;
	uint8_t monitor_id;

	_Alignas(CACHE_LINE) struct ports *ports; /* borrows (outlives every port) */
	_Atomic uint64_t denied, busy, wrong_kind, failed;
	char owner[16];
	int signal_fd;       /* owns; -1: signals exit */
	int fast_path_error; /* why they do, though they need not; 0: no such reason */
};
_Static_assert(sizeof(struct port) == 2 * CACHE_LINE, "a million ports fit in 128 MB");

struct port_leaf {
	_Atomic(struct port *) slot[LEAF_SLOTS];
};

/* ---- lookup --------------------------------------------------------------- */

/* Inside a read-side section, or with ports->lock held. NULL when the id leads nowhere. */
static struct port *find(struct ports *ports, uint32_t id)
{
	struct port_leaf *leaf;

	if (id & ~HV_CONNECTION_ID_MASK)
		return NULL;
	leaf = atomic_load_explicit(&ports->leaf[id / LEAF_SLOTS], memory_order_acquire);
	if (!leaf)
		return NULL;
	return atomic_load_explicit(&leaf->slot[id % LEAF_SLOTS], memory_order_acquire);
}

/* ---- calls ---------------------------------------------------------------- */

static void add_one(_Atomic uint64_t *counter)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static void count_result(struct ports *ports, struct port *port, enum hv_status status)
{
	atomic_store_explicit(&port->last_ns, clock_now_ns(ports->vm->clock), memory_order_relaxed);
	switch (status) {
	case HV_STATUS_SUCCESS:
		add_one(&port->accepted);
		return;
	case HV_STATUS_OPERATION_DENIED:
		add_one(&port->denied);
		return;
	case HV_STATUS_INSUFFICIENT_BUFFERS:
		add_one(&port->busy);
		return;
	case HV_STATUS_INVALID_PORT_ID:
		add_one(&port->wrong_kind);
		return;
	default:
		add_one(&port->failed);
		return;
	}
}

static uint32_t caller_index(const struct vcpu *caller)
{
	return caller ? caller->index : RECORD_NO_VP;
}

/* Before the handler runs: what it brings about must not come first. */
static void capture_message(struct ports *ports, const struct vcpu *caller, uint8_t vtl,
	const struct hv_post_message_input *input)
{
	const struct capture_meta meta = {
		.kind = CAPTURE_MESSAGE,
		.direction = CAPTURE_TO_HOST,
		.vtl = vtl,
		.sint = RECORD_NO_SINT,
		.vp = caller_index(caller),
		.connection_id = input->connection_id,
		.value = input->message_type,
	};
	const struct iovec payload = {
		.iov_base = (void *)(uintptr_t)input->payload,
		.iov_len = MIN(input->payload_size, (uint32_t)HV_MESSAGE_PAYLOAD_MAX),
	};

	capture_put(&ports->vm->capture, &meta, &payload, 1);
}

static void capture_signal(struct ports *ports, const struct vcpu *caller, uint8_t vtl,
	uint32_t connection_id, uint16_t flag, uint64_t count)
{
	const struct capture_meta meta = {
		.kind = CAPTURE_EVENT,
		.direction = CAPTURE_TO_HOST,
		.vtl = vtl,
		.sint = RECORD_NO_SINT,
		.vp = caller_index(caller),
		.connection_id = connection_id,
		.value = flag,
		.count = (uint32_t)MIN(count, UINT32_MAX),
	};

	capture_put(&ports->vm->capture, &meta, NULL, 0);
}

static enum hv_status post_to_port(struct port *port, struct vcpu *caller, uint8_t vtl,
	const struct hv_post_message_input *input)
{
	if (port->type != PORT_MESSAGE)
		return HV_STATUS_INVALID_PORT_ID;
	if (vtl < port->minimum_vtl)
		return HV_STATUS_OPERATION_DENIED;
	return port->on_message(port->arg, caller, input);
}

static enum hv_status post_message(struct ports *ports, struct vcpu *caller, uint8_t vtl,
	const struct hv_post_message_input *input)
{
	enum hv_status status = HV_STATUS_INVALID_CONNECTION_ID;
	struct port *port;

	if (input->payload_size > HV_MESSAGE_PAYLOAD_MAX)
		return HV_STATUS_INVALID_PARAMETER;
	if (input->message_type == HV_MESSAGE_TYPE_NONE ||
		input->message_type & HV_MESSAGE_TYPE_HYPERVISOR)
		return HV_STATUS_INVALID_PARAMETER;
	rcu_read_begin();
	port = find(ports, input->connection_id);
	if (port) {
		status = post_to_port(port, caller, vtl, input);
		count_result(ports, port, status);
	}
	rcu_read_end();
	return status;
}

enum hv_status ports_post_message(struct ports *ports, struct vcpu *caller, uint8_t vtl,
	const struct hv_post_message_input *input)
{
	enum hv_status status;

	if (capture_wanted(&ports->vm->capture))
		capture_message(ports, caller, vtl, input);
	status = post_message(ports, caller, vtl, input);
	hv_record(ports->vm->recorder, HV_EVENT_PORT_MESSAGE, caller_index(caller), vtl,
		RECORD_NO_SINT, input->connection_id, input->message_type, input->payload_size,
		status);
	return status;
}

static enum hv_status signal_port(
	struct port *port, struct vcpu *caller, uint8_t vtl, uint16_t flag)
{
	if (port->type == PORT_MESSAGE)
		return HV_STATUS_INVALID_PORT_ID;
	if (vtl < port->minimum_vtl)
		return HV_STATUS_OPERATION_DENIED;
	if (flag >= port->flag_count)
		return HV_STATUS_INVALID_PARAMETER;
	return port->on_event(port->arg, caller, flag);
}

enum hv_status ports_signal_event(struct ports *ports, struct vcpu *caller, uint8_t vtl,
	uint32_t connection_id, uint16_t flag)
{
	enum hv_status status = HV_STATUS_INVALID_CONNECTION_ID;
	struct port *port;

	if (capture_wanted(&ports->vm->capture))
		capture_signal(ports, caller, vtl, connection_id, flag, 1);
	rcu_read_begin();
	port = find(ports, connection_id);
	if (port) {
		status = signal_port(port, caller, vtl, flag);
		count_result(ports, port, status);
	}
	rcu_read_end();
	hv_record(ports->vm->recorder, HV_EVENT_PORT_SIGNAL, caller_index(caller), vtl,
		RECORD_NO_SINT, connection_id, flag, status);
	return status;
}

/* ---- the fast path -------------------------------------------------------- */

/* What KVM answered since somebody looked last: n calls, one run of the handler. */
static void take_signals(struct ports *ports, struct port *port)
{
	uint64_t count = signal_fds_take(port->signal_fd);
	enum hv_status status;

	if (count == 0)
		return;
	if (capture_wanted(&ports->vm->capture))
		capture_signal(ports, NULL, 0, port->connection_id, 0, count);
	status = port->on_event(port->arg, NULL, 0);
	atomic_store_explicit(&port->last_ns, clock_now_ns(ports->vm->clock), memory_order_relaxed);
	atomic_fetch_add_explicit(&port->accepted, count, memory_order_relaxed);
	hypercall_count_signals(ports->vm, count);
	hv_record(ports->vm->recorder, HV_EVENT_PORT_SIGNAL_FAST, RECORD_NO_VP, 0, RECORD_NO_SINT,
		port->connection_id, count, status);
}

/* The port may have gone since, or be another one: then there may be nothing to take. */
static void on_signals(struct fdset *set, uint64_t connection_id)
{
	struct ports *ports = container_of(set, struct ports, signals.set);
	struct port *port;

	rcu_read_begin();
	port = find(ports, (uint32_t)connection_id);
	if (port && port->signal_fd >= 0)
		take_signals(ports, port);
	rcu_read_end();
}

void ports_settle(struct ports *ports)
{
	signal_fds_settle(&ports->signals);
}

/* ---- registration --------------------------------------------------------- */

static int check_spec(const struct port_spec *spec)
{
	if (spec->connection_id & ~HV_CONNECTION_ID_MASK || spec->minimum_vtl >= HV_VTL_COUNT)
		return -EINVAL;
	if (spec->type == PORT_MESSAGE)
		return spec->on_message ? 0 : -EINVAL;
	if (!spec->on_event || spec->flag_count > HV_EVENT_FLAGS_COUNT)
		return -EINVAL;
	if (spec->type == PORT_MONITOR && spec->monitor_id >= HV_MONITOR_COUNT)
		return -EINVAL;
	return 0;
}

static struct port *make_port(struct ports *ports, const struct port_spec *spec)
{
	struct port *port = aligned_alloc(CACHE_LINE, sizeof(*port));

	if (!port)
		return NULL;
	*port = (struct port){
		.ports = ports,
		.arg = spec->arg,
		.connection_id = spec->connection_id,
		.type = spec->type,
		.minimum_vtl = spec->minimum_vtl,
		.monitor_id = spec->monitor_id,
		.signal_fd = -1,
	};
	if (spec->type == PORT_MESSAGE) {
		port->on_message = spec->on_message;
	} else {
		port->on_event = spec->on_event;
		port->flag_count = spec->flag_count ? spec->flag_count : HV_EVENT_FLAGS_COUNT;
	}
	snprintf(port->owner, sizeof(port->owner), "%s", spec->owner ? spec->owner : "");
	return port;
}

/* The leaf that holds `id`, made if need be. Caller holds ports->lock. */
static struct port_leaf *leaf_of(struct ports *ports, uint32_t id)
{
	_Atomic(struct port_leaf *) *place = &ports->leaf[id / LEAF_SLOTS];
	struct port_leaf *leaf = *place;

	if (!leaf) {
		leaf = calloc(1, sizeof(*leaf));
		atomic_store_explicit(place, leaf, memory_order_release);
	}
	return leaf;
}

/* KVM knows no VTLs: a port that looks at the caller's cannot do without the exit. */
static bool wants_fast_path(const struct ports *ports, const struct port_spec *spec)
{
	return spec->type == PORT_EVENT && spec->coalesce && spec->minimum_vtl == 0 &&
	       signal_fds_offered(&ports->signals);
}

/* Best effort: without an eventfd a signal is a hypercall like any other. */
static void open_fast_path(struct ports *ports, struct port *port)
{
	port->fast_path_error = signal_fds_open(
		&ports->signals, port->connection_id, &port->signal_fd);
	if (port->fast_path_error)
		hv_record(ports->vm->recorder, HV_EVENT_PORT_FAST_PATH_ERROR, RECORD_NO_VP, 0,
			RECORD_NO_SINT, port->connection_id,
			(uint64_t)(int64_t)port->fast_path_error);
}

/* All or nothing: a monitor id that is taken leaves no port behind. */
static int publish_locked(struct ports *ports, struct port *port, const struct port_spec *spec)
{
	uint32_t id = port->connection_id;
	struct port_leaf *leaf = leaf_of(ports, id);
	int r;

	if (!leaf)
		return -ENOMEM;
	if (leaf->slot[id % LEAF_SLOTS])
		return -EEXIST;
	if (port->type == PORT_MONITOR) {
		r = monitor_add(&ports->vm->monitor, port->monitor_id, id, spec->monitor_latency,
			spec->relid);
		if (r)
			return r;
	}
	if (wants_fast_path(ports, spec))
		open_fast_path(ports, port);
	atomic_store_explicit(&leaf->slot[id % LEAF_SLOTS], port, memory_order_release);
	atomic_fetch_add_explicit(&ports->count, 1, memory_order_relaxed);
	return 0;
}

int ports_add(struct ports *ports, const struct port_spec *spec, struct port **ret_port)
{
	CLEANUP(free) struct port *port = NULL;
	int r;

	r = check_spec(spec);
	if (r)
		return r;
	port = make_port(ports, spec);
	if (!port)
		return -ENOMEM;
	pthread_mutex_lock(&ports->lock);
	r = publish_locked(ports, port, spec);
	pthread_mutex_unlock(&ports->lock);
	if (r)
		return r;
	hv_record(ports->vm->recorder, HV_EVENT_PORT_ADD, RECORD_NO_VP, spec->minimum_vtl,
		RECORD_NO_SINT, spec->connection_id, spec->type, spec->minimum_vtl);
	*ret_port = TAKE_PTR(port);
	return 0;
}

static void unpublish(struct ports *ports, const struct port *port)
{
	uint32_t id = port->connection_id;

	pthread_mutex_lock(&ports->lock);
	if (port->type == PORT_MONITOR)
		monitor_remove(&ports->vm->monitor, port->monitor_id);
	atomic_store_explicit(
		&ports->leaf[id / LEAF_SLOTS]->slot[id % LEAF_SLOTS], NULL, memory_order_release);
	atomic_fetch_sub_explicit(&ports->count, 1, memory_order_relaxed);
	pthread_mutex_unlock(&ports->lock);
}

struct port *port_release(struct port *port)
{
	struct ports *ports;

	if (!port)
		return NULL;
	ports = port->ports;
	if (port->signal_fd >= 0) {
		signal_fds_stop(&ports->signals, port->connection_id, port->signal_fd);
		take_signals(ports, port);
	}
	unpublish(ports, port);
	rcu_wait();
	if (port->signal_fd >= 0)
		signal_fds_close(&ports->signals, port->signal_fd);
	hv_record(ports->vm->recorder, HV_EVENT_PORT_RELEASE, RECORD_NO_VP, port->minimum_vtl,
		RECORD_NO_SINT, port->connection_id);
	free(port);
	return NULL;
}

/* ---- life ----------------------------------------------------------------- */

int ports_init(struct ports *ports, struct vm *vm)
{
	int r = signal_fds_init(&ports->signals, vm, on_signals);

	if (r)
		return r;
	r = pthread_mutex_init(&ports->lock, NULL);
	if (r) {
		signal_fds_deinit(&ports->signals);
		return -r;
	}
	ports->vm = vm;
	return 0;
}

void ports_deinit(struct ports *ports)
{
	if (!ports->vm)
		return;
	for (unsigned i = 0; i < PORTS_LEAVES; i++)
		free(ports->leaf[i]);
	signal_fds_deinit(&ports->signals);
	pthread_mutex_destroy(&ports->lock);
	ports->vm = NULL;
}

/* ---- inspection ----------------------------------------------------------- */

static const char *const port_type_names[] = {
	[PORT_MESSAGE] = "message",
	[PORT_EVENT] = "event",
	[PORT_MONITOR] = "monitor",
	NULL,
};

static const struct field port_fields[] = {
	{FIELD_U(struct port_info, connection_id, 0,
		"What the guest names in HvPostMessage or HvSignalEvent (TLFS 11.5).")},
	{FIELD_E(struct port_info, type, 0, port_type_names,
		"message: HvPostMessage; event: HvSignalEvent; monitor: also signalled by a bit in the "
		"monitor page (TLFS 11.6).")},
	{FIELD_U(struct port_info, minimum_vtl, 0,
		"Callers in a lower virtual trust level get operation_denied.")},
	{FIELD_S(struct port_info, owner, 0, "Who registered it.")},
	{FIELD_B(struct port_info, fast_path, 0,
		"The kernel answers HvSignalEvent with flag number 0 without an exit. Such calls are "
		"counted when the main loop takes them from the kernel, a moment later.")},
	{FIELD_S(struct port_info, fast_path_error, FIELD_NULLABLE,
		"Why the kernel took no eventfd for the port, as the name of an errno: signals exit; "
		"null when nothing went wrong.")},
	{FIELD_U(struct port_info, flag_count, FIELD_NULLABLE,
		"Event flag numbers below this one are accepted; null for message ports.")},
	{FIELD_U(struct port_info, monitor_id, FIELD_NULLABLE,
		"The monitor page bit that signals it; null unless the type is monitor.")},
	{FIELD_U(struct port_info, accepted, 0, "Calls that succeeded.")},
	{FIELD_U(struct port_info, denied, 0, "Calls from too low a VTL (status 0x08).")},
	{FIELD_U(struct port_info, busy, 0,
		"Calls the receiver had no buffer for (status 0x13); the guest tries again.")},
	{FIELD_U(struct port_info, wrong_kind, 0,
		"Messages to an event port or signals to a message port (status 0x11).")},
	{FIELD_U(struct port_info, failed, 0, "Calls that ended in any other status.")},
	{FIELD_U(struct port_info, last_age_ns, FIELD_NULLABLE,
		"Time since the last call; null before the first.")},
};
static const struct field_table port_table = FIELD_TABLE(
	struct port_info, "port", "A connection id and what it leads to.", port_fields);

static uint64_t age_ns(const struct clock *clock, uint64_t then_ns)
{
	uint64_t now_ns = clock_now_ns(clock);

	if (!then_ns)
		return UINT64_MAX;
	return now_ns > then_ns ? now_ns - then_ns : 0;
}

static const char *errno_name(int error)
{
	const char *name = strerrorname_np(-error);

	return name ? name : "unknown";
}

static void fill_info(struct port *port, struct port_info *ret_info)
{
	*ret_info = (struct port_info){
		.connection_id = port->connection_id,
		.type = port->type,
		.minimum_vtl = port->minimum_vtl,
		.fast_path = port->signal_fd >= 0,
		.flag_count = port->type == PORT_MESSAGE ? UINT32_MAX : port->flag_count,
		.monitor_id = port->type == PORT_MONITOR ? port->monitor_id : UINT32_MAX,
		.accepted = port->accepted,
		.denied = port->denied,
		.busy = port->busy,
		.wrong_kind = port->wrong_kind,
		.failed = port->failed,
		.last_age_ns = age_ns(port->ports->vm->clock, port->last_ns),
	};
	snprintf(ret_info->owner, sizeof(ret_info->owner), "%s", port->owner);
	if (port->fast_path_error)
		snprintf(ret_info->fast_path_error, sizeof(ret_info->fast_path_error), "%s",
			errno_name(port->fast_path_error));
}

/* The first port whose id is at least `id`. Caller holds ports->lock. */
static struct port *find_from(struct ports *ports, uint64_t id)
{
	while (id <= HV_CONNECTION_ID_MASK) {
		struct port_leaf *leaf = ports->leaf[id / LEAF_SLOTS];
		struct port *port;

		if (!leaf) {
			id = (id / LEAF_SLOTS + 1) * LEAF_SLOTS;
			continue;
		}
		port = leaf->slot[id % LEAF_SLOTS];
		if (port)
			return port;
		id++;
	}
	return NULL;
}

static bool snapshot_from(struct ports *ports, uint64_t id, struct port_info *ret_info)
{
	struct port *port;

	pthread_mutex_lock(&ports->lock);
	port = find_from(ports, id);
	if (port)
		fill_info(port, ret_info);
	pthread_mutex_unlock(&ports->lock);
	return port;
}

static int port_get(void *owner, const uint64_t *key, void *ret_info)
{
	struct ports *ports = &((struct vm *)owner)->ports;
	struct port *port = NULL;

	pthread_mutex_lock(&ports->lock);
	if (key[0] <= HV_CONNECTION_ID_MASK)
		port = find(ports, key[0]);
	if (port)
		fill_info(port, ret_info);
	pthread_mutex_unlock(&ports->lock);
	return port ? 0 : -ENOENT;
}

/* The lock is dropped between ports: a listing of a million holds nobody up. */
static void port_list(void *owner, const uint64_t *key, unsigned fixed, const uint64_t *after,
	node_visit_fn visit, void *arg)
{
	struct vm *vm = owner;
	uint64_t first = fixed ? key[0] : 0;
	uint64_t last = fixed ? key[0] : HV_CONNECTION_ID_MASK;
	struct port_info info;

	if (after && *after >= last)
		return;
	if (after)
		first = MAX(first, *after + 1);
	while (first <= last && snapshot_from(&vm->ports, first, &info)) {
		uint64_t id = info.connection_id;

		if (id > last || visit(arg, &id, &info))
			return;
		first = id + 1;
	}
}

const struct node_class port_node_class = {
	.path = "ports/{connection_id}",
	.fields = &port_table,
	.key_count = 1,
	.get = port_get,
	.list = port_list,
};
