/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Booting multiboot 1 images.
 *
 *	RAM, from the bottom: the image's segments; the initrd, page aligned; boot information.
 *
 * The guest sees "IMAGE COMMAND_LINE" as its command line, as with QEMU and GRUB.
 *
 * Purpose: fill vm->boot from a multiboot 1 image.
 * Threads: main thread, before the VM runs.
 * Errors:  -ENOEXEC not such an image; -EFBIG does not fit in RAM.
 */
#include "common/util.h"
#include "vmm/boot/boot_error.h"

struct boot_source;
struct vm;

/* Takes the bytes of `source` over when it succeeds. */
int multiboot_boot(
	struct vm *vm, struct boot_source *source, char reterr_text[BOOT_ERROR_BYTES]) MUST_CHECK;
