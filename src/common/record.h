/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The recorder: fixed-size binary records of what happens, kept in bounded memory.
 *
 * Every thread that records owns a single-producer ring. Writing takes a sequence number from one
 * shared counter and stores 64 bytes; it never waits, never allocates and never makes a system
 * call, the vDSO's clock aside; and it seldom asks that (common/clock_ticks.h). A ring that is full overwrites its oldest record. Readers merge the
 * rings by sequence number and are told how many records they missed.
 *
 * Purpose: the flight recorder under `hvctl log` and `hvctl watch`.
 * Threads: record_emit() on any attached thread; cursors belong to one reader thread each.
 * Errors:  attach returns -ENOMEM or -ENOSPC; those of the file a recorder lives in.
 *
 * Ordering: a writer marks its ring busy, takes its sequence number, stores, publishes and clears
 * the mark. A reader that finds a sequence number missing while no ring is busy knows it was
 * overwritten and counts it into the gap; while a ring is busy it stops there and comes back.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/clock.h"
#include "common/util.h"

enum { RECORD_ARGS = 5 };

struct record {
	uint64_t seq;     /* 1, 2, 3 ... without holes over all threads */
	uint64_t mono_ns; /* CLOCK_MONOTONIC, as close as common/clock_ticks.h says */
	uint16_t type;    /* enum hv_event */
	uint8_t vtl;
	uint8_t sint; /* RECORD_NO_SINT: not about a SINT */
	uint32_t vp;  /* RECORD_NO_VP: not about a VP */
	uint64_t arg[RECORD_ARGS];
};
_Static_assert(sizeof(struct record) == 64, "one cache line");

#define RECORD_NO_SINT 0xff
#define RECORD_NO_VP   UINT32_MAX

struct recorder;

/* `ring_records` per thread, a power of two. `enabled` false makes record_emit() a single test. */
int recorder_new(
	const struct clock *clock, size_t ring_records, struct recorder **ret_recorder) MUST_CHECK;
struct recorder *recorder_free(struct recorder *recorder);

/*
 * Where a recorder's memory lies, so that it outlives the process (common/record_file.h). `fd` is
 * an empty file or memfd, which is sized and mapped; it is borrowed during the call. A thread whose
 * ring does not fit there any more gets one in plain memory.
 */
struct record_names;
struct recorder_home {
	int fd;
	const struct record_names *names;
	const char *hvd_version, *vm; /* cut off when too long */
};
int recorder_new_at(const struct clock *clock, size_t ring_records,
	const struct recorder_home *home, struct recorder **ret_recorder) MUST_CHECK;
/* hvd ends in good order; `why` is for people. */
void recorder_end(struct recorder *recorder, int exit_status, const char *why);

void recorder_set_enabled(struct recorder *recorder, bool enabled);
bool recorder_enabled(const struct recorder *recorder);

/* Gives the calling thread a ring of its own; threads without one share a locked ring. */
int recorder_attach(struct recorder *recorder, const char *thread_name) MUST_CHECK;
/* The records stay readable. Must be called before the thread ends if it attached. */
void recorder_detach(struct recorder *recorder);

/* Type, VTL, SINT and VP as they lie in a record, in one word; mostly constant. */
static inline uint64_t record_about(uint16_t type, uint32_t vp, uint8_t vtl, uint8_t sint)
{
	return type | (uint64_t)vtl << 16 | (uint64_t)sint << 24 | (uint64_t)vp << 32;
}

/* `about` is what record_about() makes. */
void record_write(struct recorder *recorder, uint64_t about, const uint64_t args[RECORD_ARGS]);

static inline void record_emit(struct recorder *recorder, uint16_t type, uint32_t vp, uint8_t vtl,
	uint8_t sint, const uint64_t args[RECORD_ARGS])
{
	record_write(recorder, record_about(type, vp, vtl, sint), args);
}

/* The sequence number of the newest record taken, 0 if none: where a stream starts to have no hole. */
uint64_t recorder_head(const struct recorder *recorder);
/* The oldest sequence number that can still be read for sure. */
uint64_t recorder_oldest(const struct recorder *recorder);

struct recorder_stats {
	uint64_t records, bytes, overwritten;
	uint32_t threads;
	uint32_t unkept; /* rings that are not in the file, though there is one */
	bool enabled;
};
void recorder_stats(const struct recorder *recorder, struct recorder_stats *ret_stats);

struct record_cursor {
	uint64_t next; /* sequence number wanted next */
};

/*
 * Reads up to `capacity` records in sequence order. `ret_gap` is the number of records lost
 * immediately before the first one returned. Returns the number of records; 0 = nothing new yet.
 * Never waits.
 */
size_t recorder_read(struct recorder *recorder, struct record_cursor *cursor,
	struct record *records, size_t capacity, uint64_t *ret_gap);
