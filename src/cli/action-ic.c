/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "cli/actions.h"
#include "cli/client.h"
#include "cli/problem.h"
#include "cli/render.h"
#include "cli/request.h"
#include "cli/text.h"

static void put_sentence(const json_t *reply)
{
	const char *name = json_string_value(json_object_get(reply, "name"));
	const char *detail = json_string_value(json_object_get(reply, "detail"));
	json_int_t latency = json_integer_value(json_object_get(reply, "latency_ns"));

	text_put(stdout, name ? name : "");
	fputs(": answered in ", stdout);
	text_put_duration(stdout, (uint64_t)latency);
	fputs(": ", stdout);
	text_put(stdout, detail ? detail : "");
	fputc('\n', stdout);
}

/* The answer in a sentence; the whole object when a format was chosen. */
static enum cli_exit render_answer(
	struct cli *cli, const struct invocation *invocation, const json_t *reply)
{
	if (cli->options.format != CLI_FORMAT_TABLE || cli->options.columns)
		return render_object(cli, invocation->command, reply);
	if (!cli->options.quiet)
		put_sentence(reply);
	return CLI_OK;
}

enum cli_exit run_ic_request(struct cli *cli, const struct invocation *invocation)
{
	bool reboot = invocation_given(invocation, "reboot");
	const char *target = reboot ? "/v1/ic/shutdown/reboot" : invocation->command->path;
	json_auto_t *body = request_body(invocation), *reply = NULL;
	enum cli_exit r;

	if (!body)
		return problem_errno(&cli->options, ENOMEM, "ic");
	r = client_request(cli, "POST", target, body, NULL, &reply);
	return r == CLI_OK ? render_answer(cli, invocation, reply) : r;
}
