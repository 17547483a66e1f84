/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Integration components against a scripted hv_utils: what is sent, and what is believed. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "ic_guest.h"
#include "vmbus/internal.h"
#include "vmm/event.h"

static struct ic_guest hv;

static int start_heartbeat(void **state)
{
	ic_guest_start(&hv, IC_COMPONENT_HEARTBEAT);
	return 0;
}

static int start_timesync(void **state)
{
	ic_guest_start(&hv, IC_COMPONENT_TIMESYNC);
	return 0;
}

static int start_shutdown(void **state)
{
	ic_guest_start(&hv, IC_COMPONENT_SHUTDOWN);
	return 0;
}

static int end(void **state)
{
	ic_guest_end(&hv);
	return 0;
}

static void answer_heartbeat(struct ic_packet *packet)
{
	struct ic_heartbeat heartbeat;

	memcpy(&heartbeat, packet->body, sizeof(heartbeat));
	heartbeat.sequence++;
	memcpy(packet->body, &heartbeat, sizeof(heartbeat));
	ic_guest_answer(&hv, packet);
}

/* ---- negotiation -------------------- */

static void nothing_is_said_before_the_first_look_after_open(void **state)
{
	ic_guest_expect_silence(&hv);
	assert_int_equal(hv.ic->state, IC_WAITING);
	assert_int_equal(hv.ic->contact, IC_NO_HANDSHAKE);
	ic_guest_first_look(&hv);
	assert_int_equal(hv.ic->state, IC_NEGOTIATING);
	assert_true(vmbus_guest_signalled(&hv.guest, 0, hv.relid));
	ic_guest_take(&hv, IC_NEGOTIATE);
	ic_guest_first_look(&hv);
	ic_guest_expect_silence(&hv);
}

static void versions_are_offered_ascending_the_framework_first(void **state)
{
	static const uint8_t body[] = {2, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 3, 0, 0, 0};
	const struct ic_version none = {0, 0};
	struct ic_packet packet;

	ic_guest_first_look(&hv);
	packet = ic_guest_take(&hv, IC_NEGOTIATE);
	assert_int_equal(packet.size, 28 + sizeof(body));
	assert_memory_equal(packet.body, body, sizeof(body));
	assert_memory_equal(&packet.header.framework, &none, sizeof(none));
	assert_memory_equal(&packet.header.message, &none, sizeof(none));
}

static void the_versions_chosen_are_kept_and_used(void **state)
{
	struct ic_packet packet;

	ic_guest_negotiate(&hv, 3, 0);
	assert_int_equal(hv.ic->contact, IC_CONTACT_OK);
	packet = ic_guest_take(&hv, IC_HEARTBEAT);
	assert_int_equal(packet.header.framework.major, 3);
	assert_int_equal(packet.header.message.major, 3);
	assert_int_equal(packet.size, 68);
	assert_true(fake_vm_recorded(hv.guest.fake, HV_EVENT_IC) >= 3);
}

static void no_version_in_common_fails_the_component(void **state)
{
	struct ic_packet packet;

	ic_guest_first_look(&hv);
	packet = ic_guest_take(&hv, IC_NEGOTIATE);
	ic_guest_answer_versions(
		&hv, &packet, 0, (struct ic_version){0, 0}, (struct ic_version){0, 0});
	assert_int_equal(hv.ic->state, IC_FAILED);
	assert_int_equal(hv.ic->contact, IC_NO_HANDSHAKE);
	assert_non_null(strstr(hv.ic->problem, "none of the offered versions"));
	assert_int_equal(hv.ic->malformed, 0);
	ic_guest_pass(&hv, 10 * NSEC_PER_SEC);
	ic_guest_expect_silence(&hv);
}

static void versions_that_were_not_offered_fail_the_component(void **state)
{
	struct ic_packet packet;

	ic_guest_first_look(&hv);
	packet = ic_guest_take(&hv, IC_NEGOTIATE);
	ic_guest_answer_versions(
		&hv, &packet, 1, (struct ic_version){3, 0}, (struct ic_version){9, 9});
	assert_int_equal(hv.ic->state, IC_FAILED);
	assert_non_null(strstr(hv.ic->problem, "9.9"));
}

static void a_choice_that_is_none_fails_the_component(void **state)
{
	struct ic_packet packet;

	ic_guest_first_look(&hv);
	packet = ic_guest_take(&hv, IC_NEGOTIATE);
	ic_guest_answer_versions(
		&hv, &packet, 100, (struct ic_version){3, 0}, (struct ic_version){3, 0});
	assert_int_equal(hv.ic->state, IC_FAILED);
	assert_int_equal(hv.ic->malformed, 1);
}

static void a_choice_that_is_cut_short_fails_the_component(void **state)
{
	struct ic_packet packet;

	ic_guest_first_look(&hv);
	packet = ic_guest_take(&hv, IC_NEGOTIATE);
	packet.body[0] = packet.body[2] = 1;
	packet.header.body_size = 12;
	ic_guest_answer(&hv, &packet);
	assert_int_equal(hv.ic->state, IC_FAILED);
	assert_int_equal(hv.ic->malformed, 1);
}

/* ---- heartbeat -------------------- */

static void a_heartbeat_goes_out_every_two_seconds(void **state)
{
	ic_guest_negotiate(&hv, 3, 0);
	for (unsigned i = 1; i <= 3; i++) {
		struct ic_packet packet = ic_guest_take(&hv, IC_HEARTBEAT);
		struct ic_heartbeat heartbeat;

		memcpy(&heartbeat, packet.body, sizeof(heartbeat));
		assert_int_equal(heartbeat.sequence, i);
		ic_guest_pass(&hv, NSEC_PER_MSEC);
		answer_heartbeat(&packet);
		assert_int_equal(hv.ic->responses, i);
		assert_int_equal(hv.ic->last_latency_ns, NSEC_PER_MSEC);
		ic_guest_pass(&hv, 1998 * NSEC_PER_MSEC);
		ic_guest_expect_silence(&hv);
		ic_guest_pass(&hv, NSEC_PER_MSEC);
	}
	assert_int_equal(hv.ic->requests, 4);
	assert_int_equal(hv.ic->contact, IC_CONTACT_OK);
	assert_int_equal(hv.ic->malformed + hv.ic->stray + hv.ic->lost, 0);
}

/* A fault: the first answer is then to nothing, and all goes on with the second. */
static void a_fault_asks_twice_without_waiting(void **state)
{
	const struct fault_spec spec = {.kind = FAULT_PIPELINE_IC, .place = {FAULT_ANYWHERE}};
	struct fault_refusal refusal;
	struct ic_packet first, second;
	struct fault fault;

	assert_int_equal(faults_add(&hv.guest.fake->vm.faults, &spec, &fault, &refusal), 0);
	ic_guest_negotiate(&hv, 3, 0);
	first = ic_guest_take(&hv, IC_HEARTBEAT);
	second = ic_guest_take(&hv, IC_HEARTBEAT);
	ic_guest_expect_silence(&hv);
	assert_int_equal(hv.ic->requests, 2);
	answer_heartbeat(&first);
	assert_int_equal(hv.ic->stray, 1);
	answer_heartbeat(&second);
	assert_int_equal(hv.ic->responses, 1);
	ic_guest_pass(&hv, 2 * NSEC_PER_SEC);
	ic_guest_take(&hv, IC_HEARTBEAT);
	ic_guest_expect_silence(&hv);
}

static void no_answer_within_two_periods_is_lost_communication(void **state)
{
	struct ic_packet packet;

	ic_guest_negotiate(&hv, 3, 0);
	ic_guest_pass(&hv, 4 * NSEC_PER_SEC - 1);
	assert_int_equal(hv.ic->contact, IC_CONTACT_OK);
	ic_guest_pass(&hv, 1);
	assert_int_equal(hv.ic->contact, IC_LOST_COMMUNICATION);
	assert_int_equal(hv.ic->lost, 1);
	/* However long it sleeps, one packet waits. */
	for (unsigned i = 0; i < 10; i++)
		ic_guest_pass(&hv, 2 * NSEC_PER_SEC);
	packet = ic_guest_take(&hv, IC_HEARTBEAT);
	ic_guest_expect_silence(&hv);
	assert_int_equal(hv.ic->requests, 1);
	/* Late, but alive. */
	answer_heartbeat(&packet);
	assert_int_equal(hv.ic->contact, IC_CONTACT_OK);
	assert_int_equal(hv.ic->late, 1);
	assert_int_equal(hv.ic->responses, 1);
	/* And on it goes. */
	ic_guest_pass(&hv, 2 * NSEC_PER_SEC);
	packet = ic_guest_take(&hv, IC_HEARTBEAT);
	answer_heartbeat(&packet);
	assert_int_equal(hv.ic->responses, 2);
}

static void a_guest_that_reads_and_does_not_answer_is_asked_again(void **state)
{
	struct ic_packet first, second;

	ic_guest_negotiate(&hv, 3, 0);
	first = ic_guest_take(&hv, IC_HEARTBEAT);
	ic_guest_pass(&hv, 4 * NSEC_PER_SEC);
	second = ic_guest_take(&hv, IC_HEARTBEAT);
	assert_true(second.transaction_id != first.transaction_id);
	/* The older answer belongs to nothing any more. */
	answer_heartbeat(&first);
	assert_int_equal(hv.ic->stray, 1);
	assert_int_equal(hv.ic->contact, IC_LOST_COMMUNICATION);
	answer_heartbeat(&second);
	assert_int_equal(hv.ic->contact, IC_CONTACT_OK);
}

/* ---- what is no answer -------------------- */

/* One thing that is wrong with an answer. */
typedef void (*damage_fn)(struct ic_packet *packet);

static void cut_header(struct ic_packet *packet)
{
	packet->size = 16;
}

static void no_data(struct ic_packet *packet)
{
	packet->header.pipe_flags = 2;
}

static void too_much_said(struct ic_packet *packet)
{
	packet->header.pipe_size = UINT32_MAX;
}

static void too_little_said(struct ic_packet *packet)
{
	packet->header.pipe_size = 19;
}

static void body_beyond_the_end(struct ic_packet *packet)
{
	packet->header.body_size = UINT16_MAX;
}

static void a_request(struct ic_packet *packet)
{
	packet->header.flags = IC_FLAG_TRANSACTION | IC_FLAG_REQUEST;
}

static void body_too_short(struct ic_packet *packet)
{
	packet->header.body_size = 8;
}

static void wrong_number(struct ic_packet *packet)
{
	packet->body[0] += 7;
}

static void other_transaction(struct ic_packet *packet)
{
	packet->header.transaction++;
}

static void other_packet(struct ic_packet *packet)
{
	packet->transaction_id++;
}

static void other_type(struct ic_packet *packet)
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

	ic_guest_negotiate(&hv, 3, 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct ic_packet packet = ic_guest_take(&hv, IC_HEARTBEAT);
		uint64_t malformed = hv.ic->malformed, stray = hv.ic->stray;

		packet.header.flags = IC_FLAG_TRANSACTION | IC_FLAG_RESPONSE;
		packet.body[0]++;
		rows[i].damage(&packet);
		ic_guest_put(&hv, &packet);
		assert_int_equal(hv.ic->malformed, malformed + !rows[i].stray);
		assert_int_equal(hv.ic->stray, stray + rows[i].stray);
		assert_true(hv.ic->problem[0] != '\0');
		assert_int_equal(hv.ic->state, IC_READY);
		assert_int_equal(hv.ic->responses, 0);
		ic_guest_pass(&hv, 4 * NSEC_PER_SEC);
	}
}

static void an_answer_comes_once(void **state)
{
	struct ic_packet packet;

	ic_guest_negotiate(&hv, 3, 0);
	packet = ic_guest_take(&hv, IC_HEARTBEAT);
	answer_heartbeat(&packet);
	ic_guest_answer(&hv, &packet);
	assert_int_equal(hv.ic->responses, 1);
	assert_int_equal(hv.ic->stray, 1);
}

static void completions_and_other_packets_are_no_answers(void **state)
{
	const uint64_t payload = 0;
	const struct iovec iov = {(void *)&payload, sizeof(payload)};
	bool signal;

	ic_guest_negotiate(&hv, 3, 0);
	assert_int_equal(
		ring_write(&hv.to_host, VMBUS_PACKET_COMPLETION, 0, 1, &iov, 1, 0, &signal), 0);
	vmbus_guest_signal(&hv.guest, hv.relid);
	assert_int_equal(hv.ic->malformed, 1);
}

/* More than are taken at once, and each of them is. */
static void a_flood_is_drained_and_counted(void **state)
{
	struct ic_packet packet;

	ic_guest_negotiate(&hv, 3, 0);
	packet = ic_guest_take(&hv, IC_HEARTBEAT);
	packet.size = 16;
	for (unsigned i = 0; i < 200; i++)
		ic_guest_put_only(&hv, &packet);
	vmbus_guest_signal(&hv.guest, hv.relid);
	assert_int_equal(hv.ic->malformed, 200);
	assert_int_equal(hv.ic->channel->state, CHANNEL_OPEN);
}

static void a_packet_that_no_answer_can_be_fails_the_channel(void **state)
{
	static uint8_t large[5000];
	const struct iovec iov = {large, sizeof(large)};
	bool signal;

	ic_guest_negotiate(&hv, 3, 0);
	assert_int_equal(
		ring_write(&hv.to_host, VMBUS_PACKET_DATA_INBAND, 0, 1, &iov, 1, 0, &signal), 0);
	vmbus_guest_signal(&hv.guest, hv.relid);
	assert_int_equal(hv.ic->channel->state, CHANNEL_FAILED);
	assert_int_equal(hv.ic->state, IC_CLOSED);
	assert_true(hv.ic->problem[0] != '\0');
}

static void a_broken_ring_fails_the_channel(void **state)
{
	ic_guest_negotiate(&hv, 3, 0);
	hv.to_host.control->write_index = 5;
	vmbus_guest_signal(&hv.guest, hv.relid);
	assert_int_equal(hv.ic->channel->state, CHANNEL_FAILED);
	assert_int_equal(hv.ic->state, IC_CLOSED);
}

/* ---- requests -------------------- */

static void a_ping_waits_for_what_is_out_and_then_for_its_answer(void **state)
{
	struct ic_packet packet;

	ic_guest_negotiate(&hv, 3, 0);
	packet = ic_guest_take(&hv, IC_HEARTBEAT);
	assert_int_equal(ic_guest_ask(&hv, 0, false), 0);
	ic_guest_expect_silence(&hv);
	assert_int_equal(ic_guest_ask(&hv, 0, false), IC_E_BUSY);
	answer_heartbeat(&packet);
	assert_int_equal(hv.told.count, 0);
	packet = ic_guest_take(&hv, IC_HEARTBEAT);
	ic_guest_pass(&hv, 3 * NSEC_PER_MSEC);
	answer_heartbeat(&packet);
	assert_int_equal(hv.told.count, 1);
	assert_int_equal(hv.told.answer.outcome, IC_ANSWERED);
	assert_int_equal(hv.told.answer.latency_ns, 3 * NSEC_PER_MSEC);
}

static void a_request_needs_a_negotiated_version(void **state)
{
	assert_int_equal(ic_guest_ask(&hv, 0, false), IC_E_NOT_READY);
	vmbus_guest_close(&hv.guest, hv.relid);
	assert_int_equal(ic_guest_ask(&hv, 0, false), IC_E_NOT_READY);
	assert_int_equal(vmbus_device_remove(hv.guest.bus, "heartbeat"), 0);
	assert_int_equal(ic_guest_ask(&hv, 0, false), -ENOENT);
	assert_int_equal(hv.told.count, 0);
}

static void who_asks_a_silent_guest_is_told_so(void **state)
{
	ic_guest_negotiate(&hv, 3, 0);
	assert_int_equal(ic_guest_ask(&hv, 0, false), 0);
	ic_guest_pass(&hv, 4 * NSEC_PER_SEC);
	assert_int_equal(hv.told.count, 1);
	assert_int_equal(hv.told.answer.outcome, IC_LOST);
	assert_int_equal(ic_guest_ask(&hv, 0, false), IC_E_BEHIND);
	/* It reads, and keeps silent. */
	ic_guest_take(&hv, IC_HEARTBEAT);
	assert_int_equal(ic_guest_ask(&hv, 0, false), 0);
	ic_guest_pass(&hv, 4 * NSEC_PER_SEC);
	assert_int_equal(hv.told.count, 2);
	assert_int_equal(hv.told.answer.outcome, IC_LOST);
}

static void who_asks_is_told_of_refusals_and_nonsense(void **state)
{
	struct ic_packet packet;

	ic_guest_negotiate(&hv, 3, 0);
	packet = ic_guest_take(&hv, IC_HEARTBEAT);
	answer_heartbeat(&packet);
	assert_int_equal(ic_guest_ask(&hv, 0, false), 0);
	packet = ic_guest_take(&hv, IC_HEARTBEAT);
	packet.header.status = IC_STATUS_FAIL;
	answer_heartbeat(&packet);
	assert_int_equal(hv.told.answer.outcome, IC_REFUSED);
	assert_int_equal(hv.told.answer.status, IC_STATUS_FAIL);
	assert_int_equal(hv.ic->refused, 1);
	assert_int_equal(ic_guest_ask(&hv, 0, false), 0);
	packet = ic_guest_take(&hv, IC_HEARTBEAT);
	ic_guest_answer(&hv, &packet);
	assert_int_equal(hv.told.answer.outcome, IC_BAD_ANSWER);
	assert_int_equal(hv.told.count, 2);
}

/* ---- the channel comes and goes -------------------- */

static void open_after_close_negotiates_anew(void **state)
{
	ic_guest_negotiate(&hv, 3, 0);
	ic_guest_take(&hv, IC_HEARTBEAT);
	vmbus_guest_close(&hv.guest, hv.relid);
	assert_int_equal(hv.ic->state, IC_CLOSED);
	assert_int_equal(hv.ic->contact, IC_NO_CONTACT);
	ic_guest_pass(&hv, 10 * NSEC_PER_SEC);
	assert_int_equal(hv.ic->lost, 0);
	ic_guest_open_channel(&hv);
	assert_int_equal(hv.ic->framework.major, 0);
	ic_guest_negotiate(&hv, 3, 0);
	ic_guest_take(&hv, IC_HEARTBEAT);
	assert_int_equal(hv.ic->requests, 2);
}

static void whoever_waits_is_told_when_the_channel_closes(void **state)
{
	ic_guest_negotiate(&hv, 3, 0);
	assert_int_equal(ic_guest_ask(&hv, 0, false), 0);
	vmbus_guest_close(&hv.guest, hv.relid);
	assert_int_equal(hv.told.count, 1);
	assert_int_equal(hv.told.answer.outcome, IC_ENDED);
}

static void removal_while_a_transaction_is_out_ends_it(void **state)
{
	struct ic_packet packet;

	ic_guest_negotiate(&hv, 3, 0);
	packet = ic_guest_take(&hv, IC_HEARTBEAT);
	answer_heartbeat(&packet);
	assert_int_equal(ic_guest_ask(&hv, 0, false), 0);
	packet = ic_guest_take(&hv, IC_HEARTBEAT);
	assert_int_equal(vmbus_device_remove(hv.guest.bus, "heartbeat"), 0);
	assert_int_equal(hv.told.count, 1);
	assert_int_equal(hv.told.answer.outcome, IC_ENDED);
	assert_null(ic_find(hv.guest.bus, IC_COMPONENT_HEARTBEAT));
	/* The answer comes all the same, and finds nobody. */
	ic_guest_put_only(&hv, &packet);
	assert_int_equal(vmbus_guest_signal(&hv.guest, hv.relid), HV_STATUS_INVALID_CONNECTION_ID);
	vmbus_guest_expect(&hv.guest, VMBUS_MSG_RESCIND_CHANNEL_OFFER, NULL, 0);
	vmbus_guest_release(&hv.guest, hv.relid);
}

static void a_reset_ends_everything_at_once(void **state)
{
	ic_guest_negotiate(&hv, 3, 0);
	assert_int_equal(ic_guest_ask(&hv, 0, false), 0);
	vmbus_lock(hv.guest.bus);
	connection_reset(hv.guest.bus);
	vmbus_unlock(hv.guest.bus);
	assert_int_equal(hv.told.answer.outcome, IC_ENDED);
	assert_int_equal(hv.ic->state, IC_CLOSED);
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

	ic_guest_negotiate(&hv, 4, 0);
	for (unsigned i = 0; i < 3; i++) {
		struct ic_packet packet = ic_guest_take(&hv, IC_TIMESYNC);

		assert_int_equal(packet.header.message.major, 4);
		assert_int_equal(packet.header.body_size, 24);
		memcpy(times, packet.body, sizeof(times));
		assert_in_range(times[0], before, utc_100ns());
		assert_int_equal(times[1], reftime_now_100ns(&hv.guest.fake->vm.reftime));
		assert_int_equal(packet.body[16], i == 0 ? IC_TIME_SYNC : IC_TIME_SAMPLE);
		ic_guest_answer(&hv, &packet);
		assert_int_equal(hv.ic->responses, i + 1);
		ic_guest_pass(&hv, 5 * NSEC_PER_SEC - 1);
		ic_guest_expect_silence(&hv);
		ic_guest_pass(&hv, 1);
	}
}

static void an_older_guest_gets_the_older_layout(void **state)
{
	uint64_t before = utc_100ns(), times[3];
	struct ic_packet packet;

	ic_guest_negotiate(&hv, 3, 0);
	packet = ic_guest_take(&hv, IC_TIMESYNC);
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
	struct ic_packet packet;

	ic_guest_negotiate(&hv, 4, 0);
	packet = ic_guest_take(&hv, IC_TIMESYNC);
	ic_guest_answer(&hv, &packet);
	assert_int_equal(ic_guest_ask(&hv, 0, false), 0);
	packet = ic_guest_take(&hv, IC_TIMESYNC);
	assert_int_equal(packet.body[16], IC_TIME_SYNC);
	ic_guest_answer(&hv, &packet);
	assert_int_equal(hv.told.answer.outcome, IC_ANSWERED);
}

static void a_new_driver_has_its_time_set_again(void **state)
{
	struct ic_packet packet;

	ic_guest_negotiate(&hv, 4, 0);
	ic_guest_take(&hv, IC_TIMESYNC);
	vmbus_guest_close(&hv.guest, hv.relid);
	ic_guest_open_channel(&hv);
	ic_guest_negotiate(&hv, 4, 0);
	packet = ic_guest_take(&hv, IC_TIMESYNC);
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

	ic_guest_negotiate(&hv, 4, 0);
	hv.guest.fake->vm.synic_mode = SYNIC_MODE_KERNEL;
	hv.guest.fake->accel.reference_time = kvm_time;
	assert_int_equal(hv.ic->ops->fill(hv.ic, NULL, &message), sizeof(message));
	assert_int_equal(message.reference_time, 4711);
	hv.guest.fake->accel.reference_time = no_kvm_time;
	assert_int_equal(hv.ic->ops->fill(hv.ic, NULL, &message), 0);
	hv.guest.fake->vm.synic_mode = SYNIC_MODE_SIM;
}

/* ---- shutdown -------------------- */

static void nobody_is_shut_down_unasked(void **state)
{
	ic_guest_negotiate(&hv, 3, 2);
	for (unsigned i = 0; i < 10; i++)
		ic_guest_pass(&hv, NSEC_PER_SEC);
	ic_guest_expect_silence(&hv);
	assert_int_equal(hv.ic->requests, 0);
	assert_int_equal(hv.ic->contact, IC_CONTACT_OK);
}

static void the_guest_is_left_alone_for_a_second_after_negotiation(void **state)
{
	ic_guest_negotiate(&hv, 3, 2);
	assert_int_equal(ic_guest_ask(&hv, 0, false), 0);
	assert_int_equal(ic_guest_ask(&hv, 0, false), IC_E_BUSY);
	ic_guest_pass(&hv, NSEC_PER_SEC - 1);
	ic_guest_expect_silence(&hv);
	ic_guest_pass(&hv, 1);
	ic_guest_take(&hv, IC_SHUTDOWN);
}

static void what_is_wanted_stands_in_the_flags(void **state)
{
	static const struct {
		unsigned request;
		bool force;
		uint32_t flags;
	} rows[] = {{0, false, 0}, {0, true, 1}, {1, false, 2}, {1, true, 3}};

	ic_guest_negotiate(&hv, 3, 2);
	ic_guest_pass(&hv, NSEC_PER_SEC);
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct ic_packet packet;
		uint32_t flags;

		assert_int_equal(ic_guest_ask(&hv, rows[i].request, rows[i].force), 0);
		packet = ic_guest_take(&hv, IC_SHUTDOWN);
		assert_int_equal(packet.header.message.minor, 2);
		assert_int_equal(packet.header.body_size, 2060);
		memcpy(&flags, packet.body + 8, sizeof(flags));
		assert_int_equal(flags, rows[i].flags);
		ic_guest_answer(&hv, &packet);
		assert_int_equal(hv.told.count, i + 1);
		assert_int_equal(hv.told.answer.outcome, IC_ANSWERED);
	}
	assert_string_equal(hv.ic->ops->questions[0].name, "power-off");
	assert_string_equal(hv.ic->ops->questions[1].name, "reboot");
}

static void a_refusal_is_told_with_its_status(void **state)
{
	struct ic_packet packet;

	ic_guest_negotiate(&hv, 3, 0);
	ic_guest_pass(&hv, NSEC_PER_SEC);
	assert_int_equal(ic_guest_ask(&hv, 0, false), 0);
	packet = ic_guest_take(&hv, IC_SHUTDOWN);
	packet.header.status = IC_STATUS_FAIL;
	ic_guest_answer(&hv, &packet);
	assert_int_equal(hv.told.answer.outcome, IC_REFUSED);
	assert_int_equal(hv.told.answer.status, IC_STATUS_FAIL);
	assert_int_equal(hv.ic->refused, 1);
	assert_int_equal(hv.ic->contact, IC_CONTACT_OK);
}

/* Linux reads one packet per interrupt here. */
static void a_second_request_waits_until_the_first_was_read(void **state)
{
	ic_guest_negotiate(&hv, 3, 2);
	ic_guest_pass(&hv, NSEC_PER_SEC);
	assert_int_equal(ic_guest_ask(&hv, 0, false), 0);
	ic_guest_pass(&hv, 10 * NSEC_PER_SEC);
	assert_int_equal(hv.told.answer.outcome, IC_LOST);
	assert_int_equal(ic_guest_ask(&hv, 0, false), IC_E_BEHIND);
	ic_guest_take(&hv, IC_SHUTDOWN);
	ic_guest_expect_silence(&hv);
	assert_int_equal(ic_guest_ask(&hv, 1, false), 0);
	ic_guest_take(&hv, IC_SHUTDOWN);
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
		HEARTBEAT_TEST(a_fault_asks_twice_without_waiting),
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
