/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a device does with its channel's rings between open() and close(): packets out and in, each
 * captured when somebody captures, and signals where one is due. A guest that breaks a ring fails the
 * channel here.
 */
#include <errno.h>
#include <string.h>
#include "vmbus/internal.h"
#include "vmm/event.h"

struct vmbus_ring *vmbus_channel_in(struct vmbus_channel *channel)
{
	return &channel->in;
}

struct vmbus_ring *vmbus_channel_out(struct vmbus_channel *channel)
{
	return &channel->out;
}

/* Between open() and close(), and while the guest has done nothing wrong. */
static bool usable(const struct vmbus_channel *channel)
{
	return (channel->device == DEVICE_OPENING || channel->device == DEVICE_OPEN) &&
	       channel->state != CHANNEL_FAILED;
}

static const char bad_read_index[] = "host to guest: the read index is not one";

static int broken(struct vmbus_channel *channel, int r, const char *why)
{
	if (r == -EPROTO)
		vmbus_channel_fail(channel, why);
	return r;
}

/* The descriptor as it stands in the ring, then what `iov` has: extra header and payload. */
static void capture_packet(struct vmbus_channel *channel, enum capture_direction direction,
	const struct ring_packet *packet, const struct iovec *iov, unsigned iov_count)
{
	const struct capture_meta meta = {
		.kind = CAPTURE_PACKET,
		.direction = (uint8_t)direction,
		.sint = RECORD_NO_SINT,
		.vp = CAPTURE_NONE,
		.connection_id = channel->connection_id,
		.relid = channel->relid,
		.class = channel->offer.interface_type,
	};
	size_t header = sizeof(struct vmbus_packet_header) + packet->header_bytes;
	struct vmbus_packet_header descriptor = {
		.type = packet->type,
		.offset8 = (uint16_t)(header / 8),
		.length8 = (uint16_t)((header + packet->payload_bytes + 7) / 8),
		.flags = packet->flags,
		.transaction_id = packet->transaction_id,
	};
	struct iovec parts[1 + RING_IOV_MAX] = {{&descriptor, sizeof(descriptor)}};

	memcpy(parts + 1, iov, iov_count * sizeof(*iov));
	capture_put(&channel->bus->vm->capture, &meta, parts, 1 + iov_count);
}

static void capture_sent(struct vmbus_channel *channel, uint64_t transaction_id, uint16_t flags,
	const struct iovec *iov, unsigned iov_count)
{
	struct ring_packet packet = {
		.type = VMBUS_PACKET_DATA_INBAND,
		.flags = flags,
		.transaction_id = transaction_id,
	};

	for (unsigned i = 0; i < iov_count; i++)
		packet.payload_bytes += iov[i].iov_len;
	capture_packet(channel, CAPTURE_TO_GUEST, &packet, iov, iov_count);
}

/* `bytes`: the extra header and the payload. */
static void capture_received(
	struct vmbus_channel *channel, const struct ring_packet *packet, void *bytes)
{
	const struct iovec iov = {bytes, packet->header_bytes + packet->payload_bytes};

	capture_packet(channel, CAPTURE_TO_HOST, packet, &iov, 1);
}

/* After its own signal. */
static void note_packet(struct vmbus_channel *channel, uint64_t bytes)
{
	struct channel_notes *notes = &channel->notes;

	notes->write_ns = clock_now_ns(channel->bus->vm->clock);
	notes->wakes = 0;
	notes->largest_packet = MAX(notes->largest_packet, bytes - VMBUS_PACKET_TRAILER_BYTES);
}

/* The same with zeros behind it, eight bytes too long; NULL: it has too many parts for that. */
static const struct iovec *pad(
	struct iovec padded[RING_IOV_MAX], const struct iovec *iov, unsigned *iov_count, size_t limit)
{
	static uint8_t zeros[VMBUS_PAGE_SIZE]; /* only read */
	size_t wanted = limit - sizeof(struct vmbus_packet_header) + 8, bytes = 0;
	unsigned count = 0;

	for (; count < *iov_count && count < RING_IOV_MAX; count++) {
		padded[count] = iov[count];
		bytes += iov[count].iov_len;
	}
	for (; bytes < wanted && count < RING_IOV_MAX; count++) {
		padded[count] = (struct iovec){zeros, MIN(wanted - bytes, sizeof(zeros))};
		bytes += padded[count].iov_len;
	}
	if (bytes < wanted || count < *iov_count)
		return NULL;
	*iov_count = count;
	return padded;
}

/* The event of the first packet has been sent already, when a fault was early with it. */
static void signal_packet(struct vmbus_channel *channel)
{
	if (channel->early_packet)
		channel->early_packet = false;
	else
		vmbus_channel_signal(channel);
}

int vmbus_channel_send(struct vmbus_channel *channel, uint64_t transaction_id, bool completion,
	const struct iovec *iov, unsigned iov_count)
{
	uint16_t flags = completion ? VMBUS_PACKET_FLAG_COMPLETION_REQUESTED : 0;
	uint64_t before = channel->out.bytes;
	size_t limit = channel->offer.packet_limit;
	struct iovec padded[RING_IOV_MAX];
	bool signal;
	int r;

	if (!usable(channel))
		return -ESHUTDOWN;
	if (limit && channel_is_hit(channel, FAULT_OVERSIZE_PACKET)) {
		const struct iovec *longer = pad(padded, iov, &iov_count, limit);

		iov = longer ? longer : iov;
		limit = longer ? 0 : limit;
	}
	r = ring_write(&channel->out, VMBUS_PACKET_DATA_INBAND, flags, transaction_id, iov,
		iov_count, limit, &signal);
	if (r < 0)
		return broken(channel, r, bad_read_index);
	if (capture_wanted(&channel->bus->vm->capture))
		capture_sent(channel, transaction_id, flags, iov, iov_count);
	if (signal)
		signal_packet(channel);
	note_packet(channel, channel->out.bytes - before);
	return 0;
}

int vmbus_channel_room(struct vmbus_channel *channel, size_t wanted, size_t *ret_payload_bytes)
{
	size_t limit = channel->offer.packet_limit;
	size_t payload;
	int r = usable(channel) ? ring_room(&channel->out, wanted, &payload) : -ESHUTDOWN;

	if (r < 0)
		return broken(channel, r, bad_read_index);
	*ret_payload_bytes = limit ? MIN(payload, limit - sizeof(struct vmbus_packet_header))
				   : payload;
	return 0;
}

int vmbus_channel_drained(struct vmbus_channel *channel)
{
	int r = usable(channel) ? ring_drained(&channel->out) : -ESHUTDOWN;

	return broken(channel, r, bad_read_index);
}

int vmbus_channel_peek(struct vmbus_channel *channel, void *buffer, size_t capacity,
	struct ring_packet *ret_packet)
{
	bool first = channel->in.peeked == 0;
	int r = usable(channel) ? ring_peek(&channel->in, buffer, capacity, ret_packet)
				: -ESHUTDOWN;

	if (r == 0 && first && capture_wanted(&channel->bus->vm->capture))
		capture_received(channel, ret_packet, buffer);
	return broken(channel, r, "guest to host: the write index or a packet's lengths are wrong");
}

int vmbus_channel_consume(struct vmbus_channel *channel)
{
	bool signal = false;
	int r = usable(channel) ? ring_consume(&channel->in, &signal) : -ESHUTDOWN;

	if (signal && !channel_is_hit(channel, FAULT_SKIP_ROOM_SIGNAL))
		vmbus_channel_signal(channel);
	return broken(channel, r, "guest to host: the write index is not one");
}

bool vmbus_channel_idle(struct vmbus_channel *channel)
{
	if (!channel_is_hit(channel, FAULT_LEAVE_MASKED))
		return ring_reader_idle(&channel->in);
	ring_idle_masked(&channel->in);
	return false;
}
