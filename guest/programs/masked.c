/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A message for a masked or disabled SINT is written; an interrupt withheld by a mask or a
 * cleared SCONTROL is owed and raised once (spec 3.4, 3.6, 13.2).
 *
 * A signal to such a SINT is refused, except with KVM's SynIC: KVM has answered it before hvd hears
 * of it, and so it is carried out as if the host itself had signalled.
 */
#include "lib/synic.h"

enum { SINT = 5, VECTOR = 0x65, MESSAGE_CONNECTION = 1, EVENT_CONNECTION = 3 };

struct counts {
	_Atomic uint32_t interrupts;
};

static bool quiet(struct gx_vp *vp, struct counts *counts, uint32_t expected)
{
	gx_sleep_ms(vp, 10);
	return atomic_load(&counts->interrupts) == expected;
}

static void drain(struct gx_vp *vp)
{
	struct hv_message message;

	while (gx_take_message(vp, SINT, &message))
		;
}

static void check_masked(struct gx_vp *vp, struct counts *counts)
{
	gx_set_sint(vp, SINT, VECTOR | HV_SINT_MASKED);
	gx_post_patiently(vp, MESSAGE_CONNECTION, 1, "x", 1);
	gx_ok(vp, gx_wait(vp, gx_slot_type(vp, SINT) == 1),
		"a masked SINT's message is written all the same");
	gx_ok(vp, quiet(vp, counts, 0), "without an interrupt");
	gx_set_sint(vp, SINT, VECTOR);
	gx_ok(vp, gx_wait(vp, atomic_load(&counts->interrupts) == 1),
		"unmasking raises the owed interrupt");
	gx_set_sint(vp, SINT, VECTOR | HV_SINT_MASKED);
	gx_set_sint(vp, SINT, VECTOR);
	gx_ok(vp, quiet(vp, counts, 1), "once");
	drain(vp);
}

static void check_taken_while_masked(struct gx_vp *vp, struct counts *counts)
{
	gx_set_sint(vp, SINT, VECTOR | HV_SINT_MASKED);
	gx_post_patiently(vp, MESSAGE_CONNECTION, 1, "x", 1);
	gx_wait(vp, gx_slot_type(vp, SINT) == 1);
	drain(vp);
	gx_set_sint(vp, SINT, VECTOR);
	gx_ok(vp, quiet(vp, counts, 1), "nothing is owed for a message already taken");
}

static bool flag_set(struct gx_vp *vp)
{
	return __atomic_load_n(&gx_flags(vp, SINT)->word[0], __ATOMIC_ACQUIRE) >> EVENT_CONNECTION &
	       1;
}

static void check_answered_event(struct gx_vp *vp, struct counts *counts)
{
	gx_ok(vp,
		gx_signal(vp, EVENT_CONNECTION, 0) == HV_STATUS_SUCCESS &&
			gx_wait(vp, flag_set(vp)),
		"a signal to a masked SINT that KVM has answered sets its flag");
	gx_ok(vp, quiet(vp, counts, 1), "without an interrupt");
	gx_set_sint(vp, SINT, VECTOR);
	gx_ok(vp, gx_wait(vp, atomic_load(&counts->interrupts) == 2),
		"unmasking raises the owed interrupt");
	gx_take_flag(vp, SINT, EVENT_CONNECTION);
}

static void check_refused_event(struct gx_vp *vp, struct counts *counts)
{
	gx_ok(vp,
		gx_signal(vp, EVENT_CONNECTION, 0) == HV_STATUS_INVALID_SYNIC_STATE &&
			!gx_take_flag(vp, SINT, EVENT_CONNECTION),
		"a signal to a masked SINT is refused and leaves its flag alone");
	gx_set_sint(vp, SINT, VECTOR);
	gx_ok(vp, quiet(vp, counts, 1), "so nothing is owed for it");
}

static void check_event(struct gx_vp *vp, struct counts *counts)
{
	gx_set_sint(vp, SINT, VECTOR | HV_SINT_MASKED);
	if (gx_is_kvm_synic(vp))
		check_answered_event(vp, counts);
	else
		check_refused_event(vp, counts);
	atomic_store(&counts->interrupts, 0);
	gx_ok(vp, gx_signal(vp, EVENT_CONNECTION, 0) == HV_STATUS_SUCCESS,
		"unmasked, a signal is accepted");
	gx_ok(vp, gx_wait(vp, atomic_load(&counts->interrupts) == 1),
		"and raises the SINT: no wake-up is lost");
	gx_ok(vp, gx_wait(vp, gx_take_flag(vp, SINT, EVENT_CONNECTION)), "with its flag");
}

static void check_scontrol(struct gx_vp *vp, struct counts *counts)
{
	uint16_t refused = gx_is_kvm_synic(vp) ? HV_STATUS_SUCCESS : HV_STATUS_INVALID_SYNIC_STATE;

	gx_set_msr(vp, HV_MSR_SCONTROL, 0);
	gx_ok(vp, gx_signal(vp, EVENT_CONNECTION, 0) == refused,
		"with SCONTROL off a signal is refused, or lost if KVM has answered it");
	gx_testdev(vp, GX_TESTDEV_EVENT_DESTROY, gx_index(vp), SINT, EVENT_CONNECTION);
	gx_ok(vp, !flag_set(vp) && quiet(vp, counts, 1), "and leaves its flag alone");
	gx_post_patiently(vp, MESSAGE_CONNECTION, 1, "x", 1);
	gx_ok(vp, gx_wait(vp, gx_slot_type(vp, SINT) == 1) && quiet(vp, counts, 1),
		"with SCONTROL off and SIMP on a message is written without an interrupt");
	gx_set_msr(vp, HV_MSR_SCONTROL, HV_SCONTROL_ENABLE);
	gx_ok(vp, gx_wait(vp, atomic_load(&counts->interrupts) == 2),
		"enabling SCONTROL raises the owed interrupt");
	drain(vp);
}

static void run(struct gx_vp *vp)
{
	struct counts *counts = gx_state(vp);

	gx_hypercalls_enable(vp);
	gx_synic_enable(vp);
	gx_count_interrupts(vp, VECTOR, &counts->interrupts);
	gx_testdev(vp, GX_TESTDEV_MESSAGE_CREATE, gx_index(vp), SINT, MESSAGE_CONNECTION);
	gx_testdev(vp, GX_TESTDEV_EVENT_CREATE, gx_index(vp), SINT, EVENT_CONNECTION);
	check_masked(vp, counts);
	check_taken_while_masked(vp, counts);
	check_event(vp, counts);
	check_scontrol(vp, counts);
}

const struct gx_program gx_program_masked_owed = {
	.name = "masked-owed",
	.rule = "masked SINTs get their messages, and the interrupt when unmasked",
	.state_bytes = sizeof(struct counts),
	.run = run,
};
