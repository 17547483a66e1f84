/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The processor, its SynIC and the slot of the bus's messages: D1, D2, D4-D8, D38 and D39.
 */
#include <inttypes.h>
#include "doctor/rules.h"
#include "hvdef/hv_msr.h"
#include "hvdef/hv_synic.h"
#include "vmbus/states.h"

enum { LOWEST_VECTOR = 16 };

static void kick(struct look *look)
{
	remedy(look, "hvctl synic kick --vp %u --sint %u --force", look->vp->vp, look->vp->sint);
}

static void shows_slot(struct look *look)
{
	const struct doctor_vp *vp = look->vp;

	shows_sint(look, "slot/type", vp->slot_age_ns, "0x%x", vp->slot_type);
	shows_sint(look, "slot/pending", DOCTOR_NONE, "%s", vp->slot_pending ? "true" : "false");
}

/* What waits behind the slot, in the SynIC and on the bus. */
static uint32_t waiting(const struct look *look)
{
	bool of_bus = is_of_bus(look) && gets_messages(look);

	return look->vp->queue_depth + (of_bus ? look->connection->outgoing : 0);
}

/* ---- messages in their slot ------------------------------------------------------------------ */

bool check_not_consumed(struct look *look)
{
	const struct doctor_vp *vp = look->vp;
	char text[DURATION_BYTES];

	if (!gets_messages(look) || !slot_unmoved(look) ||
		(is_of_bus(look) && vp->slot_type != HV_MESSAGE_TYPE_VMBUS) ||
		(vp->queue_depth > 0 && !vp->slot_pending) ||
		!apart(look, look->limits->stuck_ns) ||
		!lasts(look, vp->slot_age_ns, look->limits->stuck_ns))
		return false;
	diagnose(look,
		"the guest has not taken the message in the slot of VP %u SINT %u for %s; %u "
		"wait behind it",
		vp->vp, vp->sint, duration(vp->slot_age_ns, text), waiting(look));
	shows_slot(look);
	shows_sint(look, "queue_depth", DOCTOR_NONE, "%u", vp->queue_depth);
	shows_sint(look, "last_eom_age_ns", vp->last_eom_age_ns, "%s",
		vp->last_eom_age_ns == DOCTOR_NONE ? "null" : "no EOM since");
	if (is_of_bus(look))
		shows(look, "vmbus/outgoing", look->connection->outgoing_age_ns, "%u",
			look->connection->outgoing);
	if (vp->answered)
		shows_vp(look, "cpu/halted", DOCTOR_NONE, "%s, interrupts %s",
			vp->halted ? "true" : "false", vp->interrupts_on ? "on" : "off");
	kick(look);
	return true;
}

bool check_lost_pending(struct look *look)
{
	const struct doctor_vp *now = look->vp, *then = look->vp_then;
	bool still = now->delivered == then->delivered && now->slot_busy == then->slot_busy;

	if (!still || now->queue_depth == 0 || then->queue_depth == 0 || now->slot_pending ||
		!(now->simp & HV_PAGE_ENABLE) || !apart(look, look->limits->stuck_ns))
		return false;
	diagnose(look,
		now->slot_busy ? "%u messages wait behind a slot whose occupant does not say so: "
				 "the guest will write no EOM"
			       : "%u messages wait for a slot that is free",
		now->queue_depth);
	shows_slot(look);
	shows_sint(look, "queue_depth", DOCTOR_NONE, "%u", now->queue_depth);
	shows_sint(look, "delivered", now->last_delivery_age_ns, "%" PRIu64, now->delivered);
	kick(look);
	return true;
}

bool check_timer_slot(struct look *look)
{
	const struct doctor_connection *now = look->connection, *then = look->connection_then;
	const struct doctor_vp *vp = look->vp;

	if (!is_of_bus(look) || !gets_messages(look) || !vp->slot_busy ||
		!look->vp_then->slot_busy || vp->slot_type != HV_MESSAGE_TYPE_TIMER_EXPIRED ||
		look->vp_then->slot_type != HV_MESSAGE_TYPE_TIMER_EXPIRED ||
		now->outgoing + vp->queue_depth == 0 ||
		then->outgoing + look->vp_then->queue_depth == 0 ||
		now->messages_delivered != then->messages_delivered ||
		!apart(look, look->limits->stuck_ns))
		return false;
	diagnose(look, "messages of timers hold the slot of VP %u, and %u of the bus wait", vp->vp,
		waiting(look));
	shows_slot(look);
	shows(look, "vmbus/outgoing", now->outgoing_age_ns, "%u", now->outgoing);
	shows(look, "machine/direct_timers", DOCTOR_NONE, "%s",
		look->machine->direct_timers ? "true" : "false");
	return true;
}

/* ---- the SynIC ------------------------------------------------------------------------------- */

static bool anything_for_guest(const struct doctor_vp *vp)
{
	return vp->slot_busy || vp->event_flag_count > 0;
}

/* Masked, or with a vector that no processor takes. */
static bool sint_is_off(const struct doctor_vp *vp)
{
	return vp->registers_known && (vp->masked || vp->vector < LOWEST_VECTOR);
}

bool check_masked(struct look *look)
{
	const struct doctor_vp *vp = look->vp;

	if (!sint_is_off(vp) || !sint_is_off(look->vp_then) || !anything_for_guest(vp) ||
		!anything_for_guest(look->vp_then) || (!gets_messages(look) && !gets_events(look)))
		return false;
	if (vp->masked)
		diagnose(look,
			"SINT %u of VP %u is masked, and something waits there for the guest",
			vp->sint, vp->vp);
	else
		diagnose(look, "SINT %u of VP %u has vector %u, which no processor takes",
			vp->sint, vp->vp, vp->vector);
	shows_sint(look, "raw", DOCTOR_NONE, "0x%" PRIx64, vp->raw);
	shows_sint(look, "slot/busy", vp->slot_age_ns, "%s", vp->slot_busy ? "true" : "false");
	shows_sint(look, "event_flag_count", vp->last_event_age_ns, "%u", vp->event_flag_count);
	shows_sint(look, "irq_owed", DOCTOR_NONE, "%s", vp->irq_owed ? "true" : "false");
	return true;
}

/* The register that is off though the bus relies on it; NULL: none. */
static const char *register_off(const struct look *look, const struct doctor_vp *vp)
{
	bool never_on = vp->scontrol == 0 && vp->simp == 0 && vp->siefp == 0;
	bool messages = gets_messages(look), events = gets_events(look);

	if (!vp->registers_known || (!messages && (!events || never_on)))
		return NULL;
	if (!(vp->scontrol & HV_SCONTROL_ENABLE))
		return "scontrol";
	if (messages && !(vp->simp & HV_PAGE_ENABLE))
		return "simp";
	if (events && !(vp->siefp & HV_PAGE_ENABLE))
		return "siefp";
	return NULL;
}

bool check_synic_off(struct look *look)
{
	const struct doctor_vp *vp = look->vp;
	const char *off = register_off(look, vp);

	if (vp->other || !off || !register_off(look, look->vp_then) ||
		!is_connected(look->connection) ||
		!is_connected(look->connection_then))
		return false;
	diagnose(look, "the guest is connected, but %s of VP %u is off", off, vp->vp);
	subject(look, "vps/%u/synic", vp->vp);
	shows_vp(look, "synic/scontrol", DOCTOR_NONE, "0x%" PRIx64, vp->scontrol);
	shows_vp(look, "synic/simp", DOCTOR_NONE, "0x%" PRIx64, vp->simp);
	shows_vp(look, "synic/siefp", DOCTOR_NONE, "0x%" PRIx64, vp->siefp);
	shows(look, "hv/guest_os_id", DOCTOR_NONE, "0x%" PRIx64, look->machine->guest_os_id);
	return true;
}

static bool is_our_kind(uint32_t type)
{
	return type == HV_MESSAGE_TYPE_VMBUS || type == HV_MESSAGE_TYPE_TIMER_EXPIRED;
}

bool check_stale_slot(struct look *look)
{
	const struct doctor_vp *vp = look->vp;
	bool never_ours = vp->delivered == 0 && vp->slot_type == HV_MESSAGE_TYPE_VMBUS;

	if (vp->other || !slot_unmoved(look) || (is_our_kind(vp->slot_type) && !never_ours) ||
		!apart(look, look->limits->stuck_ns))
		return false;
	diagnose(look,
		never_ours ? "the slot of VP %u holds a message of type 0x%x that hvd never "
			     "wrote"
			   : "the slot of VP %u holds type 0x%x, which nobody sends here",
		vp->vp, vp->slot_type);
	shows_slot(look);
	shows_sint(look, "delivered", vp->last_delivery_age_ns, "%" PRIu64, vp->delivered);
	shows_sint(look, "queue_depth", DOCTOR_NONE, "%u", vp->queue_depth);
	return true;
}

/* ---- interrupts ------------------------------------------------------------------------------ */

/* A channel whose event flag has stood on the VP since the earlier sample; NULL: none. */
static const struct doctor_channel *flagged_channel(const struct look *look)
{
	for (uint32_t i = 0; !look->vp->other && i < look->now->channel_count; i++) {
		const struct doctor_channel *now = &look->now->channels[i], *then;

		if (now->target_vp != look->vp->vp || !now->event_flag)
			continue;
		then = doctor_find_channel(look->then, now->relid);
		if (then && then->event_flag && then->events_set == now->events_set)
			return now;
	}
	return NULL;
}

/* The last thing put before the guest is younger than the last interrupt. */
static bool never_raised(const struct look *look, const struct doctor_channel *flagged)
{
	const struct doctor_vp *vp = look->vp;
	uint64_t put = flagged ? vp->last_event_age_ns : vp->last_delivery_age_ns;

	return put != DOCTOR_NONE && put < vp->last_interrupt_age_ns;
}

static bool sint_is_good(const struct doctor_vp *vp)
{
	return vp->registers_known && (vp->scontrol & HV_SCONTROL_ENABLE) && !sint_is_off(vp) &&
	       !vp->irq_owed;
}

static bool in_both(bool now, bool then)
{
	return now && then;
}

static void diagnose_interrupt(struct look *look, const struct doctor_channel *flagged)
{
	const struct doctor_vp *vp = look->vp, *then = look->vp_then;

	if (never_raised(look, flagged))
		diagnose(look, "VP %u was not interrupted after the last %s was put before it",
			vp->vp, flagged ? "event flag" : "message");
	else if (in_both(vp->vector_isr, then->vector_isr))
		diagnose(look, "VP %u has vector %u in service and never ends it: no EOI comes",
			vp->vp, vp->vector);
	else if (in_both(vp->vector_irr, then->vector_irr))
		diagnose(look, "VP %u does not take vector %u, which is requested: %s", vp->vp,
			vp->vector,
			vp->interrupts_on ? vp->tpr >> 4 >= vp->vector >> 4
						    ? "its task priority is too high"
						    : "it does not run"
					  : "its interrupts are off");
	else
		diagnose(look, "an event flag stands on VP %u, and its interrupt got lost", vp->vp);
}

/*
 * A message that was interrupted for and still stands there is D1's; an event flag is taken by the
 * handler itself.
 */
bool check_interrupt(struct look *look)
{
	const struct doctor_channel *flagged = flagged_channel(look);
	const struct doctor_vp *vp = look->vp, *then = look->vp_then;
	bool slot = gets_messages(look) && slot_unmoved(look) &&
		    lasts(look, vp->slot_age_ns, look->limits->event_ns);
	bool held = in_both(vp->vector_irr, then->vector_irr) ||
		    in_both(vp->vector_isr, then->vector_isr);

	if (!sint_is_good(vp) || !apart(look, look->limits->event_ns) || (!slot && !flagged) ||
		(!flagged && !held && !never_raised(look, flagged)))
		return false;
	diagnose_interrupt(look, flagged);
	if (flagged)
		shows_sint(look, "event_flags", vp->last_event_age_ns, "%u", flagged->relid);
	if (slot)
		shows_slot(look);
	shows_sint(look, "interrupts", vp->last_interrupt_age_ns, "%" PRIu64, vp->interrupts);
	shows_sint(look, "auto_eoi", DOCTOR_NONE, "%s", vp->auto_eoi ? "true" : "false");
	if (vp->answered)
		shows_vp(look, "cpu/irr", DOCTOR_NONE, "vector %u %s, in service %s", vp->vector,
			vp->vector_irr ? "requested" : "not requested",
			vp->vector_isr ? "yes" : "no");
	kick(look);
	return true;
}

/* ---- the guest as a whole -------------------------------------------------------------------- */

static bool is_gone(const struct doctor_sample *sample)
{
	const struct doctor_machine *machine = &sample->machine;

	return machine->guest_os_id == 0 ||
	       (machine->hypercall != DOCTOR_NONE && !(machine->hypercall & HV_PAGE_ENABLE));
}

bool check_gone_guest(struct look *look)
{
	char text[DURATION_BYTES];

	if (!is_connected(look->connection) || !is_connected(look->connection_then) ||
		!is_gone(look->now) || !is_gone(look->then))
		return false;
	diagnose(look, "the guest's kernel has gone without UNLOAD, and the connection is %s old",
		duration(look->connection->time_in_state_ns, text));
	shows(look, "hv/guest_os_id", DOCTOR_NONE, "0x%" PRIx64, look->machine->guest_os_id);
	shows(look, "hv/hypercall", DOCTOR_NONE, "0x%" PRIx64, look->machine->hypercall);
	shows(look, "vmbus/state", look->connection->time_in_state_ns, "connected");
	remedy(look, "hvctl vm reset");
	return true;
}

bool check_crash(struct look *look)
{
	const struct doctor_machine *machine = look->machine;
	char text[DURATION_BYTES];

	if (machine->crash_age_ns == DOCTOR_NONE) /* not since power-on */
		return false;
	subject(look, "hv");
	diagnose(look, "the guest panicked %s ago", duration(machine->crash_age_ns, text));
	shows(look, "hv/crashes", machine->crash_age_ns, "%" PRIu64, machine->crashes);
	shows(look, "hv/crash_p0", DOCTOR_NONE, "0x%" PRIx64, machine->crash_p0);
	shows(look, "hv/crash_p1", DOCTOR_NONE, "0x%" PRIx64, machine->crash_p1);
	shows(look, "hv/crash_p2", DOCTOR_NONE, "0x%" PRIx64, machine->crash_p2);
	shows(look, "hv/crash_p3", DOCTOR_NONE, "0x%" PRIx64, machine->crash_p3);
	shows(look, "hv/crash_p4", DOCTOR_NONE, "0x%" PRIx64, machine->crash_p4);
	remedy(look, "hvctl vm reset");
	return true;
}
