/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmbus/ring.h"

#include <errno.h>
#include <string.h>

enum { UNIT = 8, MAX_PAGES = 65536 };

/* ---- words of the control page: one atomic access per use ---------------------------------- */

static uint32_t load(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static void store(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static void full_barrier(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* ---- the data area: scattered pages, wrapping ----------------------------------------------- */

/* The longest piece from `index` that lies in one page. */
static uint8_t *piece(const struct vmbus_ring *ring, uint32_t index, size_t *length)
{
	uint32_t offset = index % VMBUS_PAGE_SIZE;

	*length = MIN(*length, (size_t)(VMBUS_PAGE_SIZE - offset));
	return ring->data[index / VMBUS_PAGE_SIZE] + offset;
}

void ring_copy_out(const struct vmbus_ring *ring, uint32_t index, void *to, size_t bytes)
{
	uint8_t *out = to;

	while (bytes > 0) {
		size_t length = bytes;
		const uint8_t *from = piece(ring, index, &length);

		memcpy(out, from, length);
		out += length;
		bytes -= length;
		index = ring_advance(ring->size, index, (uint32_t)length);
	}
}

static uint32_t copy_in(
	const struct vmbus_ring *ring, uint32_t index, const void *from, size_t size)
{
	const uint8_t *in = from;

	while (size > 0) {
		size_t length = size;
		uint8_t *to = piece(ring, index, &length);

		memcpy(to, in, length);
		in += length;
		size -= length;
		index = ring_advance(ring->size, index, (uint32_t)length);
	}
	return index;
}

/* ---- life ----------------------------------------------------------------------------------- */

static int init(struct vmbus_ring *ring, uint8_t **pages, uint32_t page_count)
{
	if (page_count < 2 || page_count > MAX_PAGES)
		return -EINVAL;
	*ring = (struct vmbus_ring){
		.control = (struct vmbus_ring_control *)(void *)pages[0],
		.data = pages + 1,
		.size = (page_count - 1) * VMBUS_PAGE_SIZE,
	};
	return 0;
}

static int start_at(struct vmbus_ring *ring, const uint32_t *shared)
{
	uint32_t index = load(shared);

	if (!ring_is_index(ring->size, index))
		return -EPROTO;
	ring->index = index;
	return 0;
}

int ring_init_reader(struct vmbus_ring *ring, uint8_t **pages, uint32_t page_count)
{
	int r = init(ring, pages, page_count);

	return r < 0 ? r : start_at(ring, &ring->control->read_index);
}

int ring_init_writer(struct vmbus_ring *ring, uint8_t **pages, uint32_t page_count)
{
	int r = init(ring, pages, page_count);

	return r < 0 ? r : start_at(ring, &ring->control->write_index);
}

/* ---- reading -------------------------------------------------------------------------------- */

/* Bytes between our place and where the guest has written to. */
static int readable(const struct vmbus_ring *ring, uint32_t *ret_bytes)
{
	uint32_t write_index = load(&ring->control->write_index);

	if (!ring_is_index(ring->size, write_index))
		return -EPROTO;
	*ret_bytes = ring_distance(ring->size, ring->index, write_index);
	return 0;
}

/* With its trailer. */
static uint32_t whole_bytes(const struct vmbus_packet_header *header)
{
	return header->length8 * (uint32_t)UNIT + VMBUS_PACKET_TRAILER_BYTES;
}

/* The header of the next packet, copied once and checked: invariant R4. */
static int next_header(const struct vmbus_ring *ring, struct vmbus_packet_header *ret_header)
{
	struct vmbus_packet_header header;
	uint32_t bytes;
	int r = readable(ring, &bytes);

	if (r < 0)
		return r;
	if (bytes == 0)
		return -EAGAIN;
	if (bytes < sizeof(header) + VMBUS_PACKET_TRAILER_BYTES)
		return -EPROTO;
	ring_copy_out(ring, ring->index, &header, sizeof(header));
	if (header.offset8 < sizeof(header) / UNIT || header.length8 < header.offset8)
		return -EPROTO;
	if (whole_bytes(&header) > bytes)
		return -EPROTO;
	*ret_header = header;
	return 0;
}

int ring_peek(
	struct vmbus_ring *ring, void *buffer, size_t capacity, struct ring_packet *ret_packet)
{
	struct vmbus_packet_header header;
	size_t body;
	int r = next_header(ring, &header);

	if (r < 0)
		return r;
	body = (size_t)header.length8 * UNIT - sizeof(header);
	*ret_packet = (struct ring_packet){
		.type = header.type,
		.flags = header.flags,
		.transaction_id = header.transaction_id,
		.header_bytes = (size_t)header.offset8 * UNIT - sizeof(header),
		.payload_bytes = (size_t)(header.length8 - header.offset8) * UNIT,
	};
	if (body > capacity)
		return -EMSGSIZE;
	ring_copy_out(ring, ring_advance(ring->size, ring->index, sizeof(header)), buffer, body);
	ring->peeked = whole_bytes(&header);
	return 0;
}

/*
 * The guest waits until more than pending_send_sz bytes are free. Guests differ in whether they
 * want to hear of exactly that many, and some leave rubbish in the low bits: one signal too many
 * does no harm, one too few is a hang.
 */
static bool crossed(const struct vmbus_ring *ring, uint32_t free_before, uint32_t free_after)
{
	uint32_t wanted = load(&ring->control->pending_send_sz) & ~(UNIT - 1u);

	if (!(load(&ring->control->feature_bits) & VMBUS_RING_FEATURE_PENDING_SEND_SZ))
		return false;
	return wanted != 0 && free_before <= wanted && wanted <= free_after;
}

int ring_consume(struct vmbus_ring *ring, bool *ret_signal)
{
	uint32_t freed = ring->peeked, used;
	int r;

	if (freed == 0)
		return -EAGAIN;
	ring->peeked = 0;
	ring->index = ring_advance(ring->size, ring->index, freed);
	ring->packets++;
	ring->bytes += freed;
	store(&ring->control->read_index, ring->index);
	full_barrier();
	r = readable(ring, &used);
	if (r < 0)
		return r;
	*ret_signal = crossed(ring, ring->size - MIN(used + freed, ring->size), ring->size - used);
	ring->signals += *ret_signal;
	return 0;
}

void ring_mask(struct vmbus_ring *ring)
{
	ring->awake = true;
	store(&ring->control->interrupt_mask, 1);
}

void ring_idle_masked(struct vmbus_ring *ring)
{
	ring_mask(ring);
	ring->awake = false;
}

bool ring_reader_idle(struct vmbus_ring *ring)
{
	store(&ring->control->interrupt_mask, 0);
	full_barrier();
	if (load(&ring->control->write_index) == ring->index) {
		ring->awake = false;
		return false;
	}
	ring_mask(ring);
	return true;
}

/* ---- writing -------------------------------------------------------------------------------- */

static int free_bytes(const struct vmbus_ring *ring, uint32_t *ret_bytes)
{
	uint32_t read_index = load(&ring->control->read_index);

	if (!ring_is_index(ring->size, read_index))
		return -EPROTO;
	*ret_bytes = ring->size - ring_distance(ring->size, read_index, ring->index);
	return 0;
}

/*
 * What is free; when that is not more than `total`, asks to be signalled when it is, and looks
 * again: it may have come meanwhile.
 */
static int free_or_ask(struct vmbus_ring *ring, uint32_t total, uint32_t *ret_bytes)
{
	int r = free_bytes(ring, ret_bytes);

	if (r < 0 || *ret_bytes > total)
		return r;
	store(&ring->control->pending_send_sz, total);
	full_barrier();
	return free_bytes(ring, ret_bytes);
}

static int make_room(struct vmbus_ring *ring, uint32_t total)
{
	uint32_t bytes;
	int r = free_or_ask(ring, total, &bytes);

	if (r < 0)
		return r;
	if (bytes <= total) {
		ring->full++;
		return -EAGAIN;
	}
	store(&ring->control->pending_send_sz, 0);
	return 0;
}

/* What a packet takes beside its payload; and the eight bytes that are never used. */
enum { PACKET_OVERHEAD = sizeof(struct vmbus_packet_header) + VMBUS_PACKET_TRAILER_BYTES };

static size_t payload_of(uint32_t bytes)
{
	return bytes > PACKET_OVERHEAD + UNIT ? bytes - PACKET_OVERHEAD - UNIT : 0;
}

int ring_room(struct vmbus_ring *ring, size_t wanted, size_t *ret_payload_bytes)
{
	size_t most = payload_of(ring->size);
	size_t payload = MIN(wanted, most);
	uint32_t bytes;
	int r = free_or_ask(
		ring, (uint32_t)(payload + (-payload % UNIT) + PACKET_OVERHEAD), &bytes);

	if (r == 0)
		*ret_payload_bytes = payload_of(bytes);
	return r;
}

void ring_writer_idle(struct vmbus_ring *ring)
{
	store(&ring->control->pending_send_sz, 0);
}

int ring_drained(struct vmbus_ring *ring)
{
	uint32_t bytes;
	int r = free_or_ask(ring, ring->size - UNIT, &bytes);

	return r < 0 ? r : bytes == ring->size;
}

static uint64_t trailer(uint32_t start)
{
	return (uint64_t)start << 32;
}

static void put_packet(struct vmbus_ring *ring, const struct vmbus_packet_header *header,
	const struct iovec *iov, unsigned iov_count, size_t padding)
{
	static const uint8_t zeros[UNIT];
	uint64_t end = trailer(ring->index);
	uint32_t index = copy_in(ring, ring->index, header, sizeof(*header));

	for (unsigned i = 0; i < iov_count; i++)
		index = copy_in(ring, index, iov[i].iov_base, iov[i].iov_len);
	index = copy_in(ring, index, zeros, padding);
	ring->index = copy_in(ring, index, &end, sizeof(end));
}

/* The reader sleeps only when it had seen the ring empty, which is where we started. */
static bool publish(struct vmbus_ring *ring, uint32_t start)
{
	store(&ring->control->write_index, ring->index);
	full_barrier();
	return load(&ring->control->interrupt_mask) == 0 &&
	       load(&ring->control->read_index) == start;
}

static size_t iov_bytes(const struct iovec *iov, unsigned count)
{
	size_t bytes = 0;

	for (unsigned i = 0; i < count; i++)
		bytes += iov[i].iov_len;
	return bytes;
}

int ring_write(struct vmbus_ring *ring, uint16_t type, uint16_t flags, uint64_t transaction_id,
	const struct iovec *iov, unsigned iov_count, size_t limit, bool *ret_signal)
{
	struct vmbus_packet_header header = {
		.type = type,
		.offset8 = sizeof(header) / UNIT,
		.flags = flags,
		.transaction_id = transaction_id,
	};
	size_t payload = iov_bytes(iov, iov_count);
	size_t padding = -payload % UNIT;
	size_t length = sizeof(header) + payload + padding;
	uint32_t start = ring->index;
	int r;

	if (iov_count > RING_IOV_MAX)
		return -EINVAL;
	if (length / UNIT > UINT16_MAX || (limit && length > limit))
		return -EMSGSIZE;
	if (length + VMBUS_PACKET_TRAILER_BYTES >= ring->size)
		return -EMSGSIZE;
	header.length8 = (uint16_t)(length / UNIT);
	r = make_room(ring, (uint32_t)length + VMBUS_PACKET_TRAILER_BYTES);
	if (r < 0)
		return r;
	put_packet(ring, &header, iov, iov_count, padding);
	ring->packets++;
	ring->bytes += length + VMBUS_PACKET_TRAILER_BYTES;
	*ret_signal = publish(ring, start);
	ring->signals += *ret_signal;
	return 0;
}

/* ---- inspection ----------------------------------------------------------------------------- */

void ring_observe(const struct vmbus_ring *ring, struct ring_state *ret_state)
{
	const struct vmbus_ring_control *control = ring->control;
	struct ring_state state = {
		.size = ring->size,
		.write_index = load(&control->write_index),
		.read_index = load(&control->read_index),
		.interrupt_mask = load(&control->interrupt_mask),
		.pending_send_sz = load(&control->pending_send_sz),
		.feature_bits = load(&control->feature_bits),
	};

	if (ring_is_index(ring->size, state.write_index) &&
		ring_is_index(ring->size, state.read_index))
		state.used = ring_distance(ring->size, state.read_index, state.write_index);
	*ret_state = state;
}
