/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bus: connection and channel machines, every message in every state (spec/vmbus.md 6). */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "hvdef/hv_msr.h"
#include "vmbus/guid.h"
#include "vmbus/internal.h"
#include "vmbus_guest.h"
#include "vmm/event.h"

enum { DEVICES = 3, RING_PAGES = 8 };

/* A device that does what the test says, and counts what is asked of it. */
struct device {
	struct vmbus_channel *channel;
	int open_answer, close_answer;
	unsigned opened, closed, signalled, released;
};

static struct vmbus_guest guest;
static struct device devices[DEVICES];
static uint32_t relids[DEVICES];

static int device_open(struct vmbus_channel *channel, void *arg)
{
	struct device *device = arg;

	device->opened++;
	return device->open_answer;
}

static int device_close(struct vmbus_channel *channel, void *arg)
{
	struct device *device = arg;

	device->closed++;
	return device->close_answer;
}

static void device_signalled(struct vmbus_channel *channel, void *arg)
{
	((struct device *)arg)->signalled++;
}

static void device_released(struct vmbus_channel *channel, void *arg)
{
	struct device *device = arg;

	device->released++;
	device->channel = NULL;
}

static const struct vmbus_device_ops ops = {
	.name = "test",
	.open = device_open,
	.close = device_close,
	.signalled = device_signalled,
	.released = device_released,
};

/* Class and instance end in these, so that their order is known. */
static struct vmbus_offer offer_of(uint8_t class, uint8_t instance)
{
	return (struct vmbus_offer){
		.interface_type = {.a = 0x1000, .d = {[7] = class}},
		.interface_instance = {.a = 0x2000, .d = {[7] = instance}},
		.monitor_id = VMBUS_MONITOR_NONE,
	};
}

static void add_device(unsigned i, uint8_t class, uint8_t instance)
{
	const struct vmbus_offer offer = offer_of(class, instance);

	devices[i] = (struct device){0};
	vmbus_lock(guest.bus);
	assert_int_equal(
		vmbus_channel_add(guest.bus, &offer, &ops, &devices[i], &devices[i].channel), 0);
	vmbus_unlock(guest.bus);
	relids[i] = vmbus_channel_relid(devices[i].channel);
}

static void remove_device(unsigned i)
{
	if (!devices[i].channel)
		return;
	vmbus_lock(guest.bus);
	vmbus_channel_remove(devices[i].channel);
	vmbus_unlock(guest.bus);
}

static int set_up(void **state)
{
	vmbus_guest_start(&guest);
	memset(devices, 0, sizeof(devices));
	add_device(0, 1, 1);
	return 0;
}

/* What a guest still has is let go by a reset, as when a VM ends. */
static int tear_down(void **state)
{
	vmbus_lock(guest.bus);
	for (unsigned i = 0; i < DEVICES; i++)
		devices[i].open_answer = devices[i].close_answer = 0;
	connection_reset(guest.bus);
	vmbus_unlock(guest.bus);
	for (unsigned i = 0; i < DEVICES; i++)
		remove_device(i);
	vmbus_guest_end(&guest);
	return 0;
}

static void connect_one(void)
{
	uint32_t offered[DEVICES];

	assert_int_equal(vmbus_guest_connect(&guest, offered, DEVICES), 1);
	assert_int_equal(offered[0], relids[0]);
}

static enum vmbus_channel_state channel_state(unsigned i)
{
	return devices[i].channel->state;
}

static enum vmbus_state bus_state(void)
{
	return guest.bus->connection.state;
}

static void complete_open(unsigned i, int status)
{
	vmbus_lock(guest.bus);
	vmbus_channel_opened(devices[i].channel, status);
	vmbus_unlock(guest.bus);
}

static void complete_close(unsigned i)
{
	vmbus_lock(guest.bus);
	vmbus_channel_closed(devices[i].channel);
	vmbus_unlock(guest.bus);
}

static void post_header(uint32_t type)
{
	const struct vmbus_message_header message = {.type = type};

	vmbus_guest_post(&guest, &message, sizeof(message));
}

/* ---- the connection -------------------- */

static void every_known_version_is_accepted_and_no_other(void **state)
{
	static const uint32_t known[] = {VMBUS_VERSION_2_4, VMBUS_VERSION_3_0, VMBUS_VERSION_4_0,
		VMBUS_VERSION_4_1, VMBUS_VERSION_5_0, VMBUS_VERSION_5_1, VMBUS_VERSION_5_2,
		VMBUS_VERSION_5_3};
	static const uint32_t unknown[] = {0, 1, VMBUS_VERSION(1, 1), VMBUS_VERSION(2, 5),
		VMBUS_VERSION(5, 4), VMBUS_VERSION_6_0, UINT32_MAX};

	for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
		assert_false(vmbus_guest_contact(&guest, unknown[i]));
		assert_int_equal(bus_state(), VMBUS_DISCONNECTED);
	}
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		assert_true(vmbus_guest_contact(&guest, known[i]));
		assert_int_equal(bus_state(), VMBUS_NEGOTIATED);
		assert_int_equal(vmbus_version(guest.bus), known[i]);
	}
}

static void from_5_0_on_the_answer_names_the_connection_to_post_to(void **state)
{
	struct vmbus_initiate_contact contact = {
		.header.type = VMBUS_MSG_INITIATE_CONTACT,
		.version = VMBUS_VERSION_5_0,
		.sint = VMBUS_SINT,
	};
	struct vmbus_version_response response;

	vmbus_guest_post(&guest, &contact, sizeof(contact));
	vmbus_guest_expect(&guest, VMBUS_MSG_VERSION_RESPONSE, &response, sizeof(response));
	assert_int_equal(response.selected, VMBUS_CONNECTION_NEW);
	contact.version = VMBUS_VERSION_4_1;
	vmbus_guest_post(&guest, &contact, sizeof(contact));
	vmbus_guest_expect(&guest, VMBUS_MSG_VERSION_RESPONSE, &response, sizeof(response));
	assert_int_equal(response.selected, VMBUS_VERSION_4_1);
}

static void the_answer_is_on_its_way_until_the_slot_has_it(void **state)
{
	const struct vmbus_initiate_contact contact = {
		.header.type = VMBUS_MSG_INITIATE_CONTACT,
		.version = VMBUS_VERSION_5_3,
		.sint = VMBUS_SINT,
	};

	fake_vm_slot(guest.fake, 0, VMBUS_SINT)->header.type = 1; /* somebody else's */
	vmbus_guest_post(&guest, &contact, sizeof(contact));
	assert_int_equal(bus_state(), VMBUS_CONNECTING);
	fake_vm_consume(guest.fake, 0, VMBUS_SINT);
	fake_vm_run_loop(guest.fake);
	assert_int_equal(bus_state(), VMBUS_NEGOTIATED);
}

static void a_contact_that_cannot_be_served_is_refused(void **state)
{
	static const struct vmbus_initiate_contact bad[] = {
		{.version = VMBUS_VERSION_5_3, .sint = 0},
		{.version = VMBUS_VERSION_5_3, .sint = 16},
		{.version = VMBUS_VERSION_5_3, .sint = 2, .vtl = 1},
		{.version = VMBUS_VERSION_5_3, .sint = 2, .target_vp = 2},
		{.version = VMBUS_VERSION_5_3, .sint = 2, .monitor_page_p2c = 0x1000},
		{.version = VMBUS_VERSION_5_3, .sint = 2, .monitor_page_c2p = 0x1000},
		{.version = VMBUS_VERSION_5_3,
			.sint = 2,
			.monitor_page_p2c = 0x1000,
			.monitor_page_c2p = UINT64_C(1) << 40},
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct vmbus_initiate_contact contact = bad[i];
		struct vmbus_version_response response;

		contact.header.type = VMBUS_MSG_INITIATE_CONTACT;
		vmbus_guest_post(&guest, &contact, sizeof(contact));
		vmbus_guest_expect(&guest, VMBUS_MSG_VERSION_RESPONSE, &response, sizeof(response));
		assert_false(response.supported);
		assert_int_equal(bus_state(), VMBUS_DISCONNECTED);
	}
}

static void messages_go_to_the_vp_that_the_guest_names(void **state)
{
	const struct vmbus_initiate_contact contact = {
		.header.type = VMBUS_MSG_INITIATE_CONTACT,
		.version = VMBUS_VERSION_5_3,
		.target_vp = 1,
		.sint = 5,
	};

	vmbus_guest_post(&guest, &contact, sizeof(contact));
	assert_int_equal(fake_vm_slot(guest.fake, 1, 5)->header.type, HV_MESSAGE_TYPE_VMBUS);
	fake_vm_consume(guest.fake, 1, 5);
}

static void offers_come_once_in_a_stable_order(void **state)
{
	uint32_t offered[DEVICES];

	add_device(1, 2, 1);
	add_device(2, 1, 0);
	assert_int_equal(vmbus_guest_connect(&guest, offered, DEVICES), 3);
	assert_int_equal(offered[0], relids[2]);
	assert_int_equal(offered[1], relids[0]);
	assert_int_equal(offered[2], relids[1]);
	post_header(VMBUS_MSG_REQUEST_OFFERS);
	vmbus_guest_expect_nothing(&guest);
	assert_int_equal(guest.bus->verdicts[VMBUS_ILLEGAL], 1);
}

static void an_offer_carries_what_the_device_said(void **state)
{
	const struct vmbus_message_header request = {.type = VMBUS_MSG_REQUEST_OFFERS};
	struct vmbus_offer_channel message;

	devices[0].channel->offer.chn_flags = 0x11;
	devices[0].channel->offer.pipe_mode = VMBUS_PIPE_MODE_MESSAGE;
	devices[0].channel->offer.pipe_user_defined[0] = 1;
	assert_true(vmbus_guest_contact(&guest, VMBUS_VERSION_5_3));
	vmbus_guest_post(&guest, &request, sizeof(request));
	vmbus_guest_expect(&guest, VMBUS_MSG_OFFER_CHANNEL, &message, sizeof(message));
	assert_int_equal(message.chn_flags, 0x11);
	assert_int_equal(message.pipe_mode, VMBUS_PIPE_MODE_MESSAGE);
	assert_int_equal(message.user_defined[4], 1);
	assert_int_equal(message.child_relid, relids[0]);
	assert_int_equal(message.connection_id, 0x2000 + relids[0]);
	assert_int_equal(message.monitor_id, VMBUS_MONITOR_NONE);
	assert_int_equal(message.monitor_allocated, 0);
	assert_int_equal(message.is_dedicated_interrupt, 1);
	vmbus_guest_expect(&guest, VMBUS_MSG_ALL_OFFERS_DELIVERED, NULL, 0);
}

static void a_device_added_later_is_offered_at_once(void **state)
{
	struct vmbus_offer_channel message;

	connect_one();
	add_device(1, 7, 7);
	vmbus_guest_expect(&guest, VMBUS_MSG_OFFER_CHANNEL, &message, sizeof(message));
	assert_int_equal(message.child_relid, relids[1]);
}

static void two_devices_with_the_same_guids_are_refused(void **state)
{
	const struct vmbus_offer offer = offer_of(1, 1);
	struct vmbus_channel *channel;

	vmbus_lock(guest.bus);
	assert_int_equal(
		vmbus_channel_add(guest.bus, &offer, &ops, &devices[1], &channel), -EEXIST);
	vmbus_unlock(guest.bus);
}

static void unload_lets_go_of_everything_and_is_always_answered(void **state)
{
	post_header(VMBUS_MSG_UNLOAD);
	vmbus_guest_expect(&guest, VMBUS_MSG_UNLOAD_RESPONSE, NULL, 0);
	connect_one();
	vmbus_guest_open(&guest, relids[0], RING_PAGES);
	post_header(VMBUS_MSG_UNLOAD);
	vmbus_guest_expect(&guest, VMBUS_MSG_UNLOAD_RESPONSE, NULL, 0);
	assert_int_equal(bus_state(), VMBUS_DISCONNECTED);
	assert_int_equal(devices[0].closed, 1);
	assert_int_equal(channel_state(0), CHANNEL_CLIENT_RELEASED);
	assert_int_equal(guest.bus->gpadl_count, 0);
	assert_int_equal(guest.bus->gpadl_pages, 0);
	connect_one();
	vmbus_guest_open(&guest, relids[0], RING_PAGES);
}

static void releasing_after_unload_is_too_late_and_no_offence(void **state)
{
	connect_one();
	post_header(VMBUS_MSG_UNLOAD);
	vmbus_guest_release(&guest, relids[0]);
	vmbus_guest_expect(&guest, VMBUS_MSG_UNLOAD_RESPONSE, NULL, 0);
	vmbus_guest_release(&guest, relids[0]);
	vmbus_guest_expect_nothing(&guest);
	assert_int_equal(guest.bus->verdicts[VMBUS_IGNORED], 2);
	assert_int_equal(guest.bus->verdicts[VMBUS_ILLEGAL], 0);
	assert_true(vmbus_guest_contact(&guest, VMBUS_VERSION_5_3));
	vmbus_guest_release(&guest, relids[0]); /* before it asked for offers */
	assert_int_equal(guest.bus->verdicts[VMBUS_ILLEGAL], 1);
	assert_int_equal(channel_state(0), CHANNEL_CLIENT_RELEASED);
}

static void unload_waits_for_a_device_that_takes_its_time(void **state)
{
	devices[0].close_answer = VMBUS_PENDING;
	connect_one();
	vmbus_guest_open(&guest, relids[0], RING_PAGES);
	post_header(VMBUS_MSG_UNLOAD);
	vmbus_guest_expect_nothing(&guest);
	assert_int_equal(bus_state(), VMBUS_DISCONNECTING);
	assert_int_equal(channel_state(0), CHANNEL_CLOSING_CLIENT_RELEASE);
	complete_close(0);
	vmbus_guest_expect(&guest, VMBUS_MSG_UNLOAD_RESPONSE, NULL, 0);
	assert_int_equal(channel_state(0), CHANNEL_CLIENT_RELEASED);
}

static void a_second_contact_starts_anew(void **state)
{
	connect_one();
	vmbus_guest_open(&guest, relids[0], RING_PAGES);
	assert_true(vmbus_guest_contact(&guest, VMBUS_VERSION_4_1));
	assert_int_equal(bus_state(), VMBUS_NEGOTIATED);
	assert_int_equal(devices[0].closed, 1);
	assert_int_equal(channel_state(0), CHANNEL_CLIENT_RELEASED);
}

static void an_unknown_version_while_connected_lets_go_and_is_refused(void **state)
{
	connect_one();
	assert_false(vmbus_guest_contact(&guest, VMBUS_VERSION_6_0));
	assert_int_equal(bus_state(), VMBUS_DISCONNECTED);
}

static void contact_and_unload_while_disconnecting_wait_their_turn(void **state)
{
	const struct vmbus_initiate_contact contact = {
		.header.type = VMBUS_MSG_INITIATE_CONTACT,
		.version = VMBUS_VERSION_5_1,
		.sint = VMBUS_SINT,
	};
	struct vmbus_version_response response;

	devices[0].close_answer = VMBUS_PENDING;
	connect_one();
	vmbus_guest_open(&guest, relids[0], RING_PAGES);
	post_header(VMBUS_MSG_UNLOAD);
	vmbus_guest_post(&guest, &contact, sizeof(contact)); /* kexec that did not wait */
	vmbus_guest_expect_nothing(&guest);
	complete_close(0);
	vmbus_guest_expect(&guest, VMBUS_MSG_VERSION_RESPONSE, &response, sizeof(response));
	assert_true(response.supported);
	vmbus_guest_expect_nothing(&guest);
}

static void channel_messages_without_a_connection_are_dropped(void **state)
{
	const struct vmbus_relid_message close = {
		.header.type = VMBUS_MSG_CLOSE_CHANNEL,
		.child_relid = relids[0],
	};

	vmbus_guest_post(&guest, &close, sizeof(close));
	post_header(VMBUS_MSG_REQUEST_OFFERS);
	vmbus_guest_expect_nothing(&guest);
	assert_int_equal(guest.bus->verdicts[VMBUS_ILLEGAL], 2);
}

/* As vm_reset() does it: the SynICs first, then the devices. */
static void the_bus_is_announced_while_there_is_one(void **state)
{
	assert_true(guest.fake->vm.has_vmbus);
}

static void a_vm_reset_needs_no_unload(void **state)
{
	connect_one();
	vmbus_guest_open(&guest, relids[0], RING_PAGES);
	post_header(VMBUS_MSG_REQUEST_OFFERS);
	for (unsigned vp = 0; vp < 2; vp++)
		synic_reset(fake_vm_synic(guest.fake, vp));
	guest.bus->device.reset(&guest.bus->device);
	fake_vm_run_loop(guest.fake);
	assert_int_equal(bus_state(), VMBUS_DISCONNECTED);
	assert_int_equal(channel_state(0), CHANNEL_CLIENT_RELEASED);
	fake_vm_enable(guest.fake, 0);
	fake_vm_enable(guest.fake, 1);
	connect_one();
	vmbus_guest_open(&guest, relids[0], RING_PAGES);
}

/* ---- the stream of messages -------------------- */

/* The guest does not read, so nothing is answered: 64 wait in the queue, and one is being served.
 */
static void a_guest_that_does_not_read_may_not_post_for_ever(void **state)
{
	const struct vmbus_message_header unload = {.type = VMBUS_MSG_UNLOAD};
	unsigned accepted = 0;

	vmbus_guest_post(&guest, &unload, sizeof(unload)); /* its answer fills the slot */
	vmbus_guest_post(&guest, &unload, sizeof(unload)); /* and this one waits behind it */
	while (vmbus_guest_post_only(&guest, &unload, sizeof(unload)) == HV_STATUS_SUCCESS)
		accepted++;
	assert_int_equal(accepted, VMBUS_INCOMING_MAX);
	assert_int_equal(vmbus_guest_post_only(&guest, &unload, sizeof(unload)),
		HV_STATUS_INSUFFICIENT_BUFFERS);
	for (unsigned i = 0; i < accepted + 2; i++)
		vmbus_guest_expect(&guest, VMBUS_MSG_UNLOAD_RESPONSE, NULL, 0);
	vmbus_guest_expect_nothing(&guest);
}

static void what_is_no_channel_message_is_refused_by_the_port(void **state)
{
	struct hv_post_message_input input = {
		.connection_id = VMBUS_CONNECTION_OLD,
		.message_type = 2,
		.payload_size = 8,
	};

	assert_int_equal(ports_post_message(&guest.fake->vm.ports, NULL, 0, &input),
		HV_STATUS_INVALID_PARAMETER);
}

static void short_and_unknown_messages_are_counted_and_dropped(void **state)
{
	_Alignas(8) uint8_t message[VMBUS_MESSAGE_MAX] = {0};
	struct vmbus_message_header *header = (void *)message;
	unsigned sent = 0;

	connect_one();
	for (uint32_t type = 0; type < 40; type++) {
		header->type = type == 39 ? UINT32_MAX : type;
		for (size_t size = 0; size < 8; size++, sent++)
			vmbus_guest_post(&guest, message, size);
	}
	header->type = VMBUS_MSG_OPEN_CHANNEL;
	vmbus_guest_post(&guest, message, sizeof(struct vmbus_open_channel) - 1);
	header->type = VMBUS_MSG_OFFER_CHANNEL; /* the host's own */
	vmbus_guest_post(&guest, message, sizeof(message));
	vmbus_guest_expect_nothing(&guest);
	assert_int_equal(guest.bus->verdicts[VMBUS_MALFORMED], sent + 2);
	assert_int_equal(bus_state(), VMBUS_CONNECTED);
}

static void messages_of_a_later_version_are_illegal(void **state)
{
	const struct vmbus_modify_channel modify = {
		.header.type = VMBUS_MSG_MODIFY_CHANNEL,
		.child_relid = relids[0],
	};
	const struct vmbus_tl_connect_request request = {
		.header.type = VMBUS_MSG_TL_CONNECT_REQUEST};

	assert_true(vmbus_guest_contact(&guest, VMBUS_VERSION_3_0));
	assert_int_equal(vmbus_guest_request_offers(&guest, relids, DEVICES), 1);
	vmbus_guest_post(&guest, &modify, sizeof(modify));
	vmbus_guest_post(&guest, &request, sizeof(request));
	vmbus_guest_expect_nothing(&guest);
	assert_int_equal(guest.bus->verdicts[VMBUS_ILLEGAL], 2);
}

static void reserved_channels_are_refused_politely(void **state)
{
	const struct vmbus_open_reserved open = {.header.type = VMBUS_MSG_OPEN_RESERVED_CHANNEL};
	const struct vmbus_close_reserved close = {
		.header.type = VMBUS_MSG_CLOSE_RESERVED_CHANNEL,
		.child_relid = 77,
	};
	struct vmbus_relid_message response;

	connect_one();
	vmbus_guest_post(&guest, &open, sizeof(open));
	vmbus_guest_expect_nothing(&guest);
	vmbus_guest_post(&guest, &close, sizeof(close));
	vmbus_guest_expect(&guest, VMBUS_MSG_CLOSE_RESERVED_RESPONSE, &response, sizeof(response));
	assert_int_equal(response.child_relid, 77);
}

static void a_connect_that_nobody_takes_is_refused(void **state)
{
	const struct vmbus_tl_connect_request request = {
		.header.type = VMBUS_MSG_TL_CONNECT_REQUEST,
		.endpoint.a = 1,
		.service.a = 2,
	};
	struct vmbus_tl_connect_result result;

	connect_one();
	vmbus_guest_post(&guest, &request, sizeof(request));
	vmbus_guest_expect(&guest, VMBUS_MSG_TL_CONNECT_RESULT, &result, sizeof(result));
	assert_int_equal(result.endpoint.a, 1);
	assert_int_equal(result.service.a, 2);
	assert_int_equal(result.status, VMBUS_STATUS_CONNECTION_REFUSED);
}

/* ---- channels -------------------- */

static void open_and_close(void **state)
{
	uint32_t gpadl;
	struct vmbus_gpadl_torndown torndown;

	connect_one();
	gpadl = vmbus_guest_open(&guest, relids[0], RING_PAGES);
	assert_int_equal(channel_state(0), CHANNEL_OPEN);
	assert_int_equal(devices[0].opened, 1);
	vmbus_guest_close(&guest, relids[0]);
	assert_int_equal(channel_state(0), CHANNEL_CLOSED);
	assert_int_equal(devices[0].closed, 1);
	vmbus_guest_tear_down(&guest, relids[0], gpadl);
	vmbus_guest_expect(&guest, VMBUS_MSG_GPADL_TORNDOWN, &torndown, sizeof(torndown));
	assert_int_equal(torndown.gpadl, gpadl);
}

static void a_device_that_refuses_leaves_the_channel_closed(void **state)
{
	struct vmbus_open_channel_result result;

	devices[0].open_answer = -EIO;
	connect_one();
	vmbus_guest_post_open(&guest, relids[0], RING_PAGES);
	vmbus_guest_expect(&guest, VMBUS_MSG_OPEN_CHANNEL_RESULT, &result, sizeof(result));
	assert_int_not_equal(result.status, 0);
	assert_int_equal(channel_state(0), CHANNEL_CLOSED);
	assert_int_equal(vmbus_guest_signal(&guest, relids[0]), HV_STATUS_INVALID_CONNECTION_ID);
}

static void an_open_whose_rings_cannot_be_is_refused(void **state)
{
	static const struct {
		uint32_t gpadl_delta, split, target_vp;
	} bad[] = {
		{1, 4, 0},                     /* no such GPADL */
		{0, 0, 0}, {0, 1, 0},          /* no room for a ring to the host */
		{0, 8, 0}, {0, 7, 0},          /* none to the guest */
		{0, UINT32_MAX, 0}, {0, 4, 2}, /* no such VP */
	};

	connect_one();
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		uint32_t gpadl = vmbus_guest_make_gpadl(&guest, relids[0], RING_PAGES);
		const struct vmbus_open_channel message = {
			.header.type = VMBUS_MSG_OPEN_CHANNEL,
			.child_relid = relids[0],
			.ring_gpadl = gpadl + bad[i].gpadl_delta,
			.target_vp = bad[i].target_vp,
			.downstream_offset = bad[i].split,
		};
		struct vmbus_open_channel_result result;

		vmbus_guest_post(&guest, &message, sizeof(message));
		vmbus_guest_expect(&guest, VMBUS_MSG_OPEN_CHANNEL_RESULT, &result, sizeof(result));
		assert_int_not_equal(result.status, 0);
		assert_int_equal(channel_state(0), CHANNEL_CLOSED);
		assert_int_equal(devices[0].opened, 0);
	}
}

static void signals_pass_both_ways_while_open_and_not_after(void **state)
{
	connect_one();
	vmbus_guest_open(&guest, relids[0], RING_PAGES);
	assert_int_equal(vmbus_guest_signal(&guest, relids[0]), HV_STATUS_SUCCESS);
	assert_int_equal(devices[0].signalled, 1);
	vmbus_lock(guest.bus);
	vmbus_channel_signal(devices[0].channel);
	vmbus_unlock(guest.bus);
	assert_true(vmbus_guest_signalled(&guest, 0, relids[0]));
	vmbus_guest_close(&guest, relids[0]);
	assert_int_equal(vmbus_guest_signal(&guest, relids[0]), HV_STATUS_INVALID_CONNECTION_ID);
	assert_int_equal(devices[0].signalled, 1);
}

static void a_guest_signal_before_the_device_has_started_is_not_lost(void **state)
{
	devices[0].open_answer = VMBUS_PENDING;
	connect_one();
	vmbus_guest_post_open(&guest, relids[0], RING_PAGES);
	assert_int_equal(channel_state(0), CHANNEL_OPENING);
	assert_int_equal(vmbus_guest_signal(&guest, relids[0]), HV_STATUS_SUCCESS);
	complete_open(0, 0);
	vmbus_guest_expect(&guest, VMBUS_MSG_OPEN_CHANNEL_RESULT, NULL, 0);
	channel_recheck(devices[0].channel);
	assert_int_equal(devices[0].signalled, 1);
}

/* An event before OPEN_RESULT was seen is swallowed by guests: it is sent again. */
static void what_waits_in_a_ring_after_open_is_signalled_again(void **state)
{
	const struct iovec iov = {(void *)"x", 1};

	connect_one();
	vmbus_guest_open(&guest, relids[0], RING_PAGES);
	channel_recheck(devices[0].channel);
	assert_false(vmbus_guest_signalled(&guest, 0, relids[0]));
	vmbus_lock(guest.bus);
	assert_int_equal(vmbus_channel_send(devices[0].channel, 1, false, &iov, 1), 0);
	vmbus_unlock(guest.bus);
	assert_true(vmbus_guest_signalled(&guest, 0, relids[0]));
	channel_recheck(devices[0].channel);
	assert_true(vmbus_guest_signalled(&guest, 0, relids[0]));
}

static void open_in_any_other_state_has_no_answer(void **state)
{
	devices[0].open_answer = devices[0].close_answer = VMBUS_PENDING;
	connect_one();
	vmbus_guest_post_open(&guest, relids[0], RING_PAGES);
	vmbus_guest_post_open(&guest, relids[0], RING_PAGES); /* opening */
	vmbus_guest_expect_nothing(&guest);
	complete_open(0, 0);
	vmbus_guest_expect(&guest, VMBUS_MSG_OPEN_CHANNEL_RESULT, NULL, 0);
	vmbus_guest_post_open(&guest, relids[0], RING_PAGES); /* open */
	vmbus_guest_expect_nothing(&guest);
	assert_int_equal(guest.bus->verdicts[VMBUS_ILLEGAL], 2);
	assert_int_equal(devices[0].opened, 1);
	assert_int_equal(devices[0].channel->refused, 2);
}

static void close_where_nothing_is_open_is_illegal(void **state)
{
	connect_one();
	vmbus_guest_close(&guest, relids[0]);
	vmbus_guest_close(&guest, 999);
	vmbus_guest_close(&guest, UINT32_MAX);
	vmbus_guest_expect_nothing(&guest);
	assert_int_equal(guest.bus->verdicts[VMBUS_ILLEGAL], 3);
	assert_int_equal(devices[0].closed, 0);
}

static void open_while_closing_opens_again_afterwards(void **state)
{
	devices[0].close_answer = VMBUS_PENDING;
	connect_one();
	vmbus_guest_open(&guest, relids[0], RING_PAGES);
	vmbus_guest_close(&guest, relids[0]);
	assert_int_equal(channel_state(0), CHANNEL_CLOSING);
	vmbus_guest_post_open(&guest, relids[0], RING_PAGES);
	assert_int_equal(channel_state(0), CHANNEL_CLOSING_REOPEN);
	vmbus_guest_expect_nothing(&guest);
	complete_close(0);
	vmbus_guest_expect(&guest, VMBUS_MSG_OPEN_CHANNEL_RESULT, NULL, 0);
	assert_int_equal(channel_state(0), CHANNEL_OPEN);
	assert_int_equal(devices[0].opened, 2);
	complete_close(0);
}

static void the_rings_gpadl_is_torn_down_when_the_device_has_stopped(void **state)
{
	uint32_t gpadl;

	devices[0].close_answer = VMBUS_PENDING;
	connect_one();
	gpadl = vmbus_guest_open(&guest, relids[0], RING_PAGES);
	vmbus_guest_tear_down(&guest, relids[0], gpadl); /* illegal: open */
	vmbus_guest_expect_nothing(&guest);
	assert_int_equal(guest.bus->verdicts[VMBUS_ILLEGAL], 1);
	vmbus_guest_close(&guest, relids[0]);
	vmbus_guest_tear_down(&guest, relids[0], gpadl);
	vmbus_guest_expect_nothing(&guest);
	complete_close(0);
	vmbus_guest_expect(&guest, VMBUS_MSG_GPADL_TORNDOWN, NULL, 0);
	assert_int_equal(guest.bus->gpadl_count, 0);
}

/* ---- removal -------------------- */

static void a_removed_device_is_rescinded_and_freed_when_the_guest_lets_go(void **state)
{
	struct vmbus_relid_message rescind;

	connect_one();
	vmbus_guest_open(&guest, relids[0], RING_PAGES);
	remove_device(0);
	vmbus_guest_expect(&guest, VMBUS_MSG_RESCIND_CHANNEL_OFFER, &rescind, sizeof(rescind));
	assert_int_equal(rescind.child_relid, relids[0]);
	assert_int_equal(devices[0].closed, 1);
	assert_int_equal(channel_state(0), CHANNEL_REVOKED);
	vmbus_guest_close(&guest, relids[0]); /* as Linux does */
	vmbus_guest_expect_nothing(&guest);
	vmbus_guest_release(&guest, relids[0]);
	assert_int_equal(devices[0].released, 1);
	assert_null(guest.bus->by_relid[relids[0]]);
	assert_int_equal(guest.bus->gpadl_count, 0);
	assert_int_equal(guest.bus->verdicts[VMBUS_ILLEGAL], 0);
}

static void a_device_that_stops_late_is_freed_then(void **state)
{
	devices[0].close_answer = VMBUS_PENDING;
	connect_one();
	vmbus_guest_open(&guest, relids[0], RING_PAGES);
	remove_device(0);
	vmbus_guest_expect(&guest, VMBUS_MSG_RESCIND_CHANNEL_OFFER, NULL, 0);
	vmbus_guest_release(&guest, relids[0]);
	assert_int_equal(devices[0].released, 0);
	complete_close(0);
	assert_int_equal(devices[0].released, 1);
}

static void removal_while_opening_stops_the_device_that_started(void **state)
{
	devices[0].open_answer = VMBUS_PENDING;
	connect_one();
	vmbus_guest_post_open(&guest, relids[0], RING_PAGES);
	remove_device(0);
	vmbus_guest_expect(&guest, VMBUS_MSG_RESCIND_CHANNEL_OFFER, NULL, 0);
	complete_open(0, 0);
	vmbus_guest_expect_nothing(&guest); /* no OPEN_RESULT: the RESCIND frees the guest */
	assert_int_equal(devices[0].closed, 1);
	vmbus_guest_release(&guest, relids[0]);
	assert_int_equal(devices[0].released, 1);
}

static void an_offer_the_guest_never_saw_goes_without_a_word(void **state)
{
	remove_device(0);
	assert_int_equal(devices[0].released, 1);
	vmbus_guest_expect_nothing(&guest);
}

static void a_relid_is_not_used_again_before_it_is_released(void **state)
{
	connect_one();
	remove_device(0);
	vmbus_guest_expect(&guest, VMBUS_MSG_RESCIND_CHANNEL_OFFER, NULL, 0);
	for (unsigned i = 0; i < VMBUS_RELID_MAX + 10; i++) {
		add_device(1, 9, 9);
		assert_int_not_equal(relids[1], relids[0]);
		vmbus_guest_expect(&guest, VMBUS_MSG_OFFER_CHANNEL, NULL, 0);
		remove_device(1);
		vmbus_guest_expect(&guest, VMBUS_MSG_RESCIND_CHANNEL_OFFER, NULL, 0);
		vmbus_guest_release(&guest, relids[1]);
		assert_int_equal(devices[1].released, 1);
	}
	vmbus_guest_release(&guest, relids[0]);
}

/* A guest that sees a device twice drops the second offer, and its relid for ever. */
static void the_same_device_is_offered_again_only_after_the_release(void **state)
{
	struct vmbus_offer_channel offer;

	connect_one();
	remove_device(0);
	vmbus_guest_expect(&guest, VMBUS_MSG_RESCIND_CHANNEL_OFFER, NULL, 0);
	add_device(1, 1, 1);
	vmbus_guest_expect_nothing(&guest);
	assert_int_equal(channel_state(1), CHANNEL_CLIENT_RELEASED);
	vmbus_guest_release(&guest, relids[0]);
	vmbus_guest_expect(&guest, VMBUS_MSG_OFFER_CHANNEL, &offer, sizeof(offer));
	assert_int_equal(offer.child_relid, relids[1]);
}

static void a_guest_may_let_go_of_an_offer_unasked(void **state)
{
	connect_one();
	vmbus_guest_release(&guest, relids[0]);
	assert_int_equal(channel_state(0), CHANNEL_CLIENT_RELEASED);
	vmbus_guest_close(&guest, relids[0]);
	vmbus_guest_expect_nothing(&guest);
	assert_int_equal(guest.bus->verdicts[VMBUS_ILLEGAL], 1);
}

static void releasing_an_open_channel_is_illegal(void **state)
{
	connect_one();
	vmbus_guest_open(&guest, relids[0], RING_PAGES);
	vmbus_guest_release(&guest, relids[0]);
	assert_int_equal(channel_state(0), CHANNEL_OPEN);
	assert_int_equal(guest.bus->verdicts[VMBUS_ILLEGAL], 1);
}

/* ---- retargeting -------------------- */

static uint32_t modify(uint32_t relid, uint32_t vp)
{
	const struct vmbus_modify_channel message = {
		.header.type = VMBUS_MSG_MODIFY_CHANNEL,
		.child_relid = relid,
		.target_vp = vp,
	};
	struct vmbus_modify_channel_response response;

	vmbus_guest_post(&guest, &message, sizeof(message));
	vmbus_guest_expect(&guest, VMBUS_MSG_MODIFY_CHANNEL_RESPONSE, &response, sizeof(response));
	assert_int_equal(response.child_relid, relid);
	return response.status;
}

static void modify_moves_the_signals_to_another_vp(void **state)
{
	connect_one();
	assert_int_not_equal(modify(relids[0], 1), 0); /* not open */
	vmbus_guest_open(&guest, relids[0], RING_PAGES);
	assert_int_equal(modify(relids[0], 1), 0);
	vmbus_lock(guest.bus);
	vmbus_channel_signal(devices[0].channel);
	vmbus_unlock(guest.bus);
	assert_false(vmbus_guest_signalled(&guest, 0, relids[0]));
	assert_true(vmbus_guest_signalled(&guest, 1, relids[0]));
	assert_int_not_equal(modify(relids[0], 2), 0); /* no such VP: it stays where it is */
	assert_int_not_equal(modify(1234, 0), 0);
	vmbus_lock(guest.bus);
	vmbus_channel_signal(devices[0].channel);
	vmbus_unlock(guest.bus);
	assert_true(vmbus_guest_signalled(&guest, 1, relids[0]));
}

static void signals_leave_a_record_with_their_direction_and_channel(void **state)
{
	struct record record;

	connect_one();
	vmbus_guest_open(&guest, relids[0], RING_PAGES);
	assert_int_equal(modify(relids[0], 1), 0);
	assert_int_equal(fake_vm_recorded(guest.fake, HV_EVENT_VMBUS_SIGNAL), 0);
	assert_int_equal(vmbus_guest_signal(&guest, relids[0]), HV_STATUS_SUCCESS);
	record = fake_vm_last_record(guest.fake, HV_EVENT_VMBUS_SIGNAL);
	assert_int_equal(record.arg[0], 0); /* in */
	assert_int_equal(record.arg[1], relids[0]);
	vmbus_lock(guest.bus);
	vmbus_channel_signal(devices[0].channel);
	vmbus_channel_signal(devices[0].channel); /* the flag is set already: no failure */
	vmbus_unlock(guest.bus);
	assert_int_equal(fake_vm_recorded(guest.fake, HV_EVENT_VMBUS_SIGNAL), 3);
	record = fake_vm_last_record(guest.fake, HV_EVENT_VMBUS_SIGNAL);
	assert_int_equal(record.arg[0], 1); /* out */
	assert_int_equal(record.arg[1], relids[0]);
	assert_int_equal(record.arg[2], 0);
	assert_int_equal(record.vp, 1);
	assert_int_equal(record.sint, guest.bus->connection.sint);
	vmbus_guest_close(&guest, relids[0]);
	vmbus_lock(guest.bus);
	vmbus_channel_signal(devices[0].channel);
	vmbus_unlock(guest.bus);
	assert_int_equal(fake_vm_recorded(guest.fake, HV_EVENT_VMBUS_SIGNAL), 3);
}

static void before_5_3_modify_has_no_answer(void **state)
{
	const struct vmbus_modify_channel message = {
		.header.type = VMBUS_MSG_MODIFY_CHANNEL,
		.child_relid = relids[0],
		.target_vp = 1,
	};

	assert_true(vmbus_guest_contact(&guest, VMBUS_VERSION_4_1));
	assert_int_equal(vmbus_guest_request_offers(&guest, relids, DEVICES), 1);
	vmbus_guest_open(&guest, relids[0], RING_PAGES);
	vmbus_guest_post(&guest, &message, sizeof(message));
	vmbus_guest_expect_nothing(&guest);
	assert_int_equal(devices[0].channel->request.target_vp, 1);
}

/* ---- failure, history -------------------- */

static void a_broken_ring_fails_its_channel_and_no_other(void **state)
{
	uint32_t offered[DEVICES];
	struct ring_packet packet;
	uint8_t buffer[64];

	add_device(1, 2, 2);
	vmbus_guest_connect(&guest, offered, DEVICES);
	vmbus_guest_open(&guest, relids[1], RING_PAGES);
	vmbus_guest_open(&guest, relids[0], RING_PAGES);
	devices[0].channel->in.control->write_index = 3;
	vmbus_lock(guest.bus);
	assert_int_equal(vmbus_channel_peek(devices[0].channel, buffer, 64, &packet), -EPROTO);
	assert_int_equal(devices[0].closed, 0); /* not in the middle of it */
	assert_int_equal(vmbus_channel_peek(devices[0].channel, buffer, 64, &packet), -ESHUTDOWN);
	vmbus_unlock(guest.bus);
	fake_vm_run_loop(guest.fake);
	assert_int_equal(channel_state(0), CHANNEL_FAILED);
	assert_int_equal(devices[0].closed, 1);
	assert_string_not_equal(devices[0].channel->failure, "");
	assert_int_equal(channel_state(1), CHANNEL_OPEN);
	assert_int_equal(vmbus_guest_signal(&guest, relids[1]), HV_STATUS_SUCCESS);
	assert_int_equal(devices[1].signalled, 1);
	/* The guest may close it and open it again. */
	vmbus_guest_close(&guest, relids[0]);
	assert_int_equal(channel_state(0), CHANNEL_CLOSED);
	vmbus_guest_open(&guest, relids[0], RING_PAGES);
	assert_string_equal(devices[0].channel->failure, "");
}

static void history_keeps_the_last_messages_with_their_verdicts(void **state)
{
	const struct vmbus_history *history;
	const struct vmbus_history_entry *last;

	connect_one();
	vmbus_guest_open(&guest, relids[0], RING_PAGES);
	vmbus_guest_release(&guest, relids[0]);
	history = &devices[0].channel->history;
	/* offer, header, created, open, result, released */
	assert_int_equal(history->count, 6);
	last = &history->entry[5];
	assert_int_equal(last->type, VMBUS_MSG_RELID_RELEASED);
	assert_false(last->out);
	assert_int_equal(last->verdict, VMBUS_ILLEGAL);
	assert_int_equal(history->entry[4].type, VMBUS_MSG_OPEN_CHANNEL_RESULT);
	assert_true(history->entry[4].out);
	assert_int_equal(history->entry[3].verdict, VMBUS_OK);
	assert_int_equal(fake_vm_recorded(guest.fake, HV_EVENT_VMBUS_REFUSED), 1);
}

/* ---- GUIDs -------------------- */

static void guids_are_read_written_and_ordered_as_text(void **state)
{
	static const char heartbeat[] = "57164f39-9115-4e78-ab55-382f3bd5422d";
	static const char *const bad[] = {"", "57164f39", "57164f39-9115-4e78-ab55-382f3bd5422",
		"57164f39-9115-4e78-ab55-382f3bd5422d0", "57164f39_9115-4e78-ab55-382f3bd5422d",
		"g7164f39-9115-4e78-ab55-382f3bd5422d"};
	static const uint8_t bytes[] = {0x39, 0x4f, 0x16, 0x57, 0x15, 0x91, 0x78, 0x4e, 0xab, 0x55,
		0x38, 0x2f, 0x3b, 0xd5, 0x42, 0x2d};
	struct vmbus_guid guid, other;
	char text[GUID_TEXT_BYTES];

	assert_int_equal(guid_parse(heartbeat, &guid), 0);
	assert_memory_equal(&guid, bytes, sizeof(bytes));
	guid_format(&guid, text);
	assert_string_equal(text, heartbeat);
	assert_int_equal(guid_parse("57164F39-9115-4E78-AB55-382F3BD5422E", &other), 0);
	assert_true(guid_compare(&guid, &other) < 0);
	assert_int_equal(guid_compare(&guid, &guid), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(guid_parse(bad[i], &other), -EINVAL);
}

#define BUS_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BUS_TEST(every_known_version_is_accepted_and_no_other),
		BUS_TEST(from_5_0_on_the_answer_names_the_connection_to_post_to),
		BUS_TEST(the_answer_is_on_its_way_until_the_slot_has_it),
		BUS_TEST(a_contact_that_cannot_be_served_is_refused),
		BUS_TEST(messages_go_to_the_vp_that_the_guest_names),
		BUS_TEST(offers_come_once_in_a_stable_order),
		BUS_TEST(an_offer_carries_what_the_device_said),
		BUS_TEST(a_device_added_later_is_offered_at_once),
		BUS_TEST(two_devices_with_the_same_guids_are_refused),
		BUS_TEST(unload_lets_go_of_everything_and_is_always_answered),
		BUS_TEST(releasing_after_unload_is_too_late_and_no_offence),
		BUS_TEST(unload_waits_for_a_device_that_takes_its_time),
		BUS_TEST(a_second_contact_starts_anew),
		BUS_TEST(an_unknown_version_while_connected_lets_go_and_is_refused),
		BUS_TEST(contact_and_unload_while_disconnecting_wait_their_turn),
		BUS_TEST(channel_messages_without_a_connection_are_dropped),
		BUS_TEST(the_bus_is_announced_while_there_is_one),
		BUS_TEST(a_vm_reset_needs_no_unload),
		BUS_TEST(a_guest_that_does_not_read_may_not_post_for_ever),
		BUS_TEST(what_is_no_channel_message_is_refused_by_the_port),
		BUS_TEST(short_and_unknown_messages_are_counted_and_dropped),
		BUS_TEST(messages_of_a_later_version_are_illegal),
		BUS_TEST(reserved_channels_are_refused_politely),
		BUS_TEST(a_connect_that_nobody_takes_is_refused),
		BUS_TEST(open_and_close),
		BUS_TEST(a_device_that_refuses_leaves_the_channel_closed),
		BUS_TEST(an_open_whose_rings_cannot_be_is_refused),
		BUS_TEST(signals_pass_both_ways_while_open_and_not_after),
		BUS_TEST(a_guest_signal_before_the_device_has_started_is_not_lost),
		BUS_TEST(what_waits_in_a_ring_after_open_is_signalled_again),
		BUS_TEST(open_in_any_other_state_has_no_answer),
		BUS_TEST(close_where_nothing_is_open_is_illegal),
		BUS_TEST(open_while_closing_opens_again_afterwards),
		BUS_TEST(the_rings_gpadl_is_torn_down_when_the_device_has_stopped),
		BUS_TEST(a_removed_device_is_rescinded_and_freed_when_the_guest_lets_go),
		BUS_TEST(a_device_that_stops_late_is_freed_then),
		BUS_TEST(removal_while_opening_stops_the_device_that_started),
		BUS_TEST(an_offer_the_guest_never_saw_goes_without_a_word),
		BUS_TEST(a_relid_is_not_used_again_before_it_is_released),
		BUS_TEST(the_same_device_is_offered_again_only_after_the_release),
		BUS_TEST(a_guest_may_let_go_of_an_offer_unasked),
		BUS_TEST(releasing_an_open_channel_is_illegal),
		BUS_TEST(modify_moves_the_signals_to_another_vp),
		BUS_TEST(signals_leave_a_record_with_their_direction_and_channel),
		BUS_TEST(before_5_3_modify_has_no_answer),
		BUS_TEST(a_broken_ring_fails_its_channel_and_no_other),
		BUS_TEST(history_keeps_the_last_messages_with_their_verdicts),
		BUS_TEST(guids_are_read_written_and_ordered_as_text),
	};

	return cmocka_run_group_tests_name("vmbus", tests, NULL, NULL);
}
