/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inspect/operation.h"

#include <errno.h>
#include <stdlib.h>
#include "common/clock.h"
#include "common/rcu.h"
#include "inspect/request.h"
#include "inspect/server.h"

/*
 * A message that waits behind an occupied slot lives as long as the guest likes, so the number of
 * operations alive is bounded rather than the number of those somebody waits for.
 */
enum { MAX_LIVE = 1024, MAX_QUEUED = 128 };

/* ---- queues --------------------------------------------------------------------------------- */

static void queue_init(struct operation_queue *queue)
{
	pthread_mutex_init(&queue->lock, NULL);
	pthread_cond_init(&queue->filled, NULL);
	STAILQ_INIT(&queue->list);
}

static void queue_deinit(struct operation_queue *queue)
{
	pthread_cond_destroy(&queue->filled);
	pthread_mutex_destroy(&queue->lock);
}

/* False when the queue is closed or holds `limit` operations. */
static bool queue_push(struct operation_queue *queue, struct operation *operation, unsigned limit)
{
	bool pushed;

	pthread_mutex_lock(&queue->lock);
	pushed = !queue->closed && queue->count < limit;
	if (pushed) {
		STAILQ_INSERT_TAIL(&queue->list, operation, link);
		queue->count++;
		pthread_cond_signal(&queue->filled);
	}
	pthread_mutex_unlock(&queue->lock);
	return pushed;
}

static struct operation *pop_locked(struct operation_queue *queue)
{
	struct operation *operation = STAILQ_FIRST(&queue->list);

	if (operation) {
		STAILQ_REMOVE_HEAD(&queue->list, link);
		queue->count--;
	}
	return operation;
}

static struct operation *queue_pop(struct operation_queue *queue)
{
	struct operation *operation;

	pthread_mutex_lock(&queue->lock);
	operation = pop_locked(queue);
	pthread_mutex_unlock(&queue->lock);
	return operation;
}

/* Waits; NULL when the queue is closed and empty. */
static struct operation *queue_wait(struct operation_queue *queue)
{
	struct operation *operation;

	pthread_mutex_lock(&queue->lock);
	while (!(operation = pop_locked(queue)) && !queue->closed)
		pthread_cond_wait(&queue->filled, &queue->lock);
	pthread_mutex_unlock(&queue->lock);
	return operation;
}

static void queue_close(struct operation_queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	queue->closed = true;
	pthread_cond_broadcast(&queue->filled);
	pthread_mutex_unlock(&queue->lock);
}

/* ---- life ----------------------------------------------------------------------------------- */

static void operation_free(struct operation *operation)
{
	operation->inspect->operations.live--;
	reply_deinit(&operation->reply);
	free(operation);
}

/* Gives the request its reply and forgets it. HTTP thread. */
static void answer(struct operation *operation, struct reply *reply)
{
	struct request *request = operation->request;

	TAILQ_REMOVE(&operation->inspect->operations.waiting, operation, waiting);
	operation->request = NULL;
	reply_deinit(&request->reply);
	request->reply = *reply;
	*reply = (struct reply){0};
	request->operation = NULL;
	request->answered(request);
}

static void drain_done(struct loop_work *work)
{
	struct operations *ops = container_of(work, struct operations, done_work);
	struct operation *operation;

	while ((operation = queue_pop(&ops->done))) {
		if (operation->finished)
			operation->finished(operation);
		if (operation->request)
			answer(operation, &operation->reply);
		operation_free(operation);
	}
}

static void drain_main(struct loop_work *work)
{
	struct operations *ops = container_of(work, struct operations, main_work);
	struct operation *operation;

	while ((operation = queue_pop(&ops->to_main)))
		operation->run(operation);
}

/* A queue of what nobody waits for any more would make others wait, until they do not either. */
static bool is_pointless(const struct operation *operation)
{
	return operation->only_reads && clock_now_ns(&clock_monotonic) >= operation->deadline_ns;
}

static void run_on_worker(struct operation *operation)
{
	if (!is_pointless(operation)) {
		operation->run(operation);
		return;
	}
	/* The request may be about to be answered. */
	problem(&operation->reply, PROBLEM_TIMEOUT, "the request did not get its turn in time");
	operation_finish(operation);
}

static void *run_worker(void *arg)
{
	struct operations *ops = arg;
	struct operation *operation;

	pthread_setname_np(pthread_self(), "inspect");
	rcu_thread_init();
	while ((operation = queue_wait(&ops->to_worker)))
		run_on_worker(operation);
	rcu_thread_exit();
	return NULL;
}

static void arm(struct operations *ops)
{
	struct operation *operation;
	uint64_t earliest = UINT64_MAX;

	TAILQ_FOREACH (operation, &ops->waiting, waiting)
		earliest = MIN(earliest, operation->deadline_ns);
	loop_timer_arm(ops->timer, earliest == UINT64_MAX ? 0 : earliest);
}

static void expire(struct operation *operation)
{
	struct reply reply = {0};

	if (operation->expired)
		operation->expired(operation, &reply);
	else
		problem(&reply, PROBLEM_TIMEOUT, "the operation goes on without this request");
	answer(operation, &reply);
}

static void on_deadline(void *arg)
{
	struct operations *ops = arg;
	uint64_t now = clock_now_ns(&clock_monotonic);
	struct operation *operation = TAILQ_FIRST(&ops->waiting), *next;

	for (; operation; operation = next) {
		next = TAILQ_NEXT(operation, waiting);
		if (operation->deadline_ns <= now)
			expire(operation);
	}
	arm(ops);
}

int operations_init(struct operations *ops, struct loop *main_loop, struct loop *http_loop)
{
	queue_init(&ops->to_main);
	queue_init(&ops->to_worker);
	queue_init(&ops->done);
	TAILQ_INIT(&ops->waiting);
	ops->main_loop = main_loop;
	ops->http_loop = http_loop;
	ops->main_work.run = drain_main;
	ops->done_work.run = drain_done;
	return loop_timer_new(http_loop, on_deadline, ops, &ops->timer);
}

int operations_start(struct operations *ops)
{
	int r = pthread_create(&ops->worker, NULL, run_worker, ops);

	ops->worker_started = r == 0;
	return -r;
}

void operations_deinit(struct operations *ops)
{
	drain_done(&ops->done_work);
	ops->timer = loop_timer_free(ops->timer);
	queue_deinit(&ops->to_main);
	queue_deinit(&ops->to_worker);
	queue_deinit(&ops->done);
}

/* ---- use ------------------------------------------------------------------------------------ */

void *operation_new(struct request *request, size_t size)
{
	struct operations *ops = &request->inspect->operations;
	struct operation *operation;

	if (ops->live >= MAX_LIVE) {
		problem(&request->reply, PROBLEM_TOO_MANY_REQUESTS, "%u are in flight", ops->live);
		return NULL;
	}
	operation = calloc(1, size);
	if (!operation) {
		problem(&request->reply, PROBLEM_INTERNAL, "out of memory");
		return NULL;
	}
	operation->inspect = request->inspect;
	operation->request = request;
	ops->live++;
	return operation;
}

void operation_submit(struct operation *operation, enum operation_place place, uint64_t deadline_ns)
{
	struct operations *ops = &operation->inspect->operations;
	struct operation_queue *queue = place == OPERATION_ON_MAIN ? &ops->to_main
								   : &ops->to_worker;
	struct request *request = operation->request;

	operation->deadline_ns = deadline_ns;
	operation->only_reads = place == OPERATION_ON_WORKER;
	request->operation = operation;
	TAILQ_INSERT_TAIL(&ops->waiting, operation, waiting);
	if (!queue_push(queue, operation, MAX_QUEUED)) {
		TAILQ_REMOVE(&ops->waiting, operation, waiting);
		request->operation = NULL;
		problem(&request->reply, PROBLEM_TOO_MANY_REQUESTS,
			"too many requests are waiting");
		operation_free(operation);
		return;
	}
	if (place == OPERATION_ON_MAIN)
		loop_defer(ops->main_loop, &ops->main_work);
	arm(ops);
}

void operation_submit_read(struct operation *operation, uint64_t vps_until_ns)
{
	operation_submit(operation, OPERATION_ON_WORKER,
		vps_until_ns + operation->inspect->config.patience_ns);
}

uint32_t operation_patience_ms(const struct request *request)
{
	return (uint32_t)(request->inspect->config.patience_ns / NSEC_PER_MSEC);
}

bool operation_go_on(struct operation *operation)
{
	return queue_push(&operation->inspect->operations.to_worker, operation, MAX_QUEUED);
}

void operation_finish(struct operation *operation)
{
	struct operations *ops = &operation->inspect->operations;

	/* Never refused: MAX_LIVE bounds it and the queue is never closed. */
	(void)queue_push(&ops->done, operation, UINT32_MAX);
	loop_defer(ops->http_loop, &ops->done_work);
}

void operations_close_main(struct operations *ops)
{
	struct operation *operation;

	queue_close(&ops->to_main);
	while ((operation = queue_pop(&ops->to_main))) {
		problem(&operation->reply, PROBLEM_STOPPING, "hvd is stopping");
		operation_finish(operation);
	}
}

void operations_stop_worker(struct operations *ops)
{
	queue_close(&ops->to_worker);
	if (ops->worker_started)
		pthread_join(ops->worker, NULL);
	ops->worker_started = false;
}

void operations_abandon(struct operations *ops)
{
	struct operation *operation;

	while ((operation = TAILQ_FIRST(&ops->waiting))) {
		struct reply reply = {0};

		problem(&reply, PROBLEM_STOPPING, "hvd is stopping");
		answer(operation, &reply);
	}
	arm(ops);
}
