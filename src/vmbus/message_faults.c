/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What faults do to channel messages, in both directions. A message that one keeps is no longer in
 * the queues: those behind it overtake it, as they would if its sender had been late. It is noted
 * in the history, and counted, when it goes on; one that was dropped is not, for it never was
 * there.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "common/cleanup.h"
#include "common/log.h"
#include "vmbus/internal.h"

enum until {
	UNTIL_FAULT_ENDS, /* or due */
	UNTIL_NEXT,       /* another message of its direction has gone by; or due */
	UNTIL_TURN,       /* it was let go, and waits for its turn */
};

struct kept_message {
	TAILQ_ENTRY(kept_message) link;
	uint64_t fault; /* 0: none counts on it */
	enum until until;
	uint64_t due_ns; /* UINT64_MAX: no time of its own */
	enum fault_direction direction;
	struct vmbus_in_message in;
	struct vmbus_out_message *out; /* owns */
};

static uint64_t now_ns(const struct vmbus *bus)
{
	return clock_now_ns(bus->vm->clock);
}

/* ---- keeping -------------------- */

static struct kept_message *keep(struct vmbus *bus, enum fault_direction direction)
{
	struct kept_message *kept = calloc(1, sizeof(*kept));

	if (!kept) {
		log_error("vmbus: no memory for a message that a fault was to keep");
		return NULL;
	}
	kept->direction = direction;
	kept->due_ns = UINT64_MAX;
	TAILQ_INSERT_TAIL(&bus->faults.kept, kept, link);
	bus->faults.count++;
	return kept;
}

static void forget(struct vmbus *bus, struct kept_message *kept)
{
	TAILQ_REMOVE(&bus->faults.kept, kept, link);
	bus->faults.count--;
	if (kept->fault)
		fault_let_go(&bus->vm->faults, kept->fault);
	free(kept->out);
	free(kept);
}

static void arm(struct vmbus *bus)
{
	const struct kept_message *kept;
	uint64_t first_ns = UINT64_MAX;

	TAILQ_FOREACH (kept, &bus->faults.kept, link)
		first_ns = MIN(first_ns, kept->due_ns);
	loop_timer_arm(bus->faults.timer, first_ns == UINT64_MAX ? 0 : first_ns);
}

/* To the guest at once; from the guest when it is a message's turn. */
static void go_on(struct vmbus *bus, struct kept_message *kept)
{
	kept->until = UNTIL_TURN;
	kept->due_ns = UINT64_MAX;
	if (kept->direction == FAULT_IN) {
		loop_defer(bus->vm->loop, &bus->in_work);
		return;
	}
	outgoing_add(bus, TAKE_PTR(kept->out));
	forget(bus, kept);
}

typedef bool (*wanted_fn)(const struct kept_message *kept, uint64_t arg);

static void go_on_if(struct vmbus *bus, wanted_fn wanted, uint64_t arg)
{
	struct kept_message *kept = TAILQ_FIRST(&bus->faults.kept);

	while (kept) {
		struct kept_message *next = TAILQ_NEXT(kept, link);

		if (kept->until != UNTIL_TURN && wanted(kept, arg))
			go_on(bus, kept);
		kept = next;
	}
	arm(bus);
}

static bool is_due(const struct kept_message *kept, uint64_t now)
{
	return kept->due_ns <= now;
}

static bool is_of_fault(const struct kept_message *kept, uint64_t fault)
{
	return kept->fault == fault;
}

static bool waits_for_next(const struct kept_message *kept, uint64_t direction)
{
	return kept->until == UNTIL_NEXT && kept->direction == direction;
}

void message_faults_tick(void *arg)
{
	struct vmbus *bus = arg;

	vmbus_lock(bus);
	go_on_if(bus, is_due, now_ns(bus));
	vmbus_unlock(bus);
}

static void on_fault_ended(
	struct fault_listener *listener, enum fault_kind kind UNUSED, uint64_t id)
{
	struct vmbus *bus = container_of(listener, struct vmbus, faults.listener);

	vmbus_lock(bus);
	go_on_if(bus, is_of_fault, id);
	channels_go_on(bus, id);
	incoming_pump(bus);
	vmbus_unlock(bus);
}

/* ---- what becomes of a message -------------------- */

enum fate { FATE_GOES_ON, FATE_DROPPED, FATE_KEPT, FATE_TWICE };

/* One branch while there is no fault: no message is then searched for what it is about. */
static bool any_fault(const struct vmbus *bus)
{
	return __builtin_expect(
		atomic_load_explicit(&bus->vm->faults.active, memory_order_relaxed) != 0, 0);
}

/* The kinds, in the order in which they are asked. */
static enum fate decide(struct vmbus *bus, const struct fault_place *place,
	enum fault_kind *ret_kind, struct fault_effect *ret_effect)
{
	static const struct {
		enum fault_kind kind;
		enum fate fate;
	} rows[] = {
		{FAULT_DROP_MESSAGE, FATE_DROPPED},
		{FAULT_HOLD_MESSAGE, FATE_KEPT},
		{FAULT_DELAY_MESSAGE, FATE_KEPT},
		{FAULT_REORDER_MESSAGE, FATE_KEPT},
		{FAULT_DUPLICATE_MESSAGE, FATE_TWICE},
	};
	bool room = bus->faults.count < VMBUS_KEPT_MAX;

	if (!any_fault(bus))
		return FATE_GOES_ON;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (rows[i].fate != FATE_DROPPED && !room)
			continue;
		if (fault_hit(&bus->vm->faults, rows[i].kind, place, ret_effect)) {
			*ret_kind = rows[i].kind;
			return rows[i].fate;
		}
	}
	return FATE_GOES_ON;
}

/* Without memory the fault keeps nothing, and knows it. */
static struct kept_message *keep_for(struct vmbus *bus, enum fault_direction direction,
	enum fault_kind kind, const struct fault_effect *effect)
{
	struct kept_message *kept = keep(bus, direction);

	if (!kept) {
		fault_let_go(&bus->vm->faults, effect->id);
		return NULL;
	}
	kept->fault = effect->id;
	kept->until = kind == FAULT_REORDER_MESSAGE ? UNTIL_NEXT : UNTIL_FAULT_ENDS;
	if (kind != FAULT_HOLD_MESSAGE)
		kept->due_ns = now_ns(bus) + effect->delay_ns;
	arm(bus);
	return kept;
}

static struct fault_place place_of(
	uint32_t relid, const void *payload, size_t size, enum fault_direction direction)
{
	const struct vmbus_message_header *header = payload;

	return (struct fault_place){
		.relid = relid,
		.vp = FAULT_ANY,
		.sint = FAULT_ANY,
		.message = size >= sizeof(*header) ? header->type : VMBUS_MSG_INVALID,
		.direction = direction,
	};
}

/* ---- to the guest -------------------- */

static void send_copy(struct vmbus *bus, const struct vmbus_out_message *out)
{
	struct vmbus_out_message *copy = malloc(sizeof(*copy));

	if (!copy)
		return;
	*copy = *out;
	copy->sent = NULL; /* the first one has told that it was sent */
	outgoing_add(bus, copy);
}

static void let_by_out(struct vmbus *bus, struct vmbus_out_message *out)
{
	outgoing_add(bus, out);
	if (!TAILQ_EMPTY(&bus->faults.kept))
		go_on_if(bus, waits_for_next, FAULT_OUT);
}

void message_faults_out(struct vmbus *bus, struct vmbus_out_message *out)
{
	struct fault_place place = place_of(out->relid, out->payload, out->size, FAULT_OUT);
	struct kept_message *kept = NULL;
	struct fault_effect effect;
	enum fault_kind kind;

	switch (decide(bus, &place, &kind, &effect)) {
	case FATE_DROPPED:
		free(out);
		return;
	case FATE_KEPT:
		kept = keep_for(bus, FAULT_OUT, kind, &effect);
		break;
	case FATE_TWICE:
		send_copy(bus, out);
		break;
	case FATE_GOES_ON:
		break;
	}
	if (kept)
		kept->out = out;
	else
		let_by_out(bus, out);
}

/* ---- from the guest -------------------- */

/* What waits for the next message comes after it, and has its turn before the one after that. */
static void let_by_in(struct vmbus *bus, const struct vmbus_in_message *message)
{
	vmbus_dispatch(bus, message->payload, message->size);
	if (!TAILQ_EMPTY(&bus->faults.kept))
		go_on_if(bus, waits_for_next, FAULT_IN);
}

static void add_copy(struct vmbus *bus, const struct vmbus_in_message *message)
{
	struct kept_message *copy = keep(bus, FAULT_IN);

	if (!copy)
		return;
	copy->in = *message;
	copy->until = UNTIL_TURN;
}

void message_faults_in(struct vmbus *bus, const struct vmbus_in_message *message)
{
	uint32_t relid = any_fault(bus) ? vmbus_message_relid(bus, message->payload, message->size)
					: 0;
	struct fault_place place = place_of(relid, message->payload, message->size, FAULT_IN);
	struct kept_message *kept = NULL;
	struct fault_effect effect;
	enum fault_kind kind;

	switch (decide(bus, &place, &kind, &effect)) {
	case FATE_DROPPED:
		return;
	case FATE_KEPT:
		kept = keep_for(bus, FAULT_IN, kind, &effect);
		break;
	case FATE_TWICE:
		add_copy(bus, message);
		break;
	case FATE_GOES_ON:
		break;
	}
	if (kept)
		kept->in = *message;
	else
		let_by_in(bus, message);
}

bool message_faults_resume_in(struct vmbus *bus)
{
	struct vmbus_in_message message;
	struct kept_message *kept;

	TAILQ_FOREACH (kept, &bus->faults.kept, link) {
		if (kept->until == UNTIL_TURN)
			break;
	}
	if (!kept)
		return false;
	message = kept->in;
	forget(bus, kept);
	vmbus_dispatch(bus, message.payload, message.size);
	return true;
}

/* ---- life -------------------- */

void message_faults_flush(struct vmbus *bus)
{
	while (!TAILQ_EMPTY(&bus->faults.kept))
		forget(bus, TAILQ_FIRST(&bus->faults.kept));
}

int message_faults_init(struct vmbus *bus)
{
	int r = loop_timer_new(bus->vm->loop, message_faults_tick, bus, &bus->faults.timer);

	TAILQ_INIT(&bus->faults.kept);
	if (r < 0)
		return r;
	bus->faults.listener.ended = on_fault_ended;
	faults_listen(&bus->vm->faults, &bus->faults.listener);
	return 0;
}

void message_faults_deinit(struct vmbus *bus)
{
	message_faults_flush(bus);
	if (bus->faults.listener.ended)
		faults_unlisten(&bus->vm->faults, &bus->faults.listener);
	bus->faults.timer = loop_timer_free(bus->faults.timer);
}
