/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The states of the bus and what they are called, and the invariants of its rings: plain enums, for
 * those who look at a bus without having one (the doctor, on another machine).
 *
 * Purpose: one list of states, one list of names.
 * Threads: constant.
 * Errors:  none.
 */
#include "vmm/message_names.h"

enum vmbus_state {
	VMBUS_DISCONNECTED,
	VMBUS_CONNECTING, /* VERSION_RESPONSE is on its way */
	VMBUS_NEGOTIATED,
	VMBUS_CONNECTED,
	VMBUS_DISCONNECTING, /* waits for devices to stop */
	VMBUS_STATES,
};

enum vmbus_channel_state {
	CHANNEL_CLIENT_RELEASED, /* the guest does not know it */
	CHANNEL_CLOSED,          /* offered */
	CHANNEL_OPENING,         /* the device was asked to start */
	CHANNEL_OPEN,
	CHANNEL_FAILED, /* open to the guest; the guest broke it, the device was stopped */
	CHANNEL_CLOSING,
	CHANNEL_CLOSING_REOPEN, /* OPEN came while closing */
	CHANNEL_REVOKED,        /* RESCIND was sent, RELID_RELEASED has to come */
	CHANNEL_OPENING_CLIENT_RELEASE,
	CHANNEL_CLOSING_CLIENT_RELEASE,
	CHANNEL_STATES,
};

enum vmbus_device_state {
	DEVICE_CLOSED,
	DEVICE_OPENING,
	DEVICE_OPEN,
	DEVICE_CLOSING,
	DEVICE_STATES,
};

enum vmbus_gpadl_state {
	GPADL_ASSEMBLING,
	GPADL_ACCEPTED,
	GPADL_TEARING_DOWN,
	GPADL_STATES,
};

enum ic_state {
	IC_CLOSED,
	IC_WAITING,
	IC_NEGOTIATING,
	IC_READY,
	IC_FAILED,
	IC_NO_DAEMON, /* of the guest: its driver reads nothing */
	IC_STATES,
};

/* The health rule of spec/vmbus.md 7.3. */
enum ic_contact {
	IC_NO_CONTACT,
	IC_NO_HANDSHAKE,
	IC_LOST_COMMUNICATION,
	IC_CONTACT_OK,
	IC_CONTACTS,
};

/* Of a ring: R1 to R13 of spec/vmbus.md 4.6; ring_check.h judges. */
enum ring_invariant {
	RING_R1,
	RING_R2,
	RING_R3,
	RING_R4,
	RING_R5,
	RING_R6,
	RING_R7,
	RING_R8,
	RING_R9,
	RING_R10,
	RING_R11,
	RING_R12,
	RING_R13,
	RING_INVARIANTS,
};

/* By state; each ends with NULL. */
extern const char *const vmbus_state_names[];
extern const char *const vmbus_channel_state_names[];
extern const char *const vmbus_device_state_names[];
extern const char *const vmbus_gpadl_state_names[];
extern const char *const ic_state_names[];
extern const char *const ic_contact_names[];
/* By invariant, "R1"; and what it means that it does not hold, in a few words. */
extern const char *const ring_invariant_names[];
extern const char *const ring_invariant_texts[];
/* By enum vmbus_message_type. */
