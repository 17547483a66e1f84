/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The devices of the bus, each with an open channel, and a guest that puts anything into their
 * rings: packets of integration components and of hv_sock, well made and not; indices, masks and
 * wishes for room; answers to what the host asked, bent. A client of the host talks through
 * hv_sock, clients ask the guest for things, time passes, and everything is looked at meanwhile.
 *
 * The input is a list of steps, a byte that says which, and a byte that says which channel:
 *
 *	0 put a packet         u16 type, u16 offset8, u16 length8, u8 payload, that many bytes
 *	1 answer the last one  u8 from where, u8 bytes, that many bytes: over a copy of the packet
 *	2 read everything      -
 *	3 write control word   u8 which, u32 value
 *	4 signal               -
 *	5 time passes          u8 in 100 ms
 *	6 close and open       -
 *	7 a client of hv_sock  u8 what: connect, write, shut down, go; u8 bytes
 *	8 a client asks        u8 request
 *	9 look at everything   -
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "fuzz.h"
#include "../unit/vmbus_guest.h"
#include "common/unix_socket.h"
#include "vmbus/hvsock.h"
#include "vmbus/ic.h"
#include "vmbus/info.h"
#include "vmbus/internal.h"
#include "vmbus/kvp.h"

_Static_assert(IC_COMPONENTS == 5, "an end for every component, and one for hv_sock");
enum { STEPS = 10, PAGES = 8, ENDS = 6, SOCK = ENDS - 1, PAYLOAD_MAX = 255 };

/* The guest's side of a channel: pages of its own, used again each time it opens. */
struct end {
	uint32_t relid; /* 0: there is none */
	uint8_t *page[PAGES];
};

struct run {
	struct vmbus_guest guest;
	struct end end[ENDS]; /* the components, and one connection of hv_sock */
	struct hvsock *sock;
	uint32_t gpadl;
	char folder[32], path[48];
	int client; /* -1: none */
	bool asking[IC_COMPONENTS];
	struct kvp_call kvp;
};

/* In the order of enum ic_component. */
static const char *const components[SOCK] = {"heartbeat", "timesync", "shutdown", "kvp", "vss"};

/* ---- the guest -------------------- */

static void drain(struct run *run)
{
	for (int i = 0; i < 64; i++) {
		fake_vm_run_loop(run->guest.fake);
		if (fake_vm_slot(run->guest.fake, 0, VMBUS_SINT)->header.type == 0)
			return;
		fake_vm_consume(run->guest.fake, 0, VMBUS_SINT);
	}
}

static void post(struct run *run, const void *message, size_t size)
{
	(void)!vmbus_guest_post_only(&run->guest, message, size);
	drain(run);
}

static uint64_t pfn_of(unsigned end, unsigned page)
{
	return GUEST_GPADL_PFN + end * PAGES + page;
}

static void open_channel(struct run *run, unsigned i)
{
	/* struct vmbus_gpadl_header with one range. */
	struct {
		struct vmbus_message_header header;
		uint32_t relid, gpadl;
		uint16_t range_buf_len, range_count;
		uint32_t byte_count, byte_offset;
		uint64_t pfn[PAGES];
	} __attribute__((packed)) gpadl = {
		.header.type = VMBUS_MSG_GPADL_HEADER,
		.relid = run->end[i].relid,
		.gpadl = ++run->gpadl,
		.range_buf_len = 8 + 8 * PAGES,
		.range_count = 1,
		.byte_count = PAGES * VMBUS_PAGE_SIZE,
	};
	const struct vmbus_open_channel open = {
		.header.type = VMBUS_MSG_OPEN_CHANNEL,
		.child_relid = run->end[i].relid,
		.open_id = run->end[i].relid,
		.ring_gpadl = run->gpadl,
		.downstream_offset = PAGES / 2,
	};

	for (unsigned page = 0; page < PAGES; page++) {
		gpadl.pfn[page] = pfn_of(i, page);
		run->end[i].page[page] = vmbus_guest_page(&run->guest, gpadl.pfn[page]);
	}
	memset(run->end[i].page[0], 0, VMBUS_PAGE_SIZE);
	memset(run->end[i].page[PAGES / 2], 0, VMBUS_PAGE_SIZE);
	run->end[i].page[0][64] = run->end[i].page[PAGES / 2][64] = 1; /* feature_bits */
	post(run, &gpadl, sizeof(gpadl));
	post(run, &open, sizeof(open));
}

static void close_channel(struct run *run, unsigned i)
{
	const struct vmbus_relid_message close = {
		.header.type = VMBUS_MSG_CLOSE_CHANNEL, .child_relid = run->end[i].relid};
	const struct vmbus_gpadl_teardown teardown = {.header.type = VMBUS_MSG_GPADL_TEARDOWN,
		.child_relid = run->end[i].relid,
		.gpadl = run->gpadl};

	post(run, &close, sizeof(close));
	post(run, &teardown, sizeof(teardown));
}

/* ---- rings -------------------- */

static struct vmbus_ring_control *control_of(struct end *end, unsigned ring)
{
	return (struct vmbus_ring_control *)(void *)end->page[ring * (PAGES / 2)];
}

enum { DATA = (PAGES / 2 - 1) * VMBUS_PAGE_SIZE };

static uint8_t *byte_at(struct end *end, unsigned ring, uint32_t offset)
{
	offset %= DATA;
	return end->page[ring * (PAGES / 2) + 1 + offset / VMBUS_PAGE_SIZE] +
	       offset % VMBUS_PAGE_SIZE;
}

/* Where the guest writes, and how far the packet reaches, is what the lengths say. */
static void put(struct end *end, const struct vmbus_packet_header *header, const uint8_t *payload,
	size_t size)
{
	struct vmbus_ring_control *control = control_of(end, 0);
	uint32_t at = control->write_index;

	for (size_t i = 0; i < sizeof(*header); i++)
		*byte_at(end, 0, at + (uint32_t)i) = ((const uint8_t *)header)[i];
	for (size_t i = 0; i < size; i++)
		*byte_at(end, 0, at + header->offset8 * 8u + (uint32_t)i) = payload[i];
	control->write_index = (at + header->length8 * 8u + VMBUS_PACKET_TRAILER_BYTES) % DATA;
}

static void put_packet(struct end *end, struct fuzz_input *input)
{
	struct vmbus_packet_header header = {
		.type = (uint16_t)fuzz_take(input, 2),
		.offset8 = (uint16_t)fuzz_take(input, 2),
		.length8 = (uint16_t)fuzz_take(input, 2),
	};
	uint8_t payload[PAYLOAD_MAX];
	size_t size = fuzz_take(input, 1);

	for (size_t i = 0; i < size; i++)
		payload[i] = (uint8_t)fuzz_take(input, 1);
	put(end, &header, payload, size);
}

/* The packet that the host wrote last, as an answer, with some of its bytes bent. */
static void answer(struct end *end, struct fuzz_input *input)
{
	uint32_t from = control_of(end, 1)->read_index;
	struct vmbus_packet_header header;
	uint8_t payload[4096];
	size_t first = fuzz_take(input, 1), count = fuzz_take(input, 1), size;

	if (from == control_of(end, 1)->write_index)
		return;
	for (size_t i = 0; i < sizeof(header); i++)
		((uint8_t *)&header)[i] = *byte_at(end, 1, from + (uint32_t)i);
	size = MIN((size_t)(header.length8 > 2 ? (header.length8 - 2) * 8u : 0), sizeof(payload));
	for (size_t i = 0; i < size; i++)
		payload[i] = *byte_at(end, 1, from + 16 + (uint32_t)i);
	payload[25] = IC_FLAG_TRANSACTION | IC_FLAG_RESPONSE;
	for (size_t i = 0; i < count; i++)
		payload[(first + i) % sizeof(payload)] = (uint8_t)fuzz_take(input, 1);
	header.offset8 = 2;
	put(end, &header, payload, size);
}

/* ---- the host's side -------------------- */

static void tick(struct run *run)
{
	for (unsigned i = 0; i < SOCK; i++) {
		struct ic *ic = ic_find(run->guest.bus, (enum ic_component)i);

		if (ic)
			ic_tick(ic);
		if (run->end[i].relid && channel_by_relid(run->guest.bus, run->end[i].relid))
			channel_recheck(channel_by_relid(run->guest.bus, run->end[i].relid));
	}
	hvsock_tick(run->sock);
	drain(run);
}

/* The guest takes the offer of a connection. */
static void accept_connection(struct run *run)
{
	struct vmbus_channel *channel;

	TAILQ_FOREACH (channel, &run->guest.bus->channels, link) {
		if (channel->offer.once && channel->state == CHANNEL_CLOSED) {
			run->end[SOCK].relid = channel->relid;
			open_channel(run, SOCK);
			return;
		}
	}
}

static void client(struct run *run, unsigned what, size_t size)
{
	static const char line[] = "CONNECT 5000\n";
	static const uint8_t bytes[256];

	switch (what % 4) {
	case 0:
		if (run->client >= 0)
			close(run->client);
		run->client = unix_connect(run->path);
		if (run->client >= 0)
			(void)!send(run->client, line, strlen(line), MSG_NOSIGNAL | MSG_DONTWAIT);
		drain(run);
		accept_connection(run);
		return;
	case 1:
		if (run->client >= 0)
			(void)!send(run->client, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
		return;
	case 2:
		if (run->client >= 0)
			shutdown(run->client, SHUT_WR);
		return;
	default:
		if (run->client >= 0)
			close(run->client);
		run->client = -1;
	}
}

static void forget_call(void *arg, const struct ic_answer *answer)
{
	*(bool *)arg = false;
}

/* A question of the component's, one at a time of key-value exchange: it owns what it fills. */
static void ask(struct run *run, unsigned component, unsigned question)
{
	static struct kvp_item items[KVP_ITEMS_MAX];
	const struct ic_question *questions = ic_components[component % IC_COMPONENTS]->questions;
	struct ic_call call = {.for_ns = NSEC_PER_SEC};

	while (call.request < question % 8 && questions[call.request + 1].name)
		call.request++;
	if (!questions[call.request].name || run->asking[component % IC_COMPONENTS])
		return;
	if (component % IC_COMPONENTS == IC_COMPONENT_KVP) {
		run->kvp = (struct kvp_call){
			.key = "key", .value = "value", .items = items, .next = KVP_COMPLETE};
		call.kvp = &run->kvp;
	}
	run->asking[component % IC_COMPONENTS] = true;
	if (ic_request(run->guest.bus, (enum ic_component)(component % IC_COMPONENTS), &call,
		    forget_call, &run->asking[component % IC_COMPONENTS]) != 0)
		run->asking[component % IC_COMPONENTS] = false;
}

static int go_on(void *arg, const uint64_t *key, const void *info)
{
	return 0;
}

static void look(struct run *run)
{
	static const struct node_class *const classes[] = {
		&ring_node_class, &unread_node_class, &consumed_node_class};

	for (uint64_t relid = 1; relid < 16; relid++) {
		for (uint64_t ring = 0; ring < 2; ring++) {
			const uint64_t key[NODE_MAX_KEYS + 1] = {relid, ring};

			for (size_t i = 0; i < ARRAY_LEN(classes); i++)
				classes[i]->list(run->guest.bus, key, 2, NULL, go_on, NULL);
		}
	}
}

/* ---- steps -------------------- */

static void run_ring_step(struct run *run, unsigned step, unsigned i, struct fuzz_input *input)
{
	struct end *end = &run->end[i];
	struct vmbus_ring_control *control;

	if (!end->relid)
		return;
	control = control_of(end, 1);
	if (step == 0)
		put_packet(end, input);
	else if (step == 1)
		answer(end, input);
	else if (step == 2)
		control->read_index = control->write_index;
	else
		((uint32_t *)(void *)end->page[(fuzz_take(input, 1) & 1) *
					       (PAGES / 2)])[fuzz_take(input, 1) % 4] = (uint32_t)
			fuzz_take(input, 4);
}

static void reopen(struct run *run, unsigned i)
{
	if (!run->end[i].relid)
		return;
	close_channel(run, i);
	open_channel(run, i);
}

static void run_step(struct run *run, struct fuzz_input *input)
{
	unsigned step = (unsigned)(fuzz_take(input, 1) % STEPS);
	unsigned i = (unsigned)(fuzz_take(input, 1) % ENDS);

	if (step < 4)
		run_ring_step(run, step, i, input);
	else if (step == 4 && run->end[i].relid)
		(void)!vmbus_guest_signal(&run->guest, run->end[i].relid);
	else if (step == 5)
		fake_vm_advance_ns(run->guest.fake, fuzz_take(input, 1) * 100 * NSEC_PER_MSEC);
	else if (step == 6)
		reopen(run, i);
	else if (step == 7)
		client(run, (unsigned)fuzz_take(input, 1), fuzz_take(input, 1));
	else if (step == 8)
		ask(run, i, (unsigned)fuzz_take(input, 1));
	else if (step == 9)
		look(run);
	drain(run);
	if (step == 5)
		tick(run);
}

static void start(struct run *run)
{
	char text[DEVICE_ERROR_BYTES], spec[96];
	uint32_t relids[ENDS];

	vmbus_guest_start(&run->guest);
	snprintf(run->folder, sizeof(run->folder), "/tmp/fuzz-devices.XXXXXX");
	if (!mkdtemp(run->folder))
		abort();
	snprintf(run->path, sizeof(run->path), "%s/vsock", run->folder);
	snprintf(spec, sizeof(spec), "hvsock,path=%s", run->path);
	if (vmbus_device_add(run->guest.bus, spec, text) < 0)
		abort();
	run->sock = container_of(TAILQ_FIRST(&run->guest.bus->devices), struct hvsock, device);
	for (unsigned i = 0; i < SOCK; i++) {
		if (vmbus_device_add(run->guest.bus, components[i], text) < 0)
			abort();
	}
	if (vmbus_guest_connect(&run->guest, relids, ENDS) != SOCK)
		abort();
	for (unsigned i = 0; i < SOCK; i++) {
		run->end[i].relid = vmbus_channel_relid(
			ic_find(run->guest.bus, (enum ic_component)i)->channel);
		open_channel(run, i);
	}
	tick(run);
}

static void finish(struct run *run)
{
	if (run->client >= 0)
		close(run->client);
	vmbus_devices_remove_all(run->guest.bus);
	vmbus_guest_end(&run->guest);
	rmdir(run->folder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	struct run run = {.client = -1, .gpadl = 0x9000};

	start(&run);
	while (fuzz_more(&input))
		run_step(&run, &input);
	finish(&run);
	return 0;
}
