/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The pcapng file format (draft-ietf-opsawg-pcapng), as far as one interface needs it. Wherever a
 * block ends the file is complete.
 *
 * Purpose: blocks of a capture.
 * Threads: any; one writer at a time.
 * Errors:  those of the writer.
 */
#include <stdint.h>
#include <sys/uio.h>
#include "inspect/writer.h"

/* LINKTYPE_WIRESHARK_UPPER_PDU: each packet starts with tags that name its dissector. */
enum { PCAPNG_LINKTYPE_UPPER_PDU = 252 };

/* The section header and the one interface; times are in nanoseconds. */
void pcapng_begin(struct writer *w, const char *application, const char *interface);

struct pcapng_packet {
	uint64_t realtime_ns;
	bool outbound;
	uint64_t lost;        /* packets between the one before and this one */
	uint32_t missing;     /* bytes that were cut off the end */
	struct iovec part[3]; /* the bytes, in order */
};
void pcapng_packet(struct writer *w, const struct pcapng_packet *packet);

/* How many packets there were, with those that were lost. */
void pcapng_statistics(struct writer *w, uint64_t realtime_ns, uint64_t packets, uint64_t lost);
