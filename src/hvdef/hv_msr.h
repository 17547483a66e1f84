/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Synthetic MSRs (TLFS appendix "Hypervisor Synthetic MSRs") and their bit layouts.
 *
 * Purpose: constants shared by the VMM and the freestanding guests.
 * Threads: none. Errors: none.
 */
#include <stdint.h>

#define HV_MSR_BASE  0x40000000u
#define HV_MSR_COUNT 0x200u /* the window taken over with the MSR filter */

#define HV_MSR_GUEST_OS_ID       0x40000000u
#define HV_MSR_HYPERCALL         0x40000001u
#define HV_MSR_VP_INDEX          0x40000002u
#define HV_MSR_RESET             0x40000003u
#define HV_MSR_VP_RUNTIME        0x40000010u
#define HV_MSR_TIME_REF_COUNT    0x40000020u
#define HV_MSR_REFERENCE_TSC     0x40000021u
#define HV_MSR_TSC_FREQUENCY     0x40000022u
#define HV_MSR_APIC_FREQUENCY    0x40000023u
#define HV_MSR_EOI               0x40000070u
#define HV_MSR_ICR               0x40000071u
#define HV_MSR_TPR               0x40000072u
#define HV_MSR_VP_ASSIST_PAGE    0x40000073u
#define HV_MSR_SCONTROL          0x40000080u
#define HV_MSR_SVERSION          0x40000081u
#define HV_MSR_SIEFP             0x40000082u
#define HV_MSR_SIMP              0x40000083u
#define HV_MSR_EOM               0x40000084u
#define HV_MSR_SINT0             0x40000090u
#define HV_MSR_SINT15            0x4000009fu
#define HV_MSR_STIMER0_CONFIG    0x400000b0u
#define HV_MSR_STIMER0_COUNT     0x400000b1u
#define HV_MSR_STIMER3_COUNT     0x400000b7u
#define HV_MSR_STATS_PARTITION_RETAIL   0x400000e0u
#define HV_MSR_STATS_PARTITION_INTERNAL 0x400000e1u
#define HV_MSR_STATS_VP_RETAIL          0x400000e2u
#define HV_MSR_STATS_VP_INTERNAL        0x400000e3u
#define HV_MSR_GUEST_IDLE        0x400000f0u
#define HV_MSR_SYNDBG_CONTROL    0x400000f1u
#define HV_MSR_SYNDBG_STATUS     0x400000f2u
#define HV_MSR_SYNDBG_SEND       0x400000f3u
#define HV_MSR_SYNDBG_RECV       0x400000f4u
#define HV_MSR_SYNDBG_PENDING    0x400000f5u
#define HV_MSR_SYNDBG_OPTIONS    0x400000ffu
#define HV_MSR_CRASH_P0          0x40000100u
#define HV_MSR_CRASH_P4          0x40000104u
#define HV_CRASH_PARAMETERS      5u
#define HV_MSR_CRASH_CTL         0x40000105u
#define HV_MSR_REENLIGHTENMENT_CONTROL 0x40000106u
#define HV_MSR_TSC_EMULATION_CONTROL   0x40000107u
#define HV_MSR_TSC_EMULATION_STATUS    0x40000108u
#define HV_MSR_TSC_INVARIANT_CONTROL   0x40000118u

/* HYPERCALL, REFERENCE_TSC, VP_ASSIST_PAGE, SIEFP, SIMP: bit 0 enable, 63:12 GPFN. */
#define HV_PAGE_ENABLE    UINT64_C(1)
#define HV_PAGE_GPA_MASK  (~UINT64_C(0xfff))
#define HV_HYPERCALL_LOCKED        UINT64_C(2)
#define HV_HYPERCALL_RESERVED_MASK UINT64_C(0xffc)

#define HV_SCONTROL_ENABLE UINT64_C(1)
#define HV_SYNIC_VERSION   1u

#define HV_SINT_VECTOR_MASK UINT64_C(0xff)
#define HV_SINT_MASKED      (UINT64_C(1) << 16)
#define HV_SINT_AUTO_EOI    (UINT64_C(1) << 17)
#define HV_SINT_POLLING     (UINT64_C(1) << 18)
#define HV_SINT_PROXY       (UINT64_C(1) << 20)
#define HV_SINT_RESET       HV_SINT_MASKED
#define HV_SINT_FIRST_VECTOR 16u /* an unmasked SINT with a lower vector is #GP */

/* STIMERn_CONFIG (TLFS 12.3). */
#define HV_STIMER_ENABLE       UINT64_C(1)
#define HV_STIMER_PERIODIC     (UINT64_C(1) << 1)
#define HV_STIMER_LAZY         (UINT64_C(1) << 2)
#define HV_STIMER_AUTO_ENABLE  (UINT64_C(1) << 3)
#define HV_STIMER_VECTOR_SHIFT 4
#define HV_STIMER_DIRECT       (UINT64_C(1) << 12)
#define HV_STIMER_SINT_SHIFT   16
#define HV_STIMER_RESERVED_MASK (~UINT64_C(0xf1fff))

#define HV_CRASH_NOTIFY  (UINT64_C(1) << 63)
#define HV_CRASH_MESSAGE (UINT64_C(1) << 62)
