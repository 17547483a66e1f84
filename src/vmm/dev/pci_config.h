/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * PCI configuration ports of a bus without devices, and the reset control register among them.
 *
 * Nothing answers, not even the address register: a guest then knows after a few accesses that
 * there is no PCI, instead of asking every slot of an empty bus. A byte written to PCI_RESET_PORT
 * with bit 2 set resets the VM, as PC chipsets have it and as the FADT says.
 *
 * Purpose: ports 0xcf8 to 0xcff.
 * Threads: added before VPs start; accesses on VP threads; no state.
 * Errors:  those of iobus_add().
 */
#include "common/util.h"

struct vm;

enum {
	PCI_CONFIG_PORT = 0xcf8,
	PCI_CONFIG_PORTS = 8,
	PCI_RESET_PORT = 0xcf9,
	PCI_RESET_FULL = 0x06, /* system reset, processor reset */
};

int pci_config_add(struct vm *vm) MUST_CHECK;
