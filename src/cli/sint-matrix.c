/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A cell says, in this order: the vector; masked, auto-eoi, polling when set; busy and pending of
 * the slot; how many messages wait behind it; an owed interrupt; how long ago EOM was written.
 */
#include <errno.h>

#include "cli/problem.h"
#include "cli/render.h"
#include "cli/select.h"
#include "cli/table.h"
#include "cli/text.h"
#include "common/cleanup.h"

enum { SINTS = 16 };

static bool is_set(const json_t *item, const char *path)
{
	return json_is_true(select_path(item, path));
}

static json_int_t number(const json_t *item, const char *path)
{
	return json_integer_value(select_path(item, path));
}

/* Masked, and nothing stored or waiting: as after reset. */
static bool is_idle(const json_t *item)
{
	return is_set(item, "masked") && !is_set(item, "slot.busy") &&
	       number(item, "queue_depth") == 0 && number(item, "event_flag_count") == 0 &&
	       !is_set(item, "irq_owed");
}

static void put_cell(FILE *out, const json_t *item)
{
	static const struct {
		const char *path, *word;
	} words[] = {
		{"masked", " masked"},
		{"auto_eoi", " auto-eoi"},
		{"polling", " polling"},
		{"slot.busy", " busy"},
		{"slot.pending", " pending"},
		{"irq_owed", " irq-owed"},
	};
	const json_t *age = select_path(item, "last_eom_age_ns");

	if (is_idle(item)) {
		fputc('-', out);
		return;
	}
	fprintf(out, "0x%02x", (unsigned)(number(item, "vector") & 0xff));
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (is_set(item, words[i].path))
			fputs(words[i].word, out);
	if (number(item, "queue_depth") > 0)
		fprintf(out, " +%" JSON_INTEGER_FORMAT, number(item, "queue_depth"));
	if (json_is_integer(age)) {
		fputs(" eom ", out);
		text_put_duration(out, (uint64_t)json_integer_value(age));
	}
}

static char *cell_text(const json_t *item)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	if (item)
		put_cell(out, item);
	return text_finish(out, &text);
}

static const char *cell_color(const json_t *item)
{
	if (is_set(item, "slot.pending"))
		return "red";
	return is_set(item, "slot.busy") || is_set(item, "irq_owed") ? "yellow" : NULL;
}

/* Which SINTs have something to show, as a bit mask. */
static unsigned active_sints(const json_t *items)
{
	unsigned active = 0;

	for (size_t i = 0; i < json_array_size(items); i++) {
		const json_t *item = json_array_get(items, i);
		json_int_t sint = number(item, "sint");

		if (sint >= 0 && sint < SINTS && !is_idle(item))
			active |= 1u << sint;
	}
	return active;
}

static size_t column_of(unsigned active, unsigned sint)
{
	return 1 + (size_t)__builtin_popcount(active & ((1u << sint) - 1));
}

static int add_columns(struct table *table, unsigned active)
{
	int r = table_add_column(table, "VP", true, false);

	for (unsigned sint = 0; sint < SINTS && r == 0; sint++) {
		char name[16];

		snprintf(name, sizeof(name), "SINT %u", sint);
		if (active & 1u << sint)
			r = table_add_column(table, name, false, false);
	}
	return r;
}

/* Items come ordered by VP and VTL; each pair begins a row. */
static int add_rows(struct cli *cli, struct table *table, unsigned active, const json_t *items)
{
	json_int_t row_vp = -1, row_vtl = -1;
	int r = 0;

	for (size_t i = 0; i < json_array_size(items) && r == 0; i++) {
		const json_t *item = json_array_get(items, i);
		json_int_t vp = number(item, "vp"), vtl = number(item, "vtl");
		json_int_t sint = number(item, "sint");
		CLEANUP(free) char *text = cell_text(item);
		CLEANUP(free)
		char *label = vtl ? text_format("%lld.%lld", vp, vtl) : text_format("%lld", vp);

		if (!text || !label)
			return -ENOMEM;
		if (vp != row_vp || vtl != row_vtl) {
			r = table_add_row(table);
			if (r == 0)
				r = table_set_cell(table, 0, label, NULL);
			row_vp = vp;
			row_vtl = vtl;
		}
		if (r == 0 && sint >= 0 && sint < SINTS && active & 1u << sint)
			r = table_set_cell(table, column_of(active, (unsigned)sint), text,
				cli->color ? cell_color(item) : NULL);
	}
	return r;
}

static void note_hidden(const struct cli *cli, unsigned active)
{
	const char *separator = "";

	if (active == (1u << SINTS) - 1)
		return;
	render_note(cli, "masked and idle on every VP: SINT ");
	for (unsigned sint = 0; sint < SINTS; sint++) {
		unsigned last = sint;

		if (active & 1u << sint)
			continue;
		while (last + 1 < SINTS && !(active & 1u << (last + 1)))
			last++;
		if (last > sint)
			render_note(cli, "%s%u-%u", separator, sint, last);
		else
			render_note(cli, "%s%u", separator, sint);
		separator = ", ";
		sint = last;
	}
	render_note(cli, " (-o wide lists all)\n");
}

enum cli_exit render_sint_matrix(struct cli *cli, const json_t *items)
{
	CLEANUP(table) struct table *table = NULL;
	unsigned active = active_sints(items);
	/* As wide as it must be: half a cell says nothing. */
	int r = table_new(!cli->options.no_headers, 0, cli->color, &table);

	if (r == 0)
		r = add_columns(table, active);
	if (r == 0)
		r = add_rows(cli, table, active, items);
	if (r == 0)
		r = table_print(table);
	if (r < 0)
		return problem_errno(&cli->options, -r, "table");
	fflush(stdout);
	note_hidden(cli, active);
	return CLI_OK;
}
