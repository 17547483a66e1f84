/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Records as lines: time, sequence number, VP, SINT, kind, arguments. Records come as JSON, one to
 * a line, and -j passes them on as they are.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/actions.h"
#include "cli/client.h"
#include "cli/problem.h"
#include "cli/render.h"
#include "cli/request.h"
#include "cli/text.h"
#include "common/cleanup.h"
#include "common/parse.h"

/* What is done with each record that comes in. */
struct event_printer {
	struct cli *cli;
	uint64_t wanted; /* records still to print, UINT64_MAX without --count */
	enum cli_exit result;
	bool ended; /* the daemon said that it ends the stream */
};

/* ---- one record ---------------------------------------------------------- */

static const char *text_of(const json_t *record, const char *key)
{
	const char *text = json_string_value(json_object_get(record, key));

	return text ? text : "";
}

/* "2026-11-21T10:31:07.123456789Z" -> "10:31:07.123456" */
static void put_time(FILE *out, const char *time)
{
	const char *clock = strchr(time, 'T');

	if (clock && strlen(clock) >= 16)
		fprintf(out, "%.15s", clock + 1);
	else
		fprintf(out, "%-15s", "-");
}

static void put_place(FILE *out, const char *label, const json_t *value)
{
	if (json_is_integer(value))
		fprintf(out, " %s%-2lld", label, (long long)json_integer_value(value));
	else
		fprintf(out, " %*s", (int)strlen(label) + 2, "");
}

static const char *type_color(const char *type)
{
	static const struct {
		const char *part, *color;
	} rules[] = {
		{"busy", "yellow"},
		{"owed", "yellow"},
		{"dropped", "red"},
		{"fault", "red"},
		{"crash", "red"},
		{"gap", "red"},
		{"end", "dim"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (strstr(type, rules[i].part))
			return rules[i].color;
	return "cyan";
}

static void put_type(FILE *out, const struct cli *cli, const char *type)
{
	fputc(' ', out);
	if (cli->color)
		fputs(text_color_start(type_color(type)), out);
	text_put(out, type);
	if (cli->color)
		fputs(TEXT_COLOR_END, out);
	fprintf(out, "%*s", strlen(type) < 18 ? (int)(18 - strlen(type)) : 0, "");
}

static void put_args(FILE *out, const json_t *args)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)args, key, value)
	{
		fputc(' ', out);
		text_put(out, key);
		fputc('=', out);
		text_put_value(out, key, value);
	}
}

static void put_record(FILE *out, const struct cli *cli, const json_t *record)
{
	json_t *vtl = json_object_get(record, "vtl");

	put_time(out, text_of(record, "time"));
	fprintf(out, " %8lld", (long long)json_integer_value(json_object_get(record, "seq")));
	put_place(out, "VP ", json_object_get(record, "vp"));
	put_place(out, "SINT ", json_object_get(record, "sint"));
	put_type(out, cli, text_of(record, "type"));
	if (json_integer_value(vtl) > 0)
		fprintf(out, " vtl=%lld", (long long)json_integer_value(vtl));
	put_args(out, json_object_get(record, "args"));
	fputc('\n', out);
}

/* Gaps and ends are about the stream itself: they have no time and no VP. */
static void put_special(FILE *out, const struct cli *cli, const json_t *record, const char *type)
{
	fprintf(out, "%-15s %8lld", "-",
		(long long)json_integer_value(json_object_get(record, "seq")));
	fprintf(out, "%*s", 14, "");
	put_type(out, cli, type);
	if (strcmp(type, "gap") == 0)
		fprintf(out, " lost=%lld",
			(long long)json_integer_value(json_object_get(record, "lost")));
	else
		fputs(" reason=", out);
	text_put(out, text_of(record, "reason"));
	fputc('\n', out);
}

static void print_record(const struct cli *cli, const json_t *record, const char *type)
{
	if (cli_wants_json(&cli->options)) {
		json_dumpf(record, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
		fputc('\n', stdout);
	} else if (strcmp(type, "gap") == 0 || strcmp(type, "end") == 0) {
		put_special(stdout, cli, record, type);
	} else {
		put_record(stdout, cli, record);
	}
}

/* ---- many records -------------------------------------------------------- */

/* Returns false when no more are wanted. */
static bool take_record(struct event_printer *printer, const json_t *record)
{
	const char *type = text_of(record, "type");
	bool special = strcmp(type, "gap") == 0 || strcmp(type, "end") == 0;

	if (strcmp(type, "heartbeat") == 0)
		return true;
	print_record(printer->cli, record, type);
	printer->ended = strcmp(type, "end") == 0;
	if (!special)
		printer->wanted--;
	printer->result = render_finish(&printer->cli->options);
	return printer->result == CLI_OK && printer->wanted > 0;
}

static bool take_line(void *arg, const char *line)
{
	struct event_printer *printer = arg;
	json_auto_t *record = json_loads(line, JSON_REJECT_DUPLICATES, NULL);

	if (json_is_object(record))
		return take_record(printer, record);
	printer->result = problem_report(&printer->cli->options, CLI_INTERNAL, "malformed_reply",
		NULL, "a record of the event stream is not JSON");
	return false;
}

static struct event_printer printer_for(struct cli *cli, const struct invocation *invocation)
{
	const struct value *count = invocation_value(invocation, "count");

	return (struct event_printer){
		.cli = cli,
		.wanted = count->text ? count->number : UINT64_MAX,
	};
}

/* "17" is a sequence number, "5m" a span of time that ends now. */
static enum cli_exit check_since(struct cli *cli, const char *text)
{
	uint64_t unused;

	if (!text || parse_u64(text, 0, INT64_MAX, &unused) == 0 ||
		parse_duration(text, &unused) == 0)
		return CLI_OK;
	return problem_usage(&cli->options, "write a sequence number, or how far back: 30s, 5m, 1h",
		"--since: \"%s\" is neither", text);
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

static enum cli_exit follow(struct cli *cli, const char *target, struct event_printer *printer)
{
	enum cli_exit r = client_stream(cli, target, take_line, printer);

	if (printer->result != CLI_OK)
		return printer->result;
	/* An announced end is an answer; a stream that just stops is a daemon that died. */
	if (printer->ended || printer->wanted == 0)
		return CLI_OK;
	if (r != CLI_OK)
		return r;
	return problem_report(&cli->options, CLI_NO_CONNECTION, "stream_lost",
		"\"hvctl vms list\" shows whether it still runs",
		"hvd closed the event stream without an end record");
}

enum cli_exit run_watch(struct cli *cli, const struct invocation *invocation)
{
	const char *since = invocation_value(invocation, "since")->text;
	struct event_printer printer = printer_for(cli, invocation);
	CLEANUP(free) char *target = log_target(invocation, "follow=1", "since", since);
	enum cli_exit r = check_since(cli, since);

	if (r != CLI_OK || printer.wanted == 0)
		return r;
	if (!target)
		return problem_errno(&cli->options, ENOMEM, "watch");
	return follow(cli, target, &printer);
}

/* ---- log ----------------------------------------------------------------- */

static enum cli_exit print_page(struct event_printer *printer, const json_t *page)
{
	json_t *items = json_object_get(page, "items"), *record;
	size_t i;

	if (!json_is_array(items))
		return problem_report(&printer->cli->options, CLI_INTERNAL, "malformed_reply", NULL,
			"a page of the log has no items");
	json_array_foreach(items, i, record) if (!take_record(printer, record)) break;
	return printer->result;
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

enum cli_exit run_log(struct cli *cli, const struct invocation *invocation)
{
	const char *since = invocation_value(invocation, "since")->text;
	struct event_printer printer = printer_for(cli, invocation);
	enum cli_exit r = check_since(cli, since);
	CLEANUP(free) char *cursor = NULL;
	bool more = true;

	while (r == CLI_OK && more && printer.wanted > 0) {
		CLEANUP(free)
		char *target = log_target(invocation, "limit=1000", cursor ? "cursor" : "since",
			cursor ? cursor : since);
		json_auto_t *page = NULL;

		if (!target)
			return problem_errno(&cli->options, ENOMEM, "log");
		r = client_request(cli, "GET", target, NULL, NULL, &page);
		if (r == CLI_OK)
			r = print_page(&printer, page);
		more = next_page(page, &cursor);
	}
	return r;
}
