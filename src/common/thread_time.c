/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/thread_time.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "common/cleanup.h"
#include "common/util.h"

const char *const thread_state_names[] = {"unknown", "asleep", "runnable", "blocked", NULL};
_Static_assert(ARRAY_LEN(thread_state_names) == THREAD_STATES + 1, "a name for every state");

/* The beginning of a file about the thread, as a string. */
static bool read_file(pid_t tid, const char *name, char *text, size_t size)
{
	char path[64];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/self/task/%d/%s", (int)tid, name);
	CLEANUP(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	length = fd < 0 ? -1 : read(fd, text, size - 1);
	if (length < 0)
		return false;
	text[length] = '\0';
	return true;
}

/* "ran waited times"; a kernel that does not count says "0 0 0", which no thread can have. */
static void read_times(pid_t tid, struct thread_time *time)
{
	uint64_t run_ns, wait_ns, times;
	char text[80];

	if (!read_file(tid, "schedstat", text, sizeof(text)) ||
		sscanf(text, "%" SCNu64 " %" SCNu64 " %" SCNu64, &run_ns, &wait_ns, &times) != 3 ||
		times == 0)
		return;
	time->run_ns = run_ns;
	time->wait_ns = wait_ns;
}

/* "tid (name) S ...", and the name may hold anything. */
static enum thread_state read_state(pid_t tid)
{
	const char *end;
	char text[80];

	if (!read_file(tid, "stat", text, sizeof(text)))
		return THREAD_UNKNOWN;
	end = strrchr(text, ')');
	if (!end || end[1] != ' ')
		return THREAD_UNKNOWN;
	switch (end[2]) {
	case 'R':
		return THREAD_RUNNABLE;
	case 'S':
		return THREAD_ASLEEP;
	case 'D':
	case 'T':
	case 't':
		return THREAD_BLOCKED;
	}
	return THREAD_UNKNOWN;
}

void thread_time_read(pid_t tid, struct thread_time *ret_time)
{
	*ret_time = (struct thread_time){
		.run_ns = THREAD_TIME_UNKNOWN,
		.wait_ns = THREAD_TIME_UNKNOWN,
	};
	if (tid == 0)
		return;
	read_times(tid, ret_time);
	ret_time->state = read_state(tid);
}
