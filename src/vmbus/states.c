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

_Static_assert(ARRAY_LEN(vmbus_state_names) == VMBUS_STATES + 1, "a name for every state");
_Static_assert(
	ARRAY_LEN(vmbus_channel_state_names) == CHANNEL_STATES + 1, "a name for every state");
_Static_assert(ARRAY_LEN(vmbus_device_state_names) == DEVICE_STATES + 1, "a name for every state");
_Static_assert(ARRAY_LEN(vmbus_gpadl_state_names) == GPADL_STATES + 1, "a name for every state");
_Static_assert(ARRAY_LEN(ic_state_names) == IC_STATES + 1, "a name for every state");
_Static_assert(ARRAY_LEN(ic_contact_names) == IC_CONTACTS + 1, "a name for every contact");
