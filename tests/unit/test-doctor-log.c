/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The doctor's watch between its two threads: the main loop hands a pair of samples over and goes on,
 * and what the HTTP thread makes of it is recorded, unless it is not wanted any more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "common/clock.h"
#include "common/record.h"
#include "inspect/doctor_log.h"

static struct loop *http_loop;
static struct recorder *recorder;
static struct doctor_log doctor_log;
static struct doctor_pair pair;

static struct shared_sample *new_sample(uint64_t mono_ns)
{
	struct shared_sample *shared = shared_sample_new();

	assert_non_null(shared);
	shared->sample->machine.running = true;
	shared->sample->machine.mono_ns = mono_ns;
	shared->sample->machine.crash_age_ns = DOCTOR_NONE;
	return shared;
}

static int set_up(void **state UNUSED)
{
	assert_int_equal(loop_new(&http_loop), 0);
	assert_int_equal(recorder_new(&clock_monotonic, 64, &recorder), 0);
	doctor_log_init(&doctor_log, http_loop, recorder);
	pair.then = new_sample(1);
	pair.now = new_sample(1 + NSEC_PER_SEC);
	pair.wanted_ns = pair.now->taken_ns;
	return 0;
}

static int tear_down(void **state UNUSED)
{
	doctor_log_deinit(&doctor_log);
	doctor_pair_unref(&pair);
	recorder_free(recorder);
	loop_free(http_loop);
	return 0;
}

/* D39, an error. */
static void panic(void)
{
	pair.now->sample->machine.crash_age_ns = NSEC_PER_SEC;
}

static void recover(void)
{
	pair.now->sample->machine.crash_age_ns = DOCTOR_NONE;
}

static uint64_t records(void)
{
	return recorder_head(recorder);
}

static void run_http_thread(void)
{
	assert_true(loop_run_ready(http_loop) >= 0);
}

static void nothing_is_judged_by_whoever_hands_it_over(void **state UNUSED)
{
	uint64_t before = records();

	panic();
	doctor_log_judge(&doctor_log, &pair);
	assert_int_equal(doctor_log.examinations, 0);
	assert_int_equal(records(), before);
	run_http_thread();
	assert_int_equal(doctor_log.examinations, 1);
	assert_int_equal(doctor_log.found[DOCTOR_ERROR], 1);
	assert_int_equal(records(), before + 1);
}

static void what_stays_is_recorded_once_and_what_goes_once_more(void **state UNUSED)
{
	uint64_t before = records();

	panic();
	for (unsigned i = 0; i < 3; i++) {
		doctor_log_judge(&doctor_log, &pair);
		run_http_thread();
	}
	assert_int_equal(records(), before + 1);
	recover();
	doctor_log_judge(&doctor_log, &pair);
	run_http_thread();
	assert_int_equal(records(), before + 2);
	assert_int_equal(doctor_log.found[DOCTOR_ERROR], 0);
}

/* It holds on to the first pair alone, however many come. */
static void while_the_other_thread_is_busy_pairs_are_not_judged(void **state UNUSED)
{
	for (unsigned i = 0; i < 5; i++)
		doctor_log_judge(&doctor_log, &pair);
	assert_int_equal(doctor_log.unjudged, 4);
	assert_int_equal(pair.now->refs, 2);
	run_http_thread();
	assert_int_equal(doctor_log.examinations, 1);
	assert_int_equal(pair.now->refs, 1);
	assert_int_equal(pair.then->refs, 1);
	doctor_log_judge(&doctor_log, &pair);
	assert_int_equal(doctor_log.unjudged, 4);
}

static void what_was_handed_over_before_all_is_forgotten_is_not_recorded(void **state UNUSED)
{
	uint64_t before = records();

	panic();
	doctor_log_judge(&doctor_log, &pair);
	doctor_log_forget(&doctor_log);
	run_http_thread();
	assert_int_equal(records(), before);
	assert_int_equal(doctor_log.found[DOCTOR_ERROR], 0);
	doctor_log_judge(&doctor_log, &pair);
	run_http_thread();
	assert_int_equal(records(), before + 1);
	doctor_log_forget(&doctor_log); /* without a word */
	assert_int_equal(records(), before + 1);
	assert_int_equal(doctor_log.found[DOCTOR_ERROR], 0);
}

/* The HTTP thread ended before it came to it. */
static void a_pair_on_its_way_is_given_back_at_the_end(void **state UNUSED)
{
	doctor_log_judge(&doctor_log, &pair);
	assert_int_equal(pair.then->refs, 2);
}

static void a_sample_that_comes_late_is_not_judged(void **state UNUSED)
{
	panic();
	pair.wanted_ns = pair.now->taken_ns - NSEC_PER_SEC;
	doctor_log_judge(&doctor_log, &pair);
	run_http_thread();
	assert_int_equal(doctor_log.unjudged, 1);
	assert_int_equal(doctor_log.found[DOCTOR_ERROR], 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_judged_by_whoever_hands_it_over),
		TEST(what_stays_is_recorded_once_and_what_goes_once_more),
		TEST(while_the_other_thread_is_busy_pairs_are_not_judged),
		TEST(what_was_handed_over_before_all_is_forgotten_is_not_recorded),
		TEST(a_pair_on_its_way_is_given_back_at_the_end),
		TEST(a_sample_that_comes_late_is_not_judged),
	};

	return cmocka_run_group_tests_name("doctor-log", tests, NULL, NULL);
}
