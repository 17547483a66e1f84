/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets in the rings: those that wait, the next one first, and those that were read and not yet
 * overwritten, the last one first. What an integration component or hv_sock put in front of the
 * payload is taken apart as well.
 */
#include "vmbus/info.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "hvdef/vmbus_ic.h"
#include "vmbus/channel_walk.h"
#include "vmbus/hvsock.h"
#include "vmbus/internal.h"

enum { PACKETS_MAX = 64 };

static const char *const packet_types[] = {"unknown", "synch", "add_transfer_page_set",
	"remove_transfer_page_set", "establish_gpadl", "teardown_gpadl", "data_inband",
	"data_using_transfer_pages", "data_using_gpadl", "data_using_gpa_direct", "cancel_request",
	"completion", "additional_data", "additional_data_gpa", NULL};
static const char *const faults[] = {"", "no type of packet", "the header is too short",
	"shorter than its header", "longer than what is in the ring", "too few bytes for a packet"};
_Static_assert(ARRAY_LEN(faults) == RING_PACKET_FAULTS, "a text for every fault");

enum { IC_MESSAGE_OTHER = 9 };
static const char *const ic_messages[] = {"negotiate", "heartbeat", "kvp", "shutdown", "timesync",
	"vss", "rdv", "fcopy", "vm_session", "other", NULL};
_Static_assert(ARRAY_LEN(ic_messages) == IC_MESSAGE_OTHER + 2, "other comes last");

/* ---- one packet -------------------- */

/* The components talk over pipes of messages; so may others, hence the look at the pipe header. */
static bool is_ic(const struct vmbus_offer *offer, const struct ic_header *header)
{
	return offer->chn_flags & VMBUS_OFFER_NAMED_PIPE_MODE &&
	       offer->pipe_mode == VMBUS_PIPE_MODE_MESSAGE && header->pipe_flags == IC_PIPE_DATA &&
	       header->pipe_size >= sizeof(*header) - IC_PIPE_HEADER_BYTES;
}

static void decode_ic(const struct vmbus_offer *offer, const struct ring_packet_view *packet,
	struct ic_packet_info *ret_ic)
{
	struct ic_header header;

	if (packet->head_bytes < sizeof(header))
		return;
	memcpy(&header, packet->head, sizeof(header));
	if (!is_ic(offer, &header))
		return;
	*ret_ic = (struct ic_packet_info){
		.present = true,
		.pipe_flags = header.pipe_flags,
		.pipe_size = header.pipe_size,
		.message = MIN(header.type, (uint16_t)IC_MESSAGE_OTHER),
		.type = header.type,
		.body_size = header.body_size,
		.status = header.status,
		.transaction = header.transaction,
		.flags = header.flags,
	};
	snprintf(ret_ic->framework_version, sizeof(ret_ic->framework_version), "%u.%u",
		header.framework.major, header.framework.minor);
	snprintf(ret_ic->message_version, sizeof(ret_ic->message_version), "%u.%u",
		header.message.major, header.message.minor);
}

static void decode_hvsock(const struct vmbus_offer *offer, const struct ring_packet_view *packet,
	struct hvsock_packet_info *ret_hvsock)
{
	struct hvsock_header header;

	if (!(offer->chn_flags & VMBUS_OFFER_TLNPI_PROVIDER) || packet->head_bytes < sizeof(header))
		return;
	memcpy(&header, packet->head, sizeof(header));
	*ret_hvsock = (struct hvsock_packet_info){
		.present = true, .type = header.type, .payload_size = header.size};
}

/* What is wrong with its lengths must not be shown as lengths. */
static void fill_lengths(const struct ring_packet_view *packet, struct packet_info *info)
{
	bool known = packet->fault != RING_PACKET_FRAGMENT;

	info->header_size = known ? packet->header.offset8 * 8u : UINT32_MAX;
	info->size = known ? packet->header.length8 * 8u : UINT32_MAX;
}

static void fill_packet(const struct vmbus_offer *offer, const struct ring_packet_view *packet,
	struct packet_info *ret_info)
{
	const struct vmbus_packet_header *header = &packet->header;
	bool well = packet->fault == RING_PACKET_OK;
	bool named = header->type < ARRAY_LEN(packet_types) - 1;
	struct packet_info info = {
		.offset = packet->offset,
		.type = named ? header->type : 0,
		.type_number = header->type,
		.flags = header->flags,
		.transaction_id = header->transaction_id,
		.trailer_ok = well ? packet->trailer_ok : FIELD_BOOL_UNKNOWN,
		.head_count = packet->head_bytes,
	};

	fill_lengths(packet, &info);
	snprintf(info.fault, sizeof(info.fault), "%s", faults[packet->fault]);
	memcpy(info.head, packet->head, packet->head_bytes);
	decode_ic(offer, packet, &info.ic);
	decode_hvsock(offer, packet, &info.hvsock);
	*ret_info = info;
}

/* ---- many -------------------- */

struct packets {
	unsigned count;
	struct packet_info packet[PACKETS_MAX];
};

typedef unsigned (*view_fn)(const struct vmbus_ring *ring, uint32_t from, uint32_t to,
	struct ring_packet_view *ret_packets);

static unsigned view_unread(const struct vmbus_ring *ring, uint32_t from, uint32_t to,
	struct ring_packet_view *ret_packets)
{
	return ring_view_forward(ring, from, to, ret_packets, PACKETS_MAX);
}

/* What was read lies before the unread, as far back as the writer has not come round to it. */
static unsigned view_consumed(const struct vmbus_ring *ring, uint32_t from, uint32_t to,
	struct ring_packet_view *ret_packets)
{
	return ring_view_backward(ring, from, to, ret_packets, PACKETS_MAX);
}

static int fill_packets(struct vmbus_channel *channel, const uint64_t *key, view_fn view,
	struct packets *ret_packets)
{
	unsigned n = (unsigned)MIN(key[1], (uint64_t)2);
	const struct vmbus_ring *ring = channel_ring(channel, n);
	struct ring_packet_view views[PACKETS_MAX];
	uint32_t from, to;

	if (!ring)
		return -ENOENT;
	ret_packets->count = 0;
	if (channel_unread(channel, n, &from, &to))
		ret_packets->count = view(ring, from, to, views);
	for (unsigned i = 0; i < ret_packets->count; i++) {
		struct packet_info *info = &ret_packets->packet[i];

		fill_packet(&channel->offer, &views[i], info);
		info->relid = channel->relid;
		info->ring = n;
		info->position = i;
	}
	return 0;
}

static int fill_unread(struct vmbus_channel *channel, const uint64_t *key, void *ret_packets)
{
	return fill_packets(channel, key, view_unread, ret_packets);
}

static int fill_consumed(struct vmbus_channel *channel, const uint64_t *key, void *ret_packets)
{
	return fill_packets(channel, key, view_consumed, ret_packets);
}

static int get_one(void *owner, const uint64_t *key, channel_fill_fn fill, void *ret_info)
{
	struct packets packets;

	if (channel_snapshot(owner, key, fill, &packets) < 0 || key[2] >= packets.count)
		return -ENOENT;
	*(struct packet_info *)ret_info = packets.packet[key[2]];
	return 0;
}

/* All of one look: packets may come and go, but the list fits together. Below one ring only. */
static void list_all(void *owner, const uint64_t *key, unsigned fixed, const uint64_t *after,
	channel_fill_fn fill, node_visit_fn visit, void *arg)
{
	struct packets packets;

	if (fixed < 2 || channel_snapshot(owner, key, fill, &packets) < 0)
		return;
	for (uint64_t i = after ? after[2] + 1 : 0; i < packets.count; i++) {
		const uint64_t full[NODE_MAX_KEYS + 1] = {key[0], key[1], i};

		if (fixed > 2 && i != key[2])
			continue;
		if (visit(arg, full, &packets.packet[i]) != 0)
			return;
	}
}

static int get_packet(void *owner, const uint64_t *key, void *ret_info)
{
	return get_one(owner, key, fill_unread, ret_info);
}

static int get_consumed(void *owner, const uint64_t *key, void *ret_info)
{
	return get_one(owner, key, fill_consumed, ret_info);
}

static void list_packets(void *owner, const uint64_t *key, unsigned fixed, const uint64_t *after,
	node_visit_fn visit, void *arg)
{
	list_all(owner, key, fixed, after, fill_unread, visit, arg);
}

static void list_consumed(void *owner, const uint64_t *key, unsigned fixed, const uint64_t *after,
	node_visit_fn visit, void *arg)
{
	list_all(owner, key, fixed, after, fill_consumed, visit, arg);
}

/* ---- fields -------------------- */

static const struct field ic_fields[] = {
	{FIELD_X(struct ic_packet_info, pipe_flags, 0, "Of the pipe's header: 1, data.")},
	{FIELD_U(struct ic_packet_info, pipe_size, 0, "Bytes behind the pipe's header.")},
	{FIELD_S(
		struct ic_packet_info, framework_version, 0, "0.0 while versions are negotiated.")},
	{FIELD_S(struct ic_packet_info, message_version, 0, "0.0 while versions are negotiated.")},
	{FIELD_E(struct ic_packet_info, message, 0, ic_messages, "Which component, or negotiate.")},
	{FIELD_U(struct ic_packet_info, type, 0, "Its number on the wire.")},
	{FIELD_U(struct ic_packet_info, body_size, 0, "Bytes behind this header.")},
	{FIELD_X(struct ic_packet_info, status, 0,
		"0x0; 0x80004005 failed; 0x80070103 no more items.")},
	{FIELD_U(
		struct ic_packet_info, transaction, 0, "Chosen by the host, echoed by the guest.")},
	{FIELD_X(struct ic_packet_info, flags, 0, "1 transaction, 2 request, 4 response.")},
};
static const struct field_table ic_table = FIELD_TABLE(struct ic_packet_info, "ic_packet",
	"The header of an integration component's message.", ic_fields);

static const struct field hvsock_fields[] = {
	{FIELD_U(struct hvsock_packet_info, type, 0, "1: data.")},
	{FIELD_U(struct hvsock_packet_info, payload_size, 0,
		"Bytes of the stream; 0: the sender will write no more.")},
};
static const struct field_table hvsock_table = FIELD_TABLE(
	struct hvsock_packet_info, "hvsock_packet", "The header of hv_sock.", hvsock_fields);

static const struct field packet_fields[] = {
	{FIELD_U(struct packet_info, relid, 0, "The channel.")},
	{FIELD_U(struct packet_info, ring, 0, "0 guest to host, 1 host to guest.")},
	{FIELD_U(struct packet_info, position, 0,
		"Of those that wait, 0 is read next; of those that were read, 0 was read last.")},
	{FIELD_U(struct packet_info, offset, 0, "Where it starts in the ring's data.")},
	{FIELD_E(struct packet_info, type, 0, packet_types, "The type in its header.")},
	{FIELD_U(struct packet_info, type_number, 0, "Its number on the wire.")},
	{FIELD_U(struct packet_info, header_size, FIELD_NULLABLE, "Where its payload starts.")},
	{FIELD_U(struct packet_info, size, FIELD_NULLABLE,
		"With header and padding, without the trailer.")},
	{FIELD_X(struct packet_info, flags, 0, "Bit 0: a completion is asked for.")},
	{FIELD_X(struct packet_info, transaction_id, 0, "Echoed by what answers it.")},
	{FIELD_B(struct packet_info, trailer_ok, FIELD_NULLABLE,
		"Its trailer says where it starts; some writers do not set it.")},
	{FIELD_S(struct packet_info, fault, FIELD_NULLABLE,
		"Why it is no packet; what is behind it cannot be told.")},
	{FIELD_O(struct packet_info, ic, FIELD_NULLABLE, &ic_table,
		"The header of an integration component.")},
	{FIELD_O(struct packet_info, hvsock, FIELD_NULLABLE, &hvsock_table,
		"The header of hv_sock.")},
	{FIELD_H(struct packet_info, head, head_count, "The first bytes of its payload.")},
};
static const struct field_table packet_table = FIELD_TABLE(
	struct packet_info, "packet", "A packet in a ring.", packet_fields);

const struct node_class unread_node_class = {
	.path = "channels/{relid}/rings/{ring}/unread/{position}",
	.fields = &packet_table,
	.key_count = 3,
	.by_name_only = true,
	.get = get_packet,
	.list = list_packets,
};

const struct node_class consumed_node_class = {
	.path = "channels/{relid}/rings/{ring}/consumed/{position}",
	.fields = &packet_table,
	.key_count = 3,
	.by_name_only = true,
	.get = get_consumed,
	.list = list_consumed,
};
