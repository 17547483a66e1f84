/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/doctor_sample.h"

#include "common/thread_time.h"
#include "doctor/model.h"
#include "hvdef/hv_cpuid.h"
#include "vmm/synic_info.h"
#include "vmm/vm.h"

/* Leaf 0x40000004 of the six. */
enum { LEAF_HINTS = 4 };

#define RFLAGS_IF UINT64_C(0x200)

static uint64_t age_ns(const struct vm *vm, uint64_t then_ns)
{
	return then_ns ? clock_now_ns(vm->clock) - then_ns : DOCTOR_NONE;
}

/* ---- threads --------------------------------------------------------------------------------- */

static struct doctor_thread thread_of(const struct thread_time *time)
{
	return (struct doctor_thread){
		.present = true,
		.run_ns = time->run_ns,
		.wait_ns = time->wait_ns,
		.state = time->state,
	};
}

void vm_doctor_thread(pid_t tid, struct doctor_thread *ret_thread)
{
	struct thread_time time;

	thread_time_read(tid, &time);
	*ret_thread = thread_of(&time);
}

void vm_doctor_vp_thread(struct vm *vm, uint32_t vp, struct doctor_thread *ret_thread)
{
	struct thread_time time;

	*ret_thread = (struct doctor_thread){0};
	if (vcpu_thread_time(vm->vcpu[vp], &time))
		*ret_thread = thread_of(&time);
}

/* ---- the machine ----------------------------------------------------------------------------- */

static void fill_monitor(struct vm *vm, struct doctor_machine *machine)
{
	struct monitor_state state;

	monitor_observe(&vm->monitor, &state);
	machine->monitor_page = state.page_gpa;
	machine->monitor_polls = state.scans;
	machine->monitor_poll_age_ns = age_ns(vm, state.scanned_ns);
	machine->monitor_pending_low = state.pending[0];
	machine->monitor_pending_high = state.pending[1];
	if (state.started)
		vm_doctor_thread(state.tid, &machine->monitor);
}

/* The partition's registers; in mode kernel they are known once a VP has told them. */
static void fill_partition(struct vm *vm, bool known, struct doctor_machine *machine)
{
	const uint64_t key[NODE_MAX_KEYS + 1] = {0};
	struct hv_partition *hv = &vm->hv[0];
	struct hv_info info;

	machine->guest_os_id = machine->hypercall = machine->crash_age_ns = DOCTOR_NONE;
	if (!known || hv_node_class.get(vm, key, &info) < 0)
		return;
	machine->guest_os_id = info.guest_os_id;
	machine->hypercall = info.hypercall;
	machine->crash_p0 = info.crash_p0;
	machine->crash_p1 = info.crash_p1;
	machine->crash_p2 = info.crash_p2;
	machine->crash_p3 = info.crash_p3;
	machine->crash_p4 = info.crash_p4;
	pthread_mutex_lock(&hv->lock);
	machine->crash_age_ns = age_ns(vm, hv->crashed_ns);
	pthread_mutex_unlock(&hv->lock);
	machine->crashes = info.crashes;
}

static void fill_machine(struct vm *vm, uint64_t answered, struct doctor_machine *machine)
{
	struct cpuid_leaf leaves[HV_CPUID_LEAVES];

	hv_cpuid_leaves(vm, leaves);
	machine->mono_ns = clock_now_ns(vm->clock);
	machine->faults_active = faults_active(&vm->faults);
	machine->running = atomic_load(&vm->state) == VM_RUNNING;
	machine->kernel_synic = vm->synic_mode == SYNIC_MODE_KERNEL;
	machine->direct_timers = hv_privileges(vm, 0).edx & HV_FEATURE_STIMER_DIRECT;
	machine->deprecates_auto_eoi = leaves[LEAF_HINTS].eax & HV_RECOMMEND_DEPRECATE_AUTO_EOI;
	machine->posts_unknown = hypercall_count(
		vm, HV_CALL_POST_MESSAGE, HV_STATUS_INVALID_CONNECTION_ID);
	machine->signals_unknown = hypercall_count(
		vm, HV_CALL_SIGNAL_EVENT, HV_STATUS_INVALID_CONNECTION_ID);
	fill_partition(vm, !machine->kernel_synic || (answered & 1), machine);
	fill_monitor(vm, machine);
}

/* ---- VPs ------------------------------------------------------------------------------------- */

static bool has_bit(const uint64_t words[4], uint32_t bit)
{
	return words[bit / 64 % 4] >> (bit % 64) & 1;
}

static void fill_cpu(struct vcpu *vcpu, struct doctor_vp *ret_vp)
{
	struct vcpu_cpu_state cpu;

	if (vcpu_cpu_state(vcpu, &cpu) < 0)
		return;
	ret_vp->answered = true;
	ret_vp->halted = cpu.regs.halted;
	ret_vp->interrupts_on = cpu.regs.rflags & RFLAGS_IF;
	ret_vp->tpr = cpu.lapic.tpr;
	ret_vp->vector_irr = has_bit(cpu.lapic.irr, ret_vp->vector);
	ret_vp->vector_isr = has_bit(cpu.lapic.isr, ret_vp->vector);
}

static void fill_slot(const struct slot_info *slot, struct doctor_vp *ret_vp)
{
	ret_vp->slot_age_ns = DOCTOR_NONE;
	if (!slot->present)
		return;
	ret_vp->slot_busy = slot->busy;
	ret_vp->slot_pending = slot->pending;
	ret_vp->slot_type = slot->type;
	ret_vp->slot_age_ns = slot->age_ns;
}

static void fill_sint(const struct sint_info *info, struct doctor_vp *ret_vp)
{
	ret_vp->raw = info->raw;
	ret_vp->vector = info->vector;
	ret_vp->masked = info->masked;
	ret_vp->auto_eoi = info->auto_eoi;
	ret_vp->queue_depth = info->queue_depth;
	ret_vp->event_flag_count = info->event_flag_count;
	ret_vp->irq_owed = info->irq_owed;
	ret_vp->delivered = info->delivered;
	ret_vp->last_delivery_age_ns = info->last_delivery_age_ns;
	ret_vp->events = info->events;
	ret_vp->last_event_age_ns = info->last_event_age_ns;
	ret_vp->interrupts = info->interrupts;
	ret_vp->last_interrupt_age_ns = info->last_interrupt_age_ns;
	ret_vp->last_eom_age_ns = info->last_eom_age_ns;
	fill_slot(&info->slot, ret_vp);
}

/* What VTL 0's node classes show; in mode kernel what the VP told last, which may be old. */
static void fill_vp(
	struct vm *vm, uint32_t vp, unsigned sint, bool answered, struct doctor_vp *ret_vp)
{
	const uint64_t key[NODE_MAX_KEYS + 1] = {vp, sint, 0},
					   synic_key[NODE_MAX_KEYS + 1] = {vp, 0};
	struct vcpu *vcpu = vm->vcpu[vp];
	struct synic_info synic;
	struct sint_info info;

	ret_vp->vp = vp;
	ret_vp->sint = sint;
	ret_vp->started = atomic_load(&vcpu->state) != VCPU_STOPPED;
	ret_vp->slot_age_ns = ret_vp->eoms = ret_vp->last_eom_age_ns = DOCTOR_NONE;
	ret_vp->last_delivery_age_ns = ret_vp->last_event_age_ns = DOCTOR_NONE;
	ret_vp->last_interrupt_age_ns = DOCTOR_NONE;
	if (sint_node_class.get(vm, key, &info) < 0 ||
		synic_node_class.get(vm, synic_key, &synic) < 0)
		return;
	fill_sint(&info, ret_vp);
	ret_vp->eoms = synic.eoms;
	ret_vp->registers_known = answered || synic.mode != SYNIC_MODE_KERNEL;
	ret_vp->scontrol = synic.scontrol;
	ret_vp->simp = synic.simp;
	ret_vp->siefp = synic.siefp;
	if (answered)
		fill_cpu(vcpu, ret_vp);
}

/* The other SINTs of a VP on which messages wait. */
static bool add_others(
	struct vm *vm, uint32_t vp, unsigned sint, bool answered, struct doctor_sample *sample)
{
	for (unsigned n = 0; n < HV_SINT_COUNT; n++) {
		const uint64_t key[NODE_MAX_KEYS + 1] = {vp, n, 0};
		struct doctor_vp *added;
		struct sint_info info;

		if (n == sint || sint_node_class.get(vm, key, &info) < 0 || info.queue_depth == 0)
			continue;
		added = doctor_sample_add(sample, DOCTOR_VPS);
		if (!added)
			return false;
		fill_vp(vm, vp, n, answered, added);
		added->other = true;
	}
	return true;
}

void vm_doctor_sample(struct vm *vm, unsigned sint, uint64_t answered, struct doctor_sample *sample)
{
	fill_machine(vm, answered, &sample->machine);
	for (uint32_t vp = 0; vp < vm->vp_count; vp++) {
		struct doctor_vp *added = doctor_sample_add(sample, DOCTOR_VPS);

		if (!added)
			return;
		fill_vp(vm, vp, sint, answered >> vp & 1, added);
		vm_doctor_vp_thread(vm, vp, &added->thread);
	}
	for (uint32_t vp = 0; vp < vm->vp_count; vp++) {
		if (!add_others(vm, vp, sint, answered >> vp & 1, sample))
			return;
	}
}
