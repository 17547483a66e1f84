/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inspect/json.h"

#include <stdio.h>
#include <string.h>
#include "inspect/problem.h"

/*
 * The field walker is the one way from a struct to JSON text. Values are read with memcpy: info
 * structs may be packed, and a bool that is not 0 or 1 must not be undefined behaviour.
 */

static uint64_t load_uint(const void *at, size_t size)
{
	uint64_t wide = 0;
	uint32_t four;
	uint16_t two;

	switch (size) {
	case 1:
		return *(const uint8_t *)at;
	case 2:
		memcpy(&two, at, sizeof(two));
		return two;
	case 4:
		memcpy(&four, at, sizeof(four));
		return four;
	default:
		memcpy(&wide, at, MIN(size, sizeof(wide)));
		return wide;
	}
}

static uint64_t all_ones(size_t size)
{
	return size >= 8 ? UINT64_MAX : BIT64(size * 8) - 1;
}

static int64_t sign_extend(uint64_t value, size_t size)
{
	unsigned unused_bits = size >= 8 ? 0 : 64 - (unsigned)size * 8;

	return (int64_t)(value << unused_bits) >> unused_bits;
}

static const void *member(const struct field *field, const void *info)
{
	return (const char *)info + field->offset;
}

static uint32_t member_count(const struct field *field, const void *info, size_t capacity)
{
	uint64_t count = load_uint((const char *)info + field->count_offset, sizeof(uint32_t));

	return (uint32_t)MIN(count, (uint64_t)capacity);
}

uint64_t json_field_value(const struct field *field, const void *info)
{
	return load_uint(member(field, info), field->size);
}

static bool is_unknown(const struct field *field, const void *info)
{
	const char *at = member(field, info);

	if (!(field->flags & FIELD_NULLABLE))
		return false;
	if (field->type == FIELD_STRING)
		return at[0] == '\0';
	if (field->type == FIELD_OBJECT)
		return at[0] == 0; /* bool present */
	if (field->type == FIELD_BYTES || field->type == FIELD_ARRAY)
		return false;
	return load_uint(at, field->size) == all_ones(field->size);
}

static void write_enum(struct writer *writer, const struct field *field, uint64_t value)
{
	for (uint64_t i = 0; field->names[i]; i++) {
		if (i == value) {
			writer_string(writer, field->names[i]);
			return;
		}
	}
	writer_string(writer, "unknown");
}

static void write_array(struct writer *writer, const struct field *field, const void *info)
{
	uint32_t count = member_count(field, info, field->capacity);
	const char *at = member(field, info);

	writer_array_begin(writer);
	for (uint32_t i = 0; i < count; i++, at += field->size) {
		if (field->table)
			json_write_info(writer, field->table, at);
		else
			writer_uint(writer, load_uint(at, field->size));
	}
	writer_array_end(writer);
}

static void write_value(struct writer *writer, const struct field *field, const void *info)
{
	const void *at = member(field, info);

	switch (field->type) {
	case FIELD_BOOL:
		writer_bool(writer, load_uint(at, field->size) != 0);
		break;
	case FIELD_UINT:
		writer_uint(writer, load_uint(at, field->size));
		break;
	case FIELD_INT:
		writer_int(writer, sign_extend(load_uint(at, field->size), field->size));
		break;
	case FIELD_HEX:
		writer_hex(writer, load_uint(at, field->size));
		break;
	case FIELD_ENUM:
		write_enum(writer, field, load_uint(at, field->size));
		break;
	case FIELD_STRING:
		writer_string_n(writer, at, strnlen(at, field->size));
		break;
	case FIELD_BYTES:
		writer_bytes(writer, at, member_count(field, info, field->size));
		break;
	case FIELD_TIME:
		writer_time(writer, load_uint(at, field->size));
		break;
	case FIELD_OBJECT:
		json_write_info(writer, field->table, at);
		break;
	case FIELD_ARRAY:
		write_array(writer, field, info);
		break;
	}
}

void json_write_field(struct writer *writer, const struct field *field, const void *info)
{
	if (is_unknown(field, info))
		writer_null(writer);
	else
		write_value(writer, field, info);
}

void json_write_fields(struct writer *writer, const struct field_table *table, const void *info)
{
	for (size_t i = 0; i < table->count; i++) {
		writer_key(writer, table->fields[i].name);
		json_write_field(writer, &table->fields[i], info);
	}
}

void json_write_info(struct writer *writer, const struct field_table *table, const void *info)
{
	writer_object_begin(writer);
	json_write_fields(writer, table, info);
	writer_object_end(writer);
}

const struct field *json_find_field(const struct field_table *table, const char *name)
{
	for (size_t i = 0; i < table->count; i++) {
		if (strcmp(table->fields[i].name, name) == 0)
			return &table->fields[i];
	}
	return NULL;
}

/* ---- values for writable leaves ------------------------------------------------------------- */

static void store_uint(void *at, size_t size, uint64_t value)
{
	memcpy(at, &value, MIN(size, sizeof(value))); /* little-endian hosts only: this is x86 */
}

static bool read_enum(const struct field *field, const json_t *value, void *ret_value)
{
	const char *text = json_string_value(value);

	for (uint64_t i = 0; text && field->names[i]; i++) {
		if (strcmp(field->names[i], text) == 0) {
			store_uint(ret_value, field->size, i);
			return true;
		}
	}
	return false;
}

static bool read_uint(const struct field *field, const json_t *value, void *ret_value)
{
	uint64_t maximum = field->maximum ? field->maximum : all_ones(field->size);
	json_int_t number = json_integer_value(value);

	if (!json_is_integer(value) || number < 0 || (uint64_t)number > maximum)
		return false;
	store_uint(ret_value, field->size, (uint64_t)number);
	return true;
}

static bool read_string(const struct field *field, const json_t *value, void *ret_value)
{
	size_t length = json_string_length(value);

	if (!json_is_string(value) || length >= field->size ||
		strlen(json_string_value(value)) != length)
		return false;
	memcpy(ret_value, json_string_value(value), length + 1);
	return true;
}

bool json_read_field(const struct field *field, const json_t *value, void *ret_value)
{
	switch (field->type) {
	case FIELD_BOOL:
		if (!json_is_boolean(value))
			return false;
		store_uint(ret_value, field->size, json_is_true(value));
		return true;
	case FIELD_UINT:
		return read_uint(field, value, ret_value);
	case FIELD_ENUM:
		return read_enum(field, value, ret_value);
	case FIELD_STRING:
		return read_string(field, value, ret_value);
	case FIELD_INT:
	case FIELD_HEX:
	case FIELD_BYTES:
	case FIELD_TIME:
	case FIELD_OBJECT:
	case FIELD_ARRAY:
		return false; /* no writable leaf has such a type */
	}
	return false;
}

/* ---- request bodies ------------------------------------------------------------------------- */

/*
 * Where in a JSON text a byte is, as a JSON pointer. The text may be broken: the scan only follows
 * brackets, commas and strings, and stops at `stop` or where nesting exceeds JSON_MAX_DEPTH.
 */
struct json_frame {
	bool array, want_key;
	unsigned index;
	const char *key;
	size_t key_size;
};

struct json_scan {
	struct json_frame frame[JSON_MAX_DEPTH];
	unsigned depth;
	bool too_deep;
};

/* `at` is behind the opening quote; returns the closing one, or `end`. */
static const char *string_end(const char *at, const char *end)
{
	while (at < end && *at != '"')
		at += *at == '\\' && end - at > 1 ? 2 : 1;
	return MIN(at, end);
}

static void scan_open(struct json_scan *scan, bool array)
{
	if (scan->depth == JSON_MAX_DEPTH) {
		scan->too_deep = true;
		return;
	}
	scan->frame[scan->depth++] = (struct json_frame){.array = array, .want_key = !array};
}

static const char *scan_string(struct json_scan *scan, const char *at, const char *end)
{
	struct json_frame *frame = scan->depth > 0 ? &scan->frame[scan->depth - 1] : NULL;
	const char *close = string_end(at, end);

	if (frame && frame->want_key) {
		frame->key = at;
		frame->key_size = (size_t)(close - at);
		frame->want_key = false;
	}
	return close;
}

static void scan_punctuation(struct json_scan *scan, char c)
{
	struct json_frame *frame = scan->depth > 0 ? &scan->frame[scan->depth - 1] : NULL;

	if (c == '{' || c == '[')
		scan_open(scan, c == '[');
	else if ((c == '}' || c == ']') && frame)
		scan->depth--;
	else if (c == ',' && frame) {
		frame->index++;
		frame->want_key = !frame->array;
	}
}

static void json_scan(struct json_scan *scan, const char *data, size_t stop)
{
	const char *at = data, *end = data + stop;

	for (; at < end && !scan->too_deep; at++) {
		if (*at == '"')
			at = scan_string(scan, at + 1, end);
		else
			scan_punctuation(scan, *at);
	}
}

static void scan_pointer(const struct json_scan *scan, char *pointer, size_t size)
{
	size_t used = 0;

	pointer[0] = '\0';
	for (unsigned i = 0; i < scan->depth && used < size; i++) {
		const struct json_frame *frame = &scan->frame[i];
		int n = 0;

		if (frame->array)
			n = snprintf(pointer + used, size - used, "/%u", frame->index);
		else if (frame->key)
			n = snprintf(pointer + used, size - used, "/%.*s",
				(int)MIN(frame->key_size, (size_t)64), frame->key);
		used += (size_t)MAX(n, 0);
	}
}

static void refuse_body(
	struct reply *reply, const char *data, size_t size, const json_error_t *error)
{
	size_t stop = error->position > 0 ? MIN((size_t)error->position, size) : 0;
	struct json_scan scan = {0};
	char pointer[512];

	json_scan(&scan, data, stop);
	scan_pointer(&scan, pointer, sizeof(pointer));
	if (json_error_code(error) == json_error_duplicate_key)
		problem_value(reply, PROBLEM_DUPLICATE_KEY, pointer, "%s", error->text);
	else
		problem_value(reply, PROBLEM_BAD_JSON, pointer, "line %d, column %d: %s",
			error->line, error->column, error->text);
}

json_t *json_parse_body(const char *data, size_t size, struct reply *reply)
{
	struct json_scan scan = {0};
	char pointer[512];
	json_error_t error;
	json_t *body;

	json_scan(&scan, data, size);
	if (scan.too_deep) {
		scan_pointer(&scan, pointer, sizeof(pointer));
		problem_value(reply, PROBLEM_TOO_DEEP, pointer, "nested deeper than %d levels",
			JSON_MAX_DEPTH);
		return NULL;
	}
	body = json_loadb(data, size, JSON_REJECT_DUPLICATES, &error);
	if (!body) {
		refuse_body(reply, data, size, &error);
		return NULL;
	}
	if (!json_is_object(body)) {
		json_decref(body);
		problem_value(reply, PROBLEM_BAD_VALUE, "", "the body must be a JSON object");
		return NULL;
	}
	return body;
}
