/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Booting multiboot 1 images.
 *
 *	RAM, from the bottom: the image's segments; the initrd, page aligned; boot information.
 *
 * The bytes of image and initrd are kept, so that a reset boots the same again whatever became of
 * the files. The guest sees "IMAGE COMMAND_LINE" as its command line, as with QEMU and GRUB.
 *
 * Purpose: fill vm->boot.
 * Threads: main thread, before the VM runs.
 * Errors:  negative errno of the file; -ENOEXEC not a bootable image; -EFBIG does not fit in RAM;
 *          -E2BIG command line too long. The text names the file and says why.
 */
#include <stddef.h>
#include "common/util.h"
#include "vmm/boot/multiboot_image.h"

struct vm;

/* `initrd_path` NULL: no module. `command_line` may be empty. */
int multiboot_boot_file(struct vm *vm, const char *path, const char *initrd_path,
	const char *command_line, char reterr_text[MULTIBOOT_ERROR_BYTES]) MUST_CHECK;
/* An image inside hvd; `data` outlives the VM, `name` stands in for the path. */
int multiboot_boot_memory(struct vm *vm, const char *name, const void *data, size_t size,
	const char *command_line, char reterr_text[MULTIBOOT_ERROR_BYTES]) MUST_CHECK;
