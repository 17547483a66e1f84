/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The life of a VM and its VPs, on a backend whose guest does nothing until it is kicked, and which
 * fails or gets stuck on request.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <cmocka.h>
#include "vmm/vm.h"
#include "vmm/vm_info.h"

enum { MEMORY_BYTES = 1 << 20, VPS = 4, PATIENCE_MS = 10000, NEVER = -1 };
enum { SIMP_GPA = 0x10000 };

static struct loop *loop;
static struct recorder *recorder;
static struct vm *vm;

/* What the backend does; written while no VP runs, or atomically. */
static struct {
	int fail_vm_init, fail_vm_reset;
	int fail_vcpu_init;                                         /* this VP */
	_Atomic int fail_vcpu_reset, fail_run, ask_reset, ask_stop; /* this VP */
	_Atomic bool stuck;
	_Atomic unsigned vcpus, resets, runs;
	int signal_fd; /* of the only port with a fast path */
} backend;

static int be_vm_init(struct vm *v)
{
	return backend.fail_vm_init;
}

static void be_vm_deinit(struct vm *v)
{
}

static int be_vcpu_init(struct vcpu *vcpu)
{
	if ((int)vcpu->index == backend.fail_vcpu_init)
		return -EMFILE;
	backend.vcpus++;
	vcpu->accel = vcpu;
	return 0;
}

static void be_vcpu_deinit(struct vcpu *vcpu)
{
	if (vcpu->accel)
		backend.vcpus--;
}

static int be_vcpu_reset(struct vcpu *vcpu)
{
	assert_ptr_equal(vcpu_current(), vcpu);
	backend.resets++;
	return (int)vcpu->index == backend.fail_vcpu_reset ? -EIO : 0;
}

static int be_vcpu_run(struct vcpu *vcpu)
{
	struct vm_stop stop = VM_STOP(VM_STOP_POWER_OFF);
	int index = (int)vcpu->index;

	backend.runs++;
	if (index == backend.fail_run)
		return -EBADF;
	if (atomic_compare_exchange_strong(&backend.ask_reset, &index, NEVER))
		vm_request_reset(vcpu->vm);
	stop.vp = vcpu->index;
	if ((int)vcpu->index == backend.ask_stop)
		vm_request_stop(vcpu->vm, &stop);
	vm_note_entry(vcpu->vm);
	while (!vcpu_kicked(vcpu) || backend.stuck)
		usleep(100);
	return 0;
}

static void be_vcpu_kick(struct vcpu *vcpu)
{
}

static int be_vm_reset(struct vm *v)
{
	return backend.fail_vm_reset;
}

static int be_assert_vector(struct vcpu *vcpu, uint8_t vector, bool auto_eoi)
{
	return 0;
}

static int be_assert_sint(struct vcpu *vcpu, uint32_t gsi)
{
	return 0;
}

static int be_signal_eventfd(struct vm *v, uint32_t connection_id, int fd, bool assign)
{
	backend.signal_fd = assign ? fd : -1;
	return 0;
}

static int be_lapic(struct vcpu *vcpu, struct vcpu_lapic *ret_lapic)
{
	*ret_lapic = (struct vcpu_lapic){
		.apic_id = vcpu->apic_id,
		.irr = {[3] = BIT64(63)},
		.isr = {[0] = BIT64(33), [1] = BIT64(0)},
		.enabled = true,
	};
	return 0;
}

static int be_regs(struct vcpu *vcpu, struct vcpu_regs *ret_regs)
{
	*ret_regs = (struct vcpu_regs){.rip = 0x1234, .halted = true};
	return 0;
}

static unsigned be_capabilities(const struct vm *v, const struct accel_capability **ret_first)
{
	static const struct accel_capability caps[] = {
		{"HAS_IT", 12, 4096, true},
		{"HAS_NOT", 34, 0, false},
	};

	*ret_first = caps;
	return ARRAY_LEN(caps);
}

static const struct accel accel_idle = {
	.name = "idle",
	.vm_init = be_vm_init,
	.vm_deinit = be_vm_deinit,
	.vcpu_init = be_vcpu_init,
	.vcpu_deinit = be_vcpu_deinit,
	.vcpu_reset = be_vcpu_reset,
	.vcpu_run = be_vcpu_run,
	.vcpu_kick = be_vcpu_kick,
	.vm_reset = be_vm_reset,
	.assert_vector = be_assert_vector,
	.assert_sint = be_assert_sint,
	.signal_eventfd = be_signal_eventfd,
	.capabilities = be_capabilities,
	.vcpu_lapic = be_lapic,
	.vcpu_regs = be_regs,
};

static int new_vm(enum synic_mode mode)
{
	const struct vm_config config = {
		.name = "test",
		.vp_count = VPS,
		.memory_bytes = MEMORY_BYTES,
		.accel = &accel_idle,
		.synic_mode = mode,
		.clock = &clock_monotonic,
		.loop = loop,
		.recorder = recorder,
	};

	return vm_new(&config, &vm);
}

static int setup_no_vm(void **state)
{
	memset(&backend, 0, sizeof(backend));
	backend.fail_vcpu_init = NEVER;
	backend.fail_vcpu_reset = NEVER;
	backend.fail_run = NEVER;
	backend.ask_reset = NEVER;
	backend.ask_stop = NEVER;
	vm = NULL;
	assert_int_equal(loop_new(&loop), 0);
	assert_int_equal(recorder_new(&clock_monotonic, 256, &recorder), 0);
	return 0;
}

static int setup(void **state)
{
	setup_no_vm(state);
	assert_int_equal(new_vm(SYNIC_MODE_SIM), 0);
	return 0;
}

static int setup_kernel(void **state)
{
	setup_no_vm(state);
	assert_int_equal(new_vm(SYNIC_MODE_KERNEL), 0);
	return 0;
}

static int teardown(void **state)
{
	vm = vm_free(vm);
	assert_int_equal(backend.vcpus, 0);
	recorder = recorder_free(recorder);
	loop = loop_free(loop);
	return 0;
}

static void wait_for_state(enum vm_state state)
{
	uint64_t deadline = clock_now_ns(&clock_monotonic) + PATIENCE_MS * NSEC_PER_MSEC;

	while (vm->state != (int)state) {
		assert_true(clock_now_ns(&clock_monotonic) < deadline);
		assert_true(sd_event_run(loop_event(loop), 1000) >= 0);
	}
}

static struct vm_info info(void)
{
	struct vm_info info;

	assert_int_equal(vm_node_class.get(vm, NULL, &info), 0);
	return info;
}

/* creation */

static void test_creation_fails_cleanly(void **state)
{
	backend.fail_vm_init = -EPERM;
	assert_int_equal(new_vm(SYNIC_MODE_SIM), -EPERM);
	backend.fail_vm_init = 0;
	for (int i = 0; i < VPS; i++) {
		backend.fail_vcpu_init = i;
		assert_int_equal(new_vm(SYNIC_MODE_SIM), -EMFILE);
		assert_int_equal(backend.vcpus, 0);
	}
	assert_null(vm);
	assert_null(vm_free(NULL));
}

/* states */

static void test_states(void **state)
{
	assert_int_equal(info().state, VM_CREATED);
	assert_int_equal(vm_pause(vm), VM_E_WRONG_STATE);
	assert_int_equal(vm_reset(vm), VM_E_WRONG_STATE);
	assert_int_equal(vm_resume(vm), 0);
	assert_int_equal(backend.resets, VPS);
	assert_int_equal(vm_resume(vm), VM_E_WRONG_STATE);
	assert_int_equal(vm_pause(vm), 0);
	assert_int_equal(vm_pause(vm), VM_E_WRONG_STATE);
	assert_int_equal(vm_resume(vm), 0);
	assert_int_equal(backend.resets, VPS); /* only the first start resets */
	assert_int_equal(vm_reset(vm), 0);
	assert_int_equal(backend.resets, 2 * VPS);
	assert_int_equal(vm_shutdown(vm), 0);
	assert_int_equal(vm_shutdown(vm), VM_E_WRONG_STATE);
	assert_int_equal(vm_resume(vm), VM_E_WRONG_STATE);
	assert_true(info().stop.present);
	assert_int_equal(vm_reset(vm), 0);
	assert_int_equal(info().state, VM_RUNNING);
	assert_false(info().stop.present);
}

static void test_shutdown_before_start(void **state)
{
	assert_int_equal(vm_shutdown(vm), 0);
	assert_int_equal(vm->state, VM_STOPPED);
	assert_int_equal(backend.runs, 0);
}

static void test_stop_by_a_vp(void **state)
{
	backend.ask_stop = 2;
	assert_int_equal(vm_resume(vm), 0);
	wait_for_state(VM_STOPPED);
	assert_int_equal(info().stop.reason, VM_STOP_POWER_OFF);
	assert_int_equal(info().stop.vp, 2);
	for (unsigned i = 0; i < VPS; i++)
		assert_int_equal(vm->vcpu[i]->state, VCPU_PARKED);
}

static void test_stop_while_paused(void **state)
{
	struct vm_stop stop = VM_STOP(VM_STOP_TRIPLE_FAULT);

	assert_int_equal(vm_resume(vm), 0);
	assert_int_equal(vm_pause(vm), 0);
	vm_request_stop(vm, &stop);
	assert_int_equal(vm_resume(vm), 0); /* asked for, and refused to the VPs */
	assert_false(vm->run_allowed);
	wait_for_state(VM_STOPPED);
	assert_int_equal(info().stop.reason, VM_STOP_TRIPLE_FAULT);
}

static void *request_stop(void *arg)
{
	struct vm_stop stop = VM_STOP(VM_STOP_DEBUG_EXIT);

	stop.code = (uintptr_t)arg;
	vm_request_stop(vm, &stop);
	vm_request_reset(vm);
	return NULL;
}

static void test_racing_stops(void **state)
{
	pthread_t threads[8];
	uint64_t code;

	assert_int_equal(vm_resume(vm), 0);
	for (uintptr_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, request_stop, (void *)i), 0);
	wait_for_state(VM_STOPPED);
	code = info().stop.code;
	for (unsigned i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);
	loop_run_ready(loop);
	assert_int_equal(vm->state, VM_STOPPED); /* a stop goes before a reset */
	assert_int_equal(info().stop.code, code);
}

static void test_reset_by_a_vp(void **state)
{
	uint8_t byte = 1;

	assert_int_equal(guest_memory_write(&vm->memory, 0x1000, &byte, 1), 0);
	backend.ask_reset = 1;
	assert_int_equal(vm_resume(vm), 0);
	while (backend.resets < 2 * VPS)
		assert_true(sd_event_run(loop_event(loop), 1000) >= 0);
	assert_int_equal(vm->state, VM_RUNNING);
	assert_int_equal(guest_memory_read(&vm->memory, 0x1000, &byte, 1), 0);
	assert_int_equal(byte, 0);
}

/* failures */

static void test_run_fails(void **state)
{
	backend.fail_run = 3;
	assert_int_equal(vm_resume(vm), 0);
	wait_for_state(VM_STOPPED);
	assert_int_equal(info().stop.reason, VM_STOP_IOCTL_FAILED);
	assert_int_equal(info().stop.error, -EBADF);
	assert_int_equal(info().stop.vp, 3);
	assert_non_null(strstr(info().stop.what, "VP 3"));
}

static void test_reset_fails(void **state)
{
	assert_int_equal(vm_resume(vm), 0);
	backend.fail_vm_reset = -EIO;
	assert_int_equal(vm_reset(vm), -EIO);
	assert_int_equal(vm->state, VM_STOPPED);
	assert_int_equal(info().stop.reason, VM_STOP_IOCTL_FAILED);
	assert_int_equal(info().stop.error, -EIO);
	backend.fail_vm_reset = 0;
	backend.fail_vcpu_reset = 2;
	assert_int_equal(vm_reset(vm), -EIO);
	backend.fail_vcpu_reset = NEVER;
	assert_int_equal(vm_reset(vm), 0); /* and is cured by one that works */
	assert_int_equal(vm->state, VM_RUNNING);
}

static void test_first_start_fails(void **state)
{
	backend.fail_vcpu_reset = 0;
	assert_int_equal(vm_resume(vm), -EIO);
	assert_int_equal(vm->state, VM_CREATED);
	backend.fail_vcpu_reset = NEVER;
	assert_int_equal(vm_resume(vm), 0);
}

static void test_stuck_vp(void **state)
{
	backend.stuck = true;
	assert_int_equal(vm_resume(vm), 0);
	while (backend.runs < VPS)
		usleep(100);
	assert_int_equal(vm_pause(vm), -ETIMEDOUT);
	assert_int_equal(vm->state, VM_RUNNING); /* it goes on as before */
	assert_true(vm->run_allowed);
	backend.stuck = false;
	assert_int_equal(vm_pause(vm), 0);
}

/* devices */

struct test_device {
	struct vm_device device;
	unsigned resets;
};

static void reset_device(struct vm_device *device)
{
	container_of(device, struct test_device, device)->resets++;
}

static void test_devices(void **state)
{
	struct test_device first = {.device.reset = reset_device}, second = first;

	vm_add_device(vm, &first.device);
	vm_add_device(vm, &second.device);
	assert_int_equal(vm_resume(vm), 0);
	assert_int_equal(vm_reset(vm), 0);
	vm_remove_device(vm, &first.device);
	assert_int_equal(vm_reset(vm), 0);
	assert_int_equal(first.resets, 1);
	assert_int_equal(second.resets, 2);
	vm_remove_device(vm, &second.device);
}

/* inspection */

static int count_visit(void *arg, const uint64_t *key, const void *visited)
{
	const struct vcpu_info *vcpu = visited;

	assert_int_equal(vcpu->vp, *key);
	return ++*(unsigned *)arg == 2;
}

static void test_vm_and_vp_nodes(void **state)
{
	uint64_t key = 1, after = 1, beyond = VPS;
	struct vcpu_info vp;
	unsigned count = 0;

	assert_string_equal(info().name, "test");
	assert_string_equal(info().accel, "idle");
	assert_int_equal(info().vp_count, VPS);
	assert_int_equal(info().memory_bytes, MEMORY_BYTES);
	assert_int_equal(info().uptime_ns, UINT64_MAX);
	assert_int_equal(info().first_entry_ns, UINT64_MAX);
	assert_false(info().boot.present);
	assert_true(info().enforce_cpuid);
	assert_int_equal(info().capability_count, 2);
	assert_string_equal(info().capabilities[0].name, "HAS_IT");
	assert_int_equal(info().capabilities[0].number, 12);
	assert_int_equal(info().capabilities[0].value, 4096);
	assert_true(info().capabilities[0].needed);
	assert_string_equal(info().capabilities[1].name, "HAS_NOT");
	assert_false(info().capabilities[1].needed);
	assert_int_equal(vm_resume(vm), 0);
	while (backend.runs < VPS)
		usleep(100);
	assert_true(info().uptime_ns < 60 * NSEC_PER_SEC);
	assert_int_equal(vcpu_node_class.get(vm, &key, &vp), 0);
	assert_int_equal(vp.vp, 1);
	assert_int_equal(vp.state, VCPU_RUNNING);
	vcpu_count_exit(vm->vcpu[2], VCPU_EXIT_IO);
	key = 2;
	assert_int_equal(vcpu_node_class.get(vm, &key, &vp), 0);
	assert_int_equal(vp.exits.io, 1);
	assert_int_equal(vp.exits.total, 1);
	assert_int_equal(vcpu_node_class.get(vm, &beyond, &vp), -ENOENT);
	vcpu_node_class.list(vm, NULL, 0, &after, count_visit, &count);
	assert_int_equal(count, 2);
	assert_int_equal(vm_shutdown(vm), 0);
	after = info().uptime_ns;
	usleep(1000);
	assert_int_equal(info().uptime_ns, after); /* stands still */
}

static void test_cpu_node(void **state)
{
	uint64_t key = 3;
	struct cpu_info cpu;

	assert_int_equal(vcpu_cpu_node_class.get(vm, &key, &cpu), -ENODATA);
	assert_int_equal(vcpu_cpu_node_class.on_vcpu(vm)(vm, 3), 0);
	assert_int_equal(vcpu_cpu_node_class.get(vm, &key, &cpu), 0);
	assert_int_equal(cpu.vp, 3);
	assert_int_equal(cpu.rip, 0x1234);
	assert_true(cpu.halted && cpu.apic_enabled);
	assert_int_equal(cpu.irr_count, 1);
	assert_int_equal(cpu.irr[0], 255);
	assert_int_equal(cpu.isr_count, 2);
	assert_int_equal(cpu.isr[0], 33);
	assert_int_equal(cpu.isr[1], 64);
	key = VPS;
	assert_int_equal(vcpu_cpu_node_class.get(vm, &key, &cpu), -ENOENT);
}

/* mode kernel: slots wait for the VP's thread */

struct delivery {
	struct sint_route *route;
	unsigned count;
	int status;
};

static void on_delivered(struct sint_route *route, int status, void *arg)
{
	struct delivery *delivery = arg;

	delivery->count++;
	delivery->status = status;
}

static void enable_simp(struct vcpu *vcpu, void *arg)
{
	synic_kernel_sync(&vcpu->synic[0], HV_SCONTROL_ENABLE, 0, SIMP_GPA | HV_PAGE_ENABLE);
}

static void post_to_vp(uint32_t vp, struct delivery *delivery)
{
	const struct hv_message message = {.header.type = 1};
	uint64_t deadline = clock_now_ns(&clock_monotonic) + PATIENCE_MS * NSEC_PER_MSEC;

	*delivery = (struct delivery){0};
	assert_int_equal(vcpu_run_on(vm->vcpu[vp], enable_simp, NULL, deadline), 0);
	assert_int_equal(sint_route_get(vm, vp, 0, 2, &delivery->route), 0);
	assert_int_equal(
		sint_route_post(delivery->route, &message, SINT_POST_QUEUE, on_delivered, delivery),
		0);
}

static void assert_delivered(struct delivery *delivery)
{
	uint64_t deadline = clock_now_ns(&clock_monotonic) + PATIENCE_MS * NSEC_PER_MSEC;

	while (delivery->count == 0) {
		assert_true(clock_now_ns(&clock_monotonic) < deadline);
		assert_true(sd_event_run(loop_event(loop), 1000) >= 0);
	}
	assert_int_equal(delivery->status, 0);
	sint_route_unref(delivery->route);
}

static void test_work_in_every_state(void **state)
{
	struct delivery delivery;

	post_to_vp(0, &delivery); /* not run yet */
	assert_delivered(&delivery);
	assert_int_equal(vm_resume(vm), 0);
	post_to_vp(1, &delivery);
	assert_delivered(&delivery);
	assert_int_equal(vm_pause(vm), 0);
	post_to_vp(2, &delivery);
	assert_delivered(&delivery);
	assert_int_equal(vm_shutdown(vm), 0);
	post_to_vp(3, &delivery);
	assert_delivered(&delivery);
}

static void test_free_with_work_undone(void **state)
{
	struct delivery delivery;

	post_to_vp(1, &delivery);
	sint_route_unref(delivery.route);
	vm = vm_free(vm);
	assert_int_equal(delivery.count, 1);
}

/* Of VP 0's SynIC, when the port's handler ran; UINT32_MAX: it did not. */
static enum hv_status note_resets(void *arg, struct vcpu *caller, uint16_t flag)
{
	*(uint32_t *)arg = vm->vcpu[0]->synic[0].resets;
	return HV_STATUS_SUCCESS;
}

static void test_signals_before_a_reset(void **state)
{
	uint32_t resets_then = UINT32_MAX, resets;
	const struct port_spec spec = {
		.type = PORT_EVENT,
		.coalesce = true,
		.on_event = note_resets,
		.arg = &resets_then,
	};
	struct port *port;

	assert_int_equal(ports_add(&vm->ports, &spec, &port), 0);
	assert_int_equal(vm_resume(vm), 0);
	resets = vm->vcpu[0]->synic[0].resets;
	assert_int_equal(eventfd_write(backend.signal_fd, 1), 0);
	assert_int_equal(vm_reset(vm), 0);
	assert_int_equal(resets_then, resets);
	assert_true(vm->vcpu[0]->synic[0].resets > resets);
	port_release(port);
	assert_int_equal(backend.signal_fd, -1);
}

#define KERNEL_TEST(text, fn)                    \
	{                                        \
		text, fn, setup_kernel, teardown \
	}
#define VM_TEST(text, fn)                 \
	{                                 \
		text, fn, setup, teardown \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		{"creation that fails half-way leaves nothing behind", test_creation_fails_cleanly,
			setup_no_vm, teardown},
		VM_TEST("every change of state is allowed or refused as drawn", test_states),
		VM_TEST("a VM can be shut down before it ran", test_shutdown_before_start),
		VM_TEST("a VP stops the VM, with its reason", test_stop_by_a_vp),
		VM_TEST("a stop asked for while paused wins over a resume", test_stop_while_paused),
		VM_TEST("of racing stops one wins, and over resets", test_racing_stops),
		VM_TEST("a VP resets the VM: RAM zeroed, VPs reset, running again",
			test_reset_by_a_vp),
		VM_TEST("a VP that cannot run stops the VM", test_run_fails),
		VM_TEST("a reset that fails stops the VM, a later one may cure it",
			test_reset_fails),
		VM_TEST("a first start that fails may be tried again", test_first_start_fails),
		VM_TEST("a VP that does not park makes pause time out, and nothing else",
			test_stuck_vp),
		VM_TEST("devices are reset with the VM until removed", test_devices),
		VM_TEST("the VM and its VPs can be inspected", test_vm_and_vp_nodes),
		VM_TEST("registers and vectors can be inspected", test_cpu_node),
		KERNEL_TEST("a VP writes its slots, whether it runs, is parked or has not run yet",
			test_work_in_every_state),
		KERNEL_TEST("a signal accepted before a reset does not reach the new guest",
			test_signals_before_a_reset),
		KERNEL_TEST("a VM is freed with a message in flight", test_free_with_work_undone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
