/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What is wrong with an image, in one sentence.
 *
 * Purpose: the text that parsers and loaders give beside an errno.
 * Threads: any; pure.
 * Errors:  none.
 */
#include "common/util.h"

enum { BOOT_ERROR_BYTES = 256 };

/* Writes the sentence, cut to BOOT_ERROR_BYTES, and returns `error`. */
int boot_fail(char reterr_text[BOOT_ERROR_BYTES], int error, const char *format, ...) PRINTF(3, 4);
