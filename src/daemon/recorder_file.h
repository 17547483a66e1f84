/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Where the flight recorder lives, so that its records outlive hvd: --recorder-file.
 *
 *	PATH    a file; that of the run before is kept as PATH.1. Default: NAME.log of the runtime
 *	        directory
 *	memfd   memory that systemd keeps (FileDescriptorStoreMax=) and gives to the next hvd
 *	none    nowhere: the records go with the process
 *
 * Purpose: an empty file for the recorder, and the former run's.
 * Threads: main thread, before the sandbox is closed.
 * Errors:  0, or 1 with a problem. A file that is no log of hvd is never touched.
 */
#include <limits.h>
#include <stdbool.h>
#include "daemon/problem.h"
#include "daemon/runtime.h"

struct recorder_file {
	int fd;              /* owns; -1: none */
	int previous_fd;     /* owns; -1: none */
	char name[PATH_MAX]; /* the path, "memfd", or "" */
	bool memfd;
};

/* `option` as given, NULL for the default. On a problem there is nothing to close. */
int recorder_file_open(struct recorder_file *file, const char *option,
	const struct runtime *runtime, struct problem *ret_problem) MUST_CHECK;
/* The recorder has sized it: nobody may do so any more, and systemd keeps a memfd. */
int recorder_file_settle(const struct recorder_file *file, struct problem *ret_problem) MUST_CHECK;
/*
 * hvd did not start: the former run's file gets its name back, so that trying again does not lose
 * it. Does what the sandbox allows: outside the runtime directory nothing once that is closed.
 */
void recorder_file_undo(const struct recorder_file *file);
/* Takes one that is all zeroes, too. */
void recorder_file_close(struct recorder_file *file);
