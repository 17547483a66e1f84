/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What every part of hvctl shares: options, exit codes and the context of one command.
 *
 * Purpose: one `struct cli` per command run; the interactive shell makes a new one for each line.
 * Threads: hvctl has one thread.
 * Errors:  functions that can fail return an enum cli_exit. Anything but CLI_OK and CLI_STOP has
 *          been reported already, once, where it was noticed; callers only pass it on.
 */
#include <stdint.h>
#include <stdio.h>
#include "common/util.h"

enum cli_exit {
	CLI_STOP = -1, /* nothing more to do, and all is well (--curl, --help) */
	CLI_OK = 0,
	CLI_INTERNAL = 1, /* hvctl's own failure or the server's */
	CLI_USAGE = 2,
	CLI_NOT_FOUND = 3,
	CLI_REFUSED = 4, /* wrong state: masked SINT, SynIC off, busy */
	CLI_DENIED = 5,
	CLI_NO_CONNECTION = 6,
	CLI_TIMEOUT = 7,
	CLI_FOUND = 8, /* the doctor found something */
	CLI_INTERRUPTED = 130,
};

enum cli_format {
	CLI_FORMAT_TABLE,
	CLI_FORMAT_WIDE,
	CLI_FORMAT_JSON,
	CLI_FORMAT_JSONL,
	CLI_FORMAT_NAME,
};

enum cli_color { CLI_COLOR_AUTO, CLI_COLOR_ALWAYS, CLI_COLOR_NEVER };

/* The global options. Strings are borrowed from argv or the environment. */
struct command;

struct cli_options {
	const struct command *command; /* that runs; NULL: none yet */
	const char *vm;
	const char *socket;
	const char *columns;
	const char *filter;
	const char *sort;
	uint64_t timeout_ns;
	enum cli_format format;
	enum cli_color color;
	bool timeout_given;
	bool no_headers;
	bool watch;
	bool curl;
	bool quiet;
	bool verbose;
	bool help;
	bool version;
	bool in_shell;
	bool silent; /* failures are looked for and not told: probes, completion */
};

struct http;

struct cli {
	struct cli_options options;
	char *socket;            /* owns; NULL until the first request */
	struct http *http;       /* owns; NULL until the first request */
	struct json_t *snapshot; /* owns; --from: what answers instead of a daemon; else NULL */
	bool color;              /* what options.color comes to on this stdout */
};

/* Lets tests and the shell run a whole command line. `defaults` are the options it starts from. */
enum cli_exit cli_main(int argc, char **argv, const struct cli_options *defaults) MUST_CHECK;

static inline bool cli_wants_json(const struct cli_options *options)
{
	return options->format == CLI_FORMAT_JSON || options->format == CLI_FORMAT_JSONL;
}
