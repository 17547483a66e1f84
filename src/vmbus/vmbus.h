/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The VMBus of a VM: one connection with the guest, the channels on offer, their GPADLs and rings.
 *
 *	guest ── HvPostMessage ──► port 1 or 4 ──► incoming queue (64) ──► main loop: dispatch.c
 *	                                                                     connection.c, channel.c,
 *	                                                                     gpadl.c decide
 *	guest ◄── slot of SINT 2 ◄── one message at a time ◄── outgoing FIFO ◄──┘
 *	guest ── HvSignalEvent ──► the channel's event port ──► main loop: the device
 *	guest ◄── event flag relid of SINT 2 on the channel's VP ◄── the device
 *
 * While an answer waits for the slot, no further message is taken from the incoming queue; when that
 * is full the guest gets HV_STATUS_INSUFFICIENT_BUFFERS and tries again (spec/vmbus.md 6.1). So
 * neither side can make the other's queue grow without bound.
 *
 * Every message is checked for length, for the version that knows it and for the state it needs
 * (spec/vmbus.md 6); one that does not belong is counted, recorded, kept in the history, and answered
 * as the tables say. Nothing a guest sends harms more than its own channel.
 *
 * Purpose: the host end of the VMBus protocol.
 * Threads: main loop, but for the handlers of the ports (any VP thread: they only note and defer)
 *          and inspection (any thread). `lock` guards all state; device callbacks run on the main
 *          loop with it held, and the functions marked "locked" want it held.
 * Errors:  negative errno.
 */
#include <stdbool.h>
#include <stdint.h>
#include "common/util.h"
#include "hvdef/vmbus.h"
#include "vmbus/ring.h"

struct vm;
struct vmbus;
struct vmbus_channel;

/* ---- the bus -------------------------------------------------------------------------------- */

/* Main loop, before the VM runs. Registers the message ports: -EEXIST when one is taken. */
int vmbus_new(struct vm *vm, struct vmbus **ret_bus) MUST_CHECK;
/* Every channel must have been removed and freed. NULL is fine; returns NULL. */
struct vmbus *vmbus_free(struct vmbus *bus);

/* What runs on the main loop outside a callback takes the lock itself. */
void vmbus_lock(struct vmbus *bus);
void vmbus_unlock(struct vmbus *bus);
struct vm *vmbus_vm(const struct vmbus *bus);
/*
 * Where devices put sockets whose path nobody chose: "/run/hvd/NAME", to which each adds an ending of
 * its own. Borrows; NULL: such a device wants a path.
 */
void vmbus_set_socket_prefix(struct vmbus *bus, const char *prefix);
const char *vmbus_socket_prefix(const struct vmbus *bus);

/* ---- devices --------------------------------------------------------------------------------- */

enum { VMBUS_PENDING = 1 }; /* positive answer of open and close: done will be said later */

struct vmbus_device_ops {
	const char *name; /* "heartbeat", "hvsock": for people */
	/*
	 * The guest opens the channel; its rings are there and its event port is registered. 0: the
	 * guest is told so. VMBUS_PENDING: vmbus_channel_opened() will be called. Negative: refused.
	 */
	int (*open)(struct vmbus_channel *channel, void *arg);
	/*
	 * The channel goes, whatever the reason; rings must not be touched after it is done. 0, or
	 * VMBUS_PENDING: vmbus_channel_closed() will be called, whether or not the guest helps.
	 */
	int (*close)(struct vmbus_channel *channel, void *arg);
	/* The guest signalled, or the host looks on its own: there may be packets, or room. */
	void (*signalled)(struct vmbus_channel *channel, void *arg);
	/*
	 * A channel that was removed, or was offered once, is gone from the guest, too, and is
	 * freed when this returns: the device forgets it. May be NULL.
	 */
	void (*released)(struct vmbus_channel *channel, void *arg);
};

/* What is offered. Class and instance together are unique on the bus. */
struct vmbus_offer {
	struct vmbus_guid interface_type, interface_instance;
	uint16_t chn_flags;
	uint32_t pipe_mode;
	uint8_t pipe_user_defined[116];
	uint8_t monitor_id;  /* VMBUS_MONITOR_NONE: signalled by hypercall */
	uint16_t monitor_latency_100ns; /* how long a bit there may wait; 0: 1 ms */
	uint32_t order;      /* offers are sent by class, this, instance */
	size_t packet_limit; /* bytes the guest's driver can take in one packet, 0: none (spec 4.5) */
	bool once;           /* removed as soon as the guest lets go of it: never offered again */
};

/*
 * Main loop, locked: offers a channel, at once when the guest has asked for offers already.
 * -EEXIST class and instance are there; -ENOSPC every relid is in use; -EBUSY the monitor id is.
 */
int vmbus_channel_add(struct vmbus *bus, const struct vmbus_offer *offer,
	const struct vmbus_device_ops *ops, void *arg, struct vmbus_channel **ret_channel) MUST_CHECK;
/*
 * Main loop, locked: takes the offer back. The device is closed, the guest is told (RESCIND), and
 * when it has let go of the relid, or never knew it, the channel is freed and `released` was called:
 * possibly before this returns.
 */
void vmbus_channel_remove(struct vmbus_channel *channel);

/* Locked. The answers that were pending. `status` 0 or a negative errno. */
void vmbus_channel_opened(struct vmbus_channel *channel, int status);
void vmbus_channel_closed(struct vmbus_channel *channel);

/* Locked; for the time between open and close. */
struct vmbus_ring *vmbus_channel_in(struct vmbus_channel *channel);  /* guest to host: we read */
struct vmbus_ring *vmbus_channel_out(struct vmbus_channel *channel); /* host to guest: we write */
/*
 * Locked: a DATA_INBAND packet, and a signal when one is due. Errors as ring_write(); -EPROTO: the
 * guest broke the ring, the channel has failed and will be closed soon; -ESHUTDOWN: it is so
 * already.
 */
int vmbus_channel_send(struct vmbus_channel *channel, uint64_t transaction_id, bool completion,
	const struct iovec *iov, unsigned iov_count) MUST_CHECK;
/* Locked: as ring_room(), within packet_limit, and ring_drained(); errors as above. */
int vmbus_channel_room(struct vmbus_channel *channel, size_t wanted, size_t *ret_payload_bytes) MUST_CHECK;
int vmbus_channel_drained(struct vmbus_channel *channel) MUST_CHECK;
/* Locked: the next packet from the guest, as ring_peek(); -EPROTO and -ESHUTDOWN as above. */
int vmbus_channel_peek(struct vmbus_channel *channel, void *buffer, size_t capacity,
	struct ring_packet *ret_packet) MUST_CHECK;
/* Locked: done with it; signals a guest that waits for room. Errors as above. */
int vmbus_channel_consume(struct vmbus_channel *channel) MUST_CHECK;
/*
 * Locked: the reader has seen an empty ring and goes to sleep, as ring_reader_idle(). True: something
 * came meanwhile, do not sleep.
 */
bool vmbus_channel_idle(struct vmbus_channel *channel) MUST_CHECK;
/* Locked: sets the channel's event flag on its VP. Harmless when there is no need. */
void vmbus_channel_signal(struct vmbus_channel *channel);
/*
 * Locked: the guest broke the rules on this channel: its device is closed, soon and on the loop, and
 * it stays in the state `failed`, with the evidence, until the guest closes it, resets, or it is
 * removed.
 */
void vmbus_channel_fail(struct vmbus_channel *channel, const char *why);

uint32_t vmbus_channel_relid(const struct vmbus_channel *channel);
const struct vmbus_offer *vmbus_channel_offer(const struct vmbus_channel *channel);
/* Negotiated version, 0 when there is no connection. Locked. */
uint32_t vmbus_version(const struct vmbus *bus);

/*
 * hv_sock: who decides about TL_CONNECT_REQUEST. Main loop, locked. True: an offer was made or will
 * be; false: the guest is told that it was refused. NULL: all are refused.
 */
typedef bool (*vmbus_connect_fn)(void *arg, const struct vmbus_guid *endpoint, const struct vmbus_guid *service);
void vmbus_set_connect(struct vmbus *bus, vmbus_connect_fn fn, void *arg);
bool vmbus_has_connect(const struct vmbus *bus);
