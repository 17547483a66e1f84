/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rings of a channel: packets in order over every wrap, and a signal when one is due, never none.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "vmbus/ring.h"

enum { PAGES = 4, SIZE = (PAGES - 1) * VMBUS_PAGE_SIZE, OVERHEAD = 24 };

/* One ring with both its ends. The pages are in no order, as a GPADL's may be. */
struct rig {
	uint8_t *page[PAGES];
	struct vmbus_ring_control *control;
	struct vmbus_ring writer, reader;
};

static struct rig rig;

static int set_up(void **state)
{
	memset(&rig, 0, sizeof(rig));
	for (int i = PAGES; i-- > 0;) {
		rig.page[i] = aligned_alloc(VMBUS_PAGE_SIZE, VMBUS_PAGE_SIZE);
		assert_non_null(rig.page[i]);
		memset(rig.page[i], 0, VMBUS_PAGE_SIZE);
	}
	rig.control = (struct vmbus_ring_control *)(void *)rig.page[0];
	rig.control->feature_bits = VMBUS_RING_FEATURE_PENDING_SEND_SZ;
	assert_int_equal(ring_init_writer(&rig.writer, rig.page, PAGES), 0);
	assert_int_equal(ring_init_reader(&rig.reader, rig.page, PAGES), 0);
	return 0;
}

static int tear_down(void **state)
{
	for (int i = 0; i < PAGES; i++)
		free(rig.page[i]);
	return 0;
}

/* Starts both ends at `index`, as a ring that has been used for a while. */
static void start_at(uint32_t index)
{
	rig.control->write_index = rig.control->read_index = index;
	assert_int_equal(ring_init_writer(&rig.writer, rig.page, PAGES), 0);
	assert_int_equal(ring_init_reader(&rig.reader, rig.page, PAGES), 0);
}

static int put(const void *payload, size_t size, bool *ret_signal)
{
	const struct iovec iov = {(void *)payload, size};

	return ring_write(
		&rig.writer, VMBUS_PACKET_DATA_INBAND, 0, 7, &iov, size > 0, 0, ret_signal);
}

static void must_put(const void *payload, size_t size, bool signal)
{
	bool signalled;

	assert_int_equal(put(payload, size, &signalled), 0);
	assert_int_equal(signalled, signal);
}

static void must_consume(bool signal)
{
	bool signalled;

	assert_int_equal(ring_consume(&rig.reader, &signalled), 0);
	assert_int_equal(signalled, signal);
}

static void take(void *buffer, size_t capacity, struct ring_packet *packet)
{
	assert_int_equal(ring_peek(&rig.reader, buffer, capacity, packet), 0);
}

/* ---- packets -------------------------------------------------------------------------------- */

static void a_packet_comes_out_as_it_went_in(void **state)
{
	const struct iovec iov[] = {{(void *)"hello, ", 7}, {(void *)"ring", 5}};
	struct ring_packet packet;
	uint8_t buffer[64];
	bool signal;

	assert_int_equal(ring_write(&rig.writer, VMBUS_PACKET_COMPLETION,
				 VMBUS_PACKET_FLAG_COMPLETION_REQUESTED, 0x1122334455667788, iov, 2,
				 0, &signal),
		0);
	take(buffer, sizeof(buffer), &packet);
	assert_int_equal(packet.type, VMBUS_PACKET_COMPLETION);
	assert_int_equal(packet.flags, VMBUS_PACKET_FLAG_COMPLETION_REQUESTED);
	assert_int_equal(packet.transaction_id, 0x1122334455667788);
	assert_int_equal(packet.header_bytes, 0);
	assert_int_equal(packet.payload_bytes, 16);
	assert_memory_equal(buffer, "hello, ring\0\0\0\0\0", 16);
	must_consume(false);
	assert_int_equal(ring_peek(&rig.reader, buffer, sizeof(buffer), &packet), -EAGAIN);
	assert_int_equal(ring_consume(&rig.reader, &signal), -EAGAIN);
}

static void the_trailer_names_the_start_of_its_packet(void **state)
{
	uint64_t trailer;

	start_at(512);
	must_put("12345678", 8, true);
	memcpy(&trailer, rig.page[1] + 512 + 24, sizeof(trailer));
	assert_int_equal(trailer, UINT64_C(512) << 32);
}

/* Every start, so that header, payload, padding and trailer all are cut by a page and the end. */
static void packets_wrap_anywhere(void **state)
{
	uint8_t out[100], in[104];
	struct ring_packet packet;

	for (unsigned i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(i + 1);
	for (uint32_t start = 0; start < SIZE; start += 8) {
		start_at(start);
		must_put(out, sizeof(out), true);
		take(in, sizeof(in), &packet);
		assert_int_equal(packet.payload_bytes, sizeof(in));
		assert_memory_equal(in, out, sizeof(out));
		assert_memory_equal(in + sizeof(out), "\0\0\0", 4);
		must_consume(false);
		assert_int_equal(rig.control->read_index, (start + sizeof(in) + OVERHEAD) % SIZE);
	}
}

struct model {
	uint32_t first, next; /* numbers of the packets that are in the ring */
	unsigned seed;
};

static size_t size_of_packet(uint32_t number)
{
	return 4 + (number * 2654435761u >> 7) % 3000;
}

static void model_put(struct model *model)
{
	uint8_t payload[4096];
	bool signal;
	int r;

	memset(payload, (int)model->next, sizeof(payload));
	memcpy(payload, &model->next, sizeof(model->next));
	r = put(payload, size_of_packet(model->next), &signal);
	assert_true(r == 0 || r == -EAGAIN);
	/* A ring that holds nothing has room. */
	assert_true(r == 0 || model->first < model->next);
	model->next += r == 0;
}

static void model_take(struct model *model)
{
	size_t size = size_of_packet(model->first);
	struct ring_packet packet;
	uint8_t payload[4096];
	uint32_t number;
	int r = ring_peek(&rig.reader, payload, sizeof(payload), &packet);
	bool signal;

	assert_int_equal(r, model->first < model->next ? 0 : -EAGAIN);
	if (r < 0)
		return;
	memcpy(&number, payload, sizeof(number));
	assert_int_equal(number, model->first);
	assert_int_equal(packet.payload_bytes, (size + 7) / 8 * 8);
	for (size_t i = sizeof(number); i < size; i++)
		assert_int_equal(payload[i], (uint8_t)number);
	assert_int_equal(ring_consume(&rig.reader, &signal), 0);
	model->first++;
}

static void no_packet_is_lost_or_reordered_under_random_use(void **state)
{
	struct model model = {.seed = 1};

	while (model.first < 20000) {
		if (rand_r(&model.seed) % 2)
			model_put(&model);
		else
			model_take(&model);
	}
}

/* ---- limits --------------------------------------------------------------------------------- */

static void a_ring_is_never_filled_to_the_last_byte(void **state)
{
	static const uint8_t payload[SIZE];
	bool signal;

	assert_int_equal(put(payload, SIZE - OVERHEAD, &signal), -EMSGSIZE);
	assert_int_equal(put(payload, SIZE - OVERHEAD - 8, &signal), 0);
	assert_int_equal(put(payload, 0, &signal), -EAGAIN);
}

static void what_the_driver_cannot_take_is_refused(void **state)
{
	static const uint8_t payload[4096];
	const struct iovec fits = {(void *)payload, 4080}, too_long = {(void *)payload, 4081};
	bool signal;

	assert_int_equal(ring_write(&rig.writer, 6, 0, 0, &too_long, 1, 4096, &signal), -EMSGSIZE);
	assert_int_equal(ring_write(&rig.writer, 6, 0, 0, &fits, 1, 4096, &signal), 0);
}

static void a_packet_larger_than_the_buffer_says_how_large(void **state)
{
	struct ring_packet packet;
	uint8_t buffer[8];
	bool signal;

	must_put("0123456789", 10, true);
	assert_int_equal(ring_peek(&rig.reader, buffer, sizeof(buffer), &packet), -EMSGSIZE);
	assert_int_equal(packet.payload_bytes, 16);
	assert_int_equal(ring_consume(&rig.reader, &signal), -EAGAIN);
}

static void a_ring_needs_data_pages(void **state)
{
	assert_int_equal(ring_init_reader(&rig.reader, rig.page, 1), -EINVAL);
	assert_int_equal(ring_init_writer(&rig.writer, rig.page, 65537), -EINVAL);
}

/* ---- signals -------------------------------------------------------------------------------- */

static void only_a_ring_that_was_empty_is_signalled(void **state)
{
	struct ring_packet packet;
	uint8_t buffer[64];

	must_put("a", 1, true);
	must_put("b", 1, false);
	take(buffer, sizeof(buffer), &packet);
	must_consume(false);
	must_put("c", 1, false);
	for (int i = 0; i < 2; i++) {
		take(buffer, sizeof(buffer), &packet);
		must_consume(false);
	}
	must_put("d", 1, true);
}

static void a_reader_that_masks_is_not_signalled(void **state)
{
	ring_mask(&rig.reader);
	must_put("a", 1, false);
	assert_int_equal(rig.writer.signals, 0);
}

static void a_reader_that_goes_idle_sees_what_came_meanwhile(void **state)
{
	ring_mask(&rig.reader);
	must_put("a", 1, false);
	assert_true(ring_reader_idle(&rig.reader));
	assert_int_equal(rig.control->interrupt_mask, 1);
}

static void a_reader_that_is_idle_wants_signals(void **state)
{
	ring_mask(&rig.reader);
	assert_false(ring_reader_idle(&rig.reader));
	must_put("a", 1, true);
}

/* Four packets of 3000 bytes fill the ring; the fifth waits. */
static uint32_t fill_until_full(void)
{
	static const uint8_t payload[2976];
	bool signal;

	for (int i = 0; i < 4; i++)
		assert_int_equal(put(payload, sizeof(payload), &signal), 0);
	assert_int_equal(put(payload, sizeof(payload), &signal), -EAGAIN);
	assert_int_equal(rig.writer.full, 1);
	return sizeof(payload) + OVERHEAD;
}

static void a_writer_without_room_asks_for_it_and_is_signalled(void **state)
{
	uint32_t total = fill_until_full();
	struct ring_packet packet;
	uint8_t buffer[3000];
	bool signal;

	assert_int_equal(rig.control->pending_send_sz, total);
	take(buffer, sizeof(buffer), &packet);
	must_consume(true);
	/* Crossed once, told once. */
	take(buffer, sizeof(buffer), &packet);
	must_consume(false);
	assert_int_equal(put(buffer, 2976, &signal), 0);
	assert_int_equal(rig.control->pending_send_sz, 0);
}

/* Linux counts "more than", OpenVMM "at least": both edges are told. */
static void both_edges_of_the_wanted_room_are_signalled(void **state)
{
	struct ring_packet packet;
	uint8_t buffer[3000];
	uint32_t free_before, total = fill_until_full();

	free_before = SIZE - 4 * total;
	for (uint32_t wanted = free_before - 8; wanted <= free_before + total + 8; wanted += 8) {
		bool crossed = wanted >= free_before && wanted <= free_before + total;
		struct vmbus_ring before = rig.reader;
		bool signal;

		rig.control->pending_send_sz = wanted + 7; /* rubbish in the low bits */
		take(buffer, sizeof(buffer), &packet);
		assert_int_equal(ring_consume(&rig.reader, &signal), 0);
		assert_int_equal(signal, crossed);
		rig.reader = before;
	}
}

static void a_peer_without_the_feature_is_not_signalled_for_room(void **state)
{
	struct ring_packet packet;
	uint8_t buffer[3000];

	rig.control->feature_bits = 0;
	fill_until_full();
	take(buffer, sizeof(buffer), &packet);
	must_consume(false);
}

/* ---- a hostile guest ------------------------------------------------------------------------ */

static void an_index_out_of_bounds_or_unaligned_is_a_broken_ring(void **state)
{
	static const uint32_t bad[] = {SIZE, SIZE + 8, 4, 1, UINT32_MAX, UINT32_MAX - 7};
	struct ring_packet packet;
	uint8_t buffer[8];
	bool signal;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		rig.control->write_index = bad[i];
		rig.control->read_index = bad[i];
		assert_int_equal(ring_peek(&rig.reader, buffer, 8, &packet), -EPROTO);
		assert_int_equal(put("a", 1, &signal), -EPROTO);
		assert_int_equal(ring_init_reader(&rig.reader, rig.page, PAGES), -EPROTO);
		assert_int_equal(ring_init_writer(&rig.writer, rig.page, PAGES), -EPROTO);
		rig.control->write_index = rig.control->read_index = 0;
		assert_int_equal(ring_init_reader(&rig.reader, rig.page, PAGES), 0);
		assert_int_equal(ring_init_writer(&rig.writer, rig.page, PAGES), 0);
	}
}

static void our_own_index_is_not_read_back(void **state)
{
	struct ring_packet packet;
	uint8_t buffer[64];

	must_put("abcdefgh", 8, true);
	rig.control->read_index = 4096; /* scribbled over by the guest */
	take(buffer, sizeof(buffer), &packet);
	assert_memory_equal(buffer, "abcdefgh", 8);
	must_consume(false);
	assert_int_equal(rig.control->read_index, 8 + OVERHEAD);
}

static void a_packet_that_contradicts_itself_is_a_broken_ring(void **state)
{
	static const struct {
		uint16_t offset8, length8;
		uint32_t used;
	} bad[] = {
		{0, 2, 24}, {1, 2, 24},    /* the payload starts in the header */
		{3, 2, 24}, {2, 0, 24},    /* it ends before it starts */
		{2, 3, 24},                /* longer than what is there */
		{2, UINT16_MAX, SIZE - 8}, /* longer than the ring */
		{2, 2, 8}, {2, 2, 16},     /* not even a header and a trailer */
	};
	struct ring_packet packet;
	uint8_t buffer[64];

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct vmbus_packet_header header = {
			.type = 6,
			.offset8 = bad[i].offset8,
			.length8 = bad[i].length8,
		};

		memcpy(rig.page[1], &header, sizeof(header));
		rig.control->write_index = bad[i].used;
		assert_int_equal(ring_peek(&rig.reader, buffer, 64, &packet), -EPROTO);
	}
}

/* ---- both ends at once ---------------------------------------------------------------------- */

enum { EXCHANGED = 200000 };

static sem_t data_ready, room_ready;

static void *read_all(void *arg)
{
	uint32_t wanted = 0;

	while (wanted < EXCHANGED) {
		uint8_t payload[256];
		struct ring_packet packet;
		uint32_t number;
		bool signal;
		int r = ring_peek(&rig.reader, payload, sizeof(payload), &packet);

		if (r == -EAGAIN) {
			if (!ring_reader_idle(&rig.reader))
				sem_wait(&data_ready);
			ring_mask(&rig.reader);
			continue;
		}
		assert_int_equal(r, 0);
		memcpy(&number, payload, sizeof(number));
		assert_int_equal(number, wanted++);
		assert_int_equal(ring_consume(&rig.reader, &signal), 0);
		if (signal)
			sem_post(&room_ready);
	}
	return NULL;
}

/* A lost signal would leave one of them asleep for ever: the test's time limit is the check. */
static void neither_end_sleeps_through_a_signal(void **state)
{
	pthread_t thread;

	sem_init(&data_ready, 0, 0);
	sem_init(&room_ready, 0, 0);
	ring_mask(&rig.reader);
	assert_int_equal(pthread_create(&thread, NULL, read_all, NULL), 0);
	for (uint32_t i = 0; i < EXCHANGED;) {
		uint8_t payload[200] = {0};
		bool signal;
		int r;

		memcpy(payload, &i, sizeof(i));
		r = put(payload, 4 + i % 197, &signal);
		if (r == -EAGAIN) {
			sem_wait(&room_ready);
			continue;
		}
		assert_int_equal(r, 0);
		i++;
		if (signal)
			sem_post(&data_ready);
	}
	pthread_join(thread, NULL);
	sem_destroy(&data_ready);
	sem_destroy(&room_ready);
}

/* ---- inspection ----------------------------------------------------------------------------- */

static void what_is_observed_is_what_both_ends_left(void **state)
{
	struct ring_state seen;

	must_put("abc", 3, true);
	rig.control->pending_send_sz = 40;
	ring_observe(&rig.reader, &seen);
	assert_int_equal(seen.size, SIZE);
	assert_int_equal(seen.write_index, 8 + OVERHEAD);
	assert_int_equal(seen.read_index, 0);
	assert_int_equal(seen.pending_send_sz, 40);
	assert_int_equal(seen.feature_bits, 1);
	assert_int_equal(seen.used, 8 + OVERHEAD);
	rig.control->write_index = SIZE;
	ring_observe(&rig.reader, &seen);
	assert_int_equal(seen.write_index, SIZE);
	assert_int_equal(seen.used, 0);
}

/* ---- room before there is a packet ----------------------------------------------------------- */

static void what_there_is_room_for_can_be_written(void **state)
{
	uint8_t data[SIZE] = {0};
	size_t room;
	bool signal;

	for (size_t used = 0; used < 100; used++) {
		start_at(0);
		must_put(data, used, true);
		assert_int_equal(ring_room(&rig.writer, 1, &room), 0);
		assert_int_equal(put(data, room + 1, &signal), -EAGAIN);
		must_put(data, room, false);
		assert_int_equal(ring_room(&rig.writer, 0, &room), 0);
		assert_int_equal(room, 0);
	}
}

static void whoever_wants_more_room_is_signalled_when_it_is_there(void **state)
{
	uint8_t data[SIZE] = {0};
	struct ring_packet packet;
	size_t room;

	must_put(data, 5000, true);
	must_put(data, SIZE - 5000 - 2 * OVERHEAD - 104, false);
	assert_int_equal(ring_room(&rig.writer, 72, &room), 0);
	assert_int_equal(room, 72);
	assert_int_equal(rig.control->pending_send_sz, 0);
	assert_int_equal(ring_room(&rig.writer, 4000, &room), 0);
	assert_int_equal(room, 72);
	assert_int_equal(rig.control->pending_send_sz, 4000 + OVERHEAD);
	take(data, sizeof(data), &packet);
	must_consume(true);
	/* More than the ring ever holds: all of it. */
	assert_int_equal(ring_room(&rig.writer, SIZE_MAX, &room), 0);
	take(data, sizeof(data), &packet);
	must_consume(true);
	assert_int_equal(ring_room(&rig.writer, SIZE_MAX, &room), 0);
	assert_int_equal(room, SIZE - OVERHEAD - 8);
}

static void a_writer_learns_when_all_was_read(void **state)
{
	uint8_t data[64] = {0};
	struct ring_packet packet;

	assert_int_equal(ring_drained(&rig.writer), 1);
	must_put(data, 8, true);
	must_put(data, 8, false);
	assert_int_equal(ring_drained(&rig.writer), 0);
	take(data, sizeof(data), &packet);
	must_consume(false);
	assert_int_equal(ring_drained(&rig.writer), 0);
	take(data, sizeof(data), &packet);
	must_consume(true);
	assert_int_equal(ring_drained(&rig.writer), 1);
	rig.control->read_index = 12;
	assert_int_equal(ring_drained(&rig.writer), -EPROTO);
	assert_int_equal(ring_room(&rig.writer, 1, &(size_t){0}), -EPROTO);
}

#define RING_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RING_TEST(a_packet_comes_out_as_it_went_in),
		RING_TEST(the_trailer_names_the_start_of_its_packet),
		RING_TEST(packets_wrap_anywhere),
		RING_TEST(no_packet_is_lost_or_reordered_under_random_use),
		RING_TEST(a_ring_is_never_filled_to_the_last_byte),
		RING_TEST(what_the_driver_cannot_take_is_refused),
		RING_TEST(a_packet_larger_than_the_buffer_says_how_large),
		RING_TEST(a_ring_needs_data_pages),
		RING_TEST(only_a_ring_that_was_empty_is_signalled),
		RING_TEST(a_reader_that_masks_is_not_signalled),
		RING_TEST(a_reader_that_goes_idle_sees_what_came_meanwhile),
		RING_TEST(a_reader_that_is_idle_wants_signals),
		RING_TEST(a_writer_without_room_asks_for_it_and_is_signalled),
		RING_TEST(both_edges_of_the_wanted_room_are_signalled),
		RING_TEST(a_peer_without_the_feature_is_not_signalled_for_room),
		RING_TEST(an_index_out_of_bounds_or_unaligned_is_a_broken_ring),
		RING_TEST(our_own_index_is_not_read_back),
		RING_TEST(a_packet_that_contradicts_itself_is_a_broken_ring),
		RING_TEST(neither_end_sleeps_through_a_signal),
		RING_TEST(what_there_is_room_for_can_be_written),
		RING_TEST(whoever_wants_more_room_is_signalled_when_it_is_there),
		RING_TEST(a_writer_learns_when_all_was_read),
		RING_TEST(what_is_observed_is_what_both_ends_left),
	};

	return cmocka_run_group_tests_name("ring", tests, NULL, NULL);
}
