/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Stream sockets with a path.
 *
 * Purpose: listen at a path, replacing a stale socket; connect to one.
 * Threads: any, but for unix_listen(): only where no other thread makes files meanwhile, since for
 *          a moment it sets the umask, which is the process's. Nothing here blocks.
 * Errors:  a descriptor, or negative errno: -ENAMETOOLONG; listening: -EADDRINUSE somebody listens
 *          there, -ENOTSOCK something else stands there; connecting: -ENOENT, -ECONNREFUSED,
 *          -EAGAIN too many wait there already.
 *
 * The descriptors do not block and are closed on exec.
 */
#include "common/util.h"

/* Mode 0660, whatever the umask; at no moment may others connect. */
int unix_listen(const char *path) MUST_CHECK;
int unix_connect(const char *path) MUST_CHECK;
