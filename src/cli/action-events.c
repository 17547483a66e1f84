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
#include "cli/log-file.h"
#include "cli/problem.h"
#include "cli/request.h"
#include "cli/watch-kernel.h"
#include "common/cleanup.h"
#include "inspect/log_filter.h"

static enum cli_exit check_moment(struct cli *cli, const char *option, const char *text)
{
	struct log_moment unused;

	if (!text || log_moment_parse(text, &unused))
		return CLI_OK;
	return problem_usage(&cli->options,
		"write a sequence number, how far back (30s, 5m, 1h), or a time: "
		"2026-11-21T15:53:15Z",
		"%s: \"%s\" is none of these", option, text);
}

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
	if (fclose(out) == 0)
		return target;
	free(target);
	return NULL;
}

/* ---- watch --------------------------------------------------------------- */

static bool take_line(void *arg, const char *line)
{
	struct event_printer *printer = arg;
	json_auto_t *record = event_printer_parse(printer, line);

	return record && event_printer_take(printer, record);
}

static enum cli_exit follow(struct cli *cli, const char *target, struct event_printer *printer)
{
	return event_printer_verdict(printer, client_stream(cli, target, take_line, printer, NULL));
}

enum cli_exit run_watch(struct cli *cli, const struct invocation *invocation)
{
	const char *since = invocation_value(invocation, "since")->text;
	struct event_printer printer = event_printer_for(cli, invocation);
	CLEANUP(free) char *target = log_target(invocation, "follow=1", "since", since);
	enum cli_exit r = check_moment(cli, "--since", since);

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
	enum cli_exit r = check_moment(cli, "--since", invocation_value(invocation, "since")->text);

	if (r == CLI_OK)
		r = check_moment(cli, "--until", invocation_value(invocation, "until")->text);
	if (r != CLI_OK)
		return r;
	if (file && (cli->options.curl || invocation_given(invocation, "previous")))
		return problem_usage(
			&cli->options, NULL, "--file goes with neither --previous nor --curl");
	if (file)
		return log_file_print(invocation, file, &printer);
	if (invocation_given(invocation, "previous") && is_away(cli))
		return log_file_print_previous(invocation, &printer);
	return print_pages(&printer, invocation);
}
