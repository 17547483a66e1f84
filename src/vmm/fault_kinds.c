/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/fault.h"

const char *const fault_direction_names[] = {"in", "out", NULL};
const char *const fault_kind_names[FAULT_KINDS + 1] = {
	[FAULT_DROP_MESSAGE] = "drop_message",
	[FAULT_DELAY_MESSAGE] = "delay_message",
	[FAULT_DUPLICATE_MESSAGE] = "duplicate_message",
	[FAULT_REORDER_MESSAGE] = "reorder_message",
	[FAULT_HOLD_MESSAGE] = "hold_message",
	[FAULT_HOLD_OPEN] = "hold_open",
	[FAULT_HOLD_CLOSE] = "hold_close",
};

#define BY_MESSAGE (FAULT_BY_RELID | FAULT_BY_MESSAGE | FAULT_BY_DIRECTION)

/* How long a thing is kept whose fault was given no time: a minute, so that none is forgotten. */
#define KEEP_NS (60 * NSEC_PER_SEC)

const struct fault_kind_row fault_kinds[FAULT_KINDS] = {
	[FAULT_DROP_MESSAGE] =
		{
			.help = "a channel message is lost",
			.selectors = BY_MESSAGE,
			.traits = FAULT_NEEDS_BUS,
			.count = 1,
		},
	[FAULT_DELAY_MESSAGE] =
		{
			.help = "a channel message goes on after a delay; later ones overtake it",
			.selectors = BY_MESSAGE,
			.traits = FAULT_NEEDS_BUS | FAULT_KEEPS,
			.count = 1,
			.delay_ns = NSEC_PER_SEC,
		},
	[FAULT_DUPLICATE_MESSAGE] =
		{
			.help = "a channel message arrives twice",
			.selectors = BY_MESSAGE,
			.traits = FAULT_NEEDS_BUS,
			.count = 1,
		},
	[FAULT_REORDER_MESSAGE] =
		{
			.help = "a channel message goes on after the next one of its direction, or a delay",
			.selectors = BY_MESSAGE,
			.traits = FAULT_NEEDS_BUS | FAULT_KEEPS,
			.count = 1,
			.delay_ns = NSEC_PER_SEC,
		},
	[FAULT_HOLD_MESSAGE] =
		{
			.help = "a channel message is withheld until the fault ends; later ones overtake it",
			.selectors = BY_MESSAGE,
			.traits = FAULT_NEEDS_BUS | FAULT_KEEPS,
			.count = 1,
			.for_ns = KEEP_NS,
		},
	[FAULT_HOLD_OPEN] =
		{
			.help = "a device that the guest opens does not start until the fault ends",
			.selectors = FAULT_BY_RELID,
			.traits = FAULT_NEEDS_BUS | FAULT_KEEPS,
			.count = 1,
			.for_ns = KEEP_NS,
		},
	[FAULT_HOLD_CLOSE] =
		{
			.help = "a device that is closed does not say that it has stopped until the fault ends",
			.selectors = FAULT_BY_RELID,
			.traits = FAULT_NEEDS_BUS | FAULT_KEEPS,
			.count = 1,
			.for_ns = KEEP_NS,
		},
};
