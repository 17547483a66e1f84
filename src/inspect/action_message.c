/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * POST /v1/messages: one message to a SINT, through the injector.
 *
 *	submit -> main loop: inject_start -> done on the main loop -> reply
 *	                                  -> wait_ns passes first  -> reply "busy", message stays
 */
#include "inspect/actions.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "common/clock.h"
#include "common/field.h"
#include "inspect/json.h"
#include "inspect/operation.h"
#include "inspect/rest.h"
#include "inspect/server.h"
#include "vmm/inject.h"
#include "vmm/vm.h"

#define PATIENCE_NS     (5 * NSEC_PER_SEC)
#define WAIT_DEFAULT_NS NSEC_PER_SEC
#define WAIT_MAX_NS     (60 * NSEC_PER_SEC)

struct message_values {
	struct inject_request inject;
	bool wait, dry_run;
	uint64_t wait_ns;
};

static const struct param message_rows[] = {
	{.name = "vp",
		.doc = "VP index",
		.type = PARAM_UINT,
		.required = true,
		.maximum = VM_MAX_VPS - 1,
		.offset = offsetof(struct message_values, inject.vp),
		.size = FIELD_SIZEOF(struct message_values, inject.vp)},
	{.name = "sint",
		.doc = "SINT, 0-15",
		.type = PARAM_UINT,
		.required = true,
		.maximum = HV_SINT_COUNT - 1,
		.offset = offsetof(struct message_values, inject.sint),
		.size = FIELD_SIZEOF(struct message_values, inject.sint)},
	{.name = "vtl",
		.doc = "Virtual trust level, default 0",
		.type = PARAM_UINT,
		.maximum = HV_VTL_COUNT - 1,
		.offset = offsetof(struct message_values, inject.vtl),
		.size = FIELD_SIZEOF(struct message_values, inject.vtl)},
	{.name = "type",
		.doc = "Message type, not 0; default 1, which a Linux guest ignores",
		.type = PARAM_NUMBER,
		.minimum = 1,
		.maximum = UINT32_MAX,
		.offset = offsetof(struct message_values, inject.type),
		.size = FIELD_SIZEOF(struct message_values, inject.type)},
	{.name = "payload",
		.doc = "Hex digits, at most 240 bytes; default eight zero bytes",
		.type = PARAM_BYTES,
		.maximum = HV_MESSAGE_PAYLOAD_MAX,
		.offset = offsetof(struct message_values, inject.payload),
		.count_offset = offsetof(struct message_values, inject.payload_size)},
	{.name = "assert_only",
		.doc = "Raise the SINT's vector without a message",
		.type = PARAM_BOOL,
		.offset = offsetof(struct message_values, inject.assert_only),
		.size = sizeof(bool)},
	{.name = "force",
		.doc = "Queue it although the SINT is masked or the SynIC is off",
		.type = PARAM_BOOL,
		.offset = offsetof(struct message_values, inject.force),
		.size = sizeof(bool)},
	{PARAM_B(struct message_values, wait, "Wait for the delivery; default true")},
	{PARAM_U(struct message_values, wait_ns, 0, WAIT_MAX_NS,
		"How long to wait, default 1000000000; then the answer is busy and the message stays "
		"queued")},
	{PARAM_B(struct message_values, dry_run, "Only say what would happen")},
};
const struct param_table action_message_body = PARAM_TABLE(
	"message-request", "A message to a SINT", message_rows);

enum message_result {
	MESSAGE_DELIVERED,
	MESSAGE_BUSY,
	MESSAGE_ACCEPTED,
	MESSAGE_ASSERTED,
	MESSAGE_WOULD_DELIVER,
	MESSAGE_WOULD_QUEUE,
};
static const char *const message_result_names[] = {
	"delivered", "busy", "accepted", "asserted", "would_deliver", "would_queue", NULL};

struct message_reply {
	uint8_t result;
	uint32_t vp;
	uint8_t vtl, sint;
	uint32_t type, payload_size;
	int32_t status;
	uint64_t latency_ns;
	uint32_t queue_depth;
	char detail[128];
};

static const struct field message_reply_rows[] = {
	{FIELD_E(struct message_reply, result, 0, message_result_names,
		"delivered, asserted: done. busy: the slot is occupied, the pending flag is set, and the "
		"message is delivered once, in order, after the guest's EOM. accepted: nobody waited. "
		"would_deliver, would_queue: dry run")},
	{FIELD_U(struct message_reply, vp, 0, "VP index")},
	{FIELD_U(struct message_reply, vtl, 0, "Virtual trust level")},
	{FIELD_U(struct message_reply, sint, 0, "SINT")},
	{FIELD_X(struct message_reply, type, 0, "Message type")},
	{FIELD_U(struct message_reply, payload_size, 0, "Bytes of payload")},
	{FIELD_I(struct message_reply, status, 0, "0, or the negative errno that delays it")},
	{FIELD_U(struct message_reply, latency_ns, FIELD_NULLABLE,
		"From the request to the slot; null when it is not there")},
	{FIELD_U(struct message_reply, queue_depth, 0, "Messages waiting for this slot")},
	{FIELD_S(struct message_reply, detail, FIELD_NULLABLE, "In words")},
};
const struct field_table action_message_reply = FIELD_TABLE(struct message_reply, "message-result",
	"What became of a message to a SINT", message_reply_rows);

struct message_operation {
	struct operation base;
	struct message_values values; /* constant once submitted */
};

static void reply_message(struct reply *reply, unsigned status, const struct inject_request *inject,
	enum message_result result, const struct inject_result *outcome, const char *detail)
{
	bool done = result == MESSAGE_DELIVERED || result == MESSAGE_ASSERTED;
	struct message_reply info = {
		.result = (uint8_t)result,
		.vp = inject->vp,
		.vtl = inject->vtl,
		.sint = inject->sint,
		.type = inject->type,
		.payload_size = (uint32_t)inject->payload_size,
		.status = outcome->status,
		.latency_ns = done ? outcome->latency_ns : UINT64_MAX,
		.queue_depth = outcome->queue_depth,
	};

	snprintf(info.detail, sizeof(info.detail), "%s", detail);
	json_write_info(
		reply_json(reply, status, action_message_reply.name), &action_message_reply, &info);
}

static void refuse_message(struct reply *reply, const struct inject_request *inject,
	const struct inject_result *result)
{
	switch (result->outcome) {
	case INJECT_SINT_MASKED:
		problem(reply, PROBLEM_SINT_MASKED, "SINT %u of VP %u", inject->sint, inject->vp);
		break;
	case INJECT_SYNIC_DISABLED:
		problem(reply, PROBLEM_SYNIC_DISABLED, "VP %u, VTL %u", inject->vp, inject->vtl);
		break;
	case INJECT_SIMP_DISABLED:
		problem(reply, PROBLEM_SIMP_DISABLED, "VP %u, VTL %u", inject->vp, inject->vtl);
		break;
	case INJECT_QUEUE_FULL:
		problem(reply, PROBLEM_QUEUE_FULL, "%u messages wait", result->queue_depth);
		break;
	case INJECT_CANCELED:
		problem(reply, PROBLEM_VP_RESET, "the message was dropped");
		break;
	case INJECT_NO_VP:
		problem_value(reply, PROBLEM_BAD_VALUE, "/vp", "there is no VP %u", inject->vp);
		break;
	case INJECT_INVALID:
		problem_value(
			reply, PROBLEM_BAD_VALUE, "/vtl", "this VP has no VTL %u", inject->vtl);
		break;
	case INJECT_FAILED:
	case INJECT_DELIVERED:
	case INJECT_BUSY:
	case INJECT_ASSERTED:
		problem(reply, PROBLEM_DELIVERY_FAILED, "%s", strerror(-result->status));
		break;
	}
}

/* With KVM's SynIC a mask is not seen before the message is in its slot. */
static const char *delivered_in_words(struct vm *vm, const struct inject_request *inject)
{
	if (synic_owes(synic_find(vm, inject->vp, inject->vtl), inject->sint))
		return "in the slot; its interrupt is owed, the SINT is masked or the SynIC is off";
	return "in the slot";
}

static void on_injected(void *arg, const struct inject_result *result)
{
	struct message_operation *op = arg;
	const struct inject_request *inject = &op->values.inject;
	struct reply *reply = &op->base.reply;

	if (result->outcome == INJECT_DELIVERED)
		reply_message(reply, 200, inject, MESSAGE_DELIVERED, result,
			delivered_in_words(op->base.inspect->config.vm, inject));
	else if (result->outcome == INJECT_ASSERTED)
		reply_message(
			reply, 200, inject, MESSAGE_ASSERTED, result, "the vector was raised");
	else
		refuse_message(reply, inject, result);
	operation_finish(&op->base);
}

static void ignore_injected(void *arg, const struct inject_result *result)
{
}

/* HTTP thread, after wait_ns: the message stays queued, and nobody needs to hear of it any more. */
static void message_waits(struct operation *operation, struct reply *reply)
{
	struct message_operation *op = container_of(operation, struct message_operation, base);
	const struct inject_request *inject = &op->values.inject;
	struct inject_result now = {0};

	inject_check(operation->inspect->config.vm, inject, &now);
	now.status = -EAGAIN;
	if (now.outcome == INJECT_BUSY)
		reply_message(reply, 202, inject, MESSAGE_BUSY, &now,
			"the slot is occupied; delivered after the guest's EOM");
	else
		reply_message(
			reply, 202, inject, MESSAGE_ACCEPTED, &now, "queued, not delivered yet");
	if (inject_forget(operation->inspect->config.injector, op))
		operation_finish(operation);
}

static void check_message(struct message_operation *op)
{
	const struct inject_request *inject = &op->values.inject;
	struct reply *reply = &op->base.reply;
	struct inject_result result;

	inject_check(op->base.inspect->config.vm, inject, &result);
	if (result.outcome == INJECT_DELIVERED || result.outcome == INJECT_ASSERTED)
		reply_message(
			reply, 200, inject, MESSAGE_WOULD_DELIVER, &result, "nothing was done");
	else if (result.outcome == INJECT_BUSY)
		reply_message(reply, 200, inject, MESSAGE_WOULD_QUEUE, &result, "nothing was done");
	else
		refuse_message(reply, inject, &result);
	operation_finish(&op->base);
}

static void run_message(struct operation *operation)
{
	struct message_operation *op = container_of(operation, struct message_operation, base);
	const struct message_values *values = &op->values;
	struct injector *injector = operation->inspect->config.injector;
	struct inject_result result = {0};
	int r;

	if (!action_guest_lives(operation))
		return;
	if (values->dry_run) {
		check_message(op);
		return;
	}
	r = inject_start(injector, &values->inject, values->wait ? on_injected : ignore_injected,
		op, &result);
	if (r == 0 && values->wait)
		return; /* on_injected() has finished it or will */
	if (r == 0)
		reply_message(&operation->reply, 202, &values->inject, MESSAGE_ACCEPTED, &result,
			"nobody waits for it");
	else
		refuse_message(&operation->reply, &values->inject, &result);
	operation_finish(operation);
}

void action_message(struct request *request)
{
	struct message_values values = {
		.inject = {.type = 1, .payload_size = 8},
		.wait = true,
		.wait_ns = WAIT_DEFAULT_NS,
	};
	struct message_operation *op;
	bool waits;

	if (!rest_body(request, &values))
		return;
	if (!request->inspect->config.vm || !request->inspect->config.injector) {
		problem(&request->reply, PROBLEM_UNAVAILABLE, "there is no machine");
		return;
	}
	op = operation_new(request, sizeof(*op));
	if (!op)
		return;
	op->values = values;
	op->base.run = run_message;
	op->values.wait = values.wait && values.wait_ns > 0;
	waits = op->values.wait && !values.dry_run;
	op->base.expired = waits ? message_waits : NULL;
	operation_submit(&op->base, OPERATION_ON_MAIN,
		clock_now_ns(&clock_monotonic) + (waits ? values.wait_ns : PATIENCE_NS));
}
