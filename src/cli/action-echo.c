/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hvctl echo run: begins a run and waits until it is over. Interrupted, it ends the run first, so
 * that nobody finds the device busy without knowing why.
 */
#include <errno.h>
#include <string.h>

#include "cli/actions.h"
#include "cli/client.h"
#include "cli/interrupt.h"
#include "cli/problem.h"
#include "cli/render.h"
#include "cli/request.h"
#include "cli/text.h"

#define POLL_NS (100 * NSEC_PER_MSEC)

static json_int_t number(const json_t *echo, const char *key)
{
	return json_integer_value(json_object_get(echo, key));
}

static bool is_running(const json_t *echo)
{
	const char *state = json_string_value(json_object_get(echo, "state"));

	return state && strcmp(state, "running") == 0;
}

static void put_value(const char *before, const json_t *echo, const char *key)
{
	fputs(before, stdout);
	text_put_value(stdout, key, json_object_get(echo, key));
}

static void put_sentences(const json_t *echo)
{
	put_value("", echo, "outcome");
	put_value(": ", echo, "received");
	put_value(" of ", echo, "count");
	put_value(" packets came back in ", echo, "elapsed_ns");
	put_value("; ", echo, "lost");
	put_value(" lost, ", echo, "corrupted");
	put_value(" corrupted, ", echo, "duplicated");
	put_value(" duplicated\nround trip ", echo, "round_trip_min_ns");
	put_value(" to ", echo, "round_trip_max_ns");
	put_value(", median ", echo, "round_trip_median_ns");
	put_value(", p99 ", echo, "round_trip_p99_ns");
	put_value("; ", echo, "packets_per_second");
	put_value(" packets/s, ", echo, "bytes_per_second");
	fputs(" B/s one way\n", stdout);
}

/* The result in two lines; the whole object when a format was chosen. */
static enum cli_exit render_echo(
	struct cli *cli, const struct invocation *invocation, const json_t *echo)
{
	if (cli->options.format != CLI_FORMAT_TABLE || cli->options.columns)
		return render_object(cli, invocation->command, echo);
	if (!cli->options.quiet)
		put_sentences(echo);
	return CLI_OK;
}

/* Every packet came back, once and unharmed. */
static bool is_whole(const json_t *echo)
{
	return number(echo, "received") == number(echo, "count") && number(echo, "duplicated") == 0;
}

static enum cli_exit report(
	struct cli *cli, const struct invocation *invocation, const json_t *echo)
{
	const char *outcome = json_string_value(json_object_get(echo, "outcome"));
	enum cli_exit r = render_echo(cli, invocation, echo);

	if (r != CLI_OK || is_whole(echo))
		return r;
	return problem_report(&cli->options,
		outcome && strcmp(outcome, "stalled") == 0 ? CLI_TIMEOUT : CLI_REFUSED,
		"echo_failed", "\"hvctl rings list\" shows who waits for whom",
		"not every packet came back, once and unharmed");
}

/* Another request may not wait for an interrupt that was dealt with. */
static enum cli_exit end_run(struct cli *cli, json_int_t relid)
{
	json_auto_t *body = json_pack("{s:I}", "relid", relid), *echo = NULL;
	enum cli_exit r;

	interrupt_clear();
	if (!body)
		return problem_errno(&cli->options, ENOMEM, "echo");
	r = client_request(cli, "POST", "/v1/echo/stop", body, NULL, &echo);
	return r == CLI_OK ? CLI_INTERRUPTED : r;
}

/* Until the run is over. Takes *echo, which holds the last state. */
static enum cli_exit wait_for_end(struct cli *cli, json_t **echo)
{
	json_int_t relid = number(*echo, "relid");
	char target[48];

	snprintf(target, sizeof(target), "/v1/echo/%" JSON_INTEGER_FORMAT, relid);
	while (is_running(*echo)) {
		json_t *next = NULL;
		enum cli_exit r = CLI_INTERRUPTED;

		if (interrupt_sleep(POLL_NS))
			r = client_request(cli, "GET", target, NULL, NULL, &next);
		if (r == CLI_INTERRUPTED)
			return end_run(cli, relid);
		if (r != CLI_OK)
			return r;
		json_decref(*echo);
		*echo = next;
	}
	return CLI_OK;
}

enum cli_exit run_echo_run(struct cli *cli, const struct invocation *invocation)
{
	json_auto_t *body = request_body(invocation), *echo = NULL;
	enum cli_exit r;

	if (!body)
		return problem_errno(&cli->options, ENOMEM, "echo");
	r = client_request(cli, "POST", invocation->command->path, body, NULL, &echo);
	if (r != CLI_OK || invocation_given(invocation, "no_wait"))
		return r == CLI_OK ? render_object(cli, invocation->command, echo) : r;
	r = wait_for_end(cli, &echo);
	return r == CLI_OK ? report(cli, invocation, echo) : r;
}
