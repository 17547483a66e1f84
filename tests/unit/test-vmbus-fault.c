/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What faults do on the bus, seen by a guest that does everything right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "hvdef/hv_msr.h"
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

/* ---- refuse_post, pause_pump -------------------- */

static enum hv_status try_contact(void)
{
	const struct vmbus_initiate_contact contact = {
		.header.type = VMBUS_MSG_INITIATE_CONTACT,
		.version = VMBUS_VERSION_5_3,
		.sint = VMBUS_SINT,
	};
	enum hv_status status = vmbus_guest_post_only(&guest, &contact, sizeof(contact));

	fake_vm_run_loop(guest.fake);
	return status;
}

static void a_refused_post_gets_the_status_and_has_no_effect(void **state)
{
	struct fault_spec spec = spec_of(FAULT_REFUSE_POST, VMBUS_MSG_UNLOAD);

	add(&spec);
	spec.place.message = VMBUS_MSG_INITIATE_CONTACT;
	add(&spec);
	spec.status = HV_STATUS_INSUFFICIENT_MEMORY;
	add(&spec);
	assert_int_equal(try_contact(), HV_STATUS_INSUFFICIENT_BUFFERS);
	assert_int_equal(try_contact(), HV_STATUS_INSUFFICIENT_MEMORY);
	vmbus_guest_expect_nothing(&guest);
	assert_int_equal(guest.bus->in_refused, 2);
	assert_int_equal(try_contact(), HV_STATUS_SUCCESS);
	vmbus_guest_expect(&guest, VMBUS_MSG_VERSION_RESPONSE, NULL, 0);
	assert_int_equal(guest.bus->in_refused, 2);
}

static void a_paused_pump_lets_messages_wait_until_the_queue_is_full(void **state)
{
	struct fault_spec spec = spec_of(FAULT_PAUSE_PUMP, FAULT_ANY);

	spec.for_ns = 3 * NSEC_PER_SEC;
	add(&spec);
	for (unsigned i = 0; i < VMBUS_INCOMING_MAX; i++)
		assert_int_equal(try_contact(), HV_STATUS_SUCCESS);
	assert_int_equal(try_contact(), HV_STATUS_INSUFFICIENT_BUFFERS);
	vmbus_guest_expect_nothing(&guest);
	assert_int_equal(guest.bus->in_count, VMBUS_INCOMING_MAX);
	/* It is one deed, however often the pump was tried. */
	assert_int_equal(fake_vm_recorded(guest.fake, HV_EVENT_FAULT_HIT), 1);
	advance(3 * NSEC_PER_SEC);
	for (unsigned i = 0; i < VMBUS_INCOMING_MAX; i++)
		vmbus_guest_expect(&guest, VMBUS_MSG_VERSION_RESPONSE, NULL, 0);
	vmbus_guest_expect_nothing(&guest);
}

/* ---- lose_pending, skip_assert -------------------- */

/* Two answers at once: the second waits behind the slot. */
static void ask_for_offers(void)
{
	assert_true(vmbus_guest_contact(&guest, VMBUS_VERSION_5_3));
	post_header(VMBUS_MSG_REQUEST_OFFERS);
}

static const struct vmbus_message_header *slot_header(void)
{
	return (const void *)fake_vm_slot(guest.fake, 0, VMBUS_SINT)->payload;
}

static void a_lost_pending_flag_leaves_a_message_behind_a_free_slot(void **state)
{
	struct fault_spec spec = spec_of(FAULT_LOSE_PENDING, FAULT_ANY);
	struct synic *synic = fake_vm_synic(guest.fake, 0);
	struct hv_message *slot = fake_vm_slot(guest.fake, 0, VMBUS_SINT);

	spec.place.vp = 0;
	spec.place.sint = VMBUS_SINT;
	assert_true(vmbus_guest_contact(&guest, VMBUS_VERSION_5_3));
	add(&spec);
	post_header(VMBUS_MSG_REQUEST_OFFERS);
	assert_int_equal(slot_header()->type, VMBUS_MSG_OFFER_CHANNEL);
	assert_int_equal(slot->header.flags & HV_MESSAGE_FLAG_PENDING, 0);
	fake_vm_consume(guest.fake, 0, VMBUS_SINT); /* no flag, no EOM */
	for (unsigned i = 0; i < 100; i++)
		advance(10 * NSEC_PER_MSEC);
	vmbus_guest_expect_nothing(&guest);
	assert_int_equal(synic->sint[VMBUS_SINT].depth, 1);
	assert_int_equal(faults_hits(faults), 1);
	assert_int_equal(synic_msr_write(synic, HV_MSR_EOM, 0), HV_FAULT_NONE);
	vmbus_guest_expect(&guest, VMBUS_MSG_ALL_OFFERS_DELIVERED, NULL, 0);
}

static void another_sint_keeps_its_pending_flag(void **state)
{
	struct fault_spec spec = spec_of(FAULT_LOSE_PENDING, FAULT_ANY);

	spec.place.sint = VMBUS_SINT + 1;
	add(&spec);
	ask_for_offers();
	assert_int_not_equal(
		fake_vm_slot(guest.fake, 0, VMBUS_SINT)->header.flags & HV_MESSAGE_FLAG_PENDING, 0);
	assert_int_equal(faults_hits(faults), 0);
}

static void a_skipped_interrupt_leaves_the_message_unseen(void **state)
{
	unsigned before = fake_vm_asserted(guest.fake, 0, FAKE_VECTOR + VMBUS_SINT);

	add_kind(FAULT_SKIP_ASSERT, FAULT_ANY);
	post_contact();
	assert_int_equal(slot_header()->type, VMBUS_MSG_VERSION_RESPONSE);
	assert_int_equal(fake_vm_asserted(guest.fake, 0, FAKE_VECTOR + VMBUS_SINT), before);
	assert_false(synic_owes(fake_vm_synic(guest.fake, 0), VMBUS_SINT));
	vmbus_guest_expect(&guest, VMBUS_MSG_VERSION_RESPONSE, NULL, 0);
	vmbus_guest_request_offers(&guest, relids, ARRAY_LEN(relids));
	assert_true(fake_vm_asserted(guest.fake, 0, FAKE_VECTOR + VMBUS_SINT) > before);
}

/* ---- rings: a device that reads what comes, and says what it is told -------------------- */

enum { LIMIT = 64 };

static struct {
	struct vmbus_channel *channel;
	uint8_t *pages[RING_PAGES];
	struct vmbus_ring to_host, to_guest; /* the guest's ends */
	unsigned packets;
} reader;

static int reader_open(struct vmbus_channel *at, void *arg)
{
	return 0;
}

static void reader_signalled(struct vmbus_channel *at, void *arg)
{
	_Alignas(8) uint8_t bytes[VMBUS_PAGE_SIZE];
	struct ring_packet packet;

	ring_mask(vmbus_channel_in(at));
	do {
		while (vmbus_channel_peek(at, bytes, sizeof(bytes), &packet) == 0) {
			assert_int_equal(vmbus_channel_consume(at), 0);
			reader.packets++;
		}
	} while (vmbus_channel_idle(at));
}

static void reader_released(struct vmbus_channel *at, void *arg)
{
	reader.channel = NULL;
}

static const struct vmbus_device_ops reader_ops = {
	.name = "reader",
	.open = reader_open,
	.close = reader_open,
	.signalled = reader_signalled,
	.released = reader_released,
};

static int set_up_reader(void **state)
{
	const struct vmbus_offer offer = {
		.interface_type.a = 1,
		.interface_instance.a = 1,
		.monitor_id = VMBUS_MONITOR_NONE,
		.packet_limit = LIMIT,
	};

	vmbus_guest_start(&guest);
	faults = &guest.fake->vm.faults;
	memset(&reader, 0, sizeof(reader));
	vmbus_lock(guest.bus);
	assert_int_equal(
		vmbus_channel_add(guest.bus, &offer, &reader_ops, NULL, &reader.channel), 0);
	vmbus_unlock(guest.bus);
	return 0;
}

static int tear_down_reader(void **state)
{
	faults_end_all(faults, FAULT_END_RESET);
	vmbus_lock(guest.bus);
	connection_reset(guest.bus);
	vmbus_channel_remove(reader.channel);
	vmbus_unlock(guest.bus);
	return tear_down(state);
}

static void open_reader(void)
{
	connect();
	vmbus_guest_open(&guest, relids[0], RING_PAGES);
	vmbus_guest_rings(&guest, RING_PAGES, reader.pages, &reader.to_host, &reader.to_guest);
}

static bool guest_was_signalled(void)
{
	return vmbus_guest_signalled(&guest, 0, relids[0]);
}

static void host_writes(size_t size)
{
	uint8_t bytes[LIMIT] = {0};
	const struct iovec iov = {bytes, size};

	vmbus_lock(guest.bus);
	assert_int_equal(vmbus_channel_send(reader.channel, 7, false, &iov, 1), 0);
	vmbus_unlock(guest.bus);
}

/* The payload of the next packet; -EAGAIN: there is none. */
static int guest_reads(void)
{
	_Alignas(8) uint8_t bytes[VMBUS_PAGE_SIZE];
	struct ring_packet packet;
	bool signal;
	int r = ring_peek(&reader.to_guest, bytes, sizeof(bytes), &packet);

	if (r < 0)
		return r;
	assert_int_equal(ring_consume(&reader.to_guest, &signal), 0);
	return (int)packet.payload_bytes;
}

static bool guest_writes(size_t size)
{
	static uint8_t bytes[VMBUS_PAGE_SIZE];
	const struct iovec iov = {bytes, size};
	bool signal = false;

	assert_int_equal(
		ring_write(&reader.to_host, VMBUS_PACKET_DATA_INBAND, 0, 1, &iov, 1, 0, &signal),
		0);
	return signal;
}

static void a_skipped_event_is_not_seen_by_the_guest(void **state)
{
	struct fault_spec spec = spec_of(FAULT_SKIP_EVENT, FAULT_ANY);

	open_reader();
	spec.place.relid = relids[0];
	add(&spec);
	host_writes(16);
	assert_false(guest_was_signalled());
	assert_int_equal(guest_reads(), 16);
	host_writes(16);
	assert_true(guest_was_signalled());
}

static void a_guest_that_waits_for_room_is_not_told(void **state)
{
	open_reader();
	assert_true(guest_writes(3000));
	reader.to_host.control->pending_send_sz = 2000;
	add_kind(FAULT_SKIP_ROOM_SIGNAL, FAULT_ANY);
	vmbus_guest_signal(&guest, relids[0]);
	assert_int_equal(reader.packets, 1);
	assert_false(guest_was_signalled());
	assert_true(guest_writes(3000));
	reader.to_host.control->pending_send_sz = 2000;
	vmbus_guest_signal(&guest, relids[0]);
	assert_int_equal(reader.packets, 2);
	assert_true(guest_was_signalled());
}

static void a_ring_left_masked_is_not_read_again(void **state)
{
	open_reader();
	add_kind(FAULT_LEAVE_MASKED, FAULT_ANY);
	assert_true(guest_writes(16));
	vmbus_guest_signal(&guest, relids[0]);
	assert_int_equal(reader.packets, 1);
	assert_int_equal(reader.to_host.control->interrupt_mask, 1);
	assert_false(guest_writes(16)); /* and so it does not signal */
	assert_int_equal(reader.packets, 1);
	vmbus_guest_signal(&guest, relids[0]); /* all the same: the host gets over it */
	assert_int_equal(reader.packets, 2);
	assert_int_equal(reader.to_host.control->interrupt_mask, 0);
}

static void an_early_event_is_the_only_one(void **state)
{
	add_kind(FAULT_EARLY_EVENT, FAULT_ANY);
	connect();
	vmbus_guest_post_open(&guest, relids[0], RING_PAGES);
	assert_true(guest_was_signalled()); /* before its answer */
	vmbus_guest_expect(&guest, VMBUS_MSG_OPEN_CHANNEL_RESULT, NULL, 0);
	vmbus_guest_rings(&guest, RING_PAGES, reader.pages, &reader.to_host, &reader.to_guest);
	host_writes(16);
	assert_false(guest_was_signalled());
	assert_int_equal(guest_reads(), 16);
	host_writes(16);
	assert_true(guest_was_signalled());
}

/* Nor does the look after 100 ms help: the host takes the guest for woken. */
static void what_was_signalled_early_is_not_signalled_by_the_recheck(void **state)
{
	add_kind(FAULT_EARLY_EVENT, FAULT_ANY);
	open_reader();
	assert_true(guest_was_signalled());
	host_writes(16);
	channel_recheck(reader.channel);
	assert_false(guest_was_signalled());
	channel_recheck(reader.channel); /* as another look would */
	assert_true(guest_was_signalled());
}

static void an_oversize_packet_is_longer_than_the_limit(void **state)
{
	open_reader();
	add_kind(FAULT_OVERSIZE_PACKET, FAULT_ANY);
	host_writes(16);
	assert_int_equal(guest_reads(), LIMIT - sizeof(struct vmbus_packet_header) + 8);
	host_writes(16);
	assert_int_equal(guest_reads(), 16);
}

static void a_duplicate_offer_comes_twice(void **state)
{
	add_kind(FAULT_DUPLICATE_OFFER, FAULT_ANY);
	assert_int_equal(vmbus_guest_connect(&guest, relids, ARRAY_LEN(relids)), 2);
	assert_int_equal(relids[0], relids[1]);
	vmbus_guest_open(&guest, relids[0], RING_PAGES);
}

/* ---- skip_monitor -------------------- */

/* The monitor without its thread. */
static struct hv_monitor_page *start_monitor(void)
{
	struct monitor *monitor = &guest.fake->vm.monitor;
	struct hv_monitor_page *page = (void *)vmbus_guest_page(&guest, GUEST_GPADL_PFN);

	memset(page, 0, VMBUS_PAGE_SIZE);
	monitor->started = true;
	monitor->page_gpa = GUEST_GPADL_PFN * VMBUS_PAGE_SIZE;
	return page;
}

static void stop_monitor(void)
{
	struct monitor *monitor = &guest.fake->vm.monitor;

	memset(monitor->slot, 0, sizeof(monitor->slot));
	monitor->page_gpa = UINT64_MAX;
	monitor->started = false;
}

static void monitor_bits_stay_while_the_fault_lasts(void **state)
{
	struct monitor *monitor = &guest.fake->vm.monitor;
	struct hv_monitor_page *page = start_monitor();

	monitor->slot[3].used = true;
	page->group[0].pending = 1u << 3;
	add_kind(FAULT_SKIP_MONITOR, FAULT_ANY);
	assert_int_equal(monitor_service(monitor), 0);
	assert_int_equal(monitor_service(monitor), 0);
	assert_int_equal(page->group[0].pending, 1u << 3);
	assert_int_equal(fake_vm_recorded(guest.fake, HV_EVENT_FAULT_HIT), 1);
	advance(fault_kinds[FAULT_SKIP_MONITOR].for_ns);
	assert_int_equal(monitor_service(monitor), 1);
	assert_int_equal(page->group[0].pending, 0);
	stop_monitor();
}

static void monitor_bits_of_other_channels_are_taken(void **state)
{
	struct monitor *monitor = &guest.fake->vm.monitor;
	struct fault_spec spec = spec_of(FAULT_SKIP_MONITOR, FAULT_ANY);
	struct hv_monitor_page *page = start_monitor();
	uint64_t fault;

	monitor->slot[3] = (struct monitor_slot){.used = true, .relid = 7};
	monitor->slot[4] = (struct monitor_slot){.used = true, .relid = 8};
	monitor->slot[5] = (struct monitor_slot){.used = true}; /* no channel's */
	page->group[0].pending = 0xff;
	spec.place.relid = 7;
	fault = add(&spec);
	assert_int_equal(monitor_service(monitor), 2);
	assert_int_equal(page->group[0].pending, 1u << 3);
	assert_int_equal(monitor->slot[3].hits, 0);
	page->group[0].pending |= 1u << 4;
	assert_int_equal(monitor_service(monitor), 1);
	assert_int_equal(monitor->slot[4].hits, 2);
	remove_fault(fault);
	assert_int_equal(monitor_service(monitor), 1);
	assert_int_equal(page->group[0].pending, 0);
	stop_monitor();
}

/* ---- off -------------------- */

/* Faults for another channel, and those that were removed, change nothing. */
static void faults_that_are_for_others_have_no_effect(void **state)
{
	open_reader();
	for (unsigned kind = 0; kind < FAULT_KINDS; kind++) {
		struct fault_spec spec = spec_of((enum fault_kind)kind, FAULT_ANY);

		if (!(fault_kinds[kind].selectors & FAULT_BY_RELID))
			continue;
		spec.place.relid = relids[0] + 1;
		add(&spec);
	}
	host_writes(16);
	assert_true(guest_was_signalled());
	assert_int_equal(guest_reads(), 16);
	assert_true(guest_writes(16));
	vmbus_guest_signal(&guest, relids[0]);
	assert_int_equal(reader.packets, 1);
	assert_int_equal(reader.to_host.control->interrupt_mask, 0);
	vmbus_guest_close(&guest, relids[0]);
	assert_int_equal(channel()->state, CHANNEL_CLOSED);
	assert_int_equal(faults_hits(faults), 0);
}

#define READER_TEST(name) cmocka_unit_test_setup_teardown(name, set_up_reader, tear_down_reader)
#define FAULT_TEST(name)  cmocka_unit_test_setup_teardown(name, set_up, tear_down)

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
		FAULT_TEST(a_refused_post_gets_the_status_and_has_no_effect),
		FAULT_TEST(a_paused_pump_lets_messages_wait_until_the_queue_is_full),
		FAULT_TEST(a_lost_pending_flag_leaves_a_message_behind_a_free_slot),
		FAULT_TEST(another_sint_keeps_its_pending_flag),
		FAULT_TEST(a_skipped_interrupt_leaves_the_message_unseen),
		READER_TEST(a_skipped_event_is_not_seen_by_the_guest),
		READER_TEST(a_guest_that_waits_for_room_is_not_told),
		READER_TEST(a_ring_left_masked_is_not_read_again),
		READER_TEST(an_early_event_is_the_only_one),
		READER_TEST(what_was_signalled_early_is_not_signalled_by_the_recheck),
		READER_TEST(an_oversize_packet_is_longer_than_the_limit),
		READER_TEST(a_duplicate_offer_comes_twice),
		FAULT_TEST(monitor_bits_stay_while_the_fault_lasts),
		FAULT_TEST(monitor_bits_of_other_channels_are_taken),
		READER_TEST(faults_that_are_for_others_have_no_effect),
	};

	return cmocka_run_group_tests_name("vmbus-fault", tests, NULL, NULL);
}
