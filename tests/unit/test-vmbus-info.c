/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bus as clients see it: every resource, what it says, and what it says when there is no bus.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "hvdef/vmbus_ic.h"
#include "vmbus/device.h"
#include "vmbus/internal.h"
#include "served_guest.h"

enum { RING_PAGES = 8 };

static struct served_guest served;
static uint32_t relids[4];

/* Two null devices, the first one open. */
static int set_up(void **state)
{
	served_guest_start(&served);
	served_guest_add(&served, "null");
	served_guest_add(&served, "null,id=b,instance=ffffffff-0000-0000-0000-000000000000");
	assert_int_equal(vmbus_guest_connect(&served.guest, relids, 4), 2);
	vmbus_guest_open(&served.guest, relids[0], RING_PAGES);
	served_guest_serve(&served);
	return 0;
}

static int tear_down(void **state)
{
	served_guest_end(&served);
	return 0;
}

#define CALL(target) struct answer a = rig_call(&served.rig, RIG_API, "GET", (target), NULL)

static long long number(const json_t *object, const char *key)
{
	assert_true(json_is_integer(json_object_get(object, key)));
	return json_integer_value(json_object_get(object, key));
}

static json_t *item(const struct answer *answer, size_t i)
{
	json_t *items = json_object_get(answer->json, "items");

	assert_true(i < json_array_size(items));
	return json_array_get(items, i);
}

/* For the reply log: every route of the bus. */
static void every_resource_answers(void **state)
{
	static const char *const targets[] = {"/v1/vmbus", "/v1/vmbus/history",
		"/v1/vmbus/history/0", "/v1/offers", "/v1/offers/1", "/v1/channels",
		"/v1/channels/1", "/v1/channels/1/history", "/v1/channels/1/history/0",
		"/v1/channels/1/rings", "/v1/channels/1/rings/1", "/v1/channels/1/rings/1/unread",
		"/v1/channels/1/rings/0/consumed", "/v1/rings", "/v1/gpadls", "/v1/gpadls/1/925200",
		"/v1/tree/channels", "/v1/tree/vmbus"};

	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		CALL(targets[i]);

		if (a.status != 200)
			fail_msg("%s: %u %s", targets[i], a.status, a.text);
		answer_free(&a);
	}
}

static void the_connection_says_version_state_and_last_messages(void **state)
{
	CALL("/v1/vmbus");

	assert_string_equal(rig_text(a.json, "state"), "connected");
	assert_string_equal(rig_text(a.json, "version"), "5.3");
	assert_int_equal(number(a.json, "channels"), 2);
	assert_int_equal(number(a.json, "open_channels"), 1);
	assert_int_equal(number(a.json, "gpadls"), 1);
	assert_int_equal(number(a.json, "gpadl_pages"), RING_PAGES);
	assert_string_equal(
		rig_text(json_object_get(a.json, "last_in"), "message"), "open_channel");
	assert_string_equal(
		rig_text(json_object_get(a.json, "last_out"), "message"), "open_channel_result");
	assert_true(json_is_null(json_object_get(a.json, "interrupt_page")));
	answer_free(&a);
}

static void channels_and_offers_are_listed_by_relid(void **state)
{
	{
		CALL("/v1/channels?limit=1");
		assert_int_equal(number(item(&a, 0), "relid"), 1);
		assert_string_equal(rig_text(item(&a, 0), "state"), "open");
		assert_string_equal(rig_text(item(&a, 0), "device"), "null");
		assert_int_equal(number(item(&a, 0), "target_vp"), 0);
		assert_string_equal(rig_text(a.json, "next"), "1");
		answer_free(&a);
	}
	{
		CALL("/v1/channels?cursor=1");
		assert_int_equal(json_array_size(json_object_get(a.json, "items")), 1);
		assert_int_equal(number(item(&a, 0), "relid"), 2);
		assert_string_equal(rig_text(item(&a, 0), "state"), "closed");
		assert_true(json_is_null(json_object_get(item(&a, 0), "target_vp")));
		answer_free(&a);
	}
	{
		CALL("/v1/offers/2");
		assert_string_equal(
			rig_text(a.json, "device_id"), "ffffffff-0000-0000-0000-000000000000");
		assert_true(json_is_true(json_object_get(a.json, "offered")));
		answer_free(&a);
	}
}

static void rings_show_both_directions_and_what_is_broken(void **state)
{
	const struct iovec iov = {(void *)"12345678", 8};

	vmbus_lock(served.guest.bus);
	assert_int_equal(
		vmbus_channel_send(channel_by_relid(served.guest.bus, 1), 1, false, &iov, 1), 0);
	channel_by_relid(served.guest.bus, 1)->in.control->write_index = 12;
	channel_by_relid(served.guest.bus, 1)->in.control->interrupt_mask = 7;
	vmbus_unlock(served.guest.bus);
	{
		CALL("/v1/channels/1/rings");
		assert_string_equal(rig_text(item(&a, 0), "direction"), "guest_to_host");
		assert_string_equal(rig_text(item(&a, 0), "broken"), "R2 R6");
		assert_string_equal(rig_text(item(&a, 1), "direction"), "host_to_guest");
		assert_int_equal(number(item(&a, 1), "read_avail"), 32);
		assert_int_equal(number(item(&a, 1), "write_index"), 32);
		assert_int_equal(number(item(&a, 1), "packets"), 1);
		assert_int_equal(number(item(&a, 1), "signals"), 1);
		assert_true(json_is_null(json_object_get(item(&a, 1), "broken")));
		answer_free(&a);
	}
	{
		CALL("/v1/rings"); /* the closed channel has none */
		assert_int_equal(json_array_size(json_object_get(a.json, "items")), 2);
		answer_free(&a);
	}
	{
		CALL("/v1/channels/2/rings/0");
		rig_expect_problem(&a, 404, "not_found");
		answer_free(&a);
	}
}

static const json_t *invariant(const json_t *ring, size_t i)
{
	return json_array_get(json_object_get(ring, "invariants"), i);
}

static void rings_say_of_each_invariant_whether_it_holds(void **state)
{
	struct vmbus_channel *channel = channel_by_relid(served.guest.bus, 1);
	const struct iovec iov = {(void *)"12345678", 8};

	vmbus_lock(served.guest.bus);
	assert_int_equal(vmbus_channel_send(channel, 1, false, &iov, 1), 0);
	channel->out.control->pending_send_sz = UINT32_MAX;
	vmbus_unlock(served.guest.bus);
	{
		CALL("/v1/channels/1/rings/1");
		assert_int_equal(json_array_size(json_object_get(a.json, "invariants")), 13);
		assert_string_equal(rig_text(invariant(a.json, 0), "verdict"), "holds");
		assert_string_equal(rig_text(invariant(a.json, 6), "invariant"), "R7");
		assert_string_equal(rig_text(invariant(a.json, 6), "verdict"), "broken");
		assert_int_equal(number(invariant(a.json, 6), "value"), UINT32_MAX);
		assert_string_equal(rig_text(invariant(a.json, 12), "verdict"), "unknown");
		assert_true(json_is_null(json_object_get(invariant(a.json, 12), "value")));
		assert_string_equal(rig_text(a.json, "broken"), "R7");
		assert_true(json_is_true(json_object_get(a.json, "event_flag")));
		assert_int_equal(number(a.json, "unread_packets"), 1);
		answer_free(&a);
	}
	fake_vm_advance_ns(served.guest.fake, NSEC_PER_SEC);
	vmbus_guest_signalled(&served.guest, 0, 1); /* the guest took the flag, and read nothing */
	for (unsigned look = 0; look < 2; look++) {
		CALL("/v1/channels/1/rings/1");
		assert_string_equal(rig_text(a.json, "broken"), "R7 R13");
		answer_free(&a);
	}
	fake_vm_advance_ns(served.guest.fake, NSEC_PER_SEC);
	{
		CALL("/v1/channels/1/rings/1");
		assert_string_equal(rig_text(a.json, "broken"), "R7 R10 R13");
		answer_free(&a);
	}
}

static void send_ic_header(uint64_t transaction)
{
	const struct ic_header header = {.pipe_flags = IC_PIPE_DATA,
		.pipe_size = sizeof(header) - IC_PIPE_HEADER_BYTES,
		.framework = {3, 0},
		.type = IC_SHUTDOWN,
		.message = {3, 2},
		.status = IC_STATUS_FAIL,
		.transaction = 7,
		.flags = IC_FLAG_TRANSACTION | IC_FLAG_REQUEST};
	const struct iovec iov = {(void *)&header, sizeof(header)};

	vmbus_lock(served.guest.bus);
	assert_int_equal(vmbus_channel_send(
				 channel_by_relid(served.guest.bus, 1), transaction, true, &iov, 1),
		0);
	vmbus_unlock(served.guest.bus);
}

static void packets_are_listed_with_what_stands_in_their_headers(void **state)
{
	struct vmbus_channel *channel = channel_by_relid(served.guest.bus, 1);
	struct vmbus_ring out, in;
	uint8_t *pages[RING_PAGES];
	const json_t *ic;

	channel->offer.chn_flags = VMBUS_OFFER_NAMED_PIPE_MODE;
	channel->offer.pipe_mode = VMBUS_PIPE_MODE_MESSAGE;
	vmbus_guest_rings(&served.guest, RING_PAGES, pages, &out, &in);
	send_ic_header(1);
	send_ic_header(0x1234);
	{
		CALL("/v1/channels/1/rings/1/unread");
		assert_int_equal(json_array_size(json_object_get(a.json, "items")), 2);
		assert_string_equal(rig_text(item(&a, 1), "type"), "data_inband");
		assert_int_equal(number(item(&a, 1), "offset"), 56);
		assert_int_equal(number(item(&a, 1), "header_size"), 16);
		assert_int_equal(number(item(&a, 1), "size"), 48);
		assert_string_equal(rig_text(item(&a, 1), "transaction_id"), "0x1234");
		assert_string_equal(rig_text(item(&a, 1), "flags"), "0x1");
		assert_true(json_is_true(json_object_get(item(&a, 1), "trailer_ok")));
		assert_true(json_is_null(json_object_get(item(&a, 1), "fault")));
		assert_true(json_is_null(json_object_get(item(&a, 1), "hvsock")));
		ic = json_object_get(item(&a, 1), "ic");
		assert_string_equal(rig_text(ic, "message"), "shutdown");
		assert_string_equal(rig_text(ic, "framework_version"), "3.0");
		assert_string_equal(rig_text(ic, "message_version"), "3.2");
		assert_string_equal(rig_text(ic, "status"), "0x80004005");
		answer_free(&a);
	}
	{
		CALL("/v1/channels/1/rings/1/unread?limit=1");
		assert_string_equal(rig_text(a.json, "next"), "1.1.0");
		answer_free(&a);
	}
	in.control->read_index = 56; /* the guest has read one */
	{
		CALL("/v1/channels/1/rings/1/consumed");
		assert_int_equal(json_array_size(json_object_get(a.json, "items")), 1);
		assert_string_equal(rig_text(item(&a, 0), "transaction_id"), "0x1");
		answer_free(&a);
	}
	{
		CALL("/v1/channels/1/rings/1/consumed/0");
		assert_string_equal(rig_text(a.json, "transaction_id"), "0x1");
		answer_free(&a);
	}
	memset(pages[RING_PAGES / 2 + 1] + 56, 0xff, 8); /* and spoils the other */
	{
		CALL("/v1/channels/1/rings/1/unread/0");
		assert_string_equal(rig_text(a.json, "type"), "unknown");
		assert_string_equal(rig_text(a.json, "fault"), "no type of packet");
		assert_true(json_is_null(json_object_get(a.json, "ic")));
		answer_free(&a);
	}
}

static void hv_sock_s_header_is_taken_apart(void **state)
{
	const uint32_t header[2] = {1, 5};
	const struct iovec iov[] = {{(void *)header, sizeof(header)}, {(void *)"bytes", 5}};
	struct vmbus_channel *channel = channel_by_relid(served.guest.bus, 1);

	channel->offer.chn_flags = VMBUS_OFFER_TLNPI_PROVIDER;
	vmbus_lock(served.guest.bus);
	assert_int_equal(vmbus_channel_send(channel, 0, false, iov, 2), 0);
	vmbus_unlock(served.guest.bus);
	{
		CALL("/v1/channels/1/rings/1/unread/0");
		assert_int_equal(number(json_object_get(a.json, "hvsock"), "payload_size"), 5);
		assert_string_equal(rig_text(a.json, "head"), "01000000050000006279746573000000");
		assert_true(json_is_null(json_object_get(a.json, "ic")));
		answer_free(&a);
	}
}

static void packets_are_shown_only_where_they_are_asked_for(void **state)
{
	const json_t *rings;

	send_ic_header(1);
	{
		CALL("/v1/tree/channels/1");
		rings = json_object_get(a.json, "rings");
		assert_true(json_is_true(json_object_get(
			json_object_get(json_object_get(rings, "1"), "unread"), "$more")));
		answer_free(&a);
	}
	{
		CALL("/v1/tree/channels/1/rings/1/unread");
		assert_non_null(json_object_get(a.json, "0"));
		answer_free(&a);
	}
	{
		CALL("/v1/tree/channels/1?glob=rings/*/unread/*");
		rings = json_object_get(a.json, "rings");
		assert_non_null(json_object_get(
			json_object_get(json_object_get(rings, "1"), "unread"), "0"));
		answer_free(&a);
	}
	{
		CALL("/metrics");
		assert_non_null(strstr(a.text, "hvd_ring_packets"));
		assert_null(strstr(a.text, "hvd_packet_"));
		answer_free(&a);
	}
	{
		CALL("/v1/channels/1/rings/2/unread");
		rig_expect_problem(&a, 404, "not_found");
		answer_free(&a);
	}
}

static void history_lists_the_newest_first_with_verdicts(void **state)
{
	vmbus_guest_release(&served.guest, 1); /* illegal: it is open */
	{
		CALL("/v1/channels/1/history");
		assert_int_equal(number(item(&a, 0), "position"), 0);
		assert_string_equal(rig_text(json_object_get(item(&a, 0), "message"), "message"),
			"relid_released");
		assert_string_equal(
			rig_text(json_object_get(item(&a, 0), "message"), "verdict"), "illegal");
		assert_string_equal(rig_text(json_object_get(item(&a, 1), "message"), "message"),
			"open_channel_result");
		answer_free(&a);
	}
	{
		CALL("/v1/vmbus");
		assert_int_equal(number(a.json, "illegal"), 1);
		answer_free(&a);
	}
}

static void gpadls_are_listed_in_the_order_of_their_keys(void **state)
{
	vmbus_guest_make_gpadl(&served.guest, 2, 1);
	vmbus_guest_make_gpadl(&served.guest, 1, 1);
	{
		CALL("/v1/gpadls");
		assert_int_equal(json_array_size(json_object_get(a.json, "items")), 3);
		assert_int_equal(number(item(&a, 0), "relid"), 1);
		assert_true(json_is_true(json_object_get(item(&a, 0), "in_use")));
		assert_int_equal(number(item(&a, 1), "relid"), 1);
		assert_int_equal(number(item(&a, 2), "relid"), 2);
		answer_free(&a);
	}
	{
		CALL("/v1/gpadls?limit=1&cursor=1.925202");
		assert_int_equal(json_array_size(json_object_get(a.json, "items")), 1);
		assert_int_equal(number(item(&a, 0), "relid"), 2);
		answer_free(&a);
	}
}

static void without_a_bus_there_is_nothing(void **state)
{
	rig_stop(&served.rig);
	rig_free(&served.rig);
	served_guest_serve_without_bus(&served);
	{
		CALL("/v1/vmbus");
		rig_expect_problem(&a, 404, "not_found");
		answer_free(&a);
	}
	{
		CALL("/v1/channels");
		assert_int_equal(a.status, 200);
		assert_int_equal(json_array_size(json_object_get(a.json, "items")), 0);
		answer_free(&a);
	}
	{
		CALL("/v1/gpadls");
		assert_int_equal(json_array_size(json_object_get(a.json, "items")), 0);
		answer_free(&a);
	}
}

#define INFO_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		INFO_TEST(every_resource_answers),
		INFO_TEST(the_connection_says_version_state_and_last_messages),
		INFO_TEST(channels_and_offers_are_listed_by_relid),
		INFO_TEST(rings_show_both_directions_and_what_is_broken),
		INFO_TEST(rings_say_of_each_invariant_whether_it_holds),
		INFO_TEST(packets_are_listed_with_what_stands_in_their_headers),
		INFO_TEST(hv_sock_s_header_is_taken_apart),
		INFO_TEST(packets_are_shown_only_where_they_are_asked_for),
		INFO_TEST(history_lists_the_newest_first_with_verdicts),
		INFO_TEST(gpadls_are_listed_in_the_order_of_their_keys),
		INFO_TEST(without_a_bus_there_is_nothing),
	};

	return cmocka_run_group_tests_name("vmbus-info", tests, NULL, NULL);
}
