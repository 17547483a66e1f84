/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/log-snapshot.h"

#include "cli/problem.h"
#include "cli/text.h"
#include "common/parse.h"
#include "inspect/glob.h"
#include "inspect/log_filter.h"

struct wanted {
	const char *types; /* "": any */
	struct log_numbers vp, sint, relid;
	struct log_moment since, until;
	bool has_since, has_until;
	uint64_t end_ns; /* time of the last record */
};

static uint64_t time_of(const json_t *record)
{
	uint64_t ns;

	return parse_time(text_member(record, "time"), &ns) == 0 ? ns : 0;
}

/* ---- which records ------------------------------------------------------- */

static enum cli_exit read_numbers(const struct cli_options *options,
	const struct invocation *invocation, const char *key, struct log_numbers *ret_numbers)
{
	const char *text = invocation_value(invocation, key)->text;
	const char *wrong = log_numbers_parse(text ? text : "", UINT32_MAX, ret_numbers);

	return wrong ? problem_usage(options, NULL, "--%s is %s", key, wrong) : CLI_OK;
}

static bool read_moment(
	const struct invocation *invocation, const char *key, struct log_moment *ret_moment)
{
	const char *text = invocation_value(invocation, key)->text;

	return text && log_moment_parse(text, ret_moment);
}

static enum cli_exit read_wanted(const struct cli_options *options,
	const struct invocation *invocation, const json_t *items, struct wanted *ret_wanted)
{
	const char *types = invocation_value(invocation, "type")->text;
	struct wanted wanted = {.types = types ? types : ""};
	enum cli_exit r = read_numbers(options, invocation, "vp", &wanted.vp);

	if (r == CLI_OK)
		r = read_numbers(options, invocation, "sint", &wanted.sint);
	if (r == CLI_OK)
		r = read_numbers(options, invocation, "relid", &wanted.relid);
	wanted.has_since = read_moment(invocation, "since", &wanted.since);
	wanted.has_until = read_moment(invocation, "until", &wanted.until);
	for (size_t i = json_array_size(items); i-- > 0 && wanted.end_ns == 0;)
		wanted.end_ns = time_of(json_array_get(items, i));
	*ret_wanted = wanted;
	return r;
}

/* <0, 0, >0: before the moment, at it, after it. */
static int compare(
	const struct wanted *wanted, const struct log_moment *moment, const json_t *record)
{
	bool by_seq = moment->kind == LOG_MOMENT_SEQ;
	uint64_t have = by_seq ? (uint64_t)json_integer_value(json_object_get(record, "seq"))
			       : time_of(record);
	uint64_t limit = moment->kind == LOG_MOMENT_AGE
				 ? wanted->end_ns - MIN(wanted->end_ns, moment->value)
				 : moment->value;

	return (have > limit) - (have < limit);
}

/* As in hvd's own: after a sequence number, but from a time on. */
static bool is_in_range(const struct wanted *wanted, const json_t *record)
{
	if (wanted->has_since) {
		int order = compare(wanted, &wanted->since, record);

		if (order < 0 || (order == 0 && wanted->since.kind == LOG_MOMENT_SEQ))
			return false;
	}
	return !wanted->has_until || compare(wanted, &wanted->until, record) <= 0;
}

static bool has_number(const struct log_numbers *numbers, const json_t *value)
{
	return numbers->count == 0 ||
	       (json_is_integer(value) &&
		       log_numbers_contain(numbers, (uint64_t)json_integer_value(value)));
}

/* Gaps have neither time nor arguments. */
static bool is_gap(const json_t *record)
{
	return !json_object_get(record, "args");
}

/* Gaps are told whatever is wanted. */
static bool is_wanted(const struct wanted *wanted, const json_t *record)
{
	const json_t *args = json_object_get(record, "args");

	if (is_gap(record))
		return true;
	return (!*wanted->types || glob_list_matches(wanted->types, text_member(record, "type"))) &&
	       has_number(&wanted->vp, json_object_get(record, "vp")) &&
	       has_number(&wanted->sint, json_object_get(record, "sint")) &&
	       has_number(&wanted->relid, json_object_get(args, "relid"));
}

/* ---- printing ------------------------------------------------------------ */

enum cli_exit log_snapshot_print(const struct invocation *invocation, struct event_printer *printer)
{
	struct cli *cli = printer->cli;
	const json_t *items = json_object_get(json_object_get(cli->snapshot, "log"), "items");
	struct wanted wanted;
	enum cli_exit r;
	size_t i, behind = 0, count = json_array_size(items);
	json_t *record;

	if (!json_is_array(items))
		return problem_report(&cli->options, CLI_NOT_FOUND, "not_found",
			"\"hvctl snapshot FILE --timeout 30s\" waits longer for each part",
			"the snapshot has no log");
	r = read_wanted(&cli->options, invocation, items, &wanted);
	if (r != CLI_OK)
		return r;
	json_array_foreach(items, i, record)
	{
		/* A gap is in the range when the record behind it is. */
		for (behind = MAX(behind, i); behind < count; behind++)
			if (!is_gap(json_array_get(items, behind)))
				break;
		if (behind < count && !is_in_range(&wanted, json_array_get(items, behind)))
			continue;
		if (is_wanted(&wanted, record) && !event_printer_take(printer, record))
			break;
	}
	return printer->result;
}
