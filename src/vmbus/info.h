/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The bus as inspection shows it. Names of ring fields are those of Linux's sysfs, where "out" is
 * guest to host; unlike there every ring says its direction.
 *
 * Purpose: snapshots of bus, channels, rings, GPADLs and their histories.
 * Threads: any; the bus's lock is held while a snapshot is made.
 * Errors:  -ENOENT.
 */
#include <stdbool.h>
#include <stdint.h>
#include "common/node.h"
#include "vmbus/guid.h"
#include "vmbus/ring_check.h"

struct vmbus_message_info {
	bool present;
	uint64_t age_ns;
	uint32_t direction; /* 0 in, 1 out */
	uint32_t message, type, relid;
	uint64_t value;
	uint32_t verdict;
};

struct vmbus_info {
	uint32_t state;
	uint64_t time_in_state_ns;
	char version[8]; /* "5.3", "" none */
	uint32_t target_vp, sint;
	uint64_t interrupt_page, monitor_page_p2c, monitor_page_c2p; /* all ones: none */
	uint32_t channels, open_channels, gpadls, gpadl_pages;
	uint32_t incoming, outgoing; /* messages waiting */
	uint64_t messages_in, messages_out, refused_by_port, ignored, illegal, malformed;
	struct vmbus_message_info last_in, last_out;
};

struct channel_info {
	uint32_t relid;
	char device[32];
	uint32_t state, device_state;
	uint64_t time_in_state_ns;
	char class_id[GUID_TEXT_BYTES], device_id[GUID_TEXT_BYTES];
	uint32_t connection_id, monitor_id, open_id, target_vp; /* UINT32_MAX: none */
	uint64_t ring_gpadl;                                    /* all ones: none */
	uint32_t gpadls;
	uint64_t opens, refused, signals_in, signals_out;
	bool removing;
	char failure[96];
	struct vmbus_message_info last_in, last_out;
};

struct offer_info {
	uint32_t relid;
	char device[32];
	char class_id[GUID_TEXT_BYTES], device_id[GUID_TEXT_BYTES];
	uint32_t order;
	uint64_t chn_flags;
	uint32_t pipe_mode;
	uint32_t monitor_id; /* UINT32_MAX: none */
	uint32_t connection_id;
	uint64_t packet_limit_bytes; /* all ones: none */
	bool offered;
};

struct ring_invariant_info {
	char invariant[4];
	uint32_t verdict; /* enum ring_verdict */
	uint64_t value;   /* all ones: unknown */
	char meaning[64];
};

struct ring_info {
	uint32_t relid, ring;
	uint32_t direction; /* as ring: 0 guest to host, 1 host to guest */
	uint32_t size_bytes;
	uint32_t read_index, write_index, host_index;
	uint32_t read_avail, write_avail;
	uint32_t intr_mask, pending_send_sz, feature_bits;
	uint64_t packets, bytes, signals, full;
	uint32_t unread_packets; /* UINT32_MAX: unknown */
	uint8_t event_flag;      /* FIELD_BOOL_UNKNOWN: none */
	char broken[48]; /* "R1 R2": invariants of spec/vmbus.md 4.6 that do not hold; "" none */
	uint32_t invariant_count;
	struct ring_invariant_info invariants[RING_INVARIANTS];
};

struct ic_packet_info {
	bool present;
	uint32_t pipe_flags, pipe_size;
	char framework_version[12], message_version[12];
	uint32_t message; /* name */
	uint32_t type, body_size;
	uint32_t status;
	uint32_t transaction, flags;
};

struct hvsock_packet_info {
	bool present;
	uint32_t type, payload_size;
};

struct packet_info {
	uint32_t relid, ring, position;
	uint32_t offset;
	uint32_t type, type_number;
	uint32_t header_size, size; /* UINT32_MAX: unknown */
	uint32_t flags;
	uint64_t transaction_id;
	uint8_t trailer_ok; /* FIELD_BOOL_UNKNOWN: not looked at */
	char fault[40];     /* "" none */
	struct ic_packet_info ic;
	struct hvsock_packet_info hvsock;
	uint32_t head_count;
	uint8_t head[RING_VIEW_HEAD_BYTES];
};

struct gpadl_info {
	uint32_t relid;
	uint64_t gpadl;
	uint32_t state;
	uint64_t time_in_state_ns;
	uint32_t ranges, pages, bytes_expected, bytes_received;
	bool is_ring, in_use;
};

struct history_info {
	uint32_t relid, position;
	struct vmbus_message_info message;
};

/* Owner of each: struct vmbus, or NULL where a VM has no bus. */
extern const struct node_class vmbus_node_class;           /* vmbus */
extern const struct node_class vmbus_history_node_class;   /* vmbus/history/{position} */
extern const struct node_class offer_node_class;           /* offers/{relid} */
extern const struct node_class channel_node_class;         /* channels/{relid} */
extern const struct node_class channel_history_node_class; /* channels/{relid}/history/{position} */
extern const struct node_class ring_node_class;            /* channels/{relid}/rings/{ring}; flat: rings */
/* Packets: channels/{relid}/rings/{ring}/unread/{position} unread, .../consumed/{position} read. */
extern const struct node_class unread_node_class;
extern const struct node_class consumed_node_class;
extern const struct node_class gpadl_node_class;           /* gpadls/{relid}/{gpadl} */
