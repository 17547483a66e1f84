/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inspect/schema.h"

#include <stdio.h>
#include "common/cleanup.h"
#include "inspect/actions.h"
#include "inspect/doctor_schema.h"
#include "inspect/log_schema.h"
#include "inspect/openapi.h"
#include "inspect/problem.h"
#include "inspect/rest.h"
#include "inspect/server.h"

#define DIALECT "https://json-schema.org/draft/2020-12/schema"

/* ---- field tables --------------------------------------------------------------------------- */

static void write_type(struct writer *w, const char *type, bool nullable)
{
	writer_key(w, "type");
	if (!nullable) {
		writer_string(w, type);
		return;
	}
	writer_array_begin(w);
	writer_string(w, type);
	writer_string(w, "null");
	writer_array_end(w);
}

static void write_names(struct writer *w, const char *const *names, bool nullable)
{
	writer_key(w, "enum");
	writer_array_begin(w);
	for (; *names; names++)
		writer_string(w, *names);
	if (nullable)
		writer_null(w);
	writer_array_end(w);
}

static uint64_t largest(const struct field *field)
{
	uint64_t of_size = field->size >= 8 ? INT64_MAX : BIT64(field->size * 8) - 1;

	return field->maximum ? MIN(field->maximum, of_size) : of_size;
}

static void write_items(struct writer *w, const struct field *field)
{
	writer_key_uint(w, "maxItems", field->capacity);
	writer_key(w, "items");
	if (field->table) {
		schema_write_table(w, field->table);
		return;
	}
	writer_object_begin(w);
	writer_key_string(w, "type", "integer");
	writer_key_uint(w, "minimum", 0);
	writer_object_end(w);
}

static void write_members(
	struct writer *w, const struct field_table *table, const char *doc, bool nullable);

/* The keywords of one field, into an object that is open. */
static void write_field(struct writer *w, const struct field *field)
{
	bool nullable = field->flags & FIELD_NULLABLE;

	if (field->type == FIELD_OBJECT) {
		write_members(w, field->table, field->doc, nullable);
		return;
	}
	writer_key_string(w, "description", field->doc);
	if (field->flags & FIELD_WRITABLE)
		writer_key_bool(w, "x-writable", true);
	switch (field->type) {
	case FIELD_BOOL:
		write_type(w, "boolean", nullable);
		break;
	case FIELD_UINT:
		write_type(w, "integer", nullable);
		writer_key_uint(w, "minimum", 0);
		writer_key_uint(w, "maximum", largest(field));
		break;
	case FIELD_INT:
		write_type(w, "integer", nullable);
		break;
	case FIELD_HEX:
		write_type(w, "string", nullable);
		writer_key_string(w, "pattern", "^0x(0|[1-9a-f][0-9a-f]*)$");
		break;
	case FIELD_ENUM:
		write_type(w, "string", nullable);
		write_names(w, field->names, nullable);
		break;
	case FIELD_STRING:
		write_type(w, "string", nullable);
		break;
	case FIELD_BYTES:
		write_type(w, "string", nullable);
		writer_key_string(w, "pattern", "^([0-9a-f]{2})*$");
		break;
	case FIELD_TIME:
		write_type(w, "string", nullable);
		writer_key_string(w, "format", "date-time");
		break;
	case FIELD_ARRAY:
		write_type(w, "array", nullable);
		write_items(w, field);
		break;
	case FIELD_OBJECT:
		break; /* above */
	}
}

static void write_members(
	struct writer *w, const struct field_table *table, const char *doc, bool nullable)
{
	writer_key_string(w, "description", doc);
	write_type(w, "object", nullable);
	writer_key(w, "properties");
	writer_object_begin(w);
	for (size_t i = 0; i < table->count; i++) {
		writer_key(w, table->fields[i].name);
		writer_object_begin(w);
		write_field(w, &table->fields[i]);
		writer_object_end(w);
	}
	writer_object_end(w);
	writer_key(w, "required");
	writer_array_begin(w);
	for (size_t i = 0; i < table->count; i++)
		writer_string(w, table->fields[i].name);
	writer_array_end(w);
	writer_key_bool(w, "additionalProperties", false);
}

void schema_write_table(struct writer *w, const struct field_table *table)
{
	writer_object_begin(w);
	write_members(w, table, table->doc, false);
	writer_object_end(w);
}

/* ---- whole schemas -------------------------------------------------------------------------- */

struct generator {
	struct inspect *inspect;
	schema_emit_fn emit;
	void *arg;
};

static void begin_schema(struct writer *w, const char *name)
{
	char id[128];

	snprintf(id, sizeof(id), "/v1/schemas/%s", name);
	writer_object_begin(w);
	writer_key_string(w, "$schema", DIALECT);
	writer_key_string(w, "$id", id);
	writer_key_string(w, "title", name);
}

static int end_schema(struct generator *generator, const char *name, struct writer *w)
{
	writer_object_end(w);
	return generator->emit(generator->arg, name, w);
}

static int emit_table(struct generator *generator, const struct field_table *table)
{
	CLEANUP(writer) struct writer w = {0};

	begin_schema(&w, table->name);
	write_members(&w, table, table->doc, false);
	return end_schema(generator, table->name, &w);
}

static const char page_errors[] =
	"{\"description\":\"VPs whose items are left out: they had to be asked and did not answer\","
	"\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{"
	"\"vp\":{\"type\":\"integer\",\"minimum\":0},"
	"\"error\":{\"enum\":[\"gone\",\"timeout\",\"unavailable\"]}},"
	"\"required\":[\"vp\",\"error\"],\"additionalProperties\":false}}";

/* The page around items; `item` writes the schema of one. VPs may fail to answer (`errors`). */
static int emit_page(struct generator *generator, const char *name, const char *doc, bool errors,
	void (*item)(struct writer *w, const void *arg), const void *arg)
{
	CLEANUP(writer) struct writer w = {0};

	begin_schema(&w, name);
	writer_key_string(&w, "description", doc);
	writer_key_string(&w, "type", "object");
	writer_key(&w, "properties");
	writer_object_begin(&w);
	writer_key(&w, "items");
	writer_object_begin(&w);
	writer_key_string(&w, "type", "array");
	writer_key(&w, "items");
	item(&w, arg);
	writer_object_end(&w);
	if (errors) {
		writer_key(&w, "errors");
		writer_literal(&w, page_errors);
	}
	writer_key(&w, "seq");
	writer_literal(&w,
		"{\"description\":\"Where to start the log to miss nothing after this list\","
		"\"type\":\"integer\",\"minimum\":0}");
	writer_key(&w, "next");
	writer_literal(&w, "{\"description\":\"Cursor of the next page; null: this is the last\","
			   "\"type\":[\"string\",\"null\"]}");
	writer_object_end(&w);
	writer_key(&w, "required");
	writer_literal(&w, errors ? "[\"items\",\"errors\",\"seq\",\"next\"]"
				  : "[\"items\",\"seq\",\"next\"]");
	writer_key_bool(&w, "additionalProperties", false);
	return end_schema(generator, name, &w);
}

static void write_table_item(struct writer *w, const void *table)
{
	schema_write_table(w, table);
}

static int emit_class(struct generator *generator, const struct resource *resource)
{
	const struct field_table *table = resource->class->fields;
	int r = emit_table(generator, table);

	if (r == 0 && (resource->list_path[0] || resource->class->flat_path))
		r = emit_page(generator, resource->list_schema, table->doc,
			resource->class->on_vcpu, write_table_item, table);
	return r;
}

/* ---- requests ------------------------------------------------------------------------------- */

static int emit_params(struct generator *generator, const struct param_table *table)
{
	CLEANUP(writer) struct writer w = {0};

	begin_schema(&w, table->name);
	writer_key_string(&w, "description", table->doc);
	writer_key_string(&w, "type", "object");
	writer_key(&w, "properties");
	writer_object_begin(&w);
	for (size_t i = 0; i < table->count; i++) {
		writer_key(&w, table->params[i].name);
		writer_object_begin(&w);
		param_write_schema(&w, &table->params[i]);
		writer_object_end(&w);
	}
	writer_object_end(&w);
	writer_key(&w, "required");
	writer_array_begin(&w);
	for (size_t i = 0; i < table->count; i++) {
		if (table->params[i].required)
			writer_string(&w, table->params[i].name);
	}
	writer_array_end(&w);
	writer_key_bool(&w, "additionalProperties", false);
	return end_schema(generator, table->name, &w);
}

static int emit_requests(struct generator *generator)
{
	for (const struct bound_route *at = generator->inspect->bound; at; at = at->next) {
		int r = 0;

		if (at->route.body && at->route.body->name)
			r = emit_params(generator, at->route.body);
		if (r != 0)
			return r;
	}
	return 0;
}

/* ---- log records ---------------------------------------------------------------------------- */

static void write_log_item(struct writer *w, const void *arg)
{
	writer_object_begin(w);
	log_schema_write_record(w);
	writer_object_end(w);
}

static int emit_log(struct generator *generator)
{
	CLEANUP(writer) struct writer w = {0};
	int r;

	begin_schema(&w, "log-record");
	writer_key_string(&w, "description",
		"One line of a log stream; hvctl watch --kernel adds what kernel-record describes");
	log_schema_write_record(&w);
	r = end_schema(generator, "log-record", &w);
	return r != 0 ? r
		      : emit_page(generator, "log-page", "A page of the log", false, write_log_item,
				NULL);
}

/* ---- the doctor ------------------------------------------------------------------------------ */

static int emit_doctor(struct generator *generator)
{
	CLEANUP(writer) struct writer report = {0};
	CLEANUP(writer) struct writer samples = {0};
	int r = emit_table(generator, &doctor_finding_table);

	if (r != 0)
		return r;
	begin_schema(&report, "doctor-report");
	doctor_write_report_schema(&report);
	r = end_schema(generator, "doctor-report", &report);
	if (r != 0)
		return r;
	begin_schema(&samples, "doctor-samples");
	doctor_write_samples_schema(&samples);
	return end_schema(generator, "doctor-samples", &samples);
}

static int emit_kernel_record(struct generator *generator)
{
	CLEANUP(writer) struct writer w = {0};

	begin_schema(&w, "kernel-record");
	writer_key_string(&w, "description",
		"What hvctl watch --kernel prints between log records: made by hvctl from tracefs, in "
		"no reply of this API");
	log_schema_write_kernel(&w);
	return end_schema(generator, "kernel-record", &w);
}

/* ---- the rest ------------------------------------------------------------------------------- */

static int emit_problem(struct generator *generator)
{
	CLEANUP(writer) struct writer w = {0};

	begin_schema(&w, "problem");
	writer_key_string(&w, "description", "What went wrong (RFC 9457)");
	writer_key_string(&w, "type", "object");
	writer_key(&w, "properties");
	writer_object_begin(&w);
	writer_key(&w, "type");
	writer_literal(&w, "{\"type\":\"string\",\"pattern\":\"^urn:hvd:problem:[a-z_]+$\"}");
	writer_key(&w, "title");
	writer_literal(&w, "{\"type\":\"string\"}");
	writer_key(&w, "status");
	writer_literal(&w, "{\"type\":\"integer\",\"minimum\":400,\"maximum\":599}");
	writer_key(&w, "detail");
	writer_literal(&w, "{\"type\":\"string\"}");
	writer_key(&w, "code");
	writer_object_begin(&w);
	writer_key(&w, "enum");
	writer_array_begin(&w);
	for (size_t i = 0; i < PROBLEM_COUNT; i++)
		writer_string(&w, problem_desc[i].code);
	writer_array_end(&w);
	writer_object_end(&w);
	writer_key(&w, "hint");
	writer_literal(&w, "{\"type\":[\"string\",\"null\"]}");
	writer_key(&w, "errors");
	writer_literal(&w,
		"{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{"
		"\"pointer\":{\"description\":\"JSON pointer into the body, or ?name\","
		"\"type\":\"string\"},\"detail\":{\"type\":\"string\"}},"
		"\"required\":[\"pointer\",\"detail\"],\"additionalProperties\":false}}");
	writer_object_end(&w);
	writer_key(&w, "required");
	writer_literal(
		&w, "[\"type\",\"title\",\"status\",\"detail\",\"code\",\"hint\",\"errors\"]");
	writer_key_bool(&w, "additionalProperties", false);
	return end_schema(generator, "problem", &w);
}

/* Replies that no table describes. Each is the inside of a schema object. */
static const struct {
	const char *name, *keywords;
} small_schemas[] = {
	{"health", "\"type\":\"object\",\"properties\":{\"status\":{\"enum\":[\"ok\",\"ready\"]}},"
		   "\"required\":[\"status\"],\"additionalProperties\":false"},
	{"api", "\"type\":\"object\",\"properties\":{\"name\":{\"const\":\"hvd\"},"
		"\"version\":{\"type\":\"string\"},\"api\":{\"const\":\"v1\"},"
		"\"seq\":{\"type\":\"integer\",\"minimum\":0},"
		"\"links\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}}},"
		"\"required\":[\"name\",\"version\",\"api\",\"seq\",\"links\"],"
		"\"additionalProperties\":false"},
	{"schemas", "\"type\":\"object\",\"properties\":{\"items\":{\"type\":\"array\","
		    "\"items\":{\"type\":\"string\"}}},\"required\":[\"items\"],"
		    "\"additionalProperties\":false"},
	{"tree",
		"\"description\":\"A node with the nodes below it; what could not be read has $error, "
		"what is below the depth asked for has $more. A leaf is {value: ...}\","
		"\"type\":\"object\",\"properties\":{\"$error\":{\"enum\":[\"gone\",\"timeout\","
		"\"truncated\",\"unavailable\"]},\"$more\":{\"const\":true}}"},
	{"snapshot",
		"\"description\":\"What hvctl snapshot writes and --from reads: replies of this API "
		"as they were answered, null where one could not be had\",\"type\":\"object\","
		"\"properties\":{\"snapshot\":{\"description\":\"Version of this layout\","
		"\"const\":1},\"taken\":{\"type\":\"string\",\"format\":\"date-time\"},"
		"\"hvctl_version\":{\"type\":\"string\"},"
		"\"redacted\":{\"description\":\"Bytes of messages and packets are null\","
		"\"type\":\"boolean\"},"
		"\"complete\":{\"description\":\"Nothing is left out\",\"type\":\"boolean\"},"
		"\"errors\":{\"description\":\"What is left out, and why\",\"type\":\"array\","
		"\"items\":{\"type\":\"object\",\"properties\":{\"part\":{\"type\":\"string\"},"
		"\"error\":{\"enum\":[\"timeout\",\"not_found\",\"not_permitted\","
		"\"connection_lost\",\"gone\",\"truncated\",\"unavailable\"]}},\"required\":[\"part\",\"error\"],"
		"\"additionalProperties\":false}},"
		"\"api\":{\"description\":\"GET /v1\",\"type\":\"object\"},"
		"\"tree\":{\"description\":\"GET /v1/tree, with the packets in the rings\","
		"\"type\":[\"object\",\"null\"]},"
		"\"doctor\":{\"description\":\"GET /v1/doctor/samples\","
		"\"type\":[\"object\",\"null\"]},"
		"\"log\":{\"description\":\"GET /v1/log, the pages since a while ago as one\","
		"\"type\":\"object\"}},"
		"\"required\":[\"snapshot\",\"taken\",\"hvctl_version\",\"redacted\",\"complete\","
		"\"errors\",\"api\",\"tree\",\"doctor\",\"log\"],"
		"\"additionalProperties\":false"},
	{"leaf", "\"description\":\"The value of one leaf of the tree\",\"type\":\"object\","
		 "\"properties\":{\"value\":{}},\"required\":[\"value\"],"
		 "\"additionalProperties\":false"},
};

static int emit_small(struct generator *generator)
{
	for (size_t i = 0; i < ARRAY_LEN(small_schemas); i++) {
		CLEANUP(writer) struct writer w = {0};
		int r;

		begin_schema(&w, small_schemas[i].name);
		writer_literal(&w, small_schemas[i].keywords);
		r = end_schema(generator, small_schemas[i].name, &w);
		if (r != 0)
			return r;
	}
	return 0;
}

static int emit_openapi(struct generator *generator)
{
	CLEANUP(writer) struct writer w = {0};

	openapi_write(&w, generator->inspect);
	return generator->emit(generator->arg, "openapi", &w);
}

int schema_generate(struct inspect *inspect, schema_emit_fn emit, void *arg)
{
	struct generator generator = {.inspect = inspect, .emit = emit, .arg = arg};
	int r = 0;

	for (unsigned i = 0; i < inspect->registry.count && r == 0; i++)
		r = emit_class(&generator, inspect->registry.resource[i]);
	for (size_t i = 0; i < action_reply_table_count && r == 0; i++)
		r = emit_table(&generator, action_reply_tables[i]);
	if (r == 0)
		r = emit_requests(&generator);
	if (r == 0)
		r = emit_log(&generator);
	if (r == 0)
		r = emit_doctor(&generator);
	if (r == 0)
		r = emit_kernel_record(&generator);
	if (r == 0)
		r = emit_problem(&generator);
	if (r == 0)
		r = emit_small(&generator);
	return r != 0 ? r : emit_openapi(&generator);
}
