/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The log that is in a snapshot, filtered as hvd filters its own.
 *
 * Purpose: hvctl log --from FILE.
 * Threads: one.
 * Errors:  enum cli_exit, reported.
 */
#include "cli/command.h"
#include "cli/event-printer.h"

/* The records of cli->snapshot that the command wants; ages count from the last of them. */
enum cli_exit log_snapshot_print(
	const struct invocation *invocation, struct event_printer *printer) MUST_CHECK;
