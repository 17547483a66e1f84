/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * `hvctl watch --kernel`: hvd's records and KVM's own trace events of the same VM, by time.
 *
 * Purpose: what is asked of hvd and of this host first, the two sources, and their clean-up.
 * Threads: one.
 * Errors:  enum cli_exit, reported.
 */
#include "cli/event-printer.h"

/* `target` is the stream of hvd's records that the command line asks for. */
enum cli_exit watch_kernel(const struct invocation *invocation, const char *target,
	struct event_printer *printer) MUST_CHECK;
