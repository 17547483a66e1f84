/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a client may ask of the guest through an integration component: POST
 * /v1/ic/{name}/{request}. The answer is the guest's; it is waited for.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "common/clock.h"
#include "common/field.h"
#include "inspect/actions.h"
#include "inspect/json.h"
#include "inspect/operation.h"
#include "inspect/rest.h"
#include "inspect/server.h"
#include "vmbus/ic.h"

/* Longer than a component waits for its guest, shorter than hvctl waits for us. */
#define PATIENCE_NS (4900 * NSEC_PER_MSEC)

struct ic_values {
	bool force;
};

static const struct param ic_rows[] = {
	{PARAM_B(struct ic_values, force,
		"shutdown only: programs of the guest cannot object; default false")},
};
const struct param_table action_ic_body = PARAM_TABLE(
	"ic-request", "What is asked of the guest", ic_rows);

struct ic_reply_info {
	char name[16], request[16];
	uint32_t status;
	uint64_t latency_ns;
	char detail[64];
};

static const struct field ic_reply_rows[] = {
	{FIELD_S(struct ic_reply_info, name, 0, "The integration component")},
	{FIELD_S(struct ic_reply_info, request, 0, "What was asked")},
	{FIELD_X(struct ic_reply_info, status, 0, "The guest's status, 0x0")},
	{FIELD_U(struct ic_reply_info, latency_ns, 0, "From the request to the guest's answer")},
	{FIELD_S(struct ic_reply_info, detail, FIELD_NULLABLE, "What the answer means, in words")},
};
const struct field_table action_ic_reply = FIELD_TABLE(struct ic_reply_info, "ic-result",
	"What the guest answered to a request through an integration component", ic_reply_rows);

struct ic_operation {
	struct operation base;
	enum ic_component component;
	struct ic_call call;
};

static const struct ic_ops *ops_of(const struct ic_operation *op)
{
	return ic_components[op->component];
}

/* ---- the answer ------------------------------------------------------------------------------ */

static void reply_answered(struct ic_operation *op, const struct ic_answer *answer)
{
	const struct ic_ops *ops = ops_of(op);
	struct ic_reply_info info = {.status = answer->status, .latency_ns = answer->latency_ns};

	snprintf(info.name, sizeof(info.name), "%s", ops->kind->name);
	snprintf(info.request, sizeof(info.request), "%s", ops->requests[op->call.request]);
	snprintf(info.detail, sizeof(info.detail), "%s", ops->answered);
	json_write_info(
		reply_json(&op->base.reply, 200, action_ic_reply.name), &action_ic_reply, &info);
}

/* Main loop, with the bus's lock held. */
static void on_answer(void *arg, const struct ic_answer *answer)
{
	struct ic_operation *op = arg;
	struct reply *reply = &op->base.reply;

	switch (answer->outcome) {
	case IC_ANSWERED:
		reply_answered(op, answer);
		break;
	case IC_REFUSED:
		problem(reply, PROBLEM_GUEST_REFUSED, "the guest's status is 0x%x", answer->status);
		break;
	case IC_BAD_ANSWER:
		problem(reply, PROBLEM_GUEST_REFUSED,
			"what the guest answered does not fit what was asked");
		break;
	case IC_LOST:
		problem(reply, PROBLEM_TIMEOUT, "the guest did not answer");
		break;
	case IC_ENDED:
		problem(reply, PROBLEM_IC_NOT_READY, "the channel was closed meanwhile");
		break;
	}
	operation_finish(&op->base);
}

static void refuse(struct ic_operation *op, int condition)
{
	struct reply *reply = &op->base.reply;
	const char *name = ops_of(op)->kind->name;

	if (condition == -ENOENT)
		problem(reply, PROBLEM_NOT_FOUND, "there is no device %s", name);
	else if (condition == IC_E_BUSY)
		problem(reply, PROBLEM_IC_BUSY, "another request to %s is under way", name);
	else if (condition == IC_E_BEHIND)
		problem(reply, PROBLEM_IC_BUSY, "the guest has not read the last packet of %s",
			name);
	else
		problem(reply, PROBLEM_IC_NOT_READY, "%s has agreed on no version", name);
	operation_finish(&op->base);
}

static void run_ic(struct operation *operation)
{
	struct ic_operation *op = container_of(operation, struct ic_operation, base);
	int r;

	if (!action_guest_lives(operation))
		return;
	r = ic_request(operation->inspect->config.bus, op->component, &op->call, on_answer, op);
	if (r != 0)
		refuse(op, r);
}

/* ---- the request ----------------------------------------------------------------------------- */

static bool find_component(const char *name, enum ic_component *ret_component)
{
	for (unsigned i = 0; i < IC_COMPONENTS; i++) {
		if (strcmp(ic_components[i]->kind->name, name) == 0) {
			*ret_component = (enum ic_component)i;
			return true;
		}
	}
	return false;
}

static bool find_request(enum ic_component component, const char *name, unsigned *ret_request)
{
	const char *const *names = ic_components[component]->requests;

	for (unsigned i = 0; names[i]; i++) {
		if (strcmp(names[i], name) == 0) {
			*ret_request = i;
			return true;
		}
	}
	return false;
}

static bool read_request(
	struct request *request, enum ic_component *ret_component, struct ic_call *ret_call)
{
	struct ic_values values = {0};
	enum ic_component component;
	struct ic_call call = {0};

	if (!rest_body(request, &values))
		return false;
	if (!request->inspect->config.bus || !find_component(request->match.key[0], &component) ||
		!find_request(component, request->match.key[1], &call.request)) {
		problem(&request->reply, PROBLEM_NOT_FOUND,
			"no integration component here can be asked for that");
		return false;
	}
	if (values.force && !ic_components[component]->takes_force) {
		problem_value(&request->reply, PROBLEM_BAD_VALUE, "/force", "%s cannot be forced",
			request->match.key[1]);
		return false;
	}
	call.force = values.force;
	*ret_component = component;
	*ret_call = call;
	return true;
}

void action_ic(struct request *request)
{
	enum ic_component component;
	struct ic_operation *op;
	struct ic_call call;

	if (!read_request(request, &component, &call))
		return;
	op = operation_new(request, sizeof(*op));
	if (!op)
		return;
	op->component = component;
	op->call = call;
	op->base.run = run_ic;
	operation_submit(
		&op->base, OPERATION_ON_MAIN, clock_now_ns(&clock_monotonic) + PATIENCE_NS);
}
