/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages from the guest. The port's handler runs inside the guest's hypercall and only copies;
 * the main loop takes them out one after the other, and stops while an answer waits for the guest.
 */
#include <errno.h>
#include <string.h>
#include "vmbus/internal.h"

static bool enqueue(struct vmbus *bus, const struct hv_post_message_input *input)
{
	struct vmbus_in_message *message;
	bool room;

	pthread_mutex_lock(&bus->in_lock);
	room = bus->in_count < VMBUS_INCOMING_MAX;
	if (room) {
		message = &bus->in[(bus->in_first + bus->in_count++) % VMBUS_INCOMING_MAX];
		message->size = input->payload_size;
		memcpy(message->payload, input->payload, input->payload_size);
	} else {
		bus->in_refused++;
	}
	pthread_mutex_unlock(&bus->in_lock);
	return room;
}

static void note_refused(struct vmbus *bus)
{
	pthread_mutex_lock(&bus->in_lock);
	bus->in_refused++;
	pthread_mutex_unlock(&bus->in_lock);
}

/* Whether a fault refuses the message, and how. */
static bool refuses(struct vmbus *bus, const struct vcpu *caller,
	const struct hv_post_message_input *input, enum hv_status *ret_status)
{
	struct fault_place place = {FAULT_ANYWHERE};
	struct fault_effect effect;

	if (!fault_possible(&bus->vm->faults, FAULT_REFUSE_POST))
		return false;
	if (caller)
		place.vp = caller->index;
	if (input->payload_size >= sizeof(place.message))
		memcpy(&place.message, input->payload, sizeof(place.message));
	if (!fault_hit(&bus->vm->faults, FAULT_REFUSE_POST, &place, &effect))
		return false;
	note_refused(bus);
	*ret_status = (enum hv_status)effect.status;
	return true;
}

/* Any VP's thread, or the API's. ports.c has checked the size. */
static enum hv_status on_message(
	void *arg, struct vcpu *caller, const struct hv_post_message_input *input)
{
	struct vmbus *bus = arg;
	enum hv_status status;

	if (input->message_type != HV_MESSAGE_TYPE_VMBUS)
		return HV_STATUS_INVALID_PARAMETER;
	if (refuses(bus, caller, input, &status))
		return status;
	if (!enqueue(bus, input))
		return HV_STATUS_INSUFFICIENT_BUFFERS;
	loop_defer(bus->vm->loop, &bus->in_work);
	return HV_STATUS_SUCCESS;
}

static bool is_empty(struct vmbus *bus)
{
	bool empty;

	pthread_mutex_lock(&bus->in_lock);
	empty = bus->in_count == 0;
	pthread_mutex_unlock(&bus->in_lock);
	return empty;
}

/* A fault lets the guest's messages wait. */
static bool is_paused(struct vmbus *bus)
{
	static const struct fault_place place = {FAULT_ANYWHERE};

	return fault_possible(&bus->vm->faults, FAULT_PAUSE_PUMP) && !is_empty(bus) &&
	       fault_hit(&bus->vm->faults, FAULT_PAUSE_PUMP, &place, NULL);
}

static bool dequeue(struct vmbus *bus, struct vmbus_in_message *ret_message)
{
	bool any;

	pthread_mutex_lock(&bus->in_lock);
	any = bus->in_count > 0;
	if (any) {
		*ret_message = bus->in[bus->in_first];
		bus->in_first = (bus->in_first + 1) % VMBUS_INCOMING_MAX;
		bus->in_count--;
		bus->in_taken_ns = clock_now_ns(bus->vm->clock);
	}
	pthread_mutex_unlock(&bus->in_lock);
	return any;
}

void incoming_pump(struct vmbus *bus)
{
	struct vmbus_in_message message;

	while (outgoing_is_empty(bus) && !is_paused(bus)) {
		if (message_faults_resume_in(bus))
			continue;
		if (!dequeue(bus, &message))
			return;
		message_faults_in(bus, &message);
	}
}

static void on_loop(struct loop_work *work)
{
	struct vmbus *bus = container_of(work, struct vmbus, in_work);

	vmbus_lock(bus);
	incoming_pump(bus);
	vmbus_unlock(bus);
}

void incoming_flush(struct vmbus *bus)
{
	pthread_mutex_lock(&bus->in_lock);
	bus->in_count = 0;
	pthread_mutex_unlock(&bus->in_lock);
}

static int add_port(struct vmbus *bus, uint32_t connection_id, struct port **ret_port)
{
	const struct port_spec spec = {
		.connection_id = connection_id,
		.type = PORT_MESSAGE,
		.owner = "vmbus",
		.on_message = on_message,
		.arg = bus,
	};

	return ports_add(&bus->vm->ports, &spec, ret_port);
}

int incoming_init(struct vmbus *bus)
{
	int r;

	bus->in_work.run = on_loop;
	r = add_port(bus, VMBUS_CONNECTION_OLD, &bus->port[0]);
	return r < 0 ? r : add_port(bus, VMBUS_CONNECTION_NEW, &bus->port[1]);
}

void incoming_deinit(struct vmbus *bus)
{
	for (unsigned i = 0; i < ARRAY_LEN(bus->port); i++)
		bus->port[i] = port_release(bus->port[i]);
}
