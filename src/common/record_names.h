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
 * Errors:  none.
 */
#include <stdbool.h>
#include <stdint.h>
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
