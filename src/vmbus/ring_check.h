/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The invariants R1-R13 of a ring (spec/vmbus.md 4.6), as a pure function of one look at it or two.
 *
 *	R1  indices within the ring             R8  no unknown feature
 *	R2  indices multiples of 8              R9  the host's own index is where it left it
 *	R3  packets end at the write index      R10 a reader that may be signalled was signalled
 *	R4  packet headers make sense           R11 the host does not sleep with its mask set
 *	R5  trailers say where packets start    R12 a writer was told of the room it waits for
 *	R6  interrupt mask 0 or 1               R13 the reader gets on
 *	R7  pending_send_sz can come true
 *
 * R10 to R13 are about time: they are unknown until a second look, at least `stuck_after_ns` later,
 * and broken only when both looks say so and nothing moved in between (spec/vmbus.md 10.1).
 *
 * Purpose: one place for inspection (live), the doctor, and a snapshot read on another machine.
 * Threads: none; nothing but its arguments is touched.
 * Errors:  none.
 */
#include <stdbool.h>
#include <stdint.h>
#include "vmbus/ring_view.h"
#include "vmbus/states.h"

enum ring_verdict { RING_UNKNOWN, RING_HOLDS, RING_BROKEN };

/* One look at a ring. Numbers that the guest wrote are as it wrote them. */
struct ring_snapshot {
	uint64_t taken_ns; /* on any one clock */
	bool to_guest;     /* the host writes, the guest reads */
	struct ring_state state;
	uint32_t host_index; /* the host's own copy of the index that it owns */
	bool walked;         /* `walk` was made, over what is unread */
	struct ring_walk walk;
	uint64_t packets; /* the host has read or written ever */
	bool flag_known;  /* host to guest: `flag` is the channel's event flag now */
	bool flag;
	bool host_idle; /* guest to host: the host is not reading, and does not know that it should
			 */
};

struct ring_finding {
	uint8_t verdict; /* enum ring_verdict */
	/*
	 * What it was judged by: R1, R2, R9 the offending index, or the host's; R3 where the walk
	 * ended; R4 the packets that are well; R5 bad trailers; R6 the mask; R7 and R12
	 * pending_send_sz; R8 the feature bits; R10, R11 and R13 the unread bytes.
	 */
	uint64_t value;
};

/* `earlier` NULL: there was only this look. `ret_findings` has RING_INVARIANTS elements. */
void ring_check(const struct ring_snapshot *now, const struct ring_snapshot *earlier,
	uint64_t stuck_after_ns, struct ring_finding *ret_findings);
