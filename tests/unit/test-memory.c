/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guest RAM: its layout and the one checked way into it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "hvdef/hv_synic.h"
#include "vmm/memory.h"

#define MIB UINT64_C(0x100000)
#define GIB UINT64_C(0x40000000)

static void test_sizes(void **state)
{
	static const uint64_t refused[] = {0, 4096, MIB - 4096, MIB + 1, MIB + 2048,
		1024 * GIB + 4096, UINT64_MAX, UINT64_MAX & ~UINT64_C(4095)};
	static const uint64_t accepted[] = {MIB, MIB + 4096, 3 * GIB, 1024 * GIB};
	struct guest_memory memory;

	for (size_t i = 0; i < ARRAY_LEN(refused); i++)
		assert_int_equal(guest_memory_init(&memory, refused[i]), -EINVAL);
	for (size_t i = 0; i < ARRAY_LEN(accepted); i++) {
		int r = guest_memory_init(&memory, accepted[i]);

		if (r == -ENOMEM && accepted[i] == 1024 * GIB)
			continue; /* legal, but ThreadSanitizer may leave no room for it */
		assert_int_equal(r, 0);
		assert_int_equal(memory.size_bytes, accepted[i]);
		guest_memory_deinit(&memory);
		assert_null(guest_memory_at(&memory, 0, 1));
	}
}

static void test_bounds(void **state)
{
	struct guest_memory memory;

	assert_int_equal(guest_memory_init(&memory, MIB), 0);
	assert_non_null(guest_memory_at(&memory, 0, MIB));
	assert_non_null(guest_memory_at(&memory, MIB - 1, 1));
	assert_null(guest_memory_at(&memory, MIB - 1, 2));
	assert_null(guest_memory_at(&memory, MIB, 1));
	assert_null(guest_memory_at(&memory, 0, MIB + 1));
	assert_null(guest_memory_at(&memory, 8, UINT64_MAX));
	assert_null(guest_memory_at(&memory, UINT64_MAX, 1));
	assert_null(guest_memory_at(&memory, UINT64_MAX, UINT64_MAX));
	assert_null(guest_memory_at(&memory, UINT64_MAX - 7, 16));
	guest_memory_deinit(&memory);
}

static void test_hole(void **state)
{
	struct guest_memory memory;
	uint8_t byte = 0x5a, seen = 0;

	assert_int_equal(guest_memory_init(&memory, 4 * GIB), 0);
	assert_int_equal(memory.region_count, 2);
	assert_int_equal(guest_memory_write(&memory, GUEST_LOW_RAM_END - 1, &byte, 1), 0);
	assert_int_equal(guest_memory_write(&memory, GUEST_LOW_RAM_END, &byte, 1), -EFAULT);
	assert_int_equal(guest_memory_write(&memory, GUEST_HIGH_RAM_START - 1, &byte, 1), -EFAULT);
	assert_int_equal(guest_memory_read(&memory, GUEST_HIGH_RAM_START, &seen, 1), 0);
	assert_int_equal(seen, 0);
	/* No access runs from one region into the other. */
	assert_null(guest_memory_at(&memory, GUEST_LOW_RAM_END - 1, 2));
	assert_null(guest_memory_at(&memory, 0, 4 * GIB));
	assert_non_null(guest_memory_at(&memory, GUEST_HIGH_RAM_START + GIB - 1, 1));
	assert_null(guest_memory_at(&memory, GUEST_HIGH_RAM_START + GIB, 1));
	guest_memory_deinit(&memory);
}

static void test_zero(void **state)
{
	struct guest_memory memory;
	uint64_t value = UINT64_MAX;

	assert_int_equal(guest_memory_init(&memory, MIB), 0);
	assert_int_equal(guest_memory_write(&memory, 0x1000, &value, 8), 0);
	assert_int_equal(guest_memory_write(&memory, MIB - 8, &value, 8), 0);
	guest_memory_zero(&memory);
	assert_int_equal(guest_memory_read(&memory, 0x1000, &value, 8), 0);
	assert_int_equal(value, 0);
	value = UINT64_MAX;
	assert_int_equal(guest_memory_read(&memory, MIB - 8, &value, 8), 0);
	assert_int_equal(value, 0);
	guest_memory_deinit(&memory);
}

static void test_refused_access_copies_nothing(void **state)
{
	struct guest_memory memory;
	uint64_t value = 0x1122334455667788;

	assert_int_equal(guest_memory_init(&memory, MIB), 0);
	assert_int_equal(guest_memory_read(&memory, MIB - 4, &value, 8), -EFAULT);
	assert_int_equal(value, 0x1122334455667788);
	assert_int_equal(guest_memory_write(&memory, MIB - 4, &value, 8), -EFAULT);
	assert_int_equal(guest_memory_read(&memory, MIB - 8, &value, 8), 0);
	assert_int_equal(value, 0);
	guest_memory_deinit(&memory);
}

static void test_page_copy(void **state)
{
	static uint8_t from[HV_PAGE_SIZE] __attribute__((aligned(8)));
	static uint8_t to[HV_PAGE_SIZE + 8] __attribute__((aligned(8)));

	for (unsigned i = 0; i < HV_PAGE_SIZE; i++)
		from[i] = (uint8_t)(i * 7 + i / 256);
	memset(to, 0xee, sizeof(to));
	guest_page_copy(to, from);
	assert_memory_equal(to, from, HV_PAGE_SIZE);
	assert_int_equal(to[HV_PAGE_SIZE], 0xee);
}

static void test_alignment(void **state)
{
	struct guest_memory memory;

	assert_int_equal(guest_memory_init(&memory, 5 * GIB + 4096), 0);
	for (unsigned i = 0; i < memory.region_count; i++) {
		const struct guest_region *region = &memory.region[i];

		assert_int_equal((uintptr_t)region->hva % (2 * MIB), region->gpa % (2 * MIB));
	}
	guest_memory_deinit(&memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		{"RAM is 1 MiB to 1 TiB in whole pages", test_sizes},
		{"no access crosses the end of RAM, whatever the arithmetic", test_bounds},
		{"there is a hole between 3 and 4 GiB", test_hole},
		{"zeroing gives all pages back", test_zero},
		{"a refused access copies nothing", test_refused_access_copies_nothing},
		{"RAM is aligned in the host as in the guest, for huge pages", test_alignment},
		{"a page is copied whole and no more", test_page_copy},
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
