/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Hyper-V CPUID leaves and feature bits (TLFS 2, "Feature and Interface Discovery").
 *
 * Purpose: constants shared by the VMM and the freestanding guests.
 * Threads: none. Errors: none.
 */

#define HV_CPUID_VENDOR       0x40000000u
#define HV_CPUID_INTERFACE    0x40000001u
#define HV_CPUID_VERSION      0x40000002u
#define HV_CPUID_FEATURES     0x40000003u
#define HV_CPUID_RECOMMEND    0x40000004u
#define HV_CPUID_LIMITS       0x40000005u

#define HV_CPUID_VENDOR_EBX   0x7263694du /* "Micr" */
#define HV_CPUID_VENDOR_ECX   0x666f736fu /* "osof" */
#define HV_CPUID_VENDOR_EDX   0x76482074u /* "t Hv" */
#define HV_CPUID_INTERFACE_HV1 0x31237648u /* "Hv#1" */

#define HV_CPUID_1_ECX_HYPERVISOR (1u << 31)

/* Leaf 3 EAX: partition privileges, low word. */
#define HV_PRIV_VP_RUNTIME       (1u << 0)
#define HV_PRIV_REFERENCE_COUNTER (1u << 1)
#define HV_PRIV_SYNIC            (1u << 2)
#define HV_PRIV_STIMER           (1u << 3)
#define HV_PRIV_APIC_MSRS        (1u << 4)
#define HV_PRIV_HYPERCALL_MSRS   (1u << 5)
#define HV_PRIV_VP_INDEX         (1u << 6)
#define HV_PRIV_RESET            (1u << 7)
#define HV_PRIV_STATS            (1u << 8)
#define HV_PRIV_REFERENCE_TSC    (1u << 9)
#define HV_PRIV_GUEST_IDLE       (1u << 10)
#define HV_PRIV_FREQUENCY_MSRS   (1u << 11)
#define HV_PRIV_DEBUG_MSRS       (1u << 12)
#define HV_PRIV_REENLIGHTENMENT  (1u << 13)
#define HV_PRIV_TSC_INVARIANT    (1u << 15)

/* Leaf 3 EBX: partition privileges, high word. */
#define HV_PRIV_POST_MESSAGES    (1u << 4)
#define HV_PRIV_SIGNAL_EVENTS    (1u << 5)

/* Leaf 3 EDX: features. */
#define HV_FEATURE_FREQUENCY_MSRS   (1u << 8)
#define HV_FEATURE_CRASH_MSRS       (1u << 10)
#define HV_FEATURE_SINT_POLLING     (1u << 17)
#define HV_FEATURE_HYPERCALL_LOCK   (1u << 18)
#define HV_FEATURE_STIMER_DIRECT    (1u << 19)

/* Leaf 4 EAX: recommendations. */
#define HV_RECOMMEND_RELAXED_TIMING   (1u << 5)
#define HV_RECOMMEND_DEPRECATE_AUTO_EOI (1u << 9)

/* Leaf 4 EBX: never call HvCallNotifyLongSpinWait. */
#define HV_SPIN_RETRIES_NEVER 0xffffffffu
