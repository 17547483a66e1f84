/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmbus/info.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "vmbus/channel_walk.h"
#include "vmbus/internal.h"

static const char *const directions[] = {"in", "out", NULL};
static const char *const verdicts[] = {"ok", "ignored", "illegal", "malformed", NULL};

static uint64_t age_ns(const struct vmbus *bus, uint64_t then_ns)
{
	return clock_now_ns(bus->vm->clock) - then_ns;
}

/* ---- messages -------------------- */

static const struct field message_fields[] = {
	{FIELD_U(struct vmbus_message_info, age_ns, 0, "Time since it was taken or sent.")},
	{FIELD_E(struct vmbus_message_info, direction, 0, directions,
		"in: from the guest; out: to the guest.")},
	{FIELD_E(struct vmbus_message_info, message, 0, vmbus_message_names,
		"The channel message; invalid: none that there is.")},
	{FIELD_U(struct vmbus_message_info, type, 0, "Its number on the wire.")},
	{FIELD_U(struct vmbus_message_info, relid, 0, "The channel it names; 0: none.")},
	{FIELD_X(struct vmbus_message_info, value, 0,
		"What it is about: version, GPADL, VP or status.")},
	{FIELD_E(struct vmbus_message_info, verdict, 0, verdicts,
		"ok: obeyed. ignored: legal, without effect in this state. illegal: not in this "
		"state or version. malformed: too short, or it contradicts itself.")},
};
static const struct field_table message_table = FIELD_TABLE(struct vmbus_message_info,
	"vmbus_message", "A channel message that went over the bus.", message_fields);

static struct vmbus_message_info message_info(
	const struct vmbus *bus, const struct vmbus_history_entry *entry)
{
	return (struct vmbus_message_info){
		.present = true,
		.age_ns = age_ns(bus, entry->mono_ns),
		.direction = entry->out,
		.message = entry->type < VMBUS_MSG_COUNT ? entry->type : VMBUS_MSG_INVALID,
		.type = entry->type,
		.relid = entry->relid,
		.value = entry->value,
		.verdict = entry->verdict,
	};
}

static unsigned kept(const struct vmbus_history *history)
{
	return (unsigned)MIN(history->count, (uint64_t)VMBUS_HISTORY);
}

/* `position` 0 is the newest. */
static const struct vmbus_history_entry *entry_at(
	const struct vmbus_history *history, unsigned position)
{
	return &history->entry[(history->count - 1 - position) % VMBUS_HISTORY];
}

static struct vmbus_message_info last_message(
	const struct vmbus *bus, const struct vmbus_history *history, bool out)
{
	for (unsigned i = 0; i < kept(history); i++) {
		if (entry_at(history, i)->out == out)
			return message_info(bus, entry_at(history, i));
	}
	return (struct vmbus_message_info){0};
}

/* ---- the bus -------------------- */

static uint64_t total(const uint64_t counters[VMBUS_MSG_COUNT])
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < VMBUS_MSG_COUNT; i++)
		sum += counters[i];
	return sum;
}

static void count_channels(const struct vmbus *bus, struct vmbus_info *info)
{
	const struct vmbus_channel *channel;

	TAILQ_FOREACH (channel, &bus->channels, link) {
		info->channels++;
		info->open_channels += channel->state == CHANNEL_OPEN;
	}
}

static void fill_queue(struct vmbus *bus, struct vmbus_info *info)
{
	pthread_mutex_lock(&bus->in_lock);
	info->incoming = bus->in_count;
	info->refused_by_port = bus->in_refused;
	pthread_mutex_unlock(&bus->in_lock);
}

static uint64_t or_none(uint64_t gpa)
{
	return gpa ? gpa : UINT64_MAX;
}

static void fill_bus(struct vmbus *bus, struct vmbus_info *ret_info)
{
	const struct vmbus_connection *connection = &bus->connection;

	*ret_info = (struct vmbus_info){
		.state = connection->state,
		.time_in_state_ns = age_ns(bus, connection->since_ns),
		.target_vp = connection->target_vp,
		.sint = connection->sint,
		.interrupt_page = or_none(connection->interrupt_page),
		.monitor_page_p2c = or_none(connection->monitor_page_p2c),
		.monitor_page_c2p = or_none(connection->monitor_page_c2p),
		.gpadls = bus->gpadl_count,
		.gpadl_pages = bus->gpadl_pages,
		.outgoing = bus->out_count,
		.messages_in = total(bus->messages_in),
		.messages_out = total(bus->messages_out),
		.ignored = bus->verdicts[VMBUS_IGNORED],
		.illegal = bus->verdicts[VMBUS_ILLEGAL],
		.malformed = bus->verdicts[VMBUS_MALFORMED],
		.last_in = last_message(bus, &bus->history, false),
		.last_out = last_message(bus, &bus->history, true),
	};
	if (connection->version)
		snprintf(ret_info->version, sizeof(ret_info->version), "%u.%u",
			(uint8_t)(connection->version >> 16), (uint8_t)connection->version);
	count_channels(bus, ret_info);
	fill_queue(bus, ret_info);
}

static int get_bus(void *owner, const uint64_t *key, void *ret_info)
{
	struct vmbus *bus = owner;

	if (!bus)
		return -ENOENT;
	vmbus_lock(bus);
	fill_bus(bus, ret_info);
	vmbus_unlock(bus);
	return 0;
}

static const struct field bus_fields[] = {
	{FIELD_E(struct vmbus_info, state, 0, vmbus_state_names,
		"connecting: VERSION_RESPONSE is on its way. negotiated: offers have not been asked "
		"for. disconnecting: devices are being stopped.")},
	{FIELD_U(struct vmbus_info, time_in_state_ns, 0, "Time in that state.")},
	{FIELD_S(struct vmbus_info, version, FIELD_NULLABLE,
		"Negotiated protocol version; null without a connection.")},
	{FIELD_U(struct vmbus_info, target_vp, 0, "VP that gets the messages to the guest.")},
	{FIELD_U(struct vmbus_info, sint, 0, "SINT of messages and events.")},
	{FIELD_X(struct vmbus_info, interrupt_page, FIELD_NULLABLE,
		"Interrupt page of a guest below 5.0, for display only.")},
	{FIELD_X(struct vmbus_info, monitor_page_p2c, FIELD_NULLABLE,
		"Monitor page, parent to child; not used.")},
	{FIELD_X(struct vmbus_info, monitor_page_c2p, FIELD_NULLABLE,
		"Monitor page, child to parent: polled while a channel uses monitored notification.")},
	{FIELD_U(struct vmbus_info, channels, 0, "Channels, offered or not.")},
	{FIELD_U(struct vmbus_info, open_channels, 0, "Those that are open.")},
	{FIELD_U(struct vmbus_info, gpadls, 0, "GPADLs of the guest.")},
	{FIELD_U(struct vmbus_info, gpadl_pages, 0, "Pages they hold, of 327680 at most.")},
	{FIELD_U(struct vmbus_info, incoming, 0,
		"Messages of the guest that wait, of 64 at most: for an answer to leave.")},
	{FIELD_U(struct vmbus_info, outgoing, 0,
		"Messages to the guest that wait for the slot, with the one on its way.")},
	{FIELD_U(struct vmbus_info, messages_in, 0, "Messages taken from the guest.")},
	{FIELD_U(struct vmbus_info, messages_out, 0, "Messages sent to the guest.")},
	{FIELD_U(struct vmbus_info, refused_by_port, 0,
		"Posts answered with HV_STATUS_INSUFFICIENT_BUFFERS because 64 waited.")},
	{FIELD_U(struct vmbus_info, ignored, 0, "Legal messages without effect.")},
	{FIELD_U(struct vmbus_info, illegal, 0, "Messages not allowed in their state or version.")},
	{FIELD_U(struct vmbus_info, malformed, 0, "Messages too short or contradictory.")},
	{FIELD_O(struct vmbus_info, last_in, FIELD_NULLABLE, &message_table,
		"The last message of the guest.")},
	{FIELD_O(struct vmbus_info, last_out, FIELD_NULLABLE, &message_table,
		"The last message to the guest.")},
};
static const struct field_table bus_table = FIELD_TABLE(
	struct vmbus_info, "vmbus", "The VMBus connection with the guest.", bus_fields);

const struct node_class vmbus_node_class = {
	.path = "vmbus",
	.fields = &bus_table,
	.get = get_bus,
};

static uint32_t monitor_id_or_none(const struct vmbus_offer *offer)
{
	return offer->monitor_id == VMBUS_MONITOR_NONE ? UINT32_MAX : offer->monitor_id;
}

/* ---- channels -------------------- */

static int fill_channel(struct vmbus_channel *channel, const uint64_t *key, void *ret_info)
{
	struct channel_info *info = ret_info;
	const struct vmbus_offer *offer = &channel->offer;
	bool asked = channel->device != DEVICE_CLOSED;

	*info = (struct channel_info){
		.relid = channel->relid,
		.state = channel->state,
		.device_state = channel->device,
		.time_in_state_ns = age_ns(channel->bus, channel->since_ns),
		.connection_id = channel->connection_id,
		.monitor_id = monitor_id_or_none(offer),
		.open_id = asked ? channel->request.open_id : UINT32_MAX,
		.target_vp = asked ? channel->request.target_vp : UINT32_MAX,
		.ring_gpadl = channel->ring_gpadl ? channel->ring_gpadl->id : UINT64_MAX,
		.gpadls = channel->gpadls,
		.opens = channel->opens,
		.refused = channel->refused,
		.signals_in = atomic_load_explicit(&channel->signals_in, memory_order_relaxed),
		.signals_out = channel->signals_out,
		.removing = channel->removing,
		.last_in = last_message(channel->bus, &channel->history, false),
		.last_out = last_message(channel->bus, &channel->history, true),
	};
	snprintf(info->device, sizeof(info->device), "%s", channel->ops->name);
	memcpy(info->failure, channel->failure, sizeof(info->failure));
	guid_format(&offer->interface_type, info->class_id);
	guid_format(&offer->interface_instance, info->device_id);
	return 0;
}

static int get_channel(void *owner, const uint64_t *key, void *ret_info)
{
	return channel_snapshot(owner, key, fill_channel, ret_info);
}

static void list_channels(void *owner, const uint64_t *key, unsigned fixed, const uint64_t *after,
	node_visit_fn visit, void *arg)
{
	struct channel_info info;

	channel_walk_relids(owner, key, fixed, after, get_channel, &info, visit, arg);
}

static const struct field channel_fields[] = {
	{FIELD_U(struct channel_info, relid, 0,
		"Channel id; also its event flag. In Linux, /sys/bus/vmbus/devices/.../id.")},
	{FIELD_S(struct channel_info, device, 0, "The host's device behind it.")},
	{FIELD_E(struct channel_info, state, 0, vmbus_channel_state_names,
		"What the guest knows: closed is offered; revoked is rescinded and not yet released; "
		"failed: the guest broke its rings.")},
	{FIELD_U(struct channel_info, time_in_state_ns, 0, "Time in that state.")},
	{FIELD_E(struct channel_info, device_state, 0, vmbus_device_state_names,
		"What the host's device does.")},
	{FIELD_S(struct channel_info, failure, FIELD_NULLABLE, "Why it failed.")},
	{FIELD_S(struct channel_info, class_id, 0, "GUID of the interface type.")},
	{FIELD_S(struct channel_info, device_id, 0, "GUID of the instance.")},
	{FIELD_U(struct channel_info, connection_id, 0,
		"What the guest names in HvSignalEvent; see ports.")},
	{FIELD_U(struct channel_info, monitor_id, FIELD_NULLABLE,
		"Monitored notification instead of HvSignalEvent; null: not.")},
	{FIELD_U(struct channel_info, open_id, FIELD_NULLABLE, "Of OPEN_CHANNEL.")},
	{FIELD_U(struct channel_info, target_vp, FIELD_NULLABLE,
		"VP whose event flags the host sets; null: closed, or no signals wanted.")},
	{FIELD_X(struct channel_info, ring_gpadl, FIELD_NULLABLE, "GPADL that holds the rings.")},
	{FIELD_U(struct channel_info, gpadls, 0, "GPADLs of the channel.")},
	{FIELD_U(struct channel_info, opens, 0, "How often it was opened.")},
	{FIELD_U(struct channel_info, refused, 0, "Messages about it that were not obeyed.")},
	{FIELD_U(struct channel_info, signals_in, 0,
		"Signals of the guest, as the device heard of them; its port counts those that came "
		"at once singly.")},
	{FIELD_U(struct channel_info, signals_out, 0, "Signals to the guest.")},
	{FIELD_B(struct channel_info, removing, 0,
		"The device was removed; the guest has yet to let go.")},
	{FIELD_O(struct channel_info, last_in, FIELD_NULLABLE, &message_table,
		"The guest's last message about it.")},
	{FIELD_O(struct channel_info, last_out, FIELD_NULLABLE, &message_table,
		"The host's last message about it.")},
};
static const struct field_table channel_table = FIELD_TABLE(
	struct channel_info, "channel", "A VMBus channel and its offer.", channel_fields);

const struct node_class channel_node_class = {
	.path = "channels/{relid}",
	.fields = &channel_table,
	.key_count = 1,
	.get = get_channel,
	.list = list_channels,
};

/* ---- offers -------------------- */

static int fill_offer(struct vmbus_channel *channel, const uint64_t *key, void *ret_info)
{
	struct offer_info *info = ret_info;
	const struct vmbus_offer *offer = &channel->offer;

	*info = (struct offer_info){
		.relid = channel->relid,
		.order = offer->order,
		.chn_flags = offer->chn_flags,
		.pipe_mode = offer->pipe_mode,
		.monitor_id = monitor_id_or_none(offer),
		.connection_id = channel->connection_id,
		.packet_limit_bytes = offer->packet_limit ? offer->packet_limit : UINT64_MAX,
		.offered = channel->state != CHANNEL_CLIENT_RELEASED,
	};
	snprintf(info->device, sizeof(info->device), "%s", channel->ops->name);
	guid_format(&offer->interface_type, info->class_id);
	guid_format(&offer->interface_instance, info->device_id);
	return 0;
}

static int get_offer(void *owner, const uint64_t *key, void *ret_info)
{
	return channel_snapshot(owner, key, fill_offer, ret_info);
}

static void list_offers(void *owner, const uint64_t *key, unsigned fixed, const uint64_t *after,
	node_visit_fn visit, void *arg)
{
	struct offer_info info;

	channel_walk_relids(owner, key, fixed, after, get_offer, &info, visit, arg);
}

static const struct field offer_fields[] = {
	{FIELD_U(struct offer_info, relid, 0, "Channel id that the offer gives.")},
	{FIELD_S(struct offer_info, device, 0, "The host's device behind it.")},
	{FIELD_S(struct offer_info, class_id, 0,
		"GUID of the interface type: it chooses the driver.")},
	{FIELD_S(struct offer_info, device_id, 0, "GUID of the instance.")},
	{FIELD_U(struct offer_info, order, 0,
		"Offers are sent in the order of class, this, and instance.")},
	{FIELD_X(struct offer_info, chn_flags, 0,
		"0x1 enumerate the device interface, 0x10 named pipe, 0x2000 hv_sock.")},
	{FIELD_U(struct offer_info, pipe_mode, 0, "0 byte stream, 4 messages.")},
	{FIELD_U(struct offer_info, monitor_id, FIELD_NULLABLE,
		"Monitored notification instead of HvSignalEvent; null: not.")},
	{FIELD_U(struct offer_info, connection_id, 0, "What the guest names in HvSignalEvent.")},
	{FIELD_U(struct offer_info, packet_limit_bytes, FIELD_NULLABLE,
		"Longest packet the guest's driver can take; null: any.")},
	{FIELD_B(struct offer_info, offered, 0, "The guest knows the offer.")},
};
static const struct field_table offer_table = FIELD_TABLE(
	struct offer_info, "offer", "What is offered to the guest as a channel.", offer_fields);

const struct node_class offer_node_class = {
	.path = "offers/{relid}",
	.fields = &offer_table,
	.key_count = 1,
	.get = get_offer,
	.list = list_offers,
};

/* ---- histories -------------------- */

static int get_entry(const struct vmbus *bus, const struct vmbus_history *history,
	uint64_t position, uint32_t relid, struct history_info *ret_info)
{
	if (position >= kept(history))
		return -ENOENT;
	*ret_info = (struct history_info){
		.relid = relid,
		.position = (uint32_t)position,
		.message = message_info(bus, entry_at(history, (unsigned)position)),
	};
	return 0;
}

static int fill_entry(struct vmbus_channel *channel, const uint64_t *key, void *ret_info)
{
	return get_entry(channel->bus, &channel->history, key[1], channel->relid, ret_info);
}

static int get_channel_history(void *owner, const uint64_t *key, void *ret_info)
{
	return channel_snapshot(owner, key, fill_entry, ret_info);
}

static void list_channel_history(void *owner, const uint64_t *key, unsigned fixed,
	const uint64_t *after, node_visit_fn visit, void *arg)
{
	struct history_info info;
	const struct channel_walk entries = {
		.key = key,
		.after = after,
		.fixed = fixed,
		.columns = VMBUS_HISTORY,
		.get = get_channel_history,
		.info = &info,
	};

	channel_walk(owner, &entries, visit, arg);
}

static const struct field history_fields[] = {
	{FIELD_U(struct history_info, relid, 0, "The channel; 0 in the connection's own history.")},
	{FIELD_U(struct history_info, position, 0, "0 is the newest; 16 are kept.")},
	{FIELD_O(struct history_info, message, 0, &message_table, "The message.")},
};
static const struct field_table history_table = FIELD_TABLE(struct history_info, "vmbus_history",
	"One of the last messages of the connection, or about a channel.", history_fields);

const struct node_class channel_history_node_class = {
	.path = "channels/{relid}/history/{position}",
	.fields = &history_table,
	.key_count = 2,
	.get = get_channel_history,
	.list = list_channel_history,
};

static int get_bus_history(void *owner, const uint64_t *key, void *ret_info)
{
	struct vmbus *bus = owner;
	int r;

	if (!bus)
		return -ENOENT;
	vmbus_lock(bus);
	r = get_entry(bus, &bus->history, key[0], 0, ret_info);
	vmbus_unlock(bus);
	return r;
}

static void list_bus_history(void *owner, const uint64_t *key, unsigned fixed,
	const uint64_t *after, node_visit_fn visit, void *arg)
{
	struct history_info info;

	for (uint64_t i = after ? after[0] + 1 : 0; i < VMBUS_HISTORY; i++) {
		if (fixed > 0 && i != key[0])
			continue;
		if (get_bus_history(owner, &i, &info) < 0 || visit(arg, &i, &info) != 0)
			return;
	}
}

const struct node_class vmbus_history_node_class = {
	.path = "vmbus/history/{position}",
	.fields = &history_table,
	.key_count = 1,
	.get = get_bus_history,
	.list = list_bus_history,
};

/* ---- GPADLs -------------------- */

static void fill_gpadl(const struct vmbus_gpadl *gpadl, struct gpadl_info *ret_info)
{
	*ret_info = (struct gpadl_info){
		.relid = gpadl->channel->relid,
		.gpadl = gpadl->id,
		.state = gpadl->state,
		.time_in_state_ns = age_ns(gpadl->channel->bus, gpadl->since_ns),
		.ranges = gpadl->range_count,
		.pages = gpadl->page_count,
		.bytes_expected = gpadl->expected,
		.bytes_received = gpadl->filled,
		.is_ring = gpadl->is_ring,
		.in_use = gpadl->channel->ring_gpadl == gpadl,
	};
}

static bool gpadl_comes_before(uint32_t relid, uint32_t id, const uint64_t *other)
{
	return !other || relid < other[0] || (relid == other[0] && id < other[1]);
}

/* The first one at or behind (relid, id) in the order of keys. */
static const struct vmbus_gpadl *gpadl_from(const struct vmbus *bus, uint64_t relid, uint64_t id)
{
	const struct vmbus_gpadl *best = NULL, *gpadl;
	uint64_t best_key[2];

	TAILQ_FOREACH (gpadl, &bus->gpadls, link) {
		const uint64_t from[2] = {relid, id};
		uint32_t its = gpadl->channel->relid;

		if (gpadl_comes_before(its, gpadl->id, from) ||
			!gpadl_comes_before(its, gpadl->id, best ? best_key : NULL))
			continue;
		best = gpadl;
		best_key[0] = its;
		best_key[1] = gpadl->id;
	}
	return best;
}

static int get_gpadl_from(
	struct vmbus *bus, uint64_t relid, uint64_t id, struct gpadl_info *ret_info)
{
	const struct vmbus_gpadl *gpadl;

	vmbus_lock(bus);
	gpadl = gpadl_from(bus, relid, id);
	if (gpadl)
		fill_gpadl(gpadl, ret_info);
	vmbus_unlock(bus);
	return gpadl ? 0 : -ENOENT;
}

static int get_gpadl(void *owner, const uint64_t *key, void *ret_info)
{
	struct gpadl_info info;

	if (!owner || get_gpadl_from(owner, key[0], key[1], &info) < 0 || info.relid != key[0] ||
		info.gpadl != key[1])
		return -ENOENT;
	*(struct gpadl_info *)ret_info = info;
	return 0;
}

static void list_gpadls(void *owner, const uint64_t *key, unsigned fixed, const uint64_t *after,
	node_visit_fn visit, void *arg)
{
	uint64_t at[NODE_MAX_KEYS + 1] = {fixed > 0 ? key[0] : 0, fixed > 1 ? key[1] : 0};
	struct gpadl_info info;

	if (after) {
		at[0] = after[0];
		at[1] = after[1] + 1;
	}
	while (owner && get_gpadl_from(owner, at[0], at[1], &info) == 0) {
		at[0] = info.relid;
		at[1] = info.gpadl;
		if ((fixed > 0 && at[0] != key[0]) || (fixed > 1 && at[1] != key[1]))
			return;
		if (visit(arg, at, &info) != 0)
			return;
		at[1]++;
	}
}

static const struct field gpadl_fields[] = {
	{FIELD_U(struct gpadl_info, relid, 0, "The channel it belongs to.")},
	{FIELD_U(struct gpadl_info, gpadl, 0, "Its id, chosen by the guest.")},
	{FIELD_E(struct gpadl_info, state, 0, vmbus_gpadl_state_names,
		"assembling: bodies are missing. tearing_down: TORNDOWN waits for the device.")},
	{FIELD_U(struct gpadl_info, time_in_state_ns, 0, "Time in that state.")},
	{FIELD_U(struct gpadl_info, ranges, 0, "Ranges it is made of.")},
	{FIELD_U(struct gpadl_info, pages, 0, "Pages, once it is accepted.")},
	{FIELD_U(struct gpadl_info, bytes_expected, 0, "Bytes of ranges that were announced.")},
	{FIELD_U(struct gpadl_info, bytes_received, 0, "Those that came.")},
	{FIELD_B(struct gpadl_info, is_ring, 0, "It can hold rings: one range of whole pages.")},
	{FIELD_B(struct gpadl_info, in_use, 0, "It holds the rings of its channel.")},
};
static const struct field_table gpadl_table = FIELD_TABLE(struct gpadl_info, "gpadl",
	"Guest memory that a channel may use (guest physical address descriptor list).",
	gpadl_fields);

const struct node_class gpadl_node_class = {
	.path = "gpadls/{relid}/{gpadl}",
	.fields = &gpadl_table,
	.key_count = 2,
	.get = get_gpadl,
	.list = list_gpadls,
};
