/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The recorder: order over threads, bounded memory, every lost record accounted for. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <dlfcn.h>
#include <time.h>
#include <cmocka.h>
#include "common/clock_ticks.h"
#include "common/record.h"

enum { RING = 64, WRITERS = 4, PER_WRITER = 50000, BATCH = 32, PASSES = 20 };

static struct clock_manual test_clock;

/* How often the thread has asked the kernel's clock. */
static _Thread_local uint64_t clock_reads;

/* In libc's place, and as fast: what takes longer is not believed to know the time. */
int clock_gettime(clockid_t id, struct timespec *ret_now)
{
	static _Atomic(void *) real;

	if (!real)
		real = dlsym(RTLD_NEXT, "clock_gettime");
	clock_reads++;
	return ((int (*)(clockid_t, struct timespec *))real)(id, ret_now);
}

static struct recorder *recorder_with(const struct clock *clock)
{
	struct recorder *recorder;

	assert_int_equal(recorder_new(clock, RING, &recorder), 0);
	return recorder;
}

static struct recorder *new_recorder(void)
{
	clock_manual_init(&test_clock, 1000);
	return recorder_with(&test_clock.clock);
}

static void emit(struct recorder *recorder, uint16_t type, uint64_t value)
{
	record_emit(recorder, type, 3, 1, 2, (const uint64_t[RECORD_ARGS]){value, ~value});
}

static void a_record_comes_back_as_written(void **state)
{
	struct recorder *recorder = new_recorder();
	struct record_cursor cursor = {0};
	struct record record;
	uint64_t gap;

	emit(recorder, 9, 77);
	assert_int_equal(recorder_head(recorder), 1);
	assert_int_equal(recorder_read(recorder, &cursor, &record, 1, &gap), 1);
	assert_int_equal(gap, 0);
	assert_int_equal(record.seq, 1);
	assert_int_equal(record.mono_ns, 1000);
	assert_int_equal(record.type, 9);
	assert_int_equal(record.vp, 3);
	assert_int_equal(record.vtl, 1);
	assert_int_equal(record.sint, 2);
	assert_int_equal(record.arg[0], 77);
	assert_int_equal(recorder_read(recorder, &cursor, &record, 1, &gap), 0);
	recorder_free(recorder);
}

static void overwritten_records_become_a_gap_of_their_number(void **state)
{
	struct recorder *recorder = new_recorder();
	struct record_cursor cursor = {0};
	struct record records[RING];
	uint64_t gap;
	size_t count;

	for (unsigned i = 0; i < 3 * RING; i++)
		emit(recorder, 1, i);
	count = recorder_read(recorder, &cursor, records, RING, &gap);
	assert_true(count > 0);
	assert_int_equal(gap + count, 3 * RING);
	assert_int_equal(records[0].seq, gap + 1);
	assert_int_equal(recorder_oldest(recorder), gap + 1);
	assert_int_equal(records[count - 1].seq, 3 * RING);
	recorder_free(recorder);
}

static void a_cursor_may_start_anywhere(void **state)
{
	struct recorder *recorder = new_recorder();
	struct record_cursor cursor = {.next = 5};
	struct record record;
	uint64_t gap;

	for (unsigned i = 1; i <= 8; i++)
		emit(recorder, 1, i);
	assert_int_equal(recorder_read(recorder, &cursor, &record, 1, &gap), 1);
	assert_int_equal(record.seq, 5);
	cursor.next = 9;
	assert_int_equal(recorder_read(recorder, &cursor, &record, 1, &gap), 0);
	cursor.next = UINT64_MAX;
	assert_int_equal(recorder_read(recorder, &cursor, &record, 1, &gap), 0);
	recorder_free(recorder);
}

static void a_capacity_that_is_no_power_of_two_is_refused(void **state)
{
	struct recorder *recorder;

	assert_int_equal(recorder_new(&clock_monotonic, 100, &recorder), -EINVAL);
	assert_int_equal(recorder_new(&clock_monotonic, 0, &recorder), -EINVAL);
	assert_int_equal(recorder_new(&clock_monotonic, 1, &recorder), -EINVAL);
	/* Only a file's rings are bounded: tests keep all that a guest does. */
	assert_int_equal(recorder_new(&clock_monotonic, 1 << 20, &recorder), 0);
	recorder_free(recorder);
}

struct writer {
	struct recorder *recorder;
	unsigned id;
	_Atomic bool *stop;
};

static void *writer_thread(void *arg)
{
	const struct writer *writer = arg;

	assert_int_equal(recorder_attach(writer->recorder, "writer"), 0);
	for (uint64_t i = 0; i < PER_WRITER; i++)
		emit(writer->recorder, (uint16_t)writer->id, i);
	recorder_detach(writer->recorder);
	return NULL;
}

/* What one reader saw; every record is checked as it comes. */
struct tally {
	uint64_t last_seq, read, lost;
	uint64_t next_value[WRITERS], last_ns[WRITERS];
};

static size_t drain_once(
	struct recorder *recorder, struct record_cursor *cursor, struct tally *tally)
{
	struct record records[BATCH];
	uint64_t gap;
	size_t count = recorder_read(recorder, cursor, records, BATCH, &gap);

	tally->lost += gap;
	for (size_t i = 0; i < count; i++) {
		const struct record *record = &records[i];

		assert_int_equal(record->seq, tally->last_seq + 1 + (i == 0 ? gap : 0));
		assert_int_equal(record->arg[1], ~record->arg[0]); /* not torn */
		assert_true(record->arg[0] >= tally->next_value[record->type]);
		tally->next_value[record->type] = record->arg[0] + 1;
		assert_true(record->mono_ns >= tally->last_ns[record->type]);
		tally->last_ns[record->type] = record->mono_ns;
		tally->last_seq = record->seq;
	}
	tally->read += count;
	return count;
}

static void records_of_racing_threads_are_ordered_and_accounted_for(void **state)
{
	struct recorder *recorder = recorder_with(&clock_monotonic);
	struct record_cursor cursor = {0};
	struct writer writers[WRITERS];
	pthread_t threads[WRITERS];
	struct tally tally = {0};

	for (unsigned i = 0; i < WRITERS; i++) {
		writers[i] = (struct writer){.recorder = recorder, .id = i};
		assert_int_equal(pthread_create(&threads[i], NULL, writer_thread, &writers[i]), 0);
	}
	while (recorder_head(recorder) < WRITERS * PER_WRITER)
		drain_once(recorder, &cursor, &tally);
	for (unsigned i = 0; i < WRITERS; i++)
		pthread_join(threads[i], NULL);
	while (drain_once(recorder, &cursor, &tally))
		;
	assert_int_equal(tally.read + tally.lost, WRITERS * PER_WRITER);
	assert_int_equal(tally.last_seq, WRITERS * PER_WRITER);
	recorder_free(recorder);
}

/* Whoever attached may take the time from ticks, if the clock is the kernel's: not from this one. */
static void a_record_has_the_time_of_the_recorders_clock(void **state)
{
	struct recorder *recorder = new_recorder();
	struct record_cursor cursor = {0};
	struct record records[2 * PASSES];
	uint64_t gap;

	assert_int_equal(recorder_attach(recorder, "manual"), 0);
	for (uint64_t i = 0; i < PASSES; i++) {
		emit(recorder, 1, i);
		clock_manual_advance(&test_clock, NSEC_PER_MSEC / 2);
	}
	recorder_detach(recorder);
	assert_int_equal(recorder_read(recorder, &cursor, records, 2 * PASSES, &gap), PASSES);
	for (uint64_t i = 0; i < PASSES; i++)
		assert_int_equal(records[i].mono_ns, 1000 + i * NSEC_PER_MSEC / 2);
	recorder_free(recorder);
}

static uint64_t newest_ns(struct recorder *recorder)
{
	struct record_cursor cursor = {.next = recorder_head(recorder)};
	struct record record;
	uint64_t gap;

	assert_int_equal(recorder_read(recorder, &cursor, &record, 1, &gap), 1);
	return record.mono_ns;
}

/* For long enough that the ticks, where there are any, are used. */
static void the_time_of_a_record_is_that_of_the_clock_beside_it(void **state)
{
	struct recorder *recorder = recorder_with(&clock_monotonic);
	uint64_t start_ns = clock_now_ns(&clock_monotonic), before_ns, after_ns;

	assert_int_equal(recorder_attach(recorder, "real"), 0);
	do {
		before_ns = clock_now_ns(&clock_monotonic);
		emit(recorder, 1, 0);
		after_ns = clock_now_ns(&clock_monotonic);
		assert_in_range(newest_ns(recorder),
			before_ns - CLOCK_TICKS_LAG_NS - CLOCK_TICKS_AHEAD_NS,
			after_ns + CLOCK_TICKS_AHEAD_NS);
	} while (after_ns - start_ns < 20 * NSEC_PER_MSEC);
	recorder_detach(recorder);
	recorder_free(recorder);
}

/* Of this thread's records, sooner or later: until the ticks are known each one asks. */
static bool most_come_without_the_clock(struct recorder *recorder)
{
	bool few = false;

	assert_int_equal(recorder_attach(recorder, "real"), 0);
	for (unsigned i = 0; i < PER_WRITER && !few; i++) {
		clock_reads = 0;
		for (unsigned j = 0; j < BATCH; j++)
			emit(recorder, 1, j);
		few = clock_reads < BATCH / 4;
	}
	recorder_detach(recorder);
	return few;
}

/* A thread that is disturbed too often gives the ticks up for good, and another may have more luck. */
static void most_records_do_not_ask_the_clock(void **state)
{
	struct recorder *recorder;
	bool few = false;

	if (!tick_source_for(&clock_monotonic, CLOCK_TICKS_SOURCE_FILE))
		skip(); /* this kernel keeps time with something else */
	recorder = recorder_with(&clock_monotonic);
	for (unsigned i = 0; i < PASSES && !few; i++)
		few = most_come_without_the_clock(recorder);
	assert_true(few);
	recorder_free(recorder);
}

static void rings_of_ended_threads_are_reused(void **state)
{
	struct recorder *recorder = new_recorder();
	struct recorder_stats stats;

	for (unsigned i = 0; i < 300; i++) {
		assert_int_equal(recorder_attach(recorder, "again"), 0);
		emit(recorder, 0, i);
		recorder_detach(recorder);
	}
	recorder_stats(recorder, &stats);
	assert_int_equal(stats.records, 300);
	assert_int_equal(stats.threads, 1); /* the shared ring */
	assert_int_equal(stats.bytes, 2 * RING * sizeof(struct record));
	recorder_free(recorder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_comes_back_as_written),
		cmocka_unit_test(overwritten_records_become_a_gap_of_their_number),
		cmocka_unit_test(a_cursor_may_start_anywhere),
		cmocka_unit_test(a_capacity_that_is_no_power_of_two_is_refused),
		cmocka_unit_test(a_record_has_the_time_of_the_recorders_clock),
		cmocka_unit_test(the_time_of_a_record_is_that_of_the_clock_beside_it),
		cmocka_unit_test(most_records_do_not_ask_the_clock),
		cmocka_unit_test(records_of_racing_threads_are_ordered_and_accounted_for),
		cmocka_unit_test(rings_of_ended_threads_are_reused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
