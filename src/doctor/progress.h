/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Who had a processor of the host between the samples, and whose standing still therefore means
 * something.
 *
 *	interval = ran + slept + waited for a processor
 *	           \_ had at its disposal _/
 *
 * A VP that slept wanted nothing more: it had its time, and what it left undone is stuck. A VP that
 * ran without end had its time, too. One that waited for a processor nearly all the time was not
 * let; neither was one that could not even tell its registers for either sample, unless its thread
 * sleeps: then hvd itself is at fault, and the rules go on. Where the host does not tell how long
 * threads wait, only those that did not answer are taken for starved. And when hvd is woken late again
 * and again, the host itself was not let, whatever it tells.
 *
 * What lasts for longer than the samples are apart counts as long as those who are blamed had time: of
 * each thread hvd remembers, second by second, in which of the last 64 it had none. Whatever is older
 * than that is taken to have been like them.
 *
 * Purpose: what doctor.c asks before it reports a finding.
 * Threads: any; nothing is shared.
 * Errors:  -ENOMEM.
 */
#include "doctor/doctor.h"

/* Whom a rule takes to have had time, and blames: a set of these. */
enum party {
	PARTY_VP = 1 << 0,       /* the VP that the finding is about */
	PARTY_MESSAGES = 1 << 1, /* the VP that gets the messages of the bus */
	PARTY_GUEST = 1 << 2, /* every VP: the guest may do it on any, or have a lock held there */
	PARTY_LOOP = 1 << 3,  /* hvd's main loop */
	PARTY_MONITOR = 1 << 4, /* hvd's thread that polls the monitor page */
};

/* Fills the unjudged of the report; its interval is known. */
int progress_examine(const struct doctor_sample *then, const struct doctor_sample *now,
	struct doctor_report *report) MUST_CHECK;
/*
 * Whether all of `parties` had time. `vp` is the finding's, `messages_vp` the connection's;
 * DOCTOR_NONE32: none.
 */
bool progress_had_time(
	const struct doctor_report *report, unsigned parties, uint32_t vp, uint32_t messages_vp);

/* ---- before the samples ---------------------------------------------------------------------- */

/* How often what follows is called, about. */
#define PROGRESS_SECOND_NS UINT64_C(1000000000)
/*
 * A thread's lost_seconds, `elapsed_ns` after they were `lost`; meanwhile it went on from `then` to
 * `now`. `stood`: nobody could do anything in that time, whatever the host says.
 */
uint64_t progress_remember(uint64_t lost, const struct doctor_thread *then,
	const struct doctor_thread *now, uint64_t elapsed_ns, bool stood);
/*
 * How much of the last `age_ns` all of `parties` had time, as far as that is remembered. `vp` is the
 * finding's; DOCTOR_NONE32: none.
 */
uint64_t progress_time_had(
	const struct doctor_sample *now, unsigned parties, uint32_t vp, uint64_t age_ns);
/* Says in the report who of `parties` had no time before the samples, unless it tells of it anyway. */
void progress_tell_past(const struct doctor_sample *then, const struct doctor_sample *now,
	unsigned parties, uint32_t vp, struct doctor_report *report);
