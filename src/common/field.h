/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Field tables: what an inspectable struct is made of, said once.
 *
 * A module that can be inspected fills a plain "info" struct (a snapshot, no pointers into live
 * state) and describes it with a field table. JSON replies, JSON Schemas, `hvctl explain` and the
 * generated reference all come from that table, so none of them can drift from the others.
 *
 * Purpose: describe C structs to the inspection code without knowing JSON.
 * Threads: tables are constant.
 * Errors:  none.
 *
 * "Unknown" is part of the data model: a field with FIELD_NULLABLE is JSON null when its value is
 * all ones (numbers), the empty string (text) or has a false `present` (objects: the struct's
 * first member must then be `bool present`, which has no field of its own). A nullable FIELD_BOOL
 * is a uint8_t: 0, 1 or FIELD_BOOL_UNKNOWN.
 */
#include <stddef.h>
#include <stdint.h>

enum field_type {
	FIELD_BOOL,   /* bool -> true / false */
	FIELD_UINT,   /* unsigned integer of `size` bytes -> JSON integer */
	FIELD_INT,    /* signed integer of `size` bytes -> JSON integer */
	FIELD_HEX,    /* unsigned integer of `size` bytes -> "0x1f", lower case */
	FIELD_ENUM,   /* unsigned integer of `size` bytes, index into `names` -> lower_snake string */
	FIELD_STRING, /* char[size], NUL-terminated */
	FIELD_BYTES,  /* uint8_t[size]; the count used is the size_t/uint32 at `count_offset` -> "0a1b" */
	FIELD_TIME,   /* uint64_t nanoseconds since the epoch -> RFC 3339 with nanoseconds, UTC */
	FIELD_OBJECT, /* embedded struct described by `table` */
	FIELD_ARRAY,  /* inline array of `table` objects or, when `table` is NULL, of uint32_t;
		       * `size` is one element, the count is the uint32_t at `count_offset` */
};

enum field_flags {
	FIELD_NULLABLE = 1 << 0,
	FIELD_WRITABLE = 1 << 1, /* PATCH on the leaf is possible */
};

#define FIELD_BOOL_UNKNOWN UINT8_MAX

struct field_table;

struct field {
	const char *name; /* JSON key, snake_case; `_ns` and `_bytes` suffixes name the unit */
	const char *doc;  /* one or two sentences with the TLFS term and clause, for `explain` */
	enum field_type type;
	unsigned flags;
	size_t offset;
	size_t size;
	uint64_t maximum;                /* FIELD_UINT: largest legal value, 0 = type's own */
	size_t count_offset;             /* FIELD_BYTES, FIELD_ARRAY: a uint32_t */
	size_t capacity;                 /* FIELD_ARRAY: elements that fit */
	const char *const *names;        /* FIELD_ENUM: NULL-terminated */
	const struct field_table *table; /* FIELD_OBJECT, FIELD_ARRAY */
};

struct field_table {
	const char *name; /* schema name: "port", "route", "sint" */
	const char *doc;
	size_t size; /* of the info struct */
	const struct field *fields;
	size_t count;
};

#define FIELD_SIZEOF(type, member) sizeof(((type *)0)->member)

#define FIELD_ANY(kind, T, member, fl, text)                                                       \
	.name = #member, .doc = (text), .type = (kind), .flags = (fl),                             \
	.offset = offsetof(T, member), .size = FIELD_SIZEOF(T, member)

/* Rows: { FIELD_U(struct port_info, accepted, 0, "...") }, */
#define FIELD_B(T, member, fl, text)          FIELD_ANY(FIELD_BOOL, T, member, fl, text)
#define FIELD_U(T, member, fl, text)          FIELD_ANY(FIELD_UINT, T, member, fl, text)
#define FIELD_I(T, member, fl, text)          FIELD_ANY(FIELD_INT, T, member, fl, text)
#define FIELD_X(T, member, fl, text)          FIELD_ANY(FIELD_HEX, T, member, fl, text)
#define FIELD_S(T, member, fl, text)          FIELD_ANY(FIELD_STRING, T, member, fl, text)
#define FIELD_T(T, member, fl, text)          FIELD_ANY(FIELD_TIME, T, member, fl, text)
#define FIELD_E(T, member, fl, nm, text)      FIELD_ANY(FIELD_ENUM, T, member, fl, text), .names = (nm)
#define FIELD_O(T, member, fl, tab, text)     FIELD_ANY(FIELD_OBJECT, T, member, fl, text), .table = (tab)
#define FIELD_H(T, member, cnt, text)                                                              \
	FIELD_ANY(FIELD_BYTES, T, member, 0, text), .count_offset = offsetof(T, cnt)
#define FIELD_A(T, member, cnt, tab, text)                                                         \
	.name = #member, .doc = (text), .type = FIELD_ARRAY, .offset = offsetof(T, member),        \
	.size = sizeof(((T *)0)->member[0]),                                                       \
	.capacity = sizeof(((T *)0)->member) / sizeof(((T *)0)->member[0]),                        \
	.count_offset = offsetof(T, cnt), .table = (tab)

#define FIELD_TABLE(T, nm, text, rows)                                                             \
	{                                                                                          \
		.name = (nm), .doc = (text), .size = sizeof(T), .fields = (rows),                  \
		.count = sizeof(rows) / sizeof((rows)[0]),                                         \
	}
