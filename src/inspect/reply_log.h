/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The reply log of the tests: every reply the server ever gave, to be checked against the schemas.
 *
 * With HVD_REPLY_LOG=FILE in the environment each reply is appended as one JSON line: method,
 * pattern of the route, status, schema and the body. tests/validate-replies.py validates them all
 * and names the routes that were never hit.
 *
 * Purpose: the schemas stay true.
 * Threads: the HTTP thread; appends of several processes do not mix.
 * Errors:  none; a line that cannot be written is lost.
 */
#include <stddef.h>

struct request;

#define REPLY_LOG_ENVIRONMENT "HVD_REPLY_LOG"

struct reply_log {
	int fd; /* owns; -1: off */
};

void reply_log_init(struct reply_log *log);
void reply_log_deinit(struct reply_log *log);
void reply_log_reply(struct reply_log *log, const struct request *request);
/* One record of a stream. */
void reply_log_line(struct reply_log *log, const char *json, size_t size);
