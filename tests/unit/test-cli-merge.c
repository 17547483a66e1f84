/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records of several sources by time: order, window, bound. */
#include "cli/merge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { CAPACITY = 8, WINDOW = 100 };

/* What came out, as the letters that went in. */
struct fixture {
	struct merge merge;
	char out[64];
	size_t count, wanted;
};

static bool on_record(void *arg, const json_t *record)
{
	struct fixture *f = arg;

	assert_true(f->count + 1 < sizeof(f->out));
	f->out[f->count++] = json_string_value(record)[0];
	f->out[f->count] = '\0';
	return f->count < f->wanted;
}

static int setup(void **state)
{
	static struct fixture fixture;

	fixture = (struct fixture){.wanted = SIZE_MAX};
	*state = &fixture;
	return merge_init(&fixture.merge, CAPACITY, WINDOW, on_record, &fixture);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	merge_deinit(&f->merge);
	return 0;
}

static void push(struct fixture *f, char letter, uint64_t mono_ns, uint64_t now_ns)
{
	assert_true(merge_push(&f->merge, json_stringn(&letter, 1), mono_ns, now_ns));
}

static void release(struct fixture *f, uint64_t now_ns, const char *expected)
{
	f->count = 0;
	f->out[0] = '\0';
	assert_true(merge_release(&f->merge, now_ns));
	assert_string_equal(f->out, expected);
}

static void test_two_sources_come_out_by_time(void **state)
{
	struct fixture *f = *state;

	/* One source in capitals; each in its own order, the second one late. */
	push(f, 'a', 1000, 1040);
	push(f, 'd', 1030, 1040);
	push(f, 'f', 1050, 1060);
	push(f, 'B', 1010, 1080);
	push(f, 'C', 1020, 1080);
	push(f, 'E', 1040, 1080);
	release(f, 2000, "aBCdEf");
}

static void test_each_waits_for_its_window_and_no_longer(void **state)
{
	struct fixture *f = *state;

	push(f, 'a', 1000, 1005);
	push(f, 'b', 1050, 1055);
	release(f, 1099, "");
	release(f, 1100, "a");
	release(f, 1149, "");
	release(f, 1150, "b");
	assert_true(merge_is_empty(&f->merge));
}

static void test_of_one_moment_the_first_to_come_goes_first(void **state)
{
	struct fixture *f = *state;

	for (const char *letter = "abcdefgh"; *letter; letter++)
		push(f, *letter, 1000, 1000);
	release(f, 1100, "abcdefgh");
}

static void test_one_that_is_too_late_still_comes(void **state)
{
	struct fixture *f = *state;

	push(f, 'b', 1000, 1000);
	release(f, 1100, "b");
	push(f, 'a', 990, 1120);
	release(f, 1120, "a");
}

static void test_the_future_counts_as_now(void **state)
{
	struct fixture *f = *state;

	push(f, 'x', UINT64_MAX, 1000);
	push(f, 'y', 1001, 1001);
	release(f, 1101, "xy");
}

static void test_history_does_not_wait(void **state)
{
	struct fixture *f = *state;

	push(f, 'a', 1, 1000000);
	push(f, 'b', 2, 1000000);
	release(f, 1000000, "ab");
}

static void test_when_it_is_full_the_oldest_goes(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 20; i++)
		push(f, (char)('a' + i), 1000 - i % 2, 1000);
	/* Twelve had to go: those of the earlier moment first, as long as there were any. */
	assert_int_equal(f->count, 12);
	assert_int_equal(f->merge.count, CAPACITY);
	assert_memory_equal(f->out, "bdfhjlnparct", 12);
	release(f, 1100, "egikmoqs");
}

static void test_a_flush_takes_all_in_order(void **state)
{
	struct fixture *f = *state;

	push(f, 'c', 1002, 1002);
	push(f, 'a', 1000, 1002);
	push(f, 'b', 1001, 1002);
	assert_true(merge_flush(&f->merge));
	assert_string_equal(f->out, "abc");
	assert_true(merge_is_empty(&f->merge));
}

static void test_no_more_after_enough(void **state)
{
	struct fixture *f = *state;

	push(f, 'a', 1000, 1000);
	push(f, 'b', 1001, 1001);
	push(f, 'c', 1002, 1002);
	f->wanted = 2;
	assert_false(merge_release(&f->merge, 2000));
	assert_string_equal(f->out, "ab");
	/* The third is dropped by teardown: ASan would tell. */
	assert_false(merge_is_empty(&f->merge));
}

/* Random times come out as sort would put them, whatever the heap looks like inside. */
static void test_any_order_comes_out_sorted(void **state)
{
	struct fixture *f = *state;
	unsigned seed = 1;

	for (unsigned round = 0; round < 1000; round++) {
		char expected[CAPACITY + 1] = "", sorted[CAPACITY + 1] = "";
		size_t n = 1 + round % CAPACITY;

		for (size_t i = 0; i < n; i++) {
			seed = seed * 1103515245 + 12345;
			expected[i] = (char)('a' + (seed >> 16) % 26);
			push(f, expected[i], 1000 + (uint64_t)expected[i], 2000);
		}
		for (size_t i = 0, filled = 0; i < 26; i++)
			for (size_t j = 0; j < n; j++)
				if (expected[j] == (char)('a' + i))
					sorted[filled++] = expected[j];
		release(f, 3000, sorted);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_two_sources_come_out_by_time, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_each_waits_for_its_window_and_no_longer, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_of_one_moment_the_first_to_come_goes_first, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_one_that_is_too_late_still_comes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_future_counts_as_now, setup, teardown),
		cmocka_unit_test_setup_teardown(test_history_does_not_wait, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_when_it_is_full_the_oldest_goes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_flush_takes_all_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_more_after_enough, setup, teardown),
		cmocka_unit_test_setup_teardown(test_any_order_comes_out_sorted, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
