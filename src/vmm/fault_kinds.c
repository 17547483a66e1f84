/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/fault.h"

const char *const fault_direction_names[] = {"in", "out", NULL};

/* How long a thing is kept whose fault was given no time: a minute, so that none is forgotten. */
#define KEEP_NS (60 * NSEC_PER_SEC)
/* The same for what stands still. */
#define STAND_NS (10 * NSEC_PER_SEC)

/* HV_STATUS_INSUFFICIENT_BUFFERS: what a guest takes for "try again". */
enum { NO_BUFFERS = 0x13 };

/* clang-format off */
#define BY_MESSAGE (FAULT_BY_RELID | FAULT_BY_MESSAGE | FAULT_BY_DIRECTION)
#define BY_SINT    (FAULT_BY_VP | FAULT_BY_SINT)

/* kind, name, help, selectors, traits, count, then what only some have */
#define KINDS(X)                                                                                   \
	X(FAULT_DROP_MESSAGE, "drop_message",                                                      \
		"a channel message is lost",                                                       \
		BY_MESSAGE, FAULT_NEEDS_BUS, 1)                                                    \
	X(FAULT_DELAY_MESSAGE, "delay_message",                                                    \
		"a channel message goes on after a delay; later ones overtake it",                 \
		BY_MESSAGE, FAULT_NEEDS_BUS | FAULT_KEEPS, 1, .delay_ns = NSEC_PER_SEC)            \
	X(FAULT_DUPLICATE_MESSAGE, "duplicate_message",                                            \
		"a channel message arrives twice",                                                 \
		BY_MESSAGE, FAULT_NEEDS_BUS, 1)                                                    \
	X(FAULT_REORDER_MESSAGE, "reorder_message",                                                \
		"a channel message goes on after the next one of its direction, or a delay",       \
		BY_MESSAGE, FAULT_NEEDS_BUS | FAULT_KEEPS, 1, .delay_ns = NSEC_PER_SEC)            \
	X(FAULT_HOLD_MESSAGE, "hold_message",                                                      \
		"a channel message is withheld until the fault ends; later ones overtake it",      \
		BY_MESSAGE, FAULT_NEEDS_BUS | FAULT_KEEPS, 1, .for_ns = KEEP_NS)                   \
	X(FAULT_REFUSE_POST, "refuse_post",                                                        \
		"HvPostMessage of a channel message is refused with a status",                     \
		FAULT_BY_VP | FAULT_BY_MESSAGE, FAULT_NEEDS_BUS, 1, .status = NO_BUFFERS)          \
	X(FAULT_PAUSE_PUMP, "pause_pump",                                                          \
		"no channel message of the guest is taken from its queue",                         \
		0, FAULT_NEEDS_BUS | FAULT_LASTS, 0, .for_ns = STAND_NS)                           \
	X(FAULT_HOLD_OPEN, "hold_open",                                                            \
		"a device that the guest opens does not start until the fault ends",               \
		FAULT_BY_RELID, FAULT_NEEDS_BUS | FAULT_KEEPS, 1, .for_ns = KEEP_NS)               \
	X(FAULT_HOLD_CLOSE, "hold_close",                                                          \
		"a device that is closed does not say that it has stopped until the fault ends",   \
		FAULT_BY_RELID, FAULT_NEEDS_BUS | FAULT_KEEPS, 1, .for_ns = KEEP_NS)               \
	X(FAULT_LOSE_PENDING, "lose_pending",                                                      \
		"a message waits for its slot, and the guest is not asked for an EOM",             \
		BY_SINT, 0, 1)                                                                     \
	X(FAULT_SKIP_ASSERT, "skip_assert",                                                        \
		"a message or an event flag is there, and its SINT is not raised",                 \
		BY_SINT, 0, 1)                                                                     \
	X(FAULT_SKIP_EVENT, "skip_event",                                                          \
		"the event flag of a channel towards the guest is not set",                        \
		FAULT_BY_RELID | FAULT_BY_VP, FAULT_NEEDS_BUS, 1)                                  \
	X(FAULT_SKIP_ROOM_SIGNAL, "skip_room_signal",                                              \
		"a guest that waits for room in its ring is not told that there is some",          \
		FAULT_BY_RELID, FAULT_NEEDS_BUS, 1)                                                \
	X(FAULT_LEAVE_MASKED, "leave_masked",                                                      \
		"hvd has read a ring, and goes idle with its interrupt masked",                    \
		FAULT_BY_RELID, FAULT_NEEDS_BUS, 1)                                                \
	X(FAULT_SKIP_MONITOR, "skip_monitor",                                                      \
		"the guest's bits in the monitor page are not taken",                              \
		FAULT_BY_RELID, FAULT_LASTS, 0, .for_ns = STAND_NS)                                \
	X(FAULT_SKIP_RESCIND, "skip_rescind",                                                      \
		"a connection of hv_sock that the guest has closed is not taken back",             \
		FAULT_BY_RELID, FAULT_NEEDS_BUS, 1)                                                \
	X(FAULT_EARLY_EVENT, "early_event",                                                        \
		"the event of a channel's first packet comes before OPEN_CHANNEL_RESULT",          \
		FAULT_BY_RELID, FAULT_NEEDS_BUS, 1)                                                \
	X(FAULT_OVERSIZE_PACKET, "oversize_packet",                                                \
		"a packet is made longer than the guest's driver takes",                           \
		FAULT_BY_RELID, FAULT_NEEDS_BUS, 1)                                                \
	X(FAULT_DUPLICATE_OFFER, "duplicate_offer",                                                \
		"a channel is offered a second time while the guest has it",                       \
		FAULT_BY_RELID, FAULT_NEEDS_BUS, 1)                                                \
	X(FAULT_PIPELINE_IC, "pipeline_ic",                                                        \
		"an integration component asks again without waiting for the answer",              \
		FAULT_BY_RELID, FAULT_NEEDS_BUS, 1)
/* clang-format on */

const char *const fault_kind_names[FAULT_KINDS + 1] = {
#define KIND_NAME(kind, name, ...) [kind] = (name),
	KINDS(KIND_NAME)
#undef KIND_NAME
};

const struct fault_kind_row fault_kinds[FAULT_KINDS] = {
#define KIND_ROW(kind, name, text, by, what, times, ...)                                           \
	[kind] = {                                                                                 \
		.help = (text), .selectors = (by), .traits = (what), .count = (times),             \
		__VA_ARGS__ },
	KINDS(KIND_ROW)
#undef KIND_ROW
};
