/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The machine: memory, VPs, ports, GSIs, routes, devices, and its life.
 *
 *	created -> running <-> paused -> stopped       reset: stopped -> running; paused stays
 *
 * Purpose: own everything of one VM and drive its lifecycle.
 * Threads: lifecycle functions on the main loop; vm_request_stop() and vm_request_reset() from any
 *          thread, they only note the request and wake the main loop.
 * Errors:  negative errno; positive enum vm_condition for the direct caller.
 *
 * A VM that stopped keeps its memory, its SynICs and its reason, so that it can be inspected.
 */
#include <stdatomic.h>
#include <stdint.h>
#include <sys/queue.h>
#include "common/clock.h"
#include "common/loop.h"
#include "common/node.h"
#include "common/record.h"
#include "vmm/accel.h"
#include "vmm/fault.h"
#include "vmm/capture.h"
#include "vmm/gsi.h"
#include "vmm/hypercall.h"
#include "vmm/iobus.h"
#include "vmm/memory.h"
#include "vmm/monitor.h"
#include "vmm/msr.h"
#include "vmm/overlay.h"
#include "vmm/ports.h"
#include "vmm/reftime.h"
#include "vmm/sint_route.h"
#include "vmm/vcpu.h"

enum { VM_MAX_VPS = 64 };

enum vm_state { VM_CREATED, VM_RUNNING, VM_PAUSED, VM_STOPPED };

enum vm_stop_reason {
	VM_STOP_NONE,
	VM_STOP_REQUESTED,  /* API, signal */
	VM_STOP_DEBUG_EXIT, /* code: the exit status */
	VM_STOP_POWER_OFF,
	VM_STOP_TRIPLE_FAULT,
	VM_STOP_UNMAPPED_ACCESS, /* gpa, size, write, rip */
	VM_STOP_INTERNAL_ERROR,  /* code: KVM suberror */
	VM_STOP_ENTRY_FAILED,    /* code: hardware reason */
	VM_STOP_IOCTL_FAILED,    /* ioctl, arguments, error */
	VM_STOP_GUEST_ENDED,     /* sim: the software guest returned */
};

struct vm_stop {
	enum vm_stop_reason reason;
	int error; /* negative errno or 0 */
	uint64_t code;
	uint32_t vp; /* RECORD_NO_VP: no VP to blame */
	uint64_t rip, gpa;
	uint32_t size;
	bool write;
	char ioctl[32];     /* its name, or empty */
	char arguments[96]; /* of the ioctl, those that matter */
	char what[192];     /* one sentence, for people */
};

/* Nothing known yet: all ones stand for "unknown" in vp, rip, gpa and size. */
#define VM_STOP_UNKNOWN .vp = UINT32_MAX, .rip = UINT64_MAX, .gpa = UINT64_MAX, .size = UINT32_MAX
#define VM_STOP(why)    ((struct vm_stop){VM_STOP_UNKNOWN, .reason = (why)})

enum vm_condition { VM_E_WRONG_STATE = 1 };

enum vm_boot_mode {
	VM_BOOT_PROTECTED, /* 32 bits, flat, paging off: multiboot 1 */
	VM_BOOT_LONG,      /* 64 bits, paging on: Linux */
};

/*
 * How VP 0 starts: filled by the image loader, applied at every reset. Interrupts are off.
 *
 *	VM_BOOT_PROTECTED  code in selector 0x08, data in 0x10; EAX, EBX
 *	VM_BOOT_LONG       code in selector 0x10, data in 0x18, both also in the GDT; CR3, RSI
 */
struct vm_boot {
	bool loaded;
	enum vm_boot_mode mode;
	uint64_t entry;
	uint32_t eax, ebx;
	uint64_t rsi, cr3, gdt_gpa;
	char format[16]; /* "multiboot1", "linux", "software" */
	char image[256]; /* path or "built-in" */
	char command_line[2048];
	int (*load)(struct vm *vm); /* (re)writes the image into RAM; NULL: nothing to load */
	void *data;                 /* owns via `data_free` */
	void (*data_free)(void *data);
};

/* Selectors of VM_BOOT_LONG, as Linux wants them, and the descriptors that belong there. */
enum { VM_BOOT_LONG_CODE = 0x10, VM_BOOT_LONG_DATA = 0x18, VM_BOOT_GDT_BYTES = 0x20 };
#define VM_BOOT_CODE_DESCRIPTOR UINT64_C(0x00af9b000000ffff)
#define VM_BOOT_DATA_DESCRIPTOR UINT64_C(0x00cf93000000ffff)

/*
 * A device with state to put back. Embedded in the device. One that owns ports or routes must be
 * freed, and so removed, before the VM; another may outlive it.
 */
struct vm_device {
	TAILQ_ENTRY(vm_device) link;
	/*
	 * Main thread, no VP runs: power-on state. It must not run the loop: another lifecycle
	 * change may wait there, and would take place in the middle of this one.
	 */
	void (*reset)(struct vm_device *device);
};

struct vm_config {
	const char *name;
	unsigned vp_count; /* 1..64 */
	uint64_t memory_bytes;
	const struct accel *accel;
	enum synic_mode synic_mode;
	bool enforce_cpuid; /* mode kernel: KVM refuses what CPUID does not offer; others always */
	const struct clock *clock; /* outlives the VM */
	struct loop *loop;         /* outlives the VM */
	struct recorder *recorder; /* outlives the VM */
	uint64_t process_start_ns; /* monotonic, first thing in main(); 0: vm_new() */
};

struct vm {
	char name[64];
	struct vm_config config;
	const struct accel *accel;
	enum synic_mode synic_mode;
	const struct clock *clock;
	struct loop *loop;
	struct recorder *recorder;

	struct guest_memory memory;
	struct overlays overlays;
	struct iobus iobus;
	struct ports ports;
	struct gsi_table gsis;
	struct sint_routes routes;
	struct reftime reftime;
	struct hv_partition hv[HV_VTL_COUNT]; /* partition-wide MSRs, per VTL */
	struct hv_privileges lacking;         /* mode kernel: what KVM has not; from vcpu_init */
	struct hypercall_stats hypercalls;
	struct capture capture;
	struct monitor monitor;
	struct faults faults; /* on purpose; none unless somebody adds one */
	struct vm_boot boot;
	bool has_vmbus; /* there is a VMBus to announce; set before the VM runs */

	unsigned vp_count;
	struct vcpu *vcpu[VM_MAX_VPS]; /* owns */

	TAILQ_HEAD(, vm_device) devices; /* borrows; main thread */

	_Atomic int state; /* enum vm_state; written on the main loop */
	uint64_t created_realtime_ns;
	_Atomic uint64_t started_ns;     /* monotonic; first resume, 0 before */
	_Atomic uint64_t stopped_ns;     /* monotonic; 0 unless stopped */
	_Atomic uint64_t first_entry_ns; /* monotonic; just before the first guest instruction */
	pthread_mutex_t life_lock;       /* leaf; guards stop, stop_requested, reset_requested */
	struct vm_stop stop;             /* valid once stop_requested */
	bool stop_requested, reset_requested;
	_Atomic bool run_allowed; /* VP threads may enter the guest */
	struct loop_work life_work;

	/* Called on the main loop after every state change. */
	void (*on_state)(struct vm *vm, void *arg);
	void *on_state_arg;

	void *accel_data; /* owns, the backend's own part */
};

int vm_new(const struct vm_config *config, struct vm **ret_vm) MUST_CHECK;
/* Stops VPs, completes what is in flight, frees. All ports and routes must have been released. */
struct vm *vm_free(struct vm *vm);

/* created|paused -> running */
int vm_resume(struct vm *vm) MUST_CHECK;
/* running -> paused; waits until every VP has parked, at most 4 seconds (-ETIMEDOUT). */
int vm_pause(struct vm *vm) MUST_CHECK;
/* Puts everything back and boots again; a paused VM stays paused. */
int vm_reset(struct vm *vm) MUST_CHECK;
/* -> stopped, reason requested. */
int vm_shutdown(struct vm *vm) MUST_CHECK;

/* Any thread. The first request wins; the VM stops on the main loop. */
void vm_request_stop(struct vm *vm, const struct vm_stop *stop);
void vm_request_reset(struct vm *vm);

/* Main thread, before the VM runs. */
void vm_add_device(struct vm *vm, struct vm_device *device);
/* Main thread, no VP runs. */
void vm_remove_device(struct vm *vm, struct vm_device *device);

/* VP thread, in the backend: about to enter the guest. */
void vm_note_entry(struct vm *vm);

static inline struct vcpu *vm_vcpu(struct vm *vm, uint64_t index)
{
	return index < vm->vp_count ? vm->vcpu[index] : NULL;
}

extern const struct node_class vm_node_class; /* vm; owner: struct vm */
