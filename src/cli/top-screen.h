/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The picture that top shows: a grid of characters, drawn the same way for a terminal and a pipe.
 *
 *	the VM, what it does, a meter for each VP, what the doctor says
 *	views, order, filter
 *	the table's head
 *	its rows
 *	what to know of the selected row
 *	keys
 *
 * Purpose: layout, for any size from 20 columns and 8 lines on.
 * Threads: one.
 * Errors:  false without memory.
 */
#include <stdbool.h>
#include "cli/top-model.h"
#include "cli/top-state.h"

enum top_paint {
	PAINT_PLAIN,
	PAINT_DIM,
	PAINT_GOOD,
	PAINT_ATTENTION,
	PAINT_BAD,
	PAINT_HEAD,     /* reversed */
	PAINT_SELECTED, /* reversed */
	PAINT_KEY,
};

enum { TOP_SCREEN_MIN_ROWS = 8, TOP_SCREEN_MIN_COLUMNS = 20 };

struct top_screen {
	unsigned rows, columns;
	char *text;     /* owns; rows times columns printable ASCII characters */
	uint8_t *paint; /* owns; enum top_paint each */
};

/* Blank, at least of the least size. */
bool top_screen_init(struct top_screen *screen, unsigned rows, unsigned columns) MUST_CHECK;
void top_screen_deinit(struct top_screen *screen);

/* Lines of the screen that are not the table's rows. */
unsigned top_screen_frame(const struct top_summary *summary, unsigned columns);
/* `table` is arranged and `state` clamped to it. */
void top_screen_draw(struct top_screen *screen, const struct top_summary *summary,
	const struct top_table *table, const struct top_state *state);
/* The lines as text, without blanks and lines at the end that are none; for pipes: no selection and no keys. */
void top_screen_print(const struct top_screen *screen, FILE *out);
void top_screen_draw_plain(struct top_screen *screen, const struct top_summary *summary,
	const struct top_table *table, const struct top_state *state);
