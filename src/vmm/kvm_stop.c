/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What ends the VM, in words. An exit that does says whether the instruction still has to be
 * finished, which is whether to go on into KVM_RUN; the VM is told to stop before that, so no other
 * follows.
 *
 * A call of KVM that fails while a VM runs or is reset ends it, too, because the state of the VP is
 * unknown then. Not so where somebody is told of the failure and can live with it: inspection, the
 * routing table and irqfds (kvm_irq.c).
 */
#include "vmm/kvm_backend.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "vmm/vm.h"

static uint64_t guest_rip(const struct kvm_vcpu *kv)
{
	return kv->run->s.regs.regs.rip;
}

static struct vm_stop stop_here(const struct kvm_vcpu *kv, enum vm_stop_reason reason)
{
	struct vm_stop stop = VM_STOP(reason);

	stop.vp = kv->vcpu->index;
	stop.rip = guest_rip(kv);
	return stop;
}

bool kvm_stop_unmapped(struct kvm_vcpu *kv)
{
	struct vm_stop stop = stop_here(kv, VM_STOP_UNMAPPED_ACCESS);

	stop.gpa = kv->run->mmio.phys_addr;
	stop.size = kv->run->mmio.len;
	stop.write = kv->run->mmio.is_write;
	snprintf(stop.what, sizeof(stop.what),
		"a %s of %u bytes at 0x%llx hit neither RAM nor a device",
		stop.write ? "write" : "read", stop.size, (unsigned long long)stop.gpa);
	memset(kv->run->mmio.data, 0xff, sizeof(kv->run->mmio.data));
	vm_request_stop(kv->vcpu->vm, &stop);
	return true;
}

bool kvm_stop_triple_fault(struct kvm_vcpu *kv)
{
	struct vm_stop stop = stop_here(kv, VM_STOP_TRIPLE_FAULT);

	snprintf(stop.what, sizeof(stop.what), "the guest triple-faulted");
	vm_request_stop(kv->vcpu->vm, &stop);
	return false;
}

static const char *suberror_name(uint32_t suberror)
{
	switch (suberror) {
	case KVM_INTERNAL_ERROR_EMULATION:
		return "KVM could not emulate an instruction";
	case KVM_INTERNAL_ERROR_SIMUL_EX:
		return "KVM met simultaneous exceptions";
	case KVM_INTERNAL_ERROR_DELIVERY_EV:
		return "KVM exited while delivering an event";
	case KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON:
		return "KVM met an unexpected exit reason";
	}
	return "KVM reported an internal error";
}

/* The bytes of the instruction KVM could not emulate, when it gives them: ": 0f 01 c1". */
static void describe_instruction(const struct kvm_run *run, char *text, size_t size)
{
	size_t count = 0, used = 0;

	if (run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION &&
		run->emulation_failure.ndata >= 3 &&
		run->emulation_failure.flags & KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES)
		count = MIN((size_t)run->emulation_failure.insn_size,
			sizeof(run->emulation_failure.insn_bytes));
	text[0] = '\0';
	for (size_t i = 0; i < count && used + 4 < size; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%02x", i ? " " : ": ",
			run->emulation_failure.insn_bytes[i]);
}

bool kvm_stop_internal_error(struct kvm_vcpu *kv)
{
	struct vm_stop stop = stop_here(kv, VM_STOP_INTERNAL_ERROR);
	char instruction[48];

	describe_instruction(kv->run, instruction, sizeof(instruction));
	stop.code = kv->run->internal.suberror;
	snprintf(stop.what, sizeof(stop.what), "%s%s", suberror_name(kv->run->internal.suberror),
		instruction);
	vm_request_stop(kv->vcpu->vm, &stop);
	return false;
}

bool kvm_stop_entry_failed(struct kvm_vcpu *kv)
{
	struct vm_stop stop = stop_here(kv, VM_STOP_ENTRY_FAILED);

	stop.code = kv->run->fail_entry.hardware_entry_failure_reason;
	snprintf(stop.what, sizeof(stop.what),
		"the processor refused to enter the guest (reason 0x%llx)",
		(unsigned long long)stop.code);
	vm_request_stop(kv->vcpu->vm, &stop);
	return false;
}

bool kvm_stop_unknown_exit(struct kvm_vcpu *kv)
{
	struct vm_stop stop = stop_here(kv, VM_STOP_INTERNAL_ERROR);

	stop.code = kv->run->exit_reason;
	snprintf(stop.what, sizeof(stop.what),
		"KVM left the guest for a reason hvd does not know (%u)", kv->run->exit_reason);
	vm_request_stop(kv->vcpu->vm, &stop);
	return false;
}

/* failed calls */

static void stop_ioctl(struct vm *vm, struct vm_stop *stop, const char *name, int error,
	const char *format, va_list args)
{
	char vp[24] = "";

	if (stop->vp != UINT32_MAX)
		snprintf(vp, sizeof(vp), " of VP %u", stop->vp);
	stop->error = error;
	snprintf(stop->ioctl, sizeof(stop->ioctl), "%s", name);
	vsnprintf(stop->arguments, sizeof(stop->arguments), format, args);
	snprintf(stop->what, sizeof(stop->what), "%s%s (%s): %s", name, vp, stop->arguments,
		strerror(-error));
	vm_request_stop(vm, stop);
}

int kvm_stop_ioctl(struct kvm_vcpu *kv, const char *name, int error, const char *format, ...)
{
	struct vm_stop stop = stop_here(kv, VM_STOP_IOCTL_FAILED);
	va_list args;

	va_start(args, format);
	stop_ioctl(kv->vcpu->vm, &stop, name, error, format, args);
	va_end(args);
	return error;
}

int kvm_stop_vm_ioctl(struct vm *vm, const char *name, int error, const char *format, ...)
{
	struct vm_stop stop = VM_STOP(VM_STOP_IOCTL_FAILED);
	va_list args;

	va_start(args, format);
	stop_ioctl(vm, &stop, name, error, format, args);
	va_end(args);
	return error;
}

int kvm_must(
	struct kvm_vcpu *kv, unsigned long request, const char *name, void *arg, const char *what)
{
	int r = kvm_ioctl(kv->fd, request, arg);

	return r < 0 ? kvm_stop_ioctl(kv, name, r, "%s", what) : r;
}

static int stop_refused_msr(struct kvm_vcpu *kv, const struct kvm_msr_entry *entry)
{
	const char *name = hv_msr_name(entry->index);
	unsigned long long value = entry->data;

	if (!name)
		return kvm_stop_ioctl(
			kv, "KVM_SET_MSRS", -EIO, "index 0x%x value 0x%llx", entry->index, value);
	return kvm_stop_ioctl(kv, "KVM_SET_MSRS", -EIO, "index 0x%x (%s) value 0x%llx",
		entry->index, name, value);
}

/* KVM stops at the first register it refuses, says how many it took, and gives no errno. */
int kvm_set_msrs(struct kvm_vcpu *kv, struct kvm_msr_block *block)
{
	int r = kvm_ioctl(kv->fd, KVM_SET_MSRS, block);

	if (r < 0)
		return kvm_stop_ioctl(kv, "KVM_SET_MSRS", r, "%u registers", block->count);
	return (uint32_t)r < block->count ? stop_refused_msr(kv, &block->entry[r]) : 0;
}
