/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of faults: what is refused, what is hit, and that every fault ends. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "common/loop.h"
#include "fake_vm.h"
#include "hvdef/vmbus.h"
#include "vmm/event.h"
#include "vmm/fault.h"

static struct fake_vm *fake;
static struct faults *faults;

/* What the listener heard. */
static struct {
	struct fault_listener listener;
	unsigned count;
	enum fault_kind kind;
	uint64_t id;
} heard;

static void on_ended(struct fault_listener *listener, enum fault_kind kind, uint64_t id)
{
	heard.count++;
	heard.kind = kind;
	heard.id = id;
}

static int set_up(void **state)
{
	fake = fake_vm_new(2, FAKE_WITH_TSC);
	fake->vm.has_vmbus = true;
	faults = &fake->vm.faults;
	memset(&heard, 0, sizeof(heard));
	heard.listener.ended = on_ended;
	faults_listen(faults, &heard.listener);
	return 0;
}

static int tear_down(void **state)
{
	faults_unlisten(faults, &heard.listener);
	fake_vm_free(fake);
	return 0;
}

static struct fault_spec spec_of(enum fault_kind kind)
{
	return (struct fault_spec){.kind = kind, .place = {FAULT_ANYWHERE}, .uid = 1000, .pid = 42};
}

static struct fault add(const struct fault_spec *spec)
{
	struct fault_refusal refusal;
	struct fault fault;

	assert_int_equal(faults_add(faults, spec, &fault, &refusal), 0);
	return fault;
}

/* A fault as it is in the table. */
static struct fault look(uint64_t id)
{
	for (unsigned i = 0; i < FAULTS_MAX; i++) {
		if (faults->fault[i].id == id)
			return faults->fault[i];
	}
	fail_msg("no fault has this id");
	return (struct fault){0};
}

static const struct fault_place gpadl_body = {
	.relid = 3,
	.vp = FAULT_ANY,
	.sint = FAULT_ANY,
	.message = VMBUS_MSG_GPADL_BODY,
	.direction = FAULT_IN,
};

static bool hit(enum fault_kind kind)
{
	struct fault_effect effect;

	return fault_hit(faults, kind, &gpadl_body, &effect);
}

static void advance(uint64_t by_ns)
{
	fake_vm_advance_ns(fake, by_ns);
	faults_tick(faults);
}

/* ---- life -------------------- */

static void every_kind_has_a_name_words_in_records_and_an_end(void **state)
{
	char words[1024] = "";

	for (unsigned i = 0; i < FAULT_KINDS; i++) {
		const struct fault_kind_row *row = &fault_kinds[i];

		assert_non_null(fault_kind_names[i]);
		assert_non_null(row->help);
		assert_true(strlen(row->help) < 96);
		assert_true(row->count > 0 || row->for_ns > 0);
		assert_true(!(row->traits & FAULT_LASTS) || row->count == 0);
		snprintf(words + strlen(words), sizeof(words) - strlen(words), "%s%s", i ? "|" : "",
			fault_kind_names[i]);
	}
	assert_string_equal(words, FAULT_KIND_WORDS);
}

static void without_a_fault_nothing_is_hit(void **state)
{
	assert_int_equal(atomic_load(&faults->active), 0);
	for (unsigned i = 0; i < FAULT_KINDS; i++)
		assert_false(hit((enum fault_kind)i));
	assert_int_equal(faults_hits(faults), 0);
}

static void a_fault_without_count_and_time_hits_as_often_as_its_kind_says(void **state)
{
	struct fault_spec spec = spec_of(FAULT_DROP_MESSAGE);
	struct fault fault = add(&spec);

	assert_int_equal(fault.spec.count, 1);
	assert_int_equal(fault.spec.for_ns, 0);
	assert_int_equal(faults_active(faults), 1);
	assert_true(hit(FAULT_DROP_MESSAGE));
	assert_false(hit(FAULT_DROP_MESSAGE));
	fault = look(fault.id);
	assert_int_equal(fault.state, FAULT_ENDED);
	assert_int_equal(fault.end, FAULT_END_COUNT);
	assert_int_equal(atomic_load(&faults->active), 0);
	assert_int_equal(faults_active(faults), 0);
}

static void a_fault_ends_when_its_time_is_over(void **state)
{
	struct fault_spec spec = spec_of(FAULT_DROP_MESSAGE);
	struct fault fault;

	spec.for_ns = NSEC_PER_SEC;
	fault = add(&spec);
	assert_int_equal(fault.spec.count, 0);
	for (unsigned i = 0; i < 10; i++)
		assert_true(hit(FAULT_DROP_MESSAGE));
	advance(NSEC_PER_SEC - 1);
	assert_true(hit(FAULT_DROP_MESSAGE));
	advance(1);
	assert_false(hit(FAULT_DROP_MESSAGE));
	fault = look(fault.id);
	assert_int_equal(fault.end, FAULT_END_TIME);
	assert_int_equal(fault.hits, 11);
	assert_int_equal(heard.count, 1);
	assert_int_equal(heard.kind, FAULT_DROP_MESSAGE);
	assert_int_equal(heard.id, fault.id);
}

/* The main loop may be late. */
static void a_fault_whose_time_is_over_hits_no_more_before_the_timer_has_run(void **state)
{
	struct fault_spec spec = spec_of(FAULT_DROP_MESSAGE);

	spec.for_ns = NSEC_PER_SEC;
	add(&spec);
	clock_manual_advance(&fake->clock, NSEC_PER_SEC);
	assert_false(hit(FAULT_DROP_MESSAGE));
}

static void both_a_count_and_a_time_whichever_comes_first(void **state)
{
	struct fault_spec spec = spec_of(FAULT_DROP_MESSAGE);
	struct fault first, second;

	spec.for_ns = NSEC_PER_SEC;
	spec.count = 1;
	first = add(&spec);
	second = add(&spec);
	assert_true(hit(FAULT_DROP_MESSAGE));
	advance(NSEC_PER_SEC);
	assert_int_equal(look(first.id).end, FAULT_END_COUNT);
	assert_int_equal(look(second.id).end, FAULT_END_TIME);
	assert_int_equal(look(second.id).hits, 0);
}

static void what_is_kept_keeps_the_fault_in_the_table(void **state)
{
	struct fault_spec spec = spec_of(FAULT_DELAY_MESSAGE);
	struct fault fault = add(&spec);

	assert_true(hit(FAULT_DELAY_MESSAGE));
	assert_false(hit(FAULT_DELAY_MESSAGE));
	assert_int_equal(look(fault.id).state, FAULT_USED_UP);
	assert_int_equal(look(fault.id).kept, 1);
	assert_int_equal(faults_active(faults), 1);
	assert_int_equal(atomic_load(&faults->active), 0);
	fault_let_go(faults, fault.id);
	assert_int_equal(look(fault.id).state, FAULT_ENDED);
	assert_int_equal(look(fault.id).end, FAULT_END_COUNT);
	assert_int_equal(heard.count, 0); /* who keeps it knows */
}

static void a_used_up_fault_that_keeps_ends_by_its_time(void **state)
{
	struct fault_spec spec = spec_of(FAULT_HOLD_MESSAGE);
	struct fault fault = add(&spec);

	assert_int_equal(fault.spec.for_ns, fault_kinds[FAULT_HOLD_MESSAGE].for_ns);
	assert_true(hit(FAULT_HOLD_MESSAGE));
	advance(fault.spec.for_ns);
	assert_int_equal(heard.id, fault.id);
	assert_int_equal(look(fault.id).end, FAULT_END_TIME);
	fault_let_go(faults, fault.id);
	assert_int_equal(look(fault.id).end, FAULT_END_TIME);
}

static void a_removed_fault_is_over_and_forgotten(void **state)
{
	struct fault_spec spec = spec_of(FAULT_HOLD_MESSAGE);
	struct fault fault = add(&spec), removed;

	assert_true(hit(FAULT_HOLD_MESSAGE));
	assert_int_equal(faults_remove(faults, fault.id, &removed), 0);
	assert_int_equal(removed.state, FAULT_ENDED);
	assert_int_equal(removed.end, FAULT_END_REMOVED);
	assert_int_equal(removed.hits, 1);
	assert_int_equal(heard.id, fault.id);
	fault_let_go(faults, fault.id);
	assert_int_equal(faults_remove(faults, fault.id, &removed), -ENOENT);
	assert_int_equal(faults_remove(faults, 0, &removed), -ENOENT);
}

static void clearing_counts_those_that_were_active(void **state)
{
	struct fault_spec spec = spec_of(FAULT_DROP_MESSAGE);

	for (unsigned i = 0; i < 3; i++)
		add(&spec);
	assert_true(hit(FAULT_DROP_MESSAGE));
	assert_int_equal(faults_clear(faults), 2);
	assert_int_equal(heard.count, 2);
	assert_int_equal(faults_clear(faults), 0);
	assert_false(hit(FAULT_DROP_MESSAGE));
}

static void a_reset_ends_all_and_remembers_them(void **state)
{
	struct fault_spec spec = spec_of(FAULT_DROP_MESSAGE);
	struct fault fault = add(&spec);

	faults_end_all(faults, FAULT_END_RESET);
	assert_int_equal(look(fault.id).end, FAULT_END_RESET);
	assert_int_equal(heard.count, 1);
	assert_false(hit(FAULT_DROP_MESSAGE));
}

static void the_table_is_bounded_and_forgets_what_ended_first(void **state)
{
	struct fault_spec spec = spec_of(FAULT_DROP_MESSAGE);
	struct fault_refusal refusal;
	struct fault fault;

	for (unsigned i = 0; i < FAULTS_MAX; i++)
		add(&spec);
	assert_int_equal(faults_add(faults, &spec, &fault, &refusal), -ENOSPC);
	assert_string_equal(refusal.field, "");
	assert_true(hit(FAULT_DROP_MESSAGE));
	advance(1);
	assert_true(hit(FAULT_DROP_MESSAGE));
	assert_int_equal(add(&spec).id, FAULTS_MAX + 1);
	assert_int_equal(look(2).state, FAULT_ENDED);
	assert_int_equal(faults_remove(faults, 1, &fault), -ENOENT);
}

/* ---- which -------------------- */

static void the_fault_that_was_added_first_hits_first(void **state)
{
	struct fault_spec spec = spec_of(FAULT_DROP_MESSAGE);
	struct fault first = add(&spec), second = add(&spec);

	assert_true(hit(FAULT_DROP_MESSAGE));
	assert_int_equal(look(first.id).hits, 1);
	assert_int_equal(look(second.id).hits, 0);
}

static void every_selector_must_fit(void **state)
{
	static const struct {
		struct fault_place place;
		bool fits;
	} rows[] = {
		{{3, FAULT_ANY, FAULT_ANY, FAULT_ANY, FAULT_ANY}, true},
		{{4, FAULT_ANY, FAULT_ANY, FAULT_ANY, FAULT_ANY}, false},
		{{FAULT_ANY, FAULT_ANY, FAULT_ANY, VMBUS_MSG_GPADL_BODY, FAULT_ANY}, true},
		{{FAULT_ANY, FAULT_ANY, FAULT_ANY, VMBUS_MSG_GPADL_HEADER, FAULT_ANY}, false},
		{{FAULT_ANY, FAULT_ANY, FAULT_ANY, FAULT_ANY, FAULT_IN}, true},
		{{FAULT_ANY, FAULT_ANY, FAULT_ANY, FAULT_ANY, FAULT_OUT}, false},
		{{3, FAULT_ANY, FAULT_ANY, VMBUS_MSG_GPADL_BODY, FAULT_IN}, true},
		{{3, FAULT_ANY, FAULT_ANY, VMBUS_MSG_GPADL_BODY, FAULT_OUT}, false},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct fault_spec spec = spec_of(FAULT_DROP_MESSAGE);

		spec.place = rows[i].place;
		add(&spec);
		assert_int_equal(hit(FAULT_DROP_MESSAGE), rows[i].fits);
		faults_clear(faults);
	}
}

static void what_makes_no_sense_is_refused_by_name(void **state)
{
	static const struct {
		struct fault_spec spec;
		const char *field;
	} rows[] = {
		{{FAULT_DROP_MESSAGE, {FAULT_ANY, 0, FAULT_ANY, FAULT_ANY, FAULT_ANY}}, "vp"},
		{{FAULT_DROP_MESSAGE, {FAULT_ANY, FAULT_ANY, 2, FAULT_ANY, FAULT_ANY}}, "sint"},
		{{FAULT_DROP_MESSAGE, {FAULT_ANYWHERE}, .delay_ns = 1}, "delay_ns"},
		{{FAULT_DROP_MESSAGE, {FAULT_ANYWHERE}, .status = 19}, "status"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct fault_refusal refusal;
		struct fault fault;

		assert_int_equal(faults_add(faults, &rows[i].spec, &fault, &refusal), -EINVAL);
		assert_string_equal(refusal.field, rows[i].field);
		assert_non_null(strstr(refusal.text, "drop_message"));
	}
	assert_int_equal(faults_active(faults), 0);
}

static void without_a_bus_no_message_can_be_lost(void **state)
{
	struct fault_spec spec = spec_of(FAULT_DROP_MESSAGE);
	struct fault_refusal refusal;
	struct fault fault;

	fake->vm.has_vmbus = false;
	assert_int_equal(faults_add(faults, &spec, &fault, &refusal), -ENODEV);
	assert_non_null(strstr(refusal.text, "VMBus"));
}

/* A monitor page needs no bus, a channel does. */
static void without_a_bus_there_is_no_channel_to_choose(void **state)
{
	struct fault_spec spec = spec_of(FAULT_SKIP_MONITOR);
	struct fault_refusal refusal;
	struct fault fault;

	fake->vm.has_vmbus = false;
	add(&spec);
	spec.place.relid = 1;
	assert_int_equal(faults_add(faults, &spec, &fault, &refusal), -EINVAL);
	assert_string_equal(refusal.field, "relid");
	assert_int_equal(faults_active(faults), 1);
}

/* ---- records -------------------- */

static void all_that_a_fault_does_is_recorded(void **state)
{
	struct fault_spec spec = spec_of(FAULT_DROP_MESSAGE);
	struct record record;

	spec.count = 2;
	add(&spec);
	record = fake_vm_last_record(fake, HV_EVENT_FAULT_ADDED);
	assert_int_equal(record.arg[0], 1);
	assert_int_equal(record.arg[1], FAULT_DROP_MESSAGE);
	assert_int_equal(record.arg[2], 1000);
	assert_int_equal(record.arg[3], 42);
	hit(FAULT_DROP_MESSAGE);
	hit(FAULT_DROP_MESSAGE);
	assert_int_equal(fake_vm_recorded(fake, HV_EVENT_FAULT_HIT), 2);
	record = fake_vm_last_record(fake, HV_EVENT_FAULT_HIT);
	assert_int_equal(record.arg[2], 2);
	assert_int_equal(record.arg[3], gpadl_body.relid);
	assert_int_equal(record.arg[4], gpadl_body.message);
	record = fake_vm_last_record(fake, HV_EVENT_FAULT_ENDED);
	assert_int_equal(record.arg[2], 2);
	assert_int_equal(record.arg[3], FAULT_END_COUNT);
}

/* ---- threads -------------------- */

enum { THREADS = 3, ROUNDS = 2000 };

static _Atomic bool done;
static _Atomic unsigned taken;

static void *hit_until_done(void *arg)
{
	struct fault_effect effect;

	while (!atomic_load(&done)) {
		if (fault_hit(faults, FAULT_DELAY_MESSAGE, &gpadl_body, &effect)) {
			atomic_fetch_add(&taken, 1);
			fault_let_go(faults, effect.id);
		}
	}
	return NULL;
}

/* A count is never exceeded, and none is left over, whoever hits. */
static void threads_hit_while_faults_come_and_go(void **state)
{
	struct fault_spec spec = spec_of(FAULT_DELAY_MESSAGE);
	pthread_t threads[THREADS];
	struct fault fault;

	atomic_store(&done, false);
	atomic_store(&taken, 0);
	spec.count = 2;
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hit_until_done, NULL), 0);
	for (unsigned i = 0; i < ROUNDS; i++) {
		fault = add(&spec);
		assert_int_equal(faults_remove(faults, fault.id, &fault), 0);
		assert_true(fault.hits <= spec.count);
	}
	fault = add(&spec);
	while (faults_active(faults) > 0)
		sched_yield();
	atomic_store(&done, true);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(look(fault.id).hits, 2);
	assert_int_equal(look(fault.id).kept, 0);
	assert_int_equal(faults_hits(faults), atomic_load(&taken));
}

#define FAULT_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_has_a_name_words_in_records_and_an_end),
		FAULT_TEST(without_a_fault_nothing_is_hit),
		FAULT_TEST(a_fault_without_count_and_time_hits_as_often_as_its_kind_says),
		FAULT_TEST(a_fault_ends_when_its_time_is_over),
		FAULT_TEST(a_fault_whose_time_is_over_hits_no_more_before_the_timer_has_run),
		FAULT_TEST(both_a_count_and_a_time_whichever_comes_first),
		FAULT_TEST(what_is_kept_keeps_the_fault_in_the_table),
		FAULT_TEST(a_used_up_fault_that_keeps_ends_by_its_time),
		FAULT_TEST(a_removed_fault_is_over_and_forgotten),
		FAULT_TEST(clearing_counts_those_that_were_active),
		FAULT_TEST(a_reset_ends_all_and_remembers_them),
		FAULT_TEST(the_table_is_bounded_and_forgets_what_ended_first),
		FAULT_TEST(the_fault_that_was_added_first_hits_first),
		FAULT_TEST(every_selector_must_fit),
		FAULT_TEST(what_makes_no_sense_is_refused_by_name),
		FAULT_TEST(without_a_bus_no_message_can_be_lost),
		FAULT_TEST(without_a_bus_there_is_no_channel_to_choose),
		FAULT_TEST(all_that_a_fault_does_is_recorded),
		FAULT_TEST(threads_hit_while_faults_come_and_go),
	};

	return cmocka_run_group_tests_name("fault", tests, NULL, NULL);
}
