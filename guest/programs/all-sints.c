/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Traffic on all 16 SINTs across all VPs at once, in two programs.
 *
 * SINT s lives on VP s % VPs. Every VP posts ROUNDS numbered messages and signals one event to
 * every SINT. all-sints spreads the vectors over priority classes; auto-eoi puts all of them in one
 * class and makes four SINTs auto-EOI: were one of these left in service, no other vector of the
 * class would come through any more.
 */
#include "lib/synic.h"

enum { ROUNDS = 20, MESSAGE_CONNECTION = 0x20, EVENT_CONNECTION = 0x60 };

struct lane {
	struct traffic *traffic;
	unsigned sint;
	_Atomic uint32_t messages, flags;
	_Atomic uint32_t
		wrong; /* messages of another SINT, out of order, or with another sender's size */
	uint32_t next[GX_MAX_VPS]; /* by sender; the receiving VP's handler only */
};

struct traffic {
	bool auto_eoi; /* the program's variant */
	_Atomic uint32_t refused;
	struct lane lane[HV_SINT_COUNT];
};

struct note {
	uint32_t sint, sender, number;
};

static bool is_auto_eoi(const struct traffic *traffic, unsigned sint)
{
	return traffic->auto_eoi && sint % 4 == 3;
}

static unsigned vector_of(const struct traffic *traffic, unsigned sint)
{
	return traffic->auto_eoi ? 0x50 + sint : 0x40 + 6 * sint;
}

static void check_note(struct lane *lane, const struct hv_message *message)
{
	struct note note;

	__builtin_memcpy(&note, message->payload, sizeof(note));
	if (message->header.payload_size != sizeof(note) || note.sint != lane->sint ||
		note.sender >= GX_MAX_VPS || note.number != lane->next[note.sender]++)
		atomic_fetch_add(&lane->wrong, 1);
}

static void on_sint(struct gx_vp *vp, unsigned vector, void *arg)
{
	struct lane *lane = arg;
	struct hv_message message;

	while (gx_take_message(vp, lane->sint, &message)) {
		check_note(lane, &message);
		atomic_fetch_add(&lane->messages, 1);
	}
	if (gx_take_flag(vp, lane->sint, EVENT_CONNECTION + lane->sint))
		atomic_fetch_add(&lane->flags, 1);
	if (!is_auto_eoi(lane->traffic, lane->sint))
		gx_eoi(vp);
}

static void set_up(struct gx_vp *vp, void *arg)
{
	struct traffic *traffic = arg;

	gx_hypercalls_enable(vp);
	gx_synic_enable(vp);
	for (unsigned sint = gx_index(vp); sint < HV_SINT_COUNT; sint += gx_vp_count(vp)) {
		unsigned vector = vector_of(traffic, sint);
		uint64_t auto_eoi = is_auto_eoi(traffic, sint) ? HV_SINT_AUTO_EOI : 0;

		gx_handle(vp, vector, on_sint, &traffic->lane[sint]);
		gx_set_sint(vp, sint, vector | auto_eoi);
	}
}

static void create_connections(struct gx_vp *vp)
{
	for (unsigned sint = 0; sint < HV_SINT_COUNT; sint++) {
		uint32_t target = sint % gx_vp_count(vp);

		gx_testdev(vp, GX_TESTDEV_MESSAGE_CREATE, target, sint,
			(uint8_t)(MESSAGE_CONNECTION + sint));
		gx_testdev(vp, GX_TESTDEV_EVENT_CREATE, target, sint,
			(uint8_t)(EVENT_CONNECTION + sint));
	}
}

/* Gives up at the first message nobody takes: that one waited for GX_PATIENCE_MS. */
static void send(struct gx_vp *vp, void *arg)
{
	struct traffic *traffic = arg;

	for (uint32_t i = 0; i < ROUNDS * HV_SINT_COUNT; i++) {
		struct note note = {
			.sint = i % HV_SINT_COUNT,
			.sender = gx_index(vp),
			.number = i / HV_SINT_COUNT,
		};

		if (gx_post_patiently(vp, MESSAGE_CONNECTION + note.sint, 1, &note, sizeof(note))) {
			atomic_fetch_add(&traffic->refused, 1);
			return;
		}
	}
}

static void signal_all(struct gx_vp *vp, struct traffic *traffic)
{
	for (unsigned sint = 0; sint < HV_SINT_COUNT; sint++)
		if (gx_signal(vp, EVENT_CONNECTION + sint, 0))
			atomic_fetch_add(&traffic->refused, 1);
}

static void check_lane(struct gx_vp *vp, struct lane *lane)
{
	uint32_t expected = ROUNDS * gx_vp_count(vp);

	gx_ok(vp,
		gx_wait(vp, atomic_load(&lane->messages) >= expected) &&
			atomic_load(&lane->messages) == expected,
		"SINT %u on VP %u%s: every message once", lane->sint, lane->sint % gx_vp_count(vp),
		is_auto_eoi(lane->traffic, lane->sint) ? " (auto-EOI)" : "");
	gx_ok(vp, !atomic_load(&lane->wrong), "SINT %u: its own messages, in each sender's order",
		lane->sint);
	gx_ok(vp, gx_wait(vp, atomic_load(&lane->flags) == 1), "SINT %u: its event flag once",
		lane->sint);
}

static void run_traffic(struct gx_vp *vp, bool auto_eoi)
{
	struct traffic *traffic = gx_state(vp);

	traffic->auto_eoi = auto_eoi;
	for (unsigned sint = 0; sint < HV_SINT_COUNT; sint++) {
		traffic->lane[sint].traffic = traffic;
		traffic->lane[sint].sint = sint;
	}
	gx_run_all(vp, set_up, traffic);
	create_connections(vp);
	gx_run_all(vp, send, traffic);
	signal_all(vp, traffic);
	if (!gx_ok(vp, !atomic_load(&traffic->refused), "no post or signal was refused"))
		return;
	for (unsigned sint = 0; sint < HV_SINT_COUNT; sint++)
		check_lane(vp, &traffic->lane[sint]);
}

static void run_all_sints(struct gx_vp *vp)
{
	run_traffic(vp, false);
}

static void run_auto_eoi(struct gx_vp *vp)
{
	run_traffic(vp, true);
}

const struct gx_program gx_program_all_sints = {
	.name = "all-sints",
	.rule = "all 16 SINTs across all VPs carry messages and events at once",
	.state_bytes = sizeof(struct traffic),
	.run = run_all_sints,
};

const struct gx_program gx_program_auto_eoi = {
	.name = "auto-eoi",
	.rule = "auto-EOI SINTs do not block the others of their priority class",
	.state_bytes = sizeof(struct traffic),
	.run = run_auto_eoi,
};
