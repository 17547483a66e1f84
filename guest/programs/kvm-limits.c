/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What KVM's own SynIC does not look at, side by side with ours: the polling bit, SCONTROL, a slot
 * that is busy when a periodic timer expires, and a mask when a timer's message is written
 * (spec 7.2, 12.13, 12.20). Each check says what it found, so that the modes can be told apart.
 */
#include "lib/synic.h"

enum { SINT = 5, VECTOR = 0x65, CONNECTION = 3 };

#define PERIOD  (5 * GX_MS)
#define TO_SINT ((uint64_t)SINT << HV_STIMER_SINT_SHIFT)

struct counts {
	_Atomic uint32_t interrupts;
};

static bool slot_is_taken(struct gx_vp *vp)
{
	return gx_slot_type(vp, SINT) == HV_MESSAGE_TYPE_TIMER_EXPIRED;
}

static void start_one_shot(struct gx_vp *vp)
{
	gx_set_msr(vp, HV_MSR_STIMER0_CONFIG, TO_SINT | HV_STIMER_AUTO_ENABLE);
	gx_set_msr(vp, HV_MSR_STIMER0_COUNT, 1);
}

/* A moment for whatever may come. */
static void settle(struct gx_vp *vp)
{
	gx_sleep_ms(vp, 20);
}

/* What must come is waited for; what must not gets a moment to come. */
#define COMES_IF(expected, vp, condition) \
	((expected) ? gx_wait(vp, condition) : (settle(vp), !(condition)))

static void check_polling(struct gx_vp *vp, struct counts *counts, bool in_kvm)
{
	struct hv_message message;

	gx_set_sint(vp, SINT, VECTOR | HV_SINT_POLLING);
	gx_post_patiently(vp, CONNECTION, 1, "x", 1);
	gx_ok(vp, gx_wait(vp, gx_slot_type(vp, SINT) == 1), "a polling SINT gets its message");
	gx_ok(vp, COMES_IF(in_kvm, vp, atomic_load(&counts->interrupts) == 1), "%s",
		in_kvm ? "and an interrupt all the same" : "without an interrupt");
	gx_take_message(vp, SINT, &message);
	gx_set_sint(vp, SINT, VECTOR);
	settle(vp);
	gx_ok(vp, atomic_load(&counts->interrupts) == in_kvm, "and is owed none");
}

static void check_scontrol(struct gx_vp *vp, bool in_kvm)
{
	struct hv_message message;

	gx_set_msr(vp, HV_MSR_SCONTROL, 0);
	start_one_shot(vp);
	gx_ok(vp, COMES_IF(in_kvm, vp, slot_is_taken(vp)), "with SCONTROL off a timer %s",
		in_kvm ? "delivers all the same" : "waits");
	gx_set_msr(vp, HV_MSR_SCONTROL, HV_SCONTROL_ENABLE);
	gx_ok(vp, gx_wait(vp, gx_take_message(vp, SINT, &message)), "with SCONTROL on it has come");
}

static void check_busy_slot(struct gx_vp *vp, bool in_kvm)
{
	gx_set_msr(vp, HV_MSR_STIMER0_COUNT, PERIOD);
	gx_set_msr(vp, HV_MSR_STIMER0_CONFIG, TO_SINT | HV_STIMER_PERIODIC | HV_STIMER_ENABLE);
	gx_wait(vp, slot_is_taken(vp));
	gx_ok(vp, COMES_IF(!in_kvm, vp, gx_slot_pending(vp, SINT)),
		"a periodic tick behind a busy slot %s", in_kvm ? "is dropped" : "waits");
	gx_set_msr(vp, HV_MSR_STIMER0_CONFIG, 0);
	gx_slot_free(vp, SINT);
	gx_eom(vp);
	settle(vp);
	gx_ok(vp, !slot_is_taken(vp), "the timer stopped, nothing comes");
}

/* The interrupt that a mask held back is owed by us, and lost by KVM. */
static void check_mask(struct gx_vp *vp, struct counts *counts, bool in_kvm)
{
	gx_set_sint(vp, SINT, VECTOR | HV_SINT_MASKED);
	atomic_store(&counts->interrupts, 0);
	start_one_shot(vp);
	gx_ok(vp, gx_wait(vp, slot_is_taken(vp)), "a masked SINT's timer message is written");
	gx_set_sint(vp, SINT, VECTOR);
	gx_ok(vp, COMES_IF(!in_kvm, vp, atomic_load(&counts->interrupts) == 1),
		"unmasked, the SINT %s", in_kvm ? "stays silent" : "interrupts");
	gx_slot_free(vp, SINT);
	gx_eom(vp);
	gx_ok(vp, COMES_IF(in_kvm, vp, slot_is_taken(vp)), "the message comes %s",
		in_kvm ? "twice" : "once");
	gx_slot_free(vp, SINT);
	gx_eom(vp);
	settle(vp);
	gx_ok(vp, !slot_is_taken(vp), "and not again");
}

static void run(struct gx_vp *vp)
{
	struct counts *counts = gx_state(vp);
	bool in_kvm = gx_is_kvm_synic(vp);

	gx_hypercalls_enable(vp);
	gx_synic_enable(vp);
	gx_count_interrupts(vp, VECTOR, &counts->interrupts);
	gx_testdev(vp, GX_TESTDEV_MESSAGE_CREATE, gx_index(vp), SINT, CONNECTION);
	check_polling(vp, counts, in_kvm);
	check_scontrol(vp, in_kvm);
	check_busy_slot(vp, in_kvm);
	check_mask(vp, counts, in_kvm);
}

const struct gx_program gx_program_kvm_limits = {
	.name = "kvm-limits",
	.rule = "what KVM's own SynIC leaves out and ours does not",
	.state_bytes = sizeof(struct counts),
	.run = run,
};
