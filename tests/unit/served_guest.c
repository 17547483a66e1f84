/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "served_guest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "inspect/catalog.h"
#include "vmbus/device.h"

void served_guest_start(struct served_guest *served)
{
	vmbus_guest_start(&served->guest);
}

void served_guest_add(struct served_guest *served, const char *spec)
{
	char text[DEVICE_ERROR_BYTES];

	assert_int_equal(vmbus_device_add(served->guest.bus, spec, text), 0);
}

static void serve(struct served_guest *served, struct vmbus *bus)
{
	struct node_provider providers[CATALOG_MAX + 1] = {0};
	struct vm *vm = &served->guest.fake->vm;

	rig_init(&served->rig);
	catalog_providers(&(struct catalog_owners){.vm = vm, .bus = bus}, providers);
	served->rig.bus = bus;
	rig_serve(&served->rig, vm, NULL, providers);
}

void served_guest_serve(struct served_guest *served)
{
	serve(served, served->guest.bus);
}

void served_guest_serve_without_bus(struct served_guest *served)
{
	serve(served, NULL);
}

void served_guest_end(struct served_guest *served)
{
	rig_stop(&served->rig);
	vmbus_devices_remove_all(served->guest.bus);
	rig_free(&served->rig);
	vmbus_guest_end(&served->guest);
}
