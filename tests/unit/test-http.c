/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The server as clients meet it, good and bad ones, over a collection made for the test.
 */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include "common/loop.h"
#include "inspect/request.h"
#include "inspect/server.h"
#include "inspect_rig.h"
#include "vmm/event.h"

/* ---- widgets: 300 of them, each with two parts ---------------------------------------------- */

enum { WIDGETS = 300, PARTS = 2 };

static const char *const colors[] = {"red", "dark_green", NULL};

struct size_info {
	bool present;
	uint32_t width;
};
static const struct field size_rows[] = {
	{FIELD_U(struct size_info, width, 0, "Width")},
};
static const struct field_table size_table = FIELD_TABLE(
	struct size_info, "size", "A size", size_rows);

struct widget_info {
	uint32_t id;
	uint8_t vtl;
	bool shiny;
	uint8_t color;
	char name[16];
	uint64_t mask;
	uint16_t level;
	struct size_info size;
};
static const struct field widget_rows[] = {
	{FIELD_U(struct widget_info, id, 0, "Key"), .maximum = 999},
	{FIELD_U(struct widget_info, vtl, 0, "Query key")},
	{FIELD_B(struct widget_info, shiny, 0, "A flag")},
	{FIELD_E(struct widget_info, color, FIELD_WRITABLE, colors, "An enum")},
	{FIELD_S(struct widget_info, name, FIELD_NULLABLE, "A name")},
	{FIELD_X(struct widget_info, mask, 0, "A mask")},
	{FIELD_U(struct widget_info, level, FIELD_WRITABLE, "A level"), .maximum = 10},
	{FIELD_O(struct widget_info, size, FIELD_NULLABLE, &size_table, "An object")},
};
static const struct field_table widget_table = FIELD_TABLE(
	struct widget_info, "widget", "A widget", widget_rows);

struct shop {
	uint8_t color;
	uint16_t level;
};

static int widget_get(void *owner, const uint64_t *key, void *ret_info)
{
	const struct shop *shop = owner;
	struct widget_info *info = ret_info;

	if (key[0] >= WIDGETS)
		return -ENOENT;
	*info = (struct widget_info){
		.id = (uint32_t)key[0],
		.vtl = (uint8_t)key[1],
		.shiny = key[0] % 2,
		.color = shop->color,
		.mask = 0xabc0 + key[0],
		.level = shop->level,
		.size = {.present = key[0] == 7, .width = 70},
	};
	if (key[0] == 7)
		snprintf(info->name, sizeof(info->name), "\x1b[31m\xff\"7\"");
	return 0;
}

static int widget_set(
	void *owner, const uint64_t *key, const struct field *field, const void *value)
{
	struct shop *shop = owner;

	if (field->offset == offsetof(struct widget_info, level))
		memcpy(&shop->level, value, sizeof(shop->level));
	else
		memcpy(&shop->color, value, sizeof(shop->color));
	return 0;
}

static void widget_list(void *owner, const uint64_t *key, unsigned fixed, const uint64_t *after,
	node_visit_fn visit, void *arg)
{
	for (uint64_t id = after ? after[0] + 1 : 0; id < WIDGETS; id++) {
		const uint64_t full[] = {id, key[1]};
		struct widget_info info;

		assert_int_equal(widget_get(owner, full, &info), 0);
		if (visit(arg, full, &info) != 0)
			return;
	}
}

static const struct node_class widget_class = {
	.path = "widgets/{id}",
	.fields = &widget_table,
	.key_count = 1,
	.query_key = "vtl",
	.get = widget_get,
	.set = widget_set,
	.list = widget_list,
};

struct part_info {
	uint32_t id, part;
	uint64_t weight;
};
static const struct field part_rows[] = {
	{FIELD_U(struct part_info, id, 0, "Widget")},
	{FIELD_U(struct part_info, part, 0, "Part")},
	{FIELD_U(struct part_info, weight, FIELD_NULLABLE, "Weight")},
};
static const struct field_table part_table = FIELD_TABLE(
	struct part_info, "part", "A part", part_rows);

static int part_get(void *owner, const uint64_t *key, void *ret_info)
{
	if (key[0] >= WIDGETS || key[1] >= PARTS)
		return -ENOENT;
	*(struct part_info *)ret_info = (struct part_info){
		.id = (uint32_t)key[0],
		.part = (uint32_t)key[1],
		.weight = key[1] ? 5 : UINT64_MAX,
	};
	return 0;
}

static void part_list(void *owner, const uint64_t *key, unsigned fixed, const uint64_t *after,
	node_visit_fn visit, void *arg)
{
	for (uint64_t id = fixed ? key[0] : 0; id < (fixed ? key[0] + 1 : WIDGETS); id++) {
		for (uint64_t part = 0; part < PARTS; part++) {
			const uint64_t full[] = {id, part};
			struct part_info info;

			if (after && (id < after[0] || (id == after[0] && part <= after[1])))
				continue;
			assert_int_equal(part_get(owner, full, &info), 0);
			if (visit(arg, full, &info) != 0)
				return;
		}
	}
}

static const struct node_class part_class = {
	.path = "widgets/{id}/parts/{part}",
	.flat_path = "parts",
	.fields = &part_table,
	.key_count = 2,
	.get = part_get,
	.list = part_list,
};

static struct shop shop;

enum { IDLE_MS = 2000 };

static int set_up_with_idle(void **state, unsigned idle_ms)
{
	static const struct node_provider providers[] = {
		/* The part before its widget: the order of registration must not matter. */
		{&part_class, &shop},
		{&widget_class, &shop},
		{NULL, NULL},
	};
	struct rig *rig = calloc(1, sizeof(*rig));

	assert_non_null(rig);
	shop = (struct shop){0};
	rig_init(rig);
	rig->previous_log_fd = memfd_create("previous", MFD_CLOEXEC);
	rig->idle_ms = idle_ms;
	rig_serve(rig, NULL, NULL, providers);
	*state = rig;
	return 0;
}

static int set_up(void **state)
{
	return set_up_with_idle(state, 0);
}

/* A server that waits less long for the rest of a request than a client that is kept waiting may. */
static int set_up_impatient(void **state)
{
	return set_up_with_idle(state, IDLE_MS);
}

static int tear_down(void **state)
{
	close(((struct rig *)*state)->previous_log_fd);
	rig_free(*state);
	free(*state);
	return 0;
}

#define CALL(...) struct answer a = rig_call(*state, __VA_ARGS__)

static json_int_t integer(const json_t *json, const char *key)
{
	json_t *value = json_object_get(json, key);

	assert_true(json_is_integer(value));
	return json_integer_value(value);
}

static const char *string(const json_t *json, const char *key)
{
	const char *value = json_string_value(json_object_get(json, key));

	assert_non_null(value);
	return value;
}

/* ---- resources ------------------------------------------------------------------------------ */

static void health_and_readiness(void **state)
{
	struct rig *rig = *state;
	struct answer health = rig_call(rig, RIG_API, "GET", "/healthz", NULL), ready;

	assert_int_equal(health.status, 200);
	assert_string_equal(string(health.json, "status"), "ok");
	answer_free(&health);
	ready = rig_call(rig, RIG_READ_ONLY, "GET", "/readyz", NULL);
	assert_int_equal(ready.status, 200);
	answer_free(&ready);
	inspect_set_ready(rig->inspect, false);
	ready = rig_call(rig, RIG_API, "GET", "/readyz", NULL);
	rig_expect_problem(&ready, 503, "not_ready");
	answer_free(&ready);
}

static void discovery_links_to_every_collection(void **state)
{
	CALL(RIG_API, "GET", "/v1", NULL);
	json_t *links = json_object_get(a.json, "links"), *link;
	bool widgets = false, keys = false;
	size_t i;

	assert_int_equal(a.status, 200);
	json_array_foreach(links, i, link)
	{
		widgets |= strcmp(json_string_value(link), "/v1/widgets") == 0;
		keys |= strchr(json_string_value(link), '{') != NULL;
	}
	assert_true(widgets);
	assert_false(keys);
	answer_free(&a);
}

static void an_object_has_every_key_and_null_for_the_unknown(void **state)
{
	CALL(RIG_API, "GET", "/v1/widgets/3", NULL);

	assert_int_equal(a.status, 200);
	assert_string_equal(a.text, "{\"id\":3,\"vtl\":0,\"shiny\":true,\"color\":\"red\","
				    "\"name\":null,\"mask\":\"0xabc3\",\"level\":0,\"size\":null}");
	answer_free(&a);
}

static void guest_text_arrives_escaped(void **state)
{
	CALL(RIG_API, "GET", "/v1/widgets/7", NULL);

	assert_non_null(strstr(a.text, "\"name\":\"\\u001b[31m\xef\xbf\xbd\\\"7\\\"\""));
	assert_int_equal(integer(json_object_get(a.json, "size"), "width"), 70);
	answer_free(&a);
}

static void keys_may_be_hexadecimal_and_vtl_is_a_parameter(void **state)
{
	CALL(RIG_API, "GET", "/v1/widgets/0x10?vtl=2", NULL);

	assert_int_equal(integer(a.json, "id"), 16);
	assert_int_equal(integer(a.json, "vtl"), 2);
	answer_free(&a);
}

static void pages_cover_a_collection_once(void **state)
{
	char target[128] = "/v1/widgets?limit=7";
	json_int_t expected = 0;
	bool more = true;

	while (more) {
		CALL(RIG_API, "GET", target, NULL);
		json_t *items = json_object_get(a.json, "items"), *item, *next;
		size_t i;

		assert_true(json_array_size(items) <= 7);
		json_array_foreach(items, i, item)
			assert_int_equal(integer(item, "id"), expected++);
		(void)integer(a.json, "seq");
		next = json_object_get(a.json, "next");
		more = json_is_string(next);
		if (more)
			snprintf(target, sizeof(target), "/v1/widgets?limit=7&cursor=%s",
				json_string_value(next));
		answer_free(&a);
	}
	assert_int_equal(expected, WIDGETS);
}

static void nested_and_flat_collections(void **state)
{
	struct answer nested = rig_call(*state, RIG_API, "GET", "/v1/widgets/9/parts", NULL);
	struct answer flat = rig_call(*state, RIG_API, "GET", "/v1/parts?limit=1000", NULL);
	struct answer none = rig_call(*state, RIG_API, "GET", "/v1/widgets/300/parts", NULL);

	assert_int_equal(json_array_size(json_object_get(nested.json, "items")), PARTS);
	assert_int_equal(json_array_size(json_object_get(flat.json, "items")), WIDGETS * PARTS);
	assert_true(json_is_null(json_object_get(flat.json, "next")));
	rig_expect_problem(&none, 404, "not_found");
	answer_free(&nested);
	answer_free(&flat);
	answer_free(&none);
}

static void head_has_the_headers_and_no_body(void **state)
{
	int fd = rig_connect(*state, RIG_API);
	char text[128];
	struct answer a = {0};

	rig_send(fd, "HEAD /v1/widgets/1 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
	for (char byte; strlen(a.headers) < sizeof(a.headers) - 1 && read(fd, &byte, 1) == 1;)
		a.headers[strlen(a.headers)] = byte;
	assert_non_null(answer_header(&a, "Content-Length", text));
	assert_non_null(strstr(a.headers, " 200 "));
	assert_string_equal(strstr(a.headers, "\r\n\r\n"), "\r\n\r\n");
	close(fd);
}

/* ---- refusals ------------------------------------------------------------------------------- */

static const struct refusal {
	const char *method, *target, *body;
	unsigned status;
	const char *code, *pointer; /* pointer: NULL when errors is empty */
} refusals[] = {
	{"GET", "/", NULL, 404, "not_found", NULL},
	{"GET", "/v2", NULL, 404, "not_found", NULL},
	{"GET", "/v1/nothing", NULL, 404, "not_found", NULL},
	{"GET", "/v1/widgets/300", NULL, 404, "not_found", NULL},
	{"GET", "/v1/widgets/1000", NULL, 404, "not_found", NULL},
	{"GET", "/v1/widgets/18446744073709551616", NULL, 404, "not_found", NULL},
	{"GET", "/v1/widgets/-1", NULL, 404, "not_found", NULL},
	{"GET", "/v1/widgets/one", NULL, 404, "not_found", NULL},
	{"GET", "/v1/widgets/1%2Fparts", NULL, 404, "not_found", NULL},
	{"GET", "/v1/schemas/nothing", NULL, 404, "not_found", NULL},
	{"GET", "/v1/tree/widgets/300", NULL, 404, "not_found", NULL},
	{"GET", "/v1/tree/widgets/300/parts", NULL, 404, "not_found", NULL},
	{"GET", "/v1/tree/widgets/1/nothing", NULL, 404, "not_found", NULL},
	{"GET", "/v1/tree/widgets/1/name/deeper", NULL, 404, "not_found", NULL},
	{"GET", "/v1/%00", NULL, 400, "bad_target", NULL},
	{"GET", "/v1/widgets%00/1", NULL, 400, "bad_target", NULL},
	{"GET", "/v1/../v1", NULL, 400, "bad_target", NULL},
	{"GET", "/v1/%2e%2e/v1", NULL, 400, "bad_target", NULL},
	{"GET", "/v1//widgets", NULL, 400, "bad_target", NULL},
	{"GET", "/v1/widgets/", NULL, 400, "bad_target", NULL},
	{"GET", "/v1/%zz", NULL, 400, "bad_target", NULL},
	{"GET", "/v1/%4", NULL, 400, "bad_target", NULL},
	{"GET", "http://localhost/v1", NULL, 400, "bad_target", NULL},
	{"GET", "/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a", NULL, 400, "bad_target", NULL},
	{"GET", "/v1?x=1", NULL, 400, "unknown_parameter", "?x"},
	{"GET", "/v1/widgets?limit=1&limit=2", NULL, 400, "unknown_parameter", "?limit"},
	{"GET", "/v1/widgets?limit=%zz", NULL, 400, "bad_target", NULL},
	{"GET", "/v1/widgets?limit=0", NULL, 422, "bad_value", "?limit"},
	{"GET", "/v1/widgets?limit=1001", NULL, 422, "bad_value", "?limit"},
	{"GET", "/v1/widgets?limit=-1", NULL, 422, "bad_value", "?limit"},
	{"GET", "/v1/widgets?limit=", NULL, 422, "bad_value", "?limit"},
	{"GET", "/v1/widgets?vtl=3", NULL, 422, "bad_value", "?vtl"},
	{"GET", "/v1/widgets?cursor=x", NULL, 422, "bad_value", "?cursor"},
	{"GET", "/v1/widgets?cursor=1.2", NULL, 422, "bad_value", "?cursor"},
	{"GET", "/v1/log?since=9999999", NULL, 422, "bad_value", "?since"},
	{"GET", "/v1/log?since=yesterday", NULL, 422, "bad_value", "?since"},
	{"GET", "/v1/log?follow=maybe", NULL, 422, "bad_value", "?follow"},
	{"GET", "/v1/log?sint=16", NULL, 422, "bad_value", "?sint"},
	{"GET", "/v1/log?vp=0,", NULL, 422, "bad_value", "?vp"},
	{"GET", "/v1/log?relid=a", NULL, 422, "bad_value", "?relid"},
	{"GET", "/v1/log?relid=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17", NULL, 422, "bad_value",
		"?relid"},
	{"GET", "/v1/log?until=2026-02-30T00:00:00Z", NULL, 422, "bad_value", "?until"},
	{"GET", "/v1/log?until=5m&follow=1", NULL, 422, "bad_value", "?until"},
	{"GET", "/v1/tree?depth=17", NULL, 422, "bad_value", "?depth"},
	{"GET", "/v1/tree?glob=/", NULL, 422, "bad_value", "?glob"},
	{"DELETE", "/v1/widgets/1", NULL, 405, "method_not_allowed", NULL},
	{"POST", "/v1", "{}", 405, "method_not_allowed", NULL},
	{"OPTIONS", "/v1/widgets", NULL, 405, "method_not_allowed", NULL},
	{"PATCH", "/v1/tree/widgets/1/mask", "{\"value\":1}", 405, "method_not_allowed", NULL},
	{"PATCH", "/v1/tree/widgets/1", "{\"value\":1}", 405, "method_not_allowed", NULL},
	{"PATCH", "/v1/tree/nothing", "{\"value\":1}", 404, "not_found", NULL},
	{"PATCH", "/v1/tree/widgets/300/level", "{\"value\":1}", 404, "not_found", NULL},
	{"PATCH", "/v1/tree/widgets/1/level", "{\"value\":11}", 422, "bad_value", "/value"},
	{"PATCH", "/v1/tree/widgets/1/level", "{\"value\":-1}", 422, "bad_value", "/value"},
	{"PATCH", "/v1/tree/widgets/1/level", "{\"value\":\"1\"}", 422, "bad_value", "/value"},
	{"PATCH", "/v1/tree/widgets/1/level", "{}", 422, "bad_value", "/value"},
	{"PATCH", "/v1/tree/widgets/1/level", "[]", 422, "bad_value", ""},
	{"PATCH", "/v1/tree/widgets/1/level", "{\"value\":1,\"more\":2}", 400, "unknown_key",
		"/more"},
	{"PATCH", "/v1/tree/widgets/1/level", "{\"value\":1,\"value\":2}", 400, "duplicate_key",
		"/value"},
	{"PATCH", "/v1/tree/widgets/1/level", "{\"value\":", 400, "bad_json", "/value"},
	{"PATCH", "/v1/tree/widgets/1/level", "{\"value\":1} x", 400, "bad_json", ""},
	{"PATCH", "/v1/tree/widgets/1/level", "{\"value\":\"\xff\"}", 400, "bad_json", "/value"},
	{"PATCH", "/v1/tree/widgets/1/color", "{\"value\":\"blue\"}", 422, "bad_value", "/value"},
	{"POST", "/v1/messages", "{}", 422, "bad_value", "/vp"},
	{"POST", "/v1/messages", "{\"vp\":0,\"sint\":16}", 422, "bad_value", "/sint"},
	{"POST", "/v1/messages", "{\"vp\":64,\"sint\":2}", 422, "bad_value", "/vp"},
	{"POST", "/v1/messages", "{\"vp\":0,\"sint\":2,\"vtl\":3}", 422, "bad_value", "/vtl"},
	{"POST", "/v1/messages", "{\"vp\":0,\"sint\":2,\"type\":0}", 422, "bad_value", "/type"},
	{"POST", "/v1/messages", "{\"vp\":0,\"sint\":2,\"type\":\"x\"}", 422, "bad_value", "/type"},
	{"POST", "/v1/messages", "{\"vp\":\"0\",\"sint\":2}", 422, "bad_value", "/vp"},
	{"POST", "/v1/messages", "{\"vp\":0.5,\"sint\":2}", 422, "bad_value", "/vp"},
	{"POST", "/v1/messages", "{\"vp\":null,\"sint\":2}", 422, "bad_value", "/vp"},
	{"POST", "/v1/messages", "{\"vp\":0,\"sint\":2,\"wait\":1}", 422, "bad_value", "/wait"},
	{"POST", "/v1/messages", "{\"vp\":0,\"sint\":2,\"payload\":\"0\"}", 422, "bad_value",
		"/payload"},
	{"POST", "/v1/messages", "{\"vp\":0,\"sint\":2,\"x\":{}}", 400, "unknown_key", "/x"},
	{"POST", "/v1/messages", "{\"vp\":0,\"sint\":2}", 503, "unavailable", NULL},
	{"POST", "/v1/events", "{\"vp\":0,\"sint\":2,\"flag\":2048}", 422, "bad_value", "/flag"},
	{"POST", "/v1/events", "{\"vp\":0,\"sint\":2}", 422, "bad_value", "/flag"},
	{"POST", "/v1/vm/pause", "{\"now\":true}", 400, "unknown_key", "/now"},
	{"POST", "/v1/vm/pause", NULL, 503, "unavailable", NULL},
	{"GET", "/v1/widgets/1", "{}", 422, "bad_value", NULL},
};

static void every_refusal_is_a_problem_that_names_the_place(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		const struct refusal *row = &refusals[i];
		CALL(RIG_API, row->method, row->target, row->body);

		print_message("%s %s %s\n", row->method, row->target, row->body ? row->body : "");
		rig_expect_problem(&a, row->status, row->code);
		if (row->pointer)
			assert_string_equal(rig_pointer(&a), row->pointer);
		answer_free(&a);
	}
}

static void a_405_names_what_is_allowed(void **state)
{
	struct answer both = rig_call(*state, RIG_API, "POST", "/v1/tree", "{}");
	struct answer one = rig_call(*state, RIG_API, "PUT", "/v1/events", "{}");
	char allow[128];

	assert_non_null(answer_header(&both, "Allow", allow));
	assert_non_null(strstr(allow, "GET, HEAD"));
	assert_non_null(strstr(allow, "PATCH"));
	assert_string_equal(answer_header(&one, "Allow", allow), "POST");
	answer_free(&both);
	answer_free(&one);
}

static void deep_nesting_is_refused_at_its_pointer(void **state)
{
	char body[512] = "{\"value\":";

	for (unsigned i = 0; i < 40; i++)
		strcat(body, "[");
	CALL(RIG_API, "PATCH", "/v1/tree/widgets/1/level", body);
	rig_expect_problem(&a, 400, "too_deep");
	assert_memory_equal(rig_pointer(&a), "/value/0/0", 10);
	answer_free(&a);
}

static void a_body_of_another_type_is_refused(void **state)
{
	struct answer text = rig_call_with(
		*state, RIG_API, "POST", "/v1/events", "Content-Type: text/plain\r\n", "{}");
	struct answer charset = rig_call_with(*state, RIG_API, "POST", "/v1/events",
		"Content-Type: application/json; charset=utf-8\r\n", "{}");

	rig_expect_problem(&text, 415, "not_json");
	rig_expect_problem(&charset, 422, "bad_value");
	answer_free(&text);
	answer_free(&charset);
}

static void a_large_body_is_413_and_a_huge_one_is_hung_up_on(void **state)
{
	size_t size = (64 << 10) + 1;
	char *body = malloc(2 << 20);
	int fd;

	assert_non_null(body);
	memset(body, ' ', 2 << 20);
	body[size] = '\0';
	{
		CALL(RIG_API, "POST", "/v1/events", body);
		rig_expect_problem(&a, 413, "body_too_large");
		answer_free(&a);
	}
	body[size - 1] = '\0'; /* 64 KiB: read, and found to be no JSON */
	{
		CALL(RIG_API, "POST", "/v1/events", body);
		rig_expect_problem(&a, 400, "bad_json");
		answer_free(&a);
	}
	body[size - 1] = ' ';
	body[size] = ' ';
	body[(2 << 20) - 1] = '\0';
	fd = rig_connect(*state, RIG_API);
	rig_send(fd, "POST /v1/events HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999\r\n\r\n");
	rig_send(fd, body);
	assert_true(rig_hung_up(fd, RIG_PATIENCE_MS));
	close(fd);
	free(body);
}

/* ---- roles ---------------------------------------------------------------------------------- */

static void the_read_only_socket_refuses_changes(void **state)
{
	CALL(RIG_READ_ONLY, "PATCH", "/v1/tree/widgets/1/level", "{\"value\":1}");

	rig_expect_problem(&a, 403, "read_only");
	assert_int_equal(shop.level, 0);
	answer_free(&a);
}

static void tcp_checks_host_origin_and_token(void **state)
{
	static const struct {
		const char *method, *headers;
		unsigned status;
	} rows[] = {
		{"GET", "", 200},
		{"GET", "Origin: http://localhost:8080\r\n", 200},
		{"GET", "Origin: http://evil.example\r\n", 403},
		{"GET", "Origin: http://localhost.evil.example\r\n", 403},
		{"GET", "Origin: null\r\n", 403},
		{"PATCH", "", 403},
		{"PATCH", "Authorization: Bearer\r\n", 403},
		{"PATCH", "Authorization: Bearer wrong horse!!\r\n", 403},
		{"PATCH", "Authorization: Bearer correct hors\r\n", 403},
		{"PATCH", "Authorization: Bearer correct horse2\r\n", 403},
		{"PATCH", "Authorization: Basic correct horse\r\n", 403},
		{"PATCH", "Authorization: Bearer correct horse\r\n", 200},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *body = strcmp(rows[i].method, "PATCH") == 0 ? "{\"value\":3}" : NULL;
		struct answer a = rig_call_with(*state, RIG_TCP, rows[i].method,
			"/v1/tree/widgets/1/level", rows[i].headers, body);

		print_message("%s %s", rows[i].method, rows[i].headers);
		assert_int_equal(a.status, rows[i].status);
		answer_free(&a);
	}
}

static void tcp_refuses_a_foreign_host(void **state)
{
	static const char *const hosts[] = {
		"evil.example", "localhost.evil", "127.0.0.1:", "127.0.0.2", "localhost:80x", ""};

	for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
		int fd = rig_connect(*state, RIG_TCP);
		struct answer a;
		char text[128];

		snprintf(text, sizeof(text), "GET /v1 HTTP/1.1\r\nHost: %s\r\n\r\n", hosts[i]);
		rig_send(fd, text);
		assert_true(rig_receive(fd, &a));
		assert_true(a.status == 403 || (hosts[i][0] == '\0' && a.status == 400));
		answer_free(&a);
		close(fd);
	}
}

static void unix_sockets_are_for_owner_and_group(void **state)
{
	struct rig *rig = *state;
	struct stat info;

	assert_int_equal(stat(rig->path[RIG_API], &info), 0);
	assert_int_equal(info.st_mode & 0777, 0660);
}

static void a_live_socket_is_not_taken_over_and_a_stale_one_is(void **state)
{
	struct rig *rig = *state;
	const struct inspect_config config = {
		.recorder = rig->recorder, .loop = rig->loop, .version = "0"};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int stale = socket(AF_UNIX, SOCK_STREAM, 0);
	struct inspect *second;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/stale.sock", rig->directory);
	assert_int_equal(bind(stale, (struct sockaddr *)&address, sizeof(address)), 0);
	close(stale); /* the file stays, nobody listens */
	assert_int_equal(inspect_new(&config, &second), 0);
	assert_int_equal(
		inspect_listen_unix(second, rig->path[RIG_API], INSPECT_READ_WRITE), -EADDRINUSE);
	assert_int_equal(inspect_listen_unix(second, address.sun_path, INSPECT_READ_WRITE), 0);
	inspect_free(second);
}

static void tcp_listens_on_loopback_only(void **state)
{
	static const char *const addresses[] = {"0.0.0.0", "192.0.2.1", "::", "localhost", ""};
	struct rig *rig = *state;
	const struct inspect_config config = {
		.recorder = rig->recorder, .loop = rig->loop, .version = "0"};
	struct inspect *second;

	assert_int_equal(inspect_new(&config, &second), 0);
	for (size_t i = 0; i < ARRAY_LEN(addresses); i++)
		assert_int_equal(inspect_listen_tcp(second, addresses[i], 0, NULL, NULL), -EINVAL);
	inspect_free(second);
}

/* ---- the tree ------------------------------------------------------------------------------- */

static json_t *at(json_t *json, const char *path)
{
	char copy[128], *part, *rest = copy;

	snprintf(copy, sizeof(copy), "%s", path);
	while (json && (part = strsep(&rest, "/")))
		json = json_object_get(json, part);
	return json;
}

static void the_tree_nests_objects_by_their_paths(void **state)
{
	CALL(RIG_API, "GET", "/v1/tree", NULL);

	assert_int_equal(a.status, 200);
	assert_int_equal(json_object_size(at(a.json, "widgets")), WIDGETS);
	assert_int_equal(integer(at(a.json, "widgets/299/parts/1"), "weight"), 5);
	assert_true(json_is_true(at(a.json, "recorder/enabled")));
	assert_string_equal(string(at(a.json, "daemon"), "version"), "0.0-test");
	answer_free(&a);
}

static void depth_cuts_the_tree_and_says_so(void **state)
{
	struct answer zero = rig_call(*state, RIG_API, "GET", "/v1/tree?depth=0", NULL);
	struct answer one = rig_call(*state, RIG_API, "GET", "/v1/tree/widgets/5?depth=1", NULL);

	assert_true(json_is_true(json_object_get(at(zero.json, "recorder"), "$more")));
	assert_int_equal(integer(one.json, "id"), 5);
	assert_true(json_is_true(json_object_get(at(one.json, "parts"), "$more")));
	answer_free(&zero);
	answer_free(&one);
}

static void a_glob_selects_nodes_and_leaves(void **state)
{
	static const struct {
		const char *target, *text;
	} rows[] = {
		{"/v1/tree?glob=widgets/3/parts/1/weight",
			"{\"widgets\":{\"3\":{\"parts\":{\"1\":{\"weight\":5}}}}}"},
		{"/v1/tree/widgets/3?glob=parts/*/part",
			"{\"parts\":{\"0\":{\"part\":0},\"1\":{\"part\":1}}}"},
		{"/v1/tree?glob=widgets/29?/le*&depth=9",
			"{\"widgets\":{\"290\":{\"level\":0},\"291\":{\"level\":0},\"292\":{\"level\":0},"
			"\"293\":{\"level\":0},\"294\":{\"level\":0},\"295\":{\"level\":0},"
			"\"296\":{\"level\":0},\"297\":{\"level\":0},\"298\":{\"level\":0},"
			"\"299\":{\"level\":0}}}"},
		{"/v1/tree?glob=**/enabled", "{\"recorder\":{\"enabled\":true}}"},
		{"/v1/tree?glob=nothing", "{}"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CALL(RIG_API, "GET", rows[i].target, NULL);

		assert_int_equal(a.status, 200);
		assert_string_equal(a.text, rows[i].text);
		answer_free(&a);
	}
}

static void a_leaf_is_read_and_written(void **state)
{
	struct answer before = rig_call(
		*state, RIG_API, "GET", "/v1/tree/widgets/7/size/width", NULL);
	struct answer write = rig_call(
		*state, RIG_API, "PATCH", "/v1/tree/widgets/1/color", "{\"value\":\"dark_green\"}");
	struct answer after = rig_call(*state, RIG_API, "GET", "/v1/tree/widgets/1/color", NULL);

	assert_string_equal(before.text, "{\"value\":70}");
	assert_int_equal(write.status, 200);
	assert_string_equal(write.text, "{\"value\":\"dark_green\"}");
	assert_string_equal(after.text, write.text);
	answer_free(&before);
	answer_free(&write);
	answer_free(&after);
}

static void the_recorder_can_be_switched_off(void **state)
{
	struct rig *rig = *state;
	CALL(RIG_API, "PATCH", "/v1/tree/recorder/enabled", "{\"value\":false}");

	assert_int_equal(a.status, 200);
	assert_false(recorder_enabled(rig->recorder));
	answer_free(&a);
}

/* ---- hostile HTTP --------------------------------------------------------------------------- */

static void ambiguous_headers_are_refused_and_the_connection_closed(void **state)
{
	static const char *const requests[] = {
		"GET /v1 HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
		"POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n"
		"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n"
		"Content-Length: 3\r\n\r\n{} ",
		"PATCH /v1/tree HTTP/1.1\r\nHost: a\r\nAuthorization: x\r\nAuthorization: y\r\n\r\n",
	};

	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		int fd = rig_connect(*state, RIG_API);
		struct answer a;

		rig_send(fd, requests[i]);
		assert_true(rig_receive(fd, &a));
		rig_expect_problem(&a, 400, "bad_header");
		assert_true(rig_hung_up(fd, RIG_PATIENCE_MS));
		answer_free(&a);
		close(fd);
	}
}

static void an_encoded_slash_stays_in_its_segment(void **state)
{
	CALL(RIG_API, "GET", "/v1/tree/widgets%2F3", NULL);

	rig_expect_problem(&a, 404, "not_found");
	answer_free(&a);
}

static void huge_headers_do_not_reach_a_handler(void **state)
{
	char *header = malloc(100000);
	int fd = rig_connect(*state, RIG_API);
	struct answer a;

	assert_non_null(header);
	memset(header, 'x', 99999);
	header[99999] = '\0';
	rig_send(fd, "GET /v1 HTTP/1.1\r\nHost: a\r\nX: ");
	rig_send(fd, header);
	rig_send(fd, "\r\n\r\n");
	if (rig_receive(fd, &a)) {
		assert_true(a.status == 431 || a.status == 413 || a.status == 414);
		answer_free(&a);
	}
	close(fd);
	free(header);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
	int fd = rig_connect(*state, RIG_API);

	for (unsigned i = 0; i < 20; i++) {
		char text[128];

		snprintf(text, sizeof(text), "GET /v1/widgets/%u HTTP/1.1\r\nHost: a\r\n\r\n", i);
		rig_send(fd, text);
	}
	for (unsigned i = 0; i < 20; i++) {
		struct answer a;

		assert_true(rig_receive(fd, &a));
		assert_int_equal(integer(a.json, "id"), i);
		answer_free(&a);
	}
	close(fd);
}

static void a_pipelined_change_waits_its_turn(void **state)
{
	int fd = rig_connect(*state, RIG_API);
	struct answer first, second;

	rig_send(fd, "PATCH /v1/tree/widgets/1/level HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n"
		     "Content-Type: application/json\r\n\r\n{\"value\":4}"
		     "GET /v1/tree/widgets/1/level HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_true(rig_receive(fd, &first));
	assert_true(rig_receive(fd, &second));
	assert_string_equal(first.text, "{\"value\":4}");
	assert_string_equal(second.text, "{\"value\":4}");
	answer_free(&first);
	answer_free(&second);
	close(fd);
}

static void a_body_may_come_in_chunks_and_pieces(void **state)
{
	static const char body[] = "5\r\n{\"val\r\n6\r\nue\":9}\r\n0\r\n\r\n";
	int fd = rig_connect(*state, RIG_API);
	struct answer a;

	rig_send(fd, "PATCH /v1/tree/widgets/1/level HTTP/1.1\r\nHost: a\r\n"
		     "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n");
	for (const char *at_byte = body; *at_byte; at_byte++) {
		const char one[] = {*at_byte, '\0'};

		rig_send(fd, one);
	}
	assert_true(rig_receive(fd, &a));
	assert_string_equal(a.text, "{\"value\":9}");
	answer_free(&a);
	close(fd);
}

static void clients_that_leave_early_cost_nothing(void **state)
{
	for (unsigned i = 0; i < 300; i++) {
		int fd = rig_connect(*state, RIG_API);

		if (i % 3 == 0)
			rig_send(fd, "GET /v1 HT");
		else if (i % 3 == 1)
			rig_send(fd,
				"POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\n{");
		else
			shutdown(fd, SHUT_WR);
		close(fd);
	}
	{
		CALL(RIG_API, "GET", "/v1", NULL);
		assert_int_equal(a.status, 200);
		answer_free(&a);
	}
}

static void a_slow_sender_is_hung_up_on(void **state)
{
	int slow = rig_connect(*state, RIG_API), half_open = rig_connect(*state, RIG_API);

	rig_send(slow,
		"PATCH /v1/tree/widgets/1/level HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n"
		"\r\n");
	/* A byte now and then keeps it busy and gets it nowhere. */
	for (unsigned i = 0; i < 99 && !rig_hung_up(slow, IDLE_MS / 20); i++)
		rig_send(slow, " ");
	assert_true(rig_hung_up(slow, 0));
	assert_true(rig_hung_up(half_open, RIG_PATIENCE_MS));
	close(slow);
	close(half_open);
}

/* At its limit MHD does not listen: it must be told to look again when a seat is free. */
static void a_full_house_takes_the_next_guest_when_one_leaves(void **state)
{
	enum { HOUSE = 128 };
	int fd[HOUSE + 1];
	struct pollfd last;
	struct answer a;

	for (unsigned i = 0; i < ARRAY_LEN(fd); i++)
		fd[i] = rig_connect(*state, RIG_API);
	rig_send(fd[HOUSE], "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
	last = (struct pollfd){.fd = fd[HOUSE], .events = POLLIN};
	assert_int_equal(poll(&last, 1, 200), 0);
	close(fd[0]);
	/* Long before one of the idle ones is hung up on. */
	assert_int_equal(poll(&last, 1, RIG_PATIENCE_MS), 1);
	assert_true(rig_receive(fd[HOUSE], &a));
	assert_int_equal(a.status, 200);
	answer_free(&a);
	for (unsigned i = 1; i < ARRAY_LEN(fd); i++)
		close(fd[i]);
}

static void garbage_is_not_answered_with_a_hang(void **state)
{
	static const char *const garbage[] = {"\r\n\r\n\r\n", "GET\r\n\r\n",
		"\x16\x03\x01\x02\x00\x01", "GET /v1\r\n\r\n", "GET /v1 HTTP/9.9\r\n\r\n",
		"G\xff T /v1 HTTP/1.1\r\n\r\n"};

	for (size_t i = 0; i < ARRAY_LEN(garbage); i++) {
		int fd = rig_connect(*state, RIG_API);

		rig_send(fd, garbage[i]);
		shutdown(fd, SHUT_WR);
		if (!rig_hung_up(fd, RIG_PATIENCE_MS))
			fail_msg("garbage %zu is still connected", i);
		close(fd);
	}
}

/* ---- the log -------------------------------------------------------------------------------- */

static void record(struct rig *rig, unsigned count, uint16_t type, uint32_t vp, uint8_t sint)
{
	for (unsigned i = 0; i < count; i++)
		hv_record(rig->recorder, type, vp, 0, sint, 0x31, 2, 0, 0, 0);
}

static json_t *item(const struct answer *answer, size_t index)
{
	return json_array_get(json_object_get(answer->json, "items"), index);
}

static void a_page_of_the_log_decodes_its_records(void **state)
{
	struct rig *rig = *state;

	record(rig, 1, HV_EVENT_SINT_ASSERT, 1, 2);
	hv_record(rig->recorder, HV_EVENT_PORT_SIGNAL, 0, 0, RECORD_NO_SINT, 7, 1, 0x12);
	hv_record(rig->recorder, HV_EVENT_STAGED, RECORD_NO_VP, 0, RECORD_NO_SINT, 0, 1,
		(uint64_t)-EAGAIN, 0xff, 9);
	CALL(RIG_API, "GET", "/v1/log?since=0", NULL);
	assert_int_equal(a.status, 200);
	assert_string_equal(string(item(&a, 0), "type"), "sint.assert");
	assert_int_equal(integer(item(&a, 0), "vp"), 1);
	assert_int_equal(integer(item(&a, 0), "sint"), 2);
	assert_int_equal(integer(at(item(&a, 0), "args"), "vector"), 0x31);
	assert_string_equal(string(at(item(&a, 0), "args"), "status"), "ok");
	assert_string_equal(string(at(item(&a, 1), "args"), "status"), "invalid_connection_id");
	assert_true(json_is_null(json_object_get(item(&a, 1), "sint")));
	assert_string_equal(string(at(item(&a, 2), "args"), "status"), "EAGAIN");
	assert_string_equal(string(at(item(&a, 2), "args"), "message_type"), "0xff");
	assert_true(json_is_null(json_object_get(item(&a, 2), "vp")));
	assert_int_equal(integer(a.json, "seq"), 3);
	answer_free(&a);
}

static void filters_and_pages_of_the_log(void **state)
{
	struct rig *rig = *state;

	record(rig, 10, HV_EVENT_EOM, 0, RECORD_NO_SINT);
	record(rig, 10, HV_EVENT_SINT_ASSERT, 1, 2);
	record(rig, 10, HV_EVENT_SINT_OWED, 1, 3);
	{
		CALL(RIG_API, "GET", "/v1/log?type=sint.*&vp=1&sint=3", NULL);
		assert_int_equal(json_array_size(at(a.json, "items")), 10);
		assert_int_equal(integer(item(&a, 0), "seq"), 21);
		answer_free(&a);
	}
	{
		CALL(RIG_API, "GET", "/v1/log?limit=4&type=sint.assert", NULL);
		assert_int_equal(json_array_size(at(a.json, "items")), 4);
		assert_string_equal(string(a.json, "next"), "14");
		answer_free(&a);
	}
	{
		CALL(RIG_API, "GET", "/v1/log?cursor=14&type=sint.assert", NULL);
		assert_int_equal(json_array_size(at(a.json, "items")), 6);
		assert_true(json_is_null(at(a.json, "next")));
		answer_free(&a);
	}
	{
		CALL(RIG_API, "GET", "/v1/log?since=5m", NULL);
		assert_int_equal(json_array_size(at(a.json, "items")), 30);
		answer_free(&a);
	}
}

/* How many items the log has for `query`, and the sequence number of the first. */
static size_t matches(struct rig *rig, const char *query, json_int_t *ret_first)
{
	char target[256];
	struct answer a;
	size_t count;

	snprintf(target, sizeof(target), "/v1/log?%s", query);
	a = rig_call(rig, RIG_API, "GET", target, NULL);
	assert_int_equal(a.status, 200);
	count = json_array_size(at(a.json, "items"));
	*ret_first = count > 0 ? integer(item(&a, 0), "seq") : 0;
	answer_free(&a);
	return count;
}

static void filters_take_several_values_and_channels(void **state)
{
	static const struct {
		const char *query;
		size_t count;
		json_int_t first;
	} rows[] = {
		{"type=eom,sint.*", 3, 1},
		{"type=vmbus.*", 3, 4},
		{"vp=1,3", 2, 2},
		{"sint=2,5", 2, 2},
		{"relid=7", 3, 4},
		{"relid=7,8", 4, 4},
		{"relid=7&type=vmbus.signal,ic", 2, 5},
		{"relid=0", 0, 0}, /* not what happens to be 0 in other kinds */
		{"vp=1&sint=5", 0, 0},
		{"type=no.such", 0, 0},
	};
	struct rig *rig = *state;
	json_int_t first;

	record(rig, 1, HV_EVENT_EOM, 0, RECORD_NO_SINT);
	record(rig, 1, HV_EVENT_SINT_ASSERT, 1, 2);
	record(rig, 1, HV_EVENT_SINT_OWED, 3, 5);
	hv_record(rig->recorder, HV_EVENT_VMBUS_CHANNEL, RECORD_NO_VP, 0, RECORD_NO_SINT, 7, 1, 2);
	hv_record(rig->recorder, HV_EVENT_VMBUS_SIGNAL, 0, 0, RECORD_NO_SINT, 0, 7);
	hv_record(rig->recorder, HV_EVENT_VMBUS_SIGNAL, 0, 0, RECORD_NO_SINT, 1, 8);
	hv_record(rig->recorder, HV_EVENT_IC, RECORD_NO_VP, 0, RECORD_NO_SINT, 0, 0, 0, 7);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (matches(rig, rows[i].query, &first) != rows[i].count || first != rows[i].first)
			fail_msg("%s: from %lld", rows[i].query, (long long)first);
	}
}

static void since_and_until_are_numbers_ages_or_times(void **state)
{
	struct rig *rig = *state;
	json_int_t first;

	record(rig, 10, HV_EVENT_EOM, 0, RECORD_NO_SINT);
	assert_int_equal(matches(rig, "since=3&until=5", &first), 2);
	assert_int_equal(first, 4);
	assert_int_equal(matches(rig, "until=0", &first), 0);
	assert_int_equal(matches(rig, "until=99", &first), 10);
	assert_int_equal(matches(rig, "until=1h", &first), 0);
	assert_int_equal(matches(rig, "since=1h&until=0s", &first), 10);
	assert_int_equal(matches(rig, "since=2001-01-01T00:00:00Z", &first), 10);
	assert_int_equal(matches(rig, "since=2500-01-01T00:00:00%2B01:00", &first), 0);
	assert_int_equal(matches(rig, "until=2500-01-01T00:00:00Z", &first), 10);
	assert_int_equal(matches(rig, "until=2001-01-01T00:00:00Z", &first), 0);
}

/* What an hvd with small rings left, that had no time to say a last word. */
static void leave_a_log(int fd, unsigned records)
{
	const struct recorder_home home = {
		.fd = fd, .names = &hv_record_names, .hvd_version = "0.0", .vm = "former"};
	struct recorder *former;

	assert_int_equal(recorder_new_at(&clock_monotonic, 16, &home, &former), 0);
	for (unsigned i = 0; i < records; i++)
		hv_record(former, i % 2 ? HV_EVENT_EOM : HV_EVENT_VMBUS_SIGNAL, i % 3, 0,
			RECORD_NO_SINT, 1, 7);
	recorder_free(former);
}

static void the_former_runs_log_ends_with_how_it_ended(void **state)
{
	struct rig *rig = *state;

	leave_a_log(rig->previous_log_fd, 20);
	{
		CALL(RIG_READ_ONLY, "GET", "/v1/log?previous=1&limit=4", NULL);
		assert_int_equal(integer(item(&a, 0), "seq"), 6); /* 15 are whole for sure */
		assert_int_equal(json_array_size(at(a.json, "items")), 4);
		assert_string_equal(string(a.json, "next"), "9");
		assert_int_equal(integer(a.json, "seq"), 20);
		answer_free(&a);
	}
	{
		CALL(RIG_READ_ONLY, "GET", "/v1/log?previous=1&cursor=9&relid=7&vp=0,2", NULL);
		assert_string_equal(string(item(&a, 0), "type"), "vmbus.signal");
		assert_int_equal(json_array_size(at(a.json, "items")), 3 + 1);
		assert_string_equal(string(item(&a, 3), "type"), "run");
		assert_string_equal(string(item(&a, 3), "ended"), "killed");
		assert_string_equal(string(item(&a, 3), "vm"), "former");
		assert_true(json_is_null(at(a.json, "next")));
		answer_free(&a);
	}
	{
		CALL(RIG_READ_ONLY, "GET", "/v1/log?previous=1&since=2", NULL);
		rig_expect_problem(&a, 410, "history_gone");
		answer_free(&a);
	}
	{
		CALL(RIG_READ_ONLY, "GET", "/v1/log?previous=1&follow=1", NULL);
		rig_expect_problem(&a, 422, "bad_value");
		answer_free(&a);
	}
}

static void what_is_no_log_of_a_former_run_is_404_with_the_reason(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(write(rig->previous_log_fd, "hvdlog, or not", 14), 14);
	CALL(RIG_READ_ONLY, "GET", "/v1/log?previous=1", NULL);
	rig_expect_problem(&a, 404, "no_previous_log");
	assert_string_equal(string(a.json, "detail"), "not a log of hvd");
	answer_free(&a);
}

static void history_that_is_gone_is_410_when_asked_for_by_number(void **state)
{
	struct rig *rig = *state;

	record(rig, 4 * RIG_RECORDS, HV_EVENT_EOM, 0, RECORD_NO_SINT);
	{
		CALL(RIG_API, "GET", "/v1/log?since=1", NULL);
		rig_expect_problem(&a, 410, "history_gone");
		answer_free(&a);
	}
	{
		CALL(RIG_API, "GET", "/v1/log?since=1&follow=1", NULL);
		rig_expect_problem(&a, 410, "history_gone");
		answer_free(&a);
	}
	{
		CALL(RIG_API, "GET", "/v1/log?cursor=1", NULL);
		assert_string_equal(string(item(&a, 0), "type"), "gap");
		assert_int_equal(integer(item(&a, 0), "seq") - 1, integer(item(&a, 0), "lost"));
		answer_free(&a);
	}
}

/* A busy thread's ring has gone round, a quiet one's not: between its records there are holes. */
static void the_holes_between_two_records_are_told_as_one(void **state)
{
	struct rig *rig = *state;
	uint64_t there, all = 0;
	unsigned gaps = 0;

	for (unsigned i = 0; i < 20; i++) {
		record(rig, RIG_RECORDS / 8, HV_EVENT_EOM, 0, RECORD_NO_SINT);
		assert_int_equal(recorder_attach(rig->recorder, "quiet"), 0);
		record(rig, 1, i < 19 ? HV_EVENT_SYNIC_RESET : HV_EVENT_PORT_RELEASE, 0,
			RECORD_NO_SINT);
		recorder_detach(rig->recorder);
	}
	there = recorder_head(rig->recorder) - recorder_oldest(rig->recorder) + 1;
	{
		CALL(RIG_API, "GET", "/v1/log?type=port.release", NULL);
		assert_int_equal(json_array_size(json_object_get(a.json, "items")), 2);
		assert_string_equal(string(item(&a, 0), "type"), "gap");
		assert_string_equal(string(item(&a, 1), "type"), "port.release");
		answer_free(&a);
	}
	/* Where nothing is left out each is told in its place, and all is accounted for. */
	CALL(RIG_API, "GET", "/v1/log?limit=1000", NULL);
	for (unsigned i = 0; i < json_array_size(json_object_get(a.json, "items")); i++) {
		bool gap = strcmp(string(item(&a, i), "type"), "gap") == 0;

		gaps += gap;
		all += gap ? (uint64_t)integer(item(&a, i), "lost") : 1;
	}
	assert_true(gaps > 5);
	assert_int_equal(all, there);
	answer_free(&a);
}

/* The next record of a stream that is not a heartbeat. */
static json_t *next_record(int fd)
{
	static char text[1 << 16];
	json_t *json;

	do {
		assert_true(rig_chunk(fd, text, sizeof(text)));
		json = json_loads(text, JSON_DISABLE_EOF_CHECK, NULL);
		assert_non_null(json);
		if (strcmp(string(json, "type"), "heartbeat") != 0)
			return json;
		json_decref(json);
	} while (true);
}

static int open_stream(struct rig *rig, const char *query, const char *headers)
{
	int fd = rig_connect(rig, RIG_READ_ONLY);
	struct answer a;
	char text[256];

	snprintf(text, sizeof(text), "GET /v1/log?follow=1%s HTTP/1.1\r\nHost: a\r\n%s\r\n", query,
		headers);
	rig_send(fd, text);
	assert_true(rig_receive(fd, &a));
	assert_int_equal(a.status, 200);
	answer_free(&a);
	return fd;
}

static void a_stream_tells_what_happens_and_that_it_lives(void **state)
{
	struct rig *rig = *state;
	int fd = open_stream(rig, "&type=sint.*", "");
	char text[512];
	json_t *json;

	assert_true(rig_chunk(fd, text, sizeof(text)));
	assert_string_equal(text, "{\"type\":\"heartbeat\",\"seq\":0}\n");
	record(rig, 3, HV_EVENT_EOM, 0, RECORD_NO_SINT);
	record(rig, 1, HV_EVENT_SINT_ASSERT, 0, 2);
	json = next_record(fd);
	assert_string_equal(string(json, "type"), "sint.assert");
	assert_int_equal(integer(json, "seq"), 4);
	json_decref(json);
	close(fd);
}

static void a_stream_after_a_list_has_no_hole(void **state)
{
	struct rig *rig = *state;
	json_int_t seq;
	char query[64];
	json_t *json;
	int fd;

	record(rig, 5, HV_EVENT_EOM, 0, RECORD_NO_SINT);
	{
		CALL(RIG_API, "GET", "/v1/widgets?limit=1", NULL);
		seq = integer(a.json, "seq");
		answer_free(&a);
	}
	record(rig, 1, HV_EVENT_CRASH, 0, RECORD_NO_SINT);
	snprintf(query, sizeof(query), "&since=%lld", (long long)seq);
	fd = open_stream(rig, query, "");
	json = next_record(fd);
	assert_string_equal(string(json, "type"), "crash");
	assert_int_equal(integer(json, "seq"), seq + 1);
	json_decref(json);
	close(fd);
}

static void a_stream_ends_after_its_limit(void **state)
{
	struct rig *rig = *state;
	static char text[1 << 16];
	int fd = open_stream(rig, "&limit=2", "");
	unsigned lines = 0;

	record(rig, 9, HV_EVENT_EOM, 0, RECORD_NO_SINT);
	while (rig_chunk(fd, text, sizeof(text))) {
		for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
			lines += strstr(line, "\"eom\"") != NULL;
			if (strncmp(line, "{\"type\":\"end\"", 13) == 0)
				assert_non_null(strstr(line, "\"reason\":\"limit\""));
		}
	}
	assert_int_equal(lines, 2);
	close(fd);
}

static void server_sent_events_when_asked_for(void **state)
{
	struct rig *rig = *state;
	int fd = open_stream(rig, "", "Accept: text/event-stream\r\n");
	char text[1024];

	record(rig, 1, HV_EVENT_EOM, 3, RECORD_NO_SINT);
	do
		assert_true(rig_chunk(fd, text, sizeof(text)));
	while (strstr(text, "heartbeat"));
	assert_memory_equal(text, "id: 1\ndata: {\"seq\":1,", 21);
	assert_string_equal(text + strlen(text) - 3, "}\n\n");
	close(fd);
	/* A browser that comes back names the last record it saw. */
	record(rig, 1, HV_EVENT_EOM, 3, RECORD_NO_SINT);
	fd = open_stream(rig, "", "Accept: text/event-stream\r\nLast-Event-ID: 1\r\n");
	assert_true(rig_chunk(fd, text, sizeof(text)));
	assert_memory_equal(text, "id: 2\n", 6);
	close(fd);
}

static void a_slow_reader_gets_a_gap_and_holds_nobody_up(void **state)
{
	struct rig *rig = *state;
	int fd = open_stream(rig, "", "");
	bool gap = false;

	/* Far more than the socket's and the stream's buffers hold, while nobody reads. */
	for (unsigned i = 0; i < 200; i++) {
		record(rig, RIG_RECORDS, HV_EVENT_EOM, 0, RECORD_NO_SINT);
		usleep(1000);
	}
	while (!gap) {
		static char text[1 << 16];
		const char *line;

		assert_true(rig_chunk(fd, text, sizeof(text)));
		line = strstr(text, "{\"type\":\"gap\"");
		gap = line && strstr(line, "\"lost\":");
	}
	close(fd);
}

static void the_seventeenth_stream_is_503_until_one_closes(void **state)
{
	struct rig *rig = *state;
	int streams[16];

	for (unsigned i = 0; i < 16; i++)
		streams[i] = open_stream(rig, "", "");
	{
		CALL(RIG_API, "GET", "/v1/log?follow=1", NULL);
		rig_expect_problem(&a, 503, "too_many_streams");
		answer_free(&a);
	}
	close(streams[0]); /* found out by a heartbeat that cannot be written */
	for (unsigned tries = 0;; tries++) {
		CALL(RIG_API, "GET", "/v1/tree/daemon/streams", NULL);
		bool closed = strcmp(a.text, "{\"value\":15}") == 0;

		answer_free(&a);
		if (closed)
			break;
		assert_true(tries < RIG_PATIENCE_MS);
		usleep(1000);
	}
	close(open_stream(rig, "", ""));
	for (unsigned i = 1; i < 16; i++)
		close(streams[i]);
}

static void stopping_ends_streams_with_a_record(void **state)
{
	struct rig *rig = *state;
	static char text[1 << 16];
	char last[256] = "";
	int fd = open_stream(rig, "", ""), idle = rig_connect(rig, RIG_API);

	rig_stop(rig);
	while (rig_chunk(fd, text, sizeof(text)))
		snprintf(last, sizeof(last), "%.200s", text);
	assert_non_null(strstr(last, "\"type\":\"end\""));
	assert_non_null(strstr(last, "\"reason\":\"stopping\""));
	assert_true(rig_hung_up(idle, 0));
	assert_int_equal(access(rig->path[RIG_API], F_OK), -1);
	close(fd);
	close(idle);
}

struct slow_read {
	struct operation base;
	uint64_t takes_ns;
	_Atomic bool *began; /* borrows */
};

static void read_slowly(struct operation *operation)
{
	struct slow_read *read = container_of(operation, struct slow_read, base);
	const struct timespec span = {.tv_nsec = (long)read->takes_ns};

	atomic_store(read->began, true);
	nanosleep(&span, NULL);
	operation_finish(operation);
}

static void submit_read(
	struct request *request, uint64_t takes_ns, uint64_t patience_ns, _Atomic bool *began)
{
	struct slow_read *read = operation_new(request, sizeof(*read));

	assert_non_null(read);
	read->takes_ns = takes_ns;
	read->began = began;
	read->base.run = read_slowly;
	operation_submit(
		&read->base, OPERATION_ON_WORKER, clock_now_ns(&clock_monotonic) + patience_ns);
}

static void on_answered(struct request *request)
{
}

/* The second read waits for the first one longer than its client does. */
static void what_nobody_waits_for_any_more_is_not_read(void **state)
{
	struct inspect inspect = {0};
	struct request request[2] = {
		{.inspect = &inspect, .answered = on_answered},
		{.inspect = &inspect, .answered = on_answered},
	};
	_Atomic bool began[2] = {false, false};

	assert_int_equal(loop_new(&inspect.http_loop), 0);
	assert_int_equal(
		operations_init(&inspect.operations, inspect.http_loop, inspect.http_loop), 0);
	submit_read(&request[0], 100 * NSEC_PER_MSEC, 60 * NSEC_PER_SEC, &began[0]);
	submit_read(&request[1], 0, 50 * NSEC_PER_MSEC, &began[1]);
	assert_int_equal(operations_start(&inspect.operations), 0);
	while (request[0].operation || request[1].operation)
		loop_run_ready(inspect.http_loop);
	assert_true(atomic_load(&began[0]));
	assert_int_equal(request[1].reply.status, 504);
	operations_stop_worker(&inspect.operations);
	assert_false(atomic_load(&began[1]));
	operations_deinit(&inspect.operations);
	loop_free(inspect.http_loop);
	reply_deinit(&request[0].reply);
	reply_deinit(&request[1].reply);
}

/* Of the first reply, which stays where it is. */
static bool is_refused(int fd)
{
	char line[sizeof("HTTP/1.1 503")] = "";

	assert_int_equal(
		recv(fd, line, sizeof(line) - 1, MSG_PEEK | MSG_WAITALL), sizeof(line) - 1);
	return strcmp(line, "HTTP/1.1 503") == 0;
}

/* The first replies go into the socket's buffer; one waits with us, and its requests behind it. */
static void replies_that_nobody_reads_are_bounded(void **state)
{
	static const char request[] = "GET /v1/openapi.json HTTP/1.1\r\nHost: a\r\n\r\n";
	struct rig *rig = *state;
	bool refused = false;
	int fd[64], count = 0;
	struct answer a;

	while (!refused && count < (int)ARRAY_LEN(fd)) {
		fd[count] = rig_connect(rig, RIG_READ_ONLY);
		for (unsigned i = 0; i < 16; i++)
			rig_send(fd[count], request);
		refused = is_refused(fd[count++]);
	}
	assert_true(refused);
	assert_true(rig_receive(fd[count - 1], &a));
	rig_expect_problem(&a, 503, "too_much_unread");
	answer_free(&a);
	while (count > 1)
		close(fd[--count]);
	/* What is small is answered, and so is everything when they have gone. */
	a = rig_call(rig, RIG_READ_ONLY, "GET", "/v1", NULL);
	assert_int_equal(a.status, 200);
	answer_free(&a);
	for (bool again = true; again; again = is_refused(fd[1])) {
		if (count++ > 1)
			close(fd[1]);
		fd[1] = rig_connect(rig, RIG_READ_ONLY);
		rig_send(fd[1], request);
		assert_true(count < 1000);
	}
	close(fd[0]);
	close(fd[1]);
}

static void changes_are_recorded_with_who_made_them(void **state)
{
	struct answer change = rig_call(
		*state, RIG_API, "PATCH", "/v1/tree/widgets/1/level", "{\"value\":1}");
	CALL(RIG_API, "GET", "/v1/log?type=api", NULL);
	json_t *args = at(item(&a, 0), "args");

	assert_int_equal(integer(args, "uid"), getuid());
	assert_int_equal(integer(args, "pid"), getpid());
	assert_string_equal(json_string_value(json_object_get(args, "action")), "patch");
	assert_int_equal(integer(args, "status"), 200);
	answer_free(&change);
	answer_free(&a);
}

int main(int argc, char **argv)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(health_and_readiness),
		TEST(discovery_links_to_every_collection),
		TEST(an_object_has_every_key_and_null_for_the_unknown),
		TEST(guest_text_arrives_escaped),
		TEST(keys_may_be_hexadecimal_and_vtl_is_a_parameter),
		TEST(pages_cover_a_collection_once),
		TEST(nested_and_flat_collections),
		TEST(head_has_the_headers_and_no_body),
		TEST(every_refusal_is_a_problem_that_names_the_place),
		TEST(a_405_names_what_is_allowed),
		TEST(deep_nesting_is_refused_at_its_pointer),
		TEST(a_body_of_another_type_is_refused),
		TEST(a_large_body_is_413_and_a_huge_one_is_hung_up_on),
		TEST(the_read_only_socket_refuses_changes),
		TEST(tcp_checks_host_origin_and_token),
		TEST(tcp_refuses_a_foreign_host),
		TEST(tcp_listens_on_loopback_only),
		TEST(unix_sockets_are_for_owner_and_group),
		TEST(a_live_socket_is_not_taken_over_and_a_stale_one_is),
		TEST(the_tree_nests_objects_by_their_paths),
		TEST(depth_cuts_the_tree_and_says_so),
		TEST(a_glob_selects_nodes_and_leaves),
		TEST(a_leaf_is_read_and_written),
		TEST(the_recorder_can_be_switched_off),
		TEST(ambiguous_headers_are_refused_and_the_connection_closed),
		TEST(an_encoded_slash_stays_in_its_segment),
		TEST(huge_headers_do_not_reach_a_handler),
		TEST(pipelined_requests_are_answered_in_order),
		TEST(a_pipelined_change_waits_its_turn),
		TEST(a_body_may_come_in_chunks_and_pieces),
		TEST(clients_that_leave_early_cost_nothing),
		cmocka_unit_test_setup_teardown(
			a_slow_sender_is_hung_up_on, set_up_impatient, tear_down),
		TEST(a_full_house_takes_the_next_guest_when_one_leaves),
		cmocka_unit_test_setup_teardown(
			garbage_is_not_answered_with_a_hang, set_up_impatient, tear_down),
		TEST(a_page_of_the_log_decodes_its_records),
		TEST(filters_and_pages_of_the_log),
		TEST(filters_take_several_values_and_channels),
		TEST(since_and_until_are_numbers_ages_or_times),
		TEST(the_former_runs_log_ends_with_how_it_ended),
		TEST(what_is_no_log_of_a_former_run_is_404_with_the_reason),
		TEST(history_that_is_gone_is_410_when_asked_for_by_number),
		TEST(a_stream_tells_what_happens_and_that_it_lives),
		TEST(a_stream_after_a_list_has_no_hole),
		TEST(a_stream_ends_after_its_limit),
		TEST(server_sent_events_when_asked_for),
		TEST(the_holes_between_two_records_are_told_as_one),
		TEST(a_slow_reader_gets_a_gap_and_holds_nobody_up),
		TEST(the_seventeenth_stream_is_503_until_one_closes),
		TEST(stopping_ends_streams_with_a_record),
		cmocka_unit_test(what_nobody_waits_for_any_more_is_not_read),
		TEST(replies_that_nobody_reads_are_bounded),
		TEST(changes_are_recorded_with_who_made_them),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
