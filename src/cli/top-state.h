/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What somebody in front of top has chosen, and what each key does to it. Keys are those of htop.
 *
 * Purpose: view, order, filter, selection and scrolling, without a terminal.
 * Threads: one.
 * Errors:  none; a key that means nothing here changes nothing.
 */
#include <stdbool.h>
#include <stddef.h>
#include "cli/top-model.h"

enum { TOP_FILTER_BYTES = 48 };

/* Keys that are no characters; characters stand for themselves. */
enum top_key {
	TOP_KEY_UP = 0x1000,
	TOP_KEY_DOWN,
	TOP_KEY_LEFT,
	TOP_KEY_RIGHT,
	TOP_KEY_PAGE_UP,
	TOP_KEY_PAGE_DOWN,
	TOP_KEY_HOME,
	TOP_KEY_END,
	TOP_KEY_ENTER,
	TOP_KEY_ESCAPE,
	TOP_KEY_BACKSPACE,
	TOP_KEY_F1,
	TOP_KEY_F10 = TOP_KEY_F1 + 9,
};

enum top_mode {
	TOP_MODE_TABLE,
	TOP_MODE_HELP,
	TOP_MODE_FILTER, /* letters go into the filter */
};

struct top_state {
	enum top_view view;
	enum top_mode mode;
	struct {
		unsigned column;
		bool descending;
	} sort[TOP_VIEWS];
	char filter[TOP_FILTER_BYTES];
	size_t selected, first; /* row; the first that is on the screen */
	unsigned skipped;       /* columns that are scrolled out to the left */
	bool paused;            /* no new looks */
	bool quit, refresh;
};

/* What the screen has at present. */
struct top_extent {
	size_t rows;      /* of the table, filtered */
	size_t page;      /* rows that fit on the screen */
	unsigned columns; /* of the table */
};

void top_state_init(struct top_state *state);
void top_state_key(struct top_state *state, int key, const struct top_extent *extent);
/* Brings selection and scrolling back into what there is now. */
void top_state_clamp(struct top_state *state, const struct top_extent *extent);
/* Filters and sorts as chosen. */
void top_state_arrange(const struct top_state *state, struct top_table *table);
