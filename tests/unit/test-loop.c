/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The main loop: work handed over by other threads, deadlines moved by other threads. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "common/clock.h"
#include "common/loop.h"

enum { ITEMS = 3, THREADS = 4, ROUNDS = 20000 };

struct item {
	struct loop_work work;
	int id;
	int *log; /* ids in order of running */
	unsigned *logged;
	struct loop *again; /* queue itself once more from run() */
};

static void item_run(struct loop_work *work)
{
	struct item *item = container_of(work, struct item, work);
	struct loop *again = item->again;

	item->log[(*item->logged)++] = item->id;
	item->again = NULL;
	if (again)
		assert_true(loop_defer(again, work));
}

static struct loop *new_loop(void)
{
	struct loop *loop;

	assert_int_equal(loop_new(&loop), 0);
	return loop;
}

static void work_runs_in_order_of_queueing(void **state)
{
	struct loop *loop = new_loop();
	int log[ITEMS];
	unsigned logged = 0;
	struct item items[ITEMS];

	for (int i = 0; i < ITEMS; i++) {
		items[i] = (struct item){{.run = item_run}, i, log, &logged, NULL};
		assert_true(loop_defer(loop, &items[i].work));
	}
	assert_int_equal(loop_run_ready(loop), 0);
	assert_int_equal(logged, ITEMS);
	for (int i = 0; i < ITEMS; i++)
		assert_int_equal(log[i], i);
	loop_free(loop);
}

static void queued_work_is_not_queued_twice(void **state)
{
	struct loop *loop = new_loop();
	int log[2];
	unsigned logged = 0;
	struct item item = {{.run = item_run}, 7, log, &logged, NULL};

	assert_true(loop_defer(loop, &item.work));
	assert_false(loop_defer(loop, &item.work));
	loop_run_ready(loop);
	assert_int_equal(logged, 1);
	loop_free(loop);
}

static void work_may_queue_itself_again(void **state)
{
	struct loop *loop = new_loop();
	int log[2];
	unsigned logged = 0;
	struct item item = {{.run = item_run}, 7, log, &logged, loop};

	assert_true(loop_defer(loop, &item.work));
	loop_run_ready(loop);
	assert_int_equal(logged, 2);
	loop_free(loop);
}

struct counter {
	struct loop_work work;
	struct loop *loop;
	_Atomic unsigned wanted; /* raised before each defer */
	unsigned seen;           /* by the loop */
};

static void counter_run(struct loop_work *work)
{
	struct counter *counter = container_of(work, struct counter, work);

	counter->seen = counter->wanted;
}

static void *counter_thread(void *arg)
{
	struct counter *counter = arg;

	for (int i = 0; i < ROUNDS; i++) {
		counter->wanted++;
		loop_defer(counter->loop, &counter->work);
	}
	return NULL;
}

static void no_wake_up_is_lost_between_threads(void **state)
{
	struct loop *loop = new_loop();
	struct counter counters[THREADS];
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++) {
		counters[i] = (struct counter){.work.run = counter_run, .loop = loop};
		assert_int_equal(
			pthread_create(&threads[i], NULL, counter_thread, &counters[i]), 0);
	}
	for (int i = 0; i < 1000; i++)
		loop_run_ready(loop);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	loop_run_ready(loop);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(counters[i].seen, ROUNDS);
	loop_free(loop);
}

static void exit_from_timer(void *arg)
{
	loop_exit(arg, 42);
}

static void a_deadline_in_the_past_fires_at_once(void **state)
{
	struct loop *loop = new_loop();
	struct loop_timer *timer;

	assert_int_equal(loop_timer_new(loop, exit_from_timer, loop, &timer), 0);
	loop_timer_arm(timer, 1);
	assert_int_equal(loop_run(loop), 42);
	loop_timer_free(timer);
	loop_free(loop);
}

static void fail_on_timer(void *arg)
{
	fail();
}

static void a_disarmed_deadline_does_not_fire(void **state)
{
	struct loop *loop = new_loop();
	struct loop_timer *never, *end;

	assert_int_equal(loop_timer_new(loop, fail_on_timer, NULL, &never), 0);
	assert_int_equal(loop_timer_new(loop, exit_from_timer, loop, &end), 0);
	loop_timer_arm(never, 1);
	loop_timer_arm(never, 0);
	loop_timer_arm(end, clock_now_ns(&clock_monotonic) + NSEC_PER_MSEC);
	assert_int_equal(loop_run(loop), 42);
	loop_timer_free(never);
	loop_timer_free(end);
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(work_runs_in_order_of_queueing),
		cmocka_unit_test(queued_work_is_not_queued_twice),
		cmocka_unit_test(work_may_queue_itself_again),
		cmocka_unit_test(no_wake_up_is_lost_between_threads),
		cmocka_unit_test(a_deadline_in_the_past_fires_at_once),
		cmocka_unit_test(a_disarmed_deadline_does_not_fire),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
