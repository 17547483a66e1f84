/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The host's end of one ring of a channel (spec/vmbus.md 4).
 *
 *	writer                                  reader
 *	data, then write_index (release)        read_index (release)
 *	  full barrier                            full barrier
 *	interrupt_mask, read_index:             pending_send_sz crossed:
 *	  ring was empty -> signal                signal
 *	waiting for room: pending_send_sz       going idle: interrupt_mask := 0
 *	  full barrier, look again                full barrier, look again
 *
 * The other end is hostile: each word of its is read once per use and checked; an index that breaks
 * the rules is -EPROTO, and the channel is then to be stopped. Our own index lives here, privately:
 * what the guest makes of the shared copy does not matter to us.
 *
 * The pages of a GPADL lie anywhere in guest RAM; data is copied page by page, and wraps.
 *
 * Purpose: packets in and out of a ring, and when to signal.
 * Threads: one at a time per ring, the channel's; ring_observe() on any.
 * Errors:  -EAGAIN empty, or no room; -EPROTO the guest broke the ring; -EMSGSIZE; -EINVAL.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>
#include "common/util.h"
#include "hvdef/vmbus_ring.h"

struct vmbus_ring {
	struct vmbus_ring_control *control; /* borrows: guest RAM */
	uint8_t **data;                     /* borrows: guest RAM, a page each */
	uint32_t size;                      /* bytes of data */
	uint32_t index;  /* ours: read_index of a reader, write_index of a writer */
	uint32_t peeked; /* reader: bytes that ring_consume() frees, 0: nothing was peeked at */
	bool awake;      /* reader: between ring_mask() and the ring_reader_idle() that ends it */
	uint64_t packets, bytes; /* since init, with headers and trailers */
	uint64_t signals;        /* times the caller was told to signal */
	uint64_t full;           /* writer: times there was no room */
};

/*
 * `pages`: the control page and 1..65535 data pages, each mapped, kept by the caller as long as the
 * ring. Starts where the shared index stands that this end owns. -EPROTO when that is no index.
 */
int ring_init_reader(struct vmbus_ring *ring, uint8_t **pages, uint32_t page_count) MUST_CHECK;
int ring_init_writer(struct vmbus_ring *ring, uint8_t **pages, uint32_t page_count) MUST_CHECK;

struct ring_packet {
	uint16_t type; /* enum vmbus_packet_type */
	uint16_t flags;
	uint64_t transaction_id;
	size_t header_bytes;  /* what lies between struct vmbus_packet_header and the payload */
	size_t payload_bytes; /* padded to eight */
};

/*
 * Copies the next packet out: its extra header and payload, together at most `capacity` bytes, go
 * to `buffer`. The packet stays in the ring until ring_consume(). -EAGAIN: the ring is empty.
 * -EMSGSIZE: it does not fit, ret_packet says what it is.
 */
int ring_peek(struct vmbus_ring *ring, void *buffer, size_t capacity,
	struct ring_packet *ret_packet) MUST_CHECK;
/*
 * Frees what ring_peek() returned last. `ret_signal`: the guest waits for this room and must be
 * signalled. -EAGAIN: nothing was peeked at.
 */
int ring_consume(struct vmbus_ring *ring, bool *ret_signal) MUST_CHECK;
/*
 * The reader goes to sleep: asks for signals. True: something came meanwhile, do not sleep. The
 * mask stays off then, too; ring_mask() turns it on again.
 */
bool ring_reader_idle(struct vmbus_ring *ring);
void ring_mask(struct vmbus_ring *ring);
/* Goes to sleep with the mask on, as a reader must not: for a fault. */
void ring_idle_masked(struct vmbus_ring *ring);

/*
 * Writes a packet whose payload is `iov`. `limit` bytes with header is what the guest's driver can
 * take (spec 4.5), 0: none. -EAGAIN: no room now; the guest is asked to signal when there is, and
 * the room is looked for once more. -EMSGSIZE: more than `limit`, or than the ring ever holds.
 * -EINVAL: more than RING_IOV_MAX parts.
 */
enum { RING_IOV_MAX = 8 };
int ring_write(struct vmbus_ring *ring, uint16_t type, uint16_t flags, uint64_t transaction_id,
	const struct iovec *iov, unsigned iov_count, size_t limit, bool *ret_signal) MUST_CHECK;

/*
 * The payload of the largest packet that can be written now, possibly 0. When that is less than
 * `wanted`, which the ring need not ever hold, the guest is asked to signal once there is more.
 */
int ring_room(struct vmbus_ring *ring, size_t wanted, size_t *ret_payload_bytes) MUST_CHECK;
/* Nothing is to be written any more: what was asked for when there was no room is taken back. */
void ring_writer_idle(struct vmbus_ring *ring);
/* 1: the guest has read everything. 0: not yet; it is asked to signal when it has. */
int ring_drained(struct vmbus_ring *ring) MUST_CHECK;

/* ---- offsets into the data, for whoever looks at a ring without being one of its ends ---------
 */

/* A multiple of eight below `size`. */
static inline bool ring_is_index(uint32_t size, uint32_t index)
{
	return index < size && index % 8 == 0;
}

/* Bytes from one index forward to another; both are indices. */
static inline uint32_t ring_distance(uint32_t size, uint32_t from, uint32_t to)
{
	return to >= from ? to - from : size - from + to;
}

static inline uint32_t ring_advance(uint32_t size, uint32_t index, uint32_t by)
{
	return (uint32_t)(((uint64_t)index + by) % size);
}

/* Copies `bytes` <= size of data out, from `index` on, around the end. */
void ring_copy_out(const struct vmbus_ring *ring, uint32_t index, void *to, size_t bytes);

/* A ring as both ends left it, for inspection and diagnosis; copied once, nothing is checked. */
struct ring_state {
	uint32_t size, write_index, read_index, interrupt_mask, pending_send_sz, feature_bits;
	uint32_t used; /* bytes; 0 when an index is out of range */
};
void ring_observe(const struct vmbus_ring *ring, struct ring_state *ret_state);
