/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * How rules are written.
 *
 * A check is called once for every object of its scope that is in both samples, with the pair of
 * them in struct look. It returns false when all is well. Otherwise it says what it found with
 * diagnose(), shows() and remedy(), and returns true: the finding then has the row's severity, unless
 * the check changed it, and the object's path as its subject. A check that returns false has said
 * nothing before: what it says into is not made anew for the next one.
 *
 * Purpose: the rows of the table and what checks are made of.
 * Threads: any; nothing is shared.
 * Errors:  none; texts that are too long are cut.
 */
#include <stdbool.h>
#include <stdint.h>
#include "doctor/doctor.h"
#include "doctor/progress.h"

/* What the check is called for: a set of these. */
enum scope {
	SCOPE_MACHINE = 1 << 0, /* once: machine and connection */
	SCOPE_VP = 1 << 1,
	SCOPE_OWED = 1 << 2, /* there is none of it in the earlier sample: it has its own age */
	SCOPE_GPADL = 1 << 3,
	SCOPE_CHANNEL = 1 << 4,
	SCOPE_IC = 1 << 5,
	SCOPE_SOCK = 1 << 6,
};

/*
 * What works or does not. `breaks` and `needs` of a row are sets of these. Of a VP, or of a channel,
 * means: of the one that the finding is about.
 */
enum service {
	SERVICE_EVENTS = 1 << 0,     /* of a VP: event flags reach the guest */
	SERVICE_MESSAGES = 1 << 1,   /* messages reach the guest and are consumed */
	SERVICE_POSTS = 1 << 2,      /* messages of the guest reach the bus */
	SERVICE_CONNECTION = 1 << 3, /* the guest and the bus agree on having a connection */
	SERVICE_OFFERS = 1 << 4,     /* the guest works on offers and rescinds */
	SERVICE_CHANNEL = 1 << 5,    /* of a channel: its states move on */
	SERVICE_DATA = 1 << 6,       /* of a channel: packets move */
};

/* Everything a check may look at. Of what its scope does not give, the pointers are NULL. */
struct look {
	const struct doctor_sample *then, *now;
	const struct doctor_limits *limits;
	uint64_t interval_ns; /* between the samples */
	const struct doctor_machine *machine, *machine_then;          /* never NULL */
	const struct doctor_connection *connection, *connection_then; /* never NULL */
	const struct doctor_vp *vp, *vp_then;
	const struct doctor_owed *owed;
	const struct doctor_gpadl *gpadl, *gpadl_then;
	const struct doctor_channel *channel, *channel_then; /* also of an IC and a socket */
	const struct doctor_ic *ic, *ic_then;
	const struct doctor_sock *sock, *sock_then;
	struct doctor_finding *finding; /* to be filled */
	unsigned breaks;                /* enum service; as in the row, unless the check changes it */
	unsigned blames;                /* enum party; as in the row */
	bool early; /* something lasts() only with time in which those who are blamed had none */
};

typedef bool (*check_fn)(struct look *look);

struct rule {
	enum doctor_layer layer;
	enum doctor_severity severity;
	unsigned scopes;
	unsigned breaks, needs; /* enum service */
	unsigned blames;        /* enum party; none: it is so however slow the host is */
	check_fn check;
	const char *title, *condition, *meaning, *guest_shows, *remedy, *provoke;
};
extern const struct rule doctor_rules[DOCTOR_RULES]; /* [0] is D1 */

/* ---- what checks say ------------------------------------------------------------------------- */

void diagnose(struct look *look, const char *format, ...) PRINTF(2, 3);
/* A piece of evidence; beyond DOCTOR_EVIDENCE_MAX it is dropped. `age_ns` may be DOCTOR_NONE. */
void shows(struct look *look, const char *field, uint64_t age_ns, const char *format, ...)
	PRINTF(4, 5);
/* The same with a field below the channel, SINT, VP or component of the look: "state". */
void shows_channel(struct look *look, const char *leaf, uint64_t age_ns, const char *format, ...)
	PRINTF(4, 5);
void shows_sint(struct look *look, const char *leaf, uint64_t age_ns, const char *format, ...)
	PRINTF(4, 5);
void shows_vp(struct look *look, const char *leaf, uint64_t age_ns, const char *format, ...)
	PRINTF(4, 5);
void shows_ic(struct look *look, const char *leaf, uint64_t age_ns, const char *format, ...)
	PRINTF(4, 5);
void remedy(struct look *look, const char *format, ...) PRINTF(2, 3);
void advise(struct look *look, const char *format, ...) PRINTF(2, 3);
void subject(struct look *look, const char *format, ...) PRINTF(2, 3);
static inline void severity(struct look *look, enum doctor_severity severity)
{
	look->finding->severity = (uint8_t)severity;
}

/* ---- what checks ask ------------------------------------------------------------------------- */

/* "1.2 s", in the caller's buffer, which it returns. */
enum { DURATION_BYTES = 24 };
const char *duration(uint64_t ns, char text[DURATION_BYTES]);
/*
 * An age that is known and at least so long. When whoever the rule blames had less time than that,
 * it lasts all the same, but what is found of it is withheld.
 */
bool lasts(struct look *look, uint64_t age_ns, uint64_t limit_ns);
/* The VP that a finding of this look is about; DOCTOR_NONE32: none. */
uint32_t about_vp(const struct look *look);
/* The samples are at least so far apart. */
static inline bool apart(const struct look *look, uint64_t limit_ns)
{
	return look->interval_ns >= limit_ns;
}
/* A connection on which channels may be talked about. */
bool is_connected(const struct doctor_connection *connection);
/* The SINT of the look is the bus's, which is in use; else whatever happens there is no channel's. */
bool is_of_bus(const struct look *look);
/*
 * Messages of the bus, or of whoever else uses the SINT, have to get through there; it is the target
 * of a channel that is open.
 */
bool gets_messages(const struct look *look);
bool gets_events(const struct look *look);
/* The message in the slot of the VP is the same in both samples. */
bool slot_unmoved(const struct look *look);
/* An answer that was made, and has been on its way for so long; NULL: there is none. */
const struct doctor_owed *owed_for(
	struct look *look, uint32_t message, uint32_t relid, uint64_t limit_ns);
/* The channel of the look was in this state (enum vmbus_channel_state) in both samples. */
bool channel_stays(const struct look *look, unsigned state);

/* ---- the checks, by file --------------------------------------------------------------------- */

/* rules-vp.c */
bool check_not_consumed(struct look *look);      /* D1 */
bool check_lost_pending(struct look *look);      /* D2 */
bool check_masked(struct look *look);            /* D4 */
bool check_synic_off(struct look *look);         /* D5 */
bool check_stale_slot(struct look *look);        /* D6 */
bool check_interrupt(struct look *look);         /* D7 */
bool check_timer_slot(struct look *look);        /* D8 */
bool check_gone_guest(struct look *look);        /* D38 */
bool check_crash(struct look *look);             /* D39 */
/* rules-connection.c */
bool check_version_answer(struct look *look);    /* D3 */
bool check_posts_refused(struct look *look);     /* D25 */
bool check_unknown_signals(struct look *look);   /* D26 */
bool check_unload_answer(struct look *look);     /* D33 */
bool check_no_request_offers(struct look *look); /* D36 */
bool check_version(struct look *look);           /* D37 */
bool check_gone_guest(struct look *look);        /* D38 */
/* rules-gpadl.c */
bool check_gpadl_body(struct look *look);        /* D16 */
bool check_gpadl_torndown(struct look *look);    /* D17 */
bool check_gpadl_created(struct look *look);     /* D19 */
bool check_early_teardown(struct look *look);    /* D22 */
/* rules-channel.c */
bool check_no_driver(struct look *look);         /* D13 */
bool check_opening(struct look *look);           /* D14 */
bool check_rescind_race(struct look *look);      /* D15 */
bool check_not_released(struct look *look);      /* D20 */
bool check_modify(struct look *look);            /* D23 */
bool check_target_vp(struct look *look);         /* D24 */
bool check_no_rescind(struct look *look);        /* D28 */
bool check_offered_twice(struct look *look);     /* D34 */
/* rules-ring.c */
bool check_swallowed_event(struct look *look);   /* D9 */
bool check_dead_reader(struct look *look);       /* D10 */
bool check_lost_space(struct look *look);        /* D11 */
bool check_host_reader(struct look *look);       /* D12 */
bool check_broken_ring(struct look *look);       /* D21 */
bool check_monitor(struct look *look);           /* D27 */
bool check_oversize(struct look *look);          /* D35 */
bool check_needless_signals(struct look *look);  /* D40 */
/* rules-service.c */
bool check_no_daemon(struct look *look);         /* D18 */
bool check_no_listener(struct look *look);       /* D29 */
bool check_heartbeat(struct look *look);         /* D30 */
bool check_pipelined(struct look *look);         /* D31 */
bool check_still_up(struct look *look);          /* D32 */
