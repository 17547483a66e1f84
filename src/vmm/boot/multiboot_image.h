/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Multiboot 1 images: what to copy where, and where to start.
 *
 * Two forms are read: ELF for 32-bit x86, and any other format whose header carries load addresses
 * (flag 16, the "a.out kludge"), which then wins over ELF.
 *
 * Purpose: turn the bytes of a file, which may be hostile, into a checked list of segments.
 * Threads: any; pure.
 * Errors:  -ENOEXEC with one sentence that names what is wrong.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/util.h"
#include "vmm/boot/boot_error.h"

enum {
	MULTIBOOT_MAX_SEGMENTS = 32,
	MULTIBOOT_SEARCH_BYTES = 8192, /* the header lies in the first 8 KiB */
};

#define MULTIBOOT_HEADER_MAGIC 0x1badb002u
#define MULTIBOOT_LOADER_MAGIC 0x2badb002u /* in EAX at the entry */

#define MULTIBOOT_FLAG_ALIGN_MODULES 0x00000001u
#define MULTIBOOT_FLAG_MEMORY        0x00000002u
#define MULTIBOOT_FLAG_ADDRESSES     0x00010000u
#define MULTIBOOT_FLAGS_REQUIRED     0x0000ffffu /* a loader that does not know one must refuse */

struct multiboot_header {
	uint32_t magic, flags, checksum;
	/* valid with MULTIBOOT_FLAG_ADDRESSES */
	uint32_t header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr;
};

/* file_size <= memory_size; both ranges have been checked against overflow and the file's end. */
struct multiboot_segment {
	uint32_t gpa;
	uint64_t file_offset, file_size, memory_size;
};

struct multiboot_image {
	struct multiboot_segment segment[MULTIBOOT_MAX_SEGMENTS];
	unsigned segment_count;
	uint32_t entry;
	uint64_t end; /* first address after the highest segment, at most 4 GiB */
};

/* Whether there is a valid multiboot 1 header. */
bool multiboot_image_recognised(const void *data, size_t size);
int multiboot_image_parse(const void *data, size_t size, struct multiboot_image *ret_image,
	char reterr_text[BOOT_ERROR_BYTES]) MUST_CHECK;
