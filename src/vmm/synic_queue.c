/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The FIFO behind each slot: who may join it, who waits for room in it, and how one leaves. */
#include "vmm/synic_deliver.h"

#include <errno.h>
#include <string.h>
#include "vmm/event.h"
#include "vmm/vm.h"

static void tell_waiters(struct synic_sint *sint)
{
	struct synic_waiter *waiter;

	while ((waiter = TAILQ_FIRST(&sint->waiters))) {
		TAILQ_REMOVE(&sint->waiters, waiter, link);
		waiter->waiting = false;
		waiter->room(waiter);
	}
}

void synic_finish_locked(struct synic_sint *sint, struct synic_entry *entry, int status)
{
	TAILQ_REMOVE(&sint->queue, entry, link);
	sint->depth--;
	entry->state = SYNIC_ENTRY_DONE;
	tell_waiters(sint);
	entry->done(entry, status);
}

static int enqueue_locked(struct synic *synic, unsigned n, struct synic_entry *entry)
{
	struct synic_sint *sint = &synic->sint[n];

	if (sint->depth == HV_MESSAGE_QUEUE_MAX)
		return -EAGAIN;
	entry->state = SYNIC_ENTRY_QUEUED;
	entry->tried = false;
	entry->queued_ns = clock_now_ns(synic->vm->clock);
	TAILQ_INSERT_TAIL(&sint->queue, entry, link);
	sint->depth++;
	sint->posted++;
	synic_scan_locked(synic, n);
	synic_arm_locked(synic);
	return 0;
}

static void wait_locked(struct synic_sint *sint, struct synic_waiter *waiter)
{
	if (waiter->waiting)
		return;
	waiter->waiting = true;
	TAILQ_INSERT_TAIL(&sint->waiters, waiter, link);
}

int synic_post_or_wait(
	struct synic *synic, unsigned n, struct synic_entry *entry, struct synic_waiter *waiter)
{
	struct hv_message *message = &entry->message;
	size_t size = message->header.payload_size;
	int r;

	if (n >= HV_SINT_COUNT || message->header.type == 0 || size > HV_MESSAGE_PAYLOAD_MAX)
		return -EINVAL;
	/* Nothing of the host's memory reaches the guest behind a short payload. */
	memset(message->payload + size, 0, sizeof(message->payload) - size);
	pthread_mutex_lock(&synic->lock);
	r = enqueue_locked(synic, n, entry);
	if (r == -EAGAIN && waiter)
		wait_locked(&synic->sint[n], waiter);
	pthread_mutex_unlock(&synic->lock);
	return r;
}

int synic_post(struct synic *synic, unsigned sint, struct synic_entry *entry)
{
	return synic_post_or_wait(synic, sint, entry, NULL);
}

void synic_unwait(struct synic *synic, unsigned sint, struct synic_waiter *waiter)
{
	pthread_mutex_lock(&synic->lock);
	if (waiter->waiting)
		TAILQ_REMOVE(&synic->sint[sint].waiters, waiter, link);
	waiter->waiting = false;
	pthread_mutex_unlock(&synic->lock);
}

bool synic_withdraw(struct synic *synic, unsigned n, struct synic_entry *entry)
{
	struct synic_sint *sint = &synic->sint[n];
	bool queued;

	pthread_mutex_lock(&synic->lock);
	queued = entry->state == SYNIC_ENTRY_QUEUED;
	if (queued) {
		entry->state = SYNIC_ENTRY_IDLE;
		TAILQ_REMOVE(&sint->queue, entry, link);
		sint->depth--;
		tell_waiters(sint);
		synic_scan_locked(synic, n);
		synic_arm_locked(synic);
	}
	pthread_mutex_unlock(&synic->lock);
	return queued;
}

unsigned synic_flush_locked(struct synic *synic, int status)
{
	unsigned count = 0;

	for (unsigned n = 0; n < HV_SINT_COUNT; n++) {
		struct synic_sint *sint = &synic->sint[n];
		struct synic_entry *entry;

		while ((entry = TAILQ_FIRST(&sint->queue))) {
			sint->dropped++;
			count++;
			hv_record(synic->vm->recorder, HV_EVENT_MESSAGE_DROPPED, synic->vcpu->index,
				synic->vtl, (uint8_t)n, entry->message.header.type,
				(uint64_t)(int64_t)status);
			synic_finish_locked(sint, entry, status);
		}
	}
	return count;
}
