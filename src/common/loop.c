/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/loop.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include "common/cleanup.h"

/*
 * Work from other threads is pushed on a lock-free stack; whoever finds the stack empty writes the
 * eventfd. The loop takes the whole stack at once, reverses it and runs it in order of queueing.
 */
struct loop {
	sd_event *event;       /* owns */
	sd_event_source *wake; /* owns */
	int wake_fd;
	struct loop_work *_Atomic queue; /* newest first */
};

struct loop_timer {
	struct loop *loop;       /* borrows */
	sd_event_source *source; /* owns */
	int fd;
	loop_timer_fn fn;
	void *arg;
};

static struct loop_work *reversed(struct loop_work *work)
{
	struct loop_work *oldest_first = NULL;

	while (work) {
		struct loop_work *next = work->next;

		work->next = oldest_first;
		oldest_first = work;
		work = next;
	}
	return oldest_first;
}

/* Runs what is queued now, in order; false when there was nothing. */
static bool run_queued(struct loop *loop)
{
	struct loop_work *work = reversed(atomic_exchange(&loop->queue, NULL));
	bool any = work;

	while (work) {
		struct loop_work *next = work->next;

		/* From here on it may be queued again, or freed by its own run(). */
		__atomic_store_n(&work->queued, false, __ATOMIC_RELEASE);
		work->run(work);
		work = next;
	}
	return any;
}

static int loop_on_wake(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct loop *loop = userdata;
	eventfd_t value;

	if (eventfd_read(fd, &value) < 0 && errno != EAGAIN)
		return -errno;
	run_queued(loop);
	return 0;
}

void loop_drain(struct loop *loop)
{
	while (run_queued(loop))
		;
}

int loop_new(struct loop **ret_loop)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	int r;

	if (!loop)
		return -ENOMEM;
	loop->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (loop->wake_fd < 0) {
		r = -errno;
		free(loop);
		return r;
	}
	r = sd_event_new(&loop->event);
	if (r >= 0)
		r = sd_event_add_io(
			loop->event, &loop->wake, loop->wake_fd, EPOLLIN, loop_on_wake, loop);
	if (r < 0) {
		loop_free(loop);
		return r;
	}
	*ret_loop = loop;
	return 0;
}

struct loop *loop_free(struct loop *loop)
{
	if (!loop)
		return NULL;
	sd_event_source_disable_unref(loop->wake);
	sd_event_unref(loop->event);
	close(loop->wake_fd);
	free(loop);
	return NULL;
}

sd_event *loop_event(struct loop *loop)
{
	return loop->event;
}

bool loop_defer(struct loop *loop, struct loop_work *work)
{
	struct loop_work *newest;

	if (__atomic_exchange_n(&work->queued, true, __ATOMIC_ACQ_REL))
		return false;
	newest = atomic_load_explicit(&loop->queue, memory_order_relaxed);
	do {
		work->next = newest;
	} while (!atomic_compare_exchange_weak(&loop->queue, &newest, work));
	if (!newest)
		eventfd_write(loop->wake_fd, 1);
	return true;
}

int loop_run(struct loop *loop)
{
	return sd_event_loop(loop->event);
}

void loop_exit(struct loop *loop, int code)
{
	sd_event_exit(loop->event, code);
}

int loop_run_ready(struct loop *loop)
{
	int r;

	do
		r = sd_event_run(loop->event, 0);
	while (r > 0 && sd_event_get_state(loop->event) != SD_EVENT_FINISHED);
	return r;
}

static int loop_on_timer(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct loop_timer *timer = userdata;
	uint64_t expirations;

	/* EAGAIN: moved to later between the wake-up and now. */
	if (read(fd, &expirations, sizeof(expirations)) == sizeof(expirations))
		timer->fn(timer->arg);
	return 0;
}

int loop_timer_new(struct loop *loop, loop_timer_fn fn, void *arg, struct loop_timer **ret_timer)
{
	struct loop_timer *timer = calloc(1, sizeof(*timer));
	int r;

	if (!timer)
		return -ENOMEM;
	timer->loop = loop;
	timer->fn = fn;
	timer->arg = arg;
	timer->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	r = timer->fd < 0 ? -errno : 0;
	if (r == 0)
		r = sd_event_add_io(
			loop->event, &timer->source, timer->fd, EPOLLIN, loop_on_timer, timer);
	if (r < 0) {
		loop_timer_free(timer);
		return r;
	}
	*ret_timer = timer;
	return 0;
}

struct loop_timer *loop_timer_free(struct loop_timer *timer)
{
	if (!timer)
		return NULL;
	sd_event_source_disable_unref(timer->source);
	if (timer->fd >= 0)
		close(timer->fd);
	free(timer);
	return NULL;
}

void loop_timer_arm(struct loop_timer *timer, uint64_t deadline_ns)
{
	struct itimerspec when = {
		.it_value.tv_sec = (time_t)MIN(deadline_ns / NSEC_PER_SEC, (uint64_t)INT64_MAX),
		.it_value.tv_nsec = (long)(deadline_ns % NSEC_PER_SEC),
	};

	timerfd_settime(timer->fd, TFD_TIMER_ABSTIME, &when, NULL);
}
