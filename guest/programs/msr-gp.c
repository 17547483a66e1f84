/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Synthetic MSRs: every access that must raise #GP, and the neighbours that must not (spec 2).
 */
#include "lib/synic.h"

#define NOT_RAM_GPA UINT64_C(0xf0000000)

struct access {
	uint32_t index;
	bool write;
	uint64_t value;
	const char *what;
};

static const struct access faults[] = {
	{HV_MSR_VP_INDEX, true, 0, "VP_INDEX is read-only"},
	{HV_MSR_VP_RUNTIME, true, 0, "VP_RUNTIME is read-only"},
	{HV_MSR_TIME_REF_COUNT, true, 0, "TIME_REF_COUNT is read-only"},
	{HV_MSR_TSC_FREQUENCY, true, 0, "TSC_FREQUENCY is read-only"},
	{HV_MSR_APIC_FREQUENCY, true, 0, "APIC_FREQUENCY is read-only"},
	{HV_MSR_SVERSION, true, 1, "SVERSION is read-only"},
	{HV_MSR_SINT0 + 3, true, 15, "an unmasked SINT takes no vector below 16"},
	{HV_MSR_SINT0 + 3, true, 0, "an unmasked SINT takes no vector 0"},
	{HV_MSR_VP_ASSIST_PAGE, true, NOT_RAM_GPA | HV_PAGE_ENABLE, "VP_ASSIST_PAGE outside RAM"},
	{0x400000e0, false, 0, "statistics pages are not there"},
	{0x400000f0, false, 0, "GUEST_IDLE is not there"},
	{0x400000f1, true, 0, "SYNDBG_CONTROL is not there"},
	{0x40000106, false, 0, "REENLIGHTENMENT_CONTROL is not there"},
	{0x40000085, false, 0, "the gap behind EOM is empty"},
	{0x400000a0, true, 0, "there is no SINT16"},
	{0x400000b8, false, 0, "there is no fifth timer"},
	{0x40000004, false, 0, "the gap behind RESET is empty"},
	{0x400001ff, true, 0, "the end of the range is empty"},
};

/* KVM takes these, and can then not use the page. */
static const struct access pages[] = {
	{HV_MSR_SIMP, true, NOT_RAM_GPA | HV_PAGE_ENABLE, "SIMP outside RAM"},
	{HV_MSR_SIEFP, true, NOT_RAM_GPA | HV_PAGE_ENABLE, "SIEFP outside RAM"},
	{HV_MSR_REFERENCE_TSC, true, NOT_RAM_GPA | HV_PAGE_ENABLE, "REFERENCE_TSC outside RAM"},
};

static const struct access successes[] = {
	{HV_MSR_SINT0 + 3, true, HV_SINT_RESET, "the reset value of a SINT may be written"},
	{HV_MSR_SINT0 + 3, true, HV_SINT_MASKED | 5, "a masked SINT takes any vector"},
	{HV_MSR_SINT0 + 3, true, 16, "an unmasked SINT takes vector 16"},
	{HV_MSR_SINT0 + 3, true, HV_SINT_RESET, "a SINT may be masked again"},
	{HV_MSR_EOM, true, 0x1234, "EOM takes any value"},
	{HV_MSR_EOM, false, 0, "EOM may be read"},
	{HV_MSR_RESET, true, 0, "RESET ignores 0"},
	{HV_MSR_RESET, true, 2, "RESET ignores bits other than 0"},
	{HV_MSR_RESET, false, 0, "RESET may be read"},
	{HV_MSR_HYPERCALL, true, 0, "HYPERCALL may be written without an OS id"},
	{HV_MSR_SIMP, true, NOT_RAM_GPA, "a disabled SIMP may point anywhere"},
	{HV_MSR_SIMP, true, 0, "SIMP may be cleared"},
	{HV_MSR_CRASH_P0, true, 42, "CRASH_P0 may be written"},
	{HV_MSR_CRASH_CTL, false, 0, "CRASH_CTL may be read"},
	{HV_MSR_VP_ASSIST_PAGE, false, 0, "VP_ASSIST_PAGE may be read"},
};

static enum gx_fault perform(struct gx_vp *vp, const struct access *access)
{
	uint64_t value;

	return access->write ? gx_wrmsr(vp, access->index, access->value)
			     : gx_rdmsr(vp, access->index, &value);
}

static void check_pages(struct gx_vp *vp)
{
	for (size_t i = 0; i < GX_ARRAY_LEN(pages); i++) {
		enum gx_fault fault = perform(vp, &pages[i]);

		if (!gx_is_kvm_synic(vp)) {
			gx_ok(vp, fault == GX_FAULT_GP, "#GP: %s", pages[i].what);
			continue;
		}
		gx_ok(vp, fault == GX_FAULT_NONE, "KVM takes %s", pages[i].what);
		gx_set_msr(vp, pages[i].index, 0);
	}
}

static void check_hypercall_page(struct gx_vp *vp)
{
	gx_set_msr(vp, HV_MSR_GUEST_OS_ID, 1);
	gx_ok(vp, gx_wrmsr(vp, HV_MSR_HYPERCALL, NOT_RAM_GPA | HV_PAGE_ENABLE) == GX_FAULT_GP,
		"a hypercall page outside RAM is #GP");
	gx_ok(vp, !(gx_msr(vp, HV_MSR_HYPERCALL) & HV_PAGE_ENABLE), "and stays disabled");
	gx_set_msr(vp, HV_MSR_GUEST_OS_ID, 0);
}

static void check_kept_values(struct gx_vp *vp)
{
	gx_set_msr(vp, HV_MSR_CRASH_P0, 42);
	gx_ok(vp, gx_msr(vp, HV_MSR_CRASH_P0) == 42, "CRASH_P0 keeps its value");
	gx_ok(vp, gx_msr(vp, HV_MSR_SVERSION) == HV_SYNIC_VERSION, "SVERSION reads 1");
	gx_ok(vp, gx_msr(vp, HV_MSR_VP_INDEX) == gx_index(vp), "VP_INDEX reads the VP's index");
	gx_ok(vp, gx_msr(vp, HV_MSR_SIMP) == 0, "a refused SIMP changed nothing");
	gx_ok(vp, gx_msr(vp, HV_MSR_SINT0 + 3) == HV_SINT_RESET, "a refused SINT changed nothing");
}

static void run(struct gx_vp *vp)
{
	for (size_t i = 0; i < GX_ARRAY_LEN(faults); i++)
		gx_ok(vp, perform(vp, &faults[i]) == GX_FAULT_GP, "#GP: %s", faults[i].what);
	for (size_t i = 0; i < GX_ARRAY_LEN(successes); i++)
		gx_ok(vp, perform(vp, &successes[i]) == GX_FAULT_NONE, "%s", successes[i].what);
	check_pages(vp);
	check_hypercall_page(vp);
	check_kept_values(vp);
}

const struct gx_program gx_program_msr_gp = {
	.name = "msr-gp",
	.rule = "each illegal access to a synthetic MSR is #GP, each legal one is not",
	.run = run,
};
