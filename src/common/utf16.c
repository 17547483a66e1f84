/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/utf16.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

enum {
	SURROGATE_FIRST = 0xd800,
	SURROGATE_LOW = 0xdc00,
	SURROGATE_LAST = 0xdfff,
	UNIT_LAST = 0xffff,
	CHARACTER_LAST = 0x10ffff,
};

static bool is_surrogate(uint32_t c)
{
	return c >= SURROGATE_FIRST && c <= SURROGATE_LAST;
}

/* ---- from UTF-16 -------------------- */

/* Units that make the character at `from`, of which there are `count`; 0: they make none. */
static size_t take_units(const uint8_t *from, size_t count, uint32_t *ret_character)
{
	uint32_t high = from[0] | (uint32_t)from[1] << 8, low;

	*ret_character = high;
	if (!is_surrogate(high))
		return 1;
	if (high >= SURROGATE_LOW || count < 2)
		return 0;
	low = from[2] | (uint32_t)from[3] << 8;
	if (!is_surrogate(low) || low < SURROGATE_LOW)
		return 0;
	*ret_character = UNIT_LAST + 1 + ((high - SURROGATE_FIRST) << 10 | (low - SURROGATE_LOW));
	return 2;
}

/* The character as 1 to 4 bytes. */
static size_t put_bytes(uint32_t c, char bytes[4])
{
	size_t count = c < 0x80 ? 1 : c < 0x800 ? 2 : c <= UNIT_LAST ? 3 : 4;
	static const uint8_t marks[] = {0, 0, 0xc0, 0xe0, 0xf0};

	for (size_t i = count - 1; i > 0; i--, c >>= 6)
		bytes[i] = (char)(0x80 | (c & 0x3f));
	bytes[0] = (char)(marks[count] | c);
	return count;
}

/* Once without a buffer, to know that it works, and once with it. */
static int to_utf8(const uint8_t *from, size_t count, char *to, size_t capacity)
{
	size_t used = 0;

	for (size_t i = 0, taken; i < count; i += taken) {
		uint32_t character;
		char bytes[4];
		size_t length;

		taken = take_units(from + 2 * i, count - i, &character);
		if (taken == 0)
			return -EILSEQ;
		length = put_bytes(character, bytes);
		if (used + length > capacity)
			return -ENOSPC;
		if (to)
			memcpy(to + used, bytes, length);
		if (!character)
			return 0;
		used += length;
	}
	return -EINVAL;
}

int utf16_to_utf8(const uint8_t *from, size_t size, char *ret_text, size_t capacity)
{
	int r = to_utf8(from, size / 2, NULL, capacity);

	return r < 0 ? r : to_utf8(from, size / 2, ret_text, capacity);
}

/* ---- to UTF-16 -------------------- */

/* Bytes that make the character at `text`; 0: they make none. */
static size_t take_bytes(const uint8_t *text, uint32_t *ret_character)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t count = text[0] < 0x80   ? 1
		       : text[0] < 0xc0 ? 0
		       : text[0] < 0xe0 ? 2
		       : text[0] < 0xf0 ? 3
					: 4;
	uint32_t c = count == 1 ? text[0] : text[0] & (0x7fu >> count);

	if (count == 0 || text[0] >= 0xf8)
		return 0;
	for (size_t i = 1; i < count; i++) {
		if ((text[i] & 0xc0) != 0x80) /* the final NUL, too */
			return 0;
		c = c << 6 | (text[i] & 0x3f);
	}
	if (c < least[count] || c > CHARACTER_LAST || is_surrogate(c))
		return 0;
	*ret_character = c;
	return count;
}

static void put_unit(uint8_t *to, uint32_t unit)
{
	to[0] = (uint8_t)unit;
	to[1] = (uint8_t)(unit >> 8);
}

static void put_units(uint8_t *to, uint32_t c)
{
	if (c <= UNIT_LAST) {
		put_unit(to, c);
		return;
	}
	put_unit(to, SURROGATE_FIRST + ((c - UNIT_LAST - 1) >> 10));
	put_unit(to + 2, SURROGATE_LOW + ((c - UNIT_LAST - 1) & 0x3ff));
}

static int from_utf8(const char *text, uint8_t *to, size_t capacity, size_t *ret_size)
{
	size_t used = 0;
	uint32_t character;

	do {
		size_t taken = take_bytes((const uint8_t *)text, &character), size;

		if (taken == 0)
			return -EILSEQ;
		size = character <= UNIT_LAST ? 2 : 4;
		if (used + size > capacity)
			return -ENOSPC;
		if (to)
			put_units(to + used, character);
		used += size;
		text += taken;
	} while (character);
	*ret_size = used;
	return 0;
}

int utf16_from_utf8(const char *text, uint8_t *ret_to, size_t capacity, size_t *ret_size)
{
	size_t size;
	int r = from_utf8(text, NULL, capacity, &size);

	if (r == 0)
		r = from_utf8(text, ret_to, capacity, &size);
	if (r == 0 && ret_size)
		*ret_size = size;
	return r;
}
