/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The injector: what is refused, what waits, what is told, in order and once. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "fake_vm.h"
#include "hvdef/hv_msr.h"
#include "vmm/inject.h"

enum { SINT = 2, VECTOR = FAKE_VECTOR + SINT };

struct told {
	unsigned count;
	struct inject_result result;
	unsigned order; /* 1 for the first to be told */
};

static struct fake_vm *fake;
static struct synic *synic;
static struct injector *injector;
static unsigned told_in_all;

static int setup(void **state)
{
	fake = fake_vm_new(1, 0);
	synic = fake_vm_synic(fake, 0);
	fake_vm_enable(fake, 0);
	assert_int_equal(injector_new(&fake->vm, &injector), 0);
	told_in_all = 0;
	return 0;
}

static int teardown(void **state)
{
	injector = injector_free(injector);
	fake_vm_free(fake);
	return 0;
}

static void on_done(void *arg, const struct inject_result *result)
{
	struct told *told = arg;

	told->count++;
	told->result = *result;
	told->order = ++told_in_all;
}

static struct inject_request request(uint32_t type)
{
	return (struct inject_request){.sint = SINT, .type = type, .payload_size = 8};
}

static int start(const struct inject_request *request, struct told *told)
{
	struct inject_result refusal = {0};
	int r = inject_start(injector, request, on_done, told, &refusal);

	if (r == 1)
		told->result = refusal;
	return r;
}

static void write_msr(uint32_t index, uint64_t value)
{
	assert_int_equal(synic_msr_write(synic, index, value), HV_FAULT_NONE);
}

static uint32_t slot_type(void)
{
	return fake_vm_slot(fake, 0, SINT)->header.type;
}

static void fill_slot(void)
{
	__atomic_store_n(&fake_vm_slot(fake, 0, SINT)->header.type, 7, __ATOMIC_SEQ_CST);
}

static void a_message_is_delivered_and_told_on_the_main_loop(void **state)
{
	struct inject_request message = request(1);
	struct told told = {0};

	message.payload[0] = 0x5a;
	assert_int_equal(start(&message, &told), 0);
	assert_int_equal(slot_type(), 1);
	assert_int_equal(fake_vm_slot(fake, 0, SINT)->payload[0], 0x5a);
	assert_int_equal(told.count, 0);
	clock_manual_advance(&fake->clock, 700);
	fake_vm_run_loop(fake);
	assert_int_equal(told.count, 1);
	assert_int_equal(told.result.outcome, INJECT_DELIVERED);
	assert_int_equal(told.result.latency_ns, 700);
}

/* What is refused by a start is foretold by a check. */
static void a_request_is_refused_for_a_reason(void **state)
{
	static const struct {
		struct inject_request request;
		uint32_t msr;
		uint64_t value;
		enum inject_outcome outcome;
		int status;
	} rows[] = {
		{{.vp = 1, .type = 1}, 0, 0, INJECT_NO_VP, -ENOENT},
		{{.vp = UINT32_MAX, .type = 1}, 0, 0, INJECT_NO_VP, -ENOENT},
		{{.vtl = 3, .type = 1}, 0, 0, INJECT_INVALID, -EINVAL},
		{{.vtl = UINT8_MAX, .type = 1}, 0, 0, INJECT_INVALID, -EINVAL},
		{{.sint = 16, .type = 1}, 0, 0, INJECT_INVALID, -EINVAL},
		{{.sint = UINT8_MAX, .assert_only = true}, 0, 0, INJECT_INVALID, -EINVAL},
		{{.type = 0}, 0, 0, INJECT_INVALID, -EINVAL},
		{{.type = 1, .payload_size = 241}, 0, 0, INJECT_INVALID, -EINVAL},
		{{.type = 1, .payload_size = SIZE_MAX}, 0, 0, INJECT_INVALID, -EINVAL},
		{{.vtl = 1, .type = 1}, 0, 0, INJECT_SYNIC_DISABLED, -ENXIO},
		{{.vtl = 1, .assert_only = true}, 0, 0, INJECT_SYNIC_DISABLED, -ENXIO},
		{{.type = 1}, HV_MSR_SCONTROL, 0, INJECT_SYNIC_DISABLED, -ENXIO},
		{{.type = 1}, HV_MSR_SIMP, 0, INJECT_SIMP_DISABLED, -ENXIO},
		{{.type = 1}, HV_MSR_SINT0, HV_SINT_MASKED, INJECT_SINT_MASKED, -EPERM},
		{{.assert_only = true}, HV_MSR_SINT0, HV_SINT_MASKED, INJECT_SINT_MASKED, -EPERM},
		{{.assert_only = true}, HV_MSR_SINT0, HV_SINT_POLLING | 32, INJECT_SINT_MASKED,
			-EPERM},
		{{.assert_only = true, .force = true}, HV_MSR_SCONTROL, 0, INJECT_SYNIC_DISABLED,
			-ENXIO},
	};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct inject_result check;
		struct told told = {0};

		if (rows[i].msr)
			write_msr(rows[i].msr, rows[i].value);
		inject_check(&fake->vm, &rows[i].request, &check);
		assert_int_equal(check.outcome, rows[i].outcome);
		assert_int_equal(check.status, rows[i].status);
		assert_int_equal(start(&rows[i].request, &told), 1);
		assert_int_equal(told.result.outcome, rows[i].outcome);
		assert_int_equal(told.result.status, rows[i].status);
		fake_vm_run_loop(fake);
		assert_int_equal(told.count, 0);
		fake_vm_enable(fake, 0);
	}
}

static void a_check_changes_nothing(void **state)
{
	struct inject_request message = request(1);
	struct inject_result result;

	inject_check(&fake->vm, &message, &result);
	assert_int_equal(result.outcome, INJECT_DELIVERED);
	assert_int_equal(slot_type(), 0);
	fill_slot();
	inject_check(&fake->vm, &message, &result);
	assert_int_equal(result.outcome, INJECT_BUSY);
	assert_int_equal(fake_vm_slot(fake, 0, SINT)->header.flags, 0);
	message.assert_only = true;
	inject_check(&fake->vm, &message, &result);
	assert_int_equal(result.outcome, INJECT_ASSERTED);
	assert_int_equal(fake_vm_asserted_in_all(fake), 0);
}

static void a_stuck_slot_is_busy_and_the_message_arrives_once_it_is_freed(void **state)
{
	struct inject_request message = request(1);
	struct told told = {0};

	fill_slot();
	assert_int_equal(start(&message, &told), 0);
	fake_vm_run_loop(fake);
	assert_int_equal(told.count, 0);
	assert_int_equal(fake_vm_slot(fake, 0, SINT)->header.flags, HV_MESSAGE_FLAG_PENDING);
	fake_vm_consume(fake, 0, SINT);
	fake_vm_run_loop(fake);
	assert_int_equal(slot_type(), 1);
	assert_int_equal(told.count, 1);
	assert_int_equal(told.result.outcome, INJECT_DELIVERED);
}

static void messages_of_a_lane_arrive_in_order_of_starting(void **state)
{
	struct told told[INJECT_LANE_MAX] = {0};

	fill_slot();
	for (unsigned i = 0; i < INJECT_LANE_MAX; i++) {
		struct inject_request message = request(100 + i);

		assert_int_equal(start(&message, &told[i]), 0);
	}
	for (unsigned i = 0; i < INJECT_LANE_MAX; i++) {
		fake_vm_consume(fake, 0, SINT);
		fake_vm_run_loop(fake);
		assert_int_equal(slot_type(), 100 + i);
		assert_int_equal(told[i].order, i + 1);
		assert_int_equal(told[i].result.queue_depth, INJECT_LANE_MAX - 1 - i);
	}
}

static void a_full_lane_refuses(void **state)
{
	struct inject_request message = request(1);
	static struct told told; /* told at the teardown, too */

	fill_slot();
	for (unsigned i = 0; i < INJECT_LANE_MAX; i++)
		assert_int_equal(start(&message, &told), 0);
	assert_int_equal(start(&message, &told), 1);
	assert_int_equal(told.result.outcome, INJECT_QUEUE_FULL);
	message.sint++;
	assert_int_equal(start(&message, &told), 0); /* another lane has room */
}

static void all_lanes_together_have_a_limit(void **state)
{
	static struct told told; /* told at the teardown, too */
	unsigned started = 0;

	for (uint8_t sint = 0; sint < HV_SINT_COUNT; sint++) {
		for (uint8_t vtl = 0; vtl < HV_VTL_COUNT; vtl++) {
			struct inject_request message = {
				.vtl = vtl, .sint = sint, .type = 1, .force = true};

			while (start(&message, &told) == 0)
				started++;
			assert_int_equal(told.result.outcome, INJECT_QUEUE_FULL);
		}
	}
	assert_int_equal(started, INJECT_TOTAL_MAX);
	fake_vm_run_loop(fake); /* what was delivered and told makes room */
	assert_int_equal(start(&(struct inject_request){.type = 1}, &told), 0);
}

static void force_queues_for_a_synic_that_is_off(void **state)
{
	struct inject_request message = request(1);
	struct told told = {0};

	message.force = true;
	write_msr(HV_MSR_SIMP, 0);
	assert_int_equal(start(&message, &told), 0);
	fake_vm_run_loop(fake);
	assert_int_equal(told.count, 0);
	write_msr(HV_MSR_SIMP, FAKE_SIMP_GPA | 1);
	fake_vm_run_loop(fake);
	assert_int_equal(told.result.outcome, INJECT_DELIVERED);
}

static void assert_only_raises_the_vector_without_a_message(void **state)
{
	struct inject_request assert_it = {.sint = SINT, .assert_only = true};
	struct told told = {0};

	assert_int_equal(start(&assert_it, &told), 0);
	assert_int_equal(fake_vm_asserted(fake, 0, VECTOR), 1);
	assert_int_equal(slot_type(), 0);
	assert_int_equal(told.count, 0);
	fake_vm_run_loop(fake);
	assert_int_equal(told.count, 1);
	assert_int_equal(told.result.outcome, INJECT_ASSERTED);
}

static void a_failed_interrupt_is_told(void **state)
{
	struct inject_request message = request(1);
	struct told told = {0};

	fake_vm_fail(fake, FAKE_ASSERT, 1, -EIO);
	assert_int_equal(start(&message, &told), 0);
	fake_vm_run_loop(fake);
	assert_int_equal(told.result.outcome, INJECT_FAILED);
	assert_int_equal(told.result.status, -EIO);
}

static void a_reset_cancels_the_whole_lane(void **state)
{
	struct inject_request message = request(1);
	struct told told[3] = {0};

	fill_slot();
	for (unsigned i = 0; i < ARRAY_LEN(told); i++)
		assert_int_equal(start(&message, &told[i]), 0);
	synic_reset(synic);
	fake_vm_enable(fake, 0);
	fake_vm_run_loop(fake);
	for (unsigned i = 0; i < ARRAY_LEN(told); i++) {
		assert_int_equal(told[i].count, 1);
		assert_int_equal(told[i].result.outcome, INJECT_CANCELED);
	}
	assert_int_equal(slot_type(), 0);
}

static void a_forgotten_request_is_delivered_and_not_told(void **state)
{
	struct inject_request message = request(1);
	struct told told = {0};

	fill_slot();
	assert_int_equal(start(&message, &told), 0);
	assert_true(inject_forget(injector, &told));
	assert_false(inject_forget(injector, &told));
	fake_vm_consume(fake, 0, SINT);
	fake_vm_run_loop(fake);
	assert_int_equal(slot_type(), 1);
	assert_int_equal(told.count, 0);
}

static void a_request_that_was_told_cannot_be_forgotten(void **state)
{
	struct inject_request message = request(1);
	struct told told = {0};

	assert_int_equal(start(&message, &told), 0);
	fake_vm_run_loop(fake);
	assert_false(inject_forget(injector, &told));
}

static void ignore(struct sint_route *route, int status, void *arg)
{
}

/* Somebody else's message is staged in the same route. */
static void a_route_in_use_is_tried_again(void **state)
{
	struct inject_request mine = request(1);
	struct hv_message other = {.header.type = 50};
	struct sint_route *route;
	struct told told = {0};

	assert_int_equal(sint_route_get(&fake->vm, 0, 0, SINT, &route), 0);
	fill_slot();
	assert_int_equal(sint_route_post(route, &other, SINT_POST_QUEUE, ignore, NULL), 0);
	assert_int_equal(start(&mine, &told), 0);
	fake_vm_consume(fake, 0, SINT);
	fake_vm_run_loop(fake);
	assert_int_equal(slot_type(), 50);
	inject_pump(injector); /* what the retry timer does */
	fake_vm_consume(fake, 0, SINT);
	fake_vm_run_loop(fake);
	assert_int_equal(slot_type(), 1);
	assert_int_equal(told.count, 1);
	sint_route_unref(route);
}

static void freeing_the_injector_cancels_and_tells_everybody(void **state)
{
	struct inject_request message = request(1);
	struct told told[3] = {0};

	fill_slot();
	for (unsigned i = 0; i < ARRAY_LEN(told); i++)
		assert_int_equal(start(&message, &told[i]), 0);
	injector = injector_free(injector);
	for (unsigned i = 0; i < ARRAY_LEN(told); i++) {
		assert_int_equal(told[i].count, 1);
		assert_int_equal(told[i].result.outcome, INJECT_CANCELED);
	}
	fake_vm_run_loop(fake);
	assert_int_equal(fake->vm.routes.count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_message_is_delivered_and_told_on_the_main_loop),
		TEST(a_request_is_refused_for_a_reason),
		TEST(a_check_changes_nothing),
		TEST(a_stuck_slot_is_busy_and_the_message_arrives_once_it_is_freed),
		TEST(messages_of_a_lane_arrive_in_order_of_starting),
		TEST(a_full_lane_refuses),
		TEST(all_lanes_together_have_a_limit),
		TEST(force_queues_for_a_synic_that_is_off),
		TEST(assert_only_raises_the_vector_without_a_message),
		TEST(a_failed_interrupt_is_told),
		TEST(a_reset_cancels_the_whole_lane),
		TEST(a_forgotten_request_is_delivered_and_not_told),
		TEST(a_request_that_was_told_cannot_be_forgotten),
		TEST(a_route_in_use_is_tried_again),
		TEST(freeing_the_injector_cancels_and_tells_everybody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
