/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A run of the device echo. Packets are numbered from 0:
 *
 *	0 ... settled ... sent ... count
 *	      └─ window ──┘
 *
 * Those below `settled` are answered or given up; those from there to `sent` may be either, each
 * for itself, or still be out. A packet's bytes follow from its number, so that one in another's
 * place shows.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "vmbus/echo.h"
#include "vmbus/internal.h"
#include "vmm/event.h"

static uint64_t now_ns(const struct echo *echo)
{
	return clock_now_ns(echo->bus->vm->clock);
}

static void record(const struct echo *echo)
{
	hv_record(echo->bus->vm->recorder, HV_EVENT_ECHO, RECORD_NO_VP, 0, RECORD_NO_SINT,
		echo->channel->relid, echo->outcome, echo->sent, echo->received, echo->lost);
}

static struct echo_packet *packet_at(struct echo *echo, uint64_t sequence)
{
	return &echo->window[sequence % ECHO_WINDOW_MAX];
}

/* What a packet carries behind its header. */
static const uint8_t *body_of(const struct echo *echo, uint64_t sequence)
{
	return echo->pattern + sequence % (ECHO_PATTERN_BYTES - VMBUS_ECHO_SIZE_MAX);
}

static size_t body_bytes(const struct echo *echo)
{
	return echo->run.size - sizeof(struct vmbus_echo_header);
}

/* ---- beginning and end -------------------- */

static void fill_pattern(struct echo *echo)
{
	uint64_t random = 88172645463325252u + echo->number;

	for (size_t i = 0; i < sizeof(echo->pattern); i++) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		echo->pattern[i] = (uint8_t)random;
	}
}

/* What had been asked for when the ring was full is not wanted any more. */
void echo_run_end(struct echo *echo, enum echo_outcome outcome)
{
	if (echo->state != ECHO_RUNNING)
		return;
	echo->outcome = outcome;
	echo->ended_ns = now_ns(echo);
	ring_writer_idle(vmbus_channel_out(echo->channel));
	loop_timer_arm(echo->timer, 0);
	echo_set_state(echo, ECHO_IDLE);
	record(echo);
}

static void begin(struct echo *echo, const struct echo_run *run)
{
	echo->run = *run;
	echo->number++;
	echo->outcome = ECHO_PENDING;
	echo->started_ns = echo->heard_ns = now_ns(echo);
	echo->sent = echo->received = echo->corrupted = echo->lost = 0;
	echo->settled = echo->overtaken = echo->duplicated = 0;
	echo->problem[0] = '\0';
	memset(&echo->round_trips, 0, sizeof(echo->round_trips));
	fill_pattern(echo);
	echo_set_state(echo, ECHO_RUNNING);
	record(echo);
	loop_timer_arm(echo->timer, echo->heard_ns + run->patience_ns);
	loop_defer(echo->bus->vm->loop, &echo->channel->signalled_work);
}

static void end_if_complete(struct echo *echo)
{
	if (echo->settled == echo->run.count)
		echo_run_end(echo, ECHO_COMPLETE);
}

/* ---- to the guest -------------------- */

static int send_next(struct echo *echo)
{
	struct vmbus_echo_header header = {
		.magic = VMBUS_ECHO_MAGIC,
		.kind = VMBUS_ECHO_REQUEST,
		.size = echo->run.size,
		.run = echo->number,
		.sequence = echo->sent,
	};
	const struct iovec iov[] = {
		{&header, sizeof(header)},
		{(void *)body_of(echo, echo->sent), body_bytes(echo)},
	};
	struct echo_packet packet = {.sent_ns = now_ns(echo)};
	int r = vmbus_channel_send(echo->channel, echo->sent, false, iov, ARRAY_LEN(iov));

	if (r < 0)
		return r;
	*packet_at(echo, echo->sent) = packet;
	echo->sent++;
	return 0;
}

static bool may_send(const struct echo *echo)
{
	return echo->state == ECHO_RUNNING && echo->sent < echo->run.count &&
	       echo->sent - echo->settled < echo->run.window;
}

bool echo_run_send(struct echo *echo)
{
	for (unsigned i = 0; i < ECHO_PACKETS_AT_ONCE && may_send(echo); i++) {
		if (send_next(echo) < 0)
			return false; /* no room: the guest signals when there is */
	}
	return may_send(echo);
}

/* ---- from the guest -------------------- */

/* Moves on past what has been accounted for. */
static void settle(struct echo *echo, uint64_t sequence)
{
	packet_at(echo, sequence)->settled = true;
	while (echo->settled < echo->sent && packet_at(echo, echo->settled)->settled)
		echo->settled++;
	end_if_complete(echo);
}

static bool is_intact(
	const struct echo *echo, const struct vmbus_echo_header *header, const uint8_t *payload)
{
	return header->size == echo->run.size &&
	       memcmp(payload + sizeof(*header), body_of(echo, header->sequence),
		       body_bytes(echo)) == 0;
}

static void on_answer(
	struct echo *echo, const struct vmbus_echo_header *header, const uint8_t *payload)
{
	uint64_t now = now_ns(echo);

	if (is_intact(echo, header, payload)) {
		echo->received++;
		echo->heard_ns = now;
		histogram_add(&echo->round_trips, now - packet_at(echo, header->sequence)->sent_ns);
	} else {
		echo->corrupted++;
		snprintf(echo->problem, sizeof(echo->problem),
			"packet %llu came back with other bytes",
			(unsigned long long)header->sequence);
	}
	echo->overtaken = MAX(echo->overtaken, header->sequence);
	settle(echo, header->sequence);
}

void echo_run_reply(
	struct echo *echo, const struct vmbus_echo_header *header, const uint8_t *payload)
{
	if (echo->state != ECHO_RUNNING || header->run != echo->number ||
		header->sequence >= echo->sent)
		echo->stray++;
	else if (header->sequence < echo->settled || packet_at(echo, header->sequence)->settled)
		echo->duplicated++;
	else
		on_answer(echo, header, payload);
}

/* ---- time -------------------- */

static bool is_over(const struct echo *echo, uint64_t since_ns)
{
	return now_ns(echo) - since_ns >= echo->run.patience_ns;
}

/* Nothing came back for so long that nothing will. What is out is lost. */
static void stall(struct echo *echo)
{
	for (uint64_t i = echo->settled; i < echo->sent; i++)
		echo->lost += !packet_at(echo, i)->settled;
	snprintf(echo->problem, sizeof(echo->problem), "nothing came back any more");
	echo_run_end(echo, ECHO_STALLED);
}

/* Those that others have overtaken. Whether there were any. */
static bool give_up_the_oldest(struct echo *echo)
{
	uint64_t lost = echo->lost;

	while (echo->state == ECHO_RUNNING && echo->settled < echo->overtaken &&
		is_over(echo, packet_at(echo, echo->settled)->sent_ns)) {
		echo->lost++;
		settle(echo, echo->settled);
	}
	return echo->lost > lost;
}

static void wait_for_answers(struct echo *echo)
{
	uint64_t since_ns = echo->heard_ns;

	if (echo->settled < echo->overtaken)
		since_ns = MIN(since_ns, packet_at(echo, echo->settled)->sent_ns);
	loop_timer_arm(echo->timer, since_ns + echo->run.patience_ns);
}

/*
 * A packet that was given up may have held up the rest: the window was full, and the guest could
 * not answer what was not sent. The guest's ring is not looked at: an answer that nobody signalled
 * shows as one that did not come.
 */
static void look_at_time(struct echo *echo)
{
	if (give_up_the_oldest(echo))
		echo->heard_ns = now_ns(echo);
	if (echo->state == ECHO_RUNNING && is_over(echo, echo->heard_ns))
		stall(echo);
	if (echo->state != ECHO_RUNNING)
		return;
	wait_for_answers(echo);
	if (echo_run_send(echo))
		loop_defer(echo->bus->vm->loop, &echo->channel->signalled_work);
}

void echo_tick(void *arg)
{
	struct echo *echo = arg;
	struct vmbus *bus = echo->bus;

	vmbus_lock(bus);
	if (echo->state == ECHO_RUNNING)
		look_at_time(echo);
	vmbus_unlock(bus);
}

/* ---- for clients -------------------- */

static int find(struct vmbus *bus, uint32_t relid, struct echo **ret_echo)
{
	struct echo *echo = echo_after(bus, relid ? relid - 1 : 0);

	if (!echo || (relid && echo->channel->relid != relid))
		return -ENOENT;
	if (!relid && echo_after(bus, echo->channel->relid))
		return ECHO_E_SEVERAL;
	*ret_echo = echo;
	return 0;
}

static int check_run(const struct echo *echo, const struct echo_run *run)
{
	size_t whole = sizeof(struct vmbus_packet_header) + (run->size + 7) / 8 * 8 +
		       VMBUS_PACKET_TRAILER_BYTES;

	if (echo->state == ECHO_CLOSED)
		return ECHO_E_CLOSED;
	if (echo->state == ECHO_RUNNING)
		return ECHO_E_BUSY;
	return whole < vmbus_channel_out(echo->channel)->size ? 0 : ECHO_E_SIZE;
}

int echo_start(struct vmbus *bus, uint32_t relid, const struct echo_run *run, uint32_t *ret_relid)
{
	struct echo *echo;
	int r;

	vmbus_lock(bus);
	r = find(bus, relid, &echo);
	if (r == 0)
		r = check_run(echo, run);
	if (r == 0) {
		begin(echo, run);
		*ret_relid = echo->channel->relid;
	}
	vmbus_unlock(bus);
	return r;
}

int echo_stop(struct vmbus *bus, uint32_t relid, uint32_t *ret_relid)
{
	struct echo *echo;
	int r;

	vmbus_lock(bus);
	r = find(bus, relid, &echo);
	if (r == 0) {
		echo_run_end(echo, ECHO_STOPPED);
		*ret_relid = echo->channel->relid;
	}
	vmbus_unlock(bus);
	return r;
}
