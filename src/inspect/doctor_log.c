/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inspect/doctor_log.h"

#include "vmm/event.h"

enum { FINDING_APPEARED, FINDING_CLEARED };

static void record_finding(
	struct doctor_log *log, const struct doctor_finding *finding, unsigned what)
{
	hv_record(log->recorder, HV_EVENT_DOCTOR_FINDING,
		finding->vp == DOCTOR_NONE32 ? RECORD_NO_VP : finding->vp, 0, RECORD_NO_SINT,
		(uint64_t)doctor_rule_find(finding->rule) + 1, finding->severity, what,
		finding->role, finding->relid);
}

/* Those of `report` that are not in `other`. */
static void record_difference(struct doctor_log *log, const struct doctor_report *report,
	const struct doctor_report *other, unsigned what)
{
	for (uint32_t i = 0; i < report->count; i++) {
		if (!doctor_report_has(other, &report->findings[i]))
			record_finding(log, &report->findings[i], what);
	}
}

static void count_known(struct doctor_log *log)
{
	for (unsigned i = 0; i < DOCTOR_SEVERITIES; i++)
		atomic_store(
			&log->found[i], doctor_report_count(&log->known, (enum doctor_severity)i));
}

/*
 * Takes over the report. One that could not be judged leaves things as they were, and so does a
 * finding that is withheld.
 */
static void note_report(struct doctor_log *log, struct doctor_report *report)
{
	if (!report->judged || report->unjudged_count > 0)
		log->unjudged++;
	if (!report->judged) {
		doctor_report_deinit(report);
		return;
	}
	if (doctor_report_keep(report, &log->known) < 0)
		report->truncated = true;
	record_difference(log, &log->known, report, FINDING_CLEARED);
	record_difference(log, report, &log->known, FINDING_APPEARED);
	doctor_report_deinit(&log->known);
	log->known = *report;
	count_known(log);
}

/* HTTP thread. */
static void judge(struct loop_work *work)
{
	struct doctor_log *log = container_of(work, struct doctor_log, work);
	struct doctor_report report = doctor_pair_judge(&log->pair, &log->limits);

	pthread_mutex_lock(&log->lock);
	if (log->era == log->now_era) {
		note_report(log, &report);
		log->examinations++;
	} else {
		doctor_report_deinit(&report);
	}
	pthread_mutex_unlock(&log->lock);
	doctor_pair_unref(&log->pair);
	atomic_store(&log->busy, false);
}

void doctor_log_judge(struct doctor_log *log, const struct doctor_pair *pair)
{
	if (atomic_load(&log->busy)) {
		log->unjudged++;
		return;
	}
	log->pair = doctor_pair_ref(pair);
	log->era = log->now_era; /* which only this thread changes */
	atomic_store(&log->busy, true);
	loop_defer(log->http_loop, &log->work);
}

void doctor_log_forget(struct doctor_log *log)
{
	pthread_mutex_lock(&log->lock);
	log->now_era++;
	doctor_report_deinit(&log->known);
	count_known(log);
	pthread_mutex_unlock(&log->lock);
}

void doctor_log_init(struct doctor_log *log, struct loop *http_loop, struct recorder *recorder)
{
	*log = (struct doctor_log){
		.http_loop = http_loop,
		.recorder = recorder,
		.limits = DOCTOR_LIMITS_DEFAULT,
		.work.run = judge,
	};
	pthread_mutex_init(&log->lock, NULL);
}

void doctor_log_deinit(struct doctor_log *log)
{
	doctor_pair_unref(&log->pair);
	doctor_report_deinit(&log->known);
	pthread_mutex_destroy(&log->lock);
}
