/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reference counter and the reference TSC page tell one time (TLFS 12.6, 12.7).
 */
#include "lib/synic.h"

enum { ROUNDS = 200, HZ_100NS = 10000000 };

/* Page and counter by turns never step back. */
static bool agree(struct gx_vp *vp, const struct hv_reference_tsc_page *page)
{
	uint64_t latest = 0;

	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t from_counter = gx_now(vp), from_page = gx_page_time(vp, page);

		if (from_counter < latest || from_page < from_counter)
			return false;
		latest = from_page;
	}
	return true;
}

static void on_each(struct gx_vp *vp, void *arg)
{
	const struct hv_reference_tsc_page *page = arg;

	gx_ok(vp, agree(vp, page), "VP %u: page and counter by turns never step back",
		gx_index(vp));
}

static void check_frequency(struct gx_vp *vp, const struct hv_reference_tsc_page *page)
{
	uint64_t hz = gx_msr(vp, HV_MSR_TSC_FREQUENCY);
	uint64_t per_second = (uint64_t)((unsigned __int128)page->scale * hz >> 64);

	/* The kernel knows kHz only: allow that much. */
	gx_ok(vp,
		per_second >= HZ_100NS - HZ_100NS / 100000 &&
			per_second <= HZ_100NS + HZ_100NS / 100000,
		"by the page, TSC_FREQUENCY ticks are a second");
	gx_ok(vp, gx_msr(vp, HV_MSR_APIC_FREQUENCY) != 0, "the APIC frequency is known");
}

static void check_counter(struct gx_vp *vp)
{
	uint64_t start = gx_now(vp);

	gx_sleep_ms(vp, 20);
	gx_ok(vp, gx_now(vp) >= start + 20 * GX_MS, "the counter counts 100 ns units");
}

static void run(struct gx_vp *vp)
{
	uint64_t gpa = gx_pages(vp, 1);
	struct hv_reference_tsc_page *page = gx_at(vp, gpa);
	struct gx_cpuid features;

	check_counter(vp);
	gx_cpuid(vp, HV_CPUID_FEATURES, &features);
	if (!(features.eax & HV_PRIV_REFERENCE_TSC)) {
		gx_skip(vp, "no reference TSC page without a constant TSC");
		return;
	}
	gx_set_msr(vp, HV_MSR_REFERENCE_TSC, gpa | HV_PAGE_ENABLE);
	gx_ok(vp, __atomic_load_n(&page->sequence, __ATOMIC_ACQUIRE) != 0,
		"the page is valid once enabled");
	check_frequency(vp, page);
	gx_run_all(vp, on_each, page);
	gx_set_msr(vp, HV_MSR_REFERENCE_TSC, gpa);
	if (gx_is_kvm_synic(vp))
		gx_ok(vp, __atomic_load_n(&page->sequence, __ATOMIC_ACQUIRE) != 0,
			"disabled, KVM's page stays in the RAM");
	else
		gx_ok(vp, __atomic_load_n(&page->sequence, __ATOMIC_ACQUIRE) == 0,
			"disabled, the RAM below is back");
}

const struct gx_program gx_program_tsc_page = {
	.name = "tsc-page",
	.rule = "reference counter and TSC page agree on every VP",
	.run = run,
};
