/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What passes between guest and host, with its bytes, for whoever captures it.
 *
 *	VP threads, main loop ── capture_put() ──► one ring of bytes ──► capture_next(): readers
 *
 * Nobody captures: a hook costs one load. Somebody does: whatever passes is copied once into a ring
 * that all readers share, each with a position of its own. Nobody waits for a reader: what it has
 * not taken when the ring comes round is lost to it, and it is told how many items that were.
 *
 * The records of vmm/event.h say that something happened and are always there; these are the bytes
 * themselves.
 *
 * Purpose: the source of `hvctl capture`.
 * Threads: any. `lock` is a leaf, held while an item is copied and never across I/O.
 * Errors:  -ENOMEM, -EBUSY.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>
#include "common/util.h"
#include "hvdef/vmbus.h"

struct clock;

enum {
	CAPTURE_RING_BYTES = 4 << 20,
	CAPTURE_READERS_MAX = 8,
	CAPTURE_BYTES_MAX = 64 << 10, /* of one item; more is cut */
	CAPTURE_HEAD_BYTES = 64,      /* of a packet's payload, where only the head is wanted */
};

/* Numbers of the pseudo-header (docs/capture.md): final. */
enum capture_kind {
	CAPTURE_MESSAGE = 1,   /* a SynIC message: posted by the guest, or written into a slot */
	CAPTURE_EVENT = 2,     /* HvSignalEvent, or an event flag towards the guest */
	CAPTURE_HYPERCALL = 3, /* any other hypercall, and one of the above that failed */
	CAPTURE_PACKET = 4,    /* a packet of a channel's ring */
};
enum capture_direction { CAPTURE_TO_HOST = 0, CAPTURE_TO_GUEST = 1 };

/* How much of a packet's payload a reader wants; all of anything else. */
enum capture_payload {
	CAPTURE_PAYLOAD_NONE,
	CAPTURE_PAYLOAD_HEAD, /* CAPTURE_HEAD_BYTES */
	CAPTURE_PAYLOAD_FULL,
	CAPTURE_PAYLOADS,
};

#define CAPTURE_NONE UINT32_MAX /* no VP, no connection id */

struct capture_meta {
	uint8_t kind, direction, vtl;
	uint8_t sint;            /* 0xff: none */
	uint32_t vp;             /* or CAPTURE_NONE */
	uint32_t connection_id;  /* or CAPTURE_NONE */
	uint32_t relid;          /* 0: none, or not known where it was taken */
	uint64_t value;          /* message type, flag, control of a hypercall */
	uint32_t status;         /* of a hypercall: enum hv_status */
	uint32_t count;          /* of an event: so many at once; 0: the flag was set already */
	struct vmbus_guid class; /* of a packet's channel */
};

struct capture {
	_Atomic uint32_t readers;
	const struct clock *clock; /* borrows */
	pthread_mutex_t lock;      /* guards all below */
	uint8_t *ring;             /* owns; NULL: nobody captures */
	uint64_t head, tail;       /* bytes ever put in, and of these the oldest that is there */
	uint64_t head_item, tail_item;
	uint32_t wanting[CAPTURE_PAYLOADS]; /* readers, by what they want */
};

struct capture_reader {
	enum capture_payload payload;
	uint64_t position, item; /* of the next one to take */
};

/* One that was taken. */
struct capture_item {
	struct capture_meta meta;
	uint64_t mono_ns;
	uint32_t bytes;          /* there are, in the caller's buffer */
	uint32_t original_bytes; /* there were */
	uint64_t lost;           /* items between the one before and this one */
};

void capture_init(struct capture *capture, const struct clock *clock);
/* No reader is left. */
void capture_deinit(struct capture *capture);

static inline bool capture_wanted(const struct capture *capture)
{
	return atomic_load_explicit(&capture->readers, memory_order_relaxed) != 0;
}

/*
 * Any thread, under any lock; who asks capture_wanted() first is spared making `meta`. `iov`: the bytes;
 * of a packet its descriptor first, sixteen bytes, which everybody wants.
 */
void capture_put(struct capture *capture, const struct capture_meta *meta, const struct iovec *iov,
	unsigned iov_count);

/* From here on. -EBUSY: CAPTURE_READERS_MAX are there. */
int capture_open(struct capture *capture, enum capture_payload payload,
	struct capture_reader *ret_reader) MUST_CHECK;
void capture_close(struct capture *capture, struct capture_reader *reader);
/*
 * The next item, as much of its bytes as the reader wants; `buffer` holds CAPTURE_BYTES_MAX. False:
 * there is none yet.
 */
bool capture_next(struct capture *capture, struct capture_reader *reader,
	struct capture_item *ret_item, void *buffer) MUST_CHECK;
