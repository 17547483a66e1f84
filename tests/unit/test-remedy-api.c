/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Remedies: who is woken, what is taken back, and what a client is told before it happens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "inspect/actions.h"
#include "served_guest.h"
#include "vmbus/internal.h"
#include "vmm/event.h"

enum { RING_PAGES = 8, RELID = 1 };

static struct served_guest served;
static struct vmbus_guest *const guest = &served.guest;
static struct vmbus_channel *channel;
static uint8_t *pages[RING_PAGES];
static struct vmbus_ring out, in; /* the guest's ends */

/* A null device, open, its rings empty, and one that is not offered yet. */
static int set_up(void **state)
{
	uint32_t relid;

	served_guest_start(&served);
	served_guest_add(&served, "null");
	assert_int_equal(vmbus_guest_connect(guest, &relid, 1), 1);
	assert_int_equal(relid, RELID);
	vmbus_guest_open(guest, RELID, RING_PAGES);
	vmbus_guest_rings(guest, RING_PAGES, pages, &out, &in);
	channel = channel_by_relid(guest->bus, RELID);
	served_guest_serve(&served);
	return 0;
}

static int tear_down(void **state)
{
	served_guest_end(&served);
	return 0;
}

static struct answer post(const char *target, const char *body)
{
	return rig_call(&served.rig, RIG_API, "POST", target, body);
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	assert_non_null(text);
	return text;
}

static long long number(const struct answer *answer, const char *part, const char *key)
{
	const json_t *value = json_object_get(json_object_get(answer->json, part), key);

	assert_true(json_is_integer(value));
	return json_integer_value(value);
}

static bool flag(const struct answer *answer, const char *part)
{
	return json_is_true(json_object_get(json_object_get(answer->json, part), "event_flag"));
}

static void expect_result(const struct answer *answer, const char *result, const char *why)
{
	if (answer->status != 200)
		fail_msg("%u: %s", answer->status, answer->text);
	assert_string_equal(text_of(answer->json, "result"), result);
	if (!strstr(text_of(answer->json, "detail"), why))
		fail_msg("%s", text_of(answer->json, "detail"));
}

/* A packet for the guest, its signal lost. */
static void send_unnoticed(void)
{
	const struct iovec iov = {(void *)"12345678", 8};

	vmbus_lock(guest->bus);
	assert_int_equal(vmbus_channel_send(channel, 1, false, &iov, 1), 0);
	vmbus_unlock(guest->bus);
	vmbus_guest_signalled(guest, 0, RELID);
}

static void put(size_t count)
{
	const struct iovec iov = {(void *)"12345678", 8};
	bool signal;

	while (count-- > 0)
		assert_int_equal(
			ring_write(&out, VMBUS_PACKET_DATA_INBAND, 0, 0, &iov, 1, 0, &signal), 0);
}

#define UNSTICK "/v1/channels/1/unstick"
#define RESCIND "/v1/channels/1/rescind"
#define KICK    "/v1/vps/0/sints/2/kick"

/* ---- unstick -------------------------------------------------------------------------------- */

static void a_channel_where_nobody_waits_is_left_alone(void **state)
{
	struct answer a = post(UNSTICK, "{}");

	expect_result(&a, "not_needed", "nobody waits");
	assert_true(json_is_null(json_object_get(a.json, "after")));
	assert_false(vmbus_guest_signalled(guest, 0, RELID));
	answer_free(&a);
}

static void by_force_the_guest_is_signalled_all_the_same(void **state)
{
	struct answer a = post(UNSTICK, "{\"force\":true}");

	expect_result(&a, "done", "by force");
	assert_true(vmbus_guest_signalled(guest, 0, RELID));
	answer_free(&a);
}

static void a_guest_that_missed_a_signal_gets_it_again(void **state)
{
	send_unnoticed();
	{
		struct answer a = post(UNSTICK, "{\"dry_run\":true}");

		expect_result(&a, "would_do", "packets wait for the guest");
		assert_int_equal(number(&a, "before", "to_guest_used"), 32);
		assert_true(json_is_null(json_object_get(a.json, "after")));
		assert_false(vmbus_guest_signalled(guest, 0, RELID));
		answer_free(&a);
	}
	{
		struct answer a = post(UNSTICK, "{}");

		expect_result(&a, "done", "packets wait for the guest");
		assert_false(flag(&a, "before"));
		assert_true(flag(&a, "after"));
		assert_int_equal(number(&a, "after", "signals_out"),
			number(&a, "before", "signals_out") + 1);
		assert_int_equal(number(&a, "after", "to_guest_used"), 32);
		answer_free(&a);
	}
	{
		struct answer a = post(UNSTICK, "{}"); /* the flag is still there */

		expect_result(&a, "done", "has not taken its interrupt");
		answer_free(&a);
	}
}

static void a_guest_that_masked_its_ring_is_not_signalled(void **state)
{
	struct answer a;

	send_unnoticed();
	in.control->interrupt_mask = 1;
	a = post(UNSTICK, NULL);
	expect_result(&a, "not_needed", "nobody waits");
	answer_free(&a);
}

static void a_guest_that_waits_for_room_is_told_of_it(void **state)
{
	struct answer a;

	put(2);
	out.control->pending_send_sz = out.size - 64;
	a = post(UNSTICK, "{}");
	expect_result(&a, "done", "waits for room that there is");
	assert_true(vmbus_guest_signalled(guest, 0, RELID));
	answer_free(&a);
	out.control->pending_send_sz = out.size - 56; /* there is not so much */
	a = post(UNSTICK, "{\"dry_run\":true}");
	assert_null(strstr(text_of(a.json, "detail"), "room"));
	answer_free(&a);
}

/* Only Linux's hv_sock wishes for room all the time. */
static void a_wish_for_room_in_an_empty_ring_means_nothing_of_hv_sock(void **state)
{
	struct answer a;

	out.control->pending_send_sz = 64;
	a = post(UNSTICK, "{}");
	expect_result(&a, "done", "waits for room that there is");
	answer_free(&a);
	channel->offer.chn_flags |= VMBUS_OFFER_TLNPI_PROVIDER;
	a = post(UNSTICK, "{}");
	expect_result(&a, "not_needed", "nobody waits");
	answer_free(&a);
}

static unsigned looked;

static void count_looks(struct vmbus_channel *looked_at, void *arg)
{
	looked++;
}

static void a_host_that_missed_a_signal_looks_again(void **state)
{
	const struct vmbus_device_ops *own = channel->ops;
	struct vmbus_device_ops ops = *own;
	struct answer a;

	looked = 0;
	ops.signalled = count_looks;
	channel->ops = &ops;
	put(1); /* and no HvSignalEvent */
	a = post(UNSTICK, "{}");
	expect_result(&a, "done", "packets of the guest wait for the host");
	channel->ops = own;
	assert_int_equal(looked, 1);
	assert_false(vmbus_guest_signalled(guest, 0, RELID));
	answer_free(&a);
}

static void only_an_open_channel_can_be_unstuck(void **state)
{
	struct answer a;

	vmbus_guest_close(guest, RELID);
	a = post(UNSTICK, "{}");
	rig_expect_problem(&a, 409, "channel_state");
	answer_free(&a);
	a = post("/v1/channels/9/unstick", "{}");
	rig_expect_problem(&a, 404, "not_found");
	answer_free(&a);
	a = post("/v1/channels/x/unstick", "{}");
	rig_expect_problem(&a, 404, "not_found");
	answer_free(&a);
}

/* ---- rescind -------------------------------------------------------------------------------- */

static void an_offer_is_taken_back_by_force_only(void **state)
{
	struct answer a = post(RESCIND, "{}");

	rig_expect_problem(&a, 409, "force_needed");
	answer_free(&a);
	a = post(RESCIND, "{\"dry_run\":true}");
	expect_result(&a, "would_do", "it is made again");
	answer_free(&a);
	assert_int_equal(channel->state, CHANNEL_OPEN);
	vmbus_guest_expect_nothing(guest);
}

static void an_offer_that_was_taken_back_is_made_again(void **state)
{
	struct vmbus_relid_message rescind;
	struct vmbus_offer_channel offer;
	struct answer a = post(RESCIND, "{\"force\":true}");

	expect_result(&a, "done", "whoever waits in the guest is woken");
	assert_string_equal(text_of(json_object_get(a.json, "before"), "state"), "open");
	assert_string_equal(text_of(json_object_get(a.json, "after"), "state"), "revoked");
	answer_free(&a);
	a = post(RESCIND, "{\"force\":true}");
	rig_expect_problem(&a, 409, "channel_state");
	answer_free(&a);
	vmbus_guest_expect(guest, VMBUS_MSG_RESCIND_CHANNEL_OFFER, &rescind, sizeof(rescind));
	assert_int_equal(rescind.child_relid, RELID);
	vmbus_guest_close(guest, RELID); /* as Linux does */
	vmbus_guest_release(guest, RELID);
	vmbus_guest_expect(guest, VMBUS_MSG_OFFER_CHANNEL, &offer, sizeof(offer));
	assert_int_equal(offer.child_relid, RELID);
	vmbus_guest_open(guest, RELID, RING_PAGES);
	assert_int_equal(channel->state, CHANNEL_OPEN);
	/* Once is enough. */
	vmbus_guest_close(guest, RELID);
	vmbus_guest_release(guest, RELID);
	vmbus_guest_expect_nothing(guest);
}

static void a_device_that_goes_meanwhile_is_not_offered_again(void **state)
{
	struct vmbus_relid_message rescind;
	struct answer a = post(RESCIND, "{\"force\":true}");

	expect_result(&a, "done", "");
	answer_free(&a);
	vmbus_guest_expect(guest, VMBUS_MSG_RESCIND_CHANNEL_OFFER, &rescind, sizeof(rescind));
	assert_int_equal(vmbus_device_remove(guest->bus, "null"), 0);
	vmbus_guest_expect_nothing(guest);
	vmbus_guest_release(guest, RELID);
	vmbus_guest_expect_nothing(guest);
	assert_null(channel_by_relid(guest->bus, RELID));
}

static void after_a_reset_the_offer_is_made_once(void **state)
{
	uint32_t relids[2];
	struct answer a = post(RESCIND, "{\"force\":true}");

	answer_free(&a);
	vmbus_guest_expect(guest, VMBUS_MSG_RESCIND_CHANNEL_OFFER, NULL, 0);
	assert_int_equal(vmbus_guest_connect(guest, relids, 2), 1);
	vmbus_guest_expect_nothing(guest);
}

/* ---- kick ----------------------------------------------------------------------------------- */

static unsigned asserted(void)
{
	return fake_vm_asserted_in_all(guest->fake);
}

static void an_interrupt_is_raised_again_by_force_only(void **state)
{
	unsigned before = asserted();
	struct answer a = post(KICK, "{}");

	rig_expect_problem(&a, 409, "force_needed");
	answer_free(&a);
	a = post(KICK, "{\"dry_run\":true}");
	expect_result(&a, "would_do", "no message is in the slot");
	answer_free(&a);
	assert_int_equal(asserted(), before);
	a = post(KICK, "{\"force\":true}");
	expect_result(&a, "done", "no message is in the slot");
	assert_int_equal(asserted(), before + 1);
	assert_int_equal(number(&a, "after", "interrupts"), number(&a, "before", "interrupts") + 1);
	answer_free(&a);
}

static void a_kick_says_what_is_in_the_slot(void **state)
{
	struct answer a = post(RESCIND, "{\"force\":true}"); /* makes a message */

	answer_free(&a);
	fake_vm_run_loop(guest->fake);
	a = post(KICK, "{\"force\":true}");
	expect_result(&a, "done", "a message is in the slot");
	assert_true(json_is_true(json_object_get(json_object_get(a.json, "before"), "slot_busy")));
	answer_free(&a);
	vmbus_guest_expect(guest, VMBUS_MSG_RESCIND_CHANNEL_OFFER, NULL, 0);
}

static void what_cannot_be_kicked_says_why(void **state)
{
	static const char *const absent[] = {
		"/v1/vps/2/sints/2/kick", "/v1/vps/0/sints/16/kick", "/v1/vps/999/sints/2/kick"};
	struct synic *synic = fake_vm_synic(guest->fake, 0);
	struct answer a;

	for (size_t i = 0; i < ARRAY_LEN(absent); i++) {
		a = post(absent[i], "{\"force\":true}");
		rig_expect_problem(&a, 404, "not_found");
		answer_free(&a);
	}
	assert_int_equal(synic_msr_write(synic, HV_MSR_SINT0 + 2, HV_SINT_MASKED | 0x60), 0);
	a = post(KICK, "{\"force\":true}");
	rig_expect_problem(&a, 409, "sint_masked");
	answer_free(&a);
	assert_int_equal(synic_msr_write(synic, HV_MSR_SCONTROL, 0), 0);
	a = post(KICK, "{\"force\":true}");
	rig_expect_problem(&a, 409, "synic_disabled");
	answer_free(&a);
}

/* ---- all ------------------------------------------------------------------------------------ */

static void every_remedy_leaves_a_record(void **state)
{
	static const struct {
		const char *target, *action;
	} rows[] = {
		{UNSTICK, "channel_unstick"}, {RESCIND, "channel_rescind"}, {KICK, "sint_kick"}};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const json_t *args;
		struct answer a = post(rows[i].target, "{\"force\":true}");

		assert_int_equal(a.status, 200);
		answer_free(&a);
		a = rig_call(&served.rig, RIG_API, "GET", "/v1/log?type=api&limit=1000", NULL);
		args = json_object_get(json_array_get(json_object_get(a.json, "items"), i), "args");
		assert_string_equal(text_of(args, "action"), rows[i].action);
		assert_int_equal(json_integer_value(json_object_get(args, "uid")), getuid());
		assert_int_equal(json_integer_value(json_object_get(args, "pid")), getpid());
		answer_free(&a);
	}
	fake_vm_run_loop(guest->fake);
	vmbus_guest_expect(guest, VMBUS_MSG_RESCIND_CHANNEL_OFFER, NULL, 0);
}

static void the_read_only_socket_has_no_remedies(void **state)
{
	struct answer a = rig_call(&served.rig, RIG_READ_ONLY, "POST", UNSTICK, "{}");

	rig_expect_problem(&a, 403, "read_only");
	answer_free(&a);
}

static void without_a_bus_there_is_no_channel(void **state)
{
	struct answer a;

	rig_stop(&served.rig);
	rig_free(&served.rig);
	served_guest_serve_without_bus(&served);
	a = post(UNSTICK, "{}");
	rig_expect_problem(&a, 404, "not_found");
	answer_free(&a);
}

#define REMEDY_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		REMEDY_TEST(a_channel_where_nobody_waits_is_left_alone),
		REMEDY_TEST(by_force_the_guest_is_signalled_all_the_same),
		REMEDY_TEST(a_guest_that_missed_a_signal_gets_it_again),
		REMEDY_TEST(a_guest_that_masked_its_ring_is_not_signalled),
		REMEDY_TEST(a_guest_that_waits_for_room_is_told_of_it),
		REMEDY_TEST(a_wish_for_room_in_an_empty_ring_means_nothing_of_hv_sock),
		REMEDY_TEST(a_host_that_missed_a_signal_looks_again),
		REMEDY_TEST(only_an_open_channel_can_be_unstuck),
		REMEDY_TEST(an_offer_is_taken_back_by_force_only),
		REMEDY_TEST(an_offer_that_was_taken_back_is_made_again),
		REMEDY_TEST(a_device_that_goes_meanwhile_is_not_offered_again),
		REMEDY_TEST(after_a_reset_the_offer_is_made_once),
		REMEDY_TEST(an_interrupt_is_raised_again_by_force_only),
		REMEDY_TEST(a_kick_says_what_is_in_the_slot),
		REMEDY_TEST(what_cannot_be_kicked_says_why),
		REMEDY_TEST(every_remedy_leaves_a_record),
		REMEDY_TEST(the_read_only_socket_has_no_remedies),
		REMEDY_TEST(without_a_bus_there_is_no_channel),
	};

	return cmocka_run_group_tests_name("remedy-api", tests, NULL, NULL);
}
