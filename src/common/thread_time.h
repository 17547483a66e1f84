/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What the host's scheduler gave a thread of this process, and what it made it wait for.
 *
 *	asleep --woken--> runnable --a processor is free--> runs --has nothing to do--> asleep
 *	                    |  wait_ns  |                    |  run_ns  |
 *
 * The wait is counted when it is over: of a thread that has been runnable for a minute and has not
 * run meanwhile, both times stand still. Therefore there is the state beside them.
 *
 * Purpose: tell a thread that wanted nothing from one that was not let.
 * Threads: any.
 * Errors:  none: what the host does not tell is not known.
 */
#include <stdint.h>
#include <sys/types.h>

#define THREAD_TIME_UNKNOWN UINT64_MAX

enum thread_state {
	THREAD_UNKNOWN,
	THREAD_ASLEEP,   /* waits for somebody to wake it, and wants no processor */
	THREAD_RUNNABLE, /* runs, or waits for a processor */
	THREAD_BLOCKED,  /* held up in the kernel: a page of its memory is read, or it is traced */
	THREAD_STATES,
};
extern const char *const thread_state_names[]; /* ends with NULL */

/* Since the thread began. The times are unknown together, on a kernel without CONFIG_SCHED_INFO. */
struct thread_time {
	uint64_t run_ns, wait_ns;
	enum thread_state state;
};

/* `tid` is one of this process, by gettid(); 0: not known, and so is everything of it. */
void thread_time_read(pid_t tid, struct thread_time *ret_time);
