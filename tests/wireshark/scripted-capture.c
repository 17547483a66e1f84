/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scripted-capture FILE: a scripted guest goes through the life of a connection, with a hv_utils
 * that answers, while a capture of all of it is written to FILE. What hvd's log has of the channel
 * messages goes to stdout, a line of JSON each, as `hvctl watch -o jsonl` has it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "common/cleanup.h"
#include "hvdef/vmbus_ic.h"
#include "inspect/capture_stream.h"
#include "inspect/log_text.h"
#include "inspect/stream.h"
#include "unit/vmbus_guest.h"
#include "vmbus/device.h"
#include "vmbus/ic.h"
#include "vmbus/internal.h"
#include "vmm/event.h"

enum { RING_PAGES = 8, LARGE_GPADL_PAGES = 60, DEVICES = 2 };

static struct vmbus_guest guest;
static struct vmbus_ring to_host, from_host;
static uint8_t *pages[RING_PAGES];

/* ---- the guest ---------------------------------------------------------------------------------
 */

static void answer_heartbeat(uint32_t relid)
{
	struct {
		struct ic_header header;
		uint8_t body[64];
	} __attribute__((packed)) packet;
	struct ring_packet ring;
	bool signal;

	while (ring_peek(&from_host, &packet, sizeof(packet), &ring) == 0) {
		struct iovec iov = {&packet, ring.payload_bytes};

		assert_int_equal(ring_consume(&from_host, &signal), 0);
		packet.header.flags = IC_FLAG_TRANSACTION | IC_FLAG_RESPONSE;
		if (packet.header.type == IC_NEGOTIATE) {
			/* One framework, one message version: the newest of each. */
			const uint8_t chosen[] = {1, 0, 1, 0, 0, 0, 0, 0, 3, 0, 0, 0, 3, 0, 0, 0};

			memcpy(packet.body, chosen, sizeof(chosen));
		} else {
			packet.body[0]++;
		}
		assert_int_equal(ring_write(&to_host, VMBUS_PACKET_DATA_INBAND, 0,
					 ring.transaction_id, &iov, 1, 0, &signal),
			0);
		assert_int_equal(vmbus_guest_signal(&guest, relid), HV_STATUS_SUCCESS);
		fake_vm_run_loop(guest.fake);
	}
}

/* What the guest says beside opening and closing; what is not obeyed is captured, too. */
static void say_the_rest(uint32_t relid)
{
	const struct vmbus_modify_channel modify = {
		.header.type = VMBUS_MSG_MODIFY_CHANNEL, .child_relid = relid, .target_vp = 1};
	const struct vmbus_tl_connect_request connect = {
		.header.type = VMBUS_MSG_TL_CONNECT_REQUEST, .service = {.a = 5000}};
	const struct vmbus_close_reserved reserved = {
		.header.type = VMBUS_MSG_CLOSE_RESERVED_CHANNEL, .child_relid = 9};
	const struct vmbus_message_header unknown = {.type = 77};

	vmbus_guest_post(&guest, &modify, sizeof(modify));
	vmbus_guest_expect(&guest, VMBUS_MSG_MODIFY_CHANNEL_RESPONSE, NULL, 0);
	vmbus_guest_post(&guest, &connect, sizeof(connect));
	vmbus_guest_expect(&guest, VMBUS_MSG_TL_CONNECT_RESULT, NULL, 0);
	vmbus_guest_post(&guest, &reserved, sizeof(reserved));
	vmbus_guest_expect(&guest, VMBUS_MSG_CLOSE_RESERVED_RESPONSE, NULL, 0);
	vmbus_guest_post(&guest, &unknown, sizeof(unknown));
}

static void live(void)
{
	const struct vmbus_message_header unload = {.type = VMBUS_MSG_UNLOAD};
	uint32_t relids[DEVICES], gpadl, large, heartbeat, null;

	assert_false(vmbus_guest_contact(&guest, VMBUS_VERSION_6_0));
	assert_int_equal(vmbus_guest_connect(&guest, relids, DEVICES), DEVICES);
	heartbeat = vmbus_channel_relid(ic_find(guest.bus, IC_COMPONENT_HEARTBEAT)->channel);
	null = relids[relids[0] == heartbeat];
	large = vmbus_guest_make_gpadl(&guest, null, LARGE_GPADL_PAGES);
	gpadl = vmbus_guest_open(&guest, heartbeat, RING_PAGES);
	vmbus_guest_rings(&guest, RING_PAGES, pages, &to_host, &from_host);
	/* The component speaks when the channel has been open for a while. */
	channel_recheck(channel_by_relid(guest.bus, heartbeat));
	answer_heartbeat(heartbeat);
	say_the_rest(heartbeat);
	vmbus_guest_close(&guest, heartbeat);
	vmbus_guest_tear_down(&guest, heartbeat, gpadl);
	vmbus_guest_expect(&guest, VMBUS_MSG_GPADL_TORNDOWN, NULL, 0);
	vmbus_guest_tear_down(&guest, null, large);
	vmbus_guest_expect(&guest, VMBUS_MSG_GPADL_TORNDOWN, NULL, 0);
	assert_int_equal(vmbus_device_remove(guest.bus, "null"), 0);
	vmbus_guest_expect(&guest, VMBUS_MSG_RESCIND_CHANNEL_OFFER, NULL, 0);
	vmbus_guest_release(&guest, null);
	vmbus_guest_post(&guest, &unload, sizeof(unload));
	vmbus_guest_expect(&guest, VMBUS_MSG_UNLOAD_RESPONSE, NULL, 0);
}

/* ---- what is left of it ------------------------------------------------------------------------
 */

static void take_all(struct stream *stream, FILE *out)
{
	char bytes[4096];
	size_t size;

	while ((size = stream_take(stream, bytes, sizeof(bytes))) > 0)
		assert_int_equal(fwrite(bytes, 1, size, out), size);
}

static void write_capture(struct stream *stream, const char *path)
{
	FILE *out = fopen(path, "w");

	assert_non_null(out);
	take_all(stream, out);
	stream_end(stream, NULL);
	take_all(stream, out);
	assert_int_equal(fclose(out), 0);
}

static void write_log(const char *path)
{
	FILE *out = fopen(path, "w");
	struct record_cursor cursor = {.next = 1};
	struct record record;
	uint64_t gap;

	assert_non_null(out);
	while (recorder_read(guest.fake->vm.recorder, &cursor, &record, 1, &gap) > 0) {
		CLEANUP(writer) struct writer line = {0};

		assert_int_equal(gap, 0);
		if (strcmp(hv_event_desc[record.type].name, "vmbus.message") != 0)
			continue;
		log_write_record(&line, &hv_record_names, &record, 0);
		assert_false(line.failed);
		fprintf(out, "%.*s\n", (int)line.used, line.data);
	}
	assert_int_equal(fclose(out), 0);
}

static void the_life_of_a_connection(void **state)
{
	static const struct capture_stream_config config = {
		.application = "scripted-capture",
		.interface = "scripted",
		.payload = CAPTURE_PAYLOAD_FULL,
		.heartbeat_ns = UINT64_MAX,
	};
	char **paths = *state, text[DEVICE_ERROR_BYTES];
	struct stream *stream;

	vmbus_guest_start(&guest);
	assert_int_equal(vmbus_device_add(guest.bus, "heartbeat", text), 0);
	assert_int_equal(vmbus_device_add(guest.bus, "null", text), 0);
	assert_int_equal(capture_stream_new(&guest.fake->vm.capture, &config, &stream), 0);
	live();
	write_capture(stream, paths[2]);
	stream_free(stream);
	write_log(paths[1]);
	vmbus_devices_remove_all(guest.bus);
	vmbus_guest_end(&guest);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(the_life_of_a_connection, argv),
	};

	if (argc != 3) {
		fprintf(stderr, "usage: scripted-capture LOG CAPTURE\n");
		return 2;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
