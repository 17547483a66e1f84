/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Globs over names and over paths, in time linear in the text for each star.
 *
 * In a path glob each segment is a name glob (`*` and `?`), and `**` stands for any number of
 * segments. Matching goes segment by segment with a set of states, so that a tree walk knows at
 * every node whether anything below can still match.
 *
 * Purpose: filters given by clients. (fnmatch and regexec can be made to take exponential time.)
 * Threads: any.
 * Errors:  glob_parse: false when the pattern has too many segments.
 */
#include <stdbool.h>
#include <stdint.h>
#include "common/util.h"

enum { GLOB_MAX_SEGMENTS = 24, GLOB_MAX_BYTES = 256 };

bool glob_name_matches(const char *pattern, const char *text);
/* `patterns` is "staged,message.*": any of them. */
bool glob_list_matches(const char *patterns, const char *text);

struct glob {
	unsigned count;
	const char *segment[GLOB_MAX_SEGMENTS]; /* into `text` */
	char text[GLOB_MAX_BYTES];
};

bool glob_parse(const char *pattern, struct glob *ret_glob) MUST_CHECK;

/* Bit i: the first i segments of the pattern have matched. 0: no path from here can match. */
typedef uint32_t glob_states;

glob_states glob_start(const struct glob *glob);
glob_states glob_step(const struct glob *glob, glob_states states, const char *segment);
/* The path walked so far matches as a whole. */
bool glob_done(const struct glob *glob, glob_states states);
