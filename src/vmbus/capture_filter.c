/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmbus/capture_filter.h"

#include <string.h>
#include "hvdef/hv_synic.h"
#include "vmbus/internal.h"

/* Where a message names its channel; 0: nowhere. */
static const uint8_t relid_at[VMBUS_MSG_COUNT] = {
	[VMBUS_MSG_OFFER_CHANNEL] = offsetof(struct vmbus_offer_channel, child_relid),
	[VMBUS_MSG_RESCIND_CHANNEL_OFFER] = offsetof(struct vmbus_relid_message, child_relid),
	[VMBUS_MSG_OPEN_CHANNEL] = offsetof(struct vmbus_open_channel, child_relid),
	[VMBUS_MSG_OPEN_CHANNEL_RESULT] = offsetof(struct vmbus_open_channel_result, child_relid),
	[VMBUS_MSG_CLOSE_CHANNEL] = offsetof(struct vmbus_relid_message, child_relid),
	[VMBUS_MSG_GPADL_HEADER] = offsetof(struct vmbus_gpadl_header, child_relid),
	[VMBUS_MSG_GPADL_CREATED] = offsetof(struct vmbus_gpadl_created, child_relid),
	[VMBUS_MSG_GPADL_TEARDOWN] = offsetof(struct vmbus_gpadl_teardown, child_relid),
	[VMBUS_MSG_RELID_RELEASED] = offsetof(struct vmbus_relid_message, child_relid),
	[VMBUS_MSG_OPEN_RESERVED_CHANNEL] = offsetof(struct vmbus_open_reserved, child_relid),
	[VMBUS_MSG_CLOSE_RESERVED_CHANNEL] = offsetof(struct vmbus_close_reserved, child_relid),
	[VMBUS_MSG_CLOSE_RESERVED_RESPONSE] = offsetof(struct vmbus_relid_message, child_relid),
	[VMBUS_MSG_MODIFY_CHANNEL] = offsetof(struct vmbus_modify_channel, child_relid),
	[VMBUS_MSG_MODIFY_CHANNEL_RESPONSE] = offsetof(
		struct vmbus_modify_channel_response, child_relid),
};

/* And where those stand that name a GPADL. */
static const uint8_t gpadl_at[VMBUS_MSG_COUNT] = {
	[VMBUS_MSG_GPADL_HEADER] = offsetof(struct vmbus_gpadl_header, gpadl),
	[VMBUS_MSG_GPADL_BODY] = offsetof(struct vmbus_gpadl_body, gpadl),
	[VMBUS_MSG_GPADL_TORNDOWN] = offsetof(struct vmbus_gpadl_torndown, gpadl),
};

/* 0 when the message has no such word. */
static uint32_t word_at(const struct capture_item *item, const void *bytes, size_t at)
{
	uint32_t word = 0;

	if (at > 0 && at + sizeof(word) <= item->bytes)
		memcpy(&word, (const uint8_t *)bytes + at, sizeof(word));
	return word;
}

static void remember(struct capture_filter *filter, uint32_t gpadl)
{
	filter->gpadl[filter->gpadls++ % CAPTURE_FILTER_GPADLS] = gpadl;
}

static bool remembered(const struct capture_filter *filter, uint32_t gpadl)
{
	unsigned count = MIN(filter->gpadls, (unsigned)CAPTURE_FILTER_GPADLS);

	for (unsigned i = 0; i < count; i++) {
		if (filter->gpadl[i] == gpadl)
			return true;
	}
	return false;
}

/* A channel message of the bus, as far as can be told without one. */
static bool is_channel_message(const struct capture_meta *meta)
{
	if (meta->kind != CAPTURE_MESSAGE || meta->value != HV_MESSAGE_TYPE_VMBUS)
		return false;
	if (meta->direction == CAPTURE_TO_GUEST)
		return meta->sint == VMBUS_SINT;
	return meta->connection_id == VMBUS_CONNECTION_OLD ||
	       meta->connection_id == VMBUS_CONNECTION_NEW;
}

static bool message_passes(
	struct capture_filter *filter, const struct capture_item *item, const void *bytes)
{
	uint32_t type = 0, relid, gpadl;

	if (item->bytes >= sizeof(type))
		memcpy(&type, bytes, sizeof(type));
	if (type >= VMBUS_MSG_COUNT)
		return false;
	relid = word_at(item, bytes, relid_at[type]);
	gpadl = word_at(item, bytes, gpadl_at[type]);
	if (type == VMBUS_MSG_GPADL_HEADER && relid == filter->relid)
		remember(filter, gpadl);
	return relid_at[type] ? relid == filter->relid : gpadl && remembered(filter, gpadl);
}

static bool event_passes(const struct capture_filter *filter, const struct capture_meta *meta)
{
	if (meta->direction == CAPTURE_TO_GUEST)
		return meta->sint == VMBUS_SINT && meta->value == filter->relid;
	return meta->connection_id == VMBUS_CONNECTION_ID_BASE + filter->relid;
}

bool capture_filter_passes(
	struct capture_filter *filter, const struct capture_item *item, const void *bytes)
{
	if (filter->relid == 0)
		return true;
	switch (item->meta.kind) {
	case CAPTURE_PACKET:
		return item->meta.relid == filter->relid;
	case CAPTURE_EVENT:
		return event_passes(filter, &item->meta);
	default:
		return is_channel_message(&item->meta) && message_passes(filter, item, bytes);
	}
}
