/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Actions: what a client may do to the machine.
 *
 * Purpose: POST to /v1/vm/..., /v1/messages, /v1/events and /v1/hypercalls/...
 * Threads: the handlers on the HTTP thread; what they do runs on the main loop.
 * Errors:  problems in the reply.
 */
#include <stdbool.h>
#include <stddef.h>
#include "common/util.h"
#include "inspect/param.h"

struct field_table;
struct operation;
struct request;

/* The argument `action` of HV_EVENT_API; its words are API_ACTION_WORDS of vmm/event.h. */
enum api_action {
	API_NONE = 0,
	API_PATCH = 1,
	API_VM_PAUSE = 2,
	API_VM_RESUME = 3,
	API_VM_RESET = 4,
	API_VM_SHUTDOWN = 5,
	API_MESSAGE = 6,
	API_EVENT = 7,
	API_POST_MESSAGE = 8,
	API_SIGNAL_EVENT = 9,
	API_IC_REQUEST = 10,
	API_DEVICE_ADD = 11,
	API_DEVICE_REMOVE = 12,
	API_ECHO_RUN = 13,
	API_ECHO_STOP = 14,
	API_FAULT_ADD = 15,
	API_FAULT_REMOVE = 16,
	API_FAULTS_CLEAR = 17,
	API_CHANNEL_UNSTICK = 18,
	API_CHANNEL_RESCIND = 19,
	API_SINT_KICK = 20,
};

void action_vm(struct request *request); /* which one: the route's action */
void action_message(struct request *request);
void action_event(struct request *request);
void action_hypercall(struct request *request); /* likewise */
void action_ic(struct request *request);
void action_device_add(struct request *request);
void action_device_remove(struct request *request);
void action_echo(struct request *request); /* which one: the route's action */
void action_fault_add(struct request *request);
void action_fault_remove(struct request *request);
void action_faults_clear(struct request *request);
void action_channel_remedy(struct request *request); /* likewise */
void action_kick(struct request *request);

/*
 * Main loop: whether anything can still reach the guest. If not, the operation has been finished
 * with 409 and must not be touched any more.
 */
bool action_guest_lives(struct operation *operation) MUST_CHECK;

extern const struct param_table action_message_body;
extern const struct param_table action_event_body;
extern const struct param_table action_post_message_body;
extern const struct param_table action_signal_event_body;
extern const struct param_table action_ic_body;
extern const struct param_table action_device_body;
extern const struct param_table action_echo_run_body;
extern const struct param_table action_echo_stop_body;
extern const struct param_table action_fault_body;
extern const struct param_table action_channel_remedy_body;
extern const struct param_table action_kick_body;

extern const struct field_table action_message_reply;
extern const struct field_table action_ic_reply;
extern const struct field_table action_faults_reply;
extern const struct field_table action_channel_remedy_reply;
extern const struct field_table action_kick_reply;
extern const struct field_table *const action_reply_tables[];
extern const size_t action_reply_table_count;
