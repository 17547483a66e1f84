/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An auto-EOI SINT whose handler lets higher interrupts in: as long as one of them is in service,
 * the auto-EOI vector lies below it, and must be ended without touching it and without losing what
 * other VPs send meanwhile.
 *
 * VP 0 takes the SINT out of a stretch without interrupts, so that nobody sees when. VP 1 then
 * sends a slow interrupt on top, and fast ones on top of that, each only after the one before was
 * handled: a lost one ends the program. Last comes one of the SINT's own priority class.
 */
#include "lib/synic.h"

enum { SINT = 3, CONNECTION = 0x20, AUTO_EOI = 0x50, SAME_CLASS = 0x51, SLOW = 0x90, FAST = 0xa0 };
enum { ROUNDS = 25, FAST_PER_ROUND = 12, SPIN_LIMIT = 400000000 };

struct nest {
	_Atomic uint32_t closed, signalled; /* rounds: VP 0 has interrupts off, VP 1 did */
	_Atomic uint32_t events, slow, fast, same_class; /* handled on VP 0 */
	_Atomic uint32_t lost;
};

/* ---- VP 0 ---------------------------------------------------------------- */

/*
 * Without reading the time, which leaves the guest: hvd would see the vector at once. The limit is
 * several seconds, for which the host may let the other VP wait.
 */
static bool spin_until(struct gx_vp *vp, const _Atomic uint32_t *count, uint32_t least)
{
	for (unsigned i = 0; i < SPIN_LIMIT && atomic_load(count) < least; i++)
		gx_pause(vp);
	return atomic_load(count) >= least;
}

static void on_sint(struct gx_vp *vp, unsigned vector, void *arg)
{
	struct nest *nest = arg;
	uint32_t slow = atomic_load(&nest->slow);

	if (gx_take_flag(vp, SINT, CONNECTION))
		atomic_fetch_add(&nest->events, 1);
	gx_irq_enable(vp);
	if (!spin_until(vp, &nest->slow, slow + 1))
		atomic_fetch_add(&nest->lost, 1);
	gx_irq_disable(vp);
}

static void on_slow(struct gx_vp *vp, unsigned vector, void *arg)
{
	struct nest *nest = arg;
	uint32_t fast = atomic_load(&nest->fast);

	gx_irq_enable(vp);
	if (!spin_until(vp, &nest->fast, fast + FAST_PER_ROUND))
		atomic_fetch_add(&nest->lost, 1);
	gx_irq_disable(vp);
	atomic_fetch_add(&nest->slow, 1);
	gx_eoi(vp);
}

static void on_counted(struct gx_vp *vp, unsigned vector, void *arg)
{
	_Atomic uint32_t *count = arg;

	atomic_fetch_add(count, 1);
	gx_eoi(vp);
}

static void take_rounds(struct gx_vp *vp, struct nest *nest)
{
	for (uint32_t round = 1; round <= ROUNDS && !atomic_load(&nest->lost); round++) {
		gx_irq_disable(vp);
		atomic_store(&nest->closed, round);
		gx_wait(vp, atomic_load(&nest->signalled) == round);
		gx_irq_enable(vp);
		if (!gx_wait(vp, atomic_load(&nest->same_class) == round))
			atomic_fetch_add(&nest->lost, 1);
	}
}

/* ---- VP 1 ---------------------------------------------------------------- */

static bool ipi_is_handled(struct gx_vp *vp, unsigned vector, _Atomic uint32_t *count)
{
	uint32_t before = atomic_load(count);

	gx_ipi(vp, 0, vector);
	return gx_wait(vp, atomic_load(count) == before + 1);
}

static bool send_round(struct gx_vp *vp, struct nest *nest, uint32_t round)
{
	if (!gx_wait(vp, atomic_load(&nest->closed) == round) || gx_signal(vp, CONNECTION, 0))
		return false;
	atomic_store(&nest->signalled, round);
	if (!gx_wait(vp, atomic_load(&nest->events) == round))
		return false;
	gx_ipi(vp, 0, SLOW);
	while (atomic_load(&nest->slow) != round)
		if (!ipi_is_handled(vp, FAST, &nest->fast))
			return false;
	return ipi_is_handled(vp, SAME_CLASS, &nest->same_class);
}

static void send(struct gx_vp *vp, void *arg)
{
	struct nest *nest = arg;

	for (uint32_t round = 1; round <= ROUNDS && !atomic_load(&nest->lost); round++)
		if (!send_round(vp, nest, round))
			atomic_fetch_add(&nest->lost, 1);
}

/* -------------------------------------------------------------------------- */

static void set_up(struct gx_vp *vp, struct nest *nest)
{
	gx_synic_enable(vp);
	gx_handle(vp, AUTO_EOI, on_sint, nest);
	gx_handle(vp, SLOW, on_slow, nest);
	gx_handle(vp, FAST, on_counted, &nest->fast);
	gx_handle(vp, SAME_CLASS, on_counted, &nest->same_class);
	gx_set_sint(vp, SINT, AUTO_EOI | HV_SINT_AUTO_EOI);
	gx_testdev(vp, GX_TESTDEV_EVENT_CREATE, 0, SINT, CONNECTION);
}

static void enable_hypercalls(struct gx_vp *vp, void *arg)
{
	gx_hypercalls_enable(vp);
}

static void run(struct gx_vp *vp)
{
	struct nest *nest = gx_state(vp);

	if (gx_vp_count(vp) < 2) {
		gx_skip(vp, "needs two VPs");
		return;
	}
	gx_run_all(vp, enable_hypercalls, NULL);
	set_up(vp, nest);
	gx_start(vp, 1, send, nest);
	take_rounds(vp, nest);
	gx_join(vp, 1);
	gx_ok(vp, atomic_load(&nest->lost) == 0, "no interrupt was lost");
	gx_ok(vp, atomic_load(&nest->events) == ROUNDS, "every event came, once");
	gx_ok(vp, atomic_load(&nest->slow) == ROUNDS, "each had a higher interrupt on top");
	gx_ok(vp, atomic_load(&nest->same_class) == ROUNDS, "and blocked none of its own class");
}

const struct gx_program gx_program_auto_eoi_nested = {
	.name = "auto-eoi-nested",
	.rule = "an auto-EOI vector below another is ended and costs no interrupt",
	.state_bytes = sizeof(struct nest),
	.run = run,
};
