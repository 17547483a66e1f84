/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One command line, from its words to its exit code: parse, check, run, flush.
 */
#include "cli/cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/actions.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/help.h"
#include "cli/interrupt.h"
#include "cli/offline.h"
#include "cli/parser.h"
#include "cli/problem.h"
#include "cli/render.h"
#include "cli/request.h"
#include "common/cleanup.h"

#define WATCH_INTERVAL_NS NSEC_PER_SEC

static bool color_wanted(const struct cli_options *options)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	if (options->color != CLI_COLOR_AUTO)
		return options->color == CLI_COLOR_ALWAYS;
	if (no_color && *no_color)
		return false;
	return isatty(STDOUT_FILENO) && term && *term && strcmp(term, "dumb") != 0;
}

/* The rows without a run function: one request, its reply rendered. */
static enum cli_exit run_plain(struct cli *cli, const struct invocation *invocation)
{
	const struct command *command = invocation->command;
	CLEANUP(free) char *target = request_target(invocation);
	json_auto_t *reply = NULL;
	enum cli_exit r;

	if (!target)
		return problem_errno(&cli->options, ENOMEM, "request");
	if (command->flags & COMMAND_LIST)
		r = client_get_list(cli, target, &reply);
	else
		r = client_request(cli, command->method, target, NULL, NULL, &reply);
	return r == CLI_OK ? render_reply(cli, command, reply) : r;
}

static enum cli_exit run_once(struct cli *cli, const struct invocation *invocation)
{
	command_run_fn run = invocation->command->run;
	enum cli_exit r = run ? run(cli, invocation) : run_plain(cli, invocation);
	enum cli_exit flushed = render_finish(&cli->options);

	return (r == CLI_OK || r == CLI_STOP) && flushed != CLI_OK ? flushed : r;
}

/* --watch: the same picture again every second, in place on a terminal. */
static enum cli_exit run_watching(struct cli *cli, const struct invocation *invocation)
{
	bool in_place = isatty(STDOUT_FILENO) && !cli_wants_json(&cli->options);
	enum cli_exit r;

	for (;;) {
		if (in_place)
			fputs("\033[H\033[2J", stdout);
		r = run_once(cli, invocation);
		if (r != CLI_OK)
			return r;
		if (!interrupt_sleep(WATCH_INTERVAL_NS))
			return CLI_INTERRUPTED;
		if (!in_place && !cli_wants_json(&cli->options))
			fputc('\n', stdout);
	}
}

static bool shows_state(const struct command *command)
{
	return command->flags & COMMAND_STATE ||
	       (command->verb &&
		       (strcmp(command->verb, "list") == 0 || strcmp(command->verb, "show") == 0));
}

/* Global options that mean nothing for this command are refused, not ignored. */
static enum cli_exit check_options(const struct cli_options *options, const struct command *command)
{
	/* For the shell they are what its lines begin with. */
	if (command->run == run_shell)
		return CLI_OK;
	if (options->watch && !shows_state(command))
		return problem_usage(options, "it repeats list and show commands, and doctor",
			"--watch makes no sense with \"%s%s%s\"", command->noun,
			command->verb ? " " : "", command->verb ? command->verb : "");
	if ((options->filter || options->sort) && !(command->flags & COMMAND_LIST))
		return problem_usage(options, NULL, "--%s works on lists only",
			options->filter ? "filter" : "sort");
	if (options->columns && command->flags & COMMAND_RECORDS)
		return problem_usage(options, "\"hvctl -j log | jq\" picks members",
			"records have no columns to choose");
	if (options->format == CLI_FORMAT_NAME && !command->names)
		return problem_usage(
			options, NULL, "\"%s\" has no names to print with -o name", command->noun);
	return CLI_OK;
}

static enum cli_exit dispatch(
	const struct cli_options *options, const struct invocation *invocation)
{
	struct cli cli = {.options = *options, .color = color_wanted(options)};
	bool offline = invocation->command->flags & COMMAND_OFFLINE &&
		       invocation_given(invocation, "from");
	enum cli_exit r = check_options(options, invocation->command);

	if (r != CLI_OK)
		return r;
	cli.options.command = invocation->command;
	if (offline && options->watch)
		return problem_usage(options, NULL,
			"a snapshot does not change: --watch and --from do not go together");
	if (offline)
		r = offline_load(&cli, invocation_value(invocation, "from")->text, &cli.snapshot);
	if (r == CLI_OK)
		r = options->watch ? run_watching(&cli, invocation) : run_once(&cli, invocation);
	client_close(&cli);
	return r;
}

/* `help ports show` is `ports show --help`, mistakes included. */
enum cli_exit run_help(struct cli *cli, const struct invocation *invocation)
{
	size_t count = invocation->rest_count + 2;
	CLEANUP(free) char **argv = calloc(count, sizeof(*argv));

	if (!argv)
		return problem_errno(&cli->options, ENOMEM, "help");
	argv[0] = (char *)"hvctl";
	for (size_t i = 0; i < invocation->rest_count; i++)
		argv[i + 1] = (char *)invocation->rest[i];
	argv[count - 1] = (char *)"--help";
	return cli_main((int)count, argv, &cli->options);
}

enum cli_exit cli_main(int argc, char **argv, const struct cli_options *defaults)
{
	struct cli_options options = *defaults;
	struct invocation invocation = {0};
	const char *noun = NULL;
	enum cli_exit r = parser_parse(argc, argv, &options, &invocation, &noun);

	/* No command: the shell, on a terminal or for the lines of a pipe. */
	if (!noun)
		invocation.command = command_find("shell", NULL);
	if (r == CLI_OK && options.help)
		help_put(stdout, noun, noun ? invocation.command : NULL);
	else if (r == CLI_OK && options.version)
		puts("hvctl " HVD_VERSION);
	else if (r == CLI_OK)
		r = dispatch(&options, &invocation);
	invocation_deinit(&invocation);
	if (r == CLI_OK || r == CLI_STOP)
		r = render_finish(&options);
	return r;
}
