/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Hypercall control word, call codes, status codes and inputs (TLFS 3 and 11.9).
 *
 * Purpose: constants and layouts shared by the VMM and the freestanding guests.
 * Threads: none. Errors: none.
 */
#include <stdint.h>
#include "hvdef/hv_synic.h"

#define HV_CALL_NOTIFY_LONG_SPIN_WAIT 0x0008u
#define HV_CALL_POST_MESSAGE          0x005cu
#define HV_CALL_SIGNAL_EVENT          0x005du

#define HV_CONTROL_CODE_MASK        UINT64_C(0xffff)
#define HV_CONTROL_FAST             (UINT64_C(1) << 16)
#define HV_CONTROL_VAR_HEADER_MASK  (UINT64_C(0x3ff) << 17)
#define HV_CONTROL_NESTED           (UINT64_C(1) << 31)
#define HV_CONTROL_REP_COUNT_MASK   (UINT64_C(0xfff) << 32)
#define HV_CONTROL_REP_START_MASK   (UINT64_C(0xfff) << 48)
#define HV_CONTROL_RESERVED_MASK    ((UINT64_C(0xf) << 27) | (UINT64_C(0xf) << 44) | (UINT64_C(0xf) << 60))

enum hv_status {
	HV_STATUS_SUCCESS = 0x00,
	HV_STATUS_INVALID_HYPERCALL_CODE = 0x02,
	HV_STATUS_INVALID_HYPERCALL_INPUT = 0x03,
	HV_STATUS_INVALID_ALIGNMENT = 0x04,
	HV_STATUS_INVALID_PARAMETER = 0x05,
	HV_STATUS_ACCESS_DENIED = 0x06,
	HV_STATUS_OPERATION_DENIED = 0x08,
	HV_STATUS_INSUFFICIENT_MEMORY = 0x0b,
	HV_STATUS_INVALID_VP_INDEX = 0x0e,
	HV_STATUS_INVALID_PORT_ID = 0x11,
	HV_STATUS_INVALID_CONNECTION_ID = 0x12,
	HV_STATUS_INSUFFICIENT_BUFFERS = 0x13,
	HV_STATUS_INVALID_SYNIC_STATE = 0x18,
};

#define HV_CONNECTION_ID_MASK 0x00ffffffu

struct hv_post_message_input {
	uint32_t connection_id;
	uint32_t reserved;
	uint32_t message_type;
	uint32_t payload_size;
	uint8_t payload[HV_MESSAGE_PAYLOAD_MAX];
};
_Static_assert(sizeof(struct hv_post_message_input) == 256, "TLFS 11.9.3");

struct hv_signal_event_input {
	uint32_t connection_id;
	uint16_t flag_number;
	uint16_t reserved;
};
_Static_assert(sizeof(struct hv_signal_event_input) == 8, "TLFS 11.9.4");
