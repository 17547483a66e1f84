/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * State changes happen on the main loop only. What another thread wants (a guest that ends, a reset
 * register) is noted under life_lock, takes the VPs out of the guest at once (run_allowed), and is
 * carried out by life_work on the loop.
 *
 *	vm_resume          created|paused -> running    first time: loads the image, resets VPs
 *	vm_pause           running -> paused            once every VP has parked
 *	vm_reset           running|stopped -> running   paused stays paused
 *	vm_shutdown, stop  all but stopped -> stopped
 *
 * Invariant: run_allowed implies VM_RUNNING, no stop and no reset requested.
 */
#include "vmm/vm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/log.h"
#include "vmm/event.h"

/*
 * A VP's thread comes within microseconds, unless the host has no time for it, or stood still as a
 * whole: that may take seconds, and is no reason to fail. Less than the five that a client waits.
 */
static const uint64_t park_timeout_ns = 4 * NSEC_PER_SEC;

static uint64_t deadline_from_now(void)
{
	return clock_now_ns(&clock_monotonic) + park_timeout_ns;
}

static enum vm_state vm_state(const struct vm *vm)
{
	return (enum vm_state)atomic_load(&vm->state);
}

static void set_state(struct vm *vm, enum vm_state state)
{
	enum vm_state old = vm_state(vm);

	if (old == state)
		return;
	atomic_store(&vm->stopped_ns, state == VM_STOPPED ? clock_now_ns(&clock_monotonic) : 0);
	atomic_store(&vm->state, state);
	hv_record(vm->recorder, HV_EVENT_VM_STATE, RECORD_NO_VP, 0, RECORD_NO_SINT, old, state,
		state == VM_STOPPED ? vm->stop.reason : VM_STOP_NONE);
	if (vm->on_state)
		vm->on_state(vm, vm->on_state_arg);
}

/* running and parking */

static void forbid_running(struct vm *vm)
{
	atomic_store(&vm->run_allowed, false);
	for (unsigned i = 0; i < vm->vp_count; i++)
		vcpu_kick(vm->vcpu[i]);
}

/* Lets the VPs run, unless somebody asked for a stop or a reset meanwhile. */
static void allow_running(struct vm *vm)
{
	pthread_mutex_lock(&vm->life_lock);
	if (!vm->stop_requested && !vm->reset_requested)
		atomic_store(&vm->run_allowed, true);
	pthread_mutex_unlock(&vm->life_lock);
	for (unsigned i = 0; i < vm->vp_count; i++)
		vcpu_wake(vm->vcpu[i]);
}

/* Waits until all VPs have parked: 0 or -ETIMEDOUT. */
static int park_all(struct vm *vm)
{
	uint64_t deadline_ns = deadline_from_now();
	int r = 0;

	forbid_running(vm);
	for (unsigned i = 0; r == 0 && i < vm->vp_count; i++)
		r = vcpu_wait_parked(vm->vcpu[i], deadline_ns);
	return r;
}

/* booting */

struct reset_call {
	int result;
};

static void reset_on_vcpu(struct vcpu *vcpu, void *arg)
{
	struct reset_call *call = arg;

	call->result = vcpu->vm->accel->vcpu_reset(vcpu);
}

static int reset_vcpus(struct vm *vm)
{
	for (unsigned i = 0; i < vm->vp_count; i++) {
		struct reset_call call = {0};
		int r = vcpu_run_on(vm->vcpu[i], reset_on_vcpu, &call, deadline_from_now());

		if (r < 0 || call.result < 0)
			return r < 0 ? r : call.result;
	}
	return 0;
}

/* Image into RAM, VPs to where they start. No VP runs. */
static int boot(struct vm *vm)
{
	int r = 0;

	if (vm->boot.load)
		r = vm->boot.load(vm);
	return r < 0 ? r : reset_vcpus(vm);
}

/* stopping */

/* First request wins; false when the VM has stopped or is about to. */
static bool note_stop(struct vm *vm, const struct vm_stop *stop)
{
	bool first;

	pthread_mutex_lock(&vm->life_lock);
	first = !vm->stop_requested;
	if (first) {
		vm->stop = *stop;
		vm->stop_requested = true;
	}
	pthread_mutex_unlock(&vm->life_lock);
	return first;
}

/* A VP that does not park in time is left behind: it cannot enter the guest again. */
static void stop_now(struct vm *vm)
{
	int r = park_all(vm);

	if (r < 0)
		log_warning("a VP did not park within a second");
	set_state(vm, VM_STOPPED);
}

static void stop_for_failure(struct vm *vm, const char *doing, int error)
{
	struct vm_stop stop = VM_STOP(VM_STOP_IOCTL_FAILED);

	stop.error = error;
	snprintf(stop.what, sizeof(stop.what), "%s: %s", doing, strerror(-error));
	/* Whoever came first, as the backend itself, knows better why; but it stops now. */
	note_stop(vm, &stop);
	stop_now(vm);
}

void vm_request_stop(struct vm *vm, const struct vm_stop *stop)
{
	if (!note_stop(vm, stop))
		return;
	forbid_running(vm);
	loop_defer(vm->loop, &vm->life_work);
}

void vm_request_reset(struct vm *vm)
{
	pthread_mutex_lock(&vm->life_lock);
	vm->reset_requested = true;
	pthread_mutex_unlock(&vm->life_lock);
	forbid_running(vm);
	loop_defer(vm->loop, &vm->life_work);
}

/* lifecycle */

int vm_resume(struct vm *vm)
{
	enum vm_state state = vm_state(vm);
	int r = 0;

	if (state != VM_CREATED && state != VM_PAUSED)
		return VM_E_WRONG_STATE;
	if (state == VM_CREATED) {
		r = boot(vm);
		if (r < 0)
			return r;
		atomic_store(&vm->started_ns, clock_now_ns(&clock_monotonic));
	}
	set_state(vm, VM_RUNNING);
	allow_running(vm);
	return 0;
}

int vm_pause(struct vm *vm)
{
	int r;

	if (vm_state(vm) != VM_RUNNING)
		return VM_E_WRONG_STATE;
	r = park_all(vm);
	if (r < 0) {
		allow_running(vm);
		return r;
	}
	set_state(vm, VM_PAUSED);
	return 0;
}

int vm_shutdown(struct vm *vm)
{
	struct vm_stop stop = VM_STOP(VM_STOP_REQUESTED);

	snprintf(stop.what, sizeof(stop.what), "shut down on request");
	if (vm_state(vm) == VM_STOPPED)
		return VM_E_WRONG_STATE;
	/* A request from the guest may have come first: the VM stops all the same. */
	note_stop(vm, &stop);
	stop_now(vm);
	return 0;
}

/* The Hyper-V side, from what is in flight down to the pages. */
static void reset_hyperv(struct vm *vm)
{
	ports_settle(&vm->ports); /* the old guest's signals must not reach the new one */
	for (unsigned i = 0; i < vm->vp_count; i++) {
		for (unsigned vtl = 0; vtl < HV_VTL_COUNT; vtl++)
			synic_reset(&vm->vcpu[i]->synic[vtl]);
		hv_vp_reset(vm->vcpu[i]);
	}
	for (unsigned vtl = 0; vtl < HV_VTL_COUNT; vtl++)
		hv_partition_reset(&vm->hv[vtl]);
}

/* Overlays go first: they put the RAM below back, which is then zeroed. */
static int reset_machine(struct vm *vm)
{
	struct vm_device *device;
	int r;

	faults_end_all(&vm->faults, FAULT_END_RESET); /* what they keep goes with the old guest */
	reset_hyperv(vm);
	TAILQ_FOREACH (device, &vm->devices, link)
		device->reset(device);
	guest_memory_zero(&vm->memory);
	r = vm->accel->vm_reset(vm);
	return r < 0 ? r : boot(vm);
}

static void forget_requests(struct vm *vm)
{
	pthread_mutex_lock(&vm->life_lock);
	vm->stop_requested = false;
	vm->reset_requested = false;
	vm->stop = VM_STOP(VM_STOP_NONE);
	pthread_mutex_unlock(&vm->life_lock);
}

int vm_reset(struct vm *vm)
{
	enum vm_state state = vm_state(vm);
	int r;

	if (state == VM_CREATED)
		return VM_E_WRONG_STATE;
	r = park_all(vm);
	if (r < 0) {
		if (state == VM_RUNNING)
			allow_running(vm);
		return r;
	}
	forget_requests(vm);
	r = reset_machine(vm);
	if (r < 0) {
		stop_for_failure(vm, "reset", r);
		return r;
	}
	if (state == VM_PAUSED)
		return 0;
	set_state(vm, VM_RUNNING);
	allow_running(vm);
	return 0;
}

/* A VP that does not park leaves no way to boot again: the VM stops where it stands. */
static void reset_on_request(struct vm *vm)
{
	int r = vm_reset(vm);

	if (r < 0)
		stop_for_failure(vm, "reset", r);
}

/* Carries out what other threads asked for. */
static void life_work(struct loop_work *work)
{
	struct vm *vm = container_of(work, struct vm, life_work);
	bool stop, reset;

	pthread_mutex_lock(&vm->life_lock);
	stop = vm->stop_requested;
	reset = vm->reset_requested;
	pthread_mutex_unlock(&vm->life_lock);
	if (stop && vm_state(vm) != VM_STOPPED)
		stop_now(vm);
	else if (reset && !stop)
		reset_on_request(vm);
}

void vm_add_device(struct vm *vm, struct vm_device *device)
{
	TAILQ_INSERT_TAIL(&vm->devices, device, link);
}

void vm_remove_device(struct vm *vm, struct vm_device *device)
{
	TAILQ_REMOVE(&vm->devices, device, link);
}

void vm_note_entry(struct vm *vm)
{
	uint64_t never = 0;

	if (atomic_load_explicit(&vm->first_entry_ns, memory_order_relaxed) == 0)
		atomic_compare_exchange_strong(
			&vm->first_entry_ns, &never, clock_now_ns(&clock_monotonic));
}

/* creation */

static void init_fields(struct vm *vm, const struct vm_config *config)
{
	vm->config = *config;
	snprintf(vm->name, sizeof(vm->name), "%s", config->name);
	vm->config.name = vm->name;
	if (config->process_start_ns == 0)
		vm->config.process_start_ns = clock_now_ns(&clock_monotonic);
	vm->accel = config->accel;
	vm->synic_mode = config->synic_mode;
	vm->clock = config->clock;
	vm->loop = config->loop;
	vm->recorder = config->recorder;
	vm->created_realtime_ns = clock_realtime_ns();
	vm->stop = VM_STOP(VM_STOP_NONE);
	vm->life_work.run = life_work;
	pthread_mutex_init(&vm->life_lock, NULL);
	TAILQ_INIT(&vm->devices);
	capture_init(&vm->capture, vm->clock);
	overlays_init(&vm->overlays, &vm->memory);
	for (uint8_t vtl = 0; vtl < HV_VTL_COUNT; vtl++)
		hv_partition_init(&vm->hv[vtl], vm, vtl);
}

/* Everything but the VPs, in order of dependence. */
static int init_parts(struct vm *vm)
{
	int r = guest_memory_init(&vm->memory, vm->config.memory_bytes);

	if (r == 0)
		r = iobus_init(&vm->iobus);
	if (r == 0)
		r = ports_init(&vm->ports, vm);
	if (r == 0)
		r = gsi_table_init(&vm->gsis, vm);
	if (r == 0)
		r = sint_routes_init(&vm->routes, vm);
	if (r == 0)
		r = monitor_init(&vm->monitor, vm);
	if (r == 0)
		r = faults_init(&vm->faults, vm);
	if (r == 0)
		r = vm->accel->vm_init(vm);
	return r;
}

/* VP 0's TSC is the one the reference time follows. */
static void init_reference_time(struct vm *vm)
{
	reftime_init(&vm->reftime, vm, vm->accel->tsc_hz ? vm->accel->tsc_hz(vm) : 0);
}

static int init_vcpus(struct vm *vm)
{
	for (unsigned i = 0; i < vm->config.vp_count; i++) {
		int r = vcpu_new(vm, i, &vm->vcpu[i]);

		if (r < 0)
			return r;
		vm->vp_count = i + 1;
		if (i == 0)
			init_reference_time(vm);
	}
	for (unsigned i = 0; i < vm->vp_count; i++) {
		int r = vcpu_start(vm->vcpu[i]);

		if (r < 0)
			return r;
	}
	return 0;
}

int vm_new(const struct vm_config *config, struct vm **ret_vm)
{
	struct vm *vm;
	int r;

	if (config->vp_count < 1 || config->vp_count > VM_MAX_VPS)
		return -EINVAL;
	vm = calloc(1, sizeof(*vm));
	if (!vm)
		return -ENOMEM;
	init_fields(vm, config);
	r = init_parts(vm);
	if (r == 0)
		r = init_vcpus(vm);
	if (r < 0) {
		vm_free(vm);
		return r;
	}
	*ret_vm = vm;
	return 0;
}

/* No VP enters the guest any more, and no thread of the VM is left. */
static void stop_threads(struct vm *vm)
{
	forbid_running(vm);
	for (unsigned i = 0; i < vm->vp_count; i++)
		vcpu_stop(vm->vcpu[i]);
}

/* Messages end with -ECANCELED, and no work of the VM's is left on the loop. */
static void complete_in_flight(struct vm *vm)
{
	for (unsigned i = 0; i < vm->vp_count; i++) {
		for (unsigned vtl = 0; vtl < HV_VTL_COUNT; vtl++)
			synic_reset(&vm->vcpu[i]->synic[vtl]);
	}
	loop_drain(vm->loop);
}

struct vm *vm_free(struct vm *vm)
{
	if (!vm)
		return NULL;
	stop_threads(vm);
	faults_end_all(&vm->faults, FAULT_END_RESET);
	complete_in_flight(vm);
	monitor_deinit(&vm->monitor);
	faults_deinit(&vm->faults);
	for (unsigned i = 0; i < vm->vp_count; i++)
		vm->vcpu[i] = vcpu_free(vm->vcpu[i]);
	vm->accel->vm_deinit(vm);
	sint_routes_deinit(&vm->routes);
	gsi_table_deinit(&vm->gsis);
	ports_deinit(&vm->ports);
	for (unsigned vtl = 0; vtl < HV_VTL_COUNT; vtl++)
		hv_partition_deinit(&vm->hv[vtl]);
	overlays_deinit(&vm->overlays);
	iobus_deinit(&vm->iobus);
	if (vm->boot.data_free)
		vm->boot.data_free(vm->boot.data);
	guest_memory_deinit(&vm->memory);
	capture_deinit(&vm->capture);
	pthread_mutex_destroy(&vm->life_lock);
	free(vm);
	return NULL;
}
