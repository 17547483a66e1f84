/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * ACPI tables (ACPI 6.4, chapter 5): RSDP, XSDT, FADT, FACS, MADT and a DSDT.
 *
 * Power is classic fixed hardware (dev/acpi_pm.h) without a PM timer, general-purpose events or
 * buttons. Hardware-reduced ACPI would take the PIC and the PIT away from Linux, which it still
 * needs where the TSC is not constant; without a PM timer nothing is left that would cost time at
 * boot (ACPI 5.0A made it optional, and the reference TSC page is the better clock).
 *
 * Purpose: what a guest must know of the machine and cannot find out.
 * Threads: main thread.
 * Errors:  -EFAULT no RAM there; -ENOSPC more than fits into ACPI_TABLES_BYTES.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/util.h"

struct vm;

/* The RSDP lies at the start, where firmware-minded guests search for it too. */
enum { ACPI_TABLES_GPA = 0xe0000, ACPI_TABLES_BYTES = 8192 };

struct acpi_config {
	unsigned vp_count; /* APIC ids 0 .. vp_count - 1 */
	bool vmbus;        /* announce the VMBus device (spec/vmbus.md 1.3) */
};

/* Tables as they stand at ACPI_TABLES_GPA. */
int acpi_build(const struct acpi_config *config, uint8_t bytes[ACPI_TABLES_BYTES],
	size_t *ret_used) MUST_CHECK;
/* Writes the tables of `vm` into its RAM. */
int acpi_load(struct vm *vm) MUST_CHECK;
