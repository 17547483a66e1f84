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
static const char *const requests[] = {"ping", NULL};

static size_t heartbeat_fill(struct ic *ic, const struct ic_call *call, void *body)
{
	struct heartbeat *heartbeat = container_of(ic, struct heartbeat, ic);
	const struct ic_heartbeat message = {.sequence = ++heartbeat->sequence};

	memcpy(body, &message, sizeof(message));
	return sizeof(message);
}

static bool heartbeat_accepts(struct ic *ic, const void *body, size_t size)
{
	const struct heartbeat *heartbeat = container_of(ic, struct heartbeat, ic);
	struct ic_heartbeat message;

	if (size < sizeof(message))
		return false;
	memcpy(&message, body, sizeof(message));
	return message.sequence == heartbeat->sequence + 1;
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
	.requests = requests,
	.answered = "the guest lives",
	.fill = heartbeat_fill,
	.accepts = heartbeat_accepts,
};
