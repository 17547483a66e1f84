/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/boot/boot.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include "vmm/boot/boot_source.h"
#include "vmm/boot/linux.h"
#include "vmm/boot/linux_image.h"
#include "vmm/boot/multiboot.h"
#include "vmm/boot/multiboot_image.h"
#include "vmm/vm.h"

static int refuse(const struct boot_source *source, char *reterr_text)
{
	if (source->image_size >= SELFMAG && memcmp(source->image, ELFMAG, SELFMAG) == 0)
		return boot_fail(reterr_text, -ENOEXEC,
			"%s: an ELF file without a multiboot 1 header; of a Linux kernel hvd boots "
			"the bzImage",
			source->name);
	return boot_fail(reterr_text, -ENOEXEC,
		"%s: neither a Linux kernel (bzImage) nor a multiboot 1 image", source->name);
}

static int boot_source(struct vm *vm, struct boot_source *source, char *reterr_text)
{
	int r = boot_source_check(source, reterr_text);

	if (r < 0)
		return r;
	if (linux_image_recognised(source->image, source->image_size))
		return linux_boot(vm, source, reterr_text);
	if (multiboot_image_recognised(source->image, source->image_size))
		return multiboot_boot(vm, source, reterr_text);
	return refuse(source, reterr_text);
}

int boot_file(struct vm *vm, const char *path, const char *initrd_path, const char *command_line,
	char reterr_text[BOOT_ERROR_BYTES])
{
	struct boot_source source = {.command_line = command_line};
	int r = boot_source_read(
		&source, path, initrd_path, guest_memory_low_end(&vm->memory), reterr_text);

	if (r == 0)
		r = boot_source(vm, &source, reterr_text);
	boot_source_deinit(&source);
	return r;
}

int boot_memory(struct vm *vm, const char *name, const void *data, size_t size,
	const char *command_line, char reterr_text[BOOT_ERROR_BYTES])
{
	struct boot_source source = {
		.name = name,
		.command_line = command_line,
		.image = data,
		.image_size = size,
	};

	return boot_source(vm, &source, reterr_text);
}
