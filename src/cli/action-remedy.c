/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Remedies: a sentence of what was done and why, and what was before and after.
 *
 * Several channels are dealt with one after the other. As text a refusal of one is told and the
 * next has its turn; under -j, where there can be one document, the first refusal ends it.
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

/* ---- text ------------------------------------------------------------------ */

static const char *result_words(const json_t *reply)
{
	static const struct {
		const char *result, *words;
	} rows[] = {
		{"done", "done"},
		{"not_needed", "nothing to do"},
		{"would_do", "would be done"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (strcmp(text_member(reply, "result"), rows[i].result) == 0)
			return rows[i].words;
	return text_member(reply, "result");
}

static void put_sentence(const char *subject, const json_t *reply)
{
	text_put(stdout, subject);
	fputs(": ", stdout);
	text_put(stdout, result_words(reply));
	fputs(": ", stdout);
	text_put(stdout, text_member(reply, "detail"));
	fputc('\n', stdout);
}

/* A row for each member: its name, before, after. */
static json_t *comparison(const json_t *before, const json_t *after)
{
	json_t *rows = json_array();
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)before, key, value)
	{
		json_t *then = json_object_get(after, key);
		json_t *row = json_pack("{s:s, s:O, s:O?}", "what", key, "before", value, "after",
			json_is_null(then) ? NULL : then);

		if (row && !json_object_get(row, "after"))
			json_object_set_new(row, "after", json_null());
		if (json_array_append_new(rows, row) < 0) {
			json_decref(rows);
			return NULL;
		}
	}
	return rows;
}

static enum cli_exit render_remedy(
	struct cli *cli, const struct invocation *invocation, const char *subject, json_t *reply)
{
	const json_t *after = json_object_get(reply, "after");
	json_auto_t *rows = NULL;

	if (cli->options.format != CLI_FORMAT_TABLE || cli->options.columns)
		return render_object(cli, invocation->command, reply);
	if (cli->options.quiet)
		return CLI_OK;
	put_sentence(subject, reply);
	rows = comparison(json_object_get(reply, "before"), after);
	if (!rows)
		return problem_errno(&cli->options, ENOMEM, "reply");
	return render_table(cli, json_is_object(after) ? "what,before,after" : "what,before", rows);
}

/* ---- channels --------------------------------------------------------------- */

/* "/v1/channels/{relid}/unstick" with the number in it. */
static char *channel_target(const struct command *command, const char *relid)
{
	const char *open = strchr(command->path, '{'), *close = strchr(command->path, '}');

	return text_format(
		"%.*s%s%s", (int)(open - command->path), command->path, relid, close + 1);
}

static enum cli_exit heal_channel(struct cli *cli, const struct invocation *invocation,
	const char *relid, const json_t *body, json_t *replies)
{
	CLEANUP(free) char *target = channel_target(invocation->command, relid);
	CLEANUP(free) char *subject = text_format("channel %s", relid);
	json_auto_t *reply = NULL;
	enum cli_exit r;

	if (!target || !subject)
		return problem_errno(&cli->options, ENOMEM, "request");
	r = client_request(cli, "POST", target, body, NULL, &reply);
	if (r != CLI_OK)
		return r;
	if (!cli_wants_json(&cli->options))
		return render_remedy(cli, invocation, subject, reply);
	return json_array_append(replies, reply) < 0 ? problem_errno(&cli->options, ENOMEM, "reply")
						     : CLI_OK;
}

/* Before anything is done: all of them are numbers. */
static enum cli_exit check_relids(struct cli *cli, const struct invocation *invocation)
{
	uint64_t unused;

	for (size_t i = 0; i < invocation->rest_count; i++)
		if (parse_u64(invocation->rest[i], 0, UINT32_MAX, &unused) < 0)
			return problem_usage(&cli->options, "\"hvctl channels list\" shows them",
				"\"%s\" is no id of a channel", invocation->rest[i]);
	return CLI_OK;
}

/* One JSON document: the reply, or a list when several channels were named. */
static enum cli_exit render_replies(
	struct cli *cli, const struct invocation *invocation, json_t *replies)
{
	json_auto_t *list = NULL;

	if (invocation->rest_count == 1)
		return render_object(cli, invocation->command, json_array_get(replies, 0));
	list = json_pack("{s:O, s:n, s:n}", "items", replies, "seq", "next");
	return list ? render_reply(cli, invocation->command, list)
		    : problem_errno(&cli->options, ENOMEM, "reply");
}

enum cli_exit run_channel_remedy(struct cli *cli, const struct invocation *invocation)
{
	bool json = cli_wants_json(&cli->options);
	json_auto_t *body = request_body(invocation), *replies = json_array();
	enum cli_exit first = check_relids(cli, invocation);

	if (first != CLI_OK)
		return first;
	if (!body || !replies)
		return problem_errno(&cli->options, ENOMEM, "request");
	for (size_t i = 0; i < invocation->rest_count; i++) {
		enum cli_exit r = heal_channel(cli, invocation, invocation->rest[i], body, replies);

		if (r != CLI_OK && (json || (r != CLI_REFUSED && r != CLI_NOT_FOUND)))
			return r;
		if (first == CLI_OK)
			first = r;
	}
	return json ? render_replies(cli, invocation, replies) : first;
}

/* ---- SINTs ------------------------------------------------------------------ */

enum cli_exit run_synic_kick(struct cli *cli, const struct invocation *invocation)
{
	json_auto_t *body = request_body(invocation), *reply = NULL;
	CLEANUP(free) char *target = request_target(invocation);
	CLEANUP(free)
	char *subject = text_format("SINT %s of VP %s", invocation_value(invocation, "sint")->text,
		invocation_value(invocation, "vp")->text);
	enum cli_exit r;

	if (!body || !target || !subject)
		return problem_errno(&cli->options, ENOMEM, "request");
	r = client_request(cli, "POST", target, body, NULL, &reply);
	return r == CLI_OK ? render_remedy(cli, invocation, subject, reply) : r;
}
