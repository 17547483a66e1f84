/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest that calls hypercalls with any registers and any input, makes connections of its own
 * through the test device, and talks to the demo's ports.
 *
 * The input is a list of steps: one byte that says which, then
 *
 *	0 call, input chosen    u8 mode, u64 control, u64 first word, u64 second word; the words are
 *	                        the registers of a fast call and else written to memory
 *	1 call, registers any   u8 mode, seven u64: rax rbx rcx rdx rsi rdi r8
 *	2 message               u32 connection, u32 type, u16 payload size
 *	3 test device           u32 as written to its port
 *	4 empty a slot          u8 VP, u8 SINT; then EOM
 *	5 let time pass         u16 microseconds
 *
 * mode: bit 0 VP, 1 long mode, 2 real mode, 4:3 CPL, 6:5 VTL.
 */
#include "fuzz.h"
#include "../unit/fake_vm.h"
#include "hvdef/hv_msr.h"
#include "vmm/dev/demo.h"
#include "vmm/dev/testdev.h"

enum { STEPS = 6, INPUT_GPA = 0x90000, CALL_PAGE_GPA = 0x80000 };

static void call(struct fake_vm *fake, uint8_t mode, struct hypercall_regs *regs)
{
	regs->long_mode = mode & 2;
	regs->protected_mode = !(mode & 4);
	regs->cpl = mode >> 3 & 3;
	/* A fault is an answer too. */
	(void)hypercall_dispatch(fake->vm.vcpu[mode & 1], (mode >> 5) % HV_VTL_COUNT, regs);
	fake_vm_run_loop(fake);
}

static void call_with_input(struct fake_vm *fake, struct fuzz_input *input)
{
	uint8_t mode = (uint8_t)fuzz_take(input, 1);
	uint64_t control = fuzz_take(input, 8);
	uint64_t word[2] = {fuzz_take(input, 8), fuzz_take(input, 8)};
	struct hypercall_regs regs = {.rcx = control, .rdx = word[0], .r8 = word[1]};

	if (!(control & HV_CONTROL_FAST)) {
		memcpy(fake_vm_ram(fake, INPUT_GPA), word, sizeof(word));
		regs.rdx = INPUT_GPA;
	}
	call(fake, mode | 2, &regs);
}

static void call_with_registers(struct fake_vm *fake, struct fuzz_input *input)
{
	uint8_t mode = (uint8_t)fuzz_take(input, 1);
	struct hypercall_regs regs = {
		.rax = fuzz_take(input, 8),
		.rbx = fuzz_take(input, 8),
		.rcx = fuzz_take(input, 8),
		.rdx = fuzz_take(input, 8),
		.rsi = fuzz_take(input, 8),
		.rdi = fuzz_take(input, 8),
		.r8 = fuzz_take(input, 8),
	};

	call(fake, mode, &regs);
}

static void post_message(struct fake_vm *fake, struct fuzz_input *input)
{
	struct hv_post_message_input *message = fake_vm_ram(fake, INPUT_GPA);
	struct hypercall_regs regs = {.rcx = HV_CALL_POST_MESSAGE, .rdx = INPUT_GPA};

	message->connection_id = (uint32_t)fuzz_take(input, 4);
	message->message_type = (uint32_t)fuzz_take(input, 4);
	message->payload_size = (uint32_t)fuzz_take(input, 2);
	call(fake, 2, &regs);
}

static void write_testdev(struct fake_vm *fake, struct fuzz_input *input)
{
	uint32_t value = (uint32_t)fuzz_take(input, 4);

	iobus_access(&fake->vm.iobus, fake->vm.vcpu[0], TESTDEV_PORT, 4, true, &value);
}

static void empty_slot(struct fake_vm *fake, struct fuzz_input *input)
{
	uint32_t vp = fuzz_take(input, 1) & 1;

	fake_vm_consume(fake, vp, fuzz_take(input, 1) % HV_SINT_COUNT);
	fake_vm_run_loop(fake);
}

static void pass_time(struct fake_vm *fake, struct fuzz_input *input)
{
	fake_vm_advance_ns(fake, fuzz_take(input, 2) * NSEC_PER_USEC);
	fake_vm_run_loop(fake);
}

static void (*const step_table[STEPS])(struct fake_vm *fake, struct fuzz_input *input) = {
	call_with_input,
	call_with_registers,
	post_message,
	write_testdev,
	empty_slot,
	pass_time,
};

static void enable_hypercalls(struct vm *vm)
{
	for (uint8_t vtl = 0; vtl < HV_VTL_COUNT; vtl++) {
		uint64_t gpa = CALL_PAGE_GPA + vtl * HV_PAGE_SIZE;

		hv_msr_write(vm->vcpu[0], vtl, HV_MSR_GUEST_OS_ID, 1);
		hv_msr_write(vm->vcpu[0], vtl, HV_MSR_HYPERCALL, gpa | HV_PAGE_ENABLE);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	struct fake_vm *fake = fake_vm_new(2, FAKE_WITH_TSC | FAKE_WITH_IRQFD);
	struct testdev *testdev = NULL;
	struct demo *demo = NULL;

	enable_hypercalls(&fake->vm);
	fake_vm_enable(fake, 0);
	fake_vm_enable(fake, 1);
	if (testdev_new(&fake->vm, &testdev) || demo_new(&fake->vm, &demo))
		__builtin_trap();
	while (fuzz_more(&input))
		step_table[fuzz_take(&input, 1) % STEPS](fake, &input);
	demo_free(demo);
	testdev_free(testdev);
	fake_vm_free(fake);
	return 0;
}
