/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Synthetic MSRs: every register, every #GP of spec 2, the ordering rules of spec 2.1. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>
#include "fake_vm.h"
#include "hvdef/hv_cpuid.h"
#include "hvdef/hv_msr.h"
#include "vmm/event.h"
#include "vmm/vm.h"

static int setup(void **state)
{
	*state = &fake_vm_new(2, FAKE_WITH_TSC)->vm;
	return 0;
}

static int teardown(void **state)
{
	fake_vm_free(fake_vm_of(*state));
	return 0;
}

#define OS_ID       UINT64_C(0x8100060100000000)
#define PAGE(gpa)   ((gpa) | HV_PAGE_ENABLE)
#define OUTSIDE_RAM UINT64_C(0xfee00000)

static uint64_t rd(struct vm *vm, uint32_t index)
{
	uint64_t value = 0xdead;

	assert_int_equal(hv_msr_read(vm->vcpu[0], 0, index, &value), HV_FAULT_NONE);
	return value;
}

static void wr(struct vm *vm, uint32_t index, uint64_t value)
{
	assert_int_equal(hv_msr_write(vm->vcpu[0], 0, index, value), HV_FAULT_NONE);
}

static void wr_gp(struct vm *vm, uint32_t index, uint64_t value)
{
	assert_int_equal(hv_msr_write(vm->vcpu[0], 0, index, value), HV_FAULT_GP);
}

static void rd_gp(struct vm *vm, uint32_t index)
{
	uint64_t value = 0xdead;

	assert_int_equal(hv_msr_read(vm->vcpu[0], 0, index, &value), HV_FAULT_GP);
	assert_int_equal(value, 0xdead);
}

static struct hv_info hv_info_of(struct vm *vm, uint64_t vtl)
{
	struct hv_info info = {0};

	assert_int_equal(hv_node_class.get(vm, &vtl, &info), 0);
	return info;
}

static uint8_t *at(struct vm *vm, uint64_t gpa)
{
	return guest_memory_at(&vm->memory, gpa, HV_PAGE_SIZE);
}

static void fill(struct vm *vm, uint64_t gpa, uint8_t byte)
{
	memset(at(vm, gpa), byte, HV_PAGE_SIZE);
}

static void assert_filled(struct vm *vm, uint64_t gpa, uint8_t byte)
{
	const uint8_t *page = at(vm, gpa);

	for (unsigned i = 0; i < HV_PAGE_SIZE; i++)
		assert_int_equal(page[i], byte);
}

/* ---- the table ------------------------------------------------------------ */

/* Registers of spec 2 and how a guest may use them: r, w, rw or - (known, not offered). */
static const struct {
	uint32_t index;
	const char *name, *access;
} registers[] = {
	{0x40000000, "GUEST_OS_ID", "rw"},
	{0x40000001, "HYPERCALL", "rw"},
	{0x40000002, "VP_INDEX", "r"},
	{0x40000003, "RESET", "rw"},
	{0x40000010, "VP_RUNTIME", "r"},
	{0x40000020, "TIME_REF_COUNT", "r"},
	{0x40000021, "REFERENCE_TSC", "rw"},
	{0x40000022, "TSC_FREQUENCY", "r"},
	{0x40000023, "APIC_FREQUENCY", "r"},
	{0x40000070, "EOI", "-"},
	{0x40000071, "ICR", "-"},
	{0x40000072, "TPR", "-"},
	{0x40000073, "VP_ASSIST_PAGE", "rw"},
	{0x40000080, "SCONTROL", "rw"},
	{0x40000081, "SVERSION", "r"},
	{0x40000082, "SIEFP", "rw"},
	{0x40000083, "SIMP", "rw"},
	{0x40000084, "EOM", "rw"},
	{0x40000090, "SINT0", "rw"},
	{0x40000099, "SINT9", "rw"},
	{0x4000009a, "SINT10", "rw"},
	{0x4000009f, "SINT15", "rw"},
	{0x400000b0, "STIMER0_CONFIG", "rw"},
	{0x400000b1, "STIMER0_COUNT", "rw"},
	{0x400000b6, "STIMER3_CONFIG", "rw"},
	{0x400000b7, "STIMER3_COUNT", "rw"},
	{0x400000e0, "STATS_PARTITION_RETAIL", "-"},
	{0x400000e3, "STATS_VP_INTERNAL", "-"},
	{0x400000f0, "GUEST_IDLE", "-"},
	{0x400000f1, "SYNDBG_CONTROL", "-"},
	{0x400000ff, "SYNDBG_OPTIONS", "-"},
	{0x40000100, "CRASH_P0", "rw"},
	{0x40000104, "CRASH_P4", "rw"},
	{0x40000105, "CRASH_CTL", "rw"},
	{0x40000106, "REENLIGHTENMENT_CONTROL", "-"},
	{0x40000107, "TSC_EMULATION_CONTROL", "-"},
	{0x40000108, "TSC_EMULATION_STATUS", "-"},
	{0x40000118, "TSC_INVARIANT_CONTROL", "-"},
};

static void names_and_directions_are_those_of_the_specification(void **state)
{
	for (unsigned i = 0; i < ARRAY_LEN(registers); i++) {
		const char *access = registers[i].access;
		struct hv_msr_desc desc;

		assert_int_equal(hv_msr_describe(registers[i].index, &desc), 0);
		assert_string_equal(desc.name, registers[i].name);
		assert_string_equal(hv_msr_name(registers[i].index), registers[i].name);
		assert_int_equal(desc.readable, strchr(access, 'r') != NULL);
		assert_int_equal(desc.writable, strchr(access, 'w') != NULL);
	}
}

static void every_other_index_faults(void **state)
{
	struct vm *vm = *state;
	unsigned known = 0;
	struct hv_msr_desc desc;

	for (uint32_t index = HV_MSR_BASE; index < HV_MSR_BASE + HV_MSR_COUNT; index++) {
		if (hv_msr_describe(index, &desc) == 0) {
			known++;
			continue;
		}
		assert_null(hv_msr_name(index));
		rd_gp(vm, index);
		wr_gp(vm, index, 0);
	}
	assert_int_equal(known, 13 + 5 + 16 + 8 + 11 + 10);
	rd_gp(vm, HV_MSR_BASE + HV_MSR_COUNT);
	wr_gp(vm, HV_MSR_BASE - 1, 0);
	rd_gp(vm, 0);
	wr_gp(vm, UINT32_MAX, 0);
}

static void a_direction_the_register_lacks_faults(void **state)
{
	struct vm *vm = *state;

	for (unsigned i = 0; i < ARRAY_LEN(registers); i++) {
		if (!strchr(registers[i].access, 'r'))
			rd_gp(vm, registers[i].index);
		if (!strchr(registers[i].access, 'w'))
			wr_gp(vm, registers[i].index, 0);
	}
}

/* Every register but those that tell the time or the VP. */
static void every_register_reads_its_reset_value(void **state)
{
	struct vm *vm = *state;
	struct hv_msr_desc desc;

	for (uint32_t index = HV_MSR_BASE; index < HV_MSR_BASE + HV_MSR_COUNT; index++) {
		if (hv_msr_describe(index, &desc) || !desc.readable || !desc.writable)
			continue;
		assert_true(rd(vm, index) == desc.reset);
	}
	assert_int_equal(rd(vm, HV_MSR_SVERSION), HV_SYNIC_VERSION);
	assert_int_equal(rd(vm, HV_MSR_SINT0 + 7), 0x10000);
}

static void withhold(struct vm *vm, struct hv_privileges what)
{
	vm->hv[0].withheld = what;
}

/* What faults, with the bit withheld, is exactly what the bit gates. */
static void each_privilege_gates_its_registers(void **state)
{
	struct vm *vm = *state;
	static const struct {
		struct hv_privileges bit;
		uint32_t gated[4];
	} rows[] = {
		{{.eax = HV_PRIV_VP_RUNTIME}, {HV_MSR_VP_RUNTIME}},
		{{.eax = HV_PRIV_REFERENCE_COUNTER}, {HV_MSR_TIME_REF_COUNT}},
		{{.eax = HV_PRIV_SYNIC},
			{HV_MSR_SCONTROL, HV_MSR_EOM, HV_MSR_SINT0, HV_MSR_SINT15}},
		{{.eax = HV_PRIV_STIMER}, {HV_MSR_STIMER0_CONFIG, HV_MSR_STIMER3_COUNT}},
		{{.eax = HV_PRIV_HYPERCALL_MSRS}, {HV_MSR_GUEST_OS_ID, HV_MSR_HYPERCALL}},
		{{.eax = HV_PRIV_VP_INDEX}, {HV_MSR_VP_INDEX}},
		{{.eax = HV_PRIV_RESET}, {HV_MSR_RESET}},
		{{.eax = HV_PRIV_REFERENCE_TSC}, {HV_MSR_REFERENCE_TSC}},
		{{.eax = HV_PRIV_FREQUENCY_MSRS}, {HV_MSR_TSC_FREQUENCY, HV_MSR_APIC_FREQUENCY}},
		{{.edx = HV_FEATURE_CRASH_MSRS},
			{HV_MSR_CRASH_P0, HV_MSR_CRASH_P4, HV_MSR_CRASH_CTL}},
	};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
		for (unsigned j = 0; j < ARRAY_LEN(rows[i].gated) && rows[i].gated[j]; j++) {
			withhold(vm, (struct hv_privileges){0});
			rd(vm, rows[i].gated[j]);
			withhold(vm, rows[i].bit);
			rd_gp(vm, rows[i].gated[j]);
			wr_gp(vm, rows[i].gated[j], 0);
		}
	/* Linux writes it without asking. */
	withhold(vm, (struct hv_privileges){UINT32_MAX, UINT32_MAX, UINT32_MAX});
	wr(vm, HV_MSR_VP_ASSIST_PAGE, 0);
}

static void without_a_constant_tsc_its_registers_fault(void **state)
{
	struct vm *vm = *state;

	vm->reftime.tsc_valid = false;
	rd_gp(vm, HV_MSR_REFERENCE_TSC);
	rd(vm, HV_MSR_TSC_FREQUENCY);
	vm->reftime.tsc_hz = 0;
	rd_gp(vm, HV_MSR_TSC_FREQUENCY);
}

static void faults_are_counted(void **state)
{
	struct vm *vm = *state;

	rd_gp(vm, HV_MSR_EOI);
	wr_gp(vm, HV_MSR_VP_INDEX, 0);
	rd(vm, HV_MSR_VP_INDEX);
	assert_int_equal(vm->vcpu[0]->msr_faults, 2);
}

/* ---- OS id and hypercall page --------------------------------------------- */

static void hypercall_is_ignored_without_an_os_id(void **state)
{
	struct vm *vm = *state;

	fill(vm, 0x3000, 0xaa);
	wr(vm, HV_MSR_HYPERCALL, PAGE(0x3000));
	assert_int_equal(rd(vm, HV_MSR_HYPERCALL), 0);
	/* Not even looked at. */
	wr(vm, HV_MSR_HYPERCALL, UINT64_MAX);
	assert_int_equal(rd(vm, HV_MSR_HYPERCALL), 0);
	assert_filled(vm, 0x3000, 0xaa);
}

static void assert_hypercall_page(struct vm *vm, uint64_t gpa)
{
	static const uint8_t code[] = {0xf3, 0x0f, 0x1e, 0xfa, 0xe7, HYPERCALL_PORT, 0xc3, 0xcc};
	const uint8_t *page = at(vm, gpa);

	assert_memory_equal(page, code, sizeof(code));
	assert_int_equal(page[HV_PAGE_SIZE - 1], 0xcc);
}

static void enabling_hypercall_shows_the_page(void **state)
{
	struct vm *vm = *state;

	fill(vm, 0x3000, 0xaa);
	wr(vm, HV_MSR_GUEST_OS_ID, OS_ID);
	wr(vm, HV_MSR_HYPERCALL, PAGE(0x3000));
	assert_true(rd(vm, HV_MSR_GUEST_OS_ID) == OS_ID);
	assert_int_equal(rd(vm, HV_MSR_HYPERCALL), PAGE(0x3000));
	assert_hypercall_page(vm, 0x3000);
	wr(vm, HV_MSR_HYPERCALL, 0x3000);
	assert_filled(vm, 0x3000, 0xaa);
}

static void the_hypercall_page_moves_and_is_rewritten(void **state)
{
	struct vm *vm = *state;

	fill(vm, 0x3000, 0xaa);
	wr(vm, HV_MSR_GUEST_OS_ID, OS_ID);
	wr(vm, HV_MSR_HYPERCALL, PAGE(0x3000));
	wr(vm, HV_MSR_HYPERCALL, PAGE(0x5000));
	assert_filled(vm, 0x3000, 0xaa);
	assert_hypercall_page(vm, 0x5000);
	fill(vm, 0x5000, 0);
	wr(vm, HV_MSR_HYPERCALL, 0);
	wr(vm, HV_MSR_HYPERCALL, PAGE(0x5000));
	assert_hypercall_page(vm, 0x5000);
}

static void clearing_the_os_id_takes_the_page_away(void **state)
{
	struct vm *vm = *state;

	fill(vm, 0x3000, 0xaa);
	wr(vm, HV_MSR_GUEST_OS_ID, OS_ID);
	wr(vm, HV_MSR_HYPERCALL, PAGE(0x3000));
	wr(vm, HV_MSR_GUEST_OS_ID, 0);
	assert_int_equal(rd(vm, HV_MSR_HYPERCALL), 0x3000);
	assert_filled(vm, 0x3000, 0xaa);
	/* Linux's cleanup order: this write then has no effect and no fault. */
	wr(vm, HV_MSR_HYPERCALL, 0);
	assert_int_equal(rd(vm, HV_MSR_HYPERCALL), 0x3000);
}

static void changing_the_os_id_keeps_the_page(void **state)
{
	struct vm *vm = *state;

	wr(vm, HV_MSR_GUEST_OS_ID, OS_ID);
	wr(vm, HV_MSR_HYPERCALL, PAGE(0x3000));
	wr(vm, HV_MSR_GUEST_OS_ID, OS_ID + 1);
	assert_hypercall_page(vm, 0x3000);
}

static void a_locked_hypercall_register_cannot_be_written(void **state)
{
	struct vm *vm = *state;

	wr(vm, HV_MSR_GUEST_OS_ID, OS_ID);
	wr(vm, HV_MSR_HYPERCALL, PAGE(0x3000) | HV_HYPERCALL_LOCKED);
	wr_gp(vm, HV_MSR_HYPERCALL, PAGE(0x4000));
	wr_gp(vm, HV_MSR_HYPERCALL, 0);
	wr_gp(vm, HV_MSR_HYPERCALL, PAGE(0x3000) | HV_HYPERCALL_LOCKED);
	assert_hypercall_page(vm, 0x3000);
	/* The OS id rule holds all the same; the lock stays until reset. */
	wr(vm, HV_MSR_GUEST_OS_ID, 0);
	assert_int_equal(rd(vm, HV_MSR_HYPERCALL), 0x3000 | HV_HYPERCALL_LOCKED);
	wr(vm, HV_MSR_GUEST_OS_ID, OS_ID);
	wr_gp(vm, HV_MSR_HYPERCALL, PAGE(0x3000));
	hv_partition_reset(&vm->hv[0]);
	wr(vm, HV_MSR_GUEST_OS_ID, OS_ID);
	wr(vm, HV_MSR_HYPERCALL, PAGE(0x3000));
}

static void reserved_bits_of_hypercall_fault(void **state)
{
	struct vm *vm = *state;

	wr(vm, HV_MSR_GUEST_OS_ID, OS_ID);
	for (unsigned bit = 2; bit < 12; bit++)
		wr_gp(vm, HV_MSR_HYPERCALL, PAGE(0x3000) | BIT64(bit));
	assert_int_equal(rd(vm, HV_MSR_HYPERCALL), 0);
}

/* ---- overlays ------------------------------------------------------------- */

static void a_page_outside_ram_faults_and_changes_nothing(void **state)
{
	struct vm *vm = *state;
	static const uint32_t pages[] = {HV_MSR_HYPERCALL, HV_MSR_REFERENCE_TSC,
		HV_MSR_VP_ASSIST_PAGE, HV_MSR_SIEFP, HV_MSR_SIMP};
	static const uint64_t bad[] = {OUTSIDE_RAM, UINT64_C(1) << 52, HV_PAGE_GPA_MASK};

	wr(vm, HV_MSR_GUEST_OS_ID, OS_ID);
	for (unsigned i = 0; i < ARRAY_LEN(pages); i++) {
		uint64_t good = PAGE(UINT64_C(0x10000) + 0x1000 * i);

		wr(vm, pages[i], good);
		for (unsigned j = 0; j < ARRAY_LEN(bad); j++)
			wr_gp(vm, pages[i], PAGE(bad[j]));
		assert_true(rd(vm, pages[i]) == good);
	}
	assert_hypercall_page(vm, 0x10000);
}

static void page_zero_is_a_legal_place(void **state)
{
	struct vm *vm = *state;

	wr(vm, HV_MSR_GUEST_OS_ID, OS_ID);
	wr(vm, HV_MSR_HYPERCALL, PAGE(0));
	assert_hypercall_page(vm, 0);
}

static void the_reference_tsc_page_is_filled_and_keeps_reserved_bits(void **state)
{
	struct vm *vm = *state;
	struct hv_reference_tsc_page expected;

	fill(vm, 0x6000, 0x55);
	reftime_fill_page(&vm->reftime, &expected);
	assert_int_not_equal(expected.sequence, 0);
	wr(vm, HV_MSR_REFERENCE_TSC, PAGE(0x6000) | 0xabe);
	assert_int_equal(rd(vm, HV_MSR_REFERENCE_TSC), PAGE(0x6000) | 0xabe);
	assert_memory_equal(at(vm, 0x6000), &expected, 24);
	wr(vm, HV_MSR_REFERENCE_TSC, 0);
	assert_filled(vm, 0x6000, 0x55);
}

static void the_assist_page_starts_without_eoi_assist(void **state)
{
	struct vm *vm = *state;

	fill(vm, 0x7000, 0x77);
	wr(vm, HV_MSR_VP_ASSIST_PAGE, PAGE(0x7000));
	assert_filled(vm, 0x7000, 0);
	fill(vm, 0x7000, 0xff);
	wr(vm, HV_MSR_VP_ASSIST_PAGE, 0);
	assert_filled(vm, 0x7000, 0x77);
	/* An overlay keeps what the guest wrote; the assist word is ours. */
	wr(vm, HV_MSR_VP_ASSIST_PAGE, PAGE(0x7000));
	assert_int_equal(at(vm, 0x7000)[0], 0);
	assert_int_equal(at(vm, 0x7000)[3], 0);
	assert_int_equal(at(vm, 0x7000)[4], 0xff);
	/* Moved while enabled, all of it follows. */
	fill(vm, 0x7000, 0xee);
	wr(vm, HV_MSR_VP_ASSIST_PAGE, PAGE(0x9000));
	assert_filled(vm, 0x9000, 0xee);
	assert_filled(vm, 0x7000, 0x77);
}

/* SIMP, SIEFP and the hypercall page on one GPA: the last one enabled shows, each keeps working. */
static void pages_of_all_kinds_stack_on_one_gpa(void **state)
{
	struct vm *vm = *state;
	struct synic *synic = &vm->vcpu[0]->synic[0];
	const struct hv_event_flags_page *flags = (const void *)at(vm, 0x3000);

	fill(vm, 0x3000, 0x44);
	wr(vm, HV_MSR_GUEST_OS_ID, OS_ID);
	wr(vm, HV_MSR_SCONTROL, HV_SCONTROL_ENABLE);
	wr(vm, HV_MSR_SIMP, PAGE(0x3000));
	wr(vm, HV_MSR_SIEFP, PAGE(0x3000));
	wr(vm, HV_MSR_HYPERCALL, PAGE(0x3000));
	assert_hypercall_page(vm, 0x3000);
	assert_int_equal(synic_set_event_flag(synic, 1, 7, SYNIC_FROM_HOST), 0);
	assert_hypercall_page(vm, 0x3000);
	wr(vm, HV_MSR_SIMP, 0); /* from below */
	assert_hypercall_page(vm, 0x3000);
	wr(vm, HV_MSR_HYPERCALL, 0);
	assert_int_equal(flags->sint[1].word[0], BIT64(7));
	assert_int_equal(flags->sint[0].word[0], 0);
	wr(vm, HV_MSR_SIEFP, 0);
	assert_filled(vm, 0x3000, 0x44);
}

static void reset_puts_pages_and_registers_back(void **state)
{
	struct vm *vm = *state;

	fill(vm, 0x3000, 0x11);
	fill(vm, 0x7000, 0x22);
	fill(vm, 0x9000, 0x33);
	wr(vm, HV_MSR_GUEST_OS_ID, OS_ID);
	wr(vm, HV_MSR_HYPERCALL, PAGE(0x3000));
	wr(vm, HV_MSR_VP_ASSIST_PAGE, PAGE(0x7000));
	wr(vm, HV_MSR_REFERENCE_TSC, PAGE(0x9000));
	wr(vm, HV_MSR_CRASH_P0 + 2, 9);
	wr(vm, HV_MSR_CRASH_CTL, HV_CRASH_NOTIFY);
	hv_vp_reset(vm->vcpu[0]);
	hv_partition_reset(&vm->hv[0]);
	assert_filled(vm, 0x3000, 0x11);
	assert_filled(vm, 0x7000, 0x22);
	assert_filled(vm, 0x9000, 0x33);
	assert_int_equal(hv_info_of(vm, 0).crash_ctl, 0);
	assert_int_equal(hv_info_of(vm, 0).crashes, 1);
	every_register_reads_its_reset_value(state);
}

/* ---- the rest ------------------------------------------------------------- */

static void vp_registers_tell_about_their_vp(void **state)
{
	struct vm *vm = *state;
	uint64_t value;

	vm->vcpu[1]->runtime_100ns = 1234;
	assert_int_equal(hv_msr_read(vm->vcpu[1], 0, HV_MSR_VP_INDEX, &value), HV_FAULT_NONE);
	assert_int_equal(value, 1);
	assert_int_equal(hv_msr_read(vm->vcpu[1], 0, HV_MSR_VP_RUNTIME, &value), HV_FAULT_NONE);
	assert_int_equal(value, 1234);
	assert_int_equal(rd(vm, HV_MSR_VP_RUNTIME), 0);
	wr(vm, HV_MSR_VP_ASSIST_PAGE, PAGE(0x7000));
	assert_int_equal(hv_vp_assist(vm->vcpu[0], 0), PAGE(0x7000));
	assert_int_equal(hv_vp_assist(vm->vcpu[1], 0), 0);
}

static void frequencies_are_in_hertz(void **state)
{
	struct vm *vm = *state;

	assert_true(rd(vm, HV_MSR_TSC_FREQUENCY) == vm->reftime.tsc_hz);
	assert_int_equal(rd(vm, HV_MSR_APIC_FREQUENCY), 1000000000);
}

static void the_reference_counter_counts_100_ns(void **state)
{
	struct vm *vm = *state;
	uint64_t before = rd(vm, HV_MSR_TIME_REF_COUNT);

	fake_vm_advance_ns(fake_vm_of(vm), NSEC_PER_MSEC);
	assert_in_range(rd(vm, HV_MSR_TIME_REF_COUNT), before + 9999, before + 10001);
}

static void no_kick(struct vcpu *vcpu)
{
}

static void forget_reset(struct loop_work *work)
{
	container_of(work, struct vm, life_work)->reset_requested = false;
}

static void only_bit_zero_of_reset_asks_for_one(void **state)
{
	struct vm *vm = *state;

	fake_vm_of(vm)->accel.vcpu_kick = no_kick;
	vm->life_work.run = forget_reset;
	wr(vm, HV_MSR_RESET, UINT64_MAX - 1);
	assert_false(vm->reset_requested);
	wr(vm, HV_MSR_RESET, 1);
	assert_true(vm->reset_requested);
	assert_int_equal(rd(vm, HV_MSR_RESET), 0);
}

static void a_crash_report_is_kept_and_control_is_not_stored(void **state)
{
	struct vm *vm = *state;

	for (unsigned i = 0; i < 5; i++)
		wr(vm, HV_MSR_CRASH_P0 + i, 100 + i);
	wr(vm, HV_MSR_CRASH_CTL, HV_CRASH_MESSAGE);
	assert_int_equal(hv_info_of(vm, 0).crashes, 0);
	wr(vm, HV_MSR_CRASH_CTL, HV_CRASH_NOTIFY | HV_CRASH_MESSAGE);
	assert_int_equal(hv_info_of(vm, 0).crashes, 1);
	assert_int_equal(hv_info_of(vm, 0).crash_p4, 104);
	assert_true(hv_info_of(vm, 0).crash_ctl == (HV_CRASH_NOTIFY | HV_CRASH_MESSAGE));
	/* Reads give what can be asked for. */
	assert_true(rd(vm, HV_MSR_CRASH_CTL) == HV_CRASH_NOTIFY);
	assert_int_equal(rd(vm, HV_MSR_CRASH_P4), 104);
}

static void each_vtl_has_registers_of_its_own(void **state)
{
	struct vm *vm = *state;
	uint64_t value;

	wr(vm, HV_MSR_GUEST_OS_ID, OS_ID);
	assert_int_equal(hv_msr_read(vm->vcpu[0], 2, HV_MSR_GUEST_OS_ID, &value), HV_FAULT_NONE);
	assert_int_equal(value, 0);
	assert_true(hv_info_of(vm, 0).guest_os_id == OS_ID);
	assert_true(hv_info_of(vm, 2).guest_os_id == 0);
	assert_int_equal(hv_info_of(vm, 2).vtl, 2);
}

static void an_unknown_vtl_has_no_node(void **state)
{
	struct hv_info info;

	assert_int_equal(hv_node_class.get(*state, &(uint64_t){HV_VTL_COUNT}, &info), -ENOENT);
	assert_int_equal(hv_node_class.get(*state, &(uint64_t){UINT64_MAX}, &info), -ENOENT);
}

/* ---- records and threads -------------------------------------------------- */

static void writes_faults_and_pages_are_recorded(void **state)
{
	struct vm *vm = *state;

	wr(vm, HV_MSR_GUEST_OS_ID, OS_ID);
	assert_int_equal(fake_vm_recorded(fake_vm_of(vm), HV_EVENT_MSR_WRITE), 1);
	wr(vm, HV_MSR_HYPERCALL, PAGE(0x3000));
	wr(vm, HV_MSR_HYPERCALL, PAGE(0x3000));
	assert_int_equal(fake_vm_recorded(fake_vm_of(vm), HV_EVENT_PAGE), 1);
	wr_gp(vm, HV_MSR_HYPERCALL, PAGE(OUTSIDE_RAM));
	rd_gp(vm, HV_MSR_EOI);
	assert_int_equal(fake_vm_recorded(fake_vm_of(vm), HV_EVENT_MSR_FAULT), 2);
	assert_int_equal(fake_vm_recorded(fake_vm_of(vm), HV_EVENT_MSR_WRITE), 4);
	/* EOM has a record of its own, the SynIC's. */
	wr(vm, HV_MSR_EOM, 0);
	assert_int_equal(fake_vm_recorded(fake_vm_of(vm), HV_EVENT_MSR_WRITE), 4);
	wr(vm, HV_MSR_CRASH_CTL, HV_CRASH_NOTIFY);
	assert_int_equal(fake_vm_recorded(fake_vm_of(vm), HV_EVENT_CRASH), 1);
}

enum { RACE_WRITES = 2000 };

/* Moves the hypercall page between its own place and nowhere. */
static void *move_page(void *arg)
{
	struct vcpu *vcpu = arg;
	uint64_t gpa = vcpu->index ? 0x5000 : 0x3000;

	for (unsigned i = 0; i < RACE_WRITES; i++)
		hv_msr_write(vcpu, 0, HV_MSR_HYPERCALL, i % 4 ? PAGE(gpa) : 0);
	return NULL;
}

static void register_and_page_agree_after_a_race_of_two_vps(void **state)
{
	struct vm *vm = *state;
	pthread_t thread[2];
	uint64_t gpa;

	fill(vm, 0x3000, 0x33);
	fill(vm, 0x5000, 0x55);
	wr(vm, HV_MSR_GUEST_OS_ID, OS_ID);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, move_page, vm->vcpu[i]), 0);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	gpa = rd(vm, HV_MSR_HYPERCALL) & HV_PAGE_GPA_MASK;
	assert_hypercall_page(vm, gpa);
	assert_filled(vm, gpa == 0x3000 ? 0x5000 : 0x3000, gpa == 0x3000 ? 0x55 : 0x33);
}

/* ---- CPUID ---------------------------------------------------------------- */

static void cpuid_shows_what_is_enforced(void **state)
{
	struct vm *vm = *state;
	struct cpuid_leaf leaf[HV_CPUID_LEAVES];
	struct hv_msr_desc desc;

	hv_cpuid_leaves(vm, leaf);
	for (unsigned i = 0; i < HV_CPUID_LEAVES; i++)
		assert_int_equal(leaf[i].function, 0x40000000 + i);
	for (uint32_t index = HV_MSR_BASE; index < HV_MSR_BASE + HV_MSR_COUNT; index++) {
		struct hv_privileges shown = {leaf[3].eax, leaf[3].ebx, leaf[3].edx};

		if (hv_msr_describe(index, &desc) == 0)
			assert_int_equal(hv_privileges_cover(shown, desc.need),
				desc.readable || desc.writable);
	}
}

static void cpuid_leaves_have_the_specified_values(void **state)
{
	struct cpuid_leaf leaf[HV_CPUID_LEAVES];
	char vendor[13] = "";

	hv_cpuid_leaves(*state, leaf);
	assert_int_equal(leaf[0].eax, 0x40000005);
	memcpy(vendor, &leaf[0].ebx, 4);
	memcpy(vendor + 4, &leaf[0].ecx, 4);
	memcpy(vendor + 8, &leaf[0].edx, 4);
	assert_string_equal(vendor, "Microsoft Hv");
	assert_memory_equal(&leaf[1].eax, "Hv#1", 4);
	/* EAX: runtime, counter, SynIC, timers, hypercalls, index, reset, TSC page, frequencies. */
	assert_int_equal(leaf[3].eax, 0xaef);
	assert_int_equal(leaf[3].ebx, 0x30);
	/* EDX: frequencies, crash, polling, hypercall lock, direct timers. */
	assert_int_equal(leaf[3].edx, 0xe0500);
	/* Relaxed timing, deprecate auto-EOI. */
	assert_int_equal(leaf[4].eax, 0x220);
	assert_int_equal(leaf[5].eax, VM_MAX_VPS);
}

static void cpuid_follows_the_tsc_and_what_is_withheld(void **state)
{
	struct vm *vm = *state;
	struct cpuid_leaf leaf[HV_CPUID_LEAVES];

	vm->reftime.tsc_valid = false;
	withhold(vm, (struct hv_privileges){.ebx = HV_PRIV_POST_MESSAGES});
	hv_cpuid_leaves(vm, leaf);
	assert_int_equal(leaf[3].eax & HV_PRIV_REFERENCE_TSC, 0);
	assert_int_equal(leaf[3].ebx, HV_PRIV_SIGNAL_EVENTS);
}

static void in_mode_kernel_cpuid_is_what_kvm_can_do(void **state)
{
	struct vm *vm = *state;
	struct hv_privileges vtl1 = hv_privileges(vm, 1);
	struct cpuid_leaf leaf[HV_CPUID_LEAVES];

	vm->synic_mode = SYNIC_MODE_KERNEL;
	hv_cpuid_leaves(vm, leaf);
	/* APIC MSRs come to it; polling and the hypercall lock go. */
	assert_int_equal(leaf[3].eax, 0xaff);
	assert_int_equal(leaf[3].ebx, 0x30);
	assert_int_equal(leaf[3].edx, 0x80500);
	vm->lacking = (struct hv_privileges){
		.eax = HV_PRIV_APIC_MSRS | HV_PRIV_REFERENCE_TSC,
		.ebx = HV_PRIV_SIGNAL_EVENTS,
		.edx = HV_FEATURE_STIMER_DIRECT,
	};
	hv_cpuid_leaves(vm, leaf);
	assert_int_equal(leaf[3].eax, 0x8ef);
	assert_int_equal(leaf[3].ebx, 0x10);
	assert_int_equal(leaf[3].edx, 0x500);
	assert_int_equal(leaf[4].eax, 0x220);
	/* Registers of the other VTLs are hvd's own. */
	assert_int_equal(hv_privileges(vm, 1).eax, vtl1.eax);
	assert_int_equal(hv_privileges(vm, 1).edx, vtl1.edx);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(names_and_directions_are_those_of_the_specification),
		TEST(every_other_index_faults),
		TEST(a_direction_the_register_lacks_faults),
		TEST(every_register_reads_its_reset_value),
		TEST(each_privilege_gates_its_registers),
		TEST(without_a_constant_tsc_its_registers_fault),
		TEST(faults_are_counted),
		TEST(hypercall_is_ignored_without_an_os_id),
		TEST(enabling_hypercall_shows_the_page),
		TEST(the_hypercall_page_moves_and_is_rewritten),
		TEST(clearing_the_os_id_takes_the_page_away),
		TEST(changing_the_os_id_keeps_the_page),
		TEST(a_locked_hypercall_register_cannot_be_written),
		TEST(reserved_bits_of_hypercall_fault),
		TEST(a_page_outside_ram_faults_and_changes_nothing),
		TEST(page_zero_is_a_legal_place),
		TEST(the_reference_tsc_page_is_filled_and_keeps_reserved_bits),
		TEST(the_assist_page_starts_without_eoi_assist),
		TEST(pages_of_all_kinds_stack_on_one_gpa),
		TEST(reset_puts_pages_and_registers_back),
		TEST(vp_registers_tell_about_their_vp),
		TEST(frequencies_are_in_hertz),
		TEST(the_reference_counter_counts_100_ns),
		TEST(only_bit_zero_of_reset_asks_for_one),
		TEST(a_crash_report_is_kept_and_control_is_not_stored),
		TEST(each_vtl_has_registers_of_its_own),
		TEST(an_unknown_vtl_has_no_node),
		TEST(writes_faults_and_pages_are_recorded),
		TEST(register_and_page_agree_after_a_race_of_two_vps),
		TEST(cpuid_shows_what_is_enforced),
		TEST(cpuid_leaves_have_the_specified_values),
		TEST(cpuid_follows_the_tsc_and_what_is_withheld),
		TEST(in_mode_kernel_cpuid_is_what_kvm_can_do),
	};

	return cmocka_run_group_tests_name("msr", tests, NULL, NULL);
}
