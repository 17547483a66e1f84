/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Snapshots of what belongs to channels, for node classes whose first key is a relid.
 *
 * Purpose: one way to look a channel up, and one to list what each has.
 * Threads: any; the bus's lock is held for one snapshot at a time.
 * Errors:  -ENOENT.
 */
#include "common/node.h"

struct vmbus;
struct vmbus_channel;

/* Fills in what `key` names, its first word being the relid; locked. 0 or -ENOENT. */
typedef int (*channel_fill_fn)(struct vmbus_channel *channel, const uint64_t *key, void *ret_info);
/* `bus` may be NULL: then there is nothing. */
int channel_snapshot(
	struct vmbus *bus, const uint64_t *key, channel_fill_fn fill, void *ret_info) MUST_CHECK;

/*
 * Visits, for each relid that `fixed` and `after` leave, second keys from 0 to columns - 1. A
 * channel that goes meanwhile is not found by `get`.
 */
struct channel_walk {
	const uint64_t *key, *after;
	unsigned fixed, columns;
	int (*get)(void *owner, const uint64_t *key, void *ret_info);
	void *info; /* room for one */
};
void channel_walk(
	struct vmbus *bus, const struct channel_walk *walk, node_visit_fn visit, void *arg);
/* Where the relid is the only key. */
void channel_walk_relids(void *owner, const uint64_t *key, unsigned fixed, const uint64_t *after,
	int (*get)(void *owner, const uint64_t *key, void *ret_info), void *info,
	node_visit_fn visit, void *arg);
