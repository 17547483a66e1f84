/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/actions.h"
#include "cli/client.h"
#include "cli/endpoint.h"
#include "cli/interrupt.h"
#include "cli/problem.h"
#include "cli/render.h"
#include "cli/request.h"
#include "cli/select.h"
#include "cli/text.h"
#include "common/cleanup.h"
#include "common/clock.h"

#define PROBE_LIMIT_NS  (2 * NSEC_PER_SEC)
#define WAIT_POLL_NS    (50 * NSEC_PER_MSEC)
#define WAIT_DEFAULT_NS (60 * NSEC_PER_SEC)

/* ---- looking at a VM that may not be there ------------------------------- */

static struct cli_options probe_options(const struct cli *cli)
{
	struct cli_options options = cli->options;

	options.silent = true;
	options.curl = false;
	options.timeout_ns = MIN(options.timeout_ns, PROBE_LIMIT_NS);
	return options;
}

/* One GET /v1/vm on a connection of its own, nothing told. `socket` NULL: found by the options. */
static enum cli_exit probe_vm(const struct cli *cli, const char *socket, json_t **ret_vm)
{
	struct cli probe = {
		.options = probe_options(cli), .socket = socket ? strdup(socket) : NULL};
	enum cli_exit r;

	if (socket && !probe.socket)
		return CLI_INTERNAL;
	r = client_request(&probe, "GET", "/v1/vm", NULL, NULL, ret_vm);
	client_close(&probe);
	return r;
}

/* ---- vms list ------------------------------------------------------------ */

static const char *describe_failure(enum cli_exit failure)
{
	switch (failure) {
	case CLI_NO_CONNECTION:
		return "gone";
	case CLI_DENIED:
		return "not permitted";
	case CLI_TIMEOUT:
		return "timeout";
	default:
		return "no proper answer";
	}
}

/* What cannot be had of a VM is null, and the reason stands in "error". */
static enum cli_exit list_vm(struct cli *cli, const struct endpoint *endpoint, json_t *items)
{
	json_auto_t *item = NULL;
	enum cli_exit r = probe_vm(cli, endpoint->socket, &item);
	json_t *error = r == CLI_OK ? json_null() : json_string(describe_failure(r));

	if (r == CLI_INTERRUPTED) {
		json_decref(error);
		return r;
	}
	if (!json_is_object(item)) {
		json_decref(item);
		item = json_pack("{s:s, s:n, s:n, s:n, s:n, s:n, s:n}", "name", endpoint->name,
			"state", "accel", "synic_mode", "vp_count", "memory_bytes", "uptime_ns");
	}
	if (json_object_set_new(item, "error", error) < 0 ||
		json_object_set_new(item, "socket", json_string(endpoint->socket)) < 0 ||
		json_array_append(items, item) < 0)
		return problem_errno(&cli->options, ENOMEM, "vms list");
	return CLI_OK;
}

enum cli_exit run_vms_list(struct cli *cli, const struct invocation *invocation)
{
	json_auto_t *reply = json_pack("{s:[], s:n, s:n}", "items", "seq", "next");
	struct endpoint *list = NULL;
	size_t count = 0;
	enum cli_exit r;

	if (cli->options.curl)
		return problem_usage(&cli->options, "\"hvctl vm show --curl\" asks one VM",
			"\"vms list\" looks at sockets and is no single request");
	r = endpoint_list(&cli->options, &list, &count);
	for (size_t i = 0; i < count && r == CLI_OK; i++)
		r = list_vm(cli, &list[i], json_object_get(reply, "items"));
	if (r == CLI_OK && count == 0)
		render_note(cli, "no VM runs; \"hvd --demo\" starts one\n");
	endpoint_list_free(list, count);
	return r == CLI_OK ? render_reply(cli, invocation->command, reply) : r;
}

/* ---- vm pause, resume, reset, shutdown ----------------------------------- */

/* The state in a sentence; the whole object when a format was chosen. */
static enum cli_exit render_vm(
	struct cli *cli, const struct invocation *invocation, const json_t *vm)
{
	if (cli->options.format != CLI_FORMAT_TABLE || cli->options.columns)
		return render_object(cli, invocation->command, vm);
	if (cli->options.quiet)
		return CLI_OK;
	fputs("VM ", stdout);
	text_put_value(stdout, "", json_object_get(vm, "name"));
	fputs(" is ", stdout);
	text_put_value(stdout, "", json_object_get(vm, "state"));
	fputc('\n', stdout);
	return CLI_OK;
}

enum cli_exit run_vm_action(struct cli *cli, const struct invocation *invocation)
{
	json_auto_t *empty = json_object(), *vm = NULL;
	enum cli_exit r = client_request(cli, "POST", invocation->command->path, empty, NULL, &vm);

	return r == CLI_OK ? render_vm(cli, invocation, vm) : r;
}

/* ---- vm wait ------------------------------------------------------------- */

/* Time is up: say what was seen last, or why nothing was. */
static enum cli_exit report_wait_timeout(
	struct cli *cli, const char *wanted, const json_t *last, enum cli_exit failure)
{
	const char *state = json_string_value(json_object_get(last, "state"));

	if (!last && failure == CLI_TIMEOUT)
		return problem_report(&cli->options, CLI_TIMEOUT, "timeout",
			"--timeout DURATION waits longer",
			"hvd is there and did not answer in time");
	if (!last)
		return problem_report(&cli->options, CLI_NO_CONNECTION, "no_vm",
			"\"hvctl vms list\" shows what runs", "no VM answered in time");
	return problem_report(&cli->options, CLI_TIMEOUT, "timeout",
		"--timeout DURATION waits longer", "the VM is %s; %s did not come true in time",
		state ? state : "in no known state", wanted);
}

/*
 * A daemon may be starting or busy, and one that was seen may be stopping, which it says with a 503;
 * everything else would only repeat itself.
 */
static bool may_pass(enum cli_exit failure, bool seen)
{
	return failure == CLI_NO_CONNECTION || failure == CLI_TIMEOUT ||
	       (failure == CLI_INTERNAL && seen);
}

/* An hvd that was seen and went away has stopped: with --on-stop exit that is how one learns it. */
static enum cli_exit check_gone(
	struct cli *cli, const char *wanted, json_t *last, bool *ret_matches)
{
	if (json_object_set_new(last, "state", json_string("stopped")) < 0)
		return problem_errno(&cli->options, ENOMEM, "vm wait");
	return select_matches(&cli->options, "--for", wanted, last, ret_matches);
}

enum cli_exit run_vm_wait(struct cli *cli, const struct invocation *invocation)
{
	const char *wanted = invocation_value(invocation, "for")->text;
	uint64_t limit_ns = cli->options.timeout_given ? cli->options.timeout_ns : WAIT_DEFAULT_NS;
	uint64_t start_ns = clock_now_ns(&clock_monotonic);
	json_auto_t *last = NULL;
	enum cli_exit known = select_check(&cli->options, "--for", wanted, "vm");

	if (known != CLI_OK)
		return known;
	if (cli->options.curl)
		return client_request(cli, "GET", "/v1/vm", NULL, NULL, &last);
	for (;;) {
		json_t *vm = NULL;
		bool matches = false;
		enum cli_exit r = probe_vm(cli, NULL, &vm), checked = CLI_OK;

		if (r == CLI_OK) {
			json_decref(last);
			last = vm;
			checked = select_matches(&cli->options, "--for", wanted, last, &matches);
		} else if (r == CLI_NO_CONNECTION && last) {
			checked = check_gone(cli, wanted, last, &matches);
		} else if (!may_pass(r, last)) {
			/* Once more, this time told. */
			return r == CLI_INTERRUPTED
				       ? r
				       : client_request(cli, "GET", "/v1/vm", NULL, NULL, &vm);
		}
		if (checked != CLI_OK || matches)
			return checked != CLI_OK ? checked : render_vm(cli, invocation, last);
		if (clock_now_ns(&clock_monotonic) - start_ns >= limit_ns)
			return report_wait_timeout(cli, wanted, last, r);
		if (!interrupt_sleep(WAIT_POLL_NS))
			return CLI_INTERRUPTED;
	}
}

/* ---- synic show, sints list, devices kinds ------------------------------- */

/* What the narrow path leads to is an object, the other a list of them. */
enum cli_exit run_one_or_all(struct cli *cli, const struct invocation *invocation)
{
	CLEANUP(free) char *target = request_target(invocation);
	json_auto_t *reply = NULL;
	enum cli_exit r;

	if (!target)
		return problem_errno(&cli->options, ENOMEM, invocation->command->noun);
	if (request_is_narrow(invocation))
		r = client_request(cli, "GET", target, NULL, NULL, &reply);
	else
		r = client_get_list(cli, target, &reply);
	return r == CLI_OK ? render_reply(cli, invocation->command, reply) : r;
}

enum cli_exit run_sints_list(struct cli *cli, const struct invocation *invocation)
{
	CLEANUP(free) char *target = request_target(invocation);
	json_auto_t *reply = NULL;
	json_t *items;
	enum cli_exit r;

	if (!target)
		return problem_errno(&cli->options, ENOMEM, "sints list");
	r = client_get_list(cli, target, &reply);
	if (r != CLI_OK)
		return r;
	if (cli->options.format != CLI_FORMAT_TABLE || cli->options.columns)
		return render_reply(cli, invocation->command, reply);
	items = json_object_get(reply, "items");
	r = select_apply(&cli->options, items);
	if (r == CLI_OK)
		r = render_sint_matrix(cli, items);
	return r == CLI_OK ? render_list_errors(cli, reply) : r;
}
