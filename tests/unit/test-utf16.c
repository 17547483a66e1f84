/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/utf16.h"

#include <errno.h>
#include <iconv.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* ---- every character, as the C library has it -------------------- */

static size_t convert(iconv_t how, const void *from, size_t size, void *to, size_t room)
{
	char *in = (char *)from, *out = to;
	size_t in_left = size, out_left = room;

	if (iconv(how, &in, &in_left, &out, &out_left) == (size_t)-1)
		return 0;
	return room - out_left;
}

static void every_character_goes_both_ways_as_in_iconv(void **state)
{
	iconv_t to_utf8 = iconv_open("UTF-8", "UTF-32LE");
	iconv_t to_utf16 = iconv_open("UTF-16LE", "UTF-32LE");

	if (to_utf8 == (iconv_t)-1 || to_utf16 == (iconv_t)-1)
		skip();
	for (uint32_t c = 1; c <= 0x10ffff; c++) {
		char text[8] = {0}, back[8];
		uint8_t units[8] = {0}, ours[8];
		size_t length = convert(to_utf8, &c, sizeof(c), text, sizeof(text)), size;

		if (length == 0) { /* half of a pair */
			assert_true(c >= 0xd800 && c <= 0xdfff);
			continue;
		}
		size = convert(to_utf16, &c, sizeof(c), units, sizeof(units)) + 2;
		assert_int_equal(utf16_from_utf8(text, ours, sizeof(ours), &length), 0);
		assert_int_equal(length, size);
		assert_memory_equal(ours, units, size);
		assert_int_equal(utf16_to_utf8(units, size, back, sizeof(back)), 0);
		assert_string_equal(back, text);
	}
	iconv_close(to_utf8);
	iconv_close(to_utf16);
}

/* ---- what is no text -------------------- */

static void halves_of_characters_are_refused(void **state)
{
	static const struct {
		uint8_t bytes[8];
		size_t size;
	} rows[] = {
		{{0x00, 0xd8, 0x00, 0x00}, 4},             /* a high one, and the end */
		{{0x00, 0xd8, 0x41, 0x00, 0x00, 0x00}, 6}, /* and a letter */
		{{0x00, 0xd8, 0x00, 0xd8, 0x00, 0x00}, 6}, /* and another */
		{{0x00, 0xdc, 0x00, 0x00}, 4},             /* a low one alone */
		{{0x41, 0x00, 0x00, 0xd8}, 4},             /* cut off */
	};
	char text[16] = "before";

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(
			utf16_to_utf8(rows[i].bytes, rows[i].size, text, sizeof(text)), -EILSEQ);
		assert_string_equal(text, "before");
	}
}

static void bytes_that_are_no_utf8_are_refused(void **state)
{
	static const char *const rows[] = {"\x80", "\xc3", "\xc3(", "\xc0\x80", "\xe0\x80\x80",
		"\xed\xa0\x80", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80",
		"\xff", "a\xe2\x82"};
	uint8_t units[32];
	size_t size = 4711;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(utf16_from_utf8(rows[i], units, sizeof(units), &size), -EILSEQ);
		assert_int_equal(size, 4711);
	}
}

/* ---- bounds -------------------- */

static void text_without_its_end_is_refused(void **state)
{
	static const uint8_t units[] = {'a', 0, 'b', 0, 0, 0};
	char text[8];

	for (size_t size = 0; size < sizeof(units); size++)
		assert_int_equal(utf16_to_utf8(units, size, text, sizeof(text)), -EINVAL);
	assert_int_equal(utf16_to_utf8(units, sizeof(units), text, sizeof(text)), 0);
	assert_string_equal(text, "ab");
}

static void what_follows_the_end_does_not_matter(void **state)
{
	static const uint8_t units[] = {'a', 0, 0, 0, 0x00, 0xd8};
	char text[8];

	assert_int_equal(utf16_to_utf8(units, sizeof(units), text, sizeof(text)), 0);
	assert_string_equal(text, "a");
}

static void a_buffer_that_is_too_small_is_left_alone(void **state)
{
	static const uint8_t units[] = {'a', 0, 0xac, 0x20, 0, 0}; /* a and a euro */
	uint8_t back[8] = {0xaa};
	char text[8] = "before";
	size_t size;

	for (size_t room = 0; room < 5; room++)
		assert_int_equal(utf16_to_utf8(units, sizeof(units), text, room), -ENOSPC);
	assert_string_equal(text, "before");
	assert_int_equal(utf16_to_utf8(units, sizeof(units), text, 5), 0);
	assert_string_equal(text, "a\xe2\x82\xac");
	for (size_t room = 0; room < sizeof(units); room++)
		assert_int_equal(utf16_from_utf8(text, back, room, &size), -ENOSPC);
	assert_int_equal(back[0], 0xaa);
	assert_int_equal(utf16_from_utf8(text, back, sizeof(units), NULL), 0);
	assert_memory_equal(back, units, sizeof(units));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_character_goes_both_ways_as_in_iconv),
		cmocka_unit_test(halves_of_characters_are_refused),
		cmocka_unit_test(bytes_that_are_no_utf8_are_refused),
		cmocka_unit_test(text_without_its_end_is_refused),
		cmocka_unit_test(what_follows_the_end_does_not_matter),
		cmocka_unit_test(a_buffer_that_is_too_small_is_left_alone),
	};

	return cmocka_run_group_tests_name("utf16", tests, NULL, NULL);
}
