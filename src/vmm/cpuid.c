/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What hvd offers, and the leaves that say so.
 *
 * Not offered on purpose: XMM fast input and cluster IPI or flush calls (the guest's own ways
 * work), CPU management (Linux would take itself for the root partition); in modes user and sim
 * APIC MSRs (the in-kernel LAPIC is faster than an exit).
 *
 * In mode kernel KVM holds the registers of VTL 0: there hvd offers what KVM can do of all this.
 */
#include "vmm/cpuid.h"
#include "hvdef/hv_cpuid.h"
#include "vmm/vm.h"

static struct hv_privileges less(struct hv_privileges offer, const struct hv_privileges *without)
{
	return (struct hv_privileges){
		.eax = offer.eax & ~without->eax,
		.ebx = offer.ebx & ~without->ebx,
		.edx = offer.edx & ~without->edx,
	};
}

static struct hv_privileges offered(const struct vm *vm)
{
	struct hv_privileges offer = {
		.eax = HV_PRIV_VP_RUNTIME | HV_PRIV_REFERENCE_COUNTER | HV_PRIV_SYNIC |
		       HV_PRIV_STIMER | HV_PRIV_HYPERCALL_MSRS | HV_PRIV_VP_INDEX | HV_PRIV_RESET,
		.ebx = HV_PRIV_POST_MESSAGES | HV_PRIV_SIGNAL_EVENTS,
		.edx = HV_FEATURE_CRASH_MSRS | HV_FEATURE_SINT_POLLING | HV_FEATURE_HYPERCALL_LOCK |
		       HV_FEATURE_STIMER_DIRECT,
	};

	if (vm->reftime.tsc_valid)
		offer.eax |= HV_PRIV_REFERENCE_TSC;
	if (vm->reftime.tsc_hz) {
		offer.eax |= HV_PRIV_FREQUENCY_MSRS;
		offer.edx |= HV_FEATURE_FREQUENCY_MSRS;
	}
	return offer;
}

/*
 * KVM's own SynIC honours neither polling nor the lock. Its LAPIC is reached without an exit, and
 * VP_ASSIST_PAGE, which Linux writes unasked, goes with the APIC MSRs where CPUID is enforced.
 */
static struct hv_privileges offered_by_kvm(const struct vm *vm)
{
	struct hv_privileges offer = offered(vm);

	offer.eax |= HV_PRIV_APIC_MSRS;
	offer.edx &= ~(HV_FEATURE_SINT_POLLING | HV_FEATURE_HYPERCALL_LOCK);
	return less(offer, &vm->lacking);
}

struct hv_privileges hv_privileges(const struct vm *vm, uint8_t vtl)
{
	bool kernel = vm->synic_mode == SYNIC_MODE_KERNEL && vtl == 0;

	return less(kernel ? offered_by_kvm(vm) : offered(vm), &vm->hv[vtl].withheld);
}

void hv_cpuid_leaves(const struct vm *vm, struct cpuid_leaf leaves[HV_CPUID_LEAVES])
{
	struct hv_privileges mine = hv_privileges(vm, 0);
	const struct cpuid_leaf all[HV_CPUID_LEAVES] = {
		{HV_CPUID_VENDOR, HV_CPUID_LIMITS, HV_CPUID_VENDOR_EBX, HV_CPUID_VENDOR_ECX,
			HV_CPUID_VENDOR_EDX},
		{HV_CPUID_INTERFACE, .eax = HV_CPUID_INTERFACE_HV1},
		{HV_CPUID_VERSION, .eax = HV_VERSION_BUILD, .ebx = HV_VERSION_MAJOR << 16},
		{HV_CPUID_FEATURES, mine.eax, mine.ebx, 0, mine.edx},
		{HV_CPUID_RECOMMEND,
			.eax = HV_RECOMMEND_RELAXED_TIMING | HV_RECOMMEND_DEPRECATE_AUTO_EOI,
			.ebx = HV_SPIN_RETRIES},
		{HV_CPUID_LIMITS, .eax = VM_MAX_VPS, .ebx = VM_MAX_VPS},
	};

	for (unsigned i = 0; i < HV_CPUID_LEAVES; i++)
		leaves[i] = all[i];
}
