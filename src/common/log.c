/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 1024 };

static _Atomic int current_level = LOG_LEVEL_INFO;

/* The <N> prefixes are syslog priorities; journald reads them from a service's stderr. */
static const struct {
	const char *name, *prefix;
} levels[] = {
	[LOG_LEVEL_ERROR] = {"error", "<3>"},
	[LOG_LEVEL_WARNING] = {"warning", "<4>"},
	[LOG_LEVEL_INFO] = {"info", "<6>"},
	[LOG_LEVEL_DEBUG] = {"debug", "<7>"},
};

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&current_level, level, memory_order_relaxed);
}

enum log_level log_get_level(void)
{
	return atomic_load_explicit(&current_level, memory_order_relaxed);
}

static bool stderr_is_journal(void)
{
	return getenv("JOURNAL_STREAM") && !isatty(STDERR_FILENO);
}

static void log_line(enum log_level level, const char *format, va_list args)
{
	char line[LINE_MAX_BYTES];
	int used = snprintf(line, sizeof(line),
		"%shvd: %s: ", stderr_is_journal() ? levels[level].prefix : "", levels[level].name);
	int text = vsnprintf(line + used, sizeof(line) - (size_t)used - 1, format, args);
	size_t length;

	if (text < 0)
		return;
	length = MIN((size_t)used + (size_t)text, sizeof(line) - 2);
	line[length++] = '\n';
	if (write(STDERR_FILENO, line, length) < 0)
		return; /* nowhere left to complain */
}

void log_at(enum log_level level, const char *format, ...)
{
	va_list args;

	if (level > log_get_level())
		return;
	va_start(args, format);
	log_line(level, format, args);
	va_end(args);
}
