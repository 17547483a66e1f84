/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/record.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "common/cleanup.h"
#include "common/clock_ticks.h"
#include "common/record_file.h"
#include "common/record_names.h"

/*
 * Who writes what:
 *
 *	header.next_seq     every writer, fetch-and-add
 *	ring.state.busy     its writer: 1 while a sequence number has been taken and not published
 *	ring.state.head     its writer: records ever published
 *	ring.slot[]         its writer; word-wise relaxed atomics, because a reader may look at
 *	                    a slot that is being overwritten, and finds out from ring.head
 *
 * A slot with index i is stable for a reader while head <= i + capacity - 1 both before and after
 * the copy: the writer may already be filling slot head % capacity.
 */
enum { MAX_RINGS = RECORD_FILE_RINGS };

struct ring {
	struct record_file_ring *state; /* in the header */
	struct record *slot;            /* owns, recorder.capacity records, mapped */
	_Atomic bool taken; /* has a thread; the records of a ring without one stay readable */
};

struct recorder {
	const struct clock *clock;       /* borrows */
	const struct tick_source *ticks; /* borrows; NULL: writers ask the clock */
	size_t capacity;
	_Atomic bool enabled;
	struct record_file_header *header; /* owns, mapped; the file's when there is one */
	int fd;                            /* owns; -1: no file */
	pthread_mutex_t lock;              /* guards attaching, and writing to the shared ring */
	_Atomic unsigned ring_count;
	struct ring ring[MAX_RINGS]; /* ring 0 is shared by threads that did not attach */
};

/*
 * What the calling thread writes with, once it has attached. The model says that no call is needed to
 * find it: the compiler cannot know that this becomes part of a program, not of a plug-in.
 */
static __thread __attribute__((tls_model("initial-exec"))) struct {
	struct recorder *recorder;
	struct ring *ring;
	struct clock_ticks time;
} own;

/* ---- memory --------------------------------------------------------------------------------- */

static size_t ring_bytes(const struct recorder *recorder)
{
	return recorder->capacity * sizeof(struct record);
}

static size_t header_bytes(size_t names_bytes)
{
	size_t pages = (sizeof(struct record_file_header) + names_bytes - 1) / RECORD_FILE_ALIGN;

	return (pages + 1) * RECORD_FILE_ALIGN;
}

static int map_memory(size_t size, void **ret_memory)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		return -errno;
	*ret_memory = memory;
	return 0;
}

/* Allocated first: a page that the file system has no room for would kill who writes to it. */
static int map_file(int fd, uint64_t offset, size_t size, void **ret_memory)
{
	int r = posix_fallocate(fd, (off_t)offset, (off_t)size);
	void *memory;

	if (r != 0)
		return -r;
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset);
	if (memory == MAP_FAILED)
		return -errno;
	*ret_memory = memory;
	return 0;
}

static int ring_map(struct recorder *recorder, unsigned index, const char *name)
{
	struct ring *ring = &recorder->ring[index];
	void *slots = NULL;
	int r = -ENOENT;

	ring->state = &recorder->header->ring[index];
	if (recorder->fd >= 0)
		r = map_file(recorder->fd,
			recorder->header->rings_offset + index * ring_bytes(recorder),
			ring_bytes(recorder), &slots);
	ring->state->kept = r == 0;
	if (r < 0)
		r = map_memory(ring_bytes(recorder), &slots);
	if (r < 0)
		return r;
	ring->slot = slots;
	ring->taken = true;
	strncpy(ring->state->name, name, sizeof(ring->state->name) - 1);
	return 0;
}

/* ---- life ----------------------------------------------------------------------------------- */

static void copy_text(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from);
}

static void read_boot_id(char *to, size_t size)
{
	CLEANUP(fd) int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? 0 : read(fd, to, size - 1);

	to[length > 0 ? length : 0] = '\0';
	to[strcspn(to, "\n")] = '\0';
}

static void fill_header(struct recorder *recorder, const struct recorder_home *home,
	const char *names, size_t names_bytes)
{
	struct record_file_header *header = recorder->header;
	uint64_t now_ns = clock_now_ns(recorder->clock);

	header->version = RECORD_FILE_VERSION;
	header->record_bytes = sizeof(struct record);
	header->ring_records = (uint32_t)recorder->capacity;
	header->rings = MAX_RINGS;
	header->names_offset = sizeof(*header);
	header->names_bytes = (uint32_t)names_bytes;
	header->names_hash = record_file_hash(names, names_bytes);
	memcpy(header + 1, names, names_bytes);
	header->rings_offset = header_bytes(names_bytes);
	read_boot_id(header->boot_id, sizeof(header->boot_id));
	header->start_mono_ns = now_ns;
	header->realtime_offset_ns = clock_realtime_ns() - now_ns;
	header->pid = (uint64_t)getpid();
	copy_text(header->hvd_version, sizeof(header->hvd_version), home->hvd_version);
	copy_text(header->vm, sizeof(header->vm), home->vm);
	header->next_seq = 1;
	/* Last: what has it is whole. */
	atomic_thread_fence(memory_order_release);
	memcpy(header->magic, RECORD_FILE_MAGIC, sizeof(header->magic));
}

static int write_names(const struct record_names *names, char **ret_text, size_t *ret_size)
{
	FILE *out = open_memstream(ret_text, ret_size);

	if (!out)
		return -errno;
	record_names_write(names, out);
	if (fclose(out) == 0)
		return 0;
	free(*ret_text);
	return -ENOMEM;
}

/* Sizes the file, maps its header and fills it in. */
static int move_in(struct recorder *recorder, const struct recorder_home *home)
{
	CLEANUP(free) char *names = NULL;
	size_t names_bytes, size;
	void *header = NULL;
	int r = write_names(home->names, &names, &names_bytes);

	if (r < 0)
		return r;
	size = header_bytes(names_bytes);
	recorder->fd = fcntl(home->fd, F_DUPFD_CLOEXEC, 0);
	if (recorder->fd < 0 ||
		ftruncate(recorder->fd, (off_t)(size + MAX_RINGS * ring_bytes(recorder))) < 0)
		return -errno;
	r = map_file(recorder->fd, 0, size, &header);
	if (r < 0)
		return r;
	recorder->header = header;
	fill_header(recorder, home, names, names_bytes);
	return 0;
}

static int live_in_memory(struct recorder *recorder)
{
	void *header = NULL;
	int r = map_memory(header_bytes(0), &header);

	if (r < 0)
		return r;
	recorder->header = header;
	recorder->header->next_seq = 1;
	return 0;
}

int recorder_new_at(const struct clock *clock, size_t ring_records,
	const struct recorder_home *home, struct recorder **ret_recorder)
{
	struct recorder *recorder;
	int r;

	if (ring_records < 2 || (ring_records & (ring_records - 1)) != 0 ||
		(home && ring_records > RECORD_FILE_RING_RECORDS_MAX))
		return -EINVAL;
	recorder = calloc(1, sizeof(*recorder));
	if (!recorder)
		return -ENOMEM;
	recorder->clock = clock;
	recorder->ticks = tick_source_for(clock, CLOCK_TICKS_SOURCE_FILE);
	recorder->capacity = ring_records;
	recorder->enabled = true;
	recorder->fd = -1;
	pthread_mutex_init(&recorder->lock, NULL);
	r = home ? move_in(recorder, home) : live_in_memory(recorder);
	if (r == 0)
		r = ring_map(recorder, 0, "shared");
	if (r < 0) {
		recorder_free(recorder);
		return r;
	}
	recorder->ring_count = 1;
	*ret_recorder = recorder;
	return 0;
}

int recorder_new(const struct clock *clock, size_t ring_records, struct recorder **ret_recorder)
{
	return recorder_new_at(clock, ring_records, NULL, ret_recorder);
}

struct recorder *recorder_free(struct recorder *recorder)
{
	if (!recorder)
		return NULL;
	for (unsigned i = 0; i < recorder->ring_count; i++)
		munmap(recorder->ring[i].slot, ring_bytes(recorder));
	if (recorder->header)
		munmap(recorder->header, header_bytes(recorder->header->names_bytes));
	if (recorder->fd >= 0)
		close(recorder->fd);
	pthread_mutex_destroy(&recorder->lock);
	free(recorder);
	return NULL;
}

void recorder_end(struct recorder *recorder, int exit_status, const char *why)
{
	struct record_file_end *end = &recorder->header->end;

	end->mono_ns = clock_now_ns(recorder->clock);
	end->exit_status = (uint32_t)exit_status;
	copy_text(end->why, sizeof(end->why), why);
	atomic_store_explicit(&end->ended, 1, memory_order_release);
}

void recorder_set_enabled(struct recorder *recorder, bool enabled)
{
	atomic_store_explicit(&recorder->enabled, enabled, memory_order_relaxed);
}

bool recorder_enabled(const struct recorder *recorder)
{
	return atomic_load_explicit(&recorder->enabled, memory_order_relaxed);
}

/* A ring nobody writes to any more, or NULL. Its old records keep their sequence numbers. */
static struct ring *ring_reuse(struct recorder *recorder)
{
	for (unsigned i = 1; i < recorder->ring_count; i++) {
		struct ring *ring = &recorder->ring[i];

		if (!atomic_load_explicit(&ring->taken, memory_order_acquire))
			return ring;
	}
	return NULL;
}

int recorder_attach(struct recorder *recorder, const char *thread_name)
{
	struct ring *ring;
	int r = 0;

	if (own.recorder == recorder)
		return 0;
	pthread_mutex_lock(&recorder->lock);
	ring = ring_reuse(recorder);
	if (ring) {
		ring->taken = true;
		memset(ring->state->name, 0, sizeof(ring->state->name));
		strncpy(ring->state->name, thread_name, sizeof(ring->state->name) - 1);
	} else if (recorder->ring_count == MAX_RINGS) {
		r = -ENOSPC;
	} else {
		ring = &recorder->ring[recorder->ring_count];
		r = ring_map(recorder, recorder->ring_count, thread_name);
		if (r == 0)
			atomic_fetch_add_explicit(&recorder->ring_count, 1, memory_order_release);
	}
	pthread_mutex_unlock(&recorder->lock);
	if (r < 0)
		return r;
	own.recorder = recorder;
	own.ring = ring;
	clock_ticks_init(&own.time, recorder->clock, recorder->ticks);
	return 0;
}

void recorder_detach(struct recorder *recorder)
{
	if (own.recorder != recorder)
		return;
	atomic_store_explicit(&own.ring->taken, false, memory_order_release);
	own.recorder = NULL;
	own.ring = NULL;
}

_Static_assert(offsetof(struct record, type) == 16 && offsetof(struct record, vtl) == 18 &&
		       offsetof(struct record, sint) == 19 && offsetof(struct record, vp) == 20 &&
		       offsetof(struct record, arg) == 24,
	"the third word of a record, as record_about() makes it");

static void store(struct record *slot, size_t word, uint64_t value)
{
	__atomic_store_n((uint64_t *)(void *)slot + word, value, __ATOMIC_RELAXED);
}

/*
 * Word-wise, so that a concurrent reader sees torn records at worst, never undefined behaviour; and
 * straight into the slot: this is the hottest path of all.
 */
static inline void record_store(struct record *slot, uint64_t seq, uint64_t mono_ns, uint64_t about,
	const uint64_t args[RECORD_ARGS])
{
	store(slot, 0, seq);
	store(slot, 1, mono_ns);
	store(slot, 2, about);
#pragma GCC unroll 5
	for (size_t i = 0; i < RECORD_ARGS; i++)
		store(slot, 3 + i, args[i]);
}

static void record_load(struct record *to, const struct record *from)
{
	uint64_t words[sizeof(*to) / sizeof(uint64_t)];

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		words[i] = __atomic_load_n(
			(const uint64_t *)(const void *)from + i, __ATOMIC_RELAXED);
	memcpy(to, words, sizeof(*to));
}

static inline void ring_write(struct recorder *recorder, struct ring *ring, uint64_t mono_ns,
	uint64_t about, const uint64_t args[RECORD_ARGS])
{
	struct record_file_ring *state = ring->state;
	uint64_t head = atomic_load_explicit(&state->head, memory_order_relaxed), seq;

	/*
	 * The mark must be visible before the number is taken: the number releases it, and the
	 * reader looks at next_seq first (with acquire) and at the marks afterwards. Whatever other
	 * writers add to next_seq in between carries the release on.
	 */
	atomic_store_explicit(&state->busy, 1, memory_order_relaxed);
	seq = atomic_fetch_add_explicit(&recorder->header->next_seq, 1, memory_order_acq_rel);
	/*
	 * Pairs with the reader's fence: whoever sees this slot change also sees the current head.
	 */
	atomic_thread_fence(memory_order_release);
	record_store(&ring->slot[head & (recorder->capacity - 1)], seq, mono_ns, about, args);
	atomic_store_explicit(&state->head, head + 1, memory_order_release);
	atomic_store_explicit(&state->busy, 0, memory_order_release);
}

/* Kept apart, so that who has a ring and knows the time saves no registers for it. */
static __attribute__((noinline)) void write_slowly(
	struct recorder *recorder, uint64_t about, const uint64_t args[RECORD_ARGS])
{
	if (own.recorder == recorder) {
		ring_write(recorder, own.ring, clock_ticks_ask(&own.time), about, args);
		return;
	}
	pthread_mutex_lock(&recorder->lock);
	ring_write(recorder, &recorder->ring[0], clock_now_ns(recorder->clock), about, args);
	pthread_mutex_unlock(&recorder->lock);
}

void record_write(struct recorder *recorder, uint64_t about, const uint64_t args[RECORD_ARGS])
{
	uint64_t mono_ns;

	if (own.recorder == recorder && clock_ticks_try(&own.time, &mono_ns))
		ring_write(recorder, own.ring, mono_ns, about, args);
	else
		write_slowly(recorder, about, args);
}

uint64_t recorder_head(const struct recorder *recorder)
{
	return atomic_load(&recorder->header->next_seq) - 1;
}

/*
 * Reading: one lane per ring, merged by sequence number.
 *
 * The reader notes the head, then looks at the busy marks, then at the rings. A writer marks its
 * ring before it takes a number, so once no ring is busy every number up to the noted head has been
 * published: a number that is in no ring then has been overwritten.
 */
struct lane {
	const struct ring *ring;
	uint64_t next; /* index of the record after `record` */
	bool valid;
	struct record record;
};

/* Index of the oldest record of a ring with `head` published ones that is not being overwritten. */
static uint64_t ring_oldest(const struct recorder *recorder, uint64_t head)
{
	return head < recorder->capacity ? 0 : head - recorder->capacity + 1;
}

/* Copies record `index` of the ring; false when it has been overwritten meanwhile. */
static bool ring_read(const struct recorder *recorder, const struct ring *ring, uint64_t index,
	struct record *ret_record)
{
	record_load(ret_record, &ring->slot[index & (recorder->capacity - 1)]);
	atomic_thread_fence(memory_order_acquire);
	return index >= ring_oldest(recorder,
				atomic_load_explicit(&ring->state->head, memory_order_relaxed));
}

/* Loads record `index` into the lane. A writer that laps us sends us an eighth of a ring ahead. */
static void lane_load(const struct recorder *recorder, struct lane *lane, uint64_t index)
{
	for (;;) {
		uint64_t head = atomic_load_explicit(
			&lane->ring->state->head, memory_order_acquire);

		if (index < ring_oldest(recorder, head))
			index = ring_oldest(recorder, head) + recorder->capacity / 8;
		lane->valid = index < head;
		if (!lane->valid || ring_read(recorder, lane->ring, index, &lane->record))
			break;
	}
	lane->next = index + 1;
}

/* Puts the lane on the first record with seq >= wanted: numbers grow along a ring. */
static void lane_seek(const struct recorder *recorder, struct lane *lane, uint64_t wanted)
{
	uint64_t high = atomic_load_explicit(&lane->ring->state->head, memory_order_acquire);
	uint64_t low = ring_oldest(recorder, high);

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		struct record record;

		if (!ring_read(recorder, lane->ring, middle, &record) || record.seq < wanted)
			low = middle + 1;
		else
			high = middle;
	}
	lane_load(recorder, lane, low);
}

static struct lane *lanes_lowest(struct lane *lanes, unsigned count)
{
	struct lane *lowest = NULL;

	for (unsigned i = 0; i < count; i++) {
		if (lanes[i].valid && (!lowest || lanes[i].record.seq < lowest->record.seq))
			lowest = &lanes[i];
	}
	return lowest;
}

static unsigned lanes_open(const struct recorder *recorder, struct lane *lanes, uint64_t wanted)
{
	unsigned count = atomic_load_explicit(&recorder->ring_count, memory_order_acquire);

	for (unsigned i = 0; i < count; i++) {
		lanes[i].ring = &recorder->ring[i];
		lane_seek(recorder, &lanes[i], wanted);
	}
	return count;
}

static bool any_ring_busy(const struct recorder *recorder)
{
	unsigned count = atomic_load(&recorder->ring_count);

	for (unsigned i = 0; i < count; i++) {
		if (atomic_load(&recorder->ring[i].state->busy))
			return true;
	}
	return false;
}

uint64_t recorder_oldest(const struct recorder *recorder)
{
	struct lane lanes[MAX_RINGS];
	const struct lane *lowest = lanes_lowest(lanes, lanes_open(recorder, lanes, 0));

	return lowest ? lowest->record.seq : recorder_head(recorder) + 1;
}

size_t recorder_read(struct recorder *recorder, struct record_cursor *cursor,
	struct record *records, size_t capacity, uint64_t *ret_gap)
{
	uint64_t limit = recorder_head(recorder), gap = 0;
	bool busy = any_ring_busy(recorder);
	struct lane lanes[MAX_RINGS], *lowest;
	size_t count = 0;
	unsigned lane_count;

	*ret_gap = 0;
	cursor->next = MAX(cursor->next, UINT64_C(1));
	if (cursor->next > limit)
		return 0;
	lane_count = lanes_open(recorder, lanes, cursor->next);
	while (count < capacity && (lowest = lanes_lowest(lanes, lane_count))) {
		if (lowest->record.seq > limit)
			break;
		if (lowest->record.seq != cursor->next) {
			/* A hole: overwritten, unless its writer has yet to publish it. */
			if (busy || count > 0)
				break;
			gap = lowest->record.seq - cursor->next;
		}
		records[count++] = lowest->record;
		cursor->next = lowest->record.seq + 1;
		lane_load(recorder, lowest, lowest->next);
	}
	*ret_gap = gap;
	return count;
}

void recorder_stats(const struct recorder *recorder, struct recorder_stats *ret_stats)
{
	unsigned count = atomic_load_explicit(&recorder->ring_count, memory_order_acquire);
	struct recorder_stats stats = {
		.records = recorder_head(recorder),
		.enabled = recorder_enabled(recorder),
	};

	for (unsigned i = 0; i < count; i++) {
		const struct ring *ring = &recorder->ring[i];
		uint64_t head = atomic_load_explicit(&ring->state->head, memory_order_relaxed);

		stats.bytes += recorder->capacity * sizeof(struct record);
		stats.overwritten += head > recorder->capacity ? head - recorder->capacity : 0;
		stats.unkept += recorder->fd >= 0 && !ring->state->kept;
		stats.threads += atomic_load_explicit(&ring->taken, memory_order_relaxed);
	}
	*ret_stats = stats;
}
