/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "doctor/doctor.h"

const char *const doctor_severity_names[] = {"info", "warn", "error", NULL};
const char *const doctor_layer_names[] = {"vp", "synic", "slot", "connection", "messages", "gpadl",
	"channel", "ring", "service", NULL};
_Static_assert(
	ARRAY_LEN(doctor_severity_names) == DOCTOR_SEVERITIES + 1, "a name for every severity");
_Static_assert(ARRAY_LEN(doctor_layer_names) == DOCTOR_LAYERS + 1, "a name for every layer");

static const char *const role_names[] = {"cause", "consequence", NULL};

static const struct field evidence_fields[] = {
	{FIELD_S(struct doctor_evidence, field, 0,
		"A field of the inspection tree, or what the host counted.")},
	{FIELD_S(struct doctor_evidence, value, 0, "Its value in the later sample.")},
	{FIELD_U(struct doctor_evidence, age_ns, FIELD_NULLABLE,
		"How long it has been so; null: since before the first sample.")},
};
static const struct field_table evidence_table = FIELD_TABLE(struct doctor_evidence, "evidence",
	"A value that speaks for a diagnosis.", evidence_fields);

static const struct field finding_fields[] = {
	{FIELD_S(struct doctor_finding, rule, 0, "The rule, as in hvctl explain D17.")},
	{FIELD_E(struct doctor_finding, severity, 0, doctor_severity_names,
		"error: something hangs. warn: something is about to, or was lost. info: good to "
		"know.")},
	{FIELD_E(struct doctor_finding, role, 0, role_names,
		"cause: nothing below explains it. consequence: another finding does.")},
	{FIELD_E(struct doctor_finding, layer, 0, doctor_layer_names,
		"Where it is, from the processor up.")},
	{FIELD_S(struct doctor_finding, subject, 0, "A path into the inspection tree.")},
	{FIELD_U(struct doctor_finding, vp, FIELD_NULLABLE, "The VP it is about, if one.")},
	{FIELD_U(struct doctor_finding, relid, 0, "The channel it is about; 0: no single one.")},
	{FIELD_S(struct doctor_finding, diagnosis, 0, "What is wrong, in one line.")},
	{FIELD_A(struct doctor_finding, evidence, evidence_count, &evidence_table,
		"What it was concluded from.")},
	{FIELD_S(struct doctor_finding, guest_shows, 0, "Where the guest shows it.")},
	{FIELD_S(struct doctor_finding, remedy, FIELD_NULLABLE,
		"A command to type; null: there is none that helps.")},
	{FIELD_S(struct doctor_finding, advice, 0, "What to do.")},
	{FIELD_S(struct doctor_finding, because_rule, FIELD_NULLABLE,
		"Of a consequence: the rule of its cause.")},
	{FIELD_S(
		struct doctor_finding, because_subject, FIELD_NULLABLE, "And that one's subject.")},
};
const struct field_table doctor_finding_table = FIELD_TABLE(struct doctor_finding, "finding",
	"Something that is wrong with the VM's SynIC or VMBus, or good to know.", finding_fields);

static const struct field unjudged_fields[] = {
	{FIELD_S(struct doctor_unjudged, subject, 0,
		"A VP, as a path into the inspection tree; loop or monitor, threads of hvd; or "
		"host, and with it everybody.")},
	{FIELD_U(struct doctor_unjudged, vp, FIELD_NULLABLE, "The VP, if it is one.")},
	{FIELD_B(struct doctor_unjudged, starved, 0,
		"Findings that blame it are withheld. False: only its registers are not known, or "
		"it had no time before the samples, so that what lasts since then is withheld.")},
	{FIELD_S(struct doctor_unjudged, why, 0, "What was seen of it, in one line.")},
	{FIELD_U(struct doctor_unjudged, ran_ns, FIELD_NULLABLE,
		"CPU time it had between the samples; null: the host does not tell.")},
	{FIELD_U(struct doctor_unjudged, waited_ns, FIELD_NULLABLE,
		"How long it waited for a processor of the host, as far as that is over.")},
};
const struct field_table doctor_unjudged_table = FIELD_TABLE(struct doctor_unjudged, "unjudged",
	"Somebody who was not let run, or did not answer: standing still says little of it.",
	unjudged_fields);
