/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two samples with anything in them: examined as they are, and once more as a snapshot brings them
 * back. Both must come to the same report.
 *
 * Input: the objects of a sample, field by field; then what is different in the other one.
 */
#include <stdlib.h>
#include "common/clock.h"
#include "doctor/doctor.h"
#include "doctor/model.h"
#include "fuzz.h"
#include "inspect/doctor_json.h"

enum { OBJECTS_MAX = 4, CHANGES_MAX = 24 };

/* ---- samples ----------------------------------------------------------------------------------- */

static uint64_t count_names(const struct field *field)
{
	uint64_t count = 0;

	while (field->names[count])
		count++;
	return count;
}

/* Small numbers mostly; what JSON cannot say is not in a sample of a living machine either. */
static uint64_t take_number(struct fuzz_input *input, const struct field *field)
{
	uint64_t number = fuzz_take(input, 1);

	if (field->type == FIELD_BOOL)
		return number & 1;
	if (number == 0xff && field->flags & FIELD_NULLABLE)
		return UINT64_MAX;
	if (field->type == FIELD_ENUM)
		return number % count_names(field);
	return number >= 0xf0 ? fuzz_take(input, number & 7) & INT64_MAX : number;
}

static void fill_info(struct fuzz_input *input, const struct field_table *table, char *info);

static void fill_field(struct fuzz_input *input, const struct field *field, char *info)
{
	char *at = info + field->offset;
	uint64_t number;

	switch (field->type) {
	case FIELD_OBJECT:
		memset(at, 0, field->size);
		if (field->flags & FIELD_NULLABLE && !(fuzz_take(input, 1) & 1))
			return;
		fill_info(input, field->table, at);
		if (field->flags & FIELD_NULLABLE)
			*(bool *)at = true; /* its `present` */
		return;
	case FIELD_STRING:
		at[0] = (char)(fuzz_take(input, 1) & 0x7f);
		return;
	case FIELD_BOOL:
	case FIELD_UINT:
	case FIELD_HEX:
	case FIELD_ENUM:
		number = take_number(input, field);
		memcpy(at, &number, field->size);
		return;
	case FIELD_INT:
	case FIELD_BYTES:
	case FIELD_TIME:
	case FIELD_ARRAY:
		abort(); /* no sample has such a one */
	}
}

static void fill_info(struct fuzz_input *input, const struct field_table *table, char *info)
{
	for (size_t i = 0; i < table->count; i++)
		fill_field(input, &table->fields[i], info);
}

static void fill_section(
	struct fuzz_input *input, struct doctor_sample *sample, enum doctor_section_id id)
{
	const struct doctor_section *section = &doctor_sections[id];
	uint64_t count = section->count_offset ? fuzz_take(input, 1) % (OBJECTS_MAX + 1) : 0;

	if (!section->count_offset)
		fill_info(input, section->table, doctor_sample_at(sample, id, 0));
	for (uint64_t i = 0; i < count; i++) {
		void *object = doctor_sample_add(sample, id);

		if (!object)
			abort();
		fill_info(input, section->table, object);
	}
}

static struct doctor_sample *make_sample(struct fuzz_input *input)
{
	struct doctor_sample *sample = doctor_sample_new();

	if (!sample)
		abort();
	for (size_t i = 0; i < doctor_section_count; i++)
		fill_section(input, sample, (enum doctor_section_id)i);
	return sample;
}

/* One field of one object moves on. */
static void change(struct fuzz_input *input, struct doctor_sample *sample)
{
	enum doctor_section_id id = (enum doctor_section_id)(
		fuzz_take(input, 1) % doctor_section_count);
	const struct field_table *table = doctor_sections[id].table;
	uint32_t count = doctor_sample_count(sample, id);
	uint32_t index = (uint32_t)fuzz_take(input, 1);
	const struct field *field = &table->fields[fuzz_take(input, 1) % table->count];

	if (count > 0)
		fill_field(input, field, doctor_sample_at(sample, id, index % count));
}

/* ---- reports ----------------------------------------------------------------------------------- */

static struct doctor_sample *read_back(const struct doctor_sample *sample)
{
	struct doctor_sample *copy;
	struct writer w = {0};
	json_t *json;

	doctor_write_sample(&w, sample);
	json = w.failed ? NULL : json_loadb(w.data, w.used, JSON_REJECT_DUPLICATES, NULL);
	if (!json)
		abort();
	copy = doctor_read_sample(json);
	json_decref(json);
	writer_deinit(&w);
	if (!copy)
		abort();
	return copy;
}

static struct doctor_report examine(
	const struct doctor_sample *then, const struct doctor_sample *now)
{
	const struct doctor_limits limits = DOCTOR_LIMITS_DEFAULT;
	struct doctor_report report;

	if (doctor_examine(then, now, &limits, &report) < 0)
		abort();
	return report;
}

static void check_finding(const struct doctor_finding *finding)
{
	bool consequence = finding->role == DOCTOR_CONSEQUENCE;

	if (doctor_rule_find(finding->rule) < 0 || !finding->subject[0] || !finding->diagnosis[0] ||
		finding->evidence_count == 0 || finding->evidence_count > DOCTOR_EVIDENCE_MAX)
		abort();
	if (consequence != (finding->because_rule[0] != '\0'))
		abort();
}

static void check_same(const struct doctor_report *a, const struct doctor_report *b)
{
	if (a->judged != b->judged || a->count != b->count)
		abort();
	for (uint32_t i = 0; i < a->count; i++) {
		check_finding(&a->findings[i]);
		if (memcmp(&a->findings[i], &b->findings[i], sizeof(a->findings[i])) != 0)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size}, again = input;
	struct doctor_sample *then = make_sample(&input), *now = make_sample(&again);
	struct doctor_sample *then_read, *now_read;
	struct doctor_report report, report_read;

	for (unsigned i = 0; i < CHANGES_MAX && fuzz_more(&input); i++)
		change(&input, now);
	/* Else there is nothing to judge. */
	then->machine.running = now->machine.running = true;
	now->machine.mono_ns = then->machine.mono_ns + 2 * NSEC_PER_SEC;
	then_read = read_back(then);
	now_read = read_back(now);
	report = examine(then, now);
	report_read = examine(then_read, now_read);
	check_same(&report, &report_read);
	doctor_report_deinit(&report);
	doctor_report_deinit(&report_read);
	doctor_sample_free(then);
	doctor_sample_free(now);
	doctor_sample_free(then_read);
	doctor_sample_free(now_read);
	return 0;
}
