/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Points in time as people type them, and as records print them.
 *
 * Purpose: values of --since and --until in the form that the API knows.
 * Threads: any.
 * Errors:  a bool.
 */
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

enum { MOMENT_BYTES = 48 };

/*
 * A sequence number, a span (5m) and a time by RFC 3339 stay as they are. A date, a date with a time,
 * and a time of day alone (the last such before `now`) are UTC, as all that hvctl prints. False: it is
 * none of these.
 */
bool moment_normalize(const char *text, time_t now, char ret_moment[MOMENT_BYTES]);
