/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inspect/pcapng.h"

#include <string.h>

enum {
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_INTERFACE = 1,
	BLOCK_STATISTICS = 5,
	BLOCK_PACKET = 6,
};

enum {
	OPTION_END = 0,
	SECTION_APPLICATION = 4,
	INTERFACE_NAME = 2,
	INTERFACE_TIME_RESOLUTION = 9,
	PACKET_FLAGS = 2,
	PACKET_DROP_COUNT = 4,
	STATISTICS_RECEIVED = 4,
	STATISTICS_DROPPED = 5,
};

enum { FLAG_INBOUND = 1, FLAG_OUTBOUND = 2 };

#define BYTE_ORDER_MAGIC UINT32_C(0x1a2b3c4d)

static void put(struct writer *w, const void *bytes, size_t size)
{
	if (size > 0)
		writer_raw(w, bytes, size);
}

static void put_u16(struct writer *w, uint16_t value)
{
	put(w, &value, sizeof(value));
}

static void put_u32(struct writer *w, uint32_t value)
{
	put(w, &value, sizeof(value));
}

static void pad(struct writer *w, size_t size)
{
	put(w, (const uint8_t[4]){0}, -size % 4);
}

static void put_option(struct writer *w, uint16_t code, const void *bytes, size_t size)
{
	put_u16(w, code);
	put_u16(w, (uint16_t)size);
	put(w, bytes, size);
	pad(w, size);
}

static void put_text_option(struct writer *w, uint16_t code, const char *text)
{
	put_option(w, code, text, strnlen(text, UINT16_MAX));
}

/* The length stands at both ends of a block: it is filled in when the block is there. */
static size_t begin_block(struct writer *w, uint32_t type)
{
	size_t start = w->used;

	put_u32(w, type);
	put_u32(w, 0);
	return start;
}

static void end_block(struct writer *w, size_t start)
{
	uint32_t length;

	put_option(w, OPTION_END, NULL, 0);
	length = (uint32_t)(w->used - start + sizeof(length));
	put_u32(w, length);
	if (!w->failed)
		memcpy(w->data + start + sizeof(uint32_t), &length, sizeof(length));
}

static void put_time(struct writer *w, uint64_t realtime_ns)
{
	put_u32(w, (uint32_t)(realtime_ns >> 32));
	put_u32(w, (uint32_t)realtime_ns);
}

void pcapng_begin(struct writer *w, const char *application, const char *interface)
{
	size_t start = begin_block(w, BLOCK_SECTION);

	put_u32(w, BYTE_ORDER_MAGIC);
	put_u16(w, 1); /* version 1.0 */
	put_u16(w, 0);
	put_u32(w, UINT32_MAX); /* the section's length: not known */
	put_u32(w, UINT32_MAX);
	put_text_option(w, SECTION_APPLICATION, application);
	end_block(w, start);

	start = begin_block(w, BLOCK_INTERFACE);
	put_u16(w, PCAPNG_LINKTYPE_UPPER_PDU);
	put_u16(w, 0);
	put_u32(w, 0); /* no limit to a packet's bytes */
	put_text_option(w, INTERFACE_NAME, interface);
	put_option(w, INTERFACE_TIME_RESOLUTION, (const uint8_t[]){9}, 1);
	end_block(w, start);
}

void pcapng_packet(struct writer *w, const struct pcapng_packet *packet)
{
	uint32_t flags = packet->outbound ? FLAG_OUTBOUND : FLAG_INBOUND;
	size_t start = begin_block(w, BLOCK_PACKET);
	size_t size = 0;

	for (unsigned i = 0; i < ARRAY_LEN(packet->part); i++)
		size += packet->part[i].iov_len;
	put_u32(w, 0); /* the first interface */
	put_time(w, packet->realtime_ns);
	put_u32(w, (uint32_t)size);
	put_u32(w, (uint32_t)size + packet->missing);
	for (unsigned i = 0; i < ARRAY_LEN(packet->part); i++)
		put(w, packet->part[i].iov_base, packet->part[i].iov_len);
	pad(w, size);
	put_option(w, PACKET_FLAGS, &flags, sizeof(flags));
	if (packet->lost > 0)
		put_option(w, PACKET_DROP_COUNT, &packet->lost, sizeof(packet->lost));
	end_block(w, start);
}

void pcapng_statistics(struct writer *w, uint64_t realtime_ns, uint64_t packets, uint64_t lost)
{
	size_t start = begin_block(w, BLOCK_STATISTICS);

	put_u32(w, 0); /* the first interface */
	put_time(w, realtime_ns);
	put_option(w, STATISTICS_RECEIVED, &packets, sizeof(packets));
	put_option(w, STATISTICS_DROPPED, &lost, sizeof(lost));
	end_block(w, start);
}
