/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inspect/doctor.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>
#include "doctor/doctor.h"
#include "inspect/doctor_past.h"
#include "inspect/doctor_reply.h"
#include "inspect/operation.h"
#include "inspect/server.h"
#include "vmbus/doctor_sample.h"
#include "vmbus/vmbus.h"
#include "vmm/doctor_sample.h"
#include "vmm/event.h"
#include "vmm/vm.h"

enum { ROUNDS_MAX = 32 };

/* How long VPs may take to tell their registers; how old a sample may be that is shared. */
static const uint64_t visit_ns = 100 * NSEC_PER_MSEC;
static const uint64_t fresh_ns = 20 * NSEC_PER_MSEC;
/*
 * A sample that comes so much later than it was wanted was taken of a machine that stood still as a
 * whole, hvd with it: what did not move meanwhile is not stuck.
 */
static const uint64_t late_ns = 500 * NSEC_PER_MSEC;
/* Between two samples the loop is woken this often, to see how late it is. */
static const uint64_t tick_ns = 20 * NSEC_PER_MSEC;

/* A sample that several rounds may look at, and the HTTP thread when they are over. */
struct shared_sample {
	_Atomic unsigned refs;
	uint64_t taken_ns;            /* CLOCK_MONOTONIC */
	struct doctor_sample *sample; /* owns */
};

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
	struct doctor_limits watch_limits;
	struct doctor_report known; /* what was found last */

	/* For inspection, on any thread. */
	_Atomic bool watching;
	_Atomic uint64_t samples, examinations, unjudged;
	_Atomic uint32_t found[DOCTOR_SEVERITIES]; /* in `known` */
};

static uint64_t now_ns(void)
{
	return clock_now_ns(&clock_monotonic);
}

/* ---- samples --------------------------------------------------------------------------------- */

static struct shared_sample *sample_ref(struct shared_sample *shared)
{
	shared->refs++;
	return shared;
}

static struct shared_sample *sample_unref(struct shared_sample *shared)
{
	if (shared && atomic_fetch_sub(&shared->refs, 1) == 1) {
		doctor_sample_free(shared->sample);
		free(shared);
	}
	return NULL;
}

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
	struct shared_sample *shared = calloc(1, sizeof(*shared));

	rounds->latest = sample_unref(rounds->latest);
	if (!shared)
		return -ENOMEM;
	shared->sample = doctor_sample_new();
	if (!shared->sample) {
		free(shared);
		return -ENOMEM;
	}
	shared->refs = 1;
	shared->taken_ns = now_ns();
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
	sample_unref(round->first);
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

/* ---- findings that come and go --------------------------------------------------------------- */

enum { FINDING_APPEARED, FINDING_CLEARED };

static void record_finding(
	struct doctor_rounds *rounds, const struct doctor_finding *finding, unsigned what)
{
	hv_record(rounds->inspect->config.recorder, HV_EVENT_DOCTOR_FINDING,
		finding->vp == DOCTOR_NONE32 ? RECORD_NO_VP : finding->vp, 0, RECORD_NO_SINT,
		(uint64_t)doctor_rule_find(finding->rule) + 1, finding->severity, what,
		finding->role, finding->relid);
}

/* Those of `report` that are not in `other`. */
static void record_difference(struct doctor_rounds *rounds, const struct doctor_report *report,
	const struct doctor_report *other, unsigned what)
{
	for (uint32_t i = 0; i < report->count; i++) {
		if (!doctor_report_has(other, &report->findings[i]))
			record_finding(rounds, &report->findings[i], what);
	}
}

static void count_known(struct doctor_rounds *rounds)
{
	for (unsigned i = 0; i < DOCTOR_SEVERITIES; i++)
		atomic_store(&rounds->found[i],
			doctor_report_count(&rounds->known, (enum doctor_severity)i));
}

/*
 * Takes over the report. One that could not be judged leaves things as they were, and so does a
 * finding that is withheld.
 */
static void note_report(struct doctor_rounds *rounds, struct doctor_report *report)
{
	if (!report->judged || report->unjudged_count > 0)
		rounds->unjudged++;
	if (!report->judged) {
		doctor_report_deinit(report);
		return;
	}
	if (doctor_report_keep(report, &rounds->known) < 0)
		report->truncated = true;
	record_difference(rounds, &rounds->known, report, FINDING_CLEARED);
	record_difference(rounds, report, &rounds->known, FINDING_APPEARED);
	doctor_report_deinit(&rounds->known);
	rounds->known = *report;
	count_known(rounds);
}

/* ---- a sample for those who wait ------------------------------------------------------------- */

static struct doctor_report judge(
	const struct doctor_pair *pair, const struct doctor_limits *limits)
{
	struct doctor_report report = {
		.why_not = "hvd itself did not run for a while between the samples; try again",
	};

	if (pair->now->taken_ns - pair->wanted_ns > late_ns)
		return report;
	if (doctor_examine(pair->then->sample, pair->now->sample, limits, &report) < 0)
		report.truncated = true;
	return report;
}

/* For the log at once; a request takes the samples with it. */
static void examine(struct doctor_rounds *rounds, struct round *round)
{
	const struct doctor_pair pair = {round->first, rounds->latest, round->wants_ns};
	struct doctor_report report;

	rounds->examinations++;
	if (round->operation) {
		round->operation->pair = pair;
		sample_ref(pair.then);
		sample_ref(pair.now);
		operation_finish(&round->operation->base);
		return;
	}
	report = judge(&pair, &round->limits);
	note_report(rounds, &report);
}

void doctor_rounds_finished(struct operation *operation)
{
	struct doctor_operation *op = container_of(operation, struct doctor_operation, base);
	const struct doctor_pair *pair = &op->pair;
	struct doctor_report report;

	if (!pair->now)
		return; /* answered with a problem */
	if (operation->request && op->want_samples) {
		doctor_reply_samples(op, pair->then->sample, pair->now->sample);
	} else if (operation->request) {
		report = judge(pair, &op->limits);
		doctor_reply_report(op, &report);
		doctor_report_deinit(&report);
	}
	sample_unref(pair->then);
	sample_unref(pair->now);
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
	sample_unref(round->first);
	round->first = sample_ref(rounds->latest);
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
		rounds->latest = sample_unref(rounds->latest);
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
		rounds->watch = add_round(rounds, &rounds->watch_limits);
	} else {
		remove_round(rounds, rounds->watch);
		rounds->watch = NULL;
		doctor_report_deinit(&rounds->known);
		count_known(rounds);
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
		.interval_ns = rounds->watch_limits.stuck_ns,
		.samples = atomic_load(&rounds->samples),
		.examinations = atomic_load(&rounds->examinations),
		.unjudged = atomic_load(&rounds->unjudged),
		.errors = atomic_load(&rounds->found[DOCTOR_ERROR]),
		.warnings = atomic_load(&rounds->found[DOCTOR_WARN]),
		.infos = atomic_load(&rounds->found[DOCTOR_INFO]),
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
	rounds->watch_limits = (struct doctor_limits)DOCTOR_LIMITS_DEFAULT;
	TAILQ_INIT(&rounds->rounds);
	r = loop_timer_new(inspect->config.loop, on_timer, rounds, &rounds->timer);
	if (r == 0 && rounds->vm)
		r = doctor_past_new(inspect->config.loop, rounds->vm, &rounds->past);
	if (r < 0) {
		loop_timer_free(rounds->timer);
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
	rounds->latest = sample_unref(rounds->latest);
	loop_timer_arm(rounds->timer, 0);
}

struct doctor_rounds *doctor_rounds_free(struct doctor_rounds *rounds)
{
	if (!rounds)
		return NULL;
	doctor_rounds_stop(rounds);
	doctor_past_free(rounds->past);
	loop_timer_free(rounds->timer);
	free(rounds);
	return NULL;
}
