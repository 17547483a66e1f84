/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What checks are made of: saying and asking. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "common/clock.h"
#include "doctor/rules.h"
#include "vmbus/states.h"

/* ---- saying ---------------------------------------------------------------------------------- */

static PRINTF(3, 0) void print(char *text, size_t size, const char *format, va_list args)
{
	vsnprintf(text, size, format, args);
}

#define PRINT_INTO(member)                                                                 \
	do {                                                                               \
		va_list args;                                                              \
                                                                                           \
		va_start(args, format);                                                    \
		print(look->finding->member, sizeof(look->finding->member), format, args); \
		va_end(args);                                                              \
	} while (0)

void diagnose(struct look *look, const char *format, ...)
{
	PRINT_INTO(diagnosis);
}

void remedy(struct look *look, const char *format, ...)
{
	PRINT_INTO(remedy);
}

void advise(struct look *look, const char *format, ...)
{
	PRINT_INTO(advice);
}

void subject(struct look *look, const char *format, ...)
{
	PRINT_INTO(subject);
}

static PRINTF(4, 0) void add_evidence(
	struct look *look, const char *field, uint64_t age_ns, const char *format, va_list args)
{
	struct doctor_finding *finding = look->finding;
	struct doctor_evidence *evidence;

	if (finding->evidence_count == DOCTOR_EVIDENCE_MAX)
		return;
	evidence = &finding->evidence[finding->evidence_count++];
	snprintf(evidence->field, sizeof(evidence->field), "%s", field);
	print(evidence->value, sizeof(evidence->value), format, args);
	evidence->age_ns = age_ns;
}

void shows(struct look *look, const char *field, uint64_t age_ns, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_evidence(look, field, age_ns, format, args);
	va_end(args);
}

/* A field below an object, whose path is the format and what follows. */
#define SHOW_BELOW(...)                                             \
	do {                                                        \
		char field[sizeof(look->finding->evidence->field)]; \
		va_list args;                                       \
                                                                    \
		snprintf(field, sizeof(field), __VA_ARGS__);        \
		va_start(args, format);                             \
		add_evidence(look, field, age_ns, format, args);    \
		va_end(args);                                       \
	} while (0)

void shows_channel(struct look *look, const char *leaf, uint64_t age_ns, const char *format, ...)
{
	SHOW_BELOW("channels/%u/%s", look->channel->relid, leaf);
}

void shows_sint(struct look *look, const char *leaf, uint64_t age_ns, const char *format, ...)
{
	SHOW_BELOW("vps/%u/sints/%u/%s", look->vp->vp, look->vp->sint, leaf);
}

void shows_vp(struct look *look, const char *leaf, uint64_t age_ns, const char *format, ...)
{
	SHOW_BELOW("vps/%u/%s", look->vp->vp, leaf);
}

void shows_ic(struct look *look, const char *leaf, uint64_t age_ns, const char *format, ...)
{
	SHOW_BELOW("ic/%s/%s", look->ic->name, leaf);
}

/* ---- asking ---------------------------------------------------------------------------------- */

/* As hvctl prints the ages of the evidence below. */
const char *duration(uint64_t ns, char text[DURATION_BYTES])
{
	uint64_t seconds = ns / NSEC_PER_SEC;

	if (ns == DOCTOR_NONE)
		snprintf(text, DURATION_BYTES, "an unknown time");
	else if (ns < NSEC_PER_SEC)
		snprintf(text, DURATION_BYTES, "%" PRIu64 " ms", ns / NSEC_PER_MSEC);
	else if (seconds < 10)
		snprintf(text, DURATION_BYTES, "%" PRIu64 ".%" PRIu64 " s", seconds,
			ns % NSEC_PER_SEC / (100 * NSEC_PER_MSEC));
	else if (seconds < 60)
		snprintf(text, DURATION_BYTES, "%" PRIu64 " s", seconds);
	else if (seconds < 3600)
		snprintf(text, DURATION_BYTES, "%" PRIu64 "m%02" PRIu64 "s", seconds / 60,
			seconds % 60);
	else if (seconds < 86400)
		snprintf(text, DURATION_BYTES, "%" PRIu64 "h%02" PRIu64 "m", seconds / 3600,
			seconds % 3600 / 60);
	else
		snprintf(text, DURATION_BYTES, "%" PRIu64 "d%02" PRIu64 "h", seconds / 86400,
			seconds % 86400 / 3600);
	return text;
}

uint32_t about_vp(const struct look *look)
{
	if (look->vp)
		return look->vp->vp;
	return look->channel ? look->channel->target_vp : DOCTOR_NONE32;
}

bool lasts(struct look *look, uint64_t age_ns, uint64_t limit_ns)
{
	if (age_ns == DOCTOR_NONE || age_ns < limit_ns)
		return false;
	if (progress_time_had(look->now, look->blames, about_vp(look), age_ns) < limit_ns)
		look->early = true;
	return true;
}

bool is_connected(const struct doctor_connection *connection)
{
	return connection->state == VMBUS_CONNECTED;
}

bool is_of_bus(const struct look *look)
{
	const struct doctor_connection *connection = look->connection;

	return !look->vp->other &&
	       (connection->state != VMBUS_DISCONNECTED || connection->outgoing > 0);
}

bool gets_messages(const struct look *look)
{
	if (is_of_bus(look))
		return look->vp->vp == look->connection->target_vp;
	return look->vp->queue_depth > 0 && look->vp_then->queue_depth > 0;
}

bool gets_events(const struct look *look)
{
	if (look->vp->other)
		return false;
	for (uint32_t i = 0; i < look->now->channel_count; i++) {
		const struct doctor_channel *channel = &look->now->channels[i];

		if (channel->state == CHANNEL_OPEN && channel->target_vp == look->vp->vp)
			return true;
	}
	return false;
}

bool slot_unmoved(const struct look *look)
{
	const struct doctor_vp *now = look->vp, *then = look->vp_then;

	return now->slot_busy && then->slot_busy && now->slot_type == then->slot_type &&
	       now->delivered == then->delivered && now->eoms == then->eoms;
}

const struct doctor_owed *owed_for(
	struct look *look, uint32_t message, uint32_t relid, uint64_t limit_ns)
{
	const struct doctor_owed *owed = doctor_find_owed(look->now, message, relid, DOCTOR_NONE);

	return owed && lasts(look, owed->age_ns, limit_ns) ? owed : NULL;
}

bool channel_stays(const struct look *look, unsigned state)
{
	return look->channel->state == state && look->channel_then->state == state;
}
