/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What is left to somebody who took hvd over through a guest or a client: memory, the VM's own
 * descriptors, and little else.
 *
 * Two walls, each up as early as it can be. Landlock, before the first thread: only the files the
 * options name, the runtime directory and the devices that guests and terminals need can be
 * opened. seccomp, once everything runs: no new program, no new kind of system call.
 *
 * Purpose: give away what hvd does not need any more.
 * Threads: main thread; sandbox_files() before any other thread exists.
 * Errors:  0 also where the kernel has no Landlock (noted at debug level); negative errno.
 */
#include <stdbool.h>
#include "common/util.h"

struct options;

/* False in builds with a sanitizer: the functions below then do nothing. */
bool sandbox_is_built(void);

/* After the runtime directory exists. Creates the file of --serial file:PATH. */
int sandbox_files(const struct options *options, const char *runtime_dir) MUST_CHECK;
/* For every thread there is and will be. */
int sandbox_calls(void) MUST_CHECK;
