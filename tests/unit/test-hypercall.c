/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hypercalls: calling conventions, every row of spec 6.3 and 6.4 and the order of their checks. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>
#include "fake_vm.h"
#include "hvdef/hv_cpuid.h"
#include "hvdef/hv_msr.h"
#include "vmm/event.h"
#include "vmm/vm.h"

enum {
	MESSAGE_ID = 0x11,
	EVENT_ID = 0x22,
	GUARDED_ID = 0x33, /* message port, minimum VTL 1 */
	ABSENT_ID = 0x44,
	INPUT_GPA = 0x4000,
};

#define FAST           HV_CONTROL_FAST
#define POST           HV_CALL_POST_MESSAGE
#define SIGNAL         HV_CALL_SIGNAL_EVENT
#define TOP_RAM_OFFSET UINT64_C(256)

/* What the ports' handlers saw and answer. */
static struct {
	enum hv_status answer;
	unsigned calls;
	struct hv_post_message_input message;
	uint16_t flag;
} receiver;

static enum hv_status on_message(
	void *arg, struct vcpu *caller, const struct hv_post_message_input *input)
{
	receiver.calls++;
	receiver.message = *input;
	return receiver.answer;
}

static enum hv_status on_event(void *arg, struct vcpu *caller, uint16_t flag)
{
	receiver.calls++;
	receiver.flag = flag;
	return receiver.answer;
}

static struct port *port[3];

static void add_port(struct vm *vm, unsigned which, struct port_spec spec)
{
	spec.owner = "test";
	spec.on_message = spec.type == PORT_MESSAGE ? on_message : NULL;
	spec.on_event = spec.type == PORT_MESSAGE ? NULL : on_event;
	assert_int_equal(ports_add(&vm->ports, &spec, &port[which]), 0);
}

static int setup(void **state)
{
	struct vm *vm = &fake_vm_new(2, FAKE_WITH_TSC)->vm;

	*state = vm;
	memset(&receiver, 0, sizeof(receiver));
	add_port(vm, 0, (struct port_spec){.connection_id = MESSAGE_ID, .type = PORT_MESSAGE});
	add_port(vm, 1,
		(struct port_spec){
			.connection_id = EVENT_ID, .type = PORT_EVENT, .flag_count = 16});
	add_port(vm, 2,
		(struct port_spec){
			.connection_id = GUARDED_ID, .type = PORT_MESSAGE, .minimum_vtl = 1});
	for (uint8_t vtl = 0; vtl < HV_VTL_COUNT; vtl++) {
		if (hv_msr_write(vm->vcpu[0], vtl, HV_MSR_GUEST_OS_ID, 1) ||
			hv_msr_write(vm->vcpu[0], vtl, HV_MSR_HYPERCALL,
				(UINT64_C(0x10000) + vtl * HV_PAGE_SIZE) | HV_PAGE_ENABLE))
			return -1;
	}
	return 0;
}

static int teardown(void **state)
{
	for (unsigned i = 0; i < ARRAY_LEN(port); i++)
		port[i] = port_release(port[i]);
	fake_vm_free(fake_vm_of(*state));
	return 0;
}

/* ---- callers -------------------------------------------------------------- */

static struct hypercall_regs regs64(uint64_t control, uint64_t input, uint64_t output)
{
	return (struct hypercall_regs){
		.rax = 0x5a5a5a5a5a5a5a5a,
		.rcx = control,
		.rdx = input,
		.r8 = output,
		.long_mode = true,
		.protected_mode = true,
	};
}

static uint64_t call_vtl(struct vm *vm, uint8_t vtl, uint64_t control, uint64_t input)
{
	struct hypercall_regs regs = regs64(control, input, 0);

	assert_int_equal(hypercall_dispatch(vm->vcpu[0], vtl, &regs), HV_FAULT_NONE);
	return regs.rax;
}

static uint64_t call(struct vm *vm, uint64_t control, uint64_t input)
{
	return call_vtl(vm, 0, control, input);
}

static struct hv_post_message_input good_message(void)
{
	return (struct hv_post_message_input){
		.connection_id = MESSAGE_ID,
		.message_type = 1,
		.payload_size = 240,
		.payload = {0xab, [239] = 0xcd},
	};
}

static uint64_t post_at(struct vm *vm, uint64_t gpa, struct hv_post_message_input input)
{
	assert_int_equal(guest_memory_write(&vm->memory, gpa, &input, sizeof(input)), 0);
	return call(vm, POST, gpa);
}

static uint64_t post(struct vm *vm, struct hv_post_message_input input)
{
	return post_at(vm, INPUT_GPA, input);
}

static uint64_t signal_input(uint32_t id, uint16_t flag)
{
	return id | (uint64_t)flag << 32;
}

/* ---- who may call --------------------------------------------------------- */

static void assert_ud(struct vm *vm, struct hypercall_regs regs)
{
	struct hypercall_regs before = regs;
	uint64_t faults = vm->vcpu[0]->hypercall_faults;

	assert_int_equal(hypercall_dispatch(vm->vcpu[0], 0, &regs), HV_FAULT_UD);
	assert_memory_equal(&regs, &before, sizeof(regs));
	assert_int_equal(vm->vcpu[0]->hypercall_faults, faults + 1);
	assert_int_equal(receiver.calls, 0);
}

static void user_mode_gets_ud(void **state)
{
	struct hypercall_regs regs = regs64(SIGNAL | FAST, EVENT_ID, 0);

	for (regs.cpl = 1; regs.cpl <= 3; regs.cpl++)
		assert_ud(*state, regs);
}

static void real_mode_gets_ud(void **state)
{
	struct hypercall_regs regs = regs64(SIGNAL | FAST, EVENT_ID, 0);

	regs.long_mode = false;
	regs.protected_mode = false;
	assert_ud(*state, regs);
}

static void without_the_page_a_call_gets_ud(void **state)
{
	struct vm *vm = *state;

	assert_int_equal(hv_msr_write(vm->vcpu[0], 0, HV_MSR_GUEST_OS_ID, 0), HV_FAULT_NONE);
	assert_ud(vm, regs64(SIGNAL | FAST, EVENT_ID, 0));
	/* The page of another VTL is another page. */
	assert_int_equal(call_vtl(vm, 1, SIGNAL | FAST, EVENT_ID), HV_STATUS_SUCCESS);
}

static void unknown_codes_answer_2_before_all_else(void **state)
{
	static const uint64_t codes[] = {0, 2, 3, 0x0b, 0x46, 0x5b, 0x5e, 0x8001, 0xc0, 0xffff};

	for (unsigned i = 0; i < ARRAY_LEN(codes); i++) {
		assert_int_equal(call(*state, codes[i], 0), HV_STATUS_INVALID_HYPERCALL_CODE);
		assert_int_equal(call(*state, codes[i] | ~UINT64_C(0xffff), 1),
			HV_STATUS_INVALID_HYPERCALL_CODE);
	}
}

/* ---- 32-bit callers ------------------------------------------------------- */

static struct hypercall_regs regs32(uint64_t control, uint64_t input, uint64_t output)
{
	return (struct hypercall_regs){
		.rdx = control >> 32,
		.rax = (uint32_t)control,
		.rbx = input >> 32,
		.rcx = (uint32_t)input,
		.rdi = output >> 32,
		.rsi = (uint32_t)output,
		.protected_mode = true,
	};
}

static void a_32_bit_caller_uses_register_pairs(void **state)
{
	struct vm *vm = *state;
	struct hypercall_regs regs = regs32(SIGNAL | FAST, signal_input(EVENT_ID, 5), 0);

	assert_int_equal(hypercall_dispatch(vm->vcpu[0], 0, &regs), HV_FAULT_NONE);
	assert_int_equal(regs.rax, HV_STATUS_SUCCESS);
	assert_int_equal(regs.rdx, 0);
	assert_int_equal(receiver.flag, 5);
}

static void a_32_bit_control_word_has_a_high_half(void **state)
{
	struct vm *vm = *state;
	struct hypercall_regs regs = regs32(SIGNAL | FAST | BIT64(32), EVENT_ID, 0);

	assert_int_equal(hypercall_dispatch(vm->vcpu[0], 0, &regs), HV_FAULT_NONE);
	assert_int_equal(regs.rax, HV_STATUS_INVALID_HYPERCALL_INPUT);
	assert_int_equal(regs.rdx, 0);
}

static void upper_halves_of_registers_are_ignored_in_32_bit_mode(void **state)
{
	struct vm *vm = *state;
	struct hv_post_message_input input = good_message();
	struct hypercall_regs regs = regs32(POST, INPUT_GPA, 0);
	const uint64_t garbage = UINT64_C(0xdeadbeef00000000);

	assert_int_equal(guest_memory_write(&vm->memory, INPUT_GPA, &input, sizeof(input)), 0);
	regs.rax |= garbage;
	regs.rcx |= garbage;
	regs.rsi |= garbage;
	assert_int_equal(hypercall_dispatch(vm->vcpu[0], 0, &regs), HV_FAULT_NONE);
	assert_int_equal(regs.rax, HV_STATUS_SUCCESS);
	assert_int_equal(receiver.calls, 1);
}

/* ---- rules all simple calls share ----------------------------------------- */

static void reserved_rep_and_variable_bits_answer_3(void **state)
{
	static const uint64_t calls[] = {
		POST, SIGNAL | FAST, SIGNAL, HV_CALL_NOTIFY_LONG_SPIN_WAIT | FAST};

	for (unsigned i = 0; i < ARRAY_LEN(calls); i++)
		for (unsigned bit = 17; bit < 64; bit++)
			assert_int_equal(call(*state, calls[i] | BIT64(bit), INPUT_GPA),
				HV_STATUS_INVALID_HYPERCALL_INPUT);
	assert_int_equal(receiver.calls, 0);
}

static void a_missing_privilege_answers_6_before_anything(void **state)
{
	struct vm *vm = *state;

	vm->hv[0].withheld.ebx = HV_PRIV_POST_MESSAGES;
	assert_int_equal(call(vm, POST | BIT64(63), 1), HV_STATUS_ACCESS_DENIED);
	assert_int_equal(call(vm, SIGNAL | FAST, EVENT_ID), HV_STATUS_SUCCESS);
	vm->hv[0].withheld.ebx = HV_PRIV_SIGNAL_EVENTS;
	assert_int_equal(call(vm, SIGNAL | FAST | BIT64(63), 1), HV_STATUS_ACCESS_DENIED);
	assert_int_equal(post(vm, good_message()), HV_STATUS_SUCCESS);
}

/* ---- HvPostMessage -------------------------------------------------------- */

static void a_message_of_240_bytes_is_delivered_whole(void **state)
{
	struct hv_post_message_input input = good_message();

	assert_int_equal(post(*state, input), HV_STATUS_SUCCESS);
	assert_memory_equal(&receiver.message, &input, sizeof(input));
}

static void fast_post_answers_3(void **state)
{
	assert_int_equal(call(*state, POST | FAST, MESSAGE_ID), HV_STATUS_INVALID_HYPERCALL_INPUT);
	/* Before alignment. */
	assert_int_equal(call(*state, POST | FAST, 1), HV_STATUS_INVALID_HYPERCALL_INPUT);
}

static void unaligned_post_answers_4(void **state)
{
	for (uint64_t offset = 1; offset < 8; offset++)
		assert_int_equal(
			call(*state, POST, INPUT_GPA + offset), HV_STATUS_INVALID_ALIGNMENT);
}

static void post_across_a_page_answers_4(void **state)
{
	struct vm *vm = *state;
	uint64_t last_that_fits = INPUT_GPA + HV_PAGE_SIZE - 256;

	assert_int_equal(post_at(vm, last_that_fits, good_message()), HV_STATUS_SUCCESS);
	assert_int_equal(
		post_at(vm, last_that_fits + 8, good_message()), HV_STATUS_INVALID_ALIGNMENT);
}

static void post_from_outside_ram_answers_4(void **state)
{
	struct vm *vm = *state;
	static const uint64_t outside[] = {UINT64_C(0xfee00000), UINT64_C(1) << 40,
		~UINT64_C(0xfff), UINT64_C(0x7ffffffffffff000)};

	for (unsigned i = 0; i < ARRAY_LEN(outside); i++)
		assert_int_equal(call(vm, POST, outside[i]), HV_STATUS_INVALID_ALIGNMENT);
	assert_int_equal(call(vm, POST, vm->memory.size_bytes), HV_STATUS_INVALID_ALIGNMENT);
	assert_int_equal(post_at(vm, vm->memory.size_bytes - TOP_RAM_OFFSET, good_message()),
		HV_STATUS_SUCCESS);
}

static void payload_size_type_and_id_are_checked_in_order(void **state)
{
	struct hv_post_message_input input = good_message();

	input.connection_id = ABSENT_ID;
	input.message_type = 0;
	input.payload_size = 241;
	assert_int_equal(post(*state, input), HV_STATUS_INVALID_PARAMETER);
	input.payload_size = 240;
	assert_int_equal(post(*state, input), HV_STATUS_INVALID_PARAMETER);
	input.message_type = 0x80000001;
	assert_int_equal(post(*state, input), HV_STATUS_INVALID_PARAMETER);
	input.message_type = 1;
	assert_int_equal(post(*state, input), HV_STATUS_INVALID_CONNECTION_ID);
	input.connection_id = MESSAGE_ID | 0x1000000;
	assert_int_equal(post(*state, input), HV_STATUS_INVALID_CONNECTION_ID);
	input.connection_id = EVENT_ID;
	assert_int_equal(post(*state, input), HV_STATUS_INVALID_PORT_ID);
	input.connection_id = GUARDED_ID;
	assert_int_equal(post(*state, input), HV_STATUS_OPERATION_DENIED);
	assert_int_equal(receiver.calls, 0);
	assert_int_equal(call_vtl(*state, 1, POST, INPUT_GPA), HV_STATUS_SUCCESS);
}

static void the_receivers_status_is_the_answer(void **state)
{
	static const enum hv_status answers[] = {HV_STATUS_INSUFFICIENT_BUFFERS,
		HV_STATUS_INVALID_SYNIC_STATE, HV_STATUS_INVALID_HYPERCALL_INPUT,
		HV_STATUS_SUCCESS};

	for (unsigned i = 0; i < ARRAY_LEN(answers); i++) {
		receiver.answer = answers[i];
		assert_int_equal(post(*state, good_message()), answers[i]);
	}
}

static void the_reserved_word_of_a_message_is_ignored(void **state)
{
	struct hv_post_message_input input = good_message();

	input.reserved = UINT32_MAX;
	assert_int_equal(post(*state, input), HV_STATUS_SUCCESS);
}

static void an_input_on_an_overlay_page_is_read_as_the_guest_sees_it(void **state)
{
	struct vm *vm = *state;

	assert_int_equal(
		hv_msr_write(vm->vcpu[0], 0, HV_MSR_SIMP, 0x8000 | HV_PAGE_ENABLE), HV_FAULT_NONE);
	assert_int_equal(post_at(vm, 0x8000, good_message()), HV_STATUS_SUCCESS);
}

/* ---- HvSignalEvent -------------------------------------------------------- */

static void a_fast_signal_takes_its_input_from_the_register(void **state)
{
	assert_int_equal(
		call(*state, SIGNAL | FAST, signal_input(EVENT_ID, 15)), HV_STATUS_SUCCESS);
	assert_int_equal(receiver.flag, 15);
}

static void a_slow_signal_takes_its_input_from_memory(void **state)
{
	struct vm *vm = *state;
	uint64_t input = signal_input(EVENT_ID, 3);
	uint64_t last_of_page = INPUT_GPA + HV_PAGE_SIZE - 8;

	assert_int_equal(guest_memory_write(&vm->memory, last_of_page, &input, 8), 0);
	assert_int_equal(call(vm, SIGNAL, last_of_page), HV_STATUS_SUCCESS);
	assert_int_equal(receiver.flag, 3);
}

static void a_slow_signal_unaligned_crossing_or_outside_answers_4(void **state)
{
	struct vm *vm = *state;

	for (uint64_t offset = 1; offset < 8; offset++)
		assert_int_equal(call(vm, SIGNAL, INPUT_GPA + offset), HV_STATUS_INVALID_ALIGNMENT);
	assert_int_equal(
		call(vm, SIGNAL, INPUT_GPA + HV_PAGE_SIZE - 4), HV_STATUS_INVALID_ALIGNMENT);
	assert_int_equal(call(vm, SIGNAL, UINT64_C(1) << 45), HV_STATUS_INVALID_ALIGNMENT);
}

static void signal_flags_and_ids_are_checked_in_order(void **state)
{
	static const struct {
		uint64_t input;
		enum hv_status status;
	} rows[] = {
		/* 63:48 before everything else about the input. */
		{UINT64_C(1) << 48 | ABSENT_ID, HV_STATUS_INVALID_HYPERCALL_INPUT},
		{UINT64_C(1) << 63 | EVENT_ID, HV_STATUS_INVALID_HYPERCALL_INPUT},
		{EVENT_ID | 0x1000000, HV_STATUS_INVALID_CONNECTION_ID},
		{EVENT_ID | 0x80000000, HV_STATUS_INVALID_CONNECTION_ID},
		{ABSENT_ID, HV_STATUS_INVALID_CONNECTION_ID},
		{MESSAGE_ID, HV_STATUS_INVALID_PORT_ID},
		{UINT64_C(16) << 32 | EVENT_ID, HV_STATUS_INVALID_PARAMETER},
		{UINT64_C(0xffff) << 32 | EVENT_ID, HV_STATUS_INVALID_PARAMETER},
	};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(call(*state, SIGNAL | FAST, rows[i].input), rows[i].status);
	assert_int_equal(receiver.calls, 0);
	receiver.answer = HV_STATUS_INVALID_SYNIC_STATE;
	assert_int_equal(call(*state, SIGNAL | FAST, EVENT_ID), HV_STATUS_INVALID_SYNIC_STATE);
}

/* ---- the others ----------------------------------------------------------- */

static void long_spin_wait_always_succeeds_and_is_counted(void **state)
{
	struct vm *vm = *state;

	assert_int_equal(call(vm, HV_CALL_NOTIFY_LONG_SPIN_WAIT | FAST, 100), HV_STATUS_SUCCESS);
	assert_int_equal(call(vm, HV_CALL_NOTIFY_LONG_SPIN_WAIT, 1), HV_STATUS_SUCCESS);
	assert_int_equal(vm->vcpu[0]->long_spin_waits, 2);
}

/* ---- inspection ----------------------------------------------------------- */

static struct hypercall_info info_of(struct vm *vm, uint64_t code)
{
	struct hypercall_info info = {0};

	assert_int_equal(hypercall_node_class.get(vm, &code, &info), 0);
	return info;
}

static void calls_are_counted_by_status(void **state)
{
	struct vm *vm = *state;
	struct hypercall_info info;

	assert_int_equal(info_of(vm, SIGNAL).count, 0);
	assert_int_equal(info_of(vm, SIGNAL).status_count, 0);
	call(vm, SIGNAL | FAST, EVENT_ID);
	call(vm, SIGNAL | FAST, EVENT_ID);
	call(vm, SIGNAL | FAST, ABSENT_ID);
	call(vm, 0x777, 0);
	receiver.answer = (enum hv_status)0x78;
	call(vm, SIGNAL | FAST, EVENT_ID);
	info = info_of(vm, SIGNAL);
	assert_int_equal(info.count, 4);
	assert_string_equal(info.name, "HvSignalEvent");
	assert_int_equal(info.status_count, 3);
	assert_int_equal(info.statuses[0].count, 2);
	assert_string_equal(info.statuses[1].name, "invalid_connection_id");
	assert_int_equal(info.statuses[1].count, 1);
	assert_string_equal(info.statuses[2].name, "unknown");
	assert_int_equal(info_of(vm, HYPERCALL_CODE_OTHER).statuses[0].status,
		HV_STATUS_INVALID_HYPERCALL_CODE);
}

static void a_call_leaves_one_record(void **state)
{
	struct vm *vm = *state;
	struct fake_vm *fake = fake_vm_of(vm);
	struct hypercall_regs regs = regs64(SIGNAL | FAST, EVENT_ID, 0);

	post(vm, good_message());
	call(vm, SIGNAL | FAST, EVENT_ID);
	assert_int_equal(fake_vm_recorded(fake, HV_EVENT_PORT_MESSAGE), 1);
	assert_int_equal(fake_vm_recorded(fake, HV_EVENT_PORT_SIGNAL), 1);
	assert_int_equal(fake_vm_recorded(fake, HV_EVENT_HYPERCALL), 0);
	/* What reaches no port is seen all the same. */
	call(vm, POST, INPUT_GPA + 1);
	call(vm, 0x777, 0);
	call(vm, HV_CALL_NOTIFY_LONG_SPIN_WAIT | FAST, 0);
	assert_int_equal(fake_vm_recorded(fake, HV_EVENT_HYPERCALL), 3);
	assert_int_equal(fake_vm_recorded(fake, HV_EVENT_PORT_MESSAGE), 1);
	regs.cpl = 3;
	assert_int_equal(hypercall_dispatch(vm->vcpu[0], 0, &regs), HV_FAULT_UD);
	assert_int_equal(fake_vm_recorded(fake, HV_EVENT_HYPERCALL_FAULT), 1);
}

static int stop_at_once(void *arg, const uint64_t *key, const void *info)
{
	++*(unsigned *)arg;
	return 1;
}

static int collect_code(void *arg, const uint64_t *key, const void *info)
{
	uint64_t *codes = arg;

	codes[++codes[0]] = *key;
	return 0;
}

static void hypercalls_are_listed_in_order(void **state)
{
	uint64_t all[8] = {0}, rest[8] = {0}, one[8] = {0};
	static const uint64_t expected[] = {4, 0x08, 0x5c, 0x5d, HYPERCALL_CODE_OTHER};
	static const uint64_t after = 0x5c;
	struct hypercall_info info;
	unsigned visits = 0;

	hypercall_node_class.list(*state, NULL, 0, NULL, stop_at_once, &visits);
	assert_int_equal(visits, 1);
	hypercall_node_class.list(*state, NULL, 0, NULL, collect_code, all);
	assert_memory_equal(all, expected, sizeof(expected));
	hypercall_node_class.list(*state, NULL, 0, &after, collect_code, rest);
	assert_int_equal(rest[0], 2);
	assert_int_equal(rest[1], 0x5d);
	hypercall_node_class.list(*state, &after, 1, NULL, collect_code, one);
	assert_int_equal(one[0], 1);
	assert_int_equal(hypercall_node_class.get(*state, &(uint64_t){1}, &info), -ENOENT);
}

static void every_status_of_ours_has_a_name(void **state)
{
	static const struct {
		enum hv_status status;
		const char *name;
	} rows[] = {
		{HV_STATUS_SUCCESS, "success"},
		{HV_STATUS_INVALID_HYPERCALL_CODE, "invalid_hypercall_code"},
		{HV_STATUS_INVALID_HYPERCALL_INPUT, "invalid_hypercall_input"},
		{HV_STATUS_INVALID_ALIGNMENT, "invalid_alignment"},
		{HV_STATUS_INVALID_PARAMETER, "invalid_parameter"},
		{HV_STATUS_ACCESS_DENIED, "access_denied"},
		{HV_STATUS_OPERATION_DENIED, "operation_denied"},
		{HV_STATUS_INSUFFICIENT_MEMORY, "insufficient_memory"},
		{HV_STATUS_INVALID_VP_INDEX, "invalid_vp_index"},
		{HV_STATUS_INVALID_PORT_ID, "invalid_port_id"},
		{HV_STATUS_INVALID_CONNECTION_ID, "invalid_connection_id"},
		{HV_STATUS_INSUFFICIENT_BUFFERS, "insufficient_buffers"},
		{HV_STATUS_INVALID_SYNIC_STATE, "invalid_synic_state"},
	};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
		assert_string_equal(hv_status_name(rows[i].status), rows[i].name);
	assert_string_equal(hv_status_name(UINT64_MAX), "unknown");
}

/* ---- mode kernel ---------------------------------------------------------- */

static void a_slow_signal_from_kvm_has_been_read_already(void **state)
{
	struct vm *vm = *state;
	uint64_t input = signal_input(EVENT_ID, 5);

	/* As an address it would be neither aligned nor RAM. */
	assert_int_equal(hypercall_from_kvm(vm->vcpu[0], SIGNAL, input, 0), HV_STATUS_SUCCESS);
	assert_int_equal(receiver.calls, 1);
	assert_int_equal(receiver.flag, 5);
	assert_int_equal(hypercall_from_kvm(vm->vcpu[0], SIGNAL, input | BIT64(48), 0),
		HV_STATUS_INVALID_HYPERCALL_INPUT);
}

static void a_fast_signal_from_kvm_is_the_same(void **state)
{
	struct vm *vm = *state;

	assert_int_equal(
		hypercall_from_kvm(vm->vcpu[0], SIGNAL | FAST, signal_input(EVENT_ID, 5), 0),
		HV_STATUS_SUCCESS);
	assert_int_equal(receiver.flag, 5);
}

static void a_post_from_kvm_is_read_from_memory(void **state)
{
	struct vm *vm = *state;
	struct hv_post_message_input input = good_message();

	assert_int_equal(guest_memory_write(&vm->memory, INPUT_GPA, &input, sizeof(input)), 0);
	assert_int_equal(hypercall_from_kvm(vm->vcpu[0], POST, INPUT_GPA, 0), HV_STATUS_SUCCESS);
	assert_int_equal(receiver.calls, 1);
	assert_int_equal(hypercall_from_kvm(vm->vcpu[0], POST, INPUT_GPA + 4, 0),
		HV_STATUS_INVALID_ALIGNMENT);
	assert_int_equal(hypercall_from_kvm(vm->vcpu[0], POST | FAST, INPUT_GPA, 0),
		HV_STATUS_INVALID_HYPERCALL_INPUT);
}

static void what_kvm_need_not_have_checked_is_checked(void **state)
{
	struct vm *vm = *state;

	for (unsigned bit = 17; bit < 64; bit++)
		assert_int_equal(hypercall_from_kvm(vm->vcpu[0], SIGNAL | BIT64(bit), EVENT_ID, 0),
			HV_STATUS_INVALID_HYPERCALL_INPUT);
	assert_int_equal(hypercall_from_kvm(vm->vcpu[0], 0x8001, INPUT_GPA, INPUT_GPA),
		HV_STATUS_INVALID_HYPERCALL_CODE);
	assert_int_equal(receiver.calls, 0);
}

/* Whether the page is enabled is KVM's to know. */
static void the_page_of_ours_does_not_matter_to_kvm(void **state)
{
	struct vm *vm = *state;

	assert_int_equal(hv_msr_write(vm->vcpu[0], 0, HV_MSR_GUEST_OS_ID, 0), HV_FAULT_NONE);
	assert_int_equal(
		hypercall_from_kvm(vm->vcpu[0], SIGNAL | FAST, EVENT_ID, 0), HV_STATUS_SUCCESS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(user_mode_gets_ud),
		TEST(real_mode_gets_ud),
		TEST(without_the_page_a_call_gets_ud),
		TEST(unknown_codes_answer_2_before_all_else),
		TEST(a_32_bit_caller_uses_register_pairs),
		TEST(a_32_bit_control_word_has_a_high_half),
		TEST(upper_halves_of_registers_are_ignored_in_32_bit_mode),
		TEST(reserved_rep_and_variable_bits_answer_3),
		TEST(a_missing_privilege_answers_6_before_anything),
		TEST(a_message_of_240_bytes_is_delivered_whole),
		TEST(fast_post_answers_3),
		TEST(unaligned_post_answers_4),
		TEST(post_across_a_page_answers_4),
		TEST(post_from_outside_ram_answers_4),
		TEST(payload_size_type_and_id_are_checked_in_order),
		TEST(the_receivers_status_is_the_answer),
		TEST(the_reserved_word_of_a_message_is_ignored),
		TEST(an_input_on_an_overlay_page_is_read_as_the_guest_sees_it),
		TEST(a_fast_signal_takes_its_input_from_the_register),
		TEST(a_slow_signal_takes_its_input_from_memory),
		TEST(a_slow_signal_unaligned_crossing_or_outside_answers_4),
		TEST(signal_flags_and_ids_are_checked_in_order),
		TEST(long_spin_wait_always_succeeds_and_is_counted),
		TEST(calls_are_counted_by_status),
		TEST(a_call_leaves_one_record),
		TEST(hypercalls_are_listed_in_order),
		TEST(every_status_of_ours_has_a_name),
		TEST(a_slow_signal_from_kvm_has_been_read_already),
		TEST(a_fast_signal_from_kvm_is_the_same),
		TEST(a_post_from_kvm_is_read_from_memory),
		TEST(what_kvm_need_not_have_checked_is_checked),
		TEST(the_page_of_ours_does_not_matter_to_kvm),
	};

	return cmocka_run_group_tests_name("hypercall", tests, NULL, NULL);
}
