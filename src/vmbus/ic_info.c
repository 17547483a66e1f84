/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "vmbus/ic.h"
#include "vmbus/internal.h"
#include "vmbus/vss.h"

static const char *const component_names[] = {
	"heartbeat", "timesync", "shutdown", "kvp", "vss", NULL};
static const char *const freeze_names[] = {
	"thawed", "freezing", "frozen", "thawing", "unknown", NULL};
_Static_assert(ARRAY_LEN(component_names) == IC_COMPONENTS + 1, "a name for every component");

static void format_version(char *text, size_t size, struct ic_version version)
{
	if (version.major)
		snprintf(text, size, "%u.%u", version.major, version.minor);
}

static void fill(const struct ic *ic, enum ic_component component, struct ic_info *ret_info)
{
	uint64_t now = clock_now_ns(ic->bus->vm->clock);

	*ret_info = (struct ic_info){
		.name = (uint8_t)component,
		.relid = vmbus_channel_relid(ic->channel),
		.state = ic->state,
		.contact = ic->contact,
		.time_in_state_ns = now - ic->since_ns,
		.requests = ic->requests,
		.responses = ic->responses,
		.refused = ic->refused,
		.lost = ic->lost,
		.late = ic->late,
		.stray = ic->stray,
		.malformed = ic->malformed,
		.last_status = ic->last_status,
		.last_latency_ns = ic->last_latency_ns,
		.last_response_age_ns = ic->answered_ns ? now - ic->answered_ns : UINT64_MAX,
		.waiting_ns = ic->out == IC_NOTHING_OUT ? UINT64_MAX : now - ic->sent_ns,
	};
	memcpy(ret_info->device, ic->device.name, sizeof(ret_info->device));
	memcpy(ret_info->problem, ic->problem, sizeof(ret_info->problem));
	if (component == IC_COMPONENT_VSS)
		vss_info(ic, &ret_info->freeze);
	format_version(
		ret_info->framework_version, sizeof(ret_info->framework_version), ic->framework);
	format_version(ret_info->message_version, sizeof(ret_info->message_version), ic->version);
}

static int get_ic(void *owner, const uint64_t *key, void *ret_info)
{
	struct vmbus *bus = owner;
	const struct ic *ic;

	if (!bus || key[0] >= IC_COMPONENTS)
		return -ENOENT;
	vmbus_lock(bus);
	ic = ic_find(bus, (enum ic_component)key[0]);
	if (ic)
		fill(ic, (enum ic_component)key[0], ret_info);
	vmbus_unlock(bus);
	return ic ? 0 : -ENOENT;
}

static void list_ics(void *owner, const uint64_t *key, unsigned fixed, const uint64_t *after,
	node_visit_fn visit, void *arg)
{
	struct ic_info info;

	for (uint64_t i = after ? after[0] + 1 : 0; i < IC_COMPONENTS; i++) {
		if ((fixed > 0 && i != key[0]) || get_ic(owner, &i, &info) < 0)
			continue;
		if (visit(arg, &i, &info) != 0)
			return;
	}
}

static const struct field freeze_fields[] = {
	{FIELD_E(struct ic_freeze_info, state, 0, freeze_names,
		"What they were told last. unknown: the channel was closed before they were thawed; "
		"that is done when it is open again.")},
	{FIELD_U(struct ic_freeze_info, time_in_state_ns, FIELD_NULLABLE,
		"Time in that state; null: from the beginning.")},
	{FIELD_U(struct ic_freeze_info, thaw_due_in_ns, FIELD_NULLABLE,
		"When hvd thaws them by itself; null: there is nothing to thaw, or no channel.")},
	{FIELD_U(struct ic_freeze_info, freezes, 0, "Times that they were frozen.")},
	{FIELD_U(struct ic_freeze_info, thaws, 0, "Times that they were thawed.")},
	{FIELD_U(struct ic_freeze_info, automatic_thaws, 0,
		"Thaws that hvd asked for by itself, whatever became of them.")},
};
static const struct field_table freeze_table = FIELD_TABLE(struct ic_freeze_info, "ic_freeze",
	"Whether the guest's file systems are frozen.", freeze_fields);

static const struct field ic_fields[] = {
	{FIELD_E(struct ic_info, name, 0, component_names, "The integration component.")},
	{FIELD_S(struct ic_info, device, 0, "The name of its --device.")},
	{FIELD_U(struct ic_info, relid, 0, "Its channel.")},
	{FIELD_E(struct ic_info, state, 0, ic_state_names,
		"closed: no driver has the channel. waiting: it was opened a moment ago. negotiating: "
		"versions were offered. ready: they were agreed on. failed: they were not. no_daemon: the "
		"guest's driver reads nothing, as long as the daemon does not run that would answer; "
		"it goes on when that is started. Only kvp has such a driver: that of vss is ready "
		"without its daemon, and refuses requests (last_status 0x80004005).")},
	{FIELD_E(struct ic_info, contact, 0, ic_contact_names,
		"no_contact: the channel is closed. no_handshake: open, and nothing agreed on. "
		"lost_communication: the last request was not answered in time. ok: it was.")},
	{FIELD_U(struct ic_info, time_in_state_ns, 0, "Time in that state.")},
	{FIELD_S(struct ic_info, framework_version, FIELD_NULLABLE,
		"Version of the framing that the guest chose.")},
	{FIELD_S(struct ic_info, message_version, FIELD_NULLABLE,
		"Version of the component's messages that the guest chose.")},
	{FIELD_U(struct ic_info, requests, 0, "Requests sent to the guest.")},
	{FIELD_U(struct ic_info, responses, 0, "Answers to them, late ones too.")},
	{FIELD_U(struct ic_info, refused, 0, "Answers with a status other than 0.")},
	{FIELD_U(struct ic_info, lost, 0, "Requests that were not answered in time.")},
	{FIELD_U(struct ic_info, late, 0, "Those that were answered later.")},
	{FIELD_U(struct ic_info, stray, 0, "Answers to nothing that was asked.")},
	{FIELD_U(struct ic_info, malformed, 0, "Packets of the guest that are no answer.")},
	{FIELD_X(struct ic_info, last_status, 0, "Status of the last answer; 0x0: done.")},
	{FIELD_U(struct ic_info, last_latency_ns, FIELD_NULLABLE,
		"From the last request that was answered to its answer.")},
	{FIELD_U(struct ic_info, last_response_age_ns, FIELD_NULLABLE,
		"Time since the last answer.")},
	{FIELD_U(struct ic_info, waiting_ns, FIELD_NULLABLE,
		"How long an answer has been waited for; null: nothing is out.")},
	{FIELD_S(struct ic_info, problem, FIELD_NULLABLE, "What was wrong last, in words.")},
	{FIELD_O(struct ic_info, freeze, FIELD_NULLABLE, &freeze_table,
		"Component vss: the guest's file systems.")},
};
static const struct field_table ic_table = FIELD_TABLE(struct ic_info, "ic",
	"An integration component: a service of the guest that the host may ask.", ic_fields);

const struct node_class ic_node_class = {
	.path = "ic/{name}",
	.fields = &ic_table,
	.key_count = 1,
	.get = get_ic,
	.list = list_ics,
};
