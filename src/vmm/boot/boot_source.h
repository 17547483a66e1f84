/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The bytes that a VM boots from. They are kept, so that a reset boots the same again whatever
 * became of the files.
 *
 * Purpose: image, initrd and command line, in memory, for the loaders of each format.
 * Threads: main thread.
 * Errors:  negative errno of the file; -E2BIG command line, -ENAMETOOLONG path too long. The text
 *          names the file and says why.
 */
#include <stddef.h>
#include <stdint.h>
#include "common/util.h"
#include "vmm/boot/boot_error.h"

struct vm;
struct vm_boot;

struct boot_source {
	const char *name;         /* borrows: the path, or what stands in for it */
	const char *command_line; /* borrows */
	const uint8_t *image;     /* == owned_image, or borrowed (outlives the VM) */
	size_t image_size;
	uint8_t *owned_image;
	uint8_t *initrd; /* owns; NULL: none */
	size_t initrd_size;
	char initrd_name[256];
};

/*
 * Reads regular files of at most `limit_bytes` each. `initrd_path` NULL: none. On an error too,
 * `source` must be given to boot_source_deinit().
 */
int boot_source_read(struct boot_source *source, const char *path, const char *initrd_path,
	uint64_t limit_bytes, char reterr_text[BOOT_ERROR_BYTES]) MUST_CHECK;
/* The bytes change hands: `source` owns nothing any more; what it borrowed is not taken along. */
struct boot_source boot_source_take(struct boot_source *source);
/* Idempotent. */
void boot_source_deinit(struct boot_source *source);

/* Whether name and command line fit into struct vm_boot. */
int boot_source_check(
	const struct boot_source *source, char reterr_text[BOOT_ERROR_BYTES]) MUST_CHECK;
/* Puts `boot`, with name and command line added, in the place of what the VM booted before. */
void boot_source_adopt(const struct boot_source *source, struct vm *vm, const struct vm_boot *boot);
