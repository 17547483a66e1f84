/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * A request as the curl command a shell can run.
 *
 * Purpose: --curl.
 * Threads: one.
 * Errors:  none; stdout's are noticed at exit.
 */
#include <stdio.h>
#include "common/util.h"

void curlcmd_put(FILE *out, const char *socket, const char *method, const char *target,
	const char *body, bool stream);
/* `text` as one word of a POSIX shell; bare when it needs no quotes. */
void curlcmd_put_quoted(FILE *out, const char *text);
