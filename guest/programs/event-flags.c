/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Event flags: each sets its own bit and raises the SINT when newly set (spec 3.2, 3.6).
 *
 * The test device sets the flag whose number is the connection id, so that the first 256 flags can
 * be reached from here; the numbers above are the unit tests'. HvSignalEvent's own flag number is
 * checked against the port's: one for the test device's ports, 2048 for the demo's.
 *
 * With KVM's SynIC the flag is set a moment after the call has returned, but no later than its
 * connection is gone.
 */
#include "lib/synic.h"

#define DEMO_EVENT_PORT 0x10002u

enum { VECTOR = 0x60, LAST_FLAG = 255, DEMO_SINT = 2, DEMO_FLAG = 1 };

static const struct place {
	uint8_t sint, flag;
} places[] = {{0, 1}, {2, 63}, {2, 64}, {7, 127}, {15, LAST_FLAG}};

struct counts {
	_Atomic uint32_t interrupts;
};

static bool only_flag_set(struct gx_vp *vp, const struct place *place)
{
	struct hv_event_flags *flags = gx_flags(vp, place->sint);

	for (unsigned word = 0; word < GX_ARRAY_LEN(flags->word); word++) {
		uint64_t expected = word == place->flag / 64u ? UINT64_C(1) << (place->flag % 64)
							      : 0;

		if (__atomic_load_n(&flags->word[word], __ATOMIC_ACQUIRE) != expected)
			return false;
	}
	return true;
}

static void connect(struct gx_vp *vp, const struct place *place)
{
	gx_testdev(vp, GX_TESTDEV_EVENT_CREATE, gx_index(vp), place->sint, place->flag);
}

static void disconnect(struct gx_vp *vp, const struct place *place)
{
	gx_testdev(vp, GX_TESTDEV_EVENT_DESTROY, gx_index(vp), place->sint, place->flag);
}

static void check_place(struct gx_vp *vp, struct counts *counts, const struct place *place)
{
	uint32_t before = atomic_load(&counts->interrupts);

	connect(vp, place);
	gx_ok(vp, gx_signal(vp, place->flag, 0) == HV_STATUS_SUCCESS, "SINT %u flag %u: signalled",
		place->sint, place->flag);
	gx_ok(vp, gx_wait(vp, only_flag_set(vp, place)), "exactly that bit is set");
	gx_ok(vp, gx_wait(vp, atomic_load(&counts->interrupts) == before + 1),
		"and the SINT raised");
	gx_ok(vp, gx_signal(vp, place->flag, 0) == HV_STATUS_SUCCESS,
		"signalling a set flag succeeds");
	disconnect(vp, place);
	gx_sleep_ms(vp, 5);
	gx_ok(vp, atomic_load(&counts->interrupts) == before + 1, "without another interrupt");
	gx_ok(vp, gx_take_flag(vp, place->sint, place->flag), "the flag is taken");
	connect(vp, place);
	gx_signal(vp, place->flag, 0);
	gx_ok(vp, gx_wait(vp, atomic_load(&counts->interrupts) == before + 2),
		"set anew, it raises the SINT anew");
	disconnect(vp, place);
	gx_take_flag(vp, place->sint, place->flag);
}

static void check_range(struct gx_vp *vp)
{
	gx_ok(vp, gx_signal(vp, DEMO_EVENT_PORT, HV_EVENT_FLAGS_COUNT - 1) == HV_STATUS_SUCCESS,
		"flag number 2047 is accepted");
	gx_ok(vp, gx_wait(vp, gx_take_flag(vp, DEMO_SINT, DEMO_FLAG)), "and reaches the port");
	gx_ok(vp,
		gx_signal(vp, DEMO_EVENT_PORT, HV_EVENT_FLAGS_COUNT) == HV_STATUS_INVALID_PARAMETER,
		"flag number 2048 is refused");
	gx_sleep_ms(vp, 5);
	gx_ok(vp, !gx_take_flag(vp, DEMO_SINT, DEMO_FLAG), "and does not");
}

static void run(struct gx_vp *vp)
{
	struct counts *counts = gx_state(vp);

	gx_hypercalls_enable(vp);
	gx_synic_enable(vp);
	gx_count_interrupts(vp, VECTOR, &counts->interrupts);
	for (size_t i = 0; i < GX_ARRAY_LEN(places); i++)
		gx_set_sint(vp, places[i].sint, VECTOR);
	for (size_t i = 0; i < GX_ARRAY_LEN(places); i++)
		check_place(vp, counts, &places[i]);
	check_range(vp);
}

const struct gx_program gx_program_event_flags = {
	.name = "event-flags",
	.rule = "a signal sets its one flag, and raises the SINT when the flag was clear",
	.state_bytes = sizeof(struct counts),
	.run = run,
};
