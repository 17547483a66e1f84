/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Channels (spec/vmbus.md 6.2). Two machines side by side: what the guest knows of the channel
 * (enum vmbus_channel_state) and what its device does (enum vmbus_device_state). The guest's side
 * moves with messages; the device is told to start and stop, and takes its time.
 *
 *	guest's side		device
 *	closed --OPEN-->	closed --open()--> opening --opened(0)--> open: OPEN_RESULT 0
 *	opening			opening --opened(-)--> closed: OPEN_RESULT, closed
 *	open --CLOSE-->		open --close()--> closing --closed()--> closed: closed, TORNDOWNs
 *	any --RESCIND-->	is stopped; RELID_RELEASED frees the channel
 *	any --reset-->		is stopped; client_released when it has
 *
 * A device that is asked to stop while it starts is stopped as soon as it has started.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/log.h"
#include "vmbus/guid.h"
#include "vmbus/internal.h"
#include "vmm/event.h"

static const uint64_t recheck_after_ns = 100 * NSEC_PER_MSEC;

static void set_state(struct vmbus_channel *channel, enum vmbus_channel_state state)
{
	if (channel->state == state)
		return;
	hv_record(channel->bus->vm->recorder, HV_EVENT_VMBUS_CHANNEL, RECORD_NO_VP, 0,
		RECORD_NO_SINT, channel->relid, channel->state, state);
	channel->state = state;
	channel->since_ns = clock_now_ns(channel->bus->vm->clock);
}

struct vmbus_channel *channel_by_relid(struct vmbus *bus, uint32_t relid)
{
	return relid < VMBUS_RELIDS ? bus->by_relid[relid] : NULL;
}

/* ---- faults -------------------- */

static bool takes_fault(
	struct vmbus_channel *channel, enum fault_kind kind, struct fault_effect *ret_effect)
{
	const struct fault_place place = {
		.relid = channel->relid,
		.vp = channel->request.target_vp,
		.sint = channel->bus->connection.sint,
		.message = FAULT_ANY,
		.direction = FAULT_ANY,
	};

	return fault_hit(&channel->bus->vm->faults, kind, &place, ret_effect);
}

bool channel_take_fault(struct vmbus_channel *channel, enum fault_kind kind)
{
	return takes_fault(channel, kind, NULL);
}

/* Whether a fault keeps the device from going on; channels_go_on() comes back to it. */
static bool holds(struct vmbus_channel *channel, enum fault_kind kind)
{
	struct fault_effect effect;

	if (!takes_fault(channel, kind, &effect))
		return false;
	channel->held_by = effect.id;
	return true;
}

/* ---- offers -------------------- */

static bool same_device(const struct vmbus_channel *channel, const struct vmbus_offer *offer)
{
	return guid_compare(&channel->offer.interface_type, &offer->interface_type) == 0 &&
	       guid_compare(&channel->offer.interface_instance, &offer->interface_instance) == 0;
}

/* The one with these GUIDs that the guest may still know under another relid. */
static struct vmbus_channel *predecessor(const struct vmbus_channel *channel)
{
	struct vmbus_channel *other;

	TAILQ_FOREACH (other, &channel->bus->channels, link) {
		if (other != channel && other->removing && same_device(other, &channel->offer))
			return other;
	}
	return NULL;
}

/* A guest that gets a second offer of a device it still has loses the relid for ever. */
void channel_send_offer(struct vmbus_channel *channel)
{
	const struct vmbus_offer *offer = &channel->offer;
	struct vmbus_offer_channel message = {
		.header.type = VMBUS_MSG_OFFER_CHANNEL,
		.interface_type = offer->interface_type,
		.interface_instance = offer->interface_instance,
		.chn_flags = offer->chn_flags,
		.pipe_mode = offer->pipe_mode,
		.child_relid = channel->relid,
		.monitor_id = offer->monitor_id,
		.monitor_allocated = offer->monitor_id != VMBUS_MONITOR_NONE,
		.is_dedicated_interrupt = 1,
		.connection_id = channel->connection_id,
	};

	if (channel->state != CHANNEL_CLIENT_RELEASED || predecessor(channel))
		return;
	memcpy(message.pipe_user_defined, offer->pipe_user_defined,
		sizeof(message.pipe_user_defined));
	set_state(channel, CHANNEL_CLOSED);
	channel->notes.offers++;
	vmbus_send(channel->bus, &message, sizeof(message), channel->relid, 0, NULL);
	if (channel_is_hit(channel, FAULT_DUPLICATE_OFFER)) {
		channel->notes.offers++;
		vmbus_send(channel->bus, &message, sizeof(message), channel->relid, 0, NULL);
	}
}

static void send_rescind(struct vmbus_channel *channel)
{
	const struct vmbus_relid_message message = {
		.header.type = VMBUS_MSG_RESCIND_CHANNEL_OFFER,
		.child_relid = channel->relid,
	};

	vmbus_send(channel->bus, &message, sizeof(message), channel->relid, 0, NULL);
}

static void send_open_result(struct vmbus_channel *channel, uint32_t status)
{
	const struct vmbus_open_channel_result message = {
		.header.type = VMBUS_MSG_OPEN_CHANNEL_RESULT,
		.child_relid = channel->relid,
		.open_id = channel->request.open_id,
		.status = status,
	};

	vmbus_send(channel->bus, &message, sizeof(message), channel->relid, status, NULL);
}

/* ---- freeing -------------------- */

/* A device with the same GUIDs may have waited for this one to be forgotten. */
static void offer_successor(struct vmbus *bus, const struct vmbus_offer *offer)
{
	struct vmbus_channel *channel;

	if (bus->connection.state != VMBUS_CONNECTED)
		return;
	TAILQ_FOREACH (channel, &bus->channels, link) {
		if (channel->state == CHANNEL_CLIENT_RELEASED && !channel->removing &&
			same_device(channel, offer)) {
			channel_send_offer(channel);
			return;
		}
	}
}

static void free_on_loop(struct loop_work *work)
{
	free(container_of(work, struct vmbus_channel, free_work));
}

/*
 * Neither the guest nor the device has it any more. A last signal may still be on its way to the
 * loop: the memory goes behind it.
 */
static void destroy(struct vmbus_channel *channel)
{
	struct vmbus *bus = channel->bus;
	struct vmbus_offer offer = channel->offer;

	TAILQ_REMOVE(&bus->channels, channel, link);
	bus->by_relid[channel->relid] = NULL;
	if (channel->ops->released)
		channel->ops->released(channel, channel->arg);
	channel->recheck = loop_timer_free(channel->recheck);
	loop_defer(bus->vm->loop, &channel->free_work);
	offer_successor(bus, &offer);
}

static const struct channel_notes no_notes = {
	.previous_vp = UINT32_MAX,
	.refused_vp = UINT32_MAX,
};

/* The guest has let go: the relid may be offered again, or the channel goes for good. */
static void client_released(struct vmbus_channel *channel)
{
	bool reoffer = channel->reoffer && channel->bus->connection.state == VMBUS_CONNECTED;

	gpadl_drop_all(channel);
	set_state(channel, CHANNEL_CLIENT_RELEASED);
	channel->failure[0] = '\0';
	channel->reoffer = false;
	channel->notes = no_notes;
	owed_forget(channel->bus, channel->relid);
	if (channel->removing || channel->offer.once)
		destroy(channel);
	else if (reoffer)
		channel_send_offer(channel);
}

/* ---- the device starts and stops -------------------- */

/* A guest that has gone meanwhile needs no device any more. */
static void ask_device_to_open(struct vmbus_channel *channel)
{
	int r = -ECANCELED;

	if (channel->state == CHANNEL_OPENING)
		r = channel->ops->open(channel, channel->arg);
	if (r != VMBUS_PENDING)
		vmbus_channel_opened(channel, r);
}

/* The guest takes the event, and has no handler yet; the one it was for is not sent again. */
static void signal_early(struct vmbus_channel *channel)
{
	channel->early_packet = channel_is_hit(channel, FAULT_EARLY_EVENT);
	channel->early_recheck = channel->early_packet;
	if (channel->early_packet)
		vmbus_channel_signal(channel);
}

static void start_device(struct vmbus_channel *channel)
{
	int r = channel_connect_rings(channel);

	set_state(channel, CHANNEL_OPENING);
	channel->device = DEVICE_OPENING;
	channel->opens++;
	channel->notes.opens++;
	channel->notes.previous_vp = UINT32_MAX;
	channel->failure[0] = '\0';
	if (r == 0)
		signal_early(channel);
	if (r < 0)
		vmbus_channel_opened(channel, r);
	else if (!holds(channel, FAULT_HOLD_OPEN))
		ask_device_to_open(channel);
}

/* What the guest's side does when the device has stopped. */
static void after_stop(struct vmbus_channel *channel)
{
	struct vmbus *bus = channel->bus;

	switch (channel->state) {
	case CHANNEL_CLOSING:
		set_state(channel, CHANNEL_CLOSED);
		break;
	case CHANNEL_CLOSING_REOPEN:
		channel->request = channel->reopen;
		start_device(channel);
		break;
	case CHANNEL_OPENING_CLIENT_RELEASE:
	case CHANNEL_CLOSING_CLIENT_RELEASE:
		bus->releasing--;
		client_released(channel);
		connection_continue(bus);
		break;
	default:
		break; /* failed, revoked: the guest's turn */
	}
}

static void device_stopped(struct vmbus_channel *channel)
{
	channel_disconnect_rings(channel);
	channel->device = DEVICE_CLOSED;
	gpadl_finish_teardowns(channel);
	after_stop(channel);
}

void vmbus_channel_closed(struct vmbus_channel *channel)
{
	if (!holds(channel, FAULT_HOLD_CLOSE))
		device_stopped(channel);
}

static struct vmbus_channel *held_channel(struct vmbus *bus, uint64_t fault)
{
	struct vmbus_channel *channel;

	TAILQ_FOREACH (channel, &bus->channels, link) {
		if (channel->held_by == fault)
			return channel;
	}
	return NULL;
}

/* From the front each time: one that goes on may take others with it. */
void channels_go_on(struct vmbus *bus, uint64_t id)
{
	struct vmbus_channel *channel;

	while ((channel = held_channel(bus, id))) {
		channel->held_by = 0;
		fault_let_go(&bus->vm->faults, id);
		if (channel->device == DEVICE_OPENING)
			ask_device_to_open(channel);
		else
			device_stopped(channel);
	}
}

void channel_stop_device(struct vmbus_channel *channel)
{
	if (channel->device != DEVICE_OPEN)
		return;
	channel->device = DEVICE_CLOSING;
	if (channel->ops->close(channel, channel->arg) != VMBUS_PENDING)
		vmbus_channel_closed(channel);
}

static void open_succeeded(struct vmbus_channel *channel)
{
	struct loop_timer *recheck = channel->recheck;

	channel->device = DEVICE_OPEN;
	if (channel->state != CHANNEL_OPENING) {
		channel_stop_device(channel);
		return;
	}
	set_state(channel, CHANNEL_OPEN);
	channel->notes.opened_ns = channel->since_ns;
	channel->notes.early_teardowns = channel->notes.wakes = 0;
	send_open_result(channel, VMBUS_STATUS_SUCCESS);
	loop_timer_arm(recheck, clock_now_ns(channel->bus->vm->clock) + recheck_after_ns);
}

static void open_failed(struct vmbus_channel *channel)
{
	channel_disconnect_rings(channel);
	channel->device = DEVICE_CLOSED;
	if (channel->state != CHANNEL_OPENING) {
		gpadl_finish_teardowns(channel);
		after_stop(channel);
		return;
	}
	set_state(channel, CHANNEL_CLOSED);
	send_open_result(channel, VMBUS_STATUS_FAILURE);
}

void vmbus_channel_opened(struct vmbus_channel *channel, int status)
{
	if (status < 0)
		open_failed(channel);
	else
		open_succeeded(channel);
}

/* ---- messages -------------------- */

enum vmbus_verdict channel_on_open(
	struct vmbus_channel *channel, const struct vmbus_open_channel *message)
{
	switch (channel->state) {
	case CHANNEL_CLOSED:
		channel->request = *message;
		start_device(channel);
		return VMBUS_OK;
	case CHANNEL_CLOSING:
		channel->reopen = *message;
		set_state(channel, CHANNEL_CLOSING_REOPEN);
		return VMBUS_OK;
	case CHANNEL_REVOKED:
		channel->notes.requests_after_revoke++;
		return VMBUS_IGNORED; /* the RESCIND is the guest's answer */
	default:
		return VMBUS_ILLEGAL;
	}
}

enum vmbus_verdict channel_on_close(struct vmbus_channel *channel)
{
	switch (channel->state) {
	case CHANNEL_OPEN:
	case CHANNEL_FAILED:
		set_state(channel, CHANNEL_CLOSING);
		if (channel->device == DEVICE_CLOSED)
			after_stop(channel);
		else
			channel_stop_device(channel);
		return VMBUS_OK;
	case CHANNEL_REVOKED:
		return VMBUS_IGNORED;
	default:
		return VMBUS_ILLEGAL;
	}
}

enum vmbus_verdict channel_on_released(struct vmbus_channel *channel)
{
	switch (channel->state) {
	case CHANNEL_CLOSED:
		client_released(channel);
		return VMBUS_OK;
	case CHANNEL_REVOKED:
		if (channel->device == DEVICE_CLOSED) {
			client_released(channel);
		} else {
			set_state(channel, CHANNEL_CLOSING_CLIENT_RELEASE);
			channel->bus->releasing++;
		}
		return VMBUS_OK;
	case CHANNEL_CLOSING:
		set_state(channel, CHANNEL_CLOSING_CLIENT_RELEASE);
		channel->bus->releasing++;
		return VMBUS_OK;
	default:
		return VMBUS_ILLEGAL;
	}
}

/* ---- reset, failure -------------------- */

static void await_device(struct vmbus_channel *channel, enum vmbus_channel_state state)
{
	set_state(channel, state);
	channel->bus->releasing++;
}

void channel_release_by_reset(struct vmbus_channel *channel)
{
	switch (channel->state) {
	case CHANNEL_CLIENT_RELEASED:
	case CHANNEL_OPENING_CLIENT_RELEASE:
	case CHANNEL_CLOSING_CLIENT_RELEASE:
		return;
	default:
		break;
	}
	if (channel->device == DEVICE_CLOSED) {
		client_released(channel);
		return;
	}
	await_device(channel, channel->device == DEVICE_OPENING ? CHANNEL_OPENING_CLIENT_RELEASE
								: CHANNEL_CLOSING_CLIENT_RELEASE);
	channel_stop_device(channel);
}

/* The device learns of it on the loop, not in the middle of what it is doing. */
void vmbus_channel_fail(struct vmbus_channel *channel, const char *why)
{
	if (channel->state != CHANNEL_OPEN)
		return;
	snprintf(channel->failure, sizeof(channel->failure), "%s", why);
	set_state(channel, CHANNEL_FAILED);
	log_warning("channel %u (%s) failed: %s", channel->relid, channel->ops->name, why);
	loop_defer(channel->bus->vm->loop, &channel->signalled_work);
}

/* ---- for devices -------------------- */

static uint32_t free_relid(const struct vmbus *bus)
{
	for (uint32_t i = 0; i < VMBUS_RELID_MAX; i++) {
		uint32_t relid = 1 + (bus->last_relid + i) % VMBUS_RELID_MAX;

		if (!bus->by_relid[relid])
			return relid;
	}
	return 0;
}

static int check_offer(const struct vmbus *bus, const struct vmbus_offer *offer)
{
	const struct vmbus_channel *channel;

	TAILQ_FOREACH (channel, &bus->channels, link) {
		if (!channel->removing && same_device(channel, offer))
			return -EEXIST;
		if (offer->monitor_id != VMBUS_MONITOR_NONE &&
			channel->offer.monitor_id == offer->monitor_id)
			return -EBUSY;
	}
	if (offer->monitor_id != VMBUS_MONITOR_NONE && offer->monitor_id >= HV_MONITOR_COUNT)
		return -EINVAL;
	return 0;
}

static bool goes_before(const struct vmbus_offer *a, const struct vmbus_offer *b)
{
	int order = guid_compare(&a->interface_type, &b->interface_type);

	if (order == 0 && a->order != b->order)
		return a->order < b->order;
	if (order == 0)
		order = guid_compare(&a->interface_instance, &b->interface_instance);
	return order < 0;
}

static void insert_in_order(struct vmbus *bus, struct vmbus_channel *channel)
{
	struct vmbus_channel *other;

	TAILQ_FOREACH (other, &bus->channels, link) {
		if (goes_before(&channel->offer, &other->offer)) {
			TAILQ_INSERT_BEFORE(other, channel, link);
			return;
		}
	}
	TAILQ_INSERT_TAIL(&bus->channels, channel, link);
}

int vmbus_channel_add(struct vmbus *bus, const struct vmbus_offer *offer,
	const struct vmbus_device_ops *ops, void *arg, struct vmbus_channel **ret_channel)
{
	struct vmbus_channel *channel;
	uint32_t relid = free_relid(bus);
	int r = check_offer(bus, offer);

	if (r < 0)
		return r;
	if (relid == 0)
		return -ENOSPC;
	channel = calloc(1, sizeof(*channel));
	if (!channel)
		return -ENOMEM;
	r = loop_timer_new(bus->vm->loop, channel_recheck, channel, &channel->recheck);
	if (r < 0) {
		free(channel);
		return r;
	}
	channel->bus = bus;
	channel->ops = ops;
	channel->arg = arg;
	channel->offer = *offer;
	channel->relid = relid;
	channel->connection_id = VMBUS_CONNECTION_ID_BASE + relid;
	channel->signalled_work.run = channel_signalled;
	channel->free_work.run = free_on_loop;
	channel->since_ns = clock_now_ns(bus->vm->clock);
	channel->notes = no_notes;
	bus->last_relid = relid;
	bus->by_relid[relid] = channel;
	insert_in_order(bus, channel);
	*ret_channel = channel;
	if (bus->connection.state == VMBUS_CONNECTED)
		channel_send_offer(channel);
	return 0;
}

bool channel_is_offered(const struct vmbus_channel *channel)
{
	switch (channel->state) {
	case CHANNEL_CLOSED:
	case CHANNEL_OPENING:
	case CHANNEL_OPEN:
	case CHANNEL_FAILED:
	case CHANNEL_CLOSING:
	case CHANNEL_CLOSING_REOPEN:
		return true;
	case CHANNEL_CLIENT_RELEASED:
	case CHANNEL_REVOKED:
	case CHANNEL_OPENING_CLIENT_RELEASE:
	case CHANNEL_CLOSING_CLIENT_RELEASE:
	case CHANNEL_STATES:
		break;
	}
	return false;
}

static void take_offer_back(struct vmbus_channel *channel)
{
	channel->notes.before_revoke = channel->state;
	set_state(channel, CHANNEL_REVOKED);
	send_rescind(channel);
	channel_stop_device(channel);
}

void channel_revoke(struct vmbus_channel *channel)
{
	channel->reoffer = true;
	take_offer_back(channel);
}

void vmbus_channel_remove(struct vmbus_channel *channel)
{
	if (channel->removing)
		return;
	channel->removing = true;
	if (channel->state == CHANNEL_CLIENT_RELEASED)
		destroy(channel);
	else if (channel_is_offered(channel))
		take_offer_back(channel);
}

uint32_t vmbus_channel_relid(const struct vmbus_channel *channel)
{
	return channel->relid;
}

const struct vmbus_offer *vmbus_channel_offer(const struct vmbus_channel *channel)
{
	return &channel->offer;
}
