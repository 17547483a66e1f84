/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What could stand at the end of an unfinished command line.
 *
 * One engine for bash, zsh, fish and hvctl's own shell: words out of the command table, ids asked
 * of the live daemon. A daemon that does not answer within a moment completes nothing, and is
 * silent.
 *
 * Purpose: candidates, each with a few words about it.
 * Threads: one.
 * Errors:  none: no candidates.
 */
#include "cli/cli.h"

/* `about` may be "". */
typedef void (*complete_fn)(void *arg, const char *candidate, const char *about);

/* File names, which are left to who asks. */
struct complete_files {
	bool wanted;
	size_t kept; /* so many bytes of the unfinished word stand before the name: "@", "--from=" */
};

/*
 * For editors that replace only the end of a word, `text`, because of a quote or a '=' in it: how
 * many bytes of a candidate for `word` stand before that.
 */
size_t complete_skip(const char *word, const char *text);

/*
 * `words` are those after "hvctl"; the last one is the unfinished one (maybe ""), whose place a candidate
 * takes; behind one that ends with '=', '/' or '@' more can be typed. `defaults` tell which daemon to ask.
 */
void complete_words(const struct cli_options *defaults, const char *const *words, size_t count,
	complete_fn add, void *arg, struct complete_files *ret_files);
