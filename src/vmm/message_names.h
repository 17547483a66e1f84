/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What the channel messages of VMBus are called, one by one: VMBUS_MESSAGE_WORDS of vmm/event.h.
 *
 * Purpose: the words of records, of faults, and of whoever looks at a bus without having one.
 * Threads: constant.
 * Errors:  none.
 */
extern const char *const vmbus_message_names[]; /* by enum vmbus_message_type; ends with NULL */
