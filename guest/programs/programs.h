/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The programs of the guest image.
 *
 * Purpose: the table behind run=NAME. To add one: a row here, a file in this folder, a line in
 *          guest/meson.build and one in tests/guest/meson.build.
 * Threads: none. Errors: none.
 */
#include "lib/gx.h"

#define GX_PROGRAMS(X)     \
	X(all_sints)       \
	X(auto_eoi)        \
	X(auto_eoi_nested) \
	X(bench)           \
	X(busy_slot)       \
	X(cpuid)           \
	X(demo)            \
	X(eom_other_vp)    \
	X(event_flags)     \
	X(hypercall_32bit) \
	X(hypercall_cpl3)  \
	X(kvm_limits)      \
	X(masked_owed)     \
	X(measure)         \
	X(monitor)         \
	X(msr_gp)          \
	X(os_id_order)     \
	X(overlay)         \
	X(post_status)     \
	X(registers)       \
	X(reset)           \
	X(signal_fast)     \
	X(signal_status)   \
	X(spin_wait)       \
	X(spin_work)       \
	X(stimer_direct)   \
	X(stimer_message)  \
	X(testdev)         \
	X(tsc_page)        \
	X(vp_init)

#define GX_DECLARE_PROGRAM(name) extern const struct gx_program gx_program_##name;
GX_PROGRAMS(GX_DECLARE_PROGRAM)
#undef GX_DECLARE_PROGRAM

extern const struct gx_program *const gx_programs[];
extern const size_t gx_program_count;
