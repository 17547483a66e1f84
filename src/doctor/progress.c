/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "doctor/progress.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include "common/clock.h"
#include "common/thread_time.h"

/*
 * The share of the interval that a thread must have had at its disposal. With less, what takes a
 * busy guest a moment seems to take for ever; with more, a guest on a host with three busy VPs for
 * each processor could not be judged any more, and yet it is interrupted well enough.
 */
enum { SHARE = 4 };
/*
 * The share of the interval that hvd's main loop may be woken too late, in all: with ticks of 20 ms, a
 * third is 10 ms for each. A loop that is busy with a bus is late, too, but by a turn of its own.
 */
enum { LATE_SHARE = 3 };
/* Of whom there is one: host, loop, monitor. */
enum { OTHERS = 3 };

/* ---- one thread ------------------------------------------------------------------------------ */

/* What a counter of threads grew by; none: not known. A thread that is another one began at 0. */
static uint64_t grown(uint64_t now, uint64_t then)
{
	if (now == DOCTOR_NONE || then == DOCTOR_NONE)
		return DOCTOR_NONE;
	return now >= then ? now - then : now;
}

/* A wait may have begun long before the interval. */
static uint64_t waited(
	const struct doctor_thread *now, const struct doctor_thread *then, uint64_t interval_ns)
{
	uint64_t ns = grown(now->wait_ns, then->wait_ns);

	return ns == DOCTOR_NONE ? ns : MIN(ns, interval_ns);
}

static bool waited_too_long(
	const struct doctor_thread *now, const struct doctor_thread *then, uint64_t interval_ns)
{
	uint64_t ns = waited(now, then, interval_ns);

	return ns != DOCTOR_NONE && interval_ns - ns < interval_ns / SHARE;
}

static const char *state_text(uint32_t state)
{
	switch (state) {
	case THREAD_ASLEEP:
		return "its thread sleeps in hvd or in KVM";
	case THREAD_RUNNABLE:
		return "its thread waits for a processor of the host";
	case THREAD_BLOCKED:
		return "its thread is held up in the host's kernel";
	}
	return "the host does not say why";
}

/* ---- saying ---------------------------------------------------------------------------------- */

static struct doctor_unjudged *add(struct doctor_report *report, const struct doctor_thread *now,
	const struct doctor_thread *then)
{
	struct doctor_unjudged *added = &report->unjudged[report->unjudged_count++];

	*added = (struct doctor_unjudged){
		.vp = DOCTOR_NONE32,
		.starved = true,
		.ran_ns = grown(now->run_ns, then->run_ns),
		.waited_ns = waited(now, then, report->interval_ns),
	};
	return added;
}

static struct doctor_unjudged *add_vp(
	struct doctor_report *report, const struct doctor_vp *now, const struct doctor_vp *then)
{
	struct doctor_unjudged *added = add(report, &now->thread, &then->thread);

	added->who = DOCTOR_A_VP;
	added->vp = now->vp;
	snprintf(added->subject, sizeof(added->subject), "vps/%u", now->vp);
	return added;
}

static struct doctor_unjudged *add_loop(struct doctor_report *report,
	const struct doctor_machine *now, const struct doctor_machine *then)
{
	struct doctor_unjudged *added = add(report, &now->loop, &then->loop);

	added->who = DOCTOR_LOOP;
	snprintf(added->subject, sizeof(added->subject), "loop");
	return added;
}

static void say_waited(
	struct doctor_unjudged *unjudged, const char *who, const struct doctor_report *report)
{
	snprintf(unjudged->why, sizeof(unjudged->why),
		"%s waited %" PRIu64 " of %" PRIu64 " ms for a processor of the host, and ran "
		"%" PRIu64 " ms: what does not move may only be slow",
		who, unjudged->waited_ns / NSEC_PER_MSEC, report->interval_ns / NSEC_PER_MSEC,
		unjudged->ran_ns / NSEC_PER_MSEC);
}

static void say_unanswered(
	struct doctor_unjudged *unjudged, const struct doctor_thread *thread, bool now)
{
	snprintf(unjudged->why, sizeof(unjudged->why), "VP %u did not tell its registers%s: %s; %s",
		unjudged->vp, now ? "" : " for the earlier sample", state_text(thread->state),
		unjudged->starved ? "what does not move may only be slow"
				  : "rules that need them say nothing");
}

/* ---- everybody ------------------------------------------------------------------------------- */

static bool silent(const struct doctor_vp *vp)
{
	return vp->thread.present && !vp->answered;
}

/* It had a tenth of a second, and wanted to. */
static bool held_up(const struct doctor_vp *vp)
{
	return silent(vp) && vp->thread.state != THREAD_ASLEEP;
}

static void examine_vp(
	const struct doctor_vp *now, const struct doctor_vp *then, struct doctor_report *report)
{
	bool waited_long = waited_too_long(&now->thread, &then->thread, report->interval_ns);
	struct doctor_unjudged *unjudged;
	char who[16];

	if (!silent(now) && !held_up(then) && !waited_long)
		return;
	unjudged = add_vp(report, now, then);
	unjudged->starved = waited_long || held_up(now) || held_up(then);
	snprintf(who, sizeof(who), "VP %u", now->vp);
	if (silent(now))
		say_unanswered(unjudged, &now->thread, true);
	else if (waited_long)
		say_waited(unjudged, who, report);
	else
		say_unanswered(unjudged, &then->thread, false);
}

static void examine_loop(const struct doctor_machine *now, const struct doctor_machine *then,
	struct doctor_report *report)
{
	struct doctor_unjudged *unjudged;

	if (!waited_too_long(&now->loop, &then->loop, report->interval_ns))
		return;
	unjudged = add_loop(report, now, then);
	say_waited(unjudged, "hvd's main loop", report);
}

static bool wants_to_run(const struct doctor_thread *thread)
{
	return thread->state == THREAD_RUNNABLE || thread->state == THREAD_BLOCKED;
}

/*
 * A host may itself be a virtual machine that gets no processor: its scheduler knows nothing of it, and
 * its threads seem to run. But what wants to be woken every moment is woken late.
 */
static void examine_host(const struct doctor_machine *now, const struct doctor_machine *then,
	struct doctor_report *report)
{
	uint64_t late_ns = MIN(grown(now->late_ns, then->late_ns), report->interval_ns);
	struct doctor_unjudged *unjudged;

	if (late_ns < report->interval_ns / LATE_SHARE)
		return;
	unjudged = add(report, &now->loop, &then->loop);
	unjudged->who = DOCTOR_HOST;
	snprintf(unjudged->subject, sizeof(unjudged->subject), "host");
	snprintf(unjudged->why, sizeof(unjudged->why),
		"hvd was woken too late by %" PRIu64 " of %" PRIu64 " ms: the host itself has no "
		"time, and what does not move may only be slow",
		late_ns / NSEC_PER_MSEC, report->interval_ns / NSEC_PER_MSEC);
}

/* Nobody wakes it for a sample: its wait may be going on, and then it has not polled meanwhile. */
static void examine_monitor(const struct doctor_machine *now, const struct doctor_machine *then,
	struct doctor_report *report)
{
	const struct doctor_thread *thread = &now->monitor;
	bool waits = wants_to_run(thread) && now->monitor_polls == then->monitor_polls;
	struct doctor_unjudged *unjudged;

	if (!waits && !waited_too_long(thread, &then->monitor, report->interval_ns))
		return;
	unjudged = add(report, thread, &then->monitor);
	unjudged->who = DOCTOR_MONITOR;
	snprintf(unjudged->subject, sizeof(unjudged->subject), "monitor");
	if (waits)
		snprintf(unjudged->why, sizeof(unjudged->why),
			"the monitor page was not polled: %s", state_text(thread->state));
	else
		say_waited(unjudged, "the thread that polls the monitor page", report);
}

int progress_examine(const struct doctor_sample *then, const struct doctor_sample *now,
	struct doctor_report *report)
{
	report->unjudged = calloc(now->vp_count + OTHERS, sizeof(*report->unjudged));
	if (!report->unjudged)
		return -ENOMEM;
	examine_host(&now->machine, &then->machine, report);
	examine_loop(&now->machine, &then->machine, report);
	examine_monitor(&now->machine, &then->machine, report);
	for (uint32_t i = 0; i < now->vp_count; i++) {
		const struct doctor_vp *vp = &now->vps[i];
		const struct doctor_vp *earlier = doctor_find_vp(then, vp->vp);

		if (!vp->other && earlier)
			examine_vp(vp, earlier, report);
	}
	return 0;
}

static unsigned parties_of(
	const struct doctor_unjudged *unjudged, uint32_t vp, uint32_t messages_vp)
{
	switch (unjudged->who) {
	case DOCTOR_LOOP:
		return PARTY_LOOP;
	case DOCTOR_MONITOR:
		return PARTY_MONITOR;
	case DOCTOR_HOST:
		return UINT_MAX;
	case DOCTOR_A_VP:
		break;
	}
	return PARTY_GUEST | (unjudged->vp == vp ? PARTY_VP : 0) |
	       (unjudged->vp == messages_vp ? PARTY_MESSAGES : 0);
}

bool progress_had_time(
	const struct doctor_report *report, unsigned parties, uint32_t vp, uint32_t messages_vp)
{
	for (uint32_t i = 0; i < report->unjudged_count; i++) {
		const struct doctor_unjudged *unjudged = &report->unjudged[i];

		if (unjudged->starved && (parties_of(unjudged, vp, messages_vp) & parties))
			return false;
	}
	return true;
}

/* ---- before the samples ---------------------------------------------------------------------- */

enum { SECONDS = 64 };

static uint64_t low_bits(uint64_t count)
{
	return count >= SECONDS ? UINT64_MAX : BIT64(count) - 1;
}

/* At least one. */
static uint64_t seconds_of(uint64_t ns)
{
	return MAX((ns + PROGRESS_SECOND_NS / 2) / PROGRESS_SECOND_NS, UINT64_C(1));
}

uint64_t progress_remember(uint64_t lost, const struct doctor_thread *then,
	const struct doctor_thread *now, uint64_t elapsed_ns, bool stood)
{
	bool known = then->present && now->present;
	uint64_t seconds = seconds_of(elapsed_ns), fresh = 0;

	if (stood)
		fresh = seconds;
	else if (known && waited_too_long(now, then, elapsed_ns)) /* and perhaps for much longer */
		fresh = seconds_of(grown(now->wait_ns, then->wait_ns));
	return (seconds < SECONDS ? lost << seconds : 0) | low_bits(fresh);
}

static bool is_among(unsigned parties, uint32_t vp, uint32_t messages_vp, uint32_t which)
{
	return parties & PARTY_GUEST || (parties & PARTY_VP && which == vp) ||
	       (parties & PARTY_MESSAGES && which == messages_vp);
}

/* The seconds in which any of the parties had none. */
static uint64_t lost_by(const struct doctor_sample *now, unsigned parties, uint32_t vp)
{
	uint64_t lost = parties & PARTY_LOOP ? now->machine.loop.lost_seconds : 0;

	for (uint32_t i = 0; i < now->vp_count; i++) {
		if (is_among(parties, vp, now->connection.target_vp, now->vps[i].vp))
			lost |= now->vps[i].thread.lost_seconds;
	}
	return lost;
}

uint64_t progress_time_had(
	const struct doctor_sample *now, unsigned parties, uint32_t vp, uint64_t age_ns)
{
	uint64_t seconds = MIN(age_ns / PROGRESS_SECOND_NS + 1, (uint64_t)SECONDS);
	uint64_t lost = lost_by(now, parties, vp) & low_bits(seconds);

	return age_ns - age_ns / seconds * (uint64_t)__builtin_popcountll(lost);
}

static bool tells_of(const struct doctor_report *report, enum doctor_who who, uint32_t vp)
{
	for (uint32_t i = 0; i < report->unjudged_count; i++) {
		if (report->unjudged[i].who == who && report->unjudged[i].vp == vp)
			return true;
	}
	return false;
}

static void say_lost(struct doctor_unjudged *unjudged, const char *who, uint64_t lost_seconds)
{
	unjudged->starved = false;
	snprintf(unjudged->why, sizeof(unjudged->why),
		"%s had no time in %d of the last %d s: what has lasted for longer than the samples "
		"are apart may only be slow",
		who, __builtin_popcountll(lost_seconds), SECONDS);
}

void progress_tell_past(const struct doctor_sample *then, const struct doctor_sample *now,
	unsigned parties, uint32_t vp, struct doctor_report *report)
{
	const struct doctor_machine *machine = &now->machine;
	char who[16];

	if (parties & PARTY_LOOP && machine->loop.lost_seconds &&
		!tells_of(report, DOCTOR_LOOP, DOCTOR_NONE32))
		say_lost(add_loop(report, machine, &then->machine), "hvd's main loop",
			machine->loop.lost_seconds);
	for (uint32_t i = 0; i < now->vp_count; i++) {
		const struct doctor_vp *one = &now->vps[i], *before = doctor_find_vp(then, one->vp);

		if (!before || !one->thread.lost_seconds ||
			tells_of(report, DOCTOR_A_VP, one->vp) ||
			!is_among(parties, vp, now->connection.target_vp, one->vp))
			continue;
		snprintf(who, sizeof(who), "VP %u", one->vp);
		say_lost(add_vp(report, one, before), who, one->thread.lost_seconds);
	}
}
