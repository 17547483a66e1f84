/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is stuck and why: asked of the daemon, or worked out here from the samples in a snapshot.
 */
#include <errno.h>
#include <string.h>

#include "cli/actions.h"
#include "cli/client.h"
#include "cli/doctor-file.h"
#include "cli/problem.h"
#include "cli/render.h"
#include "cli/request.h"
#include "cli/select.h"
#include "cli/text.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "doctor/doctor.h"

/* The daemon takes its second sample after stuck_after; then the usual patience. */
#define STUCK_AFTER_DEFAULT_NS NSEC_PER_SEC

/* ---- asking ---------------------------------------------------------------------------------- */

static uint64_t stuck_after_ns(const struct invocation *invocation)
{
	const struct value *value = invocation_value(invocation, "stuck_after");

	return value->text ? value->number : STUCK_AFTER_DEFAULT_NS;
}

/* The limits are in the row; the channels are one parameter with all of them. */
static char *doctor_target(const struct invocation *invocation)
{
	CLEANUP(free) char *path = request_target(invocation);
	char *target = NULL;
	size_t size;
	FILE *out = path ? open_memstream(&target, &size) : NULL;

	if (!out)
		return NULL;
	fputs(path, out);
	for (size_t i = 0; i < invocation->rest_count; i++) {
		fputs(i > 0 ? "," : strchr(path, '?') ? "&relid=" : "?relid=", out);
		client_put_encoded(out, invocation->rest[i], false);
	}
	return text_finish(out, &target);
}

static enum cli_exit ask_daemon(
	struct cli *cli, const struct invocation *invocation, json_t **ret_report)
{
	CLEANUP(free) char *target = doctor_target(invocation);

	if (!target)
		return problem_errno(&cli->options, ENOMEM, "doctor");
	if (!cli->options.timeout_given)
		cli->options.timeout_ns = stuck_after_ns(invocation) + 5 * NSEC_PER_SEC;
	return client_request(cli, "GET", target, NULL, NULL, ret_report);
}

/* ---- telling people -------------------------------------------------------------------------- */

static void put_colored(const struct cli *cli, const char *color, const char *text)
{
	const char *start = cli->color && color ? text_color_start(color) : NULL;

	if (start)
		fputs(start, stdout);
	text_put(stdout, text);
	if (start)
		fputs(TEXT_COLOR_END, stdout);
}

static const char *severity_color(const char *severity)
{
	return strcmp(severity, "error") == 0  ? "red"
	       : strcmp(severity, "warn") == 0 ? "yellow"
					       : NULL;
}

static void put_evidence(const json_t *evidence)
{
	const json_t *age = json_object_get(evidence, "age_ns");

	fputs("  saw    ", stdout);
	text_put(stdout, text_member(evidence, "field"));
	fputs(" = ", stdout);
	text_put(stdout, text_member(evidence, "value"));
	if (json_is_integer(age)) {
		fputs(", for ", stdout);
		text_put_duration(stdout, (uint64_t)json_integer_value(age));
	}
	fputc('\n', stdout);
}

static void put_line(const char *label, const char *text)
{
	if (*text == '\0')
		return;
	printf("  %-7s", label);
	text_put(stdout, text);
	fputc('\n', stdout);
}

static void put_finding(const struct cli *cli, const json_t *finding)
{
	const json_t *evidence = json_object_get(finding, "evidence");
	const char *severity = text_member(finding, "severity");

	put_colored(cli, severity_color(severity), severity);
	printf(" %s ", text_member(finding, "rule"));
	text_put(stdout, text_member(finding, "subject"));
	fputs(": ", stdout);
	text_put(stdout, text_member(finding, "diagnosis"));
	fputc('\n', stdout);
	if (strcmp(text_member(finding, "role"), "consequence") == 0) {
		printf("  because of %s ", text_member(finding, "because_rule"));
		text_put(stdout, text_member(finding, "because_subject"));
		fputc('\n', stdout);
	}
	for (size_t i = 0; i < json_array_size(evidence); i++)
		put_evidence(json_array_get(evidence, i));
	put_line("guest", text_member(finding, "guest_shows"));
	put_line("type", text_member(finding, "remedy"));
	put_line("do", text_member(finding, "advice"));
	fputc('\n', stdout);
}

static void put_unjudged(const json_t *unjudged)
{
	fputs("unseen ", stdout);
	text_put(stdout, text_member(unjudged, "subject"));
	fputs(": ", stdout);
	text_put(stdout, text_member(unjudged, "why"));
	fputc('\n', stdout);
}

/* Of whom nothing was found because nothing could be: that is not health. */
static void put_all_unjudged(const json_t *report)
{
	const json_t *list = json_object_get(report, "unjudged");
	long long withheld = json_integer_value(json_object_get(report, "withheld"));

	for (size_t i = 0; i < json_array_size(list); i++)
		put_unjudged(json_array_get(list, i));
	if (withheld > 0)
		printf("%lld finding%s withheld, because whoever is to blame had no time to move\n",
			withheld, withheld == 1 ? " is" : "s are");
}

static void put_summary(const json_t *report)
{
	long long errors = json_integer_value(json_object_get(report, "errors"));
	long long warnings = json_integer_value(json_object_get(report, "warnings"));
	long long infos = json_integer_value(json_object_get(report, "infos"));
	long long faults = json_integer_value(json_object_get(report, "faults_active"));

	if (!json_is_true(json_object_get(report, "judged"))) {
		fputs("Nothing was examined: ", stdout);
		text_put(stdout, text_member(report, "why_not"));
		fputc('\n', stdout);
		return;
	}
	put_all_unjudged(report);
	printf("%lld error%s, %lld warning%s, %lld note%s; looked twice, ", errors,
		errors == 1 ? "" : "s", warnings, warnings == 1 ? "" : "s", infos,
		infos == 1 ? "" : "s");
	text_put_duration(
		stdout, (uint64_t)json_integer_value(json_object_get(report, "interval_ns")));
	fputs(" apart\n", stdout);
	if (faults > 0)
		printf("%lld fault%s active, on purpose: hvctl faults list\n", faults,
			faults == 1 ? " is" : "s are");
}

static enum cli_exit render_report(
	struct cli *cli, const struct invocation *invocation, json_t *report)
{
	json_t *items = json_object_get(report, "items");
	enum cli_exit r;

	if (cli->options.format != CLI_FORMAT_TABLE || cli->options.columns)
		return render_reply(cli, invocation->command, report);
	r = select_apply(&cli->options, items);
	if (r != CLI_OK)
		return r;
	for (size_t i = 0; i < json_array_size(items); i++)
		put_finding(cli, json_array_get(items, i));
	if (!cli->options.quiet)
		put_summary(report);
	return CLI_OK;
}

/* ---- the exit status ------------------------------------------------------------------------- */

static bool is_at_least(const char *severity, const char *limit)
{
	return strcmp(severity, "error") == 0 ||
	       (strcmp(severity, "warn") == 0 && strcmp(limit, "warn") == 0);
}

static enum cli_exit verdict(
	const struct cli *cli, const struct invocation *invocation, const json_t *report)
{
	const char *limit = invocation_value(invocation, "fail_on")->text;
	const json_t *items = json_object_get(report, "items");

	for (size_t i = 0; !cli->options.watch && i < json_array_size(items); i++) {
		if (is_at_least(text_member(json_array_get(items, i), "severity"),
			    limit ? limit : "error"))
			return CLI_FOUND;
	}
	return CLI_OK;
}

static enum cli_exit get_report(
	struct cli *cli, const struct invocation *invocation, json_t **ret_report)
{
	if (!cli->snapshot)
		return ask_daemon(cli, invocation, ret_report);
	return doctor_file_report(cli, invocation, ret_report);
}

/* Of a channel that does not exist nothing is wrong, and nobody would learn of the slip. */
static enum cli_exit check_channels(struct cli *cli, const struct invocation *invocation)
{
	enum cli_exit r = CLI_OK;

	for (size_t i = 0; r == CLI_OK && !cli->options.curl && i < invocation->rest_count; i++) {
		CLEANUP(free) char *target = text_format("/v1/channels/%s", invocation->rest[i]);
		json_auto_t *channel = NULL;

		r = target ? client_request(cli, "GET", target, NULL, NULL, &channel)
			   : problem_errno(&cli->options, ENOMEM, "doctor");
	}
	return r;
}

enum cli_exit run_doctor(struct cli *cli, const struct invocation *invocation)
{
	json_auto_t *report = NULL;
	enum cli_exit r = check_channels(cli, invocation), found;

	if (r == CLI_OK)
		r = get_report(cli, invocation, &report);
	if (r != CLI_OK)
		return r;
	found = verdict(cli, invocation, report);
	r = render_report(cli, invocation, report);
	return r == CLI_OK ? found : r;
}
