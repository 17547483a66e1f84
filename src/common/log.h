/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Diagnostics of the daemon itself, to stderr (journald prefixes when stderr is a journal stream).
 *
 * Purpose: levelled, one line per message. Guest activity goes to the recorder, not here.
 * Threads: any; one write(2) per line.
 * Errors:  none; a line that cannot be written is lost.
 */
#include "common/util.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* The level is process-wide and may be changed at any time. */
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
void log_at(enum log_level level, const char *format, ...) PRINTF(2, 3);

#define log_error(...)   log_at(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_at(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)    log_at(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_at(LOG_LEVEL_DEBUG, __VA_ARGS__)
