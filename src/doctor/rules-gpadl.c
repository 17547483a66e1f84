/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest memory that a channel may use: D16, D17, D19 and D22.
 */
#include <inttypes.h>
#include <stdio.h>
#include "doctor/rules.h"
#include "hvdef/vmbus.h"
#include "vmbus/states.h"

static void shows_state(struct look *look)
{
	const struct doctor_gpadl *gpadl = look->gpadl;
	char field[48];

	snprintf(field, sizeof(field), "gpadls/%u/%" PRIu64 "/state", gpadl->relid, gpadl->gpadl);
	shows(look, field, gpadl->time_in_state_ns, "%s", vmbus_gpadl_state_names[gpadl->state]);
}

bool check_gpadl_body(struct look *look)
{
	const struct doctor_gpadl *now = look->gpadl, *then = look->gpadl_then;
	char text[DURATION_BYTES];

	if (now->state != GPADL_ASSEMBLING || then->state != GPADL_ASSEMBLING ||
		now->bytes_received != then->bytes_received ||
		!lasts(look, now->time_in_state_ns, look->limits->stuck_ns))
		return false;
	diagnose(look, "GPADL 0x%" PRIx64 " lacks %u of %u bytes, and none has come for %s",
		now->gpadl, now->bytes_expected - now->bytes_received, now->bytes_expected,
		duration(now->time_in_state_ns, text));
	shows_state(look);
	shows(look, "vmbus/refused_by_port", DOCTOR_NONE, "%" PRIu64,
		look->connection->refused_by_port);
	remedy(look, "hvctl channels rescind %u --force", now->relid);
	return true;
}

/* For the rings, Linux waits with the mutex held that every offer and rescind wants. */
static void diagnose_torndown(struct look *look, bool blocks_all, uint64_t age_ns)
{
	char text[DURATION_BYTES];

	if (!blocks_all)
		look->breaks &= ~(unsigned)SERVICE_OFFERS;
	diagnose(look, "the guest has waited %s for GPADL_TORNDOWN%s", duration(age_ns, text),
		blocks_all ? "; until then it works on no offer and no rescind" : "");
}

static bool torndown_not_sent(struct look *look)
{
	const struct doctor_gpadl *now = look->gpadl;

	if (now->state != GPADL_TEARING_DOWN || look->gpadl_then->state != GPADL_TEARING_DOWN ||
		!lasts(look, now->time_in_state_ns, look->limits->answer_ns))
		return false;
	diagnose_torndown(look, now->in_use || now->is_ring, now->time_in_state_ns);
	shows_state(look);
	shows_channel(look, "device_state", look->channel->time_in_state_ns, "%s",
		vmbus_device_state_names[look->channel->device_state]);
	return true;
}

static bool torndown_on_its_way(struct look *look)
{
	const struct doctor_owed *owed = look->owed;

	if (owed->message != VMBUS_MSG_GPADL_TORNDOWN ||
		!lasts(look, owed->age_ns, look->limits->answer_ns))
		return false;
	diagnose_torndown(look, true, owed->age_ns);
	subject(look, "channels/%u", owed->relid);
	shows(look, "owed/gpadl_torndown", owed->age_ns, "0x%" PRIx64 " of channel %u", owed->id,
		owed->relid);
	return true;
}

bool check_gpadl_torndown(struct look *look)
{
	return look->gpadl ? torndown_not_sent(look) : torndown_on_its_way(look);
}

bool check_gpadl_created(struct look *look)
{
	const struct doctor_owed *owed = look->owed;
	char text[DURATION_BYTES];

	if (owed->message != VMBUS_MSG_GPADL_CREATED ||
		!lasts(look, owed->age_ns, look->limits->stuck_ns))
		return false;
	diagnose(look, "the guest has waited %s for GPADL_CREATED of GPADL 0x%" PRIx64,
		duration(owed->age_ns, text), owed->id);
	subject(look, "channels/%u", owed->relid);
	shows(look, "owed/gpadl_created", owed->age_ns, "0x%" PRIx64 " of channel %u", owed->id,
		owed->relid);
	shows(look, "vmbus/outgoing", look->connection->outgoing_age_ns, "%u",
		look->connection->outgoing);
	remedy(look, "hvctl channels rescind %u --force", owed->relid);
	return true;
}

bool check_early_teardown(struct look *look)
{
	const struct doctor_channel *channel = look->channel;

	if (!channel_stays(look, CHANNEL_OPEN) || channel->early_teardowns == 0)
		return false;
	diagnose(look,
		"the guest wanted the rings of channel %u back while it is open, and was "
		"refused",
		channel->relid);
	shows_channel(look, "state", channel->time_in_state_ns, "open");
	shows_channel(look, "early_teardowns", DOCTOR_NONE, "%" PRIu64, channel->early_teardowns);
	remedy(look, "hvctl channels rescind %u --force", channel->relid);
	return true;
}
