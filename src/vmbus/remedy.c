/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmbus/remedy.h"

#include <errno.h>
#include "vmbus/internal.h"
#include "vmbus/states.h"

/* ---- before and after -------------------- */

static void glance_at_rings(const struct vmbus_channel *channel, struct channel_glance *glance)
{
	struct ring_state in, out;

	if (!channel->ring_gpadl)
		return;
	ring_observe(&channel->in, &in);
	ring_observe(&channel->out, &out);
	glance->to_host_used = in.used;
	glance->to_host_mask = in.interrupt_mask;
	glance->to_host_pending = in.pending_send_sz;
	glance->to_guest_used = out.used;
	glance->to_guest_mask = out.interrupt_mask;
	glance->to_guest_pending = out.pending_send_sz;
}

static struct channel_glance glance_at(const struct vmbus_channel *channel)
{
	int flag = channel->signals ? guest_event_port_is_set(channel->signals) : -ENXIO;
	struct channel_glance glance = {
		.present = true,
		.state = channel->state,
		.device_state = channel->device,
		.to_host_used = UINT32_MAX,
		.to_host_mask = UINT32_MAX,
		.to_host_pending = UINT32_MAX,
		.to_guest_used = UINT32_MAX,
		.to_guest_mask = UINT32_MAX,
		.to_guest_pending = UINT32_MAX,
		.event_flag = flag < 0 ? FIELD_BOOL_UNKNOWN : (uint8_t)flag,
		.signals_in = atomic_load_explicit(&channel->signals_in, memory_order_relaxed),
		.signals_out = channel->signals_out,
	};

	glance_at_rings(channel, &glance);
	return glance;
}

int channel_glance(struct vmbus *bus, uint32_t relid, struct channel_glance *ret_glance)
{
	const struct vmbus_channel *channel;

	if (!bus)
		return -ENOENT;
	vmbus_lock(bus);
	channel = channel_by_relid(bus, relid);
	if (channel)
		*ret_glance = glance_at(channel);
	vmbus_unlock(bus);
	return channel ? 0 : -ENOENT;
}

static const struct field glance_fields[] = {
	{FIELD_E(struct channel_glance, state, 0, vmbus_channel_state_names,
		"What the guest knows.")},
	{FIELD_E(struct channel_glance, device_state, 0, vmbus_device_state_names,
		"What the host's device does.")},
	{FIELD_U(struct channel_glance, to_host_used, FIELD_NULLABLE,
		"Bytes that wait for the host; null: there are no rings.")},
	{FIELD_U(struct channel_glance, to_host_mask, FIELD_NULLABLE, "The host's mask.")},
	{FIELD_U(struct channel_glance, to_host_pending, FIELD_NULLABLE,
		"Bytes of room that the guest waits for; 0: it does not wait.")},
	{FIELD_U(struct channel_glance, to_guest_used, FIELD_NULLABLE,
		"Bytes that wait for the guest.")},
	{FIELD_U(struct channel_glance, to_guest_mask, FIELD_NULLABLE, "The guest's mask.")},
	{FIELD_U(struct channel_glance, to_guest_pending, FIELD_NULLABLE,
		"Bytes of room that the host waits for; 0: it does not wait.")},
	{FIELD_B(struct channel_glance, event_flag, FIELD_NULLABLE,
		"The guest was signalled and has not looked yet; null: it has no target VP, or its "
		"SIEFP is off.")},
	{FIELD_U(struct channel_glance, signals_in, 0, "Signals of the guest.")},
	{FIELD_U(struct channel_glance, signals_out, 0, "Signals to the guest.")},
};
const struct field_table channel_glance_table = FIELD_TABLE(struct channel_glance, "channel_glance",
	"What changes in a channel when it moves.", glance_fields);

/* ---- unstick -------------------- */

static bool guest_should_read(const struct ring_snapshot *out)
{
	return out->state.used > 0 && out->state.interrupt_mask == 0;
}

/* Linux's hv_sock waits for room at all times: with an empty ring that means nothing. */
static bool guest_can_write(const struct vmbus_channel *channel, const struct ring_snapshot *in)
{
	uint32_t wanted = in->state.pending_send_sz & ~7u;

	if (in->state.used == 0 && channel->offer.chn_flags & VMBUS_OFFER_TLNPI_PROVIDER)
		return false;
	return wanted != 0 && wanted <= in->state.size - in->state.used;
}

static bool host_should_read(const struct ring_snapshot *in)
{
	return in->state.used > 0 && in->host_idle;
}

static struct unstick_result find_waiting(const struct vmbus_channel *channel)
{
	struct unstick_result result = {.before = glance_at(channel)};
	struct ring_snapshot in, out;

	channel_look_at_ring(channel, 0, 0, &in);
	channel_look_at_ring(channel, 1, 0, &out);
	result.guest_reads = guest_should_read(&out);
	result.guest_writes = guest_can_write(channel, &in);
	result.host_reads = host_should_read(&in);
	return result;
}

static void wake(struct vmbus_channel *channel, const struct unstick_result *result, bool force)
{
	if (result->guest_reads || result->guest_writes || force)
		vmbus_channel_signal(channel);
	if (result->host_reads || force)
		channel->ops->signalled(channel, channel->arg);
}

static int unstick(
	struct vmbus_channel *channel, bool force, bool dry_run, struct unstick_result *ret_result)
{
	if (channel->state != CHANNEL_OPEN || channel->device != DEVICE_OPEN)
		return REMEDY_E_NOT_OPEN;
	*ret_result = find_waiting(channel);
	if (!dry_run)
		wake(channel, ret_result, force);
	return 0;
}

int vmbus_unstick(struct vmbus *bus, uint32_t relid, bool force, bool dry_run,
	struct unstick_result *ret_result)
{
	struct vmbus_channel *channel;
	int r = -ENOENT;

	if (!bus)
		return -ENOENT;
	vmbus_lock(bus);
	channel = channel_by_relid(bus, relid);
	if (channel)
		r = unstick(channel, force, dry_run, ret_result);
	vmbus_unlock(bus);
	return r;
}

/* ---- rescind -------------------- */

static int rescind(struct vmbus_channel *channel, bool dry_run, struct rescind_result *ret_result)
{
	struct rescind_result result = {
		.before = glance_at(channel),
		.offered_again = !channel->offer.once && !channel->removing,
	};

	if (!channel_is_offered(channel))
		return REMEDY_E_NOT_OFFERED;
	if (!dry_run)
		channel_revoke(channel);
	*ret_result = result;
	return 0;
}

int vmbus_rescind(
	struct vmbus *bus, uint32_t relid, bool dry_run, struct rescind_result *ret_result)
{
	struct vmbus_channel *channel;
	int r = -ENOENT;

	if (!bus)
		return -ENOENT;
	vmbus_lock(bus);
	channel = channel_by_relid(bus, relid);
	if (channel)
		r = rescind(channel, dry_run, ret_result);
	vmbus_unlock(bus);
	return r;
}
