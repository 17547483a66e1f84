/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What top shows, computed out of two looks at the API: rates, suspicion, tables, order.
 *
 * Nothing here asks a daemon or knows a terminal: replies go in, tables of text come out.
 *
 * Purpose: the computing part of hvctl top.
 * Threads: one.
 * Errors:  false without memory.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/util.h"

enum top_view { TOP_CHANNELS, TOP_SINTS, TOP_VPS, TOP_FINDINGS, TOP_VIEWS };

/* Replies of one moment; all owned, NULL for what could not be had. */
struct top_sample {
	uint64_t mono_ns;
	json_t *vm, *recorder, *hypercalls, *vps, *sints, *channels, *rings, *doctor;
};
void top_sample_deinit(struct top_sample *sample);

enum top_level { TOP_PLAIN, TOP_DIM, TOP_ATTENTION, TOP_BAD };

enum { TOP_COLUMNS_MAX = 18, TOP_TITLE_BYTES = 12 };

struct top_column {
	char title[TOP_TITLE_BYTES];
	unsigned width; /* 0: what is left of the line */
	bool right;
};

/* Text is escaped: a guest may have chosen it. */
struct top_cell {
	char *text; /* owns */
	double key; /* NAN: sorted as text */
};

struct top_row {
	struct top_cell cell[TOP_COLUMNS_MAX];
	enum top_level level;
	char *detail; /* owns; what to know and to do, when the row is looked at; NULL: nothing */
};

struct top_table {
	struct top_column column[TOP_COLUMNS_MAX];
	unsigned columns;
	struct top_row *row; /* owns */
	size_t rows;
};

/* `before` may be all NULL: there are no rates yet, shown as "-". */
bool top_table_build(enum top_view view, const struct top_sample *before,
	const struct top_sample *now, struct top_table *ret_table) MUST_CHECK;
void top_table_deinit(struct top_table *table);
/* Rows none of whose cells holds `text`, whatever its case, go. */
void top_table_filter(struct top_table *table, const char *text);
/* Stable. */
void top_table_sort(struct top_table *table, unsigned column, bool descending);
/* The column a view is sorted by unless somebody chose another, and which way. */
unsigned top_default_sort(enum top_view view, bool *ret_descending);

/* The lines above the table. */
enum { TOP_METERS_MAX = 64 };
struct top_summary {
	char vm[160], traffic[160], findings[240];
	enum top_level findings_level;
	/* Share of the time that a VP ran, 0 to 1; below 0: not known yet. */
	double busy[TOP_METERS_MAX];
	unsigned vps;
};
void top_summarize(const struct top_sample *before, const struct top_sample *now,
	struct top_summary *ret_summary);

/* Per second between two readings of a counter; NAN when there is no earlier one or it went back.
 */
double top_rate(const json_t *before, const json_t *now, uint64_t elapsed_ns);
