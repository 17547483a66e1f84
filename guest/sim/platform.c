/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gx on the `sim` backend. The machine's state lives in guest RAM, at MACHINE_GPA, as the image's
 * data would: a reset zeroes it and boots anew.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "lib/machine.h"
#include "sim/software.h"
#include "vmm/sim.h"
#include "vmm/vm.h"

#define MACHINE_GPA UINT64_C(0x100000)
#define HEAP_GPA    ((MACHINE_GPA + sizeof(struct gx_machine) + HV_PAGE_SIZE - 1) & HV_PAGE_GPA_MASK)

static struct sim_vp *sim_vp(struct gx_vp *vp)
{
	return vp->arch;
}

/* ---- boot ---------------------------------------------------------------- */

static void on_interrupt(struct sim_vp *sim, unsigned vector, void *arg)
{
	gx_interrupt(arg, vector);
}

static struct gx_vp *prepare(struct sim_vp *sim, struct gx_machine *machine)
{
	struct gx_vp *vp = &machine->vp[sim_vcpu(sim)->index];

	vp->machine = machine;
	vp->index = sim_vcpu(sim)->index;
	vp->arch = sim;
	sim_on_interrupt(sim, on_interrupt, vp);
	return vp;
}

static void start(struct sim_vp *sim, void *arg)
{
	struct vm *vm = sim_vcpu(sim)->vm;
	struct gx_machine *machine = guest_memory_at(&vm->memory, MACHINE_GPA, sizeof(*machine));

	machine->platform = GX_PLATFORM_SIM;
	machine->vp_count = vm->vp_count;
	machine->ram_end = vm->memory.region[0].gpa + vm->memory.region[0].size_bytes;
	machine->heap = HEAP_GPA;
	machine->started = 1;
	snprintf(machine->command_line, sizeof(machine->command_line), "%s", vm->boot.command_line);
	gx_main(prepare(sim, machine));
}

static void start_ap(struct sim_vp *sim, void *arg)
{
	gx_idle(prepare(sim, arg));
}

void gx_arch_restart(struct gx_vp *vp, uint32_t index)
{
	sim_init(sim_vp(vp), index);
	sim_sipi(sim_vp(vp), index, start_ap, vp->machine);
}

void gx_arch_start_vps(struct gx_vp *vp)
{
	for (uint32_t i = 1; i < vp->machine->vp_count; i++)
		gx_arch_restart(vp, i);
	while (atomic_load(&vp->machine->started) < vp->machine->vp_count)
		gx_pause(vp);
}

/* ---- primitives ---------------------------------------------------------- */

static enum gx_fault fault_of(enum hv_fault fault)
{
	switch (fault) {
	case HV_FAULT_NONE:
		return GX_FAULT_NONE;
	case HV_FAULT_GP:
		return GX_FAULT_GP;
	case HV_FAULT_UD:
		return GX_FAULT_UD;
	}
	__builtin_unreachable();
}

void *gx_at(struct gx_vp *vp, uint64_t gpa)
{
	return guest_memory_at(
		&sim_vcpu(sim_vp(vp))->vm->memory, gpa, HV_PAGE_SIZE - gpa % HV_PAGE_SIZE);
}

void gx_cpuid(struct gx_vp *vp, uint32_t leaf, struct gx_cpuid *ret_cpuid)
{
	struct cpuid_leaf found;

	sim_cpuid(sim_vp(vp), leaf, &found);
	*ret_cpuid = (struct gx_cpuid){found.eax, found.ebx, found.ecx, found.edx};
}

enum gx_fault gx_rdmsr(struct gx_vp *vp, uint32_t index, uint64_t *ret_value)
{
	return fault_of(sim_rdmsr(sim_vp(vp), index, ret_value));
}

enum gx_fault gx_wrmsr(struct gx_vp *vp, uint32_t index, uint64_t value)
{
	return fault_of(sim_wrmsr(sim_vp(vp), index, value));
}

bool gx_set_vtl(struct gx_vp *vp, uint8_t vtl)
{
	if (vtl >= HV_VTL_COUNT)
		return false;
	sim_set_vtl(sim_vp(vp), vtl);
	return true;
}

void gx_out(struct gx_vp *vp, uint16_t port, unsigned size, uint32_t value)
{
	sim_io(sim_vp(vp), port, size, true, &value);
}

bool gx_bare_hypercalls(struct gx_vp *vp, bool on)
{
	return false;
}

uint32_t gx_in(struct gx_vp *vp, uint16_t port, unsigned size)
{
	uint32_t value = UINT32_MAX >> (32 - 8 * size);

	sim_io(sim_vp(vp), port, size, false, &value);
	return value;
}

void gx_irq_enable(struct gx_vp *vp)
{
	sim_irq_enable(sim_vp(vp));
}

void gx_irq_disable(struct gx_vp *vp)
{
	sim_irq_disable(sim_vp(vp));
}

void gx_halt(struct gx_vp *vp)
{
	sim_halt(sim_vp(vp));
}

void gx_pause(struct gx_vp *vp)
{
	sim_pause(sim_vp(vp));
}

void gx_eoi(struct gx_vp *vp)
{
	sim_eoi(sim_vp(vp));
}

void gx_ipi(struct gx_vp *vp, uint32_t target, unsigned vector)
{
	sim_ipi(sim_vp(vp), target, (uint8_t)vector);
}

uint64_t gx_tsc(struct gx_vp *vp)
{
	return sim_tsc(sim_vp(vp));
}

/* ---- hypercalls ---------------------------------------------------------- */

static void set_registers(
	struct hypercall_regs *regs, uint64_t control, uint64_t input, uint64_t output)
{
	if (regs->long_mode) {
		regs->rcx = control;
		regs->rdx = input;
		regs->r8 = output;
		return;
	}
	regs->rdx = control >> 32;
	regs->rax = (uint32_t)control;
	regs->rbx = input >> 32;
	regs->rcx = (uint32_t)input;
	regs->rdi = output >> 32;
	regs->rsi = (uint32_t)output;
}

enum gx_fault gx_hypercall_as(struct gx_vp *vp, enum gx_caller caller, uint64_t control,
	uint64_t input, uint64_t output, uint64_t *ret_result)
{
	struct hypercall_regs regs = {
		.long_mode = caller != GX_CALLER_32BIT,
		.protected_mode = true,
		.cpl = caller == GX_CALLER_USER ? 3 : 0,
	};
	enum hv_fault fault;

	set_registers(&regs, control, input, output);
	fault = sim_hypercall(sim_vp(vp), &regs);
	if (fault == HV_FAULT_NONE)
		*ret_result = regs.long_mode ? regs.rax : regs.rdx << 32 | (uint32_t)regs.rax;
	return fault_of(fault);
}

/* ---- loading ------------------------------------------------------------- */

int guest_software_load(struct vm *vm, const char *command_line)
{
	struct sim_guest *guest;

	if (strlen(command_line) >= sizeof(vm->boot.command_line))
		return -ENAMETOOLONG;
	/*
	 * Programs get page after page from gx_pages(), which knows where RAM ends; this is the
	 * rest.
	 */
	if (!guest_memory_at(&vm->memory, MACHINE_GPA, HEAP_GPA + HV_PAGE_SIZE - MACHINE_GPA))
		return -EFBIG;
	guest = calloc(1, sizeof(*guest));
	if (!guest)
		return -ENOMEM;
	guest->entry = start;
	vm->boot.loaded = true;
	vm->boot.data = guest;
	vm->boot.data_free = free;
	snprintf(vm->boot.format, sizeof(vm->boot.format), "software");
	snprintf(vm->boot.image, sizeof(vm->boot.image), "built-in");
	snprintf(vm->boot.command_line, sizeof(vm->boot.command_line), "%s", command_line);
	return 0;
}
