/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * VMBus ring buffers and packets as both ends see them.
 *
 * A channel's GPADL holds two rings, guest to host and then host to guest. Each is one control page
 * and whole pages of data; indices are byte offsets into the data, multiples of eight. Equal
 * indices mean empty, so that a ring is never filled to its last eight bytes.
 *
 * Purpose: layouts shared by the VMM and the freestanding guests.
 * Threads: each word of the control page has one writer; both ends use atomics.
 * Errors:  none.
 */
#include <stddef.h>
#include <stdint.h>

#define VMBUS_PAGE_SIZE 4096u

struct vmbus_ring_control {
	uint32_t write_index;     /* written by the ring's writer */
	uint32_t read_index;      /* written by the ring's reader */
	uint32_t interrupt_mask;  /* reader: 1 = no signal when the ring stops being empty */
	uint32_t pending_send_sz; /* writer: bytes of room it waits for, 0 = it does not wait */
	uint32_t reserved[12];
	uint32_t feature_bits; /* both, once */
	uint8_t padding[VMBUS_PAGE_SIZE - 68];
};
_Static_assert(sizeof(struct vmbus_ring_control) == VMBUS_PAGE_SIZE, "one page");
_Static_assert(offsetof(struct vmbus_ring_control, feature_bits) == 64, "layout");

/* feature_bits: pending_send_sz is honoured. */
#define VMBUS_RING_FEATURE_PENDING_SEND_SZ 0x1u

enum vmbus_packet_type {
	VMBUS_PACKET_SYNCH = 1,
	VMBUS_PACKET_ADD_TRANSFER_PAGE_SET = 2,
	VMBUS_PACKET_REMOVE_TRANSFER_PAGE_SET = 3,
	VMBUS_PACKET_ESTABLISH_GPADL = 4,
	VMBUS_PACKET_TEARDOWN_GPADL = 5,
	VMBUS_PACKET_DATA_INBAND = 6,
	VMBUS_PACKET_DATA_USING_TRANSFER_PAGES = 7,
	VMBUS_PACKET_DATA_USING_GPADL = 8,
	VMBUS_PACKET_DATA_USING_GPA_DIRECT = 9,
	VMBUS_PACKET_CANCEL_REQUEST = 10,
	VMBUS_PACKET_COMPLETION = 11,
	VMBUS_PACKET_ADDITIONAL_DATA = 12,
	VMBUS_PACKET_ADDITIONAL_DATA_GPA = 13,
};

#define VMBUS_PACKET_FLAG_COMPLETION_REQUESTED 0x1u

struct vmbus_packet_header {
	uint16_t type;
	uint16_t offset8; /* where the payload starts, in units of eight bytes, at least 2 */
	uint16_t length8; /* header and payload, in units of eight bytes, at least offset8 */
	uint16_t flags;
	uint64_t transaction_id;
};
_Static_assert(sizeof(struct vmbus_packet_header) == 16, "layout");

/* Behind every packet: where it starts, in the high half. */
enum { VMBUS_PACKET_TRAILER_BYTES = 8 };
