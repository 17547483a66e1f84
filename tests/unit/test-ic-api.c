/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Integration components as clients see them, by their names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "inspect/catalog.h"
#include "inspect_rig.h"
#include "vmbus/ic.h"
#include "vmbus_guest.h"

static struct vmbus_guest guest;
static struct rig rig;

static void add(const char *spec)
{
	char text[DEVICE_ERROR_BYTES];

	assert_int_equal(vmbus_device_add(guest.bus, spec, text), 0);
}

static void serve(struct vmbus *bus)
{
	struct node_provider providers[CATALOG_MAX + 1] = {0};

	rig_init(&rig);
	catalog_providers(&guest.fake->vm, bus, providers);
	rig_serve(&rig, NULL, NULL, providers);
}

static int set_up(void **state)
{
	vmbus_guest_start(&guest);
	add("null");
	add("heartbeat,id=pulse");
	serve(guest.bus);
	return 0;
}

static int set_up_without_a_bus(void **state)
{
	vmbus_guest_start(&guest);
	serve(NULL);
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

static void components_are_listed(void **state)
{
	CALL("/v1/ic?limit=1");
	json_t *items = json_object_get(a.json, "items");

	assert_int_equal(a.status, 200);
	assert_int_equal(json_array_size(items), 1);
	assert_string_equal(text_of(json_array_get(items, 0), "name"), "heartbeat");
	assert_string_equal(text_of(json_array_get(items, 0), "device"), "pulse");
	answer_free(&a);
}

static void a_component_is_found_by_its_name(void **state)
{
	CALL("/v1/ic/heartbeat");

	assert_int_equal(a.status, 200);
	assert_string_equal(text_of(a.json, "name"), "heartbeat");
	assert_string_equal(text_of(a.json, "state"), "closed");
	assert_string_equal(text_of(a.json, "contact"), "no_contact");
	assert_true(json_is_null(json_object_get(a.json, "message_version")));
	assert_true(json_is_null(json_object_get(a.json, "last_latency_ns")));
	answer_free(&a);
}

static void no_other_word_and_no_number_is_a_name(void **state)
{
	static const char *const targets[] = {"/v1/ic/0", "/v1/ic/floppy", "/v1/ic/Heartbeat",
		"/v1/tree/ic/0", "/v1/tree/ic/floppy"};

	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		CALL(targets[i]);

		rig_expect_problem(&a, 404, "not_found");
		answer_free(&a);
	}
}

static void the_tree_has_the_names_too(void **state)
{
	{
		CALL("/v1/tree/ic/heartbeat/state");
		assert_int_equal(a.status, 200);
		assert_string_equal(a.text, "{\"value\":\"closed\"}");
		answer_free(&a);
	}
	{
		CALL("/v1/tree/ic");
		assert_int_equal(a.status, 200);
		assert_string_equal(
			text_of(json_object_get(a.json, "heartbeat"), "state"), "closed");
		answer_free(&a);
	}
	{
		CALL("/v1/tree?glob=ic/heart*/device");
		assert_int_equal(a.status, 200);
		assert_non_null(strstr(a.text, "pulse"));
		answer_free(&a);
	}
}

static void metrics_name_the_component(void **state)
{
	CALL("/metrics");

	assert_non_null(strstr(a.text, "hvd_ic_requests{name=\"heartbeat\"} 0"));
	answer_free(&a);
}

static void without_a_bus_there_is_none(void **state)
{
	{
		CALL("/v1/ic");
		assert_int_equal(a.status, 200);
		assert_int_equal(json_array_size(json_object_get(a.json, "items")), 0);
		answer_free(&a);
	}
	{
		CALL("/v1/ic/heartbeat");
		rig_expect_problem(&a, 404, "not_found");
		assert_non_null(strstr(a.text, "name heartbeat"));
		answer_free(&a);
	}
}

#define API_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		API_TEST(components_are_listed),
		API_TEST(a_component_is_found_by_its_name),
		API_TEST(no_other_word_and_no_number_is_a_name),
		API_TEST(the_tree_has_the_names_too),
		API_TEST(metrics_name_the_component),
		cmocka_unit_test_setup_teardown(
			without_a_bus_there_is_none, set_up_without_a_bus, tear_down),
	};

	return cmocka_run_group_tests_name("ic-api", tests, NULL, NULL);
}
