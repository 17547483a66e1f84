/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmbus/channel_walk.h"

#include <errno.h>
#include "vmbus/internal.h"

int channel_snapshot(struct vmbus *bus, const uint64_t *key, channel_fill_fn fill, void *ret_info)
{
	struct vmbus_channel *channel;
	int r = -ENOENT;

	if (!bus || key[0] > VMBUS_RELID_MAX)
		return -ENOENT;
	vmbus_lock(bus);
	channel = channel_by_relid(bus, (uint32_t)key[0]);
	if (channel)
		r = fill(channel, key, ret_info);
	vmbus_unlock(bus);
	return r;
}

static bool comes_after(const uint64_t *after, uint64_t relid, uint64_t column)
{
	return !after || relid > after[0] || (relid == after[0] && column > after[1]);
}

void channel_walk(
	struct vmbus *bus, const struct channel_walk *walk, node_visit_fn visit, void *arg)
{
	uint64_t first = walk->fixed > 0 ? walk->key[0] : walk->after ? walk->after[0] : 1;
	uint64_t last = walk->fixed > 0 ? walk->key[0] : VMBUS_RELID_MAX;

	for (uint64_t relid = first; bus && relid <= last; relid++) {
		for (uint64_t column = 0; column < walk->columns; column++) {
			const uint64_t full[NODE_MAX_KEYS + 1] = {relid, column};

			if (walk->fixed > 1 && column != walk->key[1])
				continue;
			if (!comes_after(walk->after, relid, column))
				continue;
			if (walk->get(bus, full, walk->info) < 0)
				break; /* no such channel, or no more columns */
			if (visit(arg, full, walk->info) != 0)
				return;
		}
	}
}

/* Its one column is not yet behind `after`. */
void channel_walk_relids(void *owner, const uint64_t *key, unsigned fixed, const uint64_t *after,
	int (*get)(void *owner, const uint64_t *key, void *ret_info), void *info,
	node_visit_fn visit, void *arg)
{
	const uint64_t resume[2] = {after ? after[0] : 0, 0};
	const struct channel_walk channels = {
		.key = key,
		.after = after ? resume : NULL,
		.fixed = fixed,
		.columns = 1,
		.get = get,
		.info = info,
	};

	channel_walk(owner, &channels, visit, arg);
}
