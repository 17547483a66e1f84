/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/boot/multiboot_image.h"

#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct parser {
	const uint8_t *data;
	uint64_t size;
	struct multiboot_image image;
	char *reterr_text;
};

static int PRINTF(2, 3) refuse(struct parser *p, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(p->reterr_text, BOOT_ERROR_BYTES, format, args);
	va_end(args);
	return -ENOEXEC;
}

/* Copies [offset, offset + size) of the file; false when that is not all there. */
static bool read_at(const struct parser *p, uint64_t offset, void *to, size_t size)
{
	if (offset > p->size || size > p->size - offset)
		return false;
	memcpy(to, p->data + offset, size);
	return true;
}

/* segments */

static int add_segment(struct parser *p, const struct multiboot_segment *segment)
{
	struct multiboot_image *image = &p->image;
	uint64_t end = segment->gpa + segment->memory_size;

	if (segment->memory_size == 0)
		return 0;
	if (segment->file_size > segment->memory_size)
		return refuse(p, "a segment holds more bytes in the file than in memory");
	if (segment->file_offset > p->size || segment->file_size > p->size - segment->file_offset)
		return refuse(p, "the file ends inside a segment");
	if (segment->memory_size > UINT32_MAX || end > UINT64_C(1) << 32)
		return refuse(p, "the segment at 0x%x ends above 4 GiB", segment->gpa);
	if (image->segment_count == MULTIBOOT_MAX_SEGMENTS)
		return refuse(p, "more than %d segments", MULTIBOOT_MAX_SEGMENTS);
	image->segment[image->segment_count++] = *segment;
	image->end = MAX(image->end, end);
	return 0;
}

static bool in_a_segment(const struct multiboot_image *image, uint32_t address)
{
	for (unsigned i = 0; i < image->segment_count; i++) {
		const struct multiboot_segment *segment = &image->segment[i];

		if (address >= segment->gpa && address - segment->gpa < segment->memory_size)
			return true;
	}
	return false;
}

/* header */

static bool header_is_valid(const struct multiboot_header *header)
{
	return header->magic == MULTIBOOT_HEADER_MAGIC &&
	       header->magic + header->flags + header->checksum == 0;
}

/* The fields up to the checksum must be there; the addresses only when the flag says so. */
static bool read_header(const struct parser *p, uint64_t offset, struct multiboot_header *header)
{
	*header = (struct multiboot_header){0};
	if (!read_at(p, offset, header, offsetof(struct multiboot_header, header_addr)) ||
		!header_is_valid(header))
		return false;
	return !(header->flags & MULTIBOOT_FLAG_ADDRESSES) ||
	       read_at(p, offset, header, sizeof(*header));
}

/* The first valid header; false when there is none. */
static bool find_header(
	const struct parser *p, struct multiboot_header *ret_header, uint64_t *ret_offset)
{
	uint64_t end = MIN(p->size, (uint64_t)MULTIBOOT_SEARCH_BYTES);
	struct multiboot_header header;

	for (uint64_t offset = 0; offset + 4 <= end; offset += 4) {
		if (read_header(p, offset, &header)) {
			*ret_header = header;
			*ret_offset = offset;
			return true;
		}
	}
	return false;
}

static int check_flags(struct parser *p, uint32_t flags)
{
	uint32_t known = MULTIBOOT_FLAG_ALIGN_MODULES | MULTIBOOT_FLAG_MEMORY;
	uint32_t unknown = flags & MULTIBOOT_FLAGS_REQUIRED & ~known;

	if (unknown == 0)
		return 0;
	return refuse(
		p, "the image requires multiboot features hvd does not have (flags 0x%x)", unknown);
}

/* load addresses in the header */

static int use_addresses(
	struct parser *p, const struct multiboot_header *header, uint64_t header_offset)
{
	struct multiboot_segment segment = {.gpa = header->load_addr};
	uint32_t before_header = header->header_addr - header->load_addr;
	int r;

	if (header->header_addr < header->load_addr || before_header > header_offset)
		return refuse(p,
			"load_addr 0x%x and header_addr 0x%x place the load start outside the file",
			header->load_addr, header->header_addr);
	segment.file_offset = header_offset - before_header;
	segment.file_size = p->size - segment.file_offset;
	if (header->load_end_addr != 0) {
		if (header->load_end_addr < header->load_addr)
			return refuse(p, "load_end_addr lies below load_addr");
		segment.file_size = header->load_end_addr - header->load_addr;
	}
	segment.memory_size = segment.file_size;
	if (header->bss_end_addr != 0) {
		if (header->bss_end_addr < header->load_addr + segment.file_size)
			return refuse(p, "bss_end_addr lies below the end of the loaded data");
		segment.memory_size = header->bss_end_addr - header->load_addr;
	}
	r = add_segment(p, &segment);
	p->image.entry = header->entry_addr;
	return r;
}

/* ELF */

static int check_elf(struct parser *p, const Elf32_Ehdr *elf)
{
	if (memcmp(elf->e_ident, ELFMAG, SELFMAG) != 0)
		return refuse(p, "neither an ELF file nor load addresses in the multiboot header");
	if (elf->e_ident[EI_CLASS] != ELFCLASS32)
		return refuse(p, "a 64-bit ELF file; multiboot 1 needs a 32-bit one");
	if (elf->e_ident[EI_DATA] != ELFDATA2LSB || elf->e_machine != EM_386)
		return refuse(p, "an ELF file for another machine than x86");
	if (elf->e_type != ET_EXEC)
		return refuse(p, "an ELF file that is not an executable");
	if (elf->e_phentsize < sizeof(Elf32_Phdr))
		return refuse(p, "ELF program headers of %u bytes are too short", elf->e_phentsize);
	return 0;
}

/*
 * Loaded at the physical address. The entry point is a virtual address in some linkers' output:
 * it is translated by the segment that holds it.
 */
static int add_elf_segment(struct parser *p, const Elf32_Ehdr *elf, const Elf32_Phdr *ph)
{
	struct multiboot_segment segment = {
		.gpa = ph->p_paddr,
		.file_offset = ph->p_offset,
		.file_size = ph->p_filesz,
		.memory_size = ph->p_memsz,
	};

	if (elf->e_entry >= ph->p_vaddr && elf->e_entry - ph->p_vaddr < ph->p_memsz)
		p->image.entry = ph->p_paddr + (elf->e_entry - ph->p_vaddr);
	return add_segment(p, &segment);
}

static int use_elf(struct parser *p)
{
	Elf32_Ehdr elf;
	int r;

	if (!read_at(p, 0, &elf, sizeof(elf)))
		return refuse(p, "the file ends inside the ELF header");
	r = check_elf(p, &elf);
	if (r < 0)
		return r;
	p->image.entry = elf.e_entry;
	for (unsigned i = 0; i < elf.e_phnum; i++) {
		uint64_t offset = elf.e_phoff + (uint64_t)i * elf.e_phentsize;
		Elf32_Phdr ph;

		if (!read_at(p, offset, &ph, sizeof(ph)))
			return refuse(p, "the file ends inside the ELF program headers");
		r = ph.p_type == PT_LOAD ? add_elf_segment(p, &elf, &ph) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

static int parse(struct parser *p)
{
	struct multiboot_header header = {0};
	uint64_t offset = 0;
	int r;

	if (!find_header(p, &header, &offset))
		return refuse(
			p, "no multiboot 1 header in the first %d bytes", MULTIBOOT_SEARCH_BYTES);
	r = check_flags(p, header.flags);
	if (r < 0)
		return r;
	if (header.flags & MULTIBOOT_FLAG_ADDRESSES)
		r = use_addresses(p, &header, offset);
	else
		r = use_elf(p);
	if (r < 0)
		return r;
	if (p->image.segment_count == 0)
		return refuse(p, "nothing to load");
	if (!in_a_segment(&p->image, p->image.entry))
		return refuse(p, "the entry point 0x%x lies in no segment", p->image.entry);
	return 0;
}

bool multiboot_image_recognised(const void *data, size_t size)
{
	const struct parser parser = {.data = data, .size = size};
	struct multiboot_header header;
	uint64_t offset;

	return find_header(&parser, &header, &offset);
}

int multiboot_image_parse(const void *data, size_t size, struct multiboot_image *ret_image,
	char reterr_text[BOOT_ERROR_BYTES])
{
	struct parser parser = {.data = data, .size = size, .reterr_text = reterr_text};
	int r = parse(&parser);

	if (r == 0)
		*ret_image = parser.image;
	return r;
}
