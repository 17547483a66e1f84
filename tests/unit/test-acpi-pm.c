/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PM1 registers as an ACPI driver uses them, and as nobody should. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "fake_vm.h"
#include "vmm/dev/acpi_pm.h"

enum { STATUS = 0x600, ENABLE = 0x602, CONTROL = 0x604 };
enum { SCI_EN = 1, SLP_EN = 1 << 13, S5 = ACPI_PM_SLEEP_TYPE_S5 << 10 };

static struct fake_vm *fake;
static struct acpi_pm *pm;

static void do_nothing(struct loop_work *work)
{
}

static void no_kick(struct vcpu *vcpu)
{
}

static int setup(void **state)
{
	fake = fake_vm_new(2, 0);
	fake->vm.life_work.run = do_nothing;
	fake->accel.vcpu_kick = no_kick;
	assert_int_equal(acpi_pm_new(&fake->vm, &pm), 0);
	return 0;
}

static int teardown(void **state)
{
	fake_vm_free(fake);
	pm = acpi_pm_free(pm);
	return 0;
}

static uint32_t in(uint16_t port, unsigned size)
{
	uint32_t value = 0;

	iobus_access(&fake->vm.iobus, fake->vm.vcpu[1], port, size, false, &value);
	return value;
}

static void out(uint16_t port, unsigned size, uint32_t value)
{
	iobus_access(&fake->vm.iobus, fake->vm.vcpu[1], port, size, true, &value);
}

static void test_power_off(void **state)
{
	out(CONTROL, 2, S5);
	assert_false(fake->vm.stop_requested);
	out(CONTROL, 2, S5 | SLP_EN);
	assert_true(fake->vm.stop_requested);
	assert_int_equal(fake->vm.stop.reason, VM_STOP_POWER_OFF);
	assert_int_equal(fake->vm.stop.vp, 1);
	assert_string_equal(fake->vm.stop.what, "the guest powered off");
}

static void test_power_off_by_bytes(void **state)
{
	out(CONTROL, 1, 0xff);
	assert_false(fake->vm.stop_requested);
	out(CONTROL + 1, 1, (S5 | SLP_EN) >> 8);
	assert_true(fake->vm.stop_requested);
}

static void test_other_sleep_types(void **state)
{
	for (uint32_t type = 0; type < 8; type++) {
		if (type != ACPI_PM_SLEEP_TYPE_S5)
			out(CONTROL, 2, type << 10 | SLP_EN);
	}
	out(STATUS, 2, 0xffff);
	out(ENABLE, 2, 0xffff);
	assert_false(fake->vm.stop_requested);
}

static void test_registers(void **state)
{
	assert_int_equal(in(STATUS, 4), 0);
	assert_int_equal(in(CONTROL, 2), 0xffff0000 | SCI_EN);
	out(ENABLE, 2, 0x0021); /* TMR_EN, GBL_EN */
	assert_int_equal(in(ENABLE, 2) & 0xffff, 0x0021);
	assert_int_equal(in(STATUS, 4), 0x00210000);
	out(ENABLE + 1, 1, 0xff);
	assert_int_equal(in(ENABLE, 2) & 0xffff, 0x4721); /* reserved bits stay clear */
	out(CONTROL, 2, S5 | 0x3);
	assert_int_equal(in(CONTROL, 2) & 0xffff, S5 | 0x3);
	out(CONTROL, 2, 1 << 2); /* GBL_RLS is write-only */
	assert_int_equal(in(CONTROL, 2) & 0xffff, SCI_EN);
}

/* Wider than what is left: the rest is nobody's. */
static void test_past_the_end(void **state)
{
	assert_int_equal(in(CONTROL, 4), 0xffff0000 | SCI_EN);
	assert_int_equal(in(CONTROL + 1, 4), 0xffffff00);
	out(CONTROL + 1, 4, 0xffffffff & ~(uint32_t)(SLP_EN >> 8));
	assert_false(fake->vm.stop_requested);
}

static void test_reset(void **state)
{
	struct vm_device *device = TAILQ_FIRST(&fake->vm.devices);

	out(ENABLE, 2, 0x0120);
	out(CONTROL, 2, S5);
	device->reset(device);
	assert_int_equal(in(ENABLE, 2) & 0xffff, 0);
	assert_int_equal(in(CONTROL, 2) & 0xffff, SCI_EN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		{"S5 with SLP_EN powers off", test_power_off, setup, teardown},
		{"a byte write to the upper half does, too", test_power_off_by_bytes, setup,
			teardown},
		{"other sleep types do nothing", test_other_sleep_types, setup, teardown},
		{"registers read back what they keep", test_registers, setup, teardown},
		{"an access past the end touches nothing", test_past_the_end, setup, teardown},
		{"a reset clears them", test_reset, setup, teardown},
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
