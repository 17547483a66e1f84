/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inspect/log_filter.h"

#include <errno.h>
#include <string.h>
#include "common/parse.h"
#include "inspect/glob.h"

enum { SINT_MAX = 15 };

/* ---- compiling ------------------------------------------------------------------------------ */

const char *log_numbers_parse(const char *text, uint64_t maximum, struct log_numbers *ret_numbers)
{
	struct log_numbers numbers = {0};
	int r = 0;

	if (*text)
		r = parse_u64_list(text, maximum, numbers.value, LOG_LIST_MAX, &numbers.count);
	if (r == -ERANGE)
		return "out of range";
	if (r == -ENOSPC)
		return "a list of more than 16 numbers";
	if (r < 0)
		return "neither a number nor a list of them like 0,2";
	*ret_numbers = numbers;
	return NULL;
}

bool log_numbers_contain(const struct log_numbers *numbers, uint64_t value)
{
	for (size_t i = 0; i < numbers->count; i++) {
		if (numbers->value[i] == value)
			return true;
	}
	return numbers->count == 0;
}

static int8_t find_relid_arg(const struct record_event *event)
{
	for (int8_t i = 0; i < RECORD_ARGS; i++) {
		if (event->args[i] && strncmp(event->args[i], "relid:", strlen("relid:")) == 0)
			return i;
	}
	return -1;
}

static void read_types(
	const char *patterns, const struct record_names *names, struct log_filter *filter)
{
	memset(filter->relid_arg, -1, sizeof(filter->relid_arg));
	filter->unknown_types = !*patterns;
	for (size_t i = 0; i < MIN(names->event_count, (unsigned)LOG_EVENTS_MAX); i++) {
		filter->type[i] = !*patterns || glob_list_matches(patterns, names->events[i].name);
		filter->relid_arg[i] = find_relid_arg(&names->events[i]);
	}
}

const char *log_filter_compile(const struct log_filter_text *text, const struct record_names *names,
	struct log_filter *ret_filter, const char **ret_key)
{
	struct log_filter filter = {0};
	const struct {
		const char *key, *text;
		uint64_t maximum;
		struct log_numbers *numbers;
	} lists[] = {
		{"vp", text->vp, UINT32_MAX - 1, &filter.vp},
		{"sint", text->sint, SINT_MAX, &filter.sint},
		{"relid", text->relid, UINT32_MAX, &filter.relid},
	};

	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		const char *wrong = log_numbers_parse(
			lists[i].text, lists[i].maximum, lists[i].numbers);

		if (!wrong)
			continue;
		*ret_key = lists[i].key;
		return wrong;
	}
	read_types(text->type, names, &filter);
	*ret_filter = filter;
	return NULL;
}

/* ---- matching ------------------------------------------------------------------------------- */

static bool relid_matches(const struct log_filter *filter, const struct record *record)
{
	int arg = record->type < LOG_EVENTS_MAX ? filter->relid_arg[record->type] : -1;

	if (filter->relid.count == 0)
		return true;
	return arg >= 0 && log_numbers_contain(&filter->relid, record->arg[arg]);
}

bool log_filter_matches(const struct log_filter *filter, const struct record *record)
{
	bool type = record->type < LOG_EVENTS_MAX && filter->type[record->type];

	return (type || filter->unknown_types) && log_numbers_contain(&filter->vp, record->vp) &&
	       log_numbers_contain(&filter->sint, record->sint) && relid_matches(filter, record);
}

/* ---- points in the log ---------------------------------------------------------------------- */

bool log_moment_parse(const char *text, struct log_moment *ret_moment)
{
	struct log_moment moment;

	if (parse_u64(text, 0, INT64_MAX, &moment.value) == 0)
		moment.kind = LOG_MOMENT_SEQ;
	else if (parse_duration(text, &moment.value) == 0)
		moment.kind = LOG_MOMENT_AGE;
	else if (parse_time(text, &moment.value) == 0)
		moment.kind = LOG_MOMENT_TIME;
	else
		return false;
	*ret_moment = moment;
	return true;
}

uint64_t log_moment_mono_ns(
	const struct log_moment *moment, uint64_t now_ns, uint64_t realtime_offset_ns)
{
	if (moment->kind == LOG_MOMENT_AGE)
		return now_ns - MIN(now_ns, moment->value);
	return moment->value - MIN(moment->value, realtime_offset_ns);
}
