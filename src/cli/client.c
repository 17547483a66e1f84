/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/curlcmd.h"
#include "cli/endpoint.h"
#include "cli/offline.h"
#include "cli/problem.h"
#include "cli/text.h"
#include "common/cleanup.h"

static enum cli_exit open_connection(struct cli *cli)
{
	enum cli_exit result;
	int r;

	if (!cli->socket) {
		result = endpoint_find(&cli->options, &cli->socket);
		if (result != CLI_OK)
			return result;
	}
	if (cli->options.curl || cli->http)
		return CLI_OK;
	r = http_new(cli->socket, &cli->http);
	if (r == -ENAMETOOLONG)
		return problem_report(&cli->options, CLI_USAGE, "socket_path_too_long",
			"a socket's path has at most 107 bytes",
			"the socket %s has too long a path", cli->socket);
	return r < 0 ? problem_errno(&cli->options, -r, "HTTP client") : CLI_OK;
}

void client_close(struct cli *cli)
{
	cli->http = http_free(cli->http);
	free(cli->socket);
	cli->socket = NULL;
	json_decref(cli->snapshot);
	cli->snapshot = NULL;
}

/* connect() says ECONNREFUSED of any other file, too. */
static bool is_socket(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

static enum cli_exit report_connect(struct cli *cli, int error)
{
	const char *hint = "\"hvctl vms list\" shows what runs; \"hvd --demo\" starts a VM";

	if (error == EACCES)
		return problem_report(&cli->options, CLI_DENIED, "socket_not_permitted",
			"run as the user hvd runs as, or as root",
			"no permission to use the socket %s", cli->socket);
	if (error == ECONNREFUSED && !is_socket(cli->socket))
		return problem_report(&cli->options, CLI_NO_CONNECTION, "cannot_connect", hint,
			"cannot connect to %s: not a socket", cli->socket);
	if (error == ECONNREFUSED)
		hint = "the socket is left over from an hvd that has ended; start it again";
	return problem_report(&cli->options, CLI_NO_CONNECTION, "cannot_connect", hint,
		"cannot connect to %s: %s", cli->socket,
		error ? strerror(error) : "nobody listens there");
}

static enum cli_exit report_transport(struct cli *cli, int r, const struct http_reply *reply)
{
	switch (r) {
	case HTTP_E_CONNECT:
		return report_connect(cli, reply->error);
	case HTTP_E_CLOSED:
		return problem_report(&cli->options, CLI_NO_CONNECTION, "connection_closed",
			"\"hvctl vms list\" shows whether it still runs",
			"hvd at %s closed the connection in the middle of its answer", cli->socket);
	case HTTP_E_BROKEN:
		return problem_report(&cli->options, CLI_INTERNAL, "not_http", NULL,
			"what listens at %s does not answer in HTTP", cli->socket);
	case HTTP_E_TIMEOUT:
		return problem_report(&cli->options, CLI_TIMEOUT, "timeout",
			"--timeout DURATION waits longer", "no answer from %s in time",
			cli->socket);
	case HTTP_E_TOO_LARGE:
		return problem_report(&cli->options, CLI_INTERNAL, "reply_too_large", NULL,
			"the answer of %s is larger than hvctl accepts", cli->socket);
	case HTTP_E_INTERRUPTED:
		return CLI_INTERRUPTED;
	default:
		return problem_errno(&cli->options, r < 0 ? -r : EIO, "HTTP client");
	}
}

static void print_exchange(
	struct cli *cli, const struct http_request *request, const struct http_reply *reply)
{
	fprintf(stderr, "hvctl: %s ", request->method);
	text_put(stderr, request->target);
	fputs(" at ", stderr);
	text_put(stderr, cli->socket);
	fprintf(stderr, ": %ld, %zu bytes in ", reply->status, reply->size);
	text_put_duration(stderr, reply->duration_ns);
	fputc('\n', stderr);
}

/* An error reply: its problem object, when it is one that jansson takes. */
static enum cli_exit report_status(struct cli *cli, const struct http_reply *reply)
{
	json_auto_t *problem = json_loadb(reply->body, reply->size, JSON_REJECT_DUPLICATES, NULL);

	return problem_from_reply(&cli->options, reply->status, problem);
}

static enum cli_exit perform(
	struct cli *cli, const struct http_request *request, struct http_reply *ret_reply)
{
	enum cli_exit result = open_connection(cli);
	int r;

	*ret_reply = (struct http_reply){0};
	if (result != CLI_OK)
		return result;
	if (cli->options.curl) {
		curlcmd_put(stdout, cli->socket, request->method, request->target, request->body,
			request->stream);
		return CLI_STOP;
	}
	r = http_perform(cli->http, request, ret_reply);
	if (cli->options.verbose && ret_reply->status != 0)
		print_exchange(cli, request, ret_reply);
	if (r == HTTP_E_STOPPED)
		return CLI_OK;
	if (r != 0)
		return report_transport(cli, r, ret_reply);
	if (ret_reply->status < 200 || ret_reply->status > 299)
		return report_status(cli, ret_reply);
	return CLI_OK;
}

enum cli_exit client_raw(struct cli *cli, const char *method, const char *target, const char *body,
	struct http_reply *ret_reply)
{
	struct http_request request = {
		.method = method,
		.target = target,
		.body = body,
		.timeout_ns = cli->options.timeout_ns,
	};
	enum cli_exit r = perform(cli, &request, ret_reply);

	if (r != CLI_OK)
		http_reply_deinit(ret_reply);
	return r;
}

enum cli_exit client_request(struct cli *cli, const char *method, const char *target,
	const json_t *body, long *ret_status, json_t **ret_reply)
{
	CLEANUP(free) char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	struct http_reply reply;
	json_error_t error;
	enum cli_exit r;
	json_t *json;

	if (cli->snapshot && strcmp(method, "GET") != 0)
		return problem_usage(&cli->options, NULL, "a snapshot cannot be changed");
	if (cli->snapshot)
		return offline_get(cli, target, ret_reply);
	if (body && !text)
		return problem_errno(&cli->options, ENOMEM, "request");
	r = client_raw(cli, method, target, text, &reply);
	if (r != CLI_OK)
		return r;
	json = json_loadb(reply.body, reply.size, JSON_REJECT_DUPLICATES, &error);
	if (ret_status)
		*ret_status = reply.status;
	http_reply_deinit(&reply);
	if (!json)
		return problem_report(&cli->options, CLI_INTERNAL, "malformed_reply", NULL,
			"the answer of %s is not JSON: %s (line %d)", cli->socket, error.text,
			error.line);
	*ret_reply = json;
	return CLI_OK;
}

/* ---- lists --------------------------------------------------------------- */

void client_put_encoded(FILE *out, const char *text, bool keep_slash)
{
	static const char unreserved[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					 "0123456789-._~";

	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (strchr(unreserved, *p) || (keep_slash && *p == '/'))
			fputc(*p, out);
		else
			fprintf(out, "%%%02X", *p);
	}
}

/* The target of the page after `cursor`: a list that has pages is worth large ones. */
static char *page_target(const char *target, const json_t *cursor)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	fprintf(out, "%s%climit=1000&cursor=", target, strchr(target, '?') ? '&' : '?');
	if (json_is_string(cursor))
		client_put_encoded(out, json_string_value(cursor), false);
	else
		fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(cursor));
	return text_finish(out, &text);
}

static enum cli_exit report_bad_list(struct cli *cli, const char *what)
{
	return problem_report(&cli->options, CLI_INTERNAL, "malformed_reply", NULL,
		"the list from %s %s", cli->socket, what);
}

/* Fetches one page; `ret_next` is NULL after the last. */
static enum cli_exit get_page(
	struct cli *cli, const char *target, json_t **ret_page, json_t **ret_next)
{
	json_t *page = NULL, *next;
	enum cli_exit r = client_request(cli, "GET", target, NULL, NULL, &page);

	if (r != CLI_OK)
		return r;
	next = json_object_get(page, "next");
	if (!json_is_array(json_object_get(page, "items"))) {
		json_decref(page);
		return report_bad_list(cli, "has no items");
	}
	*ret_page = page;
	*ret_next = json_is_string(next) || json_is_integer(next) ? json_incref(next) : NULL;
	return CLI_OK;
}

/* `errors` is only in lists for which VPs are asked. */
static bool append_page(json_t *all, const json_t *page)
{
	static const char *const arrays[] = {"items", "errors"};

	for (size_t i = 0; i < ARRAY_LEN(arrays); i++) {
		json_t *more = json_object_get(page, arrays[i]);

		if (more && json_array_extend(json_object_get(all, arrays[i]), more) < 0)
			return false;
	}
	return true;
}

enum cli_exit client_get_list(struct cli *cli, const char *target, json_t **ret_reply)
{
	json_auto_t *all = NULL, *cursor = NULL;
	enum cli_exit r = get_page(cli, target, &all, &cursor);

	while (r == CLI_OK && cursor) {
		CLEANUP(free) char *next_target = page_target(target, cursor);
		json_auto_t *page = NULL;
		json_t *next = NULL;

		if (!next_target)
			return problem_errno(&cli->options, ENOMEM, "list");
		r = get_page(cli, next_target, &page, &next);
		if (r != CLI_OK)
			return r;
		/* A server that repeats itself must not keep us here for ever. */
		if (json_equal(next, cursor)) {
			json_decref(next);
			return report_bad_list(cli, "does not end");
		}
		json_decref(cursor);
		cursor = next;
		if (!append_page(all, page))
			return problem_errno(&cli->options, ENOMEM, "list");
	}
	if (r != CLI_OK)
		return r;
	if (json_object_set_new(all, "next", json_null()) < 0)
		return problem_errno(&cli->options, ENOMEM, "list");
	*ret_reply = all;
	all = NULL;
	return CLI_OK;
}

/* ---- streams ------------------------------------------------------------- */

/* Cuts the bytes of a stream into lines. */
struct line_cutter {
	client_line_fn on_line;
	void *arg;
	char *pending; /* owns; the beginning of a line */
	size_t length;
	bool out_of_memory;
};

enum { LINE_MAX_BYTES = 1 << 20 };

static bool keep_partial(struct line_cutter *cutter, const char *data, size_t size)
{
	char *grown;

	if (cutter->length + size > LINE_MAX_BYTES)
		return false;
	grown = realloc(cutter->pending, cutter->length + size + 1);
	if (!grown)
		return false;
	memcpy(grown + cutter->length, data, size);
	cutter->pending = grown;
	cutter->length += size;
	grown[cutter->length] = '\0';
	return true;
}

static bool on_stream_data(void *arg, const char *data, size_t size)
{
	struct line_cutter *cutter = arg;

	while (size > 0) {
		const char *end = memchr(data, '\n', size);
		size_t part = end ? (size_t)(end - data) : size;

		if (!keep_partial(cutter, data, part)) {
			cutter->out_of_memory = true;
			return false;
		}
		if (!end)
			return true;
		if (cutter->length > 0 && !cutter->on_line(cutter->arg, cutter->pending))
			return false;
		cutter->length = 0;
		data += part + 1;
		size -= part + 1;
	}
	return true;
}

enum cli_exit client_stream_bytes(struct cli *cli, const char *target, http_data_fn on_data,
	void *arg, const struct http_side *side)
{
	struct http_request request = {
		.method = "GET",
		.target = target,
		.timeout_ns = cli->options.timeout_ns,
		.stream = true,
		.on_data = on_data,
		.arg = arg,
		.side = side,
	};
	struct http_reply reply;
	enum cli_exit r = perform(cli, &request, &reply);

	http_reply_deinit(&reply);
	return r;
}

enum cli_exit client_stream(struct cli *cli, const char *target, client_line_fn on_line, void *arg,
	const struct http_side *side)
{
	struct line_cutter cutter = {.on_line = on_line, .arg = arg};
	enum cli_exit r = client_stream_bytes(cli, target, on_stream_data, &cutter, side);

	free(cutter.pending);
	if (r == CLI_OK && cutter.out_of_memory)
		return problem_errno(&cli->options, ENOMEM, "event stream");
	return r;
}
