/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/capture.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include "common/clock.h"
#include "hvdef/vmbus_ring.h"

/* In front of each item's bytes. Items start at multiples of eight. */
struct stored {
	uint32_t size; /* of header and bytes, padded */
	uint32_t bytes, original_bytes;
	uint32_t padding;
	uint64_t mono_ns;
	struct capture_meta meta;
};
_Static_assert(sizeof(struct stored) % 8 == 0, "items stay aligned");

/* ---- the ring ---------------------------------------------------------------------------------
 */

/* `position` counts for ever; copies around the end of the ring. */
static void put(struct capture *capture, uint64_t position, const void *from, size_t bytes)
{
	size_t at = position % CAPTURE_RING_BYTES;
	size_t first = MIN(bytes, CAPTURE_RING_BYTES - at);

	memcpy(capture->ring + at, from, first);
	memcpy(capture->ring, (const uint8_t *)from + first, bytes - first);
}

static void get(const struct capture *capture, uint64_t position, void *to, size_t bytes)
{
	size_t at = position % CAPTURE_RING_BYTES;
	size_t first = MIN(bytes, CAPTURE_RING_BYTES - at);

	memcpy(to, capture->ring + at, first);
	memcpy((uint8_t *)to + first, capture->ring, bytes - first);
}

static void drop_oldest(struct capture *capture)
{
	struct stored oldest;

	get(capture, capture->tail, &oldest, sizeof(oldest));
	capture->tail += oldest.size;
	capture->tail_item++;
}

/* ---- taking part ------------------------------------------------------------------------------
 */

static size_t wanted_bytes(enum capture_payload payload, uint8_t kind)
{
	size_t descriptor = sizeof(struct vmbus_packet_header);

	if (kind != CAPTURE_PACKET || payload == CAPTURE_PAYLOAD_FULL)
		return CAPTURE_BYTES_MAX;
	return payload == CAPTURE_PAYLOAD_HEAD ? descriptor + CAPTURE_HEAD_BYTES : descriptor;
}

/* What the greediest reader wants. */
static size_t most_wanted(const struct capture *capture, uint8_t kind)
{
	enum capture_payload payload = CAPTURE_PAYLOAD_FULL;

	while (payload > CAPTURE_PAYLOAD_NONE && capture->wanting[payload] == 0)
		payload--;
	return wanted_bytes(payload, kind);
}

static size_t total_bytes(const struct iovec *iov, unsigned iov_count)
{
	size_t total = 0;

	for (unsigned i = 0; i < iov_count; i++)
		total += iov[i].iov_len;
	return total;
}

static void store(struct capture *capture, struct stored *item, const struct iovec *iov)
{
	uint64_t at = capture->head + sizeof(*item);
	size_t left = item->bytes;

	item->size = (uint32_t)((sizeof(*item) + item->bytes + 7) & ~(size_t)7);
	while (capture->head + item->size - capture->tail > CAPTURE_RING_BYTES)
		drop_oldest(capture);
	put(capture, capture->head, item, sizeof(*item));
	for (; left > 0; iov++) {
		size_t part = MIN(left, iov->iov_len);

		put(capture, at, iov->iov_base, part);
		at += part;
		left -= part;
	}
	capture->head += item->size;
	capture->head_item++;
}

void capture_put(struct capture *capture, const struct capture_meta *meta, const struct iovec *iov,
	unsigned iov_count)
{
	size_t total = total_bytes(iov, iov_count);
	struct stored item = {.meta = *meta, .original_bytes = (uint32_t)MIN(total, UINT32_MAX)};

	pthread_mutex_lock(&capture->lock);
	if (capture->ring) { /* the last reader may just have left */
		item.bytes = (uint32_t)MIN(total, most_wanted(capture, meta->kind));
		item.mono_ns = clock_now_ns(capture->clock);
		store(capture, &item, iov);
	}
	pthread_mutex_unlock(&capture->lock);
}

/* ---- readers ----------------------------------------------------------------------------------
 */

/* Memory that nobody has written to costs nothing. */
static int make_ring(struct capture *capture)
{
	void *ring = mmap(NULL, CAPTURE_RING_BYTES, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (ring == MAP_FAILED)
		return -errno;
	capture->ring = ring;
	return 0;
}

static int open_locked(
	struct capture *capture, enum capture_payload payload, struct capture_reader *ret_reader)
{
	uint32_t readers = atomic_load_explicit(&capture->readers, memory_order_relaxed);
	int r = 0;

	if (readers >= CAPTURE_READERS_MAX)
		return -EBUSY;
	if (!capture->ring)
		r = make_ring(capture);
	if (r < 0)
		return r;
	capture->wanting[payload]++;
	*ret_reader = (struct capture_reader){
		.payload = payload, .position = capture->head, .item = capture->head_item};
	atomic_store_explicit(&capture->readers, readers + 1, memory_order_relaxed);
	return 0;
}

int capture_open(
	struct capture *capture, enum capture_payload payload, struct capture_reader *ret_reader)
{
	int r;

	pthread_mutex_lock(&capture->lock);
	r = open_locked(capture, payload, ret_reader);
	pthread_mutex_unlock(&capture->lock);
	return r;
}

void capture_close(struct capture *capture, struct capture_reader *reader)
{
	pthread_mutex_lock(&capture->lock);
	capture->wanting[reader->payload]--;
	if (atomic_fetch_sub_explicit(&capture->readers, 1, memory_order_relaxed) == 1) {
		munmap(capture->ring, CAPTURE_RING_BYTES);
		capture->ring = NULL;
		capture->tail = capture->head;
		capture->tail_item = capture->head_item;
	}
	pthread_mutex_unlock(&capture->lock);
}

/* What was overwritten before the reader came to it. */
static uint64_t skip_lost(const struct capture *capture, struct capture_reader *reader)
{
	uint64_t lost;

	if (reader->item >= capture->tail_item)
		return 0;
	lost = capture->tail_item - reader->item;
	reader->position = capture->tail;
	reader->item = capture->tail_item;
	return lost;
}

static void take(struct capture *capture, struct capture_reader *reader,
	struct capture_item *ret_item, void *buffer)
{
	struct stored item;
	size_t bytes;

	get(capture, reader->position, &item, sizeof(item));
	bytes = MIN(item.bytes, wanted_bytes(reader->payload, item.meta.kind));
	get(capture, reader->position + sizeof(item), buffer, bytes);
	reader->position += item.size;
	reader->item++;
	ret_item->meta = item.meta;
	ret_item->mono_ns = item.mono_ns;
	ret_item->bytes = (uint32_t)bytes;
	ret_item->original_bytes = item.original_bytes;
}

bool capture_next(struct capture *capture, struct capture_reader *reader,
	struct capture_item *ret_item, void *buffer)
{
	bool there;

	pthread_mutex_lock(&capture->lock);
	there = reader->item < capture->head_item;
	if (there) {
		ret_item->lost = skip_lost(capture, reader);
		take(capture, reader, ret_item, buffer);
	}
	pthread_mutex_unlock(&capture->lock);
	return there;
}

void capture_init(struct capture *capture, const struct clock *clock)
{
	capture->clock = clock;
	pthread_mutex_init(&capture->lock, NULL);
}

void capture_deinit(struct capture *capture)
{
	pthread_mutex_destroy(&capture->lock);
}
