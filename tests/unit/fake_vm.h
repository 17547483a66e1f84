/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * A VM put together by hand, with a backend that only remembers what it was asked to do.
 *
 * Purpose: unit tests of everything that hangs off a VM, without KVM, VP threads or real time.
 * Threads: the backend may be called from any; the rest belongs to the test's thread, which is the
 *          main loop's thread too.
 * Errors:  a failure to set up fails the test; fake_vm_fail() makes the backend fail on purpose.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include "common/clock.h"
#include "vmm/vm.h"

enum {
	FAKE_MEMORY_BYTES = 2 << 20,
	FAKE_VECTORS = 1024, /* remembered; later ones are only counted */
	FAKE_IRQFDS = 64,
	FAKE_SIGNALS = 256,
	/* A GPA that no test uses for anything else, one page per VP from there. */
	FAKE_SIMP_GPA = 0x10000,
	FAKE_SIEFP_GPA = 0x60000,
	FAKE_VECTOR = 0x60, /* what fake_vm_enable() gives SINT n: FAKE_VECTOR + n */
};
/* The manual clock starts far ahead, so that timers armed with it never fire by themselves. */
#define FAKE_START_NS (UINT64_C(1) << 62)
#define FAKE_TSC_HZ   UINT64_C(2500000000)

enum fake_call { FAKE_ASSERT, FAKE_COMMIT, FAKE_IRQFD, FAKE_SIGNAL, FAKE_CALLS };

enum fake_option {
	FAKE_WITH_IRQFD = 1 << 0, /* GSIs and irqfds, as KVM has them; else none, as sim */
	FAKE_WITH_TSC = 1 << 1,   /* a TSC of FAKE_TSC_HZ that follows the manual clock */
	FAKE_WITH_SIGNALS = 1 << 2, /* with FAKE_KERNEL: HvSignalEvent through eventfds */
	FAKE_KERNEL = 1 << 3,       /* mode kernel: SINTs are asserted through their GSIs */
};

struct fake_vector {
	uint32_t vp;
	uint8_t vector;
	bool auto_eoi;
};

struct fake_irqfd {
	int set_fd, ack_fd;
	uint32_t gsi;
	bool bound;
};

/* A connection whose signals do not exit. */
struct fake_signal {
	uint32_t connection_id;
	int fd;
};

struct fake_vm {
	struct vm vm;
	struct accel accel;
	struct clock_manual clock;

	pthread_mutex_t lock; /* guards the rest */
	struct fake_vector vectors[FAKE_VECTORS];
	unsigned vector_count;
	struct fake_irqfd irqfds[FAKE_IRQFDS];
	unsigned irqfd_count;
	struct fake_signal signals[FAKE_SIGNALS];
	unsigned signal_count;
	struct gsi_entry gsi[GSI_COUNT]; /* as last committed */
	uint32_t gsi_count;
	unsigned commits;
	uint16_t masked[VM_MAX_VPS]; /* mode kernel: what KVM knows, bit per SINT */
	unsigned sints[VM_MAX_VPS][HV_SINT_COUNT]; /* how often each was asserted */
	unsigned kicks;
	struct {
		unsigned countdown; /* 1: the next call fails */
		int error;
	} failure[FAKE_CALLS];
};

static inline struct fake_vm *fake_vm_of(struct vm *vm)
{
	return container_of(vm, struct fake_vm, vm);
}

/* `options`: enum fake_option. The VM is all zero but for what the init functions made of it. */
struct fake_vm *fake_vm_new(unsigned vp_count, unsigned options);
/* Fails the test when a route, a port or work is left behind. */
void fake_vm_free(struct fake_vm *fake);

/* The `nth` next call (1: the next) fails with `error`, once. */
void fake_vm_fail(struct fake_vm *fake, enum fake_call call, unsigned nth, int error);
/* Moves the clock, then does what the timers of all SynICs would do. */
void fake_vm_advance_ns(struct fake_vm *fake, uint64_t by_ns);
/* Runs what is deferred to the main loop. */
void fake_vm_run_loop(struct fake_vm *fake);

/* HvSignalEvent with flag number 0, as KVM answers it. False: it is a hypercall to be dispatched. */
bool fake_vm_signal(struct fake_vm *fake, uint32_t connection_id);

/*
 * Mode kernel: between these two the test's thread is the VP's, with the guest out. There a VP
 * looks for work, and there KVM's exits are handled.
 */
void fake_vm_enter_vcpu(struct fake_vm *fake, uint32_t vp);
void fake_vm_leave_vcpu(void);
/* Does what the VP's thread was asked to do; false when it was asked for nothing. */
bool fake_vm_work(struct fake_vm *fake, uint32_t vp);
/* The guest wrote one of the registers that exit. */
void fake_vm_sync(
	struct fake_vm *fake, uint32_t vp, uint64_t scontrol, uint64_t siefp, uint64_t simp);
/* The guest wrote EOM: KVM signals all routes of the VP. */
void fake_vm_eom(struct fake_vm *fake, uint32_t vp);

/* How often `vector` was asserted on `vp`. */
unsigned fake_vm_asserted(struct fake_vm *fake, uint32_t vp, uint8_t vector);
unsigned fake_vm_asserted_in_all(struct fake_vm *fake);
/* Records of one kind since the start. */
unsigned fake_vm_recorded(struct fake_vm *fake, uint16_t type);
/* The newest of them; there must be one. */
struct record fake_vm_last_record(struct fake_vm *fake, uint16_t type);

struct synic *fake_vm_synic(struct fake_vm *fake, uint32_t vp);
/* SCONTROL, both pages at FAKE_*_GPA + VP * 4 KiB, all SINTs unmasked. VTL 0. */
void fake_vm_enable(struct fake_vm *fake, uint32_t vp);
/* Guest RAM. */
void *fake_vm_ram(struct fake_vm *fake, uint64_t gpa);
/* The slot and the event flags of a SINT at FAKE_*_GPA, as the guest sees them. */
struct hv_message *fake_vm_slot(struct fake_vm *fake, uint32_t vp, unsigned sint);
struct hv_event_flags *fake_vm_flags(struct fake_vm *fake, uint32_t vp, unsigned sint);
/* What a well-behaved guest does with a message: empties the slot, EOM if pending was set. */
void fake_vm_consume(struct fake_vm *fake, uint32_t vp, unsigned sint);
