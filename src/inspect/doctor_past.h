/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What samples cannot show: in which of the last seconds hvd's main loop and the VPs' threads had no
 * time, be it that the host gave them no processor or that the VM was paused.
 *
 *	once a second, asked or not: each thread's times of now --against those of before--> one bit
 *
 * Purpose: lost_seconds of the threads of a sample (doctor/progress.h).
 * Threads: the main loop.
 * Errors:  -ENOMEM and those of a timer.
 */
#include <stdint.h>
#include "common/util.h"

struct doctor_past;
struct doctor_sample;
struct loop;
struct vm;

/* Both are borrowed; it goes on until it is stopped. */
int doctor_past_new(struct loop *loop, struct vm *vm, struct doctor_past **ret_past) MUST_CHECK;
/* The VM may go afterwards. NULL is fine. Idempotent. */
void doctor_past_stop(struct doctor_past *past);
/* NULL is fine; returns NULL. */
struct doctor_past *doctor_past_free(struct doctor_past *past);
/* The main loop was woken so much later than it wanted, for somebody else. */
void doctor_past_note_late(struct doctor_past *past, uint64_t late_ns);
/* Into the threads that the sample holds. */
void doctor_past_fill(const struct doctor_past *past, struct doctor_sample *sample);
