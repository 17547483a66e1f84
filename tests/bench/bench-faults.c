/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench-faults: what the hooks of faults cost where there is none.
 *
 * HvSignalEvent's way through the port table to a handler with a hook and to the same without, turn
 * by turn: while no fault is active; while one of another kind is; and while one of the hook's kind
 * is that is for somebody else, which is what a search of the table costs.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include "common/clock.h"
#include "common/loop.h"
#include "common/rcu.h"
#include "common/record.h"
#include "vmm/fault.h"
#include "vmm/ports.h"
#include "vmm/vm.h"

enum { CALLS = 2000000, ROUNDS = 9, CONNECTION = 7 };

static bool hooked;

static enum hv_status on_event(void *arg, struct vcpu *caller, uint16_t flag)
{
	const struct fault_place place = {1, 0, 2, FAULT_ANY, FAULT_ANY};
	struct vm *vm = arg;

	if (hooked && fault_hit(&vm->faults, FAULT_SKIP_EVENT, &place, NULL))
		return HV_STATUS_INVALID_PARAMETER;
	return HV_STATUS_SUCCESS;
}

static double ns_per_call(struct vm *vm, bool with_hook)
{
	uint64_t start = clock_now_ns(&clock_monotonic);

	hooked = with_hook;
	for (unsigned i = 0; i < CALLS; i++) {
		if (ports_signal_event(&vm->ports, NULL, 0, CONNECTION, 0) != HV_STATUS_SUCCESS)
			abort();
	}
	return (double)(clock_now_ns(&clock_monotonic) - start) / CALLS;
}

/* The best of both, by turns: the machine may be busy. */
static void compare(struct vm *vm, const char *what)
{
	double without = ns_per_call(vm, false), with = ns_per_call(vm, true);

	for (unsigned i = 1; i < ROUNDS; i++) {
		without = MIN(without, ns_per_call(vm, false));
		with = MIN(with, ns_per_call(vm, true));
	}
	printf("faults: %-36s without the hook %.1f ns, with it %.1f ns, ratio %.2f\n", what,
		without, with, with / without);
}

static int add(struct vm *vm, enum fault_kind kind)
{
	struct fault_spec spec = {.kind = kind, .place = {FAULT_ANYWHERE}, .count = 1};
	struct fault_refusal refusal;
	struct fault fault;

	spec.place.relid = 99;
	return faults_add(&vm->faults, &spec, &fault, &refusal);
}

static int run(struct vm *vm)
{
	compare(vm, "no fault:");
	if (add(vm, FAULT_HOLD_OPEN) < 0)
		return 1;
	compare(vm, "one of another kind:");
	if (add(vm, FAULT_SKIP_EVENT) < 0)
		return 1;
	compare(vm, "one of this kind, for another:");
	faults_clear(&vm->faults);
	return 0;
}

int main(void)
{
	static struct vm vm = {.has_vmbus = true};
	struct port *port;
	const struct port_spec spec = {
		.connection_id = CONNECTION,
		.type = PORT_EVENT,
		.owner = "bench",
		.flag_count = 1,
		.on_event = on_event,
		.arg = &vm,
	};
	int r;

	vm.clock = &clock_monotonic;
	rcu_thread_init();
	if (loop_new(&vm.loop) < 0 || recorder_new(vm.clock, 4096, &vm.recorder) < 0)
		return 1;
	recorder_set_enabled(vm.recorder, false);
	if (ports_init(&vm.ports, &vm) < 0 || faults_init(&vm.faults, &vm) < 0 ||
		ports_add(&vm.ports, &spec, &port) < 0)
		return 1;
	r = run(&vm);
	port_release(port);
	faults_deinit(&vm.faults);
	ports_deinit(&vm.ports);
	recorder_free(vm.recorder);
	loop_free(vm.loop);
	rcu_thread_exit();
	return r;
}
