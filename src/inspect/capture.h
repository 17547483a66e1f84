/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Captures: pcapng of what passes between guest and host (docs/capture.md has the format).
 *
 * Purpose: GET /v1/capture.
 * Threads: the HTTP thread.
 * Errors:  problems in the reply.
 */
#include "inspect/param.h"

struct request;

extern const struct param_table capture_query_table;
void capture_handle(struct request *request);
