/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The main loop: sd-event plus a lock-free queue of work handed to it by other threads.
 *
 * Purpose: everything that must not run on a VP or the HTTP thread: completions of staged
 *          messages, acks, timers, device input, lifecycle.
 * Threads: loop_defer() from any thread, lock-free; everything else on the loop's own thread.
 * Errors:  negative errno of sd-event.
 */
#include <stdint.h>
#include <systemd/sd-event.h>
#include "common/util.h"

struct loop;

/* Embedded in the object it works for; may be queued once at a time. */
struct loop_work {
	struct loop_work *next;
	void (*run)(struct loop_work *work);
	bool queued; /* atomic; guards against queueing twice */
};

int loop_new(struct loop **ret_loop) MUST_CHECK;
struct loop *loop_free(struct loop *loop);
sd_event *loop_event(struct loop *loop);

/*
 * Queues `work` to run on the loop's thread, in order of queueing. Returns false when it was
 * already queued (it will run once, after this call). Takes no lock; one eventfd write at most.
 */
bool loop_defer(struct loop *loop, struct loop_work *work);

/*
 * On the loop's thread: runs everything deferred, until nothing is left, so that what it works for
 * can be freed.
 */
void loop_drain(struct loop *loop);

/* Runs until loop_exit(); returns its code or a negative errno. */
int loop_run(struct loop *loop);
void loop_exit(struct loop *loop, int code);
/* Runs whatever is ready now and returns: for tests. */
int loop_run_ready(struct loop *loop);

/*
 * A one-shot deadline that any thread may move. Fires on the loop's thread.
 * `deadline_ns` is on CLOCK_MONOTONIC, 0 = disarmed. It may fire early or twice: the function looks
 * at its own deadlines. With a manual clock the owner calls that function itself.
 */
struct loop_timer;
typedef void (*loop_timer_fn)(void *arg);
int loop_timer_new(struct loop *loop, loop_timer_fn fn, void *arg, struct loop_timer **ret_timer) MUST_CHECK;
struct loop_timer *loop_timer_free(struct loop_timer *timer);
void loop_timer_arm(struct loop_timer *timer, uint64_t deadline_ns);
