/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs of the device echo as clients begin, watch and end them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "echo_peer.h"
#include "served_guest.h"
#include "vmbus/echo.h"
#include "vmbus/internal.h"

enum { RING_PAGES = 4 };

static struct served_guest served;
static struct vmbus_guest *const guest = &served.guest;
static struct echo_peer peer;
static uint32_t relid;

static int set_up(void **state)
{
	served_guest_start(&served);
	served_guest_add(&served, "null");
	served_guest_add(&served, "echo,id=mirror");
	relid = vmbus_channel_relid(echo_after(guest->bus, 0)->channel);
	served_guest_serve(&served);
	return 0;
}

static int set_up_without_a_bus(void **state)
{
	served_guest_start(&served);
	served_guest_serve_without_bus(&served);
	return 0;
}

static int tear_down(void **state)
{
	served_guest_end(&served);
	return 0;
}

static void signal_host(void *arg)
{
	vmbus_guest_signal(guest, relid);
}

static void open_channel(void)
{
	static uint8_t *pages[2 * RING_PAGES];
	struct vmbus_ring out, in;
	uint32_t relids[4];

	vmbus_guest_connect(guest, relids, 4);
	vmbus_guest_open(guest, relid, 2 * RING_PAGES);
	vmbus_guest_rings(guest, 2 * RING_PAGES, pages, &out, &in);
	memset(&peer, 0, sizeof(peer));
	assert_int_equal(echo_peer_init(&peer, pages, RING_PAGES, signal_host, NULL), 0);
}

static struct answer post(const char *what, const char *body)
{
	char target[32];

	snprintf(target, sizeof(target), "/v1/echo/%s", what);
	return rig_call(&served.rig, RIG_API, "POST", target, body);
}

static struct answer get(const char *target)
{
	return rig_call(&served.rig, RIG_API, "GET", target, NULL);
}

static void expect_text(const struct answer *a, const char *key, const char *wanted)
{
	const char *text = json_string_value(json_object_get(a->json, key));

	assert_non_null(text);
	assert_string_equal(text, wanted);
}

static void expect_number(const struct answer *a, const char *key, json_int_t wanted)
{
	const json_t *number = json_object_get(a->json, key);

	assert_true(json_is_integer(number));
	assert_int_equal(json_integer_value(number), wanted);
}

static void a_device_is_listed_and_found_by_its_channel(void **state)
{
	char target[32];

	snprintf(target, sizeof(target), "/v1/echo/%u", relid);
	{
		struct answer a = get("/v1/echo");

		assert_int_equal(a.status, 200);
		assert_int_equal(json_array_size(json_object_get(a.json, "items")), 1);
		answer_free(&a);
	}
	{
		struct answer a = get(target);

		assert_int_equal(a.status, 200);
		expect_text(&a, "device", "mirror");
		expect_text(&a, "state", "closed");
		expect_text(&a, "outcome", "none");
		assert_true(json_is_null(json_object_get(a.json, "round_trip_median_ns")));
		answer_free(&a);
	}
	{
		struct answer a = get("/v1/echo/2047");

		rig_expect_problem(&a, 404, "not_found");
		answer_free(&a);
	}
}

static void a_run_is_begun_watched_and_over(void **state)
{
	char target[32];

	open_channel();
	snprintf(target, sizeof(target), "/v1/echo/%u", relid);
	{
		struct answer a = post("run", "{\"count\":500,\"size\":100,\"window\":8}");

		assert_int_equal(a.status, 202);
		expect_text(&a, "state", "running");
		expect_number(&a, "relid", relid);
		answer_free(&a);
	}
	{
		struct answer a = post("run", "{}");

		rig_expect_problem(&a, 409, "echo_busy");
		answer_free(&a);
	}
	do {
		fake_vm_run_loop(guest->fake);
	} while (echo_peer_turn(&peer) == ECHO_PEER_AGAIN || peer.echoed < 500);
	{
		struct answer a = get(target);

		expect_text(&a, "state", "idle");
		expect_text(&a, "outcome", "complete");
		expect_number(&a, "received", 500);
		expect_number(&a, "size_bytes", 100);
		answer_free(&a);
	}
}

static void a_run_is_ended(void **state)
{
	open_channel();
	{
		struct answer a = post("run", "");

		assert_int_equal(a.status, 202);
		expect_number(&a, "count", 1000);
		expect_number(&a, "size_bytes", 64);
		expect_number(&a, "window", 16);
		answer_free(&a);
	}
	{
		struct answer a = post("stop", "");

		assert_int_equal(a.status, 200);
		expect_text(&a, "outcome", "stopped");
		answer_free(&a);
	}
}

static void what_cannot_be_run_is_refused(void **state)
{
	static const struct {
		const char *body, *code;
		unsigned status;
	} rows[] = {
		{"{}", "echo_closed", 409},
		{"{\"relid\":2047}", "not_found", 404},
		{"{\"count\":0}", "bad_value", 422},
		{"{\"size\":23}", "bad_value", 422},
		{"{\"size\":32769}", "bad_value", 422},
		{"{\"window\":4097}", "bad_value", 422},
		{"{\"patience_ns\":0}", "bad_value", 422},
		{"{\"speed\":1}", "unknown_key", 400},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct answer a = post("run", rows[i].body);

		rig_expect_problem(&a, rows[i].status, rows[i].code);
		answer_free(&a);
	}
	open_channel();
	{
		struct answer a = post("run", "{\"size\":20000}");

		rig_expect_problem(&a, 422, "bad_value");
		assert_string_equal(rig_pointer(&a), "/size");
		answer_free(&a);
	}
	served_guest_add(&served, "echo,id=second");
	{
		struct answer a = post("run", "{}");

		rig_expect_problem(&a, 422, "bad_value");
		assert_string_equal(rig_pointer(&a), "/relid");
		answer_free(&a);
	}
}

static void without_a_bus_there_is_none(void **state)
{
	{
		struct answer a = post("run", "{}");

		rig_expect_problem(&a, 404, "not_found");
		answer_free(&a);
	}
	{
		struct answer a = get("/v1/echo");

		assert_int_equal(a.status, 200);
		assert_int_equal(json_array_size(json_object_get(a.json, "items")), 0);
		answer_free(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_device_is_listed_and_found_by_its_channel, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_run_is_begun_watched_and_over, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_run_is_ended, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_cannot_be_run_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			without_a_bus_there_is_none, set_up_without_a_bus, tear_down),
	};

	return cmocka_run_group_tests_name("echo-api", tests, NULL, NULL);
}
