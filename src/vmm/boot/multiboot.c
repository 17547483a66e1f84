/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/boot/multiboot.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/cleanup.h"
#include "vmm/boot/boot_source.h"
#include "vmm/boot/multiboot_image.h"
#include "vmm/vm.h"

/* Boot information, multiboot 1 section 3.3. */
enum {
	INFO_MEMORY = 1 << 0,
	INFO_COMMAND_LINE = 1 << 2,
	INFO_MODULES = 1 << 3,
	INFO_MMAP = 1 << 6,
	INFO_LOADER_NAME = 1 << 9,
};

enum { MMAP_AVAILABLE = 1, MMAP_RESERVED = 2, MMAP_ENTRIES = 4 };

struct info {
	uint32_t flags;
	uint32_t mem_lower_kib, mem_upper_kib;
	uint32_t boot_device;
	uint32_t cmdline;
	uint32_t mods_count, mods_addr;
	uint32_t syms[4];
	uint32_t mmap_length, mmap_addr;
	uint32_t drives_length, drives_addr;
	uint32_t config_table;
	uint32_t boot_loader_name;
	uint32_t apm_table;
	uint32_t vbe[4];
};
_Static_assert(sizeof(struct info) == 88, "multiboot 1, 3.3");

struct module {
	uint32_t start, end, string, reserved;
};

struct mmap_entry {
	uint32_t size; /* of what follows */
	uint64_t start, length;
	uint32_t type;
} __attribute__((packed));
_Static_assert(sizeof(struct mmap_entry) == 24, "multiboot 1, 3.3");

/* Everything the guest is told, in one block. */
struct info_block {
	struct info info;
	struct module module;
	struct mmap_entry mmap[MMAP_ENTRIES];
	char loader_name[16];
	char module_string[256];
	char command_line[sizeof(((struct vm_boot *)0)->image) +
			  sizeof(((struct vm_boot *)0)->command_line)];
};

/* Owned by vm->boot. */
struct multiboot {
	struct boot_source source;
	struct multiboot_image image;
	uint32_t initrd_gpa, info_gpa;
};

static const uint64_t legacy_hole_gpa = 0xa0000, upper_memory_gpa = 0x100000;

static void multiboot_free(void *data)
{
	struct multiboot *boot = data;

	if (!boot)
		return;
	boot_source_deinit(&boot->source);
	free(boot);
}

/* boot information */

static void add_mmap(struct info_block *block, uint64_t start, uint64_t end, uint32_t type)
{
	uint32_t used = block->info.mmap_length / sizeof(struct mmap_entry);

	if (end <= start)
		return;
	block->mmap[used] = (struct mmap_entry){
		.size = sizeof(struct mmap_entry) - sizeof(uint32_t),
		.start = start,
		.length = end - start,
		.type = type,
	};
	block->info.mmap_length += sizeof(struct mmap_entry);
}

static void describe_memory(struct info_block *block, const struct vm *vm)
{
	uint64_t low_end = guest_memory_low_end(&vm->memory);

	add_mmap(block, 0, legacy_hole_gpa, MMAP_AVAILABLE);
	add_mmap(block, legacy_hole_gpa, upper_memory_gpa, MMAP_RESERVED);
	add_mmap(block, upper_memory_gpa, low_end, MMAP_AVAILABLE);
	add_mmap(block, GUEST_HIGH_RAM_START,
		GUEST_HIGH_RAM_START + guest_memory_high_bytes(&vm->memory), MMAP_AVAILABLE);
	block->info.mem_lower_kib = (uint32_t)(legacy_hole_gpa / 1024);
	block->info.mem_upper_kib = (uint32_t)((low_end - upper_memory_gpa) / 1024);
	block->info.flags |= INFO_MEMORY | INFO_MMAP;
}

static void describe_module(struct info_block *block, const struct multiboot *boot)
{
	if (!boot->source.initrd)
		return;
	snprintf(
		block->module_string, sizeof(block->module_string), "%s", boot->source.initrd_name);
	block->module.start = boot->initrd_gpa;
	block->module.end = boot->initrd_gpa + (uint32_t)boot->source.initrd_size;
	block->module.string = boot->info_gpa + offsetof(struct info_block, module_string);
	block->info.mods_count = 1;
	block->info.mods_addr = boot->info_gpa + offsetof(struct info_block, module);
	block->info.flags |= INFO_MODULES;
}

static void fill_info(struct info_block *block, const struct vm *vm, const struct multiboot *boot)
{
	struct info *info = &block->info;

	*block = (struct info_block){.loader_name = "hvd"};
	describe_memory(block, vm);
	describe_module(block, boot);
	snprintf(block->command_line, sizeof(block->command_line), "%s %s", vm->boot.image,
		vm->boot.command_line);
	info->cmdline = boot->info_gpa + offsetof(struct info_block, command_line);
	info->mmap_addr = boot->info_gpa + offsetof(struct info_block, mmap);
	info->boot_loader_name = boot->info_gpa + offsetof(struct info_block, loader_name);
	info->flags |= INFO_COMMAND_LINE | INFO_LOADER_NAME;
}

/* loading: everything has been checked to fit, and RAM is zero */

static int load(struct vm *vm)
{
	const struct multiboot *boot = vm->boot.data;
	struct info_block block;
	int r = 0;

	for (unsigned i = 0; r == 0 && i < boot->image.segment_count; i++) {
		const struct multiboot_segment *segment = &boot->image.segment[i];

		r = guest_memory_write(&vm->memory, segment->gpa,
			boot->source.image + segment->file_offset, segment->file_size);
	}
	if (r == 0 && boot->source.initrd)
		r = guest_memory_write(&vm->memory, boot->initrd_gpa, boot->source.initrd,
			boot->source.initrd_size);
	if (r < 0)
		return r;
	fill_info(&block, vm, boot);
	return guest_memory_write(&vm->memory, boot->info_gpa, &block, sizeof(block));
}

/* preparing */

static uint64_t page_up(uint64_t gpa)
{
	return (gpa + HV_PAGE_SIZE - 1) & ~(uint64_t)(HV_PAGE_SIZE - 1);
}

/* Sizes are those of files that were read into memory: the sums cannot overflow. */
static int place(const struct vm *vm, struct multiboot *boot, const struct boot_source *source,
	char *reterr_text)
{
	uint64_t initrd_gpa = page_up(boot->image.end);
	uint64_t info_gpa = page_up(initrd_gpa + source->initrd_size);
	uint64_t end = info_gpa + sizeof(struct info_block);

	if (end > guest_memory_low_end(&vm->memory))
		return boot_fail(reterr_text, -EFBIG,
			"%s: image, initrd and boot information end at 0x%" PRIx64
			", RAM below 4 GiB at 0x%" PRIx64,
			source->name, end, guest_memory_low_end(&vm->memory));
	boot->initrd_gpa = (uint32_t)initrd_gpa;
	boot->info_gpa = (uint32_t)info_gpa;
	return 0;
}

static int parse(struct multiboot *boot, const struct boot_source *source, char *reterr_text)
{
	char why[BOOT_ERROR_BYTES];
	int r = multiboot_image_parse(source->image, source->image_size, &boot->image, why);

	return r < 0 ? boot_fail(reterr_text, r, "%s: %s", source->name, why) : 0;
}

int multiboot_boot(struct vm *vm, struct boot_source *source, char reterr_text[BOOT_ERROR_BYTES])
{
	CLEANUP(free) struct multiboot *boot = calloc(1, sizeof(*boot));
	int r;

	if (!boot)
		return boot_fail(reterr_text, -ENOMEM, "%s: out of memory", source->name);
	r = parse(boot, source, reterr_text);
	if (r == 0)
		r = place(vm, boot, source, reterr_text);
	if (r < 0)
		return r;
	boot_source_adopt(source, vm,
		&(struct vm_boot){
			.loaded = true,
			.entry = boot->image.entry,
			.eax = MULTIBOOT_LOADER_MAGIC,
			.ebx = boot->info_gpa,
			.format = "multiboot1",
			.load = load,
			.data = boot,
			.data_free = multiboot_free,
		});
	boot->source = boot_source_take(source);
	boot = NULL;
	return 0;
}
