/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/vcpu_sample.h"

#include <errno.h>
#include "vmm/vm.h"

void vcpu_sample_init(struct vcpu_sample *sample)
{
	pthread_mutex_init(&sample->lock, NULL);
}

void vcpu_sample_deinit(struct vcpu_sample *sample)
{
	pthread_mutex_destroy(&sample->lock);
}

static bool is_kernel(const struct vm *vm)
{
	return vm->synic_mode == SYNIC_MODE_KERNEL;
}

/* ---- processor and LAPIC ------------------------------------------------------------------ */

static int read_vp_assist(struct vcpu *vcpu, uint64_t *ret_value)
{
	struct msr_value msr = {.index = HV_MSR_VP_ASSIST_PAGE};
	int r = 0;

	if (is_kernel(vcpu->vm))
		r = vcpu->vm->accel->hv_msrs_read(vcpu, &msr, 1);
	else
		msr.value = hv_vp_assist(vcpu, 0);
	if (r == 0)
		*ret_value = msr.value;
	return r;
}

static int read_cpu(void *owner, uint64_t vp)
{
	struct vcpu *vcpu = vm_vcpu(owner, vp);
	struct vcpu_sample *sample = &vcpu->sample;
	struct vcpu_cpu_state cpu;
	int r = vcpu->vm->accel->vcpu_regs(vcpu, &cpu.regs);

	if (r == 0)
		r = vcpu->vm->accel->vcpu_lapic(vcpu, &cpu.lapic);
	if (r == 0)
		r = read_vp_assist(vcpu, &cpu.vp_assist_page);
	if (r < 0)
		return r;
	pthread_mutex_lock(&sample->lock);
	sample->cpu = cpu;
	sample->cpu_valid = true;
	pthread_mutex_unlock(&sample->lock);
	return 0;
}

node_on_vcpu_fn vcpu_sample_cpu(const void *vm)
{
	return read_cpu;
}

int vcpu_cpu_state(struct vcpu *vcpu, struct vcpu_cpu_state *ret_state)
{
	struct vcpu_sample *sample = &vcpu->sample;
	bool valid;

	pthread_mutex_lock(&sample->lock);
	valid = sample->cpu_valid;
	if (valid)
		*ret_state = sample->cpu;
	pthread_mutex_unlock(&sample->lock);
	return valid ? 0 : -ENODATA;
}

/* ---- synthetic MSRs ----------------------------------------------------------------------- */

enum { MSRS_MAX = 64 };

/* Of the partition's there is one copy, which every VP can read. */
static const struct {
	uint32_t first, last;
} shown[] = {
	{HV_MSR_GUEST_OS_ID, HV_MSR_HYPERCALL},
	{HV_MSR_TIME_REF_COUNT, HV_MSR_TSC_FREQUENCY},
	{HV_MSR_SCONTROL, HV_MSR_SIMP},
	{HV_MSR_SINT0, HV_MSR_SINT15},
	{HV_MSR_STIMER0_CONFIG, HV_MSR_STIMER3_COUNT},
	{HV_MSR_CRASH_P0, HV_MSR_CRASH_P4},
};

static unsigned list_shown(struct msr_value msrs[MSRS_MAX])
{
	unsigned count = 0;

	for (size_t i = 0; i < ARRAY_LEN(shown); i++) {
		for (uint32_t index = shown[i].first; index <= shown[i].last; index++)
			msrs[count++].index = index;
	}
	return count;
}

static int read_msrs(void *owner, uint64_t vp)
{
	struct vcpu *vcpu = vm_vcpu(owner, vp);
	struct vcpu_sample *sample = &vcpu->sample;
	struct msr_value msrs[MSRS_MAX];
	unsigned count = list_shown(msrs);
	int r = vcpu->vm->accel->hv_msrs_read(vcpu, msrs, count);

	if (r < 0)
		return r;
	pthread_mutex_lock(&sample->lock);
	for (unsigned i = 0; i < count; i++)
		sample->msrs.value[msrs[i].index - HV_MSR_BASE] = msrs[i].value;
	sample->msrs_valid = true;
	pthread_mutex_unlock(&sample->lock);
	return 0;
}

node_on_vcpu_fn vcpu_sample_msrs(const void *vm)
{
	return is_kernel(vm) ? read_msrs : NULL;
}

int vcpu_msrs(struct vcpu *vcpu, struct vcpu_msrs *ret_msrs)
{
	struct vcpu_sample *sample = &vcpu->sample;
	bool valid;

	pthread_mutex_lock(&sample->lock);
	valid = sample->msrs_valid;
	if (valid)
		*ret_msrs = sample->msrs;
	pthread_mutex_unlock(&sample->lock);
	return valid ? 0 : -ENODATA;
}
