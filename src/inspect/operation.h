/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Work for a request that must not run on the HTTP thread.
 *
 *	HTTP thread --submit--> main loop or worker --finish--> HTTP thread --> request->answered()
 *	                                   |
 *	                  deadline: the request is answered without waiting any longer; the
 *	                  operation goes on and is freed when it finishes. What was submitted to
 *	                  the worker only reads: once nobody waits for it, it is not begun
 *
 * Changes to the VM run on the main loop. Waiting for a VP runs on the worker, one thread, one
 * operation at a time; each has a deadline that counts from its submission, so a queue of them
 * takes no longer than the last deadline and a moment for each (on_vcpu.h).
 *
 * Purpose: suspend a request, do the work where it belongs, resume the request.
 * Threads: noted per function. `request` and `waiting` are touched by the HTTP thread only; the
 *          rest belongs to whoever runs the operation.
 * Errors:  submit answers the request with a problem when too much is in flight.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include "common/loop.h"
#include "inspect/problem.h"

struct inspect;
struct request;

enum operation_place { OPERATION_ON_MAIN, OPERATION_ON_WORKER };

struct operation {
	STAILQ_ENTRY(operation) link;   /* in one of the queues */
	TAILQ_ENTRY(operation) waiting; /* while a request waits */
	struct inspect *inspect;        /* borrows */
	struct request *request;        /* NULL: nobody waits any more */
	uint64_t deadline_ns;
	bool only_reads; /* submitted to the worker */
	/* Must lead to exactly one operation_finish(), now or later, on any thread. */
	void (*run)(struct operation *operation);
	/* HTTP thread: what to answer at the deadline; NULL: 504. */
	void (*expired)(struct operation *operation, struct reply *reply);
	/*
	 * HTTP thread, after operation_finish(): what remains to be done, also when nobody waits for
	 * the reply any more; NULL: nothing.
	 */
	void (*finished)(struct operation *operation);
	struct reply reply; /* filled before operation_finish(), or by finished() */
};

STAILQ_HEAD(operation_list, operation);

struct operation_queue {
	pthread_mutex_t lock; /* guards the rest; a leaf */
	pthread_cond_t filled;
	struct operation_list list;
	unsigned count;
	bool closed;
};

struct operations {
	struct operation_queue to_main, to_worker, done;
	struct loop *main_loop;     /* borrows */
	struct loop *http_loop;     /* borrows */
	struct loop_work main_work; /* drains to_main */
	struct loop_work done_work; /* drains done */
	struct loop_timer *timer;   /* owns: the earliest deadline */
	pthread_t worker;
	bool worker_started;
	unsigned live;                   /* HTTP thread: submitted and not freed */
	TAILQ_HEAD(, operation) waiting; /* HTTP thread */
};

int operations_init(
	struct operations *ops, struct loop *main_loop, struct loop *http_loop) MUST_CHECK;
int operations_start(struct operations *ops) MUST_CHECK;
/* After the HTTP thread ended and whatever could finish has finished. Takes half-built ones. */
void operations_deinit(struct operations *ops);

/*
 * HTTP thread. Allocates an operation of `size` bytes, of which struct operation is the first
 * member. NULL: the request has been answered with a problem.
 */
void *operation_new(struct request *request, size_t size) MUST_CHECK;
/* HTTP thread. Takes the operation over; the request is answered at the deadline at the latest. */
void operation_submit(
	struct operation *operation, enum operation_place place, uint64_t deadline_ns);
/*
 * The same, to the worker, which waits for VPs until `vps_until_ns` and may then take a request's
 * patience to write down what it has.
 */
void operation_submit_read(struct operation *operation, uint64_t vps_until_ns);
/* HTTP thread. How long a request waits for VPs that does not say how long. */
uint32_t operation_patience_ms(const struct request *request);
/* Any thread. `operation` belongs to the HTTP thread again. */
void operation_finish(struct operation *operation);

/*
 * From run() on the main loop, instead of finishing: `run` is called once more, on the worker. False:
 * the worker has too much to do, or ends.
 */
bool operation_go_on(struct operation *operation) MUST_CHECK;

/* Main thread, at stop: nothing runs on the main loop any more; what was queued is answered. */
void operations_close_main(struct operations *ops);
/* Main thread, at stop: the worker ends after what it is doing. */
void operations_stop_worker(struct operations *ops);
/* HTTP thread, at stop: every waiting request is answered. */
void operations_abandon(struct operations *ops);
