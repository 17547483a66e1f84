/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Integration components as clients see them, by their names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "vmbus/internal.h"
#include "common/utf16.h"
#include "vmbus/ic.h"
#include "served_guest.h"

static struct served_guest served;

static int set_up(void **state)
{
	served_guest_start(&served);
	served_guest_add(&served, "null");
	served_guest_add(&served, "heartbeat,id=pulse");
	served_guest_add(&served, "shutdown");
	served_guest_add(&served, "kvp");
	served_guest_add(&served, "vss");
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

#define CALL(target) struct answer a = rig_call(&served.rig, RIG_API, "GET", (target), NULL)

static void components_are_listed(void **state)
{
	CALL("/v1/ic?limit=1");
	json_t *items = json_object_get(a.json, "items");

	assert_int_equal(a.status, 200);
	assert_int_equal(json_array_size(items), 1);
	assert_string_equal(rig_text(json_array_get(items, 0), "name"), "heartbeat");
	assert_string_equal(rig_text(json_array_get(items, 0), "device"), "pulse");
	answer_free(&a);
}

static void a_component_is_found_by_its_name(void **state)
{
	CALL("/v1/ic/heartbeat");

	assert_int_equal(a.status, 200);
	assert_string_equal(rig_text(a.json, "name"), "heartbeat");
	assert_string_equal(rig_text(a.json, "state"), "closed");
	assert_string_equal(rig_text(a.json, "contact"), "no_contact");
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
			rig_text(json_object_get(a.json, "heartbeat"), "state"), "closed");
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

/* ---- requests -------------------- */

enum { RING_PAGES = 8, PACKET_BYTES = IC_PACKET_MAX };

/* What the guest has in hand: a packet as it came, to be sent back. */
struct packet {
	struct ring_packet ring;
	union {
		struct ic_header header;
		uint8_t bytes[PACKET_BYTES];
	};
};

static uint8_t *pages[RING_PAGES];
static struct vmbus_ring to_host, from_host;

/* Sooner or later: requests come from the server's thread. */
static struct packet take(void)
{
	struct packet packet;
	bool signal;
	int r = -1;

	for (unsigned i = 0; i < 5000 && r < 0; i++) {
		r = ring_peek(&from_host, packet.bytes, sizeof(packet.bytes), &packet.ring);
		if (r < 0)
			usleep(1000);
	}
	assert_int_equal(r, 0);
	assert_int_equal(ring_consume(&from_host, &signal), 0);
	return packet;
}

static void answer(const struct ic *ic, struct packet *packet, uint32_t status)
{
	const struct iovec iov = {packet->bytes, packet->ring.payload_bytes};
	bool signal;

	packet->header.flags = IC_FLAG_TRANSACTION | IC_FLAG_RESPONSE;
	packet->header.status = status;
	assert_int_equal(ring_write(&to_host, VMBUS_PACKET_DATA_INBAND, 0,
				 packet->ring.transaction_id, &iov, 1, 0, &signal),
		0);
	vmbus_guest_signal(&served.guest, vmbus_channel_relid(ic->channel));
}

/* Opens the channel and agrees on the versions of the lists that stand first in it. */
static struct ic *make_ready(enum ic_component component, uint16_t major, uint16_t minor)
{
	struct ic *ic = ic_find(served.guest.bus, component);
	const uint16_t choice[] = {1, 1, 0, 0, 3, 0, major, minor};
	struct packet packet;
	uint32_t relids[8];

	vmbus_guest_connect(&served.guest, relids, 8);
	vmbus_guest_open(&served.guest, vmbus_channel_relid(ic->channel), RING_PAGES);
	vmbus_guest_rings(&served.guest, RING_PAGES, pages, &to_host, &from_host);
	channel_recheck(ic->channel);
	packet = take();
	memcpy(packet.bytes + sizeof(packet.header), choice, sizeof(choice));
	packet.header.body_size = sizeof(choice);
	answer(ic, &packet, 0);
	assert_int_equal(ic->state, IC_READY);
	return ic;
}

/* A request whose answer is yet to come. */
static int post(const char *path, const char *body)
{
	int fd = rig_connect(&served.rig, RIG_API);
	char text[512];

	snprintf(text, sizeof(text),
		"POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
		"Content-Length: %zu\r\n\r\n%s",
		path, strlen(body), body);
	rig_send(fd, text);
	return fd;
}

static struct answer receive(int fd)
{
	struct answer a;

	assert_true(rig_receive(fd, &a));
	close(fd);
	return a;
}

static void answer_heartbeat(const struct ic *ic)
{
	struct packet packet = take();

	packet.bytes[sizeof(packet.header)]++;
	answer(ic, &packet, 0);
}

static void a_ping_tells_how_long_the_guest_took(void **state)
{
	struct ic *ic = make_ready(IC_COMPONENT_HEARTBEAT, 3, 0);
	struct answer a;
	int fd;

	answer_heartbeat(ic);
	fd = post("/v1/ic/heartbeat/ping", "{}");
	answer_heartbeat(ic);
	a = receive(fd);
	assert_int_equal(a.status, 200);
	assert_string_equal(rig_text(a.json, "name"), "heartbeat");
	assert_string_equal(rig_text(a.json, "request"), "ping");
	assert_string_equal(rig_text(a.json, "status"), "0x0");
	assert_true(json_is_integer(json_object_get(a.json, "latency_ns")));
	answer_free(&a);
}

static void shutdown_is_asked_with_force_and_may_be_refused(void **state)
{
	struct ic *ic = make_ready(IC_COMPONENT_SHUTDOWN, 3, 2);
	struct packet packet;
	struct answer a;
	int fd;

	fake_vm_advance_ns(served.guest.fake, NSEC_PER_SEC);
	fd = post("/v1/ic/shutdown/reboot", "{\"force\":true}");
	packet = take();
	assert_int_equal(
		packet.bytes[sizeof(packet.header) + offsetof(struct ic_shutdown, flags)], 3);
	{
		struct answer second = rig_call(
			&served.rig, RIG_API, "POST", "/v1/ic/shutdown/power-off", "{}");

		rig_expect_problem(&second, 409, "ic_busy");
		answer_free(&second);
	}
	answer(ic, &packet, IC_STATUS_FAIL);
	a = receive(fd);
	rig_expect_problem(&a, 409, "guest_refused");
	assert_non_null(strstr(a.text, "0x80004005"));
	answer_free(&a);
	fd = post("/v1/ic/shutdown/power-off", "");
	packet = take();
	answer(ic, &packet, 0);
	a = receive(fd);
	assert_int_equal(a.status, 200);
	assert_non_null(strstr(a.text, "yet to do it"));
	answer_free(&a);
}

static void a_guest_that_leaves_is_no_timeout(void **state)
{
	struct ic *ic = make_ready(IC_COMPONENT_HEARTBEAT, 3, 0);
	struct answer a;
	int fd;

	answer_heartbeat(ic);
	fd = post("/v1/ic/heartbeat/ping", "{}");
	take();
	vmbus_guest_close(&served.guest, vmbus_channel_relid(ic->channel));
	a = receive(fd);
	rig_expect_problem(&a, 409, "ic_not_ready");
	answer_free(&a);
}

static void what_cannot_be_asked_is_refused(void **state)
{
	static const struct {
		const char *path, *body;
		unsigned status;
		const char *code;
	} rows[] = {
		{"/v1/ic/heartbeat/ping", "{}", 409, "ic_not_ready"},
		{"/v1/ic/timesync/sync", "{}", 404, "not_found"},
		{"/v1/ic/heartbeat/reboot", "{}", 404, "not_found"},
		{"/v1/ic/floppy/ping", "{}", 404, "not_found"},
		{"/v1/ic/heartbeat/ping", "{\"force\":true}", 422, "bad_value"},
		{"/v1/ic/shutdown/reboot", "{\"force\":1}", 422, "bad_value"},
		{"/v1/ic/shutdown/reboot", "{\"hard\":true}", 400, "unknown_key"},
		{"/v1/ic/shutdown/reboot", "{\"pool\":\"guest\"}", 422, "bad_value"},
		{"/v1/ic/kvp/list", "{}", 409, "ic_not_ready"},
		{"/v1/ic/kvp/list", "{\"pool\":\"swimming\"}", 422, "bad_value"},
		{"/v1/ic/kvp/list", "{\"key\":\"k\"}", 422, "bad_value"},
		{"/v1/ic/kvp/list", "{\"start\":1048577}", 422, "bad_value"},
		{"/v1/ic/kvp/get", "{}", 422, "bad_value"},
		{"/v1/ic/kvp/set", "{\"key\":\"k\"}", 422, "bad_value"},
		{"/v1/ic/kvp/set", "{\"key\":\"k\",\"value\":\"\"}", 422, "bad_value"},
		{"/v1/ic/kvp/ips", "{\"adapter\":\"eth0\"}", 422, "bad_value"},
		{"/v1/ic/vss/freeze", "{\"for_ns\":99999999}", 422, "bad_value"},
		{"/v1/ic/vss/freeze", "{\"for_ns\":60000000001}", 422, "bad_value"},
		{"/v1/ic/vss/thaw", "{\"for_ns\":1000000000}", 422, "bad_value"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct answer a = rig_call(
			&served.rig, RIG_API, "POST", rows[i].path, rows[i].body);

		rig_expect_problem(&a, rows[i].status, rows[i].code);
		answer_free(&a);
	}
}

/* ---- key-value exchange -------------------- */

static void answer_item(const struct ic *ic, const char *key, const char *value)
{
	struct packet packet = take();
	struct ic_kvp message;
	size_t key_size, value_size;

	memcpy(&message, packet.bytes + sizeof(packet.header), sizeof(message));
	assert_int_equal(message.operation, IC_KVP_ENUMERATE);
	message.enumerate.item.type = IC_KVP_STRING;
	assert_int_equal(utf16_from_utf8(key, message.enumerate.item.key,
				 sizeof(message.enumerate.item.key), &key_size),
		0);
	assert_int_equal(utf16_from_utf8(value, message.enumerate.item.value,
				 sizeof(message.enumerate.item.value), &value_size),
		0);
	message.enumerate.item.key_size = (uint32_t)key_size;
	message.enumerate.item.value_size = (uint32_t)value_size;
	memcpy(packet.bytes + sizeof(packet.header), &message, sizeof(message));
	answer(ic, &packet, 0);
}

static void answer_status(const struct ic *ic, uint32_t status)
{
	struct packet packet = take();

	answer(ic, &packet, status);
}

static void expect_item(const struct answer *a, size_t i, const char *key, const char *value)
{
	const json_t *item = json_array_get(json_object_get(a->json, "items"), i);

	assert_string_equal(rig_text(item, "key"), key);
	assert_string_equal(rig_text(item, "value"), value);
}

static void a_pool_is_listed_whatever_the_guest_wrote_there(void **state)
{
	struct ic *ic = make_ready(IC_COMPONENT_KVP, 4, 0);
	int fd = post("/v1/ic/kvp/list", "{\"pool\":\"guest\"}");
	struct answer a;

	answer_item(ic, "a\"b", "\x1b[31m\xe2\x82\xac\n");
	answer_item(ic, "", "");
	answer_status(ic, IC_STATUS_NO_MORE_ITEMS);
	a = receive(fd);
	assert_int_equal(a.status, 200);
	assert_string_equal(rig_text(a.json, "request"), "list");
	assert_int_equal(json_array_size(json_object_get(a.json, "items")), 2);
	expect_item(&a, 0, "a\"b", "\x1b[31m\xe2\x82\xac\n");
	assert_null(strchr(a.text, '\x1b'));
	assert_true(json_is_null(json_object_get(a.json, "next")));
	answer_free(&a);
}

static void a_long_pool_says_where_it_goes_on(void **state)
{
	struct ic *ic = make_ready(IC_COMPONENT_KVP, 4, 0);
	int fd = post("/v1/ic/kvp/list", "{\"start\":3}");
	struct answer a;

	for (unsigned i = 0; i < 64; i++)
		answer_item(ic, "k", "v");
	a = receive(fd);
	assert_int_equal(a.status, 200);
	assert_int_equal(json_integer_value(json_object_get(a.json, "next")), 67);
	answer_free(&a);
}

static void a_key_is_found_or_not(void **state)
{
	struct ic *ic = make_ready(IC_COMPONENT_KVP, 4, 0);
	int fd = post("/v1/ic/kvp/get", "{\"key\":\"site\"}");
	struct answer a;

	answer_item(ic, "site", "berlin");
	a = receive(fd);
	assert_int_equal(a.status, 200);
	expect_item(&a, 0, "site", "berlin");
	answer_free(&a);
	fd = post("/v1/ic/kvp/get", "{\"key\":\"town\"}");
	answer_item(ic, "site", "berlin");
	answer_status(ic, IC_STATUS_NO_MORE_ITEMS);
	a = receive(fd);
	rig_expect_problem(&a, 404, "not_found");
	answer_free(&a);
}

static void a_key_that_cannot_be_deleted_is_refused_with_a_reason(void **state)
{
	struct ic *ic = make_ready(IC_COMPONENT_KVP, 4, 0);
	int fd = post("/v1/ic/kvp/delete", "{\"key\":\"site\"}");
	struct answer a;

	answer_status(ic, IC_STATUS_NO_MORE_ITEMS);
	a = receive(fd);
	rig_expect_problem(&a, 409, "guest_refused");
	assert_non_null(strstr(a.text, "no such key"));
	answer_free(&a);
	fd = post("/v1/ic/kvp/set", "{\"key\":\"site\",\"value\":\"berlin\"}");
	answer_status(ic, IC_STATUS_OK);
	a = receive(fd);
	assert_int_equal(a.status, 200);
	answer_free(&a);
}

static void a_missing_daemon_is_named(void **state)
{
	struct ic *ic = ic_find(served.guest.bus, IC_COMPONENT_KVP);
	uint32_t relids[8];
	struct answer a;

	vmbus_guest_connect(&served.guest, relids, 8);
	vmbus_guest_open(&served.guest, vmbus_channel_relid(ic->channel), RING_PAGES);
	channel_recheck(ic->channel);
	fake_vm_advance_ns(served.guest.fake, 2 * NSEC_PER_SEC);
	ic_tick(ic);
	a = rig_call(&served.rig, RIG_API, "GET", "/v1/ic/kvp", NULL);
	assert_string_equal(rig_text(a.json, "state"), "no_daemon");
	assert_true(json_is_null(json_object_get(a.json, "problem")));
	answer_free(&a);
	a = rig_call(&served.rig, RIG_API, "POST", "/v1/ic/kvp/ips", "{}");
	rig_expect_problem(&a, 409, "ic_not_ready");
	assert_non_null(strstr(a.text, "waits: the daemon of the guest (hv_kvp_daemon)"));
	answer_free(&a);
}

/* ---- backup -------------------- */

static void a_freeze_shows_when_it_ends(void **state)
{
	struct ic *ic = make_ready(IC_COMPONENT_VSS, 5, 0);
	int fd = post("/v1/ic/vss/freeze", "{\"for_ns\":5000000000}");
	struct answer a;
	json_t *freeze;

	answer_status(ic, IC_STATUS_OK);
	answer_status(ic, IC_STATUS_OK);
	a = receive(fd);
	assert_int_equal(a.status, 200);
	answer_free(&a);
	fake_vm_advance_ns(served.guest.fake, NSEC_PER_SEC);
	a = rig_call(&served.rig, RIG_API, "GET", "/v1/ic/vss", NULL);
	freeze = json_object_get(a.json, "freeze");
	assert_string_equal(rig_text(freeze, "state"), "frozen");
	assert_int_equal(
		json_integer_value(json_object_get(freeze, "time_in_state_ns")), NSEC_PER_SEC);
	assert_int_equal(
		json_integer_value(json_object_get(freeze, "thaw_due_in_ns")), 4 * NSEC_PER_SEC);
	answer_free(&a);
	fd = post("/v1/ic/vss/thaw", "{}");
	answer_status(ic, IC_STATUS_FAIL);
	a = receive(fd);
	rig_expect_problem(&a, 409, "guest_refused");
	assert_non_null(strstr(a.text, "hv_vss_daemon"));
	answer_free(&a);
}

static void without_a_bus_nothing_can_be_asked(void **state)
{
	struct answer a = rig_call(&served.rig, RIG_API, "POST", "/v1/ic/heartbeat/ping", "{}");

	rig_expect_problem(&a, 404, "not_found");
	answer_free(&a);
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
		API_TEST(a_ping_tells_how_long_the_guest_took),
		API_TEST(shutdown_is_asked_with_force_and_may_be_refused),
		API_TEST(a_guest_that_leaves_is_no_timeout),
		API_TEST(what_cannot_be_asked_is_refused),
		API_TEST(a_pool_is_listed_whatever_the_guest_wrote_there),
		API_TEST(a_long_pool_says_where_it_goes_on),
		API_TEST(a_key_is_found_or_not),
		API_TEST(a_key_that_cannot_be_deleted_is_refused_with_a_reason),
		API_TEST(a_missing_daemon_is_named),
		API_TEST(a_freeze_shows_when_it_ends),
		cmocka_unit_test_setup_teardown(
			without_a_bus_nothing_can_be_asked, set_up_without_a_bus, tear_down),
		cmocka_unit_test_setup_teardown(
			without_a_bus_there_is_none, set_up_without_a_bus, tear_down),
	};

	return cmocka_run_group_tests_name("ic-api", tests, NULL, NULL);
}
