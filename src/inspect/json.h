/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Snapshots to JSON, and request bodies from JSON.
 *
 * Purpose: walk a field table over an info struct and write it; parse what a client sent, strictly.
 * Threads: any.
 * Errors:  writing: those of the writer. Parsing: a problem in the reply.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include "common/field.h"
#include "common/util.h"
#include "inspect/writer.h"

struct reply;

/* The struct as one JSON object. */
void json_write_info(struct writer *writer, const struct field_table *table, const void *info);
/* One member's value. */
void json_write_field(struct writer *writer, const struct field *field, const void *info);

/* The field of that name, or NULL. */
const struct field *json_find_field(const struct field_table *table, const char *name);
/* The unsigned value of a numeric member. */
uint64_t json_field_value(const struct field *field, const void *info);

/*
 * Reads one value into `ret_value` (field->size bytes, laid out as in the info
 * struct). False when the value is not of the field's type or range.
 */
bool json_read_field(const struct field *field, const json_t *value, void *ret_value) MUST_CHECK;
/*
 * Reads what json_write_info() wrote: every field must be there. False when it is not so;
 * *ret_info (table->size bytes) then holds a mixture.
 */
bool json_read_info(const struct field_table *table, const json_t *object, void *ret_info) MUST_CHECK;

enum { JSON_MAX_DEPTH = 32 };
/*
 * Parses a body that must be one JSON object. Refuses syntax errors, duplicate keys and nesting
 * beyond JSON_MAX_DEPTH, each with the pointer to the place. NULL: the reply holds the problem.
 */
json_t *json_parse_body(const char *data, size_t size, struct reply *reply) MUST_CHECK;
