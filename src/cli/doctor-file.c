/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/doctor-file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/problem.h"
#include "cli/text.h"
#include "common/cleanup.h"
#include "doctor/doctor.h"
#include "inspect/doctor_json.h"
#include "inspect/json.h"

struct samples {
	struct doctor_sample *then, *now; /* own */
};

static void cleanup_samples(struct samples *samples)
{
	doctor_sample_free(samples->then);
	doctor_sample_free(samples->now);
}

static void cleanup_report(struct doctor_report *report)
{
	doctor_report_deinit(report);
}

/* ---- reading --------------------------------------------------------------------------------- */

static bool read_samples(const json_t *snapshot, struct samples *ret_samples)
{
	const json_t *list = json_object_get(json_object_get(snapshot, "doctor"), "samples");

	if (json_array_size(list) != 2)
		return false;
	ret_samples->then = doctor_read_sample(json_array_get(list, 0));
	ret_samples->now = doctor_read_sample(json_array_get(list, 1));
	return ret_samples->then && ret_samples->now;
}

/* ---- the report ------------------------------------------------------------------------------ */

static bool is_wanted(const struct invocation *invocation, uint32_t relid)
{
	if (invocation->rest_count == 0 || relid == 0)
		return true;
	for (size_t i = 0; i < invocation->rest_count; i++) {
		if (strtoul(invocation->rest[i], NULL, 0) == relid)
			return true;
	}
	return false;
}

static json_t *report_json(const struct invocation *invocation, const struct doctor_limits *limits,
	const struct doctor_report *report)
{
	CLEANUP(writer) struct writer w = {0};

	writer_object_begin(&w);
	writer_key(&w, "items");
	writer_array_begin(&w);
	for (uint32_t i = 0; i < report->count; i++) {
		if (is_wanted(invocation, report->findings[i].relid))
			json_write_info(&w, &doctor_finding_table, &report->findings[i]);
	}
	writer_array_end(&w);
	writer_key(&w, "seq");
	writer_null(&w);
	writer_key(&w, "next");
	writer_null(&w);
	doctor_write_summary(&w, limits, report);
	writer_object_end(&w);
	return w.failed ? NULL : json_loadb(w.data, w.used, 0, NULL);
}

/* As the daemon would have read them. */
static struct doctor_limits limits_of(const struct invocation *invocation)
{
	const struct value *stuck = invocation_value(invocation, "stuck_after");
	struct doctor_limits limits = doctor_limits_for(stuck->text ? stuck->number : NSEC_PER_SEC);
	const struct {
		const char *key;
		uint64_t *limit_ns;
	} others[] = {
		{"event_after", &limits.event_ns},
		{"answer_after", &limits.answer_ns},
		{"offers_after", &limits.offers_ns},
		{"driver_after", &limits.driver_ns},
		{"shutdown_after", &limits.shutdown_ns},
	};

	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		if (invocation_given(invocation, others[i].key))
			*others[i].limit_ns = invocation_value(invocation, others[i].key)->number;
	}
	return limits;
}

/* The daemon left them away, and the snapshot says why; or there are none; or none of ours. */
static enum cli_exit report_no_samples(struct cli *cli)
{
	const json_t *samples = json_object_get(
		json_object_get(cli->snapshot, "doctor"), "samples");
	const json_t *errors = json_object_get(cli->snapshot, "errors");

	for (size_t i = 0; i < json_array_size(errors); i++) {
		const json_t *error = json_array_get(errors, i);

		if (strcmp(text_member(error, "part"), "/v1/doctor/samples") == 0)
			return problem_usage(&cli->options, "hvctl snapshot FILE --timeout 30s",
				"the snapshot was made without samples of the doctor: %s",
				text_member(error, "error"));
	}
	if (json_array_size(samples) > 0)
		return problem_usage(&cli->options, "use the hvctl that belongs to that hvd",
			"the samples of the doctor in the snapshot are not as this hvctl knows "
			"them: another version of hvd took them");
	return problem_usage(&cli->options, "\"hvctl snapshot FILE\" takes them",
		"the snapshot holds no samples of the doctor");
}

enum cli_exit doctor_file_report(
	struct cli *cli, const struct invocation *invocation, json_t **ret_report)
{
	const struct doctor_limits limits = limits_of(invocation);
	CLEANUP(samples) struct samples samples = {0};
	CLEANUP(report) struct doctor_report report = {0};

	if (!read_samples(cli->snapshot, &samples))
		return report_no_samples(cli);
	if (doctor_examine(samples.then, samples.now, &limits, &report) < 0)
		return problem_errno(&cli->options, ENOMEM, "doctor");
	*ret_report = report_json(invocation, &limits, &report);
	return *ret_report ? CLI_OK : problem_errno(&cli->options, ENOMEM, "doctor");
}
