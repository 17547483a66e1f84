/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Replies, and the problem objects (RFC 9457) among them.
 *
 * Every refusal a client can meet is one row of the table below: code, status, title, hint. The
 * codes are part of the API.
 *
 * Purpose: the only place where a client learns that something went wrong.
 * Threads: a reply belongs to one thread at a time.
 * Errors:  those of the writer.
 */
#include "common/util.h"
#include "inspect/writer.h"

#define PROBLEMS(X)                                                                                \
	X(BAD_TARGET, 400, "bad_target", "The request target is not valid",                        \
		"use an absolute path without '..', empty segments or %00")                        \
	X(BAD_HEADER, 400, "bad_header", "The request headers are ambiguous", NULL)                \
	X(BAD_JSON, 400, "bad_json", "The body is not valid JSON", NULL)                           \
	X(DUPLICATE_KEY, 400, "duplicate_key", "A key occurs twice", NULL)                         \
	X(TOO_DEEP, 400, "too_deep", "The body is nested too deep", NULL)                          \
	X(UNKNOWN_KEY, 400, "unknown_key", "The body has a key that is not known here",            \
		"the request schema is under /v1/schemas")                                         \
	X(UNKNOWN_PARAMETER, 400, "unknown_parameter", "The query has an unknown parameter",       \
		"/v1/openapi.json lists the parameters of every path")                             \
	X(READ_ONLY, 403, "read_only", "This socket only reads", "use the NAME.api.sock socket")   \
	X(FOREIGN_HOST, 403, "foreign_host", "The Host or Origin is not this server", NULL)        \
	X(TOKEN_REQUIRED, 403, "token_required", "This change needs the bearer token",             \
		"send 'Authorization: Bearer TOKEN' with the token of --token-file")               \
	X(NOT_FOUND, 404, "not_found", "There is no such resource", "/v1 links to what there is")  \
	X(NO_PREVIOUS_LOG, 404, "no_previous_log", "There is no readable log of a former run",     \
		"hvd --recorder-file says where logs are kept")                                    \
	X(METHOD_NOT_ALLOWED, 405, "method_not_allowed", "The resource does not know this method", \
		NULL)                                                                              \
	X(WRONG_STATE, 409, "wrong_state", "The VM's state does not allow this", NULL)             \
	X(SINT_MASKED, 409, "sint_masked", "The SINT is masked",                                   \
		"post anyway with \"force\": true; the interrupt is owed until it is unmasked")    \
	X(SYNIC_DISABLED, 409, "synic_disabled", "The SynIC is disabled",                          \
		"the guest has not set SCONTROL bit 0")                                            \
	X(SIMP_DISABLED, 409, "simp_disabled", "The message page is disabled",                     \
		"the guest has not enabled SIMP")                                                  \
	X(SIEFP_DISABLED, 409, "siefp_disabled", "The event flags page is disabled",               \
		"the guest has not enabled SIEFP")                                                 \
	X(QUEUE_FULL, 409, "queue_full", "The queue of the SINT is full",                          \
		"the guest does not write EOM; see /v1/vps/{vp}/sints/{sint}")                     \
	X(VP_RESET, 409, "vp_reset", "The VP was reset before delivery", NULL)                     \
	X(DELIVERY_FAILED, 409, "delivery_failed", "The host refused the delivery", NULL)          \
	X(IC_NOT_READY, 409, "ic_not_ready", "The guest's driver is not there",                    \
		"see /v1/ic; Linux's driver is the module hv_utils")                               \
	X(IC_BUSY, 409, "ic_busy", "The guest has not dealt with an earlier request", NULL)        \
	X(CHANNEL_STATE, 409, "channel_state", "The channel's state does not allow this",          \
		"see /v1/channels/{relid}")                                                        \
	X(FORCE_NEEDED, 409, "force_needed", "This changes what the guest sees",                   \
		"send \"force\": true to do it, or \"dry_run\": true to learn what would be done") \
	X(GUEST_REFUSED, 409, "guest_refused", "The guest refused", NULL)                          \
	X(NO_BUS, 409, "no_bus", "The VM has no VMBus",                                            \
		"start hvd with --vmbus, or with a --device")                                      \
	X(DEVICE_EXISTS, 409, "device_exists", "There is such a device already",                   \
		"remove it first, or give the new one another id; see /v1/devices")                \
	X(DEVICE_FAILED, 409, "device_failed", "The device could not be made", NULL)               \
	X(ECHO_CLOSED, 409, "echo_closed", "Nobody in the guest sends packets back",               \
		"see /v1/echo; it takes Linux's uio_hv_generic and a program on /dev/uio0")        \
	X(ECHO_BUSY, 409, "echo_busy", "A run is under way", "end it with POST /v1/echo/stop")     \
	X(FAULT_NOT_POSSIBLE, 409, "fault_not_possible", "This machine cannot have this fault",    \
		"/v1/fault-kinds lists what there is")                                             \
	X(TOO_MANY_FAULTS, 409, "too_many_faults", "There is no room for another fault",           \
		"DELETE /v1/faults ends them all")                                                 \
	X(HISTORY_GONE, 410, "history_gone", "These records have been overwritten",                \
		"start at the oldest record, or leave 'since' away")                               \
	X(BODY_TOO_LARGE, 413, "body_too_large", "The body is larger than 64 KiB", NULL)           \
	X(NOT_JSON, 415, "not_json", "The body must be application/json", NULL)                    \
	X(BAD_VALUE, 422, "bad_value", "A value is not valid", NULL)                               \
	X(TOO_MANY_REQUESTS, 429, "too_many_requests", "Too many changes are in flight",           \
		"wait for earlier requests to end")                                                \
	X(TOO_MUCH_UNREAD, 503, "too_much_unread", "Too many replies wait for their clients",      \
		"read them, or ask for less at a time")                                            \
	X(INTERNAL, 500, "internal", "The server could not make the reply", NULL)                  \
	X(NOT_READY, 503, "not_ready", "The VM is not ready", NULL)                                \
	X(UNAVAILABLE, 503, "unavailable", "This is not available now", NULL)                      \
	X(TOO_MANY_STREAMS, 503, "too_many_streams", "All streams are taken",                      \
		"at most 16 streams at once")                                                      \
	X(STOPPING, 503, "stopping", "The server is stopping", NULL)                               \
	X(TIMEOUT, 504, "timeout", "The answer did not come in time", NULL)

enum problem_code {
#define PROBLEM_ENUM(id, ...) PROBLEM_##id,
	PROBLEMS(PROBLEM_ENUM)
#undef PROBLEM_ENUM
		PROBLEM_COUNT,
};

struct problem_desc {
	const char *code, *title, *hint; /* hint: NULL when there is nothing to advise */
	unsigned status;
};
extern const struct problem_desc problem_desc[PROBLEM_COUNT];

struct stream;

/* What a handler makes of a request. */
struct reply {
	unsigned status;       /* 0: none yet */
	struct writer body;    /* owns */
	const char *type;      /* content type; constant */
	const char *schema;    /* name of the body's schema, NULL when it is not JSON */
	struct stream *stream; /* owns; the body is what this makes, until it ends */
	char allow[64];        /* 405 */
};

void reply_deinit(struct reply *reply);
/* Starts a JSON reply: returns the writer for its body. */
struct writer *reply_json(struct reply *reply, unsigned status, const char *schema);

/* Makes the reply a problem; replaces whatever it was. */
void problem(struct reply *reply, enum problem_code code, const char *format, ...) PRINTF(3, 4);
/*
 * The same with one errors[] member that names the place: a JSON pointer into the body, or "?name"
 * for a query parameter.
 */
void problem_value(struct reply *reply, enum problem_code code, const char *pointer,
	const char *format, ...) PRINTF(4, 5);
