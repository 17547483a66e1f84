/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * A writer of AML, the byte code of ACPI tables (ACPI 6.4, chapter 20): as much as a DSDT needs
 * that lists devices. What opens a package of terms returns where it began, for aml_close().
 *
 *	size_t device = aml_open_device(aml, "COM1");
 *	aml_name_eisa_id(aml, "_HID", "PNP0501");
 *	aml_close(aml, device);
 *
 * Purpose: append terms to a buffer of fixed size.
 * Threads: any; pure.
 * Errors:  what does not fit is dropped and remembered in `overflow`; looked at once, at the end.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct aml {
	uint8_t *bytes; /* borrows */
	size_t size, used;
	bool overflow;
};

/* Names are segments of up to four characters; a leading backslash is kept: "\\_SB". */
void aml_name_integer(struct aml *aml, const char *name, uint64_t value);
void aml_name_string(struct aml *aml, const char *name, const char *text);
/* `id`: three capital letters and four hexadecimal digits. */
void aml_name_eisa_id(struct aml *aml, const char *name, const char *id);
void aml_name_package(struct aml *aml, const char *name, const uint8_t *elements, uint8_t count);

size_t aml_open_scope(struct aml *aml, const char *name);
size_t aml_open_device(struct aml *aml, const char *name);
void aml_close(struct aml *aml, size_t opened);

/* Name (NAME, ResourceTemplate () {...}), closed by aml_close_resources(). */
size_t aml_open_resources(struct aml *aml, const char *name);
void aml_resource_io(struct aml *aml, uint16_t base, uint8_t count);
/* Edge triggered, active high. `irq`: 0..15. */
void aml_resource_irq(struct aml *aml, unsigned irq);
void aml_close_resources(struct aml *aml, size_t opened);
