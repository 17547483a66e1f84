/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The doctor on a snapshot: the same rules as in the daemon, over the samples in it.
 *
 * Purpose: hvctl doctor --from FILE, on any computer.
 * Threads: one.
 * Errors:  enum cli_exit, reported.
 */
#include <jansson.h>
#include "cli/command.h"

/*
 * A report as GET /v1/doctor gives it, with `seq` null, of cli->snapshot, by the limits that
 * the command was given. CLI_USAGE: that holds no
 * samples, or other ones than this hvctl knows.
 */
enum cli_exit doctor_file_report(
	struct cli *cli, const struct invocation *invocation, json_t **ret_report) MUST_CHECK;
