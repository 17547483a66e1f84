/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The process behind the socket, as this host numbers it.
 *
 * Tracing needs more than the API can tell: hvd knows its pid in its own PID namespace only, and a
 * socket may lead to another host. The kernel says who listens; that process must call itself what
 * hvd calls itself.
 *
 * Purpose: the pid for set_event_pid, and which VP a thread is.
 * Threads: one.
 * Errors:  enum cli_exit, reported.
 */
#include <sys/types.h>
#include "cli/cli.h"

struct vm_thread {
	int tid;
	int64_t vp; /* -1: no VP's thread */
};

struct vm_process {
	pid_t pid;
	struct vm_thread *threads; /* owns; those asked for so far */
	size_t count;
};

enum cli_exit vm_process_find(struct cli *cli, struct vm_process *ret_process) MUST_CHECK;
void vm_process_deinit(struct vm_process *process);
/* The VP whose thread this is, by the thread's name ("vp3"); -1 when it is none's. */
int64_t vm_process_vp(struct vm_process *process, int tid);
