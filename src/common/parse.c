/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Numbers with units share one shape: a number, then a suffix looked up in a table of factors. The
 * C library's strtoull() is of no use here: it skips blanks, takes signs and reads 010 as octal.
 */
#include "common/parse.h"

#include <errno.h>
#include <string.h>

struct unit {
	const char *suffix;
	uint64_t factor;
};

static const struct unit size_units[] = {
	{"", 1},
	{"K", UINT64_C(1) << 10},
	{"M", UINT64_C(1) << 20},
	{"G", UINT64_C(1) << 30},
	{"KiB", UINT64_C(1) << 10},
	{"MiB", UINT64_C(1) << 20},
	{"GiB", UINT64_C(1) << 30},
};

static const struct unit duration_units[] = {
	{"", NSEC_PER_SEC},
	{"ns", 1},
	{"us", NSEC_PER_USEC},
	{"ms", NSEC_PER_MSEC},
	{"s", NSEC_PER_SEC},
	{"m", 60 * NSEC_PER_SEC},
	{"h", 3600 * NSEC_PER_SEC},
};

unsigned parse_digit(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned)(c - 'a') + 10;
	if (c >= 'A' && c <= 'F')
		return (unsigned)(c - 'A') + 10;
	return 16;
}

/* Reads at least one digit of `base`; `ret_end` is the first character that is none. */
static int scan_digits(const char *text, unsigned base, uint64_t *ret_value, const char **ret_end)
{
	uint64_t value = 0;
	bool overflow = false;
	const char *p = text;

	for (; parse_digit(*p) < base; p++)
		overflow |= !checked_mul_u64(value, base, &value) ||
			    !checked_add_u64(value, parse_digit(*p), &value);
	if (p == text)
		return -EINVAL;
	if (overflow)
		value = UINT64_MAX;
	*ret_end = p;
	*ret_value = value;
	return overflow ? -ERANGE : 0;
}

int parse_u64(const char *text, uint64_t minimum, uint64_t maximum, uint64_t *ret_value)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	const char *end = text;
	uint64_t value = 0;
	int r;

	r = scan_digits(hex ? text + 2 : text, hex ? 16 : 10, &value, &end);
	/* Form comes before range: "99999999999999999999x" is no number at all. */
	if (r == -EINVAL || *end)
		return -EINVAL;
	if (r < 0 || value < minimum || value > maximum)
		return -ERANGE;
	*ret_value = value;
	return 0;
}

static int parse_with_unit(const char *text, const struct unit *units, size_t count, uint64_t *ret)
{
	const char *suffix = text;
	uint64_t value = 0;
	int r;

	r = scan_digits(text, 10, &value, &suffix);
	if (r == -EINVAL)
		return r;
	for (size_t i = 0; i < count; i++) {
		if (strcmp(suffix, units[i].suffix) != 0)
			continue;
		return r == 0 && checked_mul_u64(value, units[i].factor, ret) ? 0 : -ERANGE;
	}
	return -EINVAL;
}

int parse_size(const char *text, uint64_t *ret_bytes)
{
	return parse_with_unit(text, size_units, ARRAY_LEN(size_units), ret_bytes);
}

int parse_duration(const char *text, uint64_t *ret_ns)
{
	return parse_with_unit(text, duration_units, ARRAY_LEN(duration_units), ret_ns);
}

/* Steps over what may stand between two bytes: blanks and at most one ':' or ','. */
static const char *skip_separator(const char *p)
{
	p += strspn(p, " \t\n");
	if (*p == ':' || *p == ',')
		p++;
	return p + strspn(p, " \t\n");
}

/* Walks over the whole of `text`, storing bytes where `bytes` is not NULL. */
static int walk_hex_bytes(const char *text, uint8_t *bytes, size_t *ret_count)
{
	size_t count = 0;
	const char *p = text;

	while (*p) {
		unsigned high, low;

		if (count > 0)
			p = skip_separator(p);
		high = parse_digit(p[0]);
		low = high < 16 ? parse_digit(p[1]) : 16;
		if (low > 15)
			return -EINVAL;
		if (bytes)
			bytes[count] = (uint8_t)(high << 4 | low);
		count++;
		p += 2;
	}
	*ret_count = count;
	return 0;
}

int parse_hex_bytes(const char *text, uint8_t *bytes, size_t capacity, size_t *ret_count)
{
	size_t count;
	int r;

	r = walk_hex_bytes(text, NULL, &count);
	if (r < 0)
		return r;
	if (count > capacity)
		return -ENOSPC;
	return walk_hex_bytes(text, bytes, ret_count);
}
