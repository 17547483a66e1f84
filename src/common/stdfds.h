/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Standard input, output and error that were closed.
 *
 * Purpose: keep 0, 1 and 2 from naming a socket, a guest or a lock that is opened later.
 * Threads: call it first thing in main().
 * Errors:  negative errno when /dev/null does not open.
 */
#include "common/util.h"

/* Those that are closed read as empty and cannot be written to: a program that tries is told so. */
int stdfds_fill(void) MUST_CHECK;
