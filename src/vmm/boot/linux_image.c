/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/boot/linux_image.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum {
	SECTOR_BYTES = 512,
	SETUP_SECTORS_DEFAULT = 4, /* what a zero stands for */
	LOWEST_LOAD_GPA = 0x100000,
};

enum {
	HEADER_OFFSET = offsetof(struct boot_params, hdr),
	/* The jump over the rest of the header gives the header's end. */
	JUMP_OFFSET = HEADER_OFFSET + offsetof(struct setup_header, jump),
	JUMP_BYTES = 2,
	/* The last field we rely on. */
	NEEDED_END = HEADER_OFFSET + offsetof(struct setup_header, init_size) + sizeof(uint32_t),
};
_Static_assert(HEADER_OFFSET == 0x1f1 && JUMP_OFFSET == 0x200 && NEEDED_END == 0x264,
	"the boot protocol's offsets");

/* Fails when the file ends before `size` bytes at `offset`. */
static bool read_at(const void *data, size_t file_size, size_t offset, void *to, size_t size)
{
	if (offset > file_size || size > file_size - offset)
		return false;
	memcpy(to, (const uint8_t *)data + offset, size);
	return true;
}

bool linux_image_recognised(const void *data, size_t size)
{
	uint16_t boot_flag;
	uint32_t magic;

	return read_at(data, size, HEADER_OFFSET + offsetof(struct setup_header, boot_flag),
		       &boot_flag, sizeof(boot_flag)) &&
	       read_at(data, size, HEADER_OFFSET + offsetof(struct setup_header, header), &magic,
		       sizeof(magic)) &&
	       boot_flag == LINUX_BOOT_FLAG && magic == LINUX_HEADER_MAGIC;
}

/* The header is as long as its first instruction jumps; a newer one may be longer than ours. */
static int read_header(
	const void *data, size_t size, struct setup_header *ret_header, char *reterr_text)
{
	struct setup_header header = {0};
	uint8_t jump[JUMP_BYTES];
	size_t end;

	if (!read_at(data, size, JUMP_OFFSET, jump, sizeof(jump)))
		return boot_fail(reterr_text, -ENOEXEC, "the file ends inside the setup header");
	end = JUMP_OFFSET + JUMP_BYTES + jump[1];
	if (!read_at(data, size, HEADER_OFFSET, &header, MIN(end - HEADER_OFFSET, sizeof(header))))
		return boot_fail(reterr_text, -ENOEXEC, "the file ends inside the setup header");
	if (header.version < LINUX_MIN_PROTOCOL)
		return boot_fail(reterr_text, -ENOEXEC,
			"boot protocol %u.%02u is too old; 2.12 (Linux 3.8) is needed",
			header.version >> 8, header.version & 0xff);
	if (end < NEEDED_END)
		return boot_fail(reterr_text, -ENOEXEC,
			"a setup header of %zu bytes is too short for boot protocol %u.%02u",
			end - HEADER_OFFSET, header.version >> 8, header.version & 0xff);
	*ret_header = header;
	return 0;
}

static int check_kind(const struct setup_header *header, char *reterr_text)
{
	if (!(header->loadflags & LOADED_HIGH))
		return boot_fail(
			reterr_text, -ENOEXEC, "a zImage, which loads low; a bzImage is needed");
	if (!(header->xloadflags & XLF_KERNEL_64))
		return boot_fail(reterr_text, -ENOEXEC, "the kernel has no 64-bit entry");
	return 0;
}

/* What follows the setup sectors is loaded, and starts LINUX_ENTRY_OFFSET into it. */
static int find_payload(struct linux_image *image, size_t size, char *reterr_text)
{
	unsigned sectors = image->header.setup_sects;

	if (sectors == 0)
		sectors = SETUP_SECTORS_DEFAULT;
	image->file_offset = (sectors + 1) * (uint64_t)SECTOR_BYTES;
	if (image->file_offset > size ||
		size - image->file_offset < image->header.syssize * UINT64_C(16))
		return boot_fail(reterr_text, -ENOEXEC,
			"truncated: %zu bytes of %" PRIu64 " are there", size,
			image->file_offset + image->header.syssize * UINT64_C(16));
	image->file_size = size - image->file_offset;
	if (image->file_size <= LINUX_ENTRY_OFFSET)
		return boot_fail(
			reterr_text, -ENOEXEC, "the file ends before the kernel's 64-bit entry");
	return 0;
}

/*
 * Loaded where the kernel prefers: there it need not move itself. init_size is what it needs from
 * there on until it knows the memory map.
 */
static int place_payload(struct linux_image *image, char *reterr_text)
{
	uint64_t load_gpa = image->header.pref_address;

	if (load_gpa < LOWEST_LOAD_GPA)
		return boot_fail(reterr_text, -ENOEXEC,
			"the kernel's address 0x%" PRIx64 " lies below 1 MiB", load_gpa);
	image->load_gpa = load_gpa;
	image->memory_size = MAX((uint64_t)image->header.init_size, image->file_size);
	if (load_gpa > UINT32_MAX || load_gpa + image->memory_size > UINT64_C(1) << 32)
		return boot_fail(reterr_text, -ENOEXEC,
			"the kernel at 0x%" PRIx64 " ends above 4 GiB", load_gpa);
	image->entry = load_gpa + LINUX_ENTRY_OFFSET;
	return 0;
}

int linux_image_parse(const void *data, size_t size, struct linux_image *ret_image,
	char reterr_text[BOOT_ERROR_BYTES])
{
	struct linux_image image = {0};
	int r;

	if (!linux_image_recognised(data, size))
		return boot_fail(reterr_text, -ENOEXEC, "not a Linux kernel: no setup header");
	r = read_header(data, size, &image.header, reterr_text);
	if (r == 0)
		r = check_kind(&image.header, reterr_text);
	if (r == 0)
		r = find_payload(&image, size, reterr_text);
	if (r == 0)
		r = place_payload(&image, reterr_text);
	if (r < 0)
		return r;
	image.initrd_end_max = (uint64_t)image.header.initrd_addr_max + 1;
	image.command_line_bytes_max = image.header.cmdline_size;
	*ret_image = image;
	return 0;
}
