/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For LD_PRELOAD: from the moment the file named by FAIL_IOCTL_WHEN exists, each ioctl() whose
 * request is FAIL_IOCTL_REQUEST fails with EIO. A failing kernel, for a program that knows nothing
 * of it.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int must_fail(unsigned long request)
{
	const char *wanted = getenv("FAIL_IOCTL_REQUEST"), *when = getenv("FAIL_IOCTL_WHEN");

	return wanted && when && request == strtoul(wanted, NULL, 0) && access(when, F_OK) == 0;
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *argument;

	va_start(args, request);
	argument = va_arg(args, void *);
	va_end(args);
	if (must_fail(request)) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_ioctl, fd, request, argument);
}
