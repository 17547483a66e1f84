/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Hyper-V CPUID leaves (spec 1).
 *
 * What a partition may do is said in one place: hv_privileges(). The leaves show it to the guest,
 * msr.c and hypercall.c enforce it, so that a register is never readable without its bit and
 * never faults with it. In mode kernel it is KVM that enforces it for VTL 0, by the same leaves,
 * when the VM is made so (vm_config.enforce_cpuid).
 *
 * Purpose: what the guest is told, and what is checked on each access.
 * Threads: any; constant once VP 0 exists.
 * Errors:  none.
 */
#include <stdbool.h>
#include <stdint.h>

struct vm;

struct cpuid_leaf {
	uint32_t function, eax, ebx, ecx, edx;
};

/* Leaf 0x40000003: privileges in EAX and EBX, features in EDX. */
struct hv_privileges {
	uint32_t eax, ebx, edx;
};

/* Build 14393, version 10.0: what guests know from Windows Server 2016. */
#define HV_VERSION_BUILD 14393u
#define HV_VERSION_MAJOR 10u
/* Failed attempts on a spin lock before a guest should call HvNotifyLongSpinWait. */
#define HV_SPIN_RETRIES 4095u

enum { HV_CPUID_LEAVES = 6 };
/* Leaves 0x40000000 .. 0x40000005. */
void hv_cpuid_leaves(const struct vm *vm, struct cpuid_leaf leaves[HV_CPUID_LEAVES]);

/* What software in `vtl` may use. */
struct hv_privileges hv_privileges(const struct vm *vm, uint8_t vtl);

/* Whether `have` holds every bit of `need`. */
static inline bool hv_privileges_cover(struct hv_privileges have, struct hv_privileges need)
{
	return !(need.eax & ~have.eax) && !(need.ebx & ~have.ebx) && !(need.edx & ~have.edx);
}
