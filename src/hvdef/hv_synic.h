/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * SynIC pages: message slots (SIMP), event flags (SIEFP), timer payloads (TLFS 11, 12).
 *
 * Purpose: layouts shared by the VMM and the freestanding guests.
 * Threads: none; both sides access slots with atomics (spec/synic.md 3.4).
 * Errors:  none.
 */
#include <stddef.h>
#include <stdint.h>

#define HV_PAGE_SIZE 4096u

enum {
	HV_SINT_COUNT = 16,
	HV_VTL_COUNT = 3,
	HV_STIMER_COUNT = 4,
	HV_EVENT_FLAGS_COUNT = 2048, /* per SINT */
	HV_MESSAGE_SIZE = 256,
	HV_MESSAGE_PAYLOAD_MAX = 240,
	HV_MESSAGE_QUEUE_MAX = 16, /* guest message buffers behind one slot */
};

#define HV_MESSAGE_TYPE_NONE          0x00000000u
#define HV_MESSAGE_TYPE_VMBUS         0x00000001u
#define HV_MESSAGE_TYPE_TIMER_EXPIRED 0x80000010u
#define HV_MESSAGE_TYPE_HYPERVISOR    0x80000000u /* bit 31: hypervisor-originated only */

#define HV_MESSAGE_FLAG_PENDING 0x01u

struct hv_message_header {
	uint32_t type;
	uint8_t payload_size;
	uint8_t flags;
	uint16_t reserved;
	uint64_t sender; /* port id, partition id, or 0 */
};

struct hv_message {
	struct hv_message_header header;
	uint8_t payload[HV_MESSAGE_PAYLOAD_MAX];
};
_Static_assert(sizeof(struct hv_message_header) == 16, "TLFS 11.10.3");
_Static_assert(sizeof(struct hv_message) == HV_MESSAGE_SIZE, "TLFS 11.10.3");

struct hv_message_page {
	struct hv_message slot[HV_SINT_COUNT];
};
_Static_assert(sizeof(struct hv_message_page) == HV_PAGE_SIZE, "TLFS 11.10.3");

/* Flag f of SINT s: word f / 64, bit f % 64. */
struct hv_event_flags {
	uint64_t word[HV_EVENT_FLAGS_COUNT / 64];
};
struct hv_event_flags_page {
	struct hv_event_flags sint[HV_SINT_COUNT];
};
_Static_assert(sizeof(struct hv_event_flags_page) == HV_PAGE_SIZE, "TLFS 11.10.4");

struct hv_timer_message_payload {
	uint32_t timer_index;
	uint32_t reserved;
	uint64_t expiration_time; /* 100 ns reference time */
	uint64_t delivery_time;
};
_Static_assert(sizeof(struct hv_timer_message_payload) == 24, "TLFS 12.4.1");

/* Reference TSC page (TLFS 12.7): time = ((u128)tsc * scale >> 64) + offset, in 100 ns. */
struct hv_reference_tsc_page {
	uint32_t sequence; /* 0: invalid, use TIME_REF_COUNT */
	uint32_t reserved;
	uint64_t scale;
	int64_t offset;
	uint64_t reserved2[509];
};
_Static_assert(sizeof(struct hv_reference_tsc_page) == HV_PAGE_SIZE, "TLFS 12.7.1");

/* Monitor page (TLFS 11.11). Monitor id = 32 * group + bit. */
enum { HV_MONITOR_GROUPS = 4, HV_MONITOR_COUNT = 128 };

struct hv_monitor_group {
	uint32_t pending;
	uint32_t armed;
};
struct hv_monitor_parameter {
	uint32_t connection_id;
	uint16_t flag_number;
	uint16_t reserved;
};
struct hv_monitor_page {
	uint32_t trigger_state; /* 3:0 group enable */
	uint32_t reserved;
	struct hv_monitor_group group[HV_MONITOR_GROUPS];
	uint8_t reserved2[24];
	uint32_t next_check_time[HV_MONITOR_GROUPS][32];
	uint16_t latency[HV_MONITOR_GROUPS][32]; /* 100 ns */
	uint8_t reserved3[256];
	struct hv_monitor_parameter parameter[HV_MONITOR_GROUPS][32];
	uint8_t reserved4[1984];
};
_Static_assert(offsetof(struct hv_monitor_page, group) == 0x008, "TLFS 11.11");
_Static_assert(offsetof(struct hv_monitor_page, latency) == 0x240, "TLFS 11.11");
_Static_assert(offsetof(struct hv_monitor_page, parameter) == 0x440, "TLFS 11.11");
_Static_assert(sizeof(struct hv_monitor_page) == HV_PAGE_SIZE, "TLFS 11.11");
