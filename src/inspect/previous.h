/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The log that the hvd before this one left, loaded when somebody asks for it.
 *
 * Purpose: GET /v1/log?previous=1.
 * Threads: the HTTP thread, but for init and deinit.
 * Errors:  why there is none, as a sentence.
 */
#include <stdbool.h>
#include "common/record_history.h"

struct previous {
	int fd;                         /* owns; -1: there is none */
	struct record_history *history; /* owns; NULL: not loaded yet */
};

/* `fd` is borrowed during the call; 0 and below: there is none. */
void previous_init(struct previous *previous, int fd);
void previous_deinit(struct previous *previous);
/* NULL, and why. */
const struct record_history *previous_load(
	struct previous *previous, char ret_why[RECORD_WHY_BYTES]) MUST_CHECK;
