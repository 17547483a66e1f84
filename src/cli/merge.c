/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/merge.h"

#include <errno.h>
#include <stdlib.h>

struct merge_item {
	uint64_t mono_ns;
	uint64_t arrival;
	json_t *record; /* ref */
};

int merge_init(
	struct merge *merge, size_t capacity, uint64_t window_ns, merge_emit_fn emit, void *arg)
{
	*merge = (struct merge){
		.heap = calloc(capacity + 1, sizeof(*merge->heap)),
		.capacity = capacity,
		.window_ns = window_ns,
		.emit = emit,
		.arg = arg,
	};
	return merge->heap ? 0 : -ENOMEM;
}

void merge_deinit(struct merge *merge)
{
	for (size_t i = 0; i < merge->count; i++)
		json_decref(merge->heap[i].record);
	free(merge->heap);
	*merge = (struct merge){0};
}

/* ---- the heap ------------------------------------------------------------- */

static bool is_before(const struct merge_item *a, const struct merge_item *b)
{
	return a->mono_ns != b->mono_ns ? a->mono_ns < b->mono_ns : a->arrival < b->arrival;
}

/* Moves the hole at `at` towards the front, until `item` may stand in it. */
static void rise(struct merge_item *heap, size_t at, const struct merge_item *item)
{
	for (; at > 0 && is_before(item, &heap[(at - 1) / 2]); at = (at - 1) / 2)
		heap[at] = heap[(at - 1) / 2];
	heap[at] = *item;
}

/* Moves the hole in front towards the back, until `item` may stand in it. */
static void sink(struct merge_item *heap, size_t count, const struct merge_item *item)
{
	size_t at = 0;

	for (size_t child = 1; child < count; child = 2 * at + 1) {
		child += child + 1 < count && is_before(&heap[child + 1], &heap[child]);
		if (!is_before(&heap[child], item))
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = *item;
}

static bool emit_first(struct merge *merge)
{
	json_t *record = merge->heap[0].record;
	bool more;

	merge->count--;
	sink(merge->heap, merge->count, &merge->heap[merge->count]);
	more = merge->emit(merge->arg, record);
	json_decref(record);
	return more;
}

/* ---- in and out ------------------------------------------------------------- */

bool merge_push(struct merge *merge, json_t *record, uint64_t mono_ns, uint64_t now_ns)
{
	struct merge_item item = {
		.mono_ns = MIN(mono_ns, now_ns),
		.arrival = merge->arrivals++,
		.record = record,
	};

	rise(merge->heap, merge->count++, &item);
	return merge->count <= merge->capacity || emit_first(merge);
}

bool merge_release(struct merge *merge, uint64_t now_ns)
{
	while (merge->count > 0 && merge->heap[0].mono_ns + merge->window_ns <= now_ns)
		if (!emit_first(merge))
			return false;
	return true;
}

bool merge_flush(struct merge *merge)
{
	while (merge->count > 0)
		if (!emit_first(merge))
			return false;
	return true;
}
