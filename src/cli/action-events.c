/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Records of hvd as they come, and those it still has.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/actions.h"
#include "cli/client.h"
#include "cli/event-printer.h"
#include "cli/explain.h"
#include "cli/log-file.h"
#include "cli/log-snapshot.h"
#include "cli/problem.h"
#include "cli/request.h"
#include "cli/text.h"
#include "cli/watch-kernel.h"
#include "common/cleanup.h"
#include "inspect/glob.h"
#include "inspect/log_filter.h"

enum { KINDS_MAX = 128 };

/* ---- checks ---------------------------------------------------------------- */

/* A misspelt kind is waited for in vain, so each pattern has to have some kind that it hits. */
static enum cli_exit check_type(struct cli *cli, const char *pattern, json_t *types)
{
	const char *names[KINDS_MAX], *near, *name;
	CLEANUP(free) char *hint = NULL;
	size_t count = 0;
	json_t *help;

	json_object_foreach(types, name, help)
	{
		if (glob_list_matches(pattern, name))
			return CLI_OK;
		if (count < KINDS_MAX)
			names[count++] = name;
	}
	near = text_did_you_mean(pattern, names, count);
	hint = near ? text_format("did you mean \"%s\"?", near)
		    : strdup("\"hvctl explain records\" lists them");
	return problem_usage(
		&cli->options, hint, "--type: no kind of record is called \"%s\"", pattern);
}

/* KVM's kinds are as many as the kernel has; a log of another version has its own. */
static enum cli_exit check_types(struct cli *cli, const struct invocation *invocation)
{
	const char *text = invocation_value(invocation, "type")->text;
	bool foreign = invocation_given(invocation, "kernel") ||
		       invocation_given(invocation, "file");
	CLEANUP(free) char *copy = text && !foreign ? strdup(text) : NULL;
	json_auto_t *types = copy ? explain_record_types() : NULL;
	char *save = NULL;
	enum cli_exit r = CLI_OK;

	for (char *at = types ? strtok_r(copy, ",", &save) : NULL; at && r == CLI_OK;
		at = strtok_r(NULL, ",", &save))
		r = check_type(cli, at, types);
	return r;
}

/* Nothing lies between a moment and an earlier one; moments of other kinds cannot be compared here. */
static enum cli_exit check_order(struct cli *cli, const struct invocation *invocation)
{
	const char *since = invocation_value(invocation, "since")->text;
	const char *until = invocation_value(invocation, "until")->text;
	struct log_moment from, to;

	if (!since || !until || !log_moment_parse(since, &from) || !log_moment_parse(until, &to) ||
		from.kind != to.kind)
		return CLI_OK;
	if (from.kind == LOG_MOMENT_AGE ? from.value >= to.value : from.value <= to.value)
		return CLI_OK;
	return problem_usage(
		&cli->options, NULL, "--since %s is later than --until %s", since, until);
}

/* ---- requests ------------------------------------------------------------- */

/* The row's filters with `rest` ("follow=1") and key=value (when there is a value) in front. */
static char *log_target(
	const struct invocation *invocation, const char *rest, const char *key, const char *value)
{
	CLEANUP(free) char *filters = request_target(invocation);
	const char *query = filters ? strchr(filters, '?') : NULL;
	char *target = NULL;
	size_t size;
	FILE *out = filters ? open_memstream(&target, &size) : NULL;

	if (!out)
		return NULL;
	fprintf(out, "%s?%s", invocation->command->path, rest);
	if (value) {
		fprintf(out, "&%s=", key);
		client_put_encoded(out, value, false);
	}
	if (query)
		fprintf(out, "&%s", query + 1);
	return text_finish(out, &target);
}

/* ---- watch --------------------------------------------------------------- */

static bool take_line(void *arg, const char *line)
{
	struct event_printer *printer = arg;
	json_auto_t *record = event_printer_parse(printer, line);

	return record && event_printer_take(printer, record);
}

static bool before_waiting(void *arg, struct http_wait *wait)
{
	struct event_printer *printer = arg;

	return event_printer_turn(printer, wait);
}

static enum cli_exit follow(struct cli *cli, const char *target, struct event_printer *printer)
{
	const struct http_side side = {.turn = before_waiting, .arg = printer};

	return event_printer_verdict(
		printer, client_stream(cli, target, take_line, printer, &side));
}

enum cli_exit run_watch(struct cli *cli, const struct invocation *invocation)
{
	const char *since = invocation_value(invocation, "since")->text;
	struct event_printer printer = event_printer_for(cli, invocation);
	CLEANUP(free) char *target = log_target(invocation, "follow=1", "since", since);
	enum cli_exit r = check_types(cli, invocation);

	if (r != CLI_OK || printer.wanted == 0)
		return r;
	if (!target)
		return problem_errno(&cli->options, ENOMEM, "watch");
	if (invocation_given(invocation, "kernel"))
		return watch_kernel(invocation, target, &printer);
	return follow(cli, target, &printer);
}

/* ---- log ----------------------------------------------------------------- */

static enum cli_exit print_page(struct event_printer *printer, const json_t *page)
{
	json_t *items = json_object_get(page, "items");

	if (!json_is_array(items))
		return problem_report(&printer->cli->options, CLI_INTERNAL, "malformed_reply", NULL,
			"a page of the log has no items");
	return event_printer_take_all(printer, items) ? CLI_OK : printer->result;
}

/* Replaces `cursor` by the page's; false after the last page, or one that repeats itself. */
static bool next_page(const json_t *page, char **cursor)
{
	const char *next = json_string_value(json_object_get(page, "next"));

	if (!next || (*cursor && strcmp(next, *cursor) == 0))
		return false;
	free(*cursor);
	*cursor = strdup(next);
	return *cursor != NULL;
}

static enum cli_exit print_pages(struct event_printer *printer, const struct invocation *invocation)
{
	const char *since = invocation_value(invocation, "since")->text;
	CLEANUP(free) char *cursor = NULL;
	enum cli_exit r = CLI_OK;
	bool more = true;

	while (r == CLI_OK && more && printer->wanted > 0) {
		CLEANUP(free)
		char *target = log_target(invocation, "limit=1000", cursor ? "cursor" : "since",
			cursor ? cursor : since);
		json_auto_t *page = NULL;

		if (!target)
			return problem_errno(&printer->cli->options, ENOMEM, "log");
		r = client_request(printer->cli, "GET", target, NULL, NULL, &page);
		if (r == CLI_OK)
			r = print_page(printer, page);
		more = next_page(page, &cursor);
	}
	return r;
}

/* Nobody there, or nobody who answers: any other trouble is told by whoever asks again. */
static bool is_away(const struct cli *cli)
{
	struct cli probe = {.options = cli->options};
	json_t *reply = NULL;
	enum cli_exit r;

	if (cli->options.curl)
		return false;
	probe.options.silent = true;
	r = client_request(&probe, "GET", "/healthz", NULL, NULL, &reply);
	json_decref(reply);
	client_close(&probe);
	return r == CLI_NO_CONNECTION || r == CLI_TIMEOUT;
}

enum cli_exit run_log(struct cli *cli, const struct invocation *invocation)
{
	const char *file = invocation_value(invocation, "file")->text;
	struct event_printer printer = event_printer_for(cli, invocation);
	enum cli_exit r = check_types(cli, invocation);

	if (r == CLI_OK)
		r = check_order(cli, invocation);
	if (r != CLI_OK)
		return r;
	if ((file || cli->snapshot) &&
		(cli->options.curl || invocation_given(invocation, "previous") ||
			(file && cli->snapshot)))
		return problem_usage(&cli->options, NULL,
			"--file, --from, --previous and --curl do not go together");
	if (cli->snapshot)
		return log_snapshot_print(invocation, &printer);
	if (file)
		return log_file_print(invocation, file, &printer);
	if (invocation_given(invocation, "previous") && is_away(cli))
		return log_file_print_previous(invocation, &printer);
	return print_pages(&printer, invocation);
}
