/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The device `echo`: a channel for Linux's uio_hv_generic, whose program in the guest sends back
 * what the host sends (spec/vmbus.md 9). It proves that packets go both ways unharmed, and
 * measures it.
 *
 *	closed --OPEN--> idle --echo_start()--> running --every packet accounted for--> idle
 *	running --nothing came back for `patience`; echo_stop(); CLOSE--> idle, closed
 *
 * A run sends `count` packets, at most `window` of them unanswered. Each packet sent is answered,
 * corrupted (answered with other bytes), lost, or still out. It is lost when its patience is over
 * and one that was sent later was answered; when none is answered for so long, the run has
 * stalled. What the guest asks to be sent back, the host sends back at any time.
 *
 *	echo.c       the device: options, channel, the packets of the guest
 *	echo_run.c   a run: what is sent, what is made of the answers
 *	echo_info.c  what one sees of it
 *
 * Guest user space cannot make hypercalls: it signals through the monitor page (vmm/monitor.h).
 *
 * Purpose: what the files of the device share.
 * Threads: main loop, with the bus's lock held unless said otherwise.
 * Errors:  negative errno; nothing a guest answers is one.
 */
#include <stdbool.h>
#include <stdint.h>
#include "common/histogram.h"
#include "common/node.h"
#include "hvdef/vmbus_echo.h"
#include "vmbus/device.h"
#include "vmbus/vmbus.h"

struct loop_timer;

enum {
	ECHO_WINDOW_MAX = 4096,
	ECHO_PACKETS_AT_ONCE = 64, /* each way, before others get their turn on the main loop */
	ECHO_PATTERN_BYTES = VMBUS_ECHO_SIZE_MAX + 64,
};
#define ECHO_COUNT_MAX    UINT64_C(1000000000)
#define ECHO_PATIENCE_MAX (3600 * NSEC_PER_SEC)

/* ---- runs: take the lock --------------------------------------------------------------------- */

struct echo_run {
	uint64_t count;  /* 1..ECHO_COUNT_MAX packets */
	uint32_t size;   /* bytes of payload with its header, sizeof(header)..VMBUS_ECHO_SIZE_MAX */
	uint32_t window; /* 1..ECHO_WINDOW_MAX packets at once */
	uint64_t patience_ns; /* 1..ECHO_PATIENCE_MAX */
};

/* Positive answers. */
enum echo_condition {
	ECHO_E_CLOSED = 1, /* no program in the guest has the channel */
	ECHO_E_BUSY,       /* a run is under way */
	ECHO_E_SIZE,       /* the guest's rings never hold such a packet */
	ECHO_E_SEVERAL,    /* relid 0, and there is more than one device */
};

/*
 * Main loop. Starts a run on the device whose channel is `relid`; 0: on the only one. -ENOENT:
 * there is none.
 */
int echo_start(struct vmbus *bus, uint32_t relid, const struct echo_run *run,
	uint32_t *ret_relid) MUST_CHECK;
/* Main loop. Ends the run that is under way, if any; the rest as above. */
int echo_stop(struct vmbus *bus, uint32_t relid, uint32_t *ret_relid) MUST_CHECK;

/* ---- the device -------------------------------------------------------------------------------
 */

enum echo_state { ECHO_CLOSED, ECHO_IDLE, ECHO_RUNNING };
enum echo_outcome {
	ECHO_NONE,     /* there was no run */
	ECHO_PENDING,  /* it is under way */
	ECHO_COMPLETE, /* every packet is accounted for */
	ECHO_STALLED,  /* nothing came back any more */
	ECHO_STOPPED,  /* by echo_stop() */
	ECHO_BROKEN,   /* the channel was closed, or failed */
};

/* A packet of the window, by sequence number modulo ECHO_WINDOW_MAX. */
struct echo_packet {
	uint64_t sent_ns;
	bool settled; /* answered, or given up */
};

struct echo {
	struct vmbus_device device;
	struct vmbus *bus;             /* borrows */
	struct vmbus_channel *channel; /* borrows; the bus frees it */
	struct loop_timer *timer;      /* owns */
	enum echo_state state;
	uint64_t since_ns; /* in this state */

	/* The run under way, or the last one. */
	struct echo_run run;
	uint32_t number; /* of the run; 0: none yet */
	enum echo_outcome outcome;
	uint64_t started_ns, ended_ns, heard_ns; /* heard_ns: of the last answer, or the start */
	uint64_t sent, received, corrupted, lost;
	uint64_t settled;   /* packets below this sequence number are accounted for */
	uint64_t overtaken; /* those below this one were sent before one that was answered */
	uint64_t duplicated;
	struct histogram round_trips;
	struct echo_packet window[ECHO_WINDOW_MAX];

	/* Since the device was made. */
	uint64_t echoed, echoed_bytes, dropped, stray, malformed;
	char problem[96]; /* what was wrong last; "" nothing */

	uint8_t pattern[ECHO_PATTERN_BYTES];                  /* what payloads are made of */
	_Alignas(8) uint8_t packet[VMBUS_ECHO_SIZE_MAX + 64]; /* the one being looked at */
};

void echo_set_state(struct echo *echo, enum echo_state state);
/* Sends what the window lets through; true: more could be sent at once. */
bool echo_run_send(struct echo *echo);
/* A reply of the guest, whose header's size was checked. */
void echo_run_reply(
	struct echo *echo, const struct vmbus_echo_header *header, const uint8_t *payload);
/* Ends the run under way. */
void echo_run_end(struct echo *echo, enum echo_outcome outcome);
/* The timer's function: takes the lock. With a manual clock a test calls it. */
void echo_tick(void *echo);

/* The first one on the bus behind `relid`, in the order of relids; NULL: no more. */
struct echo *echo_after(struct vmbus *bus, uint32_t relid);

/* ---- inspection -------------------------------------------------------------------------------
 */

struct echo_info {
	uint32_t relid;
	char device[DEVICE_NAME_BYTES];
	uint32_t state, outcome;
	uint64_t time_in_state_ns;
	uint64_t run; /* 0: none yet */
	uint64_t count, size_bytes, window, patience_ns;
	uint64_t sent, received, lost, corrupted, duplicated, outstanding;
	uint64_t elapsed_ns, round_trip_min_ns, round_trip_median_ns, round_trip_p99_ns,
		round_trip_max_ns;                     /* all ones: none */
	uint64_t packets_per_second, bytes_per_second; /* likewise */
	uint64_t echoed, echoed_bytes, dropped, stray, malformed;
	char problem[96];
};

extern const struct node_class echo_node_class; /* echo/{relid}; owner: struct vmbus, or NULL */
/* Locked: the same for one that is at hand. */
void echo_fill_info(const struct echo *echo, struct echo_info *ret_info);
