/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "echo_peer.h"

#include <errno.h>
#include <string.h>

enum { PACKETS_AT_ONCE = 64, FIRST_BYTE = 0x5a };

const struct misbehaviour_desc misbehaviour_desc[MISBEHAVIOURS_END] = {
#define MISBEHAVIOUR_DESC(id, word, text, breaks) \
	[MISBEHAVES_##id] = {.name = (word), .help = (text), .fails = (breaks)},
	MISBEHAVIOURS(MISBEHAVIOUR_DESC)
#undef MISBEHAVIOUR_DESC
};

enum misbehaviour echo_peer_misbehaviour(const char *name)
{
	for (unsigned i = BEHAVES + 1; i < MISBEHAVIOURS_END; i++) {
		if (strcmp(misbehaviour_desc[i].name, name) == 0)
			return (enum misbehaviour)i;
	}
	return BEHAVES;
}

int echo_peer_init(struct echo_peer *peer, uint8_t **pages, uint32_t page_count,
	void (*signal)(void *arg), void *arg)
{
	int r = ring_init_writer(&peer->out, pages, page_count);

	if (r == 0)
		r = ring_init_reader(&peer->in, pages + page_count, page_count);
	peer->signal = signal;
	peer->arg = arg;
	return r;
}

static void tell_host(struct echo_peer *peer)
{
	if (peer->mute)
		return;
	peer->signals++;
	peer->signal(peer->arg);
}

/* ---- breaking the rules -------------------- */

/* Eight bytes of the ring to the host; a multiple of eight never straddles a page. */
static void poke(struct echo_peer *peer, uint32_t index, uint64_t value)
{
	index %= peer->out.size;
	memcpy(peer->out.data[index / VMBUS_PAGE_SIZE] + index % VMBUS_PAGE_SIZE, &value,
		sizeof(value));
}

static void set_write_index(struct echo_peer *peer, uint32_t index)
{
	__atomic_store_n(&peer->out.control->write_index, index, __ATOMIC_RELEASE);
	tell_host(peer);
}

/* A packet without a payload whose lengths are what one likes. */
static void send_header(struct echo_peer *peer, uint16_t offset8, uint16_t length8)
{
	const uint64_t lengths = VMBUS_PACKET_DATA_INBAND | (uint64_t)offset8 << 16 |
				 (uint64_t)length8 << 32;
	uint32_t index = peer->out.index;

	poke(peer, index, lengths);
	poke(peer, index + 8, 0);
	poke(peer, index + 16, (uint64_t)index << 32);
	set_write_index(peer, (index + 24) % peer->out.size);
}

static int send_payload(struct echo_peer *peer, uint64_t transaction_id, size_t size)
{
	const struct iovec iov = {peer->packet, size};
	bool signal = false;
	int r = ring_write(
		&peer->out, VMBUS_PACKET_DATA_INBAND, 0, transaction_id, &iov, 1, 0, &signal);

	/* Whether the host has seen the ring empty cannot be told from what stands there now. */
	signal |= peer->begun && peer->how == MISBEHAVES_HOST_INDEX;
	if (r == 0 && signal)
		tell_host(peer);
	return r;
}

/* When there is no room for it, it has still to happen. */
static void send_large(struct echo_peer *peer)
{
	static uint8_t bytes[VMBUS_ECHO_SIZE_MAX + 256];
	const struct iovec iov = {bytes, sizeof(bytes)};
	bool signal;

	peer->begun = ring_write(&peer->out, VMBUS_PACKET_DATA_INBAND, 0, 0, &iov, 1, 0, &signal) ==
		      0;
	tell_host(peer);
}

/* A writer that can never be satisfied. */
static void want_too_much(struct echo_peer *peer)
{
	__atomic_store_n(&peer->out.control->pending_send_sz, peer->out.size - 1, __ATOMIC_RELEASE);
}

static void spoil_read_index(struct echo_peer *peer)
{
	__atomic_store_n(&peer->in.control->read_index, peer->in.size + 8, __ATOMIC_RELEASE);
}

/* `peer->packet` is the answer that was sent. */
static void break_rules(struct echo_peer *peer)
{
	uint32_t size = peer->out.size;
	struct vmbus_echo_header header;

	switch (peer->how) {
	case MISBEHAVES_FREEZE:
		peer->frozen = true;
		return;
	case MISBEHAVES_MASK:
		peer->dozing = true;
		return;
	case MISBEHAVES_NO_SIGNAL:
		peer->mute = true;
		return;
	case MISBEHAVES_FLOOD_SIGNAL:
		peer->flooding = true;
		return;
	case MISBEHAVES_CLOSE:
		peer->closing = true;
		return;
	case MISBEHAVES_HOST_INDEX:
		peer->host_index = __atomic_exchange_n(
			&peer->out.control->read_index, size + 16, __ATOMIC_ACQ_REL);
		return;
	case MISBEHAVES_NONSENSE:
		send_header(peer, 2, 2);
		peer->out.index = (peer->out.index + 24) % size;
		return;
	case MISBEHAVES_BAD_INDEX:
		set_write_index(peer, size + 8);
		return;
	case MISBEHAVES_UNALIGNED:
		set_write_index(peer, (peer->out.index + 36) % size);
		return;
	case MISBEHAVES_BAD_PACKET:
		send_header(peer, 1, 2);
		return;
	case MISBEHAVES_BAD_SIZE:
		send_header(peer, 2, UINT16_MAX);
		return;
	case MISBEHAVES_LARGE:
		send_large(peer);
		return;
	case MISBEHAVES_DUPLICATE:
		memcpy(&header, peer->packet, sizeof(header));
		peer->begun = send_payload(peer, header.sequence, header.size) == 0;
		return;
	case MISBEHAVES_PENDING:
	case MISBEHAVES_BAD_READ_INDEX:
	case MISBEHAVES_CORRUPT:
	case MISBEHAVES_DROP:
	case BEHAVES:
	case MISBEHAVIOURS_END:
		return;
	}
}

/* The packet with which it begins. */
static bool is_time(const struct echo_peer *peer)
{
	return peer->how != BEHAVES && !peer->begun && peer->echoed >= peer->after;
}

/* ---- sending back -------------------- */

/* As it came, or as misbehaviour has it. */
static int answer(struct echo_peer *peer, struct vmbus_echo_header header)
{
	bool wrong = is_time(peer);
	int r = 0;

	header.kind = VMBUS_ECHO_REPLY;
	memcpy(peer->packet, &header, sizeof(header));
	if (wrong && peer->how == MISBEHAVES_CORRUPT)
		peer->packet[header.size - 1] ^= 1;
	if (!wrong || peer->how != MISBEHAVES_DROP)
		r = send_payload(peer, header.sequence, header.size);
	if (r < 0)
		return r;
	peer->echoed++;
	peer->due = wrong;
	return 0;
}

/* What we asked for came back: byte by byte the number of the packet. */
static void check_reply(struct echo_peer *peer, const struct vmbus_echo_header *header)
{
	bool right = header->sequence == peer->ask.received + peer->ask.wrong &&
		     header->size == peer->ask.size;

	for (uint32_t i = sizeof(*header); right && i < header->size; i++)
		right = peer->packet[i] == (uint8_t)(FIRST_BYTE + header->sequence);
	if (right && peer->now_ns)
		histogram_add(&peer->ask.round_trips,
			peer->now_ns() -
				peer->ask.sent_ns[header->sequence % ECHO_PEER_WINDOW_MAX]);
	peer->ask.received += right;
	peer->ask.wrong += !right;
}

static int on_packet(struct echo_peer *peer, const struct ring_packet *packet)
{
	struct vmbus_echo_header header = {0};

	if (packet->payload_bytes >= sizeof(header))
		memcpy(&header, peer->packet, sizeof(header));
	if (header.magic != VMBUS_ECHO_MAGIC || header.size > packet->payload_bytes)
		return 0;
	if (header.kind == VMBUS_ECHO_REQUEST)
		return answer(peer, header);
	check_reply(peer, &header);
	return 0;
}

/* What the ring's functions have put right meanwhile is spoilt anew. */
static void misbehave(struct echo_peer *peer)
{
	if (peer->due) {
		peer->begun = true;
		break_rules(peer);
	}
	peer->due = false;
	if (!peer->begun)
		return;
	if (peer->how == MISBEHAVES_PENDING)
		want_too_much(peer);
	else if (peer->how == MISBEHAVES_BAD_READ_INDEX)
		spoil_read_index(peer); /* the host looks at it when it sends the next packet */
	else if (misbehaviour_desc[peer->how].fails)
		peer->frozen = true;
}

/* -EAGAIN: nothing is there, or there is no room to answer. */
static int next_packet(struct echo_peer *peer)
{
	struct ring_packet packet;
	bool signal = false;
	int r = ring_peek(&peer->in, peer->packet, sizeof(peer->packet), &packet);

	if (r < 0)
		return r;
	r = on_packet(peer, &packet);
	peer->blocked = r < 0;
	if (r == 0)
		r = ring_consume(&peer->in, &signal);
	if (r == 0 && signal)
		tell_host(peer);
	misbehave(peer);
	return r;
}

/* ---- asking -------------------- */

static int ask_next(struct echo_peer *peer)
{
	const struct vmbus_echo_header header = {
		.magic = VMBUS_ECHO_MAGIC,
		.kind = VMBUS_ECHO_REQUEST,
		.size = peer->ask.size,
		.sequence = peer->ask.sent,
	};
	int r;

	memset(peer->packet, (uint8_t)(FIRST_BYTE + peer->ask.sent), peer->ask.size);
	memcpy(peer->packet, &header, sizeof(header));
	if (peer->now_ns)
		peer->ask.sent_ns[peer->ask.sent % ECHO_PEER_WINDOW_MAX] = peer->now_ns();
	r = send_payload(peer, peer->ask.sent, peer->ask.size);
	peer->ask.sent += r == 0;
	return r;
}

static void ask(struct echo_peer *peer)
{
	for (unsigned i = 0;
		i < PACKETS_AT_ONCE && peer->ask.sent < peer->ask.count &&
		peer->ask.sent - peer->ask.received - peer->ask.wrong < peer->ask.window;
		i++) {
		if (ask_next(peer) < 0)
			return;
	}
}

/* ---- turns -------------------- */

static enum echo_peer_next go_to_sleep(struct echo_peer *peer)
{
	bool dozing = peer->dozing;

	peer->dozing = false;
	if (dozing || peer->blocked)
		return ECHO_PEER_SLEEP;
	return ring_reader_idle(&peer->in) ? ECHO_PEER_AGAIN : ECHO_PEER_SLEEP;
}

static bool goes_on(const struct echo_peer *peer)
{
	return !peer->closing && !peer->frozen && !peer->dozing;
}

enum echo_peer_next echo_peer_turn(struct echo_peer *peer)
{
	int r = 0;

	if (peer->flooding)
		tell_host(peer);
	if (peer->frozen)
		return ECHO_PEER_SLEEP;
	ring_mask(&peer->in);
	for (unsigned i = 0; i < PACKETS_AT_ONCE && r == 0 && goes_on(peer); i++)
		r = next_packet(peer);
	if (peer->closing)
		return ECHO_PEER_CLOSE;
	ask(peer);
	/* We need it ourselves; the host may never write it again. */
	if (r == -EPROTO && peer->how == MISBEHAVES_HOST_INDEX)
		__atomic_store_n(
			&peer->out.control->read_index, peer->host_index, __ATOMIC_RELEASE);
	if ((r == 0 && goes_on(peer)) || r == -EPROTO)
		return ECHO_PEER_AGAIN;
	return go_to_sleep(peer);
}
