/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SINT routes: the staged message and its states (spec 4), references, GSIs, set and ack. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <cmocka.h>
#include "fake_vm.h"
#include "hvdef/hv_msr.h"
#include "vmm/event.h"
#include "vmm/synic_info.h"

enum { SINT = 2, VECTOR = FAKE_VECTOR + SINT };

struct outcome {
	unsigned count;
	int status;
	bool post_again; /* from the callback */
	int again;       /* what that answered */
};

static struct fake_vm *fake;
static struct synic *synic;
static struct sint_route *route;

static struct sint_route *get_route(void)
{
	struct sint_route *got;

	assert_int_equal(sint_route_get(&fake->vm, 0, 0, SINT, &got), 0);
	return got;
}

static void start(unsigned options)
{
	fake = fake_vm_new(1, options);
	synic = fake_vm_synic(fake, 0);
	fake_vm_enable(fake, 0);
	route = get_route();
}

static int setup(void **state)
{
	start(0);
	return 0;
}

static int setup_irqfd(void **state)
{
	start(FAKE_WITH_IRQFD);
	return 0;
}

static int teardown(void **state)
{
	sint_route_unref(route);
	fake_vm_free(fake);
	return 0;
}

static struct hv_message message_of(uint32_t type)
{
	return (struct hv_message){.header.type = type, .header.payload_size = 4};
}

static void on_done(struct sint_route *done_route, int status, void *arg)
{
	struct outcome *outcome = arg;

	outcome->count++;
	outcome->status = status;
	if (outcome->post_again) {
		struct hv_message message = message_of(99);

		outcome->post_again = false;
		outcome->again = sint_route_post(
			done_route, &message, SINT_POST_QUEUE, on_done, arg);
	}
}

static int post(uint32_t type, enum sint_post_mode mode, struct outcome *outcome)
{
	struct hv_message message = message_of(type);

	return sint_route_post(route, &message, mode, on_done, outcome);
}

static struct sint_route_status status(void)
{
	struct sint_route_status now;

	sint_route_status(route, &now);
	return now;
}

static struct route_info info(void)
{
	const uint64_t key[] = {0, SINT, 0};
	struct route_info info;

	assert_int_equal(route_node_class.get(&fake->vm, key, &info), 0);
	return info;
}

static void fill_slot(void)
{
	__atomic_store_n(&fake_vm_slot(fake, 0, SINT)->header.type, 7, __ATOMIC_SEQ_CST);
}

static void write_msr(uint32_t index, uint64_t value)
{
	assert_int_equal(synic_msr_write(synic, index, value), HV_FAULT_NONE);
}

/* ---- states ------------------------------------------------------------ */

static void free_busy_posted_free(void **state)
{
	struct outcome outcome = {0};

	assert_int_equal(status().state, STAGED_FREE);
	fill_slot();
	assert_int_equal(post(1, SINT_POST_QUEUE, &outcome), 0);
	assert_int_equal(status().state, STAGED_BUSY);
	assert_true(status().slot_busy);
	assert_int_equal(status().status, -EAGAIN);
	fake_vm_consume(fake, 0, SINT);
	assert_int_equal(status().state, STAGED_POSTED);
	assert_int_equal(status().status, 0);
	assert_int_equal(outcome.count, 0);
	fake_vm_run_loop(fake);
	assert_int_equal(status().state, STAGED_FREE);
	assert_int_equal(outcome.count, 1);
	assert_int_equal(outcome.status, 0);
	assert_int_equal(fake_vm_recorded(fake, HV_EVENT_STAGED), 3);
}

static void a_post_while_not_free_is_refused_and_not_called_back(void **state)
{
	struct outcome first = {0}, second = {0};

	fill_slot();
	assert_int_equal(post(1, SINT_POST_QUEUE, &first), 0);
	assert_int_equal(post(2, SINT_POST_QUEUE, &second), -EAGAIN); /* BUSY */
	fake_vm_consume(fake, 0, SINT);
	assert_int_equal(post(2, SINT_POST_QUEUE, &second), -EAGAIN); /* POSTED */
	fake_vm_run_loop(fake);
	assert_int_equal(first.count, 1);
	assert_int_equal(second.count, 0);
	assert_int_equal(fake_vm_slot(fake, 0, SINT)->header.type, 1);
	assert_int_equal(info().refused, 2);
}

static void the_callback_may_post_at_once(void **state)
{
	struct outcome outcome = {.post_again = true, .again = -1};

	assert_int_equal(post(1, SINT_POST_QUEUE, &outcome), 0);
	fake_vm_run_loop(fake);
	assert_int_equal(outcome.again, 0);
	fake_vm_consume(fake, 0, SINT);
	fake_vm_run_loop(fake);
	assert_int_equal(outcome.count, 2);
	assert_int_equal(fake_vm_slot(fake, 0, SINT)->header.type, 99);
}

/* Every status of spec 4.2, by what happens to the message. */
static void each_end_of_a_message_has_its_status(void **state)
{
	static const struct {
		bool busy, no_page, fail_interrupt, consume, reset, cancel;
		enum sint_post_mode mode;
		int status;
	} rows[] = {
		{.mode = SINT_POST_QUEUE, .status = 0},
		{.mode = SINT_POST_ONCE, .status = 0},
		{.mode = SINT_POST_QUEUE, .fail_interrupt = true, .status = -EIO},
		{.mode = SINT_POST_ONCE, .no_page = true, .status = -ENXIO},
		{.mode = SINT_POST_ONCE, .busy = true, .consume = true, .status = -EAGAIN},
		{.mode = SINT_POST_QUEUE, .busy = true, .consume = true, .status = 0},
		{.mode = SINT_POST_QUEUE, .busy = true, .reset = true, .status = -ECANCELED},
		{.mode = SINT_POST_ONCE, .busy = true, .reset = true, .status = -ECANCELED},
		{.mode = SINT_POST_QUEUE, .no_page = true, .reset = true, .status = -ECANCELED},
		{.mode = SINT_POST_QUEUE, .busy = true, .cancel = true, .status = -ECANCELED},
	};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct outcome outcome = {0};

		if (rows[i].busy)
			fill_slot();
		if (rows[i].no_page)
			write_msr(HV_MSR_SIMP, 0);
		if (rows[i].fail_interrupt)
			fake_vm_fail(fake, FAKE_ASSERT, 1, -EIO);
		assert_int_equal(post(1, rows[i].mode, &outcome), 0);
		if (rows[i].consume)
			fake_vm_consume(fake, 0, SINT);
		if (rows[i].reset)
			synic_reset(synic);
		if (rows[i].cancel)
			sint_route_cancel(route);
		fake_vm_run_loop(fake);
		assert_int_equal(outcome.count, 1);
		assert_int_equal(outcome.status, rows[i].status);
		assert_int_equal(status().state, STAGED_FREE);
		synic_reset(synic);
		fake_vm_enable(fake, 0);
	}
}

static void reset_completes_a_posted_message_with_its_own_status(void **state)
{
	struct outcome outcome = {0};

	assert_int_equal(post(1, SINT_POST_QUEUE, &outcome), 0);
	synic_reset(synic); /* between delivery and completion */
	fake_vm_run_loop(fake);
	assert_int_equal(outcome.count, 1);
	assert_int_equal(outcome.status, 0);
}

static void a_full_fifo_takes_nothing(void **state)
{
	struct synic_entry others[1 + HV_MESSAGE_QUEUE_MAX] = {0};
	struct outcome outcome = {0};

	write_msr(HV_MSR_SIMP, 0);
	for (unsigned i = 0; i < HV_MESSAGE_QUEUE_MAX; i++) {
		others[i].message = message_of(1);
		assert_int_equal(synic_post(synic, SINT, &others[i]), 0);
	}
	assert_int_equal(post(2, SINT_POST_QUEUE, &outcome), -EAGAIN);
	assert_int_equal(status().state, STAGED_FREE);
	assert_int_equal(info().refcount, 1);
	for (unsigned i = 0; i < HV_MESSAGE_QUEUE_MAX; i++)
		assert_true(synic_withdraw(synic, SINT, &others[i]));
	assert_int_equal(post(2, SINT_POST_QUEUE, &outcome), 0);
	sint_route_cancel(route);
	fake_vm_run_loop(fake);
	assert_int_equal(outcome.count, 1);
}

static void a_bad_message_is_refused(void **state)
{
	struct outcome outcome = {0};

	assert_int_equal(post(0, SINT_POST_QUEUE, &outcome), -EINVAL);
	assert_int_equal(status().state, STAGED_FREE);
	fake_vm_run_loop(fake);
	assert_int_equal(outcome.count, 0);
}

/* ---- acks (R3, R4, R6) ----------------------------------------------------- */

static void acks_complete_nothing(void **state)
{
	struct outcome outcome = {0};

	write_msr(HV_MSR_EOM, 0); /* FREE */
	fake_vm_run_loop(fake);
	fill_slot();
	assert_int_equal(post(1, SINT_POST_ONCE, &outcome), 0);
	write_msr(HV_MSR_EOM, 0); /* BUSY, for another SINT: ours is still full */
	fake_vm_run_loop(fake);
	assert_int_equal(outcome.count, 0);
	assert_int_equal(status().state, STAGED_BUSY);
	fake_vm_consume(fake, 0, SINT);
	write_msr(HV_MSR_EOM, 0); /* POSTED */
	fake_vm_run_loop(fake);
	assert_int_equal(outcome.count, 1);
	assert_int_equal(info().acks, 4);
}

static void a_guest_that_never_writes_eom_does_not_stop_the_route(void **state)
{
	struct outcome outcome = {0};

	fill_slot();
	assert_int_equal(post(1, SINT_POST_QUEUE, &outcome), 0);
	__atomic_store_n(&fake_vm_slot(fake, 0, SINT)->header.type, 0, __ATOMIC_SEQ_CST);
	fake_vm_advance_ns(fake, NSEC_PER_MSEC);
	fake_vm_run_loop(fake);
	assert_int_equal(outcome.count, 1);
	assert_int_equal(outcome.status, 0);
}

/* ---- references ------------------------------------------------------------ */

static void a_sint_has_one_route(void **state)
{
	struct sint_route *again = get_route();

	assert_ptr_equal(again, route);
	assert_int_equal(info().refcount, 2);
	assert_null(sint_route_unref(again));
	assert_int_equal(info().refcount, 1);
}

static void a_message_in_flight_holds_the_route(void **state)
{
	struct outcome outcome = {0};

	fill_slot();
	assert_int_equal(post(1, SINT_POST_QUEUE, &outcome), 0);
	assert_int_equal(info().refcount, 2);
	sint_route_unref(route); /* the owner goes */
	assert_int_equal(info().refcount, 1);
	fake_vm_consume(fake, 0, SINT);
	fake_vm_run_loop(fake);
	assert_int_equal(outcome.count, 1);
	assert_int_equal(fake->vm.routes.count, 0);
	route = get_route();
}

static void a_route_for_nothing_is_refused(void **state)
{
	static const struct {
		uint32_t vp;
		uint8_t vtl, sint;
		int r;
	} rows[] = {
		{1, 0, SINT, -ENOENT},
		{UINT32_MAX, 0, SINT, -ENOENT},
		{0, HV_VTL_COUNT, SINT, -EINVAL},
		{0, UINT8_MAX, SINT, -EINVAL},
		{0, 0, HV_SINT_COUNT, -EINVAL},
		{0, 0, UINT8_MAX, -EINVAL},
	};
	struct sint_route *none;

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(
			sint_route_get(&fake->vm, rows[i].vp, rows[i].vtl, rows[i].sint, &none),
			rows[i].r);
	assert_null(sint_route_unref(NULL));
}

static void each_vtl_has_its_own_route(void **state)
{
	struct sint_route *other;

	assert_int_equal(sint_route_get(&fake->vm, 0, 2, SINT, &other), 0);
	assert_ptr_not_equal(other, route);
	assert_int_not_equal(sint_route_gsi(other), sint_route_gsi(route));
	sint_route_unref(other);
}

static int note_key(void *arg, const uint64_t *key, const void *info)
{
	const struct route_info *route_info = info;
	uint64_t **next = arg;

	assert_int_equal(route_info->sint, key[1]);
	*(*next)++ = key[1];
	return 0;
}

static void only_sints_with_a_route_are_listed(void **state)
{
	static const uint64_t key[NODE_MAX_KEYS + 1];
	uint64_t seen[HV_SINT_COUNT] = {0}, *next = seen;
	struct sint_route *other;

	assert_int_equal(sint_route_get(&fake->vm, 0, 0, 9, &other), 0);
	route_node_class.list(&fake->vm, key, 0, NULL, note_key, &next);
	assert_int_equal(next - seen, 2);
	assert_int_equal(seen[0], SINT);
	assert_int_equal(seen[1], 9);
	sint_route_unref(other);
}

/* ---- GSI and set ----------------------------------------------------------- */

static struct gsi_entry gsi_entry(void)
{
	return fake->gsi[sint_route_gsi(route) - GSI_FIRST];
}

static void the_msi_route_follows_the_sint(void **state)
{
	static const struct {
		uint32_t index;
		uint64_t value;
		enum gsi_kind kind;
		uint8_t vector;
	} rows[] = {
		{HV_MSR_SINT0 + SINT, 0xf3, GSI_MSI, 0xf3},
		{HV_MSR_SINT0 + SINT, HV_SINT_MASKED | 0xf3, GSI_NONE, 0},
		{HV_MSR_SINT0 + SINT, 0xf4, GSI_MSI, 0xf4},
		{HV_MSR_SINT0 + SINT, HV_SINT_AUTO_EOI | 0xf4, GSI_NONE, 0},
		{HV_MSR_SINT0 + SINT, HV_SINT_POLLING | 0xf4, GSI_NONE, 0},
		{HV_MSR_SINT0 + SINT, HV_SINT_PROXY | 0xf4, GSI_NONE, 0},
		{HV_MSR_SINT0 + SINT, 0xf5, GSI_MSI, 0xf5},
		{HV_MSR_SINT0 + SINT + 1, 0x99, GSI_MSI, 0xf5}, /* another SINT's */
		{HV_MSR_SCONTROL, 0, GSI_NONE, 0},
		{HV_MSR_SCONTROL, 1, GSI_MSI, 0xf5},
	};

	assert_int_equal(gsi_entry().kind, GSI_MSI);
	assert_int_equal(gsi_entry().vector, VECTOR);
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		write_msr(rows[i].index, rows[i].value);
		assert_int_equal(gsi_entry().kind, rows[i].kind);
		if (rows[i].kind == GSI_MSI)
			assert_int_equal(gsi_entry().vector, rows[i].vector);
	}
	synic_reset(synic);
	assert_int_equal(gsi_entry().kind, GSI_NONE);
}

static uint64_t drain(int fd)
{
	eventfd_t value = 0;

	return eventfd_read(fd, &value) < 0 ? 0 : value;
}

static void set_goes_through_the_eventfd_while_the_gsi_is_in_step(void **state)
{
	int fd = sint_route_set_fd(route);

	assert_int_equal(fake->irqfds[0].set_fd, fd);
	assert_int_equal(fake->irqfds[0].gsi, sint_route_gsi(route));
	assert_int_equal(sint_route_set(route), 0);
	assert_int_equal(drain(fd), 1);
	assert_int_equal(fake_vm_asserted_in_all(fake), 0);
	assert_int_equal(info().sets, 1);
}

static void set_goes_the_direct_way_otherwise(void **state)
{
	int fd = sint_route_set_fd(route);

	write_msr(HV_MSR_SINT0 + SINT, HV_SINT_AUTO_EOI | VECTOR);
	assert_int_equal(sint_route_set(route), 0);
	assert_true(fake->vectors[0].auto_eoi);
	/* A table the backend does not take: the GSI still points to the old vector. */
	fake_vm_fail(fake, FAKE_COMMIT, 1, -ENOMEM);
	write_msr(HV_MSR_SINT0 + SINT, 0x71);
	assert_int_equal(sint_route_set(route), 0);
	assert_int_equal(fake_vm_asserted(fake, 0, 0x71), 1);
	assert_int_equal(drain(fd), 0);
	/* The next change that is taken brings it back into step. */
	write_msr(HV_MSR_SINT0 + SINT, 0x72);
	assert_int_equal(sint_route_set(route), 0);
	assert_int_equal(drain(fd), 1);
}

/* Another VP writes the SINT back at the very moment the table is being replaced. */
static int commit_while_the_sint_is_written_back(
	struct vm *vm, const struct gsi_entry *entries, uint32_t first_gsi, uint32_t count)
{
	pthread_mutex_lock(&synic->lock);
	synic->sint[SINT].msr = VECTOR;
	pthread_mutex_unlock(&synic->lock);
	assert_int_equal(sint_route_set(route), 0);
	return 0;
}

static void set_goes_the_direct_way_while_the_table_changes(void **state)
{
	fake->accel.gsi_commit = commit_while_the_sint_is_written_back;
	write_msr(HV_MSR_SINT0 + SINT, 0x71);
	assert_int_equal(fake_vm_asserted(fake, 0, VECTOR), 1);
	assert_int_equal(drain(sint_route_set_fd(route)), 0);
}

static void set_answers_with_the_obstacle(void **state)
{
	write_msr(HV_MSR_SINT0 + SINT, HV_SINT_MASKED | VECTOR);
	assert_int_equal(sint_route_set(route), -EPERM);
	write_msr(HV_MSR_SCONTROL, 0);
	assert_int_equal(sint_route_set(route), -ENXIO);
	assert_int_equal(fake_vm_asserted_in_all(fake), 0);
	assert_int_equal(info().sets, 0);
}

static void without_irqfd_set_is_direct(void **state)
{
	assert_int_equal(sint_route_set_fd(route), -1);
	assert_int_equal(sint_route_set(route), 0);
	assert_int_equal(fake_vm_asserted(fake, 0, VECTOR), 1);
}

static void the_gsi_stays_the_sints_for_the_vms_life(void **state)
{
	uint32_t gsi = sint_route_gsi(route);

	for (unsigned i = 0; i < 3 * GSI_COUNT; i++) {
		sint_route_unref(route);
		route = get_route();
		assert_int_equal(sint_route_gsi(route), gsi);
	}
}

static void a_dropped_route_leaves_its_gsi_unrouted(void **state)
{
	uint32_t gsi = sint_route_gsi(route);

	sint_route_unref(route);
	assert_int_equal(fake->gsi[gsi - GSI_FIRST].kind, GSI_NONE);
	assert_false(fake->irqfds[0].bound);
	route = get_route();
}

static void a_route_that_cannot_be_bound_is_not_made(void **state)
{
	struct sint_route *none;

	fake_vm_fail(fake, FAKE_IRQFD, 1, -EBUSY);
	assert_int_equal(sint_route_get(&fake->vm, 0, 0, SINT + 1, &none), -EBUSY);
	assert_int_equal(fake->vm.routes.count, 1);
	assert_int_equal(sint_route_get(&fake->vm, 0, 0, SINT + 1, &none), 0);
	sint_route_unref(none);
}

static void the_ack_eventfd_tells_each_eom_once_asked_for(void **state)
{
	int fd;

	write_msr(HV_MSR_EOM, 0);
	assert_false(info().ack);
	fd = sint_route_ack_fd(route);
	assert_true(fd >= 0);
	assert_int_equal(sint_route_ack_fd(route), fd);
	assert_true(info().ack);
	assert_int_equal(drain(fd), 0);
	write_msr(HV_MSR_EOM, 0);
	write_msr(HV_MSR_EOM, 0);
	assert_int_equal(drain(fd), 2);
	assert_int_equal(info().acks, 3);
}

static void an_ack_eventfd_at_its_limit_does_not_block_the_guest(void **state)
{
	int fd = sint_route_ack_fd(route);

	assert_int_equal(eventfd_write(fd, UINT64_MAX - 1), 0);
	write_msr(HV_MSR_EOM, 0);
	assert_int_equal(drain(fd), UINT64_MAX - 1);
}

static void a_set_eventfd_at_its_limit_counts_as_set(void **state)
{
	assert_int_equal(eventfd_write(sint_route_set_fd(route), UINT64_MAX - 1), 0);
	assert_int_equal(sint_route_set(route), 0);
}

#define TEST(name)       cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_IRQFD(name) cmocka_unit_test_setup_teardown(name, setup_irqfd, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(free_busy_posted_free),
		TEST(a_post_while_not_free_is_refused_and_not_called_back),
		TEST(the_callback_may_post_at_once),
		TEST(each_end_of_a_message_has_its_status),
		TEST(reset_completes_a_posted_message_with_its_own_status),
		TEST(a_full_fifo_takes_nothing),
		TEST(a_bad_message_is_refused),
		TEST(acks_complete_nothing),
		TEST(a_guest_that_never_writes_eom_does_not_stop_the_route),
		TEST(a_sint_has_one_route),
		TEST(a_message_in_flight_holds_the_route),
		TEST(a_route_for_nothing_is_refused),
		TEST(each_vtl_has_its_own_route),
		TEST(only_sints_with_a_route_are_listed),
		TEST_IRQFD(the_msi_route_follows_the_sint),
		TEST_IRQFD(set_goes_through_the_eventfd_while_the_gsi_is_in_step),
		TEST_IRQFD(set_goes_the_direct_way_otherwise),
		TEST_IRQFD(set_goes_the_direct_way_while_the_table_changes),
		TEST_IRQFD(set_answers_with_the_obstacle),
		TEST(without_irqfd_set_is_direct),
		TEST_IRQFD(the_gsi_stays_the_sints_for_the_vms_life),
		TEST_IRQFD(a_dropped_route_leaves_its_gsi_unrouted),
		TEST_IRQFD(a_route_that_cannot_be_bound_is_not_made),
		TEST(the_ack_eventfd_tells_each_eom_once_asked_for),
		TEST(an_ack_eventfd_at_its_limit_does_not_block_the_guest),
		TEST_IRQFD(a_set_eventfd_at_its_limit_counts_as_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
