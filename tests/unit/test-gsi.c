/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The GSI table: one owner of the routing table. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "fake_vm.h"

static struct fake_vm *fake;

static int setup(void **state)
{
	fake = fake_vm_new(1, FAKE_WITH_IRQFD);
	return 0;
}

static int teardown(void **state)
{
	fake_vm_free(fake);
	return 0;
}

static const struct gsi_entry nothing = {.kind = GSI_NONE};

static uint32_t alloc(void)
{
	uint32_t gsi;

	assert_int_equal(gsi_alloc(&fake->vm.gsis, &nothing, &gsi), 0);
	return gsi;
}

static int route(uint32_t gsi, enum gsi_kind kind, uint8_t vector)
{
	const struct gsi_entry entry = {.kind = kind, .vector = vector};

	return gsi_route(&fake->vm.gsis, gsi, &entry);
}

static void a_gsi_is_routed_to_nothing_at_first(void **state)
{
	assert_int_equal(alloc(), GSI_FIRST);
	assert_int_equal(alloc(), GSI_FIRST + 1);
	assert_int_equal(fake->commits, 0);
}

static void a_change_is_committed_with_the_whole_table(void **state)
{
	uint32_t a = alloc(), b = alloc();

	assert_int_equal(route(b, GSI_MSI, 0x61), 0);
	assert_int_equal(fake->commits, 1);
	assert_int_equal(fake->gsi_count, 2);
	assert_int_equal(fake->gsi[0].kind, GSI_NONE);
	assert_int_equal(fake->gsi[1].vector, 0x61);
	assert_int_equal(route(a, GSI_MSI, 0x60), 0);
	assert_int_equal(fake->gsi[0].vector, 0x60);
	assert_int_equal(fake->gsi[1].vector, 0x61);
	assert_int_equal(gsi_commits(&fake->vm.gsis), 2);
}

static void no_change_is_no_commit(void **state)
{
	uint32_t gsi = alloc();

	assert_int_equal(route(gsi, GSI_NONE, 7), 0);
	assert_int_equal(fake->commits, 0);
	assert_int_equal(route(gsi, GSI_MSI, 0x60), 0);
	assert_int_equal(route(gsi, GSI_MSI, 0x60), 0);
	assert_int_equal(fake->commits, 1);
}

static void a_refused_commit_leaves_the_old_entry(void **state)
{
	uint32_t a = alloc(), b = alloc();

	assert_int_equal(route(a, GSI_MSI, 0x60), 0);
	fake_vm_fail(fake, FAKE_COMMIT, 1, -EINVAL);
	assert_int_equal(route(a, GSI_MSI, 0x70), -EINVAL);
	assert_int_equal(route(b, GSI_MSI, 0x61), 0);
	assert_int_equal(fake->gsi[0].vector, 0x60);
}

static void the_table_has_an_end(void **state)
{
	uint32_t gsi;

	for (unsigned i = 0; i < GSI_COUNT; i++)
		alloc();
	assert_int_equal(gsi_alloc(&fake->vm.gsis, &nothing, &gsi), -ENOSPC);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_gsi_is_routed_to_nothing_at_first),
		TEST(a_change_is_committed_with_the_whole_table),
		TEST(no_change_is_no_commit),
		TEST(a_refused_commit_leaves_the_old_entry),
		TEST(the_table_has_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
