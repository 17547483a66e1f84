/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sim backend: its LAPIC alone, then software guests on a whole VM.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>
#include "common/clock.h"
#include "common/loop.h"
#include "common/rcu.h"
#include "common/record.h"
#include "hvdef/hv_msr.h"
#include "vmm/sim.h"
#include "vmm/sim_lapic.h"
#include "vmm/vm.h"

enum { VPS = 2, VECTOR = 0x50, PATIENCE_MS = 10000 };

/* ---- the LAPIC ----------------------------------------------------------- */

static void the_highest_request_comes_first(void **state)
{
	struct sim_lapic lapic;

	sim_lapic_reset(&lapic);
	assert_int_equal(sim_lapic_deliverable(&lapic), -1);
	sim_lapic_request(&lapic, 0x31, false);
	sim_lapic_request(&lapic, 0xfe, false);
	sim_lapic_request(&lapic, 0x80, false);
	assert_int_equal(sim_lapic_deliverable(&lapic), 0xfe);
}

static void a_vector_in_service_holds_off_its_class_and_below(void **state)
{
	struct sim_lapic lapic;

	sim_lapic_reset(&lapic);
	sim_lapic_request(&lapic, 0x52, false);
	sim_lapic_accept(&lapic, 0x52);
	sim_lapic_request(&lapic, 0x5f, false);
	assert_int_equal(sim_lapic_deliverable(&lapic), -1);
	sim_lapic_request(&lapic, 0x60, false);
	assert_int_equal(sim_lapic_deliverable(&lapic), 0x60);
	sim_lapic_accept(&lapic, 0x60);
	sim_lapic_eoi(&lapic);
	assert_int_equal(sim_lapic_deliverable(&lapic), -1);
	sim_lapic_eoi(&lapic);
	assert_int_equal(sim_lapic_deliverable(&lapic), 0x5f);
}

static void an_auto_eoi_vector_never_enters_service(void **state)
{
	struct sim_lapic lapic;

	sim_lapic_reset(&lapic);
	sim_lapic_request(&lapic, 0x5f, true);
	sim_lapic_accept(&lapic, 0x5f);
	sim_lapic_request(&lapic, 0x51, false);
	assert_int_equal(sim_lapic_deliverable(&lapic), 0x51);
	sim_lapic_request(&lapic, 0x5f, false);
	sim_lapic_accept(&lapic, 0x5f);
	assert_int_equal(sim_lapic_deliverable(&lapic), -1);
}

static void vectors_below_16_are_ignored(void **state)
{
	struct sim_lapic lapic;

	sim_lapic_reset(&lapic);
	sim_lapic_request(&lapic, 15, false);
	assert_int_equal(sim_lapic_deliverable(&lapic), -1);
	sim_lapic_request(&lapic, 16, false);
	assert_int_equal(sim_lapic_deliverable(&lapic), 16);
}

/* ---- a VM with a software guest ------------------------------------------ */

struct fixture {
	struct loop *loop;
	struct recorder *recorder;
	struct vm *vm;
	struct sim_guest guest;
	/* What guest and test tell each other. */
	_Atomic unsigned boots, turns, interrupts, ap_starts;
	_Atomic bool go;
	_Atomic uint64_t value;
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct vm_config config = {
		.name = "test",
		.vp_count = VPS,
		.memory_bytes = 1 << 20,
		.accel = &accel_sim,
		.synic_mode = SYNIC_MODE_SIM,
		.clock = &clock_monotonic,
	};

	if (!fixture || loop_new(&fixture->loop) < 0 ||
		recorder_new(&clock_monotonic, 256, &fixture->recorder) < 0)
		return -1;
	config.loop = fixture->loop;
	config.recorder = fixture->recorder;
	if (vm_new(&config, &fixture->vm) < 0)
		return -1;
	fixture->guest.arg = fixture;
	fixture->vm->boot.loaded = true;
	fixture->vm->boot.data = &fixture->guest;
	*state = fixture;
	return 0;
}

static int take_down(void **state)
{
	struct fixture *fixture = *state;

	vm_free(fixture->vm);
	recorder_free(fixture->recorder);
	loop_free(fixture->loop);
	free(fixture);
	return 0;
}

static void boot(struct fixture *fixture, sim_entry_fn entry)
{
	fixture->guest.entry = entry;
	assert_int_equal(vm_resume(fixture->vm), 0);
}

/* Polls, with the main loop served, until the condition holds. */
#define assert_soon(fixture, condition)                                    \
	do {                                                               \
		unsigned ms_ = 0;                                          \
		while (!(condition) && ms_++ < PATIENCE_MS) {              \
			assert_true(loop_run_ready((fixture)->loop) >= 0); \
			usleep(1000);                                      \
		}                                                          \
		assert_true(condition);                                    \
	} while (0)

static uint64_t deadline(void)
{
	return clock_now_ns(&clock_monotonic) + PATIENCE_MS * NSEC_PER_MSEC;
}

static void count_interrupt(struct sim_vp *vp, unsigned vector, void *arg)
{
	struct fixture *fixture = arg;

	fixture->interrupts++;
	sim_eoi(vp);
}

/* ---- guests -------------------------------------------------------------- */

static void spinning_guest(struct sim_vp *vp, void *arg)
{
	struct fixture *fixture = arg;

	fixture->boots++;
	for (;;) {
		fixture->turns++;
		sim_pause(vp);
	}
}

static void halting_guest(struct sim_vp *vp, void *arg)
{
	struct fixture *fixture = arg;

	sim_on_interrupt(vp, count_interrupt, fixture);
	fixture->boots++;
	for (;;) {
		sim_halt(vp);
		fixture->turns++;
	}
}

static void deaf_guest(struct sim_vp *vp, void *arg)
{
	struct fixture *fixture = arg;

	sim_on_interrupt(vp, count_interrupt, fixture);
	fixture->boots++;
	while (!fixture->go)
		sim_pause(vp);
	sim_irq_enable(vp);
	fixture->turns = fixture->interrupts; /* taken by now */
	for (;;)
		sim_pause(vp);
}

static void returning_guest(struct sim_vp *vp, void *arg)
{
}

static void guest_in_vtl1(struct sim_vp *vp, void *arg)
{
	struct fixture *fixture = arg;

	sim_set_vtl(vp, 1);
	if (sim_wrmsr(vp, HV_MSR_SCONTROL, HV_SCONTROL_ENABLE) == HV_FAULT_NONE)
		fixture->boots++;
	for (;;)
		sim_pause(vp);
}

static void application_processor(struct sim_vp *vp, void *arg)
{
	struct fixture *fixture = arg;
	uint64_t value = 0;

	if (sim_rdmsr(vp, HV_MSR_SCONTROL, &value) == HV_FAULT_NONE)
		fixture->value = value;
	if (sim_wrmsr(vp, HV_MSR_SCONTROL, HV_SCONTROL_ENABLE) == HV_FAULT_NONE)
		fixture->ap_starts++;
	for (;;)
		sim_pause(vp);
}

static void guest_with_two_vps(struct sim_vp *vp, void *arg)
{
	struct fixture *fixture = arg;

	sim_sipi(vp, 1, application_processor, fixture);
	sim_sipi(vp, 77, application_processor, fixture);
	while (fixture->ap_starts != 1)
		sim_pause(vp);
	sim_sipi(vp, 1, application_processor, fixture); /* it runs: ignored */
	while (!fixture->go)
		sim_pause(vp);
	sim_init(vp, 1);
	sim_sipi(vp, 1, application_processor, fixture);
	for (;;)
		sim_pause(vp);
}

/* ---- life ---------------------------------------------------------------- */

static void a_spinning_guest_can_be_paused_and_resumed(void **state)
{
	struct fixture *fixture = *state;
	unsigned turns;

	boot(fixture, spinning_guest);
	assert_soon(fixture, fixture->turns > 0);
	assert_int_equal(vm_pause(fixture->vm), 0);
	turns = fixture->turns;
	usleep(5000);
	assert_int_equal(fixture->turns, turns);
	assert_int_equal(vm_resume(fixture->vm), 0);
	assert_soon(fixture, fixture->turns > turns);
	assert_int_equal(fixture->boots, 1);
}

static void reset_abandons_the_guest_and_boots_again(void **state)
{
	struct fixture *fixture = *state;

	boot(fixture, spinning_guest);
	assert_soon(fixture, fixture->turns > 0);
	for (unsigned boots = 2; boots < 6; boots++) {
		assert_int_equal(vm_reset(fixture->vm), 0);
		assert_soon(fixture, fixture->boots == boots);
	}
}

static void a_guest_asleep_can_be_paused_reset_and_stopped(void **state)
{
	struct fixture *fixture = *state;

	boot(fixture, halting_guest);
	assert_soon(fixture, fixture->boots == 1);
	assert_int_equal(vm_pause(fixture->vm), 0);
	assert_int_equal(vm_resume(fixture->vm), 0);
	assert_int_equal(vm_reset(fixture->vm), 0);
	assert_soon(fixture, fixture->boots == 2);
	assert_int_equal(fixture->turns, 0);
	assert_int_equal(vm_shutdown(fixture->vm), 0);
}

static void a_guest_that_returns_stops_the_vm(void **state)
{
	struct fixture *fixture = *state;

	boot(fixture, returning_guest);
	assert_soon(fixture, atomic_load(&fixture->vm->state) == VM_STOPPED);
	assert_int_equal(fixture->vm->stop.reason, VM_STOP_GUEST_ENDED);
	assert_int_equal(fixture->vm->stop.vp, 0);
}

static void without_a_guest_the_vps_wait(void **state)
{
	struct fixture *fixture = *state;

	fixture->vm->boot.data = NULL;
	assert_int_equal(vm_resume(fixture->vm), 0);
	assert_int_equal(vm_pause(fixture->vm), 0);
}

/* ---- interrupts ---------------------------------------------------------- */

static void an_interrupt_wakes_a_halted_guest(void **state)
{
	struct fixture *fixture = *state;

	boot(fixture, halting_guest);
	assert_soon(fixture, fixture->boots == 1);
	assert_int_equal(accel_sim.assert_vector(fixture->vm->vcpu[0], VECTOR, false), 0);
	assert_soon(fixture, fixture->turns == 1);
	assert_int_equal(fixture->interrupts, 1);
}

static void lapic_of(struct vcpu *vcpu, void *arg)
{
	assert_int_equal(accel_sim.vcpu_lapic(vcpu, arg), 0);
}

static void a_disabled_interrupt_waits_in_the_irr(void **state)
{
	struct fixture *fixture = *state;
	struct vcpu *vcpu = fixture->vm->vcpu[0];
	struct vcpu_lapic lapic;

	boot(fixture, deaf_guest);
	assert_soon(fixture, fixture->boots == 1);
	assert_int_equal(accel_sim.assert_vector(vcpu, VECTOR, false), 0);
	assert_int_equal(vcpu_run_on(vcpu, lapic_of, &lapic, deadline()), 0);
	assert_true(lapic.irr[VECTOR / 64] & BIT64(VECTOR % 64));
	assert_int_equal(fixture->interrupts, 0);
	fixture->go = true;
	assert_soon(fixture, fixture->turns == 1);
	assert_int_equal(vcpu_run_on(vcpu, lapic_of, &lapic, deadline()), 0);
	assert_false(lapic.irr[VECTOR / 64] | lapic.isr[VECTOR / 64]);
}

static void regs_of(struct vcpu *vcpu, void *arg)
{
	assert_int_equal(accel_sim.vcpu_regs(vcpu, arg), 0);
}

static void a_halted_vp_says_so(void **state)
{
	struct fixture *fixture = *state;
	struct vcpu_regs regs = {0};

	boot(fixture, halting_guest);
	assert_soon(fixture, fixture->boots == 1);
	while (!regs.halted)
		assert_int_equal(vcpu_run_on(fixture->vm->vcpu[0], regs_of, &regs, deadline()), 0);
	assert_int_equal(vcpu_run_on(fixture->vm->vcpu[1], regs_of, &regs, deadline()), 0);
	assert_true(regs.halted); /* waits for SIPI */
}

/* ---- VTLs and other VPs -------------------------------------------------- */

static void msr_accesses_go_to_the_chosen_vtl(void **state)
{
	struct fixture *fixture = *state;
	struct vcpu *vcpu = fixture->vm->vcpu[0];

	boot(fixture, guest_in_vtl1);
	assert_soon(fixture, fixture->boots == 1);
	assert_int_equal(vm_pause(fixture->vm), 0);
	assert_int_equal(vcpu->synic[0].scontrol, 0);
	assert_int_equal(vcpu->synic[1].scontrol, HV_SCONTROL_ENABLE);
	assert_int_equal(vcpu->synic[2].scontrol, 0);
}

static void init_resets_the_synic_and_sipi_starts_anew(void **state)
{
	struct fixture *fixture = *state;

	boot(fixture, guest_with_two_vps);
	assert_soon(fixture, fixture->ap_starts == 1);
	usleep(5000);
	assert_int_equal(fixture->ap_starts, 1); /* SIPI to a running VP does nothing */
	fixture->value = UINT64_MAX;
	fixture->go = true;
	assert_soon(fixture, fixture->ap_starts == 2);
	assert_int_equal(fixture->value, 0); /* SCONTROL, which the first start had set */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_highest_request_comes_first),
		cmocka_unit_test(a_vector_in_service_holds_off_its_class_and_below),
		cmocka_unit_test(an_auto_eoi_vector_never_enters_service),
		cmocka_unit_test(vectors_below_16_are_ignored),
		cmocka_unit_test_setup_teardown(
			a_spinning_guest_can_be_paused_and_resumed, set_up, take_down),
		cmocka_unit_test_setup_teardown(
			reset_abandons_the_guest_and_boots_again, set_up, take_down),
		cmocka_unit_test_setup_teardown(
			a_guest_asleep_can_be_paused_reset_and_stopped, set_up, take_down),
		cmocka_unit_test_setup_teardown(
			a_guest_that_returns_stops_the_vm, set_up, take_down),
		cmocka_unit_test_setup_teardown(without_a_guest_the_vps_wait, set_up, take_down),
		cmocka_unit_test_setup_teardown(
			an_interrupt_wakes_a_halted_guest, set_up, take_down),
		cmocka_unit_test_setup_teardown(
			a_disabled_interrupt_waits_in_the_irr, set_up, take_down),
		cmocka_unit_test_setup_teardown(a_halted_vp_says_so, set_up, take_down),
		cmocka_unit_test_setup_teardown(
			msr_accesses_go_to_the_chosen_vtl, set_up, take_down),
		cmocka_unit_test_setup_teardown(
			init_resets_the_synic_and_sipi_starts_anew, set_up, take_down),
	};
	int failed;

	rcu_thread_init();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rcu_thread_exit();
	return failed;
}
