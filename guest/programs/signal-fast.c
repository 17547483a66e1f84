/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HvSignalEvent to ports that a hypervisor may serve without leaving the guest (spec 5.4, 6.4).
 *
 * With KVM's SynIC a signal with flag number 0 is answered by KVM and reaches its port a moment
 * later; all else is as ever. So whoever signalled waits for the effect; only a port that is gone
 * has had its effect for certain.
 *
 * count=N: signal the demo's sink N times with flag number 0 and SLOW_SIGNALS times with 1, then
 * sleep, for whoever looks at the exit counters and the port's from outside.
 */
#include "lib/synic.h"

#define SINK_PORT   0x10005u
#define VP0_PORT    0x10006u /* takes any flag number; sets flag VP0_FLAG of VP 0's SINT 2 */
#define FLAG(n)     ((uint64_t)(n) << 32)
#define BIT(n)      (UINT64_C(1) << (n))
#define FAST_SIGNAL (HV_CALL_SIGNAL_EVENT | HV_CONTROL_FAST)

enum { DEMO_SINT = 2, VP0_FLAG = 3, SINT = 7, VECTOR = 0x60, CONNECTION = 9 };
enum { SIGNALS = 1000, SLOW_SIGNALS = 10, HURRIED_ROUNDS = 20 };

struct counts {
	_Atomic uint32_t interrupts;
};

enum form { FAST_FORM, SLOW_FORM, FORMS };

static const char *const form_names[] = {"fast", "slow"};

static uint16_t signal_as(struct gx_vp *vp, enum form form, uint64_t input)
{
	if (form == FAST_FORM)
		return gx_hypercall(vp, FAST_SIGNAL, input, 0);
	*(uint64_t *)gx_at(vp, gx_input(vp)) = input;
	return gx_hypercall(vp, HV_CALL_SIGNAL_EVENT, gx_input(vp), 0);
}

static bool flag_set(struct gx_vp *vp)
{
	return __atomic_load_n(&gx_flags(vp, DEMO_SINT)->word[0], __ATOMIC_ACQUIRE) & BIT(VP0_FLAG);
}

/* ---- one signal ------------------------------------------------------------ */

static void check_accepted(struct gx_vp *vp, struct counts *counts, enum form form, unsigned flag)
{
	uint32_t before = atomic_load(&counts->interrupts);

	gx_ok(vp, signal_as(vp, form, VP0_PORT | FLAG(flag)) == HV_STATUS_SUCCESS,
		"%s form, flag number %u: success", form_names[form], flag);
	gx_ok(vp, gx_wait(vp, flag_set(vp)), "it reaches the port");
	gx_ok(vp, gx_wait(vp, atomic_load(&counts->interrupts) == before + 1),
		"and raises the SINT once");
	gx_take_flag(vp, DEMO_SINT, VP0_FLAG);
}

struct refusal {
	uint64_t input;
	uint16_t status;
	uint16_t kvm_status; /* where KVM looks first */
	const char *what;
};

/* KVM takes any nonzero flag number for the VMM's, and only then looks at reserved bits. */
static const struct refusal refusals[] = {
	{VP0_PORT | FLAG(2048), HV_STATUS_INVALID_PARAMETER, HV_STATUS_INVALID_PARAMETER,
		"flag number 2048"},
	{VP0_PORT | BIT(48), HV_STATUS_INVALID_HYPERCALL_INPUT, HV_STATUS_INVALID_HYPERCALL_INPUT,
		"reserved bit 48"},
	{VP0_PORT | BIT(48) | FLAG(1), HV_STATUS_INVALID_HYPERCALL_INPUT,
		HV_STATUS_INVALID_HYPERCALL_INPUT, "reserved bit 48, flag number 1"},
	{VP0_PORT | BIT(24), HV_STATUS_INVALID_CONNECTION_ID, HV_STATUS_INVALID_HYPERCALL_INPUT,
		"bit 24, which is no flag number"},
	{VP0_PORT | BIT(31), HV_STATUS_INVALID_CONNECTION_ID, HV_STATUS_INVALID_HYPERCALL_INPUT,
		"bit 31, which is no flag number"},
	{VP0_PORT | BIT(24) | FLAG(1), HV_STATUS_INVALID_CONNECTION_ID,
		HV_STATUS_INVALID_CONNECTION_ID, "bit 24, flag number 1"},
};

static void check_refused(
	struct gx_vp *vp, const struct counts *counts, enum form form, const struct refusal *row)
{
	uint16_t wanted = gx_is_kvm_synic(vp) ? row->kvm_status : row->status;
	uint32_t before = atomic_load(&counts->interrupts);
	uint16_t status = signal_as(vp, form, row->input);

	gx_ok(vp, status == wanted, "%s form, %s: status %x, got %x", form_names[form], row->what,
		wanted, status);
	gx_sleep_ms(vp, 5);
	gx_ok(vp, !flag_set(vp) && atomic_load(&counts->interrupts) == before,
		"it reaches no port");
}

static void check_signals(struct gx_vp *vp, struct counts *counts)
{
	static const unsigned flags[] = {0, 1, 255, 2047};

	for (enum form form = 0; form < FORMS; form++) {
		for (unsigned i = 0; i < GX_ARRAY_LEN(flags); i++)
			check_accepted(vp, counts, form, flags[i]);
		for (unsigned i = 0; i < GX_ARRAY_LEN(refusals); i++)
			check_refused(vp, counts, form, &refusals[i]);
	}
}

/* ---- many, and a port that goes -------------------------------------------- */

static void check_many(struct gx_vp *vp)
{
	unsigned refused = 0;

	for (unsigned i = 0; i < SIGNALS; i++)
		refused += gx_signal(vp, VP0_PORT, 0) != HV_STATUS_SUCCESS;
	gx_ok(vp, refused == 0, "%u signals in a row succeed", SIGNALS);
	gx_ok(vp, gx_wait(vp, gx_take_flag(vp, DEMO_SINT, VP0_FLAG)), "and reach the port");
}

static void create(struct gx_vp *vp)
{
	gx_testdev(vp, GX_TESTDEV_EVENT_CREATE, gx_index(vp), SINT, CONNECTION);
}

static void destroy(struct gx_vp *vp)
{
	gx_testdev(vp, GX_TESTDEV_EVENT_DESTROY, gx_index(vp), SINT, CONNECTION);
}

static void check_one_flag(struct gx_vp *vp)
{
	create(vp);
	gx_ok(vp, gx_signal(vp, CONNECTION, 1) == HV_STATUS_INVALID_PARAMETER,
		"a port with one flag refuses flag number 1");
	gx_ok(vp,
		gx_signal(vp, CONNECTION, 0) == HV_STATUS_SUCCESS &&
			gx_wait(vp, gx_take_flag(vp, SINT, CONNECTION)),
		"and takes 0");
	destroy(vp);
	gx_ok(vp, gx_signal(vp, CONNECTION, 0) == HV_STATUS_INVALID_CONNECTION_ID,
		"gone, it is unknown");
}

/* What was signalled before the port went has arrived when it is gone; nothing comes after. */
static void check_release(struct gx_vp *vp)
{
	unsigned lost = 0, late = 0;

	for (unsigned i = 0; i < HURRIED_ROUNDS; i++) {
		create(vp);
		gx_signal(vp, CONNECTION, 0);
		gx_signal(vp, CONNECTION, 0);
		destroy(vp);
		lost += !gx_take_flag(vp, SINT, CONNECTION);
		create(vp);
		destroy(vp);
		late += gx_take_flag(vp, SINT, CONNECTION);
	}
	gx_ok(vp, lost == 0, "a port that goes leaves no signal behind: %u of %u lost", lost,
		HURRIED_ROUNDS);
	gx_ok(vp, late == 0, "and its successor gets none of them: %u of %u late", late,
		HURRIED_ROUNDS);
}

/* ---- for the exit counters --------------------------------------------------- */

static _Noreturn void signal_and_sleep(struct gx_vp *vp, uint64_t count)
{
	uint64_t refused = 0;

	for (uint64_t i = 0; i < count; i++)
		refused += gx_signal(vp, SINK_PORT, 0) != HV_STATUS_SUCCESS;
	for (unsigned i = 0; i < SLOW_SIGNALS; i++)
		refused += gx_signal(vp, SINK_PORT, 1) != HV_STATUS_SUCCESS;
	gx_print(vp, "signalled, %lu refused", refused);
	while (true)
		gx_halt(vp);
}

static void run(struct gx_vp *vp)
{
	struct counts *counts = gx_state(vp);
	uint64_t count;

	gx_hypercalls_enable(vp);
	gx_synic_enable(vp);
	if (gx_option(vp, "count", &count))
		signal_and_sleep(vp, count);
	gx_count_interrupts(vp, VECTOR, &counts->interrupts);
	gx_set_sint(vp, DEMO_SINT, VECTOR);
	gx_set_sint(vp, SINT, VECTOR);
	check_signals(vp, counts);
	check_many(vp);
	check_one_flag(vp);
	check_release(vp);
}

const struct gx_program gx_program_signal_fast = {
	.name = "signal-fast",
	.rule = "signals that need no exit arrive like all others",
	.state_bytes = sizeof(struct counts),
	.run = run,
};
