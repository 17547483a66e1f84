/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/event-printer.h"

#include <string.h>

#include "cli/interrupt.h"
#include "cli/problem.h"
#include "cli/render.h"
#include "cli/text.h"
#include "common/clock.h"

/* ---- one record ---------------------------------------------------------- */

/* "2026-11-21T10:31:07.123456789Z", which -o wide leaves as it is, -> "10:31:07.123456" */
static void put_time(FILE *out, const struct cli *cli, const char *time)
{
	const char *clock = strchr(time, 'T');

	if (cli->options.format == CLI_FORMAT_WIDE && *time)
		text_put(out, time);
	else if (cli->options.format == CLI_FORMAT_WIDE)
		fprintf(out, "%-30s", "-");
	else if (clock && strlen(clock) >= 16)
		fprintf(out, "%.15s", clock + 1);
	else
		fprintf(out, "%-15s", "-");
}

/* Records of KVM's own have no number. */
static void put_seq(FILE *out, const json_t *seq)
{
	if (json_is_integer(seq))
		fprintf(out, " %8lld", (long long)json_integer_value(seq));
	else
		fprintf(out, " %8s", "-");
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

static void put_arg(FILE *out, const char *key, const json_t *value)
{
	fputc(' ', out);
	text_put(out, key);
	fputc('=', out);
	text_put_value(out, key, value);
}

static void put_args(FILE *out, const json_t *args)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)args, key, value) put_arg(out, key, value);
}

static void put_record(FILE *out, const struct cli *cli, const json_t *record)
{
	json_t *vtl = json_object_get(record, "vtl");

	put_time(out, cli, text_member(record, "time"));
	put_seq(out, json_object_get(record, "seq"));
	put_place(out, "VP ", json_object_get(record, "vp"));
	put_place(out, "SINT ", json_object_get(record, "sint"));
	put_type(out, cli, text_member(record, "type"));
	if (json_integer_value(vtl) > 0)
		fprintf(out, " vtl=%lld", (long long)json_integer_value(vtl));
	put_args(out, json_object_get(record, "args"));
	fputc('\n', out);
}

/* Gaps, ends and runs are about the log itself: they have no time and no VP. */
static void put_special(FILE *out, const struct cli *cli, const json_t *record, const char *type)
{
	const char *key;
	json_t *value;

	put_time(out, cli, "");
	put_seq(out, json_object_get(record, "seq"));
	fprintf(out, "%*s", 14, "");
	put_type(out, cli, type);
	json_object_foreach((json_t *)record, key,
		value) if (strcmp(key, "type") != 0 && strcmp(key, "seq") != 0)
		put_arg(out, key, value);
	fputc('\n', out);
}

static bool is_special(const char *type)
{
	return strcmp(type, "gap") == 0 || strcmp(type, "end") == 0 || strcmp(type, "run") == 0;
}

static void print_record(const struct cli *cli, const json_t *record, const char *type)
{
	if (cli_wants_json(&cli->options)) {
		json_dumpf(record, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
		fputc('\n', stdout);
	} else if (is_special(type)) {
		put_special(stdout, cli, record, type);
	} else {
		put_record(stdout, cli, record);
	}
}

/* ---- many records -------------------------------------------------------- */

struct event_printer event_printer_for(struct cli *cli, const struct invocation *invocation)
{
	const struct value *count = invocation_value(invocation, "count");
	const struct value *span = invocation_value(invocation, "for");

	return (struct event_printer){
		.cli = cli,
		.wanted = count->text ? count->number : UINT64_MAX,
		.end_ns = span->text ? clock_now_ns(&clock_monotonic) + span->number : UINT64_MAX,
	};
}

bool event_printer_turn(struct event_printer *printer, struct http_wait *wait)
{
	uint64_t now = clock_now_ns(&clock_monotonic), left;

	printer->timed_out = now >= printer->end_ns;
	if (printer->timed_out)
		return false;
	left = (printer->end_ns - now) / NSEC_PER_MSEC + 1;
	wait->timeout_ms = (int)MIN(left, (uint64_t)wait->timeout_ms);
	return true;
}

bool event_printer_take(struct event_printer *printer, const json_t *record)
{
	const char *type = text_member(record, "type");

	if (strcmp(type, "heartbeat") == 0)
		return true;
	print_record(printer->cli, record, type);
	printer->ended = strcmp(type, "end") == 0;
	if (!is_special(type))
		printer->wanted--;
	if (interrupt_pending()) /* a write that a signal broke off did not fail */
		printer->result = CLI_INTERRUPTED;
	else
		printer->result = render_finish(&printer->cli->options);
	return printer->result == CLI_OK && printer->wanted > 0;
}

bool event_printer_take_all(struct event_printer *printer, const json_t *records)
{
	json_t *record;
	size_t i;

	json_array_foreach(records, i, record)
	{
		if (!event_printer_take(printer, record))
			return false;
	}
	return true;
}

json_t *event_printer_parse(struct event_printer *printer, const char *line)
{
	json_t *record = json_loads(line, JSON_REJECT_DUPLICATES, NULL);

	if (json_is_object(record))
		return record;
	json_decref(record);
	printer->result = problem_report(&printer->cli->options, CLI_INTERNAL, "malformed_reply",
		NULL, "a record of the event stream is not JSON");
	return NULL;
}

enum cli_exit event_printer_verdict(const struct event_printer *printer, enum cli_exit streamed)
{
	if (printer->result != CLI_OK)
		return printer->result;
	/* An announced end is an answer; a stream that just stops is a daemon that died. */
	if (printer->ended || printer->wanted == 0 || printer->timed_out)
		return CLI_OK;
	if (streamed != CLI_OK)
		return streamed;
	return problem_report(&printer->cli->options, CLI_NO_CONNECTION, "stream_lost",
		"\"hvctl vms list\" shows whether it still runs",
		"hvd closed the event stream without an end record");
}
