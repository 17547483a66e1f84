/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Measurements, as ratios within one run.
 *
 * bench: batches of bare port I/O, HvSignalEvent and HvPostMessage by turns, so that whatever else
 * the host does hits all three; medians of the batches. The port I/O is called as a hypercall is:
 * a KVM that emulates a guest's instructions would else be measured by how many there are. The
 * ports are message-port=N and event-port=N (default: the demo's sinks). HvSignalEvent comes with
 * two flag numbers: 0, which KVM answers without an exit if it may, and 1, which always exits.
 *
 * spin-work: a fixed amount of computing with a little SynIC traffic, on every VP. Its elapsed time
 * with a watcher against without one is what watching costs. rounds=N sets the amount; spins=0
 * leaves the computing out: a guest that does nothing but flood.
 */
#include "lib/synic.h"

enum { SINT = 2, VECTOR = 0x60, BATCHES = 51, CALLS = 100, PLAIN_PORT = 0x80 };

#define MESSAGE_PORT 0x10001u
#define EVENT_PORT   0x10002u
#define MESSAGE_SINK 0x10004u
#define EVENT_SINK   0x10005u

static void on_sint(struct gx_vp *vp, unsigned vector, void *arg)
{
	struct hv_message message;

	while (gx_take_message(vp, SINT, &message))
		;
	gx_eoi(vp);
}

static void set_up(struct gx_vp *vp)
{
	gx_hypercalls_enable(vp);
	gx_synic_enable(vp);
	gx_handle(vp, VECTOR, on_sint, NULL);
	gx_set_sint(vp, SINT, VECTOR);
}

/* ---- bench --------------------------------------------------------------- */

enum measure { BARE_IO, SIGNAL_EVENT, SIGNAL_FLAG_1, POST_MESSAGE, MEASURES };

struct bench {
	uint32_t message_port, event_port;
	bool redirected; /* BARE_IO: hypercalls go to a port nobody claims */
	uint64_t refused;
	uint64_t ticks[MEASURES][BATCHES];
};

static void call(struct gx_vp *vp, struct bench *bench, enum measure measure)
{
	switch (measure) {
	case BARE_IO:
		if (bench->redirected)
			gx_signal(vp, bench->event_port, 0);
		else
			gx_out(vp, PLAIN_PORT, 4, 0);
		return;
	case SIGNAL_EVENT:
		bench->refused += gx_signal(vp, bench->event_port, 0) != HV_STATUS_SUCCESS;
		return;
	case SIGNAL_FLAG_1:
		bench->refused += gx_signal(vp, bench->event_port, 1) != HV_STATUS_SUCCESS;
		return;
	case POST_MESSAGE:
		/* The input is in place: building it is not the call's cost. */
		bench->refused += gx_hypercall(vp, HV_CALL_POST_MESSAGE, gx_input(vp), 0) !=
				  HV_STATUS_SUCCESS;
		return;
	case MEASURES:
		return;
	}
}

static uint64_t time_batch(struct gx_vp *vp, struct bench *bench, enum measure measure)
{
	uint64_t start;

	bench->redirected = gx_bare_hypercalls(vp, measure == BARE_IO);
	start = gx_tsc(vp);
	for (unsigned i = 0; i < CALLS; i++)
		call(vp, bench, measure);
	start = gx_tsc(vp) - start;
	gx_bare_hypercalls(vp, false);
	return start;
}

static uint64_t median(uint64_t *values, unsigned count)
{
	gx_sort(values, count);
	return values[count / 2];
}

static void print_ratio(struct gx_vp *vp, const char *name, uint64_t ticks, uint64_t base)
{
	uint64_t thousandths = ticks * 1000 / base;

	gx_print(vp, "ratio %s %lu.%lu%lu%lu", name, thousandths / 1000, thousandths / 100 % 10,
		thousandths / 10 % 10, thousandths % 10);
}

static void run_bench(struct gx_vp *vp)
{
	struct bench *bench = gx_state(vp);
	struct hv_post_message_input *input = gx_at(vp, gx_input(vp));
	uint64_t result[MEASURES];

	bench->message_port = (uint32_t)gx_option_or(vp, "message-port", MESSAGE_SINK);
	bench->event_port = (uint32_t)gx_option_or(vp, "event-port", EVENT_SINK);
	set_up(vp);
	*input = (struct hv_post_message_input){
		.connection_id = bench->message_port, .message_type = 1, .payload_size = 16};
	for (unsigned batch = 0; batch < BATCHES; batch++)
		for (unsigned measure = 0; measure < MEASURES; measure++)
			bench->ticks[measure][batch] = time_batch(vp, bench, measure);
	for (unsigned measure = 0; measure < MEASURES; measure++)
		result[measure] = median(bench->ticks[measure], BATCHES);
	gx_print(vp,
		"# TSC ticks per call: port I/O %lu, HvSignalEvent %lu, with flag number 1 %lu, HvPostMessage %lu; %lu of %u refused",
		result[BARE_IO] / CALLS, result[SIGNAL_EVENT] / CALLS,
		result[SIGNAL_FLAG_1] / CALLS, result[POST_MESSAGE] / CALLS, bench->refused,
		3 * BATCHES * CALLS);
	print_ratio(vp, "signal-event/port-io", result[SIGNAL_EVENT], result[BARE_IO]);
	print_ratio(vp, "signal-event/signal-event-flag-1", result[SIGNAL_EVENT],
		result[SIGNAL_FLAG_1]);
	print_ratio(vp, "post-message/port-io", result[POST_MESSAGE], result[BARE_IO]);
	gx_ok(vp, bench->refused == 0, "every call was accepted");
}

const struct gx_program gx_program_bench = {
	.name = "bench",
	.rule = "HvSignalEvent and HvPostMessage against a bare port-I/O exit",
	.state_bytes = sizeof(struct bench),
	.run = run_bench,
};

/* ---- spin-work ----------------------------------------------------------- */

enum { ROUNDS = 20000, SPINS = 2000 };

struct work {
	uint32_t message_port, event_port;
	uint64_t rounds, spins;
	_Atomic uint64_t result; /* so that the computing cannot be optimized away */
};

static uint64_t compute(uint64_t value, uint64_t spins)
{
	for (uint64_t i = 0; i < spins; i++)
		value = value * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return value;
}

static void work_on(struct gx_vp *vp, void *arg)
{
	struct work *work = arg;
	uint64_t value = gx_index(vp) + 1;

	set_up(vp);
	for (uint64_t round = 0; round < work->rounds; round++) {
		value = compute(value, work->spins);
		gx_signal(vp, work->event_port, 0);
		if (round % 16 == 0)
			gx_post(vp, work->message_port, 1, &round, sizeof(round));
		if (gx_platform(vp) == GX_PLATFORM_SIM)
			gx_pause(vp);
	}
	atomic_fetch_add(&work->result, value);
}

static void run_spin_work(struct gx_vp *vp)
{
	struct work *work = gx_state(vp);
	uint64_t start;

	work->message_port = (uint32_t)gx_option_or(vp, "message-port", MESSAGE_PORT);
	work->event_port = (uint32_t)gx_option_or(vp, "event-port", EVENT_PORT);
	work->rounds = gx_option_or(vp, "rounds", ROUNDS);
	work->spins = gx_option_or(vp, "spins", SPINS);
	start = gx_now(vp);
	gx_run_all(vp, work_on, work);
	gx_print(vp, "elapsed_100ns %lu", gx_now(vp) - start);
	gx_ok(vp, atomic_load(&work->result) != 0, "the work was done");
}

const struct gx_program gx_program_spin_work = {
	.name = "spin-work",
	.rule = "a fixed amount of work with SynIC traffic, timed",
	.state_bytes = sizeof(struct work),
	.run = run_spin_work,
};
