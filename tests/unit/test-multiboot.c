/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The multiboot loader: every way an image can be wrong, and what the guest finds in its RAM. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "fake_vm.h"
#include "vmm/boot/boot.h"
#include "vmm/boot/multiboot_image.h"

/* An ELF image with one segment of four bytes in the file and sixteen in memory. */
struct elf_image {
	Elf32_Ehdr elf;
	Elf32_Phdr ph[2];
	struct {
		uint32_t magic, flags, checksum;
	} header;
	uint8_t text[4];
};

enum { LOAD = 0x100000 };

static struct elf_image good_elf(void)
{
	struct elf_image image = {
		.elf =
			{
				.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB,
					EV_CURRENT},
				.e_type = ET_EXEC,
				.e_machine = EM_386,
				.e_version = EV_CURRENT,
				.e_entry = LOAD + 1,
				.e_phoff = offsetof(struct elf_image, ph),
				.e_ehsize = sizeof(Elf32_Ehdr),
				.e_phentsize = sizeof(Elf32_Phdr),
				.e_phnum = 2,
			},
		.ph = {{.p_type = PT_NOTE, .p_offset = UINT32_MAX},
			{
				.p_type = PT_LOAD,
				.p_offset = offsetof(struct elf_image, text),
				.p_vaddr = LOAD,
				.p_paddr = LOAD,
				.p_filesz = 4,
				.p_memsz = 16,
			}},
		.header = {MULTIBOOT_HEADER_MAGIC, 3, -(MULTIBOOT_HEADER_MAGIC + 3)},
		.text = {0xde, 0xad, 0xbe, 0xef},
	};

	return image;
}

static void set_flags(struct elf_image *image, uint32_t flags)
{
	image->header.flags = flags;
	image->header.checksum = -(MULTIBOOT_HEADER_MAGIC + flags);
}

static int parse(const void *data, size_t size, struct multiboot_image *image, char *why)
{
	uint8_t *copy = malloc(size); /* exact, so that ASan sees a read past the end */
	int r;

	memcpy(copy, data, size);
	r = multiboot_image_parse(copy, size, image, why);
	free(copy);
	return r;
}

static void assert_refused(const void *data, size_t size, const char *words)
{
	struct multiboot_image image;
	char why[BOOT_ERROR_BYTES] = "";

	assert_int_equal(parse(data, size, &image, why), -ENOEXEC);
	if (!strstr(why, words))
		fail_msg("\"%s\" does not say \"%s\"", why, words);
}

static void test_elf(void **state)
{
	struct elf_image elf = good_elf();
	struct multiboot_image image;
	char why[BOOT_ERROR_BYTES] = "";

	assert_int_equal(parse(&elf, sizeof(elf), &image, why), 0);
	assert_int_equal(image.segment_count, 1);
	assert_int_equal(image.segment[0].gpa, LOAD);
	assert_int_equal(image.segment[0].file_size, 4);
	assert_int_equal(image.segment[0].memory_size, 16);
	assert_int_equal(image.entry, LOAD + 1);
	assert_int_equal(image.end, LOAD + 16);
}

static void test_virtual_entry(void **state)
{
	struct elf_image elf = good_elf();
	struct multiboot_image image;
	char why[BOOT_ERROR_BYTES] = "";

	elf.ph[1].p_vaddr = 0xc0100000;
	elf.elf.e_entry = 0xc0100002;
	assert_int_equal(parse(&elf, sizeof(elf), &image, why), 0);
	assert_int_equal(image.entry, LOAD + 2);
}

static void test_bad_header(void **state)
{
	struct elf_image elf = good_elf();
	static uint8_t late[MULTIBOOT_SEARCH_BYTES + sizeof(struct elf_image)];

	memcpy(late + MULTIBOOT_SEARCH_BYTES, &elf, sizeof(elf));
	assert_refused(late, sizeof(late), "no multiboot 1 header");
	assert_refused("", 0, "no multiboot 1 header");
	assert_refused("abc", 3, "no multiboot 1 header");
	elf.header.checksum++;
	assert_refused(&elf, sizeof(elf), "no multiboot 1 header");
	set_flags(&elf, 4);
	assert_refused(&elf, sizeof(elf), "flags 0x4");
	set_flags(&elf, 0x8003);
	assert_refused(&elf, sizeof(elf), "flags 0x8000");
}

/* One change to a good ELF image, and what the refusal says. */
#define REFUSED(change, words)                            \
	do {                                              \
		struct elf_image elf = good_elf();        \
		change;                                   \
		assert_refused(&elf, sizeof(elf), words); \
	} while (0)

static void test_bad_elf(void **state)
{
	REFUSED(elf.elf.e_ident[0] = 0, "neither an ELF file");
	REFUSED(elf.elf.e_ident[EI_CLASS] = ELFCLASS64, "64-bit ELF");
	REFUSED(elf.elf.e_ident[EI_DATA] = ELFDATA2MSB, "another machine");
	REFUSED(elf.elf.e_machine = EM_ARM, "another machine");
	REFUSED(elf.elf.e_type = ET_DYN, "not an executable");
	REFUSED(elf.elf.e_phentsize = 8, "too short");
	REFUSED(elf.elf.e_phoff = UINT32_MAX, "ends inside the ELF program headers");
	REFUSED(elf.elf.e_phoff = sizeof(elf) - 4, "ends inside the ELF program headers");
	REFUSED(elf.elf.e_phnum = UINT16_MAX, "the ELF program headers");
	REFUSED(elf.elf.e_phnum = 0, "nothing to load");
	REFUSED(elf.ph[1].p_type = PT_NOTE, "nothing to load");
	REFUSED(elf.ph[1].p_memsz = elf.ph[1].p_filesz = 0, "nothing to load");
	REFUSED(elf.elf.e_entry = LOAD + 16, "entry point 0x100010");
	REFUSED(elf.elf.e_entry = LOAD - 1, "entry point");
}

static void test_bad_segment(void **state)
{
	REFUSED(elf.ph[1].p_offset = UINT32_MAX, "ends inside a segment");
	REFUSED(elf.ph[1].p_offset += 1, "ends inside a segment");
	REFUSED(elf.ph[1].p_filesz = 17, "more bytes in the file");
	REFUSED(elf.ph[1].p_filesz = elf.ph[1].p_memsz = UINT32_MAX, "ends inside a segment");
	REFUSED(elf.ph[1].p_memsz = UINT32_MAX, "above 4 GiB");
	REFUSED(elf.ph[1].p_paddr = UINT32_MAX - 8, "above 4 GiB");
}

static void test_too_many_segments(void **state)
{
	enum { COUNT = MULTIBOOT_MAX_SEGMENTS + 1 };
	struct {
		struct elf_image head;
		Elf32_Phdr ph[COUNT];
	} many = {.head = good_elf()};

	many.head.elf.e_phoff = (uint32_t)((uint8_t *)many.ph - (uint8_t *)&many);
	many.head.elf.e_phnum = COUNT;
	for (unsigned i = 0; i < COUNT; i++)
		many.ph[i] = many.head.ph[1];
	assert_refused(&many, sizeof(many), "more than 32 segments");
}

/* load addresses in the header */

struct flat_image {
	uint32_t before;
	struct multiboot_header header;
	uint8_t text[8];
};

static struct flat_image good_flat(void)
{
	struct flat_image image = {
		.header =
			{
				.magic = MULTIBOOT_HEADER_MAGIC,
				.flags = MULTIBOOT_FLAG_ADDRESSES,
				.checksum = -(MULTIBOOT_HEADER_MAGIC + MULTIBOOT_FLAG_ADDRESSES),
				.header_addr = LOAD + 4,
				.load_addr = LOAD,
				.entry_addr = LOAD + sizeof(struct multiboot_header) + 4,
			},
	};

	return image;
}

static void test_flat(void **state)
{
	struct flat_image flat = good_flat();
	struct multiboot_image image;
	char why[BOOT_ERROR_BYTES] = "";

	assert_int_equal(parse(&flat, sizeof(flat), &image, why), 0);
	assert_int_equal(image.segment[0].file_offset, 0);
	assert_int_equal(image.segment[0].file_size, sizeof(flat));
	flat.header.load_addr = LOAD + 4; /* what is before the header stays out */
	flat.header.load_end_addr = LOAD + sizeof(flat) - 4;
	flat.header.bss_end_addr = LOAD + 0x1000;
	assert_int_equal(parse(&flat, sizeof(flat), &image, why), 0);
	assert_int_equal(image.segment[0].gpa, LOAD + 4);
	assert_int_equal(image.segment[0].file_offset, 4);
	assert_int_equal(image.segment[0].file_size, sizeof(flat) - 8);
	assert_int_equal(image.segment[0].memory_size, 0x1000 - 4);
}

#define FLAT_REFUSED(change, words)                         \
	do {                                                \
		struct flat_image flat = good_flat();       \
		change;                                     \
		assert_refused(&flat, sizeof(flat), words); \
	} while (0)

static void test_bad_flat(void **state)
{
	FLAT_REFUSED(flat.header.load_addr = LOAD - 4, "outside the file");
	FLAT_REFUSED(flat.header.load_addr = LOAD + 8, "outside the file");
	FLAT_REFUSED(flat.header.load_end_addr = LOAD - 1, "load_end_addr");
	FLAT_REFUSED(flat.header.load_end_addr = UINT32_MAX, "ends inside a segment");
	FLAT_REFUSED(flat.header.bss_end_addr = LOAD + 1, "bss_end_addr");
	FLAT_REFUSED(flat.header.entry_addr = 0, "entry point 0x0");
	FLAT_REFUSED(flat.header.load_addr = flat.header.header_addr = UINT32_MAX - 8;
		     flat.header.entry_addr = UINT32_MAX - 8, "above 4 GiB");

	struct flat_image flat = good_flat();
	assert_refused(&flat, offsetof(struct flat_image, header.entry_addr), "no multiboot 1");
}

/* what the guest finds */

static struct fake_vm *fake;

static int setup(void **state)
{
	fake = fake_vm_new(1, 0);
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

static uint32_t word_at(uint64_t gpa)
{
	uint32_t word;

	assert_int_equal(guest_memory_read(&fake->vm.memory, gpa, &word, sizeof(word)), 0);
	return word;
}

static void test_guest_view(void **state)
{
	struct elf_image elf = good_elf();
	struct vm_boot *boot = &fake->vm.boot;
	char why[BOOT_ERROR_BYTES] = "";
	uint64_t info, mmap;

	assert_int_equal(boot_memory(&fake->vm, "built-in", &elf, sizeof(elf), "a b", why), 0);
	assert_true(boot->loaded);
	assert_string_equal(boot->format, "multiboot1");
	assert_string_equal(boot->image, "built-in");
	assert_string_equal(boot->command_line, "a b");
	assert_int_equal(boot->eax, 0x2badb002);
	assert_int_equal(boot->entry, LOAD + 1);
	assert_int_equal(boot->load(&fake->vm), 0);
	assert_int_equal(word_at(LOAD), 0xefbeadde);
	info = boot->ebx;
	assert_true(info >= LOAD + 16);
	assert_int_equal(word_at(info), 0x245); /* memory, command line, map, loader name */
	assert_int_equal(word_at(info + 4), 640);
	assert_int_equal(word_at(info + 8), FAKE_MEMORY_BYTES / 1024 - 1024);
	assert_string_equal(fake_vm_ram(fake, word_at(info + 16)), "built-in a b");
	assert_int_equal(word_at(info + 20), 0); /* no modules */
	assert_int_equal(word_at(info + 44), 3 * 24);
	mmap = word_at(info + 48);
	assert_int_equal(word_at(mmap), 20);
	assert_int_equal(word_at(mmap + 12), 0xa0000);
	assert_int_equal(word_at(mmap + 20), 1);
	assert_int_equal(word_at(mmap + 24 + 20), 2); /* the hole below 1 MiB */
	assert_int_equal(word_at(mmap + 48 + 4), LOAD);
	assert_int_equal(word_at(mmap + 48 + 12), FAKE_MEMORY_BYTES - LOAD);
	assert_string_equal(fake_vm_ram(fake, word_at(info + 64)), "hvd");
}

static void test_does_not_fit(void **state)
{
	struct elf_image elf = good_elf();
	char why[BOOT_ERROR_BYTES] = "";

	elf.ph[1].p_memsz = FAKE_MEMORY_BYTES - LOAD;
	assert_int_equal(boot_memory(&fake->vm, "big", &elf, sizeof(elf), "", why), -EFBIG);
	assert_non_null(strstr(why, "big: "));
	assert_false(fake->vm.boot.loaded);
	elf.ph[1].p_paddr = elf.ph[1].p_vaddr = elf.elf.e_entry = FAKE_MEMORY_BYTES;
	assert_int_equal(boot_memory(&fake->vm, "high", &elf, sizeof(elf), "", why), -EFBIG);
}

static void test_long_strings(void **state)
{
	struct elf_image elf = good_elf();
	char why[BOOT_ERROR_BYTES] = "", text[2049];

	memset(text, 'x', sizeof(text));
	text[2048] = '\0';
	assert_int_equal(boot_memory(&fake->vm, "i", &elf, sizeof(elf), text, why), -E2BIG);
	assert_int_equal(boot_memory(&fake->vm, text, &elf, sizeof(elf), "", why), -ENAMETOOLONG);
	text[2047] = '\0';
	assert_int_equal(boot_memory(&fake->vm, "i", &elf, sizeof(elf), text, why), 0);
	assert_int_equal(fake->vm.boot.load(&fake->vm), 0);
	/* a second image takes the place of the first */
	assert_int_equal(boot_memory(&fake->vm, "j", &elf, sizeof(elf), "", why), 0);
	assert_string_equal(fake->vm.boot.image, "j");
}

static void assert_file_refused(const char *path, const char *initrd, int error, const char *words)
{
	char why[BOOT_ERROR_BYTES] = "";

	assert_int_equal(boot_file(&fake->vm, path, initrd, "", why), error);
	if (!strstr(why, words))
		fail_msg("\"%s\" does not say \"%s\"", why, words);
}

static void test_files(void **state)
{
	struct elf_image elf = good_elf();
	char path[] = "/tmp/hvd-test-multiboot-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_file_refused("/no/such/image", NULL, -ENOENT, "/no/such/image: No such file");
	assert_file_refused("/tmp", NULL, -EINVAL, "/tmp: not a regular file");
	assert_file_refused("/dev/null", NULL, -EINVAL, "not a regular file");
	assert_file_refused(path, NULL, -ENOEXEC, "empty file");
	assert_int_equal(write(fd, &elf, sizeof(elf)), sizeof(elf));
	assert_file_refused(path, "/no/such/initrd", -ENOENT, "/no/such/initrd: No such file");
	assert_int_equal(ftruncate(fd, FAKE_MEMORY_BYTES + 1), 0);
	assert_file_refused(path, NULL, -EFBIG, "larger than the VM's RAM");
	close(fd);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		{"an ELF image is read", test_elf},
		{"a virtual entry point is translated", test_virtual_entry},
		{"a missing or demanding header is refused", test_bad_header},
		{"a bad ELF header is refused, by name", test_bad_elf},
		{"a bad segment is refused, by name", test_bad_segment},
		{"too many segments are refused", test_too_many_segments},
		{"load addresses in the header are used", test_flat},
		{"bad load addresses are refused, by name", test_bad_flat},
		{"the guest finds memory map, command line and image", test_guest_view, setup,
			teardown},
		{"an image that does not fit is refused", test_does_not_fit, setup, teardown},
		{"strings that do not fit are refused", test_long_strings, setup, teardown},
		{"a file that cannot be used is named with the reason", test_files, setup,
			teardown},
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
