/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A device that no driver wants: the guest sees an offer, and its class in sysfs, and leaves it
 * closed. That is how a device without a driver looks, and not a stuck channel.
 */
#include <errno.h>
#include <stdlib.h>
#include "vmbus/device.h"
#include "vmbus/internal.h"

struct null_device {
	struct vmbus_device device;
	struct vmbus_channel *channel; /* borrows; the bus frees it */
};

/* Made up, and of nobody else. */
static const struct vmbus_guid null_class = {
	0x6e756c6c, 0x6876, 0x4d64, {0x9c, 0x2e, 0x68, 0x76, 0x64, 0x6e, 0x75, 0x6c}};
static const struct vmbus_guid null_instance = {
	0x6e756c6c, 0x6876, 0x4d64, {0x9c, 0x2e, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01}};

/* A guest program may open it all the same: what it sends stays in its ring. */
static int null_open(struct vmbus_channel *channel, void *arg)
{
	return 0;
}

static int null_close(struct vmbus_channel *channel, void *arg)
{
	return 0;
}

static void null_signalled(struct vmbus_channel *channel, void *arg)
{
}

static void null_released(struct vmbus_channel *channel, void *arg)
{
	free(arg);
}

static const struct vmbus_device_ops null_ops = {
	.name = "null",
	.open = null_open,
	.close = null_close,
	.signalled = null_signalled,
	.released = null_released,
};

static int null_offer(const struct device_options *options, struct vmbus_offer *ret_offer,
	char reterr_text[DEVICE_ERROR_BYTES])
{
	struct vmbus_offer offer = {
		.interface_type = null_class,
		.interface_instance = null_instance,
		.monitor_id = VMBUS_MONITOR_NONE,
	};
	int r = device_option_guid(options, "class", &offer.interface_type, reterr_text);

	if (r == 0)
		r = device_option_guid(options, "instance", &offer.interface_instance, reterr_text);
	if (r == 0)
		*ret_offer = offer;
	return r;
}

static int null_create(struct vmbus *bus, const struct device_options *options,
	struct vmbus_device **ret_device, char reterr_text[DEVICE_ERROR_BYTES])
{
	struct null_device *null;
	struct vmbus_offer offer;
	int r = null_offer(options, &offer, reterr_text);

	if (r < 0)
		return r;
	null = calloc(1, sizeof(*null));
	if (!null)
		return -ENOMEM;
	r = vmbus_channel_add(bus, &offer, &null_ops, null, &null->channel);
	if (r < 0) {
		free(null);
		return r;
	}
	*ret_device = &null->device;
	return 0;
}

static void null_remove(struct vmbus_device *device)
{
	vmbus_channel_remove(container_of(device, struct null_device, device)->channel);
}

static const struct device_option_row null_options[] = {
	{"class", "GUID of the interface type"},
	{"instance", "GUID of the instance"},
	{NULL, NULL},
};

const struct vmbus_device_kind vmbus_null_kind = {
	.name = "null",
	.help = "offers a class without a driver",
	.options = null_options,
	.create = null_create,
	.remove = null_remove,
};
