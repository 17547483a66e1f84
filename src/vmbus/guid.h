/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * GUIDs of devices: text and order.
 *
 * Purpose: what names a class of devices, and one of its instances.
 * Threads: any.
 * Errors:  -EINVAL.
 */
#include <stdbool.h>
#include "common/util.h"
#include "hvdef/vmbus.h"

enum { GUID_TEXT_BYTES = 37 }; /* with the end */

/* "57164f39-9115-4e78-ab55-382f3bd5422d" */
void guid_format(const struct vmbus_guid *guid, char text[GUID_TEXT_BYTES]);
int guid_parse(const char *text, struct vmbus_guid *ret_guid) MUST_CHECK;
/* <0, 0, >0: the order of their texts. */
int guid_compare(const struct vmbus_guid *a, const struct vmbus_guid *b);
/* A random one (RFC 4122, version 4). 0 or the negative errno of getrandom(). */
int guid_random(struct vmbus_guid *ret_guid) MUST_CHECK;
