/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Hyper-V CPUID leaves of modes user and sim (spec 1).
 *
 * Purpose: what the guest is told; privileges checked by msr.c and hypercall.c come from here too.
 * Threads: constant after creation.
 * Errors:  none.
 */
#include <stdint.h>

struct vm;

struct cpuid_leaf {
	uint32_t function, eax, ebx, ecx, edx;
};

enum { HV_CPUID_LEAVES = 6 };
/* Leaves 0x40000000 .. 0x40000005. */
void hv_cpuid_leaves(const struct vm *vm, struct cpuid_leaf leaves[HV_CPUID_LEAVES]);
