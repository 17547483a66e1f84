/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The states of a channel, and who gets its events: D13-D15, D20, D23, D24, D28 and D34.
 */
#include <inttypes.h>
#include <string.h>
#include "doctor/rules.h"
#include "hvdef/vmbus.h"
#include "vmbus/states.h"

static void shows_state(struct look *look)
{
	const struct doctor_channel *channel = look->channel;

	shows_channel(look, "state", channel->time_in_state_ns, "%s",
		channel->state < CHANNEL_STATES ? vmbus_channel_state_names[channel->state]
						: "unknown");
}

/* ---- offers ---------------------------------------------------------------------------------- */

bool check_no_driver(struct look *look)
{
	const struct doctor_channel *channel = look->channel;
	char text[DURATION_BYTES];

	if (!channel_stays(look, CHANNEL_CLOSED) || channel->is_hvsock || channel->opens > 0 ||
		channel->gpadls > 0 || !is_connected(look->connection) ||
		!lasts(look, channel->time_in_state_ns, look->limits->driver_ns))
		return false;
	if (channel->driver[0])
		diagnose(look, "%s was offered %s ago, and %s has not taken it up", channel->device,
			duration(channel->time_in_state_ns, text), channel->driver);
	else
		diagnose(look, "%s was offered %s ago; its class has no driver in Linux",
			channel->device, duration(channel->time_in_state_ns, text));
	if (!channel->driver[0])
		severity(look, DOCTOR_INFO);
	shows_state(look);
	shows_channel(look, "class_id", DOCTOR_NONE, "%s", channel->class_id);
	shows_channel(look, "gpadls", DOCTOR_NONE, "0");
	return true;
}

bool check_offered_twice(struct look *look)
{
	const struct doctor_channel *channel = look->channel;
	const struct doctor_channel *twin = NULL;

	if (channel->state == CHANNEL_CLIENT_RELEASED || channel->is_hvsock)
		return false;
	for (uint32_t i = 0; i < look->now->channel_count && !twin; i++) {
		const struct doctor_channel *other = &look->now->channels[i];

		if (other->relid >= channel->relid)
			break; /* in ascending order */
		if (other->state != CHANNEL_CLIENT_RELEASED &&
			strcmp(other->device_id, channel->device_id) == 0 &&
			strcmp(other->class_id, channel->class_id) == 0)
			twin = other;
	}
	if (!twin && channel->offers <= 1)
		return false;
	if (twin)
		diagnose(look,
			"channels %u and %u are offers of one device: the guest has dropped "
			"the second",
			twin->relid, channel->relid);
	else
		diagnose(look, "channel %u was offered %" PRIu64 " times without being released",
			channel->relid, channel->offers);
	shows_channel(look, "device_id", DOCTOR_NONE, "%s", channel->device_id);
	shows_channel(look, "offers", channel->time_in_state_ns, "%" PRIu64, channel->offers);
	return true;
}

/* ---- opening, closing ------------------------------------------------------------------------ */

/* Linux opens these in the worker that takes up every offer. */
static bool blocks_offers(const struct doctor_channel *channel)
{
	return channel->is_hvsock || channel->monitor_id != DOCTOR_NONE32;
}

bool check_opening(struct look *look)
{
	const struct doctor_channel *channel = look->channel;
	const struct doctor_owed *owed = owed_for(
		look, VMBUS_MSG_OPEN_CHANNEL_RESULT, channel->relid, look->limits->stuck_ns);
	bool device = channel_stays(look, CHANNEL_OPENING) &&
		      lasts(look, channel->time_in_state_ns, look->limits->answer_ns);
	char text[DURATION_BYTES];

	if (!device && !owed)
		return false;
	if (!blocks_offers(channel))
		look->breaks &= ~(unsigned)SERVICE_OFFERS;
	diagnose(look, "the guest has waited %s for OPEN_RESULT of channel %u: %s",
		duration(owed ? owed->age_ns : channel->time_in_state_ns, text), channel->relid,
		owed ? "it did not reach the slot" : "the device has not started");
	shows_state(look);
	shows_channel(look, "device_state", DOCTOR_NONE, "%s",
		channel->device_state < DEVICE_STATES
			? vmbus_device_state_names[channel->device_state]
			: "unknown");
	if (owed)
		shows(look, "owed/open_channel_result", owed->age_ns, "not in the guest's slot");
	remedy(look, "hvctl channels rescind %u --force", channel->relid);
	return true;
}

bool check_rescind_race(struct look *look)
{
	const struct doctor_channel *channel = look->channel;
	const struct doctor_owed *owed = owed_for(
		look, VMBUS_MSG_RESCIND_CHANNEL_OFFER, channel->relid, 0);

	if (!channel_stays(look, CHANNEL_REVOKED) || channel->requests_after_revoke == 0 || !owed)
		return false;
	diagnose(look,
		"the guest opens channel %u, which has been taken back; RESCIND is on its way",
		channel->relid);
	shows_state(look);
	shows_channel(look, "requests_after_revoke", DOCTOR_NONE, "%" PRIu64,
		channel->requests_after_revoke);
	shows(look, "owed/rescind_channel_offer", owed->age_ns, "not in the guest's slot");
	return true;
}

bool check_not_released(struct look *look)
{
	const struct doctor_channel *channel = look->channel;
	char text[DURATION_BYTES];

	if (!channel_stays(look, CHANNEL_REVOKED) ||
		!lasts(look, channel->time_in_state_ns, look->limits->driver_ns) ||
		owed_for(look, VMBUS_MSG_RESCIND_CHANNEL_OFFER, channel->relid, 0))
		return false;
	diagnose(look, "channel %u was taken back %s ago, and the guest does not let go of it",
		channel->relid, duration(channel->time_in_state_ns, text));
	shows_state(look);
	shows_channel(look, "state_before_revoke", DOCTOR_NONE, "%s",
		channel->state_before_revoke < CHANNEL_STATES
			? vmbus_channel_state_names[channel->state_before_revoke]
			: "unknown");
	shows_channel(look, "gpadls", DOCTOR_NONE, "%u", channel->gpadls);
	return true;
}

bool check_no_rescind(struct look *look)
{
	const struct doctor_channel *channel = look->channel;
	char text[DURATION_BYTES];

	if (!channel->is_hvsock || channel->opens == 0 || !channel_stays(look, CHANNEL_CLOSED) ||
		!lasts(look, channel->time_in_state_ns, look->limits->stuck_ns))
		return false;
	diagnose(look, "the guest closed connection %u %s ago, and hvd has not taken it back",
		channel->relid, duration(channel->time_in_state_ns, text));
	shows_state(look);
	shows_channel(look, "opens", DOCTOR_NONE, "%" PRIu64, channel->opens);
	remedy(look, "hvctl channels rescind %u --force", channel->relid);
	return true;
}

/* ---- who gets the events --------------------------------------------------------------------- */

bool check_modify(struct look *look)
{
	const struct doctor_channel *now = look->channel, *then = look->channel_then;
	const struct doctor_owed *owed = owed_for(
		look, VMBUS_MSG_MODIFY_CHANNEL_RESPONSE, now->relid, look->limits->stuck_ns);
	bool left = now->previous_vp != DOCTOR_NONE32 && now->previous_vp != now->target_vp &&
		    now->event_flag_on_previous && then->event_flag_on_previous &&
		    then->previous_vp == now->previous_vp;
	char text[DURATION_BYTES];

	if (!owed && !left)
		return false;
	if (owed)
		diagnose(look, "the guest has waited %s for MODIFY_CHANNEL_RESPONSE of channel %u",
			duration(owed->age_ns, text), now->relid);
	else
		diagnose(look,
			"an event for channel %u stands on VP %u, which it has left for VP %u",
			now->relid, now->previous_vp, now->target_vp);
	if (owed)
		shows(look, "owed/modify_channel_response", owed->age_ns,
			"not in the guest's slot");
	shows_channel(
		look, "target_vp", DOCTOR_NONE, "%u, before %u", now->target_vp, now->previous_vp);
	remedy(look, "hvctl channels unstick %u", now->relid);
	return true;
}

/* A VP whose SynIC was never set up. */
static bool never_set_up(const struct doctor_vp *vp)
{
	return !vp || !vp->started ||
	       (vp->registers_known && vp->scontrol == 0 && vp->simp == 0 && vp->siefp == 0);
}

static bool target_is_nothing(const struct look *look)
{
	uint32_t vp = look->channel->target_vp;

	return channel_stays(look, CHANNEL_OPEN) && vp != DOCTOR_NONE32 &&
	       look->channel_then->target_vp == vp && never_set_up(doctor_find_vp(look->now, vp)) &&
	       never_set_up(doctor_find_vp(look->then, vp));
}

bool check_target_vp(struct look *look)
{
	const struct doctor_channel *now = look->channel, *then = look->channel_then;
	bool nothing = target_is_nothing(look);
	bool refused = now->refused_vp != DOCTOR_NONE32 && then->refused_vp == now->refused_vp;
	bool lost = now->events_lost > then->events_lost;

	if (!nothing && !refused && !lost)
		return false;
	if (refused)
		diagnose(look,
			"the guest wants the events of channel %u on VP %u, which there is "
			"not",
			now->relid, now->refused_vp);
	else
		diagnose(look, "events of channel %u are for VP %u, which %s", now->relid,
			now->target_vp,
			nothing ? "never set up its SynIC" : "has no event flags page");
	shows_channel(look, "target_vp", DOCTOR_NONE, "%" PRIi32, (int32_t)now->target_vp);
	shows_channel(look, "events_lost", DOCTOR_NONE, "%" PRIu64, now->events_lost);
	return true;
}
