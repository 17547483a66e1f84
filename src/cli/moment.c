/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/moment.h"

#include <stdio.h>
#include <string.h>

#include "common/parse.h"
#include "common/util.h"
#include "inspect/log_filter.h"

enum { DAY_SECONDS = 86400, FRACTION_DIGITS = 9 };

/* "" or ".123456": what may follow seconds. */
static bool is_fraction(const char *text)
{
	size_t digits = *text == '.' ? strspn(text + 1, "0123456789") : 0;

	return *text == '\0' ||
	       (digits > 0 && digits <= FRACTION_DIGITS && text[1 + digits] == '\0');
}

/* The forms that lack a date, a time, or the zone; `ret_fraction` points into `text`. */
static bool read_form(const char *text, struct tm *time, const char **ret_fraction)
{
	static const struct {
		const char *form;
		bool seconds;
	} forms[] = {
		{"%Y-%m-%d %H:%M:%S", true},
		{"%Y-%m-%dT%H:%M:%S", true},
		{"%Y-%m-%d %H:%M", false},
		{"%Y-%m-%d", false},
		{"%H:%M:%S", true},
		{"%H:%M", false},
	};

	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		struct tm read = *time;
		const char *end = strptime(text, forms[i].form, &read);

		if (!end || (forms[i].seconds ? !is_fraction(end) : *end != '\0'))
			continue;
		*time = read;
		*ret_fraction = end;
		return true;
	}
	return false;
}

bool moment_normalize(const char *text, time_t now, char ret_moment[MOMENT_BYTES])
{
	bool has_date = strchr(text, '-') != NULL;
	struct log_moment unused;
	const char *fraction;
	struct tm broken;
	time_t seconds;
	char date[24];

	if (strlen(text) < MOMENT_BYTES && log_moment_parse(text, &unused)) {
		snprintf(ret_moment, MOMENT_BYTES, "%s", text);
		return true;
	}
	if (!gmtime_r(&now, &broken))
		return false;
	broken.tm_hour = broken.tm_min = broken.tm_sec = 0;
	if (!read_form(text, &broken, &fraction))
		return false;
	seconds = timegm(&broken);
	if (!has_date && seconds > now)
		seconds -= DAY_SECONDS;
	if (!gmtime_r(&seconds, &broken) ||
		strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &broken) == 0)
		return false;
	snprintf(ret_moment, MOMENT_BYTES, "%s%sZ", date, fraction);
	return log_moment_parse(ret_moment, &unused);
}
