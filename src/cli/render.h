/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Replies on stdout, in the format asked for.
 *
 * There is one source, the reply's JSON: text is only another way to print it, so a table can never
 * say what the API does not.
 *
 * Purpose: tables, aligned objects, JSON, JSON lines and names.
 * Threads: one.
 * Errors:  enum cli_exit, reported; failed writes are noticed by render_finish().
 */
#include <jansson.h>
#include "cli/command.h"

/*
 * Renders a reply of `command`: a list when it holds items, otherwise an object. Filters and sorts.
 */
enum cli_exit render_reply(
	struct cli *cli, const struct command *command, json_t *reply) MUST_CHECK;
/*
 * Reports the VPs that the list leaves out because they did not answer: CLI_TIMEOUT, or
 * CLI_INTERNAL when it was not for lack of time. CLI_OK: there are none. render_reply() does it
 * too.
 */
enum cli_exit render_list_errors(const struct cli *cli, const json_t *reply) MUST_CHECK;
/* Renders an object as aligned key: value lines, at most the keys of --columns. */
enum cli_exit render_object(
	struct cli *cli, const struct command *command, const json_t *object) MUST_CHECK;
/* One JSON document and a newline: indented, or on one line for -o jsonl. */
enum cli_exit render_json(struct cli *cli, const json_t *document) MUST_CHECK;

/* A table of `columns` ("path:HEADER,...") over `items`. */
enum cli_exit render_table(struct cli *cli, const char *columns, const json_t *items) MUST_CHECK;
/* VPs down, SINTs across; SINTs that are masked and idle everywhere have no column. */
enum cli_exit render_sint_matrix(struct cli *cli, const json_t *items) MUST_CHECK;

/* A note for people on stderr, silent under -q and -j. */
void render_note(const struct cli *cli, const char *format, ...) PRINTF(2, 3);
/* Flushes stdout; CLI_INTERNAL when something could not be written. */
enum cli_exit render_finish(const struct cli_options *options) MUST_CHECK;
