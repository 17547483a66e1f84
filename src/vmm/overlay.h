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
 * The RAM's own contents are kept by the bottom overlay of the page:
 *
 *	stack on one page        RAM shows          buffers hold
 *	(none)                   RAM                -
 *	A                        A                  A.below = RAM
 *	A, B (enabled later)     B                  A.below = RAM, A.contents = A
 *	B (A disabled)           B                  B.below = RAM, A.contents = A
 *
 * Purpose: real overlay semantics without memory-slot churn.
 * Threads: any, with the owner's lock NOT held: overlay_set() and overlay_reset() take
 *          overlays.lock, then for each overlay they move that overlay's own `lock`, one at a time.
 *          `page` and `enabled` are read, and `page` is written through, under that `lock`.
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
	pthread_mutex_t *lock; /* borrows: the owner's lock, guards `page`, `enabled`, `gpa` */
	bool enabled;
	bool used;     /* the contents may differ from zero */
	uint64_t gpa;  /* valid while enabled */
	uint8_t *page; /* where the contents live now: in guest RAM or == contents; never NULL */
	TAILQ_ENTRY(overlay) link; /* guarded by overlays.lock; enabled last stands last */
	uint8_t below[HV_PAGE_SIZE]; /* the RAM under the bottom overlay of a page */
	uint8_t contents[HV_PAGE_SIZE] __attribute__((aligned(8)));
};

struct overlays {
	pthread_mutex_t lock;
	struct guest_memory *memory; /* borrows */
	TAILQ_HEAD(overlay_list, overlay) active;
};

void overlays_init(struct overlays *overlays, struct guest_memory *memory);
void overlays_deinit(struct overlays *overlays);
/* `lock` is the owner's; the memory must be zeroed. Contents start zeroed, disabled. */
void overlay_init(struct overlay *overlay, pthread_mutex_t *lock);
/* Enables at `gpa` (page aligned), moves, or disables (`gpa` is then ignored). */
int overlay_set(struct overlays *overlays, struct overlay *overlay, bool enable, uint64_t gpa) MUST_CHECK;
/* Disables and zeroes: VP or VM reset. */
void overlay_reset(struct overlays *overlays, struct overlay *overlay);
