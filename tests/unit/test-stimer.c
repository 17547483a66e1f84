/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Synthetic timers: every row of spec 7.2 and 7.3, through the registers and with real slots. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "fake_vm.h"
#include "hvdef/hv_msr.h"
#include "vmm/event.h"
#include "vmm/synic_info.h"

enum { SINT = 4, VECTOR = FAKE_VECTOR + SINT, DIRECT_VECTOR = 0xed, MS = 10000 /* in 100 ns */ };

#define TO_SINT   ((uint64_t)SINT << HV_STIMER_SINT_SHIFT)
#define TO_VECTOR (HV_STIMER_DIRECT | ((uint64_t)DIRECT_VECTOR << HV_STIMER_VECTOR_SHIFT))
#define CONFIG(n) (HV_MSR_STIMER0_CONFIG + 2 * (n))
#define COUNT(n)  (HV_MSR_STIMER0_COUNT + 2 * (n))

static struct fake_vm *fake;
static struct synic *synic;

static int setup(void **state)
{
	fake = fake_vm_new(1, 0);
	synic = fake_vm_synic(fake, 0);
	fake_vm_enable(fake, 0);
	fake_vm_advance_ns(fake, 100 * NSEC_PER_MSEC); /* the reference time is not 0 */
	return 0;
}

static int teardown(void **state)
{
	fake_vm_free(fake);
	return 0;
}

static uint64_t read_msr(uint32_t index)
{
	uint64_t value;

	assert_int_equal(synic_msr_read(synic, index, &value), HV_FAULT_NONE);
	return value;
}

static void write_msr(uint32_t index, uint64_t value)
{
	assert_int_equal(synic_msr_write(synic, index, value), HV_FAULT_NONE);
}

static uint64_t now(void)
{
	return reftime_now_100ns(&fake->vm.reftime);
}

static void advance(uint64_t by_100ns)
{
	fake_vm_advance_ns(fake, by_100ns * 100);
}

static struct hv_message *slot(void)
{
	return fake_vm_slot(fake, 0, SINT);
}

/* The timer message in the slot, which is then consumed. */
static struct hv_timer_message_payload take_message(void)
{
	struct hv_timer_message_payload payload;

	assert_int_equal(slot()->header.type, HV_MESSAGE_TYPE_TIMER_EXPIRED);
	assert_int_equal(slot()->header.payload_size, sizeof(payload));
	assert_int_equal(slot()->header.sender, 0);
	memcpy(&payload, slot()->payload, sizeof(payload));
	fake_vm_consume(fake, 0, SINT);
	return payload;
}

static bool slot_is_empty(void)
{
	return slot()->header.type == 0;
}

static void start(unsigned n, uint64_t config, uint64_t count)
{
	write_msr(CONFIG(n), config);
	write_msr(COUNT(n), count);
}

/* ---- registers --------------------------------------------------------- */

static void config_writes_are_stored_adjusted_or_fault(void **state)
{
	static const struct {
		uint64_t value;
		enum hv_fault fault;
		uint64_t read_back;
	} rows[] = {
		{TO_SINT | HV_STIMER_ENABLE, HV_FAULT_NONE, TO_SINT | HV_STIMER_ENABLE},
		{BIT64(13), HV_FAULT_GP, TO_SINT | HV_STIMER_ENABLE},
		{BIT64(15), HV_FAULT_GP, TO_SINT | HV_STIMER_ENABLE},
		{BIT64(20), HV_FAULT_GP, TO_SINT | HV_STIMER_ENABLE},
		{BIT64(63), HV_FAULT_GP, TO_SINT | HV_STIMER_ENABLE},
		/* SINT 0 in message mode: enable is forced to 0, whatever it was before. */
		{HV_STIMER_ENABLE, HV_FAULT_NONE, 0},
		{HV_STIMER_ENABLE | HV_STIMER_PERIODIC, HV_FAULT_NONE, HV_STIMER_PERIODIC},
		{TO_VECTOR | HV_STIMER_ENABLE, HV_FAULT_NONE, TO_VECTOR | HV_STIMER_ENABLE},
		{HV_STIMER_DIRECT | 15 << HV_STIMER_VECTOR_SHIFT, HV_FAULT_GP,
			TO_VECTOR | HV_STIMER_ENABLE},
		{HV_STIMER_DIRECT | 16 << HV_STIMER_VECTOR_SHIFT, HV_FAULT_NONE,
			HV_STIMER_DIRECT | 16 << HV_STIMER_VECTOR_SHIFT},
		{0, HV_FAULT_NONE, 0},
	};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(synic_msr_write(synic, CONFIG(0), rows[i].value), rows[i].fault);
		assert_int_equal(read_msr(CONFIG(0)), rows[i].read_back);
	}
}

static void a_count_write_enables_or_disables(void **state)
{
	static const struct {
		uint64_t config, count, config_after;
	} rows[] = {
		{TO_SINT, UINT64_MAX, TO_SINT},
		{TO_SINT | HV_STIMER_AUTO_ENABLE, UINT64_MAX,
			TO_SINT | HV_STIMER_AUTO_ENABLE | HV_STIMER_ENABLE},
		{TO_SINT | HV_STIMER_AUTO_ENABLE, 0, TO_SINT | HV_STIMER_AUTO_ENABLE},
		{TO_SINT | HV_STIMER_ENABLE, 0, TO_SINT},
		{TO_SINT | HV_STIMER_ENABLE | HV_STIMER_AUTO_ENABLE, 0,
			TO_SINT | HV_STIMER_AUTO_ENABLE},
		/* Auto-enable cannot make a timer for SINT 0. */
		{HV_STIMER_AUTO_ENABLE, UINT64_MAX, HV_STIMER_AUTO_ENABLE},
	};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		start(1, rows[i].config, rows[i].count);
		assert_int_equal(read_msr(CONFIG(1)), rows[i].config_after);
		assert_int_equal(read_msr(COUNT(1)), rows[i].count);
		assert_int_equal(synic->stimer[1].armed,
			(rows[i].config_after & HV_STIMER_ENABLE) && rows[i].count != 0);
	}
}

/* ---- one-shot ---------------------------------------------------------- */

static void a_one_shot_sends_one_message_at_its_time_and_is_disabled(void **state)
{
	uint64_t due = now() + 5 * MS;
	struct hv_timer_message_payload payload;

	start(2, TO_SINT | HV_STIMER_AUTO_ENABLE, due);
	advance(5 * MS - 1);
	assert_true(slot_is_empty());
	advance(1 + 30);
	payload = take_message();
	assert_int_equal(payload.timer_index, 2);
	assert_int_equal(payload.expiration_time, due);
	assert_int_equal(payload.delivery_time, due + 30);
	assert_false(read_msr(CONFIG(2)) & HV_STIMER_ENABLE);
	assert_int_equal(fake_vm_asserted(fake, 0, VECTOR), 1);
	advance(100 * MS);
	assert_true(slot_is_empty());
	assert_int_equal(fake_vm_recorded(fake, HV_EVENT_STIMER_EXPIRED), 1);
	assert_int_equal(fake_vm_recorded(fake, HV_EVENT_STIMER_DELIVERED), 1);
}

static void a_one_shot_in_the_past_fires_at_once(void **state)
{
	uint64_t past = now() - MS;

	start(0, TO_SINT | HV_STIMER_AUTO_ENABLE, past);
	assert_int_equal(take_message().expiration_time, past);
}

static void a_one_shot_at_the_end_of_time_never_fires(void **state)
{
	start(0, TO_SINT | HV_STIMER_AUTO_ENABLE, UINT64_MAX);
	advance(1000 * MS);
	assert_true(slot_is_empty());
	assert_true(synic->stimer[0].armed);
}

static void a_config_write_cancels_what_waits_and_arms_again(void **state)
{
	slot()->header.type = 1; /* busy */
	start(0, TO_SINT | HV_STIMER_AUTO_ENABLE, now());
	assert_true(synic->stimer[0].waiting);
	write_msr(CONFIG(0), TO_SINT);
	assert_false(synic->stimer[0].waiting);
	fake_vm_consume(fake, 0, SINT);
	fake_vm_advance_ns(fake, 5 * NSEC_PER_MSEC);
	assert_true(slot_is_empty());
	write_msr(CONFIG(0), TO_SINT | HV_STIMER_ENABLE); /* COUNT has passed */
	take_message();
}

static void a_count_write_cancels_what_waits_and_arms_again(void **state)
{
	slot()->header.type = 1;
	start(0, TO_SINT | HV_STIMER_AUTO_ENABLE, now());
	write_msr(COUNT(0), now() + 3 * MS);
	fake_vm_consume(fake, 0, SINT);
	assert_true(slot_is_empty());
	advance(3 * MS);
	take_message();
}

static void a_one_shot_waits_for_a_busy_slot_with_the_pending_flag(void **state)
{
	slot()->header.type = 1;
	start(0, TO_SINT | HV_STIMER_AUTO_ENABLE, now());
	assert_int_equal(slot()->header.flags, HV_MESSAGE_FLAG_PENDING);
	assert_true(read_msr(CONFIG(0)) & HV_STIMER_ENABLE); /* until it is delivered */
	fake_vm_consume(fake, 0, SINT);
	take_message();
	assert_false(read_msr(CONFIG(0)) & HV_STIMER_ENABLE);
}

static void a_timer_finds_a_slot_that_was_freed_without_eom(void **state)
{
	slot()->header.type = 1;
	start(0, TO_SINT | HV_STIMER_AUTO_ENABLE, now());
	slot()->header.type = 0;
	fake_vm_advance_ns(fake, NSEC_PER_MSEC);
	take_message();
}

/* ---- periodic ---------------------------------------------------------- */

static const uint64_t periodic = TO_SINT | HV_STIMER_AUTO_ENABLE | HV_STIMER_PERIODIC;

static void a_periodic_timer_keeps_its_phase(void **state)
{
	uint64_t start_100ns = now();

	start(0, periodic, 4 * MS);
	for (unsigned i = 1; i <= 3; i++) {
		advance(4 * MS);
		assert_int_equal(take_message().expiration_time, start_100ns + i * 4 * MS);
	}
	advance(5 * MS); /* late by one */
	assert_int_equal(take_message().expiration_time, start_100ns + 16 * MS);
	advance(3 * MS); /* in phase again */
	assert_int_equal(take_message().expiration_time, start_100ns + 20 * MS);
	assert_true(read_msr(CONFIG(0)) & HV_STIMER_ENABLE);
}

static void late_periods_collapse_into_one_message(void **state)
{
	uint64_t start_100ns = now();

	start(0, periodic, 4 * MS);
	advance(4 * MS * 5 + MS);
	assert_int_equal(take_message().expiration_time, start_100ns + 4 * MS);
	assert_true(slot_is_empty());
	assert_int_equal(synic->stimer[0].dropped, 4);
	advance(3 * MS);
	assert_int_equal(take_message().expiration_time, start_100ns + 24 * MS);
}

static void a_busy_slot_collapses_ticks_into_one_that_waits(void **state)
{
	uint64_t start_100ns = now();

	slot()->header.type = 1;
	start(0, periodic, 4 * MS);
	for (unsigned i = 0; i < 3; i++)
		advance(4 * MS);
	fake_vm_consume(fake, 0, SINT);
	assert_int_equal(take_message().expiration_time, start_100ns + 4 * MS);
	assert_true(slot_is_empty());
	assert_int_equal(synic->stimer[0].dropped, 2);
}

static void a_lazy_tick_that_finds_its_slot_busy_is_dropped(void **state)
{
	slot()->header.type = 1;
	start(0, periodic | HV_STIMER_LAZY, 4 * MS);
	advance(4 * MS);
	assert_int_equal(slot()->header.flags, 0);
	assert_false(synic->stimer[0].waiting);
	fake_vm_consume(fake, 0, SINT);
	assert_true(slot_is_empty());
	advance(4 * MS);
	take_message();
}

static void a_lazy_one_shot_is_not_dropped(void **state)
{
	slot()->header.type = 1;
	start(0, TO_SINT | HV_STIMER_AUTO_ENABLE | HV_STIMER_LAZY, now());
	fake_vm_consume(fake, 0, SINT);
	take_message();
}

/* A guest asking for a tick every 100 ns gets one every 100 us, in phase. */
static void periods_below_the_minimum_are_collapsed(void **state)
{
	uint64_t first = now(), last;

	start(0, periodic, 1);
	advance(1);
	last = take_message().expiration_time;
	assert_int_equal(last, first + 1);
	advance(STIMER_MIN_PERIOD_100NS - 1);
	assert_true(slot_is_empty());
	advance(1);
	assert_int_equal(take_message().expiration_time, last + STIMER_MIN_PERIOD_100NS);
}

static void a_period_at_the_end_of_the_scale_does_not_wrap(void **state)
{
	static const uint64_t counts[] = {UINT64_MAX, UINT64_MAX / 2 + 1, INT64_MAX};

	for (unsigned i = 0; i < ARRAY_LEN(counts); i++) {
		start(0, periodic, counts[i]);
		assert_true(synic->stimer[0].due_100ns >= counts[i]);
		advance(100 * MS);
		assert_true(slot_is_empty());
	}
}

/* ---- gates ----------------------------------------------------------------- */

static void a_masked_sint_gets_its_message_once_and_the_interrupt_later(void **state)
{
	write_msr(HV_MSR_SINT0 + SINT, HV_SINT_MASKED | VECTOR);
	start(0, TO_SINT | HV_STIMER_AUTO_ENABLE, now());
	assert_false(slot_is_empty());
	assert_int_equal(fake_vm_asserted_in_all(fake), 0);
	write_msr(HV_MSR_SINT0 + SINT, VECTOR);
	assert_int_equal(fake_vm_asserted(fake, 0, VECTOR), 1);
	take_message();
	write_msr(HV_MSR_EOM, 0);
	assert_true(slot_is_empty());
	assert_int_equal(synic->stimer[0].delivered, 1);
}

static void timer_messages_wait_for_scontrol(void **state)
{
	write_msr(HV_MSR_SCONTROL, 0);
	start(0, TO_SINT | HV_STIMER_AUTO_ENABLE, now());
	assert_true(slot_is_empty());
	assert_int_equal(synic->retry_ns, 0); /* nothing to retry: the write will scan */
	write_msr(HV_MSR_SCONTROL, 1);
	take_message();
}

static void timer_messages_wait_for_the_page(void **state)
{
	write_msr(HV_MSR_SIMP, 0);
	start(0, TO_SINT | HV_STIMER_AUTO_ENABLE, now());
	assert_true(synic->stimer[0].waiting);
	write_msr(HV_MSR_SIMP, FAKE_SIMP_GPA | 1);
	take_message();
}

static void direct_mode_asserts_its_vector_without_synic(void **state)
{
	synic_reset(synic);
	start(3, TO_VECTOR | HV_STIMER_AUTO_ENABLE, now() + MS);
	advance(MS);
	assert_int_equal(fake_vm_asserted(fake, 0, DIRECT_VECTOR), 1);
	assert_false(fake->vectors[0].auto_eoi);
	assert_false(read_msr(CONFIG(3)) & HV_STIMER_ENABLE);
	assert_false(synic->stimer[3].waiting);
}

static void direct_mode_ticks_periodically(void **state)
{
	start(3, TO_VECTOR | HV_STIMER_AUTO_ENABLE | HV_STIMER_PERIODIC, MS);
	for (unsigned i = 1; i <= 4; i++) {
		advance(MS);
		assert_int_equal(fake_vm_asserted(fake, 0, DIRECT_VECTOR), i);
	}
}

/* ---- fairness -------------------------------------------------------------- */

static void forget(struct synic_entry *entry, int status)
{
}

static void timers_and_queued_messages_take_turns(void **state)
{
	static const uint32_t order[] = {
		1, HV_MESSAGE_TYPE_TIMER_EXPIRED, 2, HV_MESSAGE_TYPE_TIMER_EXPIRED, 3, 4};
	struct synic_entry entries[4] = {0};

	for (unsigned i = 0; i < ARRAY_LEN(entries); i++) {
		entries[i].done = forget;
		entries[i].message.header.type = i + 1;
		assert_int_equal(synic_post(synic, SINT, &entries[i]), 0);
		if (i < 2)
			start(i, TO_SINT | HV_STIMER_AUTO_ENABLE, now());
	}
	for (unsigned i = 0; i < ARRAY_LEN(order); i++) {
		bool last = i == ARRAY_LEN(order) - 1;

		assert_int_equal(slot()->header.type, order[i]);
		assert_int_equal(slot()->header.flags, last ? 0 : HV_MESSAGE_FLAG_PENDING);
		fake_vm_consume(fake, 0, SINT);
	}
}

static void of_several_timers_the_earliest_goes_first(void **state)
{
	uint64_t base = now();

	slot()->header.type = 1;
	start(0, TO_SINT | HV_STIMER_AUTO_ENABLE, base - 1);
	start(1, TO_SINT | HV_STIMER_AUTO_ENABLE, base - 3);
	start(2, TO_SINT | HV_STIMER_AUTO_ENABLE, base - 2);
	fake_vm_consume(fake, 0, SINT);
	assert_int_equal(take_message().timer_index, 1);
	assert_int_equal(take_message().timer_index, 2);
	assert_int_equal(take_message().timer_index, 0);
}

static void reset_stops_timers(void **state)
{
	start(0, periodic, MS);
	synic_reset(synic);
	assert_int_equal(read_msr(CONFIG(0)), 0);
	assert_int_equal(read_msr(COUNT(0)), 0);
	fake_vm_enable(fake, 0);
	advance(10 * MS);
	assert_true(slot_is_empty());
}

static void a_stopped_vm_stays_as_it_was(void **state)
{
	start(0, periodic, MS);
	atomic_store(&fake->vm.state, VM_STOPPED);
	advance(10 * MS);
	assert_true(slot_is_empty());
	assert_int_equal(synic->stimer[0].expirations, 0);
	/* Booted again, it has timers again. */
	synic_reset(synic);
	fake_vm_enable(fake, 0);
	atomic_store(&fake->vm.state, VM_RUNNING);
	start(0, periodic, MS);
	assert_int_equal(synic->armed_ns, clock_now_ns(fake->vm.clock) + NSEC_PER_MSEC);
}

static void the_loop_timer_stands_at_the_earliest_deadline(void **state)
{
	uint64_t now_ns = clock_now_ns(fake->vm.clock);

	start(0, TO_SINT | HV_STIMER_AUTO_ENABLE, now() + 5 * MS);
	assert_int_equal(synic->armed_ns, now_ns + 5 * NSEC_PER_MSEC);
	start(1, TO_SINT | HV_STIMER_AUTO_ENABLE, now() + 2 * MS);
	assert_int_equal(synic->armed_ns, now_ns + 2 * NSEC_PER_MSEC);
	start(2, TO_SINT | HV_STIMER_AUTO_ENABLE, now() + 9 * MS);
	assert_int_equal(synic->armed_ns, now_ns + 2 * NSEC_PER_MSEC);
	advance(2 * MS);
	assert_int_equal(synic->armed_ns, now_ns + 5 * NSEC_PER_MSEC);
}

static void a_timer_that_is_ages_away_is_not_shown_as_overdue(void **state)
{
	const uint64_t key[] = {0, 0, 0};
	struct stimer_info info;

	start(0, TO_SINT | HV_STIMER_AUTO_ENABLE, BIT64(63));
	assert_int_equal(stimer_node_class.get(&fake->vm, key, &info), 0);
	assert_true(info.armed);
	assert_true(info.due_in_ns > INT64_MAX);
	fake_vm_advance_ns(fake, NSEC_PER_SEC);
	assert_true(slot_is_empty());
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(config_writes_are_stored_adjusted_or_fault),
		TEST(a_count_write_enables_or_disables),
		TEST(a_one_shot_sends_one_message_at_its_time_and_is_disabled),
		TEST(a_one_shot_in_the_past_fires_at_once),
		TEST(a_one_shot_at_the_end_of_time_never_fires),
		TEST(a_config_write_cancels_what_waits_and_arms_again),
		TEST(a_count_write_cancels_what_waits_and_arms_again),
		TEST(a_one_shot_waits_for_a_busy_slot_with_the_pending_flag),
		TEST(a_timer_finds_a_slot_that_was_freed_without_eom),
		TEST(a_periodic_timer_keeps_its_phase),
		TEST(late_periods_collapse_into_one_message),
		TEST(a_busy_slot_collapses_ticks_into_one_that_waits),
		TEST(a_lazy_tick_that_finds_its_slot_busy_is_dropped),
		TEST(a_lazy_one_shot_is_not_dropped),
		TEST(periods_below_the_minimum_are_collapsed),
		TEST(a_period_at_the_end_of_the_scale_does_not_wrap),
		TEST(a_masked_sint_gets_its_message_once_and_the_interrupt_later),
		TEST(timer_messages_wait_for_scontrol),
		TEST(timer_messages_wait_for_the_page),
		TEST(direct_mode_asserts_its_vector_without_synic),
		TEST(direct_mode_ticks_periodically),
		TEST(timers_and_queued_messages_take_turns),
		TEST(of_several_timers_the_earliest_goes_first),
		TEST(reset_stops_timers),
		TEST(a_stopped_vm_stays_as_it_was),
		TEST(the_loop_timer_stands_at_the_earliest_deadline),
		TEST(a_timer_that_is_ages_away_is_not_shown_as_overdue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
