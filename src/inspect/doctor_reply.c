/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inspect/doctor_reply.h"

#include <string.h>
#include "common/clock.h"
#include "common/parse.h"
#include "hvdef/vmbus.h"
#include "inspect/doctor.h"
#include "inspect/doctor_json.h"
#include "inspect/json.h"
#include "inspect/rest.h"
#include "inspect/server.h"

/* What a request may wait for its second sample. */
#define STUCK_AFTER_MIN_NS (50 * NSEC_PER_MSEC)
#define STUCK_AFTER_MAX_NS (60 * NSEC_PER_SEC)

/* ---- what is asked for ----------------------------------------------------------------------- */

struct doctor_query {
	char stuck_after[24], event_after[24], answer_after[24], offers_after[24];
	char driver_after[24], shutdown_after[24];
	char relid[256];
};

static const struct param query_rows[] = {
	{PARAM_S(struct doctor_query, stuck_after,
		"Time between the samples, and how long what has no limit of its own may stand "
		"still: 50ms to 60s, default 1s")},
	{PARAM_S(struct doctor_query, event_after,
		"How long an interrupt may wait, default a tenth of stuck_after")},
	{PARAM_S(struct doctor_query, answer_after,
		"How long a device may take to start or stop, default twice stuck_after")},
	{PARAM_S(struct doctor_query, offers_after,
		"How long a guest may take to ask for offers, default 5 times stuck_after")},
	{PARAM_S(struct doctor_query, driver_after,
		"How long a driver may take to open or release a channel, default 10 times "
		"stuck_after")},
	{PARAM_S(struct doctor_query, shutdown_after,
		"How long a guest may take to go down, default 60 times stuck_after")},
	{PARAM_S(struct doctor_query, relid,
		"Channels to report on, as 4 or 4,7; what is wrong below them is told, too")},
};
const struct param_table doctor_query_table = PARAM_TABLE(NULL, NULL, query_rows);

static bool read_limit(struct reply *reply, const char *name, const char *text, uint64_t *limit_ns)
{
	uint64_t ns;

	if (*text == '\0')
		return true;
	if (parse_duration(text, &ns) < 0 || ns == 0) {
		problem_value(reply, PROBLEM_BAD_VALUE, name, "not a duration above 0, as 1s or 200ms");
		return false;
	}
	*limit_ns = ns;
	return true;
}

static bool read_limits(
	struct reply *reply, const struct doctor_query *query, struct doctor_limits *ret_limits)
{
	uint64_t stuck_ns = NSEC_PER_SEC;

	if (!read_limit(reply, "?stuck_after", query->stuck_after, &stuck_ns))
		return false;
	if (stuck_ns < STUCK_AFTER_MIN_NS || stuck_ns > STUCK_AFTER_MAX_NS) {
		problem_value(reply, PROBLEM_BAD_VALUE, "?stuck_after", "not within 50ms and 60s");
		return false;
	}
	*ret_limits = doctor_limits_for(stuck_ns);
	return read_limit(reply, "?event_after", query->event_after, &ret_limits->event_ns) &&
	       read_limit(reply, "?answer_after", query->answer_after, &ret_limits->answer_ns) &&
	       read_limit(reply, "?offers_after", query->offers_after, &ret_limits->offers_ns) &&
	       read_limit(reply, "?driver_after", query->driver_after, &ret_limits->driver_ns) &&
	       read_limit(
		       reply, "?shutdown_after", query->shutdown_after, &ret_limits->shutdown_ns);
}

/* "4,7" */
static bool read_relids(struct reply *reply, char *text, struct doctor_wanted *ret_wanted)
{
	char *save = NULL;

	*ret_wanted = (struct doctor_wanted){.all = *text == '\0'};
	for (char *at = strtok_r(text, ",", &save); at; at = strtok_r(NULL, ",", &save)) {
		uint64_t relid;

		if (parse_u64(at, 1, VMBUS_RELID_MAX, &relid) < 0) {
			problem_value(reply, PROBLEM_BAD_VALUE, "?relid", "not relids, as 4,7");
			return false;
		}
		ret_wanted->relids[relid / 8] |= (uint8_t)(1u << relid % 8);
	}
	return true;
}

void doctor_handle(struct request *request)
{
	struct doctor_query query = {0};
	struct doctor_wanted wanted;
	struct doctor_limits limits;
	struct doctor_operation *op;

	if (!rest_query(request, &query) || !read_limits(&request->reply, &query, &limits) ||
		!read_relids(&request->reply, query.relid, &wanted))
		return;
	op = operation_new(request, sizeof(*op));
	if (!op)
		return;
	op->limits = limits;
	op->wanted = wanted;
	op->want_samples = strstr(request->route->pattern, "samples") != NULL;
	op->base.run = doctor_rounds_run;
	op->base.finished = doctor_rounds_finished;
	/* Beyond the time between the samples: two visits to the VPs, and writing it down. */
	operation_submit(&op->base, OPERATION_ON_MAIN,
		clock_now_ns(&clock_monotonic) + limits.stuck_ns +
			4 * request->inspect->config.patience_ns);
}

/* ---- the reply ------------------------------------------------------------------------------- */

/* What is about no channel at all is about every channel. */
static bool is_wanted(const struct doctor_wanted *wanted, const struct doctor_finding *finding)
{
	return wanted->all || finding->relid == 0 ||
	       wanted->relids[finding->relid / 8] >> finding->relid % 8 & 1;
}

void doctor_reply_report(struct doctor_operation *op, const struct doctor_report *report)
{
	struct inspect *inspect = op->base.inspect;
	struct writer *w = reply_json(&op->base.reply, 200, "doctor-report");

	writer_object_begin(w);
	writer_key(w, "items");
	writer_array_begin(w);
	for (uint32_t i = 0; i < report->count; i++) {
		if (is_wanted(&op->wanted, &report->findings[i]))
			json_write_info(w, &doctor_finding_table, &report->findings[i]);
	}
	writer_array_end(w);
	writer_key_uint(w, "seq", recorder_head(inspect->config.recorder));
	writer_key(w, "next");
	writer_null(w);
	doctor_write_summary(w, &op->limits, report);
	writer_object_end(w);
}

void doctor_reply_samples(struct doctor_operation *op, const struct doctor_sample *then,
	const struct doctor_sample *now)
{
	struct writer *w = reply_json(&op->base.reply, 200, "doctor-samples");

	writer_object_begin(w);
	writer_key(w, "samples");
	writer_array_begin(w);
	doctor_write_sample(w, then);
	doctor_write_sample(w, now);
	writer_array_end(w);
	writer_object_end(w);
}
