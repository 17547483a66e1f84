/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Who may do what: the role of the socket, and on TCP the Host, the Origin and the bearer token.
 *
 * A browser on the same machine can reach a loopback port. A page of another site then sends its
 * own Origin, and a name rebound to 127.0.0.1 sends its own Host: both are refused. Changes need
 * the token besides.
 *
 * Purpose: refuse what a listener does not permit.
 * Threads: the HTTP thread.
 * Errors:  false: the reply is a problem.
 */
#include <stdbool.h>
#include "common/util.h"

struct request;

bool guard_origin(struct request *request) MUST_CHECK;
bool guard_change(struct request *request) MUST_CHECK;

/* "127.0.0.1", "localhost:8080", "[::1]:8080": an authority that names this machine. */
bool guard_is_loopback_authority(const char *authority);
