/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Faults as clients see them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "served_guest.h"
#include "vmm/fault.h"

static struct served_guest served;
static struct vmbus_guest *const guest = &served.guest;

static int set_up(void **state)
{
	served_guest_start(&served);
	served_guest_add(&served, "null");
	served_guest_serve(&served);
	return 0;
}

static int tear_down(void **state)
{
	served_guest_end(&served);
	return 0;
}

static struct answer call(const char *method, const char *target, const char *body)
{
	return rig_call(&served.rig, RIG_API, method, target, body);
}

static void expect_text(const json_t *object, const char *key, const char *wanted)
{
	const char *text = json_string_value(json_object_get(object, key));

	assert_non_null(text);
	assert_string_equal(text, wanted);
}

static void expect_number(const json_t *object, const char *key, json_int_t wanted)
{
	assert_true(json_is_integer(json_object_get(object, key)));
	assert_int_equal(json_integer_value(json_object_get(object, key)), wanted);
}

static void a_fault_is_added_shown_and_removed(void **state)
{
	struct answer a = call("POST", "/v1/faults",
		"{\"kind\":\"delay_message\",\"relid\":1,\"message\":\"open_channel_result\","
		"\"direction\":\"out\",\"for_ns\":5000000000,\"delay_ns\":200000000}");

	assert_int_equal(a.status, 201);
	expect_number(a.json, "id", 1);
	expect_text(a.json, "state", "active");
	answer_free(&a);
	a = call("GET", "/v1/faults/1", NULL);
	assert_int_equal(a.status, 200);
	expect_text(a.json, "kind", "delay_message");
	expect_text(a.json, "message", "open_channel_result");
	expect_text(a.json, "direction", "out");
	expect_number(a.json, "relid", 1);
	expect_number(a.json, "for_ns", 5000000000);
	expect_number(a.json, "delay_ns", 200000000);
	expect_number(a.json, "hits", 0);
	assert_true(json_is_null(json_object_get(a.json, "count")));
	assert_true(json_is_null(json_object_get(a.json, "vp")));
	assert_true(json_is_null(json_object_get(a.json, "ended_by")));
	assert_true(json_is_integer(json_object_get(a.json, "uid")));
	answer_free(&a);
	a = call("DELETE", "/v1/faults/1", NULL);
	assert_int_equal(a.status, 200);
	expect_text(a.json, "state", "ended");
	expect_text(a.json, "ended_by", "removed");
	answer_free(&a);
	a = call("GET", "/v1/faults/1", NULL);
	rig_expect_problem(&a, 404, "not_found");
	answer_free(&a);
}

static void the_default_count_is_shown(void **state)
{
	struct answer a = call("POST", "/v1/faults", "{\"kind\":\"drop_message\"}");

	assert_int_equal(a.status, 201);
	expect_number(a.json, "count", 1);
	assert_true(json_is_null(json_object_get(a.json, "for_ns")));
	answer_free(&a);
}

static void all_are_listed_and_cleared_at_once(void **state)
{
	struct answer a;

	for (unsigned i = 0; i < 3; i++) {
		a = call("POST", "/v1/faults", "{\"kind\":\"drop_message\"}");
		assert_int_equal(a.status, 201);
		answer_free(&a);
	}
	a = call("GET", "/v1/faults?limit=2", NULL);
	assert_int_equal(json_array_size(json_object_get(a.json, "items")), 2);
	assert_true(json_is_string(json_object_get(a.json, "next")));
	answer_free(&a);
	a = call("GET", "/v1/vm", NULL);
	expect_number(a.json, "faults_active", 3);
	answer_free(&a);
	a = call("DELETE", "/v1/faults", NULL);
	assert_int_equal(a.status, 200);
	expect_number(a.json, "ended", 3);
	answer_free(&a);
	a = call("GET", "/v1/faults", NULL);
	assert_int_equal(json_array_size(json_object_get(a.json, "items")), 0);
	answer_free(&a);
}

static void what_is_wrong_is_named(void **state)
{
	static const struct {
		const char *body, *code, *pointer;
		unsigned status;
	} rows[] = {
		{"{}", "bad_value", "/kind", 422},
		{"{\"kind\":\"explode\"}", "bad_value", "/kind", 422},
		{"{\"kind\":7}", "bad_value", "/kind", 422},
		{"{\"kind\":\"drop_message\",\"vp\":0}", "bad_value", "/vp", 422},
		{"{\"kind\":\"drop_message\",\"relid\":0}", "bad_value", "/relid", 422},
		{"{\"kind\":\"drop_message\",\"relid\":2048}", "bad_value", "/relid", 422},
		{"{\"kind\":\"drop_message\",\"message\":\"ring\"}", "bad_value", "/message", 422},
		{"{\"kind\":\"drop_message\",\"direction\":\"up\"}", "bad_value", "/direction",
			422},
		{"{\"kind\":\"drop_message\",\"count\":0}", "bad_value", "/count", 422},
		{"{\"kind\":\"drop_message\",\"for_ns\":-1}", "bad_value", "/for_ns", 422},
		{"{\"kind\":\"drop_message\",\"delay_ns\":5}", "bad_value", "/delay_ns", 422},
		{"{\"kind\":\"drop_message\",\"status\":19}", "bad_value", "/status", 422},
		{"{\"kind\":\"drop_message\",\"when\":1}", "unknown_key", "/when", 400},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct answer a = call("POST", "/v1/faults", rows[i].body);

		rig_expect_problem(&a, rows[i].status, rows[i].code);
		assert_string_equal(rig_pointer(&a), rows[i].pointer);
		answer_free(&a);
	}
}

static void what_is_not_there_cannot_be_removed(void **state)
{
	static const char *const targets[] = {"/v1/faults/1", "/v1/faults/0", "/v1/faults/x"};

	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		struct answer a = call("DELETE", targets[i], NULL);

		rig_expect_problem(&a, 404, "not_found");
		answer_free(&a);
	}
}

static void a_reader_changes_nothing(void **state)
{
	struct answer a = rig_call(
		&served.rig, RIG_READ_ONLY, "POST", "/v1/faults", "{\"kind\":\"drop_message\"}");

	rig_expect_problem(&a, 403, "read_only");
	answer_free(&a);
	a = rig_call(&served.rig, RIG_READ_ONLY, "DELETE", "/v1/faults", NULL);
	rig_expect_problem(&a, 403, "read_only");
	answer_free(&a);
}

static void a_full_table_is_a_conflict(void **state)
{
	struct answer a;

	for (unsigned i = 0; i < FAULTS_MAX; i++) {
		a = call("POST", "/v1/faults", "{\"kind\":\"drop_message\"}");
		answer_free(&a);
	}
	a = call("POST", "/v1/faults", "{\"kind\":\"drop_message\"}");
	rig_expect_problem(&a, 409, "too_many_faults");
	answer_free(&a);
}

static void without_a_bus_its_faults_are_not_possible(void **state)
{
	struct answer a;

	guest->fake->vm.has_vmbus = false;
	a = call("POST", "/v1/faults", "{\"kind\":\"drop_message\"}");
	rig_expect_problem(&a, 409, "fault_not_possible");
	assert_non_null(strstr(a.text, "VMBus"));
	answer_free(&a);
	guest->fake->vm.has_vmbus = true;
}

static void kinds_are_listed_with_what_they_take(void **state)
{
	struct answer a = call("GET", "/v1/fault-kinds", NULL);

	assert_int_equal(a.status, 200);
	assert_int_equal(json_array_size(json_object_get(a.json, "items")), FAULT_KINDS);
	answer_free(&a);
	a = call("GET", "/v1/fault-kinds/drop_message", NULL);
	expect_text(a.json, "selectors", "relid,message,direction");
	expect_text(a.json, "ends_by", "count,time");
	expect_number(a.json, "count", 1);
	assert_true(json_is_null(json_object_get(a.json, "delay_ns")));
	answer_free(&a);
}

static void metrics_count_them(void **state)
{
	struct answer a = call("POST", "/v1/faults", "{\"kind\":\"drop_message\"}");

	answer_free(&a);
	a = call("GET", "/metrics", NULL);
	assert_non_null(strstr(a.text, "hvd_vm_faults_active 1"));
	assert_non_null(strstr(a.text, "hvd_fault_hits{id=\"1\"} 0"));
	answer_free(&a);
}

#define API_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		API_TEST(a_fault_is_added_shown_and_removed),
		API_TEST(the_default_count_is_shown),
		API_TEST(all_are_listed_and_cleared_at_once),
		API_TEST(what_is_wrong_is_named),
		API_TEST(what_is_not_there_cannot_be_removed),
		API_TEST(a_reader_changes_nothing),
		API_TEST(a_full_table_is_a_conflict),
		API_TEST(without_a_bus_its_faults_are_not_possible),
		API_TEST(kinds_are_listed_with_what_they_take),
		API_TEST(metrics_count_them),
	};

	return cmocka_run_group_tests_name("fault-api", tests, NULL, NULL);
}
