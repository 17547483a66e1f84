/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ic_guest.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>
#include "vmbus/internal.h"

/* ---- life -------------------- */

void ic_guest_open_channel(struct ic_guest *hv)
{
	vmbus_guest_open(&hv->guest, hv->relid, IC_GUEST_RING_PAGES);
	vmbus_guest_rings(&hv->guest, IC_GUEST_RING_PAGES, hv->pages, &hv->to_host, &hv->from_host);
}

void ic_guest_start(struct ic_guest *hv, enum ic_component component)
{
	char text[DEVICE_ERROR_BYTES];
	uint32_t relids[2];

	memset(hv, 0, sizeof(*hv));
	hv->component = component;
	vmbus_guest_start(&hv->guest);
	assert_int_equal(
		vmbus_device_add(hv->guest.bus, ic_components[component]->kind->name, text), 0);
	hv->ic = ic_find(hv->guest.bus, component);
	assert_non_null(hv->ic);
	hv->relid = vmbus_channel_relid(hv->ic->channel);
	assert_int_equal(vmbus_guest_connect(&hv->guest, relids, 2), 1);
	assert_int_equal(relids[0], hv->relid);
	ic_guest_open_channel(hv);
}

void ic_guest_end(struct ic_guest *hv)
{
	vmbus_devices_remove_all(hv->guest.bus);
	vmbus_guest_end(&hv->guest);
}

/* ---- packets -------------------- */

void ic_guest_expect_silence(struct ic_guest *hv)
{
	struct ring_packet packet;
	uint8_t buffer[8];

	assert_int_equal(ring_peek(&hv->from_host, buffer, sizeof(buffer), &packet), -EAGAIN);
}

struct ic_packet ic_guest_take(struct ic_guest *hv, enum ic_message_type type)
{
	struct ic_packet packet = {0};
	struct ring_packet ring;
	bool signal;

	assert_int_equal(ring_peek(&hv->from_host, &packet.header,
				 sizeof(packet.header) + sizeof(packet.body), &ring),
		0);
	assert_int_equal(ring_consume(&hv->from_host, &signal), 0);
	assert_int_equal(ring.type, VMBUS_PACKET_DATA_INBAND);
	packet.transaction_id = ring.transaction_id;
	packet.size = 8 + packet.header.pipe_size;
	assert_int_equal((packet.size + 7) / 8 * 8, ring.payload_bytes);
	assert_int_equal(packet.header.pipe_flags, 1);
	assert_int_equal(packet.header.type, type);
	assert_int_equal(packet.header.body_size, packet.size - sizeof(packet.header));
	assert_int_equal(packet.header.status, 0);
	assert_int_equal(packet.header.flags, 3);
	return packet;
}

void ic_guest_put_only(struct ic_guest *hv, const struct ic_packet *packet)
{
	const struct iovec iov = {(void *)&packet->header, packet->size};
	bool signal;

	assert_int_equal(ring_write(&hv->to_host, VMBUS_PACKET_DATA_INBAND, 0,
				 packet->transaction_id, &iov, 1, 0, &signal),
		0);
}

void ic_guest_put(struct ic_guest *hv, const struct ic_packet *packet)
{
	ic_guest_put_only(hv, packet);
	vmbus_guest_signal(&hv->guest, hv->relid);
}

void ic_guest_answer(struct ic_guest *hv, struct ic_packet *packet)
{
	packet->header.flags = IC_FLAG_TRANSACTION | IC_FLAG_RESPONSE;
	ic_guest_put(hv, packet);
}

void ic_guest_answer_versions(struct ic_guest *hv, struct ic_packet *packet, unsigned count,
	struct ic_version framework, struct ic_version message)
{
	const struct ic_negotiate counts = {
		.framework_count = (uint16_t)count,
		.message_count = (uint16_t)count,
	};

	memcpy(packet->body, &counts, sizeof(counts));
	memcpy(packet->body + 8, &framework, sizeof(framework));
	memcpy(packet->body + 12, &message, sizeof(message));
	packet->header.body_size = 16;
	ic_guest_answer(hv, packet);
}

/* ---- what happens -------------------- */

void ic_guest_first_look(struct ic_guest *hv)
{
	channel_recheck(hv->ic->channel);
}

void ic_guest_negotiate(struct ic_guest *hv, uint16_t major, uint16_t minor)
{
	struct ic_packet packet;

	ic_guest_first_look(hv);
	packet = ic_guest_take(hv, IC_NEGOTIATE);
	ic_guest_answer_versions(
		hv, &packet, 1, (struct ic_version){3, 0}, (struct ic_version){major, minor});
	assert_int_equal(hv->ic->state, IC_READY);
}

void ic_guest_pass(struct ic_guest *hv, uint64_t ns)
{
	fake_vm_advance_ns(hv->guest.fake, ns);
	ic_tick(hv->ic);
}

static void on_told(void *arg, const struct ic_answer *answer)
{
	struct ic_guest *hv = arg;

	hv->told.count++;
	hv->told.answer = *answer;
}

int ic_guest_ask_call(struct ic_guest *hv, const struct ic_call *call)
{
	return ic_request(hv->guest.bus, hv->component, call, on_told, hv);
}

int ic_guest_ask(struct ic_guest *hv, unsigned request, bool force)
{
	const struct ic_call call = {.request = request, .force = force};

	return ic_guest_ask_call(hv, &call);
}
