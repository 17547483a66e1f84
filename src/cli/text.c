/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

/* ---- escaping ------------------------------------------------------------ */

/* Decodes one UTF-8 sequence; returns its length, or 0 when it is malformed. */
static size_t decode_utf8(const unsigned char *p, size_t size, uint32_t *ret_code)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t length = p[0] < 0x80       ? 1
			: p[0] >> 5 == 6  ? 2
			: p[0] >> 4 == 14 ? 3
			: p[0] >> 3 == 30 ? 4
					  : 0;
	uint32_t code;

	if (length == 0 || length > size)
		return 0;
	code = length == 1 ? p[0] : p[0] & (0x7fu >> length);
	for (size_t i = 1; i < length; i++) {
		if (p[i] >> 6 != 2)
			return 0;
		code = code << 6 | (p[i] & 0x3fu);
	}
	if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	*ret_code = code;
	return length;
}

/* Controls move the cursor; the others reorder, hide or break what stands around them. */
static bool is_unsafe(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0xad || code == 0x61c ||
	       (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
	       (code >= 0x2060 && code <= 0x206f) || code == 0xfeff ||
	       (code >= 0xe0000 && code <= 0xe0fff);
}

static void put_escaped(FILE *out, const char *text, size_t size, const char *passing)
{
	const unsigned char *p = (const unsigned char *)text;

	while (size > 0) {
		uint32_t code = 0;
		size_t length = decode_utf8(p, size, &code);
		bool safe = length > 0 && (!is_unsafe(code) || (code && code < 0x80 &&
								       strchr(passing, (int)code)));

		if (length == 0)
			length = 1;
		if (safe)
			fwrite(p, 1, length, out);
		for (size_t i = 0; !safe && i < length; i++)
			fprintf(out, "\\x%02x", p[i]);
		p += length;
		size -= length;
	}
}

void text_put(FILE *out, const char *text)
{
	put_escaped(out, text, strlen(text), "");
}

char *text_finish(FILE *out, char **text)
{
	if (fclose(out) == 0)
		return *text;
	free(*text);
	return NULL;
}

char *text_escape(const char *text)
{
	char *escaped = NULL;
	size_t size;
	FILE *out = open_memstream(&escaped, &size);

	if (!out)
		return NULL;
	text_put(out, text);
	return text_finish(out, &escaped);
}

void text_put_block(FILE *out, const char *text, size_t size)
{
	put_escaped(out, text, size, "\n\t");
}

char *text_format(const char *format, ...)
{
	char *text = NULL;
	va_list args;
	int r;

	va_start(args, format);
	r = vasprintf(&text, format, args);
	va_end(args);
	return r < 0 ? NULL : text;
}

/* ---- units --------------------------------------------------------------- */

struct scale {
	uint64_t below; /* used for values under this */
	uint64_t unit;
	const char *name;
};

/* One decimal while it tells something: 1.2 ms, 84 ms. */
static void put_scaled(FILE *out, uint64_t value, const struct scale *scale)
{
	if (scale->unit == 1 || value / scale->unit >= 10 || value % scale->unit == 0)
		fprintf(out, "%" PRIu64 " %s", value / scale->unit, scale->name);
	else
		fprintf(out, "%" PRIu64 ".%" PRIu64 " %s", value / scale->unit,
			value % scale->unit / (scale->unit / 10), scale->name);
}

void text_put_duration(FILE *out, uint64_t ns)
{
	static const struct scale scales[] = {
		{NSEC_PER_USEC, 1, "ns"},
		{NSEC_PER_MSEC, NSEC_PER_USEC, "us"},
		{NSEC_PER_SEC, NSEC_PER_MSEC, "ms"},
		{60 * NSEC_PER_SEC, NSEC_PER_SEC, "s"},
	};
	uint64_t seconds = ns / NSEC_PER_SEC;

	for (size_t i = 0; i < ARRAY_LEN(scales); i++) {
		if (ns < scales[i].below) {
			put_scaled(out, ns, &scales[i]);
			return;
		}
	}
	if (seconds < 3600)
		fprintf(out, "%" PRIu64 "m%02" PRIu64 "s", seconds / 60, seconds % 60);
	else if (seconds < 86400)
		fprintf(out, "%" PRIu64 "h%02" PRIu64 "m", seconds / 3600, seconds % 3600 / 60);
	else
		fprintf(out, "%" PRIu64 "d%02" PRIu64 "h", seconds / 86400, seconds % 86400 / 3600);
}

void text_put_size(FILE *out, uint64_t bytes)
{
	static const struct scale scales[] = {
		{UINT64_C(1) << 10, 1, "B"},
		{UINT64_C(1) << 20, UINT64_C(1) << 10, "KiB"},
		{UINT64_C(1) << 30, UINT64_C(1) << 20, "MiB"},
		{UINT64_MAX, UINT64_C(1) << 30, "GiB"},
	};

	for (size_t i = 0; i < ARRAY_LEN(scales); i++) {
		if (bytes < scales[i].below || i + 1 == ARRAY_LEN(scales)) {
			put_scaled(out, bytes, &scales[i]);
			return;
		}
	}
}

/* ---- values -------------------------------------------------------------- */

static bool has_suffix(const char *text, const char *suffix)
{
	size_t length = strlen(text), tail = strlen(suffix);

	return length >= tail && strcmp(text + length - tail, suffix) == 0;
}

static void put_integer(FILE *out, const char *key, json_int_t value)
{
	/* An identifier is spelled as it is typed; only durations and sizes have units. */
	if (value >= 0 && has_suffix(key, "_100ns") && (uint64_t)value < UINT64_MAX / 100)
		text_put_duration(out, (uint64_t)value * 100);
	else if (value >= 0 && has_suffix(key, "_ns") && strcmp(key, "mono_ns") != 0)
		text_put_duration(out, (uint64_t)value);
	else if (value >= 0 && has_suffix(key, "_bytes"))
		text_put_size(out, (uint64_t)value);
	else
		fprintf(out, "%" JSON_INTEGER_FORMAT, value);
}

static void put_array(FILE *out, const char *key, const json_t *array)
{
	for (size_t i = 0; i < json_array_size(array); i++) {
		if (i > 0)
			fputc(',', out);
		text_put_value(out, key, json_array_get(array, i));
	}
	if (json_array_size(array) == 0)
		fputc('-', out);
}

static void put_object(FILE *out, const json_t *object)
{
	const char *separator = "", *name;
	json_t *member;

	fputc('{', out);
	json_object_foreach((json_t *)object, name, member)
	{
		fputs(separator, out);
		text_put(out, name);
		fputc('=', out);
		text_put_value(out, name, member);
		separator = " ";
	}
	fputc('}', out);
}

void text_put_value(FILE *out, const char *key, const json_t *value)
{
	switch (value ? json_typeof(value) : JSON_NULL) {
	case JSON_OBJECT:
		put_object(out, value);
		break;
	case JSON_ARRAY:
		put_array(out, key, value);
		break;
	case JSON_STRING:
		text_put(out, json_string_value(value));
		break;
	case JSON_INTEGER:
		put_integer(out, key, json_integer_value(value));
		break;
	case JSON_REAL:
		fprintf(out, "%g", json_real_value(value));
		break;
	case JSON_TRUE:
		fputs("yes", out);
		break;
	case JSON_FALSE:
		fputs("no", out);
		break;
	case JSON_NULL:
		fputc('-', out);
		break;
	}
}

const char *text_member(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

char *text_value(const char *key, const json_t *value)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	text_put_value(out, key, value);
	return text_finish(out, &text);
}

const char *text_value_color(const json_t *value)
{
	static const struct {
		const char *word, *color;
	} words[] = {
		{"running", "green"},
		{"delivered", "green"},
		{"success", "green"},
		{"paused", "yellow"},
		{"busy", "yellow"},
		{"posted", "yellow"},
		{"stopped", "red"},
		{"failed", "red"},
		{"timeout", "red"},
	};
	const char *text = json_string_value(value);

	for (size_t i = 0; text && i < ARRAY_LEN(words); i++)
		if (strcmp(text, words[i].word) == 0)
			return words[i].color;
	return NULL;
}

const char *text_color_start(const char *color)
{
	static const struct {
		const char *name, *sequence;
	} colors[] = {
		{"bold", "\033[1m"},
		{"dim", "\033[2m"},
		{"red", "\033[31m"},
		{"green", "\033[32m"},
		{"cyan", "\033[36m"},
		{"yellow", "\033[33m"},
	};

	for (size_t i = 0; i < ARRAY_LEN(colors); i++)
		if (strcmp(colors[i].name, color) == 0)
			return colors[i].sequence;
	return "";
}

/* ---- spelling ------------------------------------------------------------ */

enum { SPELLING_MAX = 32 };

/* Edits between two words, a swap of neighbours counting as one; words too long are far apart. */
static unsigned edit_distance(const char *a, const char *b)
{
	unsigned cost[SPELLING_MAX + 1][SPELLING_MAX + 1];
	size_t a_length = strlen(a), b_length = strlen(b);

	if (a_length > SPELLING_MAX || b_length > SPELLING_MAX)
		return SPELLING_MAX;
	for (size_t i = 0; i <= a_length; i++) {
		for (size_t j = 0; j <= b_length; j++) {
			if (i == 0 || j == 0) {
				cost[i][j] = (unsigned)(i + j);
				continue;
			}
			cost[i][j] = cost[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
			cost[i][j] = MIN(cost[i][j], cost[i - 1][j] + 1);
			cost[i][j] = MIN(cost[i][j], cost[i][j - 1] + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				cost[i][j] = MIN(cost[i][j], cost[i - 2][j - 2] + 1);
		}
	}
	return cost[a_length][b_length];
}

const char *text_did_you_mean(const char *word, const char *const *candidates, size_t count)
{
	const char *best = NULL;
	/*
	 * A third of the word may be wrong, dashes apart, and a beginning of at least two letters is
	 * a hint too.
	 */
	unsigned best_distance = (unsigned)strlen(word + strspn(word, "-")) / 3 + 2;

	for (size_t i = 0; i < count; i++) {
		unsigned distance = edit_distance(word, candidates[i]);

		if (strlen(word) >= 2 && strncmp(word, candidates[i], strlen(word)) == 0)
			distance = 1;
		if (distance < best_distance && distance < strlen(candidates[i])) {
			best_distance = distance;
			best = candidates[i];
		}
	}
	return best;
}
