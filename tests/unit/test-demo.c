/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The demo's host ports: who is answered, where, and what happens when nobody takes it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>
#include "fake_vm.h"
#include "hvdef/hv_msr.h"
#include "vmm/dev/demo.h"
#include "vmm/guest_port.h"
#include "vmm/vm.h"

enum { VECTOR = 0x60, SIMP_GPA = 0x20000, SIEFP_GPA = 0x21000 };

static struct demo *demo;

static int setup(void **state)
{
	struct vm *vm = &fake_vm_new(2, FAKE_WITH_TSC)->vm;

	*state = vm;
	if (demo_new(vm, &demo))
		return -1;
	for (uint32_t vp = 0; vp < 2; vp++) {
		uint64_t pages = vp * 2 * HV_PAGE_SIZE | HV_PAGE_ENABLE;

		if (hv_msr_write(vm->vcpu[vp], 0, HV_MSR_SCONTROL, 1) ||
			hv_msr_write(vm->vcpu[vp], 0, HV_MSR_SIMP, SIMP_GPA + pages) ||
			hv_msr_write(vm->vcpu[vp], 0, HV_MSR_SIEFP, SIEFP_GPA + pages) ||
			hv_msr_write(vm->vcpu[vp], 0, HV_MSR_SINT0 + DEMO_SINT, VECTOR))
			return -1;
	}
	return 0;
}

static int teardown(void **state)
{
	demo = demo_free(demo);
	fake_vm_run_loop(fake_vm_of(*state));
	fake_vm_free(fake_vm_of(*state));
	return 0;
}

static struct hv_message *slot(struct vm *vm, uint32_t vp)
{
	return guest_memory_at(&vm->memory,
		SIMP_GPA + vp * 2 * HV_PAGE_SIZE + DEMO_SINT * HV_MESSAGE_SIZE, HV_MESSAGE_SIZE);
}

static uint64_t flags(struct vm *vm, uint32_t vp)
{
	const struct hv_event_flags_page *page = guest_memory_at(
		&vm->memory, SIEFP_GPA + vp * 2 * HV_PAGE_SIZE, HV_PAGE_SIZE);

	return page->sint[DEMO_SINT].word[0];
}

static enum hv_status post(struct vm *vm, struct vcpu *caller, uint32_t type)
{
	const struct hv_post_message_input input = {
		.connection_id = DEMO_MESSAGE_PORT,
		.message_type = type,
		.payload_size = 5,
		.payload = "hello",
	};

	return ports_post_message(&vm->ports, caller, 0, &input);
}

static void a_message_is_echoed_to_the_calling_vp(void **state)
{
	struct vm *vm = *state;

	assert_int_equal(post(vm, vm->vcpu[1], 9), HV_STATUS_SUCCESS);
	assert_int_equal(slot(vm, 0)->header.type, 0);
	assert_int_equal(slot(vm, 1)->header.type, 9);
	assert_int_equal(slot(vm, 1)->header.payload_size, 5);
	assert_memory_equal(slot(vm, 1)->payload, "hello", 5);
	assert_int_equal(fake_vm_asserted(fake_vm_of(vm), 1, VECTOR), 1);
}

static void a_post_of_the_api_is_answered_on_vp_0(void **state)
{
	struct vm *vm = *state;

	assert_int_equal(post(vm, NULL, 7), HV_STATUS_SUCCESS);
	assert_int_equal(slot(vm, 0)->header.type, 7);
}

static void an_event_sets_its_flag_on_the_calling_vp(void **state)
{
	struct vm *vm = *state;

	assert_int_equal(ports_signal_event(&vm->ports, vm->vcpu[1], 0, DEMO_EVENT_PORT, 0),
		HV_STATUS_SUCCESS);
	assert_int_equal(flags(vm, 0), 0);
	assert_int_equal(flags(vm, 1), BIT64(DEMO_EVENT_FLAG));
	/* Already set is success too. */
	assert_int_equal(ports_signal_event(&vm->ports, vm->vcpu[1], 0, DEMO_EVENT_PORT, 0),
		HV_STATUS_SUCCESS);
	assert_int_equal(fake_vm_asserted(fake_vm_of(vm), 1, VECTOR), 1);
}

static void the_monitor_port_sets_its_own_flag(void **state)
{
	struct vm *vm = *state;

	assert_true(vm->monitor.slot[0].used);
	assert_int_equal(
		ports_signal_event(&vm->ports, NULL, 0, DEMO_MONITOR_PORT, 0), HV_STATUS_SUCCESS);
	assert_int_equal(flags(vm, 0), BIT64(DEMO_MONITOR_FLAG));
}

static enum hv_status ask_for_monitor_page(struct vm *vm, uint64_t gpa, uint32_t size)
{
	struct hv_post_message_input input = {
		.connection_id = DEMO_MESSAGE_PORT,
		.message_type = DEMO_MONITOR_PAGE_TYPE,
		.payload_size = size,
	};

	memcpy(input.payload, &gpa, sizeof(gpa));
	return ports_post_message(&vm->ports, vm->vcpu[1], 0, &input);
}

static enum hv_status give_monitor_page(struct vm *vm, uint64_t gpa, uint32_t size)
{
	enum hv_status status = ask_for_monitor_page(vm, gpa, size);

	fake_vm_run_loop(fake_vm_of(vm));
	return status;
}

static int32_t answered(struct vm *vm)
{
	int32_t result;

	assert_int_equal(slot(vm, 1)->header.type, DEMO_MONITOR_PAGE_TYPE);
	memcpy(&result, slot(vm, 1)->payload, sizeof(result));
	__atomic_store_n(&slot(vm, 1)->header.type, 0, __ATOMIC_SEQ_CST);
	return result;
}

static void a_monitor_page_is_taken_and_answered(void **state)
{
	struct vm *vm = *state;

	assert_int_equal(give_monitor_page(vm, 0x30000, 8), HV_STATUS_SUCCESS);
	assert_int_equal(answered(vm), 0);
	assert_int_equal(vm->monitor.page_gpa, 0x30000);
	/* A guest may move it. */
	assert_int_equal(give_monitor_page(vm, 0x31000, 8), HV_STATUS_SUCCESS);
	assert_int_equal(answered(vm), 0);
	assert_int_equal(vm->monitor.page_gpa, 0x31000);
	TAILQ_FIRST(&vm->devices)->reset(TAILQ_FIRST(&vm->devices));
	assert_true(vm->monitor.page_gpa == UINT64_MAX);
}

static void a_page_asked_for_before_a_reset_is_not_taken_after_it(void **state)
{
	struct vm *vm = *state;

	assert_int_equal(ask_for_monitor_page(vm, 0x30000, 8), HV_STATUS_SUCCESS);
	TAILQ_FIRST(&vm->devices)->reset(TAILQ_FIRST(&vm->devices));
	fake_vm_run_loop(fake_vm_of(vm));
	assert_true(vm->monitor.page_gpa == UINT64_MAX);
}

static void note_run(struct loop_work *work)
{
	work->run = NULL;
}

static void a_reset_runs_nobody_elses_work(void **state)
{
	struct loop_work work = {.run = note_run};
	struct vm *vm = *state;

	loop_defer(vm->loop, &work);
	TAILQ_FIRST(&vm->devices)->reset(TAILQ_FIRST(&vm->devices));
	assert_non_null(work.run);
	fake_vm_run_loop(fake_vm_of(vm));
	assert_null(work.run);
}

static void a_bad_monitor_page_is_refused(void **state)
{
	struct vm *vm = *state;

	assert_int_equal(give_monitor_page(vm, 0x30000, 7), HV_STATUS_INVALID_PARAMETER);
	assert_int_equal(give_monitor_page(vm, UINT64_C(1) << 40, 8), HV_STATUS_SUCCESS);
	assert_int_equal(answered(vm), -EFAULT);
	assert_true(vm->monitor.page_gpa == UINT64_MAX);
}

static void without_siefp_an_event_is_refused(void **state)
{
	struct vm *vm = *state;

	assert_int_equal(hv_msr_write(vm->vcpu[0], 0, HV_MSR_SIEFP, 0), HV_FAULT_NONE);
	assert_int_equal(ports_signal_event(&vm->ports, vm->vcpu[0], 0, DEMO_EVENT_PORT, 0),
		HV_STATUS_INVALID_SYNIC_STATE);
}

static void a_flood_is_bounded_and_comes_back_in_order(void **state)
{
	struct vm *vm = *state;
	unsigned accepted = 0;

	while (post(vm, vm->vcpu[0], accepted + 1) == HV_STATUS_SUCCESS)
		accepted++;
	assert_int_equal(post(vm, vm->vcpu[0], 1), HV_STATUS_INSUFFICIENT_BUFFERS);
	assert_in_range(accepted, GUEST_PORT_MESSAGES, GUEST_PORT_MESSAGES + 1);
	/* The other VP is not held up. */
	assert_int_equal(post(vm, vm->vcpu[1], 1), HV_STATUS_SUCCESS);
	for (unsigned i = 1; i <= accepted; i++) {
		assert_int_equal(slot(vm, 0)->header.type, i);
		__atomic_store_n(&slot(vm, 0)->header.type, 0, __ATOMIC_SEQ_CST);
		assert_int_equal(hv_msr_write(vm->vcpu[0], 0, HV_MSR_EOM, 0), HV_FAULT_NONE);
		fake_vm_run_loop(fake_vm_of(vm));
	}
	assert_int_equal(slot(vm, 0)->header.type, 0);
}

/* Whatever was made before the failure must be gone: the teardown checks routes and ports. */
static void a_taken_id_makes_no_demo(void **state)
{
	struct vm *vm = *state;
	struct demo *second = NULL;

	assert_int_equal(demo_new(vm, &second), -EEXIST);
	assert_null(second);
	assert_int_equal(vm->ports.count, 6);
}

static void the_ports_belong_to_the_demo(void **state)
{
	struct vm *vm = *state;
	struct port_info info;

	assert_int_equal(port_node_class.get(vm, &(uint64_t){DEMO_MONITOR_PORT}, &info), 0);
	assert_string_equal(info.owner, "demo");
	assert_int_equal(info.monitor_id, 0);
	assert_int_equal(vm->ports.count, 6);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_message_is_echoed_to_the_calling_vp),
		TEST(a_post_of_the_api_is_answered_on_vp_0),
		TEST(an_event_sets_its_flag_on_the_calling_vp),
		TEST(the_monitor_port_sets_its_own_flag),
		TEST(a_monitor_page_is_taken_and_answered),
		TEST(a_page_asked_for_before_a_reset_is_not_taken_after_it),
		TEST(a_reset_runs_nobody_elses_work),
		TEST(a_bad_monitor_page_is_refused),
		TEST(without_siefp_an_event_is_refused),
		TEST(a_flood_is_bounded_and_comes_back_in_order),
		TEST(a_taken_id_makes_no_demo),
		TEST(the_ports_belong_to_the_demo),
	};

	return cmocka_run_group_tests_name("demo", tests, NULL, NULL);
}
