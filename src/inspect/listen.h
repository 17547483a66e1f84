/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Listening sockets.
 *
 * Purpose: a unix socket at a path, replacing a stale one; a TCP socket on a loopback address.
 * Threads: the main thread.
 * Errors:  a descriptor, or negative errno: -EADDRINUSE somebody listens there, -EINVAL not a
 *          loopback address, -ENAMETOOLONG.
 */
#include <stdint.h>
#include "common/util.h"

int listen_unix(const char *path) MUST_CHECK;
int listen_loopback(const char *address, uint16_t port, uint16_t *ret_port) MUST_CHECK;
