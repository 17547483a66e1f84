/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Backup: the guest freezes its file systems and thaws them again (spec/vmbus.md 7.7).
 *
 *	thawed --freeze--> freezing --answered--> frozen --thaw, or its time is over--> thawing
 *	freezing --refused--> thawed     thawing --answered--> thawed, --refused--> frozen
 *	any but thawed --the channel closes--> unknown --versions chosen again--> thawing
 *
 * From the moment a freeze is sent a thaw is due, whatever becomes of the answer and of whoever
 * asked. It is sent every second until the guest says that it did it: thawing what is not frozen
 * does no harm.
 *
 * Purpose: the questions of the component vss, and what there is to see of it.
 * Threads: main loop, with the bus's lock held.
 * Errors:  enum ic_outcome.
 */
#include "common/util.h"

struct ic;
struct ic_freeze_info;

/* In the order of vss_ops.questions. */
enum vss_question { VSS_BACKUP, VSS_FREEZE, VSS_THAW };

enum vss_state { VSS_THAWED, VSS_FREEZING, VSS_FROZEN, VSS_THAWING, VSS_UNKNOWN };

#define VSS_FREEZE_MIN_NS     (100 * NSEC_PER_MSEC)
#define VSS_FREEZE_MAX_NS     (60 * NSEC_PER_SEC)
#define VSS_FREEZE_DEFAULT_NS (10 * NSEC_PER_SEC)

void vss_info(const struct ic *ic, struct ic_freeze_info *ret_info);
