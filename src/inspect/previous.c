/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inspect/previous.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

void previous_init(struct previous *previous, int fd)
{
	*previous = (struct previous){.fd = fd > 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1};
}

void previous_deinit(struct previous *previous)
{
	previous->history = record_history_free(previous->history);
	if (previous->fd >= 0)
		close(previous->fd);
	previous->fd = -1;
}

const struct record_history *previous_load(
	struct previous *previous, char ret_why[RECORD_WHY_BYTES])
{
	if (previous->history)
		return previous->history;
	if (previous->fd < 0) {
		snprintf(ret_why, RECORD_WHY_BYTES, "no former run left a log here");
		return NULL;
	}
	if (record_history_load(previous->fd, true, &previous->history, ret_why) < 0)
		return NULL;
	return previous->history;
}
