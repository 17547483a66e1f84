/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Tables on stdout.
 *
 * Purpose: the one file that knows libsmartcols. Cells are escaped before they get here.
 * Threads: one.
 * Errors:  -ENOMEM.
 */
#include "common/util.h"

struct table;

/* `width` 0: as wide as needed, for pipes; otherwise long cells that may be cut are, to fit. */
int table_new(bool headers, size_t width, bool color, struct table **ret_table) MUST_CHECK;
struct table *table_free(struct table *table);
int table_add_column(struct table *table, const char *name, bool right, bool may_cut) MUST_CHECK;
int table_add_row(struct table *table) MUST_CHECK;
/* A cell of the newest row; `color` may be NULL. */
int table_set_cell(
	struct table *table, size_t column, const char *text, const char *color) MUST_CHECK;
int table_print(struct table *table) MUST_CHECK;

static inline void cleanup_table(struct table **table)
{
	table_free(*table);
}
