/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gx on a real processor: boot, traps, and every primitive.
 *
 * The VP count: vps=N on the command line; else what CPUID leaf 0x40000005 allows when that is less
 * than we can take; else INIT and SIPI go to everybody and the count is settled when nobody
 * has come up for a while.
 */
#include "x86/x86.h"

enum { SETTLE_MS = 200, START_MS = 10000, INIT_MS = 10 };

#define LOW_RAM_END UINT64_C(0xc0000000)

static struct gx_machine machine;

struct stack {
	_Alignas(X86_STACK_BYTES) uint8_t bytes[X86_STACK_BYTES];
};
struct stack x86_stacks[X86_MAX_VPS];

extern const char x86_trampoline[], x86_trampoline_end[];
extern char image_end[];

/* ---- boot ---------------------------------------------------------------- */

static void copy_command_line(const struct multiboot_info *info)
{
	const char *text = (const char *)(uint64_t)info->command_line;
	size_t i = 0;

	if (!(info->flags & MULTIBOOT_HAS_COMMAND_LINE))
		return;
	for (; text[i] && i + 1 < sizeof(machine.command_line); i++)
		machine.command_line[i] = text[i];
}

static uint64_t ram_end(const struct multiboot_info *info)
{
	uint64_t end;

	if (!(info->flags & MULTIBOOT_HAS_MEMORY))
		return (uint64_t)image_end + (UINT64_C(8) << 20);
	end = (UINT64_C(1) << 20) + ((uint64_t)info->mem_upper_kb << 10);
	return end < LOW_RAM_END ? end : LOW_RAM_END;
}

static struct gx_vp *prepare_cpu(uint32_t index)
{
	struct x86_cpu *cpu = x86_current();

	cpu->vp = &machine.vp[index];
	cpu->vp->machine = &machine;
	cpu->vp->index = index;
	cpu->vp->arch = cpu;
	x86_tables_load(cpu, index);
	x86_apic_enable(cpu->vp);
	return cpu->vp;
}

void x86_start(const struct multiboot_info *info)
{
	struct gx_vp *vp;

	copy_command_line(info);
	machine.platform = GX_PLATFORM_X86;
	machine.ram_end = ram_end(info);
	machine.heap = (uint64_t)image_end;
	machine.vp_count = 1;
	machine.started = 1;
	x86_tables_init();
	vp = prepare_cpu(0);
	x86_pic_mask(vp);
	gx_main(vp);
}

void x86_start_ap(uint32_t index)
{
	gx_idle(prepare_cpu(index));
}

/* ---- other VPs ----------------------------------------------------------- */

static unsigned expected_vps(struct gx_vp *vp)
{
	struct gx_cpuid limits;
	uint64_t count;

	if (gx_option(vp, "vps", &count))
		return count < GX_MAX_VPS ? (unsigned)count : GX_MAX_VPS;
	gx_cpuid(vp, HV_CPUID_LIMITS, &limits);
	return limits.eax < GX_MAX_VPS ? limits.eax : 0;
}

static void place_trampoline(void)
{
	volatile char *to = (volatile char *)(uint64_t)X86_TRAMPOLINE;

	for (size_t i = 0; i < (size_t)(x86_trampoline_end - x86_trampoline); i++)
		to[i] = x86_trampoline[i];
}

/* Nobody new for SETTLE_MS. */
static void wait_until_settled(struct gx_vp *vp)
{
	unsigned seen = 0;

	while (seen != atomic_load(&machine.started)) {
		seen = atomic_load(&machine.started);
		gx_sleep_ms(vp, SETTLE_MS);
	}
}

void gx_arch_start_vps(struct gx_vp *vp)
{
	unsigned expected = expected_vps(vp);

	if (expected == 1)
		return;
	place_trampoline();
	x86_apic_send(0, X86_APIC_INIT | X86_APIC_ALL_OTHERS);
	gx_sleep_ms(vp, INIT_MS);
	x86_apic_send(0, X86_APIC_SIPI | X86_APIC_ALL_OTHERS | X86_TRAMPOLINE >> 12);
	if (!expected)
		wait_until_settled(vp);
	else if (!gx_wait_ms(vp, atomic_load(&machine.started) >= expected, START_MS))
		gx_die(vp, "only %u of %u VPs started", atomic_load(&machine.started), expected);
	machine.vp_count = atomic_load(&machine.started);
}

void gx_arch_restart(struct gx_vp *vp, uint32_t index)
{
	x86_apic_send(index, X86_APIC_INIT);
	gx_sleep_ms(vp, INIT_MS);
	x86_apic_send(index, X86_APIC_SIPI | X86_TRAMPOLINE >> 12);
}

/* ---- traps --------------------------------------------------------------- */

static bool apply_fixup(struct x86_frame *frame)
{
	for (const uint64_t *fixup = x86_fixups; fixup < x86_fixups_end; fixup += 2) {
		if (fixup[0] != frame->rip)
			continue;
		frame->rip = fixup[1];
		frame->rax = frame->vector;
		return true;
	}
	return false;
}

void x86_trap(struct x86_frame *frame)
{
	struct x86_cpu *cpu = x86_current();

	if (frame->cs & 3) {
		cpu->user_result = frame->rax;
		x86_user_return(cpu->user_return,
			frame->rip == (uint64_t)x86_user_done ? 0 : frame->vector);
	}
	if (frame->vector >= GX_FIRST_VECTOR)
		gx_interrupt(cpu->vp, (unsigned)frame->vector);
	else if (!apply_fixup(frame))
		gx_die(cpu->vp, "exception %lu, error %lx, at %lx", frame->vector, frame->error,
			frame->rip);
}

static enum gx_fault fault_of(struct gx_vp *vp, uint64_t vector)
{
	switch (vector) {
	case 0:
		return GX_FAULT_NONE;
	case 6:
		return GX_FAULT_UD;
	case 13:
		return GX_FAULT_GP;
	}
	gx_die(vp, "exception %lu where #GP or #UD was possible", vector);
}

/* ---- primitives ---------------------------------------------------------- */

void *gx_at(struct gx_vp *vp, uint64_t gpa)
{
	return (void *)gpa;
}

void gx_cpuid(struct gx_vp *vp, uint32_t leaf, struct gx_cpuid *ret_cpuid)
{
	uint32_t eax = leaf, ebx, ecx = 0, edx;

	__asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
	*ret_cpuid = (struct gx_cpuid){eax, ebx, ecx, edx};
}

enum gx_fault gx_rdmsr(struct gx_vp *vp, uint32_t index, uint64_t *ret_value)
{
	return fault_of(vp, x86_rdmsr(index, ret_value));
}

enum gx_fault gx_wrmsr(struct gx_vp *vp, uint32_t index, uint64_t value)
{
	return fault_of(vp, x86_wrmsr(index, value));
}

bool gx_set_vtl(struct gx_vp *vp, uint8_t vtl)
{
	return vtl == 0;
}

void gx_out(struct gx_vp *vp, uint16_t port, unsigned size, uint32_t value)
{
	if (size == 1)
		__asm__ volatile("outb %b0, %1" : : "a"(value), "Nd"(port));
	else if (size == 2)
		__asm__ volatile("outw %w0, %1" : : "a"(value), "Nd"(port));
	else
		__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

uint32_t gx_in(struct gx_vp *vp, uint16_t port, unsigned size)
{
	uint32_t value = 0;

	if (size == 1)
		__asm__ volatile("inb %1, %b0" : "+a"(value) : "Nd"(port));
	else if (size == 2)
		__asm__ volatile("inw %1, %w0" : "+a"(value) : "Nd"(port));
	else
		__asm__ volatile("inl %1, %0" : "+a"(value) : "Nd"(port));
	return value;
}

void gx_irq_enable(struct gx_vp *vp)
{
	__asm__ volatile("sti" : : : "memory");
}

void gx_irq_disable(struct gx_vp *vp)
{
	__asm__ volatile("cli" : : : "memory");
}

void gx_halt(struct gx_vp *vp)
{
	__asm__ volatile("sti; hlt" : : : "memory");
}

void gx_pause(struct gx_vp *vp)
{
	__builtin_ia32_pause();
}

void gx_eoi(struct gx_vp *vp)
{
	x86_apic_eoi();
}

void gx_ipi(struct gx_vp *vp, uint32_t target, unsigned vector)
{
	x86_apic_send(target, X86_APIC_FIXED | vector);
}

uint64_t gx_tsc(struct gx_vp *vp)
{
	return __builtin_ia32_rdtsc();
}

/* ---- hypercalls ---------------------------------------------------------- */

static bool irq_save(struct gx_vp *vp)
{
	uint64_t flags;

	__asm__ volatile("pushf; pop %0" : "=r"(flags));
	gx_irq_disable(vp);
	return flags & 0x200;
}

static void irq_restore(struct gx_vp *vp, bool enabled)
{
	if (enabled)
		gx_irq_enable(vp);
}

static uint64_t call_32bit(
	struct gx_vp *vp, uint64_t control, uint64_t input, uint64_t output, uint64_t *ret_result)
{
	struct x86_call32 regs = {
		.edx = (uint32_t)(control >> 32),
		.eax = (uint32_t)control,
		.ebx = (uint32_t)(input >> 32),
		.ecx = (uint32_t)input,
		.edi = (uint32_t)(output >> 32),
		.esi = (uint32_t)output,
	};
	bool enabled = irq_save(vp);
	uint64_t vector = x86_call32((uint32_t)vp->hypercall_page, &regs);

	irq_restore(vp, enabled);
	*ret_result = (uint64_t)regs.edx << 32 | regs.eax;
	return vector;
}

static uint64_t call_user(
	struct gx_vp *vp, uint64_t control, uint64_t input, uint64_t output, uint64_t *ret_result)
{
	struct x86_cpu *cpu = vp->arch;
	struct x86_user_call call = {
		.rcx = control,
		.rdx = input,
		.r8 = output,
		.page = vp->hypercall_page,
		.stack = (uint64_t)(cpu->user_stack + sizeof(cpu->user_stack)),
	};
	bool enabled = irq_save(vp);
	uint64_t vector = x86_call_user(
		&call, (char *)&cpu->tss + offsetof(struct x86_tss, rsp0), &cpu->user_return);

	irq_restore(vp, enabled);
	*ret_result = cpu->user_result;
	return vector;
}

bool gx_bare_hypercalls(struct gx_vp *vp, bool on)
{
	vp->hypercall_page = on ? (uintptr_t)x86_bare_exit
				: atomic_load(&vp->machine->hypercall_page);
	return true;
}

enum gx_fault gx_hypercall_as(struct gx_vp *vp, enum gx_caller caller, uint64_t control,
	uint64_t input, uint64_t output, uint64_t *ret_result)
{
	uint64_t page = vp->hypercall_page;

	switch (caller) {
	case GX_CALLER_64BIT:
		return fault_of(vp, x86_call64(page, control, input, output, ret_result));
	case GX_CALLER_32BIT:
		return fault_of(vp, call_32bit(vp, control, input, output, ret_result));
	case GX_CALLER_USER:
		return fault_of(vp, call_user(vp, control, input, output, ret_result));
	}
	__builtin_unreachable();
}
