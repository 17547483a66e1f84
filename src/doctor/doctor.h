/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The doctor: why does a channel hang, how do we know, and what to type next (spec/vmbus.md 10).
 *
 *	  hvd                                          hvctl
 *	vmm, vmbus ──fill──► sample, a second later ──► JSON ──► snapshot file ──read──► sample
 *	                       sample                                                    sample
 *	                         └──────► doctor_examine(then, now, limits) ◄──────────────┘
 *	                                     │  rules D1-D40, layer by layer
 *	                                     ▼
 *	                                  report: findings, each a cause or a consequence
 *
 * Two samples, some time apart, are judged together: what holds in both, with no counter having
 * moved in between, is stuck; what moved is only busy. The judgement is a pure function: no clock, no
 * machine, no JSON, so that it is the same in hvd, in hvctl on another computer, and in a test.
 *
 * A rule is a row of doctor_rules[] (rules.h says how it is written): its layer, what it looks at,
 * its check, and the texts. Rules run from the lowest layer to the highest, because what is wrong
 * further up is mostly a symptom of what is wrong below: a rule says which services it finds
 * broken (interrupts of a VP, messages, a channel...) and which services its own condition takes for
 * granted. A finding whose needs an earlier one has found broken is a consequence of that, and says
 * of which; any other is a cause. A remedy is run for causes.
 *
 * Nobody is blamed who was not let: a rule says whom it takes to have had time (a VP, the guest, hvd),
 * and what it finds while one of those waited for a processor of the host is withheld. The report
 * says of whom it cannot judge, and how many findings it withheld. Time in which they were not let does not
 * count towards a limit either, as far as hvd remembers it.
 *
 *	file             what
 *	model.[ch]       the sample and its field tables
 *	rules.[ch]       the table; helpers of the checks
 *	progress.[ch]    who had a processor of the host, and can be blamed for standing still
 *	rules-*.c        the checks, by layer
 *	doctor.c         examine: pairs of objects, order, causes
 *	finding.c        findings as JSON knows them: field tables
 *
 * Who fills: vmm/doctor_sample.c (VPs, SynIC, monitor) and vmbus/doctor_sample.c (the bus), from any
 * thread, under the locks that inspection takes, a moment each. Who samples: inspect/doctor.c, on
 * hvd's main loop, and only while a request waits for it or the doctor was told to watch; before a
 * sample every VP is asked for its registers, and the sample is taken when they have answered or a
 * tenth of a second is over. A healthy guest that works hard has no finding above `info`.
 *
 * Purpose: findings out of two samples.
 * Threads: any; nothing is shared.
 * Errors:  -ENOMEM.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/field.h"
#include "common/util.h"
#include "doctor/model.h"

enum doctor_severity { DOCTOR_INFO, DOCTOR_WARN, DOCTOR_ERROR, DOCTOR_SEVERITIES };
enum doctor_role { DOCTOR_CAUSE, DOCTOR_CONSEQUENCE };

/* From below to above: the order in which rules are examined. */
enum doctor_layer {
	LAYER_VP,
	LAYER_SYNIC,
	LAYER_SLOT, /* messages in their slot, and behind it */
	LAYER_CONNECTION,
	LAYER_MESSAGES, /* of the guest, on their way in */
	LAYER_GPADL,
	LAYER_CHANNEL,
	LAYER_RING,
	LAYER_SERVICE, /* integration components, hv_sock */
	DOCTOR_LAYERS,
};

/* How long something may last before it counts as stuck. Zero is not allowed. */
struct doctor_limits {
	uint64_t event_ns;    /* an interrupt that is not taken: 100 ms */
	uint64_t stuck_ns;    /* whatever has no limit of its own: 1 s */
	uint64_t answer_ns;   /* a device that is asked to start or stop: 2 s */
	uint64_t offers_ns;   /* REQUEST_OFFERS after the version is agreed on: 5 s */
	uint64_t driver_ns;   /* a driver that takes up an offer, or lets go of it: 10 s */
	uint64_t shutdown_ns; /* a guest that agreed to go down: 60 s */
};
#define DOCTOR_LIMITS_DEFAULT                                                                     \
	{                                                                                         \
		.event_ns = 100 * UINT64_C(1000000), .stuck_ns = UINT64_C(1000000000),            \
		.answer_ns = 2 * UINT64_C(1000000000), .offers_ns = 5 * UINT64_C(1000000000),     \
		.driver_ns = 10 * UINT64_C(1000000000), .shutdown_ns = 60 * UINT64_C(1000000000), \
	}
/* The default limits, all made longer or shorter as this one is to a second. */
struct doctor_limits doctor_limits_for(uint64_t stuck_ns);

enum {
	DOCTOR_EVIDENCE_MAX = 8,
	DOCTOR_SUBJECT_BYTES = 64,
	DOCTOR_TEXT_BYTES = 256,
	DOCTOR_FINDINGS_MAX = 512,
};

/* A value of the tree that speaks for the diagnosis, as it was. */
struct doctor_evidence {
	char field[72]; /* path into the inspection tree, or of the sample */
	char value[48];
	uint64_t age_ns; /* how long it has been so; all ones: since before the first sample */
};

struct doctor_finding {
	char rule[4]; /* "D17" */
	uint8_t severity, role, layer;
	char subject[DOCTOR_SUBJECT_BYTES]; /* path into the inspection tree: "channels/4" */
	char diagnosis[DOCTOR_TEXT_BYTES];  /* one line */
	struct doctor_evidence evidence[DOCTOR_EVIDENCE_MAX];
	uint32_t evidence_count;
	char guest_shows[DOCTOR_TEXT_BYTES];
	char remedy[DOCTOR_TEXT_BYTES]; /* a command to type, or "" */
	char advice[DOCTOR_TEXT_BYTES]; /* what else to do */
	char because_rule[4];           /* of a consequence; "" otherwise */
	char because_subject[DOCTOR_SUBJECT_BYTES];
	uint32_t vp, relid; /* what it is about; all ones, 0: no one VP, no one channel */
};
extern const struct field_table doctor_finding_table; /* schema "finding" */
extern const char *const doctor_severity_names[];     /* ends with NULL */
extern const char *const doctor_layer_names[];

/* Somebody of whom standing still says nothing, or little. */
enum doctor_who { DOCTOR_A_VP, DOCTOR_LOOP, DOCTOR_MONITOR, DOCTOR_HOST };
struct doctor_unjudged {
	char subject[16]; /* "vps/1"; "loop" and "monitor" are hvd's own threads; "host" */
	uint8_t who;      /* enum doctor_who */
	uint32_t vp;      /* all ones: it is none */
	/*
	 * Findings that blame it are withheld; else only its registers are missing, or it was starved
	 * before the samples and what has lasted since then is withheld.
	 */
	bool starved;
	char why[DOCTOR_TEXT_BYTES];
	uint64_t ran_ns, waited_ns; /* between the samples; all ones: not known */
};
extern const struct field_table doctor_unjudged_table; /* schema "unjudged" */

struct doctor_report {
	bool judged;          /* false: the VM did not run, or the samples do not fit together */
	const char *why_not;  /* constant; NULL when judged */
	uint64_t interval_ns; /* between the samples */
	struct doctor_finding *findings; /* owns; causes and consequences in order of layers */
	struct doctor_finding *withheld; /* owns; without causes: whoever is to blame was starved */
	struct doctor_unjudged *unjudged; /* owns */
	uint32_t count, withheld_count, unjudged_count;
	bool truncated;         /* there were more */
	uint32_t faults_active; /* at the end: hvd misbehaves on purpose */
};

/*
 * Judges `now` in the light of `then`, an earlier sample of the same machine. Fills *ret_report also
 * when memory is short, with what there is; -ENOMEM then.
 */
int doctor_examine(const struct doctor_sample *then, const struct doctor_sample *now,
	const struct doctor_limits *limits, struct doctor_report *ret_report) MUST_CHECK;
void doctor_report_deinit(struct doctor_report *report);
/* It has one of this rule about this subject. */
bool doctor_report_has(const struct doctor_report *report, const struct doctor_finding *finding);
/*
 * For who follows reports: what `before` found and `report` withholds is taken over into `report`,
 * because it may still be so. -ENOMEM: as much as could be.
 */
int doctor_report_keep(struct doctor_report *report, const struct doctor_report *before) MUST_CHECK;
/* Findings of this severity, causes and consequences. */
uint32_t doctor_report_count(const struct doctor_report *report, enum doctor_severity severity);

/* ---- the rules, for people ------------------------------------------------------------------- */

struct doctor_rule_text {
	char id[4]; /* "D17" */
	enum doctor_layer layer;
	enum doctor_severity severity; /* at its worst */
	const char *title;             /* one line */
	const char *condition;         /* what is observed, and for how long */
	const char *meaning;           /* what it means, and for whom */
	const char *guest_shows;       /* where to look in the guest */
	const char *remedy;            /* what to do; commands in it are real ones */
	const char *provoke;           /* how to bring it about */
};
enum { DOCTOR_RULES = 40 };
/* `index` < DOCTOR_RULES: D1 is 0. */
struct doctor_rule_text doctor_rule_text(unsigned index);
/* "D17", "d17" or "17": its index; -1: no such rule. */
int doctor_rule_find(const char *id);
