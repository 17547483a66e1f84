/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Records of several sources, put in order by time.
 *
 * Each record waits until it is `window_ns` old: what another source has to say about an earlier
 * moment has then come as well. One that comes later than that still comes out, at once and out of
 * order. The room is bounded: when it is full, the oldest record goes without having waited.
 *
 * Purpose: the order of `hvctl watch --kernel`.
 * Threads: one.
 * Errors:  -ENOMEM from merge_init(); the rest cannot fail. Whatever emits records returns false
 *          when no more are wanted.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/util.h"

/* Gets a record when its time has come; it is borrowed. Returns false to have no more. */
typedef bool (*merge_emit_fn)(void *arg, const json_t *record);

struct merge_item;

struct merge {
	struct merge_item *heap; /* owns; the earliest in front; room for one too many */
	size_t count, capacity;
	uint64_t window_ns;
	uint64_t arrivals; /* records pushed so far: the order of those of one moment */
	merge_emit_fn emit;
	void *arg;
};

int merge_init(struct merge *merge, size_t capacity, uint64_t window_ns, merge_emit_fn emit,
	void *arg) MUST_CHECK;
/* Drops what still waits. */
void merge_deinit(struct merge *merge);

/*
 * Takes over the reference to `record`, of the moment `mono_ns`; one later than `now_ns` counts as
 * of now. Returns what emit() said, when there was no room and something had to go.
 */
bool merge_push(struct merge *merge, json_t *record, uint64_t mono_ns, uint64_t now_ns) MUST_CHECK;
/* Emits what is old enough at `now_ns`. */
bool merge_release(struct merge *merge, uint64_t now_ns) MUST_CHECK;
/* Emits everything. */
bool merge_flush(struct merge *merge) MUST_CHECK;

static inline bool merge_is_empty(const struct merge *merge)
{
	return merge->count == 0;
}
