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
#include "inspect/catalog.h"
#include "inspect_rig.h"
#include "vmbus/device.h"
#include "vmbus/internal.h"
#include "vmbus_guest.h"

enum { RING_PAGES = 8 };

static struct vmbus_guest guest;
static struct rig rig;
static uint32_t relids[4];

static void serve(struct vmbus *bus)
{
	struct node_provider providers[CATALOG_MAX + 1] = {0};

	rig_init(&rig);
	catalog_providers(&guest.fake->vm, bus, providers);
	rig_serve(&rig, NULL, NULL, providers);
}

/* Two null devices, the first one open. */
static int set_up(void **state)
{
	char text[DEVICE_ERROR_BYTES];

	vmbus_guest_start(&guest);
	assert_int_equal(vmbus_device_add(guest.bus, "null", text), 0);
	assert_int_equal(vmbus_device_add(guest.bus,
				 "null,id=b,instance=ffffffff-0000-0000-0000-000000000000", text),
		0);
	assert_int_equal(vmbus_guest_connect(&guest, relids, 4), 2);
	vmbus_guest_open(&guest, relids[0], RING_PAGES);
	serve(guest.bus);
	return 0;
}

static int tear_down(void **state)
{
	rig_stop(&rig);
	rig_free(&rig);
	vmbus_devices_remove_all(guest.bus);
	vmbus_guest_end(&guest);
	return 0;
}

#define CALL(target) struct answer a = rig_call(&rig, RIG_API, "GET", (target), NULL)

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	assert_non_null(text);
	return text;
}

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
		"/v1/channels/1/rings", "/v1/channels/1/rings/1", "/v1/rings", "/v1/gpadls",
		"/v1/gpadls/1/925200", "/v1/tree/channels", "/v1/tree/vmbus"};

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

	assert_string_equal(text_of(a.json, "state"), "connected");
	assert_string_equal(text_of(a.json, "version"), "5.3");
	assert_int_equal(number(a.json, "channels"), 2);
	assert_int_equal(number(a.json, "open_channels"), 1);
	assert_int_equal(number(a.json, "gpadls"), 1);
	assert_int_equal(number(a.json, "gpadl_pages"), RING_PAGES);
	assert_string_equal(text_of(json_object_get(a.json, "last_in"), "message"), "open_channel");
	assert_string_equal(
		text_of(json_object_get(a.json, "last_out"), "message"), "open_channel_result");
	assert_true(json_is_null(json_object_get(a.json, "interrupt_page")));
	answer_free(&a);
}

static void channels_and_offers_are_listed_by_relid(void **state)
{
	{
		CALL("/v1/channels?limit=1");
		assert_int_equal(number(item(&a, 0), "relid"), 1);
		assert_string_equal(text_of(item(&a, 0), "state"), "open");
		assert_string_equal(text_of(item(&a, 0), "device"), "null");
		assert_int_equal(number(item(&a, 0), "target_vp"), 0);
		assert_string_equal(text_of(a.json, "next"), "1");
		answer_free(&a);
	}
	{
		CALL("/v1/channels?cursor=1");
		assert_int_equal(json_array_size(json_object_get(a.json, "items")), 1);
		assert_int_equal(number(item(&a, 0), "relid"), 2);
		assert_string_equal(text_of(item(&a, 0), "state"), "closed");
		assert_true(json_is_null(json_object_get(item(&a, 0), "target_vp")));
		answer_free(&a);
	}
	{
		CALL("/v1/offers/2");
		assert_string_equal(
			text_of(a.json, "device_id"), "ffffffff-0000-0000-0000-000000000000");
		assert_true(json_is_true(json_object_get(a.json, "offered")));
		answer_free(&a);
	}
}

static void rings_show_both_directions_and_what_is_broken(void **state)
{
	const struct iovec iov = {(void *)"12345678", 8};

	vmbus_lock(guest.bus);
	assert_int_equal(vmbus_channel_send(channel_by_relid(guest.bus, 1), 1, false, &iov, 1), 0);
	channel_by_relid(guest.bus, 1)->in.control->write_index = 12;
	channel_by_relid(guest.bus, 1)->in.control->interrupt_mask = 7;
	vmbus_unlock(guest.bus);
	{
		CALL("/v1/channels/1/rings");
		assert_string_equal(text_of(item(&a, 0), "direction"), "guest_to_host");
		assert_string_equal(text_of(item(&a, 0), "broken"), "R2 R6");
		assert_string_equal(text_of(item(&a, 1), "direction"), "host_to_guest");
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

static void history_lists_the_newest_first_with_verdicts(void **state)
{
	vmbus_guest_release(&guest, 1); /* illegal: it is open */
	{
		CALL("/v1/channels/1/history");
		assert_int_equal(number(item(&a, 0), "position"), 0);
		assert_string_equal(text_of(json_object_get(item(&a, 0), "message"), "message"),
			"relid_released");
		assert_string_equal(
			text_of(json_object_get(item(&a, 0), "message"), "verdict"), "illegal");
		assert_string_equal(text_of(json_object_get(item(&a, 1), "message"), "message"),
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
	vmbus_guest_make_gpadl(&guest, 2, 1);
	vmbus_guest_make_gpadl(&guest, 1, 1);
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
	rig_stop(&rig);
	rig_free(&rig);
	serve(NULL);
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
		INFO_TEST(history_lists_the_newest_first_with_verdicts),
		INFO_TEST(gpadls_are_listed_in_the_order_of_their_keys),
		INFO_TEST(without_a_bus_there_is_nothing),
	};

	return cmocka_run_group_tests_name("vmbus-info", tests, NULL, NULL);
}
