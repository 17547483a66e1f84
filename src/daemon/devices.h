/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What the options put into a VM: its image, serial port, debug exit, test device, demo ports, and
 * the VMBus with its devices.
 *
 * Purpose: turn options into devices of one VM.
 * Threads: main thread.
 * Errors:  0, or 1 with a problem.
 *
 * Life: init -> (the VM runs and is shut down) -> release -> vm_free() -> deinit. Ports must go
 * before the VM, the objects behind I/O ports after it.
 */
#include "daemon/options.h"
#include "daemon/problem.h"
#include "vmm/vm.h"

struct acpi_pm;
struct console;
struct demo;
struct rtc;
struct testdev;
struct uart;
struct vmbus;

struct devices {
	struct console *console;   /* owns */
	struct uart *uart;         /* owns */
	struct acpi_pm *acpi_pm;   /* owns */
	struct rtc *rtc;           /* owns */
	struct testdev *testdev;   /* owns; NULL without --testdev */
	struct demo *demo;         /* owns; NULL without --demo */
	struct vmbus *bus;         /* owns; NULL without --vmbus and --device */
	const char *socket_prefix; /* borrows; set before init: see vmbus_set_socket_prefix() */
};

/* The files that the options name can be read, and the devices are such as there are. */
int devices_check(const struct options *options, struct problem *ret_problem) MUST_CHECK;
int devices_init(struct devices *devices, struct vm *vm, const struct options *options,
	struct problem *ret_problem) MUST_CHECK;
/* No VP runs. Takes a struct devices that is all zeroes. */
void devices_release(struct devices *devices);
/* The VM is gone. */
void devices_deinit(struct devices *devices);
