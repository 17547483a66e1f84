/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The log: recorded events, in pages and as streams.
 *
 * Purpose: GET /v1/log.
 * Threads: the HTTP thread.
 * Errors:  problems in the reply; those of the writer.
 */
#include "inspect/param.h"

struct request;

extern const struct param_table log_query_table;
void log_handle(struct request *request);
