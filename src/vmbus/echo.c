/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmbus/echo.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/parse.h"
#include "vmbus/internal.h"

enum { LATENCY_MIN_US = 100, LATENCY_MAX_US = 6500 };

/* With the number of the monitor behind it. */
static const struct vmbus_guid echo_instance = {
	0x6563686f, 0x6876, 0x4d64, {0x9c, 0x2e, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00}};

static uint64_t now_ns(const struct echo *echo)
{
	return clock_now_ns(echo->bus->vm->clock);
}

void echo_set_state(struct echo *echo, enum echo_state state)
{
	if (state == echo->state)
		return;
	echo->state = state;
	echo->since_ns = now_ns(echo);
}

/* ---- from the guest -------------------- */

static bool parse_packet(const struct ring_packet *packet, const uint8_t *payload,
	struct vmbus_echo_header *ret_header)
{
	struct vmbus_echo_header header;

	if (packet->type != VMBUS_PACKET_DATA_INBAND || packet->payload_bytes < sizeof(header))
		return false;
	memcpy(&header, payload, sizeof(header));
	if (header.magic != VMBUS_ECHO_MAGIC || header.size < sizeof(header) ||
		header.size > packet->payload_bytes || packet->payload_bytes - header.size >= 8)
		return false;
	*ret_header = header;
	return true;
}

/*
 * What the guest asked for goes back. It is not waited for room: a guest that asks for more than
 * its ring holds would wait for us, and we for it.
 */
static void send_back(struct echo *echo, struct vmbus_echo_header header, uint8_t *payload)
{
	const struct iovec iov = {payload, header.size};
	size_t room;

	header.kind = VMBUS_ECHO_REPLY;
	memcpy(payload, &header, sizeof(header));
	if (vmbus_channel_room(echo->channel, 0, &room) < 0 || room < header.size ||
		vmbus_channel_send(echo->channel, header.sequence, false, &iov, 1) < 0) {
		echo->dropped++;
		return;
	}
	echo->echoed++;
	echo->echoed_bytes += header.size;
}

static void on_packet(struct echo *echo, const struct ring_packet *packet)
{
	uint8_t *payload = echo->packet + packet->header_bytes;
	struct vmbus_echo_header header = {0};

	if (parse_packet(packet, payload, &header) && header.kind == VMBUS_ECHO_REPLY) {
		echo_run_reply(echo, &header, payload);
	} else if (header.kind == VMBUS_ECHO_REQUEST) {
		send_back(echo, header, payload);
	} else {
		echo->malformed++;
		snprintf(echo->problem, sizeof(echo->problem),
			"a packet of the guest is neither a request nor a reply");
	}
}

/* True: there may be more. */
static bool read_packets(struct echo *echo)
{
	struct ring_packet packet;
	int r = 0;

	for (unsigned i = 0; i < ECHO_PACKETS_AT_ONCE && r == 0; i++) {
		r = vmbus_channel_peek(echo->channel, echo->packet, sizeof(echo->packet), &packet);
		if (r < 0)
			break;
		on_packet(echo, &packet);
		r = vmbus_channel_consume(echo->channel);
	}
	if (r == -EMSGSIZE)
		vmbus_channel_fail(echo->channel, "guest to host: a packet larger than any echo");
	return r == 0;
}

/* ---- the channel -------------------- */

static void sleep_until_signalled(struct echo *echo)
{
	if (vmbus_channel_idle(echo->channel))
		loop_defer(echo->bus->vm->loop, &echo->channel->signalled_work);
}

/* Linux opens the same memory again, in which our mask is as we left it. */
static int on_open(struct vmbus_channel *channel, void *arg)
{
	struct echo *echo = arg;

	echo->problem[0] = '\0';
	echo_set_state(echo, ECHO_IDLE);
	sleep_until_signalled(echo);
	return 0;
}

static int on_close(struct vmbus_channel *channel, void *arg)
{
	struct echo *echo = arg;

	echo_run_end(echo, ECHO_BROKEN);
	echo_set_state(echo, ECHO_CLOSED);
	return 0;
}

/*
 * While we read, the guest need not signal. Sending comes second: an answer makes room in the
 * window.
 */
static void on_signalled(struct vmbus_channel *channel, void *arg)
{
	struct echo *echo = arg;
	bool more;

	ring_mask(vmbus_channel_in(channel));
	more = read_packets(echo);
	more |= echo_run_send(echo);
	if (more)
		loop_defer(echo->bus->vm->loop, &channel->signalled_work);
	else
		sleep_until_signalled(echo);
}

static void on_released(struct vmbus_channel *channel, void *arg)
{
	struct echo *echo = arg;

	loop_timer_free(echo->timer);
	free(echo);
}

static const struct vmbus_device_ops channel_ops = {
	.name = "echo",
	.open = on_open,
	.close = on_close,
	.signalled = on_signalled,
	.released = on_released,
};

/* ---- options -------------------- */

/* Leaves *number alone when the key is not given. */
static int read_number(const struct device_options *options, const char *key, unsigned minimum,
	unsigned maximum, uint64_t *number, char reterr_text[DEVICE_ERROR_BYTES])
{
	const char *text = device_option(options, key);

	if (!text || parse_u64(text, minimum, maximum, number) == 0)
		return 0;
	snprintf(reterr_text, DEVICE_ERROR_BYTES, "%s: '%.40s' is not a number from %u to %u", key,
		text, minimum, maximum);
	return -EINVAL;
}

/* One that no channel has, not even one that the guest has still to forget. */
static uint64_t free_monitor(const struct vmbus *bus)
{
	const struct vmbus_channel *channel;
	bool taken[HV_MONITOR_COUNT] = {false};
	uint64_t id = 0;

	TAILQ_FOREACH (channel, &bus->channels, link) {
		if (channel->offer.monitor_id < HV_MONITOR_COUNT)
			taken[channel->offer.monitor_id] = true;
	}
	while (id < HV_MONITOR_COUNT - 1 && taken[id])
		id++;
	return id;
}

static int read_offer(const struct vmbus *bus, const struct device_options *options,
	struct vmbus_offer *ret_offer, char reterr_text[DEVICE_ERROR_BYTES])
{
	struct vmbus_offer offer = {
		.interface_type = VMBUS_ECHO_CLASS,
		.interface_instance = echo_instance,
	};
	uint64_t monitor = free_monitor(bus), latency_us = LATENCY_MIN_US;
	int r = read_number(options, "monitor", 0, HV_MONITOR_COUNT - 1, &monitor, reterr_text);

	if (r == 0)
		r = read_number(options, "latency", LATENCY_MIN_US, LATENCY_MAX_US, &latency_us,
			reterr_text);
	offer.monitor_id = (uint8_t)monitor;
	offer.monitor_latency_100ns = (uint16_t)(latency_us * 10);
	offer.interface_instance.d[7] = (uint8_t)monitor;
	if (r == 0)
		r = device_option_guid(options, "class", &offer.interface_type, reterr_text);
	if (r == 0)
		r = device_option_guid(options, "instance", &offer.interface_instance, reterr_text);
	if (r == 0)
		*ret_offer = offer;
	return r;
}

static const struct device_option_row echo_options[] = {
	{"class", "GUID of the interface type"},
	{"instance", "GUID of the instance"},
	{"monitor", "monitor that the guest signals through, 0 to 127; default: a free one"},
	{"latency", "microseconds between two looks at it, 100 to 6500; default 100"},
	{NULL, NULL},
};

/* ---- life -------------------- */

static int echo_new(struct vmbus *bus, struct echo **ret_echo)
{
	struct echo *echo = calloc(1, sizeof(*echo));
	int r;

	if (!echo)
		return -ENOMEM;
	r = loop_timer_new(bus->vm->loop, echo_tick, echo, &echo->timer);
	if (r < 0) {
		free(echo);
		return r;
	}
	echo->bus = bus;
	echo->since_ns = now_ns(echo);
	*ret_echo = echo;
	return 0;
}

static int echo_create(struct vmbus *bus, const struct device_options *options,
	struct vmbus_device **ret_device, char reterr_text[DEVICE_ERROR_BYTES])
{
	struct vmbus_offer offer;
	struct echo *echo;
	int r = read_offer(bus, options, &offer, reterr_text);

	if (r < 0)
		return r;
	r = echo_new(bus, &echo);
	if (r < 0)
		return r;
	r = vmbus_channel_add(bus, &offer, &channel_ops, echo, &echo->channel);
	if (r == -EBUSY)
		snprintf(reterr_text, DEVICE_ERROR_BYTES, "monitor: %u is taken", offer.monitor_id);
	if (r < 0) {
		loop_timer_free(echo->timer);
		free(echo);
		return r;
	}
	*ret_device = &echo->device;
	return 0;
}

static void echo_remove(struct vmbus_device *device)
{
	vmbus_channel_remove(container_of(device, struct echo, device)->channel);
}

const struct vmbus_device_kind vmbus_echo_kind = {
	.name = "echo",
	.help = "exchanges packets with a program on uio_hv_generic",
	.options = echo_options,
	.create = echo_create,
	.remove = echo_remove,
};

struct echo *echo_after(struct vmbus *bus, uint32_t relid)
{
	struct echo *best = NULL;
	struct vmbus_device *device;

	TAILQ_FOREACH (device, &bus->devices, link) {
		struct echo *echo = container_of(device, struct echo, device);

		if (device->kind == &vmbus_echo_kind && echo->channel->relid > relid &&
			(!best || echo->channel->relid < best->channel->relid))
			best = echo;
	}
	return best;
}
