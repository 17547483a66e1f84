/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages to the guest: one ordered stream. The first of the FIFO is on its way to the slot of the
 * SINT; when it is in, the next one goes. What a VP reset takes back is dropped with the rest of
 * the connection.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "common/log.h"
#include "vmbus/internal.h"

bool outgoing_is_empty(const struct vmbus *bus)
{
	return STAILQ_EMPTY(&bus->out);
}

/* Under the SynIC's lock: only notes. */
static void on_done(struct synic_entry *entry, int status)
{
	struct vmbus *bus = container_of(entry, struct vmbus, out_entry);

	atomic_store(&bus->out_status, status);
	atomic_store(&bus->out_done, true);
	loop_defer(bus->vm->loop, &bus->out_work);
}

static void on_room(struct synic_waiter *waiter)
{
	struct vmbus *bus = container_of(waiter, struct vmbus, out_waiter);

	loop_defer(bus->vm->loop, &bus->out_work);
}

/* Sends the first one on its way. No room in the SINT's FIFO: on_room() comes back to it. */
static void pump(struct vmbus *bus)
{
	const struct vmbus_out_message *first = STAILQ_FIRST(&bus->out);
	struct hv_message *message = &bus->out_entry.message;

	if (!first || bus->out_posted)
		return;
	message->header = (struct hv_message_header){
		.type = HV_MESSAGE_TYPE_VMBUS,
		.payload_size = (uint8_t)first->size,
	};
	memcpy(message->payload, first->payload, first->size);
	bus->out_synic = synic_find(bus->vm, bus->connection.target_vp, 0);
	bus->out_posted = true;
	if (synic_post_or_wait(
		    bus->out_synic, bus->connection.sint, &bus->out_entry, &bus->out_waiter) < 0)
		bus->out_posted = false;
}

static void pop(struct vmbus *bus)
{
	struct vmbus_out_message *first = STAILQ_FIRST(&bus->out);

	STAILQ_REMOVE_HEAD(&bus->out, link);
	bus->out_count--;
	free(first);
}

/* An interrupt that could not be raised does not undo the message: it is in its slot. */
static void finish_first(struct vmbus *bus)
{
	const struct vmbus_out_message *first = STAILQ_FIRST(&bus->out);
	bool reached = atomic_load(&bus->out_status) != -ECANCELED;
	vmbus_sent_fn sent = first->sent;

	if (reached) {
		bus->messages_delivered++;
		owed_settle(bus, first->payload, first->relid);
	}
	bus->out_posted = false;
	pop(bus);
	if (sent && reached)
		sent(bus);
}

static void on_loop(struct loop_work *work)
{
	struct vmbus *bus = container_of(work, struct vmbus, out_work);

	vmbus_lock(bus);
	if (atomic_exchange(&bus->out_done, false))
		finish_first(bus);
	pump(bus);
	incoming_pump(bus);
	vmbus_unlock(bus);
}

void vmbus_send(struct vmbus *bus, const void *message, size_t size, uint32_t relid, uint32_t value,
	vmbus_sent_fn sent)
{
	struct vmbus_out_message *out = calloc(1, sizeof(*out));

	if (!out) {
		log_error("vmbus: no memory for a message to the guest, which may wait for ever");
		return;
	}
	memcpy(out->payload, message, size);
	out->size = (uint32_t)size;
	out->relid = relid;
	out->value = value;
	out->made_ns = clock_now_ns(bus->vm->clock);
	out->sent = sent;
	owed_note(bus, message, relid);
	message_faults_out(bus, out);
}

void outgoing_add(struct vmbus *bus, struct vmbus_out_message *out)
{
	const struct vmbus_message_header *header = (const void *)out->payload;

	const struct vmbus_noted noted = {
		.type = header->type,
		.relid = out->relid,
		.value = out->value,
		.message = out->payload,
		.size = out->size,
	};

	STAILQ_INSERT_TAIL(&bus->out, out, link);
	bus->out_count++;
	vmbus_note_out(bus, &noted);
	pump(bus);
}

int outgoing_init(struct vmbus *bus)
{
	STAILQ_INIT(&bus->out);
	bus->out_entry.done = on_done;
	bus->out_waiter.room = on_room;
	bus->out_work.run = on_loop;
	return outgoing_set_target(bus, 0, VMBUS_SINT);
}

int outgoing_set_target(struct vmbus *bus, uint32_t vp, uint8_t sint)
{
	struct sint_route *route;
	int r = sint_route_get(bus->vm, vp, 0, sint, &route);

	if (r < 0)
		return r;
	sint_route_unref(bus->out_route);
	bus->out_route = route;
	bus->connection.target_vp = vp;
	bus->connection.sint = sint;
	return 0;
}

/* True: the entry is ours again, and its callback will not run. */
static void take_back(struct vmbus *bus)
{
	if (!bus->out_synic)
		return;
	synic_unwait(bus->out_synic, bus->connection.sint, &bus->out_waiter);
	if (bus->out_posted)
		(void)synic_withdraw(bus->out_synic, bus->connection.sint, &bus->out_entry);
	bus->out_posted = false;
	atomic_store(&bus->out_done, false);
}

void outgoing_flush(struct vmbus *bus)
{
	take_back(bus);
	while (!STAILQ_EMPTY(&bus->out))
		pop(bus);
	bus->owed_count = 0;
}

void outgoing_deinit(struct vmbus *bus)
{
	outgoing_flush(bus);
	bus->out_route = sint_route_unref(bus->out_route);
}
