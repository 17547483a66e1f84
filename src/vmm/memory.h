/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Guest physical memory: RAM below 3 GiB and, when there is more, above 4 GiB.
 *
 * Purpose: the one checked way into guest memory.
 * Threads: any; the layout is fixed once initialised. Contents change under us at any time: copy
 *          once, validate the copy, use the copy.
 * Errors:  -EFAULT outside RAM, -ENOMEM.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/util.h"

#define GUEST_LOW_RAM_END    UINT64_C(0xc0000000)
#define GUEST_HIGH_RAM_START UINT64_C(0x100000000)

struct guest_region {
	uint64_t gpa;
	uint64_t size_bytes;
	uint8_t *hva;
};

struct guest_memory {
	struct guest_region region[2];
	unsigned region_count;
	uint64_t size_bytes;
};

/* `size_bytes`: 1 MiB .. 1 TiB, page aligned. */
int guest_memory_init(struct guest_memory *memory, uint64_t size_bytes) MUST_CHECK;
void guest_memory_deinit(struct guest_memory *memory);
/* Gives every page back to the host and so zeroes RAM: for reset. No VP may run. */
void guest_memory_zero(struct guest_memory *memory);

/* First address after the RAM below 4 GiB. */
static inline uint64_t guest_memory_low_end(const struct guest_memory *memory)
{
	return memory->region[0].size_bytes;
}
/* Bytes of RAM from GUEST_HIGH_RAM_START on. */
static inline uint64_t guest_memory_high_bytes(const struct guest_memory *memory)
{
	return memory->region_count > 1 ? memory->region[1].size_bytes : 0;
}

/* Host address of [gpa, gpa + size), or NULL unless all of it is RAM in one region. */
void *guest_memory_at(const struct guest_memory *memory, uint64_t gpa, uint64_t size);
int guest_memory_read(const struct guest_memory *memory, uint64_t gpa, void *buffer, size_t size) MUST_CHECK;
int guest_memory_write(struct guest_memory *memory, uint64_t gpa, const void *buffer, size_t size) MUST_CHECK;

/* Page copies in 8-byte relaxed atomics, so that a racing guest or reader tears at most between words. */
void guest_page_copy(void *to, const void *from);
