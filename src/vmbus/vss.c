/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmbus/vss.h"

#include <string.h>
#include "vmbus/ic.h"
#include "vmbus/internal.h"
#include "vmm/event.h"

#define NO_DAEMON "the guest's hv_vss_daemon may not run"

struct vss {
	struct ic ic;
	enum ic_vss_operation sent; /* what was sent last */
	enum vss_state state;
	uint64_t since_ns; /* in this state; 0: from the beginning */
	uint64_t freezes, thaws, automatic_thaws;
};

static const struct ic_version versions[] = {{5, 0}};
static const struct ic_question questions[] = {
	[VSS_BACKUP] = {.name = "backup",
		.answered = "the guest can be backed up",
		.refused = NO_DAEMON},
	[VSS_FREEZE] = {.name = "freeze",
		.takes = IC_FOR,
		.answered = "the guest's file systems are frozen",
		.refused = NO_DAEMON},
	[VSS_THAW] = {.name = "thaw",
		.answered = "the guest's file systems are thawed",
		.refused = NO_DAEMON},
	{0},
};

static struct vss *vss_of(struct ic *ic)
{
	return container_of(ic, struct vss, ic);
}

static uint64_t now_ns(const struct ic *ic)
{
	return clock_now_ns(ic->bus->vm->clock);
}

/* ---- state -------------------- */

static void set_state(struct vss *vss, enum vss_state state)
{
	if (state == vss->state)
		return;
	hv_record(vss->ic.bus->vm->recorder, HV_EVENT_IC_FREEZE, RECORD_NO_VP, 0, RECORD_NO_SINT,
		vss->state, state, vmbus_channel_relid(vss->ic.channel));
	vss->state = state;
	vss->since_ns = now_ns(&vss->ic);
}

static void become_thawed(struct vss *vss)
{
	vss->ic.next_ns = IC_NEVER;
	set_state(vss, VSS_THAWED);
}

/* ---- packets -------------------- */

/* Before a freeze the guest is told that a backup comes. */
static enum ic_vss_operation operation_of(const struct ic_call *call)
{
	if (!call || call->request == VSS_THAW)
		return IC_VSS_THAW;
	return call->request == VSS_FREEZE && call->step > 0 ? IC_VSS_FREEZE : IC_VSS_HOT_BACKUP;
}

static size_t vss_fill(struct ic *ic, const struct ic_call *call, void *body)
{
	struct vss *vss = vss_of(ic);
	const struct ic_vss message = {.operation = (uint8_t)operation_of(call)};

	vss->sent = operation_of(call);
	if (vss->sent == IC_VSS_FREEZE) {
		ic->next_ns = now_ns(ic) + (call->for_ns ? call->for_ns : VSS_FREEZE_DEFAULT_NS);
		set_state(vss, VSS_FREEZING);
	} else if (vss->sent == IC_VSS_THAW && vss->state != VSS_THAWED) {
		vss->automatic_thaws += !call;
		set_state(vss, VSS_THAWING);
	}
	memcpy(body, &message, sizeof(message));
	return sizeof(message);
}

static void on_frozen(struct vss *vss, enum ic_outcome outcome)
{
	if (outcome == IC_REFUSED) {
		become_thawed(vss);
		return;
	}
	vss->freezes++;
	set_state(vss, VSS_FROZEN);
}

static void on_thawed(struct vss *vss, enum ic_outcome outcome)
{
	if (outcome == IC_ANSWERED) {
		vss->thaws++;
		become_thawed(vss);
	} else if (vss->state == VSS_THAWING) {
		set_state(vss, VSS_FROZEN);
	}
}

static enum ic_outcome vss_take(
	struct ic *ic, const struct ic_call *call, const struct ic_reply *reply, bool *ret_more)
{
	enum ic_outcome outcome = ic_outcome_of(reply->status);
	struct vss *vss = vss_of(ic);
	struct ic_vss message;

	if (reply->size < sizeof(message))
		return IC_BAD_ANSWER;
	memcpy(&message, reply->body, sizeof(message));
	if (message.operation != vss->sent)
		return IC_BAD_ANSWER;
	if (vss->sent == IC_VSS_FREEZE)
		on_frozen(vss, outcome);
	else if (vss->sent == IC_VSS_THAW)
		on_thawed(vss, outcome);
	else
		*ret_more = call && call->request == VSS_FREEZE;
	return outcome;
}

/* ---- life of the channel -------------------- */

/* What the driver left behind before is thawed first of all. */
static void vss_ready(struct ic *ic)
{
	ic->next_ns = vss_of(ic)->state == VSS_THAWED ? IC_NEVER : now_ns(ic);
}

static void vss_closed(struct ic *ic)
{
	struct vss *vss = vss_of(ic);

	if (vss->state != VSS_THAWED)
		set_state(vss, VSS_UNKNOWN);
}

void vss_info(const struct ic *ic, struct ic_freeze_info *ret_info)
{
	const struct vss *vss = container_of(ic, const struct vss, ic);
	uint64_t now = now_ns(ic);
	bool due = ic->state == IC_READY && vss->state != VSS_THAWED;

	*ret_info = (struct ic_freeze_info){
		.present = true,
		.state = vss->state,
		.time_in_state_ns = vss->since_ns ? now - vss->since_ns : UINT64_MAX,
		.thaw_due_in_ns = UINT64_MAX,
		.freezes = vss->freezes,
		.thaws = vss->thaws,
		.automatic_thaws = vss->automatic_thaws,
	};
	if (due)
		ret_info->thaw_due_in_ns = ic->next_ns > now ? ic->next_ns - now : 0;
}

/* ---- the device -------------------- */

static int vss_create(struct vmbus *bus, const struct device_options *options,
	struct vmbus_device **ret_device, char reterr_text[DEVICE_ERROR_BYTES])
{
	return ic_create(bus, IC_COMPONENT_VSS, ret_device);
}

const struct vmbus_device_kind vmbus_vss_kind = {
	.name = "vss",
	.help = "makes the guest freeze and thaw its file systems, for backups",
	.create = vss_create,
	.remove = ic_remove,
};

const struct ic_ops vss_ops = {
	.kind = &vmbus_vss_kind,
	.interface_type = {0x35fa2e29, 0xea23, 0x4236,
		{0x96, 0xae, 0x3a, 0x6e, 0xba, 0xcb, 0xa4, 0x40}},
	.interface_instance = {0x2450ee40, 0x33bf, 0x4fbd,
		{0x89, 0x2e, 0x9f, 0xb0, 0x6e, 0x92, 0x14, 0xcf}},
	.type = IC_VSS,
	.versions = versions,
	.version_count = ARRAY_LEN(versions),
	.size = sizeof(struct vss),
	.lock_step = true,
	.patience_ns = 4 * NSEC_PER_SEC,
	.questions = questions,
	.fill = vss_fill,
	.take = vss_take,
	.ready = vss_ready,
	.closed = vss_closed,
};
