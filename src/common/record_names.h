/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What the numbers in records mean, apart from who wrote them.
 *
 * A running hvd knows its kinds of record from vmm/event.h. A log file brings the table of the hvd
 * that wrote it, so that another version can still print it. Whoever decodes takes either.
 *
 * Purpose: names of records, of their arguments and of what stands in those.
 * Threads: constant once made.
 * Errors:  record_names_parse(): -EINVAL with the line that is wrong, -ENOMEM.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "common/record.h"
#include "common/util.h"

/*
 * One kind. An argument is "name:kind" as vmm/event.h describes it, or NULL. It may be made of
 * several fields: "name:kind@shift+bits,name:kind@shift+bits". Several kinds may have one name,
 * when what they tell depends on what happened.
 */
struct record_event {
	const char *name;
	const char *doc; /* "": a log file has none */
	const char *args[RECORD_ARGS];
};

/* What stands in an argument, or in a part of it. */
struct record_field {
	char name[32];
	const char *kind; /* borrows; what follows the colon */
	unsigned shift, bits;
};
/*
 * Takes the next field off the text of an argument, which `spec` then stands behind. False: there
 * was none.
 */
bool record_field_next(const char **spec, struct record_field *ret_field) MUST_CHECK;
uint64_t record_field_value(const struct record_field *field, uint64_t arg);

struct record_names {
	const struct record_event *events; /* borrows */
	unsigned event_count;
	/* Of an enum hv_status; never NULL. */
	const char *(*status_name)(const struct record_names *names, uint64_t status);
	/* Of a synthetic MSR, or NULL. */
	const char *(*msr_name)(const struct record_names *names, uint64_t index);
};

/* NULL for a kind that the table lacks. */
static inline const struct record_event *record_event_find(
	const struct record_names *names, uint16_t type)
{
	return type < names->event_count ? &names->events[type] : NULL;
}

/*
 * The table as text, one line each, tabs between the fields:
 *
 *	event	NAME	ARG	ARG ...
 *
 *	status	0x2	invalid_hypercall_code
 *
 *	msr	0x40000080	SCONTROL
 *
 * Events stand in the order of their types, statuses before MSRs; an argument that is unused is
 * "-". Readers skip lines that begin with another word.
 */
void record_names_write(const struct record_names *names, FILE *out);

/* A table read from text. */
struct record_table {
	struct record_names names;   /* first: what record_names' functions are given */
	char *text;                  /* owns; every name points into it */
	struct record_event *events; /* owns */
	struct record_label *labels; /* owns; of statuses, then MSRs */
	size_t status_count, msr_count;
};

/* `text` is copied and need not end in NUL. `ret_line` is the line that is wrong, from 1. */
int record_names_parse(const char *text, size_t size, struct record_table **ret_table,
	unsigned *ret_line) MUST_CHECK;
/* NULL is fine; returns NULL. */
struct record_table *record_table_free(struct record_table *table);
