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
#include "vmbus/kvp.h"
#include "vmbus/vss.h"

/* Longer than a component waits for its guest, shorter than hvctl waits for us. */
#define PATIENCE_NS (4900 * NSEC_PER_MSEC)

/* Items of a pool are counted; a guest that had more would be asked for ever. */
#define START_MAX (UINT64_C(1) << 20)

struct ic_values {
	bool force;
	uint64_t for_ns;
	char pool[16];
	struct kvp_call kvp;
};

/* A member of the call, by the name it has there. */
#define PARAM_KVP_S(member, text)                           \
	.name = #member, .doc = (text), .type = PARAM_TEXT, \
	.offset = offsetof(struct ic_values, kvp.member),   \
	.size = FIELD_SIZEOF(struct kvp_call, member)

/* In the order of enum ic_parameter. */
static const struct param ic_rows[] = {
	{PARAM_B(struct ic_values, force,
		"shutdown: programs of the guest cannot object; default false")},
	{PARAM_U(struct ic_values, for_ns, VSS_FREEZE_MIN_NS, VSS_FREEZE_MAX_NS,
		"freeze: nanoseconds after which hvd thaws by itself; default 10 s")},
	{PARAM_S(struct ic_values, pool,
		"kvp: external (default; what the host set), guest, auto, auto_external or "
		"internal")},
	{PARAM_KVP_S(key, "kvp get, set, delete: the key")},
	{PARAM_KVP_S(value, "kvp set: the value, which is not empty")},
	{.name = "start",
		.doc = "kvp osinfo, ips, list: items to leave out, as `next` of an answer says; default 0",
		.type = PARAM_UINT,
		.maximum = START_MAX,
		.offset = offsetof(struct ic_values, kvp.start),
		.size = sizeof(uint64_t)},
	{PARAM_KVP_S(adapter, "kvp ips: MAC address of a network adapter of the guest")},
};
_Static_assert(ARRAY_LEN(ic_rows) == IC_PARAMETERS, "a row for each");
const struct param_table action_ic_body = PARAM_TABLE(
	"ic-request", "What is asked of the guest", ic_rows);

static const struct field item_rows[] = {
	{FIELD_S(struct kvp_item, key, 0,
		"The key; of addresses what they are: ipv4, ipv6, subnet, gateway, dns, dhcp")},
	{FIELD_S(struct kvp_item, value, 0, "Its value, as text")},
};
static const struct field_table item_table = FIELD_TABLE(
	struct kvp_item, "ic-item", "A key and its value", item_rows);

struct ic_reply_info {
	char name[16], request[16];
	uint32_t status;
	uint64_t latency_ns;
	char detail[64];
	struct kvp_item items[KVP_ITEMS_MAX];
	uint32_t item_count;
	uint64_t next;
};

static const struct field ic_reply_rows[] = {
	{FIELD_S(struct ic_reply_info, name, 0, "The integration component")},
	{FIELD_S(struct ic_reply_info, request, 0, "What was asked")},
	{FIELD_X(struct ic_reply_info, status, 0, "The guest's last status; 0x0: done")},
	{FIELD_U(struct ic_reply_info, latency_ns, 0, "From the request to the guest's answer")},
	{FIELD_S(struct ic_reply_info, detail, FIELD_NULLABLE, "What the answer means, in words")},
	{FIELD_A(struct ic_reply_info, items, item_count, &item_table,
		"kvp: what was asked for; of other components none")},
	{FIELD_U(struct ic_reply_info, next, FIELD_NULLABLE,
		"`start` of a request for the rest; null: that was all")},
};
const struct field_table action_ic_reply = FIELD_TABLE(struct ic_reply_info, "ic-result",
	"What the guest answered to a request through an integration component", ic_reply_rows);

struct ic_operation {
	struct operation base;
	enum ic_component component;
	struct ic_call call;
	struct kvp_call kvp;
	struct ic_reply_info info;
};

static const struct ic_question *question_of(const struct ic_operation *op)
{
	return &ic_components[op->component]->questions[op->call.request];
}

/* ---- the answer ------------------------------------------------------------------------------ */

static void reply_answered(struct ic_operation *op, const struct ic_answer *answer)
{
	struct ic_reply_info *info = &op->info;

	info->status = answer->status;
	info->latency_ns = answer->latency_ns;
	info->item_count = op->kvp.item_count;
	info->next = op->kvp.next;
	snprintf(info->name, sizeof(info->name), "%s", ic_components[op->component]->kind->name);
	snprintf(info->request, sizeof(info->request), "%s", question_of(op)->name);
	snprintf(info->detail, sizeof(info->detail), "%s", question_of(op)->answered);
	json_write_info(
		reply_json(&op->base.reply, 200, action_ic_reply.name), &action_ic_reply, info);
}

/* A key that was looked for must have been found. */
static bool is_missing(const struct ic_operation *op)
{
	return op->component == IC_COMPONENT_KVP && op->call.request == KVP_LOOK_UP &&
	       op->kvp.item_count == 0;
}

static void reply_refused(struct ic_operation *op, uint32_t status)
{
	const char *reason = question_of(op)->refused;

	problem(&op->base.reply, PROBLEM_GUEST_REFUSED, "the guest's status is 0x%x%s%s", status,
		reason ? ": " : "", reason ? reason : "");
}

/* Main loop, with the bus's lock held. */
static void on_answer(void *arg, const struct ic_answer *answer)
{
	struct ic_operation *op = arg;
	struct reply *reply = &op->base.reply;

	switch (answer->outcome) {
	case IC_ANSWERED:
		if (is_missing(op))
			problem(reply, PROBLEM_NOT_FOUND, "the pool has no such key");
		else
			reply_answered(op, answer);
		break;
	case IC_REFUSED:
		reply_refused(op, answer->status);
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
	const struct ic_ops *ops = ic_components[op->component];
	struct reply *reply = &op->base.reply;
	const char *name = ops->kind->name;

	if (condition == -ENOENT)
		problem(reply, PROBLEM_NOT_FOUND, "there is no device %s", name);
	else if (condition == IC_E_NO_DAEMON)
		problem(reply, PROBLEM_IC_NOT_READY,
			"%s waits: the daemon of the guest (%s) does not run", name, ops->daemon);
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

static bool find_question(enum ic_component component, const char *name, unsigned *ret_request)
{
	const struct ic_question *questions = ic_components[component]->questions;

	for (unsigned i = 0; questions[i].name; i++) {
		if (strcmp(questions[i].name, name) == 0) {
			*ret_request = i;
			return true;
		}
	}
	return false;
}

static void refuse_value(struct request *request, const char *name, const char *why)
{
	char pointer[32];

	snprintf(pointer, sizeof(pointer), "/%s", name);
	problem_value(&request->reply, PROBLEM_BAD_VALUE, pointer, "%s: %s", name, why);
}

/* What is not given is all zero. */
static bool is_given(const struct ic_values *values, const struct param *param)
{
	const char *at = (const char *)values + param->offset;
	static const char zero[sizeof(uint64_t)];

	return memcmp(at, zero, param->type == PARAM_TEXT ? 1 : param->size) != 0;
}

static bool check_values(
	struct request *request, const struct ic_question *question, const struct ic_values *values)
{
	for (unsigned i = 0; i < ARRAY_LEN(ic_rows); i++) {
		bool given = is_given(values, &ic_rows[i]);

		if (given && !(question->takes & 1u << i)) {
			refuse_value(request, ic_rows[i].name, "not taken by this request");
			return false;
		}
		if (!given && question->needs & 1u << i) {
			refuse_value(request, ic_rows[i].name, "is required");
			return false;
		}
	}
	return true;
}

/* "" is what the host set. */
static bool find_pool(const char *name, enum ic_kvp_pool *ret_pool)
{
	static const char *const names[IC_KVP_POOLS] = {
		"external", "guest", "auto", "auto_external", "internal"};

	for (unsigned i = 0; i < IC_KVP_POOLS; i++) {
		if (!name[0] || strcmp(names[i], name) == 0) {
			*ret_pool = (enum ic_kvp_pool)i;
			return true;
		}
	}
	return false;
}

static bool prepare(struct request *request, struct ic_values *values)
{
	const char *why, *name = kvp_prepare(&values->kvp, &why);

	if (name)
		refuse_value(request, name, why);
	else if (!find_pool(values->pool, &values->kvp.pool))
		refuse_value(request, "pool", "there is no such pool");
	else
		return true;
	return false;
}

/* What is asked of whom; false: the request has been answered. */
static bool read_request(struct request *request, enum ic_component *ret_component,
	unsigned *ret_question, struct ic_values *values)
{
	if (!rest_body(request, values))
		return false;
	if (!request->inspect->config.bus ||
		!find_component(request->match.key[0], ret_component) ||
		!find_question(*ret_component, request->match.key[1], ret_question)) {
		problem(&request->reply, PROBLEM_NOT_FOUND,
			"no integration component here can be asked for that");
		return false;
	}
	return check_values(
		       request, &ic_components[*ret_component]->questions[*ret_question], values) &&
	       prepare(request, values);
}

void action_ic(struct request *request)
{
	struct ic_values values = {0};
	enum ic_component component;
	struct ic_operation *op;
	unsigned question;

	if (!read_request(request, &component, &question, &values))
		return;
	op = operation_new(request, sizeof(*op));
	if (!op)
		return;
	op->component = component;
	op->kvp = values.kvp;
	op->kvp.items = op->info.items;
	op->kvp.next = KVP_COMPLETE;
	op->call = (struct ic_call){
		.request = question,
		.force = values.force,
		.for_ns = values.for_ns,
		.kvp = &op->kvp,
	};
	op->base.run = run_ic;
	operation_submit(
		&op->base, OPERATION_ON_MAIN, clock_now_ns(&clock_monotonic) + PATIENCE_NS);
}
