/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inspect/param.h"

#include <stdio.h>
#include <string.h>
#include "common/parse.h"
#include "inspect/problem.h"
#include "inspect/target.h"

enum { MAX_PARAMS = 32, POINTER_BYTES = 160 };

static const struct param *find_param(const struct param_table *table, const char *name)
{
	for (size_t i = 0; i < table->count; i++) {
		if (strcmp(table->params[i].name, name) == 0)
			return &table->params[i];
	}
	return NULL;
}

static void store(const struct param *param, uint64_t value, void *values)
{
	memcpy((char *)values + param->offset, &value, MIN(param->size, sizeof(value)));
}

/* `wrong` is NULL, or why `name` was refused. */
static bool accept(const char *wrong, const char *prefix, const char *name, struct reply *reply)
{
	char pointer[POINTER_BYTES];

	if (!wrong)
		return true;
	snprintf(pointer, sizeof(pointer), "%s%s", prefix, name);
	problem_value(reply, PROBLEM_BAD_VALUE, pointer, "%s is %s", name, wrong);
	return false;
}

/* Each of these returns NULL, or what is wrong with the value. */

static const char *take_number(const struct param *param, uint64_t value, void *values)
{
	if (value < param->minimum || value > param->maximum)
		return "out of range";
	store(param, value, values);
	return NULL;
}

static const char *take_number_text(const struct param *param, const char *text, void *values)
{
	uint64_t value;

	if (parse_u64(text, 0, UINT64_MAX, &value) < 0)
		return "not a number";
	return take_number(param, value, values);
}

static const char *take_text(const struct param *param, const char *text, void *values)
{
	size_t length = strlen(text);

	if (length >= param->size)
		return "too long";
	memcpy((char *)values + param->offset, text, length + 1);
	return NULL;
}

static const char *take_choice(const struct param *param, const char *text, void *values)
{
	for (uint64_t i = 0; param->names[i]; i++) {
		if (strcmp(param->names[i], text) == 0) {
			store(param, i, values);
			return NULL;
		}
	}
	return "none of the words that the schema lists";
}

static const char *take_bytes(const struct param *param, const char *text, void *values)
{
	size_t count, *counter = (size_t *)(void *)((char *)values + param->count_offset);

	if (parse_hex_bytes(text, (uint8_t *)values + param->offset, param->maximum, &count) < 0)
		return "not hex digits, or too many bytes";
	*counter = count;
	return NULL;
}

static const char *take_bool_text(const struct param *param, const char *text, void *values)
{
	bool yes = strcmp(text, "1") == 0 || strcmp(text, "true") == 0;

	if (!yes && strcmp(text, "0") != 0 && strcmp(text, "false") != 0)
		return "not 0, 1, true or false";
	store(param, yes, values);
	return NULL;
}

static const char *take_string(const struct param *param, const char *text, void *values)
{
	switch (param->type) {
	case PARAM_UINT:
	case PARAM_NUMBER:
		return take_number_text(param, text, values);
	case PARAM_BOOL:
		return take_bool_text(param, text, values);
	case PARAM_BYTES:
		return take_bytes(param, text, values);
	case PARAM_TEXT:
		return take_text(param, text, values);
	case PARAM_PAIRS:
		return "not an object";
	case PARAM_CHOICE:
		return take_choice(param, text, values);
	}
	return "of an unknown kind";
}

static const char *take_integer(const struct param *param, json_int_t value, void *values)
{
	if (param->type != PARAM_UINT && param->type != PARAM_NUMBER)
		return "not a string";
	return value < 0 ? "out of range" : take_number(param, (uint64_t)value, values);
}

/* "8", "true" or the text itself; false when it does not fit, or is none of these. */
static bool put_pair_value(char text[PARAM_VALUE_BYTES], const json_t *value)
{
	int length = -1;

	if (json_is_string(value))
		length = snprintf(text, PARAM_VALUE_BYTES, "%s", json_string_value(value));
	else if (json_is_integer(value))
		length = snprintf(text, PARAM_VALUE_BYTES, "%" JSON_INTEGER_FORMAT,
			json_integer_value(value));
	else if (json_is_boolean(value))
		length = snprintf(
			text, PARAM_VALUE_BYTES, "%s", json_is_true(value) ? "true" : "false");
	return length >= 0 && length < PARAM_VALUE_BYTES;
}

static const char *take_pair(struct param_pairs *pairs, const char *key, const json_t *value)
{
	if (pairs->count == PARAM_PAIRS_MAX)
		return "one too many";
	if (strlen(key) >= PARAM_KEY_BYTES)
		return "not known here";
	if (!put_pair_value(pairs->pair[pairs->count].value, value))
		return "not a text, an integer or a boolean, or too long";
	strcpy(pairs->pair[pairs->count++].key, key);
	return NULL;
}

static bool take_pairs(const struct param *param, const json_t *object, void *values,
	const char *prefix, struct reply *reply)
{
	struct param_pairs *pairs = (void *)((char *)values + param->offset);
	char inner[POINTER_BYTES];
	const char *key;
	json_t *value;

	if (!json_is_object(object))
		return accept("not an object", prefix, param->name, reply);
	snprintf(inner, sizeof(inner), "%s%s/", prefix, param->name);
	json_object_foreach((json_t *)object, key, value)
	{
		if (!accept(take_pair(pairs, key, value), inner, key, reply))
			return false;
	}
	return true;
}

static const char *take_json(const struct param *param, const json_t *value, void *values)
{
	if (json_is_boolean(value)) {
		if (param->type != PARAM_BOOL)
			return "must not be a boolean";
		store(param, json_is_true(value), values);
		return NULL;
	}
	if (param->type == PARAM_BOOL)
		return "not a boolean";
	if (json_is_integer(value))
		return take_integer(param, json_integer_value(value), values);
	if (json_is_string(value) && param->type != PARAM_UINT)
		return take_string(param, json_string_value(value), values);
	return param->type == PARAM_UINT ? "not an integer" : "of the wrong type";
}

static bool all_present(
	const struct param_table *table, const bool *seen, const char *prefix, struct reply *reply)
{
	char pointer[POINTER_BYTES];

	for (size_t i = 0; i < table->count; i++) {
		if (!table->params[i].required || seen[i])
			continue;
		snprintf(pointer, sizeof(pointer), "%s%s", prefix, table->params[i].name);
		problem_value(
			reply, PROBLEM_BAD_VALUE, pointer, "%s is required", table->params[i].name);
		return false;
	}
	return true;
}

static bool take_member(
	const struct param *param, const json_t *value, void *values, struct reply *reply)
{
	if (param->type == PARAM_PAIRS)
		return take_pairs(param, value, values, "/", reply);
	return accept(take_json(param, value, values), "/", param->name, reply);
}

bool params_from_json(
	const struct param_table *table, const json_t *object, void *values, struct reply *reply)
{
	bool seen[MAX_PARAMS] = {0};
	char pointer[POINTER_BYTES];
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)object, key, value)
	{
		const struct param *param = find_param(table, key);

		if (!param) {
			snprintf(pointer, sizeof(pointer), "/%s", key);
			problem_value(reply, PROBLEM_UNKNOWN_KEY, pointer,
				"%.80s is not known here", key);
			return false;
		}
		if (!take_member(param, value, values, reply))
			return false;
		seen[param - table->params] = true;
	}
	return all_present(table, seen, "/", reply);
}

static bool take_query_pair(
	const struct param_table *table, char *pair, bool *seen, void *values, struct reply *reply)
{
	char *value = pair + strcspn(pair, "=");
	const struct param *param;
	char pointer[POINTER_BYTES];

	if (*value)
		*value++ = '\0';
	if (!target_decode(pair) || !target_decode(value)) {
		problem(reply, PROBLEM_BAD_TARGET, "The query has a broken escape");
		return false;
	}
	param = find_param(table, pair);
	if (!param || seen[param - table->params]) {
		snprintf(pointer, sizeof(pointer), "?%s", pair);
		problem_value(reply, PROBLEM_UNKNOWN_PARAMETER, pointer, "%.80s is %s", pair,
			param ? "given twice" : "not known here");
		return false;
	}
	seen[param - table->params] = true;
	return accept(take_string(param, value, values), "?", param->name, reply);
}

bool params_from_query(
	const struct param_table *table, char *query, void *values, struct reply *reply)
{
	bool seen[MAX_PARAMS] = {0};
	char *pair, *rest = query;

	while ((pair = strsep(&rest, "&"))) {
		if (*pair && !take_query_pair(table, pair, seen, values, reply))
			return false;
	}
	return all_present(table, seen, "?", reply);
}

static void write_number_schema(struct writer *w, const struct param *param)
{
	writer_key_uint(w, "minimum", param->minimum);
	writer_key_uint(w, "maximum", param->maximum);
}

static void write_pairs_schema(struct writer *w)
{
	static const char *const types[] = {"string", "integer", "boolean"};

	writer_key_string(w, "type", "object");
	writer_key_uint(w, "maxProperties", PARAM_PAIRS_MAX);
	writer_key(w, "additionalProperties");
	writer_object_begin(w);
	writer_key(w, "type");
	writer_array_begin(w);
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		writer_string(w, types[i]);
	writer_array_end(w);
	writer_object_end(w);
}

static void write_choices(struct writer *w, const char *const *names)
{
	writer_key(w, "enum");
	writer_array_begin(w);
	for (; *names; names++)
		writer_string(w, *names);
	writer_array_end(w);
}

void param_write_schema(struct writer *w, const struct param *param)
{
	writer_key_string(w, "description", param->doc);
	switch (param->type) {
	case PARAM_UINT:
		writer_key_string(w, "type", "integer");
		write_number_schema(w, param);
		break;
	case PARAM_NUMBER:
		writer_key(w, "type");
		writer_array_begin(w);
		writer_string(w, "integer");
		writer_string(w, "string");
		writer_array_end(w);
		write_number_schema(w, param);
		writer_key_string(w, "pattern", "^(0[xX][0-9a-fA-F]+|[0-9]+)$");
		break;
	case PARAM_BOOL:
		writer_key_string(w, "type", "boolean");
		break;
	case PARAM_BYTES:
		writer_key_string(w, "type", "string");
		writer_key_string(w, "pattern", "^[0-9a-fA-F :,]*$");
		break;
	case PARAM_TEXT:
		writer_key_string(w, "type", "string");
		writer_key_uint(w, "maxLength", param->size - 1);
		break;
	case PARAM_PAIRS:
		write_pairs_schema(w);
		break;
	case PARAM_CHOICE:
		writer_key_string(w, "type", "string");
		write_choices(w, param->names);
		break;
	}
}
