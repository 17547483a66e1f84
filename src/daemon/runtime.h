/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The runtime directory, and the right to a VM's name in it.
 *
 * A name is owned by whoever holds the flock on NAME.lock; the kernel lets go of it however a
 * process ends. Only the owner may replace NAME.api.sock and NAME.ro.sock, so a stale socket is
 * never mistaken for a live one nor the other way round.
 *
 * Purpose: one hvd per name; where its sockets are.
 * Threads: main thread.
 * Errors:  0, or 1 with a problem.
 */
#include <limits.h>
#include <sys/un.h>
#include "daemon/problem.h"

enum { SOCKET_PATH_MAX = sizeof(((struct sockaddr_un *)0)->sun_path) };

struct runtime {
	char dir[PATH_MAX];
	char api_path[SOCKET_PATH_MAX], ro_path[SOCKET_PATH_MAX], lock_path[SOCKET_PATH_MAX];
	char prefix[SOCKET_PATH_MAX]; /* DIR/NAME: what the paths of all sockets start with */
	int lock_fd; /* -1: not owned */
};

/* `dir` as given by the user or NULL for the default. Creates the directory, takes the name. */
int runtime_init(struct runtime *runtime, const char *dir, const char *name,
	struct problem *ret_problem) MUST_CHECK;
/* Gives the name back. Takes a struct runtime that is all zeroes or whose init failed. */
void runtime_deinit(struct runtime *runtime);
