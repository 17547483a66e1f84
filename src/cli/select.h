/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Which items of a reply are shown, and in which order: --filter, --sort, --columns.
 *
 * Purpose: work on parsed replies, alike for every output format.
 * Threads: one.
 * Errors:  CLI_USAGE with the option's name for an expression that makes no sense or names a field
 *          that no item has.
 */
#include <jansson.h>
#include "cli/cli.h"

/* The value at "slot.busy" in `item`; NULL when a step is missing. Borrowed. */
const json_t *select_path(const json_t *item, const char *path);
/* Does `item` match all comparisons of `expression`? `option` is named in errors. */
enum cli_exit select_matches(const struct cli_options *options, const char *option,
	const char *expression, const json_t *item, bool *ret_matches) MUST_CHECK;
/*
 * Before there is an item: does the schema of `object` ("vm") have the fields that `expression`
 * names, and the words that it compares them with?
 */
enum cli_exit select_check(const struct cli_options *options, const char *option,
	const char *expression, const char *object) MUST_CHECK;
/* Applies --filter and --sort to the array `items` in place. */
enum cli_exit select_apply(const struct cli_options *options, json_t *items) MUST_CHECK;
/* CLI_USAGE unless some item has a value at `path`, or none can tell. */
enum cli_exit select_check_path(const struct cli_options *options, const char *option,
	const char *path, const json_t *items) MUST_CHECK;
