/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Integration components against a scripted hv_utils: what is sent, and what is believed. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "vmbus/ic.h"
#include "vmbus/internal.h"
#include "vmbus_guest.h"
#include "vmm/event.h"

enum { RING_PAGES = 8, BODY_ROOM = 3000 };

/* A packet as the guest has it: what it got, and what it answers. */
struct packet {
	uint64_t transaction_id;
	size_t size; /* of header and body */
	struct ic_header header;
	uint8_t body[BODY_ROOM];
} __attribute__((packed));

static struct vmbus_guest guest;
static struct ic *ic;
static uint32_t relid;
static uint8_t *pages[RING_PAGES];
static struct vmbus_ring to_host, from_host;

/* What became of a request. */
static struct {
	unsigned count;
	struct ic_answer answer;
} told;

static void on_told(void *arg, const struct ic_answer *answer)
{
	told.count++;
	told.answer = *answer;
}

/* ---- the guest -------------------- */

static void open_channel(void)
{
	vmbus_guest_open(&guest, relid, RING_PAGES);
	vmbus_guest_rings(&guest, RING_PAGES, pages, &to_host, &from_host);
}

static void start(enum ic_component component)
{
	char text[DEVICE_ERROR_BYTES];
	uint32_t relids[2];

	vmbus_guest_start(&guest);
	assert_int_equal(
		vmbus_device_add(guest.bus, ic_components[component]->kind->name, text), 0);
	ic = ic_find(guest.bus, component);
	assert_non_null(ic);
	relid = vmbus_channel_relid(ic->channel);
	assert_int_equal(vmbus_guest_connect(&guest, relids, 2), 1);
	assert_int_equal(relids[0], relid);
	open_channel();
	memset(&told, 0, sizeof(told));
}

static int start_heartbeat(void **state)
{
	start(IC_COMPONENT_HEARTBEAT);
	return 0;
}

static int start_timesync(void **state)
{
	start(IC_COMPONENT_TIMESYNC);
	return 0;
}

static int start_shutdown(void **state)
{
	start(IC_COMPONENT_SHUTDOWN);
	return 0;
}

static int end(void **state)
{
	vmbus_devices_remove_all(guest.bus);
	vmbus_guest_end(&guest);
	return 0;
}

static void expect_silence(void)
{
	struct ring_packet packet;
	uint8_t buffer[8];

	assert_int_equal(ring_peek(&from_host, buffer, sizeof(buffer), &packet), -EAGAIN);
}

/* The next packet of the host; what every one of them must be is checked here. */
static struct packet take(enum ic_message_type type)
{
	struct packet packet = {0};
	struct ring_packet ring;
	bool signal;

	assert_int_equal(ring_peek(&from_host, &packet.header,
				 sizeof(packet.header) + sizeof(packet.body), &ring),
		0);
	assert_int_equal(ring_consume(&from_host, &signal), 0);
	assert_int_equal(ring.type, VMBUS_PACKET_DATA_INBAND);
	packet.transaction_id = ring.transaction_id;
	packet.size = 8 + packet.header.pipe_size;
	assert_int_equal((packet.size + 7) / 8 * 8, ring.payload_bytes);
	assert_int_equal(packet.header.pipe_flags, 1);
	assert_int_equal(packet.header.type, type);
	assert_int_equal(packet.header.body_size, packet.size - sizeof(packet.header));
	assert_int_equal(packet.header.status, 0);
	assert_int_equal(packet.header.flags, 3);
	return packet;
}

static void put_only(const struct packet *packet)
{
	const struct iovec iov = {(void *)&packet->header, packet->size};
	bool signal;

	assert_int_equal(ring_write(&to_host, VMBUS_PACKET_DATA_INBAND, 0, packet->transaction_id,
				 &iov, 1, 0, &signal),
		0);
}

static void put(const struct packet *packet)
{
	put_only(packet);
	vmbus_guest_signal(&guest, relid);
}

static void answer(struct packet *packet)
{
	packet->header.flags = IC_FLAG_TRANSACTION | IC_FLAG_RESPONSE;
	put(packet);
}

/* As Linux does: in the packet that came, whose body size it sets to 16. */
static void answer_versions(struct packet *packet, unsigned count, struct ic_version framework,
	struct ic_version message)
{
	const struct ic_negotiate counts = {
		.framework_count = (uint16_t)count,
		.message_count = (uint16_t)count,
	};

	memcpy(packet->body, &counts, sizeof(counts));
	memcpy(packet->body + 8, &framework, sizeof(framework));
	memcpy(packet->body + 12, &message, sizeof(message));
	packet->header.body_size = 16;
	answer(packet);
}

static void first_look(void)
{
	channel_recheck(ic->channel);
}

static void negotiate(uint16_t major, uint16_t minor)
{
	struct packet packet;

	first_look();
	packet = take(IC_NEGOTIATE);
	answer_versions(&packet, 1, (struct ic_version){3, 0}, (struct ic_version){major, minor});
	assert_int_equal(ic->state, IC_READY);
}

static void pass(uint64_t ns)
{
	fake_vm_advance_ns(guest.fake, ns);
	ic_tick(ic);
}

static void answer_heartbeat(struct packet *packet)
{
	struct ic_heartbeat heartbeat;

	memcpy(&heartbeat, packet->body, sizeof(heartbeat));
	heartbeat.sequence++;
	memcpy(packet->body, &heartbeat, sizeof(heartbeat));
	answer(packet);
}

static int ask(unsigned request, bool force)
{
	const struct ic_call call = {.request = request, .force = force};

	return ic_request(guest.bus, ic->component, &call, on_told, NULL);
}

/* ---- negotiation -------------------- */

static void nothing_is_said_before_the_first_look_after_open(void **state)
{
	expect_silence();
	assert_int_equal(ic->state, IC_WAITING);
	assert_int_equal(ic->contact, IC_NO_HANDSHAKE);
	first_look();
	assert_int_equal(ic->state, IC_NEGOTIATING);
	assert_true(vmbus_guest_signalled(&guest, 0, relid));
	take(IC_NEGOTIATE);
	first_look();
	expect_silence();
}

static void versions_are_offered_ascending_the_framework_first(void **state)
{
	static const uint8_t body[] = {2, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 3, 0, 0, 0};
	const struct ic_version none = {0, 0};
	struct packet packet;

	first_look();
	packet = take(IC_NEGOTIATE);
	assert_int_equal(packet.size, 28 + sizeof(body));
	assert_memory_equal(packet.body, body, sizeof(body));
	assert_memory_equal(&packet.header.framework, &none, sizeof(none));
	assert_memory_equal(&packet.header.message, &none, sizeof(none));
}

static void the_versions_chosen_are_kept_and_used(void **state)
{
	struct packet packet;

	negotiate(3, 0);
	assert_int_equal(ic->contact, IC_CONTACT_OK);
	packet = take(IC_HEARTBEAT);
	assert_int_equal(packet.header.framework.major, 3);
	assert_int_equal(packet.header.message.major, 3);
	assert_int_equal(packet.size, 68);
	assert_true(fake_vm_recorded(guest.fake, HV_EVENT_IC) >= 3);
}

static void no_version_in_common_fails_the_component(void **state)
{
	struct packet packet;

	first_look();
	packet = take(IC_NEGOTIATE);
	answer_versions(&packet, 0, (struct ic_version){0, 0}, (struct ic_version){0, 0});
	assert_int_equal(ic->state, IC_FAILED);
	assert_int_equal(ic->contact, IC_NO_HANDSHAKE);
	assert_non_null(strstr(ic->problem, "none of the offered versions"));
	assert_int_equal(ic->malformed, 0);
	pass(10 * NSEC_PER_SEC);
	expect_silence();
}

static void versions_that_were_not_offered_fail_the_component(void **state)
{
	struct packet packet;

	first_look();
	packet = take(IC_NEGOTIATE);
	answer_versions(&packet, 1, (struct ic_version){3, 0}, (struct ic_version){9, 9});
	assert_int_equal(ic->state, IC_FAILED);
	assert_non_null(strstr(ic->problem, "9.9"));
}

static void a_choice_that_is_none_fails_the_component(void **state)
{
	struct packet packet;

	first_look();
	packet = take(IC_NEGOTIATE);
	answer_versions(&packet, 100, (struct ic_version){3, 0}, (struct ic_version){3, 0});
	assert_int_equal(ic->state, IC_FAILED);
	assert_int_equal(ic->malformed, 1);
}

static void a_choice_that_is_cut_short_fails_the_component(void **state)
{
	struct packet packet;

	first_look();
	packet = take(IC_NEGOTIATE);
	packet.body[0] = packet.body[2] = 1;
	packet.header.body_size = 12;
	answer(&packet);
	assert_int_equal(ic->state, IC_FAILED);
	assert_int_equal(ic->malformed, 1);
}

/* ---- heartbeat -------------------- */

static void a_heartbeat_goes_out_every_two_seconds(void **state)
{
	negotiate(3, 0);
	for (unsigned i = 1; i <= 3; i++) {
		struct packet packet = take(IC_HEARTBEAT);
		struct ic_heartbeat heartbeat;

		memcpy(&heartbeat, packet.body, sizeof(heartbeat));
		assert_int_equal(heartbeat.sequence, i);
		pass(NSEC_PER_MSEC);
		answer_heartbeat(&packet);
		assert_int_equal(ic->responses, i);
		assert_int_equal(ic->last_latency_ns, NSEC_PER_MSEC);
		pass(1998 * NSEC_PER_MSEC);
		expect_silence();
		pass(NSEC_PER_MSEC);
	}
	assert_int_equal(ic->requests, 4);
	assert_int_equal(ic->contact, IC_CONTACT_OK);
	assert_int_equal(ic->malformed + ic->stray + ic->lost, 0);
}

static void no_answer_within_two_periods_is_lost_communication(void **state)
{
	struct packet packet;

	negotiate(3, 0);
	pass(4 * NSEC_PER_SEC - 1);
	assert_int_equal(ic->contact, IC_CONTACT_OK);
	pass(1);
	assert_int_equal(ic->contact, IC_LOST_COMMUNICATION);
	assert_int_equal(ic->lost, 1);
	/* However long it sleeps, one packet waits. */
	for (unsigned i = 0; i < 10; i++)
		pass(2 * NSEC_PER_SEC);
	packet = take(IC_HEARTBEAT);
	expect_silence();
	assert_int_equal(ic->requests, 1);
	/* Late, but alive. */
	answer_heartbeat(&packet);
	assert_int_equal(ic->contact, IC_CONTACT_OK);
	assert_int_equal(ic->late, 1);
	assert_int_equal(ic->responses, 1);
	/* And on it goes. */
	pass(2 * NSEC_PER_SEC);
	packet = take(IC_HEARTBEAT);
	answer_heartbeat(&packet);
	assert_int_equal(ic->responses, 2);
}

static void a_guest_that_reads_and_does_not_answer_is_asked_again(void **state)
{
	struct packet first, second;

	negotiate(3, 0);
	first = take(IC_HEARTBEAT);
	pass(4 * NSEC_PER_SEC);
	second = take(IC_HEARTBEAT);
	assert_true(second.transaction_id != first.transaction_id);
	/* The older answer belongs to nothing any more. */
	answer_heartbeat(&first);
	assert_int_equal(ic->stray, 1);
	assert_int_equal(ic->contact, IC_LOST_COMMUNICATION);
	answer_heartbeat(&second);
	assert_int_equal(ic->contact, IC_CONTACT_OK);
}

/* ---- what is no answer -------------------- */

/* One thing that is wrong with an answer. */
typedef void (*damage_fn)(struct packet *packet);

static void cut_header(struct packet *packet)
{
	packet->size = 16;
}

static void no_data(struct packet *packet)
{
	packet->header.pipe_flags = 2;
}

static void too_much_said(struct packet *packet)
{
	packet->header.pipe_size = UINT32_MAX;
}

static void too_little_said(struct packet *packet)
{
	packet->header.pipe_size = 19;
}

static void body_beyond_the_end(struct packet *packet)
{
	packet->header.body_size = UINT16_MAX;
}

static void a_request(struct packet *packet)
{
	packet->header.flags = IC_FLAG_TRANSACTION | IC_FLAG_REQUEST;
}

static void body_too_short(struct packet *packet)
{
	packet->header.body_size = 8;
}

static void wrong_number(struct packet *packet)
{
	packet->body[0] += 7;
}

static void other_transaction(struct packet *packet)
{
	packet->header.transaction++;
}

static void other_packet(struct packet *packet)
{
	packet->transaction_id++;
}

static void other_type(struct packet *packet)
{
	packet->header.type = IC_KVP;
}

static void what_is_no_answer_is_counted_and_changes_nothing(void **state)
{
	static const struct {
		damage_fn damage;
		bool stray;
	} rows[] = {
		{cut_header, false},
		{no_data, false},
		{too_much_said, false},
		{too_little_said, false},
		{body_beyond_the_end, false},
		{a_request, false},
		{body_too_short, false},
		{wrong_number, false},
		{other_transaction, true},
		{other_packet, true},
		{other_type, true},
	};

	negotiate(3, 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct packet packet = take(IC_HEARTBEAT);
		uint64_t malformed = ic->malformed, stray = ic->stray;

		packet.header.flags = IC_FLAG_TRANSACTION | IC_FLAG_RESPONSE;
		packet.body[0]++;
		rows[i].damage(&packet);
		put(&packet);
		assert_int_equal(ic->malformed, malformed + !rows[i].stray);
		assert_int_equal(ic->stray, stray + rows[i].stray);
		assert_true(ic->problem[0] != '\0');
		assert_int_equal(ic->state, IC_READY);
		assert_int_equal(ic->responses, 0);
		pass(4 * NSEC_PER_SEC);
	}
}

static void an_answer_comes_once(void **state)
{
	struct packet packet;

	negotiate(3, 0);
	packet = take(IC_HEARTBEAT);
	answer_heartbeat(&packet);
	answer(&packet);
	assert_int_equal(ic->responses, 1);
	assert_int_equal(ic->stray, 1);
}

static void completions_and_other_packets_are_no_answers(void **state)
{
	const uint64_t payload = 0;
	const struct iovec iov = {(void *)&payload, sizeof(payload)};
	bool signal;

	negotiate(3, 0);
	assert_int_equal(
		ring_write(&to_host, VMBUS_PACKET_COMPLETION, 0, 1, &iov, 1, 0, &signal), 0);
	vmbus_guest_signal(&guest, relid);
	assert_int_equal(ic->malformed, 1);
}

/* More than are taken at once, and each of them is. */
static void a_flood_is_drained_and_counted(void **state)
{
	struct packet packet;

	negotiate(3, 0);
	packet = take(IC_HEARTBEAT);
	packet.size = 16;
	for (unsigned i = 0; i < 200; i++)
		put_only(&packet);
	vmbus_guest_signal(&guest, relid);
	assert_int_equal(ic->malformed, 200);
	assert_int_equal(ic->channel->state, CHANNEL_OPEN);
}

static void a_packet_that_no_answer_can_be_fails_the_channel(void **state)
{
	static uint8_t large[5000];
	const struct iovec iov = {large, sizeof(large)};
	bool signal;

	negotiate(3, 0);
	assert_int_equal(
		ring_write(&to_host, VMBUS_PACKET_DATA_INBAND, 0, 1, &iov, 1, 0, &signal), 0);
	vmbus_guest_signal(&guest, relid);
	assert_int_equal(ic->channel->state, CHANNEL_FAILED);
	assert_int_equal(ic->state, IC_CLOSED);
	assert_true(ic->problem[0] != '\0');
}

static void a_broken_ring_fails_the_channel(void **state)
{
	negotiate(3, 0);
	to_host.control->write_index = 5;
	vmbus_guest_signal(&guest, relid);
	assert_int_equal(ic->channel->state, CHANNEL_FAILED);
	assert_int_equal(ic->state, IC_CLOSED);
}

/* ---- requests -------------------- */

static void a_ping_waits_for_what_is_out_and_then_for_its_answer(void **state)
{
	struct packet packet;

	negotiate(3, 0);
	packet = take(IC_HEARTBEAT);
	assert_int_equal(ask(0, false), 0);
	expect_silence();
	assert_int_equal(ask(0, false), IC_E_BUSY);
	answer_heartbeat(&packet);
	assert_int_equal(told.count, 0);
	packet = take(IC_HEARTBEAT);
	pass(3 * NSEC_PER_MSEC);
	answer_heartbeat(&packet);
	assert_int_equal(told.count, 1);
	assert_int_equal(told.answer.outcome, IC_ANSWERED);
	assert_int_equal(told.answer.latency_ns, 3 * NSEC_PER_MSEC);
}

static void a_request_needs_a_negotiated_version(void **state)
{
	assert_int_equal(ask(0, false), IC_E_NOT_READY);
	vmbus_guest_close(&guest, relid);
	assert_int_equal(ask(0, false), IC_E_NOT_READY);
	assert_int_equal(vmbus_device_remove(guest.bus, "heartbeat"), 0);
	assert_int_equal(
		ic_request(guest.bus, IC_COMPONENT_HEARTBEAT, &(struct ic_call){0}, on_told, NULL),
		-ENOENT);
	assert_int_equal(told.count, 0);
}

static void who_asks_a_silent_guest_is_told_so(void **state)
{
	negotiate(3, 0);
	assert_int_equal(ask(0, false), 0);
	pass(4 * NSEC_PER_SEC);
	assert_int_equal(told.count, 1);
	assert_int_equal(told.answer.outcome, IC_LOST);
	assert_int_equal(ask(0, false), IC_E_BEHIND);
	/* It reads, and keeps silent. */
	take(IC_HEARTBEAT);
	assert_int_equal(ask(0, false), 0);
	pass(4 * NSEC_PER_SEC);
	assert_int_equal(told.count, 2);
	assert_int_equal(told.answer.outcome, IC_LOST);
}

static void who_asks_is_told_of_refusals_and_nonsense(void **state)
{
	struct packet packet;

	negotiate(3, 0);
	packet = take(IC_HEARTBEAT);
	answer_heartbeat(&packet);
	assert_int_equal(ask(0, false), 0);
	packet = take(IC_HEARTBEAT);
	packet.header.status = IC_STATUS_FAIL;
	answer_heartbeat(&packet);
	assert_int_equal(told.answer.outcome, IC_REFUSED);
	assert_int_equal(told.answer.status, IC_STATUS_FAIL);
	assert_int_equal(ic->refused, 1);
	assert_int_equal(ask(0, false), 0);
	packet = take(IC_HEARTBEAT);
	answer(&packet);
	assert_int_equal(told.answer.outcome, IC_BAD_ANSWER);
	assert_int_equal(told.count, 2);
}

/* ---- the channel comes and goes -------------------- */

static void open_after_close_negotiates_anew(void **state)
{
	negotiate(3, 0);
	take(IC_HEARTBEAT);
	vmbus_guest_close(&guest, relid);
	assert_int_equal(ic->state, IC_CLOSED);
	assert_int_equal(ic->contact, IC_NO_CONTACT);
	pass(10 * NSEC_PER_SEC);
	assert_int_equal(ic->lost, 0);
	open_channel();
	assert_int_equal(ic->framework.major, 0);
	negotiate(3, 0);
	take(IC_HEARTBEAT);
	assert_int_equal(ic->requests, 2);
}

static void whoever_waits_is_told_when_the_channel_closes(void **state)
{
	negotiate(3, 0);
	assert_int_equal(ask(0, false), 0);
	vmbus_guest_close(&guest, relid);
	assert_int_equal(told.count, 1);
	assert_int_equal(told.answer.outcome, IC_ENDED);
}

static void removal_while_a_transaction_is_out_ends_it(void **state)
{
	struct packet packet;

	negotiate(3, 0);
	packet = take(IC_HEARTBEAT);
	answer_heartbeat(&packet);
	assert_int_equal(ask(0, false), 0);
	packet = take(IC_HEARTBEAT);
	assert_int_equal(vmbus_device_remove(guest.bus, "heartbeat"), 0);
	assert_int_equal(told.count, 1);
	assert_int_equal(told.answer.outcome, IC_ENDED);
	assert_null(ic_find(guest.bus, IC_COMPONENT_HEARTBEAT));
	/* The answer comes all the same, and finds nobody. */
	put_only(&packet);
	assert_int_equal(vmbus_guest_signal(&guest, relid), HV_STATUS_INVALID_CONNECTION_ID);
	vmbus_guest_expect(&guest, VMBUS_MSG_RESCIND_CHANNEL_OFFER, NULL, 0);
	vmbus_guest_release(&guest, relid);
}

static void a_reset_ends_everything_at_once(void **state)
{
	negotiate(3, 0);
	assert_int_equal(ask(0, false), 0);
	vmbus_lock(guest.bus);
	connection_reset(guest.bus);
	vmbus_unlock(guest.bus);
	assert_int_equal(told.answer.outcome, IC_ENDED);
	assert_int_equal(ic->state, IC_CLOSED);
}

/* ---- time synchronisation -------------------- */

static uint64_t utc_100ns(void)
{
	return UINT64_C(116444736000000000) + clock_realtime_ns() / 100;
}

/* By offsets, as the guest reads it: spec/vmbus.md 7.4. */
static void the_time_is_set_first_and_then_sampled(void **state)
{
	uint64_t before = utc_100ns(), times[2];

	negotiate(4, 0);
	for (unsigned i = 0; i < 3; i++) {
		struct packet packet = take(IC_TIMESYNC);

		assert_int_equal(packet.header.message.major, 4);
		assert_int_equal(packet.header.body_size, 24);
		memcpy(times, packet.body, sizeof(times));
		assert_in_range(times[0], before, utc_100ns());
		assert_int_equal(times[1], reftime_now_100ns(&guest.fake->vm.reftime));
		assert_int_equal(packet.body[16], i == 0 ? IC_TIME_SYNC : IC_TIME_SAMPLE);
		answer(&packet);
		assert_int_equal(ic->responses, i + 1);
		pass(5 * NSEC_PER_SEC - 1);
		expect_silence();
		pass(1);
	}
}

static void an_older_guest_gets_the_older_layout(void **state)
{
	uint64_t before = utc_100ns(), times[3];
	struct packet packet;

	negotiate(3, 0);
	packet = take(IC_TIMESYNC);
	assert_int_equal(packet.header.message.major, 3);
	assert_int_equal(packet.header.body_size, 32);
	memcpy(times, packet.body, sizeof(times));
	assert_in_range(times[0], before, utc_100ns());
	assert_int_equal(times[1], 0);
	assert_int_equal(times[2], 0);
	assert_int_equal(packet.body[24], IC_TIME_SYNC);
}

static void who_asks_gets_the_time_set(void **state)
{
	struct packet packet;

	negotiate(4, 0);
	packet = take(IC_TIMESYNC);
	answer(&packet);
	assert_int_equal(ask(0, false), 0);
	packet = take(IC_TIMESYNC);
	assert_int_equal(packet.body[16], IC_TIME_SYNC);
	answer(&packet);
	assert_int_equal(told.answer.outcome, IC_ANSWERED);
}

static void a_new_driver_has_its_time_set_again(void **state)
{
	struct packet packet;

	negotiate(4, 0);
	take(IC_TIMESYNC);
	vmbus_guest_close(&guest, relid);
	open_channel();
	negotiate(4, 0);
	packet = take(IC_TIMESYNC);
	assert_int_equal(packet.body[16], IC_TIME_SYNC);
}

static int kvm_time(struct vm *vm, uint64_t *ret_100ns)
{
	*ret_100ns = 4711;
	return 0;
}

static int no_kvm_time(struct vm *vm, uint64_t *ret_100ns)
{
	return -EIO;
}

static void in_mode_kernel_the_reference_time_is_kvms(void **state)
{
	struct ic_timesync message;

	negotiate(4, 0);
	guest.fake->vm.synic_mode = SYNIC_MODE_KERNEL;
	guest.fake->accel.reference_time = kvm_time;
	assert_int_equal(ic->ops->fill(ic, NULL, &message), sizeof(message));
	assert_int_equal(message.reference_time, 4711);
	guest.fake->accel.reference_time = no_kvm_time;
	assert_int_equal(ic->ops->fill(ic, NULL, &message), 0);
	guest.fake->vm.synic_mode = SYNIC_MODE_SIM;
}

/* ---- shutdown -------------------- */

static void nobody_is_shut_down_unasked(void **state)
{
	negotiate(3, 2);
	for (unsigned i = 0; i < 10; i++)
		pass(NSEC_PER_SEC);
	expect_silence();
	assert_int_equal(ic->requests, 0);
	assert_int_equal(ic->contact, IC_CONTACT_OK);
}

static void the_guest_is_left_alone_for_a_second_after_negotiation(void **state)
{
	negotiate(3, 2);
	assert_int_equal(ask(0, false), 0);
	assert_int_equal(ask(0, false), IC_E_BUSY);
	pass(NSEC_PER_SEC - 1);
	expect_silence();
	pass(1);
	take(IC_SHUTDOWN);
}

static void what_is_wanted_stands_in_the_flags(void **state)
{
	static const struct {
		unsigned request;
		bool force;
		uint32_t flags;
	} rows[] = {{0, false, 0}, {0, true, 1}, {1, false, 2}, {1, true, 3}};

	negotiate(3, 2);
	pass(NSEC_PER_SEC);
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct packet packet;
		uint32_t flags;

		assert_int_equal(ask(rows[i].request, rows[i].force), 0);
		packet = take(IC_SHUTDOWN);
		assert_int_equal(packet.header.message.minor, 2);
		assert_int_equal(packet.header.body_size, 2060);
		memcpy(&flags, packet.body + 8, sizeof(flags));
		assert_int_equal(flags, rows[i].flags);
		answer(&packet);
		assert_int_equal(told.count, i + 1);
		assert_int_equal(told.answer.outcome, IC_ANSWERED);
	}
	assert_string_equal(ic->ops->requests[0], "power-off");
	assert_string_equal(ic->ops->requests[1], "reboot");
}

static void a_refusal_is_told_with_its_status(void **state)
{
	struct packet packet;

	negotiate(3, 0);
	pass(NSEC_PER_SEC);
	assert_int_equal(ask(0, false), 0);
	packet = take(IC_SHUTDOWN);
	packet.header.status = IC_STATUS_FAIL;
	answer(&packet);
	assert_int_equal(told.answer.outcome, IC_REFUSED);
	assert_int_equal(told.answer.status, IC_STATUS_FAIL);
	assert_int_equal(ic->refused, 1);
	assert_int_equal(ic->contact, IC_CONTACT_OK);
}

/* Linux reads one packet per interrupt here. */
static void a_second_request_waits_until_the_first_was_read(void **state)
{
	negotiate(3, 2);
	pass(NSEC_PER_SEC);
	assert_int_equal(ask(0, false), 0);
	pass(10 * NSEC_PER_SEC);
	assert_int_equal(told.answer.outcome, IC_LOST);
	assert_int_equal(ask(0, false), IC_E_BEHIND);
	take(IC_SHUTDOWN);
	expect_silence();
	assert_int_equal(ask(1, false), 0);
	take(IC_SHUTDOWN);
}

#define TIMESYNC_TEST(name)  cmocka_unit_test_setup_teardown(name, start_timesync, end)
#define SHUTDOWN_TEST(name)  cmocka_unit_test_setup_teardown(name, start_shutdown, end)
#define HEARTBEAT_TEST(name) cmocka_unit_test_setup_teardown(name, start_heartbeat, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HEARTBEAT_TEST(nothing_is_said_before_the_first_look_after_open),
		HEARTBEAT_TEST(versions_are_offered_ascending_the_framework_first),
		HEARTBEAT_TEST(the_versions_chosen_are_kept_and_used),
		HEARTBEAT_TEST(no_version_in_common_fails_the_component),
		HEARTBEAT_TEST(versions_that_were_not_offered_fail_the_component),
		HEARTBEAT_TEST(a_choice_that_is_none_fails_the_component),
		HEARTBEAT_TEST(a_choice_that_is_cut_short_fails_the_component),
		HEARTBEAT_TEST(a_heartbeat_goes_out_every_two_seconds),
		HEARTBEAT_TEST(no_answer_within_two_periods_is_lost_communication),
		HEARTBEAT_TEST(a_guest_that_reads_and_does_not_answer_is_asked_again),
		HEARTBEAT_TEST(what_is_no_answer_is_counted_and_changes_nothing),
		HEARTBEAT_TEST(an_answer_comes_once),
		HEARTBEAT_TEST(completions_and_other_packets_are_no_answers),
		HEARTBEAT_TEST(a_flood_is_drained_and_counted),
		HEARTBEAT_TEST(a_packet_that_no_answer_can_be_fails_the_channel),
		HEARTBEAT_TEST(a_broken_ring_fails_the_channel),
		HEARTBEAT_TEST(a_ping_waits_for_what_is_out_and_then_for_its_answer),
		HEARTBEAT_TEST(a_request_needs_a_negotiated_version),
		HEARTBEAT_TEST(who_asks_a_silent_guest_is_told_so),
		HEARTBEAT_TEST(who_asks_is_told_of_refusals_and_nonsense),
		HEARTBEAT_TEST(open_after_close_negotiates_anew),
		HEARTBEAT_TEST(whoever_waits_is_told_when_the_channel_closes),
		HEARTBEAT_TEST(removal_while_a_transaction_is_out_ends_it),
		HEARTBEAT_TEST(a_reset_ends_everything_at_once),
		TIMESYNC_TEST(the_time_is_set_first_and_then_sampled),
		TIMESYNC_TEST(an_older_guest_gets_the_older_layout),
		TIMESYNC_TEST(who_asks_gets_the_time_set),
		TIMESYNC_TEST(a_new_driver_has_its_time_set_again),
		TIMESYNC_TEST(in_mode_kernel_the_reference_time_is_kvms),
		SHUTDOWN_TEST(nobody_is_shut_down_unasked),
		SHUTDOWN_TEST(the_guest_is_left_alone_for_a_second_after_negotiation),
		SHUTDOWN_TEST(what_is_wanted_stands_in_the_flags),
		SHUTDOWN_TEST(a_refusal_is_told_with_its_status),
		SHUTDOWN_TEST(a_second_request_waits_until_the_first_was_read),
	};

	return cmocka_run_group_tests_name("ic", tests, NULL, NULL);
}
