/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inspect/log_text.h"

#include <stdio.h>
#include <string.h>
#include "common/clock.h"

static void write_status(struct writer *w, uint64_t value)
{
	int64_t status = (int64_t)value;
	const char *name = status < 0 && status > -4096 ? strerrorname_np((int)-status) : NULL;

	if (status == 0)
		writer_string(w, "ok");
	else if (name)
		writer_string(w, name);
	else
		writer_hex(w, value);
}

static void write_msr(struct writer *w, const struct record_names *names, uint64_t index)
{
	const char *name = names->msr_name(names, index);

	if (name)
		writer_string(w, name);
	else
		writer_hex(w, index);
}

/* `words` is "a|b|c". A value without a word is shown as it is. */
static void write_word(struct writer *w, const char *words, uint64_t value)
{
	for (; value > 0 && words; value--) {
		words = strchr(words, '|');
		words = words ? words + 1 : NULL;
	}
	if (words)
		writer_string_n(w, words, strcspn(words, "|"));
	else
		writer_hex(w, value);
}

/* `kind` is what follows the colon in vmm/event.h. */
static void write_arg_value(
	struct writer *w, const struct record_names *names, const char *kind, uint64_t value)
{
	switch (*kind) {
	case 'x':
		writer_hex(w, value);
		break;
	case 'i':
		writer_int(w, (int64_t)value);
		break;
	case 'b':
		writer_bool(w, value);
		break;
	case 's':
		writer_string(w, names->status_name(names, value));
		break;
	case 'e':
		write_status(w, value);
		break;
	case 'm':
		write_msr(w, names, value);
		break;
	case '=':
		write_word(w, kind + 1, value);
		break;
	default:
		writer_uint(w, value);
	}
}

static void write_arg(
	struct writer *w, const struct record_names *names, const char *spec, uint64_t value)
{
	struct record_field field;

	while (record_field_next(&spec, &field)) {
		writer_key(w, field.name);
		write_arg_value(w, names, field.kind, record_field_value(&field, value));
	}
}

static void write_args(
	struct writer *w, const struct record_names *names, const struct record *record)
{
	const struct record_event *event = record_event_find(names, record->type);

	writer_key(w, "args");
	writer_object_begin(w);
	for (size_t i = 0; event && i < RECORD_ARGS; i++) {
		if (event->args[i])
			write_arg(w, names, event->args[i], record->arg[i]);
	}
	writer_object_end(w);
}

static void write_about(struct writer *w, const char *key, bool known, uint64_t value)
{
	writer_key(w, key);
	if (known)
		writer_uint(w, value);
	else
		writer_null(w);
}

void log_write_record(struct writer *w, const struct record_names *names,
	const struct record *record, uint64_t realtime_offset_ns)
{
	const struct record_event *event = record_event_find(names, record->type);

	writer_object_begin(w);
	writer_key_uint(w, "seq", record->seq);
	writer_key(w, "time");
	writer_time(w, record->mono_ns + realtime_offset_ns);
	writer_key_uint(w, "mono_ns", record->mono_ns);
	writer_key_string(w, "type", event ? event->name : "unknown");
	write_about(w, "vp", record->vp != RECORD_NO_VP, record->vp);
	write_about(w, "vtl", record->vp != RECORD_NO_VP, record->vtl);
	write_about(w, "sint", record->sint != RECORD_NO_SINT, record->sint);
	write_args(w, names, record);
	writer_object_end(w);
}

uint64_t log_realtime_offset(void)
{
	return clock_realtime_ns() - clock_now_ns(&clock_monotonic);
}

static void begin_special(struct writer *w, const char *type, uint64_t seq)
{
	writer_object_begin(w);
	writer_key_string(w, "type", type);
	writer_key_uint(w, "seq", seq);
}

void log_write_gap(struct writer *w, uint64_t seq, uint64_t lost)
{
	begin_special(w, "gap", seq);
	writer_key_uint(w, "lost", lost);
	writer_object_end(w);
}

void log_write_heartbeat(struct writer *w, uint64_t seq)
{
	begin_special(w, "heartbeat", seq);
	writer_object_end(w);
}

void log_write_end(struct writer *w, uint64_t seq, const char *reason)
{
	begin_special(w, "end", seq);
	writer_key_string(w, "reason", reason);
	writer_object_end(w);
}

static const char *end_word(enum record_end end)
{
	switch (end) {
	case RECORD_END_ORDERLY:
		return "orderly";
	case RECORD_END_KILLED:
		return "killed";
	case RECORD_END_HOST_DOWN:
		return "host_down";
	case RECORD_END_NONE:
		return "running";
	}
	return "unknown";
}

void log_write_run(struct writer *w, const struct record_history *history)
{
	bool orderly = history->end == RECORD_END_ORDERLY;

	begin_special(w, "run", history->taken);
	writer_key_string(w, "ended", end_word(history->end));
	writer_key_string(w, "why", orderly ? history->why : NULL);
	write_about(w, "exit_status", orderly, history->exit_status);
	writer_key(w, "started");
	writer_time(w, history->start_realtime_ns);
	writer_key(w, "last");
	writer_time(w, history->end_mono_ns + history->realtime_offset_ns);
	writer_key_string(w, "vm", history->vm);
	writer_key_string(w, "version", history->hvd_version);
	writer_key_uint(w, "pid", history->pid);
	writer_key_uint(w, "torn", history->torn);
	writer_object_end(w);
}
