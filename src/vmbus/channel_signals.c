/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an open channel has beside its state: its two rings, the port that the guest signals, and the
 * event flag on a VP by which it is signalled.
 *
 *	the guest's signal --> port, any thread --> main loop: the device looks at the rings
 *	a packet, or room  --> event flag of the VP that OPEN_CHANNEL or MODIFY_CHANNEL named
 */
#include <errno.h>
#include <string.h>
#include "common/log.h"
#include "vmbus/internal.h"
#include "vmm/event.h"

/* ---- signals -------------------- */

/* The words of the record vmbus.signal, in order. */
enum signal_direction { SIGNAL_IN, SIGNAL_OUT };

/* Any VP's thread, the monitor's, or the main loop. */
static enum hv_status on_signal(void *arg, struct vcpu *caller, uint16_t flag)
{
	struct vmbus_channel *channel = arg;

	atomic_fetch_add_explicit(&channel->signals_in, 1, memory_order_relaxed);
	hv_record(channel->bus->vm->recorder, HV_EVENT_VMBUS_SIGNAL,
		caller ? caller->index : RECORD_NO_VP, 0, RECORD_NO_SINT, SIGNAL_IN,
		channel->relid);
	loop_defer(channel->bus->vm->loop, &channel->signalled_work);
	return HV_STATUS_SUCCESS;
}

static void look_at_rings(struct vmbus_channel *channel)
{
	if (channel->device == DEVICE_OPEN && channel->state == CHANNEL_OPEN)
		channel->ops->signalled(channel, channel->arg);
}

void channel_signalled(struct loop_work *work)
{
	struct vmbus_channel *channel = container_of(work, struct vmbus_channel, signalled_work);
	struct vmbus *bus = channel->bus;

	vmbus_lock(bus);
	channel->notes.signal_in_ns = clock_now_ns(bus->vm->clock);
	look_at_rings(channel);
	if (channel->state == CHANNEL_FAILED)
		channel_stop_device(channel);
	vmbus_unlock(bus);
}

static void note_signal(struct vmbus_channel *channel, int r)
{
	struct channel_notes *notes = &channel->notes;

	notes->signal_out_ns = clock_now_ns(channel->bus->vm->clock);
	notes->wakes++;
	notes->events_set += r == 0;
	notes->events_lost += r < 0;
}

void vmbus_channel_signal(struct vmbus_channel *channel)
{
	int r;

	if (!channel->signals)
		return;
	channel->signals_out++;
	if (channel_is_hit(channel, FAULT_SKIP_EVENT)) {
		note_signal(channel, 0);
		return;
	}
	r = guest_event_port_signal(channel->signals, NULL);
	note_signal(channel, r);
	hv_record(channel->bus->vm->recorder, HV_EVENT_VMBUS_SIGNAL, channel->request.target_vp, 0,
		channel->bus->connection.sint, SIGNAL_OUT, channel->relid, (uint64_t)MIN(r, 0));
	if (r < 0)
		log_debug("channel %u: the guest's event flags are off", channel->relid);
}

/*
 * Signals that come before the guest has seen OPEN_RESULT are swallowed, on both sides. A moment
 * later whoever waits is woken once.
 */
void channel_recheck(void *arg)
{
	struct vmbus_channel *channel = arg;
	struct vmbus *bus = channel->bus;
	struct ring_state out, in;

	vmbus_lock(bus);
	if (channel->device == DEVICE_OPEN && channel->state == CHANNEL_OPEN) {
		ring_observe(&channel->out, &out);
		ring_observe(&channel->in, &in);
		if ((out.used > 0 && !out.interrupt_mask && !channel->early_recheck) ||
			(in.pending_send_sz > 0 && in.size - in.used >= in.pending_send_sz))
			vmbus_channel_signal(channel);
		channel->early_recheck = false;
		look_at_rings(channel);
	}
	vmbus_unlock(bus);
}

/* ---- rings, and the way to signal -------------------- */

static int add_port(struct vmbus_channel *channel)
{
	struct port_spec spec = {
		.connection_id = channel->connection_id,
		.type = PORT_EVENT,
		.owner = "vmbus",
		.flag_count = 1,
		.coalesce = true, /* one look at the rings serves any number of signals */
		.on_event = on_signal,
		.arg = channel,
	};

	if (channel->offer.monitor_id != VMBUS_MONITOR_NONE) {
		spec.type = PORT_MONITOR;
		spec.monitor_id = channel->offer.monitor_id;
		spec.monitor_latency = channel->offer.monitor_latency_100ns;
		spec.relid = channel->relid;
	}
	return ports_add(&channel->bus->vm->ports, &spec, &channel->port);
}

static int make_signals(
	struct vmbus_channel *channel, uint32_t vp, struct guest_event_port **ret_signals)
{
	struct vmbus *bus = channel->bus;

	if (vp == VMBUS_TARGET_VP_NONE) {
		*ret_signals = NULL;
		return 0;
	}
	return guest_event_port_new(
		bus->vm, 0, vp, bus->connection.sint, (uint16_t)channel->relid, ret_signals);
}

/* The rings are the two halves of the GPADL that the guest names. */
static int map_rings(struct vmbus_channel *channel)
{
	const struct vmbus_open_channel *request = &channel->request;
	struct vmbus_gpadl *gpadl = gpadl_find(channel, request->ring_gpadl);
	uint32_t split = request->downstream_offset;
	int r;

	if (!gpadl || !gpadl->is_ring || split >= gpadl->page_count)
		return -EINVAL;
	r = ring_init_reader(&channel->in, gpadl->page, split);
	if (r == 0)
		r = ring_init_writer(&channel->out, gpadl->page + split, gpadl->page_count - split);
	if (r == 0)
		channel->ring_gpadl = gpadl;
	return r;
}

/* Whether the VP that the guest named can have the channel's events. */
static void note_target(struct vmbus_channel *channel, uint32_t vp, int r)
{
	channel->notes.refused_vp = r < 0 ? vp : UINT32_MAX;
}

int channel_connect_rings(struct vmbus_channel *channel)
{
	int r = map_rings(channel);

	if (r == 0) {
		r = make_signals(channel, channel->request.target_vp, &channel->signals);
		note_target(channel, channel->request.target_vp, r);
	}
	if (r == 0)
		r = add_port(channel);
	return r;
}

void channel_disconnect_rings(struct vmbus_channel *channel)
{
	channel->port = port_release(channel->port);
	channel->signals = guest_event_port_free(channel->signals);
	loop_timer_arm(channel->recheck, 0);
	channel->ring_gpadl = NULL;
	memset(channel->looks, 0, sizeof(channel->looks));
}

/* ---- another VP -------------------- */

static void answer_modify(struct vmbus *bus, uint32_t relid, uint32_t status)
{
	const struct vmbus_modify_channel_response message = {
		.header.type = VMBUS_MSG_MODIFY_CHANNEL_RESPONSE,
		.child_relid = relid,
		.status = status,
	};

	if (bus->connection.version >= VMBUS_VERSION_5_3)
		vmbus_send(bus, &message, sizeof(message), relid, status, NULL);
}

/* When this returns no event goes to the old VP any more: signals are sent on this thread only. */
static int retarget(struct vmbus_channel *channel, uint32_t vp)
{
	struct guest_event_port *signals;
	int r = make_signals(channel, vp, &signals);

	note_target(channel, vp, r);
	if (r < 0)
		return r;
	channel->notes.previous_vp = channel->request.target_vp;
	guest_event_port_free(channel->signals);
	channel->signals = signals;
	channel->request.target_vp = vp;
	return 0;
}

enum vmbus_verdict channel_on_modify(struct vmbus *bus, struct vmbus_channel *channel,
	const struct vmbus_modify_channel *message)
{
	bool open = channel && channel->state == CHANNEL_OPEN && channel->device == DEVICE_OPEN;

	if (open && retarget(channel, message->target_vp) == 0) {
		answer_modify(bus, message->child_relid, VMBUS_STATUS_SUCCESS);
		return VMBUS_OK;
	}
	answer_modify(bus, message->child_relid, VMBUS_STATUS_FAILURE);
	return VMBUS_ILLEGAL;
}
