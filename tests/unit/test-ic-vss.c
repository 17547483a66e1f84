/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Backup against a scripted hv_utils with its daemon: nothing stays frozen. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "ic_guest.h"
#include "vmbus/internal.h"
#include "vmbus/vss.h"
#include "vmm/event.h"

static struct ic_guest hv;

static int start(void **state)
{
	ic_guest_start(&hv, IC_COMPONENT_VSS);
	ic_guest_negotiate(&hv, 5, 0);
	return 0;
}

static int end(void **state)
{
	ic_guest_end(&hv);
	return 0;
}

static int ask(enum vss_question question, uint64_t for_ns)
{
	const struct ic_call call = {.request = question, .for_ns = for_ns};

	return ic_guest_ask_call(&hv, &call);
}

static struct ic_packet take(enum ic_vss_operation operation)
{
	struct ic_packet packet = ic_guest_take(&hv, IC_VSS);

	assert_int_equal(packet.header.body_size, sizeof(struct ic_vss));
	assert_int_equal(packet.body[0], operation);
	return packet;
}

static void serve(enum ic_vss_operation operation, uint32_t status)
{
	struct ic_packet packet = take(operation);

	packet.header.status = status;
	ic_guest_answer(&hv, &packet);
}

static struct ic_freeze_info info(void)
{
	struct ic_freeze_info info;

	vss_info(hv.ic, &info);
	return info;
}

static void freeze(uint64_t for_ns)
{
	assert_int_equal(ask(VSS_FREEZE, for_ns), 0);
	serve(IC_VSS_HOT_BACKUP, 0);
	serve(IC_VSS_FREEZE, 0);
	assert_int_equal(info().state, VSS_FROZEN);
}

static void expect_thawed(void)
{
	assert_int_equal(info().state, VSS_THAWED);
	assert_true(info().thaw_due_in_ns == UINT64_MAX);
	ic_guest_pass(&hv, 100 * NSEC_PER_SEC);
	ic_guest_expect_silence(&hv);
}

/* ---- in order -------------------- */

static void nothing_is_said_unasked(void **state)
{
	expect_thawed();
	assert_int_equal(hv.ic->requests, 0);
}

static void a_backup_is_announced_before_the_freeze(void **state)
{
	assert_int_equal(ask(VSS_FREEZE, 0), 0);
	serve(IC_VSS_HOT_BACKUP, 0);
	assert_int_equal(hv.told.count, 0);
	serve(IC_VSS_FREEZE, 0);
	assert_int_equal(hv.told.count, 1);
	assert_int_equal(hv.told.answer.outcome, IC_ANSWERED);
	assert_int_equal(info().state, VSS_FROZEN);
	assert_int_equal(info().freezes, 1);
	assert_int_equal(info().thaw_due_in_ns, VSS_FREEZE_DEFAULT_NS);
}

static void who_thaws_in_time_needs_no_timer(void **state)
{
	freeze(5 * NSEC_PER_SEC);
	ic_guest_pass(&hv, NSEC_PER_SEC);
	assert_int_equal(info().time_in_state_ns, NSEC_PER_SEC);
	assert_int_equal(info().thaw_due_in_ns, 4 * NSEC_PER_SEC);
	assert_int_equal(ask(VSS_THAW, 0), 0);
	serve(IC_VSS_THAW, 0);
	assert_int_equal(hv.told.count, 2);
	assert_int_equal(info().automatic_thaws, 0);
	expect_thawed();
	/* thawed, freezing, frozen, thawing, thawed */
	assert_int_equal(fake_vm_recorded(hv.guest.fake, HV_EVENT_IC_FREEZE), 4);
}

static void the_guest_can_be_asked_whether_a_backup_works(void **state)
{
	assert_int_equal(ask(VSS_BACKUP, 0), 0);
	serve(IC_VSS_HOT_BACKUP, 0);
	assert_int_equal(hv.told.answer.outcome, IC_ANSWERED);
	expect_thawed();
}

/* ---- the safety timer -------------------- */

static void what_nobody_thaws_is_thawed_in_time(void **state)
{
	freeze(5 * NSEC_PER_SEC);
	ic_guest_pass(&hv, 5 * NSEC_PER_SEC - 1);
	ic_guest_expect_silence(&hv);
	ic_guest_pass(&hv, 1);
	assert_int_equal(info().state, VSS_THAWING);
	serve(IC_VSS_THAW, 0);
	assert_int_equal(info().automatic_thaws, 1);
	assert_int_equal(info().thaws, 1);
	expect_thawed();
}

static void a_thaw_is_tried_until_it_is_done(void **state)
{
	freeze(NSEC_PER_SEC);
	for (unsigned i = 1; i <= 5; i++) {
		ic_guest_pass(&hv, NSEC_PER_SEC);
		serve(IC_VSS_THAW, IC_STATUS_FAIL);
		assert_int_equal(info().state, VSS_FROZEN);
		assert_int_equal(info().automatic_thaws, i);
	}
	ic_guest_pass(&hv, NSEC_PER_SEC);
	serve(IC_VSS_THAW, 0);
	expect_thawed();
}

static void a_freeze_without_answer_is_thawed_all_the_same(void **state)
{
	struct ic_packet late;

	assert_int_equal(ask(VSS_FREEZE, NSEC_PER_SEC), 0);
	serve(IC_VSS_HOT_BACKUP, 0);
	late = take(IC_VSS_FREEZE);
	ic_guest_pass(&hv, 4 * NSEC_PER_SEC);
	assert_int_equal(hv.told.answer.outcome, IC_LOST);
	take(IC_VSS_THAW);
	ic_guest_answer(&hv, &late); /* to a question that is not the last one */
	assert_int_equal(hv.ic->stray, 1);
	assert_int_equal(info().state, VSS_THAWING);
	ic_guest_pass(&hv, 4 * NSEC_PER_SEC);
	serve(IC_VSS_THAW, 0);
	expect_thawed();
}

/* A VM that is paused reads nothing; it finds one packet when it goes on. */
static void a_guest_that_stands_still_is_thawed_when_it_goes_on(void **state)
{
	freeze(NSEC_PER_SEC);
	for (unsigned i = 0; i < 100; i++)
		ic_guest_pass(&hv, NSEC_PER_SEC);
	assert_int_equal(info().state, VSS_THAWING);
	serve(IC_VSS_THAW, 0);
	assert_int_equal(hv.ic->late, 1);
	expect_thawed();
}

/* ---- refusals and nonsense -------------------- */

static void without_a_daemon_nothing_is_frozen(void **state)
{
	assert_int_equal(ask(VSS_FREEZE, 0), 0);
	serve(IC_VSS_HOT_BACKUP, IC_STATUS_FAIL);
	assert_int_equal(hv.told.answer.outcome, IC_REFUSED);
	expect_thawed();
	assert_int_equal(ask(VSS_THAW, 0), 0);
	serve(IC_VSS_THAW, IC_STATUS_FAIL);
	assert_int_equal(hv.told.answer.outcome, IC_REFUSED);
	expect_thawed();
}

static void a_refused_freeze_leaves_nothing_to_thaw(void **state)
{
	assert_int_equal(ask(VSS_FREEZE, 0), 0);
	serve(IC_VSS_HOT_BACKUP, 0);
	serve(IC_VSS_FREEZE, IC_STATUS_FAIL);
	assert_int_equal(hv.told.answer.outcome, IC_REFUSED);
	assert_int_equal(info().freezes, 0);
	expect_thawed();
}

static void nonsense_for_an_answer_leaves_the_thaw_due(void **state)
{
	struct ic_packet packet;

	assert_int_equal(ask(VSS_FREEZE, NSEC_PER_SEC), 0);
	serve(IC_VSS_HOT_BACKUP, 0);
	packet = take(IC_VSS_FREEZE);
	packet.body[0] = IC_VSS_THAW; /* another operation */
	ic_guest_answer(&hv, &packet);
	assert_int_equal(hv.told.answer.outcome, IC_BAD_ANSWER);
	assert_int_equal(info().state, VSS_FREEZING);
	ic_guest_pass(&hv, NSEC_PER_SEC);
	packet = take(IC_VSS_THAW);
	packet.header.body_size = sizeof(struct ic_vss) - 1; /* too short */
	ic_guest_answer(&hv, &packet);
	assert_int_equal(info().state, VSS_THAWING);
	assert_int_equal(hv.ic->malformed, 2);
	ic_guest_pass(&hv, NSEC_PER_SEC);
	serve(IC_VSS_THAW, 0);
	expect_thawed();
}

/* ---- ends -------------------- */

static void a_driver_that_comes_back_is_thawed_first_of_all(void **state)
{
	freeze(60 * NSEC_PER_SEC);
	vmbus_guest_close(&hv.guest, hv.relid);
	assert_int_equal(info().state, VSS_UNKNOWN);
	assert_true(info().thaw_due_in_ns == UINT64_MAX);
	ic_guest_open_channel(&hv);
	ic_guest_negotiate(&hv, 5, 0);
	serve(IC_VSS_THAW, 0);
	expect_thawed();
}

static void a_reset_while_frozen_ends_the_request_and_the_timer(void **state)
{
	assert_int_equal(ask(VSS_FREEZE, NSEC_PER_SEC), 0);
	serve(IC_VSS_HOT_BACKUP, 0);
	take(IC_VSS_FREEZE);
	hv.guest.bus->device.reset(&hv.guest.bus->device);
	fake_vm_run_loop(hv.guest.fake);
	assert_int_equal(hv.told.count, 1);
	assert_int_equal(hv.told.answer.outcome, IC_ENDED);
	assert_int_equal(info().state, VSS_UNKNOWN);
	ic_guest_pass(&hv, 10 * NSEC_PER_SEC);
	assert_int_equal(hv.ic->state, IC_CLOSED);
}

static void the_device_may_go_while_frozen(void **state)
{
	freeze(NSEC_PER_SEC);
	assert_int_equal(vmbus_device_remove(hv.guest.bus, "vss"), 0);
	assert_null(ic_find(hv.guest.bus, IC_COMPONENT_VSS));
}

#define VSS_TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		VSS_TEST(nothing_is_said_unasked),
		VSS_TEST(a_backup_is_announced_before_the_freeze),
		VSS_TEST(who_thaws_in_time_needs_no_timer),
		VSS_TEST(the_guest_can_be_asked_whether_a_backup_works),
		VSS_TEST(what_nobody_thaws_is_thawed_in_time),
		VSS_TEST(a_thaw_is_tried_until_it_is_done),
		VSS_TEST(a_freeze_without_answer_is_thawed_all_the_same),
		VSS_TEST(a_guest_that_stands_still_is_thawed_when_it_goes_on),
		VSS_TEST(without_a_daemon_nothing_is_frozen),
		VSS_TEST(a_refused_freeze_leaves_nothing_to_thaw),
		VSS_TEST(nonsense_for_an_answer_leaves_the_thaw_due),
		VSS_TEST(a_driver_that_comes_back_is_thawed_first_of_all),
		VSS_TEST(a_reset_while_frozen_ends_the_request_and_the_timer),
		VSS_TEST(the_device_may_go_while_frozen),
	};

	return cmocka_run_group_tests_name("ic-vss", tests, NULL, NULL);
}
