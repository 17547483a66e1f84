/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The common machine: pages, jobs on other VPs, interrupt dispatch, waiting.
 *
 * A job is handed over by job_state: the starter stores fn and arg, then QUEUED with release order;
 * the VP runs it and stores IDLE. A VP without a job halts; the wake-up interrupt gets it out.
 */
#include "lib/machine.h"

unsigned gx_vp_count(struct gx_vp *vp)
{
	return vp->machine->vp_count;
}

uint32_t gx_index(struct gx_vp *vp)
{
	return vp->index;
}

enum gx_platform gx_platform(struct gx_vp *vp)
{
	return vp->machine->platform;
}

void *gx_state(struct gx_vp *vp)
{
	return vp->machine->state;
}

uint64_t gx_ram_end(struct gx_vp *vp)
{
	return vp->machine->ram_end;
}

uint64_t gx_pages(struct gx_vp *vp, unsigned count)
{
	uint64_t bytes = (uint64_t)count * HV_PAGE_SIZE;
	uint64_t gpa = atomic_fetch_add(&vp->machine->heap, bytes);

	/* The last page of RAM stays free for programs that want that very page. */
	if (gpa + bytes > vp->machine->ram_end - HV_PAGE_SIZE)
		gx_die(vp, "out of guest memory");
	/* A loader may have left its boot information here. */
	__builtin_memset(gx_at(vp, gpa), 0, bytes);
	return gpa;
}

/* ---- registers ----------------------------------------------------------- */

uint64_t gx_msr(struct gx_vp *vp, uint32_t index)
{
	uint64_t value;

	if (gx_rdmsr(vp, index, &value) != GX_FAULT_NONE)
		gx_die(vp, "#GP reading MSR %x", index);
	return value;
}

void gx_set_msr(struct gx_vp *vp, uint32_t index, uint64_t value)
{
	if (gx_wrmsr(vp, index, value) != GX_FAULT_NONE)
		gx_die(vp, "#GP writing %lx to MSR %x", value, index);
}

/* ---- interrupts ---------------------------------------------------------- */

void gx_handle(struct gx_vp *vp, unsigned vector, gx_vector_fn fn, void *arg)
{
	vp->handler[vector] = (struct gx_handler){.fn = fn, .arg = arg};
}

void gx_interrupt(struct gx_vp *vp, unsigned vector)
{
	const struct gx_handler *handler = &vp->handler[vector];

	if (!handler->fn)
		gx_die(vp, "unexpected interrupt, vector %x", vector);
	handler->fn(vp, vector, handler->arg);
}

static void count_interrupt(struct gx_vp *vp, unsigned vector, void *arg)
{
	_Atomic uint32_t *count = arg;

	atomic_fetch_add(count, 1);
	gx_eoi(vp);
}

void gx_count_interrupts(struct gx_vp *vp, unsigned vector, _Atomic uint32_t *count)
{
	gx_handle(vp, vector, count_interrupt, count);
}

static void end_interrupt(struct gx_vp *vp, unsigned vector, void *arg)
{
	gx_eoi(vp);
}

void gx_ignore_interrupts(struct gx_vp *vp, unsigned vector)
{
	gx_handle(vp, vector, end_interrupt, NULL);
}

/* ---- jobs ---------------------------------------------------------------- */

void gx_idle(struct gx_vp *vp)
{
	gx_ignore_interrupts(vp, GX_VECTOR_WAKE);
	gx_enter_vtl(vp);
	if (!vp->input)
		vp->input = gx_pages(vp, 1);
	atomic_store(&vp->job_state, GX_JOB_IDLE);
	atomic_fetch_add(&vp->machine->started, 1);
	for (;;) {
		gx_irq_disable(vp);
		if (atomic_load(&vp->job_state) != GX_JOB_QUEUED) {
			gx_halt(vp);
			continue;
		}
		gx_irq_enable(vp);
		vp->job(vp, vp->job_arg);
		atomic_store(&vp->job_state, GX_JOB_IDLE);
	}
}

void gx_start(struct gx_vp *vp, uint32_t index, gx_job_fn fn, void *arg)
{
	struct gx_vp *target = &vp->machine->vp[index];

	target->job = fn;
	target->job_arg = arg;
	atomic_store(&target->job_state, GX_JOB_QUEUED);
	gx_ipi(vp, index, GX_VECTOR_WAKE);
}

void gx_join(struct gx_vp *vp, uint32_t index)
{
	struct gx_vp *target = &vp->machine->vp[index];

	while (atomic_load(&target->job_state) != GX_JOB_IDLE)
		gx_pause(vp);
}

void gx_run_all(struct gx_vp *vp, gx_job_fn fn, void *arg)
{
	for (uint32_t i = 0; i < vp->machine->vp_count; i++)
		if (i != vp->index)
			gx_start(vp, i, fn, arg);
	fn(vp, arg);
	for (uint32_t i = 0; i < vp->machine->vp_count; i++)
		if (i != vp->index)
			gx_join(vp, i);
}

void gx_restart(struct gx_vp *vp, uint32_t index)
{
	atomic_store(&vp->machine->vp[index].job_state, GX_JOB_ABSENT);
	gx_arch_restart(vp, index);
	gx_join(vp, index);
}

/* ---- time ---------------------------------------------------------------- */

uint64_t gx_now(struct gx_vp *vp)
{
	return gx_msr(vp, HV_MSR_TIME_REF_COUNT);
}

uint64_t gx_page_time(struct gx_vp *vp, const struct hv_reference_tsc_page *page)
{
	uint32_t sequence;
	uint64_t scale, offset, tsc;

	do {
		sequence = __atomic_load_n(&page->sequence, __ATOMIC_ACQUIRE);
		scale = __atomic_load_n(&page->scale, __ATOMIC_ACQUIRE);
		offset = (uint64_t)__atomic_load_n(&page->offset, __ATOMIC_ACQUIRE);
		tsc = gx_tsc(vp);
	} while (__atomic_load_n(&page->sequence, __ATOMIC_ACQUIRE) != sequence);
	return (uint64_t)((unsigned __int128)tsc * scale >> 64) + offset;
}

struct gx_deadline gx_deadline(struct gx_vp *vp, unsigned ms)
{
	return (struct gx_deadline){.end_100ns = gx_now(vp) + ms * GX_MS};
}

bool gx_expired(struct gx_vp *vp, struct gx_deadline *deadline)
{
	gx_pause(vp);
	/* The counter costs an exit: look at every 16th poll only. */
	if (++deadline->polls % 16)
		return false;
	return gx_now(vp) >= deadline->end_100ns;
}

void gx_sleep_ms(struct gx_vp *vp, unsigned ms)
{
	struct gx_deadline deadline = gx_deadline(vp, ms);

	while (!gx_expired(vp, &deadline))
		;
}

/* ---- figures ------------------------------------------------------------- */

void gx_sort(uint64_t *values, unsigned count)
{
	for (unsigned i = 1; i < count; i++)
		for (unsigned j = i; j && values[j - 1] > values[j]; j--) {
			uint64_t value = values[j];

			values[j] = values[j - 1];
			values[j - 1] = value;
		}
}
