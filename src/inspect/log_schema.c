/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inspect/log_schema.h"

#include <string.h>
#include "vmm/event.h"

/* ---- arguments -------------------- */

/* `words` is "a|b|c". */
static void write_words(struct writer *w, const char *words)
{
	writer_key(w, "enum");
	writer_array_begin(w);
	for (; words; words = strchr(words, '|')) {
		words += *words == '|';
		writer_string_n(w, words, strcspn(words, "|"));
	}
	writer_array_end(w);
}

/* `kind` is what follows the colon in vmm/event.h. */
static void write_arg_schema(struct writer *w, const char *kind)
{
	writer_object_begin(w);
	if (*kind == 'u' || *kind == 'i')
		writer_key_string(w, "type", "integer");
	else if (*kind == 'b')
		writer_key_string(w, "type", "boolean");
	else
		writer_key_string(w, "type", "string");
	if (*kind == 'x')
		writer_key_string(w, "pattern", "^0x(0|[1-9a-f][0-9a-f]*)$");
	if (*kind == '=')
		write_words(w, kind + 1);
	writer_object_end(w);
}

static bool same_name(const struct record_event *a, const struct record_event *b)
{
	return strcmp(a->name, b->name) == 0;
}

static bool has_field(const struct record_event *desc, const char *name)
{
	for (size_t i = 0; i < RECORD_ARGS; i++) {
		const char *spec = desc->args[i];
		struct record_field field;

		while (record_field_next(&spec, &field)) {
			if (strcmp(field.name, name) == 0)
				return true;
		}
	}
	return false;
}

/* Of the kinds before this one that have its name. */
static bool was_written(const struct record_event *desc, const char *name)
{
	for (const struct record_event *other = hv_event_desc; other < desc; other++) {
		if (same_name(other, desc) && has_field(other, name))
			return true;
	}
	return false;
}

static bool all_have_field(const struct record_event *desc, const char *name)
{
	for (size_t i = 0; i < HV_EVENT_COUNT; i++) {
		if (same_name(&hv_event_desc[i], desc) && !has_field(&hv_event_desc[i], name))
			return false;
	}
	return true;
}

static void write_fields_schema(struct writer *w, const struct record_event *desc)
{
	for (size_t i = 0; i < RECORD_ARGS; i++) {
		const char *spec = desc->args[i];
		struct record_field field;

		while (record_field_next(&spec, &field)) {
			if (was_written(desc, field.name))
				continue;
			writer_key(w, field.name);
			write_arg_schema(w, field.kind);
		}
	}
}

static void write_required_fields(struct writer *w, const struct record_event *desc)
{
	for (size_t i = 0; i < RECORD_ARGS; i++) {
		const char *spec = desc->args[i];
		struct record_field field;

		while (record_field_next(&spec, &field)) {
			if (all_have_field(desc, field.name))
				writer_string(w, field.name);
		}
	}
}

/* What any kind of this name may have; what all of them have is required. */
static void write_args_schema(struct writer *w, const struct record_event *desc)
{
	writer_object_begin(w);
	writer_key_string(w, "type", "object");
	writer_key(w, "properties");
	writer_object_begin(w);
	for (size_t i = 0; i < HV_EVENT_COUNT; i++) {
		if (same_name(&hv_event_desc[i], desc))
			write_fields_schema(w, &hv_event_desc[i]);
	}
	writer_object_end(w);
	writer_key(w, "required");
	writer_array_begin(w);
	write_required_fields(w, desc);
	writer_array_end(w);
	writer_key_bool(w, "additionalProperties", false);
	writer_object_end(w);
}

static void write_const(struct writer *w, const char *key, const char *value)
{
	writer_key(w, key);
	writer_object_begin(w);
	writer_key_string(w, "const", value);
	writer_object_end(w);
}

/* ---- records -------------------- */

#define RECORD_REQUIRED "[\"seq\",\"time\",\"mono_ns\",\"type\",\"vp\",\"vtl\",\"sint\",\"args\"]"

/* What every record has besides its type and its arguments; seq comes first. */
static const struct {
	const char *name, *schema;
} record_members[] = {
	{"seq", "{\"description\":\"Sequence number, 1, 2, 3 ... over all threads\","
		"\"type\":\"integer\",\"minimum\":1}"},
	{"time", "{\"description\":\"When, by the wall clock\",\"type\":\"string\","
		 "\"format\":\"date-time\"}"},
	{"mono_ns", "{\"description\":\"When, on CLOCK_MONOTONIC\",\"type\":\"integer\","
		    "\"minimum\":0}"},
	{"vp", "{\"description\":\"VP index; null: not about a VP\","
	       "\"type\":[\"integer\",\"null\"],\"minimum\":0}"},
	{"vtl", "{\"description\":\"Virtual trust level; null: not about a VP\","
		"\"type\":[\"integer\",\"null\"],\"minimum\":0,\"maximum\":2}"},
	{"sint", "{\"description\":\"SINT; null: not about a SINT\","
		 "\"type\":[\"integer\",\"null\"],\"minimum\":0,\"maximum\":15}"},
};

static void write_event_schema(struct writer *w, const struct record_event *desc)
{
	writer_object_begin(w);
	writer_key_string(w, "description", desc->doc);
	writer_key_string(w, "type", "object");
	writer_key(w, "properties");
	writer_object_begin(w);
	for (size_t i = 0; i < ARRAY_LEN(record_members); i++) {
		writer_key(w, record_members[i].name);
		writer_literal(w, record_members[i].schema);
	}
	write_const(w, "type", desc->name);
	writer_key(w, "args");
	write_args_schema(w, desc);
	writer_object_end(w);
	writer_key(w, "required");
	writer_literal(w, RECORD_REQUIRED);
	writer_key_bool(w, "additionalProperties", false);
	writer_object_end(w);
}

static void write_special_schema(struct writer *w, const char *type, const char *extra,
	const char *extra_schema, const char *doc)
{
	writer_object_begin(w);
	writer_key_string(w, "description", doc);
	writer_key_string(w, "type", "object");
	writer_key(w, "properties");
	writer_object_begin(w);
	write_const(w, "type", type);
	writer_key(w, "seq");
	writer_literal(w, "{\"type\":\"integer\",\"minimum\":0}");
	if (extra) {
		writer_key(w, extra);
		writer_literal(w, extra_schema);
	}
	writer_object_end(w);
	writer_key(w, "required");
	writer_array_begin(w);
	writer_string(w, "type");
	writer_string(w, "seq");
	if (extra)
		writer_string(w, extra);
	writer_array_end(w);
	writer_key_bool(w, "additionalProperties", false);
	writer_object_end(w);
}

/* A kind before it has its name. */
static bool is_repeated(const struct record_event *desc)
{
	for (const struct record_event *other = hv_event_desc; other < desc; other++) {
		if (same_name(other, desc))
			return true;
	}
	return false;
}

static const char run_schema[] =
	"{\"description\":\"After the last record of a former run: whose log it is, and how that "
	"run ended; seq is the last number taken\",\"type\":\"object\",\"properties\":{"
	"\"type\":{\"const\":\"run\"},"
	"\"seq\":{\"type\":\"integer\",\"minimum\":0},"
	"\"ended\":{\"description\":\"killed: without a word, by a signal or a crash; "
	"host_down: and the host has booted since; running: it has not\","
	"\"enum\":[\"orderly\",\"killed\",\"host_down\",\"running\"]},"
	"\"why\":{\"description\":\"When orderly: what ended it\","
	"\"type\":[\"string\",\"null\"]},"
	"\"exit_status\":{\"type\":[\"integer\",\"null\"],\"minimum\":0},"
	"\"started\":{\"type\":\"string\",\"format\":\"date-time\"},"
	"\"last\":{\"description\":\"Its end when orderly, else its last record\","
	"\"type\":\"string\",\"format\":\"date-time\"},"
	"\"vm\":{\"type\":\"string\"},"
	"\"version\":{\"description\":\"Of the hvd that wrote it\",\"type\":\"string\"},"
	"\"pid\":{\"type\":\"integer\",\"minimum\":0},"
	"\"torn\":{\"description\":\"Records left out because they are not whole\","
	"\"type\":\"integer\",\"minimum\":0}},"
	"\"required\":[\"type\",\"seq\",\"ended\",\"why\",\"exit_status\",\"started\",\"last\","
	"\"vm\",\"version\",\"pid\",\"torn\"],\"additionalProperties\":false}";

void log_schema_write_record(struct writer *w)
{
	writer_key(w, "oneOf");
	writer_array_begin(w);
	for (size_t i = 0; i < HV_EVENT_COUNT; i++) {
		if (!is_repeated(&hv_event_desc[i]))
			write_event_schema(w, &hv_event_desc[i]);
	}
	write_special_schema(w, "gap", "lost", "{\"type\":\"integer\",\"minimum\":1}",
		"Records up to seq were overwritten before this reader came to them");
	write_special_schema(w, "heartbeat", NULL, NULL, "Nothing new; the stream is alive");
	write_special_schema(w, "end", "reason", "{\"enum\":[\"limit\",\"stopping\"]}",
		"The stream is over; seq is the last record looked at");
	writer_literal(w, run_schema);
	writer_array_end(w);
}

/* ---- what hvctl adds -------------------- */

/*
 * Records of KVM's own events stand among ours in hvctl's output and nowhere else. They have their
 * schema here because this is where whoever reads that output looks.
 */
static void write_kernel_event(struct writer *w)
{
	writer_object_begin(w);
	writer_key_string(w, "description", "A trace event kvm:kvm_hv_NAME of the running kernel");
	writer_key_string(w, "type", "object");
	writer_key(w, "properties");
	writer_object_begin(w);
	writer_key(w, "seq");
	writer_literal(w, "{\"description\":\"Not a record of hvd\",\"type\":\"null\"}");
	for (size_t i = 1; i < ARRAY_LEN(record_members); i++) {
		writer_key(w, record_members[i].name);
		writer_literal(w, record_members[i].schema);
	}
	writer_key(w, "type");
	writer_literal(w, "{\"description\":\"kvm.NAME\",\"type\":\"string\","
			  "\"pattern\":\"^kvm[.][a-z0-9_]+$\"}");
	writer_key(w, "args");
	writer_literal(w, "{\"description\":\"What else the kernel prints of it, hexadecimal where "
			  "it does, and beyond 2^63-1\",\"type\":\"object\","
			  "\"additionalProperties\":{\"type\":[\"integer\",\"boolean\","
			  "\"string\"]}}");
	writer_object_end(w);
	writer_key(w, "required");
	writer_literal(w, RECORD_REQUIRED);
	writer_key_bool(w, "additionalProperties", false);
	writer_object_end(w);
}

static void write_kernel_gap(struct writer *w)
{
	writer_literal(w, "{\"description\":\"The kernel overwrote events before hvctl read them\","
			  "\"type\":\"object\",\"properties\":{\"type\":{\"const\":\"gap\"},"
			  "\"seq\":{\"type\":\"null\"},"
			  "\"lost\":{\"description\":\"How many; null: not counted\","
			  "\"type\":[\"integer\",\"null\"],\"minimum\":1},"
			  "\"source\":{\"const\":\"kernel\"}},"
			  "\"required\":[\"type\",\"seq\",\"lost\",\"source\"],"
			  "\"additionalProperties\":false}");
}

void log_schema_write_kernel(struct writer *w)
{
	writer_key(w, "oneOf");
	writer_array_begin(w);
	write_kernel_event(w);
	write_kernel_gap(w);
	writer_array_end(w);
}
