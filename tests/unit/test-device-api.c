/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices as clients see them, and as clients add and remove them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "common/unix_socket.h"
#include "vmbus/device.h"
#include "served_guest.h"

static struct served_guest served;

static int set_up(void **state)
{
	served_guest_start(&served);
	served_guest_add(&served, "heartbeat,id=pulse");
	served_guest_add(&served, "null");
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

static struct answer get(const char *target)
{
	return rig_call(&served.rig, RIG_API, "GET", target, NULL);
}

static struct answer add(const char *body)
{
	return rig_call(&served.rig, RIG_API, "POST", "/v1/devices", body);
}

static struct answer remove_device(const char *target)
{
	return rig_call(&served.rig, RIG_API, "DELETE", target, NULL);
}

static json_int_t number_of(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	assert_true(json_is_integer(value));
	return json_integer_value(value);
}

static void devices_stand_in_the_order_of_their_making(void **state)
{
	struct answer a = get("/v1/devices?limit=1"), b;
	char target[64];

	assert_int_equal(a.status, 200);
	assert_string_equal(
		rig_text(json_array_get(json_object_get(a.json, "items"), 0), "name"), "pulse");
	snprintf(target, sizeof(target), "/v1/devices?limit=1&cursor=%s", rig_text(a.json, "next"));
	b = get(target);
	assert_string_equal(
		rig_text(json_array_get(json_object_get(b.json, "items"), 0), "name"), "null");
	assert_true(json_is_null(json_object_get(b.json, "next")));
	answer_free(&a);
	answer_free(&b);
}

static void a_device_is_found_by_its_name_and_by_nothing_else(void **state)
{
	static const char *const others[] = {"/v1/devices/1", "/v1/devices/heartbeat",
		"/v1/devices/Pulse", "/v1/tree/devices/1", "/v1/tree/devices/heartbeat",
		"/v1/device_kinds/0", "/v1/device_kinds/floppy"};
	struct answer a = get("/v1/devices/pulse");
	const json_t *options = json_object_get(a.json, "options");

	assert_int_equal(a.status, 200);
	assert_string_equal(rig_text(a.json, "kind"), "heartbeat");
	assert_string_equal(rig_text(a.json, "state"), "unused");
	assert_int_equal(number_of(a.json, "channels"), 1);
	assert_int_equal(json_array_size(json_object_get(a.json, "relids")), 1);
	assert_int_equal(json_array_size(options), 1);
	assert_string_equal(rig_text(json_array_get(options, 0), "option"), "id");
	assert_string_equal(rig_text(json_array_get(options, 0), "value"), "pulse");
	answer_free(&a);
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		a = get(others[i]);
		rig_expect_problem(&a, 404, "not_found");
		answer_free(&a);
	}
}

static void the_tree_and_the_metrics_have_the_names(void **state)
{
	struct answer tree = get("/v1/tree/devices/pulse/kind");
	struct answer all = get("/v1/tree/devices");
	struct answer metrics = get("/metrics");

	assert_string_equal(tree.text, "{\"value\":\"heartbeat\"}");
	assert_non_null(json_object_get(all.json, "pulse"));
	assert_non_null(json_object_get(all.json, "null"));
	assert_non_null(strstr(metrics.text, "hvd_device_channels{name=\"pulse\"} 1"));
	assert_non_null(strstr(metrics.text, "hvd_device_kind_devices{kind=\"null\"} 1"));
	answer_free(&tree);
	answer_free(&all);
	answer_free(&metrics);
}

static void a_device_that_the_guest_opened_is_in_use(void **state)
{
	uint32_t relids[4];
	struct answer a;

	assert_int_equal(vmbus_guest_connect(&served.guest, relids, 4), 2);
	a = get("/v1/devices/null");
	vmbus_guest_open(&served.guest,
		(uint32_t)json_integer_value(json_array_get(json_object_get(a.json, "relids"), 0)),
		8);
	answer_free(&a);
	a = get("/v1/devices/null");
	assert_string_equal(rig_text(a.json, "state"), "in_use");
	assert_int_equal(number_of(a.json, "open_channels"), 1);
	answer_free(&a);
}

static void kinds_are_listed_with_their_options_and_their_number(void **state)
{
	struct answer list = get("/v1/device_kinds");
	struct answer a = get("/v1/device_kinds/hvsock");
	const json_t *options = json_object_get(a.json, "options");
	size_t count = 0;

	while (vmbus_device_kinds[count])
		count++;
	assert_int_equal(json_array_size(json_object_get(list.json, "items")), count);
	assert_int_equal(number_of(a.json, "devices"), 0);
	assert_string_equal(rig_text(json_array_get(options, 0), "option"), "id");
	assert_string_equal(rig_text(json_array_get(options, 1), "option"), "path");
	answer_free(&list);
	answer_free(&a);
}

/* Also a guest that is connected sees it come. */
static void an_added_device_is_offered_at_once(void **state)
{
	uint32_t relids[4];
	struct answer a;

	vmbus_guest_connect(&served.guest, relids, 4);
	a = add("{\"kind\":\"null\",\"id\":\"two\",\"options\":"
		"{\"instance\":\"00000000-0000-0000-0000-000000000002\"}}");
	assert_int_equal(a.status, 201);
	assert_string_equal(rig_text(a.json, "name"), "two");
	assert_int_equal(json_array_size(json_object_get(a.json, "options")), 2);
	answer_free(&a);
	vmbus_guest_expect(&served.guest, VMBUS_MSG_OFFER_CHANNEL, NULL, 0);
	a = get("/v1/devices/two");
	assert_int_equal(a.status, 200);
	answer_free(&a);
}

static void a_removed_device_is_shown_once_more_and_rescinded(void **state)
{
	uint32_t relids[4];
	struct answer a;

	vmbus_guest_connect(&served.guest, relids, 4);
	a = remove_device("/v1/devices/pulse");
	assert_int_equal(a.status, 200);
	assert_string_equal(rig_text(a.json, "kind"), "heartbeat");
	answer_free(&a);
	vmbus_guest_expect(&served.guest, VMBUS_MSG_RESCIND_CHANNEL_OFFER, NULL, 0);
	a = remove_device("/v1/devices/pulse");
	rig_expect_problem(&a, 404, "not_found");
	answer_free(&a);
	/* The name is free, though the guest holds the channel still. */
	a = add("{\"kind\":\"shutdown\",\"id\":\"pulse\"}");
	assert_int_equal(a.status, 201);
	answer_free(&a);
}

/* While the guest is connected, and nothing else is on offer. */
static void add_and_remove(const struct vmbus_device_kind *kind)
{
	bool listens = kind == &vmbus_hvsock_kind;
	char body[160], target[64];
	struct answer a;

	snprintf(body, sizeof(body), "{\"kind\":\"%s\",\"id\":\"extra\",\"options\":{%s%s%s}}",
		kind->name, listens ? "\"path\":\"" : "", listens ? served.rig.directory : "",
		listens ? "/door\"" : "");
	a = add(body);
	assert_int_equal(a.status, 201);
	assert_string_equal(rig_text(a.json, "kind"), kind->name);
	assert_int_equal(number_of(a.json, "channels"), !listens);
	answer_free(&a);
	if (!listens)
		vmbus_guest_expect(&served.guest, VMBUS_MSG_OFFER_CHANNEL, NULL, 0);
	snprintf(target, sizeof(target), "/v1/device_kinds/%s", kind->name);
	a = get(target);
	assert_int_equal(number_of(a.json, "devices"), 1);
	answer_free(&a);
	a = remove_device("/v1/devices/extra");
	assert_int_equal(a.status, 200);
	answer_free(&a);
	if (!listens)
		vmbus_guest_expect(&served.guest, VMBUS_MSG_RESCIND_CHANNEL_OFFER, NULL, 0);
	vmbus_guest_expect_nothing(&served.guest);
}

static void every_kind_comes_and_goes(void **state)
{
	struct answer a = remove_device("/v1/devices/pulse"), b = remove_device("/v1/devices/null");
	uint32_t relids[4];

	answer_free(&a);
	answer_free(&b);
	assert_int_equal(vmbus_guest_connect(&served.guest, relids, 4), 0);
	for (size_t i = 0; vmbus_device_kinds[i]; i++)
		add_and_remove(vmbus_device_kinds[i]);
}

/* What the tables of kinds hold fits into what is shown of them. */
static void kinds_are_shown_whole(void **state)
{
	const struct device_kind_info *info = NULL;

	for (size_t i = 0; vmbus_device_kinds[i]; i++) {
		const struct vmbus_device_kind *kind = vmbus_device_kinds[i];
		size_t count = 1; /* id */

		assert_true(strlen(kind->name) < sizeof(info->kind));
		assert_true(strlen(kind->help) < sizeof(info->help));
		for (const struct device_option_row *row = kind->options; row && row->key; row++) {
			assert_true(strlen(row->key) < sizeof(info->options[0].option));
			assert_true(strlen(row->help) < sizeof(info->options[0].help));
			count++;
		}
		assert_true(count <= ARRAY_LEN(info->options));
	}
}

/* The path of its socket is an option, and is there and gone with it. */
static void an_hvsock_device_comes_and_goes_with_its_socket(void **state)
{
	char path[64], body[160];
	struct answer a;
	int fd;

	snprintf(path, sizeof(path), "%s/door", served.rig.directory);
	snprintf(body, sizeof(body), "{\"kind\":\"hvsock\",\"options\":{\"path\":\"%s\"}}", path);
	a = add(body);
	assert_int_equal(a.status, 201);
	answer_free(&a);
	fd = unix_connect(path);
	assert_true(fd >= 0);
	a = add("{\"kind\":\"hvsock\",\"id\":\"other\"}");
	rig_expect_problem(&a, 409, "device_exists");
	answer_free(&a);
	a = remove_device("/v1/devices/hvsock");
	assert_int_equal(a.status, 200);
	answer_free(&a);
	assert_true(rig_hung_up(fd, RIG_PATIENCE_MS));
	close(fd);
	assert_int_equal(access(path, F_OK), -1);
}

static void what_is_wrong_with_a_request_is_pointed_at(void **state)
{
	static const struct {
		const char *body;
		unsigned status;
		const char *code, *pointer; /* NULL: none */
	} rows[] = {
		{"{}", 422, "bad_value", "/kind"},
		{"{\"kind\":7}", 422, "bad_value", "/kind"},
		{"{\"kind\":\"floppy\"}", 422, "bad_value", "/kind"},
		{"{\"kind\":\"null,id=x\"}", 422, "bad_value", "/kind"},
		{"{\"kind\":\"null\",\"colour\":1}", 400, "unknown_key", "/colour"},
		{"{\"kind\":\"null\",\"id\":\"a b\"}", 422, "bad_value", "/id"},
		{"{\"kind\":\"null\",\"id\":\"..\"}", 422, "bad_value", "/id"},
		{"{\"kind\":\"null\",\"id\":\"-a\"}", 422, "bad_value", "/id"},
		{"{\"kind\":\"null\",\"id\":\"a,class=1\"}", 422, "bad_value", "/id"},
		{"{\"kind\":\"null\",\"id\":\"12345678901234567890123456789012\"}", 422,
			"bad_value", "/id"},
		{"{\"kind\":\"null\",\"options\":[]}", 422, "bad_value", "/options"},
		{"{\"kind\":\"null\",\"options\":\"class=1\"}", 422, "bad_value", "/options"},
		{"{\"kind\":\"null\",\"options\":{\"class\":[]}}", 422, "bad_value",
			"/options/class"},
		{"{\"kind\":\"null\",\"id\":\"x\",\"options\":{\"class\":\"1\"}}", 422, "bad_value",
			"/options/class"},
		{"{\"kind\":\"null\",\"id\":\"x\",\"options\":{\"class\":true}}", 422, "bad_value",
			"/options/class"},
		{"{\"kind\":\"null\",\"id\":\"x\",\"options\":{\"instance\":1}}", 422, "bad_value",
			"/options/instance"},
		{"{\"kind\":\"null\",\"options\":{\"class\":\"1,id=x\"}}", 422, "bad_value",
			"/options/class"},
		{"{\"kind\":\"null\",\"options\":{\"colour\":\"red\"}}", 422, "bad_value",
			"/options/colour"},
		{"{\"kind\":\"null\",\"options\":{\"id\":\"a\"}}", 422, "bad_value", "/options/id"},
		{"{\"kind\":\"hvsock\"}", 422, "bad_value", "/options/path"},
		{"{\"kind\":\"hvsock\",\"options\":{\"path\":\"/nowhere/at/all\"}}", 409,
			"device_failed", "/options/path"},
		{"{\"kind\":\"null\"}", 409, "device_exists", "/id"},
		{"{\"kind\":\"heartbeat\",\"id\":\"null\"}", 409, "device_exists", "/id"},
		{"{\"kind\":\"null\",\"id\":\"other\"}", 409, "device_exists", NULL},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct answer a = add(rows[i].body);

		rig_expect_problem(&a, rows[i].status, rows[i].code);
		if (rows[i].pointer)
			assert_string_equal(rig_pointer(&a), rows[i].pointer);
		answer_free(&a);
	}
}

static void who_may_only_read_adds_and_removes_nothing(void **state)
{
	struct answer a = rig_call(
		&served.rig, RIG_READ_ONLY, "POST", "/v1/devices", "{\"kind\":\"shutdown\"}");
	struct answer b = rig_call(&served.rig, RIG_READ_ONLY, "DELETE", "/v1/devices/null", NULL);

	rig_expect_problem(&a, 403, "read_only");
	rig_expect_problem(&b, 403, "read_only");
	answer_free(&a);
	answer_free(&b);
}

static void without_a_bus_kinds_are_known_and_nothing_can_be_added(void **state)
{
	struct answer list = get("/v1/devices"), kind = get("/v1/device_kinds/null");
	struct answer none = get("/v1/devices/null"), gone = remove_device("/v1/devices/null");
	struct answer a = add("{\"kind\":\"null\"}");

	assert_int_equal(json_array_size(json_object_get(list.json, "items")), 0);
	assert_int_equal(kind.status, 200);
	rig_expect_problem(&none, 404, "not_found");
	rig_expect_problem(&gone, 404, "not_found");
	rig_expect_problem(&a, 409, "no_bus");
	assert_non_null(strstr(a.text, "--vmbus"));
	answer_free(&list);
	answer_free(&kind);
	answer_free(&none);
	answer_free(&gone);
	answer_free(&a);
}

#define API_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		API_TEST(devices_stand_in_the_order_of_their_making),
		API_TEST(a_device_is_found_by_its_name_and_by_nothing_else),
		API_TEST(the_tree_and_the_metrics_have_the_names),
		API_TEST(a_device_that_the_guest_opened_is_in_use),
		API_TEST(kinds_are_listed_with_their_options_and_their_number),
		API_TEST(an_added_device_is_offered_at_once),
		API_TEST(a_removed_device_is_shown_once_more_and_rescinded),
		API_TEST(every_kind_comes_and_goes),
		API_TEST(kinds_are_shown_whole),
		API_TEST(an_hvsock_device_comes_and_goes_with_its_socket),
		API_TEST(what_is_wrong_with_a_request_is_pointed_at),
		API_TEST(who_may_only_read_adds_and_removes_nothing),
		cmocka_unit_test_setup_teardown(
			without_a_bus_kinds_are_known_and_nothing_can_be_added,
			set_up_without_a_bus, tear_down),
	};

	return cmocka_run_group_tests_name("device-api", tests, NULL, NULL);
}
