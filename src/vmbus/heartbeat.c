/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Heartbeat: a number every two seconds, which the guest sends back plus one (spec/vmbus.md 7.3).
 * No answer within two periods is lost communication; Linux says nothing else of its health.
 */
#include <string.h>
#include "vmbus/ic.h"

#define PERIOD_NS (2 * NSEC_PER_SEC)

struct heartbeat {
	struct ic ic;
	uint64_t sequence; /* the last that was sent */
};

static const struct ic_version versions[] = {{3, 0}};
static const struct ic_question questions[] = {
	{.name = "ping", .answered = "the guest lives"},
	{0},
};

static size_t heartbeat_fill(struct ic *ic, const struct ic_call *call, void *body)
{
	struct heartbeat *heartbeat = container_of(ic, struct heartbeat, ic);
	const struct ic_heartbeat message = {.sequence = ++heartbeat->sequence};

	memcpy(body, &message, sizeof(message));
	return sizeof(message);
}

static enum ic_outcome heartbeat_take(
	struct ic *ic, const struct ic_call *call, const struct ic_reply *reply, bool *ret_more)
{
	const struct heartbeat *heartbeat = container_of(ic, struct heartbeat, ic);
	struct ic_heartbeat message;

	if (reply->size < sizeof(message))
		return IC_BAD_ANSWER;
	memcpy(&message, reply->body, sizeof(message));
	if (message.sequence != heartbeat->sequence + 1)
		return IC_BAD_ANSWER;
	return ic_outcome_of(reply->status);
}

static int heartbeat_create(struct vmbus *bus, const struct device_options *options,
	struct vmbus_device **ret_device, char reterr_text[DEVICE_ERROR_BYTES])
{
	return ic_create(bus, IC_COMPONENT_HEARTBEAT, ret_device);
}

const struct vmbus_device_kind vmbus_heartbeat_kind = {
	.name = "heartbeat",
	.help = "asks the guest every two seconds whether it lives",
	.create = heartbeat_create,
	.remove = ic_remove,
};

const struct ic_ops heartbeat_ops = {
	.kind = &vmbus_heartbeat_kind,
	.interface_type = {0x57164f39, 0x9115, 0x4e78,
		{0xab, 0x55, 0x38, 0x2f, 0x3b, 0xd5, 0x42, 0x2d}},
	.interface_instance = {0xfd149e91, 0x82e0, 0x4a7d,
		{0xaf, 0xa6, 0x2a, 0x41, 0x66, 0xcb, 0xd7, 0xc0}},
	.type = IC_HEARTBEAT,
	.versions = versions,
	.version_count = ARRAY_LEN(versions),
	.size = sizeof(struct heartbeat),
	.period_ns = PERIOD_NS,
	.patience_ns = 2 * PERIOD_NS,
	.questions = questions,
	.fill = heartbeat_fill,
	.take = heartbeat_take,
};
