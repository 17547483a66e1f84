/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The SynIC of one VP: registers, message slots, event flags, owed interrupts, reset. */
#include <errno.h>
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

enum { SINT = 2, VECTOR = FAKE_VECTOR + SINT, ENTRIES = 32, STATUS_NONE = 1 };

struct post {
	struct synic_entry entry;
	int status; /* STATUS_NONE until done ran */
	unsigned done_count;
};

static struct fake_vm *fake;
static struct synic *synic;
static struct post posts[ENTRIES];

static void on_done(struct synic_entry *entry, int status)
{
	struct post *post = container_of(entry, struct post, entry);

	post->status = status;
	post->done_count++;
}

static int setup(void **state)
{
	fake = fake_vm_new(2, 0);
	synic = fake_vm_synic(fake, 0);
	fake_vm_enable(fake, 0);
	memset(posts, 0, sizeof(posts));
	for (unsigned i = 0; i < ENTRIES; i++) {
		posts[i].entry.done = on_done;
		posts[i].status = STATUS_NONE;
		posts[i].entry.message.header.type = i + 1;
		posts[i].entry.message.header.payload_size = 8;
		memset(posts[i].entry.message.payload, 0xe0, HV_MESSAGE_PAYLOAD_MAX);
		posts[i].entry.message.payload[0] = (uint8_t)i;
	}
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

static int post(unsigned i)
{
	return synic_post(synic, SINT, &posts[i].entry);
}

static struct hv_message *slot(void)
{
	return fake_vm_slot(fake, 0, SINT);
}

static void free_slot_silently(void)
{
	__atomic_store_n(&slot()->header.type, 0, __ATOMIC_SEQ_CST);
}

static struct sint_info info(void)
{
	const uint64_t key[] = {0, SINT, 0};
	struct sint_info info;

	assert_int_equal(sint_node_class.get(&fake->vm, key, &info), 0);
	return info;
}

/* ---- registers --------------------------------------------------------- */

static void registers_start_at_their_reset_values(void **state)
{
	static const struct {
		uint32_t index;
		uint64_t value;
	} rows[] = {
		{HV_MSR_SCONTROL, 0},
		{HV_MSR_SVERSION, 1},
		{HV_MSR_SIEFP, 0},
		{HV_MSR_SIMP, 0},
		{HV_MSR_EOM, 0},
		{HV_MSR_SINT0, 0x10000},
		{HV_MSR_SINT15, 0x10000},
		{HV_MSR_STIMER0_CONFIG, 0},
		{HV_MSR_STIMER3_COUNT, 0},
	};

	synic = fake_vm_synic(fake, 1);
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(read_msr(rows[i].index), rows[i].value);
}

static void a_write_is_stored_or_faults(void **state)
{
	static const struct {
		uint32_t index;
		uint64_t value;
		enum hv_fault fault;
		uint64_t read_back;
	} rows[] = {
		{HV_MSR_SCONTROL, ~UINT64_C(0), HV_FAULT_NONE, ~UINT64_C(0)},
		{HV_MSR_SVERSION, 1, HV_FAULT_GP, 1},
		{HV_MSR_SIMP, 0x10ffe, HV_FAULT_NONE, 0x10ffe}, /* reserved bits are kept */
		{HV_MSR_SIMP, 0x11fff, HV_FAULT_NONE, 0x11fff},
		{HV_MSR_SIMP, 1, HV_FAULT_NONE, 1}, /* GPA 0 */
		{HV_MSR_SIMP, FAKE_MEMORY_BYTES | 1, HV_FAULT_GP, 1},
		{HV_MSR_SIMP, ~UINT64_C(0), HV_FAULT_GP, 1},
		{HV_MSR_SIMP, FAKE_MEMORY_BYTES, HV_FAULT_NONE, FAKE_MEMORY_BYTES}, /* disabled */
		{HV_MSR_SIEFP, FAKE_MEMORY_BYTES - 0xfff, HV_FAULT_NONE, FAKE_MEMORY_BYTES - 0xfff},
		{HV_MSR_SIEFP, FAKE_MEMORY_BYTES | 1, HV_FAULT_GP, FAKE_MEMORY_BYTES - 0xfff},
		{HV_MSR_EOM, ~UINT64_C(0), HV_FAULT_NONE, 0},
		{HV_MSR_SINT0, 15, HV_FAULT_GP, FAKE_VECTOR},
		{HV_MSR_SINT0, 16, HV_FAULT_NONE, 16},
		{HV_MSR_SINT0, HV_SINT_MASKED | 15, HV_FAULT_NONE, HV_SINT_MASKED | 15},
		{HV_MSR_SINT15, HV_SINT_AUTO_EOI | HV_SINT_POLLING | 3, HV_FAULT_GP,
			FAKE_VECTOR + 15},
		{HV_MSR_SINT15, ~UINT64_C(0), HV_FAULT_NONE, ~UINT64_C(0)},
	};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(
			synic_msr_write(synic, rows[i].index, rows[i].value), rows[i].fault);
		assert_int_equal(read_msr(rows[i].index), rows[i].read_back);
	}
}

static void an_index_that_is_no_register_faults(void **state)
{
	static const uint32_t rows[] = {HV_MSR_SCONTROL - 1, HV_MSR_EOM + 1, HV_MSR_SINT0 - 1,
		HV_MSR_SINT15 + 1, HV_MSR_STIMER0_CONFIG - 1, HV_MSR_STIMER3_COUNT + 1};
	uint64_t value;

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(synic_msr_read(synic, rows[i], &value), HV_FAULT_GP);
		assert_int_equal(synic_msr_write(synic, rows[i], 0), HV_FAULT_GP);
	}
}

/* ---- delivery ---------------------------------------------------------- */

static void a_message_goes_into_the_empty_slot_and_interrupts(void **state)
{
	assert_int_equal(post(0), 0);
	assert_int_equal(posts[0].status, 0);
	assert_int_equal(slot()->header.type, 1);
	assert_int_equal(slot()->header.payload_size, 8);
	assert_int_equal(slot()->header.flags, 0);
	assert_int_equal(fake_vm_asserted(fake, 0, VECTOR), 1);
	assert_int_equal(fake_vm_recorded(fake, HV_EVENT_MESSAGE_DELIVERED), 1);
	assert_int_equal(fake_vm_recorded(fake, HV_EVENT_SINT_ASSERT), 1);
}

static void bytes_behind_the_payload_are_zeroed(void **state)
{
	memset(slot(), 0xff, sizeof(*slot()));
	free_slot_silently();
	assert_int_equal(post(0), 0);
	assert_int_equal(slot()->header.reserved, 0);
	assert_int_equal(slot()->payload[7], 0xe0);
	for (unsigned i = 8; i < HV_MESSAGE_PAYLOAD_MAX; i++)
		assert_int_equal(slot()->payload[i], 0);
}

static void a_post_out_of_range_is_refused(void **state)
{
	posts[0].entry.message.header.type = 0;
	assert_int_equal(synic_post(synic, SINT, &posts[0].entry), -EINVAL);
	posts[1].entry.message.header.payload_size = HV_MESSAGE_PAYLOAD_MAX + 1;
	assert_int_equal(synic_post(synic, SINT, &posts[1].entry), -EINVAL);
	assert_int_equal(synic_post(synic, HV_SINT_COUNT, &posts[2].entry), -EINVAL);
	posts[3].entry.message.header.payload_size = HV_MESSAGE_PAYLOAD_MAX;
	assert_int_equal(synic_post(synic, HV_SINT_COUNT - 1, &posts[3].entry), 0);
	assert_int_equal(posts[3].status, 0);
}

static void a_busy_slot_gets_the_pending_flag_and_keeps_its_message(void **state)
{
	assert_int_equal(post(0), 0);
	assert_int_equal(post(1), 0);
	assert_int_equal(slot()->header.type, 1);
	assert_int_equal(slot()->header.flags, HV_MESSAGE_FLAG_PENDING);
	assert_int_equal(posts[1].status, STATUS_NONE);
	assert_int_equal(info().queue_depth, 1);
	assert_int_equal(fake_vm_recorded(fake, HV_EVENT_MESSAGE_BUSY), 1);
}

static void eom_with_a_queued_message_refills_the_slot(void **state)
{
	assert_int_equal(post(0), 0);
	assert_int_equal(post(1), 0);
	free_slot_silently();
	write_msr(HV_MSR_EOM, 0x1234);
	assert_int_equal(slot()->header.type, 2);
	assert_int_equal(slot()->header.flags, 0);
	assert_int_equal(posts[1].status, 0);
	assert_int_equal(fake_vm_asserted(fake, 0, VECTOR), 2);
}

static void eom_with_the_slot_still_full_changes_nothing(void **state)
{
	assert_int_equal(post(0), 0);
	assert_int_equal(post(1), 0);
	write_msr(HV_MSR_EOM, 0);
	assert_int_equal(slot()->header.type, 1);
	assert_int_equal(posts[1].status, STATUS_NONE);
}

static void eom_with_nothing_queued_does_nothing(void **state)
{
	write_msr(HV_MSR_EOM, 0);
	assert_int_equal(fake_vm_asserted_in_all(fake), 0);
	assert_int_equal(slot()->header.type, 0);
	assert_int_equal(fake_vm_recorded(fake, HV_EVENT_EOM), 1);
}

static void eom_acknowledges_every_sint(void **state)
{
	for (unsigned n = 0; n < HV_SINT_COUNT; n++) {
		assert_int_equal(synic_post(synic, n, &posts[2 * n].entry), 0);
		assert_int_equal(synic_post(synic, n, &posts[2 * n + 1].entry), 0);
		__atomic_store_n(&fake_vm_slot(fake, 0, n)->header.type, 0, __ATOMIC_SEQ_CST);
	}
	write_msr(HV_MSR_EOM, 0);
	for (unsigned n = 0; n < HV_SINT_COUNT; n++)
		assert_int_equal(fake_vm_slot(fake, 0, n)->header.type, 2 * n + 2);
}

static void the_pending_flag_is_set_at_once_when_more_is_queued_behind(void **state)
{
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(post(i), 0);
	free_slot_silently();
	write_msr(HV_MSR_EOM, 0);
	assert_int_equal(slot()->header.type, 2);
	assert_int_equal(slot()->header.flags, HV_MESSAGE_FLAG_PENDING);
}

static void messages_arrive_in_order_of_posting(void **state)
{
	for (unsigned i = 0; i < HV_MESSAGE_QUEUE_MAX; i++)
		assert_int_equal(post(i), 0);
	for (unsigned i = 0; i < HV_MESSAGE_QUEUE_MAX; i++) {
		assert_int_equal(slot()->header.type, i + 1);
		assert_int_equal(posts[i].done_count, 1);
		fake_vm_consume(fake, 0, SINT);
	}
	assert_int_equal(slot()->header.type, 0);
}

static void a_full_fifo_refuses_and_takes_again_when_there_is_room(void **state)
{
	unsigned queued = 1 + HV_MESSAGE_QUEUE_MAX; /* one is in the slot */

	for (unsigned i = 0; i < queued; i++)
		assert_int_equal(post(i), 0);
	assert_int_equal(post(queued), -EAGAIN);
	assert_int_equal(posts[queued].done_count, 0);
	fake_vm_consume(fake, 0, SINT);
	assert_int_equal(post(queued), 0);
	assert_int_equal(info().queue_depth, HV_MESSAGE_QUEUE_MAX);
}

static void a_slot_freed_without_eom_is_found_after_a_millisecond(void **state)
{
	assert_int_equal(post(0), 0);
	assert_int_equal(post(1), 0);
	free_slot_silently();
	fake_vm_advance_ns(fake, NSEC_PER_MSEC - 1);
	assert_int_equal(slot()->header.type, 0);
	fake_vm_advance_ns(fake, 1);
	assert_int_equal(slot()->header.type, 2);
	assert_int_equal(info().retries, 1);
}

static void the_retry_is_armed_only_while_something_waits(void **state)
{
	assert_int_equal(post(0), 0);
	assert_int_equal(synic->retry_ns, 0);
	assert_int_equal(post(1), 0);
	assert_int_not_equal(synic->retry_ns, 0);
	fake_vm_consume(fake, 0, SINT);
	assert_int_equal(synic->retry_ns, 0);
	fake_vm_advance_ns(fake, 10 * NSEC_PER_MSEC);
	assert_int_equal(info().retries, 0);
}

static void a_full_slot_is_retried_again_and_again(void **state)
{
	assert_int_equal(post(0), 0);
	assert_int_equal(post(1), 0);
	for (unsigned i = 0; i < 5; i++)
		fake_vm_advance_ns(fake, NSEC_PER_MSEC);
	assert_int_equal(info().retries, 5);
	assert_int_equal(info().busy, 1);
	fake_vm_consume(fake, 0, SINT);
	assert_int_equal(posts[1].done_count, 1);
}

/* A guest may fill the slot itself, with anything. */
static void a_slot_filled_by_the_guest_is_busy(void **state)
{
	memset(slot(), 0xff, sizeof(*slot()));
	assert_int_equal(post(0), 0);
	assert_int_equal(slot()->header.type, UINT32_MAX);
	assert_int_equal(posts[0].done_count, 0);
	assert_true(info().slot.busy);
	assert_int_equal(info().slot.payload_size, 0xff);
	fake_vm_consume(fake, 0, SINT);
	assert_int_equal(slot()->header.type, 1);
}

static void sints_do_not_disturb_each_other(void **state)
{
	assert_int_equal(post(0), 0);
	assert_int_equal(post(1), 0);
	assert_int_equal(synic_post(synic, SINT + 1, &posts[2].entry), 0);
	assert_int_equal(posts[2].status, 0);
	assert_int_equal(fake_vm_slot(fake, 0, SINT + 1)->header.type, 3);
}

static void a_withdrawn_message_is_not_delivered(void **state)
{
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(post(i), 0);
	assert_true(synic_withdraw(synic, SINT, &posts[1].entry));
	assert_false(synic_withdraw(synic, SINT, &posts[1].entry));
	assert_false(synic_withdraw(synic, SINT, &posts[0].entry)); /* delivered */
	fake_vm_consume(fake, 0, SINT);
	assert_int_equal(slot()->header.type, 3);
	assert_int_equal(posts[1].done_count, 0);
}

static void withdrawing_the_last_message_ends_the_retries(void **state)
{
	assert_int_equal(post(0), 0);
	assert_int_equal(post(1), 0);
	assert_int_not_equal(synic->retry_ns, 0);
	assert_true(synic_withdraw(synic, SINT, &posts[1].entry));
	assert_int_equal(synic->retry_ns, 0);
}

static void a_failed_interrupt_is_the_messages_status(void **state)
{
	fake_vm_fail(fake, FAKE_ASSERT, 1, -EIO);
	assert_int_equal(post(0), 0);
	assert_int_equal(posts[0].status, -EIO);
	assert_int_equal(slot()->header.type, 1);
	assert_int_equal(info().last_error, -EIO);
}

/* ---- once (spec 4.2) --------------------------------------------------- */

static void a_once_message_is_delivered_when_the_slot_is_free(void **state)
{
	posts[0].entry.once = true;
	assert_int_equal(post(0), 0);
	assert_int_equal(posts[0].status, 0);
}

static void a_once_message_is_given_back_when_the_busy_slot_is_freed(void **state)
{
	posts[1].entry.once = true;
	assert_int_equal(post(0), 0);
	assert_int_equal(post(1), 0);
	assert_int_equal(posts[1].status, STATUS_NONE);
	write_msr(HV_MSR_EOM, 0); /* for another SINT: the slot is still full */
	assert_int_equal(posts[1].status, STATUS_NONE);
	fake_vm_consume(fake, 0, SINT);
	assert_int_equal(posts[1].status, -EAGAIN);
	assert_int_equal(slot()->header.type, 0);
}

static void a_once_message_without_a_page_is_refused(void **state)
{
	write_msr(HV_MSR_SIMP, 0);
	posts[0].entry.once = true;
	assert_int_equal(post(0), 0);
	assert_int_equal(posts[0].status, -ENXIO);
	assert_int_equal(post(1), 0);
	assert_int_equal(posts[1].status, STATUS_NONE);
}

/* ---- pages ----------------------------------------------------------------- */

static void a_message_posted_without_a_page_comes_when_the_page_is_enabled(void **state)
{
	write_msr(HV_MSR_SIMP, 0);
	assert_int_equal(post(0), 0);
	assert_int_equal(synic->retry_ns, 0);
	write_msr(HV_MSR_SIMP, FAKE_SIMP_GPA | 1);
	assert_int_equal(slot()->header.type, 1);
	assert_int_equal(posts[0].status, 0);
}

static void a_queue_behind_a_disabled_page_waits_quietly(void **state)
{
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(post(i), 0);
	write_msr(HV_MSR_SIMP, FAKE_SIMP_GPA);
	assert_int_equal(synic->retry_ns, 0);
	fake_vm_advance_ns(fake, 10 * NSEC_PER_MSEC);
	write_msr(HV_MSR_EOM, 0);
	assert_int_equal(info().retries, 0);
	assert_int_equal(slot()->header.type, 0); /* RAM, and nothing written to it */
	write_msr(HV_MSR_SIMP, FAKE_SIMP_GPA | 1);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(slot()->header.type, i + 1);
		fake_vm_consume(fake, 0, SINT);
	}
	assert_int_equal(slot()->header.type, 0);
}

static void a_full_slot_moves_with_its_page(void **state)
{
	uint64_t elsewhere = FAKE_SIMP_GPA + 0x8000;
	struct hv_message_page *page = fake_vm_ram(fake, elsewhere);

	assert_int_equal(post(0), 0);
	assert_int_equal(post(1), 0);
	write_msr(HV_MSR_SIMP, elsewhere | 1);
	assert_int_equal(page->slot[SINT].header.type, 1);
	assert_int_equal(page->slot[SINT].header.flags, HV_MESSAGE_FLAG_PENDING);
	assert_int_equal(slot()->header.type, 0); /* RAM again */
	__atomic_store_n(&page->slot[SINT].header.type, 0, __ATOMIC_SEQ_CST);
	write_msr(HV_MSR_EOM, 0);
	assert_int_equal(page->slot[SINT].header.type, 2);
}

static void simp_and_siefp_on_one_page_do_not_break_each_other(void **state)
{
	assert_int_equal(post(0), 0);
	write_msr(HV_MSR_SIEFP, FAKE_SIMP_GPA | 1); /* hides the SIMP */
	assert_int_equal(slot()->header.type, 0);
	assert_int_equal(synic_set_event_flag(synic, SINT, 0, SYNIC_FROM_HOST), 0);
	assert_int_equal(post(1), 0); /* busy, though the guest cannot see the slot */
	write_msr(HV_MSR_SIEFP, 0);
	assert_int_equal(slot()->header.type, 1);
	assert_int_equal(slot()->header.flags, HV_MESSAGE_FLAG_PENDING);
}

/* ---- interrupts ------------------------------------------------------------ */

/* What stands between a written message and its interrupt, and the write that takes it away. */
static const struct {
	uint32_t index;
	uint64_t off, on;
} obstacles[] = {
	{HV_MSR_SINT0 + SINT, HV_SINT_MASKED | VECTOR, VECTOR},
	{HV_MSR_SINT0 + SINT, HV_SINT_POLLING | VECTOR, VECTOR},
	{HV_MSR_SINT0 + SINT, HV_SINT_PROXY | VECTOR, VECTOR},
	{HV_MSR_SCONTROL, 0, HV_SCONTROL_ENABLE},
};

static void a_withheld_interrupt_is_owed_and_raised_once(void **state)
{
	for (unsigned i = 0; i < ARRAY_LEN(obstacles); i++) {
		unsigned before = fake_vm_asserted(fake, 0, VECTOR);

		write_msr(obstacles[i].index, obstacles[i].off);
		assert_int_equal(post(i), 0);
		assert_int_equal(posts[i].status, 0);
		assert_int_equal(slot()->header.type, i + 1);
		assert_int_equal(fake_vm_asserted(fake, 0, VECTOR), before);
		assert_true(info().irq_owed);
		write_msr(obstacles[i].index, obstacles[i].on);
		assert_int_equal(fake_vm_asserted(fake, 0, VECTOR), before + 1);
		write_msr(obstacles[i].index, obstacles[i].on);
		assert_int_equal(fake_vm_asserted(fake, 0, VECTOR), before + 1);
		fake_vm_consume(fake, 0, SINT);
	}
	assert_int_equal(fake_vm_recorded(fake, HV_EVENT_SINT_OWED), ARRAY_LEN(obstacles));
}

static void a_debt_is_counted_once(void **state)
{
	write_msr(HV_MSR_SINT0 + SINT, HV_SINT_MASKED | VECTOR);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(post(i), 0);
		assert_int_equal(synic_set_event_flag(synic, SINT, i, SYNIC_FROM_HOST), 0);
		fake_vm_consume(fake, 0, SINT);
	}
	assert_int_equal(info().owed, 1);
	assert_int_equal(fake_vm_recorded(fake, HV_EVENT_SINT_OWED), 1);
	write_msr(HV_MSR_SINT0 + SINT, VECTOR);
	assert_int_equal(fake_vm_asserted(fake, 0, VECTOR), 1);
}

static void an_owed_interrupt_is_forgotten_when_nothing_is_left_to_see(void **state)
{
	for (unsigned i = 0; i < ARRAY_LEN(obstacles); i++) {
		write_msr(obstacles[i].index, obstacles[i].off);
		assert_int_equal(post(i), 0);
		fake_vm_consume(fake, 0, SINT);
		write_msr(obstacles[i].index, obstacles[i].on);
		assert_int_equal(fake_vm_asserted_in_all(fake), 0);
		assert_false(info().irq_owed);
	}
}

static void an_interrupt_takes_the_vector_and_auto_eoi_of_its_sint(void **state)
{
	write_msr(HV_MSR_SINT0 + SINT, HV_SINT_AUTO_EOI | 0xf3);
	assert_int_equal(post(0), 0);
	assert_int_equal(fake->vector_count, 1);
	assert_int_equal(fake->vectors[0].vp, 0);
	assert_int_equal(fake->vectors[0].vector, 0xf3);
	assert_true(fake->vectors[0].auto_eoi);
}

static void assert_answers_with_the_obstacle(void **state)
{
	static const int answers[] = {-EPERM, -EPERM, -EPERM, -ENXIO};

	for (unsigned i = 0; i < ARRAY_LEN(obstacles); i++) {
		write_msr(obstacles[i].index, obstacles[i].off);
		assert_int_equal(synic_assert(synic, SINT), answers[i]);
		assert_int_equal(fake_vm_asserted(fake, 0, VECTOR), i);
		write_msr(obstacles[i].index, obstacles[i].on);
		assert_int_equal(synic_assert(synic, SINT), 0);
		assert_int_equal(fake_vm_asserted(fake, 0, VECTOR), i + 1);
	}
	assert_int_equal(synic_assert(synic, HV_SINT_COUNT), -EINVAL);
}

/* ---- event flags ----------------------------------------------------------- */

static void an_event_flag_sets_its_bit_and_interrupts_once(void **state)
{
	static const unsigned flags[] = {0, 1, 63, 64, 2047};

	for (unsigned i = 0; i < ARRAY_LEN(flags); i++) {
		unsigned flag = flags[i];

		assert_int_equal(synic_set_event_flag(synic, SINT, flag, SYNIC_FROM_HOST), 0);
		assert_true(fake_vm_flags(fake, 0, SINT)->word[flag / 64] & BIT64(flag % 64));
		assert_int_equal(fake_vm_asserted(fake, 0, VECTOR), i + 1);
		assert_int_equal(synic_set_event_flag(synic, SINT, flag, SYNIC_FROM_HOST), 1);
		assert_int_equal(fake_vm_asserted(fake, 0, VECTOR), i + 1);
	}
	assert_int_equal(info().event_flag_count, ARRAY_LEN(flags));
	assert_int_equal(info().event_flags[4], 2047);
}

static void an_event_out_of_range_is_refused(void **state)
{
	static const struct hv_event_flags none;

	assert_int_equal(synic_set_event_flag(synic, SINT, 2048, SYNIC_FROM_HOST), -EINVAL);
	assert_int_equal(synic_set_event_flag(synic, 16, 0, SYNIC_FROM_HOST), -EINVAL);
	assert_memory_equal(fake_vm_flags(fake, 0, SINT + 1), &none, sizeof(none));
}

static void an_event_needs_scontrol_and_siefp(void **state)
{
	write_msr(HV_MSR_SCONTROL, 0);
	assert_int_equal(synic_set_event_flag(synic, SINT, 5, SYNIC_FROM_HOST), -ENXIO);
	assert_int_equal(synic_set_event_flag(synic, SINT, 5, SYNIC_FROM_GUEST), -ENXIO);
	write_msr(HV_MSR_SCONTROL, 1);
	write_msr(HV_MSR_SIEFP, FAKE_SIEFP_GPA);
	assert_int_equal(synic_set_event_flag(synic, SINT, 5, SYNIC_FROM_HOST), -ENXIO);
	write_msr(HV_MSR_SIEFP, FAKE_SIEFP_GPA | 1);
	assert_int_equal(fake_vm_flags(fake, 0, SINT)->word[0], 0);
}

static void a_guests_event_to_a_masked_sint_is_refused_untouched(void **state)
{
	write_msr(HV_MSR_SINT0 + SINT, HV_SINT_MASKED | VECTOR);
	assert_int_equal(synic_set_event_flag(synic, SINT, 5, SYNIC_FROM_GUEST), -EPERM);
	assert_int_equal(fake_vm_flags(fake, 0, SINT)->word[0], 0);
}

static void a_hosts_event_to_a_masked_sint_is_set_and_owed(void **state)
{
	write_msr(HV_MSR_SINT0 + SINT, HV_SINT_MASKED | VECTOR);
	assert_int_equal(synic_set_event_flag(synic, SINT, 5, SYNIC_FROM_HOST), 0);
	assert_int_equal(fake_vm_flags(fake, 0, SINT)->word[0], BIT64(5));
	assert_int_equal(fake_vm_asserted_in_all(fake), 0);
	write_msr(HV_MSR_SINT0 + SINT, VECTOR);
	assert_int_equal(fake_vm_asserted(fake, 0, VECTOR), 1);
}

/* ---- reset ----------------------------------------------------------------- */

static void reset_cancels_what_waits_and_zeroes_the_pages(void **state)
{
	static const struct hv_message empty;

	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(post(i), 0);
	assert_int_equal(synic_set_event_flag(synic, SINT, 5, SYNIC_FROM_HOST), 0);
	synic_reset(synic);
	assert_int_equal(posts[0].status, 0);
	for (unsigned i = 1; i < 3; i++) {
		assert_int_equal(posts[i].status, -ECANCELED);
		assert_int_equal(posts[i].done_count, 1);
	}
	assert_int_equal(read_msr(HV_MSR_SIMP), 0);
	assert_int_equal(read_msr(HV_MSR_SCONTROL), 0);
	assert_int_equal(read_msr(HV_MSR_SINT0 + SINT), HV_SINT_RESET);
	fake_vm_enable(fake, 0);
	assert_memory_equal(slot(), &empty, sizeof(empty));
	assert_int_equal(fake_vm_flags(fake, 0, SINT)->word[0], 0);
	assert_int_equal(info().dropped, 2);
	assert_int_equal(fake_vm_recorded(fake, HV_EVENT_MESSAGE_DROPPED), 2);
	assert_int_equal(fake_vm_recorded(fake, HV_EVENT_SYNIC_RESET), 1);
}

static void reset_forgets_owed_interrupts(void **state)
{
	write_msr(HV_MSR_SINT0 + SINT, HV_SINT_MASKED | VECTOR);
	assert_int_equal(post(0), 0);
	synic_reset(synic);
	assert_false(info().irq_owed);
	fake_vm_enable(fake, 0);
	assert_int_equal(fake_vm_asserted_in_all(fake), 0);
}

static void reset_leaves_nothing_to_wait_for(void **state)
{
	assert_int_equal(post(0), 0);
	assert_int_equal(post(1), 0);
	write_msr(HV_MSR_EOM, 0);
	assert_int_not_equal(synic->retry_ns, 0);
	assert_true(info().last_eom_age_ns != UINT64_MAX);
	synic_reset(synic);
	assert_int_equal(synic->retry_ns, 0);
	assert_true(info().last_eom_age_ns == UINT64_MAX);
	assert_true(info().last_delivery_age_ns == UINT64_MAX);
}

/* ---- waiters --------------------------------------------------------------- */

struct room {
	struct synic_waiter waiter;
	unsigned told;
};

static void on_room(struct synic_waiter *waiter)
{
	container_of(waiter, struct room, waiter)->told++;
}

static void a_refused_poster_is_told_once_when_there_is_room(void **state)
{
	struct room room = {.waiter.room = on_room};
	unsigned full = 1 + HV_MESSAGE_QUEUE_MAX;

	for (unsigned i = 0; i < full; i++)
		assert_int_equal(post(i), 0);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(
			synic_post_or_wait(synic, SINT, &posts[full].entry, &room.waiter), -EAGAIN);
	assert_int_equal(room.told, 0);
	fake_vm_consume(fake, 0, SINT);
	fake_vm_consume(fake, 0, SINT);
	assert_int_equal(room.told, 1);
}

static void a_poster_that_gave_up_waiting_is_not_told(void **state)
{
	struct room room = {.waiter.room = on_room};
	unsigned full = 1 + HV_MESSAGE_QUEUE_MAX;

	for (unsigned i = 0; i < full; i++)
		assert_int_equal(post(i), 0);
	assert_int_equal(
		synic_post_or_wait(synic, SINT, &posts[full].entry, &room.waiter), -EAGAIN);
	synic_unwait(synic, SINT, &room.waiter);
	synic_unwait(synic, SINT, &room.waiter);
	fake_vm_consume(fake, 0, SINT);
	assert_int_equal(room.told, 0);
}

/* ---- inspection ------------------------------------------------------------ */

struct visits {
	unsigned count, stop_after;
	uint64_t last[4];
};

static int count_visit(void *arg, const uint64_t *key, const void *unused)
{
	struct visits *visits = arg;

	memcpy(visits->last, key, 3 * sizeof(*key));
	return ++visits->count == visits->stop_after;
}

static void lists_visit_in_key_order_from_where_they_are_told(void **state)
{
	static const struct {
		const struct node_class *class;
		unsigned fixed;
		uint64_t key[4], after[4];
		bool with_after;
		unsigned stop_after, count;
		uint64_t last[2];
	} rows[] = {
		{&sint_node_class, 0, {0}, {0}, false, 0, 32, {1, 15}},
		{&sint_node_class, 1, {1}, {0}, false, 0, 16, {1, 15}},
		{&sint_node_class, 1, {7}, {0}, false, 0, 0, {0, 0}},
		{&sint_node_class, 0, {0}, {0, 15}, true, 0, 16, {1, 15}},
		{&sint_node_class, 0, {0}, {1, 14}, true, 0, 1, {1, 15}},
		{&sint_node_class, 0, {0}, {0}, false, 3, 3, {0, 2}},
		{&sint_node_class, 0, {0, 0, 3}, {0}, false, 0, 0, {0, 0}}, /* no such VTL */
		{&stimer_node_class, 0, {0}, {0}, false, 0, 8, {1, 3}},
		{&synic_node_class, 0, {0}, {0}, false, 0, 2, {1, 0}},
		{&synic_node_class, 0, {0}, {0}, true, 0, 1, {1, 0}},
		{&message_node_class, 0, {0}, {0}, false, 0, 3, {0, 2}},
		{&message_node_class, 2, {0, 2}, {0}, false, 0, 3, {0, 2}},
		{&message_node_class, 1, {1}, {0}, false, 0, 0, {0, 0}},
		{&message_node_class, 0, {0}, {0, 2, 1}, true, 0, 1, {0, 2}},
	};

	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(post(i), 0);
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct visits visits = {.stop_after = rows[i].stop_after};

		rows[i].class->list(&fake->vm, rows[i].key, rows[i].fixed,
			rows[i].with_after ? rows[i].after : NULL, count_visit, &visits);
		assert_int_equal(visits.count, rows[i].count);
		assert_int_equal(visits.last[0], rows[i].last[0]);
		if (rows[i].class != &synic_node_class)
			assert_int_equal(visits.last[1], rows[i].last[1]);
	}
}

static void messages_are_listed_with_where_they_are(void **state)
{
	static const uint64_t in_slot[] = {0, SINT, 0, 0}, queued[] = {0, SINT, 1, 0};
	static const uint64_t absent[] = {0, SINT, 2, 0};
	struct message_info message;

	assert_int_equal(post(0), 0);
	assert_int_equal(post(1), 0);
	clock_manual_advance(&fake->clock, 500);
	assert_int_equal(message_node_class.get(&fake->vm, in_slot, &message), 0);
	assert_int_equal(message.where, MESSAGE_SLOT);
	assert_int_equal(message.type, 1);
	assert_int_equal(message.age_ns, 500);
	assert_int_equal(message_node_class.get(&fake->vm, queued, &message), 0);
	assert_int_equal(message.where, MESSAGE_QUEUED);
	assert_int_equal(message.type, 2);
	assert_int_equal(message.payload_shown, 8);
	assert_int_equal(message.payload[0], 1);
	assert_int_equal(message_node_class.get(&fake->vm, absent, &message), -ENOENT);
}

static void a_stuck_slot_shows_busy_pending_and_its_age(void **state)
{
	assert_int_equal(post(0), 0);
	assert_int_equal(post(1), 0);
	clock_manual_advance(&fake->clock, 1200000);
	assert_true(info().slot.present);
	assert_true(info().slot.busy);
	assert_true(info().slot.pending);
	assert_int_equal(info().slot.age_ns, 1200000);
	write_msr(HV_MSR_SIMP, 0);
	assert_false(info().slot.present);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(registers_start_at_their_reset_values),
		TEST(a_write_is_stored_or_faults),
		TEST(an_index_that_is_no_register_faults),
		TEST(a_message_goes_into_the_empty_slot_and_interrupts),
		TEST(bytes_behind_the_payload_are_zeroed),
		TEST(a_post_out_of_range_is_refused),
		TEST(a_busy_slot_gets_the_pending_flag_and_keeps_its_message),
		TEST(eom_with_a_queued_message_refills_the_slot),
		TEST(eom_with_the_slot_still_full_changes_nothing),
		TEST(eom_with_nothing_queued_does_nothing),
		TEST(eom_acknowledges_every_sint),
		TEST(the_pending_flag_is_set_at_once_when_more_is_queued_behind),
		TEST(messages_arrive_in_order_of_posting),
		TEST(a_full_fifo_refuses_and_takes_again_when_there_is_room),
		TEST(a_slot_freed_without_eom_is_found_after_a_millisecond),
		TEST(the_retry_is_armed_only_while_something_waits),
		TEST(a_full_slot_is_retried_again_and_again),
		TEST(a_slot_filled_by_the_guest_is_busy),
		TEST(sints_do_not_disturb_each_other),
		TEST(a_withdrawn_message_is_not_delivered),
		TEST(withdrawing_the_last_message_ends_the_retries),
		TEST(a_failed_interrupt_is_the_messages_status),
		TEST(a_once_message_is_delivered_when_the_slot_is_free),
		TEST(a_once_message_is_given_back_when_the_busy_slot_is_freed),
		TEST(a_once_message_without_a_page_is_refused),
		TEST(a_message_posted_without_a_page_comes_when_the_page_is_enabled),
		TEST(a_queue_behind_a_disabled_page_waits_quietly),
		TEST(a_full_slot_moves_with_its_page),
		TEST(simp_and_siefp_on_one_page_do_not_break_each_other),
		TEST(a_withheld_interrupt_is_owed_and_raised_once),
		TEST(a_debt_is_counted_once),
		TEST(an_owed_interrupt_is_forgotten_when_nothing_is_left_to_see),
		TEST(an_interrupt_takes_the_vector_and_auto_eoi_of_its_sint),
		TEST(assert_answers_with_the_obstacle),
		TEST(an_event_flag_sets_its_bit_and_interrupts_once),
		TEST(an_event_out_of_range_is_refused),
		TEST(an_event_needs_scontrol_and_siefp),
		TEST(a_guests_event_to_a_masked_sint_is_refused_untouched),
		TEST(a_hosts_event_to_a_masked_sint_is_set_and_owed),
		TEST(reset_cancels_what_waits_and_zeroes_the_pages),
		TEST(reset_forgets_owed_interrupts),
		TEST(reset_leaves_nothing_to_wait_for),
		TEST(a_refused_poster_is_told_once_when_there_is_room),
		TEST(a_poster_that_gave_up_waiting_is_not_told),
		TEST(lists_visit_in_key_order_from_where_they_are_told),
		TEST(messages_are_listed_with_where_they_are),
		TEST(a_stuck_slot_shows_busy_pending_and_its_age),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
