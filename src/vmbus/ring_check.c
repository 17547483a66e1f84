/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmbus/ring_check.h"

enum { UNIT = 8 };

/* ---- what one look can tell -------------------------------------------------------------------
 */

static struct ring_finding finding(bool holds, uint64_t value)
{
	return (struct ring_finding){.verdict = holds ? RING_HOLDS : RING_BROKEN, .value = value};
}

static const struct ring_finding unknown = {.verdict = RING_UNKNOWN};

static struct ring_finding in_bounds(const struct ring_snapshot *now)
{
	const struct ring_state *state = &now->state;

	if (state->write_index >= state->size)
		return finding(false, state->write_index);
	return finding(state->read_index < state->size, state->read_index);
}

static struct ring_finding aligned(const struct ring_snapshot *now)
{
	const struct ring_state *state = &now->state;

	if (state->write_index % UNIT != 0)
		return finding(false, state->write_index);
	return finding(state->read_index % UNIT == 0, state->read_index);
}

static struct ring_finding ends_at_write_index(const struct ring_snapshot *now)
{
	const struct ring_walk *walk = &now->walk;
	bool past = walk->fault == RING_PACKET_OVERRUN || walk->fault == RING_PACKET_FRAGMENT;

	/* Behind a header without sense nobody knows where the next packet starts. */
	if (!now->walked || !walk->whole || (walk->fault != RING_PACKET_OK && !past))
		return unknown;
	return finding(!past, walk->end);
}

static struct ring_finding headers_make_sense(const struct ring_snapshot *now)
{
	return now->walked ? finding(now->walk.fault == RING_PACKET_OK, now->walk.packets)
			   : unknown;
}

static struct ring_finding trailers_match(const struct ring_snapshot *now)
{
	return now->walked ? finding(now->walk.bad_trailers == 0, now->walk.bad_trailers) : unknown;
}

static struct ring_finding mask_is_boolean(const struct ring_snapshot *now)
{
	return finding(now->state.interrupt_mask <= 1, now->state.interrupt_mask);
}

/* Some guests leave rubbish in the low bits (spec/vmbus.md 4.4). */
static uint32_t wanted(const struct ring_snapshot *now)
{
	return now->state.pending_send_sz & ~(UNIT - 1u);
}

static struct ring_finding can_come_true(const struct ring_snapshot *now)
{
	return finding(wanted(now) <= now->state.size - UNIT, now->state.pending_send_sz);
}

/* An old peer has none. */
static struct ring_finding features_known(const struct ring_snapshot *now)
{
	return finding(!(now->state.feature_bits & ~VMBUS_RING_FEATURE_PENDING_SEND_SZ),
		now->state.feature_bits);
}

static struct ring_finding index_untouched(const struct ring_snapshot *now)
{
	uint32_t shared = now->to_guest ? now->state.write_index : now->state.read_index;

	return finding(shared == now->host_index, shared);
}

/* ---- what two looks can tell ------------------------------------------------------------------
 */

/* The reader's index as the reader knows it. */
static uint32_t read_index(const struct ring_snapshot *look)
{
	return look->to_guest ? look->state.read_index : look->host_index;
}

static bool indices_ok(const struct ring_snapshot *look)
{
	return ring_is_index(look->state.size, look->state.read_index) &&
	       ring_is_index(look->state.size, look->state.write_index);
}

static uint32_t free_bytes(const struct ring_snapshot *look)
{
	return look->state.size - look->state.used;
}

/* Neither end moved: the same packets are unread in both looks. */
static bool reader_stood_still(const struct ring_snapshot *now, const struct ring_snapshot *earlier)
{
	return read_index(now) == read_index(earlier) &&
	       (now->to_guest || now->packets == earlier->packets);
}

static bool unsignalled(const struct ring_snapshot *look)
{
	return look->state.used > 0 && look->state.interrupt_mask == 0 && !look->flag;
}

static struct ring_finding reader_was_signalled(
	const struct ring_snapshot *now, const struct ring_snapshot *earlier)
{
	bool lost = unsignalled(now) && unsignalled(earlier) && reader_stood_still(now, earlier);

	if (!now->to_guest || !now->flag_known || !earlier->flag_known)
		return unknown;
	return finding(!lost, now->state.used);
}

static bool asleep_masked(const struct ring_snapshot *look)
{
	return look->state.used > 0 && look->state.interrupt_mask != 0 && look->host_idle;
}

static struct ring_finding host_is_awake(
	const struct ring_snapshot *now, const struct ring_snapshot *earlier)
{
	bool asleep = asleep_masked(now) && asleep_masked(earlier) &&
		      reader_stood_still(now, earlier);

	return now->to_guest ? unknown : finding(!asleep, now->state.used);
}

static bool has_room_asked_for(const struct ring_snapshot *look)
{
	return wanted(look) != 0 && wanted(look) <= free_bytes(look);
}

/*
 * A writer that was woken writes, or takes its wish back. An empty ring proves nothing: Linux's
 * hv_sock never takes it back (spec/vmbus.md 4.4).
 */
static struct ring_finding writer_was_told(
	const struct ring_snapshot *now, const struct ring_snapshot *earlier)
{
	bool same = now->state.write_index == earlier->state.write_index &&
		    now->state.pending_send_sz == earlier->state.pending_send_sz;
	bool untold = same && now->state.used > 0 && has_room_asked_for(now) &&
		      has_room_asked_for(earlier);

	return finding(!untold, now->state.pending_send_sz);
}

static struct ring_finding reader_gets_on(
	const struct ring_snapshot *now, const struct ring_snapshot *earlier)
{
	bool stuck = now->state.used > 0 && earlier->state.used > 0 &&
		     reader_stood_still(now, earlier);

	return finding(!stuck, now->state.used);
}

/* ---- all of them ------------------------------------------------------------------------------
 */

typedef struct ring_finding (*one_look_fn)(const struct ring_snapshot *now);
typedef struct ring_finding (*two_looks_fn)(
	const struct ring_snapshot *now, const struct ring_snapshot *earlier);

static const struct {
	one_look_fn one;
	two_looks_fn two;
} rows[RING_INVARIANTS] = {
	[RING_R1] = {in_bounds, NULL},
	[RING_R2] = {aligned, NULL},
	[RING_R3] = {ends_at_write_index, NULL},
	[RING_R4] = {headers_make_sense, NULL},
	[RING_R5] = {trailers_match, NULL},
	[RING_R6] = {mask_is_boolean, NULL},
	[RING_R7] = {can_come_true, NULL},
	[RING_R8] = {features_known, NULL},
	[RING_R9] = {index_untouched, NULL},
	[RING_R10] = {NULL, reader_was_signalled},
	[RING_R11] = {NULL, host_is_awake},
	[RING_R12] = {NULL, writer_was_told},
	[RING_R13] = {NULL, reader_gets_on},
};

static bool far_enough(const struct ring_snapshot *now, const struct ring_snapshot *earlier,
	uint64_t stuck_after_ns)
{
	return earlier && now->taken_ns >= earlier->taken_ns &&
	       now->taken_ns - earlier->taken_ns >= stuck_after_ns && indices_ok(now) &&
	       indices_ok(earlier);
}

void ring_check(const struct ring_snapshot *now, const struct ring_snapshot *earlier,
	uint64_t stuck_after_ns, struct ring_finding *ret_findings)
{
	bool twice = far_enough(now, earlier, stuck_after_ns);

	for (unsigned i = 0; i < RING_INVARIANTS; i++) {
		if (rows[i].one)
			ret_findings[i] = rows[i].one(now);
		else
			ret_findings[i] = twice ? rows[i].two(now, earlier) : unknown;
	}
}
