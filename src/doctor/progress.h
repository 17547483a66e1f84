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
