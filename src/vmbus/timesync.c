/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Time synchronisation (spec/vmbus.md 7.4): UTC together with the partition's reference time of the
 * same moment, so that the guest can tell how old it is when it gets there. The first packet after
 * negotiation, and each that somebody asks for, makes the guest set its clock; those in between are
 * samples, which in Linux only feed the PTP clock "hyperv".
 */
#include <string.h>
#include "common/clock.h"
#include "vmbus/ic.h"
#include "vmbus/internal.h"

static const struct ic_version versions[] = {{3, 0}, {4, 0}};
static const struct ic_question questions[] = {
	{.name = "sync", .answered = "the guest was told the time"},
	{0},
};

static uint64_t utc_100ns(void)
{
	return IC_TIME_UNIX_EPOCH_100NS + clock_realtime_ns() / 100;
}

static size_t fill_v4(struct ic *ic, uint8_t flags, void *body)
{
	struct ic_timesync message = {.flags = flags};

	if (reftime_guest_100ns(&ic->bus->vm->reftime, &message.reference_time) < 0)
		return 0;
	message.parent_time = utc_100ns();
	memcpy(body, &message, sizeof(message));
	return sizeof(message);
}

static size_t fill_v3(uint8_t flags, void *body)
{
	const struct ic_timesync_v3 message = {.parent_time = utc_100ns(), .flags = flags};

	memcpy(body, &message, sizeof(message));
	return sizeof(message);
}

static size_t timesync_fill(struct ic *ic, const struct ic_call *call, void *body)
{
	uint8_t flags = call || ic->fresh ? IC_TIME_SYNC : IC_TIME_SAMPLE;

	return ic->version.major >= 4 ? fill_v4(ic, flags, body) : fill_v3(flags, body);
}

static int timesync_create(struct vmbus *bus, const struct device_options *options,
	struct vmbus_device **ret_device, char reterr_text[DEVICE_ERROR_BYTES])
{
	return ic_create(bus, IC_COMPONENT_TIMESYNC, ret_device);
}

const struct vmbus_device_kind vmbus_timesync_kind = {
	.name = "timesync",
	.help = "tells the guest the time",
	.create = timesync_create,
	.remove = ic_remove,
};

const struct ic_ops timesync_ops = {
	.kind = &vmbus_timesync_kind,
	.interface_type = {0x9527e630, 0xd0ae, 0x497b,
		{0xad, 0xce, 0xe8, 0x0a, 0xb0, 0x17, 0x5c, 0xaf}},
	.interface_instance = {0x2dd1ce17, 0x079e, 0x403c,
		{0xb3, 0x52, 0xa1, 0x92, 0x1e, 0xe2, 0x07, 0xee}},
	.type = IC_TIMESYNC,
	.versions = versions,
	.version_count = ARRAY_LEN(versions),
	.size = sizeof(struct ic),
	.period_ns = 5 * NSEC_PER_SEC,
	.patience_ns = 4 * NSEC_PER_SEC,
	.questions = questions,
	.fill = timesync_fill,
};
