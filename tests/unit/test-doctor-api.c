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

enum { RING_PAGES = 8, TRIES = 20 };

static struct served_guest served;
static struct vmbus_guest *const guest = &served.guest;
static uint32_t relids[4];
static _Atomic bool loop_held; /* as long as it is set hvd's main loop stands still */

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
	atomic_store(&loop_held, false);
	served_guest_end(&served);
	return 0;
}

#define CALL(target) struct answer a = rig_call(&served.rig, RIG_API, "GET", (target), NULL)

/* Nothing is judged after hvd's loop was late for its sample, as it may be on a busy machine. */
static bool hvd_was_late(const struct answer *a)
{
	const char *why_not = json_string_value(json_object_get(a->json, "why_not"));

	assert_int_equal(a->status, 200);
	return why_not && strstr(why_not, "hvd itself did not run");
}

/* The test's clock stands still: nothing can be judged, and the report says why. */
static void a_report_has_its_summary_also_when_nothing_was_judged(void **state UNUSED)
{
	struct answer a = {0};

	for (unsigned i = 0; i < TRIES && (i == 0 || hvd_was_late(&a)); i++) {
		answer_free(&a);
		a = rig_call(&served.rig, RIG_API, "GET",
			"/v1/doctor?stuck_after=50ms&relid=1,2&driver_after=3s", NULL);
	}
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
		usleep(100 * 1000); /* hvd's own, which its rounds go by */
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

static long long samples_taken(void)
{
	CALL("/v1/doctor/watch");
	long long samples = json_integer_value(json_object_get(a.json, "samples"));

	answer_free(&a);
	return samples;
}

/*
 * A request whose first sample has been taken, as the one of that number. (What was taken before is not
 * shared: it is more than 20 ms old.)
 */
static int begin_round(const char *stuck_after, long long *ret_sample)
{
	int fd = rig_connect(&served.rig, RIG_API);
	long long before;
	char text[128];

	usleep(21 * 1000);
	before = samples_taken();
	snprintf(text, sizeof(text), "GET /v1/doctor?stuck_after=%s HTTP/1.1\r\nHost: hvd\r\n\r\n",
		stuck_after);
	rig_send(fd, text);
	for (unsigned ms = 0; samples_taken() == before; ms++) {
		assert_true(ms < RIG_PATIENCE_MS);
		usleep(1000);
	}
	*ret_sample = before + 1;
	return fd;
}

static struct answer end_round(int fd)
{
	struct answer a;

	assert_true(rig_receive(fd, &a));
	close(fd);
	assert_int_equal(a.status, 200);
	return a;
}

/* The guest's time passes between the two samples; and again, if hvd or the test was late for that. */
static struct answer judged_after_two_seconds(void)
{
	for (unsigned i = 0; i < TRIES; i++) {
		long long sample;
		int fd = begin_round("2s", &sample);
		struct answer a;

		clock_manual_advance(&guest->fake->clock, 2 * NSEC_PER_SEC);
		a = end_round(fd);
		if (json_is_true(json_object_get(a.json, "judged")))
			return a;
		print_message("not yet: %s\n", a.text);
		answer_free(&a);
	}
	fail_msg("nothing is ever judged");
	return (struct answer){0};
}

static void a_finding_says_what_why_and_what_to_type(void **state UNUSED)
{
	const json_t *finding;
	struct answer a;

	set_crashed(clock_now_ns(&guest->fake->clock.clock));
	a = judged_after_two_seconds();
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

static void stand_still(struct loop_work *work UNUSED)
{
	while (atomic_load(&loop_held))
		usleep(1000);
}

/*
 * For far longer than a sample may be late. False: the test itself was late, and `sample` is not the
 * latest any more.
 */
static bool hold_loop_after(long long sample)
{
	static struct loop_work work = {.run = stand_still};
	bool latest;

	atomic_store(&loop_held, true);
	loop_defer(served.rig.loop, &work);
	usleep(1500 * 1000);
	latest = samples_taken() == sample;
	atomic_store(&loop_held, false);
	return latest;
}

/* As when a machine is suspended, or has something better to do: the guest stood still, too. */
static void nothing_is_judged_after_hvd_itself_stood_still(void **state UNUSED)
{
	struct answer a = {0};
	bool held = false;

	set_crashed(clock_now_ns(&guest->fake->clock.clock));
	for (unsigned i = 0; i < TRIES && !held; i++) {
		long long sample;
		int fd = begin_round("300ms", &sample);

		answer_free(&a);
		clock_manual_advance(&guest->fake->clock, 2 * NSEC_PER_SEC);
		held = hold_loop_after(sample);
		a = end_round(fd);
	}
	assert_true(held);
	assert_true(json_is_false(json_object_get(a.json, "judged")));
	assert_true(hvd_was_late(&a));
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
