/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/log-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "cli/endpoint.h"
#include "cli/problem.h"
#include "cli/text.h"
#include "common/cleanup.h"
#include "common/record_history.h"
#include "inspect/log_page.h"

enum { BATCH = 1000 };

static void cleanup_history(struct record_history **history)
{
	record_history_free(*history);
}

/* ---- the file ------------------------------------------------------------ */

static enum cli_exit load(
	const struct cli_options *options, const char *path, struct record_history **ret_history)
{
	CLEANUP(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char why[RECORD_WHY_BYTES];
	int r;

	if (fd < 0 && errno == ENOENT)
		return problem_report(options, CLI_NOT_FOUND, "no_previous_log",
			"hvd --recorder-file says where logs are kept", "%s: there is no log",
			path);
	if (fd < 0)
		return problem_report(options, errno == EACCES ? CLI_DENIED : CLI_INTERNAL,
			"unreadable_log", NULL, "%s: %s", path, strerror(errno));
	r = record_history_load(fd, false, ret_history, why);
	if (r == -EINVAL)
		return problem_report(options, CLI_REFUSED, "bad_log", NULL, "%s: %s", path, why);
	return r < 0 ? problem_report(
			       options, CLI_INTERNAL, "unreadable_log", NULL, "%s: %s", path, why)
		     : CLI_OK;
}

/* ---- which records ------------------------------------------------------- */

static const char *text_of(const struct invocation *invocation, const char *key)
{
	const char *text = invocation_value(invocation, key)->text;

	return text ? text : "";
}

static enum cli_exit read_filter(const struct invocation *invocation,
	const struct cli_options *options, const struct log_source *source,
	struct log_filter *ret_filter)
{
	struct log_filter_text text = {0};
	const struct {
		const char *key;
		char *to;
		size_t size;
	} members[] = {
		{"type", text.type, sizeof(text.type)},
		{"vp", text.vp, sizeof(text.vp)},
		{"sint", text.sint, sizeof(text.sint)},
		{"relid", text.relid, sizeof(text.relid)},
	};
	const char *key, *wrong;

	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		if ((size_t)snprintf(members[i].to, members[i].size, "%s",
			    text_of(invocation, members[i].key)) >= members[i].size)
			return problem_usage(options, NULL, "--%s is too long", members[i].key);
	}
	wrong = log_filter_compile(&text, source->names, ret_filter, &key);
	return wrong ? problem_usage(options, NULL, "--%s is %s", key, wrong) : CLI_OK;
}

static enum cli_exit report(const struct cli_options *options, const struct log_source *source,
	const char *key, enum log_answer answer)
{
	switch (answer) {
	case LOG_OK:
		return CLI_OK;
	case LOG_NO_MOMENT:
		return problem_usage(options, NULL, "--%s is " LOG_MOMENT_FORM, key);
	case LOG_BEYOND:
		return problem_usage(options, NULL, "--%s is beyond the newest record, %llu", key,
			(unsigned long long)source->head);
	case LOG_GONE:
		return problem_report(options, CLI_REFUSED, "history_gone",
			"leave --since away to start at the oldest record",
			"the oldest record is %llu", (unsigned long long)source->oldest);
	}
	return CLI_INTERNAL;
}

static enum cli_exit read_range(const struct invocation *invocation,
	const struct cli_options *options, const struct log_source *source,
	struct log_range *ret_range)
{
	enum cli_exit r = read_filter(invocation, options, source, &ret_range->filter);

	if (r == CLI_OK)
		r = report(options, source, "until",
			log_range_until(source, text_of(invocation, "until"), ret_range));
	if (r == CLI_OK)
		r = report(options, source, "since",
			log_range_since(source, text_of(invocation, "since"), ret_range));
	return r;
}

/* ---- printing ------------------------------------------------------------ */

static json_t *next_items(
	const struct log_source *source, const struct log_range *range, uint64_t *ret_last)
{
	CLEANUP(writer) struct writer w = {0};

	writer_array_begin(&w);
	*ret_last = log_write_range(&w, source, range, BATCH);
	writer_array_end(&w);
	return w.failed ? NULL : json_loadb(w.data, w.used, 0, NULL);
}

static enum cli_exit print_range(
	const struct log_source *source, struct log_range *range, struct event_printer *printer)
{
	uint64_t last = 1;

	while (last > 0 && printer->wanted > 0 && printer->result == CLI_OK) {
		json_auto_t *items = next_items(source, range, &last);

		if (!items)
			return problem_errno(&printer->cli->options, ENOMEM, "log");
		if (!event_printer_take_all(printer, items))
			break;
		range->next = last + 1;
	}
	return printer->result;
}

static enum cli_exit print_history(const struct invocation *invocation,
	const struct record_history *history, struct event_printer *printer)
{
	struct log_source source = log_source_former(history);
	struct log_range range;
	enum cli_exit r = read_range(invocation, &printer->cli->options, &source, &range);

	return r == CLI_OK ? print_range(&source, &range, printer) : r;
}

enum cli_exit log_file_print(
	const struct invocation *invocation, const char *path, struct event_printer *printer)
{
	CLEANUP(history) struct record_history *history = NULL;
	enum cli_exit r = load(&printer->cli->options, path, &history);

	return r == CLI_OK ? print_history(invocation, history, printer) : r;
}

/* An hvd that hangs answers nobody and still writes NAME.log: then NAME.log.1 is the former one. */
enum cli_exit log_file_print_previous(
	const struct invocation *invocation, struct event_printer *printer)
{
	const struct cli_options *options = &printer->cli->options;
	CLEANUP(history) struct record_history *history = NULL;
	CLEANUP(free) char *path = NULL;
	CLEANUP(free) char *aside = NULL;
	enum cli_exit r = endpoint_find_log(options, &path);

	if (r == CLI_OK)
		r = load(options, path, &history);
	if (r != CLI_OK)
		return r;
	if (history->end != RECORD_END_NONE)
		return print_history(invocation, history, printer);
	aside = text_format("%s.1", path);
	return aside ? log_file_print(invocation, aside, printer)
		     : problem_errno(options, ENOMEM, "log");
}
