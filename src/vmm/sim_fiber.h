/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * A second stack on one thread, so that a software guest can be left in the middle of its work
 * (for the mailbox, a pause, a stop) and entered again, or abandoned.
 *
 * Purpose: enter and leave, known to ASan and TSan.
 * Threads: enter and leave on one thread; init and deinit while nothing runs on the fiber.
 * Errors:  -errno of mmap.
 */
#include <stddef.h>
#include <stdint.h>
#include "common/util.h"

struct sim_fiber {
	uint8_t *mapping;       /* owns: a guard page, then the stack */
	void *inside, *outside; /* stack pointers while the other one runs */
	void (*fn)(void *arg);
	void *arg;
	/* What the sanitizers want to know; unused without them. */
	void *inside_fake_stack, *outside_fake_stack;
	const void *outside_stack;
	size_t outside_stack_bytes;
	void *tsan_inside, *tsan_outside;
};

int sim_fiber_init(struct sim_fiber *fiber) MUST_CHECK;
/* A zeroed fiber is fine. */
void sim_fiber_deinit(struct sim_fiber *fiber);
/* The next enter starts fn(arg) on an empty stack; whatever ran there before is abandoned. */
void sim_fiber_start(struct sim_fiber *fiber, void (*fn)(void *arg), void *arg);
/* Runs the fiber until it leaves. fn must not return. */
void sim_fiber_enter(struct sim_fiber *fiber);
/* On the fiber: back to whoever entered it. */
void sim_fiber_leave(struct sim_fiber *fiber);
