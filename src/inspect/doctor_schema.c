/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inspect/doctor_schema.h"

#include "inspect/schema.h"

/* What stands in a report beside `items`: name, and the schema. */
static const struct {
	const char *name, *schema;
} summary[] = {
	{"seq", "{\"description\":\"Where to start the log to miss nothing after this report\","
		"\"type\":\"integer\",\"minimum\":0}"},
	{"next", "{\"description\":\"There is one page\",\"type\":\"null\"}"},
	{"judged", "{\"description\":\"False: why_not says why nothing was looked for\","
		   "\"type\":\"boolean\"}"},
	{"why_not", "{\"type\":[\"string\",\"null\"]}"},
	{"interval_ns", "{\"description\":\"Between the two samples\",\"type\":\"integer\","
			"\"minimum\":0}"},
	{"stuck_after_ns", "{\"description\":\"How long something may stand still\","
			   "\"type\":\"integer\",\"minimum\":1}"},
	{"errors", "{\"description\":\"Of all channels\",\"type\":\"integer\",\"minimum\":0}"},
	{"warnings", "{\"description\":\"Of all channels\",\"type\":\"integer\",\"minimum\":0}"},
	{"infos", "{\"description\":\"Of all channels\",\"type\":\"integer\",\"minimum\":0}"},
	{"withheld",
		"{\"description\":\"Findings that are not told, because whoever is to blame got no "
		"processor of the host\",\"type\":\"integer\",\"minimum\":0}"},
	{"faults_active", "{\"description\":\"hvd misbehaves on purpose: see /v1/faults\","
			  "\"type\":\"integer\",\"minimum\":0}"},
	{"truncated", "{\"description\":\"There was more than the report holds\","
		      "\"type\":\"boolean\"}"},
};

static void write_list(struct writer *w, const char *name, const struct field_table *table)
{
	writer_key(w, name);
	writer_object_begin(w);
	writer_key_string(w, "description", table->doc);
	writer_key_string(w, "type", "array");
	writer_key(w, "items");
	schema_write_table(w, table);
	writer_object_end(w);
}

void doctor_write_report_schema(struct writer *w)
{
	writer_key_string(w, "description",
		"What the doctor found: causes and what follows from them, from the processor up");
	writer_key_string(w, "type", "object");
	writer_key(w, "properties");
	writer_object_begin(w);
	write_list(w, "items", &doctor_finding_table);
	write_list(w, "unjudged", &doctor_unjudged_table);
	for (size_t i = 0; i < ARRAY_LEN(summary); i++) {
		writer_key(w, summary[i].name);
		writer_literal(w, summary[i].schema);
	}
	writer_object_end(w);
	writer_key(w, "required");
	writer_array_begin(w);
	writer_string(w, "items");
	writer_string(w, "unjudged");
	for (size_t i = 0; i < ARRAY_LEN(summary); i++)
		writer_string(w, summary[i].name);
	writer_array_end(w);
	writer_key_bool(w, "additionalProperties", false);
}

static void write_sample_schema(struct writer *w)
{
	writer_object_begin(w);
	writer_key_string(w, "type", "object");
	writer_key(w, "properties");
	writer_object_begin(w);
	for (size_t i = 0; i < doctor_section_count; i++) {
		const struct doctor_section *section = &doctor_sections[i];

		if (section->count_offset) {
			write_list(w, section->name, section->table);
		} else {
			writer_key(w, section->name);
			schema_write_table(w, section->table);
		}
	}
	writer_object_end(w);
	writer_key(w, "required");
	writer_array_begin(w);
	for (size_t i = 0; i < doctor_section_count; i++)
		writer_string(w, doctor_sections[i].name);
	writer_array_end(w);
	writer_key_bool(w, "additionalProperties", false);
	writer_object_end(w);
}

void doctor_write_samples_schema(struct writer *w)
{
	writer_key_string(w, "description",
		"Two samples of what the doctor looks at; also the member `doctor` of a snapshot");
	writer_key_string(w, "type", "object");
	writer_key(w, "properties");
	writer_object_begin(w);
	writer_key(w, "samples");
	writer_object_begin(w);
	writer_key_string(w, "description", "The earlier, and the later");
	writer_key_string(w, "type", "array");
	writer_key_uint(w, "minItems", 2);
	writer_key_uint(w, "maxItems", 2);
	writer_key(w, "items");
	write_sample_schema(w);
	writer_object_end(w);
	writer_object_end(w);
	writer_key(w, "required");
	writer_literal(w, "[\"samples\"]");
	writer_key_bool(w, "additionalProperties", false);
}
