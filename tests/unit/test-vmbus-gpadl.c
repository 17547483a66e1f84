/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GPADLs: put together from hostile pieces, checked as a whole, bounded (spec/vmbus.md 2.5, 6.3).
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "vmbus/internal.h"
#include "vmbus_guest.h"

static struct vmbus_guest guest;
static struct vmbus_channel *channel;
static uint32_t relid;

static int device_open(struct vmbus_channel *unused, void *arg)
{
	return 0;
}

static void device_signalled(struct vmbus_channel *unused, void *arg)
{
}

static const struct vmbus_device_ops ops = {
	.name = "test",
	.open = device_open,
	.close = device_open,
	.signalled = device_signalled,
};

static int set_up(void **state)
{
	const struct vmbus_offer offer = {.monitor_id = VMBUS_MONITOR_NONE};

	vmbus_guest_start(&guest);
	vmbus_lock(guest.bus);
	assert_int_equal(vmbus_channel_add(guest.bus, &offer, &ops, NULL, &channel), 0);
	vmbus_unlock(guest.bus);
	assert_int_equal(vmbus_guest_connect(&guest, &relid, 1), 1);
	return 0;
}

static int tear_down(void **state)
{
	vmbus_lock(guest.bus);
	connection_reset(guest.bus);
	assert_int_equal(guest.bus->gpadl_count, 0);
	assert_int_equal(guest.bus->gpadl_pages, 0);
	assert_int_equal(guest.bus->gpadls_assembling, 0);
	vmbus_channel_remove(channel);
	vmbus_unlock(guest.bus);
	vmbus_guest_end(&guest);
	return 0;
}

/* A message with its words behind the fixed part. */
static _Alignas(8) uint8_t message[VMBUS_MESSAGE_MAX];

static void post_header(
	uint32_t id, uint16_t buf_len, uint16_t range_count, const uint64_t *words, size_t count)
{
	const struct vmbus_gpadl_header header = {
		.header.type = VMBUS_MSG_GPADL_HEADER,
		.child_relid = relid,
		.gpadl = id,
		.range_buf_len = buf_len,
		.range_count = range_count,
	};

	memcpy(message, &header, sizeof(header));
	memcpy(message + sizeof(header), words, count * sizeof(*words));
	vmbus_guest_post(&guest, message, sizeof(header) + count * sizeof(*words));
}

static void post_body(uint32_t id, const uint64_t *words, size_t count)
{
	const struct vmbus_gpadl_body body = {
		.header.type = VMBUS_MSG_GPADL_BODY,
		.gpadl = id,
	};

	memcpy(message, &body, sizeof(body));
	memcpy(message + sizeof(body), words, count * sizeof(*words));
	vmbus_guest_post(&guest, message, sizeof(body) + count * sizeof(*words));
}

static uint32_t created(uint32_t id)
{
	struct vmbus_gpadl_created answer;

	vmbus_guest_expect(&guest, VMBUS_MSG_GPADL_CREATED, &answer, sizeof(answer));
	assert_int_equal(answer.gpadl, id);
	assert_int_equal(answer.child_relid, relid);
	return answer.status;
}

static uint64_t range(uint32_t byte_count, uint32_t byte_offset)
{
	return (uint64_t)byte_offset << 32 | byte_count;
}

static struct vmbus_gpadl *accepted(uint32_t id)
{
	struct vmbus_gpadl *gpadl;

	vmbus_lock(guest.bus);
	gpadl = gpadl_find(channel, id);
	vmbus_unlock(guest.bus);
	return gpadl;
}

static void one_range_in_one_message(void **state)
{
	const uint64_t words[] = {range(2 * 4096, 0), 0x120, 0x110};

	post_header(7, sizeof(words), 1, words, 3);
	assert_int_equal(created(7), 0);
	assert_int_equal(accepted(7)->page_count, 2);
	assert_ptr_equal(accepted(7)->page[0], vmbus_guest_page(&guest, 0x120));
	assert_ptr_equal(accepted(7)->page[1], vmbus_guest_page(&guest, 0x110));
	assert_true(accepted(7)->is_ring);
}

static void a_range_across_messages_and_padding_behind_it(void **state)
{
	uint64_t words[28] = {range(50 * 4096, 0)};

	for (unsigned i = 1; i < 28; i++)
		words[i] = 0x100 + i;
	post_header(8, 8 + 50 * 8, 1, words, 26);
	vmbus_guest_expect_nothing(&guest);
	post_body(8, words + 1, 20);
	vmbus_guest_expect_nothing(&guest);
	post_body(8, words + 1, 27); /* five are wanted: UEFI pads */
	assert_int_equal(created(8), 0);
	assert_int_equal(accepted(8)->page_count, 50);
	assert_ptr_equal(accepted(8)->page[49], vmbus_guest_page(&guest, 0x105));
}

static void bodies_of_two_gpadls_may_interleave(void **state)
{
	const uint64_t words[] = {range(3 * 4096, 0), 0x101, 0x102, 0x103};

	post_header(1, sizeof(words), 1, words, 2);
	post_header(2, sizeof(words), 1, words, 2);
	post_body(2, words + 2, 1);
	post_body(1, words + 2, 2);
	assert_int_equal(created(1), 0);
	post_body(2, words + 3, 1);
	assert_int_equal(created(2), 0);
}

static void several_ranges_hold_no_rings(void **state)
{
	const uint64_t words[] = {range(4096, 0), 0x101, range(8192, 2048), 0x102, 0x103, 0x104};

	post_header(3, sizeof(words), 2, words, 6);
	assert_int_equal(created(3), 0);
	assert_int_equal(accepted(3)->page_count, 4);
	assert_false(accepted(3)->is_ring);
}

static void ranges_that_contradict_themselves_are_refused(void **state)
{
	static const struct {
		uint16_t buf_len, range_count;
		uint64_t words[4];
		unsigned count;
	} bad[] = {
		{0, 1, {0}, 0}, {16, 0, {0x1000, 0x101}, 2},   /* no range */
		{12, 1, {0x1000, 0x101}, 2},                   /* not whole words */
		{16, 2, {0x1000, 0x101}, 2},                   /* two do not fit */
		{16, 1, {0, 0x101}, 2},                        /* nothing in it */
		{16, 1, {UINT64_C(4096) << 32 | 1, 0x101}, 2}, /* offset beyond a page */
		{16, 1, {0x2000, 0x101}, 2},                   /* a page is missing */
		{24, 1, {0x1000, 0x101, 0x102}, 3},            /* one too many */
		{16, 1, {UINT32_MAX, 0x101}, 2},               /* four gigabytes */
		{16, 1, {0x1000, 0x100000}, 2},                /* outside RAM */
		{16, 1, {0x1000, UINT64_MAX}, 2},
		{16, 1, {0x1000, UINT64_C(1) << 52}, 2},       /* the address wraps */
		{32, 2, {0x1000, 0x101, 0x1000, 0x200000}, 4}, /* the second is bad */
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		post_header(9, bad[i].buf_len, bad[i].range_count, bad[i].words, bad[i].count);
		assert_int_not_equal(created(9), 0);
		assert_null(accepted(9));
	}
	assert_int_equal(guest.bus->verdicts[VMBUS_MALFORMED], ARRAY_LEN(bad));
	assert_int_equal(guest.bus->gpadl_count, 0);
}

static void an_id_that_is_taken_is_refused_and_the_old_one_stays(void **state)
{
	const uint64_t words[] = {range(2 * 4096, 0), 0x101, 0x102};
	struct vmbus_gpadl *first;

	post_header(5, sizeof(words), 1, words, 3);
	assert_int_equal(created(5), 0);
	first = accepted(5);
	post_header(5, sizeof(words), 1, words, 3);
	assert_int_not_equal(created(5), 0);
	assert_ptr_equal(accepted(5), first);
	post_header(6, sizeof(words), 1, words, 2); /* unfinished */
	post_header(6, sizeof(words), 1, words, 3);
	assert_int_not_equal(created(6), 0);
	post_body(6, words + 2, 1);
	assert_int_equal(created(6), 0);
}

static void a_body_without_a_header_has_no_answer(void **state)
{
	const uint64_t word = 0x101;

	post_body(99, &word, 1);
	vmbus_guest_expect_nothing(&guest);
	assert_int_equal(guest.bus->verdicts[VMBUS_ILLEGAL], 1);
}

static void a_gpadl_for_a_channel_that_is_not_offered_is_refused(void **state)
{
	const uint64_t words[] = {range(4096, 0), 0x101};
	struct vmbus_gpadl_created answer;
	struct vmbus_gpadl_header header = {
		.header.type = VMBUS_MSG_GPADL_HEADER,
		.child_relid = 77,
		.gpadl = 1,
		.range_buf_len = sizeof(words),
		.range_count = 1,
	};

	memcpy(message, &header, sizeof(header));
	memcpy(message + sizeof(header), words, sizeof(words));
	vmbus_guest_post(&guest, message, sizeof(header) + sizeof(words));
	vmbus_guest_expect(&guest, VMBUS_MSG_GPADL_CREATED, &answer, sizeof(answer));
	assert_int_not_equal(answer.status, 0);
	assert_int_equal(answer.child_relid, 77);
}

static void unfinished_gpadls_are_bounded(void **state)
{
	const uint64_t words[] = {range(2 * 4096, 0), 0x101};

	for (uint32_t id = 0; id < VMBUS_GPADLS_ASSEMBLING_MAX; id++)
		post_header(id, 24, 1, words, 2);
	vmbus_guest_expect_nothing(&guest);
	post_header(1000, 24, 1, words, 2);
	assert_int_not_equal(created(1000), 0);
	post_body(0, words + 1, 1);
	assert_int_equal(created(0), 0);
}

static void gpadls_are_bounded_in_number_and_in_pages(void **state)
{
	const uint64_t words[] = {range(4096, 0), 0x101};
	uint32_t id = 0;

	for (; id < VMBUS_GPADLS_MAX; id++) {
		post_header(id, sizeof(words), 1, words, 2);
		assert_int_equal(created(id), 0);
	}
	post_header(id, sizeof(words), 1, words, 2);
	assert_int_not_equal(created(id), 0);
	assert_int_equal(guest.bus->gpadl_pages, VMBUS_GPADLS_MAX);
	vmbus_guest_tear_down(&guest, relid, 0);
	vmbus_guest_expect(&guest, VMBUS_MSG_GPADL_TORNDOWN, NULL, 0);
	guest.bus->gpadl_pages += VMBUS_GPADL_PAGES_MAX - VMBUS_GPADLS_MAX + 1;
	post_header(id, sizeof(words), 1, words, 2);
	assert_int_not_equal(created(id), 0);
	guest.bus->gpadl_pages -= VMBUS_GPADL_PAGES_MAX - VMBUS_GPADLS_MAX + 1;
}

static void teardown_is_answered_once(void **state)
{
	const uint64_t words[] = {range(2 * 4096, 0), 0x101, 0x102};
	struct vmbus_gpadl_torndown answer;

	post_header(4, sizeof(words), 1, words, 2);
	vmbus_guest_tear_down(&guest, relid, 4); /* unfinished: illegal */
	vmbus_guest_expect_nothing(&guest);
	post_body(4, words + 2, 1);
	assert_int_equal(created(4), 0);
	vmbus_guest_tear_down(&guest, relid, 4);
	vmbus_guest_expect(&guest, VMBUS_MSG_GPADL_TORNDOWN, &answer, sizeof(answer));
	assert_int_equal(answer.gpadl, 4);
	vmbus_guest_tear_down(&guest, relid, 4);
	vmbus_guest_tear_down(&guest, 99, 4);
	vmbus_guest_expect_nothing(&guest);
	assert_int_equal(guest.bus->verdicts[VMBUS_ILLEGAL], 3);
}

#define GPADL_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		GPADL_TEST(one_range_in_one_message),
		GPADL_TEST(a_range_across_messages_and_padding_behind_it),
		GPADL_TEST(bodies_of_two_gpadls_may_interleave),
		GPADL_TEST(several_ranges_hold_no_rings),
		GPADL_TEST(ranges_that_contradict_themselves_are_refused),
		GPADL_TEST(an_id_that_is_taken_is_refused_and_the_old_one_stays),
		GPADL_TEST(a_body_without_a_header_has_no_answer),
		GPADL_TEST(a_gpadl_for_a_channel_that_is_not_offered_is_refused),
		GPADL_TEST(unfinished_gpadls_are_bounded),
		GPADL_TEST(gpadls_are_bounded_in_number_and_in_pages),
		GPADL_TEST(teardown_is_answered_once),
	};

	return cmocka_run_group_tests_name("vmbus-gpadl", tests, NULL, NULL);
}
