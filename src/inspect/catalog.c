/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inspect/catalog.h"

#include "vmbus/device.h"
#include "vmbus/echo.h"
#include "vmbus/hvsock.h"
#include "vmbus/ic.h"
#include "vmbus/info.h"
#include "vmm/dev/console.h"
#include "vmm/dev/testdev.h"
#include "vmm/fault.h"
#include "vmm/hypercall.h"
#include "vmm/monitor.h"
#include "vmm/msr.h"
#include "vmm/ports.h"
#include "vmm/sint_route.h"
#include "vmm/synic.h"
#include "vmm/vcpu.h"
#include "vmm/vm.h"

static const struct node_class *const machine[] = {
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
	&fault_node_class,
	&fault_kind_node_class,
};

static const struct node_class *const on_bus[] = {
	&vmbus_node_class,
	&vmbus_history_node_class,
	&offer_node_class,
	&channel_node_class,
	&channel_history_node_class,
	&ring_node_class,
	&unread_node_class,
	&consumed_node_class,
	&gpadl_node_class,
	&ic_node_class,
	&sock_node_class,
	&device_node_class,
	&device_kind_node_class,
	&echo_node_class,
};
enum { OTHERS = 2 };
_Static_assert(
	ARRAY_LEN(machine) + OTHERS + ARRAY_LEN(on_bus) <= CATALOG_MAX, "room for every class");

size_t catalog_providers(
	const struct catalog_owners *owners, struct node_provider ret_providers[CATALOG_MAX])
{
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_LEN(machine); i++)
		ret_providers[count++] = (struct node_provider){machine[i], owners->vm};
	if (owners->console || !owners->vm)
		ret_providers[count++] = (struct node_provider){
			&console_node_class, owners->console};
	if (owners->testdev || !owners->vm)
		ret_providers[count++] = (struct node_provider){
			&testdev_node_class, owners->testdev};
	for (size_t i = 0; i < ARRAY_LEN(on_bus); i++)
		ret_providers[count++] = (struct node_provider){on_bus[i], owners->bus};
	return count;
}
