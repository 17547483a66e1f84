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

struct ic_timesync {             /* version 4.0 */
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

/* ---- key-value exchange ---------------------------------------------------------------------- */

enum ic_kvp_operation {
	IC_KVP_GET = 0,
	IC_KVP_SET = 1,
	IC_KVP_DELETE = 2,
	IC_KVP_ENUMERATE = 3,
	IC_KVP_GET_IP_INFO = 4,
	IC_KVP_SET_IP_INFO = 5,
};

enum ic_kvp_pool {
	IC_KVP_POOL_EXTERNAL = 0, /* what the host set */
	IC_KVP_POOL_GUEST = 1,    /* what the guest set */
	IC_KVP_POOL_AUTO = 2,     /* what the guest's daemon knows */
	IC_KVP_POOL_AUTO_EXTERNAL = 3,
	IC_KVP_POOL_INTERNAL = 4,
	IC_KVP_POOLS,
};

/* Where Linux's daemon keeps them in the pool auto. */
enum { IC_KVP_AUTO_IPV4 = 2, IC_KVP_AUTO_IPV6 = 3 };

enum ic_kvp_type {
	IC_KVP_STRING = 1,
	IC_KVP_U32 = 4,
	IC_KVP_U64_LINUX = 8, /* as Linux's header has it */
	IC_KVP_U64 = 11,      /* as the registry has it */
};

enum { IC_KVP_KEY_BYTES = 512, IC_KVP_VALUE_BYTES = 2048 };

/* Text is UTF-16LE; sizes are in bytes and count its final 0. */
struct ic_kvp_value {
	uint32_t type; /* enum ic_kvp_type */
	uint32_t key_size, value_size;
	uint8_t key[IC_KVP_KEY_BYTES];
	uint8_t value[IC_KVP_VALUE_BYTES];
};

/* Of all operations but those with IP_INFO; the guest answers in the packet that came. */
struct ic_kvp {
	uint8_t operation, pool;
	uint16_t pad;
	union {
		struct {
			uint32_t index;
			struct ic_kvp_value item;
		} enumerate;
		struct ic_kvp_value item; /* GET, SET */
		struct {
			uint32_t key_size;
			uint8_t key[IC_KVP_KEY_BYTES];
		} remove;
	};
};
_Static_assert(sizeof(struct ic_kvp) == 2580, "layout");

/* Text is UTF-16LE up to a 0; lists have ';' between their members. */
struct ic_kvp_ip_info {
	uint8_t operation, pool;
	uint8_t adapter[256]; /* its MAC: "00:15:5D:01:02:03" */
	uint8_t family;       /* 1 IPv4, 2 IPv6, 3 both */
	uint8_t dhcp;
	uint8_t address[2048];
	uint8_t subnet[2048]; /* "255.255.255.0", "/64" */
	uint8_t gateway[1024];
	uint8_t dns[2048];
};
_Static_assert(sizeof(struct ic_kvp_ip_info) == 7428, "layout");

/* ---- backup ---------------------------------------------------------------------------------- */

enum ic_vss_operation {
	IC_VSS_CREATE = 0,
	IC_VSS_DELETE = 1,
	IC_VSS_HOT_BACKUP = 2,
	IC_VSS_GET_DM_INFO = 3,
	IC_VSS_BACKUP_COMPLETE = 4,
	IC_VSS_FREEZE = 5,
	IC_VSS_THAW = 6,
	IC_VSS_AUTO_RECOVER = 7,
};

struct ic_vss {
	uint8_t operation; /* enum ic_vss_operation */
	uint8_t reserved[7];
	uint32_t flags;
};
_Static_assert(sizeof(struct ic_vss) == 12, "layout");
