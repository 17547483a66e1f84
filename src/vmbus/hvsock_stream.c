/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bytes of a connection. Nothing is buffered here: the socket is read only as far as the ring
 * has room, and a packet stays in the ring until the socket has taken all of it.
 *
 * The end of the client's stream is told to the guest only when it has read everything before it.
 * So, once both ends are told, RESCIND takes nothing from the guest: it could not read on after it.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include "common/log.h"
#include "vmbus/hvsock.h"
#include "vmbus/internal.h"

enum {
	TURN_BYTES = 64 * 1024, /* each way */
	TURN_PACKETS = 64,
	/* Room worth waiting for: no packet for every few bytes that a guest reads. */
	WORTHWHILE_BYTES = 4096,
	FLUSH_BYTES = 4 * 1024 * 1024,
};

/* ---- the client's bytes to the guest ----------------------------------------------------------
 */

static int send_packet(struct hvsock_connection *connection, const void *bytes, size_t size)
{
	const struct hvsock_header header = {.type = HVSOCK_DATA, .size = (uint32_t)size};
	const struct iovec iov[] = {
		{.iov_base = (void *)&header, .iov_len = sizeof(header)},
		{.iov_base = (void *)bytes, .iov_len = size},
	};

	return vmbus_channel_send(connection->channel, 0, false, iov, ARRAY_LEN(iov));
}

/* Room is left for what is read: only a guest that breaks the ring can take it away. */
static int move_to_guest(struct hvsock_connection *connection, size_t room)
{
	struct hvsock *sock = connection->sock;
	ssize_t got = recv(
		connection->fd, sock->packet, MIN(room, (size_t)HVSOCK_PAYLOAD_MAX), MSG_DONTWAIT);
	int r;

	if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
		connection->want_read = true;
		return 0;
	}
	if (got <= 0) {
		connection->input_ended = true;
		return 0;
	}
	r = send_packet(connection, sock->packet, (size_t)got);
	if (r == -EAGAIN)
		vmbus_channel_fail(connection->channel, "host to guest: the read index went back");
	if (r < 0)
		return r;
	connection->to_guest_bytes += (uint64_t)got;
	if (connection->hung_up)
		connection->expires_ns = clock_now_ns(vmbus_vm(sock->bus)->clock) +
					 hvsock_linger_ns;
	return (int)got;
}

/* Payload that fits in one packet now; 0: the guest will signal when it is worthwhile. */
static int room_for_bytes(struct hvsock_connection *connection, size_t *ret_room)
{
	const size_t header = sizeof(struct hvsock_header);
	size_t ring = vmbus_channel_out(connection->channel)->size;
	size_t worthwhile = MIN((size_t)WORTHWHILE_BYTES, ring / 4);
	size_t room = 0;
	int r = vmbus_channel_room(connection->channel, worthwhile + header, &room);

	if (r == 0)
		*ret_room = room >= worthwhile + header ? room - header : 0;
	return r;
}

static int finish_to_guest(struct hvsock_connection *connection)
{
	int r = vmbus_channel_drained(connection->channel);

	if (r == 0)
		hvsock_need_tick(connection->sock); /* should the guest not signal */
	if (r <= 0)
		return r;
	r = send_packet(connection, NULL, 0);
	if (r == 0)
		connection->fin_sent = true;
	return r;
}

static int pump_to_guest(struct hvsock_connection *connection)
{
	size_t budget = TURN_BYTES;

	connection->want_read = false;
	while (!connection->input_ended) {
		size_t room = 0;
		int r = room_for_bytes(connection, &room);

		if (r < 0)
			return r;
		if (room == 0)
			return 0;
		r = move_to_guest(connection, MIN(room, budget));
		if (r < 0 || connection->want_read)
			return r;
		budget -= (size_t)r;
		if (budget == 0) {
			connection->want_read = true;
			return 0;
		}
	}
	return connection->fin_sent ? 0 : finish_to_guest(connection);
}

/* ---- the guest's bytes to the client ----------------------------------------------------------
 */

/* While the channel is being closed only the ring itself may be asked. */
static int peek(struct hvsock_connection *connection, struct ring_packet *ret_packet)
{
	struct hvsock *sock = connection->sock;
	struct vmbus_channel *channel = connection->channel;

	if (channel->device == DEVICE_CLOSING)
		return ring_peek(
			vmbus_channel_in(channel), sock->packet, sizeof(sock->packet), ret_packet);
	return vmbus_channel_peek(channel, sock->packet, sizeof(sock->packet), ret_packet);
}

static int consume(struct hvsock_connection *connection)
{
	struct vmbus_channel *channel = connection->channel;
	bool signal;

	connection->sent = 0;
	if (channel->device == DEVICE_CLOSING)
		return ring_consume(vmbus_channel_in(channel), &signal);
	return vmbus_channel_consume(channel);
}

/* The packet in `sock->packet`: its bytes, or NULL when it is none of hv_sock's. */
static const uint8_t *bytes_of(
	const struct hvsock *sock, const struct ring_packet *packet, size_t *ret_size)
{
	const uint8_t *payload = sock->packet + packet->header_bytes;
	struct hvsock_header header;

	if (packet->type != VMBUS_PACKET_DATA_INBAND || packet->payload_bytes < sizeof(header))
		return NULL;
	memcpy(&header, payload, sizeof(header));
	if (header.type != HVSOCK_DATA || header.size > packet->payload_bytes - sizeof(header))
		return NULL;
	*ret_size = header.size;
	return payload + sizeof(header);
}

/* 1: all of it is gone, 0: the socket is full. */
static int write_bytes(struct hvsock_connection *connection, const uint8_t *bytes, size_t size)
{
	while (!connection->deaf && connection->sent < size) {
		ssize_t n = send(connection->fd, bytes + connection->sent, size - connection->sent,
			MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			connection->deaf = true;
			break;
		}
		connection->sent += (size_t)n;
		connection->to_client_bytes += (uint64_t)n;
	}
	if (connection->deaf)
		connection->dropped = true;
	return 1;
}

static void end_of_guest(struct hvsock_connection *connection)
{
	connection->fin_received = true;
	shutdown(connection->fd, SHUT_WR);
}

/* Size of the packet that was moved; -EAGAIN: the socket is full. */
static int move_to_client(struct hvsock_connection *connection, const struct ring_packet *packet)
{
	const uint8_t *bytes;
	size_t size;
	int r;

	bytes = bytes_of(connection->sock, packet, &size);
	if (!bytes || connection->fin_received) {
		vmbus_channel_fail(
			connection->channel, bytes ? "hv_sock: a packet after the last"
						   : "hv_sock: not a packet of its kind");
		return -EPROTO;
	}
	if (size == 0)
		end_of_guest(connection);
	else if (!write_bytes(connection, bytes, size))
		return -EAGAIN;
	r = consume(connection);
	return r < 0 ? r : (int)size;
}

/* Nothing is left: the guest is asked to signal. True: something came meanwhile. */
static bool sleep_until_signalled(struct hvsock_connection *connection)
{
	return vmbus_channel_idle(connection->channel);
}

static int next_packet(struct hvsock_connection *connection, struct ring_packet *ret_packet)
{
	int r = peek(connection, ret_packet);

	if (r == -EAGAIN && sleep_until_signalled(connection))
		r = peek(connection, ret_packet);
	if (r == -EMSGSIZE)
		vmbus_channel_fail(connection->channel, "hv_sock: a packet of more than 16 KiB");
	return r;
}

/* 0, or negative when the channel is of no use any more. */
static int pump_to_client(struct hvsock_connection *connection, size_t budget, unsigned packets)
{
	connection->want_write = false;
	ring_mask(vmbus_channel_in(connection->channel));
	while (budget > 0 && packets-- > 0) {
		struct ring_packet packet;
		int r = next_packet(connection, &packet);

		if (r == -EAGAIN)
			return 0;
		if (r == 0)
			r = move_to_client(connection, &packet);
		if (r == -EAGAIN)
			break;
		if (r < 0)
			return r;
		budget -= MIN(budget, (size_t)r);
	}
	connection->want_write = true;
	return 0;
}

void hvsock_flush_to_client(struct hvsock_connection *connection)
{
	int bytes = FLUSH_BYTES; /* the system takes as much of it as it allows */

	setsockopt(connection->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	if (pump_to_client(connection, FLUSH_BYTES, FLUSH_BYTES / 32) < 0)
		log_debug("hvsock: the guest left a ring that cannot be read");
	if (connection->want_write)
		log_debug("hvsock: the guest closed port %u before its client had read all",
			connection->port);
}

/* ---- turns ------------------------------------------------------------------------------------
 */

/*
 * A descriptor whose other end is gone says so again and again, whatever it is waited for: then it
 * is looked at only while there is something to do.
 */
void hvsock_update_events(struct hvsock_connection *connection)
{
	uint32_t events = (connection->want_read ? EPOLLIN : 0) |
			  (connection->want_write ? EPOLLOUT : 0);

	if (events != connection->events)
		sd_event_source_set_io_events(connection->source, events);
	connection->events = events;
	sd_event_source_set_enabled(connection->source,
		events == 0 && connection->hung_up ? SD_EVENT_OFF : SD_EVENT_ON);
}

/* What the guest sends goes nowhere: there is nothing to wait for once it has got its own. */
static bool is_over(const struct hvsock_connection *connection)
{
	return connection->fin_sent && (connection->fin_received || connection->dropped);
}

void hvsock_turn(struct hvsock_connection *connection)
{
	int r = pump_to_client(connection, TURN_BYTES, TURN_PACKETS);

	if (r == 0)
		r = pump_to_guest(connection);
	/* The channel has failed, and is closed on the loop: until then nothing is waited for. */
	if (r < 0)
		connection->want_read = connection->want_write = false;
	if (r == 0 && is_over(connection))
		hvsock_connection_end(connection, NULL);
	else
		hvsock_update_events(connection);
}
