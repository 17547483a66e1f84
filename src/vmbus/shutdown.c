/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shutdown (spec/vmbus.md 7.5): the guest is asked to power off or to reboot. What it answers is
 * that it will try; that it did is seen in ACPI, a reset or UNLOAD. It is left alone for a second
 * after negotiation: before, Linux's driver may not have its worker yet.
 */
#include <string.h>
#include "vmbus/ic.h"

enum shutdown_request { SHUTDOWN_POWER_OFF, SHUTDOWN_REBOOT };

static const struct ic_version versions[] = {{3, 0}, {3, 1}, {3, 2}};
#define AGREED "the guest agreed; it has yet to do it"
static const struct ic_question questions[] = {
	[SHUTDOWN_POWER_OFF] = {.name = "power-off", .takes = IC_FORCE, .answered = AGREED},
	[SHUTDOWN_REBOOT] = {.name = "reboot", .takes = IC_FORCE, .answered = AGREED},
	{0},
};

/* Never on its own: there is a call. */
static size_t shutdown_fill(struct ic *ic, const struct ic_call *call, void *body)
{
	struct ic_shutdown message = {0};

	if (call->request == SHUTDOWN_REBOOT)
		message.flags |= IC_SHUTDOWN_REBOOT;
	if (call->force)
		message.flags |= IC_SHUTDOWN_FORCE;
	memcpy(body, &message, sizeof(message));
	return sizeof(message);
}

static int shutdown_create(struct vmbus *bus, const struct device_options *options,
	struct vmbus_device **ret_device, char reterr_text[DEVICE_ERROR_BYTES])
{
	return ic_create(bus, IC_COMPONENT_SHUTDOWN, ret_device);
}

const struct vmbus_device_kind vmbus_shutdown_kind = {
	.name = "shutdown",
	.help = "asks the guest to power off or to reboot",
	.create = shutdown_create,
	.remove = ic_remove,
};

const struct ic_ops shutdown_ops = {
	.kind = &vmbus_shutdown_kind,
	.interface_type = {0x0e0b6031, 0x5213, 0x4934,
		{0x81, 0x8b, 0x38, 0xd9, 0x0c, 0xed, 0x39, 0xdb}},
	.interface_instance = {0xb6650ff7, 0x33bc, 0x4840,
		{0x80, 0x48, 0xe0, 0x67, 0x67, 0x86, 0xf3, 0x93}},
	.type = IC_SHUTDOWN,
	.versions = versions,
	.version_count = ARRAY_LEN(versions),
	.size = sizeof(struct ic),
	.lock_step = true,
	.patience_ns = 3 * NSEC_PER_SEC,
	.settle_ns = NSEC_PER_SEC,
	.questions = questions,
	.fill = shutdown_fill,
};
