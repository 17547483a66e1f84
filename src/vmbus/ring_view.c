/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmbus/ring_view.h"

enum { UNIT = 8 };

/* With its trailer. */
static uint32_t whole_bytes(const struct vmbus_packet_header *header)
{
	return header->length8 * (uint32_t)UNIT + VMBUS_PACKET_TRAILER_BYTES;
}

/* Invariant R4. `available`: bytes of the ring that it may take. */
static enum ring_packet_fault find_fault(
	const struct vmbus_packet_header *header, uint32_t available)
{
	if (header->type < VMBUS_PACKET_SYNCH || header->type > VMBUS_PACKET_ADDITIONAL_DATA_GPA)
		return RING_PACKET_TYPE;
	if (header->offset8 < sizeof(*header) / UNIT)
		return RING_PACKET_OFFSET;
	if (header->length8 < header->offset8)
		return RING_PACKET_LENGTH;
	return whole_bytes(header) > available ? RING_PACKET_OVERRUN : RING_PACKET_OK;
}

/* Where the packet that ends at `end` starts, by its trailer. */
static uint32_t start_by_trailer(const struct vmbus_ring *ring, uint32_t end)
{
	uint64_t trailer;

	ring_copy_out(ring, ring_advance(ring->size, end, ring->size - VMBUS_PACKET_TRAILER_BYTES),
		&trailer, sizeof(trailer));
	return (uint32_t)(trailer >> 32);
}

/* Header, verdict and trailer; `available` > 0. */
static void look(const struct vmbus_ring *ring, uint32_t offset, uint32_t available,
	struct ring_packet_view *ret_packet)
{
	struct ring_packet_view packet = {.offset = offset, .fault = RING_PACKET_FRAGMENT};

	if (available >= sizeof(packet.header) + VMBUS_PACKET_TRAILER_BYTES) {
		ring_copy_out(ring, offset, &packet.header, sizeof(packet.header));
		packet.fault = find_fault(&packet.header, available);
	}
	if (packet.fault == RING_PACKET_OK)
		packet.trailer_ok = start_by_trailer(ring, ring_advance(ring->size, offset,
								   whole_bytes(&packet.header))) ==
				    offset;
	*ret_packet = packet;
}

static void copy_head(const struct vmbus_ring *ring, struct ring_packet_view *packet)
{
	const struct vmbus_packet_header *header = &packet->header;
	uint32_t payload;

	if (packet->fault != RING_PACKET_OK)
		return;
	payload = (uint32_t)(header->length8 - header->offset8) * UNIT;
	packet->head_bytes = MIN(payload, (uint32_t)RING_VIEW_HEAD_BYTES);
	ring_copy_out(ring, ring_advance(ring->size, packet->offset, header->offset8 * UNIT),
		packet->head, packet->head_bytes);
}

unsigned ring_view_forward(const struct vmbus_ring *ring, uint32_t from, uint32_t to,
	struct ring_packet_view *ret_packets, unsigned capacity)
{
	uint32_t left = ring_distance(ring->size, from, to);
	unsigned count = 0;

	while (left > 0 && count < capacity) {
		struct ring_packet_view packet;

		look(ring, from, left, &packet);
		copy_head(ring, &packet);
		ret_packets[count++] = packet;
		if (packet.fault != RING_PACKET_OK)
			break;
		left -= whole_bytes(&packet.header);
		from = ring_advance(ring->size, from, whole_bytes(&packet.header));
	}
	return count;
}

unsigned ring_view_backward(const struct vmbus_ring *ring, uint32_t from, uint32_t limit,
	struct ring_packet_view *ret_packets, unsigned capacity)
{
	uint32_t left = ring_distance(ring->size, limit, from);
	unsigned count = 0;

	if (left == 0)
		left = ring->size; /* an empty ring: all of it was read, or never written */
	while (left >= VMBUS_PACKET_TRAILER_BYTES && count < capacity) {
		uint32_t start = start_by_trailer(ring, from), bytes;
		struct ring_packet_view packet;

		if (!ring_is_index(ring->size, start))
			break;
		bytes = ring_distance(ring->size, start, from);
		if (bytes == 0 || bytes > left)
			break;
		look(ring, start, bytes, &packet);
		if (packet.fault != RING_PACKET_OK || whole_bytes(&packet.header) != bytes)
			break;
		copy_head(ring, &packet);
		ret_packets[count++] = packet;
		left -= bytes;
		from = start;
	}
	return count;
}

struct ring_walk ring_view_walk(
	const struct vmbus_ring *ring, uint32_t from, uint32_t to, uint32_t packets_max)
{
	uint32_t left = ring_distance(ring->size, from, to);
	struct ring_walk walk = {.end = from};

	while (left > 0 && walk.packets < packets_max) {
		struct ring_packet_view packet;

		look(ring, walk.end, left, &packet);
		walk.fault = packet.fault;
		if (packet.fault != RING_PACKET_OK)
			break;
		walk.packets++;
		walk.bad_trailers += !packet.trailer_ok;
		left -= whole_bytes(&packet.header);
		walk.end = ring_advance(ring->size, walk.end, whole_bytes(&packet.header));
	}
	walk.whole = left == 0 || walk.fault != RING_PACKET_OK;
	return walk;
}
