/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every VP programs its registers, each differently, and reads them back. VP 0 reports a crash with
 * the parameters it has written.
 *
 * hold: says on the console what the registers are, for whoever compares that with what can be seen
 * from outside, and goes on with other values at each message in SINT 2 of VP 0, for ever.
 */
#include "lib/synic.h"

enum { SINT = 2, VECTOR = 0x60, TIMER_SINT = 3, ROUNDS = 3, ROWS = 16 };

#define TIMER_TO_SINT ((uint64_t)TIMER_SINT << HV_STIMER_SINT_SHIFT)
#define NEVER_100NS   (UINT64_C(1) << 40) /* more than a day */
#define PERIOD_100NS  (3600 * GX_SECOND)

struct state {
	unsigned round;
	bool hold;
	_Atomic uint32_t interrupts;
};

struct row {
	uint32_t index;
	uint64_t value;
	const char *name;
};

/* What this VP writes in this round. */
static unsigned choose(struct gx_vp *vp, unsigned round, struct row rows[ROWS])
{
	uint64_t n = gx_index(vp) + 8 * (round % 8);
	const struct row all[] = {
		{HV_MSR_SINT0 + TIMER_SINT, HV_SINT_MASKED | (0x90 + n), "SINT3"},
		{HV_MSR_SINT0 + 5, HV_SINT_AUTO_EOI | (0x80 + n), "SINT5"},
		{HV_MSR_SINT0 + 9, HV_SINT_MASKED | HV_SINT_POLLING | n, "SINT9"},
		{HV_MSR_SINT15, n % 16 < 8 ? HV_SINT_RESET : 0xa0 + n, "SINT15"},
		{HV_MSR_STIMER0_COUNT + 2, NEVER_100NS + n, "STIMER1_COUNT"},
		{HV_MSR_STIMER0_CONFIG + 2, TIMER_TO_SINT | HV_STIMER_ENABLE, "STIMER1_CONFIG"},
		{HV_MSR_STIMER0_COUNT + 4, PERIOD_100NS + n, "STIMER2_COUNT"},
		{HV_MSR_STIMER0_CONFIG + 4, TIMER_TO_SINT | HV_STIMER_PERIODIC | HV_STIMER_ENABLE,
			"STIMER2_CONFIG"},
		{HV_MSR_VP_ASSIST_PAGE, gx_pages(vp, 1) | HV_PAGE_ENABLE, "VP_ASSIST_PAGE"},
		{HV_MSR_CRASH_P0 + 2, 0xc0ffee00 + n, "CRASH_P2"},
	};
	/* One crash parameter for all VPs: VP 0 writes it. */
	unsigned count = GX_ARRAY_LEN(all) - (gx_index(vp) > 0);

	for (unsigned i = 0; i < count; i++)
		rows[i] = all[i];
	return count;
}

static void say(struct gx_vp *vp, uint32_t index, const char *name)
{
	gx_print(vp, "# %u %s %lx", gx_index(vp), name, gx_msr(vp, index));
}

static void say_rest(struct gx_vp *vp)
{
	say(vp, HV_MSR_SCONTROL, "SCONTROL");
	say(vp, HV_MSR_SIMP, "SIMP");
	say(vp, HV_MSR_SIEFP, "SIEFP");
	if (gx_index(vp) > 0)
		return;
	say(vp, HV_MSR_GUEST_OS_ID, "GUEST_OS_ID");
	say(vp, HV_MSR_HYPERCALL, "HYPERCALL");
}

static void program(struct gx_vp *vp, void *arg)
{
	const struct state *state = arg;
	struct row rows[ROWS];
	unsigned count = choose(vp, state->round, rows);

	gx_hypercalls_enable(vp);
	gx_synic_enable(vp);
	for (unsigned i = 0; i < count; i++)
		gx_set_msr(vp, rows[i].index, rows[i].value);
	for (unsigned i = 0; i < count; i++) {
		uint64_t value = gx_msr(vp, rows[i].index);

		gx_ok(vp, value == rows[i].value, "VP %u: %s is %lx, reads %lx", gx_index(vp),
			rows[i].name, rows[i].value, value);
		if (state->hold)
			say(vp, rows[i].index, rows[i].name);
	}
	if (state->hold)
		say_rest(vp);
}

/* The register itself says what may be reported, and takes no other value. */
static void report_crash(struct gx_vp *vp)
{
	uint64_t offered = gx_msr(vp, HV_MSR_CRASH_CTL);

	gx_ok(vp, offered & HV_CRASH_NOTIFY, "a crash may be reported");
	gx_set_msr(vp, HV_MSR_CRASH_CTL, HV_CRASH_NOTIFY);
	gx_ok(vp, gx_msr(vp, HV_MSR_CRASH_CTL) == offered, "CRASH_CTL stays as it was");
}

static void wait_for_message(struct gx_vp *vp)
{
	struct hv_message message;

	gx_irq_disable(vp);
	while (!gx_take_message(vp, SINT, &message))
		gx_halt(vp);
}

static void run(struct gx_vp *vp)
{
	struct state *state = gx_state(vp);

	state->hold = gx_has_option(vp, "hold");
	gx_count_interrupts(vp, VECTOR, &state->interrupts);
	for (; state->hold || state->round < ROUNDS; state->round++) {
		program(vp, state);
		for (uint32_t other = 1; other < gx_vp_count(vp); other++) {
			gx_start(vp, other, program, state);
			gx_join(vp, other);
		}
		gx_set_sint(vp, SINT, VECTOR);
		report_crash(vp);
		if (!state->hold)
			continue;
		gx_print(vp, "# round %u", state->round);
		wait_for_message(vp);
	}
}

const struct gx_program gx_program_registers = {
	.name = "registers",
	.rule = "a VP reads what it wrote, whatever the others write",
	.state_bytes = sizeof(struct state),
	.run = run,
};
