/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inspect/writer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { FIRST_CAPACITY = 1024, DECIMAL_MAX = 20, HEX_MAX = 18 };

static const char hex_digits[] = "0123456789abcdef";

void writer_deinit(struct writer *writer)
{
	free(writer->data);
	*writer = (struct writer){0};
}

void writer_clear(struct writer *writer)
{
	writer->used = 0;
	writer->failed = false;
	writer->comma = false;
}

static bool grow(struct writer *writer, size_t size)
{
	size_t capacity = writer->capacity ? writer->capacity : FIRST_CAPACITY;
	char *data;

	if (writer->failed || size > WRITER_MAX_BYTES - writer->used) {
		writer->failed = true;
		return false;
	}
	while (capacity - writer->used < size)
		capacity *= 2;
	data = realloc(writer->data, capacity);
	if (!data) {
		writer->failed = true;
		return false;
	}
	writer->data = data;
	writer->capacity = capacity;
	return true;
}

/* Room for `size` more bytes at the end, or NULL. */
static char *reserve(struct writer *writer, size_t size)
{
	if ((writer->failed || writer->capacity - writer->used < size) && !grow(writer, size))
		return NULL;
	return writer->data + writer->used;
}

void writer_raw(struct writer *writer, const char *data, size_t size)
{
	char *to = reserve(writer, size);

	if (!to)
		return;
	if (size > 0)
		memcpy(to, data, size);
	writer->used += size;
}

void writer_text(struct writer *writer, const char *text)
{
	writer_raw(writer, text, strlen(text));
}

void writer_format(struct writer *writer, const char *format, ...)
{
	char line[512];
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (length > 0)
		writer_raw(writer, line, MIN((size_t)length, sizeof(line) - 1));
}

static void writer_char(struct writer *writer, char c)
{
	writer_raw(writer, &c, 1);
}

/* Before every key and every value that has no key. */
static void separate(struct writer *writer)
{
	if (writer->comma)
		writer_char(writer, ',');
	writer->comma = true;
}

void writer_object_begin(struct writer *writer)
{
	separate(writer);
	writer_char(writer, '{');
	writer->comma = false;
}

void writer_object_end(struct writer *writer)
{
	writer_char(writer, '}');
	writer->comma = true;
}

void writer_array_begin(struct writer *writer)
{
	separate(writer);
	writer_char(writer, '[');
	writer->comma = false;
}

void writer_array_end(struct writer *writer)
{
	writer_char(writer, ']');
	writer->comma = true;
}

void writer_key(struct writer *writer, const char *key)
{
	size_t length = strlen(key);
	char *to = reserve(writer, length + 4);

	if (!to)
		return;
	if (writer->comma)
		*to++ = ',';
	*to++ = '"';
	memcpy(to, key, length);
	to += length;
	*to++ = '"';
	*to++ = ':';
	writer->used = (size_t)(to - writer->data);
	writer->comma = false;
}

void writer_null(struct writer *writer)
{
	separate(writer);
	writer_raw(writer, "null", 4);
}

void writer_bool(struct writer *writer, bool value)
{
	separate(writer);
	writer_text(writer, value ? "true" : "false");
}

static void write_digits(struct writer *writer, bool negative, uint64_t magnitude)
{
	char digits[DECIMAL_MAX + 1], *at = digits + sizeof(digits);

	do {
		*--at = (char)('0' + magnitude % 10);
		magnitude /= 10;
	} while (magnitude > 0);
	if (negative)
		*--at = '-';
	writer_raw(writer, at, (size_t)(digits + sizeof(digits) - at));
}

void writer_decimal(struct writer *writer, uint64_t value)
{
	write_digits(writer, false, value);
}

void writer_uint(struct writer *writer, uint64_t value)
{
	separate(writer);
	write_digits(writer, false, MIN(value, (uint64_t)INT64_MAX));
}

void writer_int(struct writer *writer, int64_t value)
{
	separate(writer);
	write_digits(writer, value < 0, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

void writer_hex(struct writer *writer, uint64_t value)
{
	char digits[HEX_MAX + 2], *at = digits + sizeof(digits);

	*--at = '"';
	do {
		*--at = hex_digits[value & 0xf];
		value >>= 4;
	} while (value > 0);
	*--at = 'x';
	*--at = '0';
	*--at = '"';
	separate(writer);
	writer_raw(writer, at, (size_t)(digits + sizeof(digits) - at));
}

/* Length of the UTF-8 sequence at `text`, 0 when it is not one (RFC 3629, table of section 4). */
static size_t utf8_length(const unsigned char *text, size_t size)
{
	unsigned char first = text[0], low = 0x80, high = 0xbf;
	size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

	if (length == 1)
		return 1;
	if (first < 0xc2 || first > 0xf4 || length > size)
		return 0;
	if (first == 0xe0)
		low = 0xa0; /* overlong */
	else if (first == 0xed)
		high = 0x9f; /* surrogates */
	else if (first == 0xf0)
		low = 0x90; /* overlong */
	else if (first == 0xf4)
		high = 0x8f; /* beyond U+10FFFF */
	if (text[1] < low || text[1] > high)
		return 0;
	for (size_t i = 2; i < length; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	}
	return length;
}

static void write_escape(struct writer *writer, unsigned char c)
{
	switch (c) {
	case '"':
		writer_raw(writer, "\\\"", 2);
		break;
	case '\\':
		writer_raw(writer, "\\\\", 2);
		break;
	case '\n':
		writer_raw(writer, "\\n", 2);
		break;
	default:
		writer_format(writer, "\\u%04x", c);
	}
}

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

void writer_string_n(struct writer *writer, const char *text, size_t size)
{
	const unsigned char *at = (const unsigned char *)text, *end = at + size;

	separate(writer);
	writer_char(writer, '"');
	while (at < end) {
		const unsigned char *start = at;
		size_t length;

		while (at < end && is_plain(*at))
			at++;
		writer_raw(writer, (const char *)start, (size_t)(at - start));
		if (at == end)
			break;
		length = utf8_length(at, (size_t)(end - at));
		if (length == 1)
			write_escape(writer, *at);
		else if (length > 1)
			writer_raw(writer, (const char *)at, length);
		else
			writer_raw(writer, "\xef\xbf\xbd", 3);
		at += MAX(length, (size_t)1);
	}
	writer_char(writer, '"');
}

void writer_string(struct writer *writer, const char *text)
{
	if (text)
		writer_string_n(writer, text, strlen(text));
	else
		writer_null(writer);
}

void writer_bytes(struct writer *writer, const uint8_t *bytes, size_t count)
{
	char *to;

	separate(writer);
	to = reserve(writer, count * 2 + 2);
	if (!to)
		return;
	*to++ = '"';
	for (size_t i = 0; i < count; i++) {
		*to++ = hex_digits[bytes[i] >> 4];
		*to++ = hex_digits[bytes[i] & 0xf];
	}
	*to = '"';
	writer->used += count * 2 + 2;
}

void writer_time(struct writer *writer, uint64_t realtime_ns)
{
	time_t seconds = (time_t)(realtime_ns / NSEC_PER_SEC);
	char text[48];
	struct tm tm;
	size_t used;

	gmtime_r(&seconds, &tm);
	used = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(
		text + used, sizeof(text) - used, ".%09uZ", (unsigned)(realtime_ns % NSEC_PER_SEC));
	writer_string(writer, text);
}

void writer_json(struct writer *writer, const char *json, size_t size)
{
	separate(writer);
	writer_raw(writer, json, size);
}

void writer_literal(struct writer *writer, const char *json)
{
	writer_json(writer, json, strlen(json));
}

void writer_key_string(struct writer *writer, const char *key, const char *text)
{
	writer_key(writer, key);
	writer_string(writer, text);
}

void writer_key_uint(struct writer *writer, const char *key, uint64_t value)
{
	writer_key(writer, key);
	writer_uint(writer, value);
}

void writer_key_bool(struct writer *writer, const char *key, bool value)
{
	writer_key(writer, key);
	writer_bool(writer, value);
}
