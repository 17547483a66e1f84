/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What the files of the KVM backend share. Only kvm*.c include this header and <linux/kvm.h>.
 *
 *	kvm_caps.c      what the host's KVM can do
 *	kvm.c           VM, memory slots, MSR filter, TSC, the accel table
 *	kvm_irq.c       irqchip, PIT, GSI routes, irqfds, interrupt lines, MSIs
 *	kvm_eventfd.c   HvSignalEvent through eventfds
 *	kvm_cpuid.c     what a VP sees in CPUID
 *	kvm_vcpu.c      a VP: creation, run loop, exits, kicks
 *	kvm_synic.c     mode kernel: KVM's SynIC, and the exits that come of it
 *	kvm_stop.c      exits and failed calls that end the VM
 *	kvm_state.c     power-on state: capture, restore, boot registers, inspection
 *	kvm_auto_eoi.c  auto-EOI over an in-kernel LAPIC
 *	kvm_hv_msrs.c   synthetic MSRs that KVM holds (mode kernel)
 *
 * Purpose: the backend's own parts of struct vm and struct vcpu.
 * Threads: said beside the members.
 * Errors:  0 or a negative errno of the ioctl.
 */
#include <linux/kvm.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>
#include "common/util.h"
#include "hvdef/hv_msr.h"
#include "vmm/accel.h"

struct vcpu;
struct vm;

enum {
	KVM_IRQCHIPS = 3, /* master PIC, slave PIC, IOAPIC */
	KVM_CAPS = 39,    /* capabilities hvd asks for */
};

struct kvm_vm {
	int dev_fd, fd;                         /* own; constant */
	struct accel_capability caps[KVM_CAPS]; /* constant */
	size_t run_size;                        /* of the mapping of struct kvm_run */
	bool eoi_msr;                           /* KVM implements HV_X64_MSR_EOI */
	bool tsc_deadline;                      /* the LAPIC has TSC-deadline mode */
	uint64_t tsc_hz;                        /* 0: the guest TSC is not usable as a clock */
	uint64_t tsc_offset;                    /* guest TSC - host TSC, the same on every VP */
	struct kvm_cpuid2 *cpuid;               /* owns: what KVM supports; constant */
	/* Synthetic MSRs that turned out to be unknown to this KVM, a bit for each; VP threads. */
	_Atomic uint64_t lacking_msrs[HV_MSR_COUNT / 64];
	struct kvm_irqchip irqchip[KVM_IRQCHIPS]; /* power-on state */
	struct kvm_pit_state2 pit;
};

/* MSRs that carry guest state across a reset unless put back. */
enum { KVM_STATE_MSRS = 64 };
/* Layout of struct kvm_msrs, with room. */
struct kvm_msr_block {
	uint32_t count, pad;
	struct kvm_msr_entry entry[KVM_STATE_MSRS];
};
struct kvm_msr_one {
	uint32_t count, pad;
	struct kvm_msr_entry entry;
};

struct kvm_vcpu_state {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	uint8_t xsave[4096] __attribute__((aligned(64))); /* struct kvm_xsave */
	struct kvm_xcrs xcrs;
	struct kvm_debugregs debugregs;
	struct kvm_lapic_state lapic;
	struct kvm_vcpu_events events;
	struct kvm_mp_state mp_state;
	struct kvm_msr_block msrs;
};

struct kvm_auto_eoi {
	_Atomic uint64_t
		pending[4]; /* vectors asserted whose in-service bit is still to be cleared */
	pthread_mutex_t lapic_lock; /* no MSI of ours between reading and writing the LAPIC */
	timer_t timer;              /* valid when `timer_made`; VP thread */
	bool timer_made, timer_armed;
	uint64_t retry_ns;
};

struct kvm_vcpu {
	struct vcpu *vcpu;  /* borrows */
	struct kvm_vm *kvm; /* borrows */
	int fd;             /* owns */
	struct kvm_run
		*run;      /* owns a mapping; shared with the kernel, immediate_exit with kickers */
	_Atomic pid_t tid; /* of the VP thread, 0 before its first run */
	bool captured;     /* VP thread: `power_on` is valid */
	bool run_failed;   /* VP thread: KVM_RUN failed, the exit before it may be unfinished */
	struct kvm_vcpu_state power_on;
	struct kvm_auto_eoi auto_eoi;
};

struct kvm_vm *kvm_of(const struct vm *vm);
struct kvm_vcpu *kvm_vcpu_of(const struct vcpu *vcpu);

/* The result of the ioctl, or a negative errno. */
int kvm_ioctl(int fd, unsigned long request, void *arg);

/* kvm_caps.c */
/* Opens /dev/kvm and asks it for every capability hvd knows, whether or not it has them. */
int kvm_open(enum synic_mode mode, bool enforce_cpuid, struct accel_capability ret_caps[KVM_CAPS],
	int *ret_fd) MUST_CHECK;
void kvm_caps_probe(int dev_fd, enum synic_mode mode, bool enforce_cpuid,
	struct accel_capability ret_caps[KVM_CAPS]);
/* The name of the first capability that is needed and not there, or NULL. */
const char *kvm_caps_missing(const struct accel_capability probed[KVM_CAPS]);
/* What KVM says to KVM_CHECK_EXTENSION; 0: absent. */
int kvm_caps_value(const struct accel_capability probed[KVM_CAPS], uint32_t number);
unsigned kvm_capabilities(const struct vm *vm, const struct accel_capability **ret_first);

/* kvm_irq.c */
int kvm_irq_init(struct kvm_vm *kvm) MUST_CHECK;
int kvm_irq_reset(struct vm *vm) MUST_CHECK;
int kvm_irq_line(struct vm *vm, unsigned irq, bool level) MUST_CHECK;
int kvm_gsi_commit(struct vm *vm, const struct gsi_entry *entries, uint32_t first_gsi,
	uint32_t count) MUST_CHECK;
int kvm_irqfd(struct vm *vm, int set_fd, int ack_fd, uint32_t gsi, bool assign) MUST_CHECK;
/* Sends a fixed, edge interrupt. An APIC that is off loses it, as on hardware. */
int kvm_send_msi(struct kvm_vm *kvm, uint32_t apic_id, uint8_t vector) MUST_CHECK;

/* kvm_eventfd.c */
int kvm_signal_eventfd(struct vm *vm, uint32_t connection_id, int fd, bool assign) MUST_CHECK;

/* kvm_cpuid.c */
int kvm_cpuid_init(struct kvm_vm *kvm) MUST_CHECK;
/* Mode kernel, before the VP runs: what KVM cannot do (vm->lacking), and enforcement. */
int kvm_cpuid_init_hyperv(struct kvm_vcpu *kv) MUST_CHECK;
int kvm_cpuid_apply(struct kvm_vcpu *kv) MUST_CHECK;

/* kvm_vcpu.c */
int kvm_vcpu_init(struct vcpu *vcpu) MUST_CHECK;
void kvm_vcpu_deinit(struct vcpu *vcpu);
int kvm_vcpu_run(struct vcpu *vcpu) MUST_CHECK;
void kvm_vcpu_kick(struct vcpu *vcpu);
/* VP thread, before a reset: KVM must not finish an old exit on top of the new state. */
void kvm_vcpu_forget_exit(struct kvm_vcpu *kv);
/* Installs the handler of the kick signal, which does nothing. */
int kvm_kick_signal_init(void) MUST_CHECK;
int kvm_kick_signal(void);

/* kvm_synic.c */
/* Gives the VP KVM's SynIC; its registers are put right by a reset. */
int kvm_synic_init(struct kvm_vcpu *kv) MUST_CHECK;
int kvm_assert_sint(struct vcpu *vcpu, uint32_t gsi) MUST_CHECK;
int kvm_reference_time(struct vm *vm, uint64_t *ret_100ns) MUST_CHECK;
/* KVM_EXIT_HYPERV and KVM_EXIT_SYSTEM_EVENT; whether to go on into KVM_RUN. */
bool kvm_synic_exit(struct kvm_vcpu *kv);
bool kvm_system_event(struct kvm_vcpu *kv);

/* kvm_stop.c: VP thread; whether the instruction must still be finished */
bool kvm_stop_unmapped(struct kvm_vcpu *kv);
bool kvm_stop_triple_fault(struct kvm_vcpu *kv);
bool kvm_stop_internal_error(struct kvm_vcpu *kv);
bool kvm_stop_entry_failed(struct kvm_vcpu *kv);
bool kvm_stop_unknown_exit(struct kvm_vcpu *kv);
/*
 * A call of KVM failed, and the VM stops with its name (as "KVM_RUN"), the negative
 * errno and those of its arguments that matter. Returns `error`. The first on the VP's thread, the
 * second on any.
 */
int kvm_stop_ioctl(struct kvm_vcpu *kv, const char *name, int error, const char *format, ...)
	PRINTF(4, 5);
int kvm_stop_vm_ioctl(struct vm *vm, const char *name, int error, const char *format, ...)
	PRINTF(4, 5);
/* VP thread: a call of the VP that stops the VM when it fails; `what` it is about, for people. */
#define KVM_MUST(kv, request, arg, what) kvm_must(kv, request, #request, arg, what)
int kvm_must(struct kvm_vcpu *kv, unsigned long request, const char *name, void *arg,
	const char *what) MUST_CHECK;
/* VP thread: sets all registers of the block, or stops the VM and names the one refused. */
int kvm_set_msrs(struct kvm_vcpu *kv, struct kvm_msr_block *block) MUST_CHECK;

/* kvm_state.c */
int kvm_vcpu_reset(struct vcpu *vcpu) MUST_CHECK;
int kvm_vcpu_lapic(struct vcpu *vcpu, struct vcpu_lapic *ret_lapic) MUST_CHECK;
int kvm_vcpu_regs(struct vcpu *vcpu, struct vcpu_regs *ret_regs) MUST_CHECK;

/* kvm_hv_msrs.c: mode kernel, VP thread, guest out */
int kvm_hv_msrs_read(struct vcpu *vcpu, struct msr_value *msrs, unsigned count) MUST_CHECK;
/*
 * Puts the VP's synthetic MSRs, with VP 0 also the partition's, to their reset values. After
 * KVM_CAP_HYPERV_SYNIC2 was enabled. -EIO: KVM refused one; the VM has been told to stop with its
 * name.
 */
int kvm_hv_msrs_reset(struct kvm_vcpu *kv) MUST_CHECK;
/* The guest reported a crash: notes it with its parameters. */
void kvm_hv_crashed(struct kvm_vcpu *kv);

/* kvm_auto_eoi.c */
void kvm_auto_eoi_init(struct kvm_auto_eoi *auto_eoi);
void kvm_auto_eoi_deinit(struct kvm_auto_eoi *auto_eoi);
/* Any thread. */
int kvm_assert_vector(struct vcpu *vcpu, uint8_t vector, bool auto_eoi) MUST_CHECK;
/* VP thread, guest out: ends interrupts that are in service; sees to it that the rest is. */
void kvm_auto_eoi_sweep(struct kvm_vcpu *kv);
/* VP thread, at reset: nothing is in service any more. */
void kvm_auto_eoi_forget(struct kvm_vcpu *kv);

static inline bool kvm_auto_eoi_pending(const struct kvm_auto_eoi *auto_eoi)
{
	uint64_t any = 0;

	for (unsigned i = 0; i < 4; i++)
		any |= atomic_load(&auto_eoi->pending[i]);
	return any != 0;
}

/* Bit v of the 256-bit register that starts at `offset` of the LAPIC page: 16 bytes per 32 bits. */
static inline bool kvm_lapic_bit(
	const struct kvm_lapic_state *lapic, unsigned offset, unsigned vector)
{
	uint8_t byte = (uint8_t)lapic->regs[offset + vector / 32 * 16 + vector % 32 / 8];

	return byte >> vector % 8 & 1;
}

enum { LAPIC_ID = 0x20, LAPIC_TPR = 0x80, LAPIC_SVR = 0xf0, LAPIC_ISR = 0x100, LAPIC_IRR = 0x200 };
