/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Packets of a ring for people to look at: nothing is taken, nothing is changed.
 *
 * The guest may write to the ring meanwhile. Each header is copied once, checked, and believed no
 * further than the bytes it was found in; a walk ends at what is no packet and after a fixed number
 * of them.
 *
 * Purpose: what stands in a ring, packet by packet.
 * Threads: the ring's (ring.h).
 * Errors:  none: a packet that is none says why.
 */
#include "vmbus/ring.h"

enum {
	RING_VIEW_HEAD_BYTES = 64, /* of the payload */
	RING_WALK_PACKETS = 1024,
};

enum ring_packet_fault {
	RING_PACKET_OK,
	RING_PACKET_TYPE,     /* not in the table of spec/vmbus.md 4.3 */
	RING_PACKET_OFFSET,   /* offset8 is below 2 */
	RING_PACKET_LENGTH,   /* len8 is below offset8 */
	RING_PACKET_OVERRUN,  /* longer than what is in the ring */
	RING_PACKET_FRAGMENT, /* fewer bytes than any packet has */
	RING_PACKET_FAULTS,
};

struct ring_packet_view {
	uint32_t offset; /* where it starts, in the data */
	enum ring_packet_fault fault;
	struct vmbus_packet_header header; /* as it was found; zeros of a fragment */
	bool trailer_ok;                   /* it says where the packet starts: invariant R5 */
	uint32_t head_bytes;
	_Alignas(
		8) uint8_t head[RING_VIEW_HEAD_BYTES]; /* of the payload, without an extra header */
};

/*
 * The packets in [from, to), both indices, at most `capacity` of them. One with a fault is the
 * last. Returns how many.
 */
unsigned ring_view_forward(const struct vmbus_ring *ring, uint32_t from, uint32_t to,
	struct ring_packet_view *ret_packets, unsigned capacity);
/*
 * The packets that end at `from`, the newest first, as far back as `limit`, by their trailers. One
 * whose trailer and lengths contradict each other has been overwritten, and ends the walk.
 */
unsigned ring_view_backward(const struct vmbus_ring *ring, uint32_t from, uint32_t limit,
	struct ring_packet_view *ret_packets, unsigned capacity);

/* What a walk over [from, to) came to: invariants R3, R4 and R5. */
struct ring_walk {
	uint32_t packets; /* without faults */
	uint32_t end;     /* the index where it ended: `to`, or where the fault is */
	enum ring_packet_fault fault;
	bool whole; /* not cut off after so many packets as were wanted */
	uint32_t bad_trailers;
};
/* `packets_max` at most RING_WALK_PACKETS, which take some 30 us. */
struct ring_walk ring_view_walk(
	const struct vmbus_ring *ring, uint32_t from, uint32_t to, uint32_t packets_max);
