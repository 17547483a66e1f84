/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Linux kernel images (bzImage): what to copy where, and what the kernel allows its loader.
 *
 * The layouts are the kernel's own, from <asm/bootparam.h>; names of fields are those of "The
 * Linux/x86 Boot Protocol". Protocol 2.12 (Linux 3.8) is the first that can say whether the kernel
 * has a 64-bit entry.
 *
 * Purpose: turn the bytes of a file, which may be hostile, into checked sizes and addresses.
 * Threads: any; pure.
 * Errors:  -ENOEXEC with one sentence that names what is wrong.
 */
#include <asm/bootparam.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/util.h"
#include "vmm/boot/boot_error.h"

#define LINUX_HEADER_MAGIC 0x53726448u /* "HdrS" */
#define LINUX_BOOT_FLAG    0xaa55u
#define LINUX_MIN_PROTOCOL 0x020cu
/* From the load address, as the 64-bit protocol fixes it. */
#define LINUX_ENTRY_OFFSET 0x200u

struct linux_image {
	struct setup_header header;      /* as in the file; zero beyond its end */
	uint64_t file_offset, file_size; /* of what is loaded, file_size <= memory_size */
	uint64_t load_gpa, memory_size;  /* at least 1 MiB; what the kernel needs there */
	uint64_t entry;                  /* in [load_gpa, load_gpa + file_size) */
	uint64_t initrd_end_max;         /* first address after the highest initrd */
	uint32_t command_line_bytes_max; /* without the final NUL */
};

/* Whether these bytes are meant to be a Linux kernel: the boot flag and "HdrS" are there. */
bool linux_image_recognised(const void *data, size_t size);
int linux_image_parse(const void *data, size_t size, struct linux_image *ret_image,
	char reterr_text[BOOT_ERROR_BYTES]) MUST_CHECK;
