/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Port I/O dispatch. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "vmm/iobus.h"

struct seen {
	unsigned calls, size;
	uint16_t offset;
	bool write;
	uint32_t value;
};

static void on_access(
	void *arg, struct vcpu *vcpu, uint16_t offset, unsigned size, bool write, uint32_t *value)
{
	struct seen *seen = arg;

	*seen = (struct seen){seen->calls + 1, size, offset, write, *value};
	if (!write)
		*value = 0x12345678;
}

static struct iobus bus;
static struct seen first, second;

static int setup(void **state)
{
	first = second = (struct seen){0};
	return iobus_init(&bus);
}

static int teardown(void **state)
{
	iobus_deinit(&bus);
	return 0;
}

static uint32_t in(uint16_t port, unsigned size)
{
	uint32_t value = 0;

	iobus_access(&bus, NULL, port, size, false, &value);
	return value;
}

static void out(uint16_t port, unsigned size, uint32_t value)
{
	iobus_access(&bus, NULL, port, size, true, &value);
}

static void test_dispatch(void **state)
{
	assert_int_equal(iobus_add(&bus, 0x100, 8, "first", on_access, &first), 0);
	assert_int_equal(iobus_add(&bus, 0x108, 1, "second", on_access, &second), 0);
	out(0x107, 2, 0xbeef);
	assert_int_equal(first.calls, 1);
	assert_int_equal(first.offset, 7);
	assert_int_equal(first.size, 2);
	assert_true(first.write);
	assert_int_equal(first.value, 0xbeef);
	assert_int_equal(in(0x108, 4), 0x12345678);
	assert_int_equal(second.calls, 1);
	assert_int_equal(second.offset, 0);
	assert_false(second.write);
	assert_int_equal(second.value, UINT32_MAX); /* as a read comes in */
	assert_int_equal(bus.unclaimed, 0);
}

static void test_unclaimed(void **state)
{
	assert_int_equal(iobus_add(&bus, 0x100, 8, "first", on_access, &first), 0);
	assert_int_equal(in(0xff, 1), UINT32_MAX);
	out(0x108, 4, 1);
	assert_int_equal(in(0xffff, 4), UINT32_MAX);
	assert_int_equal(first.calls, 0);
	assert_int_equal(bus.unclaimed, 3);
}

static void test_overlap(void **state)
{
	assert_int_equal(iobus_add(&bus, 0x100, 8, "first", on_access, &first), 0);
	assert_int_equal(iobus_add(&bus, 0x107, 1, "second", on_access, &second), -EEXIST);
	assert_int_equal(iobus_add(&bus, 0xf0, 0x11, "second", on_access, &second), -EEXIST);
	assert_int_equal(iobus_add(&bus, 0xf0, 0x10, "second", on_access, &second), 0);
	assert_int_equal(iobus_add(&bus, 0xffff, 2, "second", on_access, &second), -EINVAL);
	assert_int_equal(iobus_add(&bus, 0x200, 0, "second", on_access, &second), -EINVAL);
	assert_int_equal(iobus_add(&bus, 0xffff, 1, "second", on_access, &second), 0);
}

static void test_full(void **state)
{
	for (uint16_t i = 0; i < IOBUS_MAX_RANGES; i++)
		assert_int_equal(iobus_add(&bus, i, 1, "first", on_access, &first), 0);
	assert_int_equal(iobus_add(&bus, 0x1000, 1, "second", on_access, &second), -ENOSPC);
	in(IOBUS_MAX_RANGES - 1, 1);
	assert_int_equal(first.calls, 1);
}

#define BUS_TEST(text, fn)                \
	{                                 \
		text, fn, setup, teardown \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BUS_TEST("an access reaches the range of its port", test_dispatch),
		BUS_TEST("an access nobody claims reads all ones and is counted", test_unclaimed),
		BUS_TEST("ranges must not overlap or leave the port space", test_overlap),
		BUS_TEST("a full bus refuses and still works", test_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
