/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reference time: the counter, the TSC page, and that they agree. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "fake_vm.h"

enum { SECOND_100NS = 10000000 };

static uint64_t page_time(const struct hv_reference_tsc_page *page, uint64_t tsc)
{
	return (uint64_t)((unsigned __int128)tsc * page->scale >> 64) + (uint64_t)page->offset;
}

/* A machine of which only the time matters. */
static uint64_t test_tsc;

static uint64_t get_test_tsc(struct vm *vm)
{
	return test_tsc;
}

static struct accel tsc_accel = {.guest_tsc = get_test_tsc};
static struct accel no_tsc_accel;

static void init(struct vm *vm, struct clock_manual *clock, struct accel *accel)
{
	memset(vm, 0, sizeof(*vm));
	clock_manual_init(clock, FAKE_START_NS);
	vm->clock = &clock->clock;
	vm->accel = accel;
}

static struct vm vm;
static struct clock_manual manual;

static void the_counter_starts_at_zero(void **state)
{
	test_tsc = UINT64_C(0x123456789abc);
	init(&vm, &manual, &tsc_accel);
	reftime_init(&vm.reftime, &vm, FAKE_TSC_HZ);
	assert_int_equal(reftime_now_100ns(&vm.reftime), 0);
	reftime_init(&vm.reftime, &vm, 0);
	assert_int_equal(reftime_now_100ns(&vm.reftime), 0);
}

static void one_second_of_tsc_is_ten_million_units(void **state)
{
	static const uint64_t rates[] = {
		10000001, 1000000000, 2500000000, 2894561234, 5000000000, UINT64_C(1) << 40};

	init(&vm, &manual, &tsc_accel);
	for (unsigned i = 0; i < ARRAY_LEN(rates); i++) {
		test_tsc = 0;
		reftime_init(&vm.reftime, &vm, rates[i]);
		assert_true(vm.reftime.tsc_valid);
		test_tsc = rates[i];
		assert_in_range(reftime_now_100ns(&vm.reftime), SECOND_100NS - 1, SECOND_100NS);
	}
}

static void a_tsc_too_slow_for_the_scale_is_not_used(void **state)
{
	static const struct {
		struct accel *accel;
		uint64_t hz;
	} rows[] = {{&tsc_accel, 0}, {&tsc_accel, 1}, {&tsc_accel, 10000000},
		{&no_tsc_accel, FAKE_TSC_HZ}};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct hv_reference_tsc_page page;

		memset(&page, 0xff, sizeof(page));
		init(&vm, &manual, rows[i].accel);
		reftime_init(&vm.reftime, &vm, rows[i].hz);
		assert_false(vm.reftime.tsc_valid);
		reftime_fill_page(&vm.reftime, &page);
		assert_int_equal(page.sequence, 0);
		clock_manual_advance(&manual, 12345);
		assert_int_equal(reftime_now_100ns(&vm.reftime), 123);
	}
}

static void the_page_and_the_counter_agree(void **state)
{
	static const uint64_t steps[] = {0, 1, 2500, 1000003, UINT64_C(1) << 33, UINT64_C(1) << 50};
	static struct hv_reference_tsc_page page;

	test_tsc = UINT64_C(987654321987);
	init(&vm, &manual, &tsc_accel);
	reftime_init(&vm.reftime, &vm, FAKE_TSC_HZ);
	memset(&page, 0xff, sizeof(page));
	reftime_fill_page(&vm.reftime, &page);
	assert_int_equal(page.sequence, 1);
	assert_int_equal(page.reserved, 0);
	assert_int_equal(page.reserved2[508], 0);
	for (unsigned i = 0; i < ARRAY_LEN(steps); i++) {
		test_tsc += steps[i];
		assert_int_equal(page_time(&page, test_tsc), reftime_now_100ns(&vm.reftime));
	}
}

static void the_counter_never_goes_back(void **state)
{
	uint64_t before;

	test_tsc = 1000000;
	init(&vm, &manual, &tsc_accel);
	reftime_init(&vm.reftime, &vm, FAKE_TSC_HZ);
	test_tsc -= 500; /* another CPU's TSC, before the VM was created */
	assert_int_equal(reftime_now_100ns(&vm.reftime), 0);
	test_tsc += 1000000;
	before = reftime_now_100ns(&vm.reftime);
	test_tsc -= 2500;
	assert_int_equal(reftime_now_100ns(&vm.reftime), before);
}

static void a_deadline_is_when_the_counter_gets_there(void **state)
{
	uint64_t now_ns = FAKE_START_NS + 1000;

	init(&vm, &manual, &no_tsc_accel);
	reftime_init(&vm.reftime, &vm, 0);
	clock_manual_advance(&manual, 1000);
	assert_int_equal(reftime_deadline_ns(&vm.reftime, 0), now_ns); /* past, but not 0 */
	assert_int_equal(reftime_deadline_ns(&vm.reftime, 10), now_ns);
	assert_int_equal(reftime_deadline_ns(&vm.reftime, 11), now_ns + 100);
	assert_int_equal(
		reftime_deadline_ns(&vm.reftime, UINT64_MAX / 100 + 11), UINT64_MAX); /* sum */
	assert_int_equal(reftime_deadline_ns(&vm.reftime, UINT64_MAX), UINT64_MAX);   /* product */
}

enum { THREADS = 3, READS = 20000 };

static void *read_counter(void *arg)
{
	struct fake_vm *fake = arg;
	uint64_t last = 0, backward = 0;

	for (unsigned i = 0; i < READS; i++) {
		uint64_t now = reftime_now_100ns(&fake->vm.reftime);

		backward += now < last;
		last = now;
		if (i % 16 == 0)
			clock_manual_advance(&fake->clock, 100);
	}
	return (void *)(uintptr_t)backward;
}

static void no_thread_sees_time_go_back(void **state)
{
	struct fake_vm *fake = fake_vm_new(1, FAKE_WITH_TSC);
	pthread_t threads[THREADS];

	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_counter, fake), 0);
	for (unsigned i = 0; i < THREADS; i++) {
		void *backward;

		pthread_join(threads[i], &backward);
		assert_null(backward);
	}
	fake_vm_free(fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_counter_starts_at_zero),
		cmocka_unit_test(one_second_of_tsc_is_ten_million_units),
		cmocka_unit_test(a_tsc_too_slow_for_the_scale_is_not_used),
		cmocka_unit_test(the_page_and_the_counter_agree),
		cmocka_unit_test(the_counter_never_goes_back),
		cmocka_unit_test(a_deadline_is_when_the_counter_gets_there),
		cmocka_unit_test(no_thread_sees_time_go_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
