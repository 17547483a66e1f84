/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The KVM backend and the life of a VM, with the tiny guests of kvm_guests.S. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "vmm/boot/boot.h"
#include "vmm/dev/debug_exit.h"
#include "vmm/event.h"
#include "vmm/kvm_backend.h"
#include "vmm/vm.h"
#include "vmm/vm_info.h"

enum { MEMORY_BYTES = 16 << 20, CONSOLE_PORT = 0xe9, PATIENCE_MS = 10000 };

/* clang-format off */
#define GUESTS(X) \
	X(boot) X(spin) X(halt) X(unmapped) X(triple_fault) X(reset) X(cpuid) X(ports) \
	X(hypercall) X(based) X(fault) X(forged) X(unforged) X(auto_eoi) X(nowhere)
/* clang-format on */
#define GUEST_EXTERN(name) extern const uint8_t guest_##name[], guest_##name##_end[];
GUESTS(GUEST_EXTERN)

struct machine {
	struct loop *loop;
	struct recorder *recorder;
	struct vm *vm;
	char console[256];
	_Atomic unsigned console_count;
	unsigned state_changes;
};

static void on_console(
	void *arg, struct vcpu *vcpu, uint16_t offset, unsigned size, bool write, uint32_t *value)
{
	struct machine *m = arg;

	if (write && m->console_count < sizeof(m->console) - 1)
		m->console[m->console_count++] = (char)*value;
}

static void on_state(struct vm *vm, void *arg)
{
	struct machine *m = arg;

	m->state_changes++;
}

static struct vm_config config_for(struct machine *m, unsigned vp_count)
{
	return (struct vm_config){
		.name = "test",
		.vp_count = vp_count,
		.memory_bytes = MEMORY_BYTES,
		.accel = &accel_kvm,
		.synic_mode = SYNIC_MODE_USER,
		.clock = &clock_monotonic,
		.loop = m->loop,
		.recorder = m->recorder,
	};
}

static void machine_init_mode(struct machine *m, unsigned vp_count, enum synic_mode mode)
{
	struct vm_config config;
	const char *missing = NULL;
	int r = accel_kvm_probe(mode, false, &missing);

	if (r != 0) {
		print_message("/dev/kvm cannot be used: %s\n", missing ? missing : strerror(-r));
		skip();
	}
	*m = (struct machine){0};
	assert_int_equal(loop_new(&m->loop), 0);
	assert_int_equal(recorder_new(&clock_monotonic, 256, &m->recorder), 0);
	config = config_for(m, vp_count);
	config.synic_mode = mode;
	assert_int_equal(vm_new(&config, &m->vm), 0);
	m->vm->on_state = on_state;
	m->vm->on_state_arg = m;
	assert_int_equal(debug_exit_add(m->vm), 0);
	assert_int_equal(iobus_add(&m->vm->iobus, CONSOLE_PORT, 1, "console", on_console, m), 0);
}

static void machine_init(struct machine *m, unsigned vp_count)
{
	machine_init_mode(m, vp_count, SYNIC_MODE_USER);
}

static void machine_deinit(struct machine *m)
{
	vm_free(m->vm);
	recorder_free(m->recorder);
	loop_free(m->loop);
}

static void load(struct machine *m, const uint8_t *guest, const uint8_t *end)
{
	char why[BOOT_ERROR_BYTES] = "";
	int r = boot_memory(m->vm, "test", guest, (size_t)(end - guest), "args", why);

	if (r != 0)
		fail_msg("%s", why);
}
#define LOAD(m, name) load(m, guest_##name, guest_##name##_end)

static uint64_t now_ms(void)
{
	return clock_now_ns(&clock_monotonic) / NSEC_PER_MSEC;
}

static uint64_t in_ms(unsigned ms)
{
	return clock_now_ns(&clock_monotonic) + ms * NSEC_PER_MSEC;
}

static void run_until_state(struct machine *m, enum vm_state state)
{
	uint64_t deadline = now_ms() + PATIENCE_MS;

	while (m->vm->state != (int)state) {
		assert_true(now_ms() < deadline);
		assert_true(sd_event_run(loop_event(m->loop), 10000) >= 0);
	}
}

static void run_until_console(struct machine *m, unsigned count)
{
	uint64_t deadline = now_ms() + PATIENCE_MS;

	while (m->console_count < count) {
		if (now_ms() >= deadline)
			fail_msg("console \"%s\", stop: %s", m->console, m->vm->stop.what);
		assert_true(sd_event_run(loop_event(m->loop), 1000) >= 0);
	}
}

static void start(struct machine *m)
{
	assert_int_equal(vm_resume(m->vm), 0);
}

static void run_to_the_end(struct machine *m)
{
	start(m);
	run_until_state(m, VM_STOPPED);
}

static void assert_passed(struct machine *m)
{
	if (m->vm->stop.reason != VM_STOP_DEBUG_EXIT || m->vm->stop.code != 1)
		fail_msg("stopped: %s (rip 0x%llx, console \"%s\")", m->vm->stop.what,
			(unsigned long long)m->vm->stop.rip, m->console);
}

/* boot */

static void write_file(const char *path, const void *data, size_t size)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

static void test_boot_from_files(void **state)
{
	char kernel[] = "/tmp/hvd-test-kernel-XXXXXX", initrd[] = "/tmp/hvd-test-initrd-XXXXXX";
	char why[BOOT_ERROR_BYTES] = "", expected[128];
	struct machine m;

	machine_init(&m, 1);
	close(mkstemp(kernel));
	close(mkstemp(initrd));
	write_file(kernel, guest_boot, (size_t)(guest_boot_end - guest_boot));
	write_file(initrd, "inrd", 4);
	assert_int_equal(boot_file(m.vm, kernel, initrd, "a=b c", why), 0);
	unlink(kernel);
	unlink(initrd);
	run_to_the_end(&m);
	snprintf(expected, sizeof(expected), "%s a=b c", kernel);
	assert_string_equal(m.console, expected);
	assert_passed(&m);
	assert_true(m.vm->first_entry_ns >= m.vm->started_ns);

	/* and again, though the files are gone */
	assert_int_equal(vm_reset(m.vm), 0);
	run_until_state(&m, VM_STOPPED);
	assert_passed(&m);
	machine_deinit(&m);
}

static void test_guest_in_mode(
	enum synic_mode mode, const uint8_t *guest, const uint8_t *end, const char *console)
{
	struct machine m;

	machine_init_mode(&m, 2, mode);
	load(&m, guest, end);
	run_to_the_end(&m);
	assert_passed(&m);
	assert_string_equal(m.console, console);
	machine_deinit(&m);
}

static void test_guest(const uint8_t *guest, const uint8_t *end, const char *console)
{
	test_guest_in_mode(SYNIC_MODE_USER, guest, end, console);
}

static void test_cpuid(void **state)
{
	test_guest(guest_cpuid, guest_cpuid_end, "");
}

static void test_ports(void **state)
{
	test_guest(guest_ports, guest_ports_end, "string output");
}

static void test_hypercall(void **state)
{
	test_guest(guest_hypercall, guest_hypercall_end, "hob");
}

static void test_hypercall_in_a_based_segment(void **state)
{
	test_guest(guest_based, guest_based_end, "");
}

static void test_fault(void **state)
{
	test_guest(guest_fault, guest_fault_end, "");
}

static void test_forged_hypercall_page(void **state)
{
	test_guest(guest_forged, guest_forged_end, "");
}

static void test_forged_page_in_mode_kernel(void **state)
{
	test_guest_in_mode(SYNIC_MODE_KERNEL, guest_unforged, guest_unforged_end, "");
}

/* auto-EOI */

static void send_auto_eoi(struct machine *m)
{
	assert_int_equal(accel_kvm.assert_vector(m->vm->vcpu[0], 0x60, true), 0);
}

static bool auto_eoi_is_pending(struct machine *m)
{
	return kvm_auto_eoi_pending(&kvm_vcpu_of(m->vm->vcpu[0])->auto_eoi);
}

static void read_lapic(struct vcpu *vcpu, void *arg)
{
	assert_int_equal(accel_kvm.vcpu_lapic(vcpu, arg), 0);
}

static void test_auto_eoi(void **state)
{
	struct vcpu_lapic lapic;
	uint32_t go = 1;
	struct machine m;

	machine_init(&m, 1);
	LOAD(&m, auto_eoi);
	start(&m);
	run_until_console(&m, 1);
	send_auto_eoi(&m);
	assert_int_equal(vcpu_run_on(m.vm->vcpu[0], read_lapic, &lapic, in_ms(1000)), 0);
	assert_int_equal(lapic.irr[1], BIT64(0x60 - 64)); /* the guest's interrupts are off */
	usleep(20000);
	assert_true(auto_eoi_is_pending(&m)); /* and nobody forgets that it must be ended */
	assert_int_equal(guest_memory_write(&m.vm->memory, 0x200000, &go, sizeof(go)), 0);
	for (unsigned taken = 1; taken <= 50; taken++) {
		uint64_t deadline = now_ms() + PATIENCE_MS;

		run_until_console(&m, 1 + taken);
		/* The guest sleeps: only the sweep's own timer can take it out. */
		while (auto_eoi_is_pending(&m))
			assert_true(now_ms() < deadline);
		assert_int_equal(vcpu_run_on(m.vm->vcpu[0], read_lapic, &lapic, in_ms(1000)), 0);
		assert_int_equal(lapic.isr[1] | lapic.irr[1], 0);
		send_auto_eoi(&m);
	}
	machine_deinit(&m);
}

/* stops */

static void test_unmapped_access_stops(void **state)
{
	struct machine m;

	machine_init(&m, 1);
	LOAD(&m, unmapped);
	run_to_the_end(&m);
	assert_int_equal(m.vm->stop.reason, VM_STOP_UNMAPPED_ACCESS);
	assert_int_equal(m.vm->stop.gpa, 0xd0000010);
	assert_int_equal(m.vm->stop.size, 2);
	assert_true(m.vm->stop.write);
	assert_int_equal(m.vm->stop.vp, 0);
	assert_in_range(m.vm->stop.rip, 0x100020, 0x100040);
	machine_deinit(&m);
}

static void test_triple_fault_stops(void **state)
{
	struct machine m;

	machine_init(&m, 1);
	LOAD(&m, triple_fault);
	run_to_the_end(&m);
	assert_int_equal(m.vm->stop.reason, VM_STOP_TRIPLE_FAULT);
	assert_int_equal(m.state_changes, 2); /* running, stopped */
	machine_deinit(&m);
}

static void test_internal_error_stops(void **state)
{
	struct machine m;

	machine_init(&m, 1);
	LOAD(&m, nowhere);
	run_to_the_end(&m);
	assert_int_equal(m.vm->stop.reason, VM_STOP_INTERNAL_ERROR);
	assert_int_equal(m.vm->stop.code, KVM_INTERNAL_ERROR_EMULATION);
	assert_int_equal(m.vm->stop.rip, 0xd0000000);
	assert_int_equal(m.vm->stop.vp, 0);
	machine_deinit(&m);
}

/* A descriptor that is replaced, for a while, by one on which every call of KVM fails (ENOTTY). */
struct broken_fd {
	int fd, saved;
};

static struct broken_fd break_fd(int fd)
{
	struct broken_fd broken = {fd, dup(fd)};
	int null = open("/dev/null", O_RDWR);

	assert_true(broken.saved >= 0 && null >= 0);
	assert_int_equal(dup2(null, fd), fd);
	close(null);
	return broken;
}

static void mend_fd(struct broken_fd *broken)
{
	assert_int_equal(dup2(broken->saved, broken->fd), broken->fd);
	close(broken->saved);
}

static struct kvm_vcpu *first_vp(struct machine *m)
{
	return kvm_vcpu_of(m->vm->vcpu[0]);
}

static void assert_stopped_by(
	struct machine *m, const char *ioctl, int error, const char *arguments)
{
	struct vm_info info;

	run_until_state(m, VM_STOPPED);
	assert_int_equal(vm_node_class.get(m->vm, NULL, &info), 0);
	assert_int_equal(info.stop.reason, VM_STOP_IOCTL_FAILED);
	assert_string_equal(info.stop.ioctl, ioctl);
	assert_int_equal(info.stop.error, error);
	if (!strstr(info.stop.arguments, arguments))
		fail_msg("arguments \"%s\"", info.stop.arguments);
	assert_non_null(strstr(info.stop.what, ioctl));
	assert_non_null(strstr(info.stop.what, strerror(-error)));
}

static void test_a_failed_run_stops(void **state)
{
	struct broken_fd broken;
	struct kvm_run *run;
	struct machine m;

	machine_init(&m, 1);
	LOAD(&m, auto_eoi);
	start(&m);
	run_until_console(&m, 1);
	run = first_vp(&m)->run;
	broken = break_fd(first_vp(&m)->fd);
	vcpu_kick(m.vm->vcpu[0]);
	assert_stopped_by(&m, "KVM_RUN", -ENOTTY, "immediate_exit 0");
	assert_int_equal(m.vm->stop.vp, 0);
	assert_in_range(m.vm->stop.rip, 0x100020, 0x101000);

	/* Resetting such a VP fails just so, and works once the VP does. */
	assert_int_equal(vm_reset(m.vm), -ENOTTY);
	assert_stopped_by(&m, "KVM_SET_MP_STATE", -ENOTTY, "power-on state");
	mend_fd(&broken);
	/* What the answer to a hypercall leaves for the next KVM_RUN does not survive the reset. */
	run->s.regs.regs.rip = 0xd0000000;
	run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
	assert_int_equal(vm_reset(m.vm), 0);
	assert_int_equal(m.vm->stop.reason, VM_STOP_NONE);
	run_until_console(&m, 2);
	machine_deinit(&m);
}

static void test_a_refused_msr_is_named(void **state)
{
	struct kvm_msr_block *msrs;
	struct machine m;

	machine_init(&m, 1);
	LOAD(&m, spin);
	start(&m);
	msrs = &first_vp(&m)->power_on.msrs;
	assert_true(msrs->count > 1);
	msrs->entry[1] = (struct kvm_msr_entry){.index = 0x12345678, .data = 0xabc};
	assert_int_equal(vm_reset(m.vm), -EIO);
	assert_stopped_by(&m, "KVM_SET_MSRS", -EIO, "index 0x12345678 value 0xabc");
	assert_int_equal(m.vm->stop.vp, 0);
	machine_deinit(&m);
}

static void test_a_failed_interrupt_stops(void **state)
{
	struct broken_fd broken;
	struct machine m;

	machine_init(&m, 1);
	LOAD(&m, spin);
	start(&m);
	broken = break_fd(kvm_of(m.vm)->fd);
	assert_int_equal(accel_kvm.assert_vector(m.vm->vcpu[0], 0x60, false), -ENOTTY);
	assert_stopped_by(&m, "KVM_SIGNAL_MSI", -ENOTTY, "VP 0 vector 0x60");
	assert_int_equal(vm_reset(m.vm), -ENOTTY);
	assert_stopped_by(&m, "KVM_SET_IRQCHIP", -ENOTTY, "chip 0");
	assert_int_equal(m.vm->stop.vp, UINT32_MAX);
	mend_fd(&broken);
	assert_int_equal(vm_reset(m.vm), 0);
	machine_deinit(&m);
}

static void test_a_failed_auto_eoi_stops(void **state)
{
	struct broken_fd broken;
	struct machine m;

	machine_init(&m, 1);
	LOAD(&m, auto_eoi);
	start(&m);
	run_until_console(&m, 1);
	broken = break_fd(first_vp(&m)->fd);
	send_auto_eoi(&m);
	assert_stopped_by(&m, "KVM_GET_LAPIC", -ENOTTY, "vector 0x60");
	mend_fd(&broken);
	machine_deinit(&m);
}

/* How many records say that this call failed with ENOTTY on GSI `gsi`. */
static unsigned count_refused(struct machine *m, uint64_t call, uint64_t gsi)
{
	struct record_cursor cursor = {.next = 1};
	struct record record;
	unsigned count = 0;
	uint64_t gap;

	while (recorder_read(m->recorder, &cursor, &record, 1, &gap) == 1) {
		if (record.type == HV_EVENT_IOCTL && record.arg[0] == call &&
			(int64_t)record.arg[1] == -ENOTTY && record.arg[2] == gsi)
			count++;
	}
	return count;
}

static void test_refused_routes_are_recorded(void **state)
{
	const struct gsi_entry entry = {.kind = GSI_MSI, .vector = 0x60};
	struct broken_fd broken;
	struct machine m;

	machine_init(&m, 1);
	LOAD(&m, spin);
	start(&m);
	broken = break_fd(kvm_of(m.vm)->fd);
	assert_int_equal(accel_kvm.gsi_commit(m.vm, &entry, GSI_FIRST, 1), -ENOTTY);
	assert_int_equal(accel_kvm.irqfd(m.vm, 0, -1, GSI_FIRST, true), -ENOTTY);
	assert_int_equal(accel_kvm.irq_line(m.vm, 4, true), -ENOTTY);
	mend_fd(&broken);
	assert_int_equal(count_refused(&m, 0, GSI_FIRST), 1);
	assert_int_equal(count_refused(&m, 1, GSI_FIRST), 1);
	assert_int_equal(count_refused(&m, 2, 4), 1);
	loop_run_ready(m.loop);
	assert_int_equal(m.vm->state, VM_RUNNING);
	machine_deinit(&m);
}

static void test_first_stop_wins(void **state)
{
	struct vm_stop later = VM_STOP(VM_STOP_POWER_OFF);
	struct machine m;

	machine_init(&m, 1);
	LOAD(&m, unmapped);
	run_to_the_end(&m);
	vm_request_stop(m.vm, &later);
	loop_run_ready(m.loop);
	assert_int_equal(m.vm->stop.reason, VM_STOP_UNMAPPED_ACCESS);
	assert_int_equal(vm_shutdown(m.vm), VM_E_WRONG_STATE);
	machine_deinit(&m);
}

/* lifecycle */

static void test_pause_and_resume(void **state)
{
	struct machine m;

	machine_init(&m, 2);
	LOAD(&m, spin);
	assert_int_equal(vm_pause(m.vm), VM_E_WRONG_STATE);
	assert_int_equal(vm_reset(m.vm), VM_E_WRONG_STATE);
	start(&m);
	assert_int_equal(vm_resume(m.vm), VM_E_WRONG_STATE);
	for (int i = 0; i < 200; i++) {
		assert_int_equal(vm_pause(m.vm), 0);
		assert_int_equal(m.vm->vcpu[0]->state, VCPU_PARKED);
		assert_int_equal(m.vm->vcpu[1]->state, VCPU_PARKED);
		assert_int_equal(vm_resume(m.vm), 0);
	}
	assert_int_equal(vm_shutdown(m.vm), 0);
	assert_int_equal(m.vm->state, VM_STOPPED);
	assert_int_equal(m.vm->stop.reason, VM_STOP_REQUESTED);
	machine_deinit(&m);
}

static void test_paused_stays_paused_over_reset(void **state)
{
	struct machine m;

	machine_init(&m, 1);
	LOAD(&m, spin);
	start(&m);
	assert_int_equal(vm_pause(m.vm), 0);
	assert_int_equal(vm_reset(m.vm), 0);
	assert_int_equal(m.vm->state, VM_PAUSED);
	assert_int_equal(vm_resume(m.vm), 0);
	assert_int_equal(vm_shutdown(m.vm), 0);
	machine_deinit(&m);
}

static void test_guest_reset(void **state)
{
	struct machine m;

	machine_init(&m, 2);
	LOAD(&m, reset);
	start(&m);
	run_until_console(&m, 5);
	assert_int_equal(vm_shutdown(m.vm), 0);
	assert_int_equal(m.vm->stop.reason, VM_STOP_REQUESTED);
	for (unsigned i = 0; i < m.console_count; i++)
		assert_int_equal(m.console[i], 'b');
	machine_deinit(&m);
}

static void test_reset_keeps_the_reference_time(void **state)
{
	uint64_t before, after;
	struct machine m;

	machine_init(&m, 1);
	LOAD(&m, spin);
	start(&m);
	before = reftime_now_100ns(&m.vm->reftime);
	assert_int_equal(vm_reset(m.vm), 0);
	after = reftime_now_100ns(&m.vm->reftime);
	assert_true(after >= before);
	assert_true(after - before < 50 * 1000 * 1000);
	machine_deinit(&m);
}

static void test_many_vps(void **state)
{
	struct machine m;

	machine_init(&m, VM_MAX_VPS);
	LOAD(&m, spin);
	start(&m);
	assert_int_equal(vm_pause(m.vm), 0);
	machine_deinit(&m);
}

/* mailbox */

static void count_call(struct vcpu *vcpu, void *arg)
{
	assert_ptr_equal(vcpu_current(), vcpu);
	++*(unsigned *)arg;
}

static void test_mail_reaches_every_state(void **state)
{
	unsigned calls = 0;
	struct machine m;

	machine_init(&m, 2);
	LOAD(&m, halt);
	assert_int_equal(vcpu_run_on(m.vm->vcpu[0], count_call, &calls, in_ms(1000)), 0);
	start(&m);
	for (int i = 0; i < 200; i++) {
		/* VP 0 halts, VP 1 waits for its INIT */
		assert_int_equal(vcpu_run_on(m.vm->vcpu[0], count_call, &calls, in_ms(1000)), 0);
		assert_int_equal(vcpu_run_on(m.vm->vcpu[1], count_call, &calls, in_ms(1000)), 0);
	}
	assert_int_equal(vm_shutdown(m.vm), 0);
	assert_int_equal(vcpu_run_on(m.vm->vcpu[1], count_call, &calls, in_ms(1000)), 0);
	assert_int_equal(calls, 402);
	vcpu_stop(m.vm->vcpu[1]);
	assert_int_equal(vcpu_run_on(m.vm->vcpu[1], count_call, &calls, in_ms(1000)), -ESHUTDOWN);
	machine_deinit(&m);
}

static void take_long(struct vcpu *vcpu, void *arg)
{
	atomic_store((_Atomic int *)arg, 1);
	while (atomic_load((_Atomic int *)arg) == 1)
		usleep(1000);
}

static _Atomic int *long_stage(void)
{
	static _Atomic int stage;

	return &stage;
}

static void *run_long(void *arg)
{
	struct machine *m = arg;
	long r;

	/* A loaded host may not let the VP take it within a millisecond: it is then withdrawn. */
	do
		r = vcpu_run_on(m->vm->vcpu[0], take_long, long_stage(), in_ms(1));
	while (r == -ETIMEDOUT);
	return (void *)r;
}

static void test_late_mail_is_withdrawn(void **state)
{
	unsigned calls = 0;
	pthread_t thread;
	void *result;
	struct machine m;

	machine_init(&m, 1);
	LOAD(&m, spin);
	start(&m);
	assert_int_equal(pthread_create(&thread, NULL, run_long, &m), 0);
	while (atomic_load(long_stage()) != 1)
		usleep(1000);
	/* The VP is busy with other mail: ours waits, and is taken back. */
	assert_int_equal(vcpu_run_on(m.vm->vcpu[0], count_call, &calls, in_ms(20)), -ETIMEDOUT);
	atomic_store(long_stage(), 2);
	/* Mail that runs when its deadline passes is waited for. */
	assert_int_equal(pthread_join(thread, &result), 0);
	assert_null(result);
	assert_int_equal(vcpu_run_on(m.vm->vcpu[0], count_call, &calls, in_ms(1000)), 0);
	assert_int_equal(calls, 1);
	machine_deinit(&m);
}

/* creation */

static void test_sizes_are_checked(void **state)
{
	struct machine m;
	struct vm_config config;
	struct vm *vm = NULL;

	machine_init(&m, 1);
	config = config_for(&m, 1);
	config.vp_count = 0;
	assert_int_equal(vm_new(&config, &vm), -EINVAL);
	config.vp_count = VM_MAX_VPS + 1;
	assert_int_equal(vm_new(&config, &vm), -EINVAL);
	config.vp_count = 1;
	config.memory_bytes = 12345;
	assert_int_equal(vm_new(&config, &vm), -EINVAL);
	assert_null(vm);
	machine_deinit(&m);
}

static void test_inspection(void **state)
{
	struct machine m;
	struct vcpu_regs regs = {0};
	struct vcpu_lapic lapic = {0};

	machine_init(&m, 1);
	LOAD(&m, halt);
	start(&m);
	while (atomic_load(&m.vm->first_entry_ns) == 0)
		usleep(1000);
	assert_int_equal(vm_pause(m.vm), 0);
	/* Parked: the registers stand still and may be read from here. */
	assert_int_equal(accel_kvm.vcpu_regs(m.vm->vcpu[0], &regs), 0);
	assert_in_range(regs.rip, 0x100020, 0x100022);
	assert_int_equal(regs.cr0 & 1, 1);
	assert_int_equal(accel_kvm.vcpu_lapic(m.vm->vcpu[0], &lapic), 0);
	assert_int_equal(lapic.apic_id, 0);
	machine_deinit(&m);
}

struct hv_msrs_call {
	struct msr_value msrs[3];
	int result;
};

static void read_hv_msrs(struct vcpu *vcpu, void *arg)
{
	struct hv_msrs_call *call = arg;

	call->result = accel_kvm.hv_msrs_read(vcpu, call->msrs, ARRAY_LEN(call->msrs));
}

/* EOI can only be written and the last index is nobody's: any KVM refuses to read them. */
static void test_lacking_msrs_read_as_zero(void **state)
{
	struct hv_msrs_call call = {.msrs = {
					    {HV_MSR_EOI, 7},
					    {HV_MSR_GUEST_OS_ID, 7},
					    {HV_MSR_BASE + HV_MSR_COUNT - 1, 7},
				    }};
	struct machine m;

	machine_init(&m, 1);
	for (unsigned again = 0; again < 2; again++) {
		assert_int_equal(
			vcpu_run_on(m.vm->vcpu[0], read_hv_msrs, &call, in_ms(PATIENCE_MS)), 0);
		assert_int_equal(call.result, 0);
		for (unsigned i = 0; i < ARRAY_LEN(call.msrs); i++)
			assert_int_equal(call.msrs[i].value, 0);
	}
	machine_deinit(&m);
}

static void reset_hv_msrs(struct vcpu *vcpu, void *arg)
{
	*(int *)arg = kvm_hv_msrs_reset(kvm_vcpu_of(vcpu));
}

/*
 * In mode user the VP has no SynIC in KVM, which therefore refuses what is not 0: SVERSION is the
 * first. A KVM without Hyper-V refuses the very first register, VP_INDEX.
 */
static void test_refused_msr_is_named(void **state)
{
	struct machine m;
	int result = 0;

	machine_init(&m, 1);
	assert_int_equal(vcpu_run_on(m.vm->vcpu[0], reset_hv_msrs, &result, in_ms(PATIENCE_MS)), 0);
	assert_int_equal(result, -EIO);
	run_until_state(&m, VM_STOPPED);
	assert_int_equal(m.vm->stop.reason, VM_STOP_IOCTL_FAILED);
	assert_int_equal(m.vm->stop.vp, 0);
	assert_string_equal(m.vm->stop.ioctl, "KVM_SET_MSRS");
	assert_true(strstr(m.vm->stop.arguments, "index 0x40000081 (SVERSION) value 0x1") ||
		    strstr(m.vm->stop.arguments, "index 0x40000002 (VP_INDEX) value 0x0"));
	machine_deinit(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		{"an image boots with its initrd and command line, and again after a reset",
			test_boot_from_files},
		{"CPUID shows Hyper-V and not KVM", test_cpuid},
		{"unclaimed ports read all ones; string output is whole and in order", test_ports},
		{"the hypercall page calls; its OUT elsewhere is ordinary I/O", test_hypercall},
		{"the hypercall page is known in a segment with a base",
			test_hypercall_in_a_based_segment},
		{"a refused MSR access is #GP at the instruction", test_fault},
		{"a forged hypercall page is #UD at its OUT", test_forged_hypercall_page},
		{"with KVM's SynIC that OUT is ordinary I/O", test_forged_page_in_mode_kernel},
		{"auto-EOI vectors are ended though the guest never does", test_auto_eoi},
		{"an unmapped access stops the VM and says where", test_unmapped_access_stops},
		{"a triple fault stops the VM", test_triple_fault_stops},
		{"code where there is no memory stops the VM", test_internal_error_stops},
		{"a KVM_RUN that fails stops the VM, and a reset cures it",
			test_a_failed_run_stops},
		{"an MSR that KVM refuses at a reset is named", test_a_refused_msr_is_named},
		{"an MSI that fails stops the VM", test_a_failed_interrupt_stops},
		{"an auto-EOI that fails stops the VM", test_a_failed_auto_eoi_stops},
		{"routes, irqfds and lines that KVM refuses are recorded, and the VM runs on",
			test_refused_routes_are_recorded},
		{"the first reason to stop wins", test_first_stop_wins},
		{"pause parks every VP of a spinning guest, every time", test_pause_and_resume},
		{"a paused VM stays paused over a reset", test_paused_stays_paused_over_reset},
		{"a reset asked for by the guest zeroes RAM and boots again", test_guest_reset},
		{"the reference time never goes back over a reset",
			test_reset_keeps_the_reference_time},
		{"64 VPs run and park", test_many_vps},
		{"mail reaches a VP that runs, halts, waits for INIT or is parked",
			test_mail_reaches_every_state},
		{"late mail is withdrawn, running mail is waited for", test_late_mail_is_withdrawn},
		{"bad sizes are refused", test_sizes_are_checked},
		{"registers and LAPIC can be read from a parked VP", test_inspection},
		{"synthetic MSRs this KVM lacks read as 0, every time",
			test_lacking_msrs_read_as_zero},
		{"a synthetic MSR that KVM refuses at a reset stops the VM by its name",
			test_refused_msr_is_named},
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
