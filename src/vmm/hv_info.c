/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The node "hv": the partition-wide registers of msr.h, or in mode kernel those of KVM. */
#include <errno.h>
#include "hvdef/hv_msr.h"
#include "vmm/vm.h"

static const struct field hv_fields[] = {
	{FIELD_U(struct hv_info, vtl, 0, "The virtual trust level these registers belong to.")},
	{FIELD_X(struct hv_info, guest_os_id, 0,
		"GUEST_OS_ID (MSR 0x40000000): who the guest says it is; 0 until it does, and "
		"hypercalls stay off until then.")},
	{FIELD_X(struct hv_info, hypercall, 0,
		"HYPERCALL (MSR 0x40000001): bit 0 enable, bit 1 locked, 63:12 page frame.")},
	{FIELD_B(struct hv_info, hypercall_enabled, 0, "The hypercall page is in place.")},
	{FIELD_X(struct hv_info, reference_tsc, 0,
		"REFERENCE_TSC (MSR 0x40000021): bit 0 enable, 63:12 page frame.")},
	{FIELD_B(struct hv_info, tsc_page_valid, FIELD_NULLABLE,
		"A reference TSC page would be valid: the guest's TSC is constant. In mode kernel, "
		"whether the one the guest has is; null without.")},
	{FIELD_U(struct hv_info, tsc_hz, 0, "TSC_FREQUENCY in Hz; 0 when there is no usable TSC.")},
	{FIELD_U(struct hv_info, ref_count_100ns, 0,
		"TIME_REF_COUNT now: 100 ns units since the VM was created.")},
	{FIELD_X(struct hv_info, crash_p0, 0, "Crash parameter 0; on Windows the bug check code.")},
	{FIELD_X(struct hv_info, crash_p1, 0, "Crash parameter 1.")},
	{FIELD_X(struct hv_info, crash_p2, 0, "Crash parameter 2.")},
	{FIELD_X(struct hv_info, crash_p3, 0, "Crash parameter 3.")},
	{FIELD_X(struct hv_info, crash_p4, 0, "Crash parameter 4.")},
	{FIELD_X(struct hv_info, crash_ctl, FIELD_NULLABLE,
		"CRASH_CTL as the guest wrote it with its last crash report; 0 if none. Null in mode "
		"kernel, where KVM does not tell.")},
	{FIELD_U(struct hv_info, crashes, 0, "Crash reports since the VM was created.")},
};

static const struct field_table hv_table = FIELD_TABLE(struct hv_info, "hv",
	"The partition-wide synthetic registers of one virtual trust level.", hv_fields);

/* Whether the guest's reference TSC page, which KVM fills, counts; unknown without a page. */
static uint8_t kvm_tsc_page_valid(struct vm *vm, uint64_t reference_tsc)
{
	const struct hv_reference_tsc_page *page = NULL;

	if (reference_tsc & HV_PAGE_ENABLE)
		page = guest_memory_at(&vm->memory, reference_tsc & HV_PAGE_GPA_MASK, HV_PAGE_SIZE);
	return page ? __atomic_load_n(&page->sequence, __ATOMIC_RELAXED) != 0 : FIELD_BOOL_UNKNOWN;
}

/* Mode kernel: the registers are KVM's, as VP 0 read them; crash reports are counted by us. */
static int hv_get_kernel(struct vm *vm, struct hv_info *info)
{
	struct vcpu_msrs msrs;
	int r = vcpu_msrs(vm->vcpu[0], &msrs);

	if (r < 0)
		return r;
	info->guest_os_id = vcpu_msr(&msrs, HV_MSR_GUEST_OS_ID);
	info->hypercall = vcpu_msr(&msrs, HV_MSR_HYPERCALL);
	info->hypercall_enabled = info->hypercall & HV_PAGE_ENABLE;
	info->reference_tsc = vcpu_msr(&msrs, HV_MSR_REFERENCE_TSC);
	info->tsc_page_valid = kvm_tsc_page_valid(vm, info->reference_tsc);
	info->tsc_hz = vcpu_msr(&msrs, HV_MSR_TSC_FREQUENCY);
	info->ref_count_100ns = vcpu_msr(&msrs, HV_MSR_TIME_REF_COUNT);
	info->crash_p0 = vcpu_msr(&msrs, HV_MSR_CRASH_P0);
	info->crash_p1 = vcpu_msr(&msrs, HV_MSR_CRASH_P0 + 1);
	info->crash_p2 = vcpu_msr(&msrs, HV_MSR_CRASH_P0 + 2);
	info->crash_p3 = vcpu_msr(&msrs, HV_MSR_CRASH_P0 + 3);
	info->crash_p4 = vcpu_msr(&msrs, HV_MSR_CRASH_P4);
	info->crash_ctl = UINT64_MAX;
	return 0;
}

static void hv_get_ours(struct hv_partition *hv, struct hv_info *ret_info)
{
	struct reftime *reftime = &hv->vm->reftime;

	pthread_mutex_lock(&hv->lock);
	*ret_info = (struct hv_info){
		.vtl = hv->vtl,
		.guest_os_id = hv->guest_os_id,
		.hypercall = hv->hypercall,
		.hypercall_enabled = hv->hypercall & HV_PAGE_ENABLE,
		.reference_tsc = hv->reference_tsc,
		.crash_p0 = hv->crash[0],
		.crash_p1 = hv->crash[1],
		.crash_p2 = hv->crash[2],
		.crash_p3 = hv->crash[3],
		.crash_p4 = hv->crash[4],
		.crash_ctl = hv->crash_ctl,
		.crashes = hv->crashes,
	};
	pthread_mutex_unlock(&hv->lock);
	ret_info->tsc_page_valid = reftime->tsc_valid;
	ret_info->tsc_hz = reftime->tsc_hz;
	ret_info->ref_count_100ns = reftime_now_100ns(reftime);
}

static int hv_get(void *owner, const uint64_t *key, void *ret_info)
{
	struct vm *vm = owner;

	if (key[0] >= HV_VTL_COUNT)
		return -ENOENT;
	hv_get_ours(&vm->hv[key[0]], ret_info);
	if (vm->synic_mode == SYNIC_MODE_KERNEL && key[0] == 0)
		return hv_get_kernel(vm, ret_info);
	return 0;
}

const struct node_class hv_node_class = {
	.path = "hv",
	.fields = &hv_table,
	.query_key = "vtl",
	.on_vcpu = vcpu_sample_msrs,
	.get = hv_get,
};
