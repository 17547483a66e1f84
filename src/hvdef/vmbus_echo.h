/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What the device `echo` and the program in the guest say to each other: DATA_INBAND packets that
 * start with this header. Either end may ask; the other sends the packet back as it came, but for
 * `kind`. The transaction id of the packet is the sequence number, too.
 *
 *	host ── ECHO_REQUEST, sequence 0, bytes ──► guest
 *	host ◄── ECHO_REPLY, sequence 0, the same bytes ── guest
 *
 * Purpose: layouts shared by the VMM and what runs in a guest.
 * Threads: none.
 * Errors:  none.
 */
#include <stdint.h>
#include "hvdef/vmbus.h"

#define VMBUS_ECHO_MAGIC UINT32_C(0x6f686365) /* "echo" */

/* Interface type of the device, made up for it: 6563686f-6876-4d64-9c2e-68766563686f. */
#define VMBUS_ECHO_CLASS                                               \
	{                                                              \
		0x6563686f, 0x6876, 0x4d64,                            \
		{                                                      \
			0x9c, 0x2e, 0x68, 0x76, 0x65, 0x63, 0x68, 0x6f \
		}                                                      \
	}

enum vmbus_echo_kind { VMBUS_ECHO_REQUEST = 1, VMBUS_ECHO_REPLY = 2 };

enum { VMBUS_ECHO_SIZE_MAX = 32768 }; /* of a payload, with the header */

struct vmbus_echo_header {
	uint32_t magic;
	uint32_t kind; /* enum vmbus_echo_kind */
	uint32_t size; /* of the payload with this header: packets are padded to eight bytes */
	uint32_t run;  /* the asker's, so that it knows what belongs to an earlier one */
	uint64_t sequence;
};
_Static_assert(sizeof(struct vmbus_echo_header) == 24, "layout");
