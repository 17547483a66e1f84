/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/synic_deliver.h"

#include <errno.h>
#include <string.h>
#include "common/loop.h"
#include "hvdef/hv_msr.h"
#include "vmm/event.h"
#include "vmm/slot.h"
#include "vmm/vm.h"

/*
 * What may go into a slot next: the head of the SINT's FIFO, or a synthetic timer that expired.
 *
 * They take turns: after a queued message, a waiting timer goes first; after a timer, a queued
 * message. So neither overtakes the other by more than one slot, and neither starves.
 *
 * A SINT whose candidate found the slot occupied has its bit in waiting_sints. While any bit is
 * set a retry comes every millisecond, for the guest that freed its slot without an EOM.
 *
 * In mode kernel a SINT that is looked at on another thread than the VP's gets its bit in
 * work_sints and is looked at again there. And an owed interrupt is retried like a message: only
 * KVM sees the guest unmask the SINT.
 */
struct candidate {
	struct synic_entry *entry;
	struct stimer *timer;
};

static const uint64_t retry_interval_ns = NSEC_PER_MSEC;

static bool simp_enabled(const struct synic *synic)
{
	return synic->simp_page.enabled;
}

/* Timer messages need SCONTROL.0, queued ones do not (spec 13.2). */
static bool timer_waits(const struct synic *synic, const struct stimer *timer, unsigned n)
{
	return timer->waiting && !stimer_is_direct(timer) && stimer_sint(timer) == n &&
	       (synic->scontrol & HV_SCONTROL_ENABLE);
}

/* Of those that wait for the slot, the one that expired first. */
static struct stimer *next_timer(struct synic *synic, unsigned n)
{
	struct stimer *first = NULL;

	for (unsigned i = 0; i < HV_STIMER_COUNT; i++) {
		struct stimer *timer = &synic->stimer[i];

		if (timer_waits(synic, timer, n) &&
			(!first || timer->expired_100ns < first->expired_100ns))
			first = timer;
	}
	return first;
}

static struct candidate next_candidate(struct synic *synic, unsigned n)
{
	const struct synic_sint *sint = &synic->sint[n];
	struct candidate next = {
		.entry = TAILQ_FIRST(&sint->queue),
		.timer = next_timer(synic, n),
	};

	if (!next.entry || !next.timer)
		return next;
	if (sint->timer_turn)
		next.entry = NULL;
	else
		next.timer = NULL;
	return next;
}

static bool has_candidate(struct synic *synic, unsigned n)
{
	return !TAILQ_EMPTY(&synic->sint[n].queue) || next_timer(synic, n);
}

/* Whether anything stands behind the candidate that is about to be written. */
static bool more_wait(struct synic *synic, unsigned n)
{
	unsigned waiting = synic->sint[n].depth;

	for (unsigned i = 0; i < HV_STIMER_COUNT; i++)
		waiting += timer_waits(synic, &synic->stimer[i], n);
	return waiting > 1;
}

int synic_vector_locked(
	const struct synic *synic, unsigned n, uint8_t *ret_vector, bool *ret_auto_eoi)
{
	uint64_t msr = synic->sint[n].msr;

	if (!(synic->scontrol & HV_SCONTROL_ENABLE))
		return -ENXIO;
	if (synic_is_kernel(synic)) {
		*ret_vector = 0;
		*ret_auto_eoi = false;
		return 0;
	}
	if (msr & (HV_SINT_MASKED | HV_SINT_POLLING | HV_SINT_PROXY))
		return -EPERM;
	*ret_vector = (uint8_t)(msr & HV_SINT_VECTOR_MASK);
	*ret_auto_eoi = msr & HV_SINT_AUTO_EOI;
	return 0;
}

void synic_raised_locked(struct synic *synic, unsigned n, uint8_t vector, bool auto_eoi, int status)
{
	struct synic_sint *sint = &synic->sint[n];

	if (status == 0) {
		sint->interrupts++;
		sint->last_interrupt_ns = clock_now_ns(synic->vm->clock);
	} else {
		sint->last_error = status;
	}
	hv_record(synic->vm->recorder, HV_EVENT_SINT_ASSERT, synic->vcpu->index, synic->vtl,
		(uint8_t)n, vector, auto_eoi, (uint64_t)(int64_t)status);
}

/* Who posts or signals holds a route, and with it a GSI. */
static int assert_in_kvm(struct synic *synic, unsigned n)
{
	uint32_t gsi = synic->sint[n].gsi;

	if (gsi == 0)
		return -ENXIO;
	return synic->vm->accel->assert_sint(synic->vcpu, gsi);
}

static bool is_hit(struct synic *synic, enum fault_kind kind, unsigned n)
{
	const struct fault_place place = {
		.relid = FAULT_ANY,
		.vp = synic->vcpu->index,
		.sint = n,
		.message = FAULT_ANY,
		.direction = FAULT_ANY,
	};

	return fault_hit(&synic->vm->faults, kind, &place, NULL);
}

int synic_raise_locked(struct synic *synic, unsigned n)
{
	uint8_t vector;
	bool auto_eoi;
	int status;

	if (synic_vector_locked(synic, n, &vector, &auto_eoi) != 0)
		return SYNIC_WITHHELD;
	if (is_hit(synic, FAULT_SKIP_ASSERT, n))
		return 0;
	if (synic_is_kernel(synic)) {
		status = assert_in_kvm(synic, n);
		if (status == -EPERM)
			return SYNIC_WITHHELD;
	} else {
		status = synic->vm->accel->assert_vector(synic->vcpu, vector, auto_eoi);
	}
	synic_raised_locked(synic, n, vector, auto_eoi, status);
	return status;
}

static void owe_locked(struct synic *synic, unsigned n)
{
	struct synic_sint *sint = &synic->sint[n];

	if (sint->irq_owed)
		return;
	sint->irq_owed = true;
	sint->owed++;
	hv_record(synic->vm->recorder, HV_EVENT_SINT_OWED, synic->vcpu->index, synic->vtl,
		(uint8_t)n, synic_is_kernel(synic) ? 0 : sint->msr, synic->scontrol);
}

int synic_interrupt_locked(struct synic *synic, unsigned n)
{
	int status = synic_raise_locked(synic, n);

	if (status != SYNIC_WITHHELD)
		return status;
	owe_locked(synic, n);
	return 0;
}

static bool any_flag_set(const struct synic *synic, unsigned n)
{
	const struct hv_event_flags *flags = synic_flags_locked(synic, n);

	for (unsigned i = 0; i < ARRAY_LEN(flags->word); i++) {
		if (__atomic_load_n(&flags->word[i], __ATOMIC_RELAXED))
			return true;
	}
	return false;
}

void synic_pay_owed_locked(struct synic *synic, unsigned n)
{
	struct synic_sint *sint = &synic->sint[n];
	uint8_t vector;
	bool auto_eoi;

	if (!sint->irq_owed || synic_vector_locked(synic, n, &vector, &auto_eoi) != 0)
		return;
	if (slot_type(synic_slot_locked(synic, n)) == 0 && !any_flag_set(synic, n))
		sint->irq_owed = false;
	else
		sint->irq_owed = synic_raise_locked(synic, n) == SYNIC_WITHHELD;
}

static void timer_message(
	const struct synic *synic, const struct stimer *timer, struct hv_message *ret_message)
{
	const struct hv_timer_message_payload payload = {
		.timer_index = (uint32_t)(timer - synic->stimer),
		.expiration_time = timer->expired_100ns,
		.delivery_time = reftime_now_100ns(&synic->vm->reftime),
	};

	*ret_message = (struct hv_message){
		.header.type = HV_MESSAGE_TYPE_TIMER_EXPIRED,
		.header.payload_size = sizeof(payload),
	};
	memcpy(ret_message->payload, &payload, sizeof(payload));
}

static void record_timer_delivered(struct synic *synic, unsigned n, const struct stimer *timer)
{
	uint64_t now = reftime_now_100ns(&synic->vm->reftime);

	hv_record(synic->vm->recorder, HV_EVENT_STIMER_DELIVERED, synic->vcpu->index, synic->vtl,
		(uint8_t)n, (uint64_t)(timer - synic->stimer), now - timer->expired_100ns);
}

static void written_timer(struct synic *synic, unsigned n, struct stimer *timer)
{
	record_timer_delivered(synic, n, timer);
	stimer_delivered(timer);
	synic_interrupt_locked(synic, n);
}

static void written_entry(
	struct synic *synic, unsigned n, struct synic_entry *entry, uint64_t now_ns)
{
	struct synic_sint *sint = &synic->sint[n];
	const struct hv_message_header *header = &entry->message.header;

	sint->delivered++;
	hv_record(synic->vm->recorder, HV_EVENT_MESSAGE_DELIVERED, synic->vcpu->index, synic->vtl,
		(uint8_t)n, header->type, header->payload_size, header->sender, sint->depth - 1,
		now_ns - entry->queued_ns);
	synic_finish_locked(sint, entry, synic_interrupt_locked(synic, n));
}

static void written(struct synic *synic, unsigned n, struct candidate next)
{
	struct synic_sint *sint = &synic->sint[n];
	uint64_t now_ns = clock_now_ns(synic->vm->clock);

	sint->last_delivery_ns = now_ns;
	sint->timer_turn = next.entry != NULL;
	if (next.entry)
		written_entry(synic, n, next.entry, now_ns);
	else
		written_timer(synic, n, next.timer);
}

static void found_busy(struct synic *synic, unsigned n, struct candidate next)
{
	struct synic_sint *sint = &synic->sint[n];

	if (next.entry)
		next.entry->tried = true;
	if (synic->waiting_sints & BIT64(n))
		return;
	sint->busy++;
	hv_record(synic->vm->recorder, HV_EVENT_MESSAGE_BUSY, synic->vcpu->index, synic->vtl,
		(uint8_t)n, slot_type(synic_slot_locked(synic, n)), sint->depth);
}

/* Before the interrupt: what the guest makes of the message must not come first. */
static void capture_delivery(struct synic *synic, unsigned n, const struct hv_message *message)
{
	const struct capture_meta meta = {
		.kind = CAPTURE_MESSAGE,
		.direction = CAPTURE_TO_GUEST,
		.vtl = synic->vtl,
		.sint = (uint8_t)n,
		.vp = synic->vcpu->index,
		.connection_id = CAPTURE_NONE,
		.value = message->header.type,
	};
	const struct iovec payload = {
		.iov_base = (void *)(uintptr_t)message->payload,
		.iov_len = MIN(message->header.payload_size, (uint8_t)HV_MESSAGE_PAYLOAD_MAX),
	};

	capture_put(&synic->vm->capture, &meta, &payload, 1);
}

/* As slot_write(), unless a fault loses the flag that asks the guest for an EOM. */
static bool write_slot(struct synic *synic, unsigned n, const struct hv_message *message)
{
	struct hv_message *slot = synic_slot_locked(synic, n);
	bool more = more_wait(synic, n);

	if ((more || slot_type(slot) != 0) && is_hit(synic, FAULT_LOSE_PENDING, n)) {
		synic->lost_sints |= (uint16_t)BIT64(n);
		return slot_write_silently(slot, message);
	}
	return slot_write(slot, message, more);
}

/* One candidate. True: it left without filling the slot, so the next one may be tried. */
static bool deliver_one(struct synic *synic, unsigned n)
{
	struct hv_message *slot = synic_slot_locked(synic, n);
	struct candidate next = next_candidate(synic, n);
	const struct hv_message *message;
	struct hv_message timer;

	if (next.entry && next.entry->once && next.entry->tried && slot_type(slot) == 0) {
		synic_finish_locked(&synic->sint[n], next.entry, -EAGAIN);
		return true;
	}
	if (next.timer)
		timer_message(synic, next.timer, &timer);
	message = next.timer ? &timer : &next.entry->message;
	if (write_slot(synic, n, message)) {
		if (capture_wanted(&synic->vm->capture))
			capture_delivery(synic, n, message);
		written(synic, n, next);
	} else {
		found_busy(synic, n, next);
	}
	return false;
}

/* TLFS 12.4: a lazy periodic tick that cannot be delivered at once is dropped. */
static void drop_lazy_ticks(struct synic *synic, unsigned n)
{
	for (unsigned i = 0; i < HV_STIMER_COUNT; i++) {
		struct stimer *timer = &synic->stimer[i];

		if (timer_waits(synic, timer, n) && stimer_is_lazy(timer))
			stimer_drop(timer);
	}
}

/* Without a message page, those who do not want to wait are told so. */
static void refuse_once(struct synic_sint *sint)
{
	struct synic_entry *entry = TAILQ_FIRST(&sint->queue);

	while (entry) {
		struct synic_entry *next = TAILQ_NEXT(entry, link);

		if (entry->once)
			synic_finish_locked(sint, entry, -ENXIO);
		entry = next;
	}
}

static bool may_write_slots(const struct synic *synic)
{
	return !synic_is_kernel(synic) || vcpu_current() == synic->vcpu;
}

/* The candidate has been refused by the occupant, which knows that it waits: until then, nothing.
 */
static bool still_busy(struct synic *synic, unsigned n)
{
	const struct hv_message *slot = synic_slot_locked(synic, n);
	const struct synic_entry *entry = TAILQ_FIRST(&synic->sint[n].queue);

	return entry && entry->tried && slot_type(slot) != 0 && slot_pending(slot);
}

/* In mode kernel an ack is told only to those who asked for it, once. */
static void wait_for_ack(struct synic *synic, unsigned n)
{
	if (synic_is_kernel(synic) && synic->sint[n].route)
		sint_route_await_ack_locked(synic->sint[n].route);
}

static void leave_to_vcpu(struct synic *synic, unsigned n)
{
	if (still_busy(synic, n)) {
		wait_for_ack(synic, n);
		return;
	}
	synic->work_sints |= (uint16_t)BIT64(n);
	vcpu_request_work(synic->vcpu);
}

void synic_scan_locked(struct synic *synic, unsigned n)
{
	uint16_t bit = (uint16_t)BIT64(n);

	if (!simp_enabled(synic)) {
		refuse_once(&synic->sint[n]);
		synic->waiting_sints &= (uint16_t)~bit;
		return;
	}
	if (has_candidate(synic, n) && !may_write_slots(synic)) {
		leave_to_vcpu(synic, n);
		return;
	}
	if (slot_type(synic_slot_locked(synic, n)) != 0)
		drop_lazy_ticks(synic, n);
	synic->lost_sints &= (uint16_t)~bit;
	while (has_candidate(synic, n) && deliver_one(synic, n))
		;
	if (has_candidate(synic, n) && !(synic->lost_sints & bit)) {
		synic->waiting_sints |= bit;
		wait_for_ack(synic, n);
	} else {
		synic->waiting_sints &= (uint16_t)~bit;
	}
}

void synic_scan_all_locked(struct synic *synic)
{
	for (unsigned n = 0; n < HV_SINT_COUNT; n++) {
		synic_pay_owed_locked(synic, n);
		synic_scan_locked(synic, n);
	}
	synic_arm_locked(synic);
}

/* Like hardware, an interrupt that the backend cannot raise is lost; the record says so. */
static void raise_direct(struct synic *synic, struct stimer *timer)
{
	uint8_t vector = stimer_vector(timer);
	int status = synic->vm->accel->assert_vector(synic->vcpu, vector, false);

	hv_record(synic->vm->recorder, HV_EVENT_SINT_ASSERT, synic->vcpu->index, synic->vtl,
		RECORD_NO_SINT, vector, false, (uint64_t)(int64_t)status);
	record_timer_delivered(synic, RECORD_NO_SINT, timer);
	stimer_delivered(timer);
}

static void expired(struct synic *synic, struct stimer *timer, uint64_t now_100ns)
{
	bool direct = stimer_is_direct(timer);
	uint8_t sint = direct ? RECORD_NO_SINT : (uint8_t)stimer_sint(timer);
	uint64_t late = now_100ns - timer->expired_100ns;

	hv_record(synic->vm->recorder, HV_EVENT_STIMER_EXPIRED, synic->vcpu->index, synic->vtl,
		sint, (uint64_t)(timer - synic->stimer), timer->expired_100ns, late, direct);
	if (direct)
		raise_direct(synic, timer);
	else
		synic_scan_locked(synic, sint);
}

void synic_expire_locked(struct synic *synic)
{
	for (unsigned i = 0; i < HV_STIMER_COUNT; i++) {
		struct stimer *timer = &synic->stimer[i];
		uint64_t now;

		if (!timer->armed)
			continue;
		now = reftime_now_100ns(&synic->vm->reftime);
		if (stimer_expire(timer, now))
			expired(synic, timer, now);
		timer->deadline_ns = 0;
	}
}

static uint64_t earliest_deadline(struct synic *synic)
{
	uint64_t deadline_ns = synic->retry_ns ? synic->retry_ns : UINT64_MAX;

	for (unsigned i = 0; i < HV_STIMER_COUNT; i++) {
		struct stimer *timer = &synic->stimer[i];

		if (!timer->armed)
			continue;
		if (!timer->deadline_ns)
			timer->deadline_ns = reftime_deadline_ns(
				&synic->vm->reftime, timer->due_100ns);
		deadline_ns = MIN(deadline_ns, timer->deadline_ns);
	}
	return deadline_ns;
}

/* In the other modes the register write that removes the obstacle pays. */
static bool retries_owed(const struct synic *synic, unsigned n)
{
	return synic_is_kernel(synic) && synic->sint[n].irq_owed &&
	       (synic->scontrol & HV_SCONTROL_ENABLE);
}

static bool wants_retry(const struct synic *synic)
{
	bool owed = false;

	for (unsigned n = 0; n < HV_SINT_COUNT && !owed; n++)
		owed = retries_owed(synic, n);
	return owed || synic->waiting_sints;
}

/* A later deadline leaves the timer alone: it then fires without cause once, which is cheaper. */
void synic_arm_locked(struct synic *synic)
{
	uint64_t deadline_ns;

	if (!wants_retry(synic))
		synic->retry_ns = 0;
	else if (!synic->retry_ns)
		synic->retry_ns = clock_now_ns(synic->vm->clock) + retry_interval_ns;
	deadline_ns = earliest_deadline(synic);
	if (deadline_ns == UINT64_MAX || (synic->armed_ns && synic->armed_ns <= deadline_ns))
		return;
	synic->armed_ns = deadline_ns;
	loop_timer_arm(synic->timer, deadline_ns);
}

static void retry_locked(struct synic *synic)
{
	synic->retry_ns = 0;
	for (unsigned n = 0; n < HV_SINT_COUNT; n++) {
		if (retries_owed(synic, n))
			synic_pay_owed_locked(synic, n);
		if (!(synic->waiting_sints & BIT64(n)))
			continue;
		synic->sint[n].retries++;
		synic_scan_locked(synic, n);
	}
}

static void look_at_deadlines_locked(struct synic *synic)
{
	synic_expire_locked(synic);
	if (synic->retry_ns && synic->retry_ns <= clock_now_ns(synic->vm->clock))
		retry_locked(synic);
	synic_arm_locked(synic);
}

/* A VM that stopped stays as it was: nothing expires, and the timer is not armed again. */
void synic_deadline(struct synic *synic)
{
	pthread_mutex_lock(&synic->lock);
	synic->armed_ns = 0;
	if (atomic_load(&synic->vm->state) != VM_STOPPED)
		look_at_deadlines_locked(synic);
	pthread_mutex_unlock(&synic->lock);
}
