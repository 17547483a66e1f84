/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/vm_info.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "vmm/vm.h"

/* vm */

static const char *const vm_states[] = {
	[VM_CREATED] = "created",
	[VM_RUNNING] = "running",
	[VM_PAUSED] = "paused",
	[VM_STOPPED] = "stopped",
	NULL,
};
static const char *const synic_modes[] = {
	[SYNIC_MODE_USER] = "user",
	[SYNIC_MODE_KERNEL] = "kernel",
	[SYNIC_MODE_SIM] = "sim",
	NULL,
};
static const char *const stop_reasons[] = {
	[VM_STOP_NONE] = "none",
	[VM_STOP_REQUESTED] = "requested",
	[VM_STOP_DEBUG_EXIT] = "debug_exit",
	[VM_STOP_POWER_OFF] = "power_off",
	[VM_STOP_TRIPLE_FAULT] = "triple_fault",
	[VM_STOP_UNMAPPED_ACCESS] = "unmapped_access",
	[VM_STOP_INTERNAL_ERROR] = "internal_error",
	[VM_STOP_ENTRY_FAILED] = "entry_failed",
	[VM_STOP_IOCTL_FAILED] = "ioctl_failed",
	[VM_STOP_GUEST_ENDED] = "guest_ended",
	NULL,
};

static const struct field boot_fields[] = {
	{FIELD_S(struct boot_info, format, 0,
		"How the image is booted: linux, multiboot1 or software.")},
	{FIELD_S(struct boot_info, image, 0, "The image's path, or built-in.")},
	{FIELD_S(struct boot_info, command_line, 0, "What --append gave the guest.")},
};
static const struct field_table boot_table = FIELD_TABLE(
	struct boot_info, "boot", "What VP 0 starts, at first and after a reset.", boot_fields);

static const struct field stop_fields[] = {
	{FIELD_E(struct stop_info, reason, 0, stop_reasons, "Why the VM stopped.")},
	{FIELD_U(struct stop_info, vp, FIELD_NULLABLE, "The VP that caused it, if one did.")},
	{FIELD_X(struct stop_info, rip, FIELD_NULLABLE, "Where that VP was in the guest.")},
	{FIELD_X(struct stop_info, gpa, FIELD_NULLABLE,
		"unmapped_access: the guest physical address.")},
	{FIELD_U(struct stop_info, size, FIELD_NULLABLE, "unmapped_access: bytes accessed.")},
	{FIELD_B(struct stop_info, write, 0, "unmapped_access: a write, not a read.")},
	{FIELD_U(struct stop_info, code, 0,
		"debug_exit: the exit status. internal_error, entry_failed: KVM's code.")},
	{FIELD_I(struct stop_info, error, 0, "ioctl_failed: the negative errno, else 0.")},
	{FIELD_S(struct stop_info, ioctl, FIELD_NULLABLE,
		"ioctl_failed: which call of KVM, as KVM_SET_MSRS.")},
	{FIELD_S(struct stop_info, arguments, FIELD_NULLABLE,
		"ioctl_failed: what the call was given, as far as it matters.")},
	{FIELD_S(struct stop_info, what, 0, "The same in one sentence.")},
};
static const struct field_table stop_table = FIELD_TABLE(
	struct stop_info, "stop", "Why and where the VM stopped.", stop_fields);

static const struct field capability_fields[] = {
	{FIELD_S(struct capability_info, name, 0, "As in KVM_CAP_name.")},
	{FIELD_U(struct capability_info, number, 0, "What KVM_CHECK_EXTENSION was asked.")},
	{FIELD_U(struct capability_info, value, 0, "What it said; 0: absent.")},
	{FIELD_B(struct capability_info, needed, 0,
		"The VM could not have been made without it in this mode.")},
};
static const struct field_table capability_table = FIELD_TABLE(
	struct capability_info, "capability", "A capability of the host's KVM.", capability_fields);

static const struct field vm_fields[] = {
	{FIELD_S(struct vm_info, name, 0, "The VM's name, also that of its sockets.")},
	{FIELD_E(struct vm_info, state, 0, vm_states, "Where the VM is in its life.")},
	{FIELD_S(struct vm_info, accel, 0, "What runs the VPs: kvm or sim.")},
	{FIELD_E(struct vm_info, synic_mode, 0, synic_modes,
		"Who holds the SynIC's state: hvd (user, sim) or KVM (kernel).")},
	{FIELD_B(struct vm_info, enforce_cpuid, 0,
		"A synthetic MSR or hypercall that CPUID does not offer is refused; hvd itself "
		"always does, KVM (mode kernel) when told to.")},
	{FIELD_U(struct vm_info, vp_count, 0, "Virtual processors.")},
	{FIELD_U(struct vm_info, memory_bytes, 0, "Guest RAM.")},
	{FIELD_T(struct vm_info, created, 0, "When the VM was created.")},
	{FIELD_U(struct vm_info, uptime_ns, FIELD_NULLABLE,
		"Since it first ran, until it stopped; null before.")},
	{FIELD_U(struct vm_info, first_entry_ns, FIELD_NULLABLE,
		"From the start of hvd's main() to the first guest instruction; null before.")},
	{FIELD_O(struct vm_info, boot, FIELD_NULLABLE, &boot_table, "The guest image.")},
	{FIELD_O(struct vm_info, stop, FIELD_NULLABLE, &stop_table, "Null unless stopped.")},
	{FIELD_U(struct vm_info, port_count, 0, "Ports registered (TLFS 11.5).")},
	{FIELD_U(struct vm_info, gsi_commits, 0, "How often the GSI routing table was replaced.")},
	{FIELD_U(struct vm_info, unclaimed_io, 0, "Port accesses that hit no device.")},
	{FIELD_U(struct vm_info, faults_active, 0,
		"Faults that make hvd misbehave on purpose just now; see faults.")},
	{FIELD_U(struct vm_info, fault_hits, 0,
		"How often faults made hvd misbehave since the VM was made.")},
	{FIELD_A(struct vm_info, capabilities, capability_count, &capability_table,
		"What hvd asked the host's KVM for when the VM was made; empty without KVM.")},
};
static const struct field_table vm_table = FIELD_TABLE(
	struct vm_info, "vm", "The virtual machine of this hvd.", vm_fields);

static uint64_t since_ns(uint64_t start_ns, uint64_t end_ns)
{
	return end_ns >= start_ns ? end_ns - start_ns : 0;
}

static uint64_t uptime_ns(const struct vm *vm)
{
	uint64_t started_ns = atomic_load(&vm->started_ns);
	uint64_t stopped_ns = atomic_load(&vm->stopped_ns);

	if (started_ns == 0)
		return UINT64_MAX;
	return since_ns(started_ns, stopped_ns ? stopped_ns : clock_now_ns(&clock_monotonic));
}

static uint64_t first_entry_ns(const struct vm *vm)
{
	uint64_t entry_ns = atomic_load(&vm->first_entry_ns);

	return entry_ns ? since_ns(vm->config.process_start_ns, entry_ns) : UINT64_MAX;
}

static struct boot_info boot_info(const struct vm *vm)
{
	struct boot_info info = {.present = vm->boot.loaded};

	memcpy(info.format, vm->boot.format, sizeof(info.format));
	memcpy(info.image, vm->boot.image, sizeof(info.image));
	memcpy(info.command_line, vm->boot.command_line, sizeof(info.command_line));
	return info;
}

static struct stop_info stop_info(struct vm *vm)
{
	struct stop_info info;

	pthread_mutex_lock(&vm->life_lock);
	info = (struct stop_info){
		.present = atomic_load(&vm->state) == VM_STOPPED,
		.reason = vm->stop.reason,
		.vp = vm->stop.vp,
		.rip = vm->stop.rip,
		.gpa = vm->stop.gpa,
		.size = vm->stop.size,
		.write = vm->stop.write,
		.code = vm->stop.code,
		.error = vm->stop.error,
	};
	memcpy(info.ioctl, vm->stop.ioctl, sizeof(info.ioctl));
	memcpy(info.arguments, vm->stop.arguments, sizeof(info.arguments));
	memcpy(info.what, vm->stop.what, sizeof(info.what));
	pthread_mutex_unlock(&vm->life_lock);
	return info;
}

static bool enforces_cpuid(const struct vm *vm)
{
	return vm->synic_mode != SYNIC_MODE_KERNEL || vm->config.enforce_cpuid;
}

static void list_capabilities(const struct vm *vm, struct vm_info *info)
{
	const struct accel_capability *cap = NULL;
	unsigned count = vm->accel->capabilities ? vm->accel->capabilities(vm, &cap) : 0;

	info->capability_count = MIN(count, (unsigned)ACCEL_CAPABILITIES_MAX);
	for (uint32_t i = 0; i < info->capability_count; i++) {
		struct capability_info *to = &info->capabilities[i];

		to->number = cap[i].number;
		to->value = (uint32_t)cap[i].value;
		to->needed = cap[i].needed;
		snprintf(to->name, sizeof(to->name), "%s", cap[i].name);
	}
}

static int vm_get(void *owner, const uint64_t *key, void *ret_info)
{
	struct vm *vm = owner;
	struct vm_info *info = ret_info;

	*info = (struct vm_info){
		.state = (uint32_t)atomic_load(&vm->state),
		.synic_mode = vm->synic_mode,
		.enforce_cpuid = enforces_cpuid(vm),
		.vp_count = vm->vp_count,
		.memory_bytes = vm->memory.size_bytes,
		.created = vm->created_realtime_ns,
		.uptime_ns = uptime_ns(vm),
		.first_entry_ns = first_entry_ns(vm),
		.boot = boot_info(vm),
		.stop = stop_info(vm),
		.port_count = atomic_load(&vm->ports.count),
		.gsi_commits = gsi_commits(&vm->gsis),
		.unclaimed_io = atomic_load(&vm->iobus.unclaimed),
		.faults_active = faults_active(&vm->faults),
		.fault_hits = faults_hits(&vm->faults),
	};
	snprintf(info->name, sizeof(info->name), "%s", vm->name);
	snprintf(info->accel, sizeof(info->accel), "%s", vm->accel->name);
	list_capabilities(vm, info);
	return 0;
}

const struct node_class vm_node_class = {
	.path = "vm",
	.fields = &vm_table,
	.get = vm_get,
};

/* vps/{vp} */

static const char *const vcpu_states[] = {
	[VCPU_CREATED] = "created",
	[VCPU_RUNNING] = "running",
	[VCPU_PARKED] = "parked",
	[VCPU_STOPPED] = "stopped",
	NULL,
};

static const struct field exits_fields[] = {
	{FIELD_U(struct exits_info, io, 0, "Port I/O, hypercalls excepted.")},
	{FIELD_U(struct exits_info, mmio, 0, "Accesses to addresses without RAM.")},
	{FIELD_U(struct exits_info, msr_read, 0, "Reads of synthetic MSRs.")},
	{FIELD_U(struct exits_info, msr_write, 0, "Writes of synthetic MSRs.")},
	{FIELD_U(struct exits_info, hypercall, 0, "Hypercalls.")},
	{FIELD_U(struct exits_info, hlt, 0, "HLT, where it leaves the guest.")},
	{FIELD_U(struct exits_info, interrupted, 0, "The VP was taken out of the guest.")},
	{FIELD_U(struct exits_info, other, 0, "Anything else.")},
	{FIELD_U(struct exits_info, total, 0, "All of them.")},
};
static const struct field_table exits_table = FIELD_TABLE(
	struct exits_info, "exits", "How often the VP left the guest, by reason.", exits_fields);

static const struct field vcpu_fields[] = {
	{FIELD_U(struct vcpu_info, vp, 0, "VP index (VP_INDEX, TLFS 7.8.1).")},
	{FIELD_U(struct vcpu_info, apic_id, 0, "Local APIC id.")},
	{FIELD_E(struct vcpu_info, state, 0, vcpu_states,
		"running: in the guest or in an exit; parked: the VM is paused or stopped.")},
	{FIELD_O(struct vcpu_info, exits, 0, &exits_table, "Exits by reason.")},
	{FIELD_U(struct vcpu_info, runtime_100ns, 0,
		"CPU time of the VP's thread in 100 ns units (VP_RUNTIME, TLFS 7.8.2).")},
	{FIELD_U(struct vcpu_info, msr_faults, FIELD_NULLABLE,
		"Synthetic MSR accesses answered with #GP; null in mode kernel, KVM tells of none.")},
	{FIELD_U(struct vcpu_info, hypercall_faults, FIELD_NULLABLE,
		"Hypercalls answered with #UD; null in mode kernel, KVM tells of none.")},
	{FIELD_U(struct vcpu_info, long_spin_waits, 0, "HvNotifyLongSpinWait calls.")},
};
static const struct field_table vcpu_table = FIELD_TABLE(
	struct vcpu_info, "vp", "A virtual processor.", vcpu_fields);

static struct exits_info exits_info(const struct vcpu *vcpu)
{
	uint64_t count[VCPU_EXIT_COUNT];
	struct exits_info info = {0};

	for (unsigned i = 0; i < VCPU_EXIT_COUNT; i++) {
		count[i] = atomic_load_explicit(&vcpu->exits[i], memory_order_relaxed);
		info.total += count[i];
	}
	info.io = count[VCPU_EXIT_IO];
	info.mmio = count[VCPU_EXIT_MMIO];
	info.msr_read = count[VCPU_EXIT_MSR_READ];
	info.msr_write = count[VCPU_EXIT_MSR_WRITE];
	info.hypercall = count[VCPU_EXIT_HYPERCALL];
	info.hlt = count[VCPU_EXIT_HLT];
	info.interrupted = count[VCPU_EXIT_INTERRUPTED];
	info.other = count[VCPU_EXIT_OTHER];
	return info;
}

static int vcpu_get(void *owner, const uint64_t *key, void *ret_info)
{
	struct vcpu *vcpu = vm_vcpu(owner, key[0]);
	bool kernel = ((struct vm *)owner)->synic_mode == SYNIC_MODE_KERNEL;

	if (!vcpu)
		return -ENOENT;
	vcpu_update_runtime(vcpu);
	*(struct vcpu_info *)ret_info = (struct vcpu_info){
		.vp = vcpu->index,
		.apic_id = vcpu->apic_id,
		.state = (uint32_t)atomic_load(&vcpu->state),
		.exits = exits_info(vcpu),
		.runtime_100ns = atomic_load(&vcpu->runtime_100ns),
		.msr_faults = kernel ? UINT64_MAX : atomic_load(&vcpu->msr_faults),
		.hypercall_faults = kernel ? UINT64_MAX : atomic_load(&vcpu->hypercall_faults),
		.long_spin_waits = atomic_load(&vcpu->long_spin_waits),
	};
	return 0;
}

static void vcpu_list(void *owner, const uint64_t *key, unsigned fixed, const uint64_t *after,
	node_visit_fn visit, void *arg)
{
	struct vcpu_info info;

	for (uint64_t vp = after ? *after + 1 : 0; vcpu_get(owner, &vp, &info) == 0; vp++) {
		if ((fixed == 0 || vp == key[0]) && visit(arg, &vp, &info))
			return;
	}
}

const struct node_class vcpu_node_class = {
	.path = "vps/{vp}",
	.fields = &vcpu_table,
	.key_count = 1,
	.get = vcpu_get,
	.list = vcpu_list,
};

/* vps/{vp}/cpu, on the VP's thread */

static const struct field cpu_fields[] = {
	{FIELD_U(struct cpu_info, vp, 0, "VP index.")},
	{FIELD_X(struct cpu_info, rip, 0, "Instruction pointer.")},
	{FIELD_X(struct cpu_info, rsp, 0, "Stack pointer.")},
	{FIELD_X(struct cpu_info, rflags, 0, "Flags; bit 9 is IF, interrupts enabled.")},
	{FIELD_X(struct cpu_info, cr0, 0, "Control register 0; bit 31 is paging.")},
	{FIELD_X(struct cpu_info, cr3, 0, "Control register 3, the page table.")},
	{FIELD_X(struct cpu_info, cr4, 0, "Control register 4.")},
	{FIELD_X(struct cpu_info, efer, 0, "EFER; bit 10 is long mode active.")},
	{FIELD_B(struct cpu_info, halted, 0, "The VP waits in HLT.")},
	{FIELD_B(struct cpu_info, apic_enabled, 0, "The local APIC is enabled by software.")},
	{FIELD_X(struct cpu_info, tpr, 0, "Task priority of the local APIC.")},
	{FIELD_X(struct cpu_info, vp_assist_page, 0,
		"VP_ASSIST_PAGE, MSR 0x40000073 (TLFS 7.8.7): bit 0 enable, 63:12 page frame.")},
	{FIELD_A(struct cpu_info, irr, irr_count, NULL, "Vectors requested, not taken yet.")},
	{FIELD_A(struct cpu_info, isr, isr_count, NULL, "Vectors in service: taken, no EOI yet.")},
};
static const struct field_table cpu_table = FIELD_TABLE(struct cpu_info, "cpu",
	"Registers and local APIC of a VP, between two instructions.", cpu_fields);

static uint32_t vectors_of(const uint64_t bits[4], uint32_t vectors[256])
{
	uint32_t count = 0;

	for (uint32_t v = 0; v < 256; v++) {
		if (bits[v / 64] & BIT64(v % 64))
			vectors[count++] = v;
	}
	return count;
}

static int cpu_get(void *owner, const uint64_t *key, void *ret_info)
{
	struct vcpu *vcpu = vm_vcpu(owner, key[0]);
	struct cpu_info *info = ret_info;
	struct vcpu_cpu_state cpu;
	int r = vcpu ? vcpu_cpu_state(vcpu, &cpu) : -ENOENT;

	if (r < 0)
		return r;
	*info = (struct cpu_info){
		.vp = vcpu->index,
		.rip = cpu.regs.rip,
		.rsp = cpu.regs.rsp,
		.rflags = cpu.regs.rflags,
		.cr0 = cpu.regs.cr0,
		.cr3 = cpu.regs.cr3,
		.cr4 = cpu.regs.cr4,
		.efer = cpu.regs.efer,
		.halted = cpu.regs.halted,
		.apic_enabled = cpu.lapic.enabled,
		.tpr = cpu.lapic.tpr,
		.vp_assist_page = cpu.vp_assist_page,
	};
	info->irr_count = vectors_of(cpu.lapic.irr, info->irr);
	info->isr_count = vectors_of(cpu.lapic.isr, info->isr);
	return 0;
}

const struct node_class vcpu_cpu_node_class = {
	.path = "vps/{vp}/cpu",
	.fields = &cpu_table,
	.key_count = 1,
	.on_vcpu = vcpu_sample_cpu,
	.get = cpu_get,
};
