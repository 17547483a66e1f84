/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Listening TCP sockets; those with a path are in common/unix_socket.h.
 *
 * Purpose: a TCP socket on a loopback address.
 * Threads: the main thread.
 * Errors:  a descriptor, or negative errno: -EINVAL not a loopback address.
 */
#include <stdint.h>
#include "common/util.h"

int listen_loopback(const char *address, uint16_t port, uint16_t *ret_port) MUST_CHECK;
