/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Snapshots of the VM and its VPs, as inspection shows them.
 *
 * Purpose: the info structs behind the node classes of vm.h and vcpu.h.
 * Threads: filled from any, under short locks; struct cpu_info from what the VP has read.
 * Errors:  none.
 */
#include <stdbool.h>
#include <stdint.h>
#include "common/node.h"
#include "vmm/accel.h"

struct boot_info {
	bool present;
	char format[16];
	char image[256];
	char command_line[1024];
};

struct stop_info {
	bool present;
	uint32_t reason; /* enum vm_stop_reason */
	uint32_t vp;
	uint64_t rip, gpa;
	uint32_t size;
	bool write;
	uint64_t code;
	int32_t error;
	char ioctl[32], arguments[96], what[192];
};

struct capability_info {
	char name[32];
	uint32_t number, value;
	bool needed;
};

struct vm_info {
	char name[64];
	uint32_t state; /* enum vm_state */
	char accel[8];
	uint32_t synic_mode; /* enum synic_mode */
	bool enforce_cpuid;
	uint32_t vp_count;
	uint64_t memory_bytes;
	uint64_t created;
	uint64_t uptime_ns, first_entry_ns; /* all ones: not yet */
	struct boot_info boot;
	struct stop_info stop;
	uint64_t port_count, gsi_commits, unclaimed_io;
	uint32_t faults_active;
	uint64_t fault_hits;
	struct capability_info capabilities[ACCEL_CAPABILITIES_MAX];
	uint32_t capability_count;
};

struct exits_info {
	uint64_t io, mmio, msr_read, msr_write, hypercall, hlt, interrupted, other, total;
};

struct vcpu_info {
	uint32_t vp, apic_id;
	uint32_t state; /* enum vcpu_state */
	struct exits_info exits;
	uint64_t runtime_100ns;
	uint64_t msr_faults, hypercall_faults; /* all ones: KVM counts no faults */
	uint64_t long_spin_waits;
};

struct cpu_info {
	uint32_t vp;
	uint64_t rip, rsp, rflags, cr0, cr3, cr4, efer;
	bool halted, apic_enabled;
	uint8_t tpr;
	uint64_t vp_assist_page;
	uint32_t irr[256], isr[256];
	uint32_t irr_count, isr_count;
};
