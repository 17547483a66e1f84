/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The demo: steady traffic to look at, and on request a guest that misbehaves.
 *
 * On every VP a timer message on SINT 4 sets the pace (period-ms=N, default 250). Each tick posts a
 * numbered message to the demo message port, which comes back on SINT 2, and signals the demo event
 * port, which sets flag 1 of SINT 2. A direct timer beats once a second whatever else is broken.
 *
 * Misbehaviour, on VP 0 or on-vp=N, one at a time:
 *
 *	stop-eom=N        after N messages frees slots but writes no EOM
 *	stop-consuming=N  after N messages leaves the next one in its slot
 *	mask-sint         masks SINT 2
 *	disable-simp      disables the message page
 *	spin-cli          spins with interrupts disabled
 *	flood             posts and signals without a pause
 *
 * It starts after=SECONDS and ends after for=SECONDS (never, without): then everything is put
 * right, what waits in the slot is taken and EOM is written.
 *
 * With seconds=N it ends after that time, and what it began by then, and checks that every message came
 * back, once, in order.
 */
#include "lib/synic.h"

enum {
	SINT = 2,
	TIMER_SINT = 4,
	VECTOR = 0x60,
	TIMER_VECTOR = 0x64,
	BEAT_VECTOR = 0x70,
	PERIOD_MS = 250,
	BEAT_MS = 1000,
	SUMMARY_SECONDS = 5,
	FLAG_WORDS = HV_EVENT_FLAGS_COUNT / 64,
};

#define MESSAGE_PORT 0x10001u
#define EVENT_PORT   0x10002u

enum fault_kind { NO_FAULT, STOP_EOM, STOP_CONSUMING, MASK_SINT, DISABLE_SIMP, SPIN_CLI, FLOOD };
enum fault_state { FAULT_AHEAD, FAULT_ACTIVE, FAULT_OVER };

static const struct fault_name {
	const char *option;
	enum fault_kind kind;
} fault_names[] = {
	{"stop-eom", STOP_EOM},
	{"stop-consuming", STOP_CONSUMING},
	{"mask-sint", MASK_SINT},
	{"disable-simp", DISABLE_SIMP},
	{"spin-cli", SPIN_CLI},
	{"flood", FLOOD},
};

/* What the command line asks for. */
struct fault {
	const char *name;
	enum fault_kind kind;
	uint64_t after_messages;
	uint64_t start_100ns, duration_100ns; /* duration 0: for ever */
	uint64_t vp;
};

struct demo_vp {
	/* Read by VP 0 for its summary. */
	_Atomic uint32_t posted, echoed, others, events, ticks, refused;
	_Atomic uint32_t out_of_order;
	/* This VP and its handlers only. */
	bool tick;
	enum fault_state fault_state;
	bool announced;
	struct hv_message_header visitor; /* the latest message not ours */
	uint32_t visitors_reported;
	uint64_t fault_began_100ns;
};

struct demo {
	struct fault fault;
	uint64_t period_ms;
	uint64_t next_summary_100ns;
	uint64_t end_100ns; /* UINT64_MAX: never */
	struct demo_vp vp[GX_MAX_VPS];
};

static struct demo_vp *self_of(struct gx_vp *vp)
{
	struct demo *demo = gx_state(vp);

	return &demo->vp[gx_index(vp)];
}

static bool misbehaves(struct gx_vp *vp, enum fault_kind kind)
{
	struct demo *demo = gx_state(vp);

	return demo->fault.kind == kind && self_of(vp)->fault_state == FAULT_ACTIVE;
}

/* ---- receiving ----------------------------------------------------------- */

static uint32_t messages_taken(struct demo_vp *self)
{
	return atomic_load(&self->echoed) + atomic_load(&self->others);
}

/* The fault begins: from an interrupt handler too, so that counts are exact. */
static void update_fault_state(struct gx_vp *vp)
{
	const struct fault *fault = &((struct demo *)gx_state(vp))->fault;
	struct demo_vp *self = self_of(vp);

	if (fault->kind == NO_FAULT || fault->vp != gx_index(vp) ||
		self->fault_state != FAULT_AHEAD)
		return;
	if (messages_taken(self) < fault->after_messages || gx_now(vp) < fault->start_100ns)
		return;
	self->fault_began_100ns = gx_now(vp);
	self->fault_state = FAULT_ACTIVE;
}

/* Ours carry a number each; whatever an operator sends is counted apart. */
static void count_message(struct demo_vp *self, const struct hv_message *message)
{
	uint32_t number;

	if (message->header.type != HV_MESSAGE_TYPE_VMBUS ||
		message->header.payload_size != sizeof(number)) {
		self->visitor = message->header;
		atomic_fetch_add(&self->others, 1);
		return;
	}
	__builtin_memcpy(&number, message->payload, sizeof(number));
	if (number != atomic_fetch_add(&self->echoed, 1))
		atomic_fetch_add(&self->out_of_order, 1);
}

static void take_messages(struct gx_vp *vp)
{
	struct demo_vp *self = self_of(vp);
	struct hv_message message;

	while (gx_slot_type(vp, SINT) != HV_MESSAGE_TYPE_NONE) {
		update_fault_state(vp);
		if (misbehaves(vp, STOP_CONSUMING))
			return;
		gx_copy_message(gx_slot(vp, SINT), &message);
		count_message(self, &message);
		if (gx_slot_free(vp, SINT) && !misbehaves(vp, STOP_EOM))
			gx_eom(vp);
	}
}

static uint32_t count_bits(uint64_t word)
{
	uint32_t count = 0;

	for (; word; word &= word - 1)
		count++;
	return count;
}

static void take_events(struct gx_vp *vp)
{
	struct hv_event_flags *flags = gx_flags(vp, SINT);
	uint32_t count = 0;

	for (unsigned word = 0; word < FLAG_WORDS; word++)
		if (__atomic_load_n(&flags->word[word], __ATOMIC_RELAXED))
			count += count_bits(
				__atomic_exchange_n(&flags->word[word], 0, __ATOMIC_SEQ_CST));
	atomic_fetch_add(&self_of(vp)->events, count);
}

static void on_sint(struct gx_vp *vp, unsigned vector, void *arg)
{
	take_messages(vp);
	take_events(vp);
	gx_eoi(vp);
}

static void on_timer(struct gx_vp *vp, unsigned vector, void *arg)
{
	struct hv_message message;

	while (gx_take_message(vp, TIMER_SINT, &message)) {
		atomic_fetch_add(&self_of(vp)->ticks, 1);
		self_of(vp)->tick = true;
	}
	gx_eoi(vp);
}

static void on_beat(struct gx_vp *vp, unsigned vector, void *arg)
{
	gx_eoi(vp);
}

/* ---- sending ------------------------------------------------------------- */

static void exchange(struct gx_vp *vp)
{
	struct demo_vp *self = self_of(vp);
	uint32_t number = atomic_load(&self->posted);

	if (gx_post(vp, MESSAGE_PORT, HV_MESSAGE_TYPE_VMBUS, &number, sizeof(number)) ==
		HV_STATUS_SUCCESS)
		atomic_fetch_add(&self->posted, 1);
	else
		atomic_fetch_add(&self->refused, 1);
	if (gx_signal(vp, EVENT_PORT, 0) != HV_STATUS_SUCCESS)
		atomic_fetch_add(&self->refused, 1);
}

/* ---- misbehaving --------------------------------------------------------- */

static bool fault_is_over(struct gx_vp *vp)
{
	const struct fault *fault = &((struct demo *)gx_state(vp))->fault;

	return fault->duration_100ns &&
	       gx_now(vp) >= self_of(vp)->fault_began_100ns + fault->duration_100ns;
}

static void begin_fault(struct gx_vp *vp, const struct fault *fault)
{
	gx_print(vp, "demo: VP %u: %s begins", gx_index(vp), fault->name);
	switch (fault->kind) {
	case MASK_SINT:
		gx_set_sint(vp, SINT, VECTOR | HV_SINT_MASKED);
		return;
	case DISABLE_SIMP:
		gx_set_msr(vp, HV_MSR_SIMP, gx_msr(vp, HV_MSR_SIMP) & HV_PAGE_GPA_MASK);
		return;
	case SPIN_CLI:
		gx_irq_disable(vp);
		while (!fault_is_over(vp))
			gx_pause(vp);
		gx_irq_enable(vp);
		return;
	case NO_FAULT:
	case STOP_EOM:
	case STOP_CONSUMING:
	case FLOOD:
		return;
	}
}

static void end_fault(struct gx_vp *vp, const struct fault *fault)
{
	self_of(vp)->fault_state = FAULT_OVER;
	if (fault->kind == MASK_SINT)
		gx_set_sint(vp, SINT, VECTOR);
	if (fault->kind == DISABLE_SIMP)
		gx_set_msr(vp, HV_MSR_SIMP, gx_msr(vp, HV_MSR_SIMP) | HV_PAGE_ENABLE);
	gx_irq_disable(vp);
	take_messages(vp);
	take_events(vp);
	gx_eom(vp);
	gx_irq_enable(vp);
	gx_print(vp, "demo: VP %u: %s ends", gx_index(vp), fault->name);
}

static void manage_fault(struct gx_vp *vp)
{
	const struct fault *fault = &((struct demo *)gx_state(vp))->fault;
	struct demo_vp *self = self_of(vp);

	update_fault_state(vp);
	if (self->fault_state != FAULT_ACTIVE)
		return;
	if (!self->announced) {
		self->announced = true;
		begin_fault(vp, fault);
	}
	if (fault_is_over(vp))
		end_fault(vp, fault);
}

/* ---- running ------------------------------------------------------------- */

static void summarize(struct gx_vp *vp, struct demo *demo)
{
	uint32_t posted = 0, echoed = 0, others = 0, events = 0, ticks = 0, refused = 0;

	if (gx_now(vp) < demo->next_summary_100ns)
		return;
	demo->next_summary_100ns += SUMMARY_SECONDS * GX_SECOND;
	for (unsigned i = 0; i < gx_vp_count(vp); i++) {
		posted += atomic_load(&demo->vp[i].posted);
		echoed += atomic_load(&demo->vp[i].echoed);
		others += atomic_load(&demo->vp[i].others);
		events += atomic_load(&demo->vp[i].events);
		ticks += atomic_load(&demo->vp[i].ticks);
		refused += atomic_load(&demo->vp[i].refused);
	}
	gx_print(vp,
		"demo: %lu s: posted %u, echoed %u, other messages %u, events %u, timer messages %u, refused %u",
		gx_now(vp) / GX_SECOND, posted, echoed, others, events, ticks, refused);
}

static void start_timers(struct gx_vp *vp, uint64_t period_ms)
{
	gx_set_msr(vp, HV_MSR_STIMER0_COUNT, period_ms * GX_MS);
	gx_set_msr(vp, HV_MSR_STIMER0_CONFIG,
		(uint64_t)TIMER_SINT << HV_STIMER_SINT_SHIFT | HV_STIMER_PERIODIC |
			HV_STIMER_ENABLE);
	gx_set_msr(vp, HV_MSR_STIMER0_COUNT + 2, BEAT_MS * GX_MS);
	gx_set_msr(vp, HV_MSR_STIMER0_CONFIG + 2,
		HV_STIMER_DIRECT | (uint64_t)BEAT_VECTOR << HV_STIMER_VECTOR_SHIFT |
			HV_STIMER_PERIODIC | HV_STIMER_ENABLE);
}

static void set_up(struct gx_vp *vp, struct demo *demo)
{
	gx_hypercalls_enable(vp);
	gx_synic_enable(vp);
	gx_handle(vp, VECTOR, on_sint, NULL);
	gx_handle(vp, TIMER_VECTOR, on_timer, NULL);
	gx_handle(vp, BEAT_VECTOR, on_beat, NULL);
	gx_set_sint(vp, SINT, VECTOR);
	gx_set_sint(vp, TIMER_SINT, TIMER_VECTOR);
	start_timers(vp, demo->period_ms);
}

/* What an operator injected shows on the console. */
static void report_visitors(struct gx_vp *vp, struct demo_vp *self)
{
	uint32_t others = atomic_load(&self->others);

	if (others == self->visitors_reported)
		return;
	self->visitors_reported = others;
	gx_print(vp, "demo: VP %u: message of type %x, %u bytes, from elsewhere (%u so far)",
		gx_index(vp), self->visitor.type, self->visitor.payload_size, others);
}

static void wait_for_work(struct gx_vp *vp, struct demo_vp *self)
{
	gx_irq_disable(vp);
	if (self->tick)
		gx_irq_enable(vp);
	else
		gx_halt(vp);
}

/* A fault on this VP that ends by itself has not ended yet. */
static bool has_fault_to_end(struct gx_vp *vp, const struct demo *demo)
{
	return demo->fault.kind != NO_FAULT && demo->fault.duration_100ns &&
	       demo->fault.vp == gx_index(vp) && self_of(vp)->fault_state != FAULT_OVER;
}

/* On a host that had no time for this VP, its time may be up before it has done anything. */
static bool is_over(struct gx_vp *vp, const struct demo *demo)
{
	const struct demo_vp *self = self_of(vp);
	uint64_t now = gx_now(vp);

	if (now < demo->end_100ns)
		return false;
	return now - demo->end_100ns >= GX_PATIENCE_MS * GX_MS ||
	       (!has_fault_to_end(vp, demo) && atomic_load(&self->ticks) > 0 &&
		       atomic_load(&self->events) > 0);
}

static void run_vp(struct gx_vp *vp, struct demo *demo)
{
	struct demo_vp *self = self_of(vp);

	set_up(vp, demo);
	while (!is_over(vp, demo)) {
		manage_fault(vp);
		if (misbehaves(vp, FLOOD) || self->tick) {
			self->tick = false;
			exchange(vp);
		}
		report_visitors(vp, self);
		if (gx_index(vp) == 0)
			summarize(vp, demo);
		if (!misbehaves(vp, FLOOD))
			wait_for_work(vp, self);
	}
	gx_ok(vp, gx_wait(vp, atomic_load(&self->echoed) == atomic_load(&self->posted)),
		"VP %u: %u messages came back", gx_index(vp), atomic_load(&self->posted));
	gx_ok(vp, !atomic_load(&self->out_of_order), "VP %u: once each, in order", gx_index(vp));
	gx_ok(vp, atomic_load(&self->ticks) > 0 && atomic_load(&self->events) > 0,
		"VP %u: timer and events too", gx_index(vp));
}

static void on_vp(struct gx_vp *vp, void *arg)
{
	run_vp(vp, arg);
}

static uint64_t option_or(struct gx_vp *vp, const char *name, uint64_t otherwise)
{
	uint64_t value;

	return gx_option(vp, name, &value) ? value : otherwise;
}

static void read_options(struct gx_vp *vp, struct demo *demo)
{
	struct fault *fault = &demo->fault;
	uint64_t seconds;

	for (size_t i = 0; i < GX_ARRAY_LEN(fault_names); i++) {
		if (!gx_has_option(vp, fault_names[i].option))
			continue;
		fault->kind = fault_names[i].kind;
		fault->name = fault_names[i].option;
		fault->after_messages = option_or(vp, fault_names[i].option, 0);
	}
	fault->vp = option_or(vp, "on-vp", 0);
	fault->start_100ns = gx_now(vp) + option_or(vp, "after", 0) * GX_SECOND;
	fault->duration_100ns = option_or(vp, "for", 0) * GX_SECOND;
	demo->period_ms = option_or(vp, "period-ms", PERIOD_MS);
	demo->end_100ns = gx_option(vp, "seconds", &seconds) ? gx_now(vp) + seconds * GX_SECOND
							     : UINT64_MAX;
	demo->next_summary_100ns = gx_now(vp) + SUMMARY_SECONDS * GX_SECOND;
}

static void run(struct gx_vp *vp)
{
	struct demo *demo = gx_state(vp);

	read_options(vp, demo);
	gx_print(vp, "demo: each of %u VPs posts to port %x and signals port %x every %lu ms",
		gx_vp_count(vp), MESSAGE_PORT, EVENT_PORT, demo->period_ms);
	gx_print(vp,
		"demo: SINT %u, vector %x: messages and events; SINT %u, vector %x: timer messages; vector %x: direct timer",
		SINT, VECTOR, TIMER_SINT, TIMER_VECTOR, BEAT_VECTOR);
	if (demo->fault.kind != NO_FAULT)
		gx_print(vp, "demo: VP %lu will misbehave: %s", demo->fault.vp, demo->fault.name);
	gx_run_all(vp, on_vp, demo);
}

const struct gx_program gx_program_demo = {
	.name = "demo",
	.rule = "keeps messages, events and timers flowing; misbehaves on request",
	.state_bytes = sizeof(struct demo),
	.run = run,
};
