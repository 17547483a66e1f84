/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Overlay pages: SIMP, SIEFP, hypercall, VP assist and reference TSC page.
 *
 * An overlay has contents of its own that follow it when it moves; the RAM below is hidden while
 * it is enabled and reappears unchanged afterwards (TLFS 5.2.1). We swap contents by copy: while
 * enabled and on top, the contents live in the guest's RAM page and the RAM's own contents are
 * kept aside. Several overlays on one page stack: the one enabled last is visible, the others keep
 * living in their private buffers, and hypervisor-side accesses go to wherever they live.
 *
 * Purpose: real overlay semantics without memory-slot churn.
 * Threads: overlay_set() under the owner's lock NOT held: it takes overlays.lock, then for each
 *          overlay it moves that overlay's own `lock`. `page` is read under that `lock`.
 * Errors:  -EFAULT when the GPA is not RAM (the guest gets #GP; nothing changes).
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include "common/util.h"
#include "hvdef/hv_synic.h"

struct guest_memory;

struct overlay {
	pthread_mutex_t *lock; /* borrows: the owner's lock, guards `page` and `enabled` */
	bool enabled;
	uint64_t gpa;
	uint8_t *page; /* where the contents live now: in guest RAM or == contents */
	TAILQ_ENTRY(overlay) link; /* guarded by overlays.lock; top of the stack last */
	uint8_t below[HV_PAGE_SIZE]; /* the RAM under the bottom overlay of a page */
	uint8_t contents[HV_PAGE_SIZE] __attribute__((aligned(8)));
};

struct overlays {
	pthread_mutex_t lock;
	struct guest_memory *memory; /* borrows */
	TAILQ_HEAD(, overlay) active;
};

void overlays_init(struct overlays *overlays, struct guest_memory *memory);
void overlays_deinit(struct overlays *overlays);
/* `lock` is the owner's. Contents start zeroed, disabled. */
void overlay_init(struct overlay *overlay, pthread_mutex_t *lock);
/* Enables at `gpa` (page aligned), moves, or disables. */
int overlay_set(struct overlays *overlays, struct overlay *overlay, bool enable, uint64_t gpa) MUST_CHECK;
/* Disables and zeroes: VP or VM reset. */
void overlay_reset(struct overlays *overlays, struct overlay *overlay);
