/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * hvd: one VM with its API, from options to exit status.
 *
 * Purpose: build everything in order, run the main loop, take it down in reverse order.
 * Threads: main thread.
 * Errors:  0, or 1 with a problem.
 */
#include "daemon/options.h"
#include "daemon/runtime.h"

struct hvd;

/*
 * Builds all but the running guest: the sockets accept connections when this returns.
 * `options` outlives the result. `start_ns`: CLOCK_MONOTONIC when the process began.
 */
int hvd_new(const struct options *options, uint64_t start_ns, struct hvd **ret_hvd,
	struct problem *ret_problem) MUST_CHECK;
/* What --check-config looks at beyond the options themselves: the files they name. */
int hvd_check(const struct options *options, struct problem *ret_problem) MUST_CHECK;
/* NULL is fine; returns NULL. */
struct hvd *hvd_free(struct hvd *hvd);

/* Announces readiness, starts the guest unless --paused, and returns when hvd is to end. */
int hvd_run(struct hvd *hvd, struct problem *ret_problem) MUST_CHECK;

/* What the process ends with, after hvd_run(): how the VM stopped. */
int hvd_exit_status(struct hvd *hvd);
