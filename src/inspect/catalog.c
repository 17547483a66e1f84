/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inspect/catalog.h"

#include "vmm/hypercall.h"
#include "vmm/monitor.h"
#include "vmm/msr.h"
#include "vmm/ports.h"
#include "vmm/sint_route.h"
#include "vmm/synic.h"
#include "vmm/vcpu.h"
#include "vmm/vm.h"

const struct node_class *const catalog_machine[] = {
	&vm_node_class,
	&vcpu_node_class,
	&vcpu_cpu_node_class,
	&synic_node_class,
	&sint_node_class,
	&stimer_node_class,
	&port_node_class,
	&route_node_class,
	&message_node_class,
	&hypercall_node_class,
	&hv_node_class,
	&monitor_node_class,
};
const size_t catalog_machine_count = ARRAY_LEN(catalog_machine);
