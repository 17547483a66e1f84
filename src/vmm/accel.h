/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Accelerator backends: what runs VPs and delivers interrupts.
 *
 * `kvm` (kvm*.c) runs real guests; `sim` (sim*.c) runs software guests without /dev/kvm. Who holds
 * SynIC state (enum synic_mode) is a property of the VM: in `user` and `sim` it is synic.c's; in
 * `kernel` the registers and timers of VTL 0 are KVM's, and synic.c keeps the queues, writes the
 * slots and mirrors the registers.
 *
 * Purpose: the narrow interface below which <linux/kvm.h> may be included.
 * Threads: noted per operation.
 * Errors:  0 or a negative errno of the system call.
 */
#include <stdbool.h>
#include <stdint.h>
#include "common/util.h"

struct vm;
struct vcpu;

enum synic_mode { SYNIC_MODE_USER, SYNIC_MODE_KERNEL, SYNIC_MODE_SIM };

enum gsi_kind { GSI_NONE, GSI_MSI, GSI_HV_SINT };

/* One entry of the GSI table (gsi.h owns the table). */
struct gsi_entry {
	enum gsi_kind kind;
	uint32_t vp;  /* GSI_HV_SINT: VP index; GSI_MSI: the VP whose APIC id is the destination */
	uint8_t sint; /* GSI_HV_SINT */
	uint8_t vector; /* GSI_MSI: fixed, edge */
};

/* LAPIC bits of interest, for inspection. Bit v of irr/isr: word v / 64, bit v % 64. */
struct vcpu_lapic {
	uint32_t apic_id;
	uint64_t irr[4], isr[4];
	uint8_t tpr;
	bool enabled;
};

struct vcpu_regs {
	uint64_t rip, rsp, rflags, cr0, cr3, cr4, efer;
	bool halted;
};

/* Entries of accel->capabilities() at most. */
enum { ACCEL_CAPABILITIES_MAX = 64 };

/* A capability of the host's KVM, for people: probed once, when the VM is made. */
struct accel_capability {
	const char *name; /* "HYPERV_SYNIC2", as in KVM_CAP_HYPERV_SYNIC2 */
	uint32_t number;
	int value;        /* what KVM_CHECK_EXTENSION says; 0: absent */
	bool needed;      /* the mode this VM runs in cannot do without */
};

/* A register and its value: see hv_msrs_read(). */
struct msr_value {
	uint32_t index;
	uint64_t value;
};

struct accel {
	const char *name; /* "kvm" or "sim" */

	int (*vm_init)(struct vm *vm);    /* main thread, after memory exists */
	void (*vm_deinit)(struct vm *vm); /* main thread, no VP thread left; takes half-built VMs */

	int (*vcpu_init)(struct vcpu *vcpu);    /* main thread, in VP-index order */
	void (*vcpu_deinit)(struct vcpu *vcpu); /* main thread; takes half-built VPs */
	/*
	 * VP thread, before the first run and at every reset: puts registers, LAPIC and MSRs to
	 * their power-on state; VP 0 then to vm->boot. The reference time (vm->reftime) is known by
	 * then.
	 */
	int (*vcpu_reset)(struct vcpu *vcpu);
	/*
	 * VP thread: runs the guest until vcpu_kicked() or until an exit that ends the VM (the stop
	 * has then been requested with its reason). Returns 0 to be called again after mailbox
	 * work; a negative errno stops the VM.
	 */
	int (*vcpu_run)(struct vcpu *vcpu);
	/* Any thread, after vcpu->kicked was set: makes vcpu_run return soon. Never blocks. */
	void (*vcpu_kick)(struct vcpu *vcpu);
	/* Main thread, all VPs parked: puts the interrupt controllers to their power-on state. */
	int (*vm_reset)(struct vm *vm);

	/*
	 * Any thread, may be called with a SynIC lock held: asserts a fixed, edge interrupt. Never
	 * blocks. With `auto_eoi` the backend clears the in-service bit itself once it is taken.
	 */
	int (*assert_vector)(struct vcpu *vcpu, uint8_t vector, bool auto_eoi);

	/*
	 * Mode kernel. Any thread, may be called with a SynIC lock held, never blocks: asserts a SINT
	 * of VTL 0 through its GSI, which is routed to it. 0: asserted, or lost in an APIC that is off,
	 * as on hardware. -EPERM: the SINT is masked. KVM looks at neither SCONTROL, polling nor
	 * proxy.
	 */
	int (*assert_sint)(struct vcpu *vcpu, uint32_t gsi);
	/*
	 * Mode kernel, VP thread: reads synthetic MSRs as KVM holds them, in one call. A register
	 * this KVM lacks reads as 0.
	 */
	int (*hv_msrs_read)(struct vcpu *vcpu, struct msr_value *msrs, unsigned count);
	/*
	 * Mode kernel, any thread: from now on (or no longer) HvSignalEvent with this connection id
	 * and flag 0 signals `fd` without leaving the kernel. On return of the second form no signal
	 * comes any more. -EEXIST, -ENOENT, -EINVAL as KVM says. NULL: no such thing.
	 */
	int (*signal_eventfd)(struct vm *vm, uint32_t connection_id, int fd, bool assign);

	/*
	 * Mode kernel, any thread: the partition's reference time (100 ns) as the guest reads it
	 * from KVM. 0 or a negative errno.
	 */
	int (*reference_time)(struct vm *vm, uint64_t *ret_100ns);

	/*
	 * Any thread, never blocks: level of a legacy interrupt line (0-15). NULL: no such lines.
	 */
	int (*irq_line)(struct vm *vm, unsigned irq, bool level);

	/*
	 * Under the GSI table's lock: replaces the whole routing table. NULL if there are no GSIs.
	 */
	int (*gsi_commit)(
		struct vm *vm, const struct gsi_entry *entries, uint32_t first_gsi, uint32_t count);
	/*
	 * Binds an eventfd to a GSI (ack_fd -1: none) or, with assign false, unbinds it. NULL: no
	 * irqfd.
	 */
	int (*irqfd)(struct vm *vm, int set_fd, int ack_fd, uint32_t gsi, bool assign);

	/* Any thread: what the host offers, constant. NULL: nothing to tell. */
	unsigned (*capabilities)(const struct vm *vm, const struct accel_capability **ret_first);

	/* VP thread (mailbox). */
	int (*vcpu_lapic)(struct vcpu *vcpu, struct vcpu_lapic *ret_lapic);
	int (*vcpu_regs)(struct vcpu *vcpu, struct vcpu_regs *ret_regs);

	/*
	 * Hz of a guest TSC that is constant and shared by all VPs, once VP 0 exists; 0 or NULL:
	 * none.
	 */
	uint64_t (*tsc_hz)(struct vm *vm);
	/* Any thread: the guest's TSC now, for the reference counter. */
	uint64_t (*guest_tsc)(struct vm *vm);
};

extern const struct accel accel_kvm;
extern const struct accel accel_sim;

enum accel_condition { ACCEL_E_MISSING = 1 };

/*
 * Whether a VM of this mode (kernel or user) can be made here; `enforce_cpuid` as in struct
 * vm_config. 0: yes. ACCEL_E_MISSING: KVM lacks a capability, whose name without KVM_CAP_ is in
 * `ret_missing`, a constant. Negative: the errno of /dev/kvm. Any thread.
 */
int accel_kvm_probe(
	enum synic_mode mode, bool enforce_cpuid, const char **ret_missing) MUST_CHECK;
