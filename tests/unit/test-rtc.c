/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The PC's clock: what it shows in each format, and what hostile writes do not change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "fake_vm.h"
#include "vmm/dev/rtc.h"

enum { INDEX = RTC_PORT, DATA = RTC_PORT + 1 };
enum { REG_A = 10, REG_B, REG_C, REG_D };
enum { B_24_HOURS = 2, B_BINARY = 4, A_UPDATING = 0x80 };

static struct fake_vm *fake;
static struct rtc *rtc;
static uint64_t now_ns;

static uint64_t realtime_ns(void)
{
	return now_ns;
}

static int setup(void **state)
{
	now_ns = UINT64_C(1795266088) * NSEC_PER_SEC; /* Saturday, 2026-11-21 13:01:28 UTC */
	fake = fake_vm_new(1, 0);
	assert_int_equal(rtc_new(&fake->vm, realtime_ns, &rtc), 0);
	return 0;
}

static int teardown(void **state)
{
	fake_vm_free(fake);
	rtc = rtc_free(rtc);
	return 0;
}

static uint32_t access_port(uint16_t port, unsigned size, bool write, uint32_t value)
{
	iobus_access(&fake->vm.iobus, fake->vm.vcpu[0], port, size, write, &value);
	return value;
}

static uint8_t read_reg(uint8_t index)
{
	access_port(INDEX, 1, true, index);
	return (uint8_t)access_port(DATA, 1, false, 0);
}

static void write_reg(uint8_t index, uint8_t value)
{
	access_port(INDEX, 1, true, index);
	access_port(DATA, 1, true, value);
}

struct reading {
	uint8_t index, value;
};

static void assert_shows(const struct reading *readings, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (read_reg(readings[i].index) != readings[i].value)
			fail_msg("register 0x%x: 0x%x, not 0x%x", readings[i].index,
				read_reg(readings[i].index), readings[i].value);
	}
}

static void test_bcd(void **state)
{
	static const struct reading readings[] = {
		{0, 0x28},           /* seconds */
		{2, 0x01},           /* minutes */
		{4, 0x13},           /* hours */
		{6, 7},              /* Saturday */
		{7, 0x21},           /* day */
		{8, 0x11},           /* month */
		{9, 0x26},           /* year */
		{RTC_CENTURY, 0x20}, /* century */
		{REG_B, B_24_HOURS}, /* what the format is */
		{REG_D, 0x80},       /* the battery is good */
	};

	assert_shows(readings, ARRAY_LEN(readings));
}

static void test_binary(void **state)
{
	static const struct reading readings[] = {
		{0, 28}, {2, 1}, {4, 13}, {7, 21}, {8, 11}, {9, 26}, {RTC_CENTURY, 20}};

	write_reg(REG_B, B_24_HOURS | B_BINARY);
	assert_shows(readings, ARRAY_LEN(readings));
}

static void test_twelve_hours(void **state)
{
	static const uint8_t shown[24] = {12, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0x8c, 0x81, 0x82,
		0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8b};

	write_reg(REG_B, B_BINARY);
	for (unsigned hour = 0; hour < 24; hour++) {
		now_ns = hour * 3600 * NSEC_PER_SEC;
		assert_int_equal(read_reg(4), shown[hour]);
	}
	write_reg(REG_B, 0);
	assert_int_equal(read_reg(4), 0x91);
}

static void test_update_in_progress(void **state)
{
	assert_int_equal(read_reg(REG_A), 0x26);
	now_ns += NSEC_PER_SEC - 244 * NSEC_PER_USEC - 1;
	assert_int_equal(read_reg(REG_A), 0x26);
	now_ns += 1;
	assert_int_equal(read_reg(REG_A), 0x26 | A_UPDATING);
	now_ns += 244 * NSEC_PER_USEC;
	assert_int_equal(read_reg(REG_A), 0x26);
	assert_int_equal(read_reg(0), 0x29);
}

static void test_hostile_writes(void **state)
{
	for (unsigned index = 0; index < 256; index++)
		write_reg((uint8_t)index, 0xff);
	assert_int_equal(read_reg(0), 28); /* binary, 24 hours, as register B says now */
	assert_int_equal(read_reg(9), 26);
	assert_int_equal(read_reg(RTC_CENTURY), 20);
	assert_int_equal(read_reg(REG_A), 0x7f);
	assert_int_equal(read_reg(REG_C), 0); /* no interrupt has come */
	assert_int_equal(read_reg(REG_D), 0x80);
}

static void test_memory(void **state)
{
	write_reg(0x0e, 0x12);
	write_reg(0x7f, 0x34);
	write_reg(0x01, 0x56); /* an alarm */
	assert_int_equal(read_reg(0x0e), 0x12);
	assert_int_equal(read_reg(0xff), 0x34); /* bit 7 of the index masks the NMI */
	assert_int_equal(read_reg(0x01), 0x56);
}

static void test_wide_accesses(void **state)
{
	access_port(INDEX, 2, true, 0xab0e); /* index 0x0e, value 0xab */
	assert_int_equal(read_reg(0x0e), 0xab);
	assert_int_equal(access_port(INDEX, 4, false, 0), 0xffffab0e);
	access_port(DATA, 4, true, 0x11223344);
	assert_int_equal(read_reg(0x0e), 0x44);
}

static void test_reset(void **state)
{
	struct vm_device *device = TAILQ_FIRST(&fake->vm.devices);

	write_reg(REG_B, B_BINARY);
	write_reg(0x20, 1);
	device->reset(device);
	assert_int_equal(read_reg(REG_B), B_24_HOURS);
	assert_int_equal(read_reg(0x20), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		{"the time is shown in BCD", test_bcd, setup, teardown},
		{"the time is shown in binary", test_binary, setup, teardown},
		{"hours are shown by twelve", test_twelve_hours, setup, teardown},
		{"an update is announced", test_update_in_progress, setup, teardown},
		{"hostile writes change neither time nor status", test_hostile_writes, setup,
			teardown},
		{"memory is kept", test_memory, setup, teardown},
		{"wide accesses are byte accesses", test_wide_accesses, setup, teardown},
		{"a reset clears it", test_reset, setup, teardown},
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
