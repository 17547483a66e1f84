/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include "common/cleanup.h"
#include "common/log.h"
#include "common/parse.h"
#include "vmbus/guid.h"
#include "vmbus/hvsock.h"
#include "vmbus/internal.h"
#include "vmm/vm.h"

static uint64_t now_ns(const struct hvsock *sock)
{
	return clock_now_ns(vmbus_vm(sock->bus)->clock);
}

static void set_state(
	struct hvsock_connection *connection, enum hvsock_state state, uint64_t for_ns)
{
	connection->state = state;
	connection->since_ns = now_ns(connection->sock);
	connection->expires_ns = for_ns ? connection->since_ns + for_ns : 0;
	if (for_ns)
		hvsock_need_tick(connection->sock);
}

/* ---- ports ------------------------------------------------------------------------------------
 */

struct vmbus_guid hvsock_service(uint32_t port)
{
	return (struct vmbus_guid){
		port, 0xfacb, 0x11e6, {0xbd, 0x58, 0x64, 0x00, 0x6a, 0x79, 0x86, 0xd3}};
}

bool hvsock_is_service(const struct vmbus_guid *service)
{
	struct vmbus_guid like = hvsock_service(service->a);

	return guid_compare(service, &like) == 0;
}

/* ---- the end ----------------------------------------------------------------------------------
 */

/* As much as fits: a client that does not read does not get to know. */
static void say(const struct hvsock_connection *connection, const char *text)
{
	if (send(connection->fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		log_debug("hvsock: the client went away");
}

static void close_socket(struct hvsock_connection *connection, const char *why)
{
	char text[128];

	if (connection->fd < 0)
		return;
	snprintf(text, sizeof(text), "ERROR %s\n", why ? why : "closed");
	if (why && connection->direction == HVSOCK_FROM_HOST && connection->state < HVSOCK_OPEN)
		say(connection, text);
	connection->source = sd_event_source_disable_unref(connection->source);
	close(connection->fd);
	connection->fd = -1;
	connection->sock->clients[connection->direction]--;
	set_state(connection, HVSOCK_CLOSED, 0);
}

static void free_connection(struct hvsock_connection *connection)
{
	struct hvsock *sock = connection->sock;

	TAILQ_REMOVE(&sock->connections, connection, link);
	sock->count--;
	free(connection);
	hvsock_free_if_done(sock);
}

void hvsock_connection_end(struct hvsock_connection *connection, const char *why)
{
	close_socket(connection, why);
	if (connection->channel)
		vmbus_channel_remove(connection->channel); /* on_released() frees, now or later */
	else
		free_connection(connection);
}

/* ---- the channel ------------------------------------------------------------------------------
 */

static int on_open(struct vmbus_channel *channel, void *arg)
{
	struct hvsock_connection *connection = arg;
	char text[32];

	if (connection->fd < 0)
		return -ESHUTDOWN; /* opened once more, after a fault left it on offer */
	if (connection->direction == HVSOCK_FROM_HOST) {
		snprintf(text, sizeof(text), "OK %u\n",
			vmbus_channel_offer(channel)->interface_instance.a);
		say(connection, text);
	}
	set_state(connection, HVSOCK_OPEN, 0);
	connection->want_read = true;
	hvsock_update_events(connection);
	return 0;
}

/*
 * The guest closes the channel, forgets it, or broke it; or we are ending it. A guest waits for
 * RESCIND after it has closed.
 */
static int on_close(struct vmbus_channel *channel, void *arg)
{
	struct hvsock_connection *connection = arg;

	if (connection->state == HVSOCK_CLOSED)
		return 0;
	hvsock_flush_to_client(connection);
	if (channel->state == CHANNEL_CLOSING && channel_is_hit(channel, FAULT_SKIP_RESCIND))
		close_socket(connection, NULL); /* the guest waits; channels rescind helps it */
	else
		hvsock_connection_end(connection, NULL);
	return 0;
}

static void on_signalled(struct vmbus_channel *channel, void *arg)
{
	struct hvsock_connection *connection = arg;

	if (connection->state == HVSOCK_OPEN)
		hvsock_turn(connection);
}

static void on_released(struct vmbus_channel *channel, void *arg)
{
	struct hvsock_connection *connection = arg;

	connection->channel = NULL;
	close_socket(connection, "refused the guest let go of the connection");
	free_connection(connection);
}

static const struct vmbus_device_ops ops = {
	.name = "hvsock",
	.open = on_open,
	.close = on_close,
	.signalled = on_signalled,
	.released = on_released,
};

bool hvsock_waits_for_room(const struct hvsock_connection *connection)
{
	return connection->state == HVSOCK_OPEN && !connection->want_read &&
	       !connection->fin_sent && !connection->hung_up;
}

struct hvsock_connection *hvsock_connection_of(const struct vmbus_channel *channel)
{
	return channel->ops == &ops ? channel->arg : NULL;
}

int hvsock_connection_offer(struct hvsock_connection *connection, const struct vmbus_guid *service,
	const struct vmbus_guid *instance)
{
	bool from_host = connection->direction == HVSOCK_FROM_HOST;
	struct vmbus_offer offer = {
		.interface_type = *service,
		.interface_instance = *instance,
		.chn_flags = VMBUS_OFFER_ENUMERATE_DEVICE_INTERFACE | VMBUS_OFFER_NAMED_PIPE_MODE |
			     VMBUS_OFFER_TLNPI_PROVIDER,
		.pipe_mode = VMBUS_PIPE_MODE_BYTE,
		.pipe_user_defined = {from_host},
		.monitor_id = VMBUS_MONITOR_NONE,
		.packet_limit = sizeof(struct vmbus_packet_header) + sizeof(struct hvsock_header) +
				HVSOCK_PAYLOAD_MAX,
		.once = true,
	};
	int r = vmbus_channel_add(
		connection->sock->bus, &offer, &ops, connection, &connection->channel);

	if (r < 0)
		return r;
	connection->port = service->a;
	connection->want_read = connection->want_write = false;
	hvsock_update_events(connection);
	set_state(
		connection, HVSOCK_OFFERED, from_host ? hvsock_host_open_ns : hvsock_guest_open_ns);
	return 0;
}

/* ---- CONNECT ----------------------------------------------------------------------------------
 */

static const char not_connect[] = "bad_request the first line is CONNECT and a port";

/* "CONNECT 5000", the newline taken off. */
static int parse_line(const char *line, uint32_t *ret_port)
{
	static const char word[] = "CONNECT ";
	const char *digits = line + strlen(word);
	uint64_t port;

	if (strncmp(line, word, strlen(word)) != 0 || *digits == '\0' ||
		strspn(digits, "0123456789") != strlen(digits))
		return -EINVAL;
	if (parse_u64(digits, 0, HVSOCK_PORT_MAX, &port) < 0)
		return -ERANGE;
	*ret_port = (uint32_t)port;
	return 0;
}

static void connect_to_guest(struct hvsock_connection *connection, uint32_t port)
{
	struct vmbus_guid service = hvsock_service(port), instance;
	int r = guid_random(&instance);

	if (vmbus_version(connection->sock->bus) < VMBUS_VERSION_4_0) {
		hvsock_connection_end(
			connection, "not_connected the guest has not connected to the VMBus");
		return;
	}
	if (r == 0)
		r = hvsock_connection_offer(connection, &service, &instance);
	if (r < 0)
		hvsock_connection_end(connection, "busy no channel is free");
}

static void handle_line(struct hvsock_connection *connection)
{
	uint32_t port;
	int r = parse_line(connection->line, &port);

	if (r == -ERANGE)
		hvsock_connection_end(connection, "bad_request ports end at 2147483647");
	else if (r < 0)
		hvsock_connection_end(connection, not_connect);
	else
		connect_to_guest(connection, port);
}

/* What is there of the line, and not a byte of what follows it. 0: nothing came. */
static ssize_t read_line(struct hvsock_connection *connection)
{
	char *to = connection->line + connection->line_bytes;
	size_t room = sizeof(connection->line) - connection->line_bytes;
	ssize_t got = recv(connection->fd, to, room, MSG_PEEK | MSG_DONTWAIT);
	char *end;

	if (got <= 0)
		return got < 0 ? -errno : -ECONNRESET;
	end = memchr(to, '\n', (size_t)got);
	if (end)
		got = end - to + 1;
	got = recv(connection->fd, to, (size_t)got, MSG_DONTWAIT);
	return got < 0 ? -errno : got;
}

static void greet(struct hvsock_connection *connection)
{
	ssize_t got = read_line(connection);

	if (got == -EAGAIN || got == -EINTR)
		return;
	if (got < 0) {
		hvsock_connection_end(connection, NULL);
		return;
	}
	connection->line_bytes += (unsigned)got;
	if (connection->line_bytes > 0 && connection->line[connection->line_bytes - 1] == '\n') {
		connection->line[connection->line_bytes - 1] = '\0';
		handle_line(connection);
	} else if (connection->line_bytes == sizeof(connection->line)) {
		hvsock_connection_end(connection, not_connect);
	}
}

/* ---- the socket, time -------------------------------------------------------------------------
 */

static void hang_up(struct hvsock_connection *connection)
{
	if (connection->hung_up)
		return;
	connection->hung_up = connection->deaf = true;
	connection->expires_ns = now_ns(connection->sock) + hvsock_linger_ns;
	hvsock_need_tick(connection->sock);
}

static void handle_events(struct hvsock_connection *connection, uint32_t events)
{
	bool gone = events & (EPOLLHUP | EPOLLERR);

	switch (connection->state) {
	case HVSOCK_GREETING:
		greet(connection);
		break;
	case HVSOCK_OFFERED:
		if (gone)
			hvsock_connection_end(connection, NULL);
		break;
	case HVSOCK_OPEN:
		if (gone)
			hang_up(connection);
		hvsock_turn(connection);
		break;
	case HVSOCK_CLOSED:
		break;
	}
}

static int on_socket(sd_event_source *source UNUSED, int fd UNUSED, uint32_t events, void *arg)
{
	struct hvsock_connection *connection = arg;
	struct vmbus *bus = connection->sock->bus;

	vmbus_lock(bus);
	handle_events(connection, events);
	vmbus_unlock(bus);
	return 0;
}

bool hvsock_connection_needs_tick(const struct hvsock_connection *connection)
{
	return connection->expires_ns > 0 ||
	       (connection->state == HVSOCK_OPEN && connection->input_ended &&
		       !connection->fin_sent);
}

/* A GPADL is the first that a guest does to open; one that gives up tears it down. */
static bool guest_is_opening(const struct hvsock_connection *connection)
{
	return connection->state == HVSOCK_OFFERED && connection->channel->gpadls > 0 &&
	       channel_is_offered(connection->channel);
}

static bool has_expired(const struct hvsock_connection *connection, uint64_t now)
{
	if (connection->expires_ns == 0 || now < connection->expires_ns)
		return false;
	return !guest_is_opening(connection) || now >= connection->since_ns + hvsock_finish_open_ns;
}

static const char *why_expired(const struct hvsock_connection *connection)
{
	if (connection->state == HVSOCK_GREETING)
		return "timeout no CONNECT line came";
	return guest_is_opening(connection) ? "timeout the guest began to accept and did not finish"
					    : "no_listener the guest does not accept on this port";
}

void hvsock_connection_tick(struct hvsock_connection *connection, uint64_t now)
{
	if (has_expired(connection, now))
		hvsock_connection_end(connection, why_expired(connection));
	else if (connection->state == HVSOCK_OPEN && hvsock_connection_needs_tick(connection))
		hvsock_turn(connection);
}

int hvsock_connection_new(struct hvsock *sock, int fd, enum hvsock_direction direction,
	struct hvsock_connection **ret_connection)
{
	CLEANUP(fd) int owned = fd;
	CLEANUP(free) struct hvsock_connection *connection = calloc(1, sizeof(*connection));
	int r;

	if (!connection)
		return -ENOMEM;
	connection->sock = sock;
	connection->direction = direction;
	connection->made_ns = now_ns(sock);
	connection->events = EPOLLIN;
	connection->want_read = true;
	r = sd_event_add_io(loop_event(vmbus_vm(sock->bus)->loop), &connection->source, fd, EPOLLIN,
		on_socket, connection);
	if (r < 0)
		return r;
	connection->fd = TAKE_FD(owned);
	TAILQ_INSERT_TAIL(&sock->connections, connection, link);
	sock->count++;
	sock->clients[direction]++;
	set_state(connection, HVSOCK_GREETING, hvsock_greeting_ns);
	*ret_connection = TAKE_PTR(connection);
	return 0;
}
