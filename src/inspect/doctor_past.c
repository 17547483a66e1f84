/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inspect/doctor_past.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include "common/clock.h"
#include "common/loop.h"
#include "doctor/model.h"
#include "doctor/progress.h"
#include "vmm/doctor_sample.h"
#include "vmm/vm.h"

/* Woken later than that in a second, or by so much too late, hvd was not let, and nobody was. */
static const uint64_t too_late_ns = PROGRESS_SECOND_NS / 3;

struct doctor_past {
	struct vm *vm;            /* borrows */
	struct loop_timer *timer; /* owns */
	uint64_t seen_ns;         /* when the threads were looked at; CLOCK_MONOTONIC */
	bool paused;              /* the VM was, then */
	uint64_t late_ns;         /* since then, as others noted */
	struct doctor_thread loop, vps[VM_MAX_VPS];
};

static bool is_paused(const struct doctor_past *past)
{
	return atomic_load(&past->vm->state) == VM_PAUSED;
}

static void go_on(struct doctor_thread *thread, const struct doctor_thread *now,
	uint64_t elapsed_ns, bool stood)
{
	uint64_t lost = progress_remember(thread->lost_seconds, thread, now, elapsed_ns, stood);

	*thread = *now;
	thread->lost_seconds = lost;
}

static void look(struct doctor_past *past, uint64_t now_ns)
{
	uint64_t elapsed_ns = now_ns - past->seen_ns;
	bool late = past->late_ns > too_late_ns || elapsed_ns > PROGRESS_SECOND_NS + too_late_ns;
	bool stood = late || past->paused || is_paused(past);
	struct doctor_thread thread;

	vm_doctor_thread(gettid(), &thread);
	go_on(&past->loop, &thread, elapsed_ns, late);
	for (uint32_t vp = 0; vp < past->vm->vp_count; vp++) {
		vm_doctor_vp_thread(past->vm, vp, &thread);
		go_on(&past->vps[vp], &thread, elapsed_ns, stood);
	}
}

static void arm(struct doctor_past *past)
{
	past->seen_ns = clock_now_ns(&clock_monotonic);
	past->paused = is_paused(past);
	past->late_ns = 0;
	loop_timer_arm(past->timer, past->seen_ns + PROGRESS_SECOND_NS);
}

static void on_second(void *arg)
{
	struct doctor_past *past = arg;

	look(past, clock_now_ns(&clock_monotonic));
	arm(past);
}

int doctor_past_new(struct loop *loop, struct vm *vm, struct doctor_past **ret_past)
{
	struct doctor_past *past = calloc(1, sizeof(*past));
	int r;

	if (!past)
		return -ENOMEM;
	past->vm = vm;
	r = loop_timer_new(loop, on_second, past, &past->timer);
	if (r < 0) {
		free(past);
		return r;
	}
	arm(past);
	*ret_past = past;
	return 0;
}

void doctor_past_stop(struct doctor_past *past)
{
	if (past)
		loop_timer_arm(past->timer, 0);
}

struct doctor_past *doctor_past_free(struct doctor_past *past)
{
	if (!past)
		return NULL;
	loop_timer_free(past->timer);
	free(past);
	return NULL;
}

void doctor_past_note_late(struct doctor_past *past, uint64_t late_ns)
{
	past->late_ns += late_ns;
}

void doctor_past_fill(const struct doctor_past *past, struct doctor_sample *sample)
{
	sample->machine.loop.lost_seconds = past->loop.lost_seconds;
	for (uint32_t i = 0; i < sample->vp_count; i++) {
		struct doctor_vp *vp = &sample->vps[i];

		if (vp->thread.present)
			vp->thread.lost_seconds = past->vps[vp->vp].lost_seconds;
	}
}
