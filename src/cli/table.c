/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/table.h"

#include <errno.h>
#include <libsmartcols/libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>

struct table {
	struct libscols_table *scols; /* ref */
	struct libscols_line *row;    /* borrowed: belongs to scols */
};

int table_new(bool headers, size_t width, bool color, struct table **ret_table)
{
	struct table *table = calloc(1, sizeof(*table));

	if (!table)
		return -ENOMEM;
	table->scols = scols_new_table();
	if (!table->scols) {
		free(table);
		return -ENOMEM;
	}
	scols_table_enable_noheadings(table->scols, !headers);
	/* Escaped already; the library would escape the backslashes again. */
	scols_table_enable_noencoding(table->scols, 1);
	scols_table_enable_colors(table->scols, color);
	scols_table_set_column_separator(table->scols, "  ");
	scols_table_set_stream(table->scols, stdout);
	scols_table_set_termforce(
		table->scols, width > 0 ? SCOLS_TERMFORCE_ALWAYS : SCOLS_TERMFORCE_NEVER);
	if (width > 0)
		scols_table_set_termwidth(table->scols, width);
	*ret_table = table;
	return 0;
}

struct table *table_free(struct table *table)
{
	if (table)
		scols_unref_table(table->scols);
	free(table);
	return NULL;
}

int table_add_column(struct table *table, const char *name, bool right, bool may_cut)
{
	int flags = (right ? SCOLS_FL_RIGHT : 0) | (may_cut ? SCOLS_FL_TRUNC : 0);
	struct libscols_column *column = scols_table_new_column(table->scols, name, 0, flags);

	if (!column)
		return -ENOMEM;
	return scols_cell_set_color(scols_column_get_header(column), "bold");
}

int table_add_row(struct table *table)
{
	table->row = scols_table_new_line(table->scols, NULL);
	return table->row ? 0 : -ENOMEM;
}

int table_set_cell(struct table *table, size_t column, const char *text, const char *color)
{
	if (scols_line_set_data(table->row, column, text) < 0)
		return -ENOMEM;
	return color ? scols_cell_set_color(scols_line_get_cell(table->row, column), color) : 0;
}

/* The library leaves an empty table out altogether; its headers still tell the fields. */
static void print_headers(struct libscols_table *scols)
{
	size_t count = scols_table_get_ncols(scols);

	for (size_t i = 0; i < count; i++)
		printf("%s%s", scols_column_get_name(scols_table_get_column(scols, i)),
			i + 1 < count ? "  " : "\n");
}

int table_print(struct table *table)
{
	if (!scols_table_is_empty(table->scols))
		return scols_print_table(table->scols);
	if (!scols_table_is_noheadings(table->scols))
		print_headers(table->scols);
	return 0;
}
