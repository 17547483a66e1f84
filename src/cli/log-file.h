/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Logs read without a daemon: what an hvd that is gone left in its file.
 *
 * The same code that makes hvd's pages makes these, so that both look the same.
 *
 * Purpose: hvctl log --file, and --previous when no hvd answers.
 * Threads: one.
 * Errors:  reported.
 */
#include "cli/command.h"
#include "cli/event-printer.h"

/* Prints the log at `path`, filtered as the command line says. */
enum cli_exit log_file_print(const struct invocation *invocation, const char *path,
	struct event_printer *printer) MUST_CHECK;
/* The same with the newest log of a former run of the VM that is meant. */
enum cli_exit log_file_print_previous(
	const struct invocation *invocation, struct event_printer *printer) MUST_CHECK;
