/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Requests to the daemon as commands make them: JSON in, JSON out, failures reported.
 *
 * Purpose: finds the socket at the first request, prints the curl command instead under --curl,
 *          follows pages, answers out of a snapshot (--from), and turns every failure into a problem and an exit code.
 * Threads: one.
 * Errors:  enum cli_exit; CLI_STOP after --curl printed the request.
 */
#include <jansson.h>
#include "cli/cli.h"
#include "cli/http.h"

/*
 * `body` may be NULL. `ret_status` may be NULL; it is always 2xx. `ret_reply` is a new reference.
 */
enum cli_exit client_request(struct cli *cli, const char *method, const char *target,
	const json_t *body, long *ret_status, json_t **ret_reply) MUST_CHECK;
/* Gets a list with all its pages: one object with all items, the first page's seq, next null. */
enum cli_exit client_get_list(struct cli *cli, const char *target, json_t **ret_reply) MUST_CHECK;
/* Gets something that need not be JSON. `body` is sent as it is. The caller deinits `ret_reply`. */
enum cli_exit client_raw(struct cli *cli, const char *method, const char *target, const char *body,
	struct http_reply *ret_reply) MUST_CHECK;
/*
 * Feeds `on_line` with the lines of a stream until it returns false or the stream ends. `side` has
 * its turn whenever the stream is waited for; it may be NULL.
 */
typedef bool (*client_line_fn)(void *arg, const char *line);
enum cli_exit client_stream(struct cli *cli, const char *target, client_line_fn on_line, void *arg,
	const struct http_side *side) MUST_CHECK;
/* The same with the bytes as they come, which need not be text. */
enum cli_exit client_stream_bytes(struct cli *cli, const char *target, http_data_fn on_data,
	void *arg, const struct http_side *side) MUST_CHECK;
/* Closes the connection and forgets the socket. */
void client_close(struct cli *cli);

/*
 * Writes `text` percent-encoded: everything but unreserved characters; '/' too when `keep_slash`.
 */
void client_put_encoded(FILE *out, const char *text, bool keep_slash);
