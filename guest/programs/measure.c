/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the SynIC costs a guest, in figures that two VMMs can be compared by.
 *
 * It needs nothing that is hvd's own: a multiboot loader, the Hyper-V interface, COM1, and the
 * SynIC test device, which QEMU has too. Three figures, a round of each by turns, so that whatever
 * else the host does hits all three:
 *
 *	message-round-trip  from HvPostMessage to the test device, which sends the message back,
 *	                    through the interrupt and the freed slot to the end of the EOM
 *	event-signal        from HvSignalEvent to the handler that has taken the flag
 *	timer-message       from when a one-shot timer is due to the handler of its message
 *
 * The VP spins while it waits: how a VMM wakes a halted VP is the host kernel's affair. Between
 * rounds it lets the VMM finish what it does behind the guest's back. Each figure is a line
 * "measure NAME MEDIAN P10 P90 UNIT". rounds=N sets how many rounds.
 */
#include "lib/synic.h"

enum { ROUNDS = 200, ROUNDS_MAX = 1000 };
enum { MESSAGE_SINT = 2, EVENT_SINT = 3, TIMER_SINT = 4, FIRST_VECTOR = 0x60 };
enum { MESSAGE_CONNECTION = 1, EVENT_CONNECTION = 2, MESSAGE_TYPE = 1, PAYLOAD_BYTES = 16 };

#define GAP            (1 * GX_MS)
#define TIMER_DELAY    (1 * GX_MS)
#define PATIENCE_TICKS (UINT64_C(1) << 36) /* tens of seconds */

enum figure { MESSAGE_ROUND_TRIP, EVENT_SIGNAL, TIMER_MESSAGE, FIGURES };

static const struct {
	const char *name, *unit;
} figures[] = {
	[MESSAGE_ROUND_TRIP] = {"message-round-trip", "ticks"},
	[EVENT_SIGNAL] = {"event-signal", "ticks"},
	[TIMER_MESSAGE] = {"timer-message", "100ns"},
};

struct measure {
	const struct hv_reference_tsc_page *clock; /* NULL: the counter must do, at an exit each */
	_Atomic bool arrived;                      /* the handler has run and noted `end` */
	uint64_t end;                              /* ticks, or time for the timer */
	uint64_t refused;
	uint64_t value[FIGURES][ROUNDS_MAX];
};

static uint64_t now(struct gx_vp *vp, const struct measure *measure)
{
	return measure->clock ? gx_page_time(vp, measure->clock) : gx_now(vp);
}

static void arrive(struct gx_vp *vp, struct measure *measure, uint64_t end)
{
	measure->end = end;
	atomic_store(&measure->arrived, true);
	gx_eoi(vp);
}

static void on_message(struct gx_vp *vp, unsigned vector, void *arg)
{
	struct hv_message message;

	gx_copy_message(gx_slot(vp, MESSAGE_SINT), &message);
	gx_slot_free(vp, MESSAGE_SINT);
	gx_eom(vp);
	if (message.header.type != MESSAGE_TYPE || message.header.payload_size != PAYLOAD_BYTES)
		gx_die(vp, "not the message that was posted");
	arrive(vp, arg, gx_tsc(vp));
}

static void on_event(struct gx_vp *vp, unsigned vector, void *arg)
{
	if (!gx_take_flag(vp, EVENT_SINT, EVENT_CONNECTION))
		gx_die(vp, "an event interrupt without its flag");
	arrive(vp, arg, gx_tsc(vp));
}

static void on_timer(struct gx_vp *vp, unsigned vector, void *arg)
{
	uint64_t end = now(vp, arg);
	struct hv_message message;

	if (!gx_take_message(vp, TIMER_SINT, &message) ||
		message.header.type != HV_MESSAGE_TYPE_TIMER_EXPIRED)
		gx_die(vp, "a timer interrupt without its message");
	arrive(vp, arg, end);
}

/* ---- rounds -------------------------------------------------------------- */

static void wait_for_arrival(struct gx_vp *vp, struct measure *measure, enum figure figure)
{
	uint64_t start = gx_tsc(vp);

	while (!atomic_load(&measure->arrived)) {
		if (gx_tsc(vp) - start > PATIENCE_TICKS)
			gx_die(vp, "%s: nothing arrived", figures[figure].name);
		gx_pause(vp);
	}
	atomic_store(&measure->arrived, false);
}

static void let_the_vmm_finish(struct gx_vp *vp, const struct measure *measure)
{
	uint64_t end = now(vp, measure) + GAP;

	while (now(vp, measure) < end)
		gx_pause(vp);
}

/* The connection has one buffer: a post before the last message is over is refused. */
static uint64_t message_round(struct gx_vp *vp, struct measure *measure)
{
	uint64_t start;

	for (;;) {
		start = gx_tsc(vp);
		if (gx_hypercall(vp, HV_CALL_POST_MESSAGE, gx_input(vp), 0) == HV_STATUS_SUCCESS)
			break;
		measure->refused++;
		let_the_vmm_finish(vp, measure);
	}
	wait_for_arrival(vp, measure, MESSAGE_ROUND_TRIP);
	return measure->end - start;
}

static uint64_t event_round(struct gx_vp *vp, struct measure *measure)
{
	uint64_t start = gx_tsc(vp);

	if (gx_signal(vp, EVENT_CONNECTION, 0) != HV_STATUS_SUCCESS)
		gx_die(vp, "the signal was refused");
	wait_for_arrival(vp, measure, EVENT_SIGNAL);
	return measure->end - start;
}

static uint64_t timer_round(struct gx_vp *vp, struct measure *measure)
{
	uint64_t due = now(vp, measure) + TIMER_DELAY;

	gx_set_msr(vp, HV_MSR_STIMER0_COUNT, due);
	wait_for_arrival(vp, measure, TIMER_MESSAGE);
	return measure->end - due;
}

static uint64_t (*const round_of[])(struct gx_vp *vp, struct measure *measure) = {
	[MESSAGE_ROUND_TRIP] = message_round,
	[EVENT_SIGNAL] = event_round,
	[TIMER_MESSAGE] = timer_round,
};

/* ---- set up and report --------------------------------------------------- */

static const struct hv_reference_tsc_page *reference_page(struct gx_vp *vp)
{
	uint64_t gpa = gx_pages(vp, 1);
	const struct hv_reference_tsc_page *page = gx_at(vp, gpa);
	struct gx_cpuid features;

	gx_cpuid(vp, HV_CPUID_FEATURES, &features);
	if (!(features.eax & HV_PRIV_REFERENCE_TSC))
		return NULL;
	gx_set_msr(vp, HV_MSR_REFERENCE_TSC, gpa | HV_PAGE_ENABLE);
	return __atomic_load_n(&page->sequence, __ATOMIC_ACQUIRE) ? page : NULL;
}

static void set_sint(struct gx_vp *vp, unsigned sint, gx_vector_fn handler, struct measure *measure)
{
	gx_handle(vp, FIRST_VECTOR + sint, handler, measure);
	gx_set_sint(vp, sint, FIRST_VECTOR + sint);
}

static void set_up(struct gx_vp *vp, struct measure *measure)
{
	struct hv_post_message_input *input = gx_at(vp, gx_input(vp));
	uint32_t self = gx_index(vp);

	gx_hypercalls_enable(vp);
	gx_synic_enable(vp);
	measure->clock = reference_page(vp);
	set_sint(vp, MESSAGE_SINT, on_message, measure);
	set_sint(vp, EVENT_SINT, on_event, measure);
	set_sint(vp, TIMER_SINT, on_timer, measure);
	gx_testdev(vp, GX_TESTDEV_MESSAGE_CREATE, self, MESSAGE_SINT, MESSAGE_CONNECTION);
	gx_testdev(vp, GX_TESTDEV_EVENT_CREATE, self, EVENT_SINT, EVENT_CONNECTION);
	gx_set_msr(vp, HV_MSR_STIMER0_CONFIG,
		(uint64_t)TIMER_SINT << HV_STIMER_SINT_SHIFT | HV_STIMER_AUTO_ENABLE);
	/* In place once and for all: building it is not the call's cost. */
	*input = (struct hv_post_message_input){
		.connection_id = MESSAGE_CONNECTION,
		.message_type = MESSAGE_TYPE,
		.payload_size = PAYLOAD_BYTES,
	};
}

static void run(struct gx_vp *vp)
{
	struct measure *measure = gx_state(vp);
	uint64_t rounds = gx_option_or(vp, "rounds", ROUNDS);

	if (!rounds || rounds > ROUNDS_MAX)
		gx_die(vp, "rounds=1 to %u", ROUNDS_MAX);
	set_up(vp, measure);
	for (uint64_t round = 0; round < rounds; round++)
		for (unsigned figure = 0; figure < FIGURES; figure++) {
			let_the_vmm_finish(vp, measure);
			measure->value[figure][round] = round_of[figure](vp, measure);
		}
	gx_print(vp, "# %lu rounds, %lu posts refused; time is read from the %s", rounds,
		measure->refused, measure->clock ? "TSC page" : "counter");
	for (unsigned figure = 0; figure < FIGURES; figure++) {
		uint64_t *values = measure->value[figure];

		gx_sort(values, (unsigned)rounds);
		gx_print(vp, "measure %s %lu %lu %lu %s", figures[figure].name, values[rounds / 2],
			values[rounds / 10], values[rounds * 9 / 10], figures[figure].unit);
	}
	gx_ok(vp, true, "every message, flag and timer arrived");
}

const struct gx_program gx_program_measure = {
	.name = "measure",
	.rule = "message round trip, event signal and timer message, timed by the guest",
	.state_bytes = sizeof(struct measure),
	.run = run,
};
