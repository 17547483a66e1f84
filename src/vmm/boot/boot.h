/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Booting an image: what kind it is, its contents say.
 *
 *	boot flag and "HdrS"   a Linux kernel: 64-bit boot protocol         linux.h
 *	a multiboot 1 header   ELF, or anything that says where it loads    multiboot.h
 *
 * Purpose: fill vm->boot.
 * Threads: main thread, before the VM runs.
 * Errors:  negative errno of the file; -ENOEXEC not a bootable image; -EFBIG does not fit in RAM;
 *          -E2BIG command line too long. The text names the file and says why.
 */
#include <stddef.h>
#include "common/util.h"
#include "vmm/boot/boot_error.h"

struct vm;

/* `initrd_path` NULL: none. `command_line` may be empty. */
int boot_file(struct vm *vm, const char *path, const char *initrd_path, const char *command_line,
	char reterr_text[BOOT_ERROR_BYTES]) MUST_CHECK;
/* An image inside hvd; `data` outlives the VM, `name` stands in for the path. */
int boot_memory(struct vm *vm, const char *name, const void *data, size_t size,
	const char *command_line, char reterr_text[BOOT_ERROR_BYTES]) MUST_CHECK;
