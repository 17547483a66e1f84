/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/dev/i8042.h"

#include "vmm/vm.h"

enum { COMMAND_PULSE = 0xf0, PULSE_NOT_RESET = 1 << 0 };

static void on_data(
	void *arg, struct vcpu *vcpu, uint16_t offset, unsigned size, bool write, uint32_t *value)
{
	if (!write)
		*value = 0;
}

static void on_command(
	void *arg, struct vcpu *vcpu, uint16_t offset, unsigned size, bool write, uint32_t *value)
{
	uint8_t command = (uint8_t)*value;

	if (!write)
		*value = 0; /* both buffers are empty */
	else if (command >= COMMAND_PULSE && !(command & PULSE_NOT_RESET))
		vm_request_reset(arg);
}

int i8042_add(struct vm *vm)
{
	int r = iobus_add(&vm->iobus, I8042_DATA_PORT, 1, "i8042-data", on_data, vm);

	return r < 0 ? r
		     : iobus_add(
			       &vm->iobus, I8042_COMMAND_PORT, 1, "i8042-command", on_command, vm);
}
