/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/doctor-file.h"

#include <errno.h>
#include <stdlib.h>

#include "cli/problem.h"
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

enum cli_exit doctor_file_report(struct cli *cli, const struct invocation *invocation,
	uint64_t stuck_ns, json_t **ret_report)
{
	const struct doctor_limits limits = doctor_limits_for(stuck_ns);
	CLEANUP(samples) struct samples samples = {0};
	CLEANUP(report) struct doctor_report report = {0};

	if (!read_samples(cli->snapshot, &samples))
		return problem_usage(&cli->options, "it must be of this hvctl's version",
			"the snapshot holds no samples of the doctor");
	if (doctor_examine(samples.then, samples.now, &limits, &report) < 0)
		return problem_errno(&cli->options, ENOMEM, "doctor");
	*ret_report = report_json(invocation, &limits, &report);
	return *ret_report ? CLI_OK : problem_errno(&cli->options, ENOMEM, "doctor");
}
