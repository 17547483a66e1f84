/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The message slot: what happens behind an occupied one (TLFS 11.10.3, spec 3.4).
 *
 * VP 0 posts to itself through the test device and polls the slot; only the interrupts are counted.
 */
#include "lib/synic.h"

enum { SINT = 2, VECTOR = 0x60, CONNECTION = 1 };

struct slot_state {
	_Atomic uint32_t interrupts;
	struct hv_message *slot;        /* of VP 0 */
	_Atomic uint32_t freed_pending; /* eom-other-vp: what VP 1 saw */
};

static void set_up(struct gx_vp *vp, struct slot_state *state)
{
	gx_hypercalls_enable(vp);
	gx_synic_enable(vp);
	gx_count_interrupts(vp, VECTOR, &state->interrupts);
	gx_set_sint(vp, SINT, VECTOR);
	gx_testdev(vp, GX_TESTDEV_MESSAGE_CREATE, gx_index(vp), SINT, CONNECTION);
	state->slot = gx_slot(vp, SINT);
}

static void post(struct gx_vp *vp, uint32_t type)
{
	uint64_t payload = type;
	uint16_t status = gx_post_patiently(vp, CONNECTION, type, &payload, sizeof(payload));

	if (status)
		gx_die(vp, "post of message %u: status %x", type, status);
}

static bool slot_holds(struct gx_vp *vp, uint32_t type)
{
	return gx_wait(vp, gx_slot_type(vp, SINT) == type);
}

static bool stays_empty(struct gx_vp *vp)
{
	gx_sleep_ms(vp, 20);
	return gx_slot_type(vp, SINT) == HV_MESSAGE_TYPE_NONE;
}

/* ---- busy-slot ----------------------------------------------------------- */

static void check_empty_slot(struct gx_vp *vp, struct slot_state *state)
{
	uint64_t payload;

	post(vp, 1);
	gx_ok(vp, slot_holds(vp, 1), "a message goes into the empty slot");
	gx_ok(vp, gx_wait(vp, atomic_load(&state->interrupts) == 1), "and raises the SINT once");
	gx_ok(vp, !gx_slot_pending(vp, SINT), "with nothing behind it the pending flag is clear");
	__builtin_memcpy(&payload, state->slot->payload, sizeof(payload));
	gx_ok(vp, state->slot->header.payload_size == 8 && payload == 1,
		"the payload is the one posted");
}

static void check_occupied_slot(struct gx_vp *vp, struct slot_state *state)
{
	post(vp, 2);
	gx_ok(vp, gx_wait(vp, gx_slot_pending(vp, SINT)),
		"a second message sets the pending flag of the first");
	gx_ok(vp, gx_slot_type(vp, SINT) == 1, "and leaves the first in place");
	gx_sleep_ms(vp, 20);
	gx_ok(vp, gx_slot_type(vp, SINT) == 1 && atomic_load(&state->interrupts) == 1,
		"neither time nor retries overwrite an occupied slot");
	gx_eom(vp);
	gx_ok(vp, gx_slot_type(vp, SINT) == 1, "EOM with the slot still occupied changes nothing");
}

static void check_refill(struct gx_vp *vp, struct slot_state *state)
{
	/* A VP that is held up for a millisecond just there finds the slot refilled by the retry. */
	gx_ok(vp, gx_slot_free(vp, SINT) || gx_slot_type(vp, SINT) == 2,
		"freeing the slot shows the pending flag, unless the retry was faster");
	gx_eom(vp);
	gx_ok(vp, slot_holds(vp, 2), "EOM with a queued message refills the slot");
	gx_ok(vp, gx_wait(vp, atomic_load(&state->interrupts) == 2), "and raises the SINT again");
}

static void check_order(struct gx_vp *vp)
{
	post(vp, 3);
	gx_ok(vp, gx_wait(vp, gx_slot_pending(vp, SINT)),
		"a third message waits behind the second");
	gx_slot_free(vp, SINT);
	gx_ok(vp, slot_holds(vp, 3),
		"a freed slot is refilled within milliseconds even without EOM");
	gx_ok(vp, !gx_slot_free(vp, SINT), "the last message has nothing pending behind it");
	gx_eom(vp);
	gx_ok(vp, stays_empty(vp),
		"EOM with nothing queued delivers nothing, no message comes twice");
}

static void run_busy_slot(struct gx_vp *vp)
{
	struct slot_state *state = gx_state(vp);

	set_up(vp, state);
	check_empty_slot(vp, state);
	check_occupied_slot(vp, state);
	check_refill(vp, state);
	check_order(vp);
}

const struct gx_program gx_program_busy_slot = {
	.name = "busy-slot",
	.rule = "messages behind an occupied slot wait, and EOM brings them in order",
	.state_bytes = sizeof(struct slot_state),
	.run = run_busy_slot,
};

/* ---- eom-other-vp -------------------------------------------------------- */

static void free_for_other(struct gx_vp *vp, void *arg)
{
	struct slot_state *state = arg;

	atomic_store(&state->freed_pending, gx_free_message(state->slot));
}

static void eom_of_other(struct gx_vp *vp, void *arg)
{
	gx_eom(vp);
}

static void on_vp1(struct gx_vp *vp, gx_job_fn fn, struct slot_state *state)
{
	gx_start(vp, 1, fn, state);
	gx_join(vp, 1);
}

static void run_eom_other_vp(struct gx_vp *vp)
{
	struct slot_state *state = gx_state(vp);

	if (gx_vp_count(vp) < 2) {
		gx_skip(vp, "needs two VPs");
		return;
	}
	set_up(vp, state);
	post(vp, 1);
	gx_ok(vp, slot_holds(vp, 1), "the first message is in VP 0's slot");
	post(vp, 2);
	gx_ok(vp, gx_wait(vp, gx_slot_pending(vp, SINT)), "the second one waits");
	on_vp1(vp, eom_of_other, state);
	gx_sleep_ms(vp, 10);
	gx_ok(vp, gx_slot_type(vp, SINT) == 1, "EOM of another VP does not touch the slot");
	on_vp1(vp, free_for_other, state);
	gx_ok(vp, atomic_load(&state->freed_pending) || gx_slot_type(vp, SINT) == 2,
		"VP 1 frees VP 0's slot and sees the pending flag, unless the retry was faster");
	gx_eom(vp);
	gx_ok(vp, slot_holds(vp, 2), "the slot another VP freed is refilled");
	gx_ok(vp, gx_wait(vp, atomic_load(&state->interrupts) == 2),
		"each message raised the SINT on VP 0");
	gx_ok(vp, !gx_slot_free(vp, SINT) && stays_empty(vp), "and each came once");
}

const struct gx_program gx_program_eom_other_vp = {
	.name = "eom-other-vp",
	.rule = "a slot freed by another VP is refilled",
	.state_bytes = sizeof(struct slot_state),
	.run = run_eom_other_vp,
};
