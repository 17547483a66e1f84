/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmbus/states.h"

#include "common/util.h"

const char *const vmbus_state_names[] = {
	"disconnected", "connecting", "negotiated", "connected", "disconnecting", NULL};
const char *const vmbus_channel_state_names[] = {"client_released", "closed", "opening", "open",
	"failed", "closing", "closing_reopen", "revoked", "opening_client_release",
	"closing_client_release", NULL};
const char *const vmbus_device_state_names[] = {"closed", "opening", "open", "closing", NULL};
const char *const vmbus_gpadl_state_names[] = {"assembling", "accepted", "tearing_down", NULL};
const char *const ic_state_names[] = {
	"closed", "waiting", "negotiating", "ready", "failed", "no_daemon", NULL};
const char *const ic_contact_names[] = {
	"no_contact", "no_handshake", "lost_communication", "ok", NULL};
const char *const ring_invariant_names[] = {
	"R1", "R2", "R3", "R4", "R5", "R6", "R7", "R8", "R9", "R10", "R11", "R12", "R13", NULL};
const char *const ring_invariant_texts[] = {
	"an index is out of bounds",
	"an index is not a multiple of 8",
	"the packets do not end at the write index",
	"a packet's header makes no sense",
	"a trailer does not say where its packet starts",
	"the interrupt mask is neither 0 nor 1",
	"the writer waits for more room than there is",
	"there is a feature other than pending_send_sz",
	"the host's index was overwritten",
	"the guest's signal was lost",
	"the host sleeps with its mask set",
	"the writer was not told of the room it waits for",
	"the reader does not get on",
	NULL,
};

_Static_assert(ARRAY_LEN(vmbus_state_names) == VMBUS_STATES + 1, "a name for every state");
_Static_assert(
	ARRAY_LEN(vmbus_channel_state_names) == CHANNEL_STATES + 1, "a name for every state");
_Static_assert(ARRAY_LEN(vmbus_device_state_names) == DEVICE_STATES + 1, "a name for every state");
_Static_assert(ARRAY_LEN(vmbus_gpadl_state_names) == GPADL_STATES + 1, "a name for every state");
_Static_assert(ARRAY_LEN(ic_state_names) == IC_STATES + 1, "a name for every state");
_Static_assert(ARRAY_LEN(ic_contact_names) == IC_CONTACTS + 1, "a name for every contact");
_Static_assert(
	ARRAY_LEN(ring_invariant_names) == RING_INVARIANTS + 1, "a name for every invariant");
_Static_assert(
	ARRAY_LEN(ring_invariant_texts) == RING_INVARIANTS + 1, "a text for every invariant");
