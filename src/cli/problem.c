/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/problem.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/text.h"
#include "common/cleanup.h"

/* What an HTTP status comes to in a script (surface.md §2). */
static enum cli_exit exit_from_status(long status)
{
	switch (status) {
	case 401:
	case 403:
		return CLI_DENIED;
	case 404:
	case 410:
		return CLI_NOT_FOUND;
	case 409:
		return CLI_REFUSED;
	case 408:
	case 504:
		return CLI_TIMEOUT;
	case 429:
		return CLI_INTERNAL;
	default:
		return status >= 400 && status < 500 ? CLI_USAGE : CLI_INTERNAL;
	}
}

static void print_json(const json_t *problem)
{
	/* JSON_ENSURE_ASCII: stderr is usually a terminal, and the text may come from a guest. */
	json_dumpf(problem, stderr, JSON_COMPACT | JSON_ENSURE_ASCII);
	fputc('\n', stderr);
}

static void print_member(const json_t *problem, const char *key, const char *label)
{
	const char *text = json_string_value(json_object_get(problem, key));

	if (!text)
		return;
	fputs(label, stderr);
	text_put(stderr, text);
	fputc('\n', stderr);
}

/* hvctl's own problems are no type of the daemon's. */
static bool is_own(const json_t *problem)
{
	const char *type = json_string_value(json_object_get(problem, "type"));

	return !type || strcmp(type, "about:blank") == 0;
}

/* "The SINT is masked: SINT 2 of VP 0 (sint_masked)"; hvctl's own problems are one sentence. */
static void print_sentence(const json_t *problem)
{
	const char *title = json_string_value(json_object_get(problem, "title"));
	const char *detail = json_string_value(json_object_get(problem, "detail"));
	const char *code = json_string_value(json_object_get(problem, "code"));

	fputs("hvctl: ", stderr);
	if (title && (!detail || !is_own(problem)))
		text_put(stderr, title);
	else if (!detail)
		fputs("the daemon refused the request", stderr);
	if (title && detail && !is_own(problem))
		fputs(": ", stderr);
	if (detail)
		text_put(stderr, detail);
	/* Scripts match on the code; for a mistyped command the sentence says it all. */
	if (code && strcmp(code, "usage") != 0) {
		fputs(" (", stderr);
		text_put(stderr, code);
		fputc(')', stderr);
	}
	fputc('\n', stderr);
}

/* Whether the command is one to a component's or the echo device, which the user has not named. */
static bool asks_a_device(const struct command *command)
{
	const char *path = command->path ? command->path : "";

	return (strncmp(path, "/v1/ic/", 7) == 0 || strncmp(path, "/v1/echo/", 9) == 0) &&
	       !strchr(path, '{');
}

/* What shows the names of what is not there. */
static void print_list_hint(const struct command *command)
{
	if (command && command->narrow_path)
		fprintf(stderr, "hint: \"hvctl %s %s\" shows what there is\n", command->noun,
			command->verb);
	else if (command && asks_a_device(command))
		fputs("hint: \"hvctl devices list\" shows what there is, \"hvctl devices add\" adds "
		      "what is not\n",
			stderr);
	else if (command && command_find(command->noun, "list"))
		fprintf(stderr, "hint: \"hvctl %s list\" shows what there is\n", command->noun);
	else
		fputs("hint: the list commands show what there is\n", stderr);
}

/*
 * The daemon's advice is for those who write JSON; where hvctl has an option for it, that is what
 * its user wants to hear. -j passes on the daemon's own words.
 */
static void print_hint(const struct command *command, const json_t *problem)
{
	static const struct {
		const char *code, *hint;
	} own[] = {
		{"sint_masked", "--force posts anyway; the interrupt is owed until it is unmasked"},
		{"queue_full", "the guest does not write EOM; see \"hvctl sints show VP SINT\""},
		{"history_gone", "leave --since away to start at the oldest record"},
		{"force_needed", "--force does it, --dry-run tells what would be done"},
		{"fault_not_possible", "\"hvctl faults kinds\" lists what there is"},
		{"too_many_faults", "\"hvctl faults clear\" ends them all"},
	};
	const char *code = json_string_value(json_object_get(problem, "code"));
	const char *hint = NULL;

	for (size_t i = 0; code && !is_own(problem) && i < ARRAY_LEN(own); i++)
		if (strcmp(code, own[i].code) == 0)
			hint = own[i].hint;
	if (hint)
		fprintf(stderr, "hint: %s\n", hint);
	else if (code && !is_own(problem) && strcmp(code, "not_found") == 0)
		print_list_hint(command);
	else
		print_member(problem, "hint", "hint: ");
}

/* Where a value was wrong: "?limit" and "/count" as what was typed; "/" is all of the body. */
static void print_place(const struct command *command, const char *pointer)
{
	const char *place = pointer;

	if (strcmp(pointer, "/") == 0)
		return;
	for (const struct arg *arg = command ? command->args : NULL; arg && arg->name; arg++)
		if (arg->place != PLACE_LOCAL && strcmp(arg->key, pointer + 1) == 0)
			place = arg->name;
	fputs("at: ", stderr);
	text_put(stderr, place);
	fputc('\n', stderr);
}

static void print_text(const struct command *command, const json_t *problem)
{
	size_t i;
	json_t *error;

	print_sentence(problem);
	json_array_foreach(json_object_get(problem, "errors"), i, error)
	{
		const char *pointer = json_string_value(json_object_get(error, "pointer"));

		if (pointer && *pointer)
			print_place(command, pointer);
		if (!json_equal(
			    json_object_get(error, "detail"), json_object_get(problem, "detail")))
			print_member(error, "detail", "    ");
	}
	print_hint(command, problem);
}

static void print(const struct cli_options *options, const json_t *problem)
{
	if (options->silent)
		return;
	if (cli_wants_json(options))
		print_json(problem);
	else
		print_text(options->command, problem);
}

/* Formats and escapes: a command line may hold any bytes, JSON only UTF-8. */
static char *format_detail(const char *format, va_list args)
{
	char *raw, *detail;

	if (vasprintf(&raw, format, args) < 0)
		return NULL;
	detail = text_escape(raw);
	free(raw);
	return detail;
}

static void report(const struct cli_options *options, const char *code, const char *hint,
	const char *format, va_list args)
{
	CLEANUP(free) char *detail = format_detail(format, args);
	json_auto_t *problem = json_pack("{s:s, s:s, s:n, s:s, s:s, s:s*}", "type", "about:blank",
		"title", "hvctl failed", "status", "detail", detail ? detail : "out of memory",
		"code", code, "hint", hint);

	if (problem)
		print(options, problem);
	else if (!options->silent)
		fputs("hvctl: out of memory\n", stderr);
}

enum cli_exit problem_report(const struct cli_options *options, enum cli_exit exit_code,
	const char *code, const char *hint, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	report(options, code, hint, format, args);
	va_end(args);
	return exit_code;
}

enum cli_exit problem_usage(
	const struct cli_options *options, const char *hint, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	report(options, "usage", hint, format, args);
	va_end(args);
	return CLI_USAGE;
}

enum cli_exit problem_unknown_word(const struct cli_options *options, const char *what,
	const char *word, const char *const *words, size_t count, const char *help_words)
{
	const char *near = text_did_you_mean(word, words, count);
	CLEANUP(free)
	char *hint = near ? text_format("did you mean \"%s\"?", near)
			  : text_format("\"hvctl%s --help\" lists them", help_words);

	return problem_usage(options, hint, "unknown %s \"%s\"", what, word);
}

enum cli_exit problem_from_reply(const struct cli_options *options, long status, const json_t *body)
{
	enum cli_exit exit_code = exit_from_status(status);

	if (json_is_object(body)) {
		print(options, body);
		return exit_code;
	}
	return problem_report(options, exit_code, "http_error", NULL,
		"the daemon answered with HTTP status %ld and no explanation", status);
}

enum cli_exit problem_errno(const struct cli_options *options, int error, const char *what)
{
	return problem_report(
		options, CLI_INTERNAL, "system_error", NULL, "%s: %s", what, strerror(error));
}
