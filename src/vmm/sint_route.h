/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * SINT routes and their staged message (spec 4).
 *
 * A route names (VP, VTL, SINT), owns a GSI with a set and an ack eventfd, and stages one message:
 *
 *	from    to      when                                           status
 *	FREE    BUSY    sint_route_post() wins the compare-and-swap    -
 *	BUSY    POSTED  written and asserted / refused / cancelled     0, -EAGAIN, -ENXIO, -ECANCELED, -errno
 *	POSTED  FREE    completion on the main loop, then callback     -
 *
 * While BUSY behind an occupied slot the staged message waits in the SINT's FIFO with the pending
 * flag set in the occupant ("busy"); EOM or the millisecond retry delivers it. With
 * SINT_POST_ONCE it is completed with -EAGAIN at that ack instead and the sender posts again.
 * The state goes to FREE before the callback, so the callback may post at once. Every scheduled
 * completion holds a reference.
 *
 * In modes user and sim the GSI has an MSI route that follows the SINT's vector, and points nowhere
 * while the SINT cannot be asserted through it: masked, polling, proxy, SynIC off, or auto-EOI
 * (which the in-kernel LAPIC cannot be asked for by MSI).
 *
 * In mode kernel the GSI has a HV_SINT route from its first use on, KVM looks at the SINT's state
 * itself, and adds up EOMs and EOIs in a resample eventfd of the route. Nobody is woken for them
 * unless a message waits for one or somebody has the ack eventfd.
 *
 * Purpose: host-to-guest delivery with a completion.
 * Threads: get/put/post/set from any thread; callbacks on the main loop.
 * Errors:  -EAGAIN a message is in flight (no callback), -EINVAL, -ENOENT no such VP, -ENOSPC GSIs.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/queue.h>
#include "common/fdset.h"
#include "common/loop.h"
#include "common/node.h"
#include "hvdef/hv_synic.h"
#include "vmm/synic.h"

struct vm;
struct sint_route;

enum staged_state { STAGED_FREE, STAGED_BUSY, STAGED_POSTED };

enum sint_post_mode {
	SINT_POST_QUEUE, /* a busy slot keeps the message until it fits */
	SINT_POST_ONCE,  /* a busy slot or a disabled SIMP completes with -EAGAIN or -ENXIO */
};

struct sint_routes {
	struct vm *vm; /* borrows */
	pthread_mutex_t lock; /* guards synic_sint.route and .gsi; taken before synic.lock, gsi.lock */
	uint32_t count;
	struct fdset acks; /* mode kernel: the resample eventfds of all routes */
};

/* Main loop; `vm` knows its loop and mode. */
int sint_routes_init(struct sint_routes *routes, struct vm *vm) MUST_CHECK;
/* Main loop. Takes one that was never initialised. */
void sint_routes_deinit(struct sint_routes *routes);
/*
 * Mode kernel: sees to it that the SINT has a GSI, which outside its routes only the API can want.
 * Not from a port handler, unless a route is held. Nothing to do in other modes.
 */
int sint_routes_need_gsi(struct sint_routes *routes, struct synic *synic, uint8_t sint) MUST_CHECK;
/* The SINT register changed: keep the MSI routes of its GSIs in step. Called without the SynIC lock. */
void sint_routes_update(struct sint_routes *routes, uint32_t vp, uint8_t vtl, uint8_t sint);

/* The route of (vp, vtl, sint): the existing one with one more reference, or a new one. */
int sint_route_get(struct vm *vm, uint32_t vp, uint8_t vtl, uint8_t sint, struct sint_route **ret_route) MUST_CHECK;
/* NULL is fine; returns NULL. The last reference unroutes the GSI and closes the eventfds. */
struct sint_route *sint_route_unref(struct sint_route *route);

typedef void (*sint_route_done_fn)(struct sint_route *route, int status, void *arg);
/*
 * Stages `message` (type != 0, payload_size <= 240; flags ignored). 0: accepted, `done` runs once
 * on the main loop (the route is referenced until then). -EAGAIN: not FREE, or the SINT's FIFO is
 * full; nothing was taken.
 */
int sint_route_post(struct sint_route *route, const struct hv_message *message, enum sint_post_mode mode,
	sint_route_done_fn done, void *arg) MUST_CHECK;
/* Takes a message that is still waiting back: `done` gets -ECANCELED. */
void sint_route_cancel(struct sint_route *route);
/* Asserts the SINT through the route. Errors as synic_assert(). */
int sint_route_set(struct sint_route *route) MUST_CHECK;

struct sint_route_status {
	enum staged_state state;
	int status;      /* POSTED: result; BUSY and tried: -EAGAIN */
	bool slot_busy;  /* BUSY behind an occupied slot */
	uint64_t age_ns;
};
void sint_route_status(struct sint_route *route, struct sint_route_status *ret_status);
uint32_t sint_route_gsi(const struct sint_route *route);
/* -1 when the backend has no irqfd. Route's to close. */
int sint_route_set_fd(const struct sint_route *route);
/* Signalled at every EOM from the first call on; -errno when it cannot be made. Route's to close. */
int sint_route_ack_fd(struct sint_route *route);
/* EOM was written: counts, signals the ack eventfd. From synic.c, synic->lock is held. */
void sint_route_acked_locked(struct sint_route *route);
/*
 * Mode kernel, synic->lock is held. Takes what KVM has added up, as sint_route_acked_locked(); and
 * has the main loop call synic_kernel_acked() at the next ack, or now if there was one since.
 */
void sint_route_take_acks_locked(struct sint_route *route);
void sint_route_await_ack_locked(struct sint_route *route);

extern const struct node_class route_node_class; /* routes/{vp}/{sint}?vtl=; owner: struct vm */
