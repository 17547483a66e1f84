/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/problem.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int problem_set(struct problem *problem, int exit_status, const char *format, ...)
{
	va_list args;

	problem->exit_status = exit_status;
	va_start(args, format);
	vsnprintf(problem->text, sizeof(problem->text), format, args);
	va_end(args);
	return 1;
}

int problem_errno(struct problem *problem, int exit_status, int error, const char *what)
{
	bool permission = error == -EACCES || error == -EPERM;

	return problem_set(problem, permission ? EX_NOPERM : exit_status, "%s: %s (%s)", what,
		strerror(-error), strerrorname_np(-error));
}
