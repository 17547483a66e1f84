/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The request a row and its values come to.
 *
 * Purpose: target (path with its keys filled in, and query) and body of an invocation.
 * Threads: one.
 * Errors:  NULL without memory.
 */
#include <jansson.h>
#include "cli/command.h"

/* "/v1/vps/0/sints?vtl=1" for the caller to free. */
char *request_target(const struct invocation *invocation) MUST_CHECK;
/* True when all keys of the command's narrow path have been given: that is the one taken. */
bool request_is_narrow(const struct invocation *invocation);
/* An object of the values whose place is the body. */
json_t *request_body(const struct invocation *invocation) MUST_CHECK;
