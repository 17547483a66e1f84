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

/*
 * `words` are those after "hvctl"; the last one is the unfinished one (maybe ""). `defaults` tell
 * which daemon to ask. Sets `ret_files` when file names belong there.
 */
void complete_words(const struct cli_options *defaults, const char *const *words, size_t count,
	complete_fn add, void *arg, bool *ret_files);
