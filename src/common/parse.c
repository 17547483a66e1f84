/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Numbers with units share one shape: a number, then a suffix looked up in a table of factors. The
 * C library's strtoull() is of no use here: it skips blanks, takes signs and reads 010 as octal.
 */
#include "common/parse.h"

#include <errno.h>
#include <string.h>
#include <time.h>

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

int parse_u64_list(
	const char *text, uint64_t maximum, uint64_t *values, size_t capacity, size_t *ret_count)
{
	char word[sizeof("0xffffffffffffffff") + 8];
	size_t count = 0;

	for (;;) {
		size_t length = strcspn(text, ",");
		int r;

		if (length >= sizeof(word))
			return -EINVAL;
		if (count == capacity)
			return -ENOSPC;
		memcpy(word, text, length);
		word[length] = '\0';
		r = parse_u64(word, 0, maximum, &values[count]);
		if (r < 0)
			return r;
		count++;
		if (!text[length])
			break;
		text += length + 1;
	}
	*ret_count = count;
	return 0;
}

/* ---- times of day --------------------------------------------------------- */

/* Exactly `width` digits in [low, high]; steps over them. */
static bool take_digits(const char **at, unsigned width, int low, int high, int *ret_value)
{
	int value = 0;

	for (unsigned i = 0; i < width; i++) {
		unsigned digit = parse_digit(**at);

		if (digit > 9)
			return false;
		value = value * 10 + (int)digit;
		++*at;
	}
	*ret_value = value;
	return value >= low && value <= high;
}

static bool take_char(const char **at, char c)
{
	if (**at != c)
		return false;
	++*at;
	return true;
}

/* ".5": any number of digits, those beyond the ninth do not count. */
static bool take_fraction(const char **at, uint64_t *ret_ns)
{
	uint64_t ns = 0, unit = NSEC_PER_SEC / 10;

	if (parse_digit(**at) > 9)
		return false;
	for (; parse_digit(**at) <= 9; ++*at, unit /= 10)
		ns += parse_digit(**at) * unit;
	*ret_ns = ns;
	return true;
}

/* "Z", "+01:00" or "-05:30": seconds east of Greenwich. */
static bool take_zone(const char **at, int *ret_seconds)
{
	int hours, minutes, sign = **at == '-' ? -1 : 1;

	*ret_seconds = 0;
	if (take_char(at, 'Z'))
		return true;
	if (!take_char(at, '+') && !take_char(at, '-'))
		return false;
	if (!take_digits(at, 2, 0, 23, &hours) || !take_char(at, ':') ||
		!take_digits(at, 2, 0, 59, &minutes))
		return false;
	*ret_seconds = sign * (hours * 3600 + minutes * 60);
	return true;
}

static int days_of_month(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

static bool take_date(const char **at, struct tm *tm)
{
	if (!take_digits(at, 4, 0, 9999, &tm->tm_year) || !take_char(at, '-') ||
		!take_digits(at, 2, 1, 12, &tm->tm_mon) || !take_char(at, '-') ||
		!take_digits(at, 2, 1, 31, &tm->tm_mday) ||
		tm->tm_mday > days_of_month(tm->tm_year, tm->tm_mon))
		return false;
	tm->tm_year -= 1900;
	tm->tm_mon--;
	return true;
}

/* A leap second is taken for the one after it. */
static bool take_clock(const char **at, struct tm *tm)
{
	return take_digits(at, 2, 0, 23, &tm->tm_hour) && take_char(at, ':') &&
	       take_digits(at, 2, 0, 59, &tm->tm_min) && take_char(at, ':') &&
	       take_digits(at, 2, 0, 60, &tm->tm_sec);
}

int parse_time(const char *text, uint64_t *ret_realtime_ns)
{
	uint64_t fraction_ns = 0, ns;
	struct tm tm = {0};
	time_t seconds;
	int zone;

	if (!take_date(&text, &tm) || !take_char(&text, 'T') || !take_clock(&text, &tm) ||
		(take_char(&text, '.') && !take_fraction(&text, &fraction_ns)) ||
		!take_zone(&text, &zone) || *text)
		return -EINVAL;
	seconds = timegm(&tm) - zone;
	if (seconds < 0 || !checked_mul_u64((uint64_t)seconds, NSEC_PER_SEC, &ns) ||
		!checked_add_u64(ns, fraction_ns, &ns))
		return -ERANGE;
	*ret_realtime_ns = ns;
	return 0;
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
