/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Strict parsing of what people and guests' command lines write.
 *
 * Purpose: whole-string parsers: no trailing characters, no sign where none belongs, no overflow.
 * Threads: any.
 * Errors:  -EINVAL not of the form, -ERANGE outside [minimum, maximum]. Outputs only on success.
 */
#include <stdint.h>
#include <sys/types.h>
#include "common/util.h"

/* Decimal, or hexadecimal with 0x. */
int parse_u64(const char *text, uint64_t minimum, uint64_t maximum, uint64_t *ret_value) MUST_CHECK;
/* Bytes with an optional K, M, G or KiB, MiB, GiB suffix (powers of 1024). */
int parse_size(const char *text, uint64_t *ret_bytes) MUST_CHECK;
/* "500ms", "5s", "2m", "1h", "10us", "100ns"; a bare number is seconds. */
int parse_duration(const char *text, uint64_t *ret_ns) MUST_CHECK;
/* "3" or "0,2,0x10": 1 to `capacity` numbers up to `maximum`. -ENOSPC: more of them. */
int parse_u64_list(const char *text, uint64_t maximum, uint64_t *values, size_t capacity,
	size_t *ret_count) MUST_CHECK;
/* RFC 3339: "2026-11-21T15:53:15.25Z", "...+01:00"; nanoseconds since 1970. -ERANGE: before 1970. */
int parse_time(const char *text, uint64_t *ret_realtime_ns) MUST_CHECK;
/* The value of a digit in bases up to 16, or 16 when `c` is none. Knows no locale. */
unsigned parse_digit(char c);
/* Hex digits, blanks, ':' and ',' between bytes allowed, at most `capacity` bytes. -ENOSPC beyond. */
int parse_hex_bytes(const char *text, uint8_t *bytes, size_t capacity, size_t *ret_count) MUST_CHECK;
