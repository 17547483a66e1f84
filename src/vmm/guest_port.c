/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/guest_port.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include "common/cleanup.h"
#include "common/loop.h"
#include "vmm/vm.h"

/*
 * A message port's buffers go round: free -> waiting -> in the SINT's FIFO -> free.
 *
 * Only the head of `waiting` is offered to the SINT, so messages stay in order. While anything waits,
 * `waiter` stands in line at the FIFO.
 *
 * What the SynIC tells us comes under its lock, where port->lock must not be taken: a buffer that
 * has left the FIFO is pushed on `finished`, which the next post takes as a whole; a FIFO with room
 * is only noted, and filled on the main loop. Lock order: port->lock, synic->lock.
 */
struct message_buffer {
	TAILQ_ENTRY(message_buffer) link;     /* in `free` or `waiting` */
	struct message_buffer *next_finished; /* in `finished` */
	struct guest_message_port *port;      /* owns this */
	struct synic_entry entry;
	uint32_t resets; /* of the target, at the post */
	uint64_t number; /* among the port's posts */
	bool in_fifo;    /* or in `finished` */
};

struct guest_message_port {
	struct vm *vm; /* borrows */
	uint8_t sint;
	struct sint_route *route;    /* ref: so that the target has a GSI */
	struct synic *target;        /* borrows (outlived by vm) */
	_Atomic unsigned references; /* the owner's, and one for `work` while it is queued */
	struct loop_work work;

	_Atomic(struct message_buffer *) finished; /* stack: pushed singly, taken as a whole */

	pthread_mutex_t lock; /* guards the rest */
	bool closed;
	uint64_t posts;
	TAILQ_HEAD(, message_buffer) free, waiting;
	struct synic_waiter waiter;
	struct message_buffer buffer[GUEST_PORT_MESSAGES];
};

static void port_unref(struct guest_message_port *port)
{
	if (atomic_fetch_sub(&port->references, 1) != 1)
		return;
	pthread_mutex_destroy(&port->lock);
	free(port);
}

static void on_done(struct synic_entry *entry, int status)
{
	struct message_buffer *buffer = container_of(entry, struct message_buffer, entry);
	_Atomic(struct message_buffer *) *finished = &buffer->port->finished;

	buffer->next_finished = atomic_load_explicit(finished, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(finished, &buffer->next_finished, buffer,
		memory_order_release, memory_order_relaxed))
		;
}

static void on_room(struct synic_waiter *waiter)
{
	struct guest_message_port *port = container_of(waiter, struct guest_message_port, waiter);

	atomic_fetch_add(&port->references, 1);
	if (!loop_defer(port->vm->loop, &port->work))
		port_unref(port);
}

static void make_free_locked(struct guest_message_port *port, struct message_buffer *buffer)
{
	buffer->in_fifo = false;
	TAILQ_INSERT_TAIL(&port->free, buffer, link);
}

static void reclaim_locked(struct guest_message_port *port)
{
	struct message_buffer *buffer, *next;

	buffer = atomic_exchange_explicit(&port->finished, NULL, memory_order_acquire);
	for (; buffer; buffer = next) {
		next = buffer->next_finished;
		make_free_locked(port, buffer);
	}
}

/* False: it has to wait for room in the FIFO. What is older than a reset is dropped. */
static bool offer_locked(struct guest_message_port *port, struct message_buffer *buffer)
{
	TAILQ_REMOVE(&port->waiting, buffer, link);
	if (atomic_load(&port->target->resets) != buffer->resets) {
		make_free_locked(port, buffer);
		return true;
	}
	buffer->in_fifo = true;
	if (synic_post_or_wait(port->target, port->sint, &buffer->entry, &port->waiter) == 0)
		return true;
	buffer->in_fifo = false;
	TAILQ_INSERT_HEAD(&port->waiting, buffer, link);
	return false;
}

static void flush_locked(struct guest_message_port *port)
{
	struct message_buffer *buffer;

	while ((buffer = TAILQ_FIRST(&port->waiting)) && offer_locked(port, buffer))
		;
}

static void work_on_loop(struct loop_work *work)
{
	struct guest_message_port *port = container_of(work, struct guest_message_port, work);

	pthread_mutex_lock(&port->lock);
	if (!port->closed) {
		reclaim_locked(port);
		flush_locked(port);
	}
	pthread_mutex_unlock(&port->lock);
	port_unref(port);
}

int guest_message_port_new(
	struct vm *vm, uint8_t vtl, uint32_t vp, uint8_t sint, struct guest_message_port **ret_port)
{
	struct guest_message_port *port;
	int r;

	port = calloc(1, sizeof(*port));
	if (!port)
		return -ENOMEM;
	r = sint_route_get(vm, vp, vtl, sint, &port->route);
	if (r < 0) {
		free(port);
		return r;
	}
	port->vm = vm;
	port->sint = sint;
	port->references = 1;
	port->work.run = work_on_loop;
	port->waiter.room = on_room;
	port->target = synic_find(vm, vp, vtl);
	pthread_mutex_init(&port->lock, NULL);
	TAILQ_INIT(&port->free);
	TAILQ_INIT(&port->waiting);
	for (unsigned i = 0; i < GUEST_PORT_MESSAGES; i++) {
		port->buffer[i].port = port;
		port->buffer[i].entry.done = on_done;
		make_free_locked(port, &port->buffer[i]);
	}
	*ret_port = port;
	return 0;
}

static struct message_buffer *newest_in_fifo(struct guest_message_port *port)
{
	struct message_buffer *newest = NULL;

	for (unsigned i = 0; i < GUEST_PORT_MESSAGES; i++) {
		struct message_buffer *buffer = &port->buffer[i];

		if (buffer->in_fifo && (!newest || buffer->number > newest->number))
			newest = buffer;
	}
	return newest;
}

/*
 * The newest first: a slot may be free without the SynIC knowing it yet, and what is then delivered
 * must not have lost a message before it.
 */
static void withdraw_all_locked(struct guest_message_port *port)
{
	struct message_buffer *buffer;

	while ((buffer = newest_in_fifo(port))) {
		(void)synic_withdraw(port->target, port->sint, &buffer->entry);
		buffer->in_fifo = false;
	}
}

/*
 * After this no SynIC knows the port: withdrawing waits, by the SynIC's lock, for a callback that
 * is running. Work that is queued on the loop has its own reference.
 */
struct guest_message_port *guest_message_port_free(struct guest_message_port *port)
{
	if (!port)
		return NULL;
	pthread_mutex_lock(&port->lock);
	port->closed = true;
	synic_unwait(port->target, port->sint, &port->waiter);
	withdraw_all_locked(port);
	pthread_mutex_unlock(&port->lock);
	port->route = sint_route_unref(port->route);
	port_unref(port);
	return NULL;
}

static int post_locked(
	struct guest_message_port *port, uint32_t type, const void *payload, size_t size)
{
	struct message_buffer *buffer;

	reclaim_locked(port);
	buffer = TAILQ_FIRST(&port->free);
	if (!buffer)
		return -EAGAIN;
	TAILQ_REMOVE(&port->free, buffer, link);
	buffer->resets = atomic_load(&port->target->resets);
	buffer->number = port->posts++;
	buffer->entry.message.header = (struct hv_message_header){
		.type = type,
		.payload_size = (uint8_t)size,
	};
	memcpy(buffer->entry.message.payload, payload, size);
	TAILQ_INSERT_TAIL(&port->waiting, buffer, link);
	flush_locked(port);
	return 0;
}

int guest_message_port_post(
	struct guest_message_port *port, uint32_t type, const void *payload, size_t size)
{
	int r;

	if (type == HV_MESSAGE_TYPE_NONE || size > HV_MESSAGE_PAYLOAD_MAX)
		return -EINVAL;
	pthread_mutex_lock(&port->lock);
	r = post_locked(port, type, payload, size);
	pthread_mutex_unlock(&port->lock);
	return r;
}

/* An event port is a name for a flag: nothing waits. */
struct guest_event_port {
	uint8_t sint;
	uint16_t flag;
	struct sint_route *route; /* ref: so that the target has a GSI */
	struct synic *target;     /* borrows (outlived by vm) */
};

int guest_event_port_new(struct vm *vm, uint8_t vtl, uint32_t vp, uint8_t sint, uint16_t flag,
	struct guest_event_port **ret_port)
{
	struct guest_event_port *port;
	int r;

	if (flag >= HV_EVENT_FLAGS_COUNT)
		return -EINVAL;
	port = calloc(1, sizeof(*port));
	if (!port)
		return -ENOMEM;
	r = sint_route_get(vm, vp, vtl, sint, &port->route);
	if (r < 0) {
		free(port);
		return r;
	}
	port->sint = sint;
	port->flag = flag;
	port->target = synic_find(vm, vp, vtl);
	*ret_port = port;
	return 0;
}

struct guest_event_port *guest_event_port_free(struct guest_event_port *port)
{
	if (!port)
		return NULL;
	sint_route_unref(port->route);
	free(port);
	return NULL;
}

int guest_event_port_signal(struct guest_event_port *port, const struct vcpu *caller)
{
	return synic_set_event_flag(
		port->target, port->sint, port->flag, caller ? SYNIC_FROM_GUEST : SYNIC_FROM_HOST);
}

int guest_event_port_is_set(const struct guest_event_port *port)
{
	return synic_event_flag(port->target, port->sint, port->flag);
}
