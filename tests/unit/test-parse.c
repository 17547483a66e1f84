/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/parse.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define UNTOUCHED UINT64_C(0x5a5a5a5a5a5a5a5a)

struct number_case {
	const char *text;
	int result;
	uint64_t value;
};

typedef int (*number_parser)(const char *text, uint64_t *ret_value);

static int parse_any_u64(const char *text, uint64_t *ret_value)
{
	return parse_u64(text, 0, UINT64_MAX, ret_value);
}

static int parse_2_to_9(const char *text, uint64_t *ret_value)
{
	return parse_u64(text, 2, 9, ret_value);
}

/* Each row says what a parser answers; a failure must leave the output alone. */
static void check_numbers(number_parser parse, const struct number_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t value = UNTOUCHED;
		int r = parse(cases[i].text, &value);

		if (r != cases[i].result || value != (r == 0 ? cases[i].value : UNTOUCHED))
			fail_msg("\"%s\": got %d, %#lx", cases[i].text, r, (unsigned long)value);
	}
}

static void test_u64_takes_whole_decimal_or_hex_numbers(void **state)
{
	static const struct number_case cases[] = {
		{"0", 0, 0},
		{"010", 0, 10},
		{"0x10", 0, 16},
		{"0XfF", 0, 255},
		{"18446744073709551615", 0, UINT64_MAX},
		{"0xffffffffffffffff", 0, UINT64_MAX},
		{"18446744073709551616", -ERANGE, 0},
		{"0x10000000000000000", -ERANGE, 0},
		{"99999999999999999999x", -EINVAL, 0},
		{"", -EINVAL, 0},
		{"0x", -EINVAL, 0},
		{"-1", -EINVAL, 0},
		{"+1", -EINVAL, 0},
		{" 1", -EINVAL, 0},
		{"1 ", -EINVAL, 0},
		{"1a", -EINVAL, 0},
		{"0x1g", -EINVAL, 0},
	};

	check_numbers(parse_any_u64, cases, ARRAY_LEN(cases));
}

static void test_lists_of_numbers(void **state)
{
	static const struct {
		const char *text;
		int result;
		size_t count;
		uint64_t value[3];
	} cases[] = {
		{"7", 0, 1, {7}},
		{"0,0x10,9", 0, 3, {0, 16, 9}},
		{"1,2,3,4", -ENOSPC, 0, {0}},
		{"1,101", -ERANGE, 0, {0}},
		{"", -EINVAL, 0, {0}},
		{",", -EINVAL, 0, {0}},
		{"1,", -EINVAL, 0, {0}},
		{",1", -EINVAL, 0, {0}},
		{"1, 2", -EINVAL, 0, {0}},
		{"1,00000000000000000000000000000000000000000000002", -EINVAL, 0, {0}},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint64_t values[3] = {0};
		size_t count = 99;
		int r = parse_u64_list(cases[i].text, 100, values, 3, &count);

		if (r != cases[i].result || count != (r == 0 ? cases[i].count : 99))
			fail_msg("\"%s\": got %d, %zu", cases[i].text, r, count);
		if (r == 0)
			assert_memory_equal(values, cases[i].value, count * sizeof(*values));
	}
}

static void test_times_of_day(void **state)
{
	static const struct number_case cases[] = {
		{"1970-01-01T00:00:00Z", 0, 0},
		{"2026-11-21T15:53:15Z", 0, UINT64_C(1795276395) * NSEC_PER_SEC},
		{"2026-11-21T15:53:15.25Z", 0, UINT64_C(1795276395250000000)},
		{"2026-11-21T15:53:15.1234567899Z", 0, UINT64_C(1795276395123456789)},
		{"2026-11-21T16:53:15+01:00", 0, UINT64_C(1795276395) * NSEC_PER_SEC},
		{"2026-11-21T10:23:15-05:30", 0, UINT64_C(1795276395) * NSEC_PER_SEC},
		{"2024-02-29T00:00:00Z", 0, UINT64_C(1709164800) * NSEC_PER_SEC},
		{"2016-12-31T23:59:60Z", 0, UINT64_C(1483228800) * NSEC_PER_SEC},
		{"2025-02-29T00:00:00Z", -EINVAL, 0},
		{"2026-04-31T00:00:00Z", -EINVAL, 0},
		{"2026-13-01T00:00:00Z", -EINVAL, 0},
		{"2026-11-21T24:00:00Z", -EINVAL, 0},
		{"2026-11-21T15:60:00Z", -EINVAL, 0},
		{"2026-11-21T15:53:15", -EINVAL, 0},
		{"2026-11-21 15:53:15Z", -EINVAL, 0},
		{"2026-11-21T15:53:15.Z", -EINVAL, 0},
		{"2026-11-21T15:53:15Zx", -EINVAL, 0},
		{"2026-11-21T15:53:15+1:00", -EINVAL, 0},
		{"2026-11-21", -EINVAL, 0},
		{"", -EINVAL, 0},
		{"1970-01-01T00:00:00+01:00", -ERANGE, 0},
		{"9999-12-31T00:00:00Z", -ERANGE, 0},
	};

	check_numbers(parse_time, cases, ARRAY_LEN(cases));
}

static void test_u64_keeps_to_its_range(void **state)
{
	static const struct number_case cases[] = {
		{"1", -ERANGE, 0},
		{"2", 0, 2},
		{"9", 0, 9},
		{"0x9", 0, 9},
		{"10", -ERANGE, 0},
		{"99999999999999999999", -ERANGE, 0},
	};

	check_numbers(parse_2_to_9, cases, ARRAY_LEN(cases));
}

static void test_size_takes_powers_of_1024(void **state)
{
	static const struct number_case cases[] = {
		{"0", 0, 0},
		{"4096", 0, 4096},
		{"1K", 0, 1024},
		{"64MiB", 0, UINT64_C(64) << 20},
		{"2G", 0, UINT64_C(2) << 30},
		{"17179869183G", 0, UINT64_C(17179869183) << 30},
		{"17179869184G", -ERANGE, 0},
		{"18446744073709551616", -ERANGE, 0},
		{"1k", -EINVAL, 0},
		{"1KB", -EINVAL, 0},
		{"1 K", -EINVAL, 0},
		{"K", -EINVAL, 0},
		{"1.5G", -EINVAL, 0},
		{"-1", -EINVAL, 0},
		{"", -EINVAL, 0},
	};

	check_numbers(parse_size, cases, ARRAY_LEN(cases));
}

static void test_duration_takes_units_and_bare_seconds(void **state)
{
	static const struct number_case cases[] = {
		{"100ns", 0, 100},
		{"10us", 0, 10000},
		{"500ms", 0, 500 * NSEC_PER_MSEC},
		{"5s", 0, 5 * NSEC_PER_SEC},
		{"5", 0, 5 * NSEC_PER_SEC},
		{"2m", 0, 120 * NSEC_PER_SEC},
		{"1h", 0, 3600 * NSEC_PER_SEC},
		{"0s", 0, 0},
		{"18446744074s", -ERANGE, 0},
		{"99999999999999999999ns", -ERANGE, 0},
		{"5 s", -EINVAL, 0},
		{"5S", -EINVAL, 0},
		{"s", -EINVAL, 0},
		{"0x5s", -EINVAL, 0},
		{"-5s", -EINVAL, 0},
		{"", -EINVAL, 0},
	};

	check_numbers(parse_duration, cases, ARRAY_LEN(cases));
}

static void test_hex_bytes_may_be_separated(void **state)
{
	static const char *const same[] = {
		"0a1bff", "0A 1B FF", "0a:1b:ff", "0a, 1b ,ff", "0a\n1b\tff"};
	static const uint8_t expected[] = {0x0a, 0x1b, 0xff};

	for (size_t i = 0; i < ARRAY_LEN(same); i++) {
		uint8_t bytes[3] = {0};
		size_t count = 0;

		assert_int_equal(parse_hex_bytes(same[i], bytes, sizeof(bytes), &count), 0);
		assert_int_equal(count, 3);
		assert_memory_equal(bytes, expected, 3);
	}
}

static void test_hex_bytes_of_nothing_is_no_bytes(void **state)
{
	uint8_t byte = 0x5a;
	size_t count = 7;

	assert_int_equal(parse_hex_bytes("", &byte, 1, &count), 0);
	assert_int_equal(count, 0);
}

static void test_hex_bytes_refuses_and_writes_nothing(void **state)
{
	static const struct {
		const char *text;
		int result;
	} cases[] = {
		{"0", -EINVAL},
		{"0a1", -EINVAL},
		{"0x0a", -EINVAL},
		{"0g", -EINVAL},
		{"0a::1b", -EINVAL},
		{":0a", -EINVAL},
		{"0a:", -EINVAL},
		{" 0a", -EINVAL},
		{"0a ", -EINVAL},
		{"0 a", -EINVAL},
		{"0a1b2c", -ENOSPC},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint8_t bytes[2] = {0x5a, 0x5a};
		size_t count = 7;
		int r = parse_hex_bytes(cases[i].text, bytes, sizeof(bytes), &count);

		if (r != cases[i].result || count != 7 || bytes[0] != 0x5a || bytes[1] != 0x5a)
			fail_msg("\"%s\": got %d", cases[i].text, r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_u64_takes_whole_decimal_or_hex_numbers),
		cmocka_unit_test(test_u64_keeps_to_its_range),
		cmocka_unit_test(test_lists_of_numbers),
		cmocka_unit_test(test_times_of_day),
		cmocka_unit_test(test_size_takes_powers_of_1024),
		cmocka_unit_test(test_duration_takes_units_and_bare_seconds),
		cmocka_unit_test(test_hex_bytes_may_be_separated),
		cmocka_unit_test(test_hex_bytes_of_nothing_is_no_bytes),
		cmocka_unit_test(test_hex_bytes_refuses_and_writes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
