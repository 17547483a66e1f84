/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The doctor's requests: what one asks for, and the reply.
 *
 * Purpose: between doctor.c, which takes samples, and HTTP.
 * Threads: noted per function.
 * Errors:  problems in the reply.
 */
#include "doctor/doctor.h"
#include "inspect/doctor_pair.h"
#include "inspect/operation.h"

/* Channels whose findings are asked for. */
struct doctor_wanted {
	bool all;
	uint8_t relids[256]; /* bit per relid */
};

/* A request that waits for its two samples. */
struct doctor_operation {
	struct operation base;
	struct doctor_limits limits;
	bool want_samples; /* they are the answer, not what is concluded from them */
	struct doctor_wanted wanted;
	struct doctor_pair pair; /* once it is finished, unless the reply is a problem */
};

/* Main loop, doctor.c: runs the operation. */
void doctor_rounds_run(struct operation *operation);
/* HTTP thread, doctor.c: judges the samples and answers. */
void doctor_rounds_finished(struct operation *operation);

/* HTTP thread: write the reply. */
void doctor_reply_report(struct doctor_operation *operation, const struct doctor_report *report);
void doctor_reply_samples(struct doctor_operation *operation, const struct doctor_sample *then,
	const struct doctor_sample *now);
