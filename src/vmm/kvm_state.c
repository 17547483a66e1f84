/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Power-on state. Instead of knowing what a processor looks like after power-on we ask KVM, once,
 * before the VP first runs, and put exactly that back at a reset.
 *
 * The TSC is not part of it: the reference time never goes back. Only a guest's own changes to it
 * (TSC, TSC_ADJUST) are undone.
 */
#include "vmm/kvm_backend.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include "vmm/vm.h"

enum { CR0_PE = 1 << 0, CR0_ET = 1 << 4, CR4_PAE = 1 << 5, SVR_ENABLED = 1 << 8 };
enum { EFER_LME = 1 << 8, EFER_LMA = 1 << 10 };
#define CR0_PG (1u << 31)

/* Registers a guest may change that no other call saves. Those this host lacks are skipped. */
static const uint32_t state_msrs[] = {
	0x0000003b,                                     /* TSC_ADJUST */
	0x00000048,                                     /* SPEC_CTRL */
	0x00000174, 0x00000175, 0x00000176,             /* SYSENTER CS, ESP, EIP */
	0x000001a0,                                     /* MISC_ENABLE */
	0x000001d9,                                     /* DEBUGCTL */
	0x00000200, 0x00000201, 0x00000202, 0x00000203, /* MTRR variable ranges */
	0x00000204, 0x00000205, 0x00000206, 0x00000207, 0x00000208, 0x00000209, 0x0000020a,
	0x0000020b, 0x0000020c, 0x0000020d, 0x0000020e, 0x0000020f, 0x00000250, 0x00000258,
	0x00000259, /* MTRR fixed ranges */
	0x00000268, 0x00000269, 0x0000026a, 0x0000026b, 0x0000026c, 0x0000026d, 0x0000026e,
	0x0000026f, 0x00000277, 0x000002ff,             /* PAT, MTRR default type */
	0x000006e0,                                     /* TSC_DEADLINE */
	0x00000da0,                                     /* XSS */
	0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, /* STAR, LSTAR, CSTAR, FMASK */
	0xc0000102, 0xc0000103,                         /* KERNEL_GS_BASE, TSC_AUX */
};
_Static_assert(ARRAY_LEN(state_msrs) <= KVM_STATE_MSRS, "room for every MSR");

/*
 * One at a time: a register this host lacks ends a batch. One that takes back its own value will
 * take it at a reset too.
 */
static void capture_msrs(int fd, struct kvm_msr_block *block)
{
	for (size_t i = 0; i < ARRAY_LEN(state_msrs); i++) {
		struct kvm_msr_one one = {.count = 1, .entry.index = state_msrs[i]};

		if (ioctl(fd, KVM_GET_MSRS, &one) == 1 && ioctl(fd, KVM_SET_MSRS, &one) == 1)
			block->entry[block->count++] = one.entry;
	}
}

struct state_part {
	unsigned long get, set;
	const char *get_name, *set_name;
	size_t offset;
};

#define PART(call, member)                                                          \
	{                                                                           \
		KVM_GET_##call, KVM_SET_##call, "KVM_GET_" #call, "KVM_SET_" #call, \
			offsetof(struct kvm_vcpu_state, member)                     \
	}

static const char power_on[] = "power-on state";

/* In order of restoring: SREGS before the LAPIC, whose layout depends on the APIC base. */
static const struct state_part state_parts[] = {
	PART(MP_STATE, mp_state),
	PART(XSAVE, xsave),
	PART(XCRS, xcrs),
	PART(SREGS, sregs),
	PART(REGS, regs),
	PART(DEBUGREGS, debugregs),
	PART(LAPIC, lapic),
	PART(VCPU_EVENTS, events),
};

static void *part_of(struct kvm_vcpu_state *state, const struct state_part *part)
{
	return (uint8_t *)state + part->offset;
}

static int get_part(struct kvm_vcpu *kv, const struct state_part *part)
{
	return kvm_must(kv, part->get, part->get_name, part_of(&kv->power_on, part), power_on);
}

static int set_part(struct kvm_vcpu *kv, const struct state_part *part)
{
	return kvm_must(kv, part->set, part->set_name, part_of(&kv->power_on, part), power_on);
}

static int capture(struct kvm_vcpu *kv)
{
	int r = kvm_cpuid_apply(kv);

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(state_parts); i++)
		r = get_part(kv, &state_parts[i]);
	if (r == 0) {
		capture_msrs(kv->fd, &kv->power_on.msrs);
		kv->captured = true;
	}
	return r;
}

static int restore_tsc(struct kvm_vcpu *kv)
{
	struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL,
		.attr = KVM_VCPU_TSC_OFFSET,
		.addr = (uintptr_t)&kv->kvm->tsc_offset,
	};

	return kv->kvm->tsc_hz != 0 ? KVM_MUST(kv, KVM_SET_DEVICE_ATTR, &attr, "TSC offset") : 0;
}

static int restore(struct kvm_vcpu *kv)
{
	int r = 0;

	kvm_vcpu_forget_exit(kv);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(state_parts); i++)
		r = set_part(kv, &state_parts[i]);
	if (r == 0)
		r = kvm_set_msrs(kv, &kv->power_on.msrs);
	return r < 0 ? r : restore_tsc(kv);
}

/* boot: multiboot 1, "machine state"; Linux, "64-bit boot protocol" */

enum { SEGMENT_CODE = 11, SEGMENT_DATA = 3 }; /* accessed; readable, writable */

static struct kvm_segment flat_segment(uint16_t selector, uint8_t type)
{
	return (struct kvm_segment){
		.limit = UINT32_MAX,
		.selector = selector,
		.type = type,
		.present = 1,
		.db = 1,
		.s = 1,
		.g = 1,
	};
}

static void set_segments(struct kvm_sregs *sregs, uint16_t code, uint16_t data)
{
	sregs->cs = flat_segment(code, SEGMENT_CODE);
	sregs->ds = sregs->es = sregs->fs = sregs->gs = sregs->ss = flat_segment(
		data, SEGMENT_DATA);
}

static void set_protected_mode(struct kvm_sregs *sregs)
{
	set_segments(sregs, 0x08, 0x10);
	sregs->cr0 = CR0_PE | CR0_ET;
}

static void set_long_mode(struct kvm_sregs *sregs, const struct vm_boot *boot)
{
	set_segments(sregs, VM_BOOT_LONG_CODE, VM_BOOT_LONG_DATA);
	sregs->cs.l = 1;
	sregs->cs.db = 0;
	sregs->gdt.base = boot->gdt_gpa;
	sregs->gdt.limit = VM_BOOT_GDT_BYTES - 1;
	sregs->cr0 = CR0_PE | CR0_ET | CR0_PG;
	sregs->cr3 = boot->cr3;
	sregs->cr4 = CR4_PAE;
	sregs->efer = EFER_LME | EFER_LMA;
}

static int set_boot_state(struct kvm_vcpu *kv)
{
	const struct vm_boot *boot = &kv->vcpu->vm->boot;
	struct kvm_sregs sregs = kv->power_on.sregs;
	struct kvm_regs regs = {
		.rip = boot->entry,
		.rax = boot->eax,
		.rbx = boot->ebx,
		.rsi = boot->rsi,
		.rflags = 2,
	};
	int r;

	if (boot->mode == VM_BOOT_LONG)
		set_long_mode(&sregs, boot);
	else
		set_protected_mode(&sregs);
	r = KVM_MUST(kv, KVM_SET_SREGS, &sregs, "boot state");
	return r < 0 ? r : KVM_MUST(kv, KVM_SET_REGS, &regs, "boot state");
}

int kvm_vcpu_reset(struct vcpu *vcpu)
{
	struct kvm_vcpu *kv = kvm_vcpu_of(vcpu);
	int r = kv->captured ? restore(kv) : capture(kv);

	kvm_auto_eoi_forget(kv);
	if (r == 0 && vcpu->vm->synic_mode == SYNIC_MODE_KERNEL)
		r = kvm_hv_msrs_reset(kv);
	if (r == 0 && vcpu->index == 0 && vcpu->vm->boot.loaded)
		r = set_boot_state(kv);
	return r;
}

/* inspection */

static uint32_t lapic_word(const struct kvm_lapic_state *lapic, unsigned offset)
{
	uint32_t word;

	memcpy(&word, &lapic->regs[offset], sizeof(word));
	return word;
}

int kvm_vcpu_lapic(struct vcpu *vcpu, struct vcpu_lapic *ret_lapic)
{
	struct kvm_lapic_state state;
	struct vcpu_lapic lapic = {.apic_id = vcpu->apic_id};
	int r = kvm_ioctl(kvm_vcpu_of(vcpu)->fd, KVM_GET_LAPIC, &state);

	if (r < 0)
		return r;
	for (unsigned v = 0; v < 256; v++) {
		lapic.irr[v / 64] |= (uint64_t)kvm_lapic_bit(&state, LAPIC_IRR, v) << v % 64;
		lapic.isr[v / 64] |= (uint64_t)kvm_lapic_bit(&state, LAPIC_ISR, v) << v % 64;
	}
	lapic.tpr = (uint8_t)lapic_word(&state, LAPIC_TPR);
	lapic.enabled = lapic_word(&state, LAPIC_SVR) & SVR_ENABLED;
	*ret_lapic = lapic;
	return 0;
}

int kvm_vcpu_regs(struct vcpu *vcpu, struct vcpu_regs *ret_regs)
{
	int fd = kvm_vcpu_of(vcpu)->fd;
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_mp_state mp_state;
	int r = kvm_ioctl(fd, KVM_GET_REGS, &regs);

	if (r == 0)
		r = kvm_ioctl(fd, KVM_GET_SREGS, &sregs);
	if (r == 0)
		r = kvm_ioctl(fd, KVM_GET_MP_STATE, &mp_state);
	if (r < 0)
		return r;
	*ret_regs = (struct vcpu_regs){
		.rip = regs.rip,
		.rsp = regs.rsp,
		.rflags = regs.rflags,
		.cr0 = sregs.cr0,
		.cr3 = sregs.cr3,
		.cr4 = sregs.cr4,
		.efer = sregs.efer,
		.halted = mp_state.mp_state == KVM_MP_STATE_HALTED,
	};
	return 0;
}
