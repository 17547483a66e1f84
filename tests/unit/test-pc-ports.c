/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ports without state: PCI configuration, keyboard controller, delay ports. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "fake_vm.h"
#include "vmm/dev/delay_ports.h"
#include "vmm/dev/i8042.h"
#include "vmm/dev/pci_config.h"

static struct fake_vm *fake;

static void do_nothing(struct loop_work *work)
{
}

static void no_kick(struct vcpu *vcpu)
{
}

static int setup(void **state)
{
	fake = fake_vm_new(1, 0);
	fake->vm.life_work.run = do_nothing;
	fake->accel.vcpu_kick = no_kick;
	assert_int_equal(pci_config_add(&fake->vm), 0);
	assert_int_equal(i8042_add(&fake->vm), 0);
	assert_int_equal(delay_ports_add(&fake->vm), 0);
	return 0;
}

static int teardown(void **state)
{
	assert_int_equal(atomic_load(&fake->vm.iobus.unclaimed), 0);
	fake_vm_free(fake);
	return 0;
}

static uint32_t in(uint16_t port, unsigned size)
{
	uint32_t value = 0;

	iobus_access(&fake->vm.iobus, fake->vm.vcpu[0], port, size, false, &value);
	return value;
}

/* Whether the write asked for a reset. */
static bool out_resets(uint16_t port, unsigned size, uint32_t value)
{
	fake->vm.reset_requested = false;
	iobus_access(&fake->vm.iobus, fake->vm.vcpu[0], port, size, true, &value);
	return fake->vm.reset_requested;
}

static void test_no_pci(void **state)
{
	assert_false(out_resets(PCI_CONFIG_PORT, 4, 0x80000000));
	assert_int_equal(in(PCI_CONFIG_PORT, 4), UINT32_MAX);
	for (uint16_t port = 0xcfc; port < 0xd00; port++)
		assert_int_equal(in(port, 1) & 0xff, 0xff);
}

static void test_reset_register(void **state)
{
	assert_false(out_resets(PCI_RESET_PORT, 1, 0x02));
	assert_true(out_resets(PCI_RESET_PORT, 1, PCI_RESET_FULL));
	assert_true(out_resets(PCI_RESET_PORT, 1, 0x04));
	/* an address, of which that register is no part */
	assert_false(out_resets(PCI_CONFIG_PORT, 4, UINT32_MAX));
	assert_false(out_resets(PCI_CONFIG_PORT, 1, 0xff));
	assert_false(out_resets(0xcfc, 1, PCI_RESET_FULL));
}

static void test_keyboard_controller(void **state)
{
	assert_int_equal(in(I8042_COMMAND_PORT, 1), 0); /* takes commands */
	assert_int_equal(in(I8042_DATA_PORT, 1), 0);
	assert_false(out_resets(I8042_DATA_PORT, 1, 0xfe));
	for (uint32_t command = 0; command < 256; command++)
		assert_int_equal(out_resets(I8042_COMMAND_PORT, 1, command),
			command >= 0xf0 && command % 2 == 0);
}

static void test_delay_ports(void **state)
{
	static const uint16_t ports[] = {0x80, 0xe9, 0xed};

	for (size_t i = 0; i < ARRAY_LEN(ports); i++) {
		assert_false(out_resets(ports[i], 1, 0xfe));
		assert_int_equal(in(ports[i], 1), UINT32_MAX);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		{"there is no PCI", test_no_pci, setup, teardown},
		{"0xcf9 resets", test_reset_register, setup, teardown},
		{"the keyboard controller pulses the reset line", test_keyboard_controller, setup,
			teardown},
		{"delay ports do nothing", test_delay_ports, setup, teardown},
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
