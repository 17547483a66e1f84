/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Monitor pages: which bits become signals, what the guest may not influence, the thread. */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>
#include "fake_vm.h"
#include "vmm/vm.h"

enum { PAGE_GPA = 0x9000, OTHER_GPA = 0xa000, CONNECTION = 0x50 };

struct receiver {
	_Atomic unsigned calls;
	uint16_t flag;
	struct vcpu *caller;
};

static enum hv_status on_event(void *arg, struct vcpu *caller, uint16_t flag)
{
	struct receiver *receiver = arg;

	receiver->flag = flag;
	receiver->caller = caller;
	receiver->calls++;
	return HV_STATUS_SUCCESS;
}

static struct port *add(struct vm *vm, uint32_t id, uint8_t monitor_id, struct receiver *receiver)
{
	struct port_spec spec = {
		.connection_id = id,
		.type = PORT_MONITOR,
		.owner = "test",
		.monitor_id = monitor_id,
		.monitor_latency = 2000,
		.on_event = on_event,
		.arg = receiver,
	};
	struct port *port = NULL;

	assert_int_equal(ports_add(&vm->ports, &spec, &port), 0);
	return port;
}

static struct hv_monitor_page *page_at(struct vm *vm, uint64_t gpa)
{
	return guest_memory_at(&vm->memory, gpa, HV_PAGE_SIZE);
}

static void set_bit(struct vm *vm, unsigned id)
{
	__atomic_fetch_or(
		&page_at(vm, PAGE_GPA)->group[id / 32].pending, 1u << id % 32, __ATOMIC_SEQ_CST);
}

/* Without its thread, so that each test says when a pass happens. */
static int setup(void **state)
{
	struct vm *vm = &fake_vm_new(2, FAKE_WITH_TSC)->vm;

	*state = vm;
	vm->monitor.page_gpa = PAGE_GPA;
	vm->monitor.started = true;
	return 0;
}

static int teardown(void **state)
{
	((struct vm *)*state)->monitor.started = false;
	fake_vm_free(fake_vm_of(*state));
	return 0;
}

static void a_pending_bit_signals_its_port_with_flag_0(void **state)
{
	struct vm *vm = *state;
	struct receiver receiver = {.flag = 9};
	struct port *port = add(vm, CONNECTION, 37, &receiver);

	set_bit(vm, 37);
	assert_int_equal(monitor_service(&vm->monitor), 1);
	assert_int_equal(receiver.calls, 1);
	assert_int_equal(receiver.flag, 0);
	assert_null(receiver.caller);
	assert_int_equal(page_at(vm, PAGE_GPA)->group[1].pending, 0);
	assert_int_equal(monitor_service(&vm->monitor), 0);
	port_release(port);
}

static void all_128_monitors_are_told_apart(void **state)
{
	struct vm *vm = *state;
	struct receiver receiver[HV_MONITOR_COUNT] = {0};
	struct port *port[HV_MONITOR_COUNT];

	for (unsigned id = 0; id < HV_MONITOR_COUNT; id++) {
		port[id] = add(vm, CONNECTION + id, id, &receiver[id]);
		set_bit(vm, id);
	}
	assert_int_equal(monitor_service(&vm->monitor), HV_MONITOR_COUNT);
	for (unsigned id = 0; id < HV_MONITOR_COUNT; id++) {
		assert_int_equal(receiver[id].calls, 1);
		port_release(port[id]);
	}
}

static void bits_without_a_monitor_are_dropped(void **state)
{
	struct vm *vm = *state;
	struct receiver receiver = {0};
	struct port *port = add(vm, CONNECTION, 3, &receiver);

	page_at(vm, PAGE_GPA)->group[0].pending = ~(1u << 3);
	page_at(vm, PAGE_GPA)->group[2].pending = UINT32_MAX;
	assert_int_equal(monitor_service(&vm->monitor), 0);
	assert_int_equal(receiver.calls, 0);
	assert_int_equal(page_at(vm, PAGE_GPA)->group[0].pending, 0);
	port_release(port);
}

static void the_guest_cannot_redirect_a_monitor(void **state)
{
	struct vm *vm = *state;
	struct receiver mine = {0}, other = {0};
	struct port *port = add(vm, CONNECTION, 0, &mine);
	struct port *other_port = add(vm, CONNECTION + 1, 64, &other);

	page_at(vm, PAGE_GPA)->parameter[0][0].connection_id = CONNECTION + 1;
	page_at(vm, PAGE_GPA)->parameter[0][0].flag_number = 7;
	page_at(vm, PAGE_GPA)->trigger_state = 0;
	set_bit(vm, 0);
	assert_int_equal(monitor_service(&vm->monitor), 1);
	assert_int_equal(mine.calls, 1);
	assert_int_equal(mine.flag, 0);
	assert_int_equal(other.calls, 0);
	port_release(port);
	port_release(other_port);
}

static void the_page_tells_groups_parameters_and_latencies(void **state)
{
	struct vm *vm = *state;
	struct receiver receiver = {0};
	struct port *port = add(vm, CONNECTION, 70, &receiver);
	struct hv_monitor_page *page = page_at(vm, PAGE_GPA);

	assert_int_equal(page->trigger_state, 1 << 2);
	assert_int_equal(page->parameter[2][6].connection_id, CONNECTION);
	assert_int_equal(page->latency[2][6], 2000);
	port_release(port);
	assert_int_equal(page->trigger_state, 0);
	assert_int_equal(page->parameter[2][6].connection_id, 0);
}

static void a_page_given_later_is_filled(void **state)
{
	struct vm *vm = *state;
	struct receiver receiver = {0};
	struct port *port;

	assert_int_equal(monitor_set_page(&vm->monitor, UINT64_MAX), 0);
	port = add(vm, CONNECTION, 1, &receiver);
	assert_int_equal(monitor_set_page(&vm->monitor, OTHER_GPA), 0);
	assert_int_equal(page_at(vm, OTHER_GPA)->trigger_state, 1);
	assert_int_equal(page_at(vm, OTHER_GPA)->parameter[0][1].connection_id, CONNECTION);
	port_release(port);
}

static void a_page_outside_ram_or_unaligned_is_refused(void **state)
{
	struct vm *vm = *state;

	assert_int_equal(monitor_set_page(&vm->monitor, UINT64_C(1) << 45), -EFAULT);
	assert_int_equal(monitor_set_page(&vm->monitor, UINT64_MAX - 1), -EFAULT);
	assert_int_equal(monitor_set_page(&vm->monitor, PAGE_GPA + 8), -EFAULT);
	assert_int_equal(vm->monitor.page_gpa, PAGE_GPA);
}

static void the_page_cannot_move_under_monitors(void **state)
{
	struct vm *vm = *state;
	struct receiver receiver = {0};
	struct port *port = add(vm, CONNECTION, 1, &receiver);

	assert_int_equal(monitor_set_page(&vm->monitor, OTHER_GPA), -EBUSY);
	assert_int_equal(monitor_set_page(&vm->monitor, PAGE_GPA), 0);
	assert_int_equal(monitor_set_page(&vm->monitor, UINT64_MAX), 0);
	set_bit(vm, 1);
	assert_int_equal(monitor_service(&vm->monitor), 0);
	port_release(port);
}

static void a_monitor_id_is_given_once(void **state)
{
	struct vm *vm = *state;

	assert_int_equal(monitor_add(&vm->monitor, 5, 1, 0, 0), 0);
	assert_int_equal(monitor_add(&vm->monitor, 5, 2, 0, 0), -EEXIST);
	assert_int_equal(monitor_add(&vm->monitor, HV_MONITOR_COUNT, 2, 0, 0), -EINVAL);
	monitor_remove(&vm->monitor, 5);
	monitor_remove(&vm->monitor, 5);
	monitor_remove(&vm->monitor, 255);
	assert_int_equal(vm->monitor.used, 0);
}

static int count_visits(void *arg, const uint64_t *key, const void *info)
{
	assert_int_equal(((const struct monitor_info *)info)->monitor_id, *key);
	++*(unsigned *)arg;
	return 0;
}

static void a_node_counts_hits(void **state)
{
	struct vm *vm = *state;
	struct receiver receiver = {0};
	struct port *port = add(vm, CONNECTION, 9, &receiver);
	struct monitor_info info;
	unsigned visits = 0;

	set_bit(vm, 9);
	monitor_service(&vm->monitor);
	assert_int_equal(monitor_node_class.get(vm, &(uint64_t){9}, &info), 0);
	assert_int_equal(info.hits, 1);
	assert_int_equal(info.connection_id, CONNECTION);
	assert_int_equal(info.latency_100ns, 2000);
	assert_int_equal(info.page_gpa, PAGE_GPA);
	assert_int_equal(monitor_node_class.get(vm, &(uint64_t){8}, &info), -ENOENT);
	assert_int_equal(monitor_node_class.get(vm, &(uint64_t){128}, &info), -ENOENT);
	monitor_node_class.list(vm, NULL, 0, NULL, count_visits, &visits);
	assert_int_equal(visits, 1);
	monitor_node_class.list(vm, NULL, 0, &(uint64_t){9}, count_visits, &visits);
	assert_int_equal(visits, 1);
	port_release(port);
}

/* ---- the thread ----------------------------------------------------------- */

static int setup_threaded(void **state)
{
	*state = &fake_vm_new(2, FAKE_WITH_TSC)->vm;
	return 0;
}

static int teardown_threaded(void **state)
{
	fake_vm_free(fake_vm_of(*state));
	return 0;
}

static void the_thread_starts_when_needed_and_services_bits(void **state)
{
	struct vm *vm = *state;
	struct receiver receiver = {0};
	struct port *port;

	assert_false(vm->monitor.started);
	assert_int_equal(monitor_set_page(&vm->monitor, PAGE_GPA), 0);
	assert_false(vm->monitor.started);
	port = add(vm, CONNECTION, 0, &receiver);
	assert_true(vm->monitor.started);
	for (unsigned round = 1; round <= 3; round++) {
		set_bit(vm, 0);
		while (receiver.calls < round)
			sched_yield();
	}
	port_release(port);
}

static void the_thread_comes_back_for_a_later_monitor(void **state)
{
	struct vm *vm = *state;

	assert_int_equal(monitor_set_page(&vm->monitor, PAGE_GPA), 0);
	for (unsigned round = 0; round < 5; round++) {
		struct receiver receiver = {0};
		struct port *port = add(vm, CONNECTION, 7, &receiver);

		set_bit(vm, 7);
		while (!receiver.calls)
			sched_yield();
		port_release(port);
		assert_int_equal(monitor_set_page(&vm->monitor, UINT64_MAX), 0);
		assert_int_equal(monitor_set_page(&vm->monitor, PAGE_GPA), 0);
	}
}

#define THREADED(name) cmocka_unit_test_setup_teardown(name, setup_threaded, teardown_threaded)
#define TEST(name)     cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_pending_bit_signals_its_port_with_flag_0),
		TEST(all_128_monitors_are_told_apart),
		TEST(bits_without_a_monitor_are_dropped),
		TEST(the_guest_cannot_redirect_a_monitor),
		TEST(the_page_tells_groups_parameters_and_latencies),
		TEST(a_page_given_later_is_filled),
		TEST(a_page_outside_ram_or_unaligned_is_refused),
		TEST(the_page_cannot_move_under_monitors),
		TEST(a_monitor_id_is_given_once),
		TEST(a_node_counts_hits),
		THREADED(the_thread_starts_when_needed_and_services_bits),
		THREADED(the_thread_comes_back_for_a_later_monitor),
	};

	return cmocka_run_group_tests_name("monitor", tests, NULL, NULL);
}
