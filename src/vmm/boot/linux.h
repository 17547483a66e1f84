/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Booting Linux by the 64-bit boot protocol.
 *
 *	0x00007000  boot_params            0x00020000  command line
 *	0x00008000  GDT                    0x000e0000  ACPI tables
 *	0x00009000  page tables, 4 GiB     where the kernel prefers: the kernel
 *	            one to one             as high as allowed, below 4 GiB: the initrd
 *
 * Purpose: fill vm->boot from a bzImage.
 * Threads: main thread, before the VM runs.
 * Errors:  -ENOEXEC not a kernel that hvd can boot; -EFBIG kernel or initrd does not fit; -E2BIG
 *          command line too long.
 */
#include "common/util.h"
#include "vmm/boot/boot_error.h"

struct boot_source;
struct vm;

/* Takes the bytes of `source` over when it succeeds. */
int linux_boot(
	struct vm *vm, struct boot_source *source, char reterr_text[BOOT_ERROR_BYTES]) MUST_CHECK;
