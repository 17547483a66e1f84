/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Logs that outlive their hvd: what is written comes back, and what is damaged is refused. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "common/record_file.h"
#include "common/record_history.h"
#include "vmm/event.h"

enum { RING = 64 };

static struct clock_manual test_clock;
static char why[RECORD_WHY_BYTES];

static int new_file(void)
{
	int fd = memfd_create("log", MFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static struct recorder *start(int fd)
{
	const struct recorder_home home = {
		.fd = fd,
		.names = &hv_record_names,
		.hvd_version = "1.2.3",
		.vm = "box",
	};
	struct recorder *recorder;

	clock_manual_init(&test_clock, 1000);
	assert_int_equal(recorder_new_at(&test_clock.clock, RING, &home, &recorder), 0);
	return recorder;
}

static void emit(struct recorder *recorder, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		hv_record(recorder, HV_EVENT_VMBUS_SIGNAL, 1, 0, 2, 0, 7, 0);
}

static struct record_history *load(int fd)
{
	struct record_history *history;

	why[0] = '\0';
	if (record_history_load(fd, true, &history, why) < 0)
		fail_msg("%s", why);
	return history;
}

/* The header as it lies in the file, to be spoilt. */
static struct record_file_header *map_header(int fd)
{
	struct record_file_header *header = mmap(
		NULL, sizeof(*header), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	assert_true(header != MAP_FAILED);
	return header;
}

static void expect_refusal(int fd, const char *sentence)
{
	struct record_history *history;

	assert_int_equal(record_history_load(fd, true, &history, why), -EINVAL);
	if (!strstr(why, sentence))
		fail_msg("\"%s\" instead of \"%s\"", why, sentence);
}

/* ---- what comes back --------------------------------------------------------------------------
 */

static void a_killed_run_leaves_its_records(void **state)
{
	int fd = new_file();
	struct record_cursor cursor = {.next = 1};
	struct record_history *history;
	struct record records[8];
	uint64_t gap;

	if (fork() == 0) {
		emit(start(fd), 5);
		raise(SIGKILL);
	}
	wait(NULL);
	history = load(fd);
	assert_int_equal(history->end, RECORD_END_KILLED);
	assert_int_equal(history->taken, 5);
	assert_int_equal(history->torn, 0);
	assert_int_equal(history->end_mono_ns, 1000);
	assert_string_equal(history->vm, "box");
	assert_string_equal(history->hvd_version, "1.2.3");
	assert_int_equal(record_history_read(history, &cursor, records, 8, &gap), 5);
	assert_int_equal(gap, 0);
	assert_int_equal(records[4].seq, 5);
	assert_int_equal(records[4].arg[1], 7);
	assert_int_equal(record_history_read(history, &cursor, records, 8, &gap), 0);
	record_history_free(history);
	close(fd);
}

static void an_orderly_end_says_why(void **state)
{
	int fd = new_file();
	struct recorder *recorder = start(fd);
	struct record_history *history;

	recorder_end(recorder, 33, "the guest ended");
	recorder_free(recorder);
	history = load(fd);
	assert_int_equal(history->end, RECORD_END_ORDERLY);
	assert_int_equal(history->exit_status, 33);
	assert_string_equal(history->why, "the guest ended");
	record_history_free(history);
	close(fd);
}

static void a_run_that_goes_on_is_told_from_a_killed_one(void **state)
{
	int fd = new_file();
	struct recorder *recorder = start(fd);
	struct record_history *history;

	assert_int_equal(record_history_load(fd, false, &history, why), 0);
	assert_int_equal(history->end, RECORD_END_NONE);
	record_history_free(history);
	strcpy(map_header(fd)->boot_id, "another boot");
	assert_int_equal(record_history_load(fd, false, &history, why), 0);
	assert_int_equal(history->end, RECORD_END_HOST_DOWN);
	record_history_free(history);
	recorder_free(recorder);
	close(fd);
}

static void the_file_brings_its_own_names(void **state)
{
	int fd = new_file();
	struct recorder *recorder = start(fd);
	struct record_history *history = load(fd);
	const struct record_names *names = &history->table->names;

	assert_int_equal(names->event_count, HV_EVENT_COUNT);
	for (unsigned i = 0; i < HV_EVENT_COUNT; i++) {
		assert_string_equal(names->events[i].name, hv_event_desc[i].name);
		for (unsigned j = 0; j < RECORD_ARGS; j++) {
			if (hv_event_desc[i].args[j])
				assert_string_equal(
					names->events[i].args[j], hv_event_desc[i].args[j]);
			else
				assert_null(names->events[i].args[j]);
		}
	}
	assert_string_equal(names->status_name(names, 0x12), "invalid_connection_id");
	assert_string_equal(names->status_name(names, 0x7777), "unknown");
	assert_string_equal(names->msr_name(names, 0x40000080), "SCONTROL");
	assert_null(names->msr_name(names, 0x10));
	record_history_free(history);
	recorder_free(recorder);
	close(fd);
}

static void what_was_overwritten_is_a_gap(void **state)
{
	int fd = new_file();
	struct recorder *recorder = start(fd);
	struct record_cursor cursor = {.next = 1};
	struct record_history *history;
	struct record records[RING];
	uint64_t gap;

	emit(recorder, 3 * RING);
	history = load(fd);
	assert_int_equal(record_history_oldest(history), 2 * RING + 2); /* one may be torn */
	assert_int_equal(record_history_read(history, &cursor, records, RING, &gap), RING - 1);
	assert_int_equal(gap, 2 * RING + 1);
	assert_int_equal(records[RING - 2].seq, 3 * RING);
	record_history_free(history);
	recorder_free(recorder);
	close(fd);
}

/* ---- what is torn -------------------------------------------------------------------------------
 */

static struct record *map_ring(int fd, const struct record_file_header *header)
{
	struct record *slots = mmap(NULL, RING * sizeof(*slots), PROT_READ | PROT_WRITE, MAP_SHARED,
		fd, (off_t)header->rings_offset);

	assert_true(slots != MAP_FAILED);
	return slots;
}

static void torn_records_are_left_out_and_counted(void **state)
{
	static const uint64_t bad[] = {0, 3, 9999}; /* never written, repeated, never taken */

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		int fd = new_file();
		struct recorder *recorder = start(fd);
		struct record_file_header *header = map_header(fd);
		struct record_cursor cursor = {.next = 5};
		struct record_history *history;
		struct record record;
		uint64_t gap;

		emit(recorder, 10);
		map_ring(fd, header)[4].seq = bad[i];
		history = load(fd);
		assert_int_equal(history->torn, 1);
		assert_int_equal(history->count, 9);
		assert_int_equal(record_history_read(history, &cursor, &record, 1, &gap), 1);
		assert_int_equal(gap, 1); /* and its number is accounted for */
		assert_int_equal(record.seq, 6);
		record_history_free(history);
		recorder_free(recorder);
		close(fd);
	}
}

static void a_record_on_its_way_is_taken_and_not_there(void **state)
{
	int fd = new_file();
	struct recorder *recorder = start(fd);
	struct record_history *history;

	emit(recorder, 4);
	map_header(fd)->next_seq++;
	history = load(fd);
	assert_int_equal(history->taken, 5);
	assert_int_equal(history->count, 4);
	record_history_free(history);
	recorder_free(recorder);
	close(fd);
}

/* ---- what is refused
 * ------------------------------------------------------------------------------ */

static void what_is_no_log_is_refused(void **state)
{
	int fd = new_file();
	char garbage[1 << 16];

	expect_refusal(fd, "not a log of hvd");
	memset(garbage, 'x', sizeof(garbage));
	assert_int_equal(write(fd, garbage, sizeof(garbage)), sizeof(garbage));
	expect_refusal(fd, "not a log of hvd");
	close(fd);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	expect_refusal(fd, "not a file");
	close(fd);
}

static void damage_is_named(void **state)
{
	int fd = new_file();
	struct recorder *recorder = start(fd);
	struct record_file_header *header = map_header(fd), good = *header;

	header->version = 2;
	expect_refusal(fd, "version 2; this program reads version 1");
	*header = good;
	header->ring_records = 63;
	expect_refusal(fd, "the header is damaged");
	*header = good;
	header->rings_offset = UINT64_MAX - 8;
	expect_refusal(fd, "the header is damaged");
	*header = good;
	header->next_seq = 0;
	expect_refusal(fd, "the header is damaged");
	*header = good;
	header->names_hash++;
	expect_refusal(fd, "the table of names is damaged");
	*header = good;
	record_history_free(load(fd));
	recorder_free(recorder);
	close(fd);
}

static void a_file_that_was_cut_short_is_refused(void **state)
{
	static const struct {
		off_t size;
		const char *sentence;
	} cuts[] = {
		{400000, "cut short: 400000 of"},
		{sizeof(struct record_file_header) + 100, "cut short"},
		{sizeof(struct record_file_header) - 1, "the header has"},
		{12, "the header has"},
		{7, "not a log of hvd"},
	};
	int fd = new_file();

	recorder_free(start(fd));
	assert_int_equal(ftruncate(fd, lseek(fd, 0, SEEK_END) * 4), 0);
	record_history_free(load(fd)); /* longer does no harm */
	for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
		assert_int_equal(ftruncate(fd, cuts[i].size), 0);
		expect_refusal(fd, cuts[i].sentence);
	}
	close(fd);
}

static void a_table_of_names_keeps_to_its_form(void **state)
{
	static const struct {
		const char *text;
		unsigned line; /* 0: good */
	} rows[] = {
		{"event\ta\t-\t-\t-\t-\t-\n", 0},
		{"event\ta\tx:u\t-\t-\t-\t-\nfuture\tthing\n", 0},
		{"event\ta\tx:u\t-\t-\t-\t-\nstatus\t0\tgood\nmsr\t0x40000000\tID\n", 0},
		{"", 1},
		{"event\ta\t-\t-\t-\t-\t-", 1},
		{"event\ta\t-\t-\t-\t-\n", 1},
		{"event\ta\t-\t-\t-\t-\t-\t-\n", 1},
		{"event\ta\tx:u@0+8,y:x@8+56\t-\t-\t-\t-\n", 0},
		{"event\ta\tx:=a|b,y:u\t-\t-\t-\t-\n", 0},
		{"event\ta\tx:u@\t-\t-\t-\t-\n", 1},
		{"event\ta\tx:u@0\t-\t-\t-\t-\n", 1},
		{"event\ta\tx:u@0+0\t-\t-\t-\t-\n", 1},
		{"event\ta\tx:u@60+8\t-\t-\t-\t-\n", 1},
		{"event\ta\tx:u@64+1\t-\t-\t-\t-\n", 1},
		{"event\ta\tx:u,\t-\t-\t-\t-\n", 1},
		{"event\ta\tx:u8\t-\t-\t-\t-\n", 1},
		{"event\ta\tx\t-\t-\t-\t-\n", 1},
		{"event\t\t-\t-\t-\t-\t-\n", 1},
		{"event\ta\t\x1b:u\t-\t-\t-\t-\n", 1},
		{"event\ta\t-\t-\t-\t-\t-\nstatus\t0x\tbad\n", 2},
		{"event\ta\t-\t-\t-\t-\t-\nmsr\t1\tA\nstatus\t1\tlate\n", 3},
		{"event\ta\t-\t-\t-\t-\t-\nmsr\t1\t\n", 2},
		{"nothing\n", 1},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct record_table *table = NULL;
		unsigned line = 0;
		int r = record_names_parse(rows[i].text, strlen(rows[i].text), &table, &line);

		if (r != (rows[i].line ? -EINVAL : 0) || (r < 0 && line != rows[i].line))
			fail_msg("row %zu: %d, line %u", i, r, line);
		record_table_free(table);
	}
}

/* A memfd whose size is sealed behind the first ring has no room for a second. */
static void a_ring_that_finds_no_room_stays_in_memory(void **state)
{
	int fd = memfd_create("log", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct recorder *recorder = start(fd);
	struct recorder_stats stats;
	struct record_cursor cursor = {.next = 1};
	struct record record;
	uint64_t gap;

	assert_int_equal(ftruncate(fd, (off_t)(map_header(fd)->rings_offset + RING * 64)), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), 0);
	assert_int_equal(recorder_attach(recorder, "late"), 0);
	emit(recorder, 1);
	recorder_stats(recorder, &stats);
	assert_int_equal(stats.unkept, 1);
	assert_int_equal(recorder_read(recorder, &cursor, &record, 1, &gap), 1);
	recorder_detach(recorder);
	recorder_free(recorder);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_killed_run_leaves_its_records),
		cmocka_unit_test(an_orderly_end_says_why),
		cmocka_unit_test(a_run_that_goes_on_is_told_from_a_killed_one),
		cmocka_unit_test(the_file_brings_its_own_names),
		cmocka_unit_test(what_was_overwritten_is_a_gap),
		cmocka_unit_test(torn_records_are_left_out_and_counted),
		cmocka_unit_test(a_record_on_its_way_is_taken_and_not_there),
		cmocka_unit_test(what_is_no_log_is_refused),
		cmocka_unit_test(damage_is_named),
		cmocka_unit_test(a_file_that_was_cut_short_is_refused),
		cmocka_unit_test(a_table_of_names_keeps_to_its_form),
		cmocka_unit_test(a_ring_that_finds_no_room_stays_in_memory),
	};

	return cmocka_run_group_tests_name("record-file", tests, NULL, NULL);
}
