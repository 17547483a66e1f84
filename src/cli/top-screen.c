/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/top-screen.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum {
	METER_COLUMNS = 26,  /* "VP12[||||||||||    100.0%]" */
	METER_LINES_MAX = 4, /* more VPs than fit are left out, and counted */
	TAIL_LINES = 3,      /* two of detail, one of keys */
};

static const char *const view_names[] = {"Channels", "SINTs", "VPs", "Findings"};

static const char *const help_lines[] = {
	"hvctl top: what the VM does, its channels by suspicion, what the doctor found",
	"",
	"  arrows, PgUp, PgDn, Home, End   move the selection; left and right: columns",
	"  Tab, F5, 1 to 4                 channels, SINTs, VPs, findings",
	"  F6 or >, <                      sort by the next, the previous column",
	"  I                               turn the order round",
	"  F4 or /                         filter by a text; Enter keeps it, Esc drops it",
	"  p or Z                          pause; space or r: look now; ^L: draw anew",
	"  F1, h, ?                        this help",
	"  F10, q                          quit",
	"",
	"  SUSP: 100 error, 90 failed, 70 warning, 40 a reader stands,",
	"        20 a writer waits, 10 a ring nearly full",
	"  G>H, H>G: how full the rings are from guest to host, from host to guest",
	"  SINT cells: vector; m masked, B busy, P pending, +N queued, ! interrupt owed",
	"",
	"Any key goes back.",
};

bool top_screen_init(struct top_screen *screen, unsigned rows, unsigned columns)
{
	*screen = (struct top_screen){
		.rows = MAX(rows, (unsigned)TOP_SCREEN_MIN_ROWS),
		.columns = MAX(columns, (unsigned)TOP_SCREEN_MIN_COLUMNS),
	};
	screen->text = malloc((size_t)screen->rows * screen->columns);
	screen->paint = calloc(screen->rows, screen->columns);
	if (!screen->text || !screen->paint) {
		top_screen_deinit(screen);
		return false;
	}
	memset(screen->text, ' ', (size_t)screen->rows * screen->columns);
	return true;
}

void top_screen_deinit(struct top_screen *screen)
{
	free(screen->text);
	free(screen->paint);
	*screen = (struct top_screen){0};
}

/* ---- pieces -------------------------------------------------------------- */

/* Puts at most `width` characters; one that is not printable ASCII is a question mark. */
static unsigned put(struct top_screen *screen, unsigned row, unsigned column, unsigned width,
	enum top_paint paint, const char *text)
{
	unsigned end = width < screen->columns ? column + width : screen->columns;

	end = MIN(end, screen->columns);
	for (; row < screen->rows && column < end && *text; text++) {
		size_t at = (size_t)row * screen->columns + column;

		if ((*text & 0xc0) == 0x80)
			continue; /* the rest of a character that stands already */
		screen->text[at] = *text;
		if (*text < ' ' || *text > '~')
			screen->text[at] = '?';
		screen->paint[at] = (uint8_t)paint;
		column++;
	}
	return column;
}

static PRINTF(5, 6) unsigned put_format(struct top_screen *screen, unsigned row, unsigned column,
	enum top_paint paint, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return put(screen, row, column, screen->columns, paint, text);
}

static void paint_line(struct top_screen *screen, unsigned row, enum top_paint paint)
{
	if (row < screen->rows)
		memset(screen->paint + (size_t)row * screen->columns, (int)paint, screen->columns);
}

static enum top_paint paint_of(enum top_level level)
{
	switch (level) {
	case TOP_PLAIN:
		return PAINT_PLAIN;
	case TOP_DIM:
		return PAINT_DIM;
	case TOP_ATTENTION:
		return PAINT_ATTENTION;
	case TOP_BAD:
		return PAINT_BAD;
	}
	return PAINT_PLAIN;
}

/* ---- the lines above ----------------------------------------------------- */

static unsigned meters_per_line(unsigned columns)
{
	return MAX(columns / (METER_COLUMNS + 1), 1u);
}

static unsigned meter_lines(const struct top_summary *summary, unsigned columns)
{
	unsigned per_line = meters_per_line(columns);

	return MIN((summary->vps + per_line - 1) / per_line, (unsigned)METER_LINES_MAX);
}

unsigned top_screen_frame(const struct top_summary *summary, unsigned columns)
{
	/* VM, traffic, findings; views; head */
	return 3 + meter_lines(summary, columns) + 2 + TAIL_LINES;
}

/* "VP0 [|||||      12.5%]" */
static void put_meter(
	struct top_screen *screen, unsigned row, unsigned column, unsigned vp, double share)
{
	unsigned inside = METER_COLUMNS - 6,
		 full = share > 0 ? (unsigned)(share * inside + 0.5) : 0;
	char number[16] = "-", bar[METER_COLUMNS + 1];
	size_t length;

	if (share >= 0)
		snprintf(number, sizeof(number), "%.1f%%", share * 100);
	memset(bar, ' ', inside);
	memset(bar, '|', MIN(full, inside));
	bar[inside] = '\0';
	length = strlen(number);
	memcpy(bar + inside - length, number, length);
	column = put_format(screen, row, column, PAINT_KEY, "VP%-2u", vp);
	column = put(screen, row, column, 1, PAINT_PLAIN, "[");
	column = put(screen, row, column, inside, share > 0.9 ? PAINT_ATTENTION : PAINT_GOOD, bar);
	put(screen, row, column, 1, PAINT_PLAIN, "]");
}

static unsigned draw_meters(
	struct top_screen *screen, unsigned row, const struct top_summary *summary)
{
	unsigned per_line = meters_per_line(screen->columns);
	unsigned lines = meter_lines(summary, screen->columns);

	for (unsigned vp = 0; vp < MIN(summary->vps, lines * per_line); vp++)
		put_meter(screen, row + vp / per_line, vp % per_line * (METER_COLUMNS + 1), vp,
			summary->busy[vp]);
	return row + lines;
}

static unsigned draw_summary(struct top_screen *screen, const struct top_summary *summary)
{
	unsigned row = 0;

	put(screen, row++, 0, screen->columns, PAINT_PLAIN, summary->vm);
	put(screen, row++, 0, screen->columns, PAINT_PLAIN, summary->traffic);
	row = draw_meters(screen, row, summary);
	put(screen, row++, 0, screen->columns, paint_of(summary->findings_level),
		summary->findings);
	return row;
}

static unsigned draw_views(struct top_screen *screen, unsigned row, const struct top_table *table,
	const struct top_state *state)
{
	unsigned column = 0, sorted = state->sort[state->view].column;

	for (unsigned view = 0; view < TOP_VIEWS; view++) {
		bool chosen = view == (unsigned)state->view;

		column = put_format(screen, row, column, chosen ? PAINT_HEAD : PAINT_DIM,
			chosen ? "[%u %s]" : " %u %s ", view + 1, view_names[view]);
	}
	if (sorted < table->columns)
		column = put_format(screen, row, column + 1, PAINT_DIM, "by %s%s",
			table->column[sorted].title,
			state->sort[state->view].descending ? ", down" : "");
	if (state->filter[0] || state->mode == TOP_MODE_FILTER)
		column = put_format(screen, row, column + 2, PAINT_KEY, "filter: %s%s",
			state->filter, state->mode == TOP_MODE_FILTER ? "_" : "");
	if (state->paused)
		put(screen, row, column + 2, 6, PAINT_ATTENTION, "paused");
	return row + 1;
}

/* ---- the table ----------------------------------------------------------- */

static void put_cell(struct top_screen *screen, unsigned row, unsigned *column,
	const struct top_column *spec, enum top_paint paint, const char *text)
{
	unsigned left = screen->columns - MIN(*column, screen->columns);
	unsigned width = spec->width > 0 ? spec->width : left;
	unsigned length = (unsigned)MIN(strlen(text), (size_t)width);

	put(screen, row, *column + (spec->right ? width - length : 0), length, paint, text);
	*column += width + 1;
}

static void draw_head(struct top_screen *screen, unsigned row, const struct top_table *table,
	const struct top_state *state)
{
	unsigned column = 0;

	for (unsigned c = state->skipped; c < table->columns; c++)
		put_cell(screen, row, &column, &table->column[c], PAINT_HEAD,
			table->column[c].title);
	paint_line(screen, row, PAINT_HEAD);
}

static void draw_row(struct top_screen *screen, unsigned row, const struct top_table *table,
	const struct top_row *data, unsigned skipped)
{
	unsigned column = 0;

	for (unsigned c = skipped; c < table->columns; c++)
		put_cell(screen, row, &column, &table->column[c], paint_of(data->level),
			data->cell[c].text);
}

static void draw_rows(struct top_screen *screen, unsigned first_line, unsigned lines,
	const struct top_table *table, const struct top_state *state, bool select)
{
	for (unsigned i = 0; i < lines && state->first + i < table->rows; i++) {
		size_t index = state->first + i;

		draw_row(screen, first_line + i, table, &table->row[index], state->skipped);
		if (select && index == state->selected)
			paint_line(screen, first_line + i, PAINT_SELECTED);
	}
	if (table->rows == 0)
		put(screen, first_line, 0, screen->columns, PAINT_DIM,
			state->filter[0] ? "(nothing holds that)" : "(nothing)");
}

/* ---- the lines below ----------------------------------------------------- */

static void draw_detail(struct top_screen *screen, unsigned row, const struct top_table *table,
	const struct top_state *state)
{
	const char *text = state->selected < table->rows ? table->row[state->selected].detail
							 : NULL;

	if (!text)
		return;
	put(screen, row, 0, screen->columns, PAINT_ATTENTION, text);
	if (strlen(text) > screen->columns)
		put(screen, row + 1, 0, screen->columns, PAINT_ATTENTION, text + screen->columns);
}

static void draw_keys(struct top_screen *screen, unsigned row, const struct top_state *state)
{
	static const struct {
		const char *key, *what;
	} keys[] = {{"F1", "Help "}, {"F4", "Filter "}, {"F5", "View "}, {"F6", "SortBy "},
		{"I", "Invert "}, {"p", "Pause "}, {"F10", "Quit"}};
	unsigned column = 0;

	if (state->mode == TOP_MODE_FILTER) {
		put(screen, row, 0, screen->columns, PAINT_KEY,
			"Enter keeps the filter, Esc drops it");
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		column = put(screen, row, column, 4, PAINT_KEY, keys[i].key);
		column = put(screen, row, column, 8, PAINT_HEAD, keys[i].what);
	}
}

static void draw_help(struct top_screen *screen)
{
	for (unsigned i = 0; i < ARRAY_LEN(help_lines); i++)
		put(screen, i, 0, screen->columns, PAINT_PLAIN, help_lines[i]);
}

/* ---- the whole ----------------------------------------------------------- */

static unsigned draw_top(struct top_screen *screen, const struct top_summary *summary,
	const struct top_table *table, const struct top_state *state)
{
	unsigned row = draw_views(screen, draw_summary(screen, summary), table, state);

	draw_head(screen, row, table, state);
	return row + 1;
}

void top_screen_draw(struct top_screen *screen, const struct top_summary *summary,
	const struct top_table *table, const struct top_state *state)
{
	unsigned row, last = screen->rows - TAIL_LINES;

	if (state->mode == TOP_MODE_HELP) {
		draw_help(screen);
		return;
	}
	row = draw_top(screen, summary, table, state);
	draw_rows(screen, row, row < last ? last - row : 0, table, state, true);
	draw_detail(screen, last, table, state);
	paint_line(screen, screen->rows - 1, PAINT_PLAIN);
	draw_keys(screen, screen->rows - 1, state);
}

void top_screen_draw_plain(struct top_screen *screen, const struct top_summary *summary,
	const struct top_table *table, const struct top_state *state)
{
	unsigned row = draw_top(screen, summary, table, state);

	draw_rows(screen, row, screen->rows - MIN(row, screen->rows), table, state, false);
}

static bool is_blank(const struct top_screen *screen, unsigned row)
{
	const char *line = screen->text + (size_t)row * screen->columns;

	for (unsigned i = 0; i < screen->columns; i++) {
		if (line[i] != ' ')
			return false;
	}
	return true;
}

void top_screen_print(const struct top_screen *screen, FILE *out)
{
	unsigned rows = screen->rows;

	while (rows > 0 && is_blank(screen, rows - 1))
		rows--;
	for (unsigned row = 0; row < rows; row++) {
		const char *line = screen->text + (size_t)row * screen->columns;
		unsigned length = screen->columns;

		while (length > 0 && line[length - 1] == ' ')
			length--;
		fprintf(out, "%.*s\n", (int)length, line);
	}
}
