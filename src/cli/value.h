/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Values of arguments, by their type.
 *
 * Purpose: numbers with their range, choices, durations, and payloads from hex, a file or stdin.
 * Threads: one.
 * Errors:  CLI_USAGE, reported with the argument's name.
 */
#include "cli/command.h"

/* `text` is borrowed by `ret_value`; its payload is for the caller to free. */
enum cli_exit value_parse(const struct cli_options *options, const struct arg *arg,
	const char *text, struct value *ret_value) MUST_CHECK;

/*
 * What "@FILE" or "-" (stdin) holds, at most `capacity` bytes of it. Negative errno: it cannot be
 * opened or read, or a signal came first.
 */
int value_read_source(
	const char *source, void *bytes, size_t capacity, size_t *ret_count) MUST_CHECK;
