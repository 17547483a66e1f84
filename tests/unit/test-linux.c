/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The Linux loader: every way a kernel can be wrong, and what it finds in its RAM. */
#include <asm/bootparam.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "fake_vm.h"
#include "vmm/boot/acpi.h"
#include "vmm/boot/boot.h"
#include "vmm/boot/linux_image.h"

enum { LOAD = 0x100000, PAYLOAD_BYTES = 0x400, INIT_BYTES = 0x2345, HEADER_AT = 0x1f1 };

/* A boot sector, one sector of set-up code, and a payload that is loaded. */
struct kernel {
	uint8_t boot_sector[HEADER_AT];
	struct setup_header header;
	uint8_t rest[1024 - HEADER_AT - sizeof(struct setup_header)];
	uint8_t payload[PAYLOAD_BYTES];
} __attribute__((packed));
_Static_assert(offsetof(struct kernel, payload) == 1024, "two sectors before the payload");

static struct fake_vm *fake;

static struct kernel good_kernel(void)
{
	struct kernel kernel = {
		.header =
			{
				.setup_sects = 1,
				.syssize = PAYLOAD_BYTES / 16,
				.boot_flag = 0xaa55,
				.jump = 0xeb | 0x6a << 8,
				.header = LINUX_HEADER_MAGIC,
				.version = 0x020f,
				.loadflags = LOADED_HIGH,
				.initrd_addr_max = 0x7fffffff,
				.xloadflags = XLF_KERNEL_64,
				.cmdline_size = 2047,
				.pref_address = LOAD,
				.init_size = INIT_BYTES,
			},
	};

	for (size_t i = 0; i < sizeof(kernel.payload); i++)
		kernel.payload[i] = (uint8_t)i;
	return kernel;
}

static int parse(const void *data, size_t size, struct linux_image *image, char *why)
{
	uint8_t *copy = malloc(size); /* exact, so that ASan sees a read past the end */
	int r;

	memcpy(copy, data, size);
	r = linux_image_parse(copy, size, image, why);
	free(copy);
	return r;
}

static void assert_says(const char *why, const char *words)
{
	if (!strstr(why, words))
		fail_msg("\"%s\" does not say \"%s\"", why, words);
}

static void assert_refused(const struct kernel *kernel, size_t size, const char *words)
{
	struct linux_image image;
	char why[BOOT_ERROR_BYTES] = "";

	assert_int_equal(parse(kernel, size, &image, why), -ENOEXEC);
	assert_says(why, words);
}

/* parsing */

static void test_kernel_is_read(void **state)
{
	struct kernel kernel = good_kernel();
	struct linux_image image;
	char why[BOOT_ERROR_BYTES] = "";

	assert_int_equal(parse(&kernel, sizeof(kernel), &image, why), 0);
	assert_int_equal(image.file_offset, 1024);
	assert_int_equal(image.file_size, PAYLOAD_BYTES);
	assert_int_equal(image.load_gpa, LOAD);
	assert_int_equal(image.memory_size, INIT_BYTES);
	assert_int_equal(image.entry, LOAD + 0x200);
	assert_int_equal(image.initrd_end_max, 0x80000000);
	assert_int_equal(image.command_line_bytes_max, 2047);
	kernel.header.init_size = 0; /* never less than what is loaded */
	assert_int_equal(parse(&kernel, sizeof(kernel), &image, why), 0);
	assert_int_equal(image.memory_size, PAYLOAD_BYTES);
}

static void test_recognition(void **state)
{
	struct kernel kernel = good_kernel();

	assert_true(linux_image_recognised(&kernel, sizeof(kernel)));
	assert_true(linux_image_recognised(&kernel, 0x206));
	assert_false(linux_image_recognised(&kernel, 0x205));
	assert_false(linux_image_recognised(&kernel, 0));
	kernel.header.boot_flag = 0;
	assert_false(linux_image_recognised(&kernel, sizeof(kernel)));
	kernel = good_kernel();
	kernel.header.header++;
	assert_false(linux_image_recognised(&kernel, sizeof(kernel)));
	assert_refused(&kernel, sizeof(kernel), "not a Linux kernel");
}

static void test_bad_header(void **state)
{
	struct kernel kernel = good_kernel();

	kernel.header.version = 0x020b;
	assert_refused(&kernel, sizeof(kernel), "boot protocol 2.11 is too old");
	kernel.header.version = 0x0000;
	assert_refused(&kernel, sizeof(kernel), "boot protocol 0.00 is too old");
	kernel = good_kernel();
	kernel.header.jump = 0xeb | 0x61 << 8;
	assert_refused(&kernel, sizeof(kernel), "too short for boot protocol 2.15");
	kernel = good_kernel();
	kernel.header.loadflags = 0;
	assert_refused(&kernel, sizeof(kernel), "zImage");
	kernel = good_kernel();
	kernel.header.xloadflags = (uint16_t)~XLF_KERNEL_64;
	assert_refused(&kernel, sizeof(kernel), "no 64-bit entry");
}

/* A header of a later protocol is longer; what we do not know of it is not taken. */
static void test_longer_header(void **state)
{
	struct kernel kernel = good_kernel();
	struct linux_image image;
	char why[BOOT_ERROR_BYTES] = "";

	kernel.header.jump = 0xeb | 0xff << 8;
	kernel.header.version = 0x0300;
	assert_int_equal(parse(&kernel, sizeof(kernel), &image, why), 0);
	assert_memory_equal(&image.header, &kernel.header, sizeof(image.header));
}

static void test_truncated(void **state)
{
	struct kernel kernel = good_kernel();

	for (size_t size = 0x206; size < sizeof(kernel); size++)
		assert_refused(&kernel, size, size < 0x26c ? "setup header" : "truncated");
	kernel.header.syssize = 0;
	assert_refused(&kernel, 1024, "64-bit entry");
	assert_refused(&kernel, 1024 + 0x200, "64-bit entry");
	kernel.header.setup_sects = 0; /* stands for four */
	assert_refused(&kernel, sizeof(kernel) - 1, "truncated");
	kernel.header.setup_sects = 255;
	kernel.header.syssize = UINT32_MAX;
	assert_refused(&kernel, sizeof(kernel), "truncated");
}

static void test_bad_address(void **state)
{
	static const struct {
		uint64_t address;
		const char *words;
	} rows[] = {
		{0, "below 1 MiB"},
		{LOAD - 1, "below 1 MiB"},
		{UINT64_C(0x100000000) - INIT_BYTES + 1, "above 4 GiB"},
		{UINT64_C(0x100000000), "above 4 GiB"},
		{UINT64_MAX, "above 4 GiB"},
	};
	struct kernel kernel = good_kernel();

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		kernel.header.pref_address = rows[i].address;
		assert_refused(&kernel, sizeof(kernel), rows[i].words);
	}
}

/* loading */

static int setup(void **state)
{
	fake = fake_vm_new(2, 0);
	return 0;
}

static int teardown(void **state)
{
	struct vm_boot *boot = &fake->vm.boot;

	if (boot->data_free)
		boot->data_free(boot->data);
	fake_vm_free(fake);
	return 0;
}

struct file {
	char path[64];
};

static struct file write_file(const void *data, size_t size)
{
	struct file file = {"/tmp/hvd-test-linux-XXXXXX"};
	int fd = mkstemp(file.path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), size);
	close(fd);
	return file;
}

/* Boots from files; what the loader says is in `why`. */
static int boot(const struct kernel *kernel, size_t initrd_bytes, const char *command_line,
	char why[BOOT_ERROR_BYTES])
{
	uint8_t *initrd = malloc(initrd_bytes + 1);
	struct file kernel_file = write_file(kernel, sizeof(*kernel)), initrd_file;
	int r;

	memset(initrd, 0xcd, initrd_bytes);
	initrd_file = write_file(initrd, initrd_bytes);
	r = boot_file(&fake->vm, kernel_file.path, initrd_bytes ? initrd_file.path : NULL,
		command_line, why);
	unlink(kernel_file.path);
	unlink(initrd_file.path);
	free(initrd);
	return r;
}

static uint64_t qword_at(uint64_t gpa)
{
	uint64_t value;

	memcpy(&value, fake_vm_ram(fake, gpa), sizeof(value));
	return value;
}

/* Where the guest's page tables lead. */
static uint64_t translate(uint64_t address)
{
	uint64_t table = fake->vm.boot.cr3;
	uint64_t entry;

	for (unsigned shift = 39; shift >= 21; shift -= 9) {
		entry = qword_at(table + (address >> shift & 511) * 8);
		assert_int_equal(entry & 3, 3);
		table = entry & ~UINT64_C(0xfff);
	}
	assert_true(entry & 0x80);
	return table + (address & 0x1fffff);
}

static void test_entry_state(void **state)
{
	struct kernel kernel = good_kernel();
	const struct vm_boot *b = &fake->vm.boot;
	char why[BOOT_ERROR_BYTES] = "";

	assert_int_equal(boot(&kernel, 0, "", why), 0);
	assert_true(b->loaded);
	assert_int_equal(b->mode, VM_BOOT_LONG);
	assert_string_equal(b->format, "linux");
	assert_int_equal(b->entry, LOAD + 0x200);
	assert_int_equal(b->load(&fake->vm), 0);
	assert_memory_equal(fake_vm_ram(fake, LOAD), kernel.payload, sizeof(kernel.payload));
	assert_int_equal(qword_at(b->gdt_gpa + VM_BOOT_LONG_CODE), 0x00af9b000000ffff);
	assert_int_equal(qword_at(b->gdt_gpa + VM_BOOT_LONG_DATA), 0x00cf93000000ffff);
	assert_int_equal(translate(0), 0);
	assert_int_equal(translate(b->entry), b->entry);
	assert_int_equal(translate(0xc0123456), 0xc0123456);
	assert_int_equal(translate(0xffffffff), 0xffffffff);
}

static void test_boot_params(void **state)
{
	static const struct boot_e820_entry e820[] = {
		{0, 0xa0000, 1},
		{0xa0000, 0x40000, 2},
		{0xe0000, 0x20000, 3}, /* the ACPI tables */
		{LOAD, FAKE_MEMORY_BYTES - LOAD, 1},
		{0xfec00000, 0x1400000, 2},
	};
	struct kernel kernel = good_kernel();
	const struct boot_params *params;
	char why[BOOT_ERROR_BYTES] = "";

	kernel.header.setup_data = 0x1234; /* not the image's to say */
	assert_int_equal(boot(&kernel, 5000, "console=ttyS0 a b", why), 0);
	assert_int_equal(fake->vm.boot.load(&fake->vm), 0);
	params = fake_vm_ram(fake, fake->vm.boot.rsi);
	assert_int_equal(params->sentinel, 0);
	assert_int_equal(params->hdr.header, LINUX_HEADER_MAGIC);
	assert_int_equal(params->hdr.type_of_loader, 0xff);
	assert_int_equal(params->hdr.setup_data, 0);
	assert_int_equal(params->acpi_rsdp_addr, ACPI_TABLES_GPA);
	assert_memory_equal(fake_vm_ram(fake, ACPI_TABLES_GPA), "RSD PTR ", 8);
	assert_string_equal(fake_vm_ram(fake, params->hdr.cmd_line_ptr), "console=ttyS0 a b");
	assert_int_equal(params->hdr.ramdisk_size, 5000);
	assert_int_equal(params->hdr.ramdisk_image, FAKE_MEMORY_BYTES - 0x2000);
	assert_int_equal(qword_at(params->hdr.ramdisk_image + 4096), 0xcdcdcdcdcdcdcdcd);
	assert_int_equal(params->e820_entries, ARRAY_LEN(e820));
	assert_memory_equal(params->e820_table, e820, sizeof(e820));
}

/* 5 GiB: the initrd could lie below 3 GiB, but goes no higher than the kernel says. */
static void test_high_memory(void **state)
{
	static const struct boot_e820_entry end[] = {
		{LOAD, GUEST_LOW_RAM_END - LOAD, 1},
		{0xfec00000, 0x1400000, 2},
		{GUEST_HIGH_RAM_START, (UINT64_C(5) << 30) - GUEST_LOW_RAM_END, 1},
	};
	struct kernel kernel = good_kernel();
	const struct boot_params *params;
	char why[BOOT_ERROR_BYTES] = "";

	guest_memory_deinit(&fake->vm.memory);
	assert_int_equal(guest_memory_init(&fake->vm.memory, UINT64_C(5) << 30), 0);
	assert_int_equal(boot(&kernel, 5000, "", why), 0);
	assert_int_equal(fake->vm.boot.load(&fake->vm), 0);
	params = fake_vm_ram(fake, fake->vm.boot.rsi);
	assert_int_equal(params->hdr.ramdisk_image, 0x80000000 - 0x2000);
	assert_int_equal(params->e820_entries, 3 + ARRAY_LEN(end));
	assert_memory_equal(params->e820_table + 3, end, sizeof(end));
}

static void test_without_initrd(void **state)
{
	struct kernel kernel = good_kernel();
	const struct boot_params *params;
	char why[BOOT_ERROR_BYTES] = "";

	kernel.header.ramdisk_image = 0x1000;
	kernel.header.ramdisk_size = 0x1000;
	assert_int_equal(boot(&kernel, 0, "", why), 0);
	assert_int_equal(fake->vm.boot.load(&fake->vm), 0);
	params = fake_vm_ram(fake, fake->vm.boot.rsi);
	assert_int_equal(params->hdr.ramdisk_size, 0);
	assert_int_equal(params->hdr.ramdisk_image, 0);
}

/* A reset zeroes RAM and loads again. */
static void test_load_again(void **state)
{
	struct kernel kernel = good_kernel();
	char why[BOOT_ERROR_BYTES] = "";
	uint8_t *first = malloc(FAKE_MEMORY_BYTES);

	assert_int_equal(boot(&kernel, 100, "again", why), 0);
	assert_int_equal(fake->vm.boot.load(&fake->vm), 0);
	memcpy(first, fake_vm_ram(fake, 0), FAKE_MEMORY_BYTES);
	memset(fake_vm_ram(fake, 0), 0xff, FAKE_MEMORY_BYTES);
	guest_memory_zero(&fake->vm.memory);
	assert_int_equal(fake->vm.boot.load(&fake->vm), 0);
	assert_memory_equal(first, fake_vm_ram(fake, 0), FAKE_MEMORY_BYTES);
	free(first);
}

static void assert_boot_refused(const struct kernel *kernel, size_t initrd_bytes,
	const char *command_line, int error, const char *words)
{
	char why[BOOT_ERROR_BYTES] = "";

	assert_int_equal(boot(kernel, initrd_bytes, command_line, why), error);
	assert_says(why, words);
	assert_says(why, "/tmp/hvd-test-linux-");
	assert_false(fake->vm.boot.loaded);
}

static void test_kernel_does_not_fit(void **state)
{
	struct kernel kernel = good_kernel();
	char why[BOOT_ERROR_BYTES] = "";

	kernel.header.init_size = FAKE_MEMORY_BYTES - LOAD + 1;
	assert_boot_refused(&kernel, 0, "", -EFBIG,
		"the kernel needs RAM up to 0x200001, RAM below 4 GiB ends at 0x200000");
	kernel.header.init_size--;
	assert_int_equal(boot(&kernel, 0, "", why), 0);
}

static void test_initrd_does_not_fit(void **state)
{
	enum { PAGES = (FAKE_MEMORY_BYTES - LOAD) / 4096 - 3 }; /* the kernel takes three */
	struct kernel kernel = good_kernel();
	char why[BOOT_ERROR_BYTES] = "";

	assert_boot_refused(&kernel, PAGES * 4096 + 1, "", -EFBIG, "do not fit into RAM");
	assert_boot_refused(&kernel, FAKE_MEMORY_BYTES - 1, "", -EFBIG, "do not fit into RAM");
	kernel.header.initrd_addr_max = LOAD + 3 * 4096 + 99;
	assert_boot_refused(
		&kernel, 101, "", -EFBIG, "do not fit below the highest address this kernel takes");
	kernel.header.initrd_addr_max = 0;
	assert_boot_refused(&kernel, 1, "", -EFBIG, "highest address this kernel takes, 0x0");
	kernel.header.initrd_addr_max = UINT32_MAX;
	assert_int_equal(boot(&kernel, PAGES * 4096, "", why), 0);
}

static void test_initrd_below_its_limit(void **state)
{
	struct kernel kernel = good_kernel();
	const struct boot_params *params;
	char why[BOOT_ERROR_BYTES] = "";

	kernel.header.initrd_addr_max = LOAD + 3 * 4096 + 99;
	assert_int_equal(boot(&kernel, 100, "", why), 0);
	assert_int_equal(fake->vm.boot.load(&fake->vm), 0);
	params = fake_vm_ram(fake, fake->vm.boot.rsi);
	assert_int_equal(params->hdr.ramdisk_image, LOAD + 3 * 4096);
}

static void test_command_line(void **state)
{
	struct kernel kernel = good_kernel();
	char why[BOOT_ERROR_BYTES] = "";

	kernel.header.cmdline_size = 4;
	assert_boot_refused(
		&kernel, 0, "abcde", -E2BIG, "longer than the 4 bytes this kernel takes");
	assert_int_equal(boot(&kernel, 0, "abcd", why), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		{"a kernel is read", test_kernel_is_read},
		{"boot flag and magic make a kernel", test_recognition},
		{"a bad header is refused, by name", test_bad_header},
		{"a longer header is taken as far as it is known", test_longer_header},
		{"a truncated file is refused wherever it ends", test_truncated},
		{"a bad load address is refused", test_bad_address},
		{"VP 0 starts in long mode, mapped one to one", test_entry_state, setup, teardown},
		{"boot_params say what the machine is", test_boot_params, setup, teardown},
		{"RAM above 4 GiB is in the map", test_high_memory, setup, teardown},
		{"without an initrd there is none", test_without_initrd, setup, teardown},
		{"a reset loads the same again", test_load_again, setup, teardown},
		{"a kernel that does not fit is refused", test_kernel_does_not_fit, setup,
			teardown},
		{"an initrd that does not fit is refused", test_initrd_does_not_fit, setup,
			teardown},
		{"an initrd stays below the kernel's limit", test_initrd_below_its_limit, setup,
			teardown},
		{"a command line longer than the kernel takes is refused", test_command_line, setup,
			teardown},
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
