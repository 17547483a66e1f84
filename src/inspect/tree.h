/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The inspection tree: every registered object in one nested document.
 *
 * A node is the object of its class with the nodes below it as further members. What lies below the
 * depth that was asked for is {"$more": true}. What could not be read is {"$error": REASON}, and the
 * rest is still served:
 *
 *	timeout      its VP did not answer in time
 *	gone         it went while the tree was walked
 *	truncated    the reply holds NODES_MAX nodes already
 *	unavailable  the module failed
 *
 * Purpose: GET and PATCH /v1/tree/{path...}.
 * Threads: HTTP; a walk that has to ask VPs runs on the worker. PATCH on the main loop.
 * Errors:  problems in the reply; $error inside it.
 */
#include "inspect/param.h"

struct request;

extern const struct param_table tree_query_table;
void tree_get(struct request *request);
void tree_patch(struct request *request);
