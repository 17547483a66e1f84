/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A fiber runs between sim_fiber_enter() and sim_fiber_leave(), which only exchange stack pointers
 * (sim_switch.S). Starting it again drops whatever stood on its stack: no destructor runs, so a
 * guest must own nothing. The sanitizers keep shadow state per stack and are told of every switch.
 */
#include "vmm/sim_fiber.h"

#include <errno.h>
#include <sys/mman.h>

#ifndef __has_feature
#define __has_feature(feature) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define HAVE_ASAN 1
#else
#define HAVE_ASAN 0
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#include <sanitizer/tsan_interface.h>
#define HAVE_TSAN 1
#else
#define HAVE_TSAN 0
#endif

/* sim_switch.S */
void sim_fiber_switch(void **ret_stack, void *stack);
void sim_fiber_begin(void);

enum { GUARD_BYTES = 4096, STACK_BYTES = 256 * 1024 };

static uint8_t *stack_of(const struct sim_fiber *fiber)
{
	return fiber->mapping + GUARD_BYTES;
}

/* ---- what the sanitizers are told ---------------------------------------- */

/* The abandoned frames' red zones must not outlive them. */
static void forget_frames(struct sim_fiber *fiber)
{
#if HAVE_ASAN
	__asan_unpoison_memory_region(stack_of(fiber), STACK_BYTES);
#endif
#if HAVE_TSAN
	if (fiber->tsan_inside)
		__tsan_destroy_fiber(fiber->tsan_inside);
	fiber->tsan_inside = NULL;
#endif
}

static void before_enter(struct sim_fiber *fiber)
{
#if HAVE_ASAN
	__sanitizer_start_switch_fiber(&fiber->outside_fake_stack, stack_of(fiber), STACK_BYTES);
#endif
#if HAVE_TSAN
	fiber->tsan_outside = __tsan_get_current_fiber();
	__tsan_switch_to_fiber(fiber->tsan_inside, 0);
#endif
}

static void entered(struct sim_fiber *fiber)
{
#if HAVE_ASAN
	__sanitizer_finish_switch_fiber(
		fiber->inside_fake_stack, &fiber->outside_stack, &fiber->outside_stack_bytes);
#endif
}

static void before_leave(struct sim_fiber *fiber)
{
#if HAVE_ASAN
	__sanitizer_start_switch_fiber(
		&fiber->inside_fake_stack, fiber->outside_stack, fiber->outside_stack_bytes);
#endif
#if HAVE_TSAN
	__tsan_switch_to_fiber(fiber->tsan_outside, 0);
#endif
}

static void left(struct sim_fiber *fiber)
{
#if HAVE_ASAN
	__sanitizer_finish_switch_fiber(fiber->outside_fake_stack, NULL, NULL);
#endif
}

/* ---- the fiber ----------------------------------------------------------- */

int sim_fiber_init(struct sim_fiber *fiber)
{
	void *mapping = mmap(NULL, GUARD_BYTES + STACK_BYTES, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (mapping == MAP_FAILED)
		return -errno;
	fiber->mapping = mapping;
	return mprotect(mapping, GUARD_BYTES, PROT_NONE) < 0 ? -errno : 0;
}

void sim_fiber_deinit(struct sim_fiber *fiber)
{
	if (!fiber->mapping)
		return;
	forget_frames(fiber);
	munmap(fiber->mapping, GUARD_BYTES + STACK_BYTES);
	fiber->mapping = NULL;
}

static void fiber_main(struct sim_fiber *fiber)
{
	entered(fiber);
	fiber->fn(fiber->arg);
	__builtin_unreachable();
}

/* What sim_fiber_switch() pops from a new stack. */
struct first_frame {
	uint64_t r15, r14, r13, r12, rbx, rbp;
	uint64_t return_to;
	uint64_t padding[2]; /* the call in sim_fiber_begin() wants the stack aligned */
};

void sim_fiber_start(struct sim_fiber *fiber, void (*fn)(void *arg), void *arg)
{
	struct first_frame *frame = (void *)(stack_of(fiber) + STACK_BYTES - sizeof(*frame));

	forget_frames(fiber);
	fiber->fn = fn;
	fiber->arg = arg;
	fiber->inside_fake_stack = NULL;
#if HAVE_TSAN
	fiber->tsan_inside = __tsan_create_fiber(0);
#endif
	*frame = (struct first_frame){
		.r12 = (uintptr_t)fiber,
		.r13 = (uintptr_t)fiber_main,
		.return_to = (uintptr_t)sim_fiber_begin,
	};
	fiber->inside = frame;
}

void sim_fiber_enter(struct sim_fiber *fiber)
{
	before_enter(fiber);
	sim_fiber_switch(&fiber->outside, fiber->inside);
	left(fiber);
}

void sim_fiber_leave(struct sim_fiber *fiber)
{
	before_leave(fiber);
	sim_fiber_switch(&fiber->inside, fiber->outside);
	entered(fiber);
}
