/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Answers to GET out of a snapshot, in the place of a daemon.
 *
 * The tree in the snapshot holds every object under the path that the API serves it at. Which paths
 * there are, and whether one is a list, is read off the embedded OpenAPI description; so commands
 * that show things need not know where their answers come from.
 *
 * Purpose: --from FILE.
 * Threads: one.
 * Errors:  enum cli_exit, reported.
 */
#include <jansson.h>
#include "cli/cli.h"

/* The whole document, checked to be a snapshot. "-": stdin. */
enum cli_exit offline_load(struct cli *cli, const char *file, json_t **ret_snapshot) MUST_CHECK;
/* As client_request() would answer GET `target`. `ret_reply` is a new reference. */
enum cli_exit offline_get(struct cli *cli, const char *target, json_t **ret_reply) MUST_CHECK;
