/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Making hvd misbehave on purpose: POST and DELETE /v1/faults. What there is to see of faults is a
 * node class (vmm/fault_info.c).
 */
#include <errno.h>
#include <stdio.h>
#include "common/clock.h"
#include "common/field.h"
#include "common/parse.h"
#include "hvdef/hv_synic.h"
#include "hvdef/vmbus.h"
#include "inspect/actions.h"
#include "inspect/json.h"
#include "inspect/operation.h"
#include "inspect/rest.h"
#include "inspect/server.h"
#include "vmm/fault_info.h"
#include "vmm/message_names.h"
#include "vmm/vm.h"

/* The main loop may be waiting for a VP to park. */
#define PATIENCE_NS (5 * NSEC_PER_SEC)

/* The parts of struct fault_spec that a client gives. */
struct fault_values {
	uint32_t kind, relid, vp, sint, message, direction;
	uint32_t count, status;
	uint64_t for_ns, delay_ns;
};

static const struct param fault_rows[] = {
	{PARAM_C(struct fault_values, kind, fault_kind_names, "What goes wrong; see fault-kinds"),
		.required = true},
	{PARAM_U(struct fault_values, relid, 1, VMBUS_RELID_MAX, "Only this channel")},
	{PARAM_U(struct fault_values, vp, 0, VM_MAX_VPS - 1, "Only this VP")},
	{PARAM_U(struct fault_values, sint, 0, HV_SINT_COUNT - 1, "Only this SINT")},
	{PARAM_C(struct fault_values, message, vmbus_message_names, "Only this channel message")},
	{PARAM_C(struct fault_values, direction, fault_direction_names,
		"in: only messages from the guest; out: only those to the guest")},
	{PARAM_U(struct fault_values, count, 1, FAULT_COUNT_MAX,
		"How often at most; without a count and a time the kind's default")},
	{PARAM_U(struct fault_values, for_ns, 1, FAULT_FOR_MAX_NS,
		"How long; without a count and a time the kind's default")},
	{PARAM_U(struct fault_values, delay_ns, 1, FAULT_DELAY_MAX_NS,
		"How long each thing is kept; default the kind's")},
	{PARAM_N(struct fault_values, status, 1, FAULT_STATUS_MAX,
		"The HV_STATUS to answer with; default the kind's")},
};
const struct param_table action_fault_body = PARAM_TABLE(
	"fault-request", "Something that hvd shall do wrong on purpose", fault_rows);

struct cleared_info {
	uint32_t ended;
};

static const struct field cleared_rows[] = {
	{FIELD_U(struct cleared_info, ended, 0, "How many faults had not ended yet")},
};
const struct field_table action_faults_reply = FIELD_TABLE(
	struct cleared_info, "faults-cleared", "What became of the faults", cleared_rows);

struct fault_operation {
	struct operation base;
	struct fault_spec spec; /* to add */
	uint64_t id;            /* to remove */
};

static struct faults *faults_of(struct operation *operation)
{
	return &operation->inspect->config.vm->faults;
}

static void reply_fault(struct operation *operation, unsigned status, const struct fault *fault)
{
	struct fault_info info;

	fault_info_fill(faults_of(operation), fault, &info);
	json_write_info(reply_json(&operation->reply, status, fault_info_table.name),
		&fault_info_table, &info);
}

/* NULL: the request has been answered. */
static struct fault_operation *new_operation(
	struct request *request, void (*run)(struct operation *operation))
{
	struct fault_operation *op;

	if (!request->inspect->config.vm) {
		problem(&request->reply, PROBLEM_UNAVAILABLE, "there is no machine");
		return NULL;
	}
	op = operation_new(request, sizeof(*op));
	if (op)
		op->base.run = run;
	return op;
}

static void submit(struct fault_operation *op)
{
	operation_submit(
		&op->base, OPERATION_ON_MAIN, clock_now_ns(&clock_monotonic) + PATIENCE_NS);
}

/* ---- add -------------------- */

static void refuse(struct reply *reply, int error, const struct fault_refusal *refusal)
{
	char pointer[32];

	snprintf(pointer, sizeof(pointer), "/%s", refusal->field);
	if (error == -EINVAL)
		problem_value(reply, PROBLEM_BAD_VALUE, pointer, "%s", refusal->text);
	else if (error == -ENOSPC)
		problem(reply, PROBLEM_TOO_MANY_FAULTS, "%s", refusal->text);
	else
		problem_value(reply, PROBLEM_FAULT_NOT_POSSIBLE, pointer, "%s", refusal->text);
}

static void run_add(struct operation *operation)
{
	struct fault_operation *op = container_of(operation, struct fault_operation, base);
	struct fault_refusal refusal;
	struct fault fault;
	int r = faults_add(faults_of(operation), &op->spec, &fault, &refusal);

	if (r < 0)
		refuse(&operation->reply, r, &refusal);
	else
		reply_fault(operation, 201, &fault);
	operation_finish(operation);
}

void action_fault_add(struct request *request)
{
	struct fault_values values = {.relid = FAULT_ANY,
		.vp = FAULT_ANY,
		.sint = FAULT_ANY,
		.message = FAULT_ANY,
		.direction = FAULT_ANY};
	struct fault_operation *op;

	if (!rest_body(request, &values))
		return;
	op = new_operation(request, run_add);
	if (!op)
		return;
	op->spec = (struct fault_spec){
		.kind = values.kind,
		.place = {values.relid, values.vp, values.sint, values.message, values.direction},
		.count = values.count,
		.status = values.status,
		.for_ns = values.for_ns,
		.delay_ns = values.delay_ns,
		.uid = request->peer_uid,
		.pid = request->peer_pid,
	};
	submit(op);
}

/* ---- remove -------------------- */

static void run_remove(struct operation *operation)
{
	struct fault_operation *op = container_of(operation, struct fault_operation, base);
	struct fault fault;

	if (faults_remove(faults_of(operation), op->id, &fault) < 0)
		problem(&operation->reply, PROBLEM_NOT_FOUND, "there is no fault with id %llu",
			(unsigned long long)op->id);
	else
		reply_fault(operation, 200, &fault);
	operation_finish(operation);
}

void action_fault_remove(struct request *request)
{
	struct fault_operation *op;
	uint64_t id;

	if (!rest_body(request, NULL))
		return;
	if (parse_u64(request->match.key[0], 1, UINT64_MAX, &id) < 0) {
		problem(&request->reply, PROBLEM_NOT_FOUND,
			"the path has a key that no fault can have");
		return;
	}
	op = new_operation(request, run_remove);
	if (!op)
		return;
	op->id = id;
	submit(op);
}

static void run_clear(struct operation *operation)
{
	const struct cleared_info info = {.ended = faults_clear(faults_of(operation))};

	json_write_info(reply_json(&operation->reply, 200, action_faults_reply.name),
		&action_faults_reply, &info);
	operation_finish(operation);
}

void action_faults_clear(struct request *request)
{
	struct fault_operation *op;

	if (!rest_body(request, NULL))
		return;
	op = new_operation(request, run_clear);
	if (op)
		submit(op);
}
