/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The connection, and messages of the guest on their way in: D3, D25, D26, D33, D36 and D37.
 */
#include <inttypes.h>
#include "doctor/rules.h"
#include "hvdef/vmbus.h"
#include "vmbus/states.h"

/* Fewer signals to nowhere than this are a race that does no harm. */
enum { UNKNOWN_SIGNALS_HARMLESS = 10 };

/* How long the guest has waited for this answer, made or not; none: it does not, or not long. */
static uint64_t waits_for(struct look *look, uint32_t answer, uint64_t asked_age_ns)
{
	const struct doctor_owed *owed = owed_for(look, answer, 0, look->limits->stuck_ns);

	if (owed)
		return owed->age_ns;
	return lasts(look, asked_age_ns, look->limits->stuck_ns) ? asked_age_ns : DOCTOR_NONE;
}

static void shows_queue(struct look *look)
{
	const struct doctor_connection *connection = look->connection;

	shows(look, "vmbus/state", connection->time_in_state_ns, "%s",
		connection->state < VMBUS_STATES ? vmbus_state_names[connection->state]
						 : "unknown");
	shows(look, "vmbus/outgoing", connection->outgoing_age_ns, "%u", connection->outgoing);
	shows(look, "vmbus/target_vp", DOCTOR_NONE, "%u", connection->target_vp);
}

bool check_version_answer(struct look *look)
{
	uint64_t age = waits_for(
		look, VMBUS_MSG_VERSION_RESPONSE, look->connection->contact_age_ns);
	char text[DURATION_BYTES];

	if (age == DOCTOR_NONE)
		return false;
	diagnose(look, "the guest has waited %s for VERSION_RESPONSE, and has no timeout",
		duration(age, text));
	shows(look, "owed/version_response", age, "not in the guest's slot");
	shows_queue(look);
	return true;
}

bool check_unload_answer(struct look *look)
{
	uint64_t age = waits_for(look, VMBUS_MSG_UNLOAD_RESPONSE, look->connection->unload_age_ns);
	char text[DURATION_BYTES];

	if (age == DOCTOR_NONE)
		return false;
	diagnose(look, "the guest has waited %s for UNLOAD_RESPONSE", duration(age, text));
	shows(look, "owed/unload_response", age, "not in the guest's slot");
	shows_queue(look);
	return true;
}

/* The request may be among the messages that hvd has not taken yet: that is D25's. */
bool check_no_request_offers(struct look *look)
{
	const struct doctor_connection *connection = look->connection;
	char text[DURATION_BYTES];

	if (connection->incoming > 0 || connection->state != VMBUS_NEGOTIATED ||
		look->connection_then->state != VMBUS_NEGOTIATED ||
		!lasts(look, connection->time_in_state_ns, look->limits->offers_ns))
		return false;
	diagnose(look, "the guest agreed on a version %s ago and has not asked for offers",
		duration(connection->time_in_state_ns, text));
	shows(look, "vmbus/state", connection->time_in_state_ns, "negotiated");
	shows(look, "vmbus/messages_in", connection->incoming_age_ns, "%" PRIu64,
		connection->messages_in);
	return true;
}

static void diagnose_old_version(struct look *look)
{
	uint32_t version = look->connection->version, maximum = look->connection->version_maximum;

	severity(look, DOCTOR_INFO);
	diagnose(look, "the guest chose version %u.%u, hvd knows %u.%u", version >> 16,
		version & 0xffff, maximum >> 16, maximum & 0xffff);
	shows(look, "vmbus/version", look->connection->time_in_state_ns, "%u.%u", version >> 16,
		version & 0xffff);
}

bool check_version(struct look *look)
{
	const struct doctor_connection *connection = look->connection;

	if (is_connected(connection) && connection->version < connection->version_maximum) {
		diagnose_old_version(look);
		return true;
	}
	if (connection->state != VMBUS_DISCONNECTED || connection->contacts_refused == 0)
		return false;
	diagnose(look, "the guest tried %" PRIu64 " versions, and hvd refused the last one",
		connection->contacts);
	shows(look, "vmbus/contacts", DOCTOR_NONE, "%" PRIu64, connection->contacts);
	shows(look, "vmbus/contacts_refused", DOCTOR_NONE, "%" PRIu64,
		connection->contacts_refused);
	remedy(look, "hvctl inspect vmbus/history");
	return true;
}

/* ---- messages of the guest ------------------------------------------------------------------- */

static bool pump_stands(const struct look *look)
{
	const struct doctor_connection *now = look->connection, *then = look->connection_then;

	return now->incoming > 0 && then->incoming > 0 && now->messages_in == then->messages_in &&
	       apart(look, look->limits->stuck_ns);
}

bool check_posts_refused(struct look *look)
{
	const struct doctor_connection *now = look->connection, *then = look->connection_then;
	uint64_t refused = now->refused_by_port - then->refused_by_port;
	uint64_t unknown = look->machine->posts_unknown - look->machine_then->posts_unknown;

	if (refused == 0 && unknown == 0 && !pump_stands(look))
		return false;
	if (pump_stands(look) || refused > 0)
		diagnose(look,
			"%u of %u messages of the guest wait and %s; %" PRIu64
			" posts were refused "
			"meanwhile",
			now->incoming, now->incoming_capacity,
			now->messages_in == then->messages_in ? "none is taken" : "few are taken",
			refused);
	else
		diagnose(look, "%" PRIu64 " posts named a connection that there is not", unknown);
	shows(look, "vmbus/incoming", now->incoming_age_ns, "%u", now->incoming);
	shows(look, "vmbus/refused_by_port", DOCTOR_NONE, "%" PRIu64 ", %" PRIu64 " of them new",
		now->refused_by_port, refused);
	shows(look, "vmbus/outgoing", now->outgoing_age_ns, "%u", now->outgoing);
	shows(look, "machine/posts_unknown", DOCTOR_NONE, "%" PRIu64 ", %" PRIu64 " of them new",
		look->machine->posts_unknown, unknown);
	return true;
}

bool check_unknown_signals(struct look *look)
{
	uint64_t fresh = look->machine->signals_unknown - look->machine_then->signals_unknown;

	if (fresh == 0)
		return false;
	if (fresh < UNKNOWN_SIGNALS_HARMLESS)
		severity(look, DOCTOR_INFO);
	diagnose(look, "%" PRIu64 " signals of the guest led to no channel", fresh);
	shows(look, "machine/signals_unknown", DOCTOR_NONE, "%" PRIu64 ", %" PRIu64 " of them new",
		look->machine->signals_unknown, fresh);
	remedy(look, "hvctl watch --type port.signal");
	return true;
}
