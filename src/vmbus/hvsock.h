/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * hv_sock: stream sockets between the host and the guest, a channel each (spec/vmbus.md 8). On the
 * host they are unix sockets, by the convention of Firecracker and Cloud Hypervisor:
 *
 *	client ── connects to PATH, "CONNECT 5000\n" ──► hvsock ── offer ──► guest listens on 5000
 *	client ◄── "OK 1234\n", then bytes both ways ──► hvsock ◄── ring ──► guest
 *	server at PATH_5000 ◄── connects ── hvsock ◄── TL_CONNECT_REQUEST ── guest
 *
 * A connection that comes to nothing is told "ERROR reason text\n" before its socket is closed.
 *
 *	greeting ──CONNECT──► offered ──guest opens──► open ──► closed ──guest forgets it──► gone
 *	                         └──2 s, 5 s; the client hangs up──────────┘
 *
 * The time to open is for a guest that does nothing, as Linux does when nobody listens. One that has
 * made a GPADL of the channel is opening it, however slow its computer is, and gets 10 s in all.
 *
 * Bytes wait where they are, in the socket or in the ring, until there is room on the other side.
 * Each connection moves a bounded amount per turn of the loop.
 *
 *	hvsock.c             the device: options, listener, limits, time
 *	hvsock_connection.c  a connection's life
 *	hvsock_stream.c      its bytes
 *	hvsock_info.c        what one sees of it
 *
 * Purpose: what the files of the device share.
 * Threads: main loop, with the bus's lock held unless said otherwise.
 * Errors:  negative errno.
 */
#include <sys/queue.h>
#include <systemd/sd-event.h>
#include "common/clock.h"
#include "common/loop.h"
#include "common/node.h"
#include "vmbus/device.h"
#include "vmbus/vmbus.h"

enum {
	HVSOCK_CLIENTS_MAX = 64,      /* connections with a client, each direction */
	HVSOCK_CONNECTIONS_MAX = 256, /* and those that the guest has still to forget */
	HVSOCK_PAYLOAD_MAX = 16384,
	HVSOCK_PORT_MAX = 0x7fffffff, /* higher ones cannot be listened on */
	HVSOCK_LINE_BYTES = 32,       /* of a CONNECT line; the longest has 19 */
};

static const uint64_t hvsock_greeting_ns = 5 * NSEC_PER_SEC;
static const uint64_t hvsock_host_open_ns = 2 * NSEC_PER_SEC;
static const uint64_t hvsock_guest_open_ns = 5 * NSEC_PER_SEC;
/* Since the offer, once the guest has begun: more would let it hold clients for as long as it likes. */
static const uint64_t hvsock_finish_open_ns = 10 * NSEC_PER_SEC;
/* How long a guest may take to notice that the client has gone. */
static const uint64_t hvsock_linger_ns = 10 * NSEC_PER_SEC;

/* In front of the bytes in each packet. */
struct hvsock_header {
	uint32_t type; /* HVSOCK_DATA */
	uint32_t size; /* 0: the sender will write no more */
};
#define HVSOCK_DATA 1u

enum hvsock_direction { HVSOCK_FROM_HOST, HVSOCK_FROM_GUEST, HVSOCK_DIRECTIONS };
enum hvsock_state {
	HVSOCK_GREETING, /* the CONNECT line is awaited */
	HVSOCK_OFFERED,
	HVSOCK_OPEN,
	HVSOCK_CLOSED, /* the guest has still to let go of the channel */
};

struct hvsock {
	struct vmbus_device device;
	struct vmbus *bus;              /* borrows */
	char path[108];                 /* as in struct sockaddr_un */
	int listen_fd;                  /* owns */
	sd_event_source *listen_source; /* owns */
	struct loop_timer *timer;       /* owns */
	bool ticking, removed;
	TAILQ_HEAD(, hvsock_connection) connections; /* owns */
	unsigned count, clients[HVSOCK_DIRECTIONS];
	/* The packet that is being moved: nothing stays here from one use to the next. */
	_Alignas(8) uint8_t packet[64 + sizeof(struct hvsock_header) + HVSOCK_PAYLOAD_MAX];
};

struct hvsock_connection {
	TAILQ_ENTRY(hvsock_connection) link;
	struct hvsock *sock;           /* borrows */
	struct vmbus_channel *channel; /* borrows; the bus frees it. NULL: none yet, or no more */
	enum hvsock_direction direction;
	enum hvsock_state state;
	uint64_t made_ns, since_ns, expires_ns; /* expires_ns 0: never */
	uint32_t port;
	int fd;                  /* owns; -1: closed */
	sd_event_source *source; /* owns */
	uint32_t events;         /* what the source waits for */
	char line[HVSOCK_LINE_BYTES];
	unsigned line_bytes;

	bool input_ended;  /* the client will write no more */
	bool fin_sent;     /* and the guest was told */
	bool fin_received; /* the guest will write no more */
	bool deaf;         /* the client reads no more: what the guest sends is dropped */
	bool hung_up;      /* the client has gone */
	bool dropped;
	bool want_read, want_write;
	size_t sent; /* of the packet at the head of the ring */
	uint64_t to_guest_bytes, to_client_bytes;
};

/* ---- the device ---- */

/* Something needs hvsock_tick() soon. */
void hvsock_need_tick(struct hvsock *sock);
/*
 * Every tenth of a second while somebody waits for time to pass; takes the lock. With a manual
 * clock a test calls it.
 */
void hvsock_tick(void *sock);
/* Frees the device once it was removed and its last connection is gone. */
void hvsock_free_if_done(struct hvsock *sock);

/* ---- connections ---- */

/* Takes the descriptor, also when it fails. */
int hvsock_connection_new(struct hvsock *sock, int fd, enum hvsock_direction direction,
	struct hvsock_connection **ret_connection) MUST_CHECK;
/* Offers the channel. -EEXIST, -ENOSPC, -ENOMEM as vmbus_channel_add(). */
int hvsock_connection_offer(struct hvsock_connection *connection, const struct vmbus_guid *service,
	const struct vmbus_guid *instance) MUST_CHECK;
/*
 * The end. `why` is for a client that has not been told OK, NULL: nothing needs to be said. The
 * connection may be freed.
 */
void hvsock_connection_end(struct hvsock_connection *connection, const char *why);
/* Looks at the time; may end it. */
void hvsock_connection_tick(struct hvsock_connection *connection, uint64_t now_ns);
bool hvsock_connection_needs_tick(const struct hvsock_connection *connection);

/* The client has bytes, or an end, for which the ring has no room: the guest has to read first. */
bool hvsock_waits_for_room(const struct hvsock_connection *connection);
/* The connection of a channel, or NULL when it has none. */
struct hvsock_connection *hvsock_connection_of(const struct vmbus_channel *channel);

/* The service that stands for a port, and back. */
struct vmbus_guid hvsock_service(uint32_t port);
bool hvsock_is_service(const struct vmbus_guid *service);

/* ---- bytes ---- */

/* Moves what can be moved, for one turn; may end the connection. */
void hvsock_turn(struct hvsock_connection *connection);
/* The guest closes the channel: what it left in its ring goes as far as the socket takes it. */
void hvsock_flush_to_client(struct hvsock_connection *connection);
/* Waits for what want_read and want_write say. */
void hvsock_update_events(struct hvsock_connection *connection);

/* ---- inspection: any thread, takes the lock ---- */

struct sock_info {
	uint32_t relid, port;
	uint32_t opened_by, state;
	uint64_t time_in_state_ns, age_ns;
	uint64_t to_guest_bytes, to_host_bytes;
	bool host_ended, guest_told, guest_ended, host_gone;
};

extern const struct node_class sock_node_class; /* socks/{relid}; owner: struct vmbus, or NULL */
