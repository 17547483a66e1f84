/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Synthetic timers (TLFS 12, spec 7.2): message mode and direct mode.
 */
#include "lib/synic.h"

enum { SINT = 4, VECTOR = 0x64, DIRECT_VECTOR = 0x70 };

#define PERIOD (5 * GX_MS)

struct timers {
	_Atomic uint32_t interrupts, direct;
};

static uint32_t config_msr(unsigned timer)
{
	return HV_MSR_STIMER0_CONFIG + 2 * timer;
}

static uint32_t count_msr(unsigned timer)
{
	return HV_MSR_STIMER0_COUNT + 2 * timer;
}

static uint64_t to_sint(unsigned sint)
{
	return (uint64_t)sint << HV_STIMER_SINT_SHIFT;
}

static void set_up(struct gx_vp *vp, struct timers *timers)
{
	gx_synic_enable(vp);
	gx_count_interrupts(vp, VECTOR, &timers->interrupts);
	gx_count_interrupts(vp, DIRECT_VECTOR, &timers->direct);
	gx_set_sint(vp, SINT, VECTOR);
}

/* Waits for a timer message and takes it. */
static bool take_expiry(
	struct gx_vp *vp, unsigned sint, struct hv_timer_message_payload *ret_payload)
{
	struct hv_message message;

	if (!gx_wait(vp, gx_slot_type(vp, sint) == HV_MESSAGE_TYPE_TIMER_EXPIRED))
		return false;
	if (!gx_take_message(vp, sint, &message))
		return false;
	__builtin_memcpy(ret_payload, message.payload, sizeof(*ret_payload));
	return message.header.payload_size == sizeof(*ret_payload) && message.header.sender == 0;
}

/* ---- stimer-message ------------------------------------------------------ */

static void check_one_shot(struct gx_vp *vp, struct timers *timers)
{
	struct hv_timer_message_payload payload = {0};
	uint64_t due;

	/* Far enough ahead that it has not fired yet, however slow the host. */
	gx_set_msr(vp, config_msr(0), to_sint(SINT) | HV_STIMER_AUTO_ENABLE);
	gx_set_msr(vp, count_msr(0), gx_now(vp) + 1000 * GX_SECOND);
	gx_ok(vp, gx_msr(vp, config_msr(0)) & HV_STIMER_ENABLE,
		"writing COUNT enables an auto-enable timer");
	due = gx_now(vp) + 10 * GX_MS;
	gx_set_msr(vp, count_msr(0), due);
	gx_ok(vp, take_expiry(vp, SINT, &payload), "one-shot: a timer message arrives");
	gx_ok(vp, payload.timer_index == 0 && payload.expiration_time == due,
		"it names the timer and its due time");
	gx_ok(vp, payload.delivery_time >= due && payload.delivery_time <= gx_now(vp),
		"it was delivered after it was due and not in the future");
	gx_ok(vp, gx_wait(vp, atomic_load(&timers->interrupts) == 1), "it raised its SINT once");
	gx_ok(vp, !(gx_msr(vp, config_msr(0)) & HV_STIMER_ENABLE),
		"a one-shot timer that fired is disabled");
}

static void check_past(struct gx_vp *vp)
{
	struct hv_timer_message_payload payload = {0};

	gx_set_msr(vp, config_msr(1), to_sint(SINT) | HV_STIMER_AUTO_ENABLE);
	gx_set_msr(vp, count_msr(1), 1);
	gx_ok(vp,
		take_expiry(vp, SINT, &payload) && payload.timer_index == 1 &&
			payload.expiration_time == 1,
		"a one-shot due in the past fires at once");
}

static void check_periodic(struct gx_vp *vp)
{
	struct hv_timer_message_payload first = {0}, next = {0};
	bool in_phase = true, arrived;

	gx_set_msr(vp, count_msr(2), PERIOD);
	gx_set_msr(vp, config_msr(2), to_sint(SINT) | HV_STIMER_PERIODIC | HV_STIMER_ENABLE);
	arrived = take_expiry(vp, SINT, &first);
	for (unsigned i = 0; arrived && i < 5; i++) {
		arrived = take_expiry(vp, SINT, &next);
		in_phase = in_phase && (next.expiration_time - first.expiration_time) % PERIOD == 0;
	}
	gx_ok(vp, arrived, "periodic: messages keep coming");
	gx_ok(vp, in_phase && next.expiration_time > first.expiration_time,
		"the period keeps its phase");
	gx_ok(vp, gx_msr(vp, config_msr(2)) & HV_STIMER_ENABLE, "a periodic timer stays enabled");
	gx_set_msr(vp, count_msr(2), 0);
	gx_ok(vp, !(gx_msr(vp, config_msr(2)) & HV_STIMER_ENABLE), "writing COUNT 0 stops it");
	while (gx_slot_type(vp, SINT) != HV_MESSAGE_TYPE_NONE)
		take_expiry(vp, SINT, &next);
	gx_sleep_ms(vp, 20);
	gx_ok(vp, gx_slot_type(vp, SINT) == HV_MESSAGE_TYPE_NONE, "and no further message comes");
}

/* KVM refuses to enable such a timer only when it is enabled already: the second write does it. */
static void check_sint0(struct gx_vp *vp)
{
	gx_set_msr(vp, count_msr(3), PERIOD);
	gx_set_msr(vp, config_msr(3), HV_STIMER_PERIODIC | HV_STIMER_ENABLE);
	if (gx_is_kvm_synic(vp))
		gx_set_msr(vp, config_msr(3), HV_STIMER_PERIODIC | HV_STIMER_ENABLE);
	gx_ok(vp, !(gx_msr(vp, config_msr(3)) & HV_STIMER_ENABLE),
		"a message timer without a SINT cannot be enabled");
}

static void check_late(struct gx_vp *vp)
{
	struct hv_timer_message_payload payload = {0};
	uint64_t freed;

	gx_set_msr(vp, config_msr(0), to_sint(SINT) | HV_STIMER_AUTO_ENABLE);
	gx_set_msr(vp, config_msr(1), to_sint(SINT) | HV_STIMER_AUTO_ENABLE);
	gx_set_msr(vp, count_msr(0), 1);
	gx_wait(vp, gx_slot_type(vp, SINT) == HV_MESSAGE_TYPE_TIMER_EXPIRED);
	gx_set_msr(vp, count_msr(1), 2);
	gx_ok(vp, gx_wait(vp, gx_slot_pending(vp, SINT)),
		"an expiry behind an occupied slot sets the pending flag");
	freed = gx_now(vp);
	gx_ok(vp, take_expiry(vp, SINT, &payload) && payload.timer_index == 0,
		"the first expiry is read");
	gx_ok(vp, take_expiry(vp, SINT, &payload) && payload.timer_index == 1,
		"the late one follows");
	gx_ok(vp, payload.expiration_time == 2 && payload.delivery_time >= freed,
		"and says when it was due and when it came");
}

static void run_message(struct gx_vp *vp)
{
	struct timers *timers = gx_state(vp);

	set_up(vp, timers);
	check_one_shot(vp, timers);
	check_past(vp);
	check_periodic(vp);
	check_sint0(vp);
	check_late(vp);
}

const struct gx_program gx_program_stimer_message = {
	.name = "stimer-message",
	.rule = "message timers: one-shot, late, periodic, auto-enable, behind a busy slot",
	.state_bytes = sizeof(struct timers),
	.run = run_message,
};

/* ---- stimer-direct ------------------------------------------------------- */

static uint64_t direct(void)
{
	return HV_STIMER_DIRECT | (uint64_t)DIRECT_VECTOR << HV_STIMER_VECTOR_SHIFT;
}

static void check_direct_one_shot(struct gx_vp *vp, struct timers *timers)
{
	gx_set_msr(vp, config_msr(0), direct() | HV_STIMER_AUTO_ENABLE);
	gx_set_msr(vp, count_msr(0), gx_now(vp) + 5 * GX_MS);
	gx_ok(vp, gx_wait(vp, atomic_load(&timers->direct) == 1),
		"direct one-shot: its vector is raised");
	gx_sleep_ms(vp, 20);
	gx_ok(vp, atomic_load(&timers->direct) == 1, "once");
	gx_ok(vp, !(gx_msr(vp, config_msr(0)) & HV_STIMER_ENABLE), "and the timer is disabled");
}

static void check_direct_periodic(struct gx_vp *vp, struct timers *timers)
{
	uint32_t stopped_at;

	gx_set_msr(vp, count_msr(0), PERIOD);
	gx_set_msr(vp, config_msr(0), direct() | HV_STIMER_PERIODIC | HV_STIMER_ENABLE);
	gx_ok(vp, gx_wait(vp, atomic_load(&timers->direct) >= 6),
		"direct periodic: interrupts keep coming");
	gx_set_msr(vp, config_msr(0), 0);
	gx_sleep_ms(vp, 10);
	stopped_at = atomic_load(&timers->direct);
	gx_sleep_ms(vp, 20);
	gx_ok(vp, atomic_load(&timers->direct) == stopped_at, "a CONFIG of 0 stops them");
}

static bool all_slots_empty(struct gx_vp *vp)
{
	for (unsigned sint = 0; sint < HV_SINT_COUNT; sint++)
		if (gx_slot_type(vp, sint) != HV_MESSAGE_TYPE_NONE)
			return false;
	return true;
}

static void run_direct(struct gx_vp *vp)
{
	struct timers *timers = gx_state(vp);

	set_up(vp, timers);
	check_direct_one_shot(vp, timers);
	check_direct_periodic(vp, timers);
	gx_ok(vp, !atomic_load(&timers->interrupts) && all_slots_empty(vp),
		"no message was written in direct mode");
}

const struct gx_program gx_program_stimer_direct = {
	.name = "stimer-direct",
	.rule = "direct timers raise their vector and write no message",
	.state_bytes = sizeof(struct timers),
	.run = run_direct,
};
