/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * UTF-16LE as guests write it, and UTF-8.
 *
 * iconv() has UTF-16 in a module that it loads from the file system when it is asked, which is not
 * there in a small image nor in reach of a sandboxed hvd; the functions of <uchar.h> depend on the
 * locale.
 *
 * Purpose: bounded conversion of text that somebody else wrote.
 * Threads: any.
 * Errors:  -EILSEQ half a character, or none; -EINVAL no final 0; -ENOSPC it does not fit.
 *          Outputs only on success.
 */
#include <stddef.h>
#include <stdint.h>
#include "common/util.h"

/*
 * The text at `from` up to its first 0, which must stand within `size` bytes. `capacity` counts the
 * final NUL; three bytes per unit always suffice.
 */
int utf16_to_utf8(const uint8_t *from, size_t size, char *ret_text, size_t capacity) MUST_CHECK;
/* The text with a final 0; `ret_size` counts that, and may be NULL. Any alignment. */
int utf16_from_utf8(
	const char *text, uint8_t *ret_to, size_t capacity, size_t *ret_size) MUST_CHECK;
