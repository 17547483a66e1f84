/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The lookup is one byte per port: the number of the range that owns it, counted from one in order
 * of registration, so that a new range never renumbers the others. 64 KiB that stay untouched
 * except for the few pages with devices.
 */
#include "vmm/iobus.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { PORT_COUNT = 0x10000 };

int iobus_init(struct iobus *bus)
{
	*bus = (struct iobus){.map = calloc(PORT_COUNT, 1)};
	return bus->map ? 0 : -ENOMEM;
}

void iobus_deinit(struct iobus *bus)
{
	free(bus->map);
	bus->map = NULL;
	bus->count = 0;
}

int iobus_add(
	struct iobus *bus, uint16_t base, uint16_t count, const char *name, io_fn fn, void *arg)
{
	if (count == 0 || base + count > PORT_COUNT)
		return -EINVAL;
	if (bus->count == IOBUS_MAX_RANGES)
		return -ENOSPC;
	for (unsigned port = base; port < (unsigned)base + count; port++) {
		if (bus->map[port] != 0)
			return -EEXIST;
	}
	bus->range[bus->count++] = (struct io_range){
		.base = base,
		.count = count,
		.fn = fn,
		.arg = arg,
		.name = name,
	};
	memset(bus->map + base, (int)bus->count, count);
	return 0;
}

void iobus_access(struct iobus *bus, struct vcpu *vcpu, uint16_t port, unsigned size, bool write,
	uint32_t *value)
{
	unsigned owner = bus->map[port];

	if (!write)
		*value = UINT32_MAX;
	if (owner == 0) {
		atomic_fetch_add_explicit(&bus->unclaimed, 1, memory_order_relaxed);
		return;
	}
	const struct io_range *range = &bus->range[owner - 1];

	range->fn(range->arg, vcpu, port - range->base, size, write, value);
}
