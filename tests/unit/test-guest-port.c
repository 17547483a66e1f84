/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guest ports: messages in order through a bounded pool, event flags. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "fake_vm.h"
#include "hvdef/hv_msr.h"
#include "vmm/guest_port.h"

enum { SINT = 2 };

static struct fake_vm *fake;
static struct guest_message_port *port;

static int setup(void **state)
{
	fake = fake_vm_new(2, 0);
	fake_vm_enable(fake, 0);
	fake_vm_enable(fake, 1);
	assert_int_equal(guest_message_port_new(&fake->vm, 0, 0, SINT, &port), 0);
	return 0;
}

static int teardown(void **state)
{
	port = guest_message_port_free(port);
	fake_vm_free(fake);
	return 0;
}

static int post(uint32_t type)
{
	return guest_message_port_post(port, type, &type, sizeof(type));
}

static uint32_t slot_type(uint32_t vp)
{
	return fake_vm_slot(fake, vp, SINT)->header.type;
}

static void a_message_arrives_as_it_was_posted(void **state)
{
	static const uint8_t payload[HV_MESSAGE_PAYLOAD_MAX] = {[0] = 1, [239] = 2};
	struct hv_message *slot = fake_vm_slot(fake, 0, SINT);

	assert_int_equal(guest_message_port_post(port, 5, payload, sizeof(payload)), 0);
	assert_int_equal(slot->header.type, 5);
	assert_int_equal(slot->header.payload_size, HV_MESSAGE_PAYLOAD_MAX);
	assert_memory_equal(slot->payload, payload, sizeof(payload));
}

static void a_bad_message_is_refused(void **state)
{
	static const uint8_t payload[HV_MESSAGE_PAYLOAD_MAX + 1];

	assert_int_equal(guest_message_port_post(port, 5, payload, sizeof(payload)), -EINVAL);
	assert_int_equal(guest_message_port_post(port, 5, payload, SIZE_MAX), -EINVAL);
	assert_int_equal(guest_message_port_post(port, 0, payload, 0), -EINVAL);
	assert_int_equal(slot_type(0), 0);
}

static void messages_beyond_the_fifo_wait_in_the_port_in_order(void **state)
{
	for (uint32_t i = 1; i <= GUEST_PORT_MESSAGES; i++)
		assert_int_equal(post(i), 0);
	for (uint32_t i = 1; i <= GUEST_PORT_MESSAGES; i++) {
		assert_int_equal(slot_type(0), i);
		fake_vm_consume(fake, 0, SINT);
		fake_vm_run_loop(fake);
	}
	assert_int_equal(slot_type(0), 0);
}

static void a_port_without_free_buffers_refuses_and_recovers(void **state)
{
	unsigned posted = 0;

	while (post(++posted) == 0)
		;
	assert_int_equal(posted, GUEST_PORT_MESSAGES + 2); /* the first one is in the slot */
	fake_vm_consume(fake, 0, SINT);
	assert_int_equal(post(posted), 0); /* without the main loop's help */
	assert_int_equal(post(posted), -EAGAIN);
}

static void forget(struct synic_entry *entry, int status)
{
}

enum { OTHERS = 1 + HV_MESSAGE_QUEUE_MAX };

static void fill_fifo(struct synic_entry others[OTHERS])
{
	for (unsigned i = 0; i < OTHERS; i++) {
		others[i].message.header.type = 100 + i;
		others[i].done = forget;
		assert_int_equal(synic_post(fake_vm_synic(fake, 0), SINT, &others[i]), 0);
	}
}

/* Another sender fills the FIFO: nothing of ours is in it to tell us that there is room. */
static void a_port_learns_of_room_made_by_others(void **state)
{
	struct synic_entry others[OTHERS] = {0};

	fill_fifo(others);
	assert_int_equal(post(1), 0);
	assert_int_equal(post(2), 0);
	for (unsigned i = 0; i < OTHERS; i++) {
		assert_int_equal(slot_type(0), 100 + i);
		fake_vm_consume(fake, 0, SINT);
		fake_vm_run_loop(fake);
	}
	assert_int_equal(slot_type(0), 1);
	fake_vm_consume(fake, 0, SINT);
	assert_int_equal(slot_type(0), 2);
}

static void a_port_that_waits_for_room_can_be_freed(void **state)
{
	struct synic_entry others[OTHERS] = {0};
	struct synic *synic = fake_vm_synic(fake, 0);

	fill_fifo(others);
	assert_int_equal(post(1), 0);
	assert_false(TAILQ_EMPTY(&synic->sint[SINT].waiters));
	port = guest_message_port_free(port);
	assert_true(TAILQ_EMPTY(&synic->sint[SINT].waiters));
	synic_reset(synic); /* what is left in the FIFO is this function's */
}

static void freeing_a_port_drops_what_did_not_arrive(void **state)
{
	for (uint32_t i = 1; i <= GUEST_PORT_MESSAGES; i++)
		assert_int_equal(post(i), 0);
	port = guest_message_port_free(port);
	assert_int_equal(slot_type(0), 1);
	fake_vm_consume(fake, 0, SINT);
	fake_vm_run_loop(fake);
	assert_int_equal(slot_type(0), 0);
	assert_null(guest_message_port_free(NULL));
}

static void freeing_a_port_leaves_no_hole_in_what_arrives(void **state)
{
	assert_int_equal(post(1), 0);
	assert_int_equal(post(2), 0);
	assert_int_equal(post(3), 0);
	/* Without EOM: whoever looks at the slot next delivers. */
	fake_vm_slot(fake, 0, SINT)->header.type = 0;
	port = guest_message_port_free(port);
	assert_int_not_equal(slot_type(0), 3);
}

static void freeing_a_port_leaves_deferred_work_harmless(void **state)
{
	for (uint32_t i = 1; i <= GUEST_PORT_MESSAGES; i++)
		assert_int_equal(post(i), 0);
	fake_vm_consume(fake, 0, SINT); /* defers work for the port */
	port = guest_message_port_free(port);
	fake_vm_run_loop(fake);
}

static void nothing_posted_before_a_reset_arrives_after_it(void **state)
{
	for (uint32_t i = 1; i <= GUEST_PORT_MESSAGES; i++)
		assert_int_equal(post(i), 0);
	synic_reset(fake_vm_synic(fake, 0));
	fake_vm_enable(fake, 0);
	assert_int_equal(post(1000), 0);
	assert_int_equal(slot_type(0), 1000);
	fake_vm_run_loop(fake);
	fake_vm_consume(fake, 0, SINT);
	fake_vm_run_loop(fake);
	assert_int_equal(slot_type(0), 0);
	for (uint32_t i = 1; i <= GUEST_PORT_MESSAGES; i++)
		assert_int_equal(post(i), 0); /* every buffer came back */
}

static void a_port_to_nowhere_is_refused(void **state)
{
	static const struct {
		uint32_t vp;
		uint8_t vtl, sint;
		uint16_t flag;
		int message, event;
	} rows[] = {
		{0, 0, 0, 0, 0, 0},
		{0, 2, 15, 2047, 0, 0},
		{0, 0, 0, 2048, 0, -EINVAL},
		{0, 3, 0, 0, -EINVAL, -EINVAL},
		{0, 0, 16, 0, -EINVAL, -EINVAL},
		{2, 0, 0, 0, -ENOENT, -ENOENT},
	};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct guest_message_port *message = NULL;
		struct guest_event_port *event = NULL;

		assert_int_equal(guest_message_port_new(&fake->vm, rows[i].vtl, rows[i].vp,
					 rows[i].sint, &message),
			rows[i].message);
		assert_int_equal(guest_event_port_new(&fake->vm, rows[i].vtl, rows[i].vp,
					 rows[i].sint, rows[i].flag, &event),
			rows[i].event);
		guest_message_port_free(message);
		guest_event_port_free(event);
	}
}

static void an_event_port_sets_its_flag_on_its_target(void **state)
{
	struct guest_event_port *event;

	assert_int_equal(guest_event_port_new(&fake->vm, 0, 0, SINT, 70, &event), 0);
	assert_int_equal(guest_event_port_signal(event, NULL), 0);
	assert_int_equal(guest_event_port_signal(event, NULL), 1);
	assert_int_equal(fake_vm_flags(fake, 0, SINT)->word[1], BIT64(6));
	assert_int_equal(fake_vm_flags(fake, 1, SINT)->word[1], 0);
	synic_reset(fake_vm_synic(fake, 0));
	assert_int_equal(guest_event_port_signal(event, NULL), -ENXIO);
	guest_event_port_free(event);
}

static void only_the_guest_is_refused_a_masked_sint(void **state)
{
	struct synic *synic = fake_vm_synic(fake, 1);
	struct guest_event_port *event;
	unsigned before;

	assert_int_equal(guest_event_port_new(&fake->vm, 0, 1, SINT, 3, &event), 0);
	assert_int_equal(synic_msr_write(synic, HV_MSR_SINT0 + SINT, HV_SINT_MASKED | 0x60), 0);
	assert_int_equal(guest_event_port_signal(event, fake->vm.vcpu[0]), -EPERM);
	assert_int_equal(fake_vm_flags(fake, 1, SINT)->word[0], 0);
	assert_int_equal(guest_event_port_signal(event, NULL), 0);
	assert_int_equal(fake_vm_flags(fake, 1, SINT)->word[0], BIT64(3));
	before = fake_vm_asserted(fake, 1, 0x60);
	assert_int_equal(synic_msr_write(synic, HV_MSR_SINT0 + SINT, 0x60), 0);
	assert_int_equal(fake_vm_asserted(fake, 1, 0x60), before + 1);
	guest_event_port_free(event);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_message_arrives_as_it_was_posted),
		TEST(a_bad_message_is_refused),
		TEST(messages_beyond_the_fifo_wait_in_the_port_in_order),
		TEST(a_port_without_free_buffers_refuses_and_recovers),
		TEST(a_port_learns_of_room_made_by_others),
		TEST(a_port_that_waits_for_room_can_be_freed),
		TEST(freeing_a_port_drops_what_did_not_arrive),
		TEST(freeing_a_port_leaves_no_hole_in_what_arrives),
		TEST(freeing_a_port_leaves_deferred_work_harmless),
		TEST(nothing_posted_before_a_reset_arrives_after_it),
		TEST(a_port_to_nowhere_is_refused),
		TEST(an_event_port_sets_its_flag_on_its_target),
		TEST(only_the_guest_is_refused_a_masked_sint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
