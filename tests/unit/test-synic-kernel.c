/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mode kernel: hvd's half of a SynIC whose registers and timers KVM holds.
 *
 * The test is the main loop, other VPs and the API; between fake_vm_enter_vcpu() and
 * fake_vm_leave_vcpu() it is VP 0's own thread.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <cmocka.h>
#include "fake_vm.h"
#include "hvdef/hv_msr.h"
#include "vmm/event.h"
#include "vmm/guest_port.h"
#include "vmm/inject.h"
#include "vmm/synic_info.h"

enum { SINT = 2, FLAG = 7, TIMER = 0x55, RETRY_NS = NSEC_PER_MSEC };

#define NOT_RAM_GPA UINT64_C(0xf0000000)
#define SIMP        (FAKE_SIMP_GPA | HV_PAGE_ENABLE)
#define SIEFP       (FAKE_SIEFP_GPA | HV_PAGE_ENABLE)

struct outcome {
	unsigned count;
	int status;
};

static struct fake_vm *fake;
static struct synic *synic;
static struct sint_route *route;
static struct synic_entry entries[2]; /* other senders' */

static int setup(void **state)
{
	fake = fake_vm_new(2, FAKE_KERNEL);
	synic = fake_vm_synic(fake, 0);
	fake_vm_enable(fake, 0);
	assert_int_equal(sint_route_get(&fake->vm, 0, 0, SINT, &route), 0);
	return 0;
}

static int teardown(void **state)
{
	sint_route_unref(route);
	fake_vm_free(fake);
	return 0;
}

static void on_done(struct sint_route *completed, int status, void *arg)
{
	struct outcome *outcome = arg;

	outcome->count++;
	outcome->status = status;
}

static int post_mode(enum sint_post_mode mode, uint32_t type, struct outcome *outcome)
{
	const struct hv_message message = {.header.type = type, .header.payload_size = 8};

	return sint_route_post(route, &message, mode, on_done, outcome);
}

static void post(uint32_t type, struct outcome *outcome)
{
	*outcome = (struct outcome){0};
	assert_int_equal(post_mode(SINT_POST_QUEUE, type, outcome), 0);
}

/* Another sender's message, straight into the FIFO. */
static void ignore_done(struct synic_entry *entry, int status)
{
}

static void queue(struct synic_entry *entry, uint32_t type)
{
	*entry = (struct synic_entry){.message.header.type = type, .done = ignore_done};
	assert_int_equal(synic_post(synic, SINT, entry), 0);
}

static struct hv_message *slot(void)
{
	return fake_vm_slot(fake, 0, SINT);
}

static uint32_t type(void)
{
	return slot()->header.type;
}

static bool pending(void)
{
	return slot()->header.flags & HV_MESSAGE_FLAG_PENDING;
}

static unsigned asserted(void)
{
	return fake->sints[0][SINT];
}

static bool work(void)
{
	return fake_vm_work(fake, 0);
}

static void retry(void)
{
	fake_vm_advance_ns(fake, RETRY_NS);
}

static void set_masked(bool masked)
{
	fake->masked[0] = masked ? 1u << SINT : 0;
}

static void scontrol(bool on)
{
	fake_vm_sync(fake, 0, on ? HV_SCONTROL_ENABLE : 0, SIEFP, SIMP);
}

static bool timer_is_idle(void)
{
	return synic->retry_ns == 0;
}

/* ---- whose thread ------------------------------------------------------- */

static void only_the_vps_own_thread_writes_a_slot(void **state)
{
	struct outcome outcome;

	post(1, &outcome);
	assert_int_equal(type(), 0);
	assert_int_equal(asserted(), 0);
	assert_int_equal(fake->kicks, 1);
	assert_true(work());
	assert_int_equal(type(), 1);
	assert_int_equal(asserted(), 1);
	assert_false(pending());
	fake_vm_run_loop(fake);
	assert_int_equal(outcome.count, 1);
	assert_int_equal(outcome.status, 0);
}

static void there_it_is_written_at_once(void **state)
{
	struct outcome outcome;

	fake_vm_enter_vcpu(fake, 0);
	post(1, &outcome);
	fake_vm_leave_vcpu();
	assert_int_equal(type(), 1);
	assert_int_equal(asserted(), 1);
	assert_int_equal(fake->kicks, 0);
	assert_false(work());
	fake_vm_run_loop(fake);
}

static void another_vps_thread_is_not_the_vps_own(void **state)
{
	struct outcome outcome;

	fake_vm_enter_vcpu(fake, 1);
	post(1, &outcome);
	fake_vm_leave_vcpu();
	assert_int_equal(type(), 0);
	assert_false(fake_vm_work(fake, 1));
	assert_true(work());
	assert_int_equal(type(), 1);
	fake_vm_run_loop(fake);
}

static void work_is_asked_for_once_and_done_once(void **state)
{
	queue(&entries[0], 1);
	queue(&entries[1], 2);
	assert_int_equal(fake->kicks, 1);
	assert_true(work());
	assert_int_equal(type(), 1);
	assert_true(pending());
	assert_int_equal(asserted(), 1);
	assert_false(work());
	assert_int_equal(asserted(), 1);
}

static void other_vtls_are_as_in_mode_user(void **state)
{
	struct synic *vtl1 = &fake->vm.vcpu[0]->synic[1];
	struct synic_entry entry = {.message.header.type = 1, .done = ignore_done};

	assert_int_equal(synic_msr_write(vtl1, HV_MSR_SIMP, 0x90000 | HV_PAGE_ENABLE), 0);
	assert_int_equal(synic_msr_write(vtl1, HV_MSR_SINT0 + SINT, 0x70), 0);
	assert_int_equal(synic_msr_write(vtl1, HV_MSR_SCONTROL, HV_SCONTROL_ENABLE), 0);
	assert_int_equal(synic_post(vtl1, SINT, &entry), 0);
	assert_int_equal(fake_vm_asserted(fake, 0, 0x70), 1);
	assert_int_equal(fake->kicks, 0);
}

/* ---- a busy slot -------------------------------------------------------- */

static void an_ack_brings_the_next_message(void **state)
{
	queue(&entries[0], 1);
	queue(&entries[1], 2);
	work();
	fake_vm_consume(fake, 0, SINT);
	assert_int_equal(type(), 0);
	fake_vm_run_loop(fake);
	assert_true(work());
	assert_int_equal(type(), 2);
	assert_false(pending());
	assert_int_equal(asserted(), 2);
	assert_true(fake_vm_recorded(fake, HV_EVENT_SINT_ACK) == 1);
}

static void an_ack_without_a_free_slot_disturbs_nobody(void **state)
{
	queue(&entries[0], 1);
	queue(&entries[1], 2);
	work();
	retry();
	work();
	fake->kicks = 0;
	fake_vm_eom(fake, 0);
	fake_vm_run_loop(fake);
	retry();
	assert_false(work());
	assert_int_equal(fake->kicks, 0);
	assert_int_equal(type(), 1);
	assert_true(pending());
}

static void a_slot_freed_without_eom_is_found_within_a_millisecond(void **state)
{
	queue(&entries[0], 1);
	queue(&entries[1], 2);
	work();
	slot()->header.type = 0;
	retry();
	assert_true(work());
	assert_int_equal(type(), 2);
	assert_int_equal(asserted(), 2);
	retry();
	assert_true(timer_is_idle());
}

static void a_timers_message_gets_the_pending_flag(void **state)
{
	struct outcome outcome;

	slot()->header.type = TIMER;
	post(1, &outcome);
	work();
	assert_int_equal(type(), TIMER);
	assert_true(pending());
	assert_int_equal(asserted(), 0);
	fake_vm_consume(fake, 0, SINT);
	fake_vm_run_loop(fake);
	work();
	assert_int_equal(type(), 1);
	fake_vm_run_loop(fake);
	assert_int_equal(outcome.status, 0);
}

static void a_timer_that_comes_in_between_gets_it_too(void **state)
{
	struct outcome outcome;

	slot()->header.type = TIMER;
	post(1, &outcome);
	work();
	/* KVM fills the freed slot anew before anybody looks, header and all. */
	slot()->header.flags = 0;
	slot()->header.type = TIMER + 1;
	retry();
	assert_true(work());
	assert_int_equal(type(), TIMER + 1);
	assert_true(pending());
	fake_vm_consume(fake, 0, SINT);
	fake_vm_run_loop(fake);
	work();
	assert_int_equal(type(), 1);
	fake_vm_run_loop(fake);
}

static void once_is_told_when_the_slot_is_free_again(void **state)
{
	struct outcome outcome = {0};

	slot()->header.type = TIMER;
	assert_int_equal(post_mode(SINT_POST_ONCE, 1, &outcome), 0);
	work();
	fake_vm_run_loop(fake);
	assert_int_equal(outcome.count, 0);
	fake_vm_consume(fake, 0, SINT);
	fake_vm_run_loop(fake);
	work();
	fake_vm_run_loop(fake);
	assert_int_equal(outcome.count, 1);
	assert_int_equal(outcome.status, -EAGAIN);
	assert_int_equal(type(), 0);
}

static void once_without_a_message_page_needs_no_thread(void **state)
{
	struct outcome outcome = {0};

	fake_vm_sync(fake, 0, HV_SCONTROL_ENABLE, SIEFP, 0);
	assert_int_equal(post_mode(SINT_POST_ONCE, 1, &outcome), 0);
	fake_vm_run_loop(fake);
	assert_int_equal(outcome.status, -ENXIO);
	assert_int_equal(fake->kicks, 0);
}

static void a_message_taken_back_ends_the_retries(void **state)
{
	struct outcome outcome;

	slot()->header.type = TIMER;
	post(1, &outcome);
	work();
	sint_route_cancel(route);
	fake_vm_run_loop(fake);
	assert_int_equal(outcome.status, -ECANCELED);
	retry();
	assert_true(timer_is_idle());
}

/* ---- interrupts --------------------------------------------------------- */

static void a_masked_sint_is_owed_and_tried_until_unmasked(void **state)
{
	struct outcome outcome;

	set_masked(true);
	post(1, &outcome);
	work();
	fake_vm_run_loop(fake);
	assert_int_equal(type(), 1);
	assert_int_equal(outcome.status, 0);
	retry();
	retry();
	assert_int_equal(asserted(), 0);
	assert_int_equal(synic->sint[SINT].owed, 1);
	set_masked(false);
	retry();
	assert_int_equal(asserted(), 1);
	retry();
	assert_int_equal(asserted(), 1);
	assert_true(timer_is_idle());
	assert_false(work());
}

static void a_flag_is_owed_its_interrupt_too(void **state)
{
	set_masked(true);
	assert_int_equal(synic_set_event_flag(synic, SINT, FLAG, SYNIC_FROM_HOST), 0);
	set_masked(false);
	retry();
	assert_int_equal(asserted(), 1);
}

static void nothing_is_owed_for_what_was_taken_meanwhile(void **state)
{
	struct outcome outcome;

	set_masked(true);
	post(1, &outcome);
	work();
	fake_vm_consume(fake, 0, SINT);
	retry();
	set_masked(false);
	retry();
	assert_int_equal(asserted(), 0);
	assert_false(synic->sint[SINT].irq_owed);
	assert_true(timer_is_idle());
	fake_vm_run_loop(fake);
}

static void with_scontrol_off_kvm_is_not_asked(void **state)
{
	struct outcome outcome;

	scontrol(false);
	post(1, &outcome);
	work();
	assert_int_equal(type(), 1);
	retry();
	assert_int_equal(asserted(), 0);
	assert_true(timer_is_idle());
	scontrol(true);
	assert_int_equal(asserted(), 1);
	fake_vm_run_loop(fake);
}

static void a_guests_signal_to_a_masked_sint_succeeds(void **state)
{
	set_masked(true);
	assert_int_equal(synic_set_event_flag(synic, SINT, FLAG, SYNIC_FROM_GUEST), 0);
	assert_int_equal(fake_vm_flags(fake, 0, SINT)->word[0], 1u << FLAG);
	assert_true(synic->sint[SINT].irq_owed);
	assert_int_equal(synic_set_event_flag(synic, SINT, FLAG, SYNIC_FROM_GUEST), 1);
}

static void a_flag_is_set_by_any_thread_at_once(void **state)
{
	assert_int_equal(synic_set_event_flag(synic, SINT, FLAG, SYNIC_FROM_HOST), 0);
	assert_int_equal(fake_vm_flags(fake, 0, SINT)->word[0], 1u << FLAG);
	assert_int_equal(asserted(), 1);
	assert_int_equal(fake->kicks, 0);
}

static void an_error_of_kvm_reaches_the_sender(void **state)
{
	struct outcome outcome;

	fake_vm_fail(fake, FAKE_ASSERT, 1, -EIO);
	post(1, &outcome);
	work();
	fake_vm_run_loop(fake);
	assert_int_equal(outcome.status, -EIO);
	assert_int_equal(synic->sint[SINT].last_error, -EIO);
}

static void asserting_alone_tells_a_mask_and_owes_nothing(void **state)
{
	assert_int_equal(synic_assert(synic, SINT), 0);
	assert_int_equal(sint_route_set(route), 0);
	assert_int_equal(asserted(), 2);
	set_masked(true);
	assert_int_equal(synic_assert(synic, SINT), -EPERM);
	assert_int_equal(sint_route_set(route), -EPERM);
	assert_false(synic->sint[SINT].irq_owed);
	set_masked(false);
	scontrol(false);
	assert_int_equal(synic_assert(synic, SINT), -ENXIO);
	assert_int_equal(asserted(), 2);
}

static void an_injection_learns_of_a_mask_only_by_asserting(void **state)
{
	struct inject_request request = {.sint = SINT, .type = 1};
	struct inject_result result;

	set_masked(true);
	inject_check(&fake->vm, &request, &result);
	assert_int_equal(result.outcome, INJECT_DELIVERED);
	request.assert_only = true;
	inject_check(&fake->vm, &request, &result);
	assert_int_equal(result.outcome, INJECT_ASSERTED);
}

static void an_injection_that_asserts_is_refused_by_a_mask(void **state)
{
	const struct inject_request request = {.sint = SINT, .assert_only = true};
	struct injector *injector;
	struct inject_result result;

	set_masked(true);
	assert_int_equal(injector_new(&fake->vm, &injector), 0);
	assert_int_equal(inject_start(injector, &request, NULL, NULL, &result), 1);
	assert_int_equal(result.outcome, INJECT_SINT_MASKED);
	injector_free(injector);
}

/* ---- pages -------------------------------------------------------------- */

static void the_first_enable_clears_the_page(void **state)
{
	uint64_t other = FAKE_SIMP_GPA + HV_PAGE_SIZE;
	uint8_t *ram = fake_vm_ram(fake, other);

	memset(ram, 0x77, HV_PAGE_SIZE);
	fake_vm_sync(fake, 1, 0, 0, other | HV_PAGE_ENABLE);
	for (unsigned i = 0; i < HV_PAGE_SIZE; i++)
		assert_int_equal(ram[i], 0);
	fake_vm_sync(fake, 1, 0, 0, other);
	assert_int_equal(ram[0], 0x77);
}

static void a_moved_page_takes_its_messages_along(void **state)
{
	struct hv_message_page *moved = fake_vm_ram(fake, 0x90000);
	struct outcome outcome;

	post(1, &outcome);
	work();
	fake_vm_sync(fake, 0, HV_SCONTROL_ENABLE, SIEFP, 0x90000 | HV_PAGE_ENABLE);
	assert_int_equal(moved->slot[SINT].header.type, 1);
	assert_int_equal(type(), 0);
	fake_vm_run_loop(fake);
}

static void a_page_outside_ram_holds_messages_back(void **state)
{
	struct outcome outcome;

	fake_vm_sync(fake, 0, HV_SCONTROL_ENABLE, SIEFP, NOT_RAM_GPA | HV_PAGE_ENABLE);
	assert_int_equal(synic->simp, NOT_RAM_GPA | HV_PAGE_ENABLE);
	post(1, &outcome);
	work();
	retry();
	fake_vm_run_loop(fake);
	assert_int_equal(outcome.count, 0);
	fake_vm_sync(fake, 0, HV_SCONTROL_ENABLE, SIEFP, SIMP);
	assert_int_equal(type(), 1);
	assert_int_equal(asserted(), 1);
	fake_vm_run_loop(fake);
	assert_int_equal(outcome.status, 0);
}

static void flags_outside_ram_are_refused(void **state)
{
	fake_vm_sync(fake, 0, HV_SCONTROL_ENABLE, NOT_RAM_GPA | HV_PAGE_ENABLE, SIMP);
	assert_int_equal(synic_set_event_flag(synic, SINT, FLAG, SYNIC_FROM_HOST), -ENXIO);
	fake_vm_sync(fake, 0, HV_SCONTROL_ENABLE, SIEFP, SIMP);
	assert_int_equal(synic_set_event_flag(synic, SINT, FLAG, SYNIC_FROM_HOST), 0);
}

static void work_left_over_by_a_disabled_page_is_harmless(void **state)
{
	struct outcome outcome;

	post(1, &outcome);
	fake_vm_sync(fake, 0, HV_SCONTROL_ENABLE, SIEFP, 0);
	assert_true(work());
	assert_int_equal(type(), 0);
	scontrol(true);
	assert_int_equal(type(), 1);
	fake_vm_run_loop(fake);
}

/* ---- reset -------------------------------------------------------------- */

static void assert_canceled(struct outcome *outcome)
{
	synic_reset(synic);
	fake_vm_run_loop(fake);
	assert_int_equal(outcome->count, 1);
	assert_int_equal(outcome->status, -ECANCELED);
	work();
	retry();
	assert_true(timer_is_idle());
	assert_int_equal(asserted(), 0);
}

static void reset_cancels_what_waits_for_the_vps_thread(void **state)
{
	struct outcome outcome;

	post(1, &outcome);
	assert_canceled(&outcome);
}

static void reset_cancels_what_waits_behind_a_busy_slot(void **state)
{
	struct outcome outcome;

	slot()->header.type = TIMER;
	post(1, &outcome);
	work();
	assert_canceled(&outcome);
}

static void reset_leaves_a_delivered_message_delivered(void **state)
{
	struct outcome outcome;

	post(1, &outcome);
	work();
	synic_reset(synic);
	fake_vm_run_loop(fake);
	assert_int_equal(outcome.count, 1);
	assert_int_equal(outcome.status, 0);
	assert_int_equal(type(), 0);
}

static void reset_forgets_what_is_owed(void **state)
{
	set_masked(true);
	assert_int_equal(synic_set_event_flag(synic, SINT, FLAG, SYNIC_FROM_HOST), 0);
	synic_reset(synic);
	set_masked(false);
	fake_vm_enable(fake, 0);
	retry();
	assert_int_equal(asserted(), 0);
}

static void after_a_reset_the_sint_works_again(void **state)
{
	struct outcome outcome;
	uint32_t gsi = sint_route_gsi(route);

	synic_reset(synic);
	fake_vm_enable(fake, 0);
	post(1, &outcome);
	work();
	assert_int_equal(type(), 1);
	assert_int_equal(asserted(), 1);
	assert_int_equal(sint_route_gsi(route), gsi);
	fake_vm_run_loop(fake);
}

/* ---- faults: hvd's own messages and events, not KVM's timers ---- */

static void add_fault(enum fault_kind kind)
{
	const struct fault_spec spec = {.kind = kind, .place = {FAULT_ANYWHERE}};
	struct fault_refusal refusal;
	struct fault fault;

	assert_int_equal(faults_add(&fake->vm.faults, &spec, &fault, &refusal), 0);
}

static void a_fault_does_not_ask_kvm_for_the_interrupt(void **state)
{
	add_fault(FAULT_SKIP_ASSERT);
	queue(&entries[0], 1);
	assert_true(work());
	assert_int_equal(type(), 1);
	assert_int_equal(asserted(), 0);
	assert_false(synic_owes(synic, SINT));
	assert_true(timer_is_idle());
	assert_int_equal(synic_kick(synic, SINT), 0);
	assert_int_equal(asserted(), 1);
}

static void a_fault_loses_the_flag_and_nobody_looks_again(void **state)
{
	queue(&entries[0], 1);
	assert_true(work());
	add_fault(FAULT_LOSE_PENDING);
	queue(&entries[1], 2);
	assert_true(work());
	assert_false(pending());
	fake_vm_consume(fake, 0, SINT);
	for (unsigned i = 0; i < 10; i++) {
		retry();
		assert_false(work());
	}
	assert_int_equal(type(), 0);
	assert_int_equal(synic_kick(synic, SINT), 0);
	assert_true(work());
	assert_int_equal(type(), 2);
}

/* ---- GSIs and acks ------------------------------------------------------ */

static void a_gsi_stays_with_its_sint(void **state)
{
	uint32_t gsi = sint_route_gsi(route);
	unsigned commits = fake->commits;

	route = sint_route_unref(route);
	assert_int_equal(fake->gsi[gsi - GSI_FIRST].kind, GSI_HV_SINT);
	assert_int_equal(fake->gsi[gsi - GSI_FIRST].sint, SINT);
	assert_int_equal(sint_route_get(&fake->vm, 0, 0, SINT, &route), 0);
	assert_int_equal(sint_route_gsi(route), gsi);
	assert_int_equal(fake->commits, commits);
}

static void the_api_needs_no_route(void **state)
{
	assert_int_equal(synic_set_event_flag(synic, SINT + 1, FLAG, SYNIC_FROM_HOST), 0);
	assert_int_equal(synic_assert(synic, SINT + 1), 0);
	assert_int_equal(fake->sints[0][SINT + 1], 2);
	assert_int_equal(fake->vm.routes.count, 1);
}

static void a_refused_table_refuses_the_route(void **state)
{
	struct sint_route *other;
	uint32_t next = sint_route_gsi(route) + 1;

	fake_vm_fail(fake, FAKE_COMMIT, 1, -EINVAL);
	assert_int_equal(sint_route_get(&fake->vm, 0, 0, SINT + 1, &other), -EINVAL);
	fake_vm_fail(fake, FAKE_COMMIT, 1, -ENOMEM);
	assert_int_equal(synic_assert(synic, SINT + 1), -ENOMEM);
	assert_int_equal(sint_route_get(&fake->vm, 0, 0, SINT + 1, &other), 0);
	assert_int_equal(sint_route_gsi(other), next);
	sint_route_unref(other);
}

static void a_refused_irqfd_refuses_the_route(void **state)
{
	struct sint_route *other;

	fake_vm_fail(fake, FAKE_IRQFD, 1, -ENOSPC);
	assert_int_equal(sint_route_get(&fake->vm, 0, 0, SINT + 1, &other), -ENOSPC);
	assert_int_equal(fake->vm.routes.count, 1);
}

static uint64_t acks(void)
{
	const uint64_t key[] = {0, SINT, 0};
	struct route_info info;

	assert_int_equal(route_node_class.get(&fake->vm, key, &info), 0);
	return info.acks;
}

static void every_ack_is_counted(void **state)
{
	fake_vm_eom(fake, 0);
	fake_vm_eom(fake, 0);
	assert_int_equal(acks(), 2);
	fake_vm_eom(fake, 1);
	fake_vm_eom(fake, 0);
	assert_int_equal(acks(), 3);
}

static void nobody_is_woken_for_an_ack_that_nobody_waits_for(void **state)
{
	fake_vm_eom(fake, 0);
	fake_vm_run_loop(fake);
	assert_int_equal(fake_vm_recorded(fake, HV_EVENT_SINT_ACK), 0);
}

static void who_has_the_ack_eventfd_is_told_of_each(void **state)
{
	int fd = sint_route_ack_fd(route);
	eventfd_t told;

	for (unsigned i = 1; i <= 3; i++) {
		fake_vm_eom(fake, 0);
		fake_vm_run_loop(fake);
		assert_int_equal(eventfd_read(fd, &told), 0);
		assert_int_equal(fake_vm_recorded(fake, HV_EVENT_SINT_ACK), i);
	}
	fake_vm_eom(fake, 1);
	fake_vm_run_loop(fake);
	assert_int_equal(eventfd_read(fd, &told), -1);
	assert_int_equal(acks(), 3);
}

static void acks_from_before_are_told_to_nobody(void **state)
{
	eventfd_t told;
	int fd;

	fake_vm_eom(fake, 0);
	fd = sint_route_ack_fd(route);
	fake_vm_run_loop(fake);
	assert_int_equal(eventfd_read(fd, &told), -1);
	assert_int_equal(acks(), 1);
}

static void looking_at_a_route_takes_no_ack_from_anybody(void **state)
{
	int fd = sint_route_ack_fd(route);
	eventfd_t told;

	queue(&entries[0], 1);
	queue(&entries[1], 2);
	work();
	fake_vm_consume(fake, 0, SINT);
	assert_int_equal(acks(), 1);
	assert_int_equal(eventfd_read(fd, &told), 0);
	assert_true(work());
	assert_int_equal(type(), 2);
	fake_vm_eom(fake, 0);
	fake_vm_run_loop(fake);
	assert_int_equal(eventfd_read(fd, &told), 0);
}

static void an_ack_for_a_route_that_is_gone_is_ignored(void **state)
{
	assert_true(sint_route_ack_fd(route) >= 0);
	fake_vm_eom(fake, 0);
	route = sint_route_unref(route);
	fake_vm_run_loop(fake);
	assert_int_equal(fake_vm_recorded(fake, HV_EVENT_SINT_ACK), 0);
}

static void a_guest_port_goes_the_same_way(void **state)
{
	struct guest_message_port *port;

	assert_int_equal(guest_message_port_new(&fake->vm, 0, 0, SINT, &port), 0);
	for (uint32_t i = 1; i <= 3; i++)
		assert_int_equal(guest_message_port_post(port, i, "x", 1), 0);
	for (uint32_t i = 1; i <= 3; i++) {
		work();
		assert_int_equal(type(), i);
		fake_vm_consume(fake, 0, SINT);
		fake_vm_run_loop(fake);
	}
	assert_false(work());
	assert_int_equal(asserted(), 3);
	guest_message_port_free(port);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(only_the_vps_own_thread_writes_a_slot),
		TEST(there_it_is_written_at_once),
		TEST(another_vps_thread_is_not_the_vps_own),
		TEST(work_is_asked_for_once_and_done_once),
		TEST(other_vtls_are_as_in_mode_user),
		TEST(an_ack_brings_the_next_message),
		TEST(an_ack_without_a_free_slot_disturbs_nobody),
		TEST(a_slot_freed_without_eom_is_found_within_a_millisecond),
		TEST(a_timers_message_gets_the_pending_flag),
		TEST(a_timer_that_comes_in_between_gets_it_too),
		TEST(once_is_told_when_the_slot_is_free_again),
		TEST(once_without_a_message_page_needs_no_thread),
		TEST(a_message_taken_back_ends_the_retries),
		TEST(a_masked_sint_is_owed_and_tried_until_unmasked),
		TEST(a_flag_is_owed_its_interrupt_too),
		TEST(nothing_is_owed_for_what_was_taken_meanwhile),
		TEST(with_scontrol_off_kvm_is_not_asked),
		TEST(a_guests_signal_to_a_masked_sint_succeeds),
		TEST(a_flag_is_set_by_any_thread_at_once),
		TEST(an_error_of_kvm_reaches_the_sender),
		TEST(asserting_alone_tells_a_mask_and_owes_nothing),
		TEST(an_injection_learns_of_a_mask_only_by_asserting),
		TEST(an_injection_that_asserts_is_refused_by_a_mask),
		TEST(the_first_enable_clears_the_page),
		TEST(a_moved_page_takes_its_messages_along),
		TEST(a_page_outside_ram_holds_messages_back),
		TEST(flags_outside_ram_are_refused),
		TEST(work_left_over_by_a_disabled_page_is_harmless),
		TEST(reset_cancels_what_waits_for_the_vps_thread),
		TEST(reset_cancels_what_waits_behind_a_busy_slot),
		TEST(reset_leaves_a_delivered_message_delivered),
		TEST(reset_forgets_what_is_owed),
		TEST(a_fault_does_not_ask_kvm_for_the_interrupt),
		TEST(a_fault_loses_the_flag_and_nobody_looks_again),
		TEST(after_a_reset_the_sint_works_again),
		TEST(a_gsi_stays_with_its_sint),
		TEST(the_api_needs_no_route),
		TEST(a_refused_table_refuses_the_route),
		TEST(a_refused_irqfd_refuses_the_route),
		TEST(every_ack_is_counted),
		TEST(nobody_is_woken_for_an_ack_that_nobody_waits_for),
		TEST(who_has_the_ack_eventfd_is_told_of_each),
		TEST(acks_from_before_are_told_to_nobody),
		TEST(looking_at_a_route_takes_no_ack_from_anybody),
		TEST(an_ack_for_a_route_that_is_gone_is_ignored),
		TEST(a_guest_port_goes_the_same_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
