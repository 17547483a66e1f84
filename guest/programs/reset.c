/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a reset puts back: the whole machine through the RESET MSR, one VP through INIT.
 *
 * A reset leaves nothing behind that could tell the second boot from the first, but for the
 * reference counter, which never goes back: the first boot waits until BOOT_LIMIT before it resets,
 * so that a boot which starts later is the second. A first boot that comes too late would pass for
 * the second; the runner therefore insists on the line the first boot prints.
 */
#include "lib/synic.h"

enum { SINT = 2, VECTOR = 0x60 };

#define BOOT_LIMIT (4 * GX_SECOND)

struct initial {
	uint32_t index;
	uint64_t value;
	const char *name;
};

static const struct initial initial_values[] = {
	{HV_MSR_GUEST_OS_ID, 0, "GUEST_OS_ID"},
	{HV_MSR_HYPERCALL, 0, "HYPERCALL"},
	{HV_MSR_RESET, 0, "RESET"},
	{HV_MSR_REFERENCE_TSC, 0, "REFERENCE_TSC"},
	{HV_MSR_VP_ASSIST_PAGE, 0, "VP_ASSIST_PAGE"},
	{HV_MSR_SCONTROL, 0, "SCONTROL"},
	{HV_MSR_SVERSION, HV_SYNIC_VERSION, "SVERSION"},
	{HV_MSR_SIEFP, 0, "SIEFP"},
	{HV_MSR_SIMP, 0, "SIMP"},
	{HV_MSR_EOM, 0, "EOM"},
	{HV_MSR_SINT0, HV_SINT_RESET, "SINT0"},
	{HV_MSR_SINT0 + SINT, HV_SINT_RESET, "SINT2"},
	{HV_MSR_SINT15, HV_SINT_RESET, "SINT15"},
	{HV_MSR_STIMER0_CONFIG, 0, "STIMER0_CONFIG"},
	{HV_MSR_STIMER0_COUNT, 0, "STIMER0_COUNT"},
	{HV_MSR_STIMER3_COUNT, 0, "STIMER3_COUNT"},
	{HV_MSR_CRASH_P0, 0, "CRASH_P0"},
};

/* Everything on this VP away from its reset value, a message in the slot, a timer running. */
static void make_dirty(struct gx_vp *vp, void *arg)
{
	gx_hypercalls_enable(vp);
	gx_synic_enable(vp);
	gx_ignore_interrupts(vp, VECTOR);
	gx_set_sint(vp, SINT, VECTOR);
	gx_set_sint(vp, 15, VECTOR + 1);
	gx_set_msr(vp, HV_MSR_CRASH_P0, 1);
	gx_set_msr(vp, HV_MSR_VP_ASSIST_PAGE, gx_pages(vp, 1) | HV_PAGE_ENABLE);
	gx_set_msr(vp, HV_MSR_STIMER0_COUNT, GX_MS);
	gx_set_msr(vp, HV_MSR_STIMER0_CONFIG,
		(uint64_t)SINT << HV_STIMER_SINT_SHIFT | HV_STIMER_PERIODIC | HV_STIMER_ENABLE);
	gx_wait(vp, gx_slot_type(vp, SINT) != HV_MESSAGE_TYPE_NONE);
}

/* Not every host has a constant TSC. */
static bool is_offered(struct gx_vp *vp, uint32_t index)
{
	struct gx_cpuid features;

	if (index != HV_MSR_REFERENCE_TSC)
		return true;
	gx_cpuid(vp, HV_CPUID_FEATURES, &features);
	return features.eax & HV_PRIV_REFERENCE_TSC;
}

static void check_initial(struct gx_vp *vp, void *arg)
{
	for (size_t i = 0; i < GX_ARRAY_LEN(initial_values); i++) {
		const struct initial *initial = &initial_values[i];
		uint64_t value;

		if (!is_offered(vp, initial->index))
			continue;
		value = gx_msr(vp, initial->index);
		gx_ok(vp, value == initial->value, "VP %u: %s is %lx, reads %lx", gx_index(vp),
			initial->name, initial->value, value);
	}
	gx_ok(vp, gx_msr(vp, HV_MSR_VP_INDEX) == gx_index(vp), "VP %u keeps its index",
		gx_index(vp));
	gx_synic_enable(vp);
	gx_ok(vp, gx_slot_type(vp, SINT) == HV_MESSAGE_TYPE_NONE,
		"VP %u: the message page is empty", gx_index(vp));
}

/* ---- reset --------------------------------------------------------------- */

static void run_reset(struct gx_vp *vp)
{
	if (gx_now(vp) >= BOOT_LIMIT) {
		gx_run_all(vp, check_initial, NULL);
		return;
	}
	gx_print(vp, "# first boot");
	gx_run_all(vp, make_dirty, NULL);
	while (gx_now(vp) < BOOT_LIMIT)
		gx_pause(vp);
	gx_set_msr(vp, HV_MSR_RESET, 1);
	gx_sleep_ms(vp, GX_PATIENCE_MS);
	gx_die(vp, "still here after writing RESET");
}

const struct gx_program gx_program_reset = {
	.name = "reset",
	.rule = "the RESET MSR boots again with every register at its reset value",
	.run = run_reset,
};

/* ---- vp-init ------------------------------------------------------------- */

static void run_vp_init(struct gx_vp *vp)
{
	if (gx_vp_count(vp) < 2) {
		gx_skip(vp, "needs two VPs");
		return;
	}
	if (gx_platform(vp) != GX_PLATFORM_SIM) {
		gx_skip(vp, "the in-kernel LAPIC does not tell about INIT");
		return;
	}
	gx_start(vp, 1, make_dirty, NULL);
	gx_join(vp, 1);
	/* What belongs to the partition stays: put it back by hand. */
	gx_set_msr(vp, HV_MSR_HYPERCALL, 0);
	gx_set_msr(vp, HV_MSR_GUEST_OS_ID, 0);
	gx_set_msr(vp, HV_MSR_CRASH_P0, 0);
	gx_restart(vp, 1);
	gx_start(vp, 1, check_initial, NULL);
	gx_join(vp, 1);
}

const struct gx_program gx_program_vp_init = {
	.name = "vp-init",
	.rule = "INIT puts a VP's SynIC back",
	.run = run_vp_init,
};
