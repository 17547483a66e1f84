/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/boot/multiboot.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/cleanup.h"
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
	const uint8_t *data; /* == owned_data, or borrowed */
	size_t size;
	uint8_t *owned_data, *initrd;
	size_t initrd_size;
	char initrd_name[256];
	struct multiboot_image image;
	uint32_t initrd_gpa, info_gpa;
};

static const uint64_t legacy_hole_gpa = 0xa0000, upper_memory_gpa = 0x100000;

static int PRINTF(3, 4) fail(char *reterr_text, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(reterr_text, MULTIBOOT_ERROR_BYTES, format, args);
	va_end(args);
	return error;
}

static void multiboot_free(void *data)
{
	struct multiboot *boot = data;

	if (!boot)
		return;
	free(boot->owned_data);
	free(boot->initrd);
	free(boot);
}

static void cleanup_multiboot(struct multiboot **boot)
{
	multiboot_free(*boot);
}

/* boot information */

static uint64_t low_ram_end(const struct vm *vm)
{
	return vm->memory.region[0].size_bytes;
}

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
	uint64_t low_end = low_ram_end(vm);

	add_mmap(block, 0, legacy_hole_gpa, MMAP_AVAILABLE);
	add_mmap(block, legacy_hole_gpa, upper_memory_gpa, MMAP_RESERVED);
	add_mmap(block, upper_memory_gpa, low_end, MMAP_AVAILABLE);
	if (vm->memory.region_count > 1)
		add_mmap(block, GUEST_HIGH_RAM_START,
			GUEST_HIGH_RAM_START + vm->memory.region[1].size_bytes, MMAP_AVAILABLE);
	block->info.mem_lower_kib = (uint32_t)(legacy_hole_gpa / 1024);
	block->info.mem_upper_kib = (uint32_t)((low_end - upper_memory_gpa) / 1024);
	block->info.flags |= INFO_MEMORY | INFO_MMAP;
}

static void describe_module(struct info_block *block, const struct multiboot *boot)
{
	if (!boot->initrd)
		return;
	snprintf(block->module_string, sizeof(block->module_string), "%s", boot->initrd_name);
	block->module.start = boot->initrd_gpa;
	block->module.end = boot->initrd_gpa + (uint32_t)boot->initrd_size;
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

		r = guest_memory_write(&vm->memory, segment->gpa, boot->data + segment->file_offset,
			segment->file_size);
	}
	if (r == 0 && boot->initrd)
		r = guest_memory_write(
			&vm->memory, boot->initrd_gpa, boot->initrd, boot->initrd_size);
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
static int place(const struct vm *vm, struct multiboot *boot, const char *path, char *reterr_text)
{
	uint64_t initrd_gpa = page_up(boot->image.end);
	uint64_t info_gpa = page_up(initrd_gpa + boot->initrd_size);
	uint64_t end = info_gpa + sizeof(struct info_block);

	if (end > low_ram_end(vm))
		return fail(reterr_text, -EFBIG,
			"%s: image, initrd and boot information end at 0x%" PRIx64
			", RAM below 4 GiB at 0x%" PRIx64,
			path, end, low_ram_end(vm));
	boot->initrd_gpa = (uint32_t)initrd_gpa;
	boot->info_gpa = (uint32_t)info_gpa;
	return 0;
}

static int parse(struct multiboot *boot, const char *path, char *reterr_text)
{
	char why[MULTIBOOT_ERROR_BYTES];
	int r = multiboot_image_parse(boot->data, boot->size, &boot->image, why);

	return r < 0 ? fail(reterr_text, r, "%s: %s", path, why) : 0;
}

static int check_strings(
	const struct vm_boot *boot, const char *path, const char *command_line, char *reterr_text)
{
	if (strlen(path) >= sizeof(boot->image))
		return fail(reterr_text, -ENAMETOOLONG, "the image's path is longer than %zu bytes",
			sizeof(boot->image) - 1);
	if (strlen(command_line) >= sizeof(boot->command_line))
		return fail(reterr_text, -E2BIG,
			"the guest's command line is longer than %zu bytes",
			sizeof(boot->command_line) - 1);
	return 0;
}

/* Parses, places, and hands `boot` over to the VM. */
static int adopt(struct vm *vm, struct multiboot **boot, const char *path, const char *command_line,
	char *reterr_text)
{
	int r = check_strings(&vm->boot, path, command_line, reterr_text);

	if (r == 0)
		r = parse(*boot, path, reterr_text);
	if (r == 0)
		r = place(vm, *boot, path, reterr_text);
	if (r < 0)
		return r;
	if (vm->boot.data_free)
		vm->boot.data_free(vm->boot.data);
	vm->boot = (struct vm_boot){
		.loaded = true,
		.entry = (*boot)->image.entry,
		.eax = MULTIBOOT_LOADER_MAGIC,
		.ebx = (*boot)->info_gpa,
		.format = "multiboot1",
		.load = load,
		.data_free = multiboot_free,
	};
	snprintf(vm->boot.image, sizeof(vm->boot.image), "%s", path);
	snprintf(vm->boot.command_line, sizeof(vm->boot.command_line), "%s", command_line);
	vm->boot.data = TAKE_PTR(*boot);
	return 0;
}

/* files */

static int read_all(int fd, uint8_t *to, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t n = read(fd, to + done, size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO; /* cut short since fstat() */
		done += (size_t)n;
	}
	return 0;
}

/* A whole regular file of at most `limit` bytes. */
static int read_file(
	const char *path, uint64_t limit, uint8_t **ret_data, size_t *ret_size, char *reterr_text)
{
	CLEANUP(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	CLEANUP(free) uint8_t *data = NULL;
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return fail(reterr_text, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return fail(reterr_text, -EINVAL, "%s: not a regular file", path);
	if (st.st_size == 0)
		return fail(reterr_text, -ENOEXEC, "%s: empty file", path);
	if ((uint64_t)st.st_size > limit)
		return fail(reterr_text, -EFBIG, "%s: larger than the VM's RAM", path);
	data = malloc((size_t)st.st_size);
	r = data ? read_all(fd, data, (size_t)st.st_size) : -ENOMEM;
	if (r < 0)
		return fail(reterr_text, r, "%s: %s", path, strerror(-r));
	*ret_data = TAKE_PTR(data);
	*ret_size = (size_t)st.st_size;
	return 0;
}

int multiboot_boot_file(struct vm *vm, const char *path, const char *initrd_path,
	const char *command_line, char reterr_text[MULTIBOOT_ERROR_BYTES])
{
	CLEANUP(multiboot) struct multiboot *boot = calloc(1, sizeof(*boot));
	int r;

	if (!boot)
		return fail(reterr_text, -ENOMEM, "%s: out of memory", path);
	r = read_file(path, low_ram_end(vm), &boot->owned_data, &boot->size, reterr_text);
	if (r == 0 && initrd_path)
		r = read_file(initrd_path, low_ram_end(vm), &boot->initrd, &boot->initrd_size,
			reterr_text);
	if (r < 0)
		return r;
	boot->data = boot->owned_data;
	if (initrd_path)
		snprintf(boot->initrd_name, sizeof(boot->initrd_name), "%s", initrd_path);
	return adopt(vm, &boot, path, command_line, reterr_text);
}

int multiboot_boot_memory(struct vm *vm, const char *name, const void *data, size_t size,
	const char *command_line, char reterr_text[MULTIBOOT_ERROR_BYTES])
{
	CLEANUP(multiboot) struct multiboot *boot = calloc(1, sizeof(*boot));

	if (!boot)
		return fail(reterr_text, -ENOMEM, "%s: out of memory", name);
	boot->data = data;
	boot->size = size;
	return adopt(vm, &boot, name, command_line, reterr_text);
}
