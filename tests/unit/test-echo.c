/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The device echo and a guest that sends back what it gets, through rings and monitor page, or
 * breaks the rules. The guest sleeps until its event flag is set: a signal that is missing shows.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "echo_peer.h"
#include "seeds.h"
#include "vmbus/echo.h"
#include "vmbus/internal.h"
#include "vmbus_guest.h"
#include "vmm/event.h"

enum {
	RING_PAGES = 17,       /* as uio_hv_generic has them, each way */
	MONITOR_GPA = 0x80000, /* child to parent; the other one is before it */
	MANY = 1000000,
};
#define PATIENCE_NS (5 * NSEC_PER_SEC)

static struct vmbus_guest guest;
static struct echo *echo;
static uint32_t relid;
static uint8_t *pages[2 * RING_PAGES];
static struct echo_peer peer;
static bool asleep;

/* ---- the guest -------------------- */

static struct hv_monitor_page *monitor_page(void)
{
	return fake_vm_ram(guest.fake, MONITOR_GPA);
}

/* User space of the guest has nothing else. */
static void set_monitor_bit(void *arg)
{
	unsigned id = vmbus_channel_offer(echo->channel)->monitor_id;

	__atomic_fetch_or(&monitor_page()->group[id / 32].pending, 1u << id % 32, __ATOMIC_SEQ_CST);
}

/* The monitor's thread does nothing: each test says when a pass happens. */
static void connect_with_monitor_pages(void)
{
	const struct vmbus_initiate_contact contact = {
		.header.type = VMBUS_MSG_INITIATE_CONTACT,
		.version = VMBUS_VERSION_5_3,
		.sint = VMBUS_SINT,
		.monitor_page_p2c = MONITOR_GPA - VMBUS_PAGE_SIZE,
		.monitor_page_c2p = MONITOR_GPA,
	};
	uint32_t relids[4];

	guest.fake->vm.monitor.started = true;
	vmbus_guest_post(&guest, &contact, sizeof(contact));
	vmbus_guest_expect(&guest, VMBUS_MSG_VERSION_RESPONSE, NULL, 0);
	assert_true(vmbus_guest_request_offers(&guest, relids, 4) >= 1);
}

static void open_channel(void)
{
	struct vmbus_ring out, in;

	vmbus_guest_open(&guest, relid, 2 * RING_PAGES);
	vmbus_guest_rings(&guest, 2 * RING_PAGES, pages, &out, &in);
	memset(&peer, 0, sizeof(peer));
	assert_int_equal(echo_peer_init(&peer, pages, RING_PAGES, set_monitor_bit, NULL), 0);
	asleep = false;
}

static void add(const char *spec)
{
	char text[DEVICE_ERROR_BYTES];

	assert_int_equal(vmbus_device_add(guest.bus, spec, text), 0);
}

static int start(void **state)
{
	vmbus_guest_start(&guest);
	add("echo");
	echo = echo_after(guest.bus, 0);
	assert_non_null(echo);
	relid = vmbus_channel_relid(echo->channel);
	connect_with_monitor_pages();
	open_channel();
	return 0;
}

static int end(void **state)
{
	vmbus_devices_remove_all(guest.bus);
	guest.fake->vm.monitor.started = false;
	vmbus_guest_end(&guest);
	return 0;
}

/* What the monitor's thread and the main loop do. */
static void host_turns(void)
{
	monitor_service(&guest.fake->vm.monitor);
	fake_vm_run_loop(guest.fake);
}

/* Until both ends sleep, or the guest closes the channel. */
static void exchange(void)
{
	for (;;) {
		host_turns();
		if (vmbus_guest_signalled(&guest, 0, relid))
			asleep = false;
		if (asleep && (!peer.flooding || echo->state != ECHO_RUNNING))
			return;
		switch (echo_peer_turn(&peer)) {
		case ECHO_PEER_SLEEP:
			asleep = true;
			break;
		case ECHO_PEER_AGAIN:
			break;
		case ECHO_PEER_CLOSE:
			vmbus_guest_close(&guest, relid);
			return;
		}
	}
}

static int run(uint64_t count, uint32_t size, uint32_t window)
{
	const struct echo_run wanted = {count, size, window, PATIENCE_NS};
	uint32_t which;
	int r = echo_start(guest.bus, relid, &wanted, &which);

	if (r == 0)
		assert_int_equal(which, relid);
	return r;
}

static void pass(uint64_t ns)
{
	fake_vm_advance_ns(guest.fake, ns);
	echo_tick(echo);
	host_turns();
}

static void assert_whole(uint64_t count)
{
	assert_int_equal(echo->state, ECHO_IDLE);
	assert_int_equal(echo->outcome, ECHO_COMPLETE);
	assert_int_equal(echo->sent, count);
	assert_int_equal(echo->received, count);
	assert_int_equal(echo->lost + echo->corrupted + echo->duplicated, 0);
	assert_int_equal(echo->stray + echo->malformed, 0);
	assert_int_equal(echo->round_trips.count, count);
}

/* ---- the offer -------------------- */

static void the_offer_is_one_that_uio_hv_generic_takes(void **state)
{
	const struct vmbus_offer *offer = vmbus_channel_offer(echo->channel);
	const struct vmbus_guid class = VMBUS_ECHO_CLASS;

	assert_memory_equal(&offer->interface_type, &class, sizeof(class));
	assert_int_equal(offer->monitor_id, 0);
	assert_int_equal(offer->monitor_latency_100ns, 1000);
}

static void devices_get_monitors_and_instances_of_their_own(void **state)
{
	const struct vmbus_offer *first = vmbus_channel_offer(echo->channel), *second;

	add("echo,id=second,latency=250");
	second = vmbus_channel_offer(echo_after(guest.bus, relid)->channel);
	assert_int_equal(second->monitor_id, 1);
	assert_int_equal(second->monitor_latency_100ns, 2500);
	assert_memory_not_equal(
		&first->interface_instance, &second->interface_instance, sizeof(struct vmbus_guid));
}

static void options_that_make_no_sense_are_refused_by_name(void **state)
{
	static const struct {
		const char *spec, *said;
		int error;
	} rows[] = {
		{"echo,id=b,monitor=128", "monitor: '128' is not a number from 0 to 127", -EINVAL},
		{"echo,id=b,latency=99", "latency: '99' is not a number from 100 to 6500", -EINVAL},
		{"echo,id=b,latency=x", "latency: 'x' is not a number from 100 to 6500", -EINVAL},
		{"echo,id=b,monitor=0,instance=6563686f-0000-0000-0000-000000000000",
			"monitor: 0 is taken", -EBUSY},
		{"echo,id=b,class=1", "class: '1' is not a GUID", -EINVAL},
	};
	char text[DEVICE_ERROR_BYTES];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(vmbus_device_add(guest.bus, rows[i].spec, text), rows[i].error);
		assert_non_null(strstr(text, rows[i].said));
	}
}

/* The driver has them made before anybody opens: 31 MiB and 16 MiB, 283 and 146 bodies. */
static void the_buffers_of_uio_hv_generic_are_accepted(void **state)
{
	static const uint32_t sizes[] = {7936, 4096};
	static uint64_t pfns[7936];

	for (size_t i = 0; i < ARRAY_LEN(pfns); i++)
		pfns[i] = i % (FAKE_MEMORY_BYTES / VMBUS_PAGE_SIZE);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		vmbus_guest_map_gpadl(&guest, relid, pfns, sizes[i]);
	assert_int_equal(guest.bus->gpadl_pages, 7936 + 4096 + 2 * RING_PAGES);
}

/* ---- runs -------------------- */

static void a_million_packets_come_back(void **state)
{
	assert_int_equal(run(MANY, 64, 256), 0);
	exchange();
	assert_whole(MANY);
	assert_int_equal(peer.echoed, MANY);
	assert_int_equal(vmbus_channel_out(echo->channel)->control->pending_send_sz, 0);
}

/* Sizes that fit and that need padding, windows that fit into the ring and that do not. */
static void every_size_comes_back_in_every_window(void **state)
{
	static const uint32_t sizes[] = {24, 25, 31, 32, 100, 4096, 5001, VMBUS_ECHO_SIZE_MAX};
	static const uint32_t windows[] = {1, 2, 16, ECHO_WINDOW_MAX};

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		for (size_t j = 0; j < ARRAY_LEN(windows); j++) {
			assert_int_equal(run(5000, sizes[i], windows[j]), 0);
			exchange();
			assert_whole(5000);
		}
	}
	assert_int_equal(vmbus_channel_out(echo->channel)->control->pending_send_sz, 0);
}

static void no_more_packets_are_out_than_the_window_has(void **state)
{
	assert_int_equal(run(100, 64, 7), 0);
	host_turns();
	assert_int_equal(echo->sent, 7);
	exchange();
	assert_whole(100);
}

static void round_trips_are_measured(void **state)
{
	static const uint64_t times_ns[] = {100, 200, 300, 400, 50000};
	struct echo_info info;

	assert_int_equal(run(ARRAY_LEN(times_ns), 100, 1), 0);
	host_turns();
	for (size_t i = 0; i < ARRAY_LEN(times_ns); i++) {
		fake_vm_advance_ns(guest.fake, times_ns[i]);
		while (echo_peer_turn(&peer) == ECHO_PEER_AGAIN)
			;
		host_turns();
	}
	assert_whole(ARRAY_LEN(times_ns));
	echo_fill_info(echo, &info);
	assert_int_equal(info.round_trip_min_ns, 100);
	assert_in_range(info.round_trip_median_ns, 300, 300 + 300 / 32);
	assert_int_equal(info.round_trip_p99_ns, 50000);
	assert_int_equal(info.round_trip_max_ns, 50000);
	assert_int_equal(info.elapsed_ns, 51000);
	assert_int_equal(info.packets_per_second, 5 * NSEC_PER_SEC / 51000);
	assert_int_equal(info.bytes_per_second, 500 * NSEC_PER_SEC / 51000);
}

static void nothing_is_known_before_the_first_run(void **state)
{
	struct echo_info info;

	echo_fill_info(echo, &info);
	assert_int_equal(info.outcome, ECHO_NONE);
	assert_true(info.round_trip_median_ns == UINT64_MAX && info.elapsed_ns == UINT64_MAX);
}

static void what_cannot_be_run_is_refused(void **state)
{
	const struct echo_run wanted = {1, 64, 1, PATIENCE_NS};
	uint32_t which;

	assert_int_equal(echo_start(guest.bus, relid + 1, &wanted, &which), -ENOENT);
	assert_int_equal(run(10, 64, 1), 0);
	assert_int_equal(run(10, 64, 1), ECHO_E_BUSY);
	exchange();
	assert_whole(10);
	assert_int_equal(echo_start(guest.bus, 0, &wanted, &which), 0);
	assert_int_equal(which, relid);
	exchange();
	vmbus_guest_close(&guest, relid);
	assert_int_equal(run(10, 64, 1), ECHO_E_CLOSED);
	add("echo,id=second");
	assert_int_equal(echo_start(guest.bus, 0, &wanted, &which), ECHO_E_SEVERAL);
	assert_int_equal(echo_stop(guest.bus, 0, &which), ECHO_E_SEVERAL);
}

static void a_ring_that_never_holds_the_packet_is_no_ring_for_it(void **state)
{
	vmbus_guest_close(&guest, relid);
	vmbus_guest_open(&guest, relid, 4);
	assert_int_equal(run(1, 4096 - 24, 1), ECHO_E_SIZE);
	assert_int_equal(run(1, 4096 - 32, 1), 0);
}

static void a_run_that_is_stopped_has_its_result(void **state)
{
	uint32_t which;

	assert_int_equal(run(100, 64, 10), 0);
	host_turns();
	assert_int_equal(echo_stop(guest.bus, 0, &which), 0);
	assert_int_equal(echo->outcome, ECHO_STOPPED);
	assert_int_equal(echo->sent, 10);
	/* Their answers belong to no run. */
	exchange();
	assert_int_equal(echo->stray, 10);
	assert_int_equal(echo->received, 0);
	echo->stray = 0;
	assert_int_equal(run(100, 64, 10), 0);
	exchange();
	assert_whole(100);
	assert_int_equal(echo_stop(guest.bus, 0, &which), 0);
	assert_int_equal(echo->outcome, ECHO_COMPLETE);
}

/* A doctor would take it for a writer that waits. */
static void a_run_that_ends_waits_for_no_room(void **state)
{
	uint32_t which;

	assert_int_equal(run(100, VMBUS_ECHO_SIZE_MAX, 100), 0);
	host_turns();
	assert_true(vmbus_channel_out(echo->channel)->control->pending_send_sz != 0);
	assert_int_equal(echo_stop(guest.bus, 0, &which), 0);
	assert_int_equal(vmbus_channel_out(echo->channel)->control->pending_send_sz, 0);
}

static void beginning_and_end_are_recorded(void **state)
{
	unsigned before = fake_vm_recorded(guest.fake, HV_EVENT_ECHO);

	assert_int_equal(run(10, 64, 1), 0);
	exchange();
	assert_int_equal(fake_vm_recorded(guest.fake, HV_EVENT_ECHO), before + 2);
}

/* ---- the end of the channel -------------------- */

static void a_channel_that_closes_breaks_the_run(void **state)
{
	assert_int_equal(run(100, 64, 10), 0);
	host_turns();
	vmbus_guest_close(&guest, relid);
	assert_int_equal(echo->state, ECHO_CLOSED);
	assert_int_equal(echo->outcome, ECHO_BROKEN);
	echo_tick(echo);
	open_channel();
	assert_int_equal(run(100, 64, 10), 0);
	exchange();
	assert_whole(100);
}

/* As uio_hv_generic does: the same pages, of which it resets the indices. */
static void open_the_same_pages(void)
{
	struct vmbus_open_channel message = {
		.header.type = VMBUS_MSG_OPEN_CHANNEL,
		.child_relid = relid,
		.open_id = relid,
		.downstream_offset = RING_PAGES,
	};
	uint64_t pfns[2 * RING_PAGES];

	for (unsigned i = 0; i < ARRAY_LEN(pfns); i++)
		pfns[i] = guest.next_pfn - ARRAY_LEN(pfns) + i;
	for (unsigned i = 0; i < ARRAY_LEN(pfns); i += RING_PAGES) {
		struct vmbus_ring_control *control = (void *)vmbus_guest_page(&guest, pfns[i]);

		control->read_index = control->write_index = 0;
	}
	message.ring_gpadl = vmbus_guest_map_gpadl(&guest, relid, pfns, ARRAY_LEN(pfns));
	vmbus_guest_post(&guest, &message, sizeof(message));
	vmbus_guest_expect(&guest, VMBUS_MSG_OPEN_CHANNEL_RESULT, NULL, 0);
	memset(&peer, 0, sizeof(peer));
	assert_int_equal(echo_peer_init(&peer, pages, RING_PAGES, set_monitor_bit, NULL), 0);
	asleep = false;
}

static void a_mask_left_from_an_earlier_opening_is_taken_away(void **state)
{
	vmbus_guest_close(&guest, relid);
	peer.out.control->interrupt_mask = 1;
	open_the_same_pages();
	assert_int_equal(peer.out.control->interrupt_mask, 0);
	peer.ask.count = 100;
	peer.ask.size = 64;
	peer.ask.window = 1;
	exchange();
	assert_int_equal(peer.ask.received, 100);
}

static void removal_in_the_middle_of_a_run_is_the_end_of_it(void **state)
{
	assert_int_equal(run(100, 64, 10), 0);
	host_turns();
	assert_int_equal(vmbus_device_remove(guest.bus, "echo"), 0);
	vmbus_guest_expect(&guest, VMBUS_MSG_RESCIND_CHANNEL_OFFER, NULL, 0);
	echo_peer_turn(&peer);
	host_turns();
	assert_null(echo_after(guest.bus, 0));
	vmbus_guest_release(&guest, relid);
}

/* ---- the other direction -------------------- */

static void what_the_guest_asks_for_comes_back(void **state)
{
	static const uint32_t sizes[] = {24, 777, 16000};

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		peer.ask.count = 2000;
		peer.ask.size = sizes[i];
		peer.ask.window = 3;
		peer.ask.sent = peer.ask.received = 0;
		asleep = false;
		exchange();
		assert_int_equal(peer.ask.received, 2000);
		assert_int_equal(peer.ask.wrong, 0);
	}
	assert_int_equal(echo->echoed, 6000);
	assert_int_equal(echo->echoed_bytes, 2000 * (24 + 777 + 16000));
	assert_int_equal(echo->dropped, 0);
}

static void both_ask_at_once(void **state)
{
	peer.ask.count = 10000;
	peer.ask.size = 100;
	peer.ask.window = 50;
	assert_int_equal(run(10000, 200, 50), 0);
	exchange();
	assert_whole(10000);
	assert_int_equal(peer.ask.received, 10000);
}

/* It never reads, and asks for ever: neither end waits for the other. */
static void a_guest_that_does_not_read_loses_its_answers(void **state)
{
	peer.ask.count = 1000;
	peer.ask.size = 1000;
	peer.ask.window = 1000;
	for (unsigned i = 0; i < 1000; i++) {
		peer.ask.sent = 0;
		peer.in.index = peer.in.control->write_index; /* to it the ring is empty */
		echo_peer_turn(&peer);
		host_turns();
	}
	assert_int_equal(echo->channel->state, CHANNEL_OPEN);
	assert_true(echo->dropped > 0);
	assert_int_equal(vmbus_channel_out(echo->channel)->control->pending_send_sz, 0);
}

/* ---- answers that are none -------------------- */

static void send(enum vmbus_packet_type type, const struct vmbus_echo_header *header, size_t size)
{
	const struct iovec iov = {(void *)header, size};
	bool signal;

	assert_int_equal(ring_write(&peer.out, (uint16_t)type, 0, 0, &iov, 1, 0, &signal), 0);
	set_monitor_bit(NULL);
	host_turns();
}

static void packets_that_mean_nothing_are_counted(void **state)
{
	static const struct {
		enum vmbus_packet_type type;
		struct vmbus_echo_header header;
		size_t size;
	} rows[] = {
		{VMBUS_PACKET_COMPLETION, {VMBUS_ECHO_MAGIC, VMBUS_ECHO_REPLY, 24}, 24},
		{VMBUS_PACKET_DATA_INBAND, {VMBUS_ECHO_MAGIC, VMBUS_ECHO_REPLY, 24}, 16},
		{VMBUS_PACKET_DATA_INBAND, {VMBUS_ECHO_MAGIC, VMBUS_ECHO_REPLY, 25}, 24},
		{VMBUS_PACKET_DATA_INBAND, {VMBUS_ECHO_MAGIC, VMBUS_ECHO_REPLY, 16}, 24},
		{VMBUS_PACKET_DATA_INBAND, {VMBUS_ECHO_MAGIC, VMBUS_ECHO_REPLY, UINT32_MAX}, 24},
		{VMBUS_PACKET_DATA_INBAND, {VMBUS_ECHO_MAGIC, 3, 24}, 24},
		{VMBUS_PACKET_DATA_INBAND, {VMBUS_ECHO_MAGIC, 0, 24}, 24},
		{VMBUS_PACKET_DATA_INBAND, {VMBUS_ECHO_MAGIC + 1, VMBUS_ECHO_REQUEST, 24}, 24},
	};

	assert_int_equal(run(10, 24, 1), 0);
	host_turns();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		send(rows[i].type, &rows[i].header, rows[i].size);
		assert_int_equal(echo->malformed, i + 1);
	}
	echo->malformed = 0;
	exchange();
	assert_whole(10);
}

static void answers_to_what_was_not_sent_are_strays(void **state)
{
	struct vmbus_echo_header header = {
		.magic = VMBUS_ECHO_MAGIC, .kind = VMBUS_ECHO_REPLY, .size = 24};

	send(VMBUS_PACKET_DATA_INBAND, &header, sizeof(header));
	assert_int_equal(run(10, 24, 2), 0);
	host_turns();
	send(VMBUS_PACKET_DATA_INBAND, &header, sizeof(header)); /* of run 0 */
	header.run = 1;
	header.sequence = 2;
	send(VMBUS_PACKET_DATA_INBAND, &header, sizeof(header));
	header.sequence = UINT64_MAX;
	send(VMBUS_PACKET_DATA_INBAND, &header, sizeof(header));
	assert_int_equal(echo->stray, 4);
	assert_int_equal(echo->received, 0);
}

static void a_packet_in_anothers_place_is_corrupt(void **state)
{
	struct vmbus_echo_header header = {
		.magic = VMBUS_ECHO_MAGIC, .kind = VMBUS_ECHO_REPLY, .run = 1};
	uint8_t first[40], second[40];
	bool signal;
	struct ring_packet packet;

	assert_int_equal(run(2, 40, 2), 0);
	host_turns();
	assert_int_equal(ring_peek(&peer.in, first, sizeof(first), &packet), 0);
	assert_int_equal(ring_consume(&peer.in, &signal), 0);
	assert_int_equal(ring_peek(&peer.in, second, sizeof(second), &packet), 0);
	assert_int_equal(ring_consume(&peer.in, &signal), 0);
	assert_memory_not_equal(first + sizeof(header), second + sizeof(header), 16);
	memcpy(&header, first, sizeof(header));
	header.kind = VMBUS_ECHO_REPLY;
	memcpy(second, &header, sizeof(header));
	send(VMBUS_PACKET_DATA_INBAND, (const void *)second, sizeof(second));
	assert_int_equal(echo->corrupted, 1);
	assert_int_equal(echo->received, 0);
	assert_true(echo->problem[0] != '\0');
}

/* ---- time -------------------- */

static void a_guest_that_answers_nothing_ends_the_run(void **state)
{
	assert_int_equal(run(100, 64, 10), 0);
	host_turns();
	pass(PATIENCE_NS - 1);
	assert_int_equal(echo->state, ECHO_RUNNING);
	pass(1);
	assert_int_equal(echo->outcome, ECHO_STALLED);
	assert_int_equal(echo->sent, 10);
	assert_int_equal(echo->lost, 10);
	assert_int_equal(echo->received, 0);
	assert_true(echo->problem[0] != '\0');
}

static void one_that_never_came_back_is_lost_and_the_rest_goes_on(void **state)
{
	peer.how = MISBEHAVES_DROP;
	peer.after = 3;
	assert_int_equal(run(100, 64, 10), 0);
	exchange();
	assert_int_equal(echo->settled, 3);
	assert_int_equal(echo->sent, 13);
	assert_int_equal(echo->received, 12);
	/* The others came, as far as the window went. */
	pass(PATIENCE_NS - 1);
	assert_int_equal(echo->lost, 0);
	pass(1);
	assert_int_equal(echo->lost, 1);
	exchange();
	assert_int_equal(echo->outcome, ECHO_COMPLETE);
	assert_int_equal(echo->received, 99);
	assert_int_equal(echo->lost, 1);
}

/* Looking into the ring all the same would only hide what is wrong. */
static void answers_that_nobody_signals_do_not_count(void **state)
{
	uint64_t received;

	peer.how = MISBEHAVES_NO_SIGNAL;
	peer.after = 50;
	assert_int_equal(run(200, 64, 10), 0);
	exchange();
	received = echo->received;
	assert_true(received < 200);
	/* Those that are out were sent before the last answer came. */
	echo->heard_ns += 1000;
	pass(PATIENCE_NS);
	assert_int_equal(echo->state, ECHO_RUNNING);
	pass(1000);
	assert_int_equal(echo->outcome, ECHO_STALLED);
	assert_int_equal(echo->received, received);
	assert_int_equal(echo->lost, 10);
}

/* ---- misbehaviour -------------------- */

/* What each comes to: tests/unit/echo_peer.h says what it is. */
struct consequence {
	enum echo_outcome outcome; /* of a run of 200 packets, after its patience */
	uint64_t lost, corrupted, duplicated, malformed;
};

static const struct consequence consequences[MISBEHAVIOURS_END] = {
	[MISBEHAVES_MASK] = {ECHO_STALLED, .lost = 10},
	[MISBEHAVES_FREEZE] = {ECHO_STALLED, .lost = 10},
	[MISBEHAVES_NO_SIGNAL] = {ECHO_STALLED, .lost = 10},
	[MISBEHAVES_FLOOD_SIGNAL] = {ECHO_COMPLETE},
	[MISBEHAVES_PENDING] = {ECHO_COMPLETE},
	[MISBEHAVES_HOST_INDEX] = {ECHO_COMPLETE},
	[MISBEHAVES_CORRUPT] = {ECHO_COMPLETE, .corrupted = 1},
	[MISBEHAVES_DUPLICATE] = {ECHO_COMPLETE, .duplicated = 1},
	[MISBEHAVES_DROP] = {ECHO_COMPLETE, .lost = 1},
	[MISBEHAVES_NONSENSE] = {ECHO_COMPLETE, .malformed = 1},
	[MISBEHAVES_CLOSE] = {ECHO_BROKEN},
	[MISBEHAVES_BAD_INDEX] = {ECHO_BROKEN},
	[MISBEHAVES_UNALIGNED] = {ECHO_BROKEN},
	[MISBEHAVES_BAD_READ_INDEX] = {ECHO_BROKEN},
	[MISBEHAVES_BAD_PACKET] = {ECHO_BROKEN},
	[MISBEHAVES_BAD_SIZE] = {ECHO_BROKEN},
	[MISBEHAVES_LARGE] = {ECHO_BROKEN},
};

static void misbehave(enum misbehaviour how)
{
	const struct consequence *want = &consequences[how];
	bool fails = misbehaviour_desc[how].fails;

	peer.how = how;
	peer.after = 50;
	assert_int_equal(run(200, 64, 10), 0);
	exchange();
	pass(PATIENCE_NS);
	exchange();
	assert_true(peer.begun);
	assert_int_equal(echo->outcome, want->outcome);
	assert_int_equal(echo->lost, want->lost);
	assert_int_equal(echo->corrupted, want->corrupted);
	assert_int_equal(echo->duplicated, want->duplicated);
	assert_int_equal(echo->malformed, want->malformed);
	assert_int_equal(echo->channel->state, fails                     ? CHANNEL_FAILED
					       : how == MISBEHAVES_CLOSE ? CHANNEL_CLOSED
									 : CHANNEL_OPEN);
	assert_int_equal(echo->channel->failure[0] != '\0', fails);
}

/* The rest of the bus goes on, and so does the channel once the guest opens it anew. */
static void no_misbehaviour_harms_more_than_its_channel(void **state)
{
	for (unsigned how = BEHAVES + 1; how < MISBEHAVIOURS_END; how++) {
		start(state);
		print_message("%s\n", misbehaviour_desc[how].name);
		misbehave((enum misbehaviour)how);
		if (how != MISBEHAVES_CLOSE)
			vmbus_guest_close(&guest, relid);
		assert_int_equal(echo->state, ECHO_CLOSED);
		open_channel();
		echo->malformed = 0;
		assert_int_equal(run(1000, 64, 10), 0);
		exchange();
		assert_whole(1000);
		end(state);
	}
}

static unsigned next_random(unsigned *state)
{
	*state = *state * 1103515245 + 12345;
	return *state >> 8;
}

/* A word of a control page, or of the data that the host is about to read. */
static void scribble(unsigned *random)
{
	static const uint32_t words[] = {0, 1, 8, 24, 4095, 65528, 65535, 65536, UINT32_MAX};
	uint32_t *page = (void *)pages[next_random(random) % 2 * RING_PAGES];
	uint32_t value = words[next_random(random) % ARRAY_LEN(words)];

	if (next_random(random) % 4 == 0) {
		page = (void *)pages[1 + peer.out.index / VMBUS_PAGE_SIZE % (RING_PAGES - 1)];
		value = next_random(random);
	}
	page[next_random(random) % 4] = value;
}

/* The guest and somebody who writes into its rings, at random. */
static void whatever_stands_in_the_rings(unsigned seed)
{
	unsigned random = seed;
	uint32_t which;

	for (unsigned i = 0; i < 200; i++) {
		if (next_random(&random) % 8 == 0)
			scribble(&random);
		if (echo->channel->state == CHANNEL_OPEN && echo->state == ECHO_IDLE)
			assert_int_equal(run(50, 24 + next_random(&random) % 200, 8), 0);
		if (echo_peer_turn(&peer) == ECHO_PEER_SLEEP)
			set_monitor_bit(NULL);
		host_turns();
	}
	if (echo->state == ECHO_RUNNING)
		assert_int_equal(echo_stop(guest.bus, 0, &which), 0);
	vmbus_guest_close(&guest, relid);
	assert_int_equal(echo->state, ECHO_CLOSED);
	guest.next_pfn = GUEST_GPADL_PFN;
	open_channel();
	assert_int_equal(run(100, 64, 10), 0);
	exchange();
	if (echo->received != 100)
		fail_msg("the channel does not work any more, HVD_SEED=%u", seed);
}

static void nothing_in_the_rings_harms_the_host(void **state)
{
	for_each_seed(whatever_stands_in_the_rings, 200, 20);
}

/* As after `hvctl channels unstick`. */
static void a_masked_guest_that_is_woken_goes_on(void **state)
{
	peer.how = MISBEHAVES_MASK;
	peer.after = 50;
	assert_int_equal(run(200, 64, 10), 0);
	exchange();
	assert_int_equal(echo->state, ECHO_RUNNING);
	assert_int_equal(peer.in.control->interrupt_mask, 1);
	vmbus_channel_signal(echo->channel);
	exchange();
	assert_whole(200);
}

/* Signals that nobody needs are taken as one each pass of the monitor. */
static void a_flood_of_signals_is_counted_and_costs_no_packet(void **state)
{
	uint64_t before = echo->channel->signals_in;

	for (unsigned i = 0; i < 1000; i++) {
		set_monitor_bit(NULL);
		host_turns();
	}
	assert_int_equal(echo->channel->signals_in, before + 1000);
	assert_int_equal(vmbus_channel_in(echo->channel)->packets, 0);
}

/* ---- the monitor page -------------------- */

static void the_monitor_page_says_what_is_served(void **state)
{
	const struct hv_monitor_page *page = monitor_page();

	assert_int_equal(page->trigger_state, 1);
	assert_int_equal(page->parameter[0][0].connection_id, 0x2000 + relid);
	assert_int_equal(page->latency[0][0], 1000);
	vmbus_guest_close(&guest, relid);
	assert_int_equal(page->trigger_state, 0);
}

static bool contact(uint64_t p2c, uint64_t c2p)
{
	const struct vmbus_initiate_contact message = {
		.header.type = VMBUS_MSG_INITIATE_CONTACT,
		.version = VMBUS_VERSION_5_3,
		.sint = VMBUS_SINT,
		.monitor_page_p2c = p2c,
		.monitor_page_c2p = c2p,
	};
	struct vmbus_version_response response;

	vmbus_guest_post(&guest, &message, sizeof(message));
	vmbus_guest_expect(&guest, VMBUS_MSG_VERSION_RESPONSE, &response, sizeof(response));
	return response.supported;
}

static void monitor_pages_must_be_pages_of_ram_both_or_none(void **state)
{
	const uint64_t good = MONITOR_GPA, beyond = FAKE_MEMORY_BYTES;

	assert_false(contact(good, 0));
	assert_false(contact(0, good));
	assert_false(contact(good, good + 8));
	assert_false(contact(good + 8, good));
	assert_false(contact(good, beyond));
	assert_false(contact(beyond, good));
	assert_false(contact(UINT64_MAX - 4095, good));
	assert_true(contact(0, 0));
	assert_true(contact(good, good + VMBUS_PAGE_SIZE));
}

#define ECHO_TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ECHO_TEST(the_offer_is_one_that_uio_hv_generic_takes),
		ECHO_TEST(devices_get_monitors_and_instances_of_their_own),
		ECHO_TEST(options_that_make_no_sense_are_refused_by_name),
		ECHO_TEST(the_buffers_of_uio_hv_generic_are_accepted),
		ECHO_TEST(a_million_packets_come_back),
		ECHO_TEST(every_size_comes_back_in_every_window),
		ECHO_TEST(no_more_packets_are_out_than_the_window_has),
		ECHO_TEST(round_trips_are_measured),
		ECHO_TEST(nothing_is_known_before_the_first_run),
		ECHO_TEST(what_cannot_be_run_is_refused),
		ECHO_TEST(a_ring_that_never_holds_the_packet_is_no_ring_for_it),
		ECHO_TEST(a_run_that_is_stopped_has_its_result),
		ECHO_TEST(a_run_that_ends_waits_for_no_room),
		ECHO_TEST(beginning_and_end_are_recorded),
		ECHO_TEST(a_channel_that_closes_breaks_the_run),
		ECHO_TEST(a_mask_left_from_an_earlier_opening_is_taken_away),
		ECHO_TEST(removal_in_the_middle_of_a_run_is_the_end_of_it),
		ECHO_TEST(what_the_guest_asks_for_comes_back),
		ECHO_TEST(both_ask_at_once),
		ECHO_TEST(a_guest_that_does_not_read_loses_its_answers),
		ECHO_TEST(packets_that_mean_nothing_are_counted),
		ECHO_TEST(answers_to_what_was_not_sent_are_strays),
		ECHO_TEST(a_packet_in_anothers_place_is_corrupt),
		ECHO_TEST(a_guest_that_answers_nothing_ends_the_run),
		ECHO_TEST(one_that_never_came_back_is_lost_and_the_rest_goes_on),
		ECHO_TEST(answers_that_nobody_signals_do_not_count),
		cmocka_unit_test(no_misbehaviour_harms_more_than_its_channel),
		ECHO_TEST(nothing_in_the_rings_harms_the_host),
		ECHO_TEST(a_masked_guest_that_is_woken_goes_on),
		ECHO_TEST(a_flood_of_signals_is_counted_and_costs_no_packet),
		ECHO_TEST(the_monitor_page_says_what_is_served),
		ECHO_TEST(monitor_pages_must_be_pages_of_ram_both_or_none),
	};

	return cmocka_run_group_tests_name("echo", tests, NULL, NULL);
}
