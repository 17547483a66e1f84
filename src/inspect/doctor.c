/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inspect/doctor.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <unistd.h>
#include "doctor/doctor.h"
#include "inspect/doctor_log.h"
#include "inspect/doctor_past.h"
#include "inspect/doctor_reply.h"
#include "inspect/operation.h"
#include "inspect/server.h"
#include "vmbus/doctor_sample.h"
#include "vmbus/vmbus.h"
#include "vmm/doctor_sample.h"
#include "vmm/vm.h"

enum { ROUNDS_MAX = 32 };

/* How long VPs may take to tell their registers; how old a sample may be that is shared. */
static const uint64_t visit_ns = 100 * NSEC_PER_MSEC;
static const uint64_t fresh_ns = 20 * NSEC_PER_MSEC;
/* Between two samples the loop is woken this often, to see how late it is. */
static const uint64_t tick_ns = 20 * NSEC_PER_MSEC;

/* One that waits: for its first sample while `first` is NULL, and then for its second. */
struct round {
	TAILQ_ENTRY(round) link;
	struct doctor_limits limits;
	uint64_t wants_ns;                  /* a sample taken then or later; CLOCK_MONOTONIC */
	struct shared_sample *first;        /* ref */
	struct doctor_operation *operation; /* borrows: it is answered; NULL: the log's round */
};

struct doctor_rounds {
	struct inspect *inspect;  /* borrows */
	struct vm *vm;            /* borrows; NULL: nothing to look at */
	struct vmbus *bus;        /* borrows; NULL: none */
	struct doctor_past *past; /* owns; NULL without a VM */
	struct loop_timer *timer; /* owns: a round is due, the visit is over, or a tick */
	uint64_t armed_ns;        /* what it is set to; 0: it is not */
	uint64_t late_ns;         /* how much later it came, in all */
	TAILQ_HEAD(, round) rounds;
	unsigned count;
	bool stopped;

	/* The visit to the VPs before a sample. */
	struct vcpu_mail mail[VM_MAX_VPS];
	bool visiting;
	uint64_t visit_over_ns;
	_Atomic uint64_t answered; /* bit per VP, of this visit */
	struct loop_work visited;
	struct shared_sample *latest; /* ref; NULL: none, or it has grown old */

	/* Watching. */
	struct round *watch; /* borrows: among the rounds; NULL: nobody watches */
	struct doctor_log log;

	/* For inspection, on any thread. */
	_Atomic bool watching;
	_Atomic uint64_t samples, requests; /* requests: that got their second one */
};

static uint64_t now_ns(void)
{
	return clock_now_ns(&clock_monotonic);
}

/* ---- samples --------------------------------------------------------------------------------- */

/* Under the bus's lock the target may be chosen anew: the connection is read first. */
static void fill(struct doctor_rounds *rounds, uint64_t answered, struct doctor_sample *sample)
{
	sample->connection.sint = VMBUS_SINT;
	vmbus_doctor_sample(rounds->bus, sample);
	vm_doctor_sample(rounds->vm, sample->connection.sint, answered, sample);
	vm_doctor_thread(gettid(), &sample->machine.loop);
	sample->machine.late_ns = rounds->late_ns;
	doctor_past_fill(rounds->past, sample);
}

static int take_sample(struct doctor_rounds *rounds)
{
	struct shared_sample *shared = shared_sample_new();

	rounds->latest = shared_sample_unref(rounds->latest);
	if (!shared)
		return -ENOMEM;
	fill(rounds, atomic_load(&rounds->answered), shared->sample);
	rounds->latest = shared;
	rounds->samples++;
	return 0;
}

/* ---- visits ---------------------------------------------------------------------------------- */

static void read_with(node_on_vcpu_fn read, struct vcpu *vcpu, int *r)
{
	if (read && *r == 0)
		*r = read(vcpu->vm, vcpu->index);
}

/* On the VP's thread, the guest stopped. */
static void on_visit(struct vcpu *vcpu, void *arg)
{
	struct doctor_rounds *rounds = arg;
	int r = 0;

	read_with(vcpu_sample_cpu(vcpu->vm), vcpu, &r);
	read_with(vcpu_sample_msrs(vcpu->vm), vcpu, &r);
	if (r == 0)
		atomic_fetch_or(&rounds->answered, BIT64(vcpu->index));
	loop_defer(rounds->inspect->config.loop, &rounds->visited);
}

static void begin_visit(struct doctor_rounds *rounds)
{
	struct vm *vm = rounds->vm;

	rounds->visiting = true;
	rounds->visit_over_ns = now_ns() + visit_ns;
	atomic_store(&rounds->answered, 0);
	for (unsigned vp = 0; vp < vm->vp_count; vp++) {
		rounds->mail[vp] = (struct vcpu_mail){.fn = on_visit, .arg = rounds};
		vcpu_send(vm->vcpu[vp], &rounds->mail[vp]);
	}
}

/* Whether every VP that has a thread has answered. */
static bool all_answered(struct doctor_rounds *rounds)
{
	uint64_t answered = atomic_load(&rounds->answered);

	for (unsigned vp = 0; vp < rounds->vm->vp_count; vp++) {
		if (rounds->vm->vcpu[vp]->started && !(answered & BIT64(vp)))
			return false;
	}
	return true;
}

/* Takes back what was not answered; waits for an answer that is being given. */
static void end_visit(struct doctor_rounds *rounds)
{
	if (!rounds->visiting)
		return;
	rounds->visiting = false;
	for (unsigned vp = 0; vp < rounds->vm->vp_count; vp++)
		(void)!vcpu_wait(rounds->vm->vcpu[vp], &rounds->mail[vp], now_ns());
}

/* ---- rounds ---------------------------------------------------------------------------------- */

static void remove_round(struct doctor_rounds *rounds, struct round *round)
{
	TAILQ_REMOVE(&rounds->rounds, round, link);
	rounds->count--;
	shared_sample_unref(round->first);
	free(round);
}

static struct round *add_round(struct doctor_rounds *rounds, const struct doctor_limits *limits)
{
	struct round *round = calloc(1, sizeof(*round));

	if (!round)
		return NULL;
	round->limits = *limits;
	round->wants_ns = now_ns() - fresh_ns;
	TAILQ_INSERT_TAIL(&rounds->rounds, round, link);
	rounds->count++;
	return round;
}

/* ---- a sample for those who wait ------------------------------------------------------------- */

/* What is concluded from the two, for the log or the request, is the HTTP thread's. */
static void examine(struct doctor_rounds *rounds, struct round *round)
{
	const struct doctor_pair pair = {round->first, rounds->latest, round->wants_ns};

	if (!round->operation) {
		doctor_log_judge(&rounds->log, &pair);
		return;
	}
	rounds->requests++;
	round->operation->pair = doctor_pair_ref(&pair);
	operation_finish(&round->operation->base);
}

void doctor_rounds_finished(struct operation *operation)
{
	struct doctor_operation *op = container_of(operation, struct doctor_operation, base);
	struct doctor_pair *pair = &op->pair;
	struct doctor_report report;

	if (!pair->now)
		return; /* answered with a problem */
	if (operation->request && op->want_samples) {
		doctor_reply_samples(op, pair->then->sample, pair->now->sample);
	} else if (operation->request) {
		report = doctor_pair_judge(pair, &op->limits);
		doctor_reply_report(op, &report);
		doctor_report_deinit(&report);
	}
	doctor_pair_unref(pair);
}

/* The second sample of the log's round is the first one of its next. */
static void give_sample(struct doctor_rounds *rounds, struct round *round)
{
	bool second = round->first != NULL;

	if (second)
		examine(rounds, round);
	if (second && round->operation) {
		remove_round(rounds, round);
		return;
	}
	shared_sample_unref(round->first);
	round->first = shared_sample_ref(rounds->latest);
	round->wants_ns = rounds->latest->taken_ns + round->limits.stuck_ns;
}

static void give_to_all(struct doctor_rounds *rounds)
{
	struct round *round = TAILQ_FIRST(&rounds->rounds);

	while (round) {
		struct round *next = TAILQ_NEXT(round, link);

		if (round->wants_ns <= rounds->latest->taken_ns)
			give_sample(rounds, round);
		round = next;
	}
}

static void fail_all(struct doctor_rounds *rounds, enum problem_code code, const char *why)
{
	struct round *round = TAILQ_FIRST(&rounds->rounds);

	while (round) {
		struct round *next = TAILQ_NEXT(round, link);

		if (round->operation) {
			problem(&round->operation->base.reply, code, "%s", why);
			operation_finish(&round->operation->base);
			remove_round(rounds, round);
		}
		round = next;
	}
}

/* When the next sample is wanted; UINT64_MAX: none. */
static uint64_t next_ns(const struct doctor_rounds *rounds)
{
	const struct round *round;
	uint64_t next = UINT64_MAX;

	TAILQ_FOREACH (round, &rounds->rounds, link)
		next = MIN(next, round->wants_ns);
	return next;
}

static void finish_visit(struct doctor_rounds *rounds)
{
	end_visit(rounds);
	if (take_sample(rounds) < 0)
		fail_all(rounds, PROBLEM_INTERNAL, "out of memory");
	else
		give_to_all(rounds);
}

static void note_late(struct doctor_rounds *rounds)
{
	uint64_t now = now_ns();

	if (rounds->armed_ns != 0 && now > rounds->armed_ns) {
		rounds->late_ns += now - rounds->armed_ns;
		doctor_past_note_late(rounds->past, now - rounds->armed_ns);
	}
	rounds->armed_ns = 0;
}

/* While somebody waits for a sample, at least as often as a tick comes. */
static void arm(struct doctor_rounds *rounds, uint64_t next_ns)
{
	rounds->armed_ns = next_ns == UINT64_MAX ? 0 : MIN(next_ns, now_ns() + tick_ns);
	loop_timer_arm(rounds->timer, rounds->armed_ns);
}

/* Whenever something may be due: does it, and sees to it that it is called in time. */
static void look_around(struct doctor_rounds *rounds)
{
	uint64_t next;

	note_late(rounds);
	if (rounds->visiting && (all_answered(rounds) || now_ns() >= rounds->visit_over_ns))
		finish_visit(rounds);
	next = next_ns(rounds);
	if (!rounds->visiting && next <= now_ns()) {
		begin_visit(rounds);
		if (all_answered(rounds)) /* none has a thread */
			loop_defer(rounds->inspect->config.loop, &rounds->visited);
	}
	if (rounds->visiting)
		next = rounds->visit_over_ns;
	else if (next == UINT64_MAX)
		rounds->latest = shared_sample_unref(rounds->latest);
	arm(rounds, next);
}

static void on_timer(void *arg)
{
	look_around(arg);
}

static void on_visited(struct loop_work *work)
{
	look_around(container_of(work, struct doctor_rounds, visited));
}

/* ---- requests -------------------------------------------------------------------------------- */

static void refuse(struct operation *operation, enum problem_code code, const char *why)
{
	problem(&operation->reply, code, "%s", why);
	operation_finish(operation);
}

/* Main loop. */
void doctor_rounds_run(struct operation *operation)
{
	struct doctor_operation *op = container_of(operation, struct doctor_operation, base);
	struct doctor_rounds *rounds = operation->inspect->doctor;
	struct round *round;

	if (rounds->stopped || !rounds->vm) {
		refuse(operation, PROBLEM_UNAVAILABLE, "there is no machine to look at");
		return;
	}
	if (rounds->count >= ROUNDS_MAX) {
		refuse(operation, PROBLEM_TOO_MANY_REQUESTS, "the doctor is busy");
		return;
	}
	round = add_round(rounds, &op->limits);
	if (!round) {
		refuse(operation, PROBLEM_INTERNAL, "out of memory");
		return;
	}
	round->operation = op;
	if (rounds->latest && round->wants_ns <= rounds->latest->taken_ns)
		give_sample(rounds, round);
	look_around(rounds);
}

/* ---- watching -------------------------------------------------------------------------------- */

void doctor_rounds_watch(struct doctor_rounds *rounds, bool watch)
{
	if (!rounds->vm || rounds->stopped || watch == (rounds->watch != NULL))
		return;
	if (watch) {
		rounds->watch = add_round(rounds, &rounds->log.limits);
	} else {
		remove_round(rounds, rounds->watch);
		rounds->watch = NULL;
		doctor_log_forget(&rounds->log);
	}
	atomic_store(&rounds->watching, rounds->watch != NULL);
	look_around(rounds);
}

struct watch_info {
	bool watching;
	uint64_t interval_ns, samples, examinations, unjudged;
	uint32_t errors, warnings, infos;
};

static const struct field watch_fields[] = {
	{FIELD_B(struct watch_info, watching, FIELD_WRITABLE,
		"The doctor looks all the time, and records findings that come and go "
		"(doctor.finding).")},
	{FIELD_U(struct watch_info, interval_ns, 0, "Between two samples, while it does.")},
	{FIELD_U(struct watch_info, samples, 0, "Samples taken, for requests too.")},
	{FIELD_U(struct watch_info, examinations, 0, "How often two were examined.")},
	{FIELD_U(struct watch_info, unjudged, 0,
		"Times that the watch could not judge everybody: a thread got no processor of the "
		"host, a VP did not answer, or hvd looked too late.")},
	{FIELD_U(struct watch_info, errors, 0, "Errors found last, while it watches.")},
	{FIELD_U(struct watch_info, warnings, 0, "Warnings.")},
	{FIELD_U(struct watch_info, infos, 0, "What is good to know.")},
};
static const struct field_table watch_table = FIELD_TABLE(struct watch_info, "doctor-watch",
	"Whether the doctor watches, and what it sees.", watch_fields);

static int watch_get(void *owner, const uint64_t *key UNUSED, void *ret_info)
{
	struct doctor_rounds *rounds = owner;

	*(struct watch_info *)ret_info = (struct watch_info){
		.watching = atomic_load(&rounds->watching),
		.interval_ns = rounds->log.limits.stuck_ns,
		.samples = atomic_load(&rounds->samples),
		.examinations = atomic_load(&rounds->requests) +
				atomic_load(&rounds->log.examinations),
		.unjudged = atomic_load(&rounds->log.unjudged),
		.errors = atomic_load(&rounds->log.found[DOCTOR_ERROR]),
		.warnings = atomic_load(&rounds->log.found[DOCTOR_WARN]),
		.infos = atomic_load(&rounds->log.found[DOCTOR_INFO]),
	};
	return 0;
}

static int watch_set(void *owner, const uint64_t *key UNUSED, const struct field *field UNUSED,
	const void *value)
{
	doctor_rounds_watch(owner, *(const bool *)value);
	return 0;
}

const struct node_class doctor_watch_node_class = {
	.path = "doctor/watch",
	.fields = &watch_table,
	.get = watch_get,
	.set = watch_set,
};

/* ---- life ------------------------------------------------------------------------------------ */

int doctor_rounds_new(struct inspect *inspect, struct doctor_rounds **ret_rounds)
{
	struct doctor_rounds *rounds = calloc(1, sizeof(*rounds));
	int r;

	if (!rounds)
		return -ENOMEM;
	rounds->inspect = inspect;
	rounds->vm = inspect->config.vm;
	rounds->bus = inspect->config.bus;
	rounds->visited.run = on_visited;
	doctor_log_init(&rounds->log, inspect->http_loop, inspect->config.recorder);
	TAILQ_INIT(&rounds->rounds);
	r = loop_timer_new(inspect->config.loop, on_timer, rounds, &rounds->timer);
	if (r == 0 && rounds->vm)
		r = doctor_past_new(inspect->config.loop, rounds->vm, &rounds->past);
	if (r < 0) {
		loop_timer_free(rounds->timer);
		doctor_log_deinit(&rounds->log);
		free(rounds);
		return r;
	}
	*ret_rounds = rounds;
	return 0;
}

void doctor_rounds_stop(struct doctor_rounds *rounds)
{
	if (!rounds || rounds->stopped)
		return;
	doctor_rounds_watch(rounds, false);
	rounds->stopped = true;
	end_visit(rounds);
	doctor_past_stop(rounds->past);
	fail_all(rounds, PROBLEM_STOPPING, "hvd is stopping");
	rounds->latest = shared_sample_unref(rounds->latest);
	loop_timer_arm(rounds->timer, 0);
}

struct doctor_rounds *doctor_rounds_free(struct doctor_rounds *rounds)
{
	if (!rounds)
		return NULL;
	doctor_rounds_stop(rounds);
	doctor_past_free(rounds->past);
	doctor_log_deinit(&rounds->log);
	loop_timer_free(rounds->timer);
	free(rounds);
	return NULL;
}
