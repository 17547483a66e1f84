/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Text for people: escaping, human units, colours, spelling hints.
 *
 * Everything that came over the socket may have been chosen by a guest. It reaches a terminal only
 * through text_put(), which leaves no byte in it that a terminal could obey.
 *
 * Purpose: the small pieces that tables, objects, event lines and error messages share.
 * Threads: one.
 * Errors:  functions returning char * give a heap string, or NULL without memory.
 */
#include <jansson.h>
#include <stdio.h>
#include "common/util.h"

/* Writes `text` with control, bidirectional and malformed bytes as \xNN. */
void text_put(FILE *out, const char *text);
/* The same into a heap string. */
char *text_escape(const char *text) MUST_CHECK;
/* The same for a buffer; '\n' and '\t' pass. */
void text_put_block(FILE *out, const char *text, size_t size);
char *text_format(const char *format, ...) PRINTF(1, 2) MUST_CHECK;
/* Closes what open_memstream() opened on `text`, and gives that when all of it is there. */
char *text_finish(FILE *out, char **text) MUST_CHECK;

/* 840 ns, 84 us, 1.2 ms, 3.4 s, 2m13s, 3h12m, 2d4h */
void text_put_duration(FILE *out, uint64_t ns);
/* 512 B, 64 KiB, 1.5 GiB */
void text_put_size(FILE *out, uint64_t bytes);

/*
 * Writes one JSON value the way people read it: units by the suffix of `key`, null as "-",
 * booleans as yes and no, arrays with commas, objects as key=value in braces.
 */
void text_put_value(FILE *out, const char *key, const json_t *value);
/* The text of a member; "" when there is none. Borrowed. */
const char *text_member(const json_t *object, const char *key);
/* text_put_value() into a heap string. */
char *text_value(const char *key, const json_t *value) MUST_CHECK;

/* green, yellow or red for enum values that mean good, attention or bad; NULL for all others. */
const char *text_value_color(const json_t *value);

/* The nearest of `candidates` when it is close enough to be what was meant, otherwise NULL. */
const char *text_did_you_mean(const char *word, const char *const *candidates, size_t count);

/* The SGR sequence of a colour's name, to print in front of coloured text. */
const char *text_color_start(const char *color);
#define TEXT_COLOR_END "\033[0m"
