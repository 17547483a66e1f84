/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Integration components and hv_sock: D18 and D29-D32.
 */
#include <inttypes.h>
#include "doctor/rules.h"
#include "vmbus/states.h"

static void shows_state(struct look *look)
{
	const struct doctor_ic *ic = look->ic;

	shows_ic(look, "state", ic->time_in_state_ns, "%s",
		ic->state < IC_STATES ? ic_state_names[ic->state] : "unknown");
	shows_ic(look, "contact", ic->last_response_age_ns, "%s",
		ic->contact < IC_CONTACTS ? ic_contact_names[ic->contact] : "unknown");
}

static bool ring_unmoved(const struct look *look)
{
	const struct doctor_ring *now = &look->channel->to_guest;
	const struct doctor_ring *then = &look->channel_then->to_guest;

	return now->present && then->present && now->read_index == then->read_index;
}

/* hvd calls it so itself, after two seconds. */
static bool may_lack_daemon(const struct doctor_ic *ic)
{
	return ic->needs_daemon && (ic->state == IC_NEGOTIATING || ic->state == IC_NO_DAEMON);
}

bool check_no_daemon(struct look *look)
{
	const struct doctor_ic *now = look->ic, *then = look->ic_then;

	if (!may_lack_daemon(now) || !may_lack_daemon(then) || !ring_unmoved(look) ||
		look->channel->to_guest.unread_packets != 1 ||
		!lasts(look, now->time_in_state_ns, look->limits->stuck_ns))
		return false;
	diagnose(look, "%s does not run in the guest, so that its driver reads nothing",
		now->daemon);
	shows_state(look);
	shows_channel(look, "rings/1/read_avail", now->waiting_ns, "%u, one packet",
		look->channel->to_guest.used_bytes);
	return true;
}

/* A host whose client waits takes the offer back after two seconds from a guest that does nothing. */
bool check_no_listener(struct look *look)
{
	const struct doctor_sock *sock = look->sock;
	uint64_t limit_ns = look->limits->answer_ns / 4 * 3;
	char text[DURATION_BYTES];

	if (!sock->from_host || !sock->offered || !look->sock_then->offered ||
		look->channel->gpadls > 0 || !lasts(look, sock->time_in_state_ns, limit_ns))
		return false;
	diagnose(look, "nobody in the guest has accepted the connection to port %u for %s",
		sock->port, duration(sock->time_in_state_ns, text));
	shows_channel(look, "state", look->channel->time_in_state_ns, "%s",
		look->channel->state < CHANNEL_STATES
			? vmbus_channel_state_names[look->channel->state]
			: "unknown");
	shows_channel(look, "gpadls", DOCTOR_NONE, "0");
	return true;
}

bool check_heartbeat(struct look *look)
{
	const struct doctor_ic *now = look->ic, *then = look->ic_then;
	bool lost = now->contact == IC_LOST_COMMUNICATION && then->contact == now->contact &&
		    now->responses == then->responses;
	bool wrong = now->malformed > then->malformed;
	char text[DURATION_BYTES];

	if (now->period_ns == DOCTOR_NONE || now->state != IC_READY || then->state != IC_READY ||
		(!lost && !wrong))
		return false;
	if (lost)
		diagnose(look, "%s has had no answer for %s", now->name,
			duration(now->last_response_age_ns == DOCTOR_NONE
					 ? now->time_in_state_ns
					 : now->last_response_age_ns,
				text));
	else
		diagnose(look, "%s gets answers that do not fit: %s", now->name, now->problem);
	shows_state(look);
	shows_ic(look, "lost", DOCTOR_NONE, "%" PRIu64, now->lost);
	shows_ic(look, "malformed", DOCTOR_NONE, "%" PRIu64, now->malformed);
	shows_ic(look, "waiting_ns", now->waiting_ns, "an answer is waited for");
	remedy(look, "hvctl ic ping");
	return true;
}

bool check_pipelined(struct look *look)
{
	const struct doctor_ring *ring = &look->channel->to_guest;
	const struct doctor_ic *ic = look->ic;

	if (!ic->lock_step || ic->pipelined == 0 || ring->used_bytes == 0 || !ring_unmoved(look) ||
		look->channel_then->to_guest.used_bytes == 0)
		return false;
	diagnose(look, "%u requests wait in the ring of %s, whose driver reads one per interrupt",
		ring->unread_packets, ic->name);
	shows_ic(look, "pipelined", DOCTOR_NONE, "%" PRIu64, ic->pipelined);
	shows_channel(
		look, "rings/1/read_avail", look->channel->write_age_ns, "%u", ring->used_bytes);
	remedy(look, "hvctl channels unstick %u", look->channel->relid);
	return true;
}

bool check_still_up(struct look *look)
{
	const struct doctor_ic *ic = look->ic;
	char text[DURATION_BYTES];

	if (!lasts(look, ic->going_down_age_ns, look->limits->shutdown_ns))
		return false;
	diagnose(look, "the guest agreed to go down %s ago and is still up",
		duration(ic->going_down_age_ns, text));
	shows_ic(look, "last_status", ic->going_down_age_ns, "0x0");
	shows(look, "vm/state", DOCTOR_NONE, "running");
	remedy(look, "hvctl ic shutdown --force");
	return true;
}
