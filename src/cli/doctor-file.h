/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The doctor on a snapshot: the same rules as in the daemon, over the samples in a file.
 *
 * Purpose: hvctl doctor --from FILE, on any computer.
 * Threads: one.
 * Errors:  enum cli_exit, reported.
 */
#include <jansson.h>
#include "cli/command.h"

/*
 * A report as GET /v1/doctor gives it, with `seq` null. The file is a snapshot, or the reply of GET
 * /v1/doctor/samples; "-" is stdin. CLI_NOT_FOUND: no such file; CLI_USAGE: it holds no samples.
 */
enum cli_exit doctor_file_report(struct cli *cli, const struct invocation *invocation,
	const char *file, uint64_t stuck_ns, json_t **ret_report) MUST_CHECK;
