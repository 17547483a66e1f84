/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rings of channels, as inspection shows them; their packets are in packet_info.c. */
#include "vmbus/info.h"

#include <errno.h>
#include <stdio.h>
#include "vmbus/channel_walk.h"
#include "vmbus/internal.h"

enum { RINGS = 2 };

static const uint64_t stuck_after_ns = NSEC_PER_SEC;

static const char *const directions[] = {"guest_to_host", "host_to_guest", NULL};
static const char *const verdicts[] = {"unknown", "holds", "broken", NULL};

/* ---- looks -------------------- */

const struct vmbus_ring *channel_ring(const struct vmbus_channel *channel, unsigned ring)
{
	if (ring >= RINGS || !channel->ring_gpadl)
		return NULL;
	return ring == 0 ? &channel->in : &channel->out;
}

/* The indices between which packets wait: what the host owns it believes itself. */
bool channel_unread(
	const struct vmbus_channel *channel, unsigned ring, uint32_t *ret_from, uint32_t *ret_to)
{
	const struct vmbus_ring *at = channel_ring(channel, ring);
	struct ring_state state;
	uint32_t shared;

	ring_observe(at, &state);
	shared = ring == 0 ? state.write_index : state.read_index;
	if (!ring_is_index(at->size, shared))
		return false;
	*ret_from = ring == 0 ? at->index : shared;
	*ret_to = ring == 0 ? shared : at->index;
	return true;
}

/* Whether the host's device has seen the ring as it is, for all it knows. */
static bool host_is_idle(const struct vmbus_channel *channel)
{
	return channel->device == DEVICE_OPEN && !channel->in.awake &&
	       !__atomic_load_n(&channel->signalled_work.queued, __ATOMIC_ACQUIRE);
}

void channel_look_at_ring(const struct vmbus_channel *channel, unsigned ring, uint32_t packets_max,
	struct ring_snapshot *ret_look)
{
	const struct vmbus_ring *at = channel_ring(channel, ring);
	int flag = ring == 1 && channel->signals ? guest_event_port_is_set(channel->signals) : -1;
	struct ring_snapshot look = {
		.taken_ns = clock_now_ns(channel->bus->vm->clock),
		.to_guest = ring == 1,
		.host_index = at->index,
		.packets = at->packets,
		.flag_known = flag >= 0,
		.flag = flag == 1,
		.host_idle = ring == 0 && host_is_idle(channel),
	};
	uint32_t from, to;

	ring_observe(at, &look.state);
	look.walked = channel_unread(channel, ring, &from, &to);
	if (look.walked)
		look.walk = ring_view_walk(at, from, to, packets_max);
	*ret_look = look;
}

/*
 * Judges a look, by one that is old enough when there is one, and keeps it for the next. Two are
 * kept, so that somebody who looks often does not push the old one out.
 */
static void judge(struct vmbus_channel *channel, unsigned ring, const struct ring_snapshot *now,
	struct ring_finding *ret_findings)
{
	struct ring_looks *looks = &channel->looks[ring];

	if (looks->recent.taken_ns == 0)
		looks->recent = *now;
	if (now->taken_ns - looks->recent.taken_ns >= stuck_after_ns) {
		looks->old = looks->recent;
		looks->recent = *now;
	}
	ring_check(now, looks->old.taken_ns ? &looks->old : NULL, stuck_after_ns, ret_findings);
}

/* ---- rings -------------------- */

static void list_broken(const struct ring_finding *findings, char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < RING_INVARIANTS; i++) {
		if (findings[i].verdict == RING_BROKEN)
			used += (size_t)snprintf(text + used, size - used, "%s%s", used ? " " : "",
				ring_invariant_names[i]);
	}
}

static void fill_invariants(const struct ring_finding *findings, struct ring_info *info)
{
	info->invariant_count = RING_INVARIANTS;
	for (unsigned i = 0; i < RING_INVARIANTS; i++) {
		struct ring_invariant_info *row = &info->invariants[i];
		bool known = findings[i].verdict != RING_UNKNOWN;

		snprintf(row->invariant, sizeof(row->invariant), "%s", ring_invariant_names[i]);
		row->verdict = findings[i].verdict;
		row->value = known ? findings[i].value : UINT64_MAX;
		snprintf(row->meaning, sizeof(row->meaning), "%s", ring_invariant_texts[i]);
	}
	list_broken(findings, info->broken, sizeof(info->broken));
}

/* Only while the channel is open are there rings. */
static int fill_ring(struct vmbus_channel *channel, const uint64_t *key, void *ret_info)
{
	uint32_t n = (uint32_t)MIN(key[1], (uint64_t)RINGS);
	const struct vmbus_ring *ring = channel_ring(channel, n);
	struct ring_finding findings[RING_INVARIANTS];
	struct ring_info *info = ret_info;
	struct ring_snapshot look;

	if (!ring)
		return -ENOENT;
	channel_look_at_ring(channel, n, RING_WALK_PACKETS, &look);
	judge(channel, n, &look, findings);
	*info = (struct ring_info){
		.relid = channel->relid,
		.ring = n,
		.direction = n,
		.size_bytes = look.state.size,
		.read_index = look.state.read_index,
		.write_index = look.state.write_index,
		.host_index = ring->index,
		.read_avail = look.state.used,
		.write_avail = look.state.size - look.state.used,
		.intr_mask = look.state.interrupt_mask,
		.pending_send_sz = look.state.pending_send_sz,
		.feature_bits = look.state.feature_bits,
		.packets = ring->packets,
		.bytes = ring->bytes,
		.signals = ring->signals,
		.full = ring->full,
		.unread_packets = look.walked && look.walk.whole ? look.walk.packets : UINT32_MAX,
		.event_flag = look.flag_known ? look.flag : FIELD_BOOL_UNKNOWN,
	};
	fill_invariants(findings, info);
	return 0;
}

static int get_ring(void *owner, const uint64_t *key, void *ret_info)
{
	return channel_snapshot(owner, key, fill_ring, ret_info);
}

static void list_rings(void *owner, const uint64_t *key, unsigned fixed, const uint64_t *after,
	node_visit_fn visit, void *arg)
{
	struct ring_info info;
	const struct channel_walk rings = {
		.key = key,
		.after = after,
		.fixed = fixed,
		.columns = RINGS,
		.get = get_ring,
		.info = &info,
	};

	channel_walk(owner, &rings, visit, arg);
}

static const struct field invariant_fields[] = {
	{FIELD_S(struct ring_invariant_info, invariant, 0, "R1 to R13.")},
	{FIELD_E(struct ring_invariant_info, verdict, 0, verdicts,
		"R10 to R13 are unknown until a ring was looked at twice, a second apart.")},
	{FIELD_U(struct ring_invariant_info, value, FIELD_NULLABLE,
		"What it was judged by: R1, R2 and R9 an index, R3 where the packets end, R4 how many "
		"are well, R5 trailers that are wrong, R6 the mask, R7 and R12 pending_send_sz, R8 "
		"the features, R10, R11 and R13 unread bytes.")},
	{FIELD_S(struct ring_invariant_info, meaning, 0, "What is wrong when it is broken.")},
};
static const struct field_table invariant_table = FIELD_TABLE(
	struct ring_invariant_info, "ring_invariant", "One invariant of a ring.", invariant_fields);

static const struct field ring_fields[] = {
	{FIELD_U(struct ring_info, relid, 0, "The channel.")},
	{FIELD_U(struct ring_info, ring, 0, "0 is Linux's out_, 1 its in_.")},
	{FIELD_E(struct ring_info, direction, 0, directions, "Which way the packets go.")},
	{FIELD_U(struct ring_info, size_bytes, 0, "Bytes of data.")},
	{FIELD_U(struct ring_info, read_index, 0, "As shared; the ring's reader owns it.")},
	{FIELD_U(struct ring_info, write_index, 0, "As shared; the ring's writer owns it.")},
	{FIELD_U(struct ring_info, host_index, 0,
		"The host's own: of reading where it reads, of writing where it writes.")},
	{FIELD_U(struct ring_info, read_avail, 0, "Bytes that wait to be read.")},
	{FIELD_U(struct ring_info, write_avail, 0, "Bytes that are free.")},
	{FIELD_U(struct ring_info, intr_mask, 0,
		"The reader's: 1 means that it does not want to be signalled.")},
	{FIELD_U(struct ring_info, pending_send_sz, 0,
		"The writer's: bytes of room it waits for, 0: it does not wait.")},
	{FIELD_X(struct ring_info, feature_bits, 0, "Bit 0: pending_send_sz is honoured.")},
	{FIELD_U(struct ring_info, packets, 0, "Packets the host has read or written.")},
	{FIELD_U(struct ring_info, bytes, 0, "Their bytes, headers and trailers too.")},
	{FIELD_U(struct ring_info, signals, 0, "Signals the host owed the guest and sent.")},
	{FIELD_U(struct ring_info, full, 0, "Times the host found no room to write.")},
	{FIELD_U(struct ring_info, unread_packets, FIELD_NULLABLE,
		"Whole packets that wait; null: an index is none, or there are more than 1024.")},
	{FIELD_B(struct ring_info, event_flag, FIELD_NULLABLE,
		"Host to guest: the guest was signalled and has not looked yet; null: there is no "
		"target VP, its SIEFP is off, or it is the other ring.")},
	{FIELD_S(struct ring_info, broken, FIELD_NULLABLE, "Invariants that do not hold.")},
	{FIELD_A(struct ring_info, invariants, invariant_count, &invariant_table,
		"R1 to R13, what has to be true of a ring.")},
};
static const struct field_table ring_table = FIELD_TABLE(
	struct ring_info, "ring", "One ring of an open channel.", ring_fields);

const struct node_class ring_node_class = {
	.path = "channels/{relid}/rings/{ring}",
	.flat_path = "rings",
	.fields = &ring_table,
	.key_count = 2,
	.get = get_ring,
	.list = list_rings,
};
