/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HvSignalEvent without an exit. KVM takes a connection id of 24 bits and signals its eventfd when
 * the flag number, bits 47:32 of the input (api.rst says 31:24, which are reserved), is 0. Any
 * other flag number and any id without an eventfd still come out as a hypercall.
 *
 * KVM waits, at the end of an assignment, until no VP is in the middle of a signal.
 */
#include "vmm/kvm_backend.h"

#include "vmm/vm.h"

int kvm_signal_eventfd(struct vm *vm, uint32_t connection_id, int fd, bool assign)
{
	struct kvm_hyperv_eventfd eventfd = {
		.conn_id = connection_id,
		.fd = fd,
		.flags = assign ? 0 : KVM_HYPERV_EVENTFD_DEASSIGN,
	};

	return kvm_ioctl(kvm_of(vm)->fd, KVM_HYPERV_EVENTFD, &eventfd);
}
