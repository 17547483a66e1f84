/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looking at rings: packets forwards and backwards, and R1 to R13, each held and each broken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "common/clock.h"
#include "vmbus/ring_check.h"

enum {
	PAGES = 3,
	SIZE = (PAGES - 1) * VMBUS_PAGE_SIZE,
	PACKET = 32, /* eight bytes of payload */
	ROOM = 16,   /* of a list of packets */
};

static struct {
	uint8_t *page[PAGES];
	struct vmbus_ring_control *control;
	struct vmbus_ring writer, reader;
	struct ring_packet_view packet[ROOM];
} rig;

static void start_at(uint32_t index)
{
	rig.control->write_index = rig.control->read_index = index;
	assert_int_equal(ring_init_writer(&rig.writer, rig.page, PAGES), 0);
	assert_int_equal(ring_init_reader(&rig.reader, rig.page, PAGES), 0);
}

static int set_up(void **state)
{
	for (int i = 0; i < PAGES; i++) {
		rig.page[i] = aligned_alloc(VMBUS_PAGE_SIZE, VMBUS_PAGE_SIZE);
		assert_non_null(rig.page[i]);
		memset(rig.page[i], 0, VMBUS_PAGE_SIZE);
	}
	rig.control = (struct vmbus_ring_control *)(void *)rig.page[0];
	rig.control->feature_bits = VMBUS_RING_FEATURE_PENDING_SEND_SZ;
	start_at(0);
	return 0;
}

static int tear_down(void **state)
{
	for (int i = 0; i < PAGES; i++)
		free(rig.page[i]);
	return 0;
}

static void put(uint64_t transaction_id)
{
	const struct iovec iov = {&transaction_id, sizeof(transaction_id)};
	bool signal;

	assert_int_equal(ring_write(&rig.writer, VMBUS_PACKET_DATA_INBAND, 0, transaction_id, &iov,
				 1, 0, &signal),
		0);
}

static void take(void)
{
	uint8_t buffer[64];
	struct ring_packet packet;
	bool signal;

	assert_int_equal(ring_peek(&rig.reader, buffer, sizeof(buffer), &packet), 0);
	assert_int_equal(ring_consume(&rig.reader, &signal), 0);
}

/* The header of the packet that starts at `offset`, which lies in one piece. */
static struct vmbus_packet_header *header_at(uint32_t offset)
{
	return (struct vmbus_packet_header *)(void *)(rig.page[1 + offset / VMBUS_PAGE_SIZE] +
						      offset % VMBUS_PAGE_SIZE);
}

static unsigned unread(unsigned capacity)
{
	return ring_view_forward(
		&rig.reader, rig.reader.index, rig.control->write_index, rig.packet, capacity);
}

static unsigned consumed(unsigned capacity)
{
	return ring_view_backward(
		&rig.reader, rig.reader.index, rig.control->write_index, rig.packet, capacity);
}

/* ---- packets -------------------------------------------------------------------------------- */

static void what_waits_is_listed_in_order_and_left_there(void **state)
{
	start_at(SIZE - PACKET - 16); /* the second one wraps */
	put(1);
	put(2);
	put(3);
	assert_int_equal(unread(ROOM), 3);
	for (uint64_t i = 0; i < 3; i++) {
		uint64_t payload;

		assert_int_equal(rig.packet[i].fault, RING_PACKET_OK);
		assert_int_equal(rig.packet[i].header.transaction_id, i + 1);
		assert_true(rig.packet[i].trailer_ok);
		assert_int_equal(rig.packet[i].head_bytes, sizeof(payload));
		memcpy(&payload, rig.packet[i].head, sizeof(payload));
		assert_int_equal(payload, i + 1);
	}
	assert_int_equal(rig.packet[1].offset, SIZE - 16);
	assert_int_equal(rig.packet[2].offset, PACKET - 16);
	assert_int_equal(unread(2), 2);
	assert_int_equal(rig.control->read_index, SIZE - PACKET - 16);
}

static void a_packet_without_sense_is_the_last_and_says_why(void **state)
{
	const struct {
		struct vmbus_packet_header header;
		enum ring_packet_fault fault;
	} rows[] = {
		{{.type = 0, .offset8 = 2, .length8 = 3}, RING_PACKET_TYPE},
		{{.type = 14, .offset8 = 2, .length8 = 3}, RING_PACKET_TYPE},
		{{.type = 6, .offset8 = 1, .length8 = 3}, RING_PACKET_OFFSET},
		{{.type = 6, .offset8 = 3, .length8 = 2}, RING_PACKET_LENGTH},
		{{.type = 6, .offset8 = 2, .length8 = 0xffff}, RING_PACKET_OVERRUN},
		{{.type = 6, .offset8 = 2, .length8 = 8}, RING_PACKET_OVERRUN},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		start_at(0);
		put(1);
		put(2);
		*header_at(PACKET) = rows[i].header;
		assert_int_equal(unread(ROOM), 2);
		assert_int_equal(rig.packet[0].fault, RING_PACKET_OK);
		assert_int_equal(rig.packet[1].fault, rows[i].fault);
		assert_int_equal(rig.packet[1].head_bytes, 0);
	}
	start_at(0);
	put(1);
	rig.control->write_index += 16;
	assert_int_equal(unread(ROOM), 2);
	assert_int_equal(rig.packet[1].fault, RING_PACKET_FRAGMENT);
}

static void what_was_read_is_found_backwards_until_it_was_overwritten(void **state)
{
	start_at(SIZE - PACKET - 16);
	put(1);
	put(2);
	put(3);
	assert_int_equal(consumed(ROOM), 0);
	take();
	take();
	assert_int_equal(consumed(ROOM), 2);
	assert_int_equal(rig.packet[0].header.transaction_id, 2);
	assert_int_equal(rig.packet[0].offset, SIZE - 16);
	assert_int_equal(rig.packet[1].header.transaction_id, 1);
	take();
	assert_int_equal(consumed(ROOM), 3);
	assert_int_equal(consumed(1), 1);
	/* The writer comes round. */
	for (unsigned i = 0; i < SIZE / PACKET - 1; i++)
		put(10 + i);
	assert_int_equal(consumed(ROOM), 1);
	assert_int_equal(rig.packet[0].header.transaction_id, 3);
}

static void a_trailer_that_lies_ends_the_way_back(void **state)
{
	uint64_t lies[] = {UINT64_C(8) << 32, UINT64_C(12) << 32, UINT64_C(0xfffffff8) << 32,
		UINT64_C(PACKET * 2) << 32, UINT64_C(40) << 32};

	put(1);
	put(2);
	take();
	take();
	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		memcpy(rig.page[1] + 2 * PACKET - 8, &lies[i], sizeof(lies[i]));
		assert_int_equal(consumed(ROOM), 0);
	}
}

static void a_ring_full_of_anything_is_walked_within_bounds(void **state)
{
	uint32_t seed = 1;

	for (unsigned round = 0; round < 2000; round++) {
		for (uint32_t at = 0; at < SIZE; at += 4) {
			seed = seed * 1664525 + 1013904223;
			*(uint32_t *)(void *)(rig.page[1 + at / VMBUS_PAGE_SIZE] +
					      at % VMBUS_PAGE_SIZE) = seed >> (round % 32);
		}
		rig.reader.index = seed % SIZE & ~7u;
		rig.control->write_index = (seed >> 8) % SIZE & ~7u;
		assert_true(unread(ROOM) <= ROOM);
		assert_true(consumed(ROOM) <= ROOM);
		assert_true(ring_view_walk(&rig.reader, rig.reader.index, rig.control->write_index,
				    RING_WALK_PACKETS)
				    .packets <= RING_WALK_PACKETS);
	}
}

/* ---- invariants ----------------------------------------------------------------------------- */

static struct ring_finding findings[RING_INVARIANTS];

/* Of the reader's side, or of the writer's when the ring leads to the guest. */
static struct ring_snapshot look(bool to_guest)
{
	const struct vmbus_ring *ring = to_guest ? &rig.writer : &rig.reader;
	struct ring_snapshot snapshot = {
		.taken_ns = 1,
		.to_guest = to_guest,
		.host_index = ring->index,
		.packets = ring->packets,
		.flag_known = to_guest,
		.host_idle = !to_guest,
	};

	ring_observe(ring, &snapshot.state);
	snapshot.walked = ring_is_index(SIZE, snapshot.state.read_index) &&
			  ring_is_index(SIZE, snapshot.state.write_index);
	if (snapshot.walked)
		snapshot.walk = ring_view_walk(
			ring, snapshot.state.read_index, snapshot.state.write_index,
			RING_WALK_PACKETS);
	return snapshot;
}

static enum ring_verdict judge_once(enum ring_invariant invariant, bool to_guest)
{
	struct ring_snapshot now = look(to_guest);

	ring_check(&now, NULL, NSEC_PER_SEC, findings);
	return findings[invariant].verdict;
}

static enum ring_verdict judge_twice(enum ring_invariant invariant,
	const struct ring_snapshot *earlier, struct ring_snapshot now)
{
	now.taken_ns = earlier->taken_ns + NSEC_PER_SEC;
	ring_check(&now, earlier, NSEC_PER_SEC, findings);
	return findings[invariant].verdict;
}

static void a_fresh_ring_and_one_in_use_break_nothing(void **state)
{
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned to_guest = 0; to_guest < 2; to_guest++) {
			struct ring_snapshot now = look(to_guest);

			ring_check(&now, NULL, NSEC_PER_SEC, findings);
			for (unsigned i = 0; i < RING_INVARIANTS; i++)
				assert_int_equal(findings[i].verdict,
					i < RING_R10 ? RING_HOLDS : RING_UNKNOWN);
		}
		put(1);
	}
}

static void r1_an_index_out_of_bounds(void **state)
{
	rig.control->write_index = SIZE;
	assert_int_equal(judge_once(RING_R1, false), RING_BROKEN);
	assert_int_equal(findings[RING_R1].value, SIZE);
	rig.control->write_index = 0;
	rig.control->read_index = UINT32_MAX - 7;
	assert_int_equal(judge_once(RING_R1, true), RING_BROKEN);
	assert_int_equal(findings[RING_R1].value, UINT32_MAX - 7);
	assert_int_equal(findings[RING_R3].verdict, RING_UNKNOWN);
}

static void r2_an_index_that_is_not_aligned(void **state)
{
	rig.control->write_index = 12;
	assert_int_equal(judge_once(RING_R2, false), RING_BROKEN);
	assert_int_equal(findings[RING_R2].value, 12);
	assert_int_equal(findings[RING_R1].verdict, RING_HOLDS);
}

static void r3_packets_that_do_not_end_at_the_write_index(void **state)
{
	put(1);
	rig.control->write_index += 8;
	assert_int_equal(judge_once(RING_R3, false), RING_BROKEN);
	assert_int_equal(findings[RING_R3].value, PACKET);
}

static void r4_a_header_without_sense(void **state)
{
	put(1);
	put(2);
	header_at(PACKET)->type = 77;
	assert_int_equal(judge_once(RING_R4, false), RING_BROKEN);
	assert_int_equal(findings[RING_R4].value, 1);
	assert_int_equal(findings[RING_R3].verdict, RING_UNKNOWN);
}

static void r5_a_trailer_that_names_another_place(void **state)
{
	put(1);
	put(2);
	memset(rig.page[1] + PACKET - 8, 0xff, 8);
	assert_int_equal(judge_once(RING_R5, false), RING_BROKEN);
	assert_int_equal(findings[RING_R5].value, 1);
	assert_int_equal(findings[RING_R4].verdict, RING_HOLDS);
}

static void r6_a_mask_that_is_no_boolean(void **state)
{
	rig.control->interrupt_mask = 1;
	assert_int_equal(judge_once(RING_R6, false), RING_HOLDS);
	rig.control->interrupt_mask = 2;
	assert_int_equal(judge_once(RING_R6, false), RING_BROKEN);
	assert_int_equal(findings[RING_R6].value, 2);
}

static void r7_a_writer_that_waits_for_more_than_there_can_be(void **state)
{
	rig.control->pending_send_sz = SIZE - 8;
	assert_int_equal(judge_once(RING_R7, false), RING_HOLDS);
	rig.control->pending_send_sz = SIZE - 1; /* the low bits do not count */
	assert_int_equal(judge_once(RING_R7, false), RING_HOLDS);
	rig.control->pending_send_sz = SIZE;
	assert_int_equal(judge_once(RING_R7, false), RING_BROKEN);
}

static void r8_a_feature_that_nobody_knows(void **state)
{
	rig.control->feature_bits = 0; /* an old peer */
	assert_int_equal(judge_once(RING_R8, false), RING_HOLDS);
	rig.control->feature_bits = 0x101;
	assert_int_equal(judge_once(RING_R8, false), RING_BROKEN);
	assert_int_equal(findings[RING_R8].value, 0x101);
}

static void r9_the_host_s_index_overwritten(void **state)
{
	put(1);
	rig.control->read_index = PACKET;
	assert_int_equal(judge_once(RING_R9, false), RING_BROKEN);
	assert_int_equal(judge_once(RING_R9, true), RING_HOLDS); /* there it is the guest's */
	rig.control->write_index = 0;
	assert_int_equal(judge_once(RING_R9, true), RING_BROKEN);
	assert_int_equal(findings[RING_R9].value, 0);
}

static void two_looks_too_close_say_nothing_of_time(void **state)
{
	struct ring_snapshot earlier = look(false), now = look(false);

	now.taken_ns = earlier.taken_ns + NSEC_PER_SEC - 1;
	ring_check(&now, &earlier, NSEC_PER_SEC, findings);
	for (unsigned i = RING_R10; i < RING_INVARIANTS; i++)
		assert_int_equal(findings[i].verdict, RING_UNKNOWN);
}

static void r10_a_signal_that_the_guest_swallowed(void **state)
{
	struct ring_snapshot earlier, now;

	put(1);
	earlier = look(true);
	assert_int_equal(judge_twice(RING_R10, &earlier, look(true)), RING_BROKEN);
	assert_int_equal(findings[RING_R10].value, PACKET);
	now = look(true);
	now.flag = true; /* the guest has yet to look */
	assert_int_equal(judge_twice(RING_R10, &earlier, now), RING_HOLDS);
	now = look(true);
	now.flag_known = false;
	assert_int_equal(judge_twice(RING_R10, &earlier, now), RING_UNKNOWN);
	rig.control->interrupt_mask = 1;
	assert_int_equal(judge_twice(RING_R10, &earlier, look(true)), RING_HOLDS);
	rig.control->interrupt_mask = 0;
	put(2);
	take(); /* it reads: slowly, but it does */
	assert_int_equal(judge_twice(RING_R10, &earlier, look(true)), RING_HOLDS);
	assert_int_equal(judge_twice(RING_R10, &earlier, look(false)), RING_UNKNOWN);
}

static void r11_a_host_that_sleeps_masked(void **state)
{
	struct ring_snapshot earlier, now;

	rig.control->interrupt_mask = 1;
	put(1);
	earlier = look(false);
	assert_int_equal(judge_twice(RING_R11, &earlier, look(false)), RING_BROKEN);
	now = look(false);
	now.host_idle = false; /* it waits for its client */
	assert_int_equal(judge_twice(RING_R11, &earlier, now), RING_HOLDS);
	take();
	put(2);
	assert_int_equal(judge_twice(RING_R11, &earlier, look(false)), RING_HOLDS);
	assert_int_equal(judge_twice(RING_R11, &earlier, look(true)), RING_UNKNOWN);
}

static void r12_a_writer_that_was_not_told_of_room(void **state)
{
	struct ring_snapshot earlier;

	put(1);
	rig.control->pending_send_sz = 1027;
	earlier = look(false);
	assert_int_equal(judge_twice(RING_R12, &earlier, look(false)), RING_BROKEN);
	assert_int_equal(findings[RING_R12].value, 1027);
	rig.control->pending_send_sz = SIZE - 8; /* there is no such room */
	assert_int_equal(judge_twice(RING_R12, &earlier, look(false)), RING_HOLDS);
	rig.control->pending_send_sz = 1027;
	put(2); /* it writes */
	assert_int_equal(judge_twice(RING_R12, &earlier, look(false)), RING_HOLDS);
	take();
	take(); /* hv_sock's wish in an empty ring is none */
	earlier = look(false);
	assert_int_equal(judge_twice(RING_R12, &earlier, look(false)), RING_HOLDS);
}

static void r13_a_reader_that_does_not_get_on(void **state)
{
	struct ring_snapshot earlier;

	put(1);
	put(2);
	for (unsigned to_guest = 0; to_guest < 2; to_guest++) {
		earlier = look(to_guest);
		assert_int_equal(judge_twice(RING_R13, &earlier, look(to_guest)), RING_BROKEN);
		assert_int_equal(findings[RING_R13].value, earlier.state.used);
	}
	take();
	assert_int_equal(judge_twice(RING_R13, &earlier, look(true)), RING_HOLDS);
	take();
	earlier = look(true);
	assert_int_equal(judge_twice(RING_R13, &earlier, look(true)), RING_HOLDS);
}

static void every_invariant_has_a_name_and_a_text(void **state)
{
	for (unsigned i = 0; i < RING_INVARIANTS; i++) {
		assert_int_equal(atoi(ring_invariant_names[i] + 1), i + 1);
		assert_non_null(ring_invariant_texts[i]);
	}
}

#define RING_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RING_TEST(what_waits_is_listed_in_order_and_left_there),
		RING_TEST(a_packet_without_sense_is_the_last_and_says_why),
		RING_TEST(what_was_read_is_found_backwards_until_it_was_overwritten),
		RING_TEST(a_trailer_that_lies_ends_the_way_back),
		RING_TEST(a_ring_full_of_anything_is_walked_within_bounds),
		RING_TEST(a_fresh_ring_and_one_in_use_break_nothing),
		RING_TEST(r1_an_index_out_of_bounds),
		RING_TEST(r2_an_index_that_is_not_aligned),
		RING_TEST(r3_packets_that_do_not_end_at_the_write_index),
		RING_TEST(r4_a_header_without_sense),
		RING_TEST(r5_a_trailer_that_names_another_place),
		RING_TEST(r6_a_mask_that_is_no_boolean),
		RING_TEST(r7_a_writer_that_waits_for_more_than_there_can_be),
		RING_TEST(r8_a_feature_that_nobody_knows),
		RING_TEST(r9_the_host_s_index_overwritten),
		RING_TEST(two_looks_too_close_say_nothing_of_time),
		RING_TEST(r10_a_signal_that_the_guest_swallowed),
		RING_TEST(r11_a_host_that_sleeps_masked),
		RING_TEST(r12_a_writer_that_was_not_told_of_room),
		RING_TEST(r13_a_reader_that_does_not_get_on),
		RING_TEST(every_invariant_has_a_name_and_a_text),
	};

	return cmocka_run_group_tests_name("ring-check", tests, NULL, NULL);
}
