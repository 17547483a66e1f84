/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Synthetic MSRs on a KVM with its own SynIC. Skipped where KVM has none; suite kvm-kernel of the
 * nested rig runs it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "hvdef/hv_msr.h"
#include "vmm/kvm_backend.h"
#include "vmm/vm.h"

enum { MEMORY_BYTES = 16 << 20, VPS = 2, PATIENCE_MS = 10000, ROWS = 64 };

#define TIMER_ON (HV_STIMER_ENABLE | UINT64_C(3) << HV_STIMER_SINT_SHIFT)
#define NEVER    (UINT64_C(1) << 50)

struct machine {
	struct loop *loop;
	struct recorder *recorder;
	struct vm *vm;
};

static int set_up(void **state)
{
	static struct machine m;
	const char *missing = NULL;

	m = (struct machine){0};
	*state = &m;
	if (accel_kvm_probe(SYNIC_MODE_KERNEL, false, &missing) != 0)
		return 0;
	assert_int_equal(loop_new(&m.loop), 0);
	assert_int_equal(recorder_new(&clock_monotonic, 256, &m.recorder), 0);
	{
		const struct vm_config config = {
			.name = "test",
			.vp_count = VPS,
			.memory_bytes = MEMORY_BYTES,
			.accel = &accel_kvm,
			.synic_mode = SYNIC_MODE_KERNEL,
			.clock = &clock_monotonic,
			.loop = m.loop,
			.recorder = m.recorder,
		};
		assert_int_equal(vm_new(&config, &m.vm), 0);
	}
	return 0;
}

static int tear_down(void **state)
{
	struct machine *m = *state;

	vm_free(m->vm);
	recorder_free(m->recorder);
	loop_free(m->loop);
	return 0;
}

static struct machine *machine_or_skip(void **state)
{
	struct machine *m = *state;

	if (!m->vm) {
		print_message("this KVM has no SynIC\n");
		skip();
	}
	return m;
}

/* ---- calls on a VP's thread ----------------------------------------------------------------- */

struct call {
	struct msr_value msrs[ROWS];
	unsigned count;
	int result;
};

static void read_msrs(struct vcpu *vcpu, void *arg)
{
	struct call *call = arg;

	call->result = accel_kvm.hv_msrs_read(vcpu, call->msrs, call->count);
}

/* As the guest might have left them. */
static void write_msrs(struct vcpu *vcpu, void *arg)
{
	struct call *call = arg;
	struct kvm_msr_block block = {.count = call->count};

	for (unsigned i = 0; i < call->count; i++)
		block.entry[i] = (struct kvm_msr_entry){
			.index = call->msrs[i].index, .data = call->msrs[i].value};
	call->result = kvm_ioctl(kvm_vcpu_of(vcpu)->fd, KVM_SET_MSRS, &block);
}

static void reset(struct vcpu *vcpu, void *arg)
{
	((struct call *)arg)->result = accel_kvm.vcpu_reset(vcpu);
}

static int on_vcpu(struct machine *m, unsigned vp, vcpu_fn fn, struct call *call)
{
	uint64_t deadline_ns = clock_now_ns(&clock_monotonic) + PATIENCE_MS * NSEC_PER_MSEC;

	assert_int_equal(vcpu_run_on(m->vm->vcpu[vp], fn, call, deadline_ns), 0);
	return call->result;
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void add(struct call *call, uint32_t index, uint64_t value)
{
	assert_true(call->count < ROWS);
	call->msrs[call->count++] = (struct msr_value){index, value};
}

static void add_partition(struct call *dirty)
{
	add(dirty, HV_MSR_GUEST_OS_ID, 0x8100);
	add(dirty, HV_MSR_HYPERCALL, 0x5001);
	add(dirty, HV_MSR_REFERENCE_TSC, 0x6001);
	for (uint32_t i = 0; i < HV_CRASH_PARAMETERS; i++)
		add(dirty, HV_MSR_CRASH_P0 + i, 0x100 + i);
	add(dirty, HV_MSR_REENLIGHTENMENT_CONTROL, 0x100f0);
	add(dirty, HV_MSR_TSC_EMULATION_CONTROL, 1);
}

static void add_vp(struct call *dirty)
{
	add(dirty, HV_MSR_VP_ASSIST_PAGE, 0x7001);
	add(dirty, HV_MSR_SCONTROL, 1);
	add(dirty, HV_MSR_SIEFP, 0x8001);
	add(dirty, HV_MSR_SIMP, 0x9001);
	for (uint32_t n = 0; n < HV_SINT_COUNT; n++)
		add(dirty, HV_MSR_SINT0 + n, 0x40 + n);
	for (uint32_t n = 0; n < HV_STIMER_COUNT; n++) {
		add(dirty, HV_MSR_STIMER0_CONFIG + 2 * n, TIMER_ON);
		add(dirty, HV_MSR_STIMER0_COUNT + 2 * n, NEVER + n);
	}
}

static void check_values(const struct call *call, const struct call *dirty, bool is_dirty)
{
	for (unsigned i = 0; i < call->count; i++) {
		struct hv_msr_desc desc;
		uint64_t wanted = dirty->msrs[i].value;

		assert_int_equal(hv_msr_describe(call->msrs[i].index, &desc), 0);
		if (!is_dirty)
			wanted = desc.reset;
		if (call->msrs[i].value != wanted)
			fail_msg("%s is %#lx, not %#lx", desc.name,
				(unsigned long)call->msrs[i].value, (unsigned long)wanted);
	}
}

static void every_register_is_reset(void **state)
{
	struct machine *m = machine_or_skip(state);

	for (unsigned vp = VPS; vp-- > 0;) {
		struct call dirty = {0}, seen;

		if (vp == 0)
			add_partition(&dirty);
		add_vp(&dirty);
		assert_int_equal(on_vcpu(m, vp, write_msrs, &dirty), dirty.count);
		seen = dirty;
		assert_int_equal(on_vcpu(m, vp, read_msrs, &seen), 0);
		check_values(&seen, &dirty, true);
		assert_int_equal(on_vcpu(m, vp, reset, &seen), 0);
		assert_int_equal(on_vcpu(m, vp, read_msrs, &seen), 0);
		check_values(&seen, &dirty, false);
	}
}

/* Clearing GUEST_OS_ID leaves it there, and KVM ignores writes from then on. */
static void a_page_frame_without_os_id_is_reset(void **state)
{
	struct machine *m = machine_or_skip(state);
	struct call call = {.msrs = {{HV_MSR_GUEST_OS_ID, 0x8100}, {HV_MSR_HYPERCALL, 0x5001},
				    {HV_MSR_GUEST_OS_ID, 0}, {HV_MSR_HYPERCALL, 0}},
		.count = 4};

	assert_int_equal(on_vcpu(m, 0, write_msrs, &call), 4);
	assert_int_equal(on_vcpu(m, 0, read_msrs, &call), 0);
	assert_int_equal(call.msrs[3].value, 0x5000);
	assert_int_equal(on_vcpu(m, 0, reset, &call), 0);
	assert_int_equal(on_vcpu(m, 0, read_msrs, &call), 0);
	assert_int_equal(call.msrs[0].value, 0);
	assert_int_equal(call.msrs[3].value, 0);
}

/* KVM_CAP_HYPERV_SYNIC2 leaves SCONTROL at 1. */
static void the_first_reset_clears_scontrol(void **state)
{
	struct machine *m = machine_or_skip(state);

	for (unsigned vp = 0; vp < VPS; vp++) {
		struct call call = {
			.msrs = {{HV_MSR_SCONTROL, 0}, {HV_MSR_VP_INDEX, 0}, {HV_MSR_CRASH_CTL, 0}},
			.count = 3};

		assert_int_equal(on_vcpu(m, vp, read_msrs, &call), 0);
		assert_int_equal(call.msrs[0].value, 1);
		assert_int_equal(on_vcpu(m, vp, reset, &call), 0);
		assert_int_equal(on_vcpu(m, vp, read_msrs, &call), 0);
		assert_int_equal(call.msrs[0].value, 0);
		assert_int_equal(call.msrs[1].value, vp);
	}
}

/* What the guest reads there is what it may report. */
static void a_crash_may_be_reported(void **state)
{
	struct call call = {.msrs = {{HV_MSR_CRASH_CTL, 0}}, .count = 1};
	struct machine *m = machine_or_skip(state);

	assert_int_equal(on_vcpu(m, 0, reset, &call), 0);
	assert_int_equal(on_vcpu(m, 0, read_msrs, &call), 0);
	assert_true(call.msrs[0].value == HV_CRASH_NOTIFY);
}

/* EOI can only be written, the last index is nobody's. */
static void those_behind_a_register_kvm_lacks_are_read(void **state)
{
	struct machine *m = machine_or_skip(state);

	for (unsigned again = 0; again < 2; again++) {
		struct call call = {
			.msrs = {{HV_MSR_EOI, 7}, {HV_MSR_SVERSION, 7},
				{HV_MSR_BASE + HV_MSR_COUNT - 1, 7}, {HV_MSR_SINT15, 7}},
			.count = 4};

		assert_int_equal(on_vcpu(m, 0, read_msrs, &call), 0);
		assert_int_equal(call.msrs[0].value, 0);
		assert_int_equal(call.msrs[1].value, HV_SYNIC_VERSION);
		assert_int_equal(call.msrs[2].value, 0);
		assert_int_equal(call.msrs[3].value, HV_SINT_RESET);
	}
}

/* What the time synchronisation tells the guest next to UTC must be the guest's own time. */
static void the_reference_time_told_is_the_one_the_guest_reads(void **state)
{
	struct machine *m = machine_or_skip(state);

	for (unsigned again = 0; again < 10; again++) {
		struct call call = {.msrs = {{HV_MSR_TIME_REF_COUNT, 0}}, .count = 1};
		uint64_t before, after;

		assert_int_equal(accel_kvm.reference_time(m->vm, &before), 0);
		assert_int_equal(on_vcpu(m, 0, read_msrs, &call), 0);
		assert_int_equal(accel_kvm.reference_time(m->vm, &after), 0);
		assert_true(before > 0);
		assert_in_range(call.msrs[0].value, before, after);
	}
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(every_register_is_reset),
		TEST(a_page_frame_without_os_id_is_reset),
		TEST(the_first_reset_clears_scontrol),
		TEST(a_crash_may_be_reported),
		TEST(those_behind_a_register_kvm_lacks_are_read),
		TEST(the_reference_time_told_is_the_one_the_guest_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
