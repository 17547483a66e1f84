/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/config.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>
#include "common/cleanup.h"
#include "daemon/options.h"

enum { CONFIG_MAX_BYTES = 64 * 1024 };

static const char *json_type_name(const json_t *value)
{
	static const char *const names[] = {
		[JSON_OBJECT] = "an object",
		[JSON_ARRAY] = "an array",
		[JSON_STRING] = "a string",
		[JSON_INTEGER] = "an integer",
		[JSON_REAL] = "a fraction",
		[JSON_TRUE] = "true",
		[JSON_FALSE] = "false",
		[JSON_NULL] = "null",
	};

	return names[json_typeof(value)];
}

static int wrong_type(
	const struct option_row *row, const json_t *value, struct problem *ret_problem)
{
	static const char *const wanted[] = {
		[OPTION_FLAG] = "true or false",
		[OPTION_TEXT] = "a string",
		[OPTION_NUMBER] = "an integer",
		[OPTION_SIZE] = "an integer or a string such as \"64M\"",
		[OPTION_CHOICE] = "a string",
		[OPTION_LIST] = "an array of strings",
	};

	return problem_set(ret_problem, EX_CONFIG, "%s: must be %s, not %s", row->name,
		wanted[row->kind], json_type_name(value));
}

static int set_integer(struct options *options, const struct option_row *row, const json_t *value,
	struct problem *ret_problem)
{
	json_int_t number = json_integer_value(value);

	if (number < 0)
		return problem_set(ret_problem, EX_CONFIG, "%s: %lld is negative", row->name,
			(long long)number);
	return option_set_number(options, row, (uint64_t)number, EX_CONFIG, ret_problem);
}

static int add_items(struct options *options, const struct option_row *row, const json_t *array,
	struct problem *ret_problem)
{
	const json_t *item;
	size_t i;

	json_array_foreach(array, i, item)
	{
		if (!json_is_string(item))
			return wrong_type(row, item, ret_problem);
		if (option_set_text(options, row, json_string_value(item), EX_CONFIG, ret_problem))
			return 1;
	}
	return 0;
}

/* A key of the file; null means "not given", as config_print() writes it. */
static int set_from_json(
	struct options *options, const char *key, const json_t *value, struct problem *ret_problem)
{
	const struct option_row *row = option_find(key, strlen(key));
	bool text, number;

	if (!row || row->command_line_only)
		return problem_set(ret_problem, EX_CONFIG, "unknown key '%.100s'", key);
	if (json_is_null(value) && row->kind == OPTION_TEXT)
		return 0;
	if (json_is_boolean(value) && row->kind == OPTION_FLAG) {
		option_set_flag(options, row, json_is_true(value));
		return 0;
	}
	if (json_is_array(value) && row->kind == OPTION_LIST)
		return add_items(options, row, value, ret_problem);
	text = row->kind == OPTION_TEXT || row->kind == OPTION_SIZE || row->kind == OPTION_CHOICE;
	number = row->kind == OPTION_NUMBER || row->kind == OPTION_SIZE;
	if (json_is_string(value) && text)
		return option_set_text(
			options, row, json_string_value(value), EX_CONFIG, ret_problem);
	if (json_is_integer(value) && number)
		return set_integer(options, row, value, ret_problem);
	return wrong_type(row, value, ret_problem);
}

/* At most CONFIG_MAX_BYTES, so that a wrong path (a disk, /dev/zero) cannot take all memory. */
static int read_text(const char *path, char text[CONFIG_MAX_BYTES + 1], size_t *ret_length,
	struct problem *ret_problem)
{
	CLEANUP(file) FILE *file = fopen(path, "re");
	size_t length;

	if (!file)
		return problem_errno(ret_problem, EX_CONFIG, -errno, path);
	length = fread(text, 1, CONFIG_MAX_BYTES + 1, file);
	if (ferror(file))
		return problem_errno(ret_problem, EX_CONFIG, -errno, path);
	if (length > CONFIG_MAX_BYTES)
		return problem_set(
			ret_problem, EX_CONFIG, "%s: longer than %d bytes", path, CONFIG_MAX_BYTES);
	*ret_length = length;
	return 0;
}

static int parse_text(const char *path, const char *text, size_t length, json_t **ret_root,
	struct problem *ret_problem)
{
	json_error_t error;
	json_t *root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);

	if (!root)
		return problem_set(ret_problem, EX_CONFIG, "%s:%d:%d: %s", path, error.line,
			error.column, error.text);
	if (!json_is_object(root)) {
		json_decref(root);
		return problem_set(ret_problem, EX_CONFIG, "%s: must hold one object", path);
	}
	*ret_root = root;
	return 0;
}

static int apply_object(
	struct options *options, const char *path, json_t *root, struct problem *ret_problem)
{
	struct problem inner;
	const char *key;
	json_t *value;

	json_object_foreach(root, key, value)
	{
		if (set_from_json(options, key, value, &inner))
			return problem_set(
				ret_problem, inner.exit_status, "%.200s: %.300s", path, inner.text);
	}
	return 0;
}

int config_load(struct options *options, const char *path, struct problem *ret_problem)
{
	CLEANUP(free) char *text = malloc(CONFIG_MAX_BYTES + 1);
	json_auto_t *root = NULL;
	size_t length = 0;

	if (!text)
		return problem_errno(ret_problem, EX_SOFTWARE, -ENOMEM, path);
	if (read_text(path, text, &length, ret_problem) ||
		parse_text(path, text, length, &root, ret_problem))
		return 1;
	return apply_object(options, path, root, ret_problem);
}

static json_t *list_value(const struct option_list *list)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < list->count; i++)
		json_array_append_new(array, json_string(list->item[i]));
	return array;
}

static json_t *row_value(const struct options *options, const struct option_row *row)
{
	const void *member = (const char *)options + row->offset;
	const char *text;

	switch (row->kind) {
	case OPTION_FLAG:
		return json_boolean(*(const bool *)member);
	case OPTION_TEXT:
		text = *(char *const *)member;
		return text ? json_string(text) : json_null();
	case OPTION_NUMBER:
	case OPTION_SIZE:
		return json_integer((json_int_t) * (const uint64_t *)member);
	case OPTION_CHOICE:
		return json_string(row->choices[*(const unsigned *)member]);
	case OPTION_LIST:
		return list_value(member);
	}
	return NULL;
}

int config_print(const struct options *options, FILE *out)
{
	json_auto_t *root = json_object();

	for (size_t i = 0; i < option_row_count; i++) {
		const struct option_row *row = &option_rows[i];

		if (row->command_line_only)
			continue;
		if (json_object_set_new(root, row->name, row_value(options, row)) < 0)
			return -ENOMEM;
	}
	if (json_dumpf(root, out, JSON_INDENT(2)) < 0)
		return -EIO;
	fputc('\n', out);
	return 0;
}
