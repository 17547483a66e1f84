/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "cli/actions.h"
#include "cli/client.h"
#include "cli/explain.h"
#include "cli/problem.h"
#include "cli/render.h"
#include "cli/request.h"
#include "cli/text.h"
#include "common/cleanup.h"

enum { FAULT_WORDS_MAX = 64 };

static bool wants_sentence(const struct cli *cli)
{
	return cli->options.format == CLI_FORMAT_TABLE && !cli->options.columns;
}

static void put_member(const json_t *fault, const char *key, const char *before)
{
	const json_t *value = json_object_get(fault, key);

	if (json_is_null(value))
		return;
	fputs(before, stdout);
	text_put_value(stdout, key, value);
}

/* "fault 3: drop_message, relid 2, message gpadl_body; count 1" */
static void put_added(const json_t *fault)
{
	put_member(fault, "id", "fault ");
	put_member(fault, "kind", ": ");
	put_member(fault, "relid", ", relid ");
	put_member(fault, "vp", ", VP ");
	put_member(fault, "sint", ", SINT ");
	put_member(fault, "message", ", message ");
	put_member(fault, "direction", ", direction ");
	put_member(fault, "delay_ns", ", delay ");
	put_member(fault, "status", ", status ");
	fputs("; ends", stdout);
	put_member(fault, "count", " after hits: ");
	put_member(fault, "for_ns", " in ");
	fputc('\n', stdout);
}

/* The daemon would only say that it knows no such word; here the nearest one can be named. */
static enum cli_exit check_word(struct cli *cli, const struct arg *arg, const char *word)
{
	CLEANUP(free) char *name = text_format("fault.%s", arg->key);
	json_auto_t *fields = name ? explain_find(name) : NULL;
	const json_t *values = json_object_get(json_array_get(fields, 0), "values");
	const char *words[FAULT_WORDS_MAX];
	CLEANUP(free) char *hint = NULL;
	const char *near;
	size_t count = 0;

	for (size_t i = 0; i < json_array_size(values) && count < FAULT_WORDS_MAX; i++) {
		words[count] = json_string_value(json_array_get(values, i));
		if (!words[count]) /* a member that a fault may be without */
			continue;
		if (strcmp(words[count++], word) == 0)
			return CLI_OK;
	}
	if (count == 0)
		return CLI_OK;
	near = text_did_you_mean(word, words, count);
	hint = near ? text_format("did you mean \"%s\"?", near)
		    : text_format("\"hvctl explain fault.%s\" lists them", arg->key);
	return problem_usage(&cli->options, hint, "unknown value of %s \"%s\"", arg->name, word);
}

static enum cli_exit check_words(struct cli *cli, const struct invocation *invocation)
{
	enum cli_exit r = CLI_OK;

	for (size_t i = 0; r == CLI_OK && invocation->command->args[i].name; i++) {
		const struct arg *arg = &invocation->command->args[i];

		if (arg->completer == COMPLETE_FAULT_WORD && invocation->values[i].text)
			r = check_word(cli, arg, invocation->values[i].text);
	}
	return r;
}

enum cli_exit run_faults_add(struct cli *cli, const struct invocation *invocation)
{
	json_auto_t *body = request_body(invocation), *fault = NULL;
	enum cli_exit r = check_words(cli, invocation);

	if (r != CLI_OK)
		return r;
	if (!body)
		return problem_errno(&cli->options, ENOMEM, "faults");
	r = client_request(cli, "POST", invocation->command->path, body, NULL, &fault);
	if (r != CLI_OK)
		return r;
	if (!wants_sentence(cli))
		return render_object(cli, invocation->command, fault);
	if (!cli->options.quiet)
		put_added(fault);
	return CLI_OK;
}

static enum cli_exit clear_all(struct cli *cli, const struct invocation *invocation)
{
	json_auto_t *reply = NULL;
	enum cli_exit r = client_request(
		cli, "DELETE", invocation->command->path, NULL, NULL, &reply);

	if (r != CLI_OK)
		return r;
	if (!wants_sentence(cli))
		return render_object(cli, invocation->command, reply);
	if (!cli->options.quiet) {
		put_member(reply, "ended", "faults ended: ");
		fputc('\n', stdout);
	}
	return CLI_OK;
}

static enum cli_exit clear_one(struct cli *cli, const struct invocation *invocation, const char *id)
{
	CLEANUP(free) char *target = text_format("/v1/faults/%s", id);
	json_auto_t *fault = NULL;
	enum cli_exit r;

	/* Whatever else it is, it must not make another path. */
	if (!*id || id[strspn(id, "0123456789")] != '\0')
		return problem_usage(&cli->options, "hvctl faults clear 3",
			"a fault is named by its number; \"hvctl faults list\" shows them");
	if (!target)
		return problem_errno(&cli->options, ENOMEM, "faults");
	r = client_request(cli, "DELETE", target, NULL, NULL, &fault);
	if (r != CLI_OK)
		return r;
	if (!wants_sentence(cli))
		return render_object(cli, invocation->command, fault);
	if (!cli->options.quiet) {
		put_member(fault, "id", "fault ");
		put_member(fault, "kind", ": ");
		put_member(fault, "hits", " ended, hits: ");
		fputc('\n', stdout);
	}
	return CLI_OK;
}

enum cli_exit run_faults_clear(struct cli *cli, const struct invocation *invocation)
{
	enum cli_exit r = CLI_OK;

	if (invocation->rest_count == 0)
		return clear_all(cli, invocation);
	for (size_t i = 0; i < invocation->rest_count && r == CLI_OK; i++)
		r = clear_one(cli, invocation, invocation->rest[i]);
	return r;
}
