/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/actions.h"
#include "cli/client.h"
#include "cli/interrupt.h"
#include "cli/problem.h"
#include "cli/render.h"
#include "cli/request.h"
#include "cli/text.h"
#include "cli/value.h"
#include "common/cleanup.h"

enum { BODY_MAX_BYTES = 64 << 10 };

/* ---- inspect ------------------------------------------------------------- */

static bool is_glob(const char *path)
{
	return strpbrk(path, "*?[") != NULL;
}

/* "vps/0" of "/vps/0/", too, as completion leaves it. */
static char *node_path(const char *path)
{
	size_t length;

	path += path[0] == '/';
	length = strlen(path);
	return strndup(path, length - (length > 0 && path[length - 1] == '/'));
}

/* "/v1/tree/vps/0?depth=1" or "/v1/tree?glob=vps%2F*". NULL path: the root. */
static char *tree_target(const struct invocation *invocation, const char *path)
{
	static const char *const keys[] = {"depth", "vtl"};
	CLEANUP(free) char *node = node_path(path ? path : "");
	char separator = '?', *target = NULL;
	size_t size;
	FILE *out = node ? open_memstream(&target, &size) : NULL;

	if (!out)
		return NULL;
	fputs("/v1/tree", out);
	if (is_glob(node)) {
		fputs("?glob=", out);
		client_put_encoded(out, node, false);
		separator = '&';
	} else if (node[0]) {
		fputc('/', out);
		client_put_encoded(out, node, true);
	}
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		const struct value *value = invocation_value(invocation, keys[i]);

		if (!value->text)
			continue;
		fprintf(out, "%c%s=%lu", separator, keys[i], (unsigned long)value->number);
		separator = '&';
	}
	return text_finish(out, &target);
}

static enum cli_exit get_node(
	struct cli *cli, const struct invocation *invocation, const char *path, json_t **ret_node)
{
	CLEANUP(free) char *target = tree_target(invocation, path);

	if (!target)
		return problem_errno(&cli->options, ENOMEM, "inspect");
	return client_request(cli, "GET", target, NULL, NULL, ret_node);
}

/* Several paths make one document, each node under the path it was asked for. */
static enum cli_exit get_nodes(
	struct cli *cli, const struct invocation *invocation, json_t **ret_nodes)
{
	json_auto_t *nodes = json_object();

	for (size_t i = 0; i < invocation->rest_count; i++) {
		json_t *node = NULL;
		enum cli_exit r = get_node(cli, invocation, invocation->rest[i], &node);

		if (r != CLI_OK)
			return r;
		if (json_object_set_new(nodes, invocation->rest[i], node) < 0)
			return problem_errno(&cli->options, ENOMEM, "inspect");
	}
	*ret_nodes = json_incref(nodes);
	return CLI_OK;
}

/* What is no JSON is text, so that "--set debug" needs no quotes inside quotes. */
static json_t *literal(const char *text)
{
	json_t *value = json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);

	return value ? value : json_string(text);
}

static enum cli_exit set_leaf(struct cli *cli, const struct invocation *invocation)
{
	const char *path = invocation->rest_count == 1 ? invocation->rest[0] : NULL;
	json_auto_t *body = NULL, *reply = NULL;
	CLEANUP(free) char *target = NULL;
	enum cli_exit r;

	if (!path || is_glob(path) || invocation_given(invocation, "depth"))
		return problem_usage(&cli->options, "hvctl inspect recorder/enabled --set false",
			"--set writes one leaf: give one PATH, no pattern and no --depth");
	body = json_pack("{s:o}", "value", literal(invocation_value(invocation, "set")->text));
	target = tree_target(invocation, path);
	if (!body || !target)
		return problem_errno(&cli->options, ENOMEM, "inspect");
	r = client_request(cli, "PATCH", target, body, NULL, &reply);
	return r == CLI_OK ? render_object(cli, invocation->command, reply) : r;
}

/* A pattern that matched nothing; an object or a collection may well be empty. */
static bool matched_nothing(const struct invocation *invocation, const json_t *reply)
{
	return invocation->rest_count == 1 && is_glob(invocation->rest[0]) &&
	       json_object_size(reply) == 0;
}

enum cli_exit run_inspect(struct cli *cli, const struct invocation *invocation)
{
	json_auto_t *reply = NULL;
	enum cli_exit r;

	if (invocation_given(invocation, "set"))
		return set_leaf(cli, invocation);
	if (invocation->rest_count > 1)
		r = get_nodes(cli, invocation, &reply);
	else
		r = get_node(cli, invocation, invocation->rest_count ? invocation->rest[0] : NULL,
			&reply);
	if (r != CLI_OK)
		return r;
	if (matched_nothing(invocation, reply))
		return problem_report(&cli->options, CLI_NOT_FOUND, "not_found",
			"\"hvctl inspect --depth 1\" shows what there is", "nothing matches %s",
			invocation->rest[0]);
	return render_object(cli, invocation->command, reply);
}

/* ---- api ----------------------------------------------------------------- */

/* Bytes of a file or stdin as text for the caller to free. */
static enum cli_exit read_text(struct cli *cli, const char *source, char **ret_text)
{
	CLEANUP(free) char *text = malloc(BODY_MAX_BYTES + 2);
	size_t size = 0;
	int r = text ? value_read_source(source, text, BODY_MAX_BYTES + 1, &size) : -ENOMEM;

	if (r < 0 && interrupt_pending())
		return CLI_INTERRUPTED;
	if (r < 0)
		return problem_usage(&cli->options, NULL, "-d %s: %s", source, strerror(-r));
	if (size > BODY_MAX_BYTES)
		return problem_usage(&cli->options, NULL, "-d %s: larger than 64 KiB", source);
	text[size] = '\0';
	*ret_text = TAKE_PTR(text);
	return CLI_OK;
}

static enum cli_exit read_body(struct cli *cli, const struct value *data, char **ret_body)
{
	if (!data->text)
		return CLI_OK;
	if (data->text[0] == '@' || strcmp(data->text, "-") == 0)
		return read_text(cli, data->text, ret_body);
	*ret_body = strdup(data->text);
	return *ret_body ? CLI_OK : problem_errno(&cli->options, ENOMEM, "-d");
}

/* Text that is not JSON passes through; a terminal gets it escaped. */
static void put_raw(const char *body, size_t size)
{
	if (isatty(STDOUT_FILENO))
		text_put_block(stdout, body, size);
	else
		fwrite(body, 1, size, stdout);
	if (size > 0 && body[size - 1] != '\n')
		fputc('\n', stdout);
}

static enum cli_exit print_reply(struct cli *cli, const struct http_reply *reply)
{
	json_auto_t *json = json_loadb(
		reply->body, reply->size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);

	if (json)
		return render_json(cli, json);
	/* -j promises one document, and a reply that claims to be JSON must be. */
	if (cli_wants_json(&cli->options) || strstr(reply->type, "json"))
		return problem_report(&cli->options, CLI_INTERNAL, "malformed_reply", NULL,
			"the answer of %s is not JSON", cli->socket);
	put_raw(reply->body, reply->size);
	return CLI_OK;
}

static bool put_stream_line(void *arg, const char *line)
{
	struct cli *cli = arg;

	put_raw(line, strlen(line));
	return render_finish(&cli->options) == CLI_OK;
}

enum cli_exit run_api(struct cli *cli, const struct invocation *invocation)
{
	const char *method = invocation_value(invocation, "method")->text;
	const char *path = invocation_value(invocation, "path")->text;
	CLEANUP(free) char *body = NULL;
	struct http_reply reply;
	enum cli_exit r = read_body(cli, invocation_value(invocation, "data"), &body);

	if (r != CLI_OK)
		return r;
	if (method[strspn(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")] != '\0' || !*method)
		return problem_usage(
			&cli->options, "hvctl api GET /v1/ports", "METHOD is a word in capitals");
	if (path[0] != '/' || path[strcspn(path, " \t\r\n")] != '\0')
		return problem_usage(&cli->options, "hvctl api GET /v1/ports",
			"PATH begins with / and has no blanks");
	if (strcmp(method, "GET") == 0 && strstr(path, "follow=1"))
		return client_stream(cli, path, put_stream_line, cli, NULL);
	r = client_raw(cli, method, path, body, &reply);
	if (r != CLI_OK)
		return r;
	r = print_reply(cli, &reply);
	http_reply_deinit(&reply);
	return r;
}

/* ---- metrics ------------------------------------------------------------- */

enum cli_exit run_metrics(struct cli *cli, const struct invocation *invocation)
{
	struct http_reply reply;
	json_auto_t *document = NULL;
	enum cli_exit r = client_raw(cli, "GET", invocation->command->path, NULL, &reply);

	if (r != CLI_OK)
		return r;
	if (!cli_wants_json(&cli->options)) {
		put_raw(reply.body, reply.size);
		http_reply_deinit(&reply);
		return CLI_OK;
	}
	document = json_pack(
		"{s:s, s:s%}", "content_type", reply.type, "text", reply.body, reply.size);
	http_reply_deinit(&reply);
	return document ? render_json(cli, document)
			: problem_errno(&cli->options, EILSEQ, "metrics");
}
