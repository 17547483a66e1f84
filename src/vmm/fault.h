/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Faults: hvd misbehaves on purpose, where, how often and for how long somebody has said.
 *
 *	add --> active --count used up--> used up --what it kept has gone on--> ended
 *	           └──── time is over, removed, VM reset, VM ends ─────┘
 *
 * A place that can misbehave (a hook) asks fault_hit() and says what it is about: channel, VP,
 * SINT, message. While no fault of that kind is active this is one load and one branch that is not
 * taken; with one, the table is searched under its lock.
 *
 * A fault hits at most `count` times and ends after `for_ns`; each kind has a default for whoever
 * says neither, so that none can be forgotten. Some kinds keep what they hit (a message, a device
 * that is to start): the hook's owner keeps it, says so by fault_let_go() when it has gone on, and
 * is told by a fault_listener when it has to. Others lose something for good: what was lost stays
 * lost when the fault ends, as it would after a real fault.
 *
 * Everything a fault does is recorded (fault.added, fault.hit, fault.ended), and the last faults
 * that ended stay in the table until their places are needed: nobody need take one for a bug.
 *
 * Purpose: the faults of a VM.
 * Threads: hooks on any; the lock is a leaf. Adding, removing and time on the main loop, where
 *          listeners are called, with no lock held.
 * Errors:  negative errno, with struct fault_refusal in words.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include "common/node.h"
#include "common/util.h"

struct vm;
struct loop_timer;

enum { FAULTS_MAX = 64 };

/* In the order of FAULT_KIND_WORDS (vmm/event.h) and of the rows in fault_kinds.c. */
enum fault_kind {
	FAULT_DROP_MESSAGE,
	FAULT_DELAY_MESSAGE,
	FAULT_DUPLICATE_MESSAGE,
	FAULT_REORDER_MESSAGE,
	FAULT_HOLD_MESSAGE,
	FAULT_REFUSE_POST,
	FAULT_PAUSE_PUMP,
	FAULT_HOLD_OPEN,
	FAULT_HOLD_CLOSE,
	FAULT_LOSE_PENDING,
	FAULT_SKIP_ASSERT,
	FAULT_SKIP_EVENT,
	FAULT_SKIP_ROOM_SIGNAL,
	FAULT_LEAVE_MASKED,
	FAULT_SKIP_MONITOR,
	FAULT_SKIP_RESCIND,
	FAULT_EARLY_EVENT,
	FAULT_OVERSIZE_PACKET,
	FAULT_DUPLICATE_OFFER,
	FAULT_PIPELINE_IC,
	FAULT_KINDS,
};

enum fault_direction { FAULT_IN, FAULT_OUT }; /* from the guest, to the guest */

/* What a hook is about, or what a fault is for. FAULT_ANY: nothing in particular. */
#define FAULT_ANY UINT32_MAX
struct fault_place {
	uint32_t relid, vp, sint;
	uint32_t message;   /* enum vmbus_message_type */
	uint32_t direction; /* enum fault_direction */
};
#define FAULT_ANYWHERE                                                                \
	.relid = FAULT_ANY, .vp = FAULT_ANY, .sint = FAULT_ANY, .message = FAULT_ANY, \
	.direction = FAULT_ANY

/* Which members of struct fault_place a kind looks at. */
enum fault_selector {
	FAULT_BY_RELID = 1 << 0,
	FAULT_BY_VP = 1 << 1,
	FAULT_BY_SINT = 1 << 2,
	FAULT_BY_MESSAGE = 1 << 3,
	FAULT_BY_DIRECTION = 1 << 4,
};

enum fault_traits {
	FAULT_NEEDS_BUS = 1 << 0,
	FAULT_KEEPS = 1 << 1, /* what it hits goes on later */
	FAULT_LASTS = 1 << 2, /* a state, not a deed: it has a time and no count */
};

struct fault_kind_row {
	const char *help;
	unsigned selectors, traits;
	uint32_t count;    /* default when neither count nor time is given; 0: none */
	uint64_t for_ns;   /* default when none is given; 0: none */
	uint64_t delay_ns; /* default; 0: the kind takes no delay */
	uint32_t status;   /* default; 0: the kind takes no status */
};
extern const struct fault_kind_row fault_kinds[FAULT_KINDS];
extern const char *const fault_kind_names[FAULT_KINDS + 1]; /* ends with NULL */
extern const char *const fault_direction_names[];           /* likewise */

#define FAULT_COUNT_MAX    1000000u
#define FAULT_FOR_MAX_NS   (UINT64_C(86400) * NSEC_PER_SEC)
#define FAULT_DELAY_MAX_NS (60 * NSEC_PER_SEC)
#define FAULT_STATUS_MAX   0xffffu

/* What is asked for. */
struct fault_spec {
	uint32_t kind; /* enum fault_kind */
	struct fault_place place;
	uint32_t count, status;    /* 0: not given */
	uint64_t for_ns, delay_ns; /* 0: not given */
	uint32_t uid, pid;         /* who asks; UINT32_MAX and 0: unknown */
};

enum fault_state { FAULT_ACTIVE, FAULT_USED_UP, FAULT_ENDED };
enum fault_end { FAULT_END_COUNT, FAULT_END_TIME, FAULT_END_REMOVED, FAULT_END_RESET };

struct fault {
	uint64_t id; /* 1 and up; 0: the place is free */
	struct fault_spec spec;
	enum fault_state state;
	enum fault_end end;                       /* once ended */
	uint64_t added_ns, last_hit_ns, ended_ns; /* 0: never */
	uint64_t hits;
	uint32_t kept; /* things that have still to go on */
};

/* Wants to hear that faults ended. Embedded in its owner, who removes it in time. */
struct fault_listener {
	TAILQ_ENTRY(fault_listener) link;
	/* Main loop, no lock held. The fault is not active any more. */
	void (*ended)(struct fault_listener *listener, enum fault_kind kind, uint64_t id);
};

struct faults {
	struct vm *vm;                          /* borrows */
	_Atomic uint32_t active;                /* bit per kind; written under `lock` */
	struct loop_timer *timer;               /* owns */
	TAILQ_HEAD(, fault_listener) listeners; /* main loop */
	pthread_mutex_t lock;                   /* a leaf; guards the rest */
	struct fault fault[FAULTS_MAX];
	uint64_t last_id;
	uint64_t added, hits; /* since the VM was made */
};

/* Main loop; `vm` has its clock, loop and recorder. The memory is zero. */
int faults_init(struct faults *faults, struct vm *vm) MUST_CHECK;
/* Takes one that was never initialised. Nothing may be kept any more. */
void faults_deinit(struct faults *faults);
void faults_listen(struct faults *faults, struct fault_listener *listener);
void faults_unlisten(struct faults *faults, struct fault_listener *listener);

/* ---- what one may do: main loop -------------------- */

/* Which member of the request was wrong, "" when none was, and why. */
struct fault_refusal {
	const char *field;
	char text[128];
};
/*
 * -EINVAL what was asked makes no sense; -ENODEV this machine cannot have such a fault; -ENOSPC
 * FAULTS_MAX are active. The refusal is filled in then.
 */
int faults_add(struct faults *faults, const struct fault_spec *spec, struct fault *ret_fault,
	struct fault_refusal *reterr) MUST_CHECK;
/* Ends it and forgets it; `ret_fault` is how it ended. -ENOENT. */
int faults_remove(struct faults *faults, uint64_t id, struct fault *ret_fault) MUST_CHECK;
/* Ends all that are active and keeps them for inspection; `why` is for the record. */
void faults_end_all(struct faults *faults, enum fault_end why);
/* Ends all that are active, and forgets all. Returns how many were active. */
unsigned faults_clear(struct faults *faults);
/* The timer's function. With a manual clock a test calls it. */
void faults_tick(void *faults);
/* Any thread: how many have not ended, and how often faults hit since the VM was made. */
unsigned faults_active(struct faults *faults);
uint64_t faults_hits(struct faults *faults);

/* ---- hooks: any thread -------------------- */

/* What the fault that hit wants done. */
struct fault_effect {
	uint64_t id;
	uint64_t delay_ns;
	uint32_t status;
};

static inline bool fault_possible(const struct faults *faults, enum fault_kind kind)
{
	return __builtin_expect(
		(atomic_load_explicit(&faults->active, memory_order_relaxed) >> kind) & 1, 0);
}

/* The part of fault_hit() behind the branch; `ret_effect` may be NULL. */
bool fault_take(struct faults *faults, enum fault_kind kind, const struct fault_place *place,
	struct fault_effect *ret_effect);

/*
 * Whether to misbehave here, now. Counts and records the hit. After a hit of a kind that keeps,
 * fault_let_go() must follow some day.
 */
static inline bool fault_hit(struct faults *faults, enum fault_kind kind,
	const struct fault_place *place, struct fault_effect *ret_effect)
{
	return fault_possible(faults, kind) && fault_take(faults, kind, place, ret_effect);
}

/* Something that fault `id` kept has gone on, or is gone. */
void fault_let_go(struct faults *faults, uint64_t id);

extern const struct node_class fault_node_class;      /* faults/{id}; owner: struct vm */
extern const struct node_class fault_kind_node_class; /* fault-kinds/{kind}; likewise */
