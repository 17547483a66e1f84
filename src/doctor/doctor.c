/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "doctor/doctor.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "doctor/rules.h"

struct examination {
	struct look look; /* what all checks of one object see */
	struct doctor_report *report;
	struct doctor_finding draft; /* what a check writes into; all zero before it */
	unsigned *breaks;            /* by finding: the services it found broken */
	int error;
};

/* Not 0, and for ever where there is no such number. */
static uint64_t scaled(uint64_t usual_ns, double factor)
{
	double ns = (double)usual_ns * factor;

	return ns >= 0x1p64 ? UINT64_MAX : MAX((uint64_t)ns, UINT64_C(1));
}

struct doctor_limits doctor_limits_for(uint64_t stuck_ns)
{
	const struct doctor_limits usual = DOCTOR_LIMITS_DEFAULT;
	double factor = (double)stuck_ns / (double)usual.stuck_ns;

	return (struct doctor_limits){
		.event_ns = scaled(usual.event_ns, factor),
		.stuck_ns = stuck_ns,
		.answer_ns = scaled(usual.answer_ns, factor),
		.offers_ns = scaled(usual.offers_ns, factor),
		.driver_ns = scaled(usual.driver_ns, factor),
		.shutdown_ns = scaled(usual.shutdown_ns, factor),
	};
}

/* ---- causes ---------------------------------------------------------------------------------- */

enum {
	SERVICES_OF_CHANNEL = SERVICE_CHANNEL | SERVICE_DATA,
	SERVICES_OF_ALL = SERVICE_POSTS | SERVICE_CONNECTION | SERVICE_OFFERS,
};

/* Of what `finding` needs, what `earlier`, which found `broken` services, explains. */
static unsigned explained(const struct examination *exam, const struct doctor_finding *earlier,
	unsigned broken, const struct doctor_finding *finding, unsigned needs)
{
	unsigned shared = broken & needs, counts = SERVICES_OF_ALL;

	if (earlier->vp == DOCTOR_NONE32 || earlier->vp == exam->look.connection->target_vp)
		counts |= SERVICE_MESSAGES;
	if (earlier->vp == DOCTOR_NONE32 || earlier->vp == finding->vp)
		counts |= SERVICE_EVENTS;
	if (earlier->relid != 0 && earlier->relid == finding->relid)
		counts |= SERVICES_OF_CHANNEL;
	return shared & counts;
}

/* The first one from below that explains it; what is itself a consequence points to its cause. */
static void find_cause(
	const struct examination *exam, struct doctor_finding *finding, unsigned needs)
{
	const struct doctor_report *report = exam->report;

	for (uint32_t i = 0; i < report->count; i++) {
		const struct doctor_finding *earlier = &report->findings[i];
		bool consequence = earlier->role == DOCTOR_CONSEQUENCE;

		if (earlier->severity == DOCTOR_INFO ||
			!explained(exam, earlier, exam->breaks[i], finding, needs))
			continue;
		finding->role = DOCTOR_CONSEQUENCE;
		memcpy(finding->because_rule, consequence ? earlier->because_rule : earlier->rule,
			sizeof(finding->because_rule));
		memcpy(finding->because_subject,
			consequence ? earlier->because_subject : earlier->subject,
			sizeof(finding->because_subject));
		return;
	}
}

/* ---- one check ------------------------------------------------------------------------------- */

/* An array with room for one more than `count`; it grows at powers of two. NULL: no memory. */
static void *with_room(void *array, uint32_t count, size_t size)
{
	if ((count & (count - 1)) != 0)
		return array;
	return reallocarray(array, count ? 2 * (size_t)count : 1, size);
}

static int append(
	struct doctor_finding **findings, uint32_t *count, const struct doctor_finding *finding)
{
	struct doctor_finding *array;

	if (*count >= DOCTOR_FINDINGS_MAX)
		return -ENOSPC;
	array = with_room(*findings, *count, sizeof(*array));
	if (!array)
		return -ENOMEM;
	*findings = array;
	array[(*count)++] = *finding;
	return 0;
}

static int report_draft(struct examination *exam, unsigned needs)
{
	struct doctor_report *report = exam->report;
	unsigned *breaks;
	int r;

	if (report->count >= DOCTOR_FINDINGS_MAX)
		return -ENOSPC;
	breaks = with_room(exam->breaks, report->count, sizeof(*breaks));
	if (!breaks)
		return -ENOMEM;
	exam->breaks = breaks;
	find_cause(exam, &exam->draft, needs);
	r = append(&report->findings, &report->count, &exam->draft);
	if (r == 0)
		breaks[report->count - 1] = exam->look.breaks;
	return r;
}

static void name_subject(struct look *look)
{
	if (look->sock)
		subject(look, "socks/%u", look->sock->relid);
	else if (look->ic)
		subject(look, "ic/%s", look->ic->name);
	else if (look->gpadl)
		subject(look, "gpadls/%u/%" PRIu64, look->gpadl->relid, look->gpadl->gpadl);
	else if (look->channel)
		subject(look, "channels/%u", look->channel->relid);
	else if (look->vp)
		subject(look, "vps/%u/sints/%u", look->vp->vp, look->vp->sint);
	else
		subject(look, "vmbus");
}

/* About a SINT of somebody else: nothing of the bus depends on it, and it on nothing. */
static bool is_private(const struct look *look)
{
	return look->vp && !is_of_bus(look);
}

/* What a check may change, and nothing that costs: nearly all of them find nothing. */
static void begin_finding(struct examination *exam, const struct rule *rule)
{
	struct look *look = &exam->look;

	exam->draft.severity = (uint8_t)rule->severity;
	look->finding = &exam->draft;
	look->breaks = is_private(look) ? 0 : rule->breaks;
	look->blames = rule->blames;
	look->early = false;
}

/* The rest; the check may have named the subject and given its own advice. */
static void finish_finding(struct examination *exam, unsigned index)
{
	const struct rule *rule = &doctor_rules[index];
	struct doctor_finding *finding = &exam->draft;
	struct look *look = &exam->look;

	finding->layer = (uint8_t)rule->layer;
	finding->vp = about_vp(look);
	finding->relid = look->gpadl     ? look->gpadl->relid
			 : look->channel ? look->channel->relid
					 : 0;
	snprintf(finding->rule, sizeof(finding->rule), "D%u", index + 1);
	snprintf(finding->guest_shows, sizeof(finding->guest_shows), "%s", rule->guest_shows);
	if (!finding->advice[0])
		snprintf(finding->advice, sizeof(finding->advice), "%s", rule->remedy);
	if (!finding->subject[0])
		name_subject(look);
}

static void check(struct examination *exam, unsigned index)
{
	const struct rule *rule = &doctor_rules[index];
	struct doctor_report *report = exam->report;
	struct look *look = &exam->look;
	int r;

	begin_finding(exam, rule);
	if (!rule->check(look))
		return;
	finish_finding(exam, index);
	if (look->early)
		progress_tell_past(look->then, look->now, rule->blames, exam->draft.vp, report);
	if (!look->early && progress_had_time(report, rule->blames, exam->draft.vp,
				    look->connection->target_vp))
		r = report_draft(exam, is_private(look) ? 0 : rule->needs);
	else
		r = append(&report->withheld, &report->withheld_count, &exam->draft);
	report->truncated = report->truncated || r < 0;
	if (r == -ENOMEM)
		exam->error = r;
	exam->draft = (struct doctor_finding){0};
}

/* ---- all objects of a scope ------------------------------------------------------------------ */

static void forget_objects(struct look *look)
{
	look->vp = look->vp_then = NULL;
	look->owed = NULL;
	look->gpadl = look->gpadl_then = NULL;
	look->channel = look->channel_then = NULL;
	look->ic = look->ic_then = NULL;
	look->sock = look->sock_then = NULL;
}

static void take_channel(struct look *look, uint32_t relid)
{
	look->channel = doctor_find_channel(look->now, relid);
	look->channel_then = doctor_find_channel(look->then, relid);
}

/* Whether the `i`th object of the scope is in both samples; the look then shows it. */
static bool take_vp(struct look *look, uint32_t i)
{
	look->vp = &look->now->vps[i];
	look->vp_then = doctor_find_sint(look->then, look->vp->vp, look->vp->sint);
	return look->vp_then;
}

static bool take_owed(struct look *look, uint32_t i)
{
	look->owed = &look->now->owed[i];
	take_channel(look, look->owed->relid);
	return true;
}

static bool take_gpadl(struct look *look, uint32_t i)
{
	look->gpadl = &look->now->gpadls[i];
	look->gpadl_then = doctor_find_gpadl(look->then, look->gpadl->relid, look->gpadl->gpadl);
	take_channel(look, look->gpadl->relid);
	return look->gpadl_then && look->channel && look->channel_then;
}

/* A relid that leads to another channel than before is another object. */
static bool take_channel_at(struct look *look, uint32_t i)
{
	take_channel(look, look->now->channels[i].relid);
	return look->channel && look->channel_then &&
	       strcmp(look->channel->device_id, look->channel_then->device_id) == 0;
}

static bool take_ic(struct look *look, uint32_t i)
{
	look->ic = &look->now->ics[i];
	look->ic_then = doctor_find_ic(look->then, look->ic->name);
	take_channel(look, look->ic->relid);
	return look->ic_then && look->ic_then->relid == look->ic->relid && look->channel &&
	       look->channel_then;
}

static bool take_sock(struct look *look, uint32_t i)
{
	look->sock = &look->now->socks[i];
	look->sock_then = doctor_find_sock(look->then, look->sock->relid);
	take_channel(look, look->sock->relid);
	return look->sock_then && look->channel && look->channel_then;
}

static bool take_machine(struct look *look UNUSED, uint32_t i UNUSED)
{
	return true;
}

static const struct {
	enum scope scope;
	enum doctor_section_id section;
	bool (*take)(struct look *look, uint32_t index);
} walks[] = {
	{SCOPE_MACHINE, DOCTOR_MACHINE, take_machine},
	{SCOPE_VP, DOCTOR_VPS, take_vp},
	{SCOPE_OWED, DOCTOR_OWED, take_owed},
	{SCOPE_GPADL, DOCTOR_GPADLS, take_gpadl},
	{SCOPE_CHANNEL, DOCTOR_CHANNELS, take_channel_at},
	{SCOPE_IC, DOCTOR_ICS, take_ic},
	{SCOPE_SOCK, DOCTOR_SOCKS, take_sock},
};

static void examine_rule(struct examination *exam, unsigned index)
{
	struct look *look = &exam->look;

	for (size_t i = 0; i < ARRAY_LEN(walks); i++) {
		uint32_t count = doctor_sample_count(look->now, walks[i].section);

		if (!(doctor_rules[index].scopes & walks[i].scope))
			continue;
		for (uint32_t j = 0; j < count; j++) {
			forget_objects(look);
			if (walks[i].take(look, j))
				check(exam, index);
		}
	}
}

/* ---- all rules ------------------------------------------------------------------------------- */

static const char *why_not(const struct doctor_sample *then, const struct doctor_sample *now)
{
	if (!then->machine.running || !now->machine.running)
		return "the VM does not run";
	if (now->machine.mono_ns <= then->machine.mono_ns)
		return "no time has passed between the samples";
	return NULL;
}

/* Within a layer, first those that take nothing for granted: they may explain the others. */
static void examine_layer(struct examination *exam, unsigned layer)
{
	for (unsigned pass = 0; pass < 2; pass++) {
		for (unsigned i = 0; i < DOCTOR_RULES; i++) {
			const struct rule *rule = &doctor_rules[i];

			if (rule->layer == (enum doctor_layer)layer && (rule->needs != 0) == pass)
				examine_rule(exam, i);
		}
	}
}

static void examine_all(struct examination *exam)
{
	for (unsigned layer = 0; layer < DOCTOR_LAYERS; layer++)
		examine_layer(exam, layer);
}

int doctor_examine(const struct doctor_sample *then, const struct doctor_sample *now,
	const struct doctor_limits *limits, struct doctor_report *ret_report)
{
	struct examination exam = {
		.look =
			{
				.then = then,
				.now = now,
				.limits = limits,
				.machine = &now->machine,
				.machine_then = &then->machine,
				.connection = &now->connection,
				.connection_then = &then->connection,
			},
		.report = ret_report,
	};

	*ret_report = (struct doctor_report){.why_not = why_not(then, now)};
	if (ret_report->why_not)
		return 0;
	ret_report->judged = true;
	ret_report->faults_active = now->machine.faults_active;
	ret_report->interval_ns = now->machine.mono_ns - then->machine.mono_ns;
	exam.look.interval_ns = ret_report->interval_ns;
	exam.error = progress_examine(then, now, ret_report);
	if (exam.error == 0)
		examine_all(&exam);
	else
		ret_report->truncated = true;
	free(exam.breaks);
	return exam.error;
}

void doctor_report_deinit(struct doctor_report *report)
{
	free(report->findings);
	free(report->withheld);
	free(report->unjudged);
	report->findings = report->withheld = NULL;
	report->unjudged = NULL;
	report->count = report->withheld_count = report->unjudged_count = 0;
}

static bool is_among(
	const struct doctor_finding *findings, uint32_t count, const struct doctor_finding *finding)
{
	for (uint32_t i = 0; i < count; i++) {
		if (strcmp(findings[i].rule, finding->rule) == 0 &&
			strcmp(findings[i].subject, finding->subject) == 0)
			return true;
	}
	return false;
}

bool doctor_report_has(const struct doctor_report *report, const struct doctor_finding *finding)
{
	return is_among(report->findings, report->count, finding);
}

int doctor_report_keep(struct doctor_report *report, const struct doctor_report *before)
{
	int r = 0;

	for (uint32_t i = 0; i < before->count && r == 0; i++) {
		const struct doctor_finding *finding = &before->findings[i];

		if (is_among(report->withheld, report->withheld_count, finding))
			r = append(&report->findings, &report->count, finding);
	}
	return r;
}

uint32_t doctor_report_count(const struct doctor_report *report, enum doctor_severity severity)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < report->count; i++)
		count += report->findings[i].severity == severity;
	return count;
}

/* ---- texts ----------------------------------------------------------------------------------- */

struct doctor_rule_text doctor_rule_text(unsigned index)
{
	const struct rule *rule = &doctor_rules[index];
	struct doctor_rule_text text = {
		.layer = rule->layer,
		.severity = rule->severity,
		.title = rule->title,
		.condition = rule->condition,
		.meaning = rule->meaning,
		.guest_shows = rule->guest_shows,
		.remedy = rule->remedy,
		.provoke = rule->provoke,
	};

	snprintf(text.id, sizeof(text.id), "D%u", index + 1);
	return text;
}

int doctor_rule_find(const char *id)
{
	const char *digits = id + (*id == 'D' || *id == 'd');
	char *end;
	unsigned long number = strtoul(digits, &end, 10);

	if (*digits < '0' || *digits > '9' || *end != '\0' || number < 1 || number > DOCTOR_RULES)
		return -1;
	return (int)number - 1;
}
