/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands that make something happen in the guest: their replies are results, told in a sentence.
 *
 * Exit codes follow the result and not the HTTP status alone: a message that waits for the guest's
 * EOM was accepted (202) but is not delivered, and a script must be able to tell. Under -j whatever
 * does not end with 0 is a problem object on stderr, with all members of the reply in it.
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
#include "common/cleanup.h"

static bool has_result(const json_t *reply, const char *result)
{
	return strcmp(text_member(reply, "result"), result) == 0;
}

/*
 * A reply that is no success, though HTTP says `status`: on stderr as a problem under -j, otherwise
 * as its sentence.
 */
static enum cli_exit refuse(
	struct cli *cli, json_t *reply, long status, const char *code, const char *sentence)
{
	json_auto_t *problem = NULL;

	if (!cli_wants_json(&cli->options)) {
		text_put(stdout, sentence);
		fputc('\n', stdout);
		return CLI_REFUSED;
	}
	problem = json_pack("{s:s, s:s, s:i, s:s, s:s}", "type", "about:blank", "title", "not done",
		"status", (int)status, "detail", sentence, "code", code);
	if (!problem || json_object_update_missing(problem, reply) < 0)
		return problem_errno(&cli->options, ENOMEM, "reply");
	/* 409: what the exit code says; the object keeps what the daemon said. */
	return problem_from_reply(&cli->options, 409, problem);
}

static enum cli_exit tell(struct cli *cli, const struct invocation *invocation, const json_t *reply,
	const char *sentence)
{
	if (cli->options.format != CLI_FORMAT_TABLE || cli->options.columns)
		return render_object(cli, invocation->command, reply);
	if (cli->options.quiet)
		return CLI_OK;
	text_put(stdout, sentence);
	fputc('\n', stdout);
	return CLI_OK;
}

/* ---- inject -------------------------------------------------------------- */

static void put_result(FILE *out, const json_t *reply)
{
	json_int_t vp = json_integer_value(json_object_get(reply, "vp"));
	json_int_t sint = json_integer_value(json_object_get(reply, "sint"));
	const json_t *latency = json_object_get(reply, "latency_ns");
	const json_t *depth = json_object_get(reply, "queue_depth");
	char slot[64];

	snprintf(slot, sizeof(slot), "VP %lld SINT %lld", (long long)vp, (long long)sint);
	if (has_result(reply, "delivered"))
		fprintf(out, "delivered to %s", slot);
	else if (has_result(reply, "asserted"))
		fprintf(out, "asserted %s", slot);
	else if (has_result(reply, "busy"))
		fprintf(out,
			"busy: slot of %s is occupied, pending flag set; the message waits for EOM",
			slot);
	else if (has_result(reply, "accepted"))
		fprintf(out, "accepted for %s: ", slot);
	else if (has_result(reply, "would_deliver"))
		fprintf(out, "would be delivered to %s at once", slot);
	else if (has_result(reply, "would_queue"))
		fprintf(out, "would wait for EOM: slot of %s is occupied", slot);
	else
		fprintf(out, "%s: %s", text_member(reply, "result"), slot);
	if (has_result(reply, "delivered") && json_is_integer(latency)) {
		fputs(" in ", out);
		text_put_duration(out, (uint64_t)json_integer_value(latency));
	}
	if (has_result(reply, "accepted"))
		fputs(text_member(reply, "detail"), out);
	if (has_result(reply, "busy") && json_integer_value(depth) > 1)
		fprintf(out, " (%lld are queued)", (long long)json_integer_value(depth));
}

static char *result_sentence(const json_t *reply)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	put_result(out, reply);
	return text_finish(out, &text);
}

/* Not in the slot although it was waited for. */
static bool is_undelivered(const struct invocation *invocation, const json_t *reply)
{
	return has_result(reply, "busy") ||
	       (has_result(reply, "accepted") && !invocation_given(invocation, "wait"));
}

/* Posts one. Text is told at once; under -j the reply is kept in `replies` for one document. */
static enum cli_exit inject_one(struct cli *cli, const struct invocation *invocation,
	const json_t *body, json_t *replies, bool *ret_busy)
{
	CLEANUP(free) char *sentence = NULL;
	json_auto_t *reply = NULL;
	long status = 0;
	enum cli_exit r;

	r = client_request(cli, "POST", invocation->command->path, body, &status, &reply);
	if (r != CLI_OK)
		return r;
	sentence = result_sentence(reply);
	if (!sentence)
		return problem_errno(&cli->options, ENOMEM, "reply");
	*ret_busy = is_undelivered(invocation, reply);
	if (*ret_busy)
		return refuse(cli, reply, status, text_member(reply, "result"), sentence);
	if (!cli_wants_json(&cli->options))
		return tell(cli, invocation, reply, sentence);
	return json_array_append(replies, reply) < 0 ? problem_errno(&cli->options, ENOMEM, "reply")
						     : CLI_OK;
}

/* One JSON document: the reply, or a list when several were asked for. */
static enum cli_exit render_replies(
	struct cli *cli, const struct invocation *invocation, json_t *replies)
{
	json_auto_t *list = NULL;

	if (!invocation_given(invocation, "count"))
		return render_object(cli, invocation->command, json_array_get(replies, 0));
	list = json_pack("{s:O, s:n, s:n}", "items", replies, "seq", "next");
	return list ? render_reply(cli, invocation->command, list)
		    : problem_errno(&cli->options, ENOMEM, "reply");
}

/*
 * A refusal ends a series. A busy slot does not when results are told one by one: the queue behind
 * it takes more. Under -j it does, for then the series can have only one outcome.
 */
enum cli_exit run_inject(struct cli *cli, const struct invocation *invocation)
{
	const struct value *count = invocation_value(invocation, "count");
	uint64_t interval_ns = invocation_value(invocation, "interval")->number;
	uint64_t rounds = count->text ? count->number : 1;
	json_auto_t *body = request_body(invocation), *replies = json_array();
	bool any_busy = false;

	if (!body || !replies)
		return problem_errno(&cli->options, ENOMEM, "request");
	for (uint64_t i = 0; i < rounds; i++) {
		bool busy = false;
		enum cli_exit r = inject_one(cli, invocation, body, replies, &busy);

		if (r != CLI_OK && (!busy || cli_wants_json(&cli->options)))
			return r;
		any_busy |= busy;
		if (i + 1 < rounds && interval_ns > 0 && !interrupt_sleep(interval_ns))
			return CLI_INTERRUPTED;
	}
	if (any_busy)
		return CLI_REFUSED;
	return cli_wants_json(&cli->options) ? render_replies(cli, invocation, replies) : CLI_OK;
}

/* ---- post, signal -------------------------------------------------------- */

/* A hypercall's status is its result: anything but success is a refusal. */
static enum cli_exit run_hypercall(
	struct cli *cli, const struct invocation *invocation, const char *name, const char *target)
{
	json_auto_t *body = request_body(invocation), *reply = NULL;
	CLEANUP(free) char *sentence = NULL;
	const char *status;
	long http_status = 0;
	enum cli_exit r;

	if (!body)
		return problem_errno(&cli->options, ENOMEM, "request");
	r = client_request(cli, "POST", target, body, &http_status, &reply);
	if (r != CLI_OK)
		return r;
	status = text_member(reply, "status_name");
	sentence = text_format("%s on connection %lu: %s (%s)", name,
		(unsigned long)invocation_value(invocation, "connection_id")->number, status,
		text_member(reply, "status"));
	if (!sentence)
		return problem_errno(&cli->options, ENOMEM, "reply");
	if (strcmp(status, "success") != 0)
		return refuse(cli, reply, http_status, status, sentence);
	return tell(cli, invocation, reply, sentence);
}

enum cli_exit run_post(struct cli *cli, const struct invocation *invocation)
{
	return run_hypercall(cli, invocation, "HvPostMessage", invocation->command->path);
}

static enum cli_exit set_flag(struct cli *cli, const struct invocation *invocation)
{
	json_auto_t *body = request_body(invocation), *reply = NULL;
	CLEANUP(free) char *sentence = NULL;
	const char *detail;
	enum cli_exit r;

	if (!body)
		return problem_errno(&cli->options, ENOMEM, "request");
	r = client_request(cli, "POST", "/v1/events", body, NULL, &reply);
	if (r != CLI_OK)
		return r;
	detail = text_member(reply, "detail");
	sentence = text_format("event flag %lu of VP %lu SINT %lu %s%s%s",
		(unsigned long)invocation_value(invocation, "flag")->number,
		(unsigned long)invocation_value(invocation, "vp")->number,
		(unsigned long)invocation_value(invocation, "sint")->number,
		has_result(reply, "already_set") ? "was set already" : "set", *detail ? "; " : "",
		detail);
	if (!sentence)
		return problem_errno(&cli->options, ENOMEM, "reply");
	return tell(cli, invocation, reply, sentence);
}

enum cli_exit run_signal(struct cli *cli, const struct invocation *invocation)
{
	bool vp = invocation_given(invocation, "vp"), sint = invocation_given(invocation, "sint");
	bool flag = invocation_given(invocation, "flag");

	if (invocation_given(invocation, "connection_id")) {
		if (vp || sint)
			return problem_usage(&cli->options, NULL,
				"--connection acts as the guest; --vp and --sint do not go with it");
		return run_hypercall(
			cli, invocation, "HvSignalEvent", "/v1/hypercalls/signal-event");
	}
	if (!vp || !sint || !flag)
		return problem_usage(&cli->options,
			"hvctl signal --vp 0 --sint 2 --flag 5, or hvctl signal --connection 0x10002",
			"signal wants --vp, --sint and --flag, or --connection");
	return set_flag(cli, invocation);
}
