/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Faults and the kinds there are, as inspection shows them.
 *
 * Purpose: the info structs behind fault_node_class and fault_kind_node_class, for those who write
 *          a fault as JSON.
 * Threads: filled from any, under the faults' lock.
 * Errors:  none.
 */
#include <stdint.h>
#include "common/field.h"
#include "vmm/fault.h"

/* All ones stand for null. */
struct fault_info {
	uint64_t id;
	uint32_t kind, state, ended_by;
	uint32_t relid, vp, sint, message, direction;
	uint32_t count, kept;
	uint64_t hits;
	uint64_t for_ns, left_ns, delay_ns;
	uint32_t status, uid, pid;
	uint64_t age_ns, last_hit_age_ns, ended_age_ns;
};
extern const struct field_table fault_info_table;

/* `fault` is a copy, or the lock is held. */
void fault_info_fill(
	const struct faults *faults, const struct fault *fault, struct fault_info *ret_info);

struct fault_kind_info {
	uint8_t kind;
	char help[96], selectors[48], ends_by[24];
	uint32_t count, status;
	uint64_t for_ns, delay_ns;
	bool keeps;
};
