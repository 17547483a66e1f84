/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parts under the server: field tables to JSON and to schemas, targets, globs, bodies.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include "common/cleanup.h"
#include "inspect/glob.h"
#include "inspect/guard.h"
#include "inspect/json.h"
#include "inspect/problem.h"
#include "inspect/registry.h"
#include "inspect/schema.h"
#include "inspect/target.h"

/* ---- field tables --------------------------------------------------------------------------- */

struct inner {
	bool present;
	uint8_t byte;
};
static const struct field inner_rows[] = {
	{FIELD_X(struct inner, byte, 0, "A byte")},
};
static const struct field_table inner_table = FIELD_TABLE(
	struct inner, "inner", "An inner struct", inner_rows);
static const char *const names[] = {"zero", "one", NULL};

struct outer {
	bool flag, maybe_flag;
	uint8_t small;
	uint64_t large, unknown;
	int16_t negative;
	uint32_t mask;
	uint8_t choice, no_choice;
	char text[4];
	char no_text[4];
	uint8_t bytes[4];
	uint32_t byte_count;
	uint64_t when;
	struct inner object, no_object;
	uint32_t numbers[3];
	uint32_t number_count;
	struct inner items[2];
	uint32_t item_count;
};
static const struct field outer_rows[] = {
	{FIELD_B(struct outer, flag, 0, "d")},
	{FIELD_B(struct outer, maybe_flag, FIELD_NULLABLE, "d")},
	{FIELD_U(struct outer, small, 0, "d"), .maximum = 200},
	{FIELD_U(struct outer, large, 0, "d")},
	{FIELD_U(struct outer, unknown, FIELD_NULLABLE, "d")},
	{FIELD_I(struct outer, negative, 0, "d")},
	{FIELD_X(struct outer, mask, 0, "d")},
	{FIELD_E(struct outer, choice, 0, names, "d")},
	{FIELD_E(struct outer, no_choice, FIELD_NULLABLE, names, "d")},
	{FIELD_S(struct outer, text, 0, "d")},
	{FIELD_S(struct outer, no_text, FIELD_NULLABLE, "d")},
	{FIELD_H(struct outer, bytes, byte_count, "d")},
	{FIELD_T(struct outer, when, 0, "d")},
	{FIELD_O(struct outer, object, FIELD_NULLABLE, &inner_table, "d")},
	{FIELD_O(struct outer, no_object, FIELD_NULLABLE, &inner_table, "d")},
	{FIELD_A(struct outer, numbers, number_count, NULL, "d")},
	{FIELD_A(struct outer, items, item_count, &inner_table, "d")},
};
static const struct field_table outer_table = FIELD_TABLE(
	struct outer, "outer", "All kinds of fields", outer_rows);

static const struct outer sample = {
	.flag = true,
	.small = 200,
	.large = UINT64_MAX,
	.unknown = UINT64_MAX,
	.negative = -5,
	.mask = 0xBEEF,
	.choice = 1,
	.no_choice = 0xff,
	.text = {'f', 'u', 'l', 'l'}, /* no NUL: the walker must not run on */
	.bytes = {0x00, 0x9f, 0xff},
	.byte_count = 3,
	.when = 1000000001,
	.object = {.present = true, .byte = 0},
	.numbers = {7, 8, 9},
	.number_count = 99, /* more than fit: a broken module must not be read beyond */
	.items = {{.byte = 1}, {.byte = 2}},
	.item_count = 1,
};

static void every_kind_of_field_has_its_form(void **state)
{
	CLEANUP(writer) struct writer w = {0};
	struct outer info = sample;

	*(uint8_t *)(void *)&info.maybe_flag = 0xff;
	json_write_info(&w, &outer_table, &info);
	writer_raw(&w, "", 1);
	assert_false(w.failed);
	assert_string_equal(w.data,
		"{\"flag\":true,\"maybe_flag\":null,\"small\":200,\"large\":9223372036854775807,"
		"\"unknown\":null,\"negative\":-5,\"mask\":\"0xbeef\",\"choice\":\"one\","
		"\"no_choice\":null,\"text\":\"full\",\"no_text\":null,\"bytes\":\"009fff\","
		"\"when\":\"1970-01-01T00:00:01.000000001Z\",\"object\":{\"byte\":\"0x0\"},"
		"\"no_object\":null,\"numbers\":[7,8,9],\"items\":[{\"byte\":\"0x1\"}]}");
}

static json_t *property(const json_t *schema, const char *name)
{
	json_t *value = json_object_get(json_object_get(schema, "properties"), name);

	assert_non_null(value);
	return value;
}

static bool allows_null(const json_t *schema)
{
	const json_t *type = json_object_get(schema, "type");

	return json_is_array(type) && json_array_size(type) == 2 &&
	       strcmp(json_string_value(json_array_get(type, 1)), "null") == 0;
}

static void the_schema_says_what_the_table_says(void **state)
{
	CLEANUP(writer) struct writer w = {0};
	json_t *schema;

	schema_write_table(&w, &outer_table);
	schema = json_loadb(w.data, w.used, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(schema);
	assert_true(json_is_false(json_object_get(schema, "additionalProperties")));
	assert_int_equal(
		json_array_size(json_object_get(schema, "required")), ARRAY_LEN(outer_rows));
	for (size_t i = 0; i < ARRAY_LEN(outer_rows); i++) {
		const json_t *field = property(schema, outer_rows[i].name);

		assert_string_equal(json_string_value(json_object_get(field, "description")), "d");
		assert_int_equal(allows_null(field), (outer_rows[i].flags & FIELD_NULLABLE) != 0);
	}
	assert_int_equal(
		json_integer_value(json_object_get(property(schema, "small"), "maximum")), 200);
	assert_int_equal(
		json_array_size(json_object_get(property(schema, "no_choice"), "enum")), 3);
	assert_int_equal(
		json_integer_value(json_object_get(property(schema, "numbers"), "maxItems")), 3);
	json_decref(schema);
}

static void text_is_escaped_and_made_utf8(void **state)
{
	static const struct {
		const char *text, *json;
	} rows[] = {
		{"", "\"\""},
		{"plain", "\"plain\""},
		{"\"\\/", "\"\\\"\\\\/\""},
		{"\x01\x1b[2J\n\x7f", "\"\\u0001\\u001b[2J\\n\\u007f\""},
		{"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
			"\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""},
		{"\xc3", "\"\xef\xbf\xbd\""},
		{"\xc0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\""},                 /* overlong */
		{"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""}, /* surrogate */
		{"\xf4\x90\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
		{"\xff"
		 "a",
			"\"\xef\xbf\xbd"
			"a\""},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(writer) struct writer w = {0};

		writer_string(&w, rows[i].text);
		writer_raw(&w, "", 1);
		assert_string_equal(w.data, rows[i].json);
	}
}

/* Values are bounded by what readers of JSON take; text is not, and has no commas. */
static void decimals_are_text_as_it_is(void **state UNUSED)
{
	CLEANUP(writer) struct writer w = {0};

	writer_uint(&w, UINT64_MAX);
	writer_decimal(&w, UINT64_MAX);
	writer_decimal(&w, 0);
	writer_uint(&w, 7);
	writer_raw(&w, "", 1);
	assert_string_equal(w.data, "9223372036854775807"
				    "18446744073709551615"
				    "0,7");
}

static void a_reply_beyond_the_limit_fails_and_stays_failed(void **state)
{
	CLEANUP(writer) struct writer w = {0};
	char *block = calloc(1, 1 << 20);

	assert_non_null(block);
	for (unsigned i = 0; i < 40; i++)
		writer_raw(&w, block, 1 << 20);
	assert_true(w.failed);
	assert_true(w.used <= WRITER_MAX_BYTES);
	free(block);
}

/* ---- targets and globs ---------------------------------------------------------------------- */

static void targets_are_split_before_they_are_decoded(void **state)
{
	struct target target;

	assert_true(target_parse("/a%2Fb/c%20d?x=%31&y", &target));
	assert_int_equal(target.count, 2);
	assert_string_equal(target.segment[0], "a/b");
	assert_string_equal(target.segment[1], "c d");
	assert_string_equal(target.query, "x=%31&y");
	assert_true(target_parse("/", &target));
	assert_int_equal(target.count, 0);
	assert_string_equal(target.query, "");
}

static void bad_targets_are_refused(void **state)
{
	static const char *const bad[] = {"", "a", "*", "//", "/a//b", "/a/", "/.", "/..",
		"/a/../b", "/%2e%2E", "/%", "/%1", "/%g0", "/%00", "/a%00b", "/a#b"};
	char long_target[TARGET_MAX_BYTES + 8];
	struct target target;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (target_parse(bad[i], &target))
			fail_msg("accepted: %s", bad[i]);
	}
	memset(long_target, 'a', sizeof(long_target));
	long_target[0] = '/';
	long_target[sizeof(long_target) - 1] = '\0';
	assert_false(target_parse(long_target, &target));
}

static void name_globs(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool matches;
	} rows[] = {
		{"", "", true},
		{"*", "", true},
		{"*", "abc", true},
		{"a*c", "abc", true},
		{"a*c", "abcd", false},
		{"?", "", false},
		{"?b", "ab", true},
		{"*.x", "a.b.x", true},
		{"sint.*", "sint.assert", true},
		{"sint.*", "hint.assert", false},
		{"a", "b", false},
		{"**a**", "xax", true},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(glob_name_matches(rows[i].pattern, rows[i].text), rows[i].matches);
}

/* What makes fnmatch() and backtracking matchers run for hours. */
static void a_hostile_glob_takes_no_time(void **state)
{
	char pattern[GLOB_MAX_BYTES], text[4096];

	for (size_t i = 0; i + 2 < sizeof(pattern); i += 2)
		memcpy(pattern + i, "*a", 2);
	pattern[sizeof(pattern) - 2] = 'b';
	pattern[sizeof(pattern) - 1] = '\0';
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_false(glob_name_matches(pattern, text));
}

static bool path_matches(const char *pattern, const char *path)
{
	char copy[128], *part, *rest = copy;
	glob_states states;
	struct glob glob;

	assert_true(glob_parse(pattern, &glob));
	strcpy(copy, path);
	states = glob_start(&glob);
	while ((part = strsep(&rest, "/")))
		states = glob_step(&glob, states, part);
	return glob_done(&glob, states);
}

static void path_globs(void **state)
{
	struct glob glob;

	assert_true(path_matches("vps/*/sints/2", "vps/0/sints/2"));
	assert_false(path_matches("vps/*/sints/2", "vps/0/sints/3"));
	assert_false(path_matches("vps/*", "vps"));
	assert_true(path_matches("**", "a/b/c"));
	assert_true(path_matches("**/c", "c"));
	assert_true(path_matches("a/**/c", "a/c"));
	assert_true(path_matches("a/**/c", "a/x/y/c"));
	assert_false(path_matches("a/**/c", "b/x/c"));
	assert_false(glob_parse("", &glob));
	assert_false(glob_parse("a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a", &glob));
}

static void loopback_authorities(void **state)
{
	assert_true(guard_is_loopback_authority("localhost"));
	assert_true(guard_is_loopback_authority("LOCALHOST:1"));
	assert_true(guard_is_loopback_authority("127.0.0.1:8080"));
	assert_true(guard_is_loopback_authority("[::1]:8080"));
	assert_false(guard_is_loopback_authority("localhost:"));
	assert_false(guard_is_loopback_authority("localhost.example"));
	assert_false(guard_is_loopback_authority("127.0.0.1.example:80"));
	assert_false(guard_is_loopback_authority("[::2]"));
}

/* ---- registration --------------------------------------------------------------------------- */

static int no_get(void *owner, const uint64_t *key, void *ret_info)
{
	return -2;
}

static void classes_that_do_not_fit_their_table_are_refused(void **state)
{
	static const struct node_class bad_key = {
		.path = "a/{nothing}", .fields = &outer_table, .key_count = 1, .get = no_get};
	static const struct node_class bad_count = {
		.path = "a/{small}", .fields = &outer_table, .key_count = 2, .get = no_get};
	static const struct node_class good = {
		.path = "a/{small}", .fields = &outer_table, .key_count = 1, .get = no_get};
	const struct node_provider providers[] = {
		{&bad_key, NULL}, {&bad_count, NULL}, {&good, NULL}, {&good, NULL}};
	static const int results[] = {-22, -22, 0, -17};
	const struct resource *resource;
	struct registry registry = {0};

	for (size_t i = 0; i < ARRAY_LEN(results); i++)
		assert_int_equal(registry_add(&registry, &providers[i], &resource), results[i]);
	assert_int_equal(registry.resource[0]->key_max[0], 200);
	registry_deinit(&registry);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_field_has_its_form),
		cmocka_unit_test(the_schema_says_what_the_table_says),
		cmocka_unit_test(text_is_escaped_and_made_utf8),
		cmocka_unit_test(decimals_are_text_as_it_is),
		cmocka_unit_test(a_reply_beyond_the_limit_fails_and_stays_failed),
		cmocka_unit_test(targets_are_split_before_they_are_decoded),
		cmocka_unit_test(bad_targets_are_refused),
		cmocka_unit_test(name_globs),
		cmocka_unit_test(a_hostile_glob_takes_no_time),
		cmocka_unit_test(path_globs),
		cmocka_unit_test(loopback_authorities),
		cmocka_unit_test(classes_that_do_not_fit_their_table_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
