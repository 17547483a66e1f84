/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The SynIC test device: each command, and what QEMU's aborts on. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>
#include "fake_vm.h"
#include "hvdef/hv_msr.h"
#include "vmm/dev/testdev.h"
#include "vmm/vm.h"

enum { SINT = 5, VECTOR = 0x51, CONNECTION = 0x42, SIMP_GPA = 0x20000, SIEFP_GPA = 0x21000 };

static struct testdev *dev;

static void wr(struct vm *vm, uint32_t vp, uint32_t index, uint64_t value)
{
	assert_int_equal(hv_msr_write(vm->vcpu[vp], 0, index, value), HV_FAULT_NONE);
}

static void start_synic(struct vm *vm, uint32_t vp)
{
	wr(vm, vp, HV_MSR_SCONTROL, 1);
	wr(vm, vp, HV_MSR_SIMP, (SIMP_GPA + vp * 2 * HV_PAGE_SIZE) | HV_PAGE_ENABLE);
	wr(vm, vp, HV_MSR_SIEFP, (SIEFP_GPA + vp * 2 * HV_PAGE_SIZE) | HV_PAGE_ENABLE);
	wr(vm, vp, HV_MSR_SINT0 + SINT, VECTOR);
}

static int setup(void **state)
{
	*state = &fake_vm_new(2, FAKE_WITH_TSC)->vm;
	if (testdev_new(*state, &dev))
		return -1;
	start_synic(*state, 0);
	start_synic(*state, 1);
	return 0;
}

static int teardown(void **state)
{
	dev = testdev_free(dev);
	fake_vm_run_loop(fake_vm_of(*state));
	fake_vm_free(fake_vm_of(*state));
	return 0;
}

static void out(struct vm *vm, uint16_t port, unsigned size, uint32_t value)
{
	iobus_access(&vm->iobus, vm->vcpu[0], port, size, true, &value);
}

static void command(struct vm *vm, uint32_t code, uint32_t connection, uint32_t vp, uint32_t sint)
{
	out(vm, TESTDEV_PORT, 4, sint | vp << 8 | code << 16 | connection << 24);
}

static struct hv_message *slot(struct vm *vm, uint32_t vp)
{
	return guest_memory_at(&vm->memory,
		SIMP_GPA + vp * 2 * HV_PAGE_SIZE + SINT * HV_MESSAGE_SIZE, HV_MESSAGE_SIZE);
}

/* The guest takes its message and, when told to, writes EOM. */
static void consume(struct vm *vm, uint32_t vp)
{
	bool pending;

	__atomic_store_n(&slot(vm, vp)->header.type, 0, __ATOMIC_SEQ_CST);
	pending = slot(vm, vp)->header.flags & HV_MESSAGE_FLAG_PENDING;
	if (pending)
		wr(vm, vp, HV_MSR_EOM, 0);
	fake_vm_run_loop(fake_vm_of(vm));
}

static enum hv_status post(struct vm *vm, uint32_t type, uint32_t size)
{
	struct hv_post_message_input input = {
		.connection_id = CONNECTION,
		.message_type = type,
		.payload_size = size,
	};
	enum hv_status status;

	memset(input.payload, (int)type, size);
	status = ports_post_message(&vm->ports, vm->vcpu[0], 0, &input);
	fake_vm_run_loop(fake_vm_of(vm));
	return status;
}

static struct testdev_info info(void)
{
	struct testdev_info info;

	assert_int_equal(testdev_node_class.get(dev, NULL, &info), 0);
	return info;
}

static uint64_t refused(void)
{
	return info().refused;
}

static void a_posted_message_comes_back_on_its_sint(void **state)
{
	struct vm *vm = *state;

	command(vm, TESTDEV_MSG_CONN_CREATE, CONNECTION, 1, SINT);
	assert_int_equal(info().commands, 1);
	assert_int_equal(post(vm, 0x77, 8), HV_STATUS_SUCCESS);
	assert_int_equal(slot(vm, 1)->header.type, 0x77);
	assert_int_equal(slot(vm, 1)->header.payload_size, 8);
	assert_int_equal(slot(vm, 1)->header.sender, 0);
	assert_int_equal(slot(vm, 1)->payload[7], 0x77);
	assert_int_equal(fake_vm_asserted(fake_vm_of(vm), 1, VECTOR), 1);
	assert_int_equal(slot(vm, 0)->header.type, 0);
	assert_int_equal(refused(), 0);
}

static void a_message_of_240_bytes_is_legal(void **state)
{
	struct vm *vm = *state;

	command(vm, TESTDEV_MSG_CONN_CREATE, CONNECTION, 0, SINT);
	assert_int_equal(post(vm, 3, 240), HV_STATUS_SUCCESS);
	assert_int_equal(slot(vm, 0)->header.payload_size, 240);
	assert_int_equal(slot(vm, 0)->payload[239], 3);
}

static void a_refused_post_leaves_the_waiting_message_alone(void **state)
{
	struct vm *vm = *state;

	command(vm, TESTDEV_MSG_CONN_CREATE, CONNECTION, 0, SINT);
	assert_int_equal(post(vm, 1, 1), HV_STATUS_SUCCESS);
	assert_int_equal(post(vm, 2, 1), HV_STATUS_SUCCESS);
	assert_int_equal(post(vm, 3, 1), HV_STATUS_INSUFFICIENT_BUFFERS);
	assert_int_equal(post(vm, 4, 1), HV_STATUS_INSUFFICIENT_BUFFERS);
	assert_int_equal(slot(vm, 0)->header.type, 1);
	assert_int_equal(slot(vm, 0)->header.flags, HV_MESSAGE_FLAG_PENDING);
	consume(vm, 0);
	assert_int_equal(slot(vm, 0)->header.type, 2);
	assert_int_equal(slot(vm, 0)->payload[0], 2);
	/* Nobody waits now: there is room again. */
	assert_int_equal(post(vm, 5, 1), HV_STATUS_SUCCESS);
	consume(vm, 0);
	assert_int_equal(slot(vm, 0)->header.type, 5);
	consume(vm, 0);
	assert_int_equal(slot(vm, 0)->header.type, 0);
}

static void a_destroyed_connection_delivers_what_it_accepted(void **state)
{
	struct vm *vm = *state;

	command(vm, TESTDEV_MSG_CONN_CREATE, CONNECTION, 0, SINT);
	assert_int_equal(post(vm, 1, 1), HV_STATUS_SUCCESS);
	assert_int_equal(post(vm, 2, 1), HV_STATUS_SUCCESS);
	command(vm, TESTDEV_MSG_CONN_DESTROY, CONNECTION, 0, 0);
	assert_int_equal(post(vm, 3, 1), HV_STATUS_INVALID_CONNECTION_ID);
	consume(vm, 0);
	assert_int_equal(slot(vm, 0)->header.type, 2);
	assert_int_equal(refused(), 0);
}

static uint64_t *event_word(struct vm *vm, uint32_t vp, unsigned word)
{
	return (uint64_t *)guest_memory_at(
		       &vm->memory, SIEFP_GPA + vp * 2 * HV_PAGE_SIZE + SINT * 256, 256) +
	       word;
}

static void an_event_connection_sets_the_flag_of_its_id(void **state)
{
	struct vm *vm = *state;

	command(vm, TESTDEV_EVT_CONN_CREATE, CONNECTION, 1, SINT);
	assert_int_equal(
		ports_signal_event(&vm->ports, vm->vcpu[0], 0, CONNECTION, 0), HV_STATUS_SUCCESS);
	assert_true(*event_word(vm, 1, 1) == BIT64(CONNECTION - 64));
	assert_int_equal(fake_vm_asserted(fake_vm_of(vm), 1, VECTOR), 1);
	assert_int_equal(ports_signal_event(&vm->ports, vm->vcpu[0], 0, CONNECTION, 1),
		HV_STATUS_INVALID_PARAMETER);
	command(vm, TESTDEV_EVT_CONN_DESTROY, CONNECTION, 0, 0);
	assert_int_equal(ports_signal_event(&vm->ports, vm->vcpu[0], 0, CONNECTION, 0),
		HV_STATUS_INVALID_CONNECTION_ID);
}

static void an_event_without_siefp_is_an_answer_not_an_abort(void **state)
{
	struct vm *vm = *state;

	wr(vm, 0, HV_MSR_SIEFP, 0);
	command(vm, TESTDEV_EVT_CONN_CREATE, CONNECTION, 0, SINT);
	assert_int_equal(ports_signal_event(&vm->ports, vm->vcpu[0], 0, CONNECTION, 0),
		HV_STATUS_INVALID_SYNIC_STATE);
}

static void an_event_for_a_masked_sint_is_refused_untouched(void **state)
{
	struct vm *vm = *state;

	command(vm, TESTDEV_EVT_CONN_CREATE, CONNECTION, 1, SINT);
	wr(vm, 1, HV_MSR_SINT0 + SINT, HV_SINT_MASKED | VECTOR);
	assert_int_equal(ports_signal_event(&vm->ports, vm->vcpu[0], 0, CONNECTION, 0),
		HV_STATUS_INVALID_SYNIC_STATE);
	wr(vm, 1, HV_MSR_SINT0 + SINT, VECTOR);
	assert_int_equal(fake_vm_asserted(fake_vm_of(vm), 1, VECTOR), 0);
	assert_int_equal(
		ports_signal_event(&vm->ports, vm->vcpu[0], 0, CONNECTION, 0), HV_STATUS_SUCCESS);
	assert_int_equal(fake_vm_asserted(fake_vm_of(vm), 1, VECTOR), 1);
}

static void a_route_raises_its_sint(void **state)
{
	struct vm *vm = *state;

	command(vm, TESTDEV_ROUTE_CREATE, 0, 1, SINT);
	command(vm, TESTDEV_ROUTE_SET_SINT, 0, 1, SINT);
	assert_int_equal(fake_vm_asserted(fake_vm_of(vm), 1, VECTOR), 1);
	command(vm, TESTDEV_ROUTE_DESTROY, 0, 1, SINT);
	assert_int_equal(refused(), 0);
	command(vm, TESTDEV_ROUTE_SET_SINT, 0, 1, SINT);
	assert_int_equal(refused(), 1);
	assert_int_equal(fake_vm_asserted(fake_vm_of(vm), 1, VECTOR), 1);
}

static void a_route_made_twice_is_destroyed_twice(void **state)
{
	struct vm *vm = *state;

	command(vm, TESTDEV_ROUTE_CREATE, 0, 0, SINT);
	command(vm, TESTDEV_ROUTE_CREATE, 0, 0, SINT);
	command(vm, TESTDEV_ROUTE_DESTROY, 0, 0, SINT);
	command(vm, TESTDEV_ROUTE_SET_SINT, 0, 0, SINT);
	assert_int_equal(fake_vm_asserted(fake_vm_of(vm), 0, VECTOR), 1);
	command(vm, TESTDEV_ROUTE_DESTROY, 0, 0, SINT);
	assert_int_equal(refused(), 0);
	command(vm, TESTDEV_ROUTE_DESTROY, 0, 0, SINT);
	assert_int_equal(refused(), 1);
}

static void nonsense_is_ignored_and_counted(void **state)
{
	struct vm *vm = *state;
	static const struct {
		uint8_t code, connection, vp, sint;
	} rows[] = {
		{0, 0, 0, 0},
		{8, 0, 0, 0},
		{255, 255, 255, 255},
		{TESTDEV_ROUTE_CREATE, 0, 0, 16},
		{TESTDEV_ROUTE_CREATE, 0, 200, 0},
		{TESTDEV_ROUTE_DESTROY, 0, 0, 3},
		{TESTDEV_ROUTE_DESTROY, 0, 255, 255},
		{TESTDEV_ROUTE_SET_SINT, 0, 0, 3},
		{TESTDEV_ROUTE_SET_SINT, 0, 64, 3},
		{TESTDEV_MSG_CONN_CREATE, 1, 0, 16},
		{TESTDEV_MSG_CONN_CREATE, 1, 64, 2},
		{TESTDEV_MSG_CONN_DESTROY, 1, 0, 0},
		{TESTDEV_EVT_CONN_CREATE, 1, 0, 255},
		{TESTDEV_EVT_CONN_DESTROY, 1, 0, 0},
	};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
		command(vm, rows[i].code, rows[i].connection, rows[i].vp, rows[i].sint);
	assert_int_equal(refused(), ARRAY_LEN(rows));
	assert_int_equal(info().commands, ARRAY_LEN(rows));
	assert_int_equal(vm->ports.count, 0);
}

static void a_connection_id_is_given_once_for_both_kinds(void **state)
{
	struct vm *vm = *state;

	command(vm, TESTDEV_MSG_CONN_CREATE, CONNECTION, 0, SINT);
	command(vm, TESTDEV_MSG_CONN_CREATE, CONNECTION, 0, SINT);
	command(vm, TESTDEV_EVT_CONN_CREATE, CONNECTION, 0, SINT);
	command(vm, TESTDEV_EVT_CONN_DESTROY, CONNECTION, 0, 0);
	assert_int_equal(refused(), 3);
	assert_int_equal(vm->ports.count, 1);
}

static enum hv_status accept_all(
	void *arg, struct vcpu *caller, const struct hv_post_message_input *input)
{
	return HV_STATUS_SUCCESS;
}

static void an_id_of_somebody_else_is_not_taken_over(void **state)
{
	struct vm *vm = *state;
	struct port *port = NULL;
	struct port_spec spec = {
		.connection_id = CONNECTION,
		.type = PORT_MESSAGE,
		.owner = "test",
		.on_message = accept_all,
	};

	assert_int_equal(ports_add(&vm->ports, &spec, &port), 0);
	command(vm, TESTDEV_MSG_CONN_CREATE, CONNECTION, 0, SINT);
	assert_int_equal(refused(), 1);
	command(vm, TESTDEV_MSG_CONN_DESTROY, CONNECTION, 0, SINT);
	assert_int_equal(refused(), 2);
	assert_int_equal(post(vm, 1, 1), HV_STATUS_SUCCESS);
	assert_int_equal(slot(vm, 0)->header.type, 0);
	port_release(port);
}

static void only_whole_writes_to_the_port_are_commands(void **state)
{
	struct vm *vm = *state;
	uint32_t value = UINT32_MAX, create = TESTDEV_ROUTE_CREATE << 16;

	out(vm, TESTDEV_PORT, 1, create);
	out(vm, TESTDEV_PORT, 2, create);
	out(vm, TESTDEV_PORT + 1, 1, create);
	assert_int_equal(refused(), 3);
	iobus_access(&vm->iobus, vm->vcpu[0], TESTDEV_PORT, 4, false, &value);
	assert_int_equal(value, 0);
}

static void routes_of_one_sint_are_bounded(void **state)
{
	struct vm *vm = *state;

	for (unsigned i = 0; i < 1000; i++)
		command(vm, TESTDEV_ROUTE_CREATE, 0, 0, SINT);
	assert_int_equal(refused(), 1000 - 255);
}

static void reset_forgets_everything(void **state)
{
	struct vm *vm = *state;

	command(vm, TESTDEV_ROUTE_CREATE, 0, 0, SINT);
	command(vm, TESTDEV_MSG_CONN_CREATE, CONNECTION, 0, SINT);
	command(vm, TESTDEV_EVT_CONN_CREATE, CONNECTION + 1, 0, SINT);
	assert_int_equal(post(vm, 1, 1), HV_STATUS_SUCCESS);
	assert_int_equal(post(vm, 2, 1), HV_STATUS_SUCCESS);
	TAILQ_FIRST(&vm->devices)->reset(TAILQ_FIRST(&vm->devices));
	fake_vm_run_loop(fake_vm_of(vm));
	assert_int_equal(vm->ports.count, 0);
	consume(vm, 0);
	assert_int_equal(slot(vm, 0)->header.type, 0);
	command(vm, TESTDEV_MSG_CONN_CREATE, CONNECTION, 0, SINT);
	assert_int_equal(refused(), 0);
	assert_int_equal(post(vm, 3, 1), HV_STATUS_SUCCESS);
	assert_int_equal(slot(vm, 0)->header.type, 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_posted_message_comes_back_on_its_sint),
		TEST(a_message_of_240_bytes_is_legal),
		TEST(a_refused_post_leaves_the_waiting_message_alone),
		TEST(a_destroyed_connection_delivers_what_it_accepted),
		TEST(an_event_connection_sets_the_flag_of_its_id),
		TEST(an_event_without_siefp_is_an_answer_not_an_abort),
		TEST(an_event_for_a_masked_sint_is_refused_untouched),
		TEST(a_route_raises_its_sint),
		TEST(a_route_made_twice_is_destroyed_twice),
		TEST(nonsense_is_ignored_and_counted),
		TEST(a_connection_id_is_given_once_for_both_kinds),
		TEST(an_id_of_somebody_else_is_not_taken_over),
		TEST(only_whole_writes_to_the_port_are_commands),
		TEST(routes_of_one_sint_are_bounded),
		TEST(reset_forgets_everything),
	};

	return cmocka_run_group_tests_name("testdev", tests, NULL, NULL);
}
