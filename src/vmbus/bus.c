/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include "vmbus/internal.h"

void vmbus_lock(struct vmbus *bus)
{
	pthread_mutex_lock(&bus->lock);
}

void vmbus_unlock(struct vmbus *bus)
{
	pthread_mutex_unlock(&bus->lock);
}

struct vm *vmbus_vm(const struct vmbus *bus)
{
	return bus->vm;
}

uint32_t vmbus_version(const struct vmbus *bus)
{
	return bus->connection.version;
}

void vmbus_set_connect(struct vmbus *bus, vmbus_connect_fn fn, void *arg)
{
	bus->connect = fn;
	bus->connect_arg = arg;
}

bool vmbus_has_connect(const struct vmbus *bus)
{
	return bus->connect != NULL;
}

void vmbus_set_socket_prefix(struct vmbus *bus, const char *prefix)
{
	bus->socket_prefix = prefix;
}

const char *vmbus_socket_prefix(const struct vmbus *bus)
{
	return bus->socket_prefix;
}

/* A reset without UNLOAD: the guest has forgotten everything. */
static void reset_device(struct vm_device *device)
{
	struct vmbus *bus = container_of(device, struct vmbus, device);

	vmbus_lock(bus);
	connection_reset(bus);
	vmbus_unlock(bus);
}

static void init_fields(struct vmbus *bus, struct vm *vm)
{
	bus->vm = vm;
	bus->device.reset = reset_device;
	bus->connection.since_ns = clock_now_ns(vm->clock);
	pthread_mutex_init(&bus->lock, NULL);
	pthread_mutex_init(&bus->in_lock, NULL);
	TAILQ_INIT(&bus->channels);
	TAILQ_INIT(&bus->gpadls);
	TAILQ_INIT(&bus->devices);
	vm_add_device(vm, &bus->device);
	vm->has_vmbus = true;
}

int vmbus_new(struct vm *vm, struct vmbus **ret_bus)
{
	struct vmbus *bus = calloc(1, sizeof(*bus));
	int r;

	if (!bus)
		return -ENOMEM;
	init_fields(bus, vm);
	r = message_faults_init(bus);
	if (r == 0)
		r = outgoing_init(bus);
	if (r == 0)
		r = incoming_init(bus);
	if (r < 0) {
		vmbus_free(bus);
		return r;
	}
	*ret_bus = bus;
	return 0;
}

/* The ports first: no handler may find a bus that is gone. */
struct vmbus *vmbus_free(struct vmbus *bus)
{
	if (!bus)
		return NULL;
	incoming_deinit(bus);
	vmbus_lock(bus);
	assert(TAILQ_EMPTY(&bus->channels));
	outgoing_deinit(bus);
	message_faults_deinit(bus);
	vmbus_unlock(bus);
	loop_drain(bus->vm->loop);
	bus->vm->has_vmbus = false;
	vm_remove_device(bus->vm, &bus->device);
	pthread_mutex_destroy(&bus->in_lock);
	pthread_mutex_destroy(&bus->lock);
	free(bus);
	return NULL;
}
