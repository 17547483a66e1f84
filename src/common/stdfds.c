/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/stdfds.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int stdfds_fill(void)
{
	int fd;

	/* open() takes the lowest free number: the first one above stderr is one too many. */
	do {
		fd = open("/dev/null", O_RDONLY);
		if (fd < 0)
			return -errno;
	} while (fd <= STDERR_FILENO);
	close(fd);
	return 0;
}
