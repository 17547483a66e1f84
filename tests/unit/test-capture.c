/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Captures: what is taken, in which order, how much of it, and what a slow reader loses. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "common/clock.h"
#include "vmbus/capture_filter.h"
#include "vmbus/internal.h"
#include "vmbus_guest.h"
#include "vmm/capture.h"

static struct clock_manual clock_;
static struct capture capture;
static uint8_t buffer[CAPTURE_BYTES_MAX];

static int setup(void **state)
{
	capture = (struct capture){0};
	clock_manual_init(&clock_, 1000);
	capture_init(&capture, &clock_.clock);
	return 0;
}

static int teardown(void **state)
{
	assert_null(capture.ring);
	capture_deinit(&capture);
	return 0;
}

static void add(uint8_t kind, uint64_t value, const void *bytes, size_t size)
{
	const struct capture_meta meta = {.kind = kind, .value = value};
	const struct iovec iov = {(void *)(uintptr_t)bytes, size};

	capture_put(&capture, &meta, &iov, 1);
}

static struct capture_reader open_reader(enum capture_payload payload)
{
	struct capture_reader reader;

	assert_int_equal(capture_open(&capture, payload, &reader), 0);
	return reader;
}

static struct capture_item next(struct capture_reader *reader)
{
	struct capture_item item;

	assert_true(capture_next(&capture, reader, &item, buffer));
	return item;
}

static void assert_empty(struct capture_reader *reader)
{
	struct capture_item item;

	assert_false(capture_next(&capture, reader, &item, buffer));
}

/* ---- the ring ---------------------------------------------------------------------------------
 */

static void what_nobody_wanted_is_not_kept(void **state)
{
	struct capture_reader reader;

	add(CAPTURE_MESSAGE, 1, "x", 1);
	assert_int_equal(capture.head, 0);
	reader = open_reader(CAPTURE_PAYLOAD_FULL);
	assert_empty(&reader);
	capture_close(&capture, &reader);
}

static void items_come_whole_and_in_order(void **state)
{
	struct capture_reader reader = open_reader(CAPTURE_PAYLOAD_FULL);
	struct capture_item item;

	add(CAPTURE_MESSAGE, 1, "first", 5);
	clock_manual_advance(&clock_, 7);
	add(CAPTURE_EVENT, 2, NULL, 0);
	item = next(&reader);
	assert_int_equal(item.meta.value, 1);
	assert_int_equal(item.bytes, 5);
	assert_int_equal(item.original_bytes, 5);
	assert_int_equal(item.mono_ns, 1000);
	assert_memory_equal(buffer, "first", 5);
	item = next(&reader);
	assert_int_equal(item.meta.kind, CAPTURE_EVENT);
	assert_int_equal(item.mono_ns, 1007);
	assert_int_equal(item.bytes, 0);
	assert_empty(&reader);
	capture_close(&capture, &reader);
}

static void each_reader_gets_as_much_of_a_packet_as_it_wants(void **state)
{
	struct capture_reader none = open_reader(CAPTURE_PAYLOAD_NONE);
	struct capture_reader head, full;
	uint8_t packet[1000];

	memset(packet, 7, sizeof(packet));
	add(CAPTURE_PACKET, 0, packet, sizeof(packet));
	assert_int_equal(next(&none).bytes, 16);
	head = open_reader(CAPTURE_PAYLOAD_HEAD);
	full = open_reader(CAPTURE_PAYLOAD_FULL);
	add(CAPTURE_PACKET, 0, packet, sizeof(packet));
	add(CAPTURE_MESSAGE, 0, packet, 240);
	assert_int_equal(next(&none).bytes, 16);
	assert_int_equal(next(&head).bytes, 16 + CAPTURE_HEAD_BYTES);
	assert_int_equal(next(&full).bytes, sizeof(packet));
	assert_memory_equal(buffer, packet, sizeof(packet));
	assert_int_equal(next(&none).bytes, 240);
	assert_int_equal(next(&head).original_bytes, 240);
	capture_close(&capture, &none);
	capture_close(&capture, &full);
	capture_close(&capture, &head);
}

static void a_packet_is_kept_only_as_far_as_somebody_wants_it(void **state)
{
	struct capture_reader reader = open_reader(CAPTURE_PAYLOAD_NONE);
	uint8_t packet[5000] = {0};
	uint64_t before = capture.head;

	add(CAPTURE_PACKET, 0, packet, sizeof(packet));
	assert_in_range(capture.head - before, 16, 200);
	assert_int_equal(next(&reader).original_bytes, sizeof(packet));
	capture_close(&capture, &reader);
}

static void what_is_too_long_is_cut_and_says_so(void **state)
{
	struct capture_reader reader = open_reader(CAPTURE_PAYLOAD_FULL);
	uint8_t *large = calloc(1, CAPTURE_BYTES_MAX + 100);
	struct capture_item item;

	assert_non_null(large);
	add(CAPTURE_PACKET, 0, large, CAPTURE_BYTES_MAX + 100);
	item = next(&reader);
	assert_int_equal(item.bytes, CAPTURE_BYTES_MAX);
	assert_int_equal(item.original_bytes, CAPTURE_BYTES_MAX + 100);
	free(large);
	capture_close(&capture, &reader);
}

/* Far round the ring, with sizes that end everywhere: each is lost or right, none is neither. */
static void a_slow_reader_is_told_how_many_it_lost(void **state)
{
	struct capture_reader slow = open_reader(CAPTURE_PAYLOAD_FULL);
	enum { ITEMS = 40000 };
	uint64_t expected = 0, lost = 0;
	uint8_t bytes[4096];
	struct capture_item item;

	for (unsigned i = 0; i < ITEMS; i++) {
		memset(bytes, (int)i, sizeof(bytes));
		add(CAPTURE_MESSAGE, i, bytes, i * 37 % sizeof(bytes));
	}
	while (capture_next(&capture, &slow, &item, buffer)) {
		lost += item.lost;
		expected += item.lost;
		assert_int_equal(item.meta.value, expected);
		assert_int_equal(item.bytes, expected * 37 % sizeof(bytes));
		for (uint32_t i = 0; i < item.bytes; i++)
			assert_int_equal(buffer[i], (uint8_t)expected);
		expected++;
	}
	assert_int_equal(expected, ITEMS);
	assert_true(lost > ITEMS / 2 && lost < ITEMS - 500);
	capture_close(&capture, &slow);
}

static void there_is_a_limit_to_readers(void **state)
{
	struct capture_reader readers[CAPTURE_READERS_MAX], more;

	for (unsigned i = 0; i < CAPTURE_READERS_MAX; i++)
		readers[i] = open_reader(CAPTURE_PAYLOAD_NONE);
	assert_int_equal(capture_open(&capture, CAPTURE_PAYLOAD_FULL, &more), -EBUSY);
	for (unsigned i = 0; i < CAPTURE_READERS_MAX; i++)
		capture_close(&capture, &readers[i]);
}

/* ---- threads ----------------------------------------------------------------------------------
 */

enum { THREADS = 3, PER_THREAD = 20000 };

static void *flood(void *arg)
{
	uint64_t who = (uintptr_t)arg;

	for (uint64_t i = 0; i < PER_THREAD; i++)
		add(CAPTURE_MESSAGE, who << 32 | i, &i, sizeof(i));
	return NULL;
}

static void many_writers_keep_their_order(void **state)
{
	struct capture_reader reader = open_reader(CAPTURE_PAYLOAD_FULL), other;
	uint64_t expected[THREADS] = {0}, seen = 0;
	pthread_t threads[THREADS];
	struct capture_item item;

	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, flood, (void *)i), 0);
	while (seen < THREADS * PER_THREAD) {
		uint64_t who, number;

		/* Others come and go meanwhile. */
		other = open_reader(CAPTURE_PAYLOAD_NONE);
		capture_close(&capture, &other);
		if (!capture_next(&capture, &reader, &item, buffer))
			continue;
		seen += item.lost + 1;
		who = item.meta.value >> 32;
		number = (uint32_t)item.meta.value;
		assert_true(number >= expected[who]);
		assert_memory_equal(buffer, &number, sizeof(number));
		expected[who] = number + 1;
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_empty(&reader);
	capture_close(&capture, &reader);
}

/* ---- what is captured --------------------------------------------------------------------------
 */

static struct vmbus_guest guest;

static int accept_open(struct vmbus_channel *channel, void *arg)
{
	return 0;
}

static int accept_close(struct vmbus_channel *channel, void *arg)
{
	return 0;
}

static void take_all(struct vmbus_channel *channel, void *arg)
{
	struct ring_packet packet;
	uint8_t bytes[256];

	/* Twice, as a device does that has no room for it yet: it is one packet all the same. */
	while (vmbus_channel_peek(channel, bytes, sizeof(bytes), &packet) == 0 &&
		vmbus_channel_peek(channel, bytes, sizeof(bytes), &packet) == 0)
		assert_int_equal(vmbus_channel_consume(channel), 0);
}

static const struct vmbus_device_ops ops = {
	.name = "test",
	.open = accept_open,
	.close = accept_close,
	.signalled = take_all,
};

struct expected_item {
	uint8_t kind, direction;
	uint64_t value;   /* message type, or flag */
	uint32_t message; /* of VMBus, in a message's first word */
};

static void expect(struct capture_reader *reader, const struct expected_item *expected)
{
	struct capture *of = &guest.fake->vm.capture;
	struct capture_item item;
	uint32_t message = 0;

	assert_true(capture_next(of, reader, &item, buffer));
	assert_int_equal(item.meta.kind, expected->kind);
	assert_int_equal(item.meta.direction, expected->direction);
	assert_int_equal(item.meta.value, expected->value);
	if (expected->kind != CAPTURE_MESSAGE)
		return;
	memcpy(&message, buffer, sizeof(message));
	assert_int_equal(message, expected->message);
}

static void start_bus(struct vmbus_channel **ret_channel)
{
	const struct vmbus_offer offer = {
		.interface_type = {.a = 0x1000},
		.interface_instance = {.a = 0x2000},
		.monitor_id = VMBUS_MONITOR_NONE,
	};

	vmbus_guest_start(&guest);
	vmbus_lock(guest.bus);
	assert_int_equal(vmbus_channel_add(guest.bus, &offer, &ops, NULL, ret_channel), 0);
	vmbus_unlock(guest.bus);
}

static void end_bus(struct vmbus_channel *channel)
{
	vmbus_lock(guest.bus);
	vmbus_channel_remove(channel);
	vmbus_unlock(guest.bus);
	fake_vm_run_loop(guest.fake);
	vmbus_guest_expect(&guest, VMBUS_MSG_RESCIND_CHANNEL_OFFER, NULL, 0);
	vmbus_guest_release(&guest, 1);
	vmbus_guest_end(&guest);
}

static void each_message_is_captured_before_its_answer(void **state)
{
	static const struct expected_item expected[] = {
		{CAPTURE_MESSAGE, CAPTURE_TO_HOST, 1, VMBUS_MSG_INITIATE_CONTACT},
		{CAPTURE_MESSAGE, CAPTURE_TO_GUEST, 1, VMBUS_MSG_VERSION_RESPONSE},
		{CAPTURE_MESSAGE, CAPTURE_TO_HOST, 1, VMBUS_MSG_REQUEST_OFFERS},
		{CAPTURE_MESSAGE, CAPTURE_TO_GUEST, 1, VMBUS_MSG_OFFER_CHANNEL},
		{CAPTURE_MESSAGE, CAPTURE_TO_GUEST, 1, VMBUS_MSG_ALL_OFFERS_DELIVERED},
		{CAPTURE_MESSAGE, CAPTURE_TO_HOST, 1, VMBUS_MSG_GPADL_HEADER},
		{CAPTURE_MESSAGE, CAPTURE_TO_GUEST, 1, VMBUS_MSG_GPADL_CREATED},
		{CAPTURE_MESSAGE, CAPTURE_TO_HOST, 1, VMBUS_MSG_OPEN_CHANNEL},
		{CAPTURE_MESSAGE, CAPTURE_TO_GUEST, 1, VMBUS_MSG_OPEN_CHANNEL_RESULT},
	};
	struct vmbus_channel *channel;
	struct capture_reader reader;
	uint32_t relid;

	start_bus(&channel);
	assert_int_equal(capture_open(&guest.fake->vm.capture, CAPTURE_PAYLOAD_NONE, &reader), 0);
	vmbus_guest_connect(&guest, &relid, 1);
	vmbus_guest_open(&guest, relid, 4);
	for (size_t i = 0; i < ARRAY_LEN(expected); i++)
		expect(&reader, &expected[i]);
	capture_close(&guest.fake->vm.capture, &reader);
	end_bus(channel);
}

/* How many of the items from now on are about a channel. */
static unsigned count_about(struct capture_reader *reader, uint32_t relid)
{
	struct capture_filter filter = {.relid = relid};
	struct capture_item item;
	unsigned count = 0;

	while (capture_next(&guest.fake->vm.capture, reader, &item, buffer))
		count += capture_filter_passes(&filter, &item, buffer);
	return count;
}

/* A GPADL's bodies and its TORNDOWN name no relid. */
static void a_filter_finds_all_that_concerns_a_channel(void **state)
{
	enum { LARGE = 40 }; /* pages: one body */
	struct capture_reader all, mine, other;
	struct capture *of_vm;
	struct vmbus_channel *channel;
	uint32_t relid, gpadl;

	start_bus(&channel);
	of_vm = &guest.fake->vm.capture;
	vmbus_guest_connect(&guest, &relid, 1);
	assert_int_equal(capture_open(of_vm, CAPTURE_PAYLOAD_NONE, &all), 0);
	assert_int_equal(capture_open(of_vm, CAPTURE_PAYLOAD_NONE, &mine), 0);
	assert_int_equal(capture_open(of_vm, CAPTURE_PAYLOAD_NONE, &other), 0);
	gpadl = vmbus_guest_make_gpadl(&guest, relid, LARGE); /* HEADER, BODY, CREATED */
	vmbus_guest_tear_down(&guest, relid, gpadl);          /* TEARDOWN */
	vmbus_guest_expect(&guest, VMBUS_MSG_GPADL_TORNDOWN, NULL, 0);
	vmbus_guest_post(&guest, &(struct vmbus_message_header){.type = 77}, 8);
	assert_int_equal(count_about(&all, 0), 6);
	assert_int_equal(count_about(&mine, relid), 5);
	assert_int_equal(count_about(&other, relid + 1), 0);
	capture_close(of_vm, &all);
	capture_close(of_vm, &mine);
	capture_close(of_vm, &other);
	end_bus(channel);
}

static void packets_and_signals_are_captured_once_each_way(void **state)
{
	static const struct expected_item expected[] = {
		{CAPTURE_PACKET, CAPTURE_TO_GUEST, 0, 0},
		{CAPTURE_EVENT, CAPTURE_TO_GUEST, 1, 0},
		{CAPTURE_EVENT, CAPTURE_TO_HOST, 0, 0},
		{CAPTURE_PACKET, CAPTURE_TO_HOST, 0, 0},
	};
	struct capture_item item;
	struct vmbus_channel *channel;
	struct capture_reader reader;
	struct vmbus_ring out, in;
	uint8_t *pages[4];
	uint32_t relid;
	bool signal;

	start_bus(&channel);
	vmbus_guest_connect(&guest, &relid, 1);
	vmbus_guest_open(&guest, relid, 4);
	vmbus_guest_rings(&guest, 4, pages, &out, &in);
	assert_int_equal(capture_open(&guest.fake->vm.capture, CAPTURE_PAYLOAD_FULL, &reader), 0);
	vmbus_lock(guest.bus);
	assert_int_equal(
		vmbus_channel_send(channel, 5, true, &(struct iovec){(char[]){"ping"}, 4}, 1), 0);
	vmbus_unlock(guest.bus);
	assert_int_equal(ring_write(&out, VMBUS_PACKET_DATA_INBAND, 0, 6,
				 &(struct iovec){(char[]){"pong"}, 4}, 1, 0, &signal),
		0);
	assert_int_equal(vmbus_guest_signal(&guest, relid), HV_STATUS_SUCCESS);
	fake_vm_run_loop(guest.fake);
	for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
		expect(&reader, &expected[i]);
		if (i == 0)
			assert_memory_equal(buffer, "\6\0\2\0\3\0\1\0\5\0\0\0\0\0\0\0ping", 20);
	}
	assert_memory_equal(buffer, "\6\0\2\0\3\0\0\0\6\0\0\0\0\0\0\0pong\0\0\0\0", 24);
	assert_false(capture_next(&guest.fake->vm.capture, &reader, &item, buffer));
	capture_close(&guest.fake->vm.capture, &reader);
	end_bus(channel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_nobody_wanted_is_not_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(items_come_whole_and_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(
			each_reader_gets_as_much_of_a_packet_as_it_wants, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_packet_is_kept_only_as_far_as_somebody_wants_it, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_is_too_long_is_cut_and_says_so, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_slow_reader_is_told_how_many_it_lost, setup, teardown),
		cmocka_unit_test_setup_teardown(there_is_a_limit_to_readers, setup, teardown),
		cmocka_unit_test_setup_teardown(many_writers_keep_their_order, setup, teardown),
		cmocka_unit_test(each_message_is_captured_before_its_answer),
		cmocka_unit_test(a_filter_finds_all_that_concerns_a_channel),
		cmocka_unit_test(packets_and_signals_are_captured_once_each_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
