/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inspect/resource.h"

#include <errno.h>
#include "common/clock.h"
#include "inspect/server.h"
#include "vmm/vcpu.h"
#include "vmm/vm.h"

/* The wait is cut into slices, so that a stopping server is noticed. */
#define SLICE_NS (100 * NSEC_PER_MSEC)

struct fetch {
	const struct resource *resource;
	const uint64_t *key;
	void *info;
	int result;
};

static void fetch_on_vcpu(struct vcpu *vcpu, void *arg)
{
	struct fetch *fetch = arg;

	fetch->result = fetch->resource->class->get(
		fetch->resource->owner, fetch->key, fetch->info);
}

int resource_get_on_vcpu(struct inspect *inspect, const struct resource *resource,
	const uint64_t *key, uint64_t deadline_ns, void *ret_info)
{
	struct vcpu *vcpu = inspect->config.vm ? vm_vcpu(inspect->config.vm, key[0]) : NULL;
	struct fetch fetch = {.resource = resource, .key = key, .info = ret_info};

	if (!vcpu)
		return -ENOENT;
	for (;;) {
		uint64_t now = clock_now_ns(&clock_monotonic);
		int r;

		if (now >= deadline_ns || atomic_load(&inspect->stopping))
			return -ETIMEDOUT;
		/* After -ETIMEDOUT the work has been withdrawn: `fetch` may be used again. */
		r = vcpu_run_on(vcpu, fetch_on_vcpu, &fetch, MIN(deadline_ns, now + SLICE_NS));
		if (r == 0)
			return fetch.result;
		if (r != -ETIMEDOUT)
			return r;
	}
}
