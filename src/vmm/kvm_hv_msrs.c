/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mode kernel: synthetic MSRs as KVM holds them.
 *
 * KVM_GET_MSRS and KVM_SET_MSRS stop at the first register they refuse and say how many they did.
 * A register that cannot be read is one this KVM lacks; that is remembered, so that a second
 * reading of the same registers is one call again.
 *
 * KVM never resets these registers, neither at INIT nor when the VP's other state is set. The order
 * in which they are set matters:
 *
 *	HYPERCALL	is ignored while GUEST_OS_ID is 0: it is cleared under a made-up id
 *	SCONTROL	enabling KVM_CAP_HYPERV_SYNIC2 has set it to 1; the TLFS says 0
 *	STIMER COUNT	after CONFIG, which stops the timer
 */
#include "vmm/kvm_backend.h"

#include "hvdef/hv_msr.h"
#include "vmm/vm.h"

/* ---- reading ------------------------------------------------------------------------------ */

static bool is_lacking(const struct kvm_vm *kvm, uint32_t index)
{
	uint32_t offset = index - HV_MSR_BASE;

	return atomic_load(&kvm->lacking_msrs[offset / 64]) & BIT64(offset % 64);
}

static void note_lacking(struct kvm_vm *kvm, uint32_t index)
{
	uint32_t offset = index - HV_MSR_BASE;

	atomic_fetch_or(&kvm->lacking_msrs[offset / 64], BIT64(offset % 64));
}

/* Reads from the front what one call can read; returns how many registers are done. */
static int read_some(struct kvm_vcpu *kv, struct msr_value *msrs, unsigned count)
{
	struct kvm_msr_block block = {0};
	unsigned from[KVM_STATE_MSRS], looked;
	int got;

	for (looked = 0; looked < count && block.count < KVM_STATE_MSRS; looked++) {
		msrs[looked].value = 0;
		if (is_lacking(kv->kvm, msrs[looked].index))
			continue;
		from[block.count] = looked;
		block.entry[block.count++].index = msrs[looked].index;
	}
	if (block.count == 0)
		return (int)looked;
	got = kvm_ioctl(kv->fd, KVM_GET_MSRS, &block);
	if (got < 0)
		return got;
	for (int i = 0; i < got; i++)
		msrs[from[i]].value = block.entry[i].data;
	if ((uint32_t)got == block.count)
		return (int)looked;
	note_lacking(kv->kvm, block.entry[got].index);
	return (int)from[got] + 1;
}

int kvm_hv_msrs_read(struct vcpu *vcpu, struct msr_value *msrs, unsigned count)
{
	unsigned done = 0;

	while (done < count) {
		int r = read_some(kvm_vcpu_of(vcpu), msrs + done, count - done);

		if (r < 0)
			return r;
		done += (unsigned)r;
	}
	return 0;
}

/* ---- reset -------------------------------------------------------------------------------- */

/* Any id would do; this one no guest has. */
static const uint64_t made_up_os_id = 1;

static const uint32_t partition_msrs[] = {
	HV_MSR_GUEST_OS_ID,
	HV_MSR_REFERENCE_TSC,
	HV_MSR_CRASH_P0,
	HV_MSR_CRASH_P0 + 1,
	HV_MSR_CRASH_P0 + 2,
	HV_MSR_CRASH_P0 + 3,
	HV_MSR_CRASH_P4,
	HV_MSR_CRASH_CTL,
};

/* Not offered, but a guest may write them where CPUID is not enforced. Some KVMs lack some. */
static const uint32_t optional_msrs[] = {
	HV_MSR_REENLIGHTENMENT_CONTROL,
	HV_MSR_TSC_EMULATION_CONTROL,
	HV_MSR_TSC_EMULATION_STATUS,
	HV_MSR_TSC_INVARIANT_CONTROL,
};

static const uint32_t vp_msrs[] = {
	HV_MSR_VP_ASSIST_PAGE,
	HV_MSR_SVERSION,
	HV_MSR_SCONTROL,
	HV_MSR_SIEFP,
	HV_MSR_SIMP,
};

static void add(struct kvm_msr_block *block, uint32_t index, uint64_t value)
{
	block->entry[block->count++] = (struct kvm_msr_entry){.index = index, .data = value};
}

/* With the value that the table of msr.c gives for a reset. */
static void add_reset(struct kvm_msr_block *block, uint32_t index)
{
	struct hv_msr_desc desc;

	if (hv_msr_describe(index, &desc) == 0)
		add(block, index, desc.reset);
}

static int add_partition(struct kvm_vcpu *kv, struct kvm_msr_block *block)
{
	struct msr_value optional[ARRAY_LEN(optional_msrs)];
	int r;

	for (size_t i = 0; i < ARRAY_LEN(optional_msrs); i++)
		optional[i].index = optional_msrs[i];
	r = kvm_hv_msrs_read(kv->vcpu, optional, ARRAY_LEN(optional));
	if (r < 0)
		return r;
	add(block, HV_MSR_GUEST_OS_ID, made_up_os_id);
	add_reset(block, HV_MSR_HYPERCALL);
	for (size_t i = 0; i < ARRAY_LEN(partition_msrs); i++)
		add_reset(block, partition_msrs[i]);
	for (size_t i = 0; i < ARRAY_LEN(optional_msrs); i++) {
		if (!is_lacking(kv->kvm, optional_msrs[i]))
			add_reset(block, optional_msrs[i]);
	}
	return 0;
}

static void add_vp(struct kvm_vcpu *kv, struct kvm_msr_block *block)
{
	for (size_t i = 0; i < ARRAY_LEN(vp_msrs); i++)
		add_reset(block, vp_msrs[i]);
	for (uint32_t n = 0; n < HV_SINT_COUNT; n++)
		add_reset(block, HV_MSR_SINT0 + n);
	for (uint32_t n = 0; n < HV_STIMER_COUNT; n++)
		add_reset(block, HV_MSR_STIMER0_CONFIG + 2 * n);
	for (uint32_t n = 0; n < HV_STIMER_COUNT; n++)
		add_reset(block, HV_MSR_STIMER0_COUNT + 2 * n);
}
_Static_assert(3 + ARRAY_LEN(partition_msrs) + ARRAY_LEN(optional_msrs) + ARRAY_LEN(vp_msrs) +
			       HV_SINT_COUNT + 2 * HV_STIMER_COUNT <=
		       KVM_STATE_MSRS,
	"room for every register");

int kvm_hv_msrs_reset(struct kvm_vcpu *kv)
{
	struct kvm_msr_block block = {0};
	int r = 0;

	add(&block, HV_MSR_VP_INDEX, kv->vcpu->index);
	if (kv->vcpu->index == 0)
		r = add_partition(kv, &block);
	if (r < 0)
		return kvm_stop_ioctl(kv, "KVM_GET_MSRS", r, "which registers this KVM lacks");
	add_vp(kv, &block);
	return kvm_set_msrs(kv, &block);
}

/* ---- crash reports ------------------------------------------------------------------------ */

void kvm_hv_crashed(struct kvm_vcpu *kv)
{
	struct msr_value msrs[HV_CRASH_PARAMETERS];
	uint64_t parameters[HV_CRASH_PARAMETERS];
	int r;

	for (uint32_t i = 0; i < HV_CRASH_PARAMETERS; i++)
		msrs[i].index = HV_MSR_CRASH_P0 + i;
	r = kvm_hv_msrs_read(kv->vcpu, msrs, HV_CRASH_PARAMETERS);
	if (r < 0) {
		kvm_stop_ioctl(kv, "KVM_GET_MSRS", r, "crash parameters");
		return;
	}
	for (uint32_t i = 0; i < HV_CRASH_PARAMETERS; i++)
		parameters[i] = msrs[i].value;
	hv_crashed(kv->vcpu, 0, parameters);
}
