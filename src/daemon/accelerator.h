/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Purpose: choose what runs the VPs and who holds the SynIC.
 * Threads: main thread.
 * Errors:  0, or 1 with a problem (EX_UNAVAILABLE naming /dev/kvm and the errno, or the capability
 *          that KVM lacks).
 */
#include "daemon/options.h"
#include "vmm/accel.h"

struct accelerator {
	const struct accel *accel;
	enum synic_mode synic_mode;
	bool enforce_cpuid; /* see struct vm_config */
};

int accelerator_choose(const struct options *options, struct accelerator *ret_accelerator,
	struct problem *ret_problem) MUST_CHECK;
