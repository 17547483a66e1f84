/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The machine's part of a sample of the doctor: VPs, the SINT of the bus on each, the monitor page.
 *
 * Purpose: fill machine and vps of a struct doctor_sample (doctor/model.h).
 * Threads: any; short locks, no waiting.
 * Errors:  none: what is not known is said to be so in the sample.
 */
#include <stdint.h>
#include <sys/types.h>

struct doctor_sample;
struct doctor_thread;
struct vm;

/*
 * `sint` 0-15: the one that the bus uses. `answered`: bit per VP whose registers were read for this
 * sample, by the functions of vcpu_sample.h.
 */
void vm_doctor_sample(
	struct vm *vm, unsigned sint, uint64_t answered, struct doctor_sample *sample);
/* Of this process; 0: one that has not run yet. */
void vm_doctor_thread(pid_t tid, struct doctor_thread *ret_thread);
/* Of a VP; not present: it has none. */
void vm_doctor_vp_thread(struct vm *vm, uint32_t vp, struct doctor_thread *ret_thread);
