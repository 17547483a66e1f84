/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Integration components: what stands in the packets of heartbeat, time synchronisation, shutdown,
 * key-value exchange and backup.
 *
 * Purpose: layouts shared by the VMM and the guests of its tests.
 * Threads: none.
 * Errors:  none.
 */
#include <stddef.h>
#include <stdint.h>

enum ic_message_type {
	IC_NEGOTIATE = 0,
	IC_HEARTBEAT = 1,
	IC_KVP = 2,
	IC_SHUTDOWN = 3,
	IC_TIMESYNC = 4,
	IC_VSS = 5,
};

enum {
	IC_PIPE_DATA = 1,
	IC_FLAG_TRANSACTION = 1,
	IC_FLAG_REQUEST = 2,
	IC_FLAG_RESPONSE = 4,
};

enum { IC_PIPE_HEADER_BYTES = 8 }; /* pipe_flags and pipe_size */

#define IC_STATUS_OK            UINT32_C(0)
#define IC_STATUS_FAIL          UINT32_C(0x80004005)
#define IC_STATUS_NO_MORE_ITEMS UINT32_C(0x80070103)

struct ic_version {
	uint16_t major, minor;
};

struct ic_header {
	uint32_t pipe_flags; /* IC_PIPE_DATA */
	uint32_t pipe_size;  /* bytes behind this field */
	struct ic_version framework;
	uint16_t type; /* enum ic_message_type */
	struct ic_version message;
	uint16_t body_size;
	uint32_t status;
	uint8_t transaction;
	uint8_t flags;
	uint16_t reserved;
};
_Static_assert(sizeof(struct ic_header) == 28, "layout");

/*
 * Behind the header of IC_NEGOTIATE. Behind this: struct ic_version of the framework, then those of
 * the messages.
 */
struct ic_negotiate {
	uint16_t framework_count, message_count;
	uint32_t reserved;
};
_Static_assert(sizeof(struct ic_negotiate) == 8, "layout");

struct ic_heartbeat {
	uint64_t sequence;
	uint32_t application_state;
	uint32_t reserved[7];
};
_Static_assert(sizeof(struct ic_heartbeat) == 40, "layout");

enum { IC_TIME_SYNC = 1, IC_TIME_SAMPLE = 2 };
#define IC_TIME_UNIX_EPOCH_100NS UINT64_C(116444736000000000) /* since 1601-01-01 */

struct ic_timesync { /* version 4.0 */
	uint64_t parent_time;    /* 100 ns since 1601-01-01 UTC */
	uint64_t reference_time; /* the partition's, when the time was taken */
	uint8_t flags, leap, stratum;
	uint8_t reserved[5];
};
_Static_assert(sizeof(struct ic_timesync) == 24, "layout");

struct ic_timesync_v3 {
	uint64_t parent_time, child_time, round_trip;
	uint8_t flags;
	uint8_t reserved[7];
};
_Static_assert(sizeof(struct ic_timesync_v3) == 32, "layout");

enum { IC_SHUTDOWN_FORCE = 1, IC_SHUTDOWN_REBOOT = 2, IC_SHUTDOWN_HIBERNATE = 4 };

struct ic_shutdown {
	uint32_t reason, timeout_s, flags;
	uint8_t message[2048];
};
_Static_assert(sizeof(struct ic_shutdown) == 2060, "layout");
