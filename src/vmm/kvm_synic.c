/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mode kernel: KVM's own SynIC (KVM_CAP_HYPERV_SYNIC2).
 *
 * KVM holds registers and timers, and leaves the guest for what only we can answer: a write to
 * SCONTROL, SIEFP or SIMP, a hypercall it does not know, a crash report, a reset. Interrupts of a
 * SINT go through its GSI.
 */
#include "vmm/kvm_backend.h"

#include <errno.h>
#include <stdio.h>
#include "hvdef/hv_msr.h"
#include "vmm/event.h"
#include "vmm/vm.h"

/* SYNIC2: the pages are ours to clear and to move. */
int kvm_synic_init(struct kvm_vcpu *kv)
{
	struct kvm_enable_cap enable = {.cap = KVM_CAP_HYPERV_SYNIC2};

	return kvm_ioctl(kv->fd, KVM_ENABLE_CAP, &enable);
}

/* Of KVM's answers, -1 says that the SINT is masked: nothing else can be wrong with our routes. */
int kvm_assert_sint(struct vcpu *vcpu, uint32_t gsi)
{
	struct kvm_irq_level line = {.irq = gsi, .level = 1};
	int r = kvm_ioctl(kvm_of(vcpu->vm)->fd, KVM_IRQ_LINE_STATUS, &line);

	if (r < 0)
		return kvm_stop_vm_ioctl(
			vcpu->vm, "KVM_IRQ_LINE_STATUS", r, "gsi %u, VP %u", gsi, vcpu->index);
	return line.status < 0 ? -EPERM : 0;
}

/* exits */

static bool synic_written(struct kvm_vcpu *kv)
{
	const struct kvm_hyperv_exit *exit = &kv->run->hyperv;
	struct vcpu *vcpu = kv->vcpu;
	uint64_t value = exit->u.synic.control;

	vcpu_count_exit(vcpu, VCPU_EXIT_MSR_WRITE);
	if (exit->u.synic.msr == HV_MSR_SIEFP)
		value = exit->u.synic.evt_page;
	else if (exit->u.synic.msr == HV_MSR_SIMP)
		value = exit->u.synic.msg_page;
	synic_kernel_sync(&vcpu->synic[0], exit->u.synic.control, exit->u.synic.evt_page,
		exit->u.synic.msg_page);
	hv_record(vcpu->vm->recorder, HV_EVENT_MSR_WRITE, vcpu->index, 0, RECORD_NO_SINT,
		exit->u.synic.msr, value, HV_FAULT_NONE);
	return true;
}

static bool hypercall(struct kvm_vcpu *kv)
{
	struct kvm_hyperv_exit *exit = &kv->run->hyperv;

	vcpu_count_exit(kv->vcpu, VCPU_EXIT_HYPERCALL);
	exit->u.hcall.result = hypercall_from_kvm(
		kv->vcpu, exit->u.hcall.input, exit->u.hcall.params[0], exit->u.hcall.params[1]);
	return true;
}

bool kvm_synic_exit(struct kvm_vcpu *kv)
{
	struct kvm_hyperv_exit *exit = &kv->run->hyperv;

	switch (exit->type) {
	case KVM_EXIT_HYPERV_SYNIC:
		return synic_written(kv);
	case KVM_EXIT_HYPERV_HCALL:
		return hypercall(kv);
	case KVM_EXIT_HYPERV_SYNDBG:
		/* Not offered; a guest that tries all the same is told that nothing was done. */
		vcpu_count_exit(kv->vcpu, VCPU_EXIT_OTHER);
		exit->u.syndbg.status = 0;
		return true;
	}
	return kvm_stop_unknown_exit(kv);
}

/*
 * KVM's HV_X64_MSR_TIME_REF_COUNT and reference TSC page (TLFS 12.6, 12.7) both follow its clock.
 */
int kvm_reference_time(struct vm *vm, uint64_t *ret_100ns)
{
	struct kvm_clock_data data = {0};
	int r = kvm_ioctl(kvm_of(vm)->fd, KVM_GET_CLOCK, &data);

	if (r < 0)
		return r;
	*ret_100ns = data.clock / 100;
	return 0;
}

static void shut_down(struct kvm_vcpu *kv)
{
	struct vm_stop stop = VM_STOP(VM_STOP_POWER_OFF);

	stop.vp = kv->vcpu->index;
	snprintf(stop.what, sizeof(stop.what), "the guest shut down");
	vm_request_stop(kv->vcpu->vm, &stop);
}

bool kvm_system_event(struct kvm_vcpu *kv)
{
	switch (kv->run->system_event.type) {
	case KVM_SYSTEM_EVENT_CRASH:
		kvm_hv_crashed(kv);
		return true;
	case KVM_SYSTEM_EVENT_RESET:
		vm_request_reset(kv->vcpu->vm);
		return true;
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		shut_down(kv);
		return true;
	}
	return kvm_stop_unknown_exit(kv);
}
