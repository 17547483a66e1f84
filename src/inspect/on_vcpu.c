/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inspect/on_vcpu.h"

#include <errno.h>
#include "common/clock.h"
#include "inspect/server.h"

/* The wait is cut into slices, so that a stopping server is noticed. */
#define SLICE_NS (100 * NSEC_PER_MSEC)
/* What a request gets whose time went by while others waited for a silent VP. */
#define MOMENT_NS (50 * NSEC_PER_MSEC)

uint64_t visits_vp(const struct resource *resource, const uint64_t *key)
{
	return resource->class->key_count > 0 ? key[0] : 0;
}

/* Where the class's reading is noted, or visits->count. */
static unsigned find_read(const struct visits *visits, const struct resource *resource)
{
	unsigned i = 0;

	while (i < visits->count && (visits->reads[i].read != resource->on_vcpu ||
					    visits->reads[i].owner != resource->owner))
		i++;
	return i;
}

static unsigned vp_count(const struct visits *visits)
{
	const struct vm *vm = visits->inspect->config.vm;

	return vm ? vm->vp_count : 0;
}

void visits_want(struct visits *visits, const struct resource *resource, uint64_t vp)
{
	unsigned i = find_read(visits, resource);

	if (!resource->on_vcpu || vp >= vp_count(visits) || i == VISIT_READS_MAX)
		return;
	if (i == visits->count)
		visits->reads[visits->count++] = (struct visit_read){
			.read = resource->on_vcpu, .owner = resource->owner};
	visits->reads[i].vps |= BIT64(vp);
	visits->reads[i].result[vp] = -ETIMEDOUT;
}

int visits_result(const struct visits *visits, const struct resource *resource, uint64_t vp)
{
	unsigned i = find_read(visits, resource);

	if (!resource->on_vcpu)
		return 0;
	if (vp >= vp_count(visits))
		return -ENOENT;
	if (i == visits->count || !(visits->reads[i].vps & BIT64(vp)))
		return -ENODATA; /* nobody asked */
	return visits->reads[i].result[vp];
}

const char *visits_error_name(int error)
{
	return error == -ENOENT ? "gone" : error == -ETIMEDOUT ? "timeout" : "unavailable";
}

/* ---- the visit ------------------------------------------------------------------------------ */

/* On the VP's thread. Each VP writes its own results only. */
static void read_on_vcpu(struct vcpu *vcpu, void *arg)
{
	struct visits *visits = arg;

	for (unsigned i = 0; i < visits->count; i++) {
		struct visit_read *read = &visits->reads[i];

		if (read->vps & BIT64(vcpu->index))
			read->result[vcpu->index] = read->read(read->owner, vcpu->index);
	}
}

static void set_result(struct visits *visits, uint64_t vp, int result)
{
	for (unsigned i = 0; i < visits->count; i++)
		visits->reads[i].result[vp] = result;
}

/* Asks the VPs whose bits are set; returns those that did not answer. */
static uint64_t ask(struct visits *visits, uint64_t vps, uint64_t deadline_ns)
{
	struct vm *vm = visits->inspect->config.vm;
	uint64_t silent = 0;

	for (unsigned vp = 0; vp < vm->vp_count; vp++) {
		if (vps & BIT64(vp)) {
			visits->mail[vp] = (struct vcpu_mail){.fn = read_on_vcpu, .arg = visits};
			vcpu_send(vm->vcpu[vp], &visits->mail[vp]);
		}
	}
	for (unsigned vp = 0; vp < vm->vp_count; vp++) {
		int r = 0;

		if (vps & BIT64(vp))
			r = vcpu_wait(vm->vcpu[vp], &visits->mail[vp], deadline_ns);
		if (r == -ETIMEDOUT)
			silent |= BIT64(vp);
		else if (r < 0)
			set_result(visits, vp, r);
	}
	return silent;
}

void visits_go(struct visits *visits, uint64_t deadline_ns)
{
	uint64_t vps = 0;

	deadline_ns = MAX(deadline_ns, clock_now_ns(&clock_monotonic) + MOMENT_NS);
	for (unsigned i = 0; i < visits->count; i++)
		vps |= visits->reads[i].vps;
	while (vps != 0 && !atomic_load(&visits->inspect->stopping)) {
		uint64_t now = clock_now_ns(&clock_monotonic);

		if (now >= deadline_ns)
			return;
		vps = ask(visits, vps, MIN(deadline_ns, now + SLICE_NS));
	}
}
