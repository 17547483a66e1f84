/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench-ports: HvSignalEvent's way through the port table at 10, 10^3, 10^5 and 10^6 ports.
 *
 * Ids are spread over the 24-bit space and called in random order. Two figures per size, both as
 * ratios to the smallest table of the same run: `hot` calls only 10 of the ports, so that what is
 * measured is the lookup; `all` calls every port, so that cache misses on the ports' own lines,
 * which no table can avoid, show too.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "common/clock.h"
#include "common/rcu.h"
#include "common/record.h"
#include "vmm/ports.h"
#include "vmm/vm.h"

enum { CALLS = 2000000, ROUNDS = 5, HOT_PORTS = 10 };

static const unsigned sizes[] = { 10, 1000, 100000, 1000000 };

static enum hv_status on_event(void *arg, struct vcpu *caller, uint16_t flag)
{
	++*(uint64_t *)arg;
	return HV_STATUS_SUCCESS;
}

/* An odd multiplier permutes the 24-bit ids. */
static uint32_t id_of(unsigned i)
{
	return (i * 2654435761u) & HV_CONNECTION_ID_MASK;
}

static double ns_per_call(struct ports *ports, unsigned among)
{
	uint64_t random = 88172645463325252u, start = clock_now_ns(&clock_monotonic);

	for (unsigned i = 0; i < CALLS; i++) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		if (ports_signal_event(ports, NULL, 0, id_of((unsigned)(random % among)), 0) !=
			HV_STATUS_SUCCESS)
			abort();
	}
	return (double)(clock_now_ns(&clock_monotonic) - start) / CALLS;
}

static double best_of(struct ports *ports, unsigned among)
{
	double best = ns_per_call(ports, among);

	for (unsigned i = 1; i < ROUNDS; i++) {
		double ns = ns_per_call(ports, among);

		best = ns < best ? ns : best;
	}
	return best;
}

int main(void)
{
	static struct vm vm;
	struct port **handles = calloc(sizes[ARRAY_LEN(sizes) - 1], sizeof(struct port *));
	uint64_t calls = 0;
	double first_hot = 0, first_all = 0;
	unsigned count = 0;

	vm.clock = &clock_monotonic;
	rcu_thread_init();
	if (!handles || recorder_new(vm.clock, 4096, &vm.recorder) < 0 || ports_init(&vm.ports, &vm) < 0)
		return 1;
	recorder_set_enabled(vm.recorder, false);
	for (unsigned s = 0; s < ARRAY_LEN(sizes); s++) {
		double hot, all;

		for (; count < sizes[s]; count++) {
			const struct port_spec spec = {
				.connection_id = id_of(count),
				.type = PORT_EVENT,
				.owner = "bench",
				.on_event = on_event,
				.arg = &calls,
			};

			if (ports_add(&vm.ports, &spec, &handles[count]) != 0)
				return 1;
		}
		hot = best_of(&vm.ports, HOT_PORTS);
		all = best_of(&vm.ports, count);
		if (s == 0) {
			first_hot = hot;
			first_all = all;
		}
		printf("ports: %7u ports: hot %.1f ns, ratio %.2f; all %.1f ns, ratio %.2f\n", count, hot,
			hot / first_hot, all, all / first_all);
	}
	while (count > 0)
		port_release(handles[--count]);
	ports_deinit(&vm.ports);
	recorder_free(vm.recorder);
	rcu_thread_exit();
	free(handles);
	return 0;
}
