/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Remedies: POST /v1/channels/{relid}/unstick and /rescind, /v1/vps/{vp}/sints/{sint}/kick.
 *
 * Each is done on the main loop; then the worker gives the guest a moment, and looks again, so that
 * the reply says what was before and what came of it. What changes what the guest sees, beyond a
 * signal too many, wants "force".
 */
#include "inspect/actions.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "common/clock.h"
#include "common/field.h"
#include "common/parse.h"
#include "inspect/json.h"
#include "inspect/operation.h"
#include "inspect/rest.h"
#include "inspect/server.h"
#include "vmbus/remedy.h"
#include "vmm/vm.h"

#define PATIENCE_NS (4900 * NSEC_PER_MSEC)
#define LOOK_NS     (5 * NSEC_PER_MSEC) /* between two looks at what came of it */

enum { LOOKS = 20, DETAIL_BYTES = 192 };

struct remedy_values {
	bool force, dry_run;
	uint8_t vtl;
};

static const struct param channel_rows[] = {
	{PARAM_B(struct remedy_values, force,
		"unstick: signal the guest although nothing says that it waits. rescind: needed, for "
		"the guest loses the device, if only for a while")},
	{PARAM_B(struct remedy_values, dry_run, "Only say what would be done, and why")},
};
const struct param_table action_channel_remedy_body = PARAM_TABLE(
	"channel-remedy-request", "A remedy for a channel that does not move", channel_rows);

static const struct param kick_rows[] = {
	{PARAM_B(struct remedy_values, force, "Needed: the guest gets an interrupt")},
	{PARAM_B(struct remedy_values, dry_run, "Only say what would be done")},
	{PARAM_U(struct remedy_values, vtl, 0, HV_VTL_COUNT - 1, "Virtual trust level, default 0")},
};
const struct param_table action_kick_body = PARAM_TABLE(
	"kick-request", "A SINT whose interrupt may have been lost", kick_rows);

static const char *const result_names[] = {"done", "not_needed", "would_do", NULL};
enum remedy_result { REMEDY_DONE, REMEDY_NOT_NEEDED, REMEDY_WOULD_DO };

/* ---- replies --------------------------------------------------------------------------------- */

struct channel_reply {
	uint8_t result;
	uint32_t relid;
	char detail[DETAIL_BYTES];
	struct channel_glance before, after;
};

static const struct field channel_reply_rows[] = {
	{FIELD_E(struct channel_reply, result, 0, result_names,
		"not_needed: nobody waits. would_do: dry run")},
	{FIELD_U(struct channel_reply, relid, 0, "The channel")},
	{FIELD_S(struct channel_reply, detail, 0, "Why, in words")},
	{FIELD_O(struct channel_reply, before, 0, &channel_glance_table, "Before")},
	{FIELD_O(struct channel_reply, after, FIELD_NULLABLE, &channel_glance_table,
		"A moment later, up to 100 ms; null: nothing was done, or the channel is gone")},
};
const struct field_table action_channel_remedy_reply = FIELD_TABLE(struct channel_reply,
	"channel-remedy-result", "What a remedy did to a channel", channel_reply_rows);

static const struct field synic_glance_rows[] = {
	{FIELD_B(struct synic_glance, simp_enabled, 0, "The message page is enabled")},
	{FIELD_B(struct synic_glance, slot_busy, 0, "A message is in the slot")},
	{FIELD_B(struct synic_glance, slot_pending, 0, "Its pending flag is set")},
	{FIELD_X(struct synic_glance, slot_type, 0, "Its type")},
	{FIELD_U(struct synic_glance, queue_depth, 0, "Messages that wait behind it")},
	{FIELD_B(struct synic_glance, irq_owed, 0,
		"The SINT is masked or SCONTROL off: the interrupt comes when that is over")},
	{FIELD_U(struct synic_glance, interrupts, 0, "Interrupts that hvd raised")},
};
static const struct field_table synic_glance_table = FIELD_TABLE(struct synic_glance,
	"synic_glance", "What changes at a SINT when it moves", synic_glance_rows);

struct kick_reply {
	uint8_t result;
	uint32_t vp;
	uint8_t vtl, sint;
	char detail[DETAIL_BYTES];
	struct synic_glance before, after;
};

static const struct field kick_reply_rows[] = {
	{FIELD_E(struct kick_reply, result, 0, result_names, "would_do: dry run")},
	{FIELD_U(struct kick_reply, vp, 0, "VP index")},
	{FIELD_U(struct kick_reply, vtl, 0, "Virtual trust level")},
	{FIELD_U(struct kick_reply, sint, 0, "SINT")},
	{FIELD_S(struct kick_reply, detail, 0, "Why, in words")},
	{FIELD_O(struct kick_reply, before, 0, &synic_glance_table, "Before")},
	{FIELD_O(struct kick_reply, after, FIELD_NULLABLE, &synic_glance_table,
		"A moment later, up to 100 ms; null: nothing was done")},
};
const struct field_table action_kick_reply = FIELD_TABLE(
	struct kick_reply, "kick-result", "What became of an interrupt", kick_reply_rows);

/* ---- a moment later -------------------------------------------------------------------------- */

struct remedy {
	struct operation base;
	enum api_action action;
	struct remedy_values values; /* constant once submitted */
	bool acted;                  /* the main loop has had its turn */
	struct channel_reply channel;
	struct kick_reply kick;
	struct synic *synic; /* borrows: the kick's */
};

static struct vmbus *bus_of(const struct remedy *remedy)
{
	return remedy->base.inspect->config.bus;
}

static void reply_channel(struct remedy *remedy)
{
	json_write_info(reply_json(&remedy->base.reply, 200, action_channel_remedy_reply.name),
		&action_channel_remedy_reply, &remedy->channel);
	operation_finish(&remedy->base);
}

static void reply_kick(struct remedy *remedy)
{
	json_write_info(reply_json(&remedy->base.reply, 200, action_kick_reply.name),
		&action_kick_reply, &remedy->kick);
	operation_finish(&remedy->base);
}

static void let_the_guest_run(void)
{
	const struct timespec span = {.tv_nsec = LOOK_NS};

	nanosleep(&span, NULL);
}

static bool channel_moved(const struct channel_glance *before, const struct channel_glance *after)
{
	return after->state != before->state || after->to_host_used != before->to_host_used ||
	       after->to_guest_used != before->to_guest_used;
}

/* Worker. */
static void watch_channel(struct remedy *remedy)
{
	struct channel_reply *info = &remedy->channel;

	for (unsigned i = 0; i < LOOKS; i++) {
		let_the_guest_run();
		info->after.present = false;
		if (channel_glance(bus_of(remedy), info->relid, &info->after) < 0 ||
			channel_moved(&info->before, &info->after))
			break;
	}
	reply_channel(remedy);
}

/* Worker. */
static void watch_kick(struct remedy *remedy)
{
	struct kick_reply *info = &remedy->kick;

	for (unsigned i = 0; i < LOOKS; i++) {
		let_the_guest_run();
		info->after = synic_glance(remedy->synic, info->sint);
		if (info->after.slot_busy != info->before.slot_busy)
			break;
	}
	reply_kick(remedy);
}

/* ---- channels -------------------------------------------------------------------------------- */

static void add_reason(struct channel_reply *info, const char *reason)
{
	size_t used = strlen(info->detail);

	snprintf(
		info->detail + used, sizeof(info->detail) - used, "%s%s", used ? "; " : "", reason);
}

static void explain_unstick(struct remedy *remedy, const struct unstick_result *result)
{
	struct channel_reply *info = &remedy->channel;
	bool needed = result->guest_reads || result->guest_writes || result->host_reads;

	info->before = result->before;
	if (result->guest_reads)
		add_reason(info, "packets wait for the guest, which wants to be signalled");
	if (result->guest_writes)
		add_reason(info, "the guest waits for room that there is");
	if (result->host_reads)
		add_reason(info, "packets of the guest wait for the host");
	if (!needed)
		add_reason(info, remedy->values.force ? "nobody seems to wait: signalled by force"
						      : "nobody waits for a signal");
	if (result->before.event_flag == 1)
		add_reason(info, "the guest's event flag is set already: it has not taken its "
				 "interrupt");
	if (!needed && !remedy->values.force)
		info->result = REMEDY_NOT_NEEDED;
	else
		info->result = remedy->values.dry_run ? REMEDY_WOULD_DO : REMEDY_DONE;
}

static int do_unstick(struct remedy *remedy)
{
	const struct remedy_values *values = &remedy->values;
	struct unstick_result result;
	int r = vmbus_unstick(
		bus_of(remedy), remedy->channel.relid, values->force, values->dry_run, &result);

	if (r == 0)
		explain_unstick(remedy, &result);
	return r;
}

static int do_rescind(struct remedy *remedy)
{
	const struct remedy_values *values = &remedy->values;
	struct channel_reply *info = &remedy->channel;
	struct rescind_result result;
	int r = vmbus_rescind(bus_of(remedy), info->relid, values->dry_run, &result);

	if (r != 0)
		return r;
	info->before = result.before;
	info->result = values->dry_run ? REMEDY_WOULD_DO : REMEDY_DONE;
	add_reason(info, "the offer is taken back: whoever waits in the guest is woken");
	add_reason(info, result.offered_again ? "it is made again when the guest has let go"
					      : "it is not made again");
	return 0;
}

static void refuse_channel(struct remedy *remedy, int condition)
{
	struct reply *reply = &remedy->base.reply;
	uint32_t relid = remedy->channel.relid;

	if (condition == -ENOENT)
		problem(reply, PROBLEM_NOT_FOUND, "there is no channel with relid %u", relid);
	else if (condition == REMEDY_E_NOT_OPEN)
		problem(reply, PROBLEM_CHANNEL_STATE, "channel %u is not open", relid);
	else
		problem(reply, PROBLEM_CHANNEL_STATE, "channel %u is not on offer", relid);
	operation_finish(&remedy->base);
}

static void act_on_channel(struct remedy *remedy)
{
	int r = remedy->action == API_CHANNEL_UNSTICK ? do_unstick(remedy) : do_rescind(remedy);

	if (r != 0)
		refuse_channel(remedy, r);
	else if (remedy->channel.result != REMEDY_DONE || !operation_go_on(&remedy->base))
		reply_channel(remedy);
}

static void run_on_channel(struct operation *operation)
{
	struct remedy *remedy = container_of(operation, struct remedy, base);

	if (remedy->acted) {
		watch_channel(remedy);
		return;
	}
	if (!action_guest_lives(operation))
		return;
	remedy->acted = true;
	act_on_channel(remedy);
}

/* ---- SINTs ----------------------------------------------------------------------------------- */

static void explain_kick(struct remedy *remedy)
{
	struct kick_reply *info = &remedy->kick;
	const char *why = "no message is in the slot: the guest looks for event flags alone";

	if (!info->before.slot_busy && info->before.queue_depth > 0)
		why = "the slot is free, and messages wait: the next one goes into it";
	if (info->before.slot_busy)
		why = info->before.slot_pending
			      ? "a message is in the slot, and its pending flag asks for EOM"
			      : "a message is in the slot";
	snprintf(info->detail, sizeof(info->detail), "%s", why);
	info->result = remedy->values.dry_run ? REMEDY_WOULD_DO : REMEDY_DONE;
}

static void refuse_kick(struct remedy *remedy, int error)
{
	const struct kick_reply *info = &remedy->kick;
	struct reply *reply = &remedy->base.reply;

	if (error == -EPERM)
		problem(reply, PROBLEM_SINT_MASKED, "SINT %u of VP %u", info->sint, info->vp);
	else if (error == -ENXIO)
		problem(reply, PROBLEM_SYNIC_DISABLED, "VP %u, VTL %u", info->vp, info->vtl);
	else
		problem(reply, PROBLEM_DELIVERY_FAILED, "%s", strerror(-error));
	operation_finish(&remedy->base);
}

static void kick(struct remedy *remedy)
{
	struct kick_reply *info = &remedy->kick;
	int r = 0;

	info->before = synic_glance(remedy->synic, info->sint);
	if (!remedy->values.dry_run)
		r = synic_kick(remedy->synic, info->sint);
	if (r < 0) {
		refuse_kick(remedy, r);
		return;
	}
	explain_kick(remedy);
	if (remedy->values.dry_run || !operation_go_on(&remedy->base))
		reply_kick(remedy);
}

static void run_kick(struct operation *operation)
{
	struct remedy *remedy = container_of(operation, struct remedy, base);

	if (remedy->acted) {
		watch_kick(remedy);
		return;
	}
	if (!action_guest_lives(operation))
		return;
	remedy->acted = true;
	kick(remedy);
}

/* ---- requests -------------------------------------------------------------------------------- */

/* What is done only with force is told so before anything is looked up. */
static bool has_force(struct request *request, const struct remedy_values *values, const char *what)
{
	if (values->force || values->dry_run)
		return true;
	problem(&request->reply, PROBLEM_FORCE_NEEDED, "%s", what);
	return false;
}

static bool key_of(struct request *request, unsigned n, uint64_t maximum, uint64_t *ret_key)
{
	if (parse_u64(request->match.key[n], 0, maximum, ret_key) == 0)
		return true;
	problem(&request->reply, PROBLEM_NOT_FOUND, "there is no such object");
	return false;
}

static void submit(struct remedy *remedy, const struct request *request,
	const struct remedy_values *values, void (*run)(struct operation *operation))
{
	remedy->action = request->route->action;
	remedy->values = *values;
	remedy->base.run = run;
	operation_submit(
		&remedy->base, OPERATION_ON_MAIN, clock_now_ns(&clock_monotonic) + PATIENCE_NS);
}

void action_channel_remedy(struct request *request)
{
	struct remedy_values values = {0};
	struct remedy *remedy;
	uint64_t relid;

	if (!rest_body(request, &values) || !key_of(request, 0, UINT32_MAX, &relid))
		return;
	if (!request->inspect->config.bus) {
		problem(&request->reply, PROBLEM_NOT_FOUND, "there is no VMBus");
		return;
	}
	if (request->route->action == API_CHANNEL_RESCIND &&
		!has_force(request, &values, "the guest loses the device, if only for a while"))
		return;
	remedy = operation_new(request, sizeof(*remedy));
	if (!remedy)
		return;
	remedy->channel.relid = (uint32_t)relid;
	submit(remedy, request, &values, run_on_channel);
}

void action_kick(struct request *request)
{
	struct remedy_values values = {0};
	struct vm *vm = request->inspect->config.vm;
	struct synic *synic;
	struct remedy *remedy;
	uint64_t vp, sint;

	if (!rest_body(request, &values) || !key_of(request, 0, VM_MAX_VPS - 1, &vp) ||
		!key_of(request, 1, HV_SINT_COUNT - 1, &sint))
		return;
	synic = vm ? synic_find(vm, (uint32_t)vp, values.vtl) : NULL;
	if (!synic) {
		problem(&request->reply, PROBLEM_NOT_FOUND, "there is no such SINT");
		return;
	}
	if (!has_force(request, &values, "the guest gets an interrupt"))
		return;
	remedy = operation_new(request, sizeof(*remedy));
	if (!remedy)
		return;
	remedy->synic = synic;
	remedy->kick = (struct kick_reply){
		.vp = (uint32_t)vp, .vtl = values.vtl, .sint = (uint8_t)sint};
	submit(remedy, request, &values, run_kick);
}
