/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/synic.h"

#include <errno.h>
#include "common/loop.h"
#include "hvdef/hv_msr.h"
#include "vmm/event.h"
#include "vmm/synic_deliver.h"
#include "vmm/vm.h"

/*
 * Registers, reset, event flags. The FIFOs are in synic_queue.c, delivery in synic_deliver.c,
 * snapshots in synic_info.c and synic_messages.c.
 *
 * A page register is written in three steps under setup_lock: move the overlay (synic->lock must
 * not be held), store the register, look whether something waited for the page.
 */

static void on_timer(void *arg)
{
	synic_deadline(arg);
}

static void reset_sint(struct synic_sint *sint)
{
	sint->msr = HV_SINT_RESET;
	sint->irq_owed = false;
	sint->timer_turn = false;
	sint->last_delivery_ns = 0;
}

int synic_init(struct synic *synic, struct vcpu *vcpu, uint8_t vtl)
{
	int r;

	r = loop_timer_new(vcpu->vm->loop, on_timer, synic, &synic->timer);
	if (r < 0)
		return r;
	synic->vcpu = vcpu;
	synic->vm = vcpu->vm;
	synic->vtl = vtl;
	pthread_mutex_init(&synic->setup_lock, NULL);
	pthread_mutex_init(&synic->lock, NULL);
	overlay_init(&synic->siefp_page, &synic->lock);
	overlay_init(&synic->simp_page, &synic->lock);
	for (unsigned n = 0; n < HV_SINT_COUNT; n++) {
		TAILQ_INIT(&synic->sint[n].queue);
		TAILQ_INIT(&synic->sint[n].waiters);
		reset_sint(&synic->sint[n]);
	}
	return 0;
}

void synic_deinit(struct synic *synic)
{
	if (!synic->vcpu)
		return;
	synic_reset(synic);
	synic->timer = loop_timer_free(synic->timer);
	pthread_mutex_destroy(&synic->lock);
	pthread_mutex_destroy(&synic->setup_lock);
	synic->vcpu = NULL;
}

bool synic_is_kernel(const struct synic *synic)
{
	return synic->vm->synic_mode == SYNIC_MODE_KERNEL && synic->vtl == 0;
}

bool synic_masked_locked(const struct synic *synic, unsigned sint)
{
	return !synic_is_kernel(synic) && (synic->sint[sint].msr & HV_SINT_MASKED);
}

struct synic *synic_find(struct vm *vm, uint64_t vp, uint64_t vtl)
{
	struct vcpu *vcpu = vm_vcpu(vm, vp);

	return vcpu && vtl < HV_VTL_COUNT ? &vcpu->synic[vtl] : NULL;
}

/* Keeps the GSIs of one or all SINTs pointing where the registers say. No lock held. */
static void update_routes(struct synic *synic, unsigned first, unsigned last)
{
	for (unsigned n = first; n <= last; n++)
		sint_routes_update(&synic->vm->routes, synic->vcpu->index, synic->vtl, (uint8_t)n);
}

static void reset_locked(struct synic *synic)
{
	unsigned dropped;

	atomic_fetch_add(&synic->resets, 1);
	synic->scontrol = 0;
	synic->siefp = 0;
	synic->simp = 0;
	for (unsigned i = 0; i < HV_STIMER_COUNT; i++)
		stimer_reset(&synic->stimer[i]);
	dropped = synic_flush_locked(synic, -ECANCELED);
	for (unsigned n = 0; n < HV_SINT_COUNT; n++)
		reset_sint(&synic->sint[n]);
	synic->waiting_sints = synic->lost_sints = 0;
	synic->work_sints = 0;
	synic->last_eom_ns = 0;
	synic_arm_locked(synic);
	hv_record(synic->vm->recorder, HV_EVENT_SYNIC_RESET, synic->vcpu->index, synic->vtl,
		RECORD_NO_SINT, dropped);
}

/* The pages go first: what is posted meanwhile then stays queued, and is cancelled. */
void synic_reset(struct synic *synic)
{
	pthread_mutex_lock(&synic->setup_lock);
	overlay_reset(&synic->vm->overlays, &synic->siefp_page);
	overlay_reset(&synic->vm->overlays, &synic->simp_page);
	pthread_mutex_lock(&synic->lock);
	reset_locked(synic);
	pthread_mutex_unlock(&synic->lock);
	pthread_mutex_unlock(&synic->setup_lock);
	update_routes(synic, 0, HV_SINT_COUNT - 1);
}

static bool is_timer(uint32_t index)
{
	return index >= HV_MSR_STIMER0_CONFIG && index <= HV_MSR_STIMER3_COUNT;
}

static bool is_timer_count(uint32_t index)
{
	return (index - HV_MSR_STIMER0_CONFIG) % 2;
}

static struct stimer *timer_of(struct synic *synic, uint32_t index)
{
	return &synic->stimer[(index - HV_MSR_STIMER0_CONFIG) / 2];
}

static bool is_sint(uint32_t index)
{
	return index >= HV_MSR_SINT0 && index <= HV_MSR_SINT15;
}

static enum hv_fault read_locked(struct synic *synic, uint32_t index, uint64_t *ret_value)
{
	if (is_sint(index)) {
		*ret_value = synic->sint[index - HV_MSR_SINT0].msr;
		return HV_FAULT_NONE;
	}
	if (is_timer(index)) {
		const struct stimer *timer = timer_of(synic, index);

		*ret_value = is_timer_count(index) ? timer->count : timer->config;
		return HV_FAULT_NONE;
	}
	switch (index) {
	case HV_MSR_SCONTROL:
		*ret_value = synic->scontrol;
		return HV_FAULT_NONE;
	case HV_MSR_SVERSION:
		*ret_value = HV_SYNIC_VERSION;
		return HV_FAULT_NONE;
	case HV_MSR_SIEFP:
		*ret_value = synic->siefp;
		return HV_FAULT_NONE;
	case HV_MSR_SIMP:
		*ret_value = synic->simp;
		return HV_FAULT_NONE;
	case HV_MSR_EOM:
		*ret_value = 0;
		return HV_FAULT_NONE;
	}
	return HV_FAULT_GP;
}

enum hv_fault synic_msr_read(struct synic *synic, uint32_t index, uint64_t *ret_value)
{
	enum hv_fault fault;

	pthread_mutex_lock(&synic->lock);
	fault = read_locked(synic, index, ret_value);
	pthread_mutex_unlock(&synic->lock);
	return fault;
}

static enum hv_fault write_scontrol(struct synic *synic, uint64_t value)
{
	pthread_mutex_lock(&synic->lock);
	synic->scontrol = value;
	synic_scan_all_locked(synic);
	pthread_mutex_unlock(&synic->lock);
	update_routes(synic, 0, HV_SINT_COUNT - 1);
	return HV_FAULT_NONE;
}

static enum hv_fault write_page(
	struct synic *synic, struct overlay *page, uint64_t *reg, uint32_t index, uint64_t value)
{
	uint64_t old;
	int r;

	pthread_mutex_lock(&synic->setup_lock);
	r = overlay_set(
		&synic->vm->overlays, page, value & HV_PAGE_ENABLE, value & HV_PAGE_GPA_MASK);
	if (r == 0) {
		pthread_mutex_lock(&synic->lock);
		old = *reg;
		*reg = value;
		hv_record(synic->vm->recorder, HV_EVENT_PAGE, synic->vcpu->index, synic->vtl,
			RECORD_NO_SINT, index, old, value);
		synic_scan_all_locked(synic);
		pthread_mutex_unlock(&synic->lock);
	}
	pthread_mutex_unlock(&synic->setup_lock);
	return r == 0 ? HV_FAULT_NONE : HV_FAULT_GP;
}

static enum hv_fault write_sint(struct synic *synic, unsigned n, uint64_t value)
{
	if (!(value & HV_SINT_MASKED) && (value & HV_SINT_VECTOR_MASK) < HV_SINT_FIRST_VECTOR)
		return HV_FAULT_GP;
	pthread_mutex_lock(&synic->lock);
	synic->sint[n].msr = value;
	synic_pay_owed_locked(synic, n);
	synic_scan_locked(synic, n);
	synic_arm_locked(synic);
	pthread_mutex_unlock(&synic->lock);
	update_routes(synic, n, n);
	return HV_FAULT_NONE;
}

/* The value is ignored; every SINT is acknowledged. */
static enum hv_fault write_eom(struct synic *synic)
{
	uint16_t acked;

	pthread_mutex_lock(&synic->lock);
	acked = synic->waiting_sints | synic->lost_sints;
	synic->eoms++;
	synic->last_eom_ns = clock_now_ns(synic->vm->clock);
	hv_record(synic->vm->recorder, HV_EVENT_EOM, synic->vcpu->index, synic->vtl, RECORD_NO_SINT,
		acked);
	for (unsigned n = 0; n < HV_SINT_COUNT; n++) {
		if (synic->sint[n].route)
			sint_route_acked_locked(synic->sint[n].route);
		if (acked & BIT64(n))
			synic_scan_locked(synic, n);
	}
	synic_arm_locked(synic);
	pthread_mutex_unlock(&synic->lock);
	return HV_FAULT_NONE;
}

static enum hv_fault write_timer(struct synic *synic, uint32_t index, uint64_t value)
{
	struct stimer *timer = timer_of(synic, index);
	enum hv_fault fault = HV_FAULT_NONE;
	uint64_t now = reftime_now_100ns(&synic->vm->reftime);

	pthread_mutex_lock(&synic->lock);
	if (is_timer_count(index))
		stimer_write_count(timer, value, now);
	else
		fault = stimer_write_config(timer, value, now);
	synic_expire_locked(synic);
	synic_arm_locked(synic);
	pthread_mutex_unlock(&synic->lock);
	return fault;
}

enum hv_fault synic_msr_write(struct synic *synic, uint32_t index, uint64_t value)
{
	if (is_sint(index))
		return write_sint(synic, index - HV_MSR_SINT0, value);
	if (is_timer(index))
		return write_timer(synic, index, value);
	switch (index) {
	case HV_MSR_SCONTROL:
		return write_scontrol(synic, value);
	case HV_MSR_SIEFP:
		return write_page(synic, &synic->siefp_page, &synic->siefp, index, value);
	case HV_MSR_SIMP:
		return write_page(synic, &synic->simp_page, &synic->simp, index, value);
	case HV_MSR_EOM:
		return write_eom(synic);
	}
	return HV_FAULT_GP; /* SVERSION is read-only */
}

static void capture_flag(struct synic *synic, unsigned n, unsigned flag, bool newly)
{
	const struct capture_meta meta = {
		.kind = CAPTURE_EVENT,
		.direction = CAPTURE_TO_GUEST,
		.vtl = synic->vtl,
		.sint = (uint8_t)n,
		.vp = synic->vcpu->index,
		.connection_id = CAPTURE_NONE,
		.value = flag,
		.count = newly,
	};

	capture_put(&synic->vm->capture, &meta, NULL, 0);
}

static int set_flag_locked(struct synic *synic, unsigned n, unsigned flag, enum synic_sender sender)
{
	struct synic_sint *sint = &synic->sint[n];
	uint64_t bit = BIT64(flag % 64);
	uint64_t old;

	if (!(synic->scontrol & HV_SCONTROL_ENABLE) || !synic->siefp_page.enabled)
		return -ENXIO;
	if (sender == SYNIC_FROM_GUEST && synic_masked_locked(synic, n))
		return -EPERM;
	old = __atomic_fetch_or(
		&synic_flags_locked(synic, n)->word[flag / 64], bit, __ATOMIC_SEQ_CST);
	if (capture_wanted(&synic->vm->capture))
		capture_flag(synic, n, flag, !(old & bit));
	if (old & bit)
		return 1;
	sint->events++;
	sint->last_event_ns = clock_now_ns(synic->vm->clock);
	return synic_interrupt_locked(synic, n);
}

int synic_set_event_flag(
	struct synic *synic, unsigned sint, unsigned flag, enum synic_sender sender)
{
	int r;

	if (sint >= HV_SINT_COUNT || flag >= HV_EVENT_FLAGS_COUNT)
		return -EINVAL;
	r = sint_routes_need_gsi(&synic->vm->routes, synic, (uint8_t)sint);
	if (r < 0)
		return r;
	pthread_mutex_lock(&synic->lock);
	r = set_flag_locked(synic, sint, flag, sender);
	if (r < 0)
		synic->sint[sint].last_error = r;
	synic_arm_locked(synic);
	hv_record(synic->vm->recorder, HV_EVENT_FLAG_SET, synic->vcpu->index, synic->vtl,
		(uint8_t)sint, flag, r == 0, (uint64_t)(int64_t)MIN(r, 0));
	pthread_mutex_unlock(&synic->lock);
	return r;
}

int synic_event_flag(struct synic *synic, unsigned sint, unsigned flag)
{
	int r = -ENXIO;

	if (sint >= HV_SINT_COUNT || flag >= HV_EVENT_FLAGS_COUNT)
		return -EINVAL;
	pthread_mutex_lock(&synic->lock);
	if (synic->siefp_page.enabled)
		r = __atomic_load_n(
			    &synic_flags_locked(synic, sint)->word[flag / 64], __ATOMIC_RELAXED) >>
			    (flag % 64) &
		    1;
	pthread_mutex_unlock(&synic->lock);
	return r;
}

bool synic_owes(struct synic *synic, unsigned sint)
{
	bool owed;

	pthread_mutex_lock(&synic->lock);
	owed = synic->sint[sint].irq_owed;
	pthread_mutex_unlock(&synic->lock);
	return owed;
}

static int assert_sint(struct synic *synic, unsigned sint, bool look_at_slot)
{
	uint8_t vector;
	bool auto_eoi;
	int r;

	if (sint >= HV_SINT_COUNT)
		return -EINVAL;
	r = sint_routes_need_gsi(&synic->vm->routes, synic, (uint8_t)sint);
	if (r < 0)
		return r;
	pthread_mutex_lock(&synic->lock);
	if (look_at_slot)
		synic_scan_locked(synic, sint);
	r = synic_vector_locked(synic, sint, &vector, &auto_eoi);
	if (r == 0)
		r = synic_raise_locked(synic, sint);
	synic_arm_locked(synic);
	pthread_mutex_unlock(&synic->lock);
	return r == SYNIC_WITHHELD ? -EPERM : r;
}

int synic_assert(struct synic *synic, unsigned sint)
{
	return assert_sint(synic, sint, false);
}

int synic_kick(struct synic *synic, unsigned sint)
{
	return assert_sint(synic, sint, true);
}
