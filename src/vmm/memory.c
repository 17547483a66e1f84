/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/memory.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include "hvdef/hv_synic.h"

#define HUGE_PAGE_BYTES (UINT64_C(2) << 20)

static const uint64_t ram_min_bytes = UINT64_C(1) << 20;
static const uint64_t ram_max_bytes = UINT64_C(1) << 40;

/*
 * KVM gives the guest huge pages only where guest and host addresses are aligned alike, and regions
 * start at a multiple of 2 MiB in the guest. With small pages every TLB miss walks one level more,
 * and after each exit there are many.
 *
 * Anonymous and not reserved: host memory is spent when the guest first touches a page.
 */
static void *map_aligned(uint64_t size_bytes)
{
	uint64_t mapped_bytes = size_bytes + HUGE_PAGE_BYTES, head_bytes;
	char *start = mmap(NULL, mapped_bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (start == MAP_FAILED)
		return NULL;
	head_bytes = -(uintptr_t)start % HUGE_PAGE_BYTES;
	if (head_bytes)
		munmap(start, head_bytes);
	munmap(start + head_bytes + size_bytes, HUGE_PAGE_BYTES - head_bytes);
	return start + head_bytes;
}

static int add_region(struct guest_memory *memory, uint64_t gpa, uint64_t size_bytes)
{
	void *hva = map_aligned(size_bytes);

	if (!hva)
		return -errno;
	/* Best effort: a kernel need not have huge pages. */
	(void)!madvise(hva, size_bytes, MADV_HUGEPAGE);
	memory->region[memory->region_count++] = (struct guest_region){
		.gpa = gpa,
		.size_bytes = size_bytes,
		.hva = hva,
	};
	return 0;
}

int guest_memory_init(struct guest_memory *memory, uint64_t size_bytes)
{
	uint64_t low_bytes = MIN(size_bytes, GUEST_LOW_RAM_END);
	int r;

	*memory = (struct guest_memory){.size_bytes = size_bytes};
	if (size_bytes < ram_min_bytes || size_bytes > ram_max_bytes ||
		size_bytes % HV_PAGE_SIZE != 0)
		return -EINVAL;
	r = add_region(memory, 0, low_bytes);
	if (r == 0 && size_bytes > low_bytes)
		r = add_region(memory, GUEST_HIGH_RAM_START, size_bytes - low_bytes);
	if (r < 0)
		guest_memory_deinit(memory);
	return r;
}

void guest_memory_deinit(struct guest_memory *memory)
{
	for (unsigned i = 0; i < memory->region_count; i++)
		munmap(memory->region[i].hva, memory->region[i].size_bytes);
	*memory = (struct guest_memory){0};
}

void guest_memory_zero(struct guest_memory *memory)
{
	for (unsigned i = 0; i < memory->region_count; i++) {
		const struct guest_region *region = &memory->region[i];

		if (madvise(region->hva, region->size_bytes, MADV_DONTNEED) < 0)
			memset(region->hva, 0, region->size_bytes); /* locked pages */
	}
}

void *guest_memory_at(const struct guest_memory *memory, uint64_t gpa, uint64_t size)
{
	for (unsigned i = 0; i < memory->region_count; i++) {
		const struct guest_region *region = &memory->region[i];
		uint64_t offset = gpa - region->gpa;

		if (gpa >= region->gpa && offset <= region->size_bytes &&
			size <= region->size_bytes - offset)
			return region->hva + offset;
	}
	return NULL;
}

int guest_memory_read(const struct guest_memory *memory, uint64_t gpa, void *buffer, size_t size)
{
	const void *from = guest_memory_at(memory, gpa, size);

	if (!from)
		return -EFAULT;
	memcpy(buffer, from, size);
	return 0;
}

int guest_memory_write(
	struct guest_memory *memory, uint64_t gpa, const void *buffer, size_t size)
{
	void *to = guest_memory_at(memory, gpa, size);

	if (!to)
		return -EFAULT;
	memcpy(to, buffer, size);
	return 0;
}

void guest_page_copy(void *to, const void *from)
{
	uint64_t *to_words = to;
	const uint64_t *from_words = from;

	for (size_t i = 0; i < HV_PAGE_SIZE / sizeof(uint64_t); i++) {
		uint64_t word = __atomic_load_n(&from_words[i], __ATOMIC_RELAXED);

		__atomic_store_n(&to_words[i], word, __ATOMIC_RELAXED);
	}
}
