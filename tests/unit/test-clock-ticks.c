/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Time from ticks: a counter and a clock of a world of our own, and the CPU's beside the kernel's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "common/clock_ticks.h"

enum {
	MILLISECOND = 1000000,
	THREADS = 3,
	LOAD_NS = 200 * MILLISECOND,
};

/* ---- a world of our own --------------------------------------------------------------------- */

static struct world {
	uint64_t ticks_e6, clock_e6; /* millionths of a tick, of a nanosecond */
	uint64_t ticks_offset;
	uint64_t khz;  /* of the counter */
	int steer_ppm; /* of the clock */
	unsigned ticks_cost_ns, clock_cost_ns;
	unsigned clock_jitter_ns;
	bool hiccups; /* preempts readers of the clock, now and then */
	unsigned ticks_reads, clock_reads;
	uint64_t random;
} world;

static void pass(uint64_t ns)
{
	world.ticks_e6 += ns * world.khz;
	world.clock_e6 += ns * (uint64_t)(1000000 + world.steer_ppm);
}

static uint64_t random_below(uint64_t limit)
{
	world.random = world.random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (world.random >> 33) % limit;
}

static uint64_t true_ns(void)
{
	return world.clock_e6 / 1000000;
}

static uint64_t true_ticks(void)
{
	return world.ticks_e6 / 1000000 + world.ticks_offset;
}

static uint64_t read_ticks(const struct tick_source *source)
{
	uint64_t ticks = true_ticks();

	world.ticks_reads++;
	pass(world.ticks_cost_ns);
	return ticks;
}

static uint64_t read_clock(const struct clock *clock)
{
	uint64_t now_ns;

	world.clock_reads++;
	if (world.hiccups && random_below(8) == 0)
		pass(random_below(4 * MILLISECOND));
	pass(world.clock_cost_ns / 2 + random_below(world.clock_jitter_ns + 1));
	now_ns = true_ns();
	pass(world.clock_cost_ns / 2 + random_below(world.clock_jitter_ns + 1));
	if (world.hiccups && random_below(8) == 0)
		pass(random_below(4 * MILLISECOND));
	return now_ns;
}

static const struct tick_source world_source = {.ticks = read_ticks};
static const struct clock world_clock = {.now_ns = read_clock};

static int new_world(void **state)
{
	world = (struct world){
		.clock_e6 = UINT64_C(1000000) * 5 * MILLISECOND,
		.ticks_offset = UINT64_C(123456789012345),
		.khz = 2595100,
		.ticks_cost_ns = 10,
		.clock_cost_ns = 26,
	};
	return 0;
}

/* As the recorder does it. */
static uint64_t now(struct clock_ticks *reader)
{
	uint64_t now_ns;

	if (clock_ticks_convert(reader, true_ticks(), &now_ns))
		return now_ns;
	return clock_ticks_ask(reader);
}

/* For `ns`: a reading every `step_ns`, which never goes back and stays within what is allowed. */
static void run(struct clock_ticks *reader, uint64_t ns, uint64_t step_ns, uint64_t lag_ns,
	uint64_t ahead_ns)
{
	uint64_t end_ns = true_ns() + ns;

	while (true_ns() < end_ns) {
		uint64_t earlier_ns = reader->last_ns, before_ns = true_ns();
		uint64_t now_ns = now(reader);

		assert_true(now_ns >= earlier_ns);
		assert_true(now_ns + lag_ns >= before_ns);
		assert_true(now_ns <= true_ns() + ahead_ns);
		pass(step_ns);
	}
}

static void new_reader(struct clock_ticks *reader)
{
	clock_ticks_init(reader, &world_clock, &world_source);
}

static void the_clock_is_asked_once_in_a_millisecond(void **state)
{
	static const uint64_t khz[] = {100000, 1000000, 2595100, 5100000};
	static const int steering[] = {-500, 0, 37, 500};

	for (size_t i = 0; i < ARRAY_LEN(khz) * ARRAY_LEN(steering); i++) {
		struct clock_ticks reader;

		new_world(NULL);
		world.khz = khz[i % ARRAY_LEN(khz)];
		world.steer_ppm = steering[i / ARRAY_LEN(khz)];
		new_reader(&reader);
		run(&reader, 4 * MILLISECOND, 1000, CLOCK_TICKS_LAG_NS, 0);
		world.clock_reads = 0;
		run(&reader, 200 * MILLISECOND, 777, CLOCK_TICKS_LAG_NS, 0);
		assert_in_range(world.clock_reads, 195, 205);
	}
}

static void the_way_to_the_clock_may_vary_in_length(void **state)
{
	struct clock_ticks reader;

	world.clock_jitter_ns = 90;
	new_reader(&reader);
	run(&reader, 4000 * (uint64_t)MILLISECOND, 3001, CLOCK_TICKS_LAG_NS, 0);
	assert_in_range(world.clock_reads, 0, 20000);
}

static void a_reading_that_was_lucky_is_no_measure_for_ever(void **state)
{
	struct clock_ticks reader;

	new_reader(&reader);
	world.ticks_cost_ns = world.clock_cost_ns = 0;
	now(&reader);
	world.ticks_cost_ns = 20;
	world.clock_cost_ns = 30;
	run(&reader, 4 * MILLISECOND, 1000, CLOCK_TICKS_LAG_NS, 0);
	world.clock_reads = 0;
	run(&reader, 10 * MILLISECOND, 1000, CLOCK_TICKS_LAG_NS, 0);
	assert_in_range(world.clock_reads, 8, 12);
}

static void who_reads_seldom_is_told_what_the_clock_says(void **state)
{
	struct clock_ticks reader;

	new_reader(&reader);
	run(&reader, 300 * MILLISECOND, 3 * MILLISECOND, 0, 0);
	assert_in_range(world.clock_reads, 99, 101);
	/* And it is no worse for having been idle: two days, then a flood. */
	pass(UINT64_C(172800000) * MILLISECOND / 1000);
	run(&reader, 10 * MILLISECOND, 1000, CLOCK_TICKS_LAG_NS, 0);
	assert_in_range(world.clock_reads, 99, 120);
}

static void a_preemption_while_the_clock_is_asked_spoils_nothing(void **state)
{
	struct clock_ticks reader;

	world.hiccups = true;
	new_reader(&reader);
	run(&reader, UINT64_C(3000) * MILLISECOND, 2000, CLOCK_TICKS_LAG_NS, 0);
	assert_non_null(reader.source);
	/* It is of use nevertheless. */
	assert_in_range(world.clock_reads, 0, 3000 * 500 / 2);
}

static void the_kernel_may_steer_its_clock(void **state)
{
	struct clock_ticks reader;

	new_reader(&reader);
	for (unsigned i = 0; i < 1000; i++) {
		world.steer_ppm = (int)random_below(1001) - 500;
		run(&reader, random_below(3 * MILLISECOND), 5000,
			CLOCK_TICKS_LAG_NS + CLOCK_TICKS_AHEAD_NS, CLOCK_TICKS_AHEAD_NS);
	}
}

static void jump_by(uint64_t ticks)
{
	world.ticks_offset += ticks;
}

static void a_counter_that_jumped_is_believed_again_when_it_is_steady(void **state)
{
	static const int64_t jumps[] = {-123456789012000, 10000000000, -1, 1, -2000000, 2000000,
		1000000, -1000000, INT64_MAX};
	struct clock_ticks reader;

	new_reader(&reader);
	for (unsigned i = 0; i < 500; i++) {
		run(&reader, 5 * MILLISECOND + random_below(MILLISECOND), 3000, CLOCK_TICKS_LAG_NS,
			0);
		jump_by((uint64_t)jumps[i % ARRAY_LEN(jumps)]);
		run(&reader, 5 * MILLISECOND, 3000, CLOCK_TICKS_SPAN_NS, CLOCK_TICKS_SPAN_NS);
		world.clock_reads = 0;
		run(&reader, 10 * MILLISECOND, 3000, CLOCK_TICKS_LAG_NS, 0);
		assert_in_range(world.clock_reads, 8, 12);
	}
}

static void a_counter_may_change_its_pace(void **state)
{
	static const uint64_t khz[] = {1700000, 3400000, 2400000, 2410000, 900000};
	struct clock_ticks reader;

	new_reader(&reader);
	for (unsigned i = 0; i < 100; i++) {
		world.khz = khz[i % ARRAY_LEN(khz)];
		/* Twice the ticks: a span is over in half its time, at worst a span ahead. */
		run(&reader, 6 * MILLISECOND, 2000, 3 * CLOCK_TICKS_SPAN_NS, CLOCK_TICKS_SPAN_NS);
		world.clock_reads = 0;
		run(&reader, 10 * MILLISECOND, 2000, CLOCK_TICKS_LAG_NS, 0);
		assert_in_range(world.clock_reads, 8, 12);
	}
}

static void a_source_that_is_slow_to_read_is_given_up(void **state)
{
	struct clock_ticks reader;

	world.ticks_cost_ns = 2000;
	new_reader(&reader);
	run(&reader, 100 * MILLISECOND, 3000, 0, 0);
	world.ticks_reads = 0;
	run(&reader, 100 * MILLISECOND, 3000, 0, 0);
	assert_int_equal(world.ticks_reads, 0);
}

static void a_counter_that_keeps_no_pace_is_given_up(void **state)
{
	struct clock_ticks reader;

	new_reader(&reader);
	for (unsigned i = 0; i < 100; i++) {
		world.khz = 1000000 + i % 7 * 300000;
		run(&reader, MILLISECOND, 3000, 0, 0);
	}
	assert_null(reader.source);
	world.ticks_reads = 0;
	run(&reader, 100 * MILLISECOND, 3000, 0, 0);
	assert_int_equal(world.ticks_reads, 0);
}

static void without_a_source_it_is_the_clock(void **state)
{
	struct clock_ticks reader;
	uint64_t now_ns;

	clock_ticks_init(&reader, &world_clock, NULL);
	run(&reader, 100 * MILLISECOND, 3000, 0, 0);
	assert_int_equal(world.ticks_reads, 0);
	assert_false(clock_ticks_try(&reader, &now_ns));
}

/* ---- what the kernel says ------------------------------------------------------------------- */

static const struct tick_source *source_for(const struct clock *clock, const char *content)
{
	char path[] = "/tmp/test-clock-ticks-XXXXXX";
	const struct tick_source *source;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, strlen(content)), strlen(content));
	close(fd);
	source = tick_source_for(clock, path);
	unlink(path);
	return source;
}

static void the_tsc_is_used_where_the_kernel_uses_it(void **state)
{
	struct clock_manual manual;

	clock_manual_init(&manual, 1);
	assert_ptr_equal(source_for(&clock_monotonic, "tsc\n"), &tick_source_tsc);
	assert_null(source_for(&clock_monotonic, "tsc-early\n"));
	assert_null(source_for(&clock_monotonic, "hpet\n"));
	assert_null(source_for(&clock_monotonic, "kvm-clock\n"));
	assert_null(source_for(&clock_monotonic, "hyperv_clocksource_tsc_page\n"));
	assert_null(source_for(&clock_monotonic, ""));
	assert_null(source_for(&manual.clock, "tsc\n"));
	assert_null(tick_source_for(&clock_monotonic, "/nonexistent/current_clocksource"));
	assert_null(tick_source_for(&clock_monotonic, "/tmp"));
}

/* ---- the CPU's counter beside the kernel's clock -------------------------------------------- */

struct load {
	uint64_t readings, asked, outside;
};

static void *compare_under_load(void *arg)
{
	struct load *load = arg;
	struct clock_ticks reader;
	uint64_t start_ns = clock_now_ns(&clock_monotonic), before_ns, now_ns, after_ns,
		 last_ns = 0;

	clock_ticks_init(&reader, &clock_monotonic, &tick_source_tsc);
	do {
		bool asked;

		before_ns = clock_now_ns(&clock_monotonic);
		asked = !clock_ticks_try(&reader, &now_ns);
		if (asked)
			now_ns = clock_ticks_ask(&reader);
		after_ns = clock_now_ns(&clock_monotonic);
		load->readings++;
		load->asked += asked;
		load->outside += now_ns < last_ns || now_ns > after_ns + CLOCK_TICKS_AHEAD_NS ||
				 now_ns + CLOCK_TICKS_LAG_NS + CLOCK_TICKS_AHEAD_NS < before_ns;
		last_ns = now_ns;
	} while (after_ns - start_ns < LOAD_NS);
	return NULL;
}

/* More threads than most test machines have CPUs to spare. */
static void the_tsc_agrees_with_the_clock_under_load(void **state)
{
	struct load loads[THREADS] = {0};
	pthread_t threads[THREADS];

	if (!tick_source_for(&clock_monotonic, CLOCK_TICKS_SOURCE_FILE))
		skip();
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, compare_under_load, &loads[i]), 0);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (unsigned i = 0; i < THREADS; i++) {
		print_message("%" PRIu64 " readings, %" PRIu64 " of them asked the clock\n",
			loads[i].readings, loads[i].asked);
		assert_int_equal(loads[i].outside, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_clock_is_asked_once_in_a_millisecond, new_world),
		cmocka_unit_test_setup(the_way_to_the_clock_may_vary_in_length, new_world),
		cmocka_unit_test_setup(a_reading_that_was_lucky_is_no_measure_for_ever, new_world),
		cmocka_unit_test_setup(who_reads_seldom_is_told_what_the_clock_says, new_world),
		cmocka_unit_test_setup(
			a_preemption_while_the_clock_is_asked_spoils_nothing, new_world),
		cmocka_unit_test_setup(the_kernel_may_steer_its_clock, new_world),
		cmocka_unit_test_setup(
			a_counter_that_jumped_is_believed_again_when_it_is_steady, new_world),
		cmocka_unit_test_setup(a_counter_may_change_its_pace, new_world),
		cmocka_unit_test_setup(a_source_that_is_slow_to_read_is_given_up, new_world),
		cmocka_unit_test_setup(a_counter_that_keeps_no_pace_is_given_up, new_world),
		cmocka_unit_test_setup(without_a_source_it_is_the_clock, new_world),
		cmocka_unit_test(the_tsc_is_used_where_the_kernel_uses_it),
		cmocka_unit_test(the_tsc_agrees_with_the_clock_under_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
