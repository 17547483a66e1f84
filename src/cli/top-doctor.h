/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The doctor asked beside: it takes its time (two looks, a second apart), and keys must not wait
 * for it. A child asks and writes the answer into a pipe.
 *
 * Purpose: findings for hvctl top.
 * Threads: one, and one child at a time.
 * Errors:  none; an answer that does not come leaves the last one.
 */
#include <jansson.h>
#include <sys/types.h>
#include "cli/cli.h"

struct top_doctor {
	pid_t pid;  /* 0: nobody asks */
	int fd;     /* owns while somebody does */
	char *text; /* owns; what has come */
	size_t size;
};

/* Asks, unless somebody does already. */
void top_doctor_ask(struct top_doctor *doctor, const struct cli *cli);
/* A whole answer, for the caller to release, or NULL: not yet. Never waits. */
json_t *top_doctor_take(struct top_doctor *doctor);
/* Ends the child, too. Takes one that is all zeroes. */
void top_doctor_deinit(struct top_doctor *doctor);
