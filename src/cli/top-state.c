/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/top-state.h"

#include <string.h>

void top_state_init(struct top_state *state)
{
	*state = (struct top_state){0};
	for (enum top_view view = 0; view < TOP_VIEWS; view++)
		state->sort[view].column = top_default_sort(view, &state->sort[view].descending);
}

static void choose_view(struct top_state *state, enum top_view view)
{
	state->view = view;
	state->selected = state->first = 0;
	state->skipped = 0;
}

void top_state_clamp(struct top_state *state, const struct top_extent *extent)
{
	size_t page = MAX(extent->page, (size_t)1);

	if (state->selected >= extent->rows)
		state->selected = extent->rows > 0 ? extent->rows - 1 : 0;
	if (state->selected < state->first)
		state->first = state->selected;
	if (state->selected >= state->first + page)
		state->first = state->selected + 1 - page;
	/* No empty lines below the last row while rows are hidden above. */
	if (state->first + page > extent->rows)
		state->first = extent->rows > page ? extent->rows - page : 0;
	if (extent->columns > 0 && state->skipped >= extent->columns)
		state->skipped = extent->columns - 1;
	if (state->sort[state->view].column >= MAX(extent->columns, 1u))
		state->sort[state->view].column = 0;
}

void top_state_arrange(const struct top_state *state, struct top_table *table)
{
	if (state->filter[0])
		top_table_filter(table, state->filter);
	top_table_sort(table, state->sort[state->view].column, state->sort[state->view].descending);
}

/* ---- keys ---------------------------------------------------------------- */

static void filter_key(struct top_state *state, int key)
{
	size_t length = strlen(state->filter);

	if (key == TOP_KEY_ESCAPE)
		state->filter[0] = '\0';
	if (key == TOP_KEY_ESCAPE || key == TOP_KEY_ENTER) {
		state->mode = TOP_MODE_TABLE;
	} else if (key == TOP_KEY_BACKSPACE && length > 0) {
		state->filter[length - 1] = '\0';
	} else if (key >= ' ' && key <= '~' && length + 1 < sizeof(state->filter)) {
		state->filter[length] = (char)key;
		state->filter[length + 1] = '\0';
	}
}

/* True: it was a key that moves. */
static bool move_key(struct top_state *state, int key, const struct top_extent *extent)
{
	size_t page = MAX(extent->page, (size_t)1), last = MAX(extent->rows, (size_t)1) - 1;

	if (key == TOP_KEY_UP || key == 'k')
		state->selected -= state->selected > 0;
	else if (key == TOP_KEY_DOWN || key == 'j')
		state->selected = MIN(state->selected + 1, last);
	else if (key == TOP_KEY_PAGE_UP)
		state->selected -= MIN(state->selected, page);
	else if (key == TOP_KEY_PAGE_DOWN)
		state->selected = MIN(state->selected + page, last);
	else if (key == TOP_KEY_HOME)
		state->selected = 0;
	else if (key == TOP_KEY_END)
		state->selected = last;
	else if (key == TOP_KEY_LEFT)
		state->skipped -= state->skipped > 0;
	else if (key == TOP_KEY_RIGHT)
		state->skipped++;
	else
		return false;
	return true;
}

static void sort_by_next(struct top_state *state, const struct top_extent *extent, bool back)
{
	unsigned count = MAX(extent->columns, 1u), *column = &state->sort[state->view].column;

	*column = (*column + (back ? count - 1 : 1)) % count;
}

static void table_key(struct top_state *state, int key, const struct top_extent *extent)
{
	if (move_key(state, key, extent))
		return;
	if (key == 'q' || key == 'Q' || key == TOP_KEY_F10)
		state->quit = true;
	else if (key == 'h' || key == '?' || key == TOP_KEY_F1)
		state->mode = TOP_MODE_HELP;
	else if (key == '/' || key == '\\' || key == TOP_KEY_F1 + 3 || key == TOP_KEY_F1 + 2)
		state->mode = TOP_MODE_FILTER;
	else if (key == '\t' || key == TOP_KEY_F1 + 4)
		choose_view(state, (state->view + 1) % TOP_VIEWS);
	else if (key >= '1' && key < '1' + TOP_VIEWS)
		choose_view(state, (enum top_view)(key - '1'));
	else if (key == '>' || key == '.' || key == TOP_KEY_F1 + 5)
		sort_by_next(state, extent, false);
	else if (key == '<' || key == ',')
		sort_by_next(state, extent, true);
	else if (key == 'I')
		state->sort[state->view].descending ^= true;
	else if (key == 'Z' || key == 'p')
		state->paused ^= true;
	else if (key == ' ' || key == 'r')
		state->refresh = true;
	else if (key == TOP_KEY_ESCAPE)
		state->filter[0] = '\0';
}

void top_state_key(struct top_state *state, int key, const struct top_extent *extent)
{
	switch (state->mode) {
	case TOP_MODE_HELP: /* any key leaves it */
		state->mode = TOP_MODE_TABLE;
		break;
	case TOP_MODE_FILTER:
		filter_key(state, key);
		break;
	case TOP_MODE_TABLE:
		table_key(state, key, extent);
		break;
	}
	top_state_clamp(state, extent);
}
