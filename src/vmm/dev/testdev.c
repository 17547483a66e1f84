/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `lock` guards both tables and is held for a whole command, so that commands of several VPs
 * happen one after the other. Port handlers do not take it: they work on their connection, which
 * lives until its port is released (the table's reference) and its message has completed (one
 * reference per message in flight).
 */
#include "vmm/dev/testdev.h"
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include "common/cleanup.h"
#include "vmm/event.h"
#include "vmm/guest_port.h"
#include "vmm/vm.h"

enum { CONNECTIONS = 256, ROUTE_REFS_MAX = 255 };

struct command {
	uint8_t sint, vp, code, connection;
};

struct connection {
	_Atomic unsigned refs;
	struct vm *vm;                   /* borrows */
	struct port *port;               /* owns */
	struct sint_route *route;        /* ref; message connections */
	struct guest_event_port *events; /* owns; event connections */
	uint8_t id;
};

/* SINT_ROUTE_CREATE may be given several times for one SINT. */
struct route_slot {
	struct sint_route *route; /* one ref per count */
	unsigned count;
};

struct testdev {
	struct vm_device device;
	pthread_mutex_t lock;
	struct vm *vm;                              /* borrows */
	struct connection *connection[CONNECTIONS]; /* owns a ref */
	struct route_slot route[VM_MAX_VPS][HV_SINT_COUNT];
	_Atomic uint64_t commands, refused;
};

static void record_command(
	struct vm *vm, uint32_t vp, uint8_t sint, uint64_t command, uint64_t connection, int status)
{
	hv_record(vm->recorder, HV_EVENT_TESTDEV, vp, 0, sint, command, connection,
		(uint64_t)(int64_t)status);
}

/* ---- connections ---------------------------------------------------------- */

static void connection_ref(struct connection *connection)
{
	atomic_fetch_add_explicit(&connection->refs, 1, memory_order_relaxed);
}

static void connection_unref(struct connection *connection)
{
	if (atomic_fetch_sub_explicit(&connection->refs, 1, memory_order_acq_rel) != 1)
		return;
	sint_route_unref(connection->route);
	guest_event_port_free(connection->events);
	free(connection);
}

/* No handler runs and none will once this returns; a message in flight still completes. */
static void connection_close(struct connection *connection)
{
	connection->port = port_release(connection->port);
	connection_unref(connection);
}

/* Main loop. The message reached its slot, or never will (reset). */
static void message_done(struct sint_route *route, int status, void *arg)
{
	struct connection *connection = arg;

	if (status)
		record_command(connection->vm, RECORD_NO_VP, RECORD_NO_SINT,
			TESTDEV_MSG_CONN_CREATE, connection->id, status);
	connection_unref(connection);
}

static enum hv_status on_message(
	void *arg, struct vcpu *caller, const struct hv_post_message_input *input)
{
	struct connection *connection = arg;
	struct hv_message message = {
		.header.type = input->message_type,
		.header.payload_size = (uint8_t)input->payload_size,
	};
	int r;

	memcpy(message.payload, input->payload, input->payload_size);
	connection_ref(connection);
	r = sint_route_post(connection->route, &message, SINT_POST_QUEUE, message_done, connection);
	if (r == 0)
		return HV_STATUS_SUCCESS;
	connection_unref(connection);
	return r == -EAGAIN ? HV_STATUS_INSUFFICIENT_BUFFERS : HV_STATUS_INVALID_HYPERCALL_INPUT;
}

static enum hv_status on_event(void *arg, struct vcpu *caller, uint16_t flag)
{
	struct connection *connection = arg;

	if (guest_event_port_signal(connection->events, caller) < 0)
		return HV_STATUS_INVALID_SYNIC_STATE;
	return HV_STATUS_SUCCESS;
}

static int add_port(struct testdev *dev, struct connection *connection, enum port_type type)
{
	struct port_spec spec = {
		.connection_id = connection->id,
		.type = type,
		.owner = "testdev",
		.flag_count = 1,
		.coalesce = type == PORT_EVENT,
		.arg = connection,
	};

	if (type == PORT_MESSAGE)
		spec.on_message = on_message;
	else
		spec.on_event = on_event;
	return ports_add(&dev->vm->ports, &spec, &connection->port);
}

static int make_target(struct vm *vm, const struct command *command, enum port_type type,
	struct connection *connection)
{
	if (type == PORT_MESSAGE)
		return sint_route_get(vm, command->vp, 0, command->sint, &connection->route);
	return guest_event_port_new(
		vm, 0, command->vp, command->sint, command->connection, &connection->events);
}

static int open_connection(struct testdev *dev, const struct command *command, enum port_type type)
{
	struct connection *connection;
	int r;

	if (dev->connection[command->connection])
		return -EEXIST;
	connection = calloc(1, sizeof(*connection));
	if (!connection)
		return -ENOMEM;
	connection->refs = 1;
	connection->vm = dev->vm;
	connection->id = command->connection;
	r = make_target(dev->vm, command, type, connection);
	if (!r)
		r = add_port(dev, connection, type);
	if (r) {
		connection_unref(connection);
		return r;
	}
	dev->connection[command->connection] = connection;
	return 0;
}

static int close_connection(struct testdev *dev, const struct command *command, enum port_type type)
{
	struct connection *connection = dev->connection[command->connection];

	if (!connection || (type == PORT_MESSAGE) != (connection->route != NULL))
		return -ENOENT;
	dev->connection[command->connection] = NULL;
	connection_close(connection);
	return 0;
}

/* ---- commands: 0 or why not; the lock is held ----------------------------- */

static bool valid_target(const struct testdev *dev, const struct command *command)
{
	return command->sint < HV_SINT_COUNT && command->vp < dev->vm->vp_count;
}

static int route_create(struct testdev *dev, const struct command *command)
{
	struct route_slot *slot;
	int r;

	if (!valid_target(dev, command))
		return -EINVAL;
	slot = &dev->route[command->vp][command->sint];
	if (slot->count == ROUTE_REFS_MAX)
		return -ENOSPC;
	r = sint_route_get(dev->vm, command->vp, 0, command->sint, &slot->route);
	if (r)
		return r;
	slot->count++;
	return 0;
}

static void drop_route_ref(struct route_slot *slot)
{
	sint_route_unref(slot->route);
	if (--slot->count == 0)
		slot->route = NULL;
}

static int route_destroy(struct testdev *dev, const struct command *command)
{
	if (!valid_target(dev, command))
		return -EINVAL;
	if (!dev->route[command->vp][command->sint].count)
		return -ENOENT;
	drop_route_ref(&dev->route[command->vp][command->sint]);
	return 0;
}

static int route_set_sint(struct testdev *dev, const struct command *command)
{
	if (!valid_target(dev, command))
		return -EINVAL;
	if (!dev->route[command->vp][command->sint].count)
		return -ENOENT;
	return sint_route_set(dev->route[command->vp][command->sint].route);
}

static int msg_conn_create(struct testdev *dev, const struct command *command)
{
	return valid_target(dev, command) ? open_connection(dev, command, PORT_MESSAGE) : -EINVAL;
}

static int msg_conn_destroy(struct testdev *dev, const struct command *command)
{
	return close_connection(dev, command, PORT_MESSAGE);
}

static int evt_conn_create(struct testdev *dev, const struct command *command)
{
	return valid_target(dev, command) ? open_connection(dev, command, PORT_EVENT) : -EINVAL;
}

static int evt_conn_destroy(struct testdev *dev, const struct command *command)
{
	return close_connection(dev, command, PORT_EVENT);
}

static int (*const command_table[])(struct testdev *dev, const struct command *command) = {
	[TESTDEV_ROUTE_CREATE] = route_create,
	[TESTDEV_ROUTE_DESTROY] = route_destroy,
	[TESTDEV_ROUTE_SET_SINT] = route_set_sint,
	[TESTDEV_MSG_CONN_CREATE] = msg_conn_create,
	[TESTDEV_MSG_CONN_DESTROY] = msg_conn_destroy,
	[TESTDEV_EVT_CONN_CREATE] = evt_conn_create,
	[TESTDEV_EVT_CONN_DESTROY] = evt_conn_destroy,
};

static int run_command(struct testdev *dev, const struct command *command)
{
	int r;

	if (command->code >= ARRAY_LEN(command_table) || !command_table[command->code])
		return -ENOSYS;
	pthread_mutex_lock(&dev->lock);
	r = command_table[command->code](dev, command);
	pthread_mutex_unlock(&dev->lock);
	return r;
}

static void testdev_io(
	void *arg, struct vcpu *vcpu, uint16_t offset, unsigned size, bool write, uint32_t *value)
{
	struct testdev *dev = arg;
	struct command command;
	int r = -EINVAL;

	if (!write) {
		*value = 0;
		return;
	}
	command = (struct command){
		.sint = *value & 0xff,
		.vp = *value >> 8 & 0xff,
		.code = *value >> 16 & 0xff,
		.connection = *value >> 24,
	};
	if (size == sizeof(uint32_t) && offset == 0)
		r = run_command(dev, &command);
	atomic_fetch_add_explicit(&dev->commands, 1, memory_order_relaxed);
	if (r)
		atomic_fetch_add_explicit(&dev->refused, 1, memory_order_relaxed);
	record_command(dev->vm, vcpu->index, RECORD_NO_SINT, command.code, command.connection, r);
}

/* ---- life ----------------------------------------------------------------- */

static void drop_connections(struct testdev *dev)
{
	for (unsigned i = 0; i < CONNECTIONS; i++) {
		struct connection *connection = dev->connection[i];

		if (!connection)
			continue;
		dev->connection[i] = NULL;
		connection->port = port_release(connection->port);
		if (connection->route)
			sint_route_cancel(connection->route);
		connection_close(connection);
	}
}

static void drop_routes(struct testdev *dev)
{
	struct route_slot *slots = &dev->route[0][0];

	for (unsigned i = 0; i < VM_MAX_VPS * HV_SINT_COUNT; i++)
		while (slots[i].count)
			drop_route_ref(&slots[i]);
}

static void drop_all(struct testdev *dev)
{
	pthread_mutex_lock(&dev->lock);
	drop_connections(dev);
	drop_routes(dev);
	pthread_mutex_unlock(&dev->lock);
}

static void reset_device(struct vm_device *device)
{
	drop_all(container_of(device, struct testdev, device));
}

int testdev_new(struct vm *vm, struct testdev **ret_dev)
{
	CLEANUP(free) struct testdev *dev = calloc(1, sizeof(*dev));
	int r;

	if (!dev)
		return -ENOMEM;
	dev->vm = vm;
	r = iobus_add(&vm->iobus, TESTDEV_PORT, sizeof(uint32_t), "testdev", testdev_io, dev);
	if (r)
		return r;
	pthread_mutex_init(&dev->lock, NULL);
	dev->device.reset = reset_device;
	vm_add_device(vm, &dev->device);
	*ret_dev = TAKE_PTR(dev);
	return 0;
}

struct testdev *testdev_free(struct testdev *dev)
{
	if (!dev)
		return NULL;
	vm_remove_device(dev->vm, &dev->device);
	drop_all(dev);
	pthread_mutex_destroy(&dev->lock);
	free(dev);
	return NULL;
}

/* ---- inspection ------------------------------------------------------------ */

static int get_testdev(void *owner, const uint64_t *key, void *ret_info)
{
	const struct testdev *dev = owner;

	if (!dev)
		return -ENOENT;
	*(struct testdev_info *)ret_info = (struct testdev_info){
		.commands = atomic_load_explicit(&dev->commands, memory_order_relaxed),
		.refused = atomic_load_explicit(&dev->refused, memory_order_relaxed),
	};
	return 0;
}

static const struct field testdev_fields[] = {
	{FIELD_U(struct testdev_info, commands, 0, "Commands since the VM was made.")},
	{FIELD_U(struct testdev_info, refused, 0,
		"Those that made no sense and were ignored; `hvctl log --type testdev` says which.")},
};
static const struct field_table testdev_table = FIELD_TABLE(struct testdev_info, "testdev",
	"The SynIC test device; absent without --testdev.", testdev_fields);

const struct node_class testdev_node_class = {
	.path = "testdev",
	.fields = &testdev_table,
	.get = get_testdev,
};
