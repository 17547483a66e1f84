/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>
#include "vmbus/internal.h"
#include "vmm/event.h"

static unsigned known(uint32_t type)
{
	return type < VMBUS_MSG_COUNT ? type : VMBUS_MSG_INVALID;
}

static void add(struct vmbus_history *history, const struct vmbus_history_entry *entry)
{
	history->entry[history->count++ % VMBUS_HISTORY] = *entry;
}

/* The verdict of the newest entry from the guest, if it has not been pushed out since. */
static void refuse(struct vmbus_history *history, uint32_t type, enum vmbus_verdict verdict)
{
	uint64_t oldest = history->count - MIN(history->count, (uint64_t)VMBUS_HISTORY);

	for (uint64_t i = history->count; i-- > oldest;) {
		struct vmbus_history_entry *entry = &history->entry[i % VMBUS_HISTORY];

		if (!entry->out) {
			if (entry->type == type)
				entry->verdict = (uint8_t)verdict;
			return;
		}
	}
}

/* ---- records -------------------- */

#define WORD(type, member) ((uint16_t)offsetof(type, member))

/*
 * What a message's record says beside direction, type and relid: two arguments of two words of the
 * message each, by their offsets; 0, where the type stands, is none. What is in the words is said
 * in vmm/event.h.
 */
struct recorded {
	enum hv_event event;
	uint16_t word[4];
};

static const struct recorded recorded[VMBUS_MSG_COUNT] = {
	[VMBUS_MSG_INVALID] = {HV_EVENT_VMBUS_MESSAGE_UNKNOWN, {0}},
	[VMBUS_MSG_OFFER_CHANNEL] = {HV_EVENT_VMBUS_MESSAGE_OFFER,
		{WORD(struct vmbus_offer_channel, monitor_id),
			WORD(struct vmbus_offer_channel, connection_id),
			WORD(struct vmbus_offer_channel, interface_type),
			WORD(struct vmbus_offer_channel, chn_flags)}},
	[VMBUS_MSG_OPEN_CHANNEL] = {HV_EVENT_VMBUS_MESSAGE_OPEN,
		{WORD(struct vmbus_open_channel, open_id),
			WORD(struct vmbus_open_channel, ring_gpadl),
			WORD(struct vmbus_open_channel, target_vp),
			WORD(struct vmbus_open_channel, downstream_offset)}},
	[VMBUS_MSG_OPEN_CHANNEL_RESULT] = {HV_EVENT_VMBUS_MESSAGE_OPEN_RESULT,
		{WORD(struct vmbus_open_channel_result, open_id),
			WORD(struct vmbus_open_channel_result, status)}},
	[VMBUS_MSG_GPADL_HEADER] = {HV_EVENT_VMBUS_MESSAGE_GPADL_HEADER,
		{WORD(struct vmbus_gpadl_header, gpadl),
			WORD(struct vmbus_gpadl_header, range_buf_len),
			sizeof(struct vmbus_gpadl_header),
			sizeof(struct vmbus_gpadl_header) + sizeof(uint32_t)}},
	[VMBUS_MSG_GPADL_BODY] = {HV_EVENT_VMBUS_MESSAGE_GPADL_BODY,
		{WORD(struct vmbus_gpadl_body, message_number),
			WORD(struct vmbus_gpadl_body, gpadl)}},
	[VMBUS_MSG_GPADL_CREATED] = {HV_EVENT_VMBUS_MESSAGE_GPADL_CREATED,
		{WORD(struct vmbus_gpadl_created, gpadl),
			WORD(struct vmbus_gpadl_created, status)}},
	[VMBUS_MSG_GPADL_TEARDOWN] = {HV_EVENT_VMBUS_MESSAGE_GPADL,
		{WORD(struct vmbus_gpadl_teardown, gpadl)}},
	[VMBUS_MSG_GPADL_TORNDOWN] = {HV_EVENT_VMBUS_MESSAGE_GPADL,
		{WORD(struct vmbus_gpadl_torndown, gpadl)}},
	[VMBUS_MSG_INITIATE_CONTACT] = {HV_EVENT_VMBUS_MESSAGE_CONTACT,
		{WORD(struct vmbus_initiate_contact, version),
			WORD(struct vmbus_initiate_contact, target_vp),
			WORD(struct vmbus_initiate_contact, sint),
			WORD(struct vmbus_initiate_contact, feature_flags)}},
	[VMBUS_MSG_VERSION_RESPONSE] = {HV_EVENT_VMBUS_MESSAGE_VERSION,
		{WORD(struct vmbus_version_response, supported),
			WORD(struct vmbus_version_response, selected)}},
	[VMBUS_MSG_OPEN_RESERVED_CHANNEL] = {HV_EVENT_VMBUS_MESSAGE_OPEN_RESERVED,
		{WORD(struct vmbus_open_reserved, target_vp),
			WORD(struct vmbus_open_reserved, target_sint),
			WORD(struct vmbus_open_reserved, ring_gpadl),
			WORD(struct vmbus_open_reserved, downstream_offset)}},
	[VMBUS_MSG_CLOSE_RESERVED_CHANNEL] = {HV_EVENT_VMBUS_MESSAGE_CLOSE_RESERVED,
		{WORD(struct vmbus_close_reserved, target_vp),
			WORD(struct vmbus_close_reserved, target_sint)}},
	[VMBUS_MSG_TL_CONNECT_REQUEST] = {HV_EVENT_VMBUS_MESSAGE_CONNECT,
		{WORD(struct vmbus_tl_connect_request, endpoint),
			WORD(struct vmbus_tl_connect_request, service)}},
	[VMBUS_MSG_TL_CONNECT_RESULT] = {HV_EVENT_VMBUS_MESSAGE_CONNECT_RESULT,
		{WORD(struct vmbus_tl_connect_result, endpoint),
			WORD(struct vmbus_tl_connect_result, service),
			WORD(struct vmbus_tl_connect_result, status)}},
	[VMBUS_MSG_MODIFY_CHANNEL] = {HV_EVENT_VMBUS_MESSAGE_MODIFY,
		{WORD(struct vmbus_modify_channel, target_vp)}},
	[VMBUS_MSG_MODIFY_CHANNEL_RESPONSE] = {HV_EVENT_VMBUS_MESSAGE_STATUS,
		{WORD(struct vmbus_modify_channel_response, status)}},
};

/* A word of the message; 0 behind its end. */
static uint64_t word_at(const struct vmbus_noted *noted, uint16_t offset)
{
	uint32_t word = 0;

	if (offset && noted->size >= offset + sizeof(word))
		memcpy(&word, (const uint8_t *)noted->message + offset, sizeof(word));
	return word;
}

/* Before 5.0 the interrupt page stands where the SINT is now. */
static enum hv_event event_of(const struct vmbus_noted *noted, const struct recorded *row)
{
	bool contact = row->event == HV_EVENT_VMBUS_MESSAGE_CONTACT;

	if (!row->event)
		return HV_EVENT_VMBUS_MESSAGE;
	return contact && word_at(noted, row->word[0]) < VMBUS_VERSION_5_0
		       ? HV_EVENT_VMBUS_MESSAGE_OLD_CONTACT
		       : row->event;
}

static void record(struct vmbus *bus, const struct vmbus_noted *noted, bool out)
{
	const struct recorded *row = &recorded[known(noted->type)];
	uint64_t first = word_at(noted, row->word[0]) | word_at(noted, row->word[1]) << 32;
	uint64_t second = word_at(noted, row->word[2]) | word_at(noted, row->word[3]) << 32;

	if (known(noted->type) == VMBUS_MSG_INVALID)
		first = noted->type;
	hv_record(bus->vm->recorder, event_of(noted, row), RECORD_NO_VP, 0, RECORD_NO_SINT, out,
		known(noted->type), noted->relid, first, second);
}

/* ---- messages -------------------- */

static void note(
	struct vmbus *bus, struct vmbus_channel *channel, const struct vmbus_history_entry *entry)
{
	uint64_t *counters = entry->out ? bus->messages_out : bus->messages_in;

	counters[known(entry->type)]++;
	add(&bus->history, entry);
	if (channel)
		add(&channel->history, entry);
}

static struct vmbus_history_entry entry_now(
	struct vmbus *bus, const struct vmbus_noted *noted, bool out)
{
	return (struct vmbus_history_entry){
		.mono_ns = clock_now_ns(bus->vm->clock),
		.type = noted->type,
		.relid = noted->relid,
		.value = noted->value,
		.out = out,
	};
}

void vmbus_note_in(
	struct vmbus *bus, struct vmbus_channel *channel, const struct vmbus_noted *noted)
{
	struct vmbus_history_entry entry = entry_now(bus, noted, false);

	note(bus, channel, &entry);
	record(bus, noted, false);
}

void vmbus_note_out(struct vmbus *bus, const struct vmbus_noted *noted)
{
	struct vmbus_history_entry entry = entry_now(bus, noted, true);

	note(bus, channel_by_relid(bus, noted->relid), &entry);
	record(bus, noted, true);
}

void vmbus_note_refusal(
	struct vmbus *bus, uint32_t relid, uint32_t type, enum vmbus_verdict verdict)
{
	struct vmbus_channel *channel = channel_by_relid(bus, relid);

	bus->verdicts[verdict]++;
	refuse(&bus->history, type, verdict);
	if (channel) {
		channel->refused++;
		refuse(&channel->history, type, verdict);
	}
	hv_record(bus->vm->recorder, HV_EVENT_VMBUS_REFUSED, RECORD_NO_VP, 0, RECORD_NO_SINT,
		known(type), relid, verdict);
}
