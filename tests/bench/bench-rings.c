/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench-rings: a packet's way through a ring, written and read again, beside memcpy() of the same
 * bytes into the same pages and out again. The ratio is the price of packets: headers, indices,
 * barriers, signals, pages. Rings are as large as those of uio_hv_generic; they are filled and
 * emptied by turns.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/clock.h"
#include "vmbus/ring.h"

enum { PAGES = 17, DATA_BYTES = (PAGES - 1) * VMBUS_PAGE_SIZE, ROUNDS = 101, BYTES = 4 << 20 };

static const unsigned sizes[] = {64, 512, 4096, 16384};

static uint8_t memory[PAGES][VMBUS_PAGE_SIZE] __attribute__((aligned(VMBUS_PAGE_SIZE)));
static _Alignas(8) uint8_t from[DATA_BYTES], to[DATA_BYTES];

/* Fills the ring, empties it; returns how many packets went through. */
static unsigned fill_and_empty(struct vmbus_ring *writer, struct vmbus_ring *reader, unsigned size)
{
	const struct iovec iov = {from, size};
	struct ring_packet packet;
	unsigned count = 0;
	bool signal;

	while (ring_write(writer, VMBUS_PACKET_DATA_INBAND, 0, count, &iov, 1, 0, &signal) == 0)
		count++;
	for (unsigned i = 0; i < count; i++) {
		if (ring_peek(reader, to, sizeof(to), &packet) != 0 ||
			ring_consume(reader, &signal) != 0 || packet.payload_bytes != size)
			abort();
	}
	return count;
}

static double ns_per_packet(struct vmbus_ring *writer, struct vmbus_ring *reader, unsigned size)
{
	unsigned long wanted = BYTES / (size + 64), count = 0;
	uint64_t start_ns = clock_now_ns(&clock_monotonic);

	while (count < wanted)
		count += fill_and_empty(writer, reader, size);
	return (double)(clock_now_ns(&clock_monotonic) - start_ns) / (double)count;
}

/* The compiler may not know that nobody reads it. */
static double ns_per_copy(unsigned size)
{
	uint8_t *data = memory[1];
	unsigned long wanted = BYTES / (size + 64), count = 0;
	uint64_t start_ns = clock_now_ns(&clock_monotonic);

	while (count < wanted) {
		unsigned at = 0;

		for (at = 0; at + size < DATA_BYTES; at += size)
			memcpy(data + at, from, size);
		__asm__ volatile("" ::: "memory");
		for (at = 0; at + size < DATA_BYTES; at += size, count++)
			memcpy(to, data + at, size);
		__asm__ volatile("" ::: "memory");
	}
	return (double)(clock_now_ns(&clock_monotonic) - start_ns) / (double)count;
}

int main(void)
{
	uint8_t *pages[PAGES];
	struct vmbus_ring writer, reader;

	for (unsigned i = 0; i < PAGES; i++)
		pages[i] = memory[i];
	if (ring_init_writer(&writer, pages, PAGES) < 0 ||
		ring_init_reader(&reader, pages, PAGES) < 0)
		return 1;
	memset(from, 0x5a, sizeof(from));
	for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
		double packet = 0, copy = 0;

		for (unsigned i = 0; i < ROUNDS; i++) {
			double one = ns_per_packet(&writer, &reader, sizes[s]);
			double other = ns_per_copy(sizes[s]);

			packet = i == 0 || one < packet ? one : packet;
			copy = i == 0 || other < copy ? other : copy;
		}
		printf("rings: %5u bytes: %.0f ns a packet both ways, %.2f million/s; memcpy %.0f ns, "
		       "ratio %.2f\n",
			sizes[s], packet, 1000 / packet, copy, packet / copy);
	}
	return 0;
}
