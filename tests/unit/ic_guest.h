/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * A scripted hv_utils: the guest's driver of one integration component, packet by packet.
 *
 * Purpose: unit tests of the components.
 * Threads: the test's.
 * Errors:  anything unexpected fails the test.
 */
#include <stddef.h>
#include <stdint.h>
#include "vmbus/ic.h"
#include "vmbus_guest.h"

enum { IC_GUEST_RING_PAGES = 8 };

/* A packet as the guest has it: what it got, and what it answers. */
struct ic_packet {
	uint64_t transaction_id;
	size_t size; /* of header and body */
	struct ic_header header;
	uint8_t body[IC_BODY_MAX];
} __attribute__((packed));

struct ic_guest {
	struct vmbus_guest guest;
	enum ic_component component;
	struct ic *ic; /* borrows */
	uint32_t relid;
	uint8_t *pages[IC_GUEST_RING_PAGES]; /* borrows: guest RAM */
	struct vmbus_ring to_host, from_host;
	struct { /* what became of requests */
		unsigned count;
		struct ic_answer answer;
	} told;
};

/* A bus with that component, whose channel is open. */
void ic_guest_start(struct ic_guest *hv, enum ic_component component);
/* Gives everything back. */
void ic_guest_end(struct ic_guest *hv);
/* Opens the channel once more. */
void ic_guest_open_channel(struct ic_guest *hv);

void ic_guest_expect_silence(struct ic_guest *hv);
/* The next packet of the host; what every one of them must be is checked here. */
struct ic_packet ic_guest_take(struct ic_guest *hv, enum ic_message_type type);
/* As it stands, with a signal or without. */
void ic_guest_put(struct ic_guest *hv, const struct ic_packet *packet);
void ic_guest_put_only(struct ic_guest *hv, const struct ic_packet *packet);
/* The same, as an answer. */
void ic_guest_answer(struct ic_guest *hv, struct ic_packet *packet);
/* As Linux does: in the packet that came, whose body size it sets to 16. */
void ic_guest_answer_versions(struct ic_guest *hv, struct ic_packet *packet, unsigned count,
	struct ic_version framework, struct ic_version message);

/* The host looks, 100 ms after OPEN_RESULT. */
void ic_guest_first_look(struct ic_guest *hv);
/* That, and framework 3.0 with this version of the messages. */
void ic_guest_negotiate(struct ic_guest *hv, uint16_t major, uint16_t minor);
/* Time passes, and the component looks. */
void ic_guest_pass(struct ic_guest *hv, uint64_t ns);
/* Somebody asks; what becomes of it goes into `told`. As ic_request(). */
int ic_guest_ask(struct ic_guest *hv, unsigned request, bool force);
int ic_guest_ask_call(struct ic_guest *hv, const struct ic_call *call);
