/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mode kernel: what reaches the SynIC of VTL 0 from KVM, and what waits for the VP's own thread.
 *
 * KVM reports all three of SCONTROL, SIEFP and SIMP at every write of one, before the guest goes
 * on. It has accepted the value by then, so a page outside RAM cannot be refused: it is in force,
 * and nothing can be written there, as if it were disabled.
 */
#include "vmm/synic_deliver.h"

#include "hvdef/hv_msr.h"
#include "vmm/event.h"
#include "vmm/vm.h"

/* setup_lock is held. */
static void place_page(
	struct synic *synic, struct overlay *page, uint64_t *reg, uint32_t index, uint64_t value)
{
	struct overlays *overlays = &synic->vm->overlays;
	uint64_t old;

	if (overlay_set(overlays, page, value & HV_PAGE_ENABLE, value & HV_PAGE_GPA_MASK) < 0)
		(void)!overlay_set(overlays, page, false, 0); /* cannot fail */
	pthread_mutex_lock(&synic->lock);
	old = *reg;
	*reg = value;
	pthread_mutex_unlock(&synic->lock);
	if (old != value)
		hv_record(synic->vm->recorder, HV_EVENT_PAGE, synic->vcpu->index, synic->vtl,
			RECORD_NO_SINT, index, old, value);
}

void synic_kernel_sync(struct synic *synic, uint64_t scontrol, uint64_t siefp, uint64_t simp)
{
	pthread_mutex_lock(&synic->setup_lock);
	place_page(synic, &synic->siefp_page, &synic->siefp, HV_MSR_SIEFP, siefp);
	place_page(synic, &synic->simp_page, &synic->simp, HV_MSR_SIMP, simp);
	pthread_mutex_lock(&synic->lock);
	synic->scontrol = scontrol;
	synic_scan_all_locked(synic);
	pthread_mutex_unlock(&synic->lock);
	pthread_mutex_unlock(&synic->setup_lock);
}

/* The route may be gone, and the acks have been counted by somebody else: looking costs nothing. */
void synic_kernel_acked(struct synic *synic, unsigned n)
{
	pthread_mutex_lock(&synic->lock);
	if (synic->sint[n].route)
		sint_route_take_acks_locked(synic->sint[n].route);
	synic_scan_locked(synic, n);
	synic_arm_locked(synic);
	pthread_mutex_unlock(&synic->lock);
}

void synic_work(struct synic *synic)
{
	uint16_t sints;

	pthread_mutex_lock(&synic->lock);
	sints = synic->work_sints;
	synic->work_sints = 0;
	for (unsigned n = 0; n < HV_SINT_COUNT; n++) {
		if (sints & BIT64(n))
			synic_scan_locked(synic, n);
	}
	synic_arm_locked(synic);
	pthread_mutex_unlock(&synic->lock);
}
