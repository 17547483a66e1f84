/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * A line of hvctl's shell as words.
 *
 * Purpose: blanks separate; '...' and "..." hold together, a backslash takes the next character as
 *          it is (not between single quotes); # at the beginning of a word ends the line.
 * Threads: one.
 * Errors:  WORDS_E_OPEN_QUOTE, WORDS_E_TOO_MANY.
 */
#include <stddef.h>
#include "common/util.h"

enum words_error { WORDS_E_OPEN_QUOTE = 1, WORDS_E_TOO_MANY };

/* Cuts `line` in place. `words` has room for `capacity` and ends with NULL, which counts. */
int words_split(char *line, char **words, size_t capacity, size_t *ret_count) MUST_CHECK;
/*
 * The same for a line that is still being typed: its last word is the unfinished one, "" behind a
 * blank, all of it in a comment, and a quote may be open. There is at least one.
 */
int words_split_unfinished(char *line, char **words, size_t capacity, size_t *ret_count) MUST_CHECK;
