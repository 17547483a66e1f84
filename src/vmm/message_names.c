/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/message_names.h"

#include "common/util.h"
#include "hvdef/vmbus.h"

const char *const vmbus_message_names[] = {"invalid", "offer_channel", "rescind_channel_offer",
	"request_offers", "all_offers_delivered", "open_channel", "open_channel_result",
	"close_channel", "gpadl_header", "gpadl_body", "gpadl_created", "gpadl_teardown",
	"gpadl_torndown", "relid_released", "initiate_contact", "version_response", "unload",
	"unload_response", "open_reserved_channel", "close_reserved_channel",
	"close_reserved_response", "tl_connect_request", "modify_channel", "tl_connect_result",
	"modify_channel_response", "modify_connection", "modify_connection_response", "pause",
	"pause_response", "resume", NULL};

_Static_assert(ARRAY_LEN(vmbus_message_names) == VMBUS_MSG_COUNT + 1, "a name for every message");
