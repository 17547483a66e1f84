/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hvctl's small pieces: escaping, units, spelling, quoting, words of a line. */
#include "cli/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/curlcmd.h"
#include "cli/words.h"

typedef void (*put_fn)(FILE *out, const void *arg);

static void check_put(put_fn put, const void *arg, const char *expected)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	put(out, arg);
	assert_int_equal(fclose(out), 0);
	assert_string_equal(text, expected);
	free(text);
}

static void put_text(FILE *out, const void *arg)
{
	text_put(out, arg);
}

static void put_duration(FILE *out, const void *arg)
{
	text_put_duration(out, *(const uint64_t *)arg);
}

static void put_size(FILE *out, const void *arg)
{
	text_put_size(out, *(const uint64_t *)arg);
}

static void put_quoted(FILE *out, const void *arg)
{
	curlcmd_put_quoted(out, arg);
}

static void test_no_byte_that_a_terminal_obeys_passes(void **state)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{"plain", "plain"},
		{"h\xc3\xa9 \xe4\xb8\xad \xf0\x9f\x90\xa7",
			"h\xc3\xa9 \xe4\xb8\xad \xf0\x9f\x90\xa7"},
		{"\x1b[2J", "\\x1b[2J"}, {"a\nb\tc\r", "a\\x0ab\\x09c\\x0d"}, {"\x7f", "\\x7f"},
		{"\xc2\x9b"
		 "2J",
			"\\xc2\\x9b"
			"2J"},                                /* C1 CSI in UTF-8 */
		{"\x9b", "\\x9b"},                            /* and as a raw byte */
		{"\xe2\x80\xae", "\\xe2\\x80\\xae"},          /* right-to-left override */
		{"\xef\xbb\xbf", "\\xef\\xbb\\xbf"},          /* byte order mark */
		{"\xe2\x80", "\\xe2\\x80"},                   /* cut short */
		{"\xc0\x9b", "\\xc0\\x9b"},                   /* overlong ESC */
		{"\xed\xa0\x80", "\\xed\\xa0\\x80"},          /* surrogate */
		{"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"}, /* beyond Unicode */
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check_put(put_text, cases[i].text, cases[i].expected);
}

static void test_durations_are_read_at_a_glance(void **state)
{
	static const struct {
		uint64_t ns;
		const char *expected;
	} cases[] = {
		{0, "0 ns"},
		{999, "999 ns"},
		{1000, "1 us"},
		{1250, "1.2 us"},
		{84000, "84 us"},
		{9999999, "9.9 ms"},
		{UINT64_C(59999999999), "59 s"},
		{UINT64_C(60000000000), "1m00s"},
		{UINT64_C(11520000000000), "3h12m"},
		{UINT64_C(187200000000000), "2d04h"},
		{UINT64_MAX, "213503d23h"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check_put(put_duration, &cases[i].ns, cases[i].expected);
}

static void test_sizes_are_powers_of_1024(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *expected;
	} cases[] = {
		{0, "0 B"},
		{1023, "1023 B"},
		{65536, "64 KiB"},
		{UINT64_C(1) << 28, "256 MiB"},
		{UINT64_C(3) << 29, "1.5 GiB"},
		{UINT64_MAX, "17179869183 GiB"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check_put(put_size, &cases[i].bytes, cases[i].expected);
}

static void test_a_suffix_says_the_unit(void **state)
{
	static const struct {
		const char *key, *json, *expected;
	} cases[] = {
		{"age_ns", "1500000", "1.5 ms"},
		{"runtime_100ns", "10", "1 us"},
		{"mono_ns", "1500000", "1500000"},
		{"memory_bytes", "1024", "1 KiB"},
		{"payload_size", "1024", "1024"},
		{"age_ns", "null", "-"},
		{"masked", "true", "yes"},
		{"event_flags", "[4,7]", "4,7"},
		{"event_flags", "[]", "-"},
		{"slot", "{\"busy\":false}", "{busy=no}"},
		{"status", "-11", "-11"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		json_auto_t *value = json_loads(cases[i].json, JSON_DECODE_ANY, NULL);
		char *text = text_value(cases[i].key, value);

		assert_string_equal(text, cases[i].expected);
		free(text);
	}
}

static void test_what_was_meant_is_near_or_nothing(void **state)
{
	static const char *const words[] = {"ports", "post", "routes", "sints", "stimers"};
	static const struct {
		const char *word, *expected;
	} cases[] = {
		{"prots", "ports"},
		{"port", "ports"},
		{"route", "routes"},
		{"sitns", "sints"},
		{"xyzzy", NULL},
		{"", NULL},
		{"a-word-much-longer-than-any-word-here-can-be", NULL},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *near = text_did_you_mean(cases[i].word, words, ARRAY_LEN(words));

		if (cases[i].expected)
			assert_string_equal(near, cases[i].expected);
		else
			assert_null(near);
	}
}

static void test_quoting_survives_a_shell(void **state)
{
	check_put(put_quoted, "/run/hvd/a.sock", "/run/hvd/a.sock");
	check_put(put_quoted, "", "''");
	check_put(put_quoted, "two words", "'two words'");
	check_put(put_quoted, "it's", "'it'\\''s'");
	check_put(put_quoted, "$(id)", "'$(id)'");
}

static void test_lines_split_as_in_a_shell(void **state)
{
	static const struct {
		const char *line;
		size_t count;
		const char *words[4];
	} cases[] = {
		{"", 0, {0}},
		{"  # nothing", 0, {0}},
		{"ports list\n", 2, {"ports", "list"}},
		{"a 'b c' \"d 'e\"", 3, {"a", "b c", "d 'e"}},
		{"a\\ b 'c\\'", 2, {"a b", "c\\"}},
		{"'' x", 2, {"", "x"}},
		{"a#b # c", 1, {"a#b"}},
		{"--payload='01 02'", 1, {"--payload=01 02"}},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char line[64], *words[8];
		size_t count = 99;

		strcpy(line, cases[i].line);
		assert_int_equal(words_split(line, words, ARRAY_LEN(words), &count), 0);
		assert_int_equal(count, cases[i].count);
		for (size_t j = 0; j < count; j++)
			assert_string_equal(words[j], cases[i].words[j]);
		assert_null(words[count]);
	}
}

static void test_lines_that_cannot_be_split_are_refused(void **state)
{
	char open[] = "a 'b", many[] = "1 2 3 4";
	char *words[4];
	size_t count = 99;

	assert_int_equal(words_split(open, words, 4, &count), WORDS_E_OPEN_QUOTE);
	assert_int_equal(words_split(many, words, 4, &count), WORDS_E_TOO_MANY);
	assert_int_equal(count, 99);
}

static void test_the_last_word_of_an_unfinished_line_is_the_unfinished_one(void **state)
{
	const struct {
		const char *line;
		size_t count;
		const char *words[4];
	} cases[] = {
		{"", 1, {""}},
		{"  ", 1, {""}},
		{"vm", 1, {"vm"}},
		{"vm ", 2, {"vm", ""}},
		{"vm sh", 2, {"vm", "sh"}},
		{"log 'a b", 2, {"log", "a b"}},
		{"log 'a b ", 2, {"log", "a b "}},
		{"log 'a b' ", 3, {"log", "a b", ""}},
		{"log a\\ ", 2, {"log", "a "}},
		{"vm # sh", 2, {"vm", "# sh"}},
	};
	char full[] = "1 2 3", next[] = "1 2 ";
	char *words[4];
	size_t count = 99;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char line[64];

		strcpy(line, cases[i].line);
		assert_int_equal(words_split_unfinished(line, words, 4, &count), 0);
		assert_int_equal(count, cases[i].count);
		for (size_t j = 0; j < count; j++)
			assert_string_equal(words[j], cases[i].words[j]);
		assert_null(words[count]);
	}
	assert_int_equal(words_split_unfinished(full, words, 3, &count), WORDS_E_TOO_MANY);
	assert_int_equal(words_split_unfinished(next, words, 3, &count), WORDS_E_TOO_MANY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_byte_that_a_terminal_obeys_passes),
		cmocka_unit_test(test_durations_are_read_at_a_glance),
		cmocka_unit_test(test_sizes_are_powers_of_1024),
		cmocka_unit_test(test_a_suffix_says_the_unit),
		cmocka_unit_test(test_what_was_meant_is_near_or_nothing),
		cmocka_unit_test(test_quoting_survives_a_shell),
		cmocka_unit_test(test_lines_split_as_in_a_shell),
		cmocka_unit_test(test_lines_that_cannot_be_split_are_refused),
		cmocka_unit_test(test_the_last_word_of_an_unfinished_line_is_the_unfinished_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
