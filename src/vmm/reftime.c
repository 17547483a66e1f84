/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/reftime.h"

#include "hvdef/hv_synic.h"
#include "vmm/vm.h"

/*
 * time = ((u128)tsc * scale >> 64) + offset, in units of 100 ns: the formula of the reference TSC
 * page, used for the counter too. The scale is 2^64 * 10^7 / tsc_hz and must fit 64 bits.
 */
static const uint64_t ticks_per_second = 10000000;
/* What the virtual APIC timer runs at under KVM. */
static const uint64_t apic_timer_hz = 1000000000;

typedef unsigned __int128 u128;

static uint64_t scaled(const struct reftime *reftime, uint64_t tsc)
{
	return (uint64_t)((u128)tsc * reftime->scale >> 64);
}

void reftime_init(struct reftime *reftime, struct vm *vm, uint64_t tsc_hz)
{
	*reftime = (struct reftime){
		.vm = vm,
		.tsc_valid = tsc_hz > ticks_per_second && vm->accel->guest_tsc,
		.tsc_hz = tsc_hz,
		.apic_hz = apic_timer_hz,
		.start_ns = clock_now_ns(vm->clock),
	};
	if (!reftime->tsc_valid)
		return;
	reftime->scale = (uint64_t)(((u128)ticks_per_second << 64) / tsc_hz);
	reftime->offset = -(int64_t)scaled(reftime, vm->accel->guest_tsc(vm));
}

static uint64_t raw_now_100ns(const struct reftime *reftime)
{
	const struct vm *vm = reftime->vm;
	int64_t now;

	if (!reftime->tsc_valid)
		return (clock_now_ns(vm->clock) - reftime->start_ns) / 100;
	now = (int64_t)scaled(reftime, vm->accel->guest_tsc(reftime->vm)) + reftime->offset;
	return now > 0 ? (uint64_t)now : 0;
}

uint64_t reftime_now_100ns(struct reftime *reftime)
{
	uint64_t now = raw_now_100ns(reftime);
	uint64_t latest = atomic_load_explicit(&reftime->latest_100ns, memory_order_relaxed);

	while (now > latest) {
		if (atomic_compare_exchange_weak(&reftime->latest_100ns, &latest, now))
			return now;
	}
	return latest;
}

int reftime_guest_100ns(struct reftime *reftime, uint64_t *ret_100ns)
{
	struct vm *vm = reftime->vm;

	if (vm->synic_mode == SYNIC_MODE_KERNEL)
		return vm->accel->reference_time(vm, ret_100ns);
	*ret_100ns = reftime_now_100ns(reftime);
	return 0;
}

uint64_t reftime_deadline_ns(struct reftime *reftime, uint64_t due_100ns)
{
	uint64_t now_100ns = reftime_now_100ns(reftime);
	uint64_t now_ns = clock_now_ns(reftime->vm->clock);
	uint64_t wait_ns, deadline_ns;

	if (due_100ns <= now_100ns)
		return now_ns;
	if (!checked_mul_u64(due_100ns - now_100ns, 100, &wait_ns) ||
		!checked_add_u64(now_ns, wait_ns, &deadline_ns))
		return UINT64_MAX;
	return deadline_ns;
}

void reftime_fill_page(const struct reftime *reftime, struct hv_reference_tsc_page *page)
{
	/* A reader that meets sequence 0 uses the counter: nothing half-written is ever used. */
	__atomic_store_n(&page->sequence, 0, __ATOMIC_SEQ_CST);
	page->reserved = 0;
	for (unsigned i = 0; i < ARRAY_LEN(page->reserved2); i++)
		page->reserved2[i] = 0;
	__atomic_store_n(&page->scale, reftime->scale, __ATOMIC_RELAXED);
	__atomic_store_n(&page->offset, reftime->offset, __ATOMIC_RELAXED);
	if (reftime->tsc_valid)
		__atomic_store_n(&page->sequence, 1, __ATOMIC_RELEASE);
}
