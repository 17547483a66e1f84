/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The run loop of a VP. Registers come out with every exit through the shared page (sync regs), so
 * that a hypercall costs one KVM_RUN and no other system call.
 *
 * An exit is only half of an instruction: KVM finishes it when it is called again. Therefore the
 * loop never stops at an exit it has handled; it goes back into KVM_RUN, which finishes the
 * instruction and then sees immediate_exit. So a VP whose kvm_vcpu_run() has returned always stands
 * between two instructions, and its registers may be read, or overwritten by a reset.
 *
 * Kicks: the kicker sets immediate_exit, then sends a signal. The VP clears immediate_exit before
 * it tests vcpu_kicked() and the auto-EOI vectors, so whatever it did not see yet will find it with
 * immediate_exit set or inside KVM_RUN.
 */
#include "vmm/kvm_backend.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "hvdef/hv_msr.h"
#include "vmm/vm.h"

enum { CR0_PE = 1 << 0, EFER_LMA = 1 << 10, VECTOR_UD = 6 };

struct kvm_vcpu *kvm_vcpu_of(const struct vcpu *vcpu)
{
	return vcpu->accel;
}

/* kicks */

static void on_kick_signal(int signal)
{
}

int kvm_kick_signal(void)
{
	return SIGRTMIN;
}

int kvm_kick_signal_init(void)
{
	struct sigaction action = {.sa_handler = on_kick_signal, .sa_flags = SA_RESTART};

	sigemptyset(&action.sa_mask);
	return sigaction(kvm_kick_signal(), &action, NULL) < 0 ? -errno : 0;
}

static void set_immediate_exit(struct kvm_vcpu *kv, bool on)
{
	__atomic_store_n(&kv->run->immediate_exit, on, __ATOMIC_SEQ_CST);
}

/* A thread id, unlike a pthread_t, may be used after the thread has ended. */
void kvm_vcpu_kick(struct vcpu *vcpu)
{
	struct kvm_vcpu *kv = kvm_vcpu_of(vcpu);
	pid_t tid = atomic_load(&kv->tid);

	set_immediate_exit(kv, true);
	if (tid != 0 && vcpu_current() != vcpu)
		syscall(SYS_tgkill, getpid(), tid, kvm_kick_signal());
}

/* VP thread, first run: from now on signals reach it. */
static void bind_thread(struct kvm_vcpu *kv)
{
	sigset_t set;

	if (atomic_load(&kv->tid) != 0)
		return;
	sigemptyset(&set);
	sigaddset(&set, kvm_kick_signal());
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	atomic_store(&kv->tid, (pid_t)syscall(SYS_gettid));
}

/*
 * An exit is finished, and registers that were changed are taken over, by the next KVM_RUN; with
 * immediate_exit it does nothing else. Returns 0, or what KVM_RUN said instead of -EINTR.
 */
static int finish_exit(struct kvm_vcpu *kv)
{
	int r;

	set_immediate_exit(kv, true);
	r = kvm_ioctl(kv->fd, KVM_RUN, NULL);
	if (r == -EINTR)
		return 0;
	return r < 0 ? r : -EPROTO;
}

void kvm_vcpu_forget_exit(struct kvm_vcpu *kv)
{
	if (kv->run_failed)
		kv->run_failed = finish_exit(kv) < 0;
}

/* faults */

/*
 * Puts #UD in place of the OUT that is being emulated. The OUT must be finished before, lest KVM
 * finish it on top of the exception; RIP then goes back to it, which is where an exception points.
 */
static int inject_ud(struct kvm_vcpu *kv, uint64_t out_rip)
{
	struct kvm_vcpu_events events;
	int r = finish_exit(kv);

	if (r < 0)
		return kvm_stop_ioctl(kv, "KVM_RUN", r, "to finish the OUT of a hypercall");
	r = KVM_MUST(kv, KVM_GET_VCPU_EVENTS, &events, "to inject #UD");
	if (r < 0)
		return r;
	kv->run->s.regs.regs.rip = out_rip;
	r = KVM_MUST(kv, KVM_SET_REGS, &kv->run->s.regs.regs, "to inject #UD");
	if (r < 0)
		return r;
	events.exception.injected = 1;
	events.exception.pending = 0;
	events.exception.nr = VECTOR_UD;
	events.exception.has_error_code = 0;
	return KVM_MUST(kv, KVM_SET_VCPU_EVENTS, &events, "to inject #UD");
}

/* exits: each returns whether to go on into KVM_RUN */

static bool in_long_mode(const struct kvm_sregs *sregs)
{
	return (sregs->efer & EFER_LMA) && sregs->cs.l;
}

/* Where in its page the VP executes; but for 64-bit code, RIP counts from the segment's base. */
static uint64_t page_offset(const struct kvm_sync_regs *sync)
{
	uint64_t base = in_long_mode(&sync->sregs) ? 0 : sync->sregs.cs.base;

	return (base + sync->regs.rip) % HV_PAGE_SIZE;
}

/*
 * Our page's OUT, and no other of that port; KVM's page, in mode kernel, has none. Where RIP stands
 * at the exit differs between KVM's back ends: at the OUT or after it.
 */
static bool is_hypercall(const struct kvm_vcpu *kv)
{
	const struct kvm_run *run = kv->run;
	uint64_t offset = page_offset(&run->s.regs);

	return kv->vcpu->vm->synic_mode == SYNIC_MODE_USER && run->io.port == HYPERCALL_PORT &&
	       run->io.direction == KVM_EXIT_IO_OUT && run->io.size == 4 && run->io.count == 1 &&
	       (offset == HYPERCALL_PAGE_OUT_OFFSET || offset == HYPERCALL_PAGE_RET_OFFSET);
}

static struct hypercall_regs hypercall_regs(const struct kvm_sync_regs *sync)
{
	const struct kvm_regs *regs = &sync->regs;

	return (struct hypercall_regs){
		.rax = regs->rax,
		.rbx = regs->rbx,
		.rcx = regs->rcx,
		.rdx = regs->rdx,
		.rsi = regs->rsi,
		.rdi = regs->rdi,
		.r8 = regs->r8,
		.long_mode = in_long_mode(&sync->sregs),
		.protected_mode = sync->sregs.cr0 & CR0_PE,
		.cpl = sync->sregs.ss.dpl,
	};
}

static bool handle_hypercall(struct kvm_vcpu *kv)
{
	struct kvm_run *run = kv->run;
	struct hypercall_regs regs = hypercall_regs(&run->s.regs);
	uint64_t page_rip = run->s.regs.regs.rip - page_offset(&run->s.regs);

	vcpu_count_exit(kv->vcpu, VCPU_EXIT_HYPERCALL);
	if (hypercall_dispatch(kv->vcpu, 0, &regs) == HV_FAULT_NONE) {
		run->s.regs.regs.rax = regs.rax;
		run->s.regs.regs.rdx = regs.rdx;
		run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
		return true;
	}
	(void)!inject_ud(kv, page_rip + HYPERCALL_PAGE_OUT_OFFSET);
	return false;
}

static bool handle_io(struct kvm_vcpu *kv)
{
	struct kvm_run *run = kv->run;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	bool write = run->io.direction == KVM_EXIT_IO_OUT;

	if (is_hypercall(kv))
		return handle_hypercall(kv);
	vcpu_count_exit(kv->vcpu, VCPU_EXIT_IO);
	for (uint32_t i = 0; i < run->io.count; i++, data += run->io.size) {
		uint32_t value = 0;

		memcpy(&value, data, run->io.size);
		iobus_access(
			&kv->vcpu->vm->iobus, kv->vcpu, run->io.port, run->io.size, write, &value);
		if (!write)
			memcpy(data, &value, run->io.size);
	}
	return true;
}

static bool handle_rdmsr(struct kvm_vcpu *kv)
{
	struct kvm_run *run = kv->run;
	uint64_t value = 0;

	vcpu_count_exit(kv->vcpu, VCPU_EXIT_MSR_READ);
	if (run->msr.index == HV_MSR_VP_RUNTIME)
		vcpu_update_runtime(kv->vcpu);
	run->msr.error = hv_msr_read(kv->vcpu, 0, run->msr.index, &value) != HV_FAULT_NONE;
	run->msr.data = value;
	return true;
}

static bool handle_wrmsr(struct kvm_vcpu *kv)
{
	struct kvm_run *run = kv->run;

	vcpu_count_exit(kv->vcpu, VCPU_EXIT_MSR_WRITE);
	run->msr.error = hv_msr_write(kv->vcpu, 0, run->msr.index, run->msr.data) != HV_FAULT_NONE;
	return true;
}

static bool handle_other(struct kvm_vcpu *kv)
{
	vcpu_count_exit(kv->vcpu, VCPU_EXIT_OTHER);
	switch (kv->run->exit_reason) {
	case KVM_EXIT_SHUTDOWN:
		return kvm_stop_triple_fault(kv);
	case KVM_EXIT_INTERNAL_ERROR:
		return kvm_stop_internal_error(kv);
	case KVM_EXIT_FAIL_ENTRY:
		return kvm_stop_entry_failed(kv);
	case KVM_EXIT_SYSTEM_EVENT:
		return kvm_system_event(kv);
	case KVM_EXIT_IRQ_WINDOW_OPEN:
	case KVM_EXIT_SET_TPR:
		return true;
	}
	return kvm_stop_unknown_exit(kv);
}

static bool handle_exit(struct kvm_vcpu *kv)
{
	switch (kv->run->exit_reason) {
	case KVM_EXIT_IO:
		return handle_io(kv);
	case KVM_EXIT_X86_WRMSR:
		return handle_wrmsr(kv);
	case KVM_EXIT_X86_RDMSR:
		return handle_rdmsr(kv);
	case KVM_EXIT_HYPERV:
		return kvm_synic_exit(kv);
	case KVM_EXIT_MMIO:
		vcpu_count_exit(kv->vcpu, VCPU_EXIT_MMIO);
		return kvm_stop_unmapped(kv);
	case KVM_EXIT_HLT:
		vcpu_count_exit(kv->vcpu, VCPU_EXIT_HLT);
		return true;
	case KVM_EXIT_INTR:
		vcpu_count_exit(kv->vcpu, VCPU_EXIT_INTERRUPTED);
		return false;
	}
	return handle_other(kv);
}

/* KVM_RUN came back with an error: a kick, a VP that waits for its INIT, or the end. */
static int run_ended(struct kvm_vcpu *kv, int error)
{
	if (error != -EINTR && error != -EAGAIN) {
		kv->run_failed = true;
		return kvm_stop_ioctl(kv, "KVM_RUN", error, "immediate_exit %u, after exit %u",
			__atomic_load_n(&kv->run->immediate_exit, __ATOMIC_SEQ_CST),
			kv->run->exit_reason);
	}
	vcpu_count_exit(kv->vcpu, VCPU_EXIT_INTERRUPTED);
	return 0;
}

int kvm_vcpu_run(struct vcpu *vcpu)
{
	struct kvm_vcpu *kv = kvm_vcpu_of(vcpu);

	bind_thread(kv);
	set_immediate_exit(kv, false);
	if (vcpu_kicked(vcpu))
		return 0;
	vm_note_entry(vcpu->vm);
	do {
		if (kvm_auto_eoi_pending(&kv->auto_eoi))
			kvm_auto_eoi_sweep(kv);
		if (ioctl(kv->fd, KVM_RUN, NULL) < 0)
			return run_ended(kv, -errno);
	} while (handle_exit(kv));
	return 0;
}

/* life */

static int tsc_offset_attr(struct kvm_vcpu *kv, unsigned long request, uint64_t *offset)
{
	struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL,
		.attr = KVM_VCPU_TSC_OFFSET,
		.addr = (uintptr_t)offset,
	};

	return kvm_ioctl(kv->fd, request, &attr);
}

/* Every VP gets VP 0's offset, so that one reference time serves all. */
static void share_tsc(struct kvm_vcpu *kv)
{
	struct kvm_vm *kvm = kv->kvm;
	int khz;

	if (kv->vcpu->index > 0) {
		if (kvm->tsc_hz != 0 &&
			tsc_offset_attr(kv, KVM_SET_DEVICE_ATTR, &kvm->tsc_offset) < 0)
			kvm->tsc_hz = 0;
		return;
	}
	khz = kvm_ioctl(kv->fd, KVM_GET_TSC_KHZ, NULL);
	if (khz > 0 && tsc_offset_attr(kv, KVM_GET_DEVICE_ATTR, &kvm->tsc_offset) == 0)
		kvm->tsc_hz = (uint64_t)khz * 1000;
}

/* KVM's paravirtual MSRs are not announced in CPUID: then they must not work either. */
static void hide_kvm_msrs(struct kvm_vcpu *kv)
{
	struct kvm_enable_cap enable = {.cap = KVM_CAP_ENFORCE_PV_FEATURE_CPUID, .args = {1}};

	if (kvm_ioctl(kv->fd, KVM_ENABLE_CAP, &enable) < 0)
		return; /* an older KVM: harmless, nobody looks for what is not announced */
}

/* Mode kernel. */
static int init_hyperv(struct kvm_vcpu *kv)
{
	int r = kvm_synic_init(kv);

	return r < 0 ? r : kvm_cpuid_init_hyperv(kv);
}

int kvm_vcpu_init(struct vcpu *vcpu)
{
	struct kvm_vm *kvm = kvm_of(vcpu->vm);
	struct kvm_vcpu *kv = calloc(1, sizeof(*kv));
	void *run;

	if (!kv)
		return -ENOMEM;
	vcpu->accel = kv;
	kv->vcpu = vcpu;
	kv->kvm = kvm;
	kvm_auto_eoi_init(&kv->auto_eoi);
	kv->fd = ioctl(kvm->fd, KVM_CREATE_VCPU, (unsigned long)vcpu->index);
	if (kv->fd < 0)
		return -errno;
	run = mmap(NULL, kvm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, kv->fd, 0);
	if (run == MAP_FAILED)
		return -errno;
	kv->run = run;
	kv->run->kvm_valid_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
	hide_kvm_msrs(kv);
	share_tsc(kv);
	return vcpu->vm->synic_mode == SYNIC_MODE_KERNEL ? init_hyperv(kv) : 0;
}

void kvm_vcpu_deinit(struct vcpu *vcpu)
{
	struct kvm_vcpu *kv = kvm_vcpu_of(vcpu);

	if (!kv)
		return;
	kvm_auto_eoi_deinit(&kv->auto_eoi);
	if (kv->run)
		munmap(kv->run, kv->kvm->run_size);
	if (kv->fd >= 0)
		close(kv->fd);
	free(kv);
	vcpu->accel = NULL;
}
