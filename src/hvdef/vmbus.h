/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Channel messages: the payload of one SynIC message, or of one HvPostMessage, each way.
 *
 * Purpose: layouts shared by the VMM and the freestanding guests.
 * Threads: none.
 * Errors:  none.
 *
 * Sizes are what is sent. A guest may send longer ones: what is declared here counts, the rest is
 * ignored.
 */
#include <stddef.h>
#include <stdint.h>

enum {
	VMBUS_SINT = 2,
	VMBUS_CONNECTION_OLD = 1, /* where guests post below version 5.0 */
	VMBUS_CONNECTION_NEW = 4, /* and from 5.0 on */
	VMBUS_RELID_MAX = 2047,   /* also the event flag of the channel; 0 is none */
	VMBUS_MESSAGE_MAX = 240,
	VMBUS_MONITOR_NONE = 255,
};

#define VMBUS_VERSION(major, minor) ((uint32_t)(major) << 16 | (minor))
#define VMBUS_VERSION_2_4           VMBUS_VERSION(2, 4)
#define VMBUS_VERSION_3_0           VMBUS_VERSION(3, 0)
#define VMBUS_VERSION_4_0           VMBUS_VERSION(4, 0)
#define VMBUS_VERSION_4_1           VMBUS_VERSION(4, 1)
#define VMBUS_VERSION_5_0           VMBUS_VERSION(5, 0)
#define VMBUS_VERSION_5_1           VMBUS_VERSION(5, 1)
#define VMBUS_VERSION_5_2           VMBUS_VERSION(5, 2)
#define VMBUS_VERSION_5_3           VMBUS_VERSION(5, 3)
#define VMBUS_VERSION_6_0           VMBUS_VERSION(6, 0)

enum vmbus_message_type {
	VMBUS_MSG_INVALID = 0,
	VMBUS_MSG_OFFER_CHANNEL = 1,
	VMBUS_MSG_RESCIND_CHANNEL_OFFER = 2,
	VMBUS_MSG_REQUEST_OFFERS = 3,
	VMBUS_MSG_ALL_OFFERS_DELIVERED = 4,
	VMBUS_MSG_OPEN_CHANNEL = 5,
	VMBUS_MSG_OPEN_CHANNEL_RESULT = 6,
	VMBUS_MSG_CLOSE_CHANNEL = 7,
	VMBUS_MSG_GPADL_HEADER = 8,
	VMBUS_MSG_GPADL_BODY = 9,
	VMBUS_MSG_GPADL_CREATED = 10,
	VMBUS_MSG_GPADL_TEARDOWN = 11,
	VMBUS_MSG_GPADL_TORNDOWN = 12,
	VMBUS_MSG_RELID_RELEASED = 13,
	VMBUS_MSG_INITIATE_CONTACT = 14,
	VMBUS_MSG_VERSION_RESPONSE = 15,
	VMBUS_MSG_UNLOAD = 16,
	VMBUS_MSG_UNLOAD_RESPONSE = 17,
	VMBUS_MSG_OPEN_RESERVED_CHANNEL = 18,
	VMBUS_MSG_CLOSE_RESERVED_CHANNEL = 19,
	VMBUS_MSG_CLOSE_RESERVED_RESPONSE = 20,
	VMBUS_MSG_TL_CONNECT_REQUEST = 21,
	VMBUS_MSG_MODIFY_CHANNEL = 22,
	VMBUS_MSG_TL_CONNECT_RESULT = 23,
	VMBUS_MSG_MODIFY_CHANNEL_RESPONSE = 24,
	VMBUS_MSG_MODIFY_CONNECTION = 25,
	VMBUS_MSG_MODIFY_CONNECTION_RESPONSE = 26,
	VMBUS_MSG_PAUSE = 27,
	VMBUS_MSG_PAUSE_RESPONSE = 28,
	VMBUS_MSG_RESUME = 29,
	VMBUS_MSG_COUNT = 30,
};

/* Windows mixed-endian form: the first three fields little-endian, the last eight bytes as printed. */
struct vmbus_guid {
	uint32_t a;
	uint16_t b, c;
	uint8_t d[8];
};
_Static_assert(sizeof(struct vmbus_guid) == 16, "layout");

struct vmbus_message_header {
	uint32_t type; /* enum vmbus_message_type */
	uint32_t padding;
};

/* chn_flags of an offer */
#define VMBUS_OFFER_ENUMERATE_DEVICE_INTERFACE 0x0001u
#define VMBUS_OFFER_NAMED_PIPE_MODE            0x0010u
#define VMBUS_OFFER_TLNPI_PROVIDER             0x2000u /* hv_sock */

#define VMBUS_PIPE_MODE_BYTE    0u
#define VMBUS_PIPE_MODE_MESSAGE 4u

struct vmbus_offer_channel {
	struct vmbus_message_header header;
	struct vmbus_guid interface_type, interface_instance;
	uint64_t reserved[2];
	uint16_t chn_flags;
	uint16_t mmio_megabytes;
	union {
		uint8_t user_defined[120];
		struct {
			uint32_t pipe_mode;
			uint8_t pipe_user_defined[116]; /* hv_sock: [0] 1 = the host connects */
		};
	} __attribute__((packed));
	uint16_t sub_channel_index;
	uint16_t reserved2;
	uint32_t child_relid;
	uint8_t monitor_id;
	uint8_t monitor_allocated;
	uint16_t is_dedicated_interrupt;
	uint32_t connection_id;
} __attribute__((packed));
_Static_assert(sizeof(struct vmbus_offer_channel) == 196, "layout");
_Static_assert(offsetof(struct vmbus_offer_channel, child_relid) == 184, "layout");

/* RESCIND_CHANNEL_OFFER, CLOSE_CHANNEL, RELID_RELEASED */
struct vmbus_relid_message {
	struct vmbus_message_header header;
	uint32_t child_relid;
};
_Static_assert(sizeof(struct vmbus_relid_message) == 12, "layout");

#define VMBUS_TARGET_VP_NONE UINT32_MAX /* no interrupts wanted */

struct vmbus_open_channel {
	struct vmbus_message_header header;
	uint32_t child_relid, open_id, ring_gpadl, target_vp;
	uint32_t downstream_offset; /* pages of the guest-to-host ring */
	uint8_t user_data[120];
};
_Static_assert(sizeof(struct vmbus_open_channel) == 148, "layout");

/* Statuses are NTSTATUS and HRESULT values; guests look at zero or not. */
#define VMBUS_STATUS_SUCCESS            0u
#define VMBUS_STATUS_FAILURE            0x8000ffffu
#define VMBUS_STATUS_CONNECTION_REFUSED 0xc0000236u

struct vmbus_open_channel_result {
	struct vmbus_message_header header;
	uint32_t child_relid, open_id, status;
};
_Static_assert(sizeof(struct vmbus_open_channel_result) == 20, "layout");

struct vmbus_gpadl_header {
	struct vmbus_message_header header;
	uint32_t child_relid, gpadl;
	uint16_t range_buf_len, range_count;
	uint8_t ranges[]; /* struct vmbus_gpa_range each with its page frame numbers */
};
_Static_assert(sizeof(struct vmbus_gpadl_header) == 20, "layout");

struct vmbus_gpa_range {
	uint32_t byte_count, byte_offset;
	uint64_t pfn[];
};

struct vmbus_gpadl_body {
	struct vmbus_message_header header;
	uint32_t message_number, gpadl;
	uint8_t ranges[];
};
_Static_assert(sizeof(struct vmbus_gpadl_body) == 16, "layout");

struct vmbus_gpadl_created {
	struct vmbus_message_header header;
	uint32_t child_relid, gpadl, status;
};
_Static_assert(sizeof(struct vmbus_gpadl_created) == 20, "layout");

struct vmbus_gpadl_teardown {
	struct vmbus_message_header header;
	uint32_t child_relid, gpadl;
};
_Static_assert(sizeof(struct vmbus_gpadl_teardown) == 16, "layout");

struct vmbus_gpadl_torndown {
	struct vmbus_message_header header;
	uint32_t gpadl;
};
_Static_assert(sizeof(struct vmbus_gpadl_torndown) == 12, "layout");

struct vmbus_initiate_contact {
	struct vmbus_message_header header;
	uint32_t version, target_vp;
	union {
		uint64_t interrupt_page; /* below 5.0 */
		struct {
			uint8_t sint, vtl; /* from 5.0 on */
			uint16_t reserved;
			uint32_t feature_flags; /* 6.0 */
		};
	};
	uint64_t monitor_page_p2c, monitor_page_c2p; /* parent to child, child to parent */
};
_Static_assert(sizeof(struct vmbus_initiate_contact) == 40, "layout");

enum vmbus_connection_state_byte {
	VMBUS_CONNECTION_SUCCESSFUL = 0,
	VMBUS_CONNECTION_LOW_RESOURCES = 1,
	VMBUS_CONNECTION_UNKNOWN_FAILURE = 2,
};

struct vmbus_version_response {
	struct vmbus_message_header header;
	uint8_t supported;
	uint8_t connection_state; /* enum vmbus_connection_state_byte */
	uint16_t padding;
	uint32_t selected; /* the version; from 5.0 on the connection id to post to */
};
_Static_assert(sizeof(struct vmbus_version_response) == 16, "layout");

struct vmbus_open_reserved {
	struct vmbus_message_header header;
	uint32_t child_relid, target_vp, target_sint, ring_gpadl, downstream_offset;
};
_Static_assert(sizeof(struct vmbus_open_reserved) == 28, "layout");

struct vmbus_close_reserved {
	struct vmbus_message_header header;
	uint32_t child_relid, target_vp, target_sint;
};
_Static_assert(sizeof(struct vmbus_close_reserved) == 20, "layout");

struct vmbus_tl_connect_request {
	struct vmbus_message_header header;
	struct vmbus_guid endpoint, service; /* the guest's own, and the host's that is wanted */
};
_Static_assert(sizeof(struct vmbus_tl_connect_request) == 40, "layout");

struct vmbus_tl_connect_result {
	struct vmbus_message_header header;
	struct vmbus_guid endpoint, service;
	uint32_t status;
};
_Static_assert(sizeof(struct vmbus_tl_connect_result) == 44, "layout");

struct vmbus_modify_channel {
	struct vmbus_message_header header;
	uint32_t child_relid, target_vp;
};
_Static_assert(sizeof(struct vmbus_modify_channel) == 16, "layout");

struct vmbus_modify_channel_response {
	struct vmbus_message_header header;
	uint32_t child_relid, status;
};
_Static_assert(sizeof(struct vmbus_modify_channel_response) == 16, "layout");
