/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rings and signals: D9-D12, D21, D27, D35 and D40.
 */
#include <inttypes.h>
#include <stdio.h>
#include "doctor/rules.h"
#include "vmbus/states.h"

enum {
	UNIT = 8,
	MONITOR_NS = 10 * 1000000,
	/* Signals that are certainly too many, and how many more than packets they are then. */
	SIGNALS_MANY = 1000,
	SIGNALS_PER_PACKET = 8,
};

static bool is_open(const struct look *look)
{
	return channel_stays(look, CHANNEL_OPEN);
}

/*
 * Something is there to read, and nothing of it was read: the place is the same, and the writer has
 * not come round to it either.
 */
static bool unread(const struct doctor_ring *now, const struct doctor_ring *then)
{
	return now->present && then->present && now->used_bytes > 0 && then->used_bytes > 0 &&
	       now->read_index == then->read_index && now->bytes - then->bytes < now->size_bytes;
}

static void shows_ring(struct look *look, unsigned n)
{
	const struct doctor_ring *ring = n == 0 ? &look->channel->to_host
						: &look->channel->to_guest;
	char field[32];

	subject(look, "channels/%u/rings/%u", look->channel->relid, n);
#define SHOWS_WORD(leaf, member)                                             \
	do {                                                                 \
		snprintf(field, sizeof(field), "rings/%u/" leaf, n);         \
		shows_channel(look, field, DOCTOR_NONE, "%u", ring->member); \
	} while (0)
	SHOWS_WORD("read_avail", used_bytes);
	SHOWS_WORD("read_index", read_index);
	SHOWS_WORD("write_index", write_index);
	SHOWS_WORD("intr_mask", intr_mask);
	SHOWS_WORD("pending_send_sz", pending_send_sz);
#undef SHOWS_WORD
}

static void unstick(struct look *look)
{
	remedy(look, "hvctl channels unstick %u", look->channel->relid);
}

/* ---- host to guest --------------------------------------------------------------------------- */

/* What has a rule of its own: D18, D31. */
static bool is_excused(const struct look *look)
{
	const struct doctor_ic *ic = doctor_find_ic_of(look->now, look->channel->relid);

	if (!ic)
		return false;
	return ic->state == IC_NO_DAEMON || (ic->needs_daemon && ic->state == IC_NEGOTIATING) ||
	       (ic->lock_step && ic->pipelined > 0);
}

static bool guest_does_not_read(const struct look *look)
{
	return is_open(look) && unread(&look->channel->to_guest, &look->channel_then->to_guest) &&
	       !look->channel->event_flag && apart(look, look->limits->stuck_ns) &&
	       !is_excused(look);
}

/* The program behind a socket of hv_sock reads when it likes to. */
bool check_swallowed_event(struct look *look)
{
	const struct doctor_channel *channel = look->channel;
	char text[DURATION_BYTES];

	if (!guest_does_not_read(look) || channel->is_hvsock || channel->to_guest.intr_mask ||
		channel->wakes_since_write > 0)
		return false;
	diagnose(look,
		"%u bytes of channel %u wait for the guest, which took the event %s ago and "
		"did not read them",
		channel->to_guest.used_bytes, channel->relid,
		duration(channel->signal_out_age_ns, text));
	shows_ring(look, 1);
	shows_channel(
		look, "signals_out", channel->signal_out_age_ns, "%" PRIu64, channel->signals_out);
	shows_channel(look, "event_flag", DOCTOR_NONE, "false");
	unstick(look);
	return true;
}

static bool socket_is_read_slowly(struct look *look)
{
	return look->channel->is_hvsock &&
	       !lasts(look, look->channel->write_age_ns, look->limits->driver_ns);
}

bool check_dead_reader(struct look *look)
{
	const struct doctor_channel *channel = look->channel;
	bool masked = channel->to_guest.intr_mask;

	if (!guest_does_not_read(look) || socket_is_read_slowly(look) ||
		(!channel->is_hvsock && !masked && channel->wakes_since_write == 0))
		return false;
	if (channel->is_hvsock) {
		severity(look, DOCTOR_INFO);
		advise(look, "the program of the guest that has this socket does not read from it: "
			     "look there");
	}
	diagnose(look, "the guest does not read %u bytes of channel %u%s",
		channel->to_guest.used_bytes, channel->relid,
		masked ? ", and has its interrupt masked" : ", though it was woken for them");
	shows_ring(look, 1);
	shows_channel(
		look, "signals_out", channel->signal_out_age_ns, "%" PRIu64, channel->signals_out);
	shows_channel(look, "wakes_since_write", channel->write_age_ns, "%" PRIu64,
		channel->wakes_since_write);
	if (!channel->is_hvsock)
		remedy(look, "hvctl channels rescind %u --force", channel->relid);
	return true;
}

/* ---- room ------------------------------------------------------------------------------------ */

static uint32_t wanted(const struct doctor_ring *ring)
{
	return ring->pending_send_sz & ~(UNIT - 1u);
}

/* There is the room that was asked for, and nothing has moved. */
static bool room_unnoticed(const struct doctor_ring *now, const struct doctor_ring *then)
{
	return now->present && then->present && wanted(now) != 0 && wanted(then) == wanted(now) &&
	       wanted(now) <= now->size_bytes - UNIT &&
	       now->size_bytes - now->used_bytes >= wanted(now) &&
	       then->size_bytes - then->used_bytes >= wanted(now) &&
	       now->read_index == then->read_index && now->write_index == then->write_index &&
	       now->bytes == then->bytes;
}

static bool guest_waits_for_room(const struct look *look)
{
	return !look->channel->is_hvsock &&
	       room_unnoticed(&look->channel->to_host, &look->channel_then->to_host) &&
	       look->channel->signals_out == look->channel_then->signals_out;
}

static bool host_waits_for_room(const struct look *look)
{
	return look->channel->to_guest.host_waits && look->channel_then->to_guest.host_waits &&
	       room_unnoticed(&look->channel->to_guest, &look->channel_then->to_guest) &&
	       look->channel->signals_in == look->channel_then->signals_in;
}

bool check_lost_space(struct look *look)
{
	const struct doctor_channel *channel = look->channel;
	bool guest = is_open(look) && guest_waits_for_room(look);
	bool host = is_open(look) && host_waits_for_room(look);
	const struct doctor_ring *ring = guest ? &channel->to_host : &channel->to_guest;

	if ((!guest && !host) || !apart(look, look->limits->stuck_ns))
		return false;
	diagnose(look, "the %s waits for %u bytes of room in channel %u, and %u are free",
		guest ? "guest" : "host", wanted(ring), channel->relid,
		ring->size_bytes - ring->used_bytes);
	shows_ring(look, guest ? 0 : 1);
	shows_channel(look, guest ? "signals_out" : "signals_in",
		guest ? channel->signal_out_age_ns : channel->signal_in_age_ns, "%" PRIu64,
		guest ? channel->signals_out : channel->signals_in);
	if (guest)
		unstick(look);
	else
		remedy(look, "hvctl channels unstick %u --force", channel->relid);
	return true;
}

/* ---- guest to host --------------------------------------------------------------------------- */

bool check_host_reader(struct look *look)
{
	const struct doctor_channel *now = look->channel, *then = look->channel_then;
	bool masked = now->to_host.intr_mask;

	if (!is_open(look) || !unread(&now->to_host, &then->to_host) ||
		now->to_host.packets != then->to_host.packets || now->to_host.host_waits ||
		then->to_host.host_waits || !apart(look, look->limits->stuck_ns))
		return false;
	if (masked)
		diagnose(look,
			"hvd does not read %u bytes of channel %u and left its interrupt "
			"masked",
			now->to_host.used_bytes, now->relid);
	else if (now->signals_in == then->signals_in)
		diagnose(look, "%u bytes of channel %u wait for hvd, which was not signalled",
			now->to_host.used_bytes, now->relid);
	else
		diagnose(look, "hvd is signalled and does not read %u bytes of channel %u",
			now->to_host.used_bytes, now->relid);
	shows_ring(look, 0);
	shows_channel(look, "signals_in", now->signal_in_age_ns, "%" PRIu64, now->signals_in);
	unstick(look);
	return true;
}

static bool monitor_bit(const struct doctor_sample *sample, uint32_t id)
{
	uint64_t word = id < 64 ? sample->machine.monitor_pending_low
				: sample->machine.monitor_pending_high;

	return word >> (id % 64) & 1;
}

bool check_monitor(struct look *look)
{
	const struct doctor_channel *channel = look->channel;

	if (channel->monitor_id >= 128 || !is_open(look) || !apart(look, MONITOR_NS) ||
		!monitor_bit(look->now, channel->monitor_id) ||
		!monitor_bit(look->then, channel->monitor_id) ||
		channel->signals_in != look->channel_then->signals_in)
		return false;
	diagnose(look, "the guest has set monitor bit %u for channel %u, and nobody takes it",
		channel->monitor_id, channel->relid);
	shows_channel(look, "monitor_id", DOCTOR_NONE, "%u", channel->monitor_id);
	shows(look, "machine/monitor_polls", look->machine->monitor_poll_age_ns,
		"%" PRIu64 ", %" PRIu64 " of them new", look->machine->monitor_polls,
		look->machine->monitor_polls - look->machine_then->monitor_polls);
	shows_channel(
		look, "signals_in", channel->signal_in_age_ns, "%" PRIu64, channel->signals_in);
	unstick(look);
	return true;
}

bool check_needless_signals(struct look *look)
{
	const struct doctor_channel *now = look->channel, *then = look->channel_then;
	uint64_t signals = now->signals_in - then->signals_in;
	uint64_t packets = now->to_host.packets - then->to_host.packets + now->to_guest.packets -
			   then->to_guest.packets;
	double seconds = (double)look->interval_ns / 1e9;

	if (!is_open(look) || (double)signals < SIGNALS_MANY * seconds ||
		signals < SIGNALS_PER_PACKET * (packets + 1))
		return false;
	diagnose(look, "the guest signals channel %u %.0f times a second for %.0f packets",
		now->relid, (double)signals / seconds, (double)packets / seconds);
	shows_channel(look, "signals_in", now->signal_in_age_ns, "%" PRIu64 ", %" PRIu64 " new",
		now->signals_in, signals);
	shows_channel(look, "rings/0/packets", DOCTOR_NONE, "%" PRIu64, now->to_host.packets);
	shows_channel(look, "rings/0/intr_mask", DOCTOR_NONE, "%u", now->to_host.intr_mask);
	return true;
}

/* ---- rings that make no sense ---------------------------------------------------------------- */

/*
 * The invariant that does not hold; none32: all do. Those of the packets count of a ring that stands
 * still.
 */
static uint32_t broken(const struct doctor_ring *now, const struct doctor_ring *then)
{
	bool of_packets = now->broken == RING_R3 || now->broken == RING_R4;
	bool still = now->read_index == then->read_index && now->write_index == then->write_index &&
		     now->broken == then->broken;

	if (!now->present || !then->present || (of_packets && !still))
		return DOCTOR_NONE32;
	return now->broken;
}

bool check_broken_ring(struct look *look)
{
	const struct doctor_channel *now = look->channel, *then = look->channel_then;
	uint32_t to_host = broken(&now->to_host, &then->to_host);
	uint32_t to_guest = broken(&now->to_guest, &then->to_guest);
	uint32_t invariant = to_host < RING_INVARIANTS ? to_host : to_guest;
	bool failed = channel_stays(look, CHANNEL_FAILED);

	if (!failed && invariant >= RING_INVARIANTS)
		return false;
	if (failed)
		diagnose(look, "the rings of channel %u are broken: %s", now->relid, now->failure);
	else
		diagnose(look, "the rings of channel %u are broken: %s: %s", now->relid,
			ring_invariant_names[invariant], ring_invariant_texts[invariant]);
	if (invariant < RING_INVARIANTS)
		shows_ring(look, to_host < RING_INVARIANTS ? 0 : 1);
	if (failed)
		shows_channel(look, "failure", now->time_in_state_ns, "%s", now->failure);
	remedy(look, "hvctl channels rescind %u --force", now->relid);
	return true;
}

bool check_oversize(struct look *look)
{
	const struct doctor_channel *channel = look->channel;

	if (channel->packet_limit_bytes == DOCTOR_NONE ||
		channel->largest_packet_bytes <= channel->packet_limit_bytes)
		return false;
	diagnose(look,
		"channel %u was sent a packet of %" PRIu64 " bytes; the guest's driver takes "
		"%" PRIu64,
		channel->relid, channel->largest_packet_bytes, channel->packet_limit_bytes);
	shows_channel(look, "largest_packet_bytes", DOCTOR_NONE, "%" PRIu64,
		channel->largest_packet_bytes);
	shows_channel(
		look, "packet_limit_bytes", DOCTOR_NONE, "%" PRIu64, channel->packet_limit_bytes);
	remedy(look, "hvctl channels rescind %u --force", channel->relid);
	return true;
}
