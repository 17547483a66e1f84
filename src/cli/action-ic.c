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

/* ---- what has items ------------------------------------------------------ */

/* A guest can go on for ever. */
enum { ITEMS_MAX = 4096 };

/* Adds the items of `page` to those of `*reply`, or makes it the first. Takes the page over. */
static bool add_page(json_t **reply, json_t *page)
{
	bool added;

	if (!*reply) {
		*reply = page;
		return true;
	}
	added = json_array_extend(
			json_object_get(*reply, "items"), json_object_get(page, "items")) == 0 &&
		json_object_set(*reply, "next", json_object_get(page, "next")) == 0;
	json_decref(page);
	return added;
}

/* Whether there is more, and `body` asks for it. */
static bool ask_for_rest(const json_t *reply, json_t *body)
{
	json_t *next = json_object_get(reply, "next");

	return json_is_integer(next) &&
	       json_array_size(json_object_get(reply, "items")) < ITEMS_MAX &&
	       json_object_set(body, "start", next) == 0;
}

static enum cli_exit get_items(
	struct cli *cli, const struct invocation *invocation, json_t **ret_reply)
{
	json_auto_t *body = request_body(invocation), *reply = NULL;
	json_t *page;
	enum cli_exit r;

	if (!body)
		return problem_errno(&cli->options, ENOMEM, "ic");
	do {
		r = client_request(cli, "POST", invocation->command->path, body, NULL, &page);
		if (r != CLI_OK)
			return r;
		if (!add_page(&reply, page))
			return problem_errno(&cli->options, ENOMEM, "ic");
	} while (ask_for_rest(reply, body));
	*ret_reply = json_incref(reply);
	return CLI_OK;
}

enum cli_exit run_ic_items(struct cli *cli, const struct invocation *invocation)
{
	json_auto_t *reply = NULL;
	enum cli_exit r = get_items(cli, invocation, &reply);

	if (r == CLI_OK)
		r = render_reply(cli, invocation->command, reply);
	if (r == CLI_OK && json_is_integer(json_object_get(reply, "next")))
		render_note(cli, "there are more than these\n");
	return r;
}

/* A script wants the value, and nothing else. */
enum cli_exit run_kvp_get(struct cli *cli, const struct invocation *invocation)
{
	json_auto_t *reply = NULL;
	enum cli_exit r = get_items(cli, invocation, &reply);
	const char *value;

	if (r != CLI_OK)
		return r;
	if (cli->options.format != CLI_FORMAT_TABLE || cli->options.columns)
		return render_reply(cli, invocation->command, reply);
	value = json_string_value(
		json_object_get(json_array_get(json_object_get(reply, "items"), 0), "value"));
	text_put(stdout, value ? value : "");
	fputc('\n', stdout);
	return CLI_OK;
}
