/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/boot/linux.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "common/cleanup.h"
#include "vmm/boot/acpi.h"
#include "vmm/boot/boot_source.h"
#include "vmm/boot/linux_image.h"
#include "vmm/vm.h"

enum {
	BOOT_PARAMS_GPA = 0x7000,
	GDT_GPA = 0x8000,
	PAGE_TABLES_GPA = 0x9000,
	COMMAND_LINE_GPA = 0x20000,
	LEGACY_HOLE_GPA = 0xa0000,
	UPPER_MEMORY_GPA = 0x100000,
	LOADER_UNREGISTERED = 0xff,
	VIDEO_MODE_NORMAL = 0xffff,
};
/* IOAPIC, LAPICs, and what KVM keeps for itself. */
#define CHIPS_START UINT64_C(0xfec00000)
#define CHIPS_END   UINT64_C(0x100000000)

enum e820_type { E820_RAM = 1, E820_RESERVED = 2, E820_ACPI = 3 };

/* Owned by vm->boot. */
struct linux_kernel {
	struct boot_source source;
	struct linux_image image;
	uint64_t initrd_gpa; /* 0: no initrd */
};

static void linux_kernel_free(void *data)
{
	struct linux_kernel *kernel = data;

	if (!kernel)
		return;
	boot_source_deinit(&kernel->source);
	free(kernel);
}

/* page tables */

enum { TABLE_ENTRIES = 512, GIGABYTES = 4, PAGE_SHIFT_2M = 21 };
enum { PTE_PRESENT = 1 << 0, PTE_WRITE = 1 << 1, PTE_LARGE = 1 << 7 };

/* The lowest 4 GiB one to one, in pages of 2 MiB. */
struct page_tables {
	uint64_t level4[TABLE_ENTRIES];
	uint64_t level3[TABLE_ENTRIES];
	uint64_t level2[GIGABYTES][TABLE_ENTRIES];
};

static uint64_t table_entry(size_t offset)
{
	return (PAGE_TABLES_GPA + offset) | PTE_PRESENT | PTE_WRITE;
}

static int load_page_tables(struct guest_memory *memory)
{
	CLEANUP(free) struct page_tables *tables = calloc(1, sizeof(*tables));

	if (!tables)
		return -ENOMEM;
	tables->level4[0] = table_entry(offsetof(struct page_tables, level3));
	for (uint64_t gib = 0; gib < GIGABYTES; gib++) {
		tables->level3[gib] = table_entry(offsetof(struct page_tables, level2[gib]));
		for (uint64_t i = 0; i < TABLE_ENTRIES; i++)
			tables->level2[gib][i] = (gib * TABLE_ENTRIES + i) << PAGE_SHIFT_2M |
						 PTE_PRESENT | PTE_WRITE | PTE_LARGE;
	}
	return guest_memory_write(memory, PAGE_TABLES_GPA, tables, sizeof(*tables));
}

static int load_gdt(struct guest_memory *memory)
{
	const uint64_t gdt[] = {
		[VM_BOOT_LONG_CODE / sizeof(uint64_t)] = VM_BOOT_CODE_DESCRIPTOR,
		[VM_BOOT_LONG_DATA / sizeof(uint64_t)] = VM_BOOT_DATA_DESCRIPTOR,
	};
	_Static_assert(sizeof(gdt) == VM_BOOT_GDT_BYTES, "the GDT's limit");

	return guest_memory_write(memory, GDT_GPA, gdt, sizeof(gdt));
}

/* boot_params */

static void add_e820(struct boot_params *params, uint64_t start, uint64_t end, enum e820_type type)
{
	if (end <= start)
		return;
	params->e820_table[params->e820_entries++] = (struct boot_e820_entry){
		.addr = start,
		.size = end - start,
		.type = type,
	};
}

static void describe_memory(struct boot_params *params, const struct guest_memory *memory)
{
	add_e820(params, 0, LEGACY_HOLE_GPA, E820_RAM);
	add_e820(params, LEGACY_HOLE_GPA, ACPI_TABLES_GPA, E820_RESERVED);
	add_e820(params, ACPI_TABLES_GPA, UPPER_MEMORY_GPA, E820_ACPI);
	add_e820(params, UPPER_MEMORY_GPA, guest_memory_low_end(memory), E820_RAM);
	add_e820(params, CHIPS_START, CHIPS_END, E820_RESERVED);
	add_e820(params, GUEST_HIGH_RAM_START,
		GUEST_HIGH_RAM_START + guest_memory_high_bytes(memory), E820_RAM);
}

static int load_boot_params(struct vm *vm, const struct linux_kernel *kernel)
{
	struct boot_params params = {
		.acpi_rsdp_addr = ACPI_TABLES_GPA,
		.hdr = kernel->image.header,
	};

	params.hdr.type_of_loader = LOADER_UNREGISTERED;
	params.hdr.vid_mode = VIDEO_MODE_NORMAL;
	params.hdr.cmd_line_ptr = COMMAND_LINE_GPA;
	params.hdr.code32_start = (uint32_t)kernel->image.load_gpa;
	params.hdr.setup_data = 0;
	params.hdr.ramdisk_image = (uint32_t)kernel->initrd_gpa;
	params.hdr.ramdisk_size = (uint32_t)kernel->source.initrd_size;
	describe_memory(&params, &vm->memory);
	return guest_memory_write(&vm->memory, BOOT_PARAMS_GPA, &params, sizeof(params));
}

/* loading: everything has been checked to fit, and RAM is zero */

static int load_files(struct guest_memory *memory, const struct linux_kernel *kernel)
{
	const struct linux_image *image = &kernel->image;
	const struct boot_source *source = &kernel->source;
	int r = guest_memory_write(
		memory, image->load_gpa, source->image + image->file_offset, image->file_size);

	if (r < 0 || !source->initrd)
		return r;
	return guest_memory_write(memory, kernel->initrd_gpa, source->initrd, source->initrd_size);
}

static int load(struct vm *vm)
{
	struct guest_memory *memory = &vm->memory;
	int r = load_files(memory, vm->boot.data);

	if (r == 0)
		r = guest_memory_write(memory, COMMAND_LINE_GPA, vm->boot.command_line,
			strlen(vm->boot.command_line) + 1);
	if (r == 0)
		r = load_boot_params(vm, vm->boot.data);
	if (r == 0)
		r = load_gdt(memory);
	if (r == 0)
		r = load_page_tables(memory);
	return r < 0 ? r : acpi_load(vm);
}

/* preparing */

static uint64_t page_down(uint64_t gpa)
{
	return gpa & ~(uint64_t)(HV_PAGE_SIZE - 1);
}

static int check_command_line(
	const struct linux_image *image, const char *command_line, char *reterr_text)
{
	if (strlen(command_line) > image->command_line_bytes_max)
		return boot_fail(reterr_text, -E2BIG,
			"the guest's command line is longer than the %u bytes this kernel takes",
			image->command_line_bytes_max);
	return 0;
}

static int check_kernel_fits(const struct linux_image *image, uint64_t ram_end, char *reterr_text)
{
	uint64_t end = image->load_gpa + image->memory_size;

	if (end > ram_end)
		return boot_fail(reterr_text, -EFBIG,
			"the kernel needs RAM up to 0x%" PRIx64
			", RAM below 4 GiB ends at 0x%" PRIx64,
			end, ram_end);
	return 0;
}

/* The highest page in [start, end) from which `size` bytes fit. */
static bool find_room(uint64_t start, uint64_t end, uint64_t size, uint64_t *ret_gpa)
{
	if (end < start || end - start < size || page_down(end - size) < start)
		return false;
	*ret_gpa = page_down(end - size);
	return true;
}

/* As high as RAM and the kernel allow, so that it is in nobody's way. */
static int place_initrd(const struct linux_image *image, uint64_t size, uint64_t ram_end,
	uint64_t *ret_gpa, char *reterr_text)
{
	uint64_t kernel_end = image->load_gpa + image->memory_size;

	if (!find_room(kernel_end, ram_end, size, ret_gpa))
		return boot_fail(reterr_text, -EFBIG,
			"the initrd's %" PRIu64
			" bytes do not fit into RAM between the kernel's end at 0x%" PRIx64
			" and 0x%" PRIx64,
			size, kernel_end, ram_end);
	if (!find_room(kernel_end, MIN(ram_end, image->initrd_end_max), size, ret_gpa))
		return boot_fail(reterr_text, -EFBIG,
			"the initrd's %" PRIu64
			" bytes do not fit below the highest address this kernel takes, 0x%" PRIx64,
			size, image->initrd_end_max - 1);
	return 0;
}

static int prepare(const struct vm *vm, const struct boot_source *source,
	struct linux_kernel *kernel, char *reterr_text)
{
	uint64_t ram_end = guest_memory_low_end(&vm->memory);
	struct linux_image *image = &kernel->image;
	int r = linux_image_parse(source->image, source->image_size, image, reterr_text);

	if (r == 0)
		r = check_command_line(image, source->command_line, reterr_text);
	if (r == 0)
		r = check_kernel_fits(image, ram_end, reterr_text);
	if (r == 0 && source->initrd)
		r = place_initrd(
			image, source->initrd_size, ram_end, &kernel->initrd_gpa, reterr_text);
	return r;
}

int linux_boot(struct vm *vm, struct boot_source *source, char reterr_text[BOOT_ERROR_BYTES])
{
	CLEANUP(free) struct linux_kernel *kernel = calloc(1, sizeof(*kernel));
	char why[BOOT_ERROR_BYTES] = "out of memory";
	int r = kernel ? prepare(vm, source, kernel, why) : -ENOMEM;

	if (r < 0)
		return boot_fail(reterr_text, r, "%s: %s", source->name, why);
	boot_source_adopt(source, vm,
		&(struct vm_boot){
			.loaded = true,
			.mode = VM_BOOT_LONG,
			.entry = kernel->image.entry,
			.rsi = BOOT_PARAMS_GPA,
			.cr3 = PAGE_TABLES_GPA,
			.gdt_gpa = GDT_GPA,
			.format = "linux",
			.load = load,
			.data = kernel,
			.data_free = linux_kernel_free,
		});
	kernel->source = boot_source_take(source);
	kernel = NULL;
	return 0;
}
