/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/record_history.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/cleanup.h"
#include "common/record_file.h"

/* What loading works on. */
struct loader {
	int fd;
	uint64_t size;
	struct record_file_header *header; /* owns: too large for a stack */
	struct record_history *history;    /* owns */
	char *why;
};

static PRINTF(2, 3) int refuse(struct loader *loader, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(loader->why, RECORD_WHY_BYTES, format, args);
	va_end(args);
	return -EINVAL;
}

static int fail(struct loader *loader, int error)
{
	snprintf(loader->why, RECORD_WHY_BYTES, "%s", strerror(-error));
	return error;
}

/* All of it; the file has been found to be large enough. */
static int read_at(struct loader *loader, void *to, size_t size, uint64_t offset)
{
	while (size > 0) {
		ssize_t n = pread(loader->fd, to, size, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(loader, -errno);
		if (n == 0)
			return refuse(loader, "the file became shorter while it was read");
		to = (char *)to + n;
		size -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

/* ---- header --------------------------------------------------------------------------------- */

static int check_size(struct loader *loader)
{
	struct stat st;

	if (fstat(loader->fd, &st) < 0)
		return fail(loader, -errno);
	if (!S_ISREG(st.st_mode))
		return refuse(loader, "not a file");
	loader->size = (uint64_t)st.st_size;
	return 0;
}

static int check_magic(struct loader *loader)
{
	const struct record_file_header *header = loader->header;
	size_t size = MIN(sizeof(*header), loader->size);
	int r = read_at(loader, loader->header, size, 0);

	if (r < 0)
		return r;
	if (size < sizeof(header->magic) ||
		memcmp(header->magic, RECORD_FILE_MAGIC, sizeof(header->magic)) != 0)
		return refuse(loader, "not a log of hvd");
	if (size >= offsetof(struct record_file_header, record_bytes) &&
		header->version != RECORD_FILE_VERSION)
		return refuse(loader, "a log of version %u; this program reads version %d",
			header->version, RECORD_FILE_VERSION);
	if (size < sizeof(*header))
		return refuse(loader, "cut short: %llu bytes, and the header has %zu",
			(unsigned long long)loader->size, sizeof(*header));
	return 0;
}

static bool is_sane(const struct record_file_header *header)
{
	uint32_t records = header->ring_records;

	return header->record_bytes == sizeof(struct record) && records >= 2 &&
	       records <= RECORD_FILE_RING_RECORDS_MAX && (records & (records - 1)) == 0 &&
	       header->rings == RECORD_FILE_RINGS && header->names_offset == sizeof(*header) &&
	       header->names_bytes <= RECORD_FILE_NAMES_MAX &&
	       header->rings_offset >= header->names_offset + header->names_bytes &&
	       header->rings_offset <= sizeof(*header) + 2 * RECORD_FILE_NAMES_MAX &&
	       header->next_seq >= 1 && header->next_seq <= INT64_MAX;
}

static int check_header(struct loader *loader)
{
	const struct record_file_header *header = loader->header;
	uint64_t needed;

	if (!is_sane(header))
		return refuse(loader, "the header is damaged");
	needed = header->rings_offset +
		 (uint64_t)header->rings * header->ring_records * sizeof(struct record);
	if (loader->size < needed)
		return refuse(loader, "cut short: %llu of %llu bytes",
			(unsigned long long)loader->size, (unsigned long long)needed);
	return 0;
}

static int read_names(struct loader *loader)
{
	const struct record_file_header *header = loader->header;
	CLEANUP(free) char *text = malloc(header->names_bytes + 1u);
	unsigned line;
	int r;

	if (!text)
		return fail(loader, -ENOMEM);
	r = read_at(loader, text, header->names_bytes, header->names_offset);
	if (r < 0)
		return r;
	if (record_file_hash(text, header->names_bytes) != header->names_hash)
		return refuse(loader, "the table of names is damaged");
	r = record_names_parse(text, header->names_bytes, &loader->history->table, &line);
	if (r == -EINVAL)
		return refuse(loader, "line %u of the table of names is not of its form", line);
	return r < 0 ? fail(loader, r) : 0;
}

/* ---- the run -------------------------------------------------------------------------------- */

static bool is_this_boot(const char *boot_id)
{
	CLEANUP(fd) int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	char own[40] = "";
	ssize_t length = fd < 0 ? 0 : read(fd, own, sizeof(own) - 1);

	own[length > 0 ? strcspn(own, "\n") : 0] = '\0';
	return strcmp(own, boot_id) == 0;
}

static bool is_alive(uint64_t pid)
{
	return pid > 0 && pid <= INT32_MAX && (kill((pid_t)pid, 0) == 0 || errno == EPERM);
}

static enum record_end how_it_ended(const struct record_file_header *header, bool former)
{
	if (header->end.ended == 1)
		return RECORD_END_ORDERLY;
	if (!is_this_boot(header->boot_id))
		return RECORD_END_HOST_DOWN;
	return !former && is_alive(header->pid) ? RECORD_END_NONE : RECORD_END_KILLED;
}

static void read_run(struct loader *loader, bool former)
{
	const struct record_file_header *header = loader->header;
	struct record_history *history = loader->history;

	snprintf(history->hvd_version, sizeof(history->hvd_version), "%.31s", header->hvd_version);
	snprintf(history->vm, sizeof(history->vm), "%.63s", header->vm);
	snprintf(history->why, sizeof(history->why), "%.95s", header->end.why);
	history->pid = MIN(header->pid, (uint64_t)INT32_MAX);
	history->realtime_offset_ns = header->realtime_offset_ns;
	history->start_realtime_ns = header->start_mono_ns + header->realtime_offset_ns;
	history->end = how_it_ended(header, former);
	history->exit_status = header->end.exit_status;
	history->end_mono_ns = header->end.mono_ns;
	history->taken = header->next_seq - 1;
}

/* ---- records -------------------------------------------------------------------------------- */

/* Records of a ring that were published and are not being overwritten. */
static uint64_t ring_first(const struct loader *loader, uint64_t head)
{
	uint64_t capacity = loader->header->ring_records;

	return head < capacity ? 0 : head - capacity + 1;
}

static bool is_whole(const struct loader *loader, const struct record *record, uint64_t last_seq)
{
	return record->seq > last_seq && record->seq < loader->header->next_seq;
}

/* `slots` is the ring as it lies in the file. */
static void take_ring(struct loader *loader, const struct record *slots, uint64_t head)
{
	struct record_history *history = loader->history;
	uint64_t mask = loader->header->ring_records - 1, last_seq = 0;

	for (uint64_t i = ring_first(loader, head); i < head; i++) {
		const struct record *record = &slots[i & mask];

		if (!is_whole(loader, record, last_seq)) {
			history->torn++;
			continue;
		}
		last_seq = record->seq;
		history->records[history->count++] = *record;
	}
}

static int read_ring(struct loader *loader, unsigned index, struct record *slots)
{
	const struct record_file_header *header = loader->header;
	size_t bytes = header->ring_records * sizeof(struct record);
	uint64_t head = header->ring[index].head;
	int r;

	if (head == 0 || head >= header->next_seq || header->ring[index].kept != 1)
		return 0;
	r = read_at(loader, slots, bytes, header->rings_offset + (uint64_t)index * bytes);
	if (r == 0)
		take_ring(loader, slots, head);
	return r;
}

static int by_seq(const void *a, const void *b)
{
	uint64_t left = ((const struct record *)a)->seq, right = ((const struct record *)b)->seq;

	return (left > right) - (left < right);
}

/* Two threads never take the same number: of such a pair, one is torn. */
static void drop_twins(struct record_history *history)
{
	size_t kept = 0;

	for (size_t i = 0; i < history->count; i++) {
		if (kept > 0 && history->records[kept - 1].seq == history->records[i].seq)
			history->torn++;
		else
			history->records[kept++] = history->records[i];
	}
	history->count = kept;
}

/* How many records the rings can have at most, so that a damaged file costs no more. */
static size_t count_room(const struct record_file_header *header)
{
	size_t room = 0;

	for (unsigned i = 0; i < RECORD_FILE_RINGS; i++)
		room += MIN((uint64_t)header->ring[i].head, (uint64_t)header->ring_records);
	return MAX(room, (size_t)1);
}

static int read_records(struct loader *loader)
{
	struct record_history *history = loader->history;
	CLEANUP(free)
	struct record *slots = calloc(loader->header->ring_records, sizeof(*slots));
	int r = 0;

	history->records = calloc(count_room(loader->header), sizeof(*history->records));
	if (!slots || !history->records)
		return fail(loader, -ENOMEM);
	for (unsigned i = 0; i < RECORD_FILE_RINGS && r == 0; i++)
		r = read_ring(loader, i, slots);
	qsort(history->records, history->count, sizeof(*history->records), by_seq);
	drop_twins(history);
	if (history->end != RECORD_END_ORDERLY && history->count > 0)
		history->end_mono_ns = history->records[history->count - 1].mono_ns;
	return r;
}

/* ---- the whole ------------------------------------------------------------------------------ */

static int load(struct loader *loader, bool former)
{
	int r = check_size(loader);

	if (r == 0)
		r = check_magic(loader);
	if (r == 0)
		r = check_header(loader);
	if (r == 0)
		r = read_names(loader);
	if (r < 0)
		return r;
	read_run(loader, former);
	return read_records(loader);
}

int record_history_load(
	int fd, bool former, struct record_history **ret_history, char ret_why[RECORD_WHY_BYTES])
{
	CLEANUP(free)
	struct record_file_header *header = aligned_alloc(64, sizeof(*header));
	struct loader loader = {
		.fd = fd,
		.header = header,
		.history = calloc(1, sizeof(*loader.history)),
		.why = ret_why,
	};
	int r;

	if (header)
		memset(header, 0, sizeof(*header));
	r = header && loader.history ? load(&loader, former) : fail(&loader, -ENOMEM);
	if (r < 0) {
		record_history_free(loader.history);
		return r;
	}
	*ret_history = loader.history;
	return 0;
}

struct record_history *record_history_free(struct record_history *history)
{
	if (!history)
		return NULL;
	record_table_free(history->table);
	free(history->records);
	free(history);
	return NULL;
}

/* ---- reading -------------------------------------------------------------------------------- */

/* Index of the first record with seq >= wanted. */
static size_t seek(const struct record_history *history, uint64_t wanted)
{
	size_t low = 0, high = history->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (history->records[middle].seq < wanted)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

size_t record_history_read(const struct record_history *history, struct record_cursor *cursor,
	struct record *records, size_t capacity, uint64_t *ret_gap)
{
	uint64_t next = MAX(cursor->next, UINT64_C(1));
	size_t index = seek(history, next), count = 0;

	*ret_gap = index < history->count ? history->records[index].seq - next : 0;
	while (count < capacity && index < history->count &&
		(count == 0 || history->records[index].seq == records[count - 1].seq + 1))
		records[count++] = history->records[index++];
	if (count > 0)
		cursor->next = records[count - 1].seq + 1;
	return count;
}

uint64_t record_history_oldest(const struct record_history *history)
{
	return history->count > 0 ? history->records[0].seq : history->taken + 1;
}
