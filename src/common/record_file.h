/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The recorder's memory as it lies in a log file (or memfd), byte for byte.
 *
 *	0              struct record_file_header, with the descriptors of all rings
 *	names_offset   the table of names, as record_names_write() makes it
 *	rings_offset   ring 0, ring 1, ... : ring_records records each, whether in use or not
 *
 * The file is sparse: a ring's pages are allocated when a thread takes the ring. It is mapped
 * shared by the hvd that writes it, so that whatever was stored is there however that process
 * ends; only a crash of the host can lose pages of a file on a disk.
 *
 * What a reader may believe: the constant part of the header once `magic` is there (it is stored
 * last). A ring has published `head` records, record i in slot i % ring_records; its oldest slot may
 * be torn, because the writer fills it before it moves `head`. Numbers grow along a ring: where
 * they do not, the record is torn. Numbers below `next_seq` that are in no ring have been
 * overwritten, or were on their way when the writer died; such a ring is `busy`.
 *
 * All numbers are little-endian: hvd runs on x86 only.
 *
 * Purpose: the layout that recorder and reader share.
 * Threads: next_seq, head and busy are atomics of the writers; `end` is written once.
 * Errors:  none.
 */
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define RECORD_FILE_MAGIC "hvdlog\r\n"

enum {
	RECORD_FILE_VERSION = 1,
	RECORD_FILE_RINGS = 128,
	RECORD_FILE_RING_RECORDS_MAX = 1 << 14,
	RECORD_FILE_NAMES_MAX = 1 << 16,
	RECORD_FILE_ALIGN = 4096,
};

/* One cache line each: two threads never write the same. */
struct record_file_ring {
	_Alignas(64) _Atomic uint64_t head; /* records ever published */
	_Atomic uint32_t busy; /* 1: a sequence number has been taken and is not published yet */
	uint32_t kept;         /* 1: the records are in this file */
	char name[16];         /* of the thread */
};

/* How hvd ended, once `ended` is 1. */
struct record_file_end {
	uint64_t mono_ns;
	_Atomic uint32_t ended;
	uint32_t exit_status;
	char why[96]; /* "Terminated", what stopped the VM */
};

struct record_file_header {
	char magic[8];
	uint32_t version, record_bytes, ring_records, rings;
	uint32_t names_offset, names_bytes;
	uint64_t names_hash; /* FNV-1a, 64 bits */
	uint64_t rings_offset;
	char boot_id[40];                            /* of the host: mono_ns counts from its boot */
	uint64_t start_mono_ns, realtime_offset_ns; /* time of day = mono_ns + offset */
	uint64_t pid;
	char hvd_version[32];
	char vm[64];
	struct record_file_end end;
	_Alignas(64) _Atomic uint64_t next_seq; /* 1 before the first record */
	struct record_file_ring ring[RECORD_FILE_RINGS];
};
_Static_assert(sizeof(struct record_file_ring) == 64, "one cache line");

/* FNV-1a. */
static inline uint64_t record_file_hash(const void *data, size_t size)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ ((const uint8_t *)data)[i]) * UINT64_C(0x100000001b3);
	return hash;
}
