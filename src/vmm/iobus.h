/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Port I/O dispatch.
 *
 * Purpose: 16-bit port ranges to handlers.
 * Threads: registration before VPs start; dispatch on VP threads, lock-free; handlers lock for
 *          themselves.
 * Errors:  -EEXIST overlapping range, -ENOSPC. An access nobody claims reads all ones and is
 *          counted.
 */
#include <stdatomic.h>
#include <stdint.h>
#include "common/util.h"

struct vcpu;

/* `size` 1, 2 or 4. For reads *value comes in as all ones. */
typedef void (*io_fn)(void *arg, struct vcpu *vcpu, uint16_t offset, unsigned size, bool write, uint32_t *value);

struct io_range {
	uint16_t base, count;
	io_fn fn;
	void *arg;
	const char *name;
};

enum { IOBUS_MAX_RANGES = 32 };

struct iobus {
	struct io_range range[IOBUS_MAX_RANGES]; /* in order of registration */
	unsigned count;
	uint8_t *map; /* owns: one byte per port: 1 + index of its range, 0 unclaimed */
	_Atomic uint64_t unclaimed;
};

int iobus_init(struct iobus *bus) MUST_CHECK;
void iobus_deinit(struct iobus *bus);
int iobus_add(struct iobus *bus, uint16_t base, uint16_t count, const char *name, io_fn fn, void *arg) MUST_CHECK;
void iobus_access(struct iobus *bus, struct vcpu *vcpu, uint16_t port, unsigned size, bool write, uint32_t *value);
