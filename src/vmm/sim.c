/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Life of a VP's software guest:
 *
 *	WAITING --SIPI (VP 0: reset)--> RUNNING --entry returned--> ENDED
 *	   ^------------- INIT ------------'
 *
 * vcpu_run() enters the guest's stack; a primitive that finds the VP kicked or INIT pending leaves
 * it again, in the middle of the guest's work. `attention` makes the common case one load: whoever
 * changes what the guest must look at sets it under `lock`.
 */
#include "vmm/sim.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include "hvdef/hv_cpuid.h"
#include "vmm/accel.h"
#include "vmm/sim_fiber.h"
#include "vmm/sim_lapic.h"
#include "vmm/vm.h"

enum sim_state { SIM_WAITING, SIM_RUNNING, SIM_ENDED };

struct sim_vp {
	struct vcpu *vcpu; /* borrows */

	pthread_mutex_t lock; /* guards all down to `attention`; nests inside any SynIC lock */
	pthread_cond_t wake;
	enum sim_state state;
	bool init_pending, sipi_pending;
	sim_entry_fn entry;
	void *entry_arg;
	struct sim_lapic lapic;
	_Atomic bool attention; /* set under lock; tested by the guest without */

	/* The VP's thread only. */
	struct sim_fiber fiber;
	bool irq_enabled, halted;
	uint8_t vtl;
	sim_interrupt_fn on_interrupt;
	void *on_interrupt_arg;
};

static struct sim_vp *sim_of(struct vcpu *vcpu)
{
	return vcpu->accel;
}

struct vcpu *sim_vcpu(struct sim_vp *vp)
{
	return vp->vcpu;
}

/* ---- attention ----------------------------------------------------------- */

static void call_attention_locked(struct sim_vp *vp)
{
	atomic_store_explicit(&vp->attention, true, memory_order_release);
	pthread_cond_signal(&vp->wake);
}

static void deliver(struct sim_vp *vp, unsigned vector)
{
	vp->irq_enabled = false;
	vp->on_interrupt(vp, vector, vp->on_interrupt_arg);
	vp->irq_enabled = true;
}

/* Takes the next interrupt: its vector, or -1. */
static int take_interrupt_locked(struct sim_vp *vp)
{
	int vector = vp->irq_enabled && vp->on_interrupt ? sim_lapic_deliverable(&vp->lapic) : -1;

	if (vector >= 0)
		sim_lapic_accept(&vp->lapic, (uint8_t)vector);
	return vector;
}

/* Does everything that waits. True: at least one interrupt was taken. */
static bool attend(struct sim_vp *vp)
{
	bool interrupted = false;
	int vector;

	for (;;) {
		pthread_mutex_lock(&vp->lock);
		atomic_store_explicit(&vp->attention, false, memory_order_relaxed);
		if (vcpu_kicked(vp->vcpu) || vp->init_pending) {
			pthread_mutex_unlock(&vp->lock);
			sim_fiber_leave(&vp->fiber);
			continue;
		}
		vector = take_interrupt_locked(vp);
		pthread_mutex_unlock(&vp->lock);
		if (vector < 0)
			return interrupted;
		deliver(vp, (unsigned)vector);
		interrupted = true;
	}
}

/* The start of every primitive. */
static void look(struct sim_vp *vp)
{
	if (atomic_load_explicit(&vp->attention, memory_order_acquire))
		attend(vp);
}

/* ---- the guest's side: registers and ports ------------------------------- */

void sim_set_vtl(struct sim_vp *vp, uint8_t vtl)
{
	vp->vtl = vtl;
}

enum hv_fault sim_rdmsr(struct sim_vp *vp, uint32_t index, uint64_t *ret_value)
{
	look(vp);
	vcpu_count_exit(vp->vcpu, VCPU_EXIT_MSR_READ);
	return hv_msr_read(vp->vcpu, vp->vtl, index, ret_value);
}

enum hv_fault sim_wrmsr(struct sim_vp *vp, uint32_t index, uint64_t value)
{
	enum hv_fault fault;

	look(vp);
	vcpu_count_exit(vp->vcpu, VCPU_EXIT_MSR_WRITE);
	fault = hv_msr_write(vp->vcpu, vp->vtl, index, value);
	look(vp); /* an interrupt the write raised is taken before the next instruction */
	return fault;
}

enum hv_fault sim_hypercall(struct sim_vp *vp, struct hypercall_regs *regs)
{
	enum hv_fault fault;

	look(vp);
	vcpu_count_exit(vp->vcpu, VCPU_EXIT_HYPERCALL);
	fault = hypercall_dispatch(vp->vcpu, vp->vtl, regs);
	look(vp);
	return fault;
}

void sim_io(struct sim_vp *vp, uint16_t port, unsigned size, bool write, uint32_t *value)
{
	look(vp);
	vcpu_count_exit(vp->vcpu, VCPU_EXIT_IO);
	iobus_access(&vp->vcpu->vm->iobus, vp->vcpu, port, size, write, value);
	look(vp);
}

void sim_cpuid(struct sim_vp *vp, uint32_t function, struct cpuid_leaf *ret_leaf)
{
	struct cpuid_leaf leaves[HV_CPUID_LEAVES];

	look(vp);
	*ret_leaf = (struct cpuid_leaf){.function = function};
	if (function == 1)
		ret_leaf->ecx = HV_CPUID_1_ECX_HYPERVISOR;
	hv_cpuid_leaves(vp->vcpu->vm, leaves);
	for (size_t i = 0; i < ARRAY_LEN(leaves); i++)
		if (leaves[i].function == function)
			*ret_leaf = leaves[i];
}

uint64_t sim_tsc(struct sim_vp *vp)
{
	look(vp);
	return vp->vcpu->vm->accel->guest_tsc(vp->vcpu->vm);
}

/* ---- the guest's side: interrupts ---------------------------------------- */

void sim_on_interrupt(struct sim_vp *vp, sim_interrupt_fn fn, void *arg)
{
	vp->on_interrupt = fn;
	vp->on_interrupt_arg = arg;
}

void sim_irq_enable(struct sim_vp *vp)
{
	vp->irq_enabled = true;
	attend(vp);
}

void sim_irq_disable(struct sim_vp *vp)
{
	look(vp);
	vp->irq_enabled = false;
}

static void wait_for_attention(struct sim_vp *vp)
{
	pthread_mutex_lock(&vp->lock);
	while (!atomic_load_explicit(&vp->attention, memory_order_relaxed))
		pthread_cond_wait(&vp->wake, &vp->lock);
	pthread_mutex_unlock(&vp->lock);
}

void sim_halt(struct sim_vp *vp)
{
	vcpu_count_exit(vp->vcpu, VCPU_EXIT_HLT);
	vp->irq_enabled = true;
	vp->halted = true;
	while (!attend(vp))
		wait_for_attention(vp);
	vp->halted = false;
}

void sim_pause(struct sim_vp *vp)
{
	look(vp);
	sched_yield();
}

void sim_eoi(struct sim_vp *vp)
{
	pthread_mutex_lock(&vp->lock);
	sim_lapic_eoi(&vp->lapic);
	if (sim_lapic_deliverable(&vp->lapic) >= 0)
		call_attention_locked(vp);
	pthread_mutex_unlock(&vp->lock);
	look(vp);
}

/* ---- the guest's side: other VPs ----------------------------------------- */

static struct sim_vp *target_of(struct sim_vp *vp, uint32_t index)
{
	struct vcpu *vcpu = vm_vcpu(vp->vcpu->vm, index);

	look(vp);
	return vcpu ? sim_of(vcpu) : NULL;
}

void sim_ipi(struct sim_vp *vp, uint32_t target, uint8_t vector)
{
	struct sim_vp *to = target_of(vp, target);

	if (!to)
		return;
	pthread_mutex_lock(&to->lock);
	sim_lapic_request(&to->lapic, vector, false);
	call_attention_locked(to);
	pthread_mutex_unlock(&to->lock);
}

void sim_init(struct sim_vp *vp, uint32_t target)
{
	struct sim_vp *to = target_of(vp, target);

	if (!to)
		return;
	pthread_mutex_lock(&to->lock);
	to->init_pending = true;
	to->sipi_pending = false;
	call_attention_locked(to);
	pthread_mutex_unlock(&to->lock);
}

void sim_sipi(struct sim_vp *vp, uint32_t target, sim_entry_fn entry, void *arg)
{
	struct sim_vp *to = target_of(vp, target);

	if (!to)
		return;
	pthread_mutex_lock(&to->lock);
	if (to->state == SIM_WAITING || to->init_pending) {
		to->sipi_pending = true;
		to->entry = entry;
		to->entry_arg = arg;
		call_attention_locked(to);
	}
	pthread_mutex_unlock(&to->lock);
}

/* ---- the backend's side: running ----------------------------------------- */

static void note_end(struct sim_vp *vp)
{
	struct vm_stop stop = VM_STOP(VM_STOP_GUEST_ENDED);

	stop.vp = vp->vcpu->index;
	snprintf(stop.what, sizeof(stop.what), "the software guest of VP %u returned",
		vp->vcpu->index);
	vm_request_stop(vp->vcpu->vm, &stop);
	pthread_mutex_lock(&vp->lock);
	vp->state = SIM_ENDED;
	pthread_mutex_unlock(&vp->lock);
}

static void guest_main(void *arg)
{
	struct sim_vp *vp = arg;

	vp->entry(vp, vp->entry_arg);
	note_end(vp);
	for (;;)
		sim_fiber_leave(&vp->fiber);
}

static void begin_locked(struct sim_vp *vp)
{
	vp->sipi_pending = false;
	vp->state = SIM_RUNNING;
	vp->irq_enabled = vp->halted = false;
	vp->on_interrupt = NULL;
	vp->vtl = 0;
	sim_fiber_start(&vp->fiber, guest_main, vp);
}

/* INIT: the LAPIC and, through its SynICs, everything Hyper-V of the VP. */
static void reset_by_init_locked(struct sim_vp *vp)
{
	vp->init_pending = false;
	vp->state = SIM_WAITING;
	sim_lapic_reset(&vp->lapic);
	pthread_mutex_unlock(&vp->lock);
	for (unsigned vtl = 0; vtl < HV_VTL_COUNT; vtl++)
		synic_reset(&vp->vcpu->synic[vtl]);
	hv_vp_reset(vp->vcpu);
	pthread_mutex_lock(&vp->lock);
}

static void enter_locked(struct sim_vp *vp)
{
	pthread_mutex_unlock(&vp->lock);
	vm_note_entry(vp->vcpu->vm);
	sim_fiber_enter(&vp->fiber);
	pthread_mutex_lock(&vp->lock);
}

static int sim_vcpu_run(struct vcpu *vcpu)
{
	struct sim_vp *vp = sim_of(vcpu);

	pthread_mutex_lock(&vp->lock);
	while (!vcpu_kicked(vcpu)) {
		if (vp->init_pending)
			reset_by_init_locked(vp);
		else if (vp->state == SIM_WAITING && vp->sipi_pending)
			begin_locked(vp);
		else if (vp->state == SIM_RUNNING)
			enter_locked(vp);
		else
			pthread_cond_wait(&vp->wake, &vp->lock);
	}
	/* The guest has to look again for what it could not see to before the kick. */
	atomic_store_explicit(&vp->attention, true, memory_order_relaxed);
	pthread_mutex_unlock(&vp->lock);
	vcpu_count_exit(vcpu, VCPU_EXIT_INTERRUPTED);
	return 0;
}

static void sim_vcpu_kick(struct vcpu *vcpu)
{
	struct sim_vp *vp = sim_of(vcpu);

	pthread_mutex_lock(&vp->lock);
	call_attention_locked(vp);
	pthread_mutex_unlock(&vp->lock);
}

static int sim_assert_vector(struct vcpu *vcpu, uint8_t vector, bool auto_eoi)
{
	struct sim_vp *vp = sim_of(vcpu);

	pthread_mutex_lock(&vp->lock);
	sim_lapic_request(&vp->lapic, vector, auto_eoi);
	call_attention_locked(vp);
	pthread_mutex_unlock(&vp->lock);
	return 0;
}

/* ---- the backend's side: life -------------------------------------------- */

static int sim_vcpu_init(struct vcpu *vcpu)
{
	struct sim_vp *vp = calloc(1, sizeof(*vp));

	if (!vp)
		return -ENOMEM;
	vp->vcpu = vcpu;
	pthread_mutex_init(&vp->lock, NULL);
	pthread_cond_init(&vp->wake, NULL);
	vcpu->accel = vp;
	return sim_fiber_init(&vp->fiber);
}

static void sim_vcpu_deinit(struct vcpu *vcpu)
{
	struct sim_vp *vp = sim_of(vcpu);

	if (!vp)
		return;
	sim_fiber_deinit(&vp->fiber);
	pthread_cond_destroy(&vp->wake);
	pthread_mutex_destroy(&vp->lock);
	free(vp);
	vcpu->accel = NULL;
}

static int sim_vcpu_reset(struct vcpu *vcpu)
{
	struct sim_vp *vp = sim_of(vcpu);
	const struct sim_guest *guest = vcpu->vm->boot.data;

	pthread_mutex_lock(&vp->lock);
	sim_lapic_reset(&vp->lapic);
	vp->state = SIM_WAITING;
	vp->init_pending = vp->sipi_pending = false;
	if (vcpu->index == 0 && guest) {
		vp->entry = guest->entry;
		vp->entry_arg = guest->arg;
		begin_locked(vp);
	}
	pthread_mutex_unlock(&vp->lock);
	return 0;
}

static int sim_vm_init(struct vm *vm)
{
	return 0;
}

static void sim_vm_deinit(struct vm *vm)
{
}

/* Each VP's controller is put back by vcpu_reset. */
static int sim_vm_reset(struct vm *vm)
{
	return 0;
}

/* ---- the backend's side: looking in -------------------------------------- */

static int sim_vcpu_lapic(struct vcpu *vcpu, struct vcpu_lapic *ret_lapic)
{
	struct sim_vp *vp = sim_of(vcpu);

	*ret_lapic = (struct vcpu_lapic){.apic_id = vcpu->apic_id, .enabled = true};
	pthread_mutex_lock(&vp->lock);
	for (unsigned i = 0; i < ARRAY_LEN(vp->lapic.irr); i++) {
		ret_lapic->irr[i] = vp->lapic.irr[i];
		ret_lapic->isr[i] = vp->lapic.isr[i];
	}
	pthread_mutex_unlock(&vp->lock);
	return 0;
}

/* A software guest has no registers of its own. */
static int sim_vcpu_regs(struct vcpu *vcpu, struct vcpu_regs *ret_regs)
{
	struct sim_vp *vp = sim_of(vcpu);

	*ret_regs = (struct vcpu_regs){0};
	pthread_mutex_lock(&vp->lock);
	ret_regs->halted = vp->halted || vp->state != SIM_RUNNING;
	pthread_mutex_unlock(&vp->lock);
	return 0;
}

/* The TSC of a software guest counts nanoseconds of the VM's clock. */
static uint64_t sim_guest_tsc(struct vm *vm)
{
	return clock_now_ns(vm->clock);
}

static uint64_t sim_tsc_hz(struct vm *vm)
{
	return NSEC_PER_SEC;
}

const struct accel accel_sim = {
	.name = "sim",
	.vm_init = sim_vm_init,
	.vm_deinit = sim_vm_deinit,
	.vm_reset = sim_vm_reset,
	.vcpu_init = sim_vcpu_init,
	.vcpu_deinit = sim_vcpu_deinit,
	.vcpu_reset = sim_vcpu_reset,
	.vcpu_run = sim_vcpu_run,
	.vcpu_kick = sim_vcpu_kick,
	.assert_vector = sim_assert_vector,
	.vcpu_lapic = sim_vcpu_lapic,
	.vcpu_regs = sim_vcpu_regs,
	.guest_tsc = sim_guest_tsc,
	.tsc_hz = sim_tsc_hz,
};
