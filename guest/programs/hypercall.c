/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who may call, and how: CPL 3, 32-bit code, the order of GUEST_OS_ID and HYPERCALL, and
 * HvNotifyLongSpinWait (TLFS 3, spec 2.1, 6.1).
 */
#include "lib/synic.h"

#define UNKNOWN_CONNECTION 0xabcdefu
#define FAST_SIGNAL        (HV_CALL_SIGNAL_EVENT | HV_CONTROL_FAST)

enum { SINT = 2, VECTOR = 0x60, MESSAGE_CONNECTION = 1, EVENT_CONNECTION = 3 };

static enum gx_fault signal_as(struct gx_vp *vp, enum gx_caller caller, uint64_t *ret_result)
{
	return gx_hypercall_as(vp, caller, FAST_SIGNAL, UNKNOWN_CONNECTION, 0, ret_result);
}

/* ---- hypercall-cpl3 ------------------------------------------------------ */

static void run_cpl3(struct gx_vp *vp)
{
	uint64_t result = UINT64_MAX;

	gx_hypercalls_enable(vp);
	gx_ok(vp, signal_as(vp, GX_CALLER_USER, &result) == GX_FAULT_UD,
		"a hypercall from CPL 3 is #UD");
	gx_ok(vp,
		signal_as(vp, GX_CALLER_64BIT, &result) == GX_FAULT_NONE &&
			result == HV_STATUS_INVALID_CONNECTION_ID,
		"the same call from CPL 0 is answered");
	gx_ok(vp, signal_as(vp, GX_CALLER_USER, &result) == GX_FAULT_UD,
		"and #UD again from CPL 3");
}

const struct gx_program gx_program_hypercall_cpl3 = {
	.name = "hypercall-cpl3",
	.rule = "hypercalls from CPL 3 are #UD",
	.run = run_cpl3,
};

/* ---- hypercall-32bit ----------------------------------------------------- */

static uint16_t call32(struct gx_vp *vp, uint64_t control, uint64_t input)
{
	uint64_t result = 0;

	if (gx_hypercall_as(vp, GX_CALLER_32BIT, control, input, 0, &result) != GX_FAULT_NONE)
		gx_die(vp, "a 32-bit hypercall faulted");
	return (uint16_t)result;
}

static void check_post32(struct gx_vp *vp)
{
	struct hv_post_message_input *input = gx_at(vp, gx_input(vp));

	*input = (struct hv_post_message_input){
		.connection_id = MESSAGE_CONNECTION,
		.message_type = 7,
		.payload_size = 4,
		.payload = "abc",
	};
	gx_ok(vp, call32(vp, HV_CALL_POST_MESSAGE, gx_input(vp)) == HV_STATUS_SUCCESS,
		"32-bit: HvPostMessage is accepted");
	gx_ok(vp, gx_wait(vp, gx_slot_type(vp, SINT) == 7), "and its message arrives");
	gx_ok(vp, !__builtin_memcmp(gx_slot(vp, SINT)->payload, "abc", 4), "with its payload");
}

static void check_signal32(struct gx_vp *vp)
{
	struct hv_signal_event_input *input = gx_at(vp, gx_input(vp));

	gx_ok(vp, call32(vp, FAST_SIGNAL, EVENT_CONNECTION) == HV_STATUS_SUCCESS,
		"32-bit: a fast HvSignalEvent is accepted");
	gx_ok(vp, gx_wait(vp, gx_take_flag(vp, SINT, EVENT_CONNECTION)), "and its flag is set");
	*input = (struct hv_signal_event_input){.connection_id = EVENT_CONNECTION};
	gx_ok(vp, call32(vp, HV_CALL_SIGNAL_EVENT, gx_input(vp)) == HV_STATUS_SUCCESS,
		"32-bit: a slow one as well");
	gx_ok(vp, gx_wait(vp, gx_take_flag(vp, SINT, EVENT_CONNECTION)), "and its flag is set");
	gx_ok(vp,
		call32(vp, FAST_SIGNAL, EVENT_CONNECTION | UINT64_C(1) << 48) ==
			HV_STATUS_INVALID_HYPERCALL_INPUT,
		"32-bit: the high input register counts");
}

static void run_32bit(struct gx_vp *vp)
{
	gx_hypercalls_enable(vp);
	gx_synic_enable(vp);
	gx_ignore_interrupts(vp, VECTOR);
	gx_set_sint(vp, SINT, VECTOR);
	gx_testdev(vp, GX_TESTDEV_MESSAGE_CREATE, gx_index(vp), SINT, MESSAGE_CONNECTION);
	gx_testdev(vp, GX_TESTDEV_EVENT_CREATE, gx_index(vp), SINT, EVENT_CONNECTION);
	check_post32(vp);
	check_signal32(vp);
	gx_ok(vp, call32(vp, 0x7777, 0) == HV_STATUS_INVALID_HYPERCALL_CODE,
		"32-bit: an unknown code is told so");
	gx_ok(vp,
		call32(vp, FAST_SIGNAL | UINT64_C(1) << 60, EVENT_CONNECTION) ==
			HV_STATUS_INVALID_HYPERCALL_INPUT,
		"32-bit: the high control register counts");
}

const struct gx_program gx_program_hypercall_32bit = {
	.name = "hypercall-32bit",
	.rule = "32-bit callers use EDX:EAX, EBX:ECX and get EDX:EAX",
	.run = run_32bit,
};

/* ---- os-id-order --------------------------------------------------------- */

static bool page_enabled(struct gx_vp *vp)
{
	return gx_msr(vp, HV_MSR_HYPERCALL) & HV_PAGE_ENABLE;
}

static void run_os_id_order(struct gx_vp *vp)
{
	uint64_t page = gx_pages(vp, 1);

	*(uint64_t *)gx_at(vp, page) = 0x1234;
	gx_ok(vp, gx_msr(vp, HV_MSR_GUEST_OS_ID) == 0, "GUEST_OS_ID starts as 0");
	gx_set_msr(vp, HV_MSR_HYPERCALL, page | HV_PAGE_ENABLE);
	gx_ok(vp, gx_msr(vp, HV_MSR_HYPERCALL) == 0, "HYPERCALL is not taken while the OS id is 0");
	gx_hypercalls_enable(vp);
	gx_ok(vp, page_enabled(vp), "with an OS id it is");
	gx_ok(vp, gx_signal(vp, UNKNOWN_CONNECTION, 0) == HV_STATUS_INVALID_CONNECTION_ID,
		"and hypercalls work");
	gx_set_msr(vp, HV_MSR_HYPERCALL, page | HV_PAGE_ENABLE);
	gx_ok(vp, *(volatile uint64_t *)gx_at(vp, page) != 0x1234,
		"the page may move; it hides the RAM below");
	gx_set_msr(vp, HV_MSR_GUEST_OS_ID, 0);
	gx_ok(vp, !page_enabled(vp), "OS id 0 disables the page");
	gx_ok(vp, (gx_msr(vp, HV_MSR_HYPERCALL) & HV_PAGE_GPA_MASK) == page,
		"and keeps its address");
	if (gx_is_kvm_synic(vp))
		gx_ok(vp, *(volatile uint64_t *)gx_at(vp, page) != 0x1234,
			"and KVM, which wrote it into the RAM, leaves it there");
	else
		gx_ok(vp, *(volatile uint64_t *)gx_at(vp, page) == 0x1234,
			"and the RAM below is back");
	gx_set_msr(vp, HV_MSR_HYPERCALL, page | HV_PAGE_ENABLE);
	gx_ok(vp, !page_enabled(vp), "it cannot be enabled again before an OS id");
}

const struct gx_program gx_program_os_id_order = {
	.name = "os-id-order",
	.rule = "the hypercall page needs a guest OS id first, and goes with it",
	.run = run_os_id_order,
};

/* ---- spin-wait ----------------------------------------------------------- */

static void run_spin_wait(struct gx_vp *vp)
{
	uint64_t control = HV_CALL_NOTIFY_LONG_SPIN_WAIT | HV_CONTROL_FAST;
	struct gx_cpuid leaf;

	gx_hypercalls_enable(vp);
	gx_cpuid(vp, HV_CPUID_RECOMMEND, &leaf);
	gx_ok(vp, leaf.ebx != HV_SPIN_RETRIES_NEVER && leaf.ebx,
		"CPUID says after how many spins to call");
	gx_ok(vp, gx_hypercall(vp, control, leaf.ebx, 0) == HV_STATUS_SUCCESS,
		"HvNotifyLongSpinWait succeeds");
	gx_ok(vp,
		gx_hypercall(vp, control | UINT64_C(1) << 32, 0, 0) ==
			HV_STATUS_INVALID_HYPERCALL_INPUT,
		"it takes no rep count");
	gx_ok(vp,
		gx_hypercall(vp, control | UINT64_C(1) << 17, 0, 0) ==
			HV_STATUS_INVALID_HYPERCALL_INPUT,
		"it takes no variable header");
}

const struct gx_program gx_program_spin_wait = {
	.name = "spin-wait",
	.rule = "HvNotifyLongSpinWait",
	.run = run_spin_wait,
};
