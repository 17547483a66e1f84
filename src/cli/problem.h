/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Failures, told once, on stderr: as a sentence or, with -j, as one RFC 9457 problem object.
 *
 * Purpose: the only place where hvctl says that something went wrong.
 * Threads: one.
 * Errors:  each returns the exit code the failure comes to, for `return problem_...`.
 */
#include <jansson.h>
#include "cli/cli.h"

/*
 * A failure noticed by hvctl itself. `code` is lower_snake; `hint` says what to do and may be NULL.
 */
enum cli_exit problem_report(const struct cli_options *options, enum cli_exit exit_code,
	const char *code, const char *hint, const char *format, ...) PRINTF(5, 6) MUST_CHECK;
/* A command line that makes no sense. */
enum cli_exit problem_usage(const struct cli_options *options, const char *hint, const char *format,
	...) PRINTF(3, 4) MUST_CHECK;
/*
 * An unknown `what` ("command", "option"): asks for the nearest of `words`, or points to the help
 * of `help_words` ("", " ports").
 */
enum cli_exit problem_unknown_word(const struct cli_options *options, const char *what,
	const char *word, const char *const *words, size_t count,
	const char *help_words) MUST_CHECK;
/* An error reply of the daemon; `body` is NULL when it was not a JSON object. */
enum cli_exit problem_from_reply(
	const struct cli_options *options, long status, const json_t *body) MUST_CHECK;
/* Memory ran out, or stdout could not be written. `error` is an errno value. */
enum cli_exit problem_errno(
	const struct cli_options *options, int error, const char *what) MUST_CHECK;
