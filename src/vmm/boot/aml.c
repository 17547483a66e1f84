/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The length of a package counts its own bytes, and there are as many as the length needs. It is
 * therefore put in when the package is closed: what has been written moves up.
 */
#include "vmm/boot/aml.h"

#include <stdio.h>
#include <string.h>

enum {
	OP_ZERO = 0x00,
	OP_ONE = 0x01,
	OP_NAME = 0x08,
	OP_BYTE = 0x0a,
	OP_WORD = 0x0b,
	OP_DWORD = 0x0c,
	OP_STRING = 0x0d,
	OP_QWORD = 0x0e,
	OP_SCOPE = 0x10,
	OP_BUFFER = 0x11,
	OP_PACKAGE = 0x12,
	OP_EXTENDED = 0x5b,
	OP_EXTENDED_DEVICE = 0x82,
};

enum { NAME_SEGMENT_BYTES = 4, LENGTH_BYTES_MAX = 4 };

/* Resource descriptors, ACPI 6.4, 6.4.2: small ones, their length in the tag. */
enum { TAG_IRQ_NO_FLAGS = 0x22, TAG_IO = 0x47, TAG_END = 0x79, IO_DECODES_16_BITS = 1 };

static void put(struct aml *aml, const void *bytes, size_t count)
{
	if (count > aml->size - aml->used) {
		aml->overflow = true;
		return;
	}
	memcpy(aml->bytes + aml->used, bytes, count);
	aml->used += count;
}

static void put_byte(struct aml *aml, uint8_t byte)
{
	put(aml, &byte, sizeof(byte));
}

/* Short segments are filled up with underscores. */
static void put_name(struct aml *aml, const char *name)
{
	char segment[NAME_SEGMENT_BYTES] = {'_', '_', '_', '_'};

	if (*name == '\\')
		put_byte(aml, (uint8_t)*name++);
	memcpy(segment, name, strnlen(name, sizeof(segment)));
	put(aml, segment, sizeof(segment));
}

static void put_integer(struct aml *aml, uint64_t value)
{
	if (value <= 1) {
		put_byte(aml, value ? OP_ONE : OP_ZERO);
	} else if (value <= UINT8_MAX) {
		put_byte(aml, OP_BYTE);
		put(aml, &value, sizeof(uint8_t));
	} else if (value <= UINT16_MAX) {
		put_byte(aml, OP_WORD);
		put(aml, &value, sizeof(uint16_t));
	} else if (value <= UINT32_MAX) {
		put_byte(aml, OP_DWORD);
		put(aml, &value, sizeof(uint32_t));
	} else {
		put_byte(aml, OP_QWORD);
		put(aml, &value, sizeof(uint64_t));
	}
}

/* packages of terms */

/* 20.2.4: up to 63 in one byte; else its low four bits in a first byte that counts the others. */
static size_t encode_length(size_t length, uint8_t encoded[LENGTH_BYTES_MAX])
{
	size_t more = 0;

	if (length + 1 < 64) {
		encoded[0] = (uint8_t)(length + 1);
		return 1;
	}
	do {
		more++;
	} while ((length + 1 + more) >> (4 + 8 * more) != 0);
	length += 1 + more;
	encoded[0] = (uint8_t)(more << 6 | (length & 0xf));
	for (size_t i = 1; i <= more; i++)
		encoded[i] = (uint8_t)(length >> (8 * i - 4));
	return 1 + more;
}

void aml_close(struct aml *aml, size_t opened)
{
	uint8_t encoded[LENGTH_BYTES_MAX];
	size_t length = aml->used - opened;
	size_t count = encode_length(length, encoded);

	if (count > aml->size - aml->used) {
		aml->overflow = true;
		return;
	}
	memmove(aml->bytes + opened + count, aml->bytes + opened, length);
	memcpy(aml->bytes + opened, encoded, count);
	aml->used += count;
}

size_t aml_open_scope(struct aml *aml, const char *name)
{
	size_t opened;

	put_byte(aml, OP_SCOPE);
	opened = aml->used;
	put_name(aml, name);
	return opened;
}

size_t aml_open_device(struct aml *aml, const char *name)
{
	size_t opened;

	put_byte(aml, OP_EXTENDED);
	put_byte(aml, OP_EXTENDED_DEVICE);
	opened = aml->used;
	put_name(aml, name);
	return opened;
}

/* named values */

static void put_name_op(struct aml *aml, const char *name)
{
	put_byte(aml, OP_NAME);
	put_name(aml, name);
}

void aml_name_integer(struct aml *aml, const char *name, uint64_t value)
{
	put_name_op(aml, name);
	put_integer(aml, value);
}

void aml_name_string(struct aml *aml, const char *name, const char *text)
{
	put_name_op(aml, name);
	put_byte(aml, OP_STRING);
	put(aml, text, strlen(text) + 1);
}

/* Three letters of five bits and four digits, most significant byte first (19.3.4). */
static uint32_t eisa_id(const char *id)
{
	unsigned product = 0;
	uint32_t packed = 0;

	sscanf(id + 3, "%4x", &product);
	for (unsigned i = 0; i < 3; i++)
		packed = packed << 5 | (uint32_t)(id[i] - 'A' + 1);
	return __builtin_bswap32(packed << 16 | product);
}

void aml_name_eisa_id(struct aml *aml, const char *name, const char *id)
{
	aml_name_integer(aml, name, eisa_id(id));
}

void aml_name_package(struct aml *aml, const char *name, const uint8_t *elements, uint8_t count)
{
	size_t opened;

	put_name_op(aml, name);
	put_byte(aml, OP_PACKAGE);
	opened = aml->used;
	put_byte(aml, count);
	for (unsigned i = 0; i < count; i++)
		put_integer(aml, elements[i]);
	aml_close(aml, opened);
}

/* resources */

/* A buffer: its length, its size as an integer, its bytes. The size goes in when it is closed. */
size_t aml_open_resources(struct aml *aml, const char *name)
{
	put_name_op(aml, name);
	put_byte(aml, OP_BUFFER);
	return aml->used;
}

void aml_resource_io(struct aml *aml, uint16_t base, uint8_t count)
{
	put_byte(aml, TAG_IO);
	put_byte(aml, IO_DECODES_16_BITS);
	put(aml, &base, sizeof(base)); /* lowest and */
	put(aml, &base, sizeof(base)); /* highest it may be moved to */
	put_byte(aml, 1);              /* alignment */
	put_byte(aml, count);
}

void aml_resource_irq(struct aml *aml, unsigned irq)
{
	uint16_t mask = (uint16_t)(1u << irq);

	put_byte(aml, TAG_IRQ_NO_FLAGS);
	put(aml, &mask, sizeof(mask));
}

static void insert_buffer_size(struct aml *aml, size_t opened)
{
	uint8_t bytes[9]; /* opcode and up to eight bytes */
	struct aml size = {.bytes = bytes, .size = sizeof(bytes)};
	size_t length = aml->used - opened;

	put_integer(&size, length);
	if (size.used > aml->size - aml->used) {
		aml->overflow = true;
		return;
	}
	memmove(aml->bytes + opened + size.used, aml->bytes + opened, length);
	memcpy(aml->bytes + opened, bytes, size.used);
	aml->used += size.used;
}

void aml_close_resources(struct aml *aml, size_t opened)
{
	put_byte(aml, TAG_END);
	put_byte(aml, 0); /* no checksum */
	insert_buffer_size(aml, opened);
	aml_close(aml, opened);
}
