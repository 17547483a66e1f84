/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/overlay.h"

#include <errno.h>
#include <string.h>
#include "vmm/memory.h"

void overlays_init(struct overlays *overlays, struct guest_memory *memory)
{
	pthread_mutex_init(&overlays->lock, NULL);
	overlays->memory = memory;
	TAILQ_INIT(&overlays->active);
}

void overlays_deinit(struct overlays *overlays)
{
	pthread_mutex_destroy(&overlays->lock);
}

void overlay_init(struct overlay *overlay, pthread_mutex_t *lock)
{
	overlay->lock = lock;
	overlay->page = overlay->contents;
}

static struct overlay *top_at(struct overlays *overlays, uint64_t gpa)
{
	struct overlay *overlay;

	TAILQ_FOREACH_REVERSE(overlay, &overlays->active, overlay_list, link)
	{
		if (overlay->gpa == gpa)
			return overlay;
	}
	return NULL;
}

static struct overlay *bottom_at(struct overlays *overlays, uint64_t gpa)
{
	struct overlay *overlay;

	TAILQ_FOREACH (overlay, &overlays->active, link) {
		if (overlay->gpa == gpa)
			return overlay;
	}
	return NULL;
}

/* Brings the contents from guest RAM into the private buffer. */
static void retract(struct overlay *overlay)
{
	pthread_mutex_lock(overlay->lock);
	guest_page_copy(overlay->contents, overlay->page);
	overlay->page = overlay->contents;
	pthread_mutex_unlock(overlay->lock);
}

/* Brings the contents from the private buffer into guest RAM. */
static void expose(struct overlay *overlay, uint8_t *ram)
{
	pthread_mutex_lock(overlay->lock);
	guest_page_copy(ram, overlay->contents);
	overlay->page = ram;
	pthread_mutex_unlock(overlay->lock);
}

static void set_place(struct overlay *overlay, bool enabled, uint64_t gpa)
{
	pthread_mutex_lock(overlay->lock);
	overlay->enabled = enabled;
	overlay->gpa = gpa;
	pthread_mutex_unlock(overlay->lock);
}

/* Takes an enabled overlay off its page; what it hid shows again. */
static void lift(struct overlays *overlays, struct overlay *overlay, uint8_t *ram)
{
	bool was_top = top_at(overlays, overlay->gpa) == overlay;
	bool was_bottom = bottom_at(overlays, overlay->gpa) == overlay;
	struct overlay *next;

	TAILQ_REMOVE(&overlays->active, overlay, link);
	if (was_top) {
		retract(overlay);
		next = top_at(overlays, overlay->gpa);
		if (next)
			expose(next, ram);
		else
			guest_page_copy(ram, overlay->below);
	} else if (was_bottom) {
		memcpy(bottom_at(overlays, overlay->gpa)->below, overlay->below, HV_PAGE_SIZE);
	}
}

/* Puts an overlay that is on no page on top of what is at `gpa`. */
static void place(struct overlays *overlays, struct overlay *overlay, uint64_t gpa, uint8_t *ram)
{
	struct overlay *hidden = top_at(overlays, gpa);

	if (hidden)
		retract(hidden);
	else
		guest_page_copy(overlay->below, ram);
	set_place(overlay, true, gpa);
	TAILQ_INSERT_TAIL(&overlays->active, overlay, link);
	expose(overlay, ram);
	overlay->used = true;
}

static uint8_t *page_at(struct overlays *overlays, uint64_t gpa)
{
	return guest_memory_at(overlays->memory, gpa, HV_PAGE_SIZE);
}

static void disable_locked(struct overlays *overlays, struct overlay *overlay)
{
	if (!overlay->enabled)
		return;
	lift(overlays, overlay, page_at(overlays, overlay->gpa));
	set_place(overlay, false, 0);
}

static int enable_locked(struct overlays *overlays, struct overlay *overlay, uint64_t gpa)
{
	uint8_t *ram = page_at(overlays, gpa);

	if (!ram)
		return -EFAULT;
	if (overlay->enabled && overlay->gpa == gpa)
		return 0;
	disable_locked(overlays, overlay);
	place(overlays, overlay, gpa, ram);
	return 0;
}

int overlay_set(struct overlays *overlays, struct overlay *overlay, bool enable, uint64_t gpa)
{
	int r = 0;

	pthread_mutex_lock(&overlays->lock);
	if (enable)
		r = enable_locked(overlays, overlay, gpa);
	else
		disable_locked(overlays, overlay);
	pthread_mutex_unlock(&overlays->lock);
	return r;
}

void overlay_reset(struct overlays *overlays, struct overlay *overlay)
{
	pthread_mutex_lock(&overlays->lock);
	disable_locked(overlays, overlay);
	pthread_mutex_lock(overlay->lock);
	if (overlay->used)
		memset(overlay->contents, 0, HV_PAGE_SIZE);
	overlay->used = false;
	pthread_mutex_unlock(overlay->lock);
	pthread_mutex_unlock(&overlays->lock);
}
