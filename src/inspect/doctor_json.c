/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inspect/doctor_json.h"

#include "inspect/json.h"

/* ---- writing --------------------------------------------------------------------------------- */

static void write_section(
	struct writer *w, const struct doctor_sample *sample, enum doctor_section_id id)
{
	const struct doctor_section *section = &doctor_sections[id];

	writer_key(w, section->name);
	if (!section->count_offset) {
		json_write_info(w, section->table, doctor_sample_at(sample, id, 0));
		return;
	}
	writer_array_begin(w);
	for (uint32_t i = 0; i < doctor_sample_count(sample, id); i++)
		json_write_info(w, section->table, doctor_sample_at(sample, id, i));
	writer_array_end(w);
}

void doctor_write_sample(struct writer *w, const struct doctor_sample *sample)
{
	writer_object_begin(w);
	for (size_t i = 0; i < doctor_section_count; i++)
		write_section(w, sample, (enum doctor_section_id)i);
	writer_object_end(w);
}

void doctor_write_summary(
	struct writer *w, const struct doctor_limits *limits, const struct doctor_report *report)
{
	writer_key_bool(w, "judged", report->judged);
	writer_key_string(w, "why_not", report->why_not);
	writer_key_uint(w, "interval_ns", report->interval_ns);
	writer_key_uint(w, "stuck_after_ns", limits->stuck_ns);
	writer_key_uint(w, "errors", doctor_report_count(report, DOCTOR_ERROR));
	writer_key_uint(w, "warnings", doctor_report_count(report, DOCTOR_WARN));
	writer_key_uint(w, "infos", doctor_report_count(report, DOCTOR_INFO));
	writer_key_uint(w, "withheld", report->withheld_count);
	writer_key(w, "unjudged");
	writer_array_begin(w);
	for (uint32_t i = 0; i < report->unjudged_count; i++)
		json_write_info(w, &doctor_unjudged_table, &report->unjudged[i]);
	writer_array_end(w);
	writer_key_uint(w, "faults_active", report->faults_active);
	writer_key_bool(w, "truncated", report->truncated);
}

/* ---- reading --------------------------------------------------------------------------------- */

static bool read_list(struct doctor_sample *sample, enum doctor_section_id id, const json_t *array)
{
	const json_t *value;
	size_t i;

	if (!json_is_array(array) || json_array_size(array) > doctor_sections[id].maximum)
		return false;
	json_array_foreach(array, i, value)
	{
		void *object = doctor_sample_add(sample, id);

		if (!object || !json_read_info(doctor_sections[id].table, value, object))
			return false;
	}
	return true;
}

static bool read_section(
	struct doctor_sample *sample, enum doctor_section_id id, const json_t *object)
{
	const struct doctor_section *section = &doctor_sections[id];
	const json_t *value = json_object_get(object, section->name);

	if (section->count_offset)
		return read_list(sample, id, value);
	return json_read_info(section->table, value, doctor_sample_at(sample, id, 0));
}

struct doctor_sample *doctor_read_sample(const json_t *object)
{
	struct doctor_sample *sample = doctor_sample_new();
	bool good = sample != NULL;

	for (size_t i = 0; good && i < doctor_section_count; i++)
		good = read_section(sample, (enum doctor_section_id)i, object);
	return good ? sample : doctor_sample_free(sample);
}
