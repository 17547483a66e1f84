/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The differences between modes that are known and documented: tests/guest/parity/differences.
 *
 * Purpose: take them out of what is compared, and know which of them really occurred.
 * Threads: one.
 * Errors:  said on stderr, false.
 */
#include <stdbool.h>
#include <stdio.h>
#include <jansson.h>
#include "common/util.h"

struct differences;

/* For comparing the modes `a` and `b`; lines about other pairs are left out. */
bool differences_read(const char *path, const char *a, const char *b,
	struct differences **ret_differences) MUST_CHECK;
struct differences *differences_free(struct differences *differences);

/* Whether a line says that the program runs for a time. */
bool differences_timed(struct differences *differences, const char *program);
/* Takes out of the streams of `mode` what it may show more of than the other mode. */
void differences_drop(struct differences *differences, const char *program, const char *mode,
	json_t *streams, const json_t *others);
/* Whether `key` of these two observations may differ. */
bool differences_allow(struct differences *differences, const char *program, const json_t *a,
	const json_t *b, const char *key);

/* A comment line for each that occurred; returns how many did not occur, named likewise. */
unsigned differences_report(const struct differences *differences);
