/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The guest's end of the device echo: sends back what the host asks for, asks the host itself, and
 * breaks the rules on purpose. It knows the two rings and how to signal, nothing else, so that the
 * same code runs in a scripted guest and, in a real one, on /dev/uio0 (tests/nested/uio-echo.c).
 *
 * Purpose: an echo that can be trusted, and one that cannot.
 * Threads: the caller's.
 * Errors:  negative errno of ring.h; what the host does wrong is counted.
 */
#include <stdbool.h>
#include <stdint.h>
#include "common/histogram.h"
#include "hvdef/vmbus_echo.h"
#include "vmbus/ring.h"

/*
 * X(ENUM, "name", "what it does", bool fails): in which way it breaks the rules, and whether the
 * host has to fail the channel for it. Each happens once `after` packets have been echoed.
 */
#define MISBEHAVIOURS(X)                                                                         \
	X(MASK, "mask", "goes to sleep with the mask of its ring set; woken, it goes on", false) \
	X(FREEZE, "freeze", "reads no more until it is thawed", false)                           \
	X(NO_SIGNAL, "no-signal", "never signals again", false)                                  \
	X(FLOOD_SIGNAL, "flood-signal", "signals all the time", false)                           \
	X(PENDING, "pending", "waits for more room than its ring has, for ever", false)          \
	X(HOST_INDEX, "host-index", "overwrites the indices that belong to the host", false)     \
	X(CORRUPT, "corrupt", "sends one packet back with a wrong byte", false)                  \
	X(DUPLICATE, "duplicate", "sends one packet back twice", false)                          \
	X(DROP, "drop", "sends one packet not back", false)                                      \
	X(NONSENSE, "nonsense", "sends a packet of no known meaning", false)                     \
	X(CLOSE, "close", "closes the channel in the middle", false)                             \
	X(BAD_INDEX, "bad-index", "writes a write index outside of the ring", true)              \
	X(UNALIGNED, "unaligned", "writes a write index that is no multiple of 8", true)         \
	X(BAD_READ_INDEX, "bad-read-index", "writes a read index outside of the ring", true)     \
	X(BAD_PACKET, "bad-packet", "sends a packet whose payload starts in its header", true)   \
	X(BAD_SIZE, "bad-size", "sends a packet longer than what is in the ring", true)          \
	X(LARGE, "large", "sends a packet larger than the host takes", true)

enum misbehaviour {
	BEHAVES,
#define MISBEHAVIOUR_ENUM(id, ...) MISBEHAVES_##id,
	MISBEHAVIOURS(MISBEHAVIOUR_ENUM)
#undef MISBEHAVIOUR_ENUM
		MISBEHAVIOURS_END,
};

struct misbehaviour_desc {
	const char *name, *help;
	bool fails;
};
extern const struct misbehaviour_desc misbehaviour_desc[MISBEHAVIOURS_END];

/* What the caller does next. */
enum echo_peer_next {
	ECHO_PEER_SLEEP, /* waits for the host's signal */
	ECHO_PEER_AGAIN, /* calls again at once */
	ECHO_PEER_CLOSE, /* closes the channel */
};

enum { ECHO_PEER_WINDOW_MAX = 4096 };

struct echo_peer {
	struct vmbus_ring out, in; /* to the host, from it */
	void (*signal)(void *arg);
	void *arg;
	uint64_t (*now_ns)(void); /* for round trips; NULL: they are not measured */

	enum misbehaviour how;
	uint64_t after; /* packets echoed before it happens */
	bool due;       /* it happens when the packet has been dealt with */
	bool begun;     /* it has happened, or goes on */
	bool mute, flooding, frozen, closing, dozing;
	bool blocked; /* there was no room for an answer: the host signals when there is */

	uint32_t host_index; /* what HOST_INDEX has overwritten */

	uint64_t echoed, signals;

	/* What we ask the host to send back. */
	struct {
		uint64_t count, sent, received, wrong;
		uint32_t size, window; /* at most ECHO_PEER_WINDOW_MAX */
		uint64_t sent_ns[ECHO_PEER_WINDOW_MAX];
		struct histogram round_trips;
	} ask;

	_Alignas(8) uint8_t packet[VMBUS_ECHO_SIZE_MAX + 64];
};

/*
 * `pages`: those of the ring to the host, then those of the other, `page_count` each. `signal`
 * tells the host.
 */
int echo_peer_init(struct echo_peer *peer, uint8_t **pages, uint32_t page_count,
	void (*signal)(void *arg), void *arg) MUST_CHECK;
/* Does what there is to do, a bounded amount. */
enum echo_peer_next echo_peer_turn(struct echo_peer *peer);
/* BEHAVES when there is none of this name. */
enum misbehaviour echo_peer_misbehaviour(const char *name);
