/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPUID: what a guest must find before it may use anything (TLFS 2).
 */
#include "lib/gx.h"

enum { KVM_SIGNATURE = 0x4b4d564b, KVM_SIGNATURE_NEXT = 0x564b4d56 }; /* "KVMK", "VMKV" */

static void check_identity(struct gx_vp *vp)
{
	struct gx_cpuid leaf;

	gx_cpuid(vp, 1, &leaf);
	gx_ok(vp, leaf.ecx & HV_CPUID_1_ECX_HYPERVISOR, "CPUID 1 announces a hypervisor");
	gx_cpuid(vp, HV_CPUID_VENDOR, &leaf);
	gx_ok(vp, leaf.eax >= HV_CPUID_LIMITS, "leaves up to the implementation limits exist");
	gx_ok(vp,
		leaf.ebx == HV_CPUID_VENDOR_EBX && leaf.ecx == HV_CPUID_VENDOR_ECX &&
			leaf.edx == HV_CPUID_VENDOR_EDX,
		"the vendor is Microsoft Hv");
	gx_cpuid(vp, HV_CPUID_INTERFACE, &leaf);
	gx_ok(vp, leaf.eax == HV_CPUID_INTERFACE_HV1, "the interface is Hv#1");
}

static void check_features(struct gx_vp *vp)
{
	const uint32_t privileges = HV_PRIV_VP_RUNTIME | HV_PRIV_REFERENCE_COUNTER | HV_PRIV_SYNIC |
				    HV_PRIV_STIMER | HV_PRIV_HYPERCALL_MSRS | HV_PRIV_VP_INDEX |
				    HV_PRIV_RESET;
	const uint32_t calls = HV_PRIV_POST_MESSAGES | HV_PRIV_SIGNAL_EVENTS;
	struct gx_cpuid leaf;

	gx_cpuid(vp, HV_CPUID_FEATURES, &leaf);
	gx_ok(vp, (leaf.eax & privileges) == privileges,
		"SynIC, timers, hypercalls and VP index may be used");
	gx_ok(vp, (leaf.ebx & calls) == calls, "messages may be posted and events signalled");
	gx_ok(vp, !(leaf.ebx & ~calls), "no partition-management privilege is given");
	gx_ok(vp, leaf.edx & HV_FEATURE_STIMER_DIRECT, "direct-mode timers are offered");
	gx_cpuid(vp, HV_CPUID_RECOMMEND, &leaf);
	gx_ok(vp, leaf.eax & HV_RECOMMEND_DEPRECATE_AUTO_EOI,
		"auto-EOI is announced as deprecated");
}

/* What a mode may offer besides; anything else would be KVM's, not hvd's. */
static void check_nothing_more(struct gx_vp *vp)
{
	const uint32_t privileges = HV_PRIV_VP_RUNTIME | HV_PRIV_REFERENCE_COUNTER | HV_PRIV_SYNIC |
				    HV_PRIV_STIMER | HV_PRIV_APIC_MSRS | HV_PRIV_HYPERCALL_MSRS |
				    HV_PRIV_VP_INDEX | HV_PRIV_RESET | HV_PRIV_REFERENCE_TSC |
				    HV_PRIV_FREQUENCY_MSRS;
	const uint32_t features = HV_FEATURE_FREQUENCY_MSRS | HV_FEATURE_CRASH_MSRS |
				  HV_FEATURE_SINT_POLLING | HV_FEATURE_HYPERCALL_LOCK |
				  HV_FEATURE_STIMER_DIRECT;
	struct gx_cpuid leaf;

	gx_cpuid(vp, HV_CPUID_FEATURES, &leaf);
	gx_ok(vp, !(leaf.eax & ~privileges), "no other register is offered");
	gx_ok(vp, !(leaf.edx & ~features), "no other feature is offered");
	gx_cpuid(vp, HV_CPUID_RECOMMEND, &leaf);
	gx_ok(vp, !(leaf.eax & ~(HV_RECOMMEND_RELAXED_TIMING | HV_RECOMMEND_DEPRECATE_AUTO_EOI)),
		"no hypercall of KVM's is recommended");
	gx_ok(vp, leaf.ebx != 0, "a guest may spin before it calls");
	gx_cpuid(vp, HV_CPUID_LIMITS, &leaf);
	gx_ok(vp, leaf.eax >= gx_vp_count(vp), "the limits allow for all VPs");
}

/* Where Linux looks for hypervisors; of several it takes the last, so ours must be alone. */
static void check_alone(struct gx_vp *vp)
{
	struct gx_cpuid leaf;
	unsigned others = 0;

	for (uint32_t base = 0x40000100; base < 0x40010000; base += 0x100) {
		gx_cpuid(vp, base, &leaf);
		if (leaf.ebx == KVM_SIGNATURE || leaf.ecx == KVM_SIGNATURE_NEXT)
			others++;
	}
	gx_ok(vp, others == 0, "no KVM signature outranks ours");
}

/* A register that KVM has and hvd never offers. Option not-enforced: KVM was told not to mind. */
static void check_enforced(struct gx_vp *vp)
{
	uint64_t value;
	enum gx_fault fault = gx_rdmsr(vp, HV_MSR_REENLIGHTENMENT_CONTROL, &value);

	if (gx_has_option(vp, "not-enforced"))
		gx_ok(vp, fault == GX_FAULT_NONE, "a register of KVM's that is not offered reads");
	else
		gx_ok(vp, fault == GX_FAULT_GP, "a register that is not offered is #GP");
}

static void run(struct gx_vp *vp)
{
	check_identity(vp);
	check_features(vp);
	check_nothing_more(vp);
	check_alone(vp);
	check_enforced(vp);
}

const struct gx_program gx_program_cpuid = {
	.name = "cpuid",
	.rule = "a guest finds Hv#1 with SynIC, timers and hypercalls",
	.run = run,
};
