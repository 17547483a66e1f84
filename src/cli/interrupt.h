/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * SIGINT as a descriptor, so that everything that waits can wait for it too.
 *
 * Purpose: a wait is left at once, the terminal is put back, and hvctl ends with status 130.
 * Threads: one. The handler writes to an eventfd and touches nothing else; it is installed without
 *          SA_RESTART, so a write to a stuck pipe ends as well.
 * Errors:  negative errno from interrupt_init().
 */
#include <stdbool.h>
#include <stdint.h>
#include "common/util.h"

int interrupt_init(void) MUST_CHECK;
/* Readable from a SIGINT on until interrupt_clear(). */
int interrupt_fd(void);
bool interrupt_pending(void);
void interrupt_clear(void);
/*
 * Until interrupt_release() SIGHUP, SIGTERM and SIGPIPE end waits as SIGINT does, where they would
 * have ended hvctl: there is something outside the process to put away first.
 */
void interrupt_hold(void);
/* Gives them back, and ends hvctl by the one that has come meanwhile. */
void interrupt_release(void);
/* Sleeps; returns false when SIGINT came first. */
bool interrupt_sleep(uint64_t ns) MUST_CHECK;
