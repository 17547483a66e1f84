/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The half that hvctl has, too: it knows of no replies. */
#include "inspect/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

void json_write_info(struct writer *writer, const struct field_table *table, const void *info)
{
	writer_object_begin(writer);
	for (size_t i = 0; i < table->count; i++) {
		writer_key(writer, table->fields[i].name);
		json_write_field(writer, &table->fields[i], info);
	}
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

/* ---- values ------------------------------------------------------------- */

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

static bool read_hex(const struct field *field, const json_t *value, void *ret_value)
{
	const char *text = json_string_value(value);
	unsigned long long number;
	char *end;

	if (!text || strncmp(text, "0x", 2) != 0 || text[2] == '\0')
		return false;
	errno = 0;
	number = strtoull(text, &end, 16);
	if (errno || *end != '\0' || number > all_ones(field->size))
		return false;
	store_uint(ret_value, field->size, number);
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
	case FIELD_HEX:
		return read_hex(field, value, ret_value);
	case FIELD_ENUM:
		return read_enum(field, value, ret_value);
	case FIELD_STRING:
		return read_string(field, value, ret_value);
	case FIELD_OBJECT:
		return json_read_info(field->table, value, ret_value);
	case FIELD_INT:
	case FIELD_BYTES:
	case FIELD_TIME:
	case FIELD_ARRAY:
		return false; /* nobody reads such a one */
	}
	return false;
}

/* ---- whole structs -------------------------------------------------------------------------- */

/* What is_unknown() finds unknown. False: a field of this type always has a value. */
static bool store_unknown(const struct field *field, void *at)
{
	if (!(field->flags & FIELD_NULLABLE))
		return false;
	memset(at, field->type == FIELD_STRING || field->type == FIELD_OBJECT ? 0 : 0xff,
		field->size);
	return true;
}

static bool read_member(const struct field *field, const json_t *value, void *ret_info)
{
	char *at = (char *)ret_info + field->offset;

	if (json_is_null(value))
		return store_unknown(field, at);
	if (!value || !json_read_field(field, value, at))
		return false;
	if (field->type == FIELD_OBJECT && field->flags & FIELD_NULLABLE)
		*(bool *)at = true; /* its `present` */
	return true;
}

bool json_read_info(const struct field_table *table, const json_t *object, void *ret_info)
{
	memset(ret_info, 0, table->size);
	for (size_t i = 0; i < table->count; i++) {
		const struct field *field = &table->fields[i];

		if (!read_member(field, json_object_get(object, field->name), ret_info))
			return false;
	}
	return true;
}
