/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The terminal under top: the one file that knows ncurses.
 *
 * Purpose: a picture goes out, keys come in, sizes change.
 * Threads: one; one terminal at a time.
 * Errors:  false when TERM names no terminal that can be drawn on.
 */
#include <stdbool.h>
#include "cli/top-screen.h"

struct top_terminal;

/* Leaves the terminal as it was found in close(), which takes NULL. */
bool top_terminal_open(bool color, struct top_terminal **ret_terminal) MUST_CHECK;
struct top_terminal *top_terminal_close(struct top_terminal *terminal);
void top_terminal_size(struct top_terminal *terminal, unsigned *ret_rows, unsigned *ret_columns);
void top_terminal_show(struct top_terminal *terminal, const struct top_screen *screen);
/* Waits; 0 when there was none in time, when a signal came, or after a change of size. */
int top_terminal_key(struct top_terminal *terminal, int timeout_ms);
