/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The injector: messages an operator or a test sends to a SINT, one after the other.
 *
 * One lane per (VP, VTL, SINT): a FIFO in front of that SINT's route, because a route stages one
 * message only. A message that found the slot occupied waits with the pending flag set in the
 * occupant, and is delivered once, in order, when the guest frees the slot.
 *
 * Purpose: POST /v1/messages.
 * Threads: check, start and forget from any thread; new and free on the main loop. `done` runs on
 *          the main loop with no lock held.
 * Errors:  enum inject_outcome, with the errno that says why in inject_result.status.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/util.h"
#include "hvdef/hv_synic.h"

struct injector;
struct vm;

enum {
	INJECT_LANE_MAX = 64,    /* messages waiting per (VP, VTL, SINT) */
	INJECT_TOTAL_MAX = 1024, /* and altogether, so that clients cannot grow hvd */
};

struct inject_request {
	uint32_t vp;
	uint8_t vtl, sint;
	uint32_t type;
	uint8_t payload[HV_MESSAGE_PAYLOAD_MAX];
	size_t payload_size;
	bool assert_only; /* raise the SINT's vector, no message */
	bool force;       /* queue although the SINT or the SynIC is off */
};

enum inject_outcome {
	INJECT_DELIVERED,      /* written; in a check: would be */
	INJECT_BUSY,           /* the slot is occupied or others wait before it: would wait */
	INJECT_ASSERTED,
	INJECT_SINT_MASKED,    /* or, with assert_only, polling or proxy; mode kernel: then only */
	INJECT_SYNIC_DISABLED, /* SCONTROL.0 clear */
	INJECT_SIMP_DISABLED,
	INJECT_QUEUE_FULL,
	INJECT_CANCELED,       /* VP or VM reset, or the injector ended */
	INJECT_NO_VP,
	INJECT_INVALID,        /* vtl, sint, type or payload out of range */
	INJECT_FAILED,         /* status says why */
};

struct inject_result {
	enum inject_outcome outcome;
	int status;           /* 0 or a negative errno */
	uint64_t latency_ns;  /* from start to the outcome */
	uint32_t queue_depth; /* refusal and end: left in the lane; check: in the SINT's FIFO */
};

typedef void (*inject_done_fn)(void *arg, const struct inject_result *result);

int injector_new(struct vm *vm, struct injector **ret_injector) MUST_CHECK;
/* Every message still waiting ends with INJECT_CANCELED before this returns. Returns NULL. */
struct injector *injector_free(struct injector *injector);

/* What a start would come to now, without doing it. It does not see the lanes' own limits. */
void inject_check(struct vm *vm, const struct inject_request *request, struct inject_result *ret_result);
/*
 * 0: started; `done` runs exactly once with DELIVERED, ASSERTED, CANCELED or FAILED, also when
 * that is so at once. 1: refused, `ret_refusal` says why and `done` does not run.
 */
int inject_start(struct injector *injector, const struct inject_request *request, inject_done_fn done,
	void *arg, struct inject_result *ret_refusal) MUST_CHECK;
/*
 * The caller that started with `arg` is no longer interested; the message stays queued. True:
 * `done` will not run. False: it has run or is running on the main loop.
 */
bool inject_forget(struct injector *injector, const void *arg);
/* Offers waiting messages to their routes again: what the retry timer calls. Main loop. */
void inject_pump(struct injector *injector);
