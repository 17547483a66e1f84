/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Why hvd does not start: an exit status and one sentence for the person who typed the command.
 *
 * Purpose: carry a start-up failure from where it is understood to main().
 * Threads: main thread, before the loop runs.
 * Errors:  none.
 *
 * Exit statuses are those of sysexits.h: EX_USAGE 64, EX_NOINPUT 66 (image), EX_UNAVAILABLE 69
 * (accelerator), EX_SOFTWARE 70, EX_NOPERM 77, EX_CONFIG 78.
 */
#include <sysexits.h>
#include "common/util.h"

struct problem {
	int exit_status;
	char text[512];
};

/* Fills `problem` and returns 1, so that a caller can write `return problem_set(...)`. */
int problem_set(struct problem *problem, int exit_status, const char *format, ...) PRINTF(3, 4);

/*
 * A system call failed with `error` (negative errno) on `what`: EX_NOPERM when it was a matter of
 * permission, else `exit_status`. Returns 1.
 */
int problem_errno(struct problem *problem, int exit_status, int error, const char *what);
