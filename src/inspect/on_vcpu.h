/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Visits to VPs on behalf of one request.
 *
 * A request first says what it wants of which VP, then all those VPs are asked at once, each one
 * time, and then get and list show what they read. So a VP is taken out of the guest once however
 * many objects are shown, and one that does not answer costs the others nothing but the deadline.
 *
 * Purpose: node_class.on_vcpu for resource.c, tree.c and metrics.c.
 * Threads: the worker.
 * Errors:  per VP, see visits_result().
 */
#include <stdint.h>
#include "inspect/registry.h"
#include "vmm/vm.h"

struct inspect;

enum { VISIT_READS_MAX = 8 };

/* One function and the VPs that shall run it. */
struct visit_read {
	node_on_vcpu_fn read;
	void *owner;
	uint64_t vps; /* bit per VP */
	int result[VM_MAX_VPS];
};

struct visits {
	struct inspect *inspect; /* borrows */
	unsigned count;
	struct visit_read reads[VISIT_READS_MAX];
	struct vcpu_mail mail[VM_MAX_VPS];
};

/* The VP whose visit an object with this key needs. */
uint64_t visits_vp(const struct resource *resource, const uint64_t *key);
/* Notes that `vp` has to be visited, if objects of `resource` need it and there is such a VP. */
void visits_want(struct visits *visits, const struct resource *resource, uint64_t vp);
/*
 * Asks all of them and waits until `deadline_ns` (CLOCK_MONOTONIC), at least a moment, or until the
 * server stops.
 */
void visits_go(struct visits *visits, uint64_t deadline_ns);
/*
 * Whether objects of `resource` on `vp` can be shown: 0; -ETIMEDOUT, what vcpu_run_on() said or
 * what the reading said; -ENOENT: no such VP.
 */
int visits_result(const struct visits *visits, const struct resource *resource, uint64_t vp);

/* For `$error` and the like: "gone", "timeout" or "unavailable". */
const char *visits_error_name(int error);
