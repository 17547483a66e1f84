/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * A scripted guest on a fake VM: what Linux does on the bus, step by step, and what it must not do.
 *
 * Purpose: unit tests of the bus and of its devices.
 * Threads: the test's.
 * Errors:  anything unexpected fails the test.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "fake_vm.h"
#include "vmbus/vmbus.h"

enum {
	/* Guest RAM that GPADLs may use: pages from here. */
	GUEST_GPADL_PFN = 0x100,
	GUEST_GPADL_PAGES = 0x80,
};

struct vmbus_guest {
	struct fake_vm *fake;
	struct vmbus *bus;
	uint32_t next_gpadl;
	uint64_t next_pfn;
};

/* Two VPs with enabled SynICs, a bus, nothing said yet. */
void vmbus_guest_start(struct vmbus_guest *guest);
/* The bus must have no channels any more. */
void vmbus_guest_end(struct vmbus_guest *guest);

/* HvPostMessage to connection 4, then what the loop does with it. */
void vmbus_guest_post(struct vmbus_guest *guest, const void *message, size_t size);
/* The same; returns the status, and the loop does not run. */
enum hv_status vmbus_guest_post_only(struct vmbus_guest *guest, const void *message, size_t size);
/* The next message in the slot, which must be of `type`; taken out of it. */
void vmbus_guest_expect(struct vmbus_guest *guest, uint32_t type, void *ret_message, size_t size);
void vmbus_guest_expect_nothing(struct vmbus_guest *guest);

/* INITIATE_CONTACT; the answer's `supported`. */
bool vmbus_guest_contact(struct vmbus_guest *guest, uint32_t version);
/* REQUEST_OFFERS; the relids in their order. Returns how many. */
unsigned vmbus_guest_request_offers(struct vmbus_guest *guest, uint32_t *ret_relids, unsigned room);
/* Contact with 5.3 and the offers. */
unsigned vmbus_guest_connect(struct vmbus_guest *guest, uint32_t *ret_relids, unsigned room);
/* A GPADL of `pages` fresh zeroed pages in one range, as for rings. Returns its id. */
uint32_t vmbus_guest_make_gpadl(struct vmbus_guest *guest, uint32_t relid, uint32_t pages);
/* The same of pages that the test names; its id. */
uint32_t vmbus_guest_map_gpadl(
	struct vmbus_guest *guest, uint32_t relid, const uint64_t *pfns, uint32_t pages);
/* The memory of the GPADL made last. */
uint8_t *vmbus_guest_page(struct vmbus_guest *guest, uint64_t pfn);
/* OPEN_CHANNEL with half of `pages` each way; no answer is taken. Returns the GPADL. */
uint32_t vmbus_guest_post_open(struct vmbus_guest *guest, uint32_t relid, uint32_t pages);
/* The same with its answer, which must be success. */
uint32_t vmbus_guest_open(struct vmbus_guest *guest, uint32_t relid, uint32_t pages);
void vmbus_guest_close(struct vmbus_guest *guest, uint32_t relid);
void vmbus_guest_release(struct vmbus_guest *guest, uint32_t relid);
void vmbus_guest_tear_down(struct vmbus_guest *guest, uint32_t relid, uint32_t gpadl);
/* HvSignalEvent on the channel's connection. */
enum hv_status vmbus_guest_signal(struct vmbus_guest *guest, uint32_t relid);
/* Whether the event flag `relid` is set on `vp`; clears it. */
bool vmbus_guest_signalled(struct vmbus_guest *guest, uint32_t vp, uint32_t relid);

/* The guest's ends of the rings of the channel opened last: we are the peer of the host's. */
void vmbus_guest_rings(struct vmbus_guest *guest, uint32_t pages, uint8_t **ret_pages,
	struct vmbus_ring *ret_out, struct vmbus_ring *ret_in);
