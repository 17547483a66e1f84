/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/dev/delay_ports.h"

#include "vmm/vm.h"

static void on_access(
	void *arg, struct vcpu *vcpu, uint16_t offset, unsigned size, bool write, uint32_t *value)
{
}

int delay_ports_add(struct vm *vm)
{
	static const uint16_t ports[] = {0x80, 0xe9, 0xed};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(ports); i++)
		r = iobus_add(&vm->iobus, ports[i], 1, "delay", on_access, NULL);
	return r;
}
