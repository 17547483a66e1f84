/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "common/clock.h"

enum { LINES_PER_WINDOW = 10, LINE_MAX_BYTES = 1024 };

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

const char *log_level_name(enum log_level level)
{
	return levels[level].name;
}

int log_level_parse(const char *text, enum log_level *ret_level)
{
	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		if (strcmp(text, levels[i].name) == 0) {
			*ret_level = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
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

void log_limited(struct log_limit *limit, enum log_level level, const char *format, ...)
{
	uint64_t now = clock_now_ns(&clock_monotonic);
	uint64_t start = __atomic_load_n(&limit->window_start_ns, __ATOMIC_RELAXED);
	va_list args;

	if (level > log_get_level())
		return;
	if (now - start >= NSEC_PER_SEC) {
		__atomic_store_n(&limit->window_start_ns, now, __ATOMIC_RELAXED);
		__atomic_store_n(&limit->count, 0, __ATOMIC_RELAXED);
	}
	if (__atomic_fetch_add(&limit->count, 1, __ATOMIC_RELAXED) >= LINES_PER_WINDOW)
		return;
	va_start(args, format);
	log_line(level, format, args);
	va_end(args);
}
