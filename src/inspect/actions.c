/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inspect/actions.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "common/clock.h"
#include "common/field.h"
#include "inspect/json.h"
#include "inspect/operation.h"
#include "inspect/resource.h"
#include "inspect/rest.h"
#include "inspect/server.h"
#include "hvdef/hv_msr.h"
#include "vmm/hypercall.h"
#include "vmm/vm.h"

/* What the main loop does is quick; a pause waits a second for its VPs. */
#define ACTION_PATIENCE_NS (5 * NSEC_PER_SEC)

static bool has_vm(struct request *request)
{
	if (request->inspect->config.vm)
		return true;
	problem(&request->reply, PROBLEM_UNAVAILABLE, "there is no machine");
	return false;
}

static struct vm *vm_of(struct operation *operation)
{
	return operation->inspect->config.vm;
}

bool action_guest_lives(struct operation *operation)
{
	if (atomic_load(&vm_of(operation)->state) != VM_STOPPED)
		return true;
	problem(&operation->reply, PROBLEM_WRONG_STATE,
		"the VM has stopped: nothing reaches its guest");
	operation_finish(operation);
	return false;
}

static uint64_t patience(void)
{
	return clock_now_ns(&clock_monotonic) + ACTION_PATIENCE_NS;
}

/* ---- lifecycle ------------------------------------------------------------------------------ */

struct vm_operation {
	struct operation base;
	enum api_action action;
};

static const char *state_name(struct vm *vm)
{
	switch ((enum vm_state)atomic_load(&vm->state)) {
	case VM_CREATED:
		return "created";
	case VM_RUNNING:
		return "running";
	case VM_PAUSED:
		return "paused";
	case VM_STOPPED:
		return "stopped";
	}
	return "in no known state";
}

static int change_vm(struct vm *vm, enum api_action action)
{
	switch (action) {
	case API_VM_PAUSE:
		return vm_pause(vm);
	case API_VM_RESUME:
		return vm_resume(vm);
	case API_VM_RESET:
		return vm_reset(vm);
	case API_VM_SHUTDOWN:
		return vm_shutdown(vm);
	case API_NONE:
	case API_PATCH:
	case API_MESSAGE:
	case API_EVENT:
	case API_POST_MESSAGE:
	case API_SIGNAL_EVENT:
	case API_IC_REQUEST:
	case API_DEVICE_ADD:
	case API_DEVICE_REMOVE:
	case API_ECHO_RUN:
	case API_ECHO_STOP:
	case API_FAULT_ADD:
	case API_FAULT_REMOVE:
	case API_FAULTS_CLEAR:
	case API_CHANNEL_UNSTICK:
	case API_CHANNEL_RESCIND:
	case API_SINT_KICK:
		break;
	}
	return -EINVAL;
}

static void run_vm(struct operation *operation)
{
	struct vm_operation *op = container_of(operation, struct vm_operation, base);
	int r = change_vm(vm_of(operation), op->action);

	if (r == 0)
		resource_reply(operation->inspect, "vm", &operation->reply);
	else if (r == VM_E_WRONG_STATE)
		problem(&operation->reply, PROBLEM_WRONG_STATE, "the VM is %s",
			state_name(vm_of(operation)));
	else if (r == -ETIMEDOUT)
		problem(&operation->reply, PROBLEM_TIMEOUT, "a VP did not park in time");
	else
		problem(&operation->reply, PROBLEM_UNAVAILABLE, "%s", strerror(-r));
	operation_finish(operation);
}

void action_vm(struct request *request)
{
	struct vm_operation *op;

	if (!rest_body(request, NULL) || !has_vm(request))
		return;
	op = operation_new(request, sizeof(*op));
	if (!op)
		return;
	op->action = request->route->action;
	op->base.run = run_vm;
	operation_submit(&op->base, OPERATION_ON_MAIN, patience());
}

/* ---- event flags towards the guest ---------------------------------------------------------- */

struct event_values {
	uint32_t vp;
	uint8_t vtl, sint;
	uint16_t flag;
};

static const struct param event_rows[] = {
	{PARAM_U(struct event_values, vp, 0, VM_MAX_VPS - 1, "VP index"), .required = true},
	{PARAM_U(struct event_values, sint, 0, HV_SINT_COUNT - 1, "SINT, 0-15"), .required = true},
	{PARAM_U(struct event_values, flag, 0, HV_EVENT_FLAGS_COUNT - 1, "Event flag, 0-2047"),
		.required = true},
	{PARAM_U(struct event_values, vtl, 0, HV_VTL_COUNT - 1, "Virtual trust level, default 0")},
};
const struct param_table action_event_body = PARAM_TABLE(
	"event-request", "An event flag to set towards the guest", event_rows);

static const char *const event_result_names[] = {"set", "already_set", NULL};

struct event_reply {
	uint8_t result;
	uint32_t vp;
	uint8_t vtl, sint;
	uint16_t flag;
	char detail[64];
};

static const struct field event_reply_rows[] = {
	{FIELD_E(struct event_reply, result, 0, event_result_names,
		"already_set: the guest has not cleared the flag since the last time")},
	{FIELD_U(struct event_reply, vp, 0, "VP index")},
	{FIELD_U(struct event_reply, vtl, 0, "Virtual trust level")},
	{FIELD_U(struct event_reply, sint, 0, "SINT")},
	{FIELD_U(struct event_reply, flag, 0, "Event flag")},
	{FIELD_S(struct event_reply, detail, FIELD_NULLABLE, "In words")},
};
static const struct field_table event_reply_table = FIELD_TABLE(
	struct event_reply, "event-result", "What became of an event flag", event_reply_rows);

struct event_operation {
	struct operation base;
	struct event_values values;
};

static void reply_event(struct event_operation *op, struct synic *synic, bool already)
{
	struct event_reply info = {
		.result = already,
		.vp = op->values.vp,
		.vtl = op->values.vtl,
		.sint = op->values.sint,
		.flag = op->values.flag,
	};

	if (synic_owes(synic, op->values.sint))
		snprintf(info.detail, sizeof(info.detail),
			"the SINT is masked: the interrupt is owed");
	json_write_info(reply_json(&op->base.reply, 200, event_reply_table.name),
		&event_reply_table, &info);
}

/* -ENXIO is one of two switches of the guest. */
static void refuse_event(struct event_operation *op, struct synic *synic, int error)
{
	bool enabled;

	if (error != -ENXIO) {
		problem(&op->base.reply, PROBLEM_DELIVERY_FAILED, "%s", strerror(-error));
		return;
	}
	pthread_mutex_lock(&synic->lock);
	enabled = synic->scontrol & HV_SCONTROL_ENABLE;
	pthread_mutex_unlock(&synic->lock);
	problem(&op->base.reply, enabled ? PROBLEM_SIEFP_DISABLED : PROBLEM_SYNIC_DISABLED,
		"VP %u, VTL %u", op->values.vp, op->values.vtl);
}

static void run_event(struct operation *operation)
{
	struct event_operation *op = container_of(operation, struct event_operation, base);
	const struct event_values *values = &op->values;
	struct vcpu *vcpu = vm_vcpu(vm_of(operation), values->vp);
	struct synic *synic = vcpu ? &vcpu->synic[values->vtl] : NULL;
	int r;

	if (!action_guest_lives(operation))
		return;
	if (!synic) {
		problem_value(&operation->reply, PROBLEM_BAD_VALUE, "/vp", "there is no VP %u",
			values->vp);
	} else {
		r = synic_set_event_flag(synic, values->sint, values->flag, SYNIC_FROM_HOST);
		if (r < 0)
			refuse_event(op, synic, r);
		else
			reply_event(op, synic, r == 1);
	}
	operation_finish(operation);
}

void action_event(struct request *request)
{
	struct event_values values = {0};
	struct event_operation *op;

	if (!rest_body(request, &values) || !has_vm(request))
		return;
	op = operation_new(request, sizeof(*op));
	if (!op)
		return;
	op->values = values;
	op->base.run = run_event;
	operation_submit(&op->base, OPERATION_ON_MAIN, patience());
}

/* ---- hypercalls, as a guest would make them ------------------------------------------------- */

struct hypercall_values {
	uint32_t connection_id;
	uint8_t vtl;
	uint16_t flag;
	uint32_t type;
	uint8_t payload[HV_MESSAGE_PAYLOAD_MAX];
	size_t payload_size;
};

static const struct param post_message_rows[] = {
	{PARAM_N(struct hypercall_values, connection_id, 0, UINT32_MAX, "Connection id"),
		.required = true},
	{PARAM_U(struct hypercall_values, vtl, 0, HV_VTL_COUNT - 1, "Caller's VTL, default 0")},
	{PARAM_N(struct hypercall_values, type, 0, UINT32_MAX, "Message type, default 1")},
	{PARAM_H(struct hypercall_values, payload, payload_size, HV_MESSAGE_PAYLOAD_MAX,
		"Hex digits, at most 240 bytes; default none")},
};
const struct param_table action_post_message_body = PARAM_TABLE(
	"post-message-request", "HvPostMessage", post_message_rows);

static const struct param signal_event_rows[] = {
	{PARAM_N(struct hypercall_values, connection_id, 0, UINT32_MAX, "Connection id"),
		.required = true},
	{PARAM_U(struct hypercall_values, flag, 0, UINT16_MAX, "Flag number, default 0")},
	{PARAM_U(struct hypercall_values, vtl, 0, HV_VTL_COUNT - 1, "Caller's VTL, default 0")},
};
const struct param_table action_signal_event_body = PARAM_TABLE(
	"signal-event-request", "HvSignalEvent", signal_event_rows);

struct hypercall_reply {
	uint64_t status;
	char status_name[48];
	uint32_t connection_id;
	uint8_t vtl;
};

static const struct field hypercall_reply_rows[] = {
	{FIELD_X(struct hypercall_reply, status, 0, "HV_STATUS the guest would have got")},
	{FIELD_S(struct hypercall_reply, status_name, 0, "The status by name")},
	{FIELD_U(struct hypercall_reply, connection_id, 0, "Connection id")},
	{FIELD_U(struct hypercall_reply, vtl, 0, "Caller's VTL")},
};
static const struct field_table hypercall_reply_table = FIELD_TABLE(struct hypercall_reply,
	"hypercall-result", "What a hypercall made through the API returned", hypercall_reply_rows);

struct hypercall_operation {
	struct operation base;
	enum api_action action;
	struct hypercall_values values;
};

static enum hv_status post_message(struct vm *vm, const struct hypercall_values *values)
{
	struct hv_post_message_input input = {
		.connection_id = values->connection_id,
		.message_type = values->type,
		.payload_size = (uint32_t)values->payload_size,
	};

	memcpy(input.payload, values->payload, values->payload_size);
	return ports_post_message(&vm->ports, NULL, values->vtl, &input);
}

static void run_hypercall(struct operation *operation)
{
	struct hypercall_operation *op = container_of(operation, struct hypercall_operation, base);
	const struct hypercall_values *values = &op->values;
	struct vm *vm = vm_of(operation);
	struct hypercall_reply info = {
		.connection_id = values->connection_id,
		.vtl = values->vtl,
	};

	if (!action_guest_lives(operation))
		return;
	if (op->action == API_POST_MESSAGE)
		info.status = post_message(vm, values);
	else
		info.status = ports_signal_event(
			&vm->ports, NULL, values->vtl, values->connection_id, values->flag);
	snprintf(info.status_name, sizeof(info.status_name), "%s", hv_status_name(info.status));
	json_write_info(reply_json(&operation->reply, 200, hypercall_reply_table.name),
		&hypercall_reply_table, &info);
	operation_finish(operation);
}

void action_hypercall(struct request *request)
{
	struct hypercall_values values = {.type = 1};
	struct hypercall_operation *op;

	if (!rest_body(request, &values) || !has_vm(request))
		return;
	op = operation_new(request, sizeof(*op));
	if (!op)
		return;
	op->action = request->route->action;
	op->values = values;
	op->base.run = run_hypercall;
	operation_submit(&op->base, OPERATION_ON_MAIN, patience());
}

/* ---- for the schemas ------------------------------------------------------------------------ */

const struct field_table *const action_reply_tables[] = {
	&action_message_reply,
	&event_reply_table,
	&hypercall_reply_table,
	&action_ic_reply,
	&action_faults_reply,
	&action_channel_remedy_reply,
	&action_kick_reply,
};
const size_t action_reply_table_count = ARRAY_LEN(action_reply_tables);
