/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The doctor's rounds: samples of the live machine, and what is concluded from them.
 *
 *	GET /v1/doctor --> a round: sample now ... stuck_after ... sample again --> findings
 *	watching       --> rounds one after the other; findings that come and go are recorded
 *
 * A sample costs each VP one visit (its registers), and one look at the bus. Rounds that want a
 * sample at about the same time share it. Without a round nothing is sampled, and nothing costs.
 *
 *	idle --round wants a sample--> VPs are asked --all answered, or 100 ms--> sampled: every
 *	round that is due takes it --> the next one that is due, or idle
 *
 * Purpose: rounds, for requests and for the log.
 * Threads: the main loop takes samples and owns rounds; the HTTP thread judges, for requests and for
 *          the log (doctor_pair.h says who owns a sample); VPs answer on their own.
 * Errors:  a request is answered with a problem.
 */
#include "common/util.h"
#include "inspect/param.h"

struct doctor_rounds;
struct field_table;
struct inspect;
struct node_class;
struct request;

/* `inspect` is borrowed; its config is complete. */
int doctor_rounds_new(struct inspect *inspect, struct doctor_rounds **ret_rounds) MUST_CHECK;
/* Ends every round with 503; the VM may go afterwards. NULL is fine. Idempotent. */
void doctor_rounds_stop(struct doctor_rounds *rounds);
/* NULL is fine; returns NULL. */
struct doctor_rounds *doctor_rounds_free(struct doctor_rounds *rounds);
/* Main thread: rounds without end, or no more of them; what is found then is forgotten. */
void doctor_rounds_watch(struct doctor_rounds *rounds, bool watch);

/* GET /v1/doctor, /v1/doctor/samples */
void doctor_handle(struct request *request);
extern const struct param_table doctor_query_table;

extern const struct node_class doctor_watch_node_class; /* doctor/watch; owner: the rounds */
