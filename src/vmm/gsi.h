/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The GSI table: who owns which global system interrupt, and what it is routed to.
 *
 * GSIs below GSI_FIRST belong to the IOAPIC. Every change is committed to the backend at once, with
 * the whole table. A GSI belongs to its owner (a SINT) for the VM's life and is routed to nothing
 * while unused, so that a stale route in the kernel can never reach another owner, and a guest that
 * makes and drops routes cannot use the table up.
 *
 * Purpose: one owner for KVM_SET_GSI_ROUTING.
 * Threads: any; `lock` guards everything and is held across the commit ioctl.
 * Errors:  -ENOMEM, -ENOSPC table full, -errno of the commit (the old table then stays in force).
 */
#include <pthread.h>
#include <stdint.h>
#include "common/util.h"
#include "vmm/accel.h"

/* 16 SINTs x 3 VTLs x 64 VPs fit with room to spare. */
enum { GSI_FIRST = 24, GSI_COUNT = 4096 - GSI_FIRST };

struct vm;

struct gsi_table {
	pthread_mutex_t lock;
	struct vm *vm; /* borrows */
	struct gsi_entry *entries; /* owns, GSI_COUNT; index gsi - GSI_FIRST */
	uint32_t next;
	uint64_t commits;
};

int gsi_table_init(struct gsi_table *table, struct vm *vm) MUST_CHECK;
void gsi_table_deinit(struct gsi_table *table);
/* Takes a fresh GSI and routes it to `entry`. */
int gsi_alloc(
	struct gsi_table *table, const struct gsi_entry *entry, uint32_t *ret_gsi) MUST_CHECK;
/* Routes it; a no-op without commit when nothing changes. */
int gsi_route(struct gsi_table *table, uint32_t gsi, const struct gsi_entry *entry) MUST_CHECK;
uint64_t gsi_commits(struct gsi_table *table);
