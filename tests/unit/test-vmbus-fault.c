/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What faults do on the bus, seen by a guest that does everything right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "vmbus/internal.h"
#include "vmbus_guest.h"
#include "vmm/event.h"

enum { RING_PAGES = 4 };

static struct vmbus_guest guest;
static struct faults *faults;
static uint32_t relids[4];

static int set_up(void **state)
{
	char text[DEVICE_ERROR_BYTES];

	vmbus_guest_start(&guest);
	faults = &guest.fake->vm.faults;
	assert_int_equal(vmbus_device_add(guest.bus, "null", text), 0);
	return 0;
}

/* Nothing that a fault kept is left. */
static int tear_down(void **state)
{
	vmbus_devices_remove_all(guest.bus);
	assert_true(TAILQ_EMPTY(&guest.bus->faults.kept));
	assert_int_equal(guest.bus->faults.count, 0);
	vmbus_guest_end(&guest);
	return 0;
}

static void connect(void)
{
	assert_int_equal(vmbus_guest_connect(&guest, relids, ARRAY_LEN(relids)), 1);
}

static struct fault_spec spec_of(enum fault_kind kind, uint32_t message)
{
	struct fault_spec spec = {.kind = kind, .place = {FAULT_ANYWHERE}};

	spec.place.message = message;
	return spec;
}

static uint64_t add(const struct fault_spec *spec)
{
	struct fault_refusal refusal;
	struct fault fault;

	assert_int_equal(faults_add(faults, spec, &fault, &refusal), 0);
	return fault.id;
}

static uint64_t add_kind(enum fault_kind kind, uint32_t message)
{
	const struct fault_spec spec = spec_of(kind, message);

	return add(&spec);
}

static void remove_fault(uint64_t id)
{
	struct fault fault;

	assert_int_equal(faults_remove(faults, id, &fault), 0);
}

/* The clock goes on, and what hangs off it with it. */
static void advance(uint64_t by_ns)
{
	fake_vm_advance_ns(guest.fake, by_ns);
	faults_tick(faults);
	message_faults_tick(guest.bus);
	fake_vm_run_loop(guest.fake);
}

static void post_contact(void)
{
	const struct vmbus_initiate_contact contact = {
		.header.type = VMBUS_MSG_INITIATE_CONTACT,
		.version = VMBUS_VERSION_5_3,
		.sint = VMBUS_SINT,
	};

	vmbus_guest_post(&guest, &contact, sizeof(contact));
}

static void post_header(uint32_t type)
{
	const struct vmbus_message_header message = {.type = type};

	vmbus_guest_post(&guest, &message, sizeof(message));
}

static uint64_t noted(uint32_t type, bool out)
{
	return out ? guest.bus->messages_out[type] : guest.bus->messages_in[type];
}

/* ---- drop_message -------------------- */

static void a_dropped_answer_is_never_sent_and_never_noted(void **state)
{
	add_kind(FAULT_DROP_MESSAGE, VMBUS_MSG_VERSION_RESPONSE);
	post_contact();
	vmbus_guest_expect_nothing(&guest);
	assert_int_equal(guest.bus->connection.state, VMBUS_CONNECTING);
	assert_int_equal(noted(VMBUS_MSG_VERSION_RESPONSE, true), 0);
	assert_int_equal(fake_vm_recorded(guest.fake, HV_EVENT_FAULT_HIT), 1);
	connect(); /* the fault has ended: a guest that tries again gets on */
}

static void a_dropped_message_of_the_guest_never_came(void **state)
{
	add_kind(FAULT_DROP_MESSAGE, VMBUS_MSG_INITIATE_CONTACT);
	post_contact();
	vmbus_guest_expect_nothing(&guest);
	assert_int_equal(guest.bus->connection.state, VMBUS_DISCONNECTED);
	assert_int_equal(noted(VMBUS_MSG_INITIATE_CONTACT, false), 0);
	connect();
}

static void only_messages_about_the_chosen_channel_are_dropped(void **state)
{
	struct fault_spec spec = spec_of(FAULT_DROP_MESSAGE, FAULT_ANY);

	connect();
	spec.place.relid = relids[0] + 1;
	add(&spec);
	vmbus_guest_open(&guest, relids[0], RING_PAGES);
	assert_int_equal(faults_hits(faults), 0);
	spec.place.relid = relids[0];
	spec.place.direction = FAULT_IN;
	add(&spec);
	vmbus_guest_close(&guest, relids[0]);
	assert_int_equal(faults_hits(faults), 1);
	assert_int_equal(channel_by_relid(guest.bus, relids[0])->state, CHANNEL_OPEN);
}

/* ---- hold_message -------------------- */

static void a_held_answer_goes_on_when_the_fault_is_removed(void **state)
{
	uint64_t id = add_kind(FAULT_HOLD_MESSAGE, VMBUS_MSG_VERSION_RESPONSE);

	post_contact();
	vmbus_guest_expect_nothing(&guest);
	assert_int_equal(noted(VMBUS_MSG_VERSION_RESPONSE, true), 0);
	remove_fault(id);
	vmbus_guest_expect(&guest, VMBUS_MSG_VERSION_RESPONSE, NULL, 0);
	assert_int_equal(guest.bus->connection.state, VMBUS_NEGOTIATED);
	assert_int_equal(vmbus_guest_request_offers(&guest, relids, ARRAY_LEN(relids)), 1);
}

static void a_held_answer_goes_on_when_the_time_is_over(void **state)
{
	struct fault_spec spec = spec_of(FAULT_HOLD_MESSAGE, VMBUS_MSG_VERSION_RESPONSE);

	spec.for_ns = 5 * NSEC_PER_SEC;
	add(&spec);
	post_contact();
	advance(5 * NSEC_PER_SEC - 1);
	vmbus_guest_expect_nothing(&guest);
	advance(1);
	vmbus_guest_expect(&guest, VMBUS_MSG_VERSION_RESPONSE, NULL, 0);
}

static void a_held_message_of_the_guest_is_dealt_with_later(void **state)
{
	uint64_t id = add_kind(FAULT_HOLD_MESSAGE, VMBUS_MSG_INITIATE_CONTACT);

	post_contact();
	vmbus_guest_expect_nothing(&guest);
	remove_fault(id);
	vmbus_guest_expect(&guest, VMBUS_MSG_VERSION_RESPONSE, NULL, 0);
}

static void held_messages_go_on_in_their_order(void **state)
{
	struct fault_spec spec = spec_of(FAULT_HOLD_MESSAGE, FAULT_ANY);
	uint64_t id;

	spec.place.direction = FAULT_OUT;
	spec.count = 10;
	assert_true(vmbus_guest_contact(&guest, VMBUS_VERSION_5_3));
	id = add(&spec);
	post_header(VMBUS_MSG_REQUEST_OFFERS);
	vmbus_guest_expect_nothing(&guest);
	remove_fault(id);
	vmbus_guest_expect(&guest, VMBUS_MSG_OFFER_CHANNEL, NULL, 0);
	vmbus_guest_expect(&guest, VMBUS_MSG_ALL_OFFERS_DELIVERED, NULL, 0);
	vmbus_guest_expect_nothing(&guest);
}

/* A guest that goes on and on cannot make us keep more. */
static void what_is_held_is_bounded(void **state)
{
	struct fault_spec spec = spec_of(FAULT_HOLD_MESSAGE, VMBUS_MSG_UNLOAD_RESPONSE);
	uint64_t id;

	spec.count = 1000;
	id = add(&spec);
	for (unsigned i = 0; i < VMBUS_KEPT_MAX; i++) {
		post_header(VMBUS_MSG_UNLOAD);
		vmbus_guest_expect_nothing(&guest);
	}
	assert_int_equal(guest.bus->faults.count, VMBUS_KEPT_MAX);
	post_header(VMBUS_MSG_UNLOAD);
	vmbus_guest_expect(&guest, VMBUS_MSG_UNLOAD_RESPONSE, NULL, 0);
	assert_int_equal(guest.bus->faults.count, VMBUS_KEPT_MAX);
	remove_fault(id);
	for (unsigned i = 0; i < VMBUS_KEPT_MAX; i++)
		vmbus_guest_expect(&guest, VMBUS_MSG_UNLOAD_RESPONSE, NULL, 0);
	vmbus_guest_expect_nothing(&guest);
}

static void a_reset_drops_what_is_held_for_the_old_guest(void **state)
{
	uint64_t id = add_kind(FAULT_HOLD_MESSAGE, VMBUS_MSG_VERSION_RESPONSE);

	post_contact();
	vmbus_lock(guest.bus);
	connection_reset(guest.bus);
	vmbus_unlock(guest.bus);
	assert_int_equal(guest.bus->faults.count, 0);
	vmbus_guest_expect_nothing(&guest);
	remove_fault(id); /* it had ended by its count: nothing is kept */
	vmbus_guest_expect_nothing(&guest);
	connect();
}

/* ---- delay_message, reorder_message, duplicate_message -------------------- */

static void a_delayed_answer_comes_late(void **state)
{
	struct fault_spec spec = spec_of(FAULT_DELAY_MESSAGE, VMBUS_MSG_VERSION_RESPONSE);

	spec.delay_ns = 3 * NSEC_PER_SEC;
	add(&spec);
	post_contact();
	advance(3 * NSEC_PER_SEC - 1);
	vmbus_guest_expect_nothing(&guest);
	assert_int_equal(faults_active(faults), 1);
	advance(1);
	vmbus_guest_expect(&guest, VMBUS_MSG_VERSION_RESPONSE, NULL, 0);
	assert_int_equal(faults_active(faults), 0);
}

static void a_delayed_message_of_the_guest_is_dealt_with_late(void **state)
{
	add_kind(FAULT_DELAY_MESSAGE, VMBUS_MSG_INITIATE_CONTACT);
	post_contact();
	vmbus_guest_expect_nothing(&guest);
	advance(NSEC_PER_SEC);
	vmbus_guest_expect(&guest, VMBUS_MSG_VERSION_RESPONSE, NULL, 0);
}

static void reordered_messages_change_places(void **state)
{
	assert_true(vmbus_guest_contact(&guest, VMBUS_VERSION_5_3));
	add_kind(FAULT_REORDER_MESSAGE, VMBUS_MSG_OFFER_CHANNEL);
	post_header(VMBUS_MSG_REQUEST_OFFERS);
	vmbus_guest_expect(&guest, VMBUS_MSG_ALL_OFFERS_DELIVERED, NULL, 0);
	vmbus_guest_expect(&guest, VMBUS_MSG_OFFER_CHANNEL, NULL, 0);
	assert_int_equal(faults_active(faults), 0);
}

/* Alone it goes on after a while. */
static void a_reordered_message_that_none_follows_goes_on(void **state)
{
	add_kind(FAULT_REORDER_MESSAGE, VMBUS_MSG_VERSION_RESPONSE);
	post_contact();
	vmbus_guest_expect_nothing(&guest);
	advance(NSEC_PER_SEC);
	vmbus_guest_expect(&guest, VMBUS_MSG_VERSION_RESPONSE, NULL, 0);
}

static void reordered_messages_of_the_guest_change_places(void **state)
{
	connect();
	add_kind(FAULT_REORDER_MESSAGE, VMBUS_MSG_UNLOAD);
	post_header(VMBUS_MSG_UNLOAD);
	vmbus_guest_expect_nothing(&guest);
	post_contact();
	vmbus_guest_expect(&guest, VMBUS_MSG_VERSION_RESPONSE, NULL, 0);
	vmbus_guest_expect(&guest, VMBUS_MSG_UNLOAD_RESPONSE, NULL, 0);
}

static void a_duplicated_message_comes_twice(void **state)
{
	add_kind(FAULT_DUPLICATE_MESSAGE, VMBUS_MSG_VERSION_RESPONSE);
	post_contact();
	vmbus_guest_expect(&guest, VMBUS_MSG_VERSION_RESPONSE, NULL, 0);
	vmbus_guest_expect(&guest, VMBUS_MSG_VERSION_RESPONSE, NULL, 0);
	vmbus_guest_expect_nothing(&guest);
	assert_int_equal(guest.bus->connection.state, VMBUS_NEGOTIATED);
}

static void a_duplicated_message_of_the_guest_is_dealt_with_twice(void **state)
{
	add_kind(FAULT_DUPLICATE_MESSAGE, VMBUS_MSG_UNLOAD);
	post_header(VMBUS_MSG_UNLOAD);
	vmbus_guest_expect(&guest, VMBUS_MSG_UNLOAD_RESPONSE, NULL, 0);
	vmbus_guest_expect(&guest, VMBUS_MSG_UNLOAD_RESPONSE, NULL, 0);
	assert_int_equal(noted(VMBUS_MSG_UNLOAD, false), 2);
}

/* ---- hold_open, hold_close -------------------- */

static struct vmbus_channel *channel(void)
{
	return channel_by_relid(guest.bus, relids[0]);
}

static void a_held_device_starts_when_the_fault_is_removed(void **state)
{
	uint64_t id = add_kind(FAULT_HOLD_OPEN, FAULT_ANY);

	connect();
	vmbus_guest_post_open(&guest, relids[0], RING_PAGES);
	vmbus_guest_expect_nothing(&guest);
	assert_int_equal(channel()->state, CHANNEL_OPENING);
	remove_fault(id);
	vmbus_guest_expect(&guest, VMBUS_MSG_OPEN_CHANNEL_RESULT, NULL, 0);
	assert_int_equal(channel()->state, CHANNEL_OPEN);
	assert_int_equal(channel()->held_by, 0);
}

static void a_held_device_starts_when_the_time_is_over(void **state)
{
	add_kind(FAULT_HOLD_OPEN, FAULT_ANY);
	connect();
	vmbus_guest_post_open(&guest, relids[0], RING_PAGES);
	advance(fault_kinds[FAULT_HOLD_OPEN].for_ns);
	vmbus_guest_expect(&guest, VMBUS_MSG_OPEN_CHANNEL_RESULT, NULL, 0);
}

/* The device is not started for nobody. */
static void a_guest_that_leaves_while_a_device_is_held_gets_its_answer_later(void **state)
{
	uint64_t id = add_kind(FAULT_HOLD_OPEN, FAULT_ANY);

	connect();
	vmbus_guest_post_open(&guest, relids[0], RING_PAGES);
	post_header(VMBUS_MSG_UNLOAD);
	vmbus_guest_expect_nothing(&guest);
	assert_int_equal(channel()->state, CHANNEL_OPENING_CLIENT_RELEASE);
	remove_fault(id);
	vmbus_guest_expect(&guest, VMBUS_MSG_UNLOAD_RESPONSE, NULL, 0);
	assert_int_equal(channel()->state, CHANNEL_CLIENT_RELEASED);
	connect();
	vmbus_guest_open(&guest, relids[0], RING_PAGES);
}

static void a_removed_device_that_is_held_goes_with_the_fault(void **state)
{
	uint64_t id = add_kind(FAULT_HOLD_OPEN, FAULT_ANY);

	connect();
	vmbus_guest_post_open(&guest, relids[0], RING_PAGES);
	assert_int_equal(vmbus_device_remove(guest.bus, "null"), 0);
	vmbus_guest_expect(&guest, VMBUS_MSG_RESCIND_CHANNEL_OFFER, NULL, 0);
	vmbus_guest_release(&guest, relids[0]);
	assert_non_null(channel());
	remove_fault(id);
	fake_vm_run_loop(guest.fake);
	assert_null(channel());
}

static void a_held_end_keeps_the_rings_until_the_fault_is_removed(void **state)
{
	uint64_t id = add_kind(FAULT_HOLD_CLOSE, FAULT_ANY);
	uint32_t gpadl;

	connect();
	gpadl = vmbus_guest_open(&guest, relids[0], RING_PAGES);
	vmbus_guest_close(&guest, relids[0]);
	vmbus_guest_tear_down(&guest, relids[0], gpadl);
	vmbus_guest_expect_nothing(&guest);
	assert_int_equal(channel()->state, CHANNEL_CLOSING);
	remove_fault(id);
	vmbus_guest_expect(&guest, VMBUS_MSG_GPADL_TORNDOWN, NULL, 0);
	assert_int_equal(channel()->state, CHANNEL_CLOSED);
	vmbus_guest_open(&guest, relids[0], RING_PAGES);
}

static void a_reset_ends_what_is_held(void **state)
{
	add_kind(FAULT_HOLD_CLOSE, FAULT_ANY);
	connect();
	vmbus_guest_open(&guest, relids[0], RING_PAGES);
	vmbus_guest_close(&guest, relids[0]);
	assert_int_equal(channel()->device, DEVICE_CLOSING);
	faults_end_all(faults, FAULT_END_RESET);
	assert_int_equal(channel()->device, DEVICE_CLOSED);
	assert_int_equal(faults_active(faults), 0);
}

#define FAULT_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAULT_TEST(a_dropped_answer_is_never_sent_and_never_noted),
		FAULT_TEST(a_dropped_message_of_the_guest_never_came),
		FAULT_TEST(only_messages_about_the_chosen_channel_are_dropped),
		FAULT_TEST(a_held_answer_goes_on_when_the_fault_is_removed),
		FAULT_TEST(a_held_answer_goes_on_when_the_time_is_over),
		FAULT_TEST(a_held_message_of_the_guest_is_dealt_with_later),
		FAULT_TEST(held_messages_go_on_in_their_order),
		FAULT_TEST(what_is_held_is_bounded),
		FAULT_TEST(a_reset_drops_what_is_held_for_the_old_guest),
		FAULT_TEST(a_delayed_answer_comes_late),
		FAULT_TEST(a_delayed_message_of_the_guest_is_dealt_with_late),
		FAULT_TEST(reordered_messages_change_places),
		FAULT_TEST(a_reordered_message_that_none_follows_goes_on),
		FAULT_TEST(reordered_messages_of_the_guest_change_places),
		FAULT_TEST(a_duplicated_message_comes_twice),
		FAULT_TEST(a_duplicated_message_of_the_guest_is_dealt_with_twice),
		FAULT_TEST(a_held_device_starts_when_the_fault_is_removed),
		FAULT_TEST(a_held_device_starts_when_the_time_is_over),
		FAULT_TEST(a_guest_that_leaves_while_a_device_is_held_gets_its_answer_later),
		FAULT_TEST(a_removed_device_that_is_held_goes_with_the_fault),
		FAULT_TEST(a_held_end_keeps_the_rings_until_the_fault_is_removed),
		FAULT_TEST(a_reset_ends_what_is_held),
	};

	return cmocka_run_group_tests_name("vmbus-fault", tests, NULL, NULL);
}
