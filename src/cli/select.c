/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/select.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "cli/explain.h"
#include "cli/problem.h"
#include "cli/text.h"
#include "common/cleanup.h"
#include "common/parse.h"

enum { MAX_FIELDS = 64 };

const json_t *select_path(const json_t *item, const char *path)
{
	while (item && *path) {
		size_t length = strcspn(path, ".");
		CLEANUP(free) char *key = strndup(path, length);

		item = key ? json_object_get(item, key) : NULL;
		path += length + (path[length] == '.');
	}
	return item;
}

/* ---- comparing ----------------------------------------------------------- */

/* Numbers, and the hexadecimal strings that stand for numbers. */
static bool as_number(const json_t *value, double *ret_number)
{
	uint64_t number;

	if (json_is_number(value)) {
		*ret_number = json_number_value(value);
		return true;
	}
	if (json_is_string(value) &&
		parse_u64(json_string_value(value), 0, UINT64_MAX, &number) == 0) {
		*ret_number = (double)number;
		return true;
	}
	return false;
}

/* A literal of the command line as the JSON value it would be compared with. */
static json_t *literal(const char *text)
{
	uint64_t number;

	if (strcmp(text, "true") == 0 || strcmp(text, "yes") == 0)
		return json_true();
	if (strcmp(text, "false") == 0 || strcmp(text, "no") == 0)
		return json_false();
	if (strcmp(text, "null") == 0 || strcmp(text, "-") == 0)
		return json_null();
	if (parse_u64(text, 0, INT64_MAX, &number) == 0)
		return json_integer((json_int_t)number);
	return json_string(text);
}

/* Unlike things are ordered by their kind. */
static int kind_rank(const json_t *value)
{
	if (!value || json_is_null(value))
		return 0;
	if (json_is_boolean(value))
		return json_is_true(value) ? 2 : 1;
	return json_is_number(value) ? 3 : json_is_string(value) ? 4 : 5;
}

/* <0, 0, >0: null, then false, true, numbers, text, and at last what has no order. */
static int compare_values(const json_t *a, const json_t *b)
{
	int rank = kind_rank(a);
	double a_number, b_number;

	if (as_number(a, &a_number) && as_number(b, &b_number))
		return (a_number > b_number) - (a_number < b_number);
	if (rank != kind_rank(b))
		return rank - kind_rank(b);
	if (json_is_string(a))
		return strcmp(json_string_value(a), json_string_value(b));
	return rank == 5 && !json_equal(a, b);
}

/* ---- comparisons --------------------------------------------------------- */

struct comparison {
	char *field;   /* owns */
	char operator; /* '=', '!', '<', '>', '~' */
	char *text;    /* owns */
};

static void cleanup_comparison(struct comparison *comparison)
{
	free(comparison->field);
	free(comparison->text);
}

static bool split_comparison(const char *term, size_t length, struct comparison *ret)
{
	size_t field = strcspn(term, "=!<>~"), operator_length = 1;

	if (field == 0 || field >= length)
		return false;
	if (term[field] == '!') {
		if (field + 1 >= length || term[field + 1] != '=')
			return false;
		operator_length = 2;
	}
	ret->field = strndup(term, field);
	ret->operator= term[field];
	ret->text = strndup(term + field + operator_length, length - field - operator_length);
	return ret->field && ret->text;
}

static bool holds(const struct comparison *comparison, const json_t *item)
{
	const json_t *value = select_path(item, comparison->field);
	json_auto_t *wanted = literal(comparison->text);

	if (comparison->operator== '~') {
		CLEANUP(free) char *text = value ? text_value("", value) : NULL;

		return text && fnmatch(comparison->text, text, 0) == 0;
	}
	if (comparison->operator== '=')
		return compare_values(value, wanted) == 0;
	if (comparison->operator== '!')
		return compare_values(value, wanted) != 0;
	/* What is unknown is neither less nor more. */
	if (!value || json_is_null(value))
		return false;
	return comparison->operator== '<' ? compare_values(value, wanted) < 0
					  : compare_values(value, wanted) > 0;
}

/* ---- field names --------------------------------------------------------- */

/* Exists at `path`, or would if what stands above it were not null. */
static bool may_have(const json_t *item, const char *path)
{
	while (*path) {
		size_t length = strcspn(path, ".");
		CLEANUP(free) char *key = strndup(path, length);

		item = key ? json_object_get(item, key) : NULL;
		if (!item || json_is_null(item))
			return item != NULL;
		path += length + (path[length] == '.');
	}
	return true;
}

/* Keys of `item`, and of objects in it with their prefix; the strings are for the caller. */
static size_t collect_fields(const json_t *item, const char *prefix, char **fields, size_t count)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)item, key, value)
	{
		char *path = text_format("%s%s%s", prefix, *prefix ? "." : "", key);

		if (!path || count == MAX_FIELDS) {
			free(path);
			return count;
		}
		fields[count++] = path;
		if (json_is_object(value))
			count = collect_fields(value, path, fields, count);
	}
	return count;
}

static enum cli_exit unknown_field(
	const struct cli_options *options, const char *option, const char *path, const json_t *item)
{
	char *fields[MAX_FIELDS];
	size_t count = collect_fields(item, "", fields, 0);
	const char *near = text_did_you_mean(path, (const char *const *)fields, count);
	CLEANUP(free)
	char *hint = near ? text_format("did you mean \"%s\"?", near)
			  : strdup("-o json shows all fields");
	enum cli_exit r;

	r = problem_usage(options, hint, "%s: there is no field \"%s\" here", option, path);
	for (size_t i = 0; i < count; i++)
		free(fields[i]);
	return r;
}

enum cli_exit select_check_path(const struct cli_options *options, const char *option,
	const char *path, const json_t *items)
{
	for (size_t i = 0; i < json_array_size(items); i++)
		if (may_have(json_array_get(items, i), path))
			return CLI_OK;
	if (json_array_size(items) == 0)
		return CLI_OK;
	return unknown_field(options, option, path, json_array_get(items, 0));
}

/* ---- against a schema ---------------------------------------------------- */

static enum cli_exit unknown_member(const struct cli_options *options, const char *option,
	const char *field, const char *object)
{
	CLEANUP(free) char *prefix = text_format("%s.", object);
	json_auto_t *all = explain_find(NULL);
	const char *fields[MAX_FIELDS], *near;
	CLEANUP(free) char *hint = NULL;
	size_t count = 0;

	for (size_t i = 0; prefix && i < json_array_size(all) && count < MAX_FIELDS; i++) {
		const char *name = text_member(json_array_get(all, i), "field");

		if (strncmp(name, prefix, strlen(prefix)) == 0)
			fields[count++] = name + strlen(prefix);
	}
	near = text_did_you_mean(field, fields, count);
	hint = near ? text_format("did you mean \"%s\"?", near)
		    : text_format("\"hvctl explain %s\" lists them", object);
	return problem_usage(options, hint, "%s: a %s has no field \"%s\"", option, object, field);
}

/* What is one of some words is never another one. */
static enum cli_exit check_word(const struct cli_options *options, const char *option,
	const struct comparison *comparison, const json_t *values)
{
	const char *words[MAX_FIELDS], *near;
	CLEANUP(free) char *list = text_value("", values);
	CLEANUP(free) char *hint = NULL;
	json_auto_t *wanted = literal(comparison->text);
	size_t count = 0;

	for (size_t i = 0; i < json_array_size(values) && count < MAX_FIELDS; i++) {
		if (json_equal(json_array_get(values, i), wanted))
			return CLI_OK;
		if (json_is_string(json_array_get(values, i)))
			words[count++] = json_string_value(json_array_get(values, i));
	}
	near = text_did_you_mean(comparison->text, words, count);
	hint = near ? text_format("did you mean \"%s\"?", near)
		    : text_format("one of %s", list ? list : "");
	return problem_usage(options, hint, "%s: %s is never \"%s\"", option, comparison->field,
		comparison->text);
}

static enum cli_exit check_comparison(const struct cli_options *options, const char *option,
	const struct comparison *comparison, const char *object)
{
	CLEANUP(free) char *name = text_format("%s.%s", object, comparison->field);
	json_auto_t *found = name ? explain_find(name) : NULL;
	const json_t *values = json_object_get(json_array_get(found, 0), "values");

	if (!found)
		return problem_errno(options, ENOMEM, option);
	if (json_array_size(found) == 0)
		return unknown_member(options, option, comparison->field, object);
	if (!strchr("=!", comparison->operator) || json_array_size(values) == 0)
		return CLI_OK;
	return check_word(options, option, comparison, values);
}

static enum cli_exit take_comparison(const struct cli_options *options, const char *option,
	const char *expression, size_t length, struct comparison *ret_comparison)
{
	if (split_comparison(expression, length, ret_comparison))
		return CLI_OK;
	return problem_usage(options,
		"write field=value, or with !=, <, >, ~glob; a comma means and",
		"%s: \"%.*s\" is not a comparison", option, (int)length, expression);
}

enum cli_exit select_check(const struct cli_options *options, const char *option,
	const char *expression, const char *object)
{
	while (*expression) {
		size_t length = strcspn(expression, ",");
		__attribute__((cleanup(cleanup_comparison))) struct comparison comparison = {0};
		enum cli_exit r = take_comparison(options, option, expression, length, &comparison);

		if (r == CLI_OK)
			r = check_comparison(options, option, &comparison, object);
		if (r != CLI_OK)
			return r;
		expression += length + (expression[length] == ',');
	}
	return CLI_OK;
}

/* ---- applying ------------------------------------------------------------ */

enum cli_exit select_matches(const struct cli_options *options, const char *option,
	const char *expression, const json_t *item, bool *ret_matches)
{
	bool matches = true;

	while (*expression) {
		size_t length = strcspn(expression, ",");
		__attribute__((cleanup(cleanup_comparison))) struct comparison comparison = {0};
		enum cli_exit r = take_comparison(options, option, expression, length, &comparison);

		if (r != CLI_OK)
			return r;
		if (!may_have(item, comparison.field))
			return unknown_field(options, option, comparison.field, item);
		matches = matches && holds(&comparison, item);
		expression += length + (expression[length] == ',');
	}
	*ret_matches = matches;
	return CLI_OK;
}

static enum cli_exit apply_filter(const struct cli_options *options, json_t *items)
{
	for (size_t i = json_array_size(items); i-- > 0;) {
		bool matches = false;
		enum cli_exit r = select_matches(
			options, "--filter", options->filter, json_array_get(items, i), &matches);

		if (r != CLI_OK)
			return r;
		if (!matches)
			json_array_remove(items, i);
	}
	return CLI_OK;
}

struct sort_key {
	const char *path;
	bool downwards;
};

struct sort_entry {
	json_t *item; /* ref */
	size_t position;
};

static int compare_entries(const void *a, const void *b, void *arg)
{
	const struct sort_entry *left = a, *right = b;
	const struct sort_key *key = arg;
	int order = compare_values(
		select_path(left->item, key->path), select_path(right->item, key->path));

	if (order == 0)
		return left->position < right->position ? -1 : 1;
	return key->downwards ? -order : order;
}

static enum cli_exit apply_sort(const struct cli_options *options, json_t *items)
{
	size_t count = json_array_size(items);
	struct sort_key key = {
		.path = options->sort + (options->sort[0] == '-'),
		.downwards = options->sort[0] == '-',
	};
	enum cli_exit r = select_check_path(options, "--sort", key.path, items);
	CLEANUP(free) struct sort_entry *entries = calloc(count + 1, sizeof(*entries));

	if (r != CLI_OK)
		return r;
	if (!entries)
		return problem_errno(options, ENOMEM, "--sort");
	for (size_t i = 0; i < count; i++)
		entries[i] = (struct sort_entry){json_incref(json_array_get(items, i)), i};
	qsort_r(entries, count, sizeof(*entries), compare_entries, &key);
	json_array_clear(items);
	for (size_t i = 0; i < count; i++)
		if (json_array_append_new(items, entries[i].item) < 0)
			r = problem_errno(options, ENOMEM, "--sort");
	return r;
}

enum cli_exit select_apply(const struct cli_options *options, json_t *items)
{
	enum cli_exit r = options->filter ? apply_filter(options, items) : CLI_OK;

	return r == CLI_OK && options->sort ? apply_sort(options, items) : r;
}
