/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs of the device echo: POST /v1/echo/run and /v1/echo/stop. A run may take minutes; it is begun
 * here, and watched as the node echo/{relid}.
 */
#include <errno.h>
#include <string.h>
#include "common/clock.h"
#include "inspect/actions.h"
#include "inspect/json.h"
#include "inspect/operation.h"
#include "inspect/rest.h"
#include "inspect/server.h"
#include "vmbus/echo.h"

#define PATIENCE_NS (5 * NSEC_PER_SEC)

struct echo_values {
	uint32_t relid; /* 0: the only one */
	struct echo_run run;
};

static const struct param run_rows[] = {
	{PARAM_U(struct echo_values, relid, 1, VMBUS_RELID_MAX,
		"The device's channel; may be left away where there is one device")},
	{.name = "count",
		.doc = "Packets to send, default 1000",
		.type = PARAM_UINT,
		.offset = offsetof(struct echo_values, run.count),
		.size = sizeof(uint64_t),
		.minimum = 1,
		.maximum = ECHO_COUNT_MAX},
	{.name = "size",
		.doc = "Bytes of payload in each, default 64",
		.type = PARAM_UINT,
		.offset = offsetof(struct echo_values, run.size),
		.size = sizeof(uint32_t),
		.minimum = sizeof(struct vmbus_echo_header),
		.maximum = VMBUS_ECHO_SIZE_MAX},
	{.name = "window",
		.doc = "How many may be unanswered at a time, default 16",
		.type = PARAM_UINT,
		.offset = offsetof(struct echo_values, run.window),
		.size = sizeof(uint32_t),
		.minimum = 1,
		.maximum = ECHO_WINDOW_MAX},
	{.name = "patience_ns",
		.doc = "After that a packet is lost; when nothing came back in that time, the run "
		       "ends; default 5 s",
		.type = PARAM_UINT,
		.offset = offsetof(struct echo_values, run.patience_ns),
		.size = sizeof(uint64_t),
		.minimum = 1,
		.maximum = ECHO_PATIENCE_MAX},
};
const struct param_table action_echo_run_body = PARAM_TABLE(
	"echo-run-request", "Packets to exchange with the guest", run_rows);

static const struct param stop_rows[] = {
	{PARAM_U(struct echo_values, relid, 1, VMBUS_RELID_MAX,
		"The device's channel; may be left away where there is one device")},
};
const struct param_table action_echo_stop_body = PARAM_TABLE(
	"echo-stop-request", "Which run to end", stop_rows);

struct echo_operation {
	struct operation base;
	enum api_action action;
	struct echo_values values;
};

static void reply_echo(struct echo_operation *op, uint32_t relid)
{
	const struct field_table *table = echo_node_class.fields;
	struct reply *reply = &op->base.reply;
	const uint64_t key = relid;
	struct echo_info info;

	if (echo_node_class.get(op->base.inspect->config.bus, &key, &info) < 0)
		problem(reply, PROBLEM_NOT_FOUND, "the device is gone");
	else
		json_write_info(
			reply_json(reply, op->action == API_ECHO_RUN ? 202 : 200, table->name),
			table, &info);
}

static void refuse(struct echo_operation *op, int condition)
{
	struct reply *reply = &op->base.reply;

	switch (condition) {
	case ECHO_E_CLOSED:
		problem(reply, PROBLEM_ECHO_CLOSED,
			"no program in the guest has opened the channel");
		break;
	case ECHO_E_BUSY:
		problem(reply, PROBLEM_ECHO_BUSY, "a run is under way");
		break;
	case ECHO_E_SIZE:
		problem_value(reply, PROBLEM_BAD_VALUE, "/size",
			"the guest's ring never holds such a packet");
		break;
	case ECHO_E_SEVERAL:
		problem_value(
			reply, PROBLEM_BAD_VALUE, "/relid", "there are several: say which one");
		break;
	default:
		problem(reply, PROBLEM_NOT_FOUND, "there is no such device echo");
		break;
	}
}

static void run_echo(struct operation *operation)
{
	struct echo_operation *op = container_of(operation, struct echo_operation, base);
	struct vmbus *bus = operation->inspect->config.bus;
	const struct echo_values *values = &op->values;
	uint32_t relid;
	int r;

	if (!action_guest_lives(operation))
		return;
	r = op->action == API_ECHO_RUN ? echo_start(bus, values->relid, &values->run, &relid)
				       : echo_stop(bus, values->relid, &relid);
	if (r == 0)
		reply_echo(op, relid);
	else
		refuse(op, r);
	operation_finish(operation);
}

void action_echo(struct request *request)
{
	struct echo_values values = {
		.run = {.count = 1000, .size = 64, .window = 16, .patience_ns = 5 * NSEC_PER_SEC}};
	struct echo_operation *op;

	if (!rest_body(request, &values))
		return;
	if (!request->inspect->config.bus) {
		problem(&request->reply, PROBLEM_NOT_FOUND, "there is no VMBus");
		return;
	}
	op = operation_new(request, sizeof(*op));
	if (!op)
		return;
	op->action = request->route->action;
	op->values = values;
	op->base.run = run_echo;
	operation_submit(
		&op->base, OPERATION_ON_MAIN, clock_now_ns(&clock_monotonic) + PATIENCE_NS);
}
