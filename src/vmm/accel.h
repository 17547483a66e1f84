/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Accelerator backends: what runs VPs and delivers interrupts.
 *
 * `kvm` (kvm*.c) runs real guests; `sim` (sim*.c) runs software guests without /dev/kvm. Who holds
 * SynIC state (enum synic_mode) is a property of the VM: `user` and `sim` share synic.c; `kernel`
 * mirrors KVM.
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

/* 0 when /dev/kvm can be used, else the negative errno of the open or ioctl that failed. */
int accel_kvm_probe(void) MUST_CHECK;
