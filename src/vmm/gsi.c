/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/gsi.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include "vmm/vm.h"

int gsi_table_init(struct gsi_table *table, struct vm *vm)
{
	*table = (struct gsi_table){.vm = vm, .next = GSI_FIRST};
	table->entries = calloc(GSI_COUNT, sizeof(*table->entries));
	if (!table->entries)
		return -ENOMEM;
	pthread_mutex_init(&table->lock, NULL);
	return 0;
}

void gsi_table_deinit(struct gsi_table *table)
{
	if (!table->entries)
		return;
	pthread_mutex_destroy(&table->lock);
	free(table->entries);
	table->entries = NULL;
}

static bool same_entry(const struct gsi_entry *a, const struct gsi_entry *b)
{
	if (a->kind != b->kind)
		return false;
	switch (a->kind) {
	case GSI_NONE:
		return true;
	case GSI_MSI:
		return a->vp == b->vp && a->vector == b->vector;
	case GSI_HV_SINT:
		return a->vp == b->vp && a->sint == b->sint;
	}
	return false;
}

static int commit_locked(struct gsi_table *table)
{
	const struct accel *accel = table->vm->accel;

	if (!accel->gsi_commit)
		return 0;
	table->commits++;
	return accel->gsi_commit(table->vm, table->entries, GSI_FIRST, table->next - GSI_FIRST);
}

static int route_locked(
	struct gsi_table *table, struct gsi_entry *slot, const struct gsi_entry *entry)
{
	struct gsi_entry old = *slot;
	int r;

	if (same_entry(slot, entry))
		return 0;
	*slot = *entry;
	r = commit_locked(table);
	if (r < 0)
		*slot = old;
	return r;
}

int gsi_alloc(struct gsi_table *table, const struct gsi_entry *entry, uint32_t *ret_gsi)
{
	uint32_t gsi;
	int r = -ENOSPC;

	pthread_mutex_lock(&table->lock);
	gsi = table->next;
	if (gsi < GSI_FIRST + GSI_COUNT) {
		table->next++;
		r = route_locked(table, &table->entries[gsi - GSI_FIRST], entry);
		if (r == 0)
			*ret_gsi = gsi;
		else
			table->next--;
	}
	pthread_mutex_unlock(&table->lock);
	return r;
}

int gsi_route(struct gsi_table *table, uint32_t gsi, const struct gsi_entry *entry)
{
	int r;

	pthread_mutex_lock(&table->lock);
	assert(gsi >= GSI_FIRST && gsi < table->next);
	r = route_locked(table, &table->entries[gsi - GSI_FIRST], entry);
	pthread_mutex_unlock(&table->lock);
	return r;
}

uint64_t gsi_commits(struct gsi_table *table)
{
	uint64_t commits;

	pthread_mutex_lock(&table->lock);
	commits = table->commits;
	pthread_mutex_unlock(&table->lock);
	return commits;
}
