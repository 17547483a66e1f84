/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmbus/hvsock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "common/cleanup.h"
#include "common/log.h"
#include "common/unix_socket.h"
#include "vmm/vm.h"

static const uint64_t tick_ns = 100 * NSEC_PER_MSEC;

static bool has_room(const struct hvsock *sock, enum hvsock_direction direction)
{
	return sock->clients[direction] < HVSOCK_CLIENTS_MAX &&
	       sock->count < HVSOCK_CONNECTIONS_MAX;
}

/* ---- time -------------------------------------------------------------------------------------
 */

void hvsock_need_tick(struct hvsock *sock)
{
	if (sock->ticking)
		return;
	sock->ticking = true;
	loop_timer_arm(sock->timer, clock_now_ns(vmbus_vm(sock->bus)->clock) + tick_ns);
}

static void tick_connections(struct hvsock *sock)
{
	uint64_t now = clock_now_ns(vmbus_vm(sock->bus)->clock);
	struct hvsock_connection *connection = TAILQ_FIRST(&sock->connections);

	while (connection) {
		struct hvsock_connection *next = TAILQ_NEXT(connection, link);

		if (hvsock_connection_needs_tick(connection))
			hvsock_need_tick(sock);
		hvsock_connection_tick(connection, now);
		connection = next;
	}
}

void hvsock_tick(void *arg)
{
	struct hvsock *sock = arg;
	struct vmbus *bus = sock->bus;

	vmbus_lock(bus);
	sock->ticking = false;
	if (!sock->removed) {
		sd_event_source_set_enabled(sock->listen_source, SD_EVENT_ON);
		tick_connections(sock);
	}
	vmbus_unlock(bus);
}

/* ---- clients of the host ----------------------------------------------------------------------
 */

/* A daemon without descriptors looks again later: the listener would say the same for ever. */
static void pause_listener(struct hvsock *sock)
{
	sd_event_source_set_enabled(sock->listen_source, SD_EVENT_OFF);
	hvsock_need_tick(sock);
}

static void accept_client(struct hvsock *sock)
{
	static const char busy[] = "ERROR busy too many connections\n";
	CLEANUP(fd) int fd = accept4(sock->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct hvsock_connection *connection;

	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
			pause_listener(sock);
		return;
	}
	if (!has_room(sock, HVSOCK_FROM_HOST)) {
		if (send(fd, busy, strlen(busy), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			log_debug("hvsock: the client went away");
		return;
	}
	if (hvsock_connection_new(sock, TAKE_FD(fd), HVSOCK_FROM_HOST, &connection) < 0)
		log_debug("hvsock: no memory for a connection");
}

static int on_listener(
	sd_event_source *source UNUSED, int fd UNUSED, uint32_t events UNUSED, void *arg)
{
	struct hvsock *sock = arg;

	vmbus_lock(sock->bus);
	accept_client(sock);
	vmbus_unlock(sock->bus);
	return 0;
}

/* ---- the guest connects -----------------------------------------------------------------------
 */

/* The server that listens for a port of the host's: PATH_PORT. */
static int connect_to_server(const struct hvsock *sock, uint32_t port)
{
	char path[sizeof(sock->path) + sizeof("_4294967295")];

	snprintf(path, sizeof(path), "%s_%u", sock->path, port);
	return unix_connect(path);
}

static bool on_connect(
	void *arg, const struct vmbus_guid *endpoint, const struct vmbus_guid *service)
{
	struct hvsock *sock = arg;
	struct hvsock_connection *connection;
	int fd;

	if (!hvsock_is_service(service) || !has_room(sock, HVSOCK_FROM_GUEST))
		return false;
	fd = connect_to_server(sock, service->a);
	if (fd < 0 || hvsock_connection_new(sock, fd, HVSOCK_FROM_GUEST, &connection) < 0)
		return false;
	if (hvsock_connection_offer(connection, service, endpoint) < 0) {
		hvsock_connection_end(connection, NULL);
		return false;
	}
	return true;
}

/* ---- life -------------------------------------------------------------------------------------
 */

/* Not the connections: those that the guest has still to forget keep it alive. */
static void stop_listening(struct hvsock *sock)
{
	sock->listen_source = sd_event_source_disable_unref(sock->listen_source);
	if (sock->listen_fd >= 0) {
		unlink(sock->path);
		close(sock->listen_fd);
	}
	sock->listen_fd = -1;
	sock->timer = loop_timer_free(sock->timer);
}

void hvsock_free_if_done(struct hvsock *sock)
{
	if (sock->removed && TAILQ_EMPTY(&sock->connections))
		free(sock);
}

static int start_listening(struct hvsock *sock)
{
	struct loop *loop = vmbus_vm(sock->bus)->loop;
	int r = loop_timer_new(loop, hvsock_tick, sock, &sock->timer);

	if (r < 0)
		return r;
	r = unix_listen(sock->path);
	if (r < 0)
		return r;
	sock->listen_fd = r;
	return sd_event_add_io(loop_event(loop), &sock->listen_source, sock->listen_fd, EPOLLIN,
		on_listener, sock);
}

static int choose_path(struct hvsock *sock, const struct device_options *options,
	char reterr_text[DEVICE_ERROR_BYTES])
{
	const char *path = device_option(options, "path");
	const char *prefix = vmbus_socket_prefix(sock->bus);
	int length;

	if (!path && !prefix) {
		snprintf(reterr_text, DEVICE_ERROR_BYTES, "hvsock: path: none was given");
		return -EINVAL;
	}
	length = path ? snprintf(sock->path, sizeof(sock->path), "%s", path)
		      : snprintf(sock->path, sizeof(sock->path), "%s.vsock", prefix);
	if (length > 0 && (size_t)length < sizeof(sock->path))
		return 0;
	snprintf(reterr_text, DEVICE_ERROR_BYTES, "hvsock: path: not 1 to %zu bytes",
		sizeof(sock->path) - 1);
	return -EINVAL;
}

static int start(struct hvsock *sock, const struct device_options *options,
	char reterr_text[DEVICE_ERROR_BYTES])
{
	int r = choose_path(sock, options, reterr_text);

	if (r < 0)
		return r;
	r = start_listening(sock);
	if (r < 0)
		snprintf(reterr_text, DEVICE_ERROR_BYTES, "hvsock: path: %.80s: %s%s", sock->path,
			strerror(-r),
			r == -EACCES ? "; only the runtime directory is open to hvd" : "");
	return r;
}

static int hvsock_create(struct vmbus *bus, const struct device_options *options,
	struct vmbus_device **ret_device, char reterr_text[DEVICE_ERROR_BYTES])
{
	struct hvsock *sock;
	int r;

	if (vmbus_has_connect(bus)) {
		snprintf(reterr_text, DEVICE_ERROR_BYTES, "there is an hvsock device already");
		return -EEXIST;
	}
	sock = calloc(1, sizeof(*sock));
	if (!sock)
		return -ENOMEM;
	sock->bus = bus;
	sock->listen_fd = -1;
	TAILQ_INIT(&sock->connections);
	r = start(sock, options, reterr_text);
	if (r < 0) {
		stop_listening(sock);
		free(sock);
		return r;
	}
	vmbus_set_connect(bus, on_connect, sock);
	*ret_device = &sock->device;
	return 0;
}

static void hvsock_remove(struct vmbus_device *device)
{
	struct hvsock *sock = container_of(device, struct hvsock, device);
	struct hvsock_connection *connection = TAILQ_FIRST(&sock->connections);

	vmbus_set_connect(sock->bus, NULL, NULL);
	while (connection) {
		struct hvsock_connection *next = TAILQ_NEXT(connection, link);

		hvsock_connection_end(connection, "removed the device was taken away");
		connection = next;
	}
	stop_listening(sock);
	sock->removed = true;
	hvsock_free_if_done(sock);
}

static bool hvsock_owns(const struct vmbus_device *device, const struct vmbus_channel *channel)
{
	const struct hvsock_connection *connection = hvsock_connection_of(channel);

	return connection && &connection->sock->device == device;
}

static const struct device_option_row hvsock_options[] = {
	{"path", "the unix socket (default: NAME.vsock in the runtime directory)"},
	{NULL, NULL},
};

const struct vmbus_device_kind vmbus_hvsock_kind = {
	.name = "hvsock",
	.help = "stream sockets between host and guest",
	.options = hvsock_options,
	.create = hvsock_create,
	.remove = hvsock_remove,
	.owns = hvsock_owns,
};
