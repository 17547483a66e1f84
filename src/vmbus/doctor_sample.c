/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmbus/doctor_sample.h"

#include <stdio.h>
#include <string.h>
#include "doctor/model.h"
#include "vmbus/guid.h"
#include "vmbus/hvsock.h"
#include "vmbus/ic.h"
#include "vmbus/info.h"
#include "vmbus/internal.h"

static uint64_t age_ns(const struct vmbus *bus, uint64_t then_ns)
{
	return then_ns ? clock_now_ns(bus->vm->clock) - then_ns : DOCTOR_NONE;
}

static uint64_t total(const uint64_t counters[VMBUS_MSG_COUNT])
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < VMBUS_MSG_COUNT; i++)
		sum += counters[i];
	return sum;
}

/* ---- connection ------------------------------------------------------------------------------ */

static void fill_incoming(struct vmbus *bus, struct doctor_connection *ret_connection)
{
	pthread_mutex_lock(&bus->in_lock);
	ret_connection->incoming = bus->in_count;
	ret_connection->incoming_age_ns = age_ns(bus, bus->in_taken_ns);
	ret_connection->refused_by_port = bus->in_refused;
	pthread_mutex_unlock(&bus->in_lock);
	ret_connection->incoming_capacity = VMBUS_INCOMING_MAX;
	ret_connection->messages_in = total(bus->messages_in);
}

static void fill_connection(struct vmbus *bus, struct doctor_connection *ret_connection)
{
	const struct vmbus_connection *connection = &bus->connection;
	const struct vmbus_out_message *first = STAILQ_FIRST(&bus->out);

	*ret_connection = (struct doctor_connection){
		.state = connection->state,
		.time_in_state_ns = age_ns(bus, connection->since_ns),
		.version = connection->version,
		.version_maximum = VMBUS_VERSION_5_3,
		.target_vp = connection->target_vp,
		.sint = connection->sint,
		.contacts = connection->contacts,
		.contacts_refused = connection->contacts_refused,
		.contact_age_ns = age_ns(bus, connection->contact_ns),
		.unload_age_ns = age_ns(bus, connection->unload_ns),
		.outgoing = bus->out_count,
		.outgoing_age_ns = first ? age_ns(bus, first->made_ns) : DOCTOR_NONE,
		.messages_out = total(bus->messages_out),
		.messages_delivered = bus->messages_delivered,
	};
	fill_incoming(bus, ret_connection);
}

static void fill_owed(const struct vmbus *bus, struct doctor_sample *sample)
{
	for (unsigned i = 0; i < bus->owed_count; i++) {
		const struct vmbus_owed *owed = &bus->owed[i];
		struct doctor_owed *added = doctor_sample_add(sample, DOCTOR_OWED);

		if (!added)
			return;
		*added = (struct doctor_owed){
			.message = owed->type,
			.relid = owed->relid,
			.id = owed->id,
			.age_ns = age_ns(bus, owed->since_ns),
		};
	}
}

/* ---- GPADLs ---------------------------------------------------------------------------------- */

static void fill_gpadls(const struct vmbus *bus, struct doctor_sample *sample)
{
	const struct vmbus_gpadl *gpadl;

	TAILQ_FOREACH (gpadl, &bus->gpadls, link) {
		bool assembling = gpadl->state == GPADL_ASSEMBLING;
		struct doctor_gpadl *added;

		if (gpadl->state == GPADL_ACCEPTED)
			continue;
		added = doctor_sample_add(sample, DOCTOR_GPADLS);
		if (!added)
			return;
		*added = (struct doctor_gpadl){
			.relid = gpadl->channel->relid,
			.gpadl = gpadl->id,
			.state = gpadl->state,
			.time_in_state_ns = age_ns(
				bus, assembling ? gpadl->filled_ns : gpadl->since_ns),
			.bytes_expected = gpadl->expected,
			.bytes_received = gpadl->filled,
			.is_ring = gpadl->is_ring,
			.in_use = gpadl->channel->ring_gpadl == gpadl,
		};
	}
}

/* ---- channels -------------------------------------------------------------------------------- */

/* Classes that Linux has drivers for (spec/vmbus.md 3.3); hv_sock has a class per port. */
static const struct {
	struct vmbus_guid class;
	const char *driver;
} drivers[] = {
	{{0x57164f39, 0x9115, 0x4e78, {0xab, 0x55, 0x38, 0x2f, 0x3b, 0xd5, 0x42, 0x2d}},
		"hv_utils"},
	{{0x9527e630, 0xd0ae, 0x497b, {0xad, 0xce, 0xe8, 0x0a, 0xb0, 0x17, 0x5c, 0xaf}},
		"hv_utils"},
	{{0x0e0b6031, 0x5213, 0x4934, {0x81, 0x8b, 0x38, 0xd9, 0x0c, 0xed, 0x39, 0xdb}},
		"hv_utils"},
	{{0xa9a0f4e7, 0x5a45, 0x4d96, {0xb8, 0x27, 0x8a, 0x84, 0x1e, 0x8c, 0x03, 0xe6}},
		"hv_utils"},
	{{0x35fa2e29, 0xea23, 0x4236, {0x96, 0xae, 0x3a, 0x6e, 0xba, 0xcb, 0xa4, 0x40}},
		"hv_utils"},
	{{0x34d14be3, 0xdee4, 0x41c8, {0x9a, 0xe7, 0x6b, 0x17, 0x49, 0x77, 0xc1, 0x92}},
		"hv_utils"},
	{{0x525074dc, 0x8985, 0x46e2, {0x80, 0x57, 0xa3, 0x07, 0xdc, 0x18, 0xa5, 0x02}},
		"hv_balloon"},
	{{0xf912ad6d, 0x2b17, 0x48ea, {0xbd, 0x65, 0xf9, 0x27, 0xa6, 0x1c, 0x76, 0x84}},
		"hyperv_keyboard"},
	{{0xcfa8b69e, 0x5b4a, 0x4cc0, {0xb9, 0x8b, 0x8b, 0xa1, 0xa1, 0xf3, 0xf9, 0x5a}},
		"hid-hyperv"},
	{{0xda0a7802, 0xe377, 0x4aac, {0x8e, 0x77, 0x05, 0x58, 0xeb, 0x10, 0x73, 0xf8}},
		"hyperv_drm"},
	{{0xf8615163, 0xdf3e, 0x46c5, {0x91, 0x3f, 0xf2, 0xd2, 0xf9, 0x65, 0xed, 0x0e}},
		"hv_netvsc"},
	{{0xba6163d9, 0x04a1, 0x4d29, {0xb6, 0x05, 0x72, 0xe2, 0xff, 0xb1, 0xdc, 0x7f}},
		"hv_storvsc"},
	{{0x32412632, 0x86cb, 0x44a2, {0x9b, 0x5c, 0x50, 0xd1, 0x41, 0x73, 0x54, 0xf5}},
		"hv_storvsc"},
	{{0x2f9bcc4a, 0x0069, 0x4af3, {0xb7, 0x6b, 0x6f, 0xd0, 0xbe, 0x52, 0x8c, 0xda}},
		"hv_storvsc"},
	{{0x44c4f61d, 0x4444, 0x4400, {0x9d, 0x52, 0x80, 0x2e, 0x27, 0xed, 0xe1, 0x9f}},
		"pci-hyperv"},
};

static const char *driver_of(const struct vmbus_guid *class)
{
	for (size_t i = 0; i < ARRAY_LEN(drivers); i++) {
		if (guid_compare(&drivers[i].class, class) == 0)
			return drivers[i].driver;
	}
	return "";
}

/* Of the invariants without which a ring makes no sense (spec/vmbus.md 10.2, D21). */
static uint32_t first_broken(const struct ring_snapshot *look)
{
	static const enum ring_invariant sense[] = {RING_R1, RING_R2, RING_R3, RING_R4, RING_R7};
	struct ring_finding findings[RING_INVARIANTS];

	ring_check(look, NULL, 0, findings);
	for (size_t i = 0; i < ARRAY_LEN(sense); i++) {
		if (findings[sense[i]].verdict == RING_BROKEN)
			return sense[i];
	}
	return DOCTOR_NONE32;
}

/* Packets that may still be walked over, and rings that may still be full of them. */
struct walks {
	uint32_t packets, rings;
};

static struct walks count_rings(const struct vmbus *bus)
{
	struct walks walks = {.packets = VMBUS_SAMPLE_PACKETS_MAX};

	for (uint32_t relid = 0; relid < VMBUS_RELIDS; relid++) {
		if (bus->by_relid[relid] && channel_ring(bus->by_relid[relid], 0))
			walks.rings += 2;
	}
	return walks;
}

/* An equal share for each; what one leaves is shared by the next ones. */
static void look_at_ring(const struct vmbus_channel *channel, unsigned n, struct walks *walks,
	struct ring_snapshot *ret_look)
{
	uint32_t share = walks->packets / walks->rings--;

	channel_look_at_ring(channel, n, MIN(share, (uint32_t)RING_WALK_PACKETS), ret_look);
	walks->packets -= ret_look->walk.packets;
}

static void fill_ring(const struct vmbus_channel *channel, unsigned n, struct walks *walks,
	struct doctor_ring *ret_ring)
{
	const struct vmbus_ring *ring = channel_ring(channel, n);
	const struct hvsock_connection *connection = hvsock_connection_of(channel);
	struct ring_snapshot look;

	if (!ring)
		return;
	look_at_ring(channel, n, walks, &look);
	*ret_ring = (struct doctor_ring){
		.present = true,
		.size_bytes = look.state.size,
		.read_index = look.state.read_index,
		.write_index = look.state.write_index,
		.host_index = look.host_index,
		.used_bytes = look.state.used,
		.intr_mask = look.state.interrupt_mask,
		.pending_send_sz = look.state.pending_send_sz,
		.feature_bits = look.state.feature_bits,
		.unread_packets = look.walk.packets,
		.broken = first_broken(&look),
		.host_waits = n == 0 ? ring->awake
				     : connection && hvsock_waits_for_room(connection),
		.packets = ring->packets,
		.bytes = ring->bytes,
		.signals = ring->signals,
		.full = ring->full,
	};
}

static bool flag_is_set(const struct vmbus_channel *channel, uint32_t vp)
{
	const struct vmbus *bus = channel->bus;
	struct synic *synic = synic_find(bus->vm, vp, 0);

	return synic && synic_event_flag(synic, bus->connection.sint, channel->relid) == 1;
}

static void fill_notes(const struct vmbus_channel *channel, struct doctor_channel *ret_channel)
{
	const struct channel_notes *notes = &channel->notes;
	const struct vmbus *bus = channel->bus;

	ret_channel->state_before_revoke = notes->before_revoke;
	ret_channel->offers = notes->offers;
	ret_channel->opens = notes->opens;
	ret_channel->open_age_ns = age_ns(bus, notes->opened_ns);
	ret_channel->requests_after_revoke = notes->requests_after_revoke;
	ret_channel->early_teardowns = notes->early_teardowns;
	ret_channel->previous_vp = notes->previous_vp;
	ret_channel->refused_vp = notes->refused_vp;
	ret_channel->events_set = notes->events_set;
	ret_channel->events_lost = notes->events_lost;
	ret_channel->signal_in_age_ns = age_ns(bus, notes->signal_in_ns);
	ret_channel->signal_out_age_ns = age_ns(bus, notes->signal_out_ns);
	ret_channel->write_age_ns = age_ns(bus, notes->write_ns);
	ret_channel->wakes_since_write = notes->wakes;
	ret_channel->largest_packet_bytes = notes->largest_packet;
	ret_channel->event_flag_on_previous = notes->previous_vp != UINT32_MAX &&
					      flag_is_set(channel, notes->previous_vp);
}

static void fill_channel(const struct vmbus_channel *channel, struct walks *walks,
	struct doctor_channel *ret_channel)
{
	const struct vmbus_offer *offer = &channel->offer;
	bool asked = channel->device != DEVICE_CLOSED && channel->signals;

	*ret_channel = (struct doctor_channel){
		.relid = channel->relid,
		.is_hvsock = offer->chn_flags & VMBUS_OFFER_TLNPI_PROVIDER,
		.state = channel->state,
		.device_state = channel->device,
		.time_in_state_ns = age_ns(channel->bus, channel->since_ns),
		.connection_id = channel->connection_id,
		.monitor_id = offer->monitor_id == VMBUS_MONITOR_NONE ? DOCTOR_NONE32
								      : offer->monitor_id,
		.target_vp = asked ? channel->request.target_vp : DOCTOR_NONE32,
		.gpadls = channel->gpadls,
		.event_flag = asked && guest_event_port_is_set(channel->signals) == 1,
		.signals_in = atomic_load_explicit(&channel->signals_in, memory_order_relaxed),
		.signals_out = channel->signals_out,
		.packet_limit_bytes = offer->packet_limit ? offer->packet_limit : DOCTOR_NONE,
	};
	snprintf(ret_channel->device, sizeof(ret_channel->device), "%s", channel->ops->name);
	snprintf(ret_channel->driver, sizeof(ret_channel->driver), "%s",
		driver_of(&offer->interface_type));
	guid_format(&offer->interface_type, ret_channel->class_id);
	guid_format(&offer->interface_instance, ret_channel->device_id);
	memcpy(ret_channel->failure, channel->failure, sizeof(ret_channel->failure));
	fill_notes(channel, ret_channel);
	fill_ring(channel, 0, walks, &ret_channel->to_host);
	fill_ring(channel, 1, walks, &ret_channel->to_guest);
}

/* In the order of relids. */
static void fill_channels(const struct vmbus *bus, struct doctor_sample *sample)
{
	struct walks walks = count_rings(bus);

	for (uint32_t relid = 0; relid < VMBUS_RELIDS; relid++) {
		struct doctor_channel *added;

		if (!bus->by_relid[relid])
			continue;
		added = doctor_sample_add(sample, DOCTOR_CHANNELS);
		if (!added)
			return;
		fill_channel(bus->by_relid[relid], &walks, added);
	}
}

/* ---- integration components ------------------------------------------------------------------ */

/* The guest said yes to the last request to go down. */
static uint64_t going_down_age_ns(const struct ic *ic)
{
	bool agreed = ic->component == IC_COMPONENT_SHUTDOWN && ic->state == IC_READY &&
		      ic->responses > 0 && ic->last_status == IC_STATUS_OK;

	return agreed ? age_ns(ic->bus, ic->answered_ns) : DOCTOR_NONE;
}

static void fill_ic(const struct ic *ic, struct doctor_ic *ret_ic)
{
	*ret_ic = (struct doctor_ic){
		.relid = vmbus_channel_relid(ic->channel),
		.state = ic->state,
		.contact = ic->contact,
		.time_in_state_ns = age_ns(ic->bus, ic->since_ns),
		.period_ns = ic->ops->period_ns ? ic->ops->period_ns : DOCTOR_NONE,
		.patience_ns = ic->ops->patience_ns,
		.lock_step = ic->ops->lock_step,
		.needs_daemon = ic->ops->daemon != NULL,
		.requests = ic->requests,
		.responses = ic->responses,
		.lost = ic->lost,
		.malformed = ic->malformed,
		.waiting_ns = ic->out == IC_NOTHING_OUT ? DOCTOR_NONE
							: age_ns(ic->bus, ic->sent_ns),
		.last_response_age_ns = age_ns(ic->bus, ic->answered_ns),
		.pipelined = ic->pipelined,
		.going_down_age_ns = going_down_age_ns(ic),
	};
	snprintf(ret_ic->name, sizeof(ret_ic->name), "%s", ic->ops->kind->name);
	memcpy(ret_ic->problem, ic->problem, sizeof(ret_ic->problem));
	if (ic->ops->daemon)
		snprintf(ret_ic->daemon, sizeof(ret_ic->daemon), "%s", ic->ops->daemon);
}

static void fill_ics(struct vmbus *bus, struct doctor_sample *sample)
{
	for (unsigned i = 0; i < IC_COMPONENTS; i++) {
		const struct ic *ic = ic_find(bus, (enum ic_component)i);
		struct doctor_ic *added = ic ? doctor_sample_add(sample, DOCTOR_ICS) : NULL;

		if (added)
			fill_ic(ic, added);
	}
}

/* ---- hv_sock --------------------------------------------------------------------------------- */

static void fill_socks(const struct vmbus *bus, struct doctor_sample *sample)
{
	for (uint32_t relid = 0; relid < VMBUS_RELIDS; relid++) {
		const struct vmbus_channel *channel = bus->by_relid[relid];
		const struct hvsock_connection *connection = channel ? hvsock_connection_of(channel)
								     : NULL;
		struct doctor_sock *added = connection ? doctor_sample_add(sample, DOCTOR_SOCKS)
						       : NULL;

		if (!added)
			continue;
		*added = (struct doctor_sock){
			.relid = relid,
			.port = connection->port,
			.from_host = connection->direction == HVSOCK_FROM_HOST,
			.offered = connection->state == HVSOCK_OFFERED,
			.time_in_state_ns = age_ns(bus, connection->since_ns),
		};
	}
}

void vmbus_doctor_sample(struct vmbus *bus, struct doctor_sample *sample)
{
	if (!bus)
		return;
	vmbus_lock(bus);
	fill_connection(bus, &sample->connection);
	fill_owed(bus, sample);
	fill_gpadls(bus, sample);
	fill_channels(bus, sample);
	fill_ics(bus, sample);
	fill_socks(bus, sample);
	vmbus_unlock(bus);
}
