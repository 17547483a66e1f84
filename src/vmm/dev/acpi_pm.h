/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * ACPI fixed power hardware (ACPI 6.4, 4.8.3): the PM1 event and control registers.
 *
 * Sleep type S5 with SLP_EN stops the VM with VM_STOP_POWER_OFF; other types do nothing. There is
 * no button, no timer and no wake event, so no status bit ever becomes set and the SCI is never
 * raised; the enable register keeps what is written, because ACPI drivers read it back. SCI_EN is
 * always set: there is no legacy mode.
 *
 * Purpose: power-off.
 * Threads: acpi_pm_new() and acpi_pm_free() on the main thread; registers on VP threads, under a
 *          lock.
 * Errors:  those of iobus_add().
 */
#include "common/util.h"

struct acpi_pm;
struct vm;

enum {
	ACPI_PM_EVENT_PORT = 0x600, /* status, then enable */
	ACPI_PM_EVENT_PORTS = 4,
	ACPI_PM_CONTROL_PORT = 0x604,
	ACPI_PM_CONTROL_PORTS = 2,
	ACPI_PM_SLEEP_TYPE_S5 = 5,
};

/* Before the VM runs. */
int acpi_pm_new(struct vm *vm, struct acpi_pm **ret_pm) MUST_CHECK;
/* After vm_free(); NULL is fine; returns NULL. */
struct acpi_pm *acpi_pm_free(struct acpi_pm *pm);
