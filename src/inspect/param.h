/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Parameter tables: what a request may hold, said once.
 *
 * The same rows parse a JSON body or a query string into a plain struct, refuse what is wrong with
 * the pointer to it, and make the request's schema and the parameters in the OpenAPI description.
 *
 * Purpose: strict input.
 * Threads: tables are constant.
 * Errors:  false, and the reply is a problem. The struct then holds a mixture; do not use it.
 *
 * The caller fills the struct with the defaults first; a parameter that is absent leaves its
 * member alone.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/util.h"
#include "inspect/writer.h"

struct reply;

enum param_type {
	PARAM_UINT,   /* JSON integer, or decimal or 0x text in a query */
	PARAM_NUMBER, /* JSON integer, or a string with decimal or 0x digits */
	PARAM_BOOL,   /* JSON boolean; 0, 1, true, false in a query */
	PARAM_BYTES,  /* string of hex digits -> uint8_t[maximum] and a size_t count */
	PARAM_TEXT,   /* string -> char[size] */
	PARAM_CHOICE, /* one of `names` -> its index, a number of `size` bytes */
	PARAM_PAIRS,  /* object of strings, integers, booleans -> struct param_pairs, as text */
};

enum { PARAM_PAIRS_MAX = 8, PARAM_KEY_BYTES = 32, PARAM_VALUE_BYTES = 256 };

struct param_pairs {
	unsigned count;
	struct {
		char key[PARAM_KEY_BYTES], value[PARAM_VALUE_BYTES];
	} pair[PARAM_PAIRS_MAX];
};

struct param {
	const char *name, *doc;
	enum param_type type;
	bool required;
	uint64_t minimum, maximum; /* numbers; PARAM_BYTES: most bytes */
	size_t offset, size;
	size_t count_offset; /* PARAM_BYTES: a size_t */
	const char *const *names; /* PARAM_CHOICE: ends with NULL */
};

struct param_table {
	const char *name; /* schema name of a request body; NULL for queries */
	const char *doc;
	const struct param *params;
	size_t count;
};

#define PARAM_ANY(kind, T, member, text)                                               \
	.name = #member, .doc = (text), .type = (kind), .offset = offsetof(T, member), \
	.size = sizeof(((T *)0)->member)
#define PARAM_U(T, member, low, high, text) \
	PARAM_ANY(PARAM_UINT, T, member, text), .minimum = (low), .maximum = (high)
#define PARAM_N(T, member, low, high, text) \
	PARAM_ANY(PARAM_NUMBER, T, member, text), .minimum = (low), .maximum = (high)
#define PARAM_B(T, member, text) PARAM_ANY(PARAM_BOOL, T, member, text)
#define PARAM_S(T, member, text) PARAM_ANY(PARAM_TEXT, T, member, text)
#define PARAM_P(T, member, text) PARAM_ANY(PARAM_PAIRS, T, member, text)
#define PARAM_C(T, member, nm, text) PARAM_ANY(PARAM_CHOICE, T, member, text), .names = (nm)
#define PARAM_H(T, member, counter, most, text)                     \
	PARAM_ANY(PARAM_BYTES, T, member, text), .maximum = (most), \
						 .count_offset = offsetof(T, counter)
#define PARAM_TABLE(nm, text, rows)                            \
	{                                                      \
		.name = (nm), .doc = (text), .params = (rows), \
		.count = sizeof(rows) / sizeof((rows)[0]),     \
	}

bool params_from_json(const struct param_table *table, const json_t *object, void *values,
	struct reply *reply) MUST_CHECK;
/* `query` is taken apart in place. */
bool params_from_query(
	const struct param_table *table, char *query, void *values, struct reply *reply) MUST_CHECK;

/* The value's JSON Schema, as members of an open object. */
void param_write_schema(struct writer *writer, const struct param *param);
