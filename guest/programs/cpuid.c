/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPUID: what a guest must find before it may use anything (TLFS 2).
 */
#include "lib/gx.h"

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

static void check_absent(struct gx_vp *vp)
{
	struct gx_cpuid leaf;

	gx_cpuid(vp, 0x40000100, &leaf);
	gx_ok(vp, leaf.ebx != 0x4b4d564b, "no KVM signature outranks ours");
}

static void run(struct gx_vp *vp)
{
	check_identity(vp);
	check_features(vp);
	check_absent(vp);
}

const struct gx_program gx_program_cpuid = {
	.name = "cpuid",
	.rule = "a guest finds Hv#1 with SynIC, timers and hypercalls",
	.run = run,
};
