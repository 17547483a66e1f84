/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hv_sock connections as clients of the API see them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>
#include "common/unix_socket.h"
#include "vmbus/device.h"
#include "served_guest.h"

static struct served_guest served;
static char path[64];
static uint32_t relid;
static int client;

/* A null device, and a client whose "hello" lies in the ring to the guest. */
static void connect_client(void)
{
	static const char request[] = "CONNECT 5000\nhello";
	char spec[96];
	struct vmbus_offer_channel offer;

	snprintf(path, sizeof(path), "/tmp/hvsock-api.%d", (int)getpid());
	snprintf(spec, sizeof(spec), "hvsock,path=%s", path);
	served_guest_add(&served, "null");
	served_guest_add(&served, spec);
	assert_int_equal(vmbus_guest_connect(&served.guest, &relid, 1), 1);
	client = unix_connect(path);
	assert_true(client >= 0);
	assert_int_equal(send(client, request, strlen(request), 0), strlen(request));
	vmbus_guest_expect(&served.guest, VMBUS_MSG_OFFER_CHANNEL, &offer, sizeof(offer));
	relid = offer.child_relid;
	vmbus_guest_open(&served.guest, relid, 14);
	fake_vm_run_loop(served.guest.fake);
}

static int set_up(void **state)
{
	served_guest_start(&served);
	connect_client();
	served_guest_serve(&served);
	return 0;
}

static int set_up_without_a_bus(void **state)
{
	served_guest_start(&served);
	client = -1;
	served_guest_serve_without_bus(&served);
	return 0;
}

static int tear_down(void **state)
{
	served_guest_end(&served);
	if (client >= 0)
		close(client);
	return 0;
}

#define CALL(target) struct answer a = rig_call(&served.rig, RIG_API, "GET", (target), NULL)

static void assert_is_the_connection(const json_t *sock)
{
	assert_int_equal(json_integer_value(json_object_get(sock, "relid")), relid);
	assert_int_equal(json_integer_value(json_object_get(sock, "port")), 5000);
	assert_string_equal(json_string_value(json_object_get(sock, "opened_by")), "host");
	assert_string_equal(json_string_value(json_object_get(sock, "state")), "open");
	assert_int_equal(json_integer_value(json_object_get(sock, "to_guest_bytes")), 5);
	assert_int_equal(json_integer_value(json_object_get(sock, "to_host_bytes")), 0);
	assert_true(json_is_false(json_object_get(sock, "host_ended")));
	assert_true(json_is_false(json_object_get(sock, "guest_ended")));
}

static void connections_are_listed(void **state)
{
	CALL("/v1/socks");
	json_t *items = json_object_get(a.json, "items");

	assert_int_equal(a.status, 200);
	assert_int_equal(json_array_size(items), 1);
	assert_is_the_connection(json_array_get(items, 0));
	answer_free(&a);
}

static void one_is_found_by_its_channel(void **state)
{
	char target[32];

	snprintf(target, sizeof(target), "/v1/socks/%u", relid);
	CALL(target);
	assert_int_equal(a.status, 200);
	assert_is_the_connection(a.json);
	answer_free(&a);
}

/* The null device's; none at all; none that can be. */
static void other_channels_are_no_connections(void **state)
{
	static const char *const targets[] = {
		"/v1/socks/1", "/v1/socks/0", "/v1/socks/2000", "/v1/socks/4294967297"};

	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		CALL(targets[i]);

		rig_expect_problem(&a, 404, "not_found");
		answer_free(&a);
	}
}

static void without_a_bus_there_are_none(void **state)
{
	CALL("/v1/socks");

	assert_int_equal(a.status, 200);
	assert_int_equal(json_array_size(json_object_get(a.json, "items")), 0);
	answer_free(&a);
}

#define API_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		API_TEST(connections_are_listed),
		API_TEST(one_is_found_by_its_channel),
		API_TEST(other_channels_are_no_connections),
		cmocka_unit_test_setup_teardown(
			without_a_bus_there_are_none, set_up_without_a_bus, tear_down),
	};

	return cmocka_run_group_tests_name("hvsock-api", tests, NULL, NULL);
}
