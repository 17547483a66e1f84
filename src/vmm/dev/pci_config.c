/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/dev/pci_config.h"

#include "vmm/vm.h"

enum { RESET_PROCESSOR = 1 << 2 };

/* Reads come in as all ones, which is what an empty bus says. */
static void on_access(
	void *arg, struct vcpu *vcpu, uint16_t offset, unsigned size, bool write, uint32_t *value)
{
	if (write && size == 1 && offset == PCI_RESET_PORT - PCI_CONFIG_PORT &&
		*value & RESET_PROCESSOR)
		vm_request_reset(arg);
}

int pci_config_add(struct vm *vm)
{
	return iobus_add(
		&vm->iobus, PCI_CONFIG_PORT, PCI_CONFIG_PORTS, "pci-config", on_access, vm);
}
