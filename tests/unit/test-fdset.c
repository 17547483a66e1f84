/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Eventfds that the main loop watches by key, added and removed by any thread. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <cmocka.h>
#include "common/fdset.h"
#include "common/loop.h"

enum { FDS = 100 };

struct rig {
	struct fdset set;
	struct loop *loop;
	int fd[FDS];
	unsigned told[FDS];
};

static void on_ready(struct fdset *set, uint64_t key)
{
	struct rig *rig = container_of(set, struct rig, set);
	eventfd_t count;

	assert_true(key < FDS);
	rig->told[key]++;
	assert_int_equal(eventfd_read(rig->fd[key], &count), 0);
}

static int set_up(void **state)
{
	static struct rig rig;

	rig = (struct rig){0};
	assert_int_equal(loop_new(&rig.loop), 0);
	assert_int_equal(fdset_init(&rig.set, rig.loop, on_ready), 0);
	for (unsigned i = 0; i < FDS; i++) {
		rig.fd[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		assert_true(rig.fd[i] >= 0);
	}
	*state = &rig;
	return 0;
}

static int tear_down(void **state)
{
	struct rig *rig = *state;

	fdset_deinit(&rig->set);
	loop_free(rig->loop);
	for (unsigned i = 0; i < FDS; i++)
		close(rig->fd[i]);
	return 0;
}

static void *add_all(void *arg)
{
	struct rig *rig = arg;

	for (unsigned i = 0; i < FDS; i++) {
		assert_int_equal(fdset_add(&rig->set, rig->fd[i], i), 0);
		assert_int_equal(eventfd_write(rig->fd[i], 1), 0);
	}
	return NULL;
}

static void every_descriptor_is_told_by_its_key_once(void **state)
{
	struct rig *rig = *state;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, add_all, rig), 0);
	pthread_join(thread, NULL);
	/* More than one batch. */
	for (int i = 0; i < 4; i++)
		assert_int_equal(loop_run_ready(rig->loop), 0);
	for (unsigned i = 0; i < FDS; i++)
		assert_int_equal(rig->told[i], 1);
}

static void draining_tells_of_all_at_once(void **state)
{
	struct rig *rig = *state;

	add_all(rig);
	fdset_drain(&rig->set);
	for (unsigned i = 0; i < FDS; i++)
		assert_int_equal(rig->told[i], 1);
}

static void one_that_was_removed_is_not_told(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(fdset_add(&rig->set, rig->fd[3], 3), 0);
	assert_int_equal(eventfd_write(rig->fd[3], 1), 0);
	fdset_remove(&rig->set, rig->fd[3]);
	assert_int_equal(loop_run_ready(rig->loop), 0);
	assert_int_equal(rig->told[3], 0);
}

static void a_silent_one_is_told_once_for_each_arming(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(fdset_add_silent(&rig->set, rig->fd[3], 3), 0);
	assert_int_equal(eventfd_write(rig->fd[3], 1), 0);
	assert_int_equal(loop_run_ready(rig->loop), 0);
	assert_int_equal(rig->told[3], 0);
	fdset_arm(&rig->set, rig->fd[3], 3);
	assert_int_equal(loop_run_ready(rig->loop), 0);
	assert_int_equal(rig->told[3], 1);
	assert_int_equal(eventfd_write(rig->fd[3], 1), 0);
	assert_int_equal(loop_run_ready(rig->loop), 0);
	assert_int_equal(rig->told[3], 1);
}

static void adding_twice_and_adding_rubbish_are_refused(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(fdset_add(&rig->set, rig->fd[1], 1), 0);
	assert_int_equal(fdset_add(&rig->set, rig->fd[1], 2), -EEXIST);
	assert_int_equal(fdset_add(&rig->set, -1, 1), -EBADF);
}

static void a_set_that_was_ended_may_be_ended_again(void **state)
{
	struct rig *rig = *state;
	struct fdset never = {0};

	fdset_deinit(&rig->set);
	fdset_deinit(&rig->set);
	fdset_deinit(&never);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			every_descriptor_is_told_by_its_key_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(draining_tells_of_all_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			one_that_was_removed_is_not_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_silent_one_is_told_once_for_each_arming, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			adding_twice_and_adding_rubbish_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_set_that_was_ended_may_be_ended_again, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("fdset", tests, NULL, NULL);
}
