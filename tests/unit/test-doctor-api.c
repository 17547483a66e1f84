/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The doctor over HTTP: what may be asked, and how the answer looks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "inspect/doctor_json.h"
#include "served_guest.h"
#include "hvdef/hv_msr.h"

enum { RING_PAGES = 8 };

static struct served_guest served;
static struct vmbus_guest *const guest = &served.guest;
static uint32_t relids[4];

static int set_up(void **state UNUSED)
{
	served_guest_start(&served);
	served_guest_add(&served, "null");
	assert_int_equal(vmbus_guest_connect(guest, relids, 4), 1);
	vmbus_guest_open(guest, relids[0], RING_PAGES);
	atomic_store(&guest->fake->vm.state, VM_RUNNING);
	served_guest_serve(&served);
	return 0;
}

static int tear_down(void **state UNUSED)
{
	served_guest_end(&served);
	return 0;
}

#define CALL(target) struct answer a = rig_call(&served.rig, RIG_API, "GET", (target), NULL)

/* The test's clock stands still: nothing can be judged, and the report says why. */
static void a_report_has_its_summary_also_when_nothing_was_judged(void **state UNUSED)
{
	CALL("/v1/doctor?stuck_after=50ms&relid=1,2&driver_after=3s");

	assert_int_equal(a.status, 200);
	assert_true(json_is_false(json_object_get(a.json, "judged")));
	assert_string_equal(json_string_value(json_object_get(a.json, "why_not")),
		"no time has passed between the samples");
	assert_int_equal(json_array_size(json_object_get(a.json, "items")), 0);
	answer_free(&a);
}

static void samples_read_back_as_they_were_written(void **state UNUSED)
{
	const struct doctor_channel *channel;
	struct doctor_sample *sample;
	CALL("/v1/doctor/samples?stuck_after=50ms");

	assert_int_equal(a.status, 200);
	sample = doctor_read_sample(json_array_get(json_object_get(a.json, "samples"), 1));
	assert_non_null(sample);
	assert_true(sample->machine.running);
	assert_int_equal(sample->vp_count, 2);
	channel = doctor_find_channel(sample, relids[0]);
	assert_non_null(channel);
	assert_string_equal(channel->device, "null");
	assert_true(channel->to_host.present);
	assert_int_equal(channel->to_host.size_bytes, (RING_PAGES / 2 - 1) * 4096);
	doctor_sample_free(sample);
	answer_free(&a);
}

static void a_sample_that_lacks_anything_is_refused(void **state UNUSED)
{
	json_t *object;
	CALL("/v1/doctor/samples?stuck_after=50ms");

	object = json_array_get(json_object_get(a.json, "samples"), 0);
	json_object_del(json_object_get(object, "machine"), "running");
	assert_null(doctor_read_sample(object));
	assert_null(doctor_read_sample(NULL));
	answer_free(&a);
}

static void limits_must_be_durations_and_relids_relids(void **state UNUSED)
{
	static const struct {
		const char *target, *pointer;
	} rows[] = {
		{"/v1/doctor?stuck_after=soon", "?stuck_after"},
		{"/v1/doctor?stuck_after=1ms", "?stuck_after"},
		{"/v1/doctor?stuck_after=2m", "?stuck_after"},
		{"/v1/doctor?event_after=0s", "?event_after"},
		{"/v1/doctor?relid=4,x", "?relid"},
		{"/v1/doctor?relid=4000", "?relid"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CALL(rows[i].target);

		rig_expect_problem(&a, 422, "bad_value");
		assert_string_equal(rig_pointer(&a), rows[i].pointer);
		answer_free(&a);
	}
}

static bool is_watching(void)
{
	CALL("/v1/doctor/watch");
	bool watching = json_is_true(json_object_get(a.json, "watching"));

	assert_int_equal(a.status, 200);
	answer_free(&a);
	return watching;
}

static void set_watching(const char *body)
{
	struct answer a = rig_call(
		&served.rig, RIG_API, "PATCH", "/v1/tree/doctor/watch/watching", body);

	assert_int_equal(a.status, 200);
	answer_free(&a);
}

static void watching_is_switched_on_and_off(void **state UNUSED)
{
	assert_false(is_watching());
	set_watching("{\"value\":true}");
	assert_true(is_watching());
	set_watching("{\"value\":false}");
	assert_false(is_watching());
}

/* Time passes for the guest, too, until the watch counts that many errors. */
static void wait_for_errors(long long wanted)
{
	for (unsigned i = 0; i < 200; i++) {
		CALL("/v1/doctor/watch");
		long long errors = json_integer_value(json_object_get(a.json, "errors"));
		long long examined = json_integer_value(json_object_get(a.json, "examinations"));

		answer_free(&a);
		if (errors == wanted && examined > 0)
			return;
		clock_manual_advance(&guest->fake->clock, 100 * NSEC_PER_MSEC);
		usleep(100 * 1000);
	}
	fail_msg("the watch did not come to %lld errors", wanted);
}

static void set_crashed(uint64_t crashed_ns)
{
	struct hv_partition *hv = &guest->fake->vm.hv[0];

	pthread_mutex_lock(&hv->lock);
	hv->crashed_ns = crashed_ns;
	hv->guest_os_id = 1;
	hv->hypercall = HV_PAGE_ENABLE;
	pthread_mutex_unlock(&hv->lock);
}

static void wait_for_sample(void)
{
	for (unsigned i = 0; i < 500; i++) {
		CALL("/v1/doctor/watch");
		long long samples = json_integer_value(json_object_get(a.json, "samples"));

		answer_free(&a);
		if (samples > 0)
			return;
		usleep(10 * 1000);
	}
	fail_msg("no sample was taken");
}

/* The guest's time passes between the two samples. */
static void a_finding_says_what_why_and_what_to_type(void **state UNUSED)
{
	int fd = rig_connect(&served.rig, RIG_API);
	const json_t *finding;
	struct answer a;

	set_crashed(clock_now_ns(&guest->fake->clock.clock));
	rig_send(fd, "GET /v1/doctor?stuck_after=2s HTTP/1.1\r\nHost: hvd\r\n\r\n");
	wait_for_sample();
	clock_manual_advance(&guest->fake->clock, 2 * NSEC_PER_SEC);
	assert_true(rig_receive(fd, &a));
	close(fd);
	assert_int_equal(a.status, 200);
	assert_int_equal(json_integer_value(json_object_get(a.json, "errors")), 1);
	finding = json_array_get(json_object_get(a.json, "items"), 0);
	assert_string_equal(json_string_value(json_object_get(finding, "rule")), "D39");
	assert_string_equal(json_string_value(json_object_get(finding, "role")), "cause");
	assert_string_equal(
		json_string_value(json_object_get(finding, "remedy")), "hvctl vm reset");
	assert_true(json_array_size(json_object_get(finding, "evidence")) > 0);
	assert_true(json_is_null(json_object_get(finding, "because_rule")));
	answer_free(&a);
}

/* Far longer than a sample may be late, and than whatever this machine is late by itself. */
static void stand_still(struct loop_work *work UNUSED)
{
	usleep(1500 * 1000);
}

/* As when a machine is suspended, or has something better to do: the guest stood still, too. */
static void nothing_is_judged_after_hvd_itself_stood_still(void **state UNUSED)
{
	static struct loop_work work = {.run = stand_still};
	int fd = rig_connect(&served.rig, RIG_API);
	struct answer a;

	set_crashed(clock_now_ns(&guest->fake->clock.clock));
	rig_send(fd, "GET /v1/doctor?stuck_after=300ms HTTP/1.1\r\nHost: hvd\r\n\r\n");
	wait_for_sample();
	loop_defer(served.rig.loop, &work);
	clock_manual_advance(&guest->fake->clock, 2 * NSEC_PER_SEC);
	assert_true(rig_receive(fd, &a));
	close(fd);
	assert_int_equal(a.status, 200);
	assert_true(json_is_false(json_object_get(a.json, "judged")));
	assert_non_null(strstr(
		json_string_value(json_object_get(a.json, "why_not")), "hvd itself did not run"));
	assert_int_equal(json_integer_value(json_object_get(a.json, "errors")), 0);
	answer_free(&a);
}

static unsigned recorded(const char *what)
{
	CALL("/v1/log?type=doctor.finding");
	const json_t *items = json_object_get(a.json, "items");
	unsigned count = 0;

	for (size_t i = 0; i < json_array_size(items); i++) {
		const json_t *args = json_object_get(json_array_get(items, i), "args");

		count += json_integer_value(json_object_get(args, "rule")) == 39 &&
			 strcmp(json_string_value(json_object_get(args, "what")), what) == 0;
	}
	answer_free(&a);
	return count;
}

static void findings_that_come_and_go_are_records(void **state UNUSED)
{
	set_crashed(0);
	set_watching("{\"value\":true}");
	wait_for_errors(0);
	set_crashed(clock_now_ns(&guest->fake->clock.clock));
	wait_for_errors(1);
	assert_int_equal(recorded("appeared"), 1);
	assert_int_equal(recorded("cleared"), 0);
	set_crashed(0);
	wait_for_errors(0);
	assert_int_equal(recorded("appeared"), 1);
	assert_int_equal(recorded("cleared"), 1);
	set_watching("{\"value\":false}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_report_has_its_summary_also_when_nothing_was_judged, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			samples_read_back_as_they_were_written, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_sample_that_lacks_anything_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			limits_must_be_durations_and_relids_relids, set_up, tear_down),
		cmocka_unit_test_setup_teardown(watching_is_switched_on_and_off, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_finding_says_what_why_and_what_to_type, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			nothing_is_judged_after_hvd_itself_stood_still, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			findings_that_come_and_go_are_records, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("doctor-api", tests, NULL, NULL);
}
