/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "cli/command.h"

static const char *const formats[] = {"table", "wide", "json", "jsonl", "name", NULL};
static const char *const colors[] = {"auto", "always", "never", NULL};

const struct arg global_options[] = {
	{"--vm", "vm", "NAME", "the VM to talk to (HVD_VM); needless when one VM runs", ARG_TEXT,
		.completer = COMPLETE_VM},
	{"--socket", "socket", "PATH", "the daemon's socket (HVD_SOCKET)", ARG_TEXT,
		.completer = COMPLETE_FILE},
	{"--output", "output", "FORMAT", "table, wide, json, jsonl or name", ARG_CHOICE,
		.completer = COMPLETE_CHOICES, .choices = formats},
	{"--json", "json", NULL, "the same as -o json: exactly one document on stdout", ARG_SET},
	{"--columns", "columns", "A,B", "show these fields, in this order", ARG_TEXT},
	{"--filter", "filter", "EXPR",
		"keep items that match: field=value, !=, <, >, ~glob; a comma means and", ARG_TEXT},
	{"--sort", "sort", "KEY", "sort by a field; -KEY sorts downwards", ARG_TEXT},
	{"--no-headers", "no_headers", NULL, "tables without their first line", ARG_SET},
	{"--watch", "watch", NULL, "show again every second until interrupted", ARG_SET},
	{"--timeout", "timeout", "DURATION", "wait at most this long for an answer: 500ms, 5s (default), 2m",
		ARG_DURATION},
	{"--color", "color", "WHEN", "auto, always or never (NO_COLOR)", ARG_CHOICE,
		.completer = COMPLETE_CHOICES, .choices = colors},
	{"--curl", "curl", NULL, "print the request as a curl command, and send nothing", ARG_SET},
	{"--quiet", "quiet", NULL, "no notes and no confirmations, only results and failures",
		ARG_SET},
	{"--verbose", "verbose", NULL, "tell each request and its answer on stderr", ARG_SET},
	{"--version", "version", NULL, "print the version and exit", ARG_SET},
	{"--help", "help", NULL, "explain the program, a noun or a command, and exit", ARG_SET},
	{NULL},
};

char global_option_letter(const struct arg *option)
{
	static const struct {
		const char *key;
		char letter;
	} letters[] = {
		{"vm", 'n'},
		{"socket", 's'},
		{"output", 'o'},
		{"json", 'j'},
		{"watch", 'w'},
		{"quiet", 'q'},
		{"verbose", 'v'},
		{"help", 'h'},
	};

	for (size_t i = 0; i < ARRAY_LEN(letters); i++)
		if (strcmp(letters[i].key, option->key) == 0)
			return letters[i].letter;
	return 0;
}
