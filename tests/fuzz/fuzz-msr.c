/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest that does what it likes with its synthetic MSRs, on two VPs and three VTLs, while time
 * passes, slots are emptied and the machine is reset.
 *
 * The input is a list of steps: one byte that says which, one byte VP (bit 0) and VTL (2:1), then
 *
 *	0 write a register    u16 offset from 0x40000000, u64 value
 *	1 write a page        u16 offset, u8 page number, u8 the low bits of the value
 *	2 read a register     u16 offset
 *	3 let time pass       u16 microseconds, at most 65 ms
 *	4 empty a slot        u8 SINT; then EOM
 *	5 reset the VP        -
 *	6 reset the partition -
 */
#include "fuzz.h"
#include "../unit/fake_vm.h"
#include "hvdef/hv_msr.h"

enum { STEPS = 7 };

struct step {
	struct fake_vm *fake;
	struct vcpu *vcpu;
	uint8_t vtl;
};

static uint32_t take_index(struct fuzz_input *input)
{
	return HV_MSR_BASE + (uint32_t)fuzz_take(input, 2) % (HV_MSR_COUNT + 1);
}

static void write_register(struct step *step, struct fuzz_input *input)
{
	uint32_t index = take_index(input);

	/* The machine's reset is the VM's business, and this VM has no VPs that run. */
	if (index != HV_MSR_RESET)
		hv_msr_write(step->vcpu, step->vtl, index, fuzz_take(input, 8));
}

static void write_page(struct step *step, struct fuzz_input *input)
{
	static const uint32_t pages[] = {HV_MSR_HYPERCALL, HV_MSR_REFERENCE_TSC,
		HV_MSR_VP_ASSIST_PAGE, HV_MSR_SIEFP, HV_MSR_SIMP};
	uint32_t index = pages[fuzz_take(input, 2) % ARRAY_LEN(pages)];
	uint64_t gpa = fuzz_take(input, 1) * HV_PAGE_SIZE;

	hv_msr_write(step->vcpu, step->vtl, index, gpa | fuzz_take(input, 1));
}

static void read_register(struct step *step, struct fuzz_input *input)
{
	uint64_t value;

	hv_msr_read(step->vcpu, step->vtl, take_index(input), &value);
}

static void pass_time(struct step *step, struct fuzz_input *input)
{
	fake_vm_advance_ns(step->fake, fuzz_take(input, 2) * NSEC_PER_USEC);
	fake_vm_run_loop(step->fake);
}

static void empty_slot(struct step *step, struct fuzz_input *input)
{
	uint64_t simp = 0, offset = fuzz_take(input, 1) % HV_SINT_COUNT * HV_MESSAGE_SIZE;
	uint32_t *type;

	hv_msr_read(step->vcpu, step->vtl, HV_MSR_SIMP, &simp);
	type = guest_memory_at(&step->fake->vm.memory, (simp & HV_PAGE_GPA_MASK) + offset, 4);
	if (type)
		__atomic_store_n(type, 0, __ATOMIC_SEQ_CST);
	hv_msr_write(step->vcpu, step->vtl, HV_MSR_EOM, 0);
}

static void reset_vp(struct step *step, struct fuzz_input *input)
{
	synic_reset(&step->vcpu->synic[step->vtl]);
	hv_vp_reset(step->vcpu);
}

static void reset_partition(struct step *step, struct fuzz_input *input)
{
	hv_partition_reset(&step->fake->vm.hv[step->vtl]);
}

static void (*const step_table[STEPS])(struct step *step, struct fuzz_input *input) = {
	write_register,
	write_page,
	read_register,
	pass_time,
	empty_slot,
	reset_vp,
	reset_partition,
};

static void run_step(struct fake_vm *fake, struct fuzz_input *input)
{
	uint8_t which = (uint8_t)fuzz_take(input, 1), where = (uint8_t)fuzz_take(input, 1);
	struct step step = {
		.fake = fake,
		.vcpu = fake->vm.vcpu[where & 1],
		.vtl = (where >> 1) % HV_VTL_COUNT,
	};

	step_table[which % STEPS](&step, input);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	struct fake_vm *fake = fake_vm_new(2, FAKE_WITH_TSC);

	while (fuzz_more(&input))
		run_step(fake, &input);
	fake_vm_free(fake);
	return 0;
}
