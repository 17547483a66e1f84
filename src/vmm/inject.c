/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/inject.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include "common/cleanup.h"
#include "common/loop.h"
#include "hvdef/hv_msr.h"
#include "vmm/sint_route.h"
#include "vmm/slot.h"
#include "vmm/synic_deliver.h"
#include "vmm/vm.h"

/*
 * A job is in exactly one list: its lane's, in order of starting, or `finished`, which the main
 * loop empties by calling the done functions. The head of a lane is offered to the lane's route,
 * and stays the head while it is staged there. When the route is in use by somebody else, or the
 * SINT's FIFO is full, it is offered again a millisecond later.
 */
struct job {
	TAILQ_ENTRY(job) link;
	struct hv_message message;
	uint32_t resets; /* of the SynIC, at the start */
	uint64_t started_ns;
	struct inject_result result;
	inject_done_fn done; /* NULL: forgotten */
	void *arg;
};
TAILQ_HEAD(job_list, job);

struct lane {
	TAILQ_ENTRY(lane) link;
	struct injector *injector; /* borrows; a staged message holds a reference */
	struct synic *synic;       /* borrows (outlived by vm) */
	uint8_t sint;
	struct sint_route *route; /* ref, held while the lane exists */
	struct job_list jobs;
	unsigned depth;
	bool staged; /* the head is in the route */
};

struct injector {
	struct vm *vm;               /* borrows */
	_Atomic unsigned references; /* the owner's, one per staged message, one for `work` */
	struct loop_work work;
	struct loop_timer *retry; /* owns */

	pthread_mutex_t lock; /* guards the rest; taken before sint_routes.lock and synic.lock */
	bool closed;
	TAILQ_HEAD(, lane) lanes;
	struct job_list finished;
	unsigned total; /* jobs in all lists */
};

static const uint64_t retry_interval_ns = NSEC_PER_MSEC;

/* ---- what a start would come to ----------------------------------------------------------- */

static bool is_valid(const struct inject_request *request)
{
	if (request->vtl >= HV_VTL_COUNT || request->sint >= HV_SINT_COUNT)
		return false;
	return request->assert_only || (request->type != HV_MESSAGE_TYPE_NONE &&
					       request->payload_size <= HV_MESSAGE_PAYLOAD_MAX);
}

static enum inject_outcome check_assert_locked(
	const struct synic *synic, unsigned sint, int *ret_status)
{
	uint8_t vector;
	bool auto_eoi;

	*ret_status = synic_vector_locked(synic, sint, &vector, &auto_eoi);
	if (*ret_status == -ENXIO)
		return INJECT_SYNIC_DISABLED;
	return *ret_status == 0 ? INJECT_ASSERTED : INJECT_SINT_MASKED;
}

static enum inject_outcome check_message_locked(
	const struct synic *synic, const struct inject_request *request, int *ret_status)
{
	unsigned n = request->sint;

	*ret_status = 0;
	if (!request->force) {
		*ret_status = -ENXIO;
		if (!(synic->scontrol & HV_SCONTROL_ENABLE))
			return INJECT_SYNIC_DISABLED;
		if (!synic->simp_page.enabled)
			return INJECT_SIMP_DISABLED;
		*ret_status = -EPERM;
		if (synic_masked_locked(synic, n))
			return INJECT_SINT_MASKED;
		*ret_status = 0;
	}
	if (!synic->simp_page.enabled || synic->sint[n].depth > 0 ||
		slot_type(synic_slot_locked(synic, n)) != 0)
		return INJECT_BUSY;
	return INJECT_DELIVERED;
}

static struct inject_result check_synic(struct synic *synic, const struct inject_request *request)
{
	struct inject_result result = {0};

	pthread_mutex_lock(&synic->lock);
	result.queue_depth = synic->sint[request->sint].depth;
	if (request->assert_only)
		result.outcome = check_assert_locked(synic, request->sint, &result.status);
	else
		result.outcome = check_message_locked(synic, request, &result.status);
	pthread_mutex_unlock(&synic->lock);
	return result;
}

static bool is_refusal(const struct inject_result *result)
{
	return result->outcome != INJECT_DELIVERED && result->outcome != INJECT_BUSY &&
	       result->outcome != INJECT_ASSERTED;
}

void inject_check(
	struct vm *vm, const struct inject_request *request, struct inject_result *ret_result)
{
	struct synic *synic;

	if (!is_valid(request)) {
		*ret_result = (struct inject_result){.outcome = INJECT_INVALID, .status = -EINVAL};
		return;
	}
	synic = synic_find(vm, request->vp, request->vtl);
	if (synic)
		*ret_result = check_synic(synic, request);
	else
		*ret_result = (struct inject_result){.outcome = INJECT_NO_VP, .status = -ENOENT};
}

/* ---- finishing ------------------------------------------------------------------------------ */

static enum inject_outcome outcome_of(int status)
{
	if (status == 0)
		return INJECT_DELIVERED;
	return status == -ECANCELED ? INJECT_CANCELED : INJECT_FAILED;
}

static void injector_unref(struct injector *injector)
{
	if (atomic_fetch_sub(&injector->references, 1) != 1)
		return;
	pthread_mutex_destroy(&injector->lock);
	free(injector);
}

static void work_later(struct injector *injector)
{
	atomic_fetch_add(&injector->references, 1);
	if (!loop_defer(injector->vm->loop, &injector->work))
		injector_unref(injector);
}

static void finish_locked(
	struct injector *injector, struct job *job, enum inject_outcome outcome, int status)
{
	job->result.outcome = outcome;
	job->result.status = status;
	job->result.latency_ns = clock_now_ns(injector->vm->clock) - job->started_ns;
	TAILQ_INSERT_TAIL(&injector->finished, job, link);
}

static void finish_head_locked(struct lane *lane, int status)
{
	struct job *job = TAILQ_FIRST(&lane->jobs);

	TAILQ_REMOVE(&lane->jobs, job, link);
	lane->depth--;
	job->result.queue_depth = lane->depth;
	finish_locked(lane->injector, job, outcome_of(status), status);
}

static struct job *take_finished(struct injector *injector)
{
	struct job *job;

	pthread_mutex_lock(&injector->lock);
	job = TAILQ_FIRST(&injector->finished);
	if (job) {
		TAILQ_REMOVE(&injector->finished, job, link);
		injector->total--;
	}
	pthread_mutex_unlock(&injector->lock);
	return job;
}

/* Main loop, no lock held. */
static void tell_finished(struct injector *injector)
{
	struct job *job;

	while ((job = take_finished(injector))) {
		if (job->done)
			job->done(job->arg, &job->result);
		free(job);
	}
}

/* ---- lanes ----------------------------------------------------------------------------------- */

static void on_staged_done(struct sint_route *route, int status, void *arg);

/* Offers the head to the route. False: not now. */
static bool stage_head_locked(struct lane *lane)
{
	struct job *job = TAILQ_FIRST(&lane->jobs);
	int r;

	if (atomic_load(&lane->synic->resets) != job->resets) {
		finish_head_locked(lane, -ECANCELED);
		return true;
	}
	lane->staged = true;
	atomic_fetch_add(&lane->injector->references, 1);
	r = sint_route_post(lane->route, &job->message, SINT_POST_QUEUE, on_staged_done, lane);
	if (r == 0)
		return true;
	lane->staged = false;
	injector_unref(lane->injector);
	if (r == -EAGAIN)
		return false;
	finish_head_locked(lane, r);
	return true;
}

static void pump_lane_locked(struct lane *lane)
{
	struct injector *injector = lane->injector;

	while (!lane->staged && !TAILQ_EMPTY(&lane->jobs)) {
		if (stage_head_locked(lane))
			continue;
		loop_timer_arm(
			injector->retry, clock_now_ns(injector->vm->clock) + retry_interval_ns);
		return;
	}
}

/* Main loop. After injector_free() the lane's jobs are gone, and this only drops the reference. */
static void on_staged_done(struct sint_route *route, int status, void *arg)
{
	struct lane *lane = arg;
	struct injector *injector = lane->injector;
	bool closed;

	pthread_mutex_lock(&injector->lock);
	closed = injector->closed;
	lane->staged = false;
	if (!closed) {
		finish_head_locked(lane, status);
		pump_lane_locked(lane);
	}
	pthread_mutex_unlock(&injector->lock);
	if (closed)
		free(lane);
	else
		tell_finished(injector);
	injector_unref(injector);
}

static struct lane *find_lane_locked(
	struct injector *injector, const struct synic *synic, uint8_t sint)
{
	struct lane *lane;

	TAILQ_FOREACH (lane, &injector->lanes, link) {
		if (lane->synic == synic && lane->sint == sint)
			return lane;
	}
	return NULL;
}

static int lane_new_locked(struct injector *injector, const struct inject_request *request,
	struct synic *synic, struct lane **ret_lane)
{
	CLEANUP(free) struct lane *lane = calloc(1, sizeof(*lane));
	int r;

	if (!lane)
		return -ENOMEM;
	r = sint_route_get(injector->vm, request->vp, request->vtl, request->sint, &lane->route);
	if (r < 0)
		return r;
	lane->injector = injector;
	lane->synic = synic;
	lane->sint = request->sint;
	TAILQ_INIT(&lane->jobs);
	TAILQ_INSERT_TAIL(&injector->lanes, lane, link);
	*ret_lane = TAKE_PTR(lane);
	return 0;
}

static int get_lane_locked(
	struct injector *injector, const struct inject_request *request, struct lane **ret_lane)
{
	struct synic *synic = synic_find(injector->vm, request->vp, request->vtl);
	struct lane *lane = find_lane_locked(injector, synic, request->sint);

	if (!lane)
		return lane_new_locked(injector, request, synic, ret_lane);
	*ret_lane = lane;
	return 0;
}

/* ---- starting ---------------------------------------------------------- */

static struct job *job_new(struct injector *injector, const struct inject_request *request,
	inject_done_fn done, void *arg)
{
	struct job *job = calloc(1, sizeof(*job));

	if (!job)
		return NULL;
	job->started_ns = clock_now_ns(injector->vm->clock);
	job->done = done;
	job->arg = arg;
	job->message.header.type = request->type;
	if (!request->assert_only) {
		job->message.header.payload_size = (uint8_t)request->payload_size;
		memcpy(job->message.payload, request->payload, request->payload_size);
	}
	return job;
}

static enum inject_outcome start_assert_locked(
	struct injector *injector, struct lane *lane, struct job *job, int *ret_status)
{
	int r = sint_route_set(lane->route);

	*ret_status = r;
	if (r == -ENXIO)
		return INJECT_SYNIC_DISABLED;
	if (r == -EPERM)
		return INJECT_SINT_MASKED;
	finish_locked(injector, job, r == 0 ? INJECT_ASSERTED : INJECT_FAILED, r);
	return INJECT_ASSERTED;
}

static enum inject_outcome start_message_locked(struct lane *lane, struct job *job)
{
	job->resets = atomic_load(&lane->synic->resets);
	TAILQ_INSERT_TAIL(&lane->jobs, job, link);
	lane->depth++;
	pump_lane_locked(lane);
	return INJECT_BUSY;
}

static struct inject_result start_locked(struct injector *injector,
	const struct inject_request *request, inject_done_fn done, void *arg)
{
	struct inject_result result = {.outcome = INJECT_FAILED, .status = -ENOMEM};
	CLEANUP(free) struct job *job = job_new(injector, request, done, arg);
	struct lane *lane;

	if (!job)
		return result;
	result.status = get_lane_locked(injector, request, &lane);
	if (result.status < 0)
		return result;
	if (injector->total == INJECT_TOTAL_MAX || lane->depth == INJECT_LANE_MAX)
		return (struct inject_result){INJECT_QUEUE_FULL, -EAGAIN, 0, lane->depth};
	if (request->assert_only)
		result.outcome = start_assert_locked(injector, lane, job, &result.status);
	else
		result.outcome = start_message_locked(lane, job);
	if (is_refusal(&result))
		return result;
	injector->total++;
	(void)TAKE_PTR(job); /* it is in a list now */
	return result;
}

int inject_start(struct injector *injector, const struct inject_request *request,
	inject_done_fn done, void *arg, struct inject_result *ret_refusal)
{
	struct inject_result result;

	inject_check(injector->vm, request, &result);
	if (!is_refusal(&result)) {
		pthread_mutex_lock(&injector->lock);
		result = start_locked(injector, request, done, arg);
		pthread_mutex_unlock(&injector->lock);
	}
	if (is_refusal(&result)) {
		*ret_refusal = result;
		return 1;
	}
	work_later(injector);
	return 0;
}

static struct job *find_job(const struct job_list *list, const void *arg)
{
	struct job *job;

	TAILQ_FOREACH (job, list, link) {
		if (job->done && job->arg == arg)
			return job;
	}
	return NULL;
}

bool inject_forget(struct injector *injector, const void *arg)
{
	struct job *job;
	struct lane *lane;

	pthread_mutex_lock(&injector->lock);
	job = find_job(&injector->finished, arg);
	TAILQ_FOREACH (lane, &injector->lanes, link) {
		if (!job)
			job = find_job(&lane->jobs, arg);
	}
	if (job)
		job->done = NULL;
	pthread_mutex_unlock(&injector->lock);
	return job != NULL;
}

void inject_pump(struct injector *injector)
{
	struct lane *lane;

	pthread_mutex_lock(&injector->lock);
	TAILQ_FOREACH (lane, &injector->lanes, link)
		pump_lane_locked(lane);
	pthread_mutex_unlock(&injector->lock);
	tell_finished(injector);
}

/* ---- life -------------------------------------------------------------- */

static void on_retry(void *arg)
{
	inject_pump(arg);
}

static void work_on_loop(struct loop_work *work)
{
	struct injector *injector = container_of(work, struct injector, work);

	tell_finished(injector);
	injector_unref(injector);
}

int injector_new(struct vm *vm, struct injector **ret_injector)
{
	CLEANUP(free) struct injector *injector = calloc(1, sizeof(*injector));
	int r;

	if (!injector)
		return -ENOMEM;
	r = loop_timer_new(vm->loop, on_retry, injector, &injector->retry);
	if (r < 0)
		return r;
	injector->vm = vm;
	injector->references = 1;
	injector->work.run = work_on_loop;
	pthread_mutex_init(&injector->lock, NULL);
	TAILQ_INIT(&injector->lanes);
	TAILQ_INIT(&injector->finished);
	*ret_injector = TAKE_PTR(injector);
	return 0;
}

/* A message that is staged is cancelled; its completion frees the lane. */
static void close_lane(struct injector *injector, struct lane *lane)
{
	struct sint_route *route = lane->route;
	bool staged;

	pthread_mutex_lock(&injector->lock);
	TAILQ_REMOVE(&injector->lanes, lane, link);
	while (!TAILQ_EMPTY(&lane->jobs))
		finish_head_locked(lane, -ECANCELED);
	staged = lane->staged;
	pthread_mutex_unlock(&injector->lock);
	if (staged)
		sint_route_cancel(route);
	else
		free(lane);
	sint_route_unref(route);
}

struct injector *injector_free(struct injector *injector)
{
	struct lane *lane;

	if (!injector)
		return NULL;
	pthread_mutex_lock(&injector->lock);
	injector->closed = true;
	pthread_mutex_unlock(&injector->lock);
	injector->retry = loop_timer_free(injector->retry);
	while ((lane = TAILQ_FIRST(&injector->lanes)))
		close_lane(injector, lane);
	tell_finished(injector);
	injector_unref(injector);
	return NULL;
}
