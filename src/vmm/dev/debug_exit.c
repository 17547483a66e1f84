/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/dev/debug_exit.h"

#include <stdio.h>
#include "vmm/vm.h"

static void on_access(
	void *arg, struct vcpu *vcpu, uint16_t offset, unsigned size, bool write, uint32_t *value)
{
	struct vm_stop stop = VM_STOP(VM_STOP_DEBUG_EXIT);

	if (!write) {
		*value = 0;
		return;
	}
	stop.vp = vcpu->index;
	stop.code = (uint64_t)*value << 1 | 1;
	snprintf(stop.what, sizeof(stop.what), "the guest wrote 0x%x to the debug exit port",
		*value);
	vm_request_stop(arg, &stop);
}

int debug_exit_add(struct vm *vm)
{
	return iobus_add(&vm->iobus, DEBUG_EXIT_PORT, 1, "debug-exit", on_access, vm);
}
