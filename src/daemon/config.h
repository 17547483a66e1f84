/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The JSON configuration file: an object whose keys are the names of the options.
 *
 * Purpose: read and write struct options as JSON, strictly.
 * Threads: main thread.
 * Errors:  config_load() 0 or 1 with a problem; config_print() 0 or -ENOMEM.
 */
#include <stdio.h>
#include "common/util.h"

struct options;
struct problem;

/* Overwrites what the file names. Unknown and duplicate keys and wrong types are refused. */
int config_load(struct options *options, const char *path, struct problem *ret_problem) MUST_CHECK;
int config_print(const struct options *options, FILE *out) MUST_CHECK;
