/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The status of every refused HvPostMessage and HvSignalEvent (spec 6.3, 6.4, columns "Ours").
 */
#include "lib/synic.h"

#define NOT_RAM_GPA        UINT64_C(0xf0000000)
#define UNKNOWN_CONNECTION 0x00abcdefu
#define BIT(n)             (UINT64_C(1) << (n))

enum { SINT = 2, VECTOR = 0x60, MESSAGE_CONNECTION = 1, EVENT_CONNECTION = 3 };

static void set_up(struct gx_vp *vp)
{
	gx_hypercalls_enable(vp);
	gx_synic_enable(vp);
	gx_ignore_interrupts(vp, VECTOR);
	gx_set_sint(vp, SINT, VECTOR);
	gx_testdev(vp, GX_TESTDEV_MESSAGE_CREATE, gx_index(vp), SINT, MESSAGE_CONNECTION);
	gx_testdev(vp, GX_TESTDEV_EVENT_CREATE, gx_index(vp), SINT, EVENT_CONNECTION);
}

struct control_row {
	uint64_t bits;
	uint16_t status;
	const char *what;
};

static void check_controls(struct gx_vp *vp, uint16_t code, uint64_t input,
	const struct control_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint16_t status = gx_hypercall(vp, code | rows[i].bits, input, 0);

		gx_ok(vp, status == rows[i].status, "%s: status %x, got %x", rows[i].what,
			rows[i].status, status);
	}
}

static const struct control_row reserved_rows[] = {
	{BIT(27), HV_STATUS_INVALID_HYPERCALL_INPUT, "reserved control bit 27"},
	{BIT(30), HV_STATUS_INVALID_HYPERCALL_INPUT, "reserved control bit 30"},
	{BIT(31), HV_STATUS_INVALID_HYPERCALL_INPUT, "nested bit"},
	{BIT(44), HV_STATUS_INVALID_HYPERCALL_INPUT, "reserved control bit 44"},
	{BIT(63), HV_STATUS_INVALID_HYPERCALL_INPUT, "reserved control bit 63"},
	{BIT(32), HV_STATUS_INVALID_HYPERCALL_INPUT, "a rep count"},
	{BIT(48), HV_STATUS_INVALID_HYPERCALL_INPUT, "a rep start index"},
	{BIT(17), HV_STATUS_INVALID_HYPERCALL_INPUT, "a variable header"},
};

/* ---- post-status --------------------------------------------------------- */

struct post_row {
	uint32_t connection, type, payload_size;
	uint16_t status;
	const char *what;
};

static const struct post_row post_rows[] = {
	{MESSAGE_CONNECTION, 1, 241, HV_STATUS_INVALID_PARAMETER, "payload 241"},
	{MESSAGE_CONNECTION, 1, UINT32_MAX, HV_STATUS_INVALID_PARAMETER, "payload 2^32 - 1"},
	{MESSAGE_CONNECTION, 0, 8, HV_STATUS_INVALID_PARAMETER, "message type 0"},
	{MESSAGE_CONNECTION, HV_MESSAGE_TYPE_TIMER_EXPIRED, 8, HV_STATUS_INVALID_PARAMETER,
		"a hypervisor's message type"},
	{MESSAGE_CONNECTION | 1u << 24, 1, 8, HV_STATUS_INVALID_CONNECTION_ID,
		"connection id bit 24"},
	{MESSAGE_CONNECTION | 1u << 31, 1, 8, HV_STATUS_INVALID_CONNECTION_ID,
		"connection id bit 31"},
	{UNKNOWN_CONNECTION, 1, 8, HV_STATUS_INVALID_CONNECTION_ID, "an unknown connection"},
	{UNKNOWN_CONNECTION, 1, 241, HV_STATUS_INVALID_PARAMETER,
		"an unknown connection with payload 241"},
	{EVENT_CONNECTION, 1, 8, HV_STATUS_INVALID_PORT_ID, "an event connection"},
};

static uint16_t post_at(struct gx_vp *vp, uint64_t gpa, const struct post_row *row)
{
	struct hv_post_message_input input = {
		.connection_id = row->connection,
		.message_type = row->type,
		.payload_size = row->payload_size,
	};

	__builtin_memcpy((char *)gx_at(vp, gpa), &input, sizeof(input));
	return gx_hypercall(vp, HV_CALL_POST_MESSAGE, gpa, 0);
}

static void check_post_inputs(struct gx_vp *vp)
{
	const struct post_row good = {MESSAGE_CONNECTION, 1, 8, 0, NULL};
	uint64_t page = gx_pages(vp, 2);

	gx_ok(vp, post_at(vp, page + 4, &good) == HV_STATUS_INVALID_ALIGNMENT,
		"input at a multiple of 4 only");
	gx_ok(vp, post_at(vp, page + 1, &good) == HV_STATUS_INVALID_ALIGNMENT,
		"input at an odd address");
	gx_ok(vp,
		gx_hypercall(vp, HV_CALL_POST_MESSAGE, page + HV_PAGE_SIZE - 248, 0) ==
			HV_STATUS_INVALID_ALIGNMENT,
		"input that crosses a page");
	gx_ok(vp,
		gx_hypercall(vp, HV_CALL_POST_MESSAGE, NOT_RAM_GPA, 0) ==
			HV_STATUS_INVALID_ALIGNMENT,
		"input outside RAM");
	gx_ok(vp,
		gx_hypercall(vp, HV_CALL_POST_MESSAGE | HV_CONTROL_FAST, page, 0) ==
			HV_STATUS_INVALID_HYPERCALL_INPUT,
		"the fast form");
	gx_ok(vp, gx_slot_type(vp, SINT) == HV_MESSAGE_TYPE_NONE,
		"none of these delivered anything");
	gx_ok(vp, post_at(vp, page + HV_PAGE_SIZE - 256, &good) == HV_STATUS_SUCCESS,
		"input up to the end of a page");
	gx_ok(vp, gx_wait(vp, gx_slot_type(vp, SINT) == 1), "that one arrives");
}

/* The slot is occupied: one message waits behind it, the next finds no buffer. */
static void check_full(struct gx_vp *vp)
{
	gx_ok(vp, gx_post_patiently(vp, MESSAGE_CONNECTION, 2, "x", 1) == HV_STATUS_SUCCESS,
		"with the slot occupied one message may wait");
	gx_ok(vp, gx_post(vp, MESSAGE_CONNECTION, 2, "x", 1) == HV_STATUS_INSUFFICIENT_BUFFERS,
		"a full receiver says so");
}

static void check_largest(struct gx_vp *vp)
{
	uint8_t payload[HV_MESSAGE_PAYLOAD_MAX];
	struct hv_message message;

	while (gx_take_message(vp, SINT, &message))
		gx_sleep_ms(vp, 5);
	for (unsigned i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)(i + 1);
	gx_ok(vp,
		gx_post_patiently(vp, MESSAGE_CONNECTION, 9, payload, sizeof(payload)) ==
			HV_STATUS_SUCCESS,
		"payload 240 is accepted");
	gx_ok(vp,
		gx_wait(vp, gx_slot_type(vp, SINT) == 9) && gx_take_message(vp, SINT, &message) &&
			message.header.payload_size == sizeof(payload) &&
			!__builtin_memcmp(message.payload, payload, sizeof(payload)),
		"and arrives whole");
}

static void run_post(struct gx_vp *vp)
{
	set_up(vp);
	for (size_t i = 0; i < GX_ARRAY_LEN(post_rows); i++) {
		uint16_t status = post_at(vp, gx_input(vp), &post_rows[i]);

		gx_ok(vp, status == post_rows[i].status, "%s: status %x, got %x", post_rows[i].what,
			post_rows[i].status, status);
	}
	check_controls(
		vp, HV_CALL_POST_MESSAGE, gx_input(vp), reserved_rows, GX_ARRAY_LEN(reserved_rows));
	check_post_inputs(vp);
	check_full(vp);
	check_largest(vp);
}

const struct gx_program gx_program_post_status = {
	.name = "post-status",
	.rule = "HvPostMessage answers each bad input with its own status",
	.run = run_post,
};

/* ---- signal-status ------------------------------------------------------- */

/* KVM refuses every reserved bit of an input with flag number 0, the connection id's too. */
struct signal_row {
	uint64_t input;
	uint16_t status;
	const char *what;
};

static const struct signal_row signal_rows[] = {
	{UNKNOWN_CONNECTION, HV_STATUS_INVALID_CONNECTION_ID, "an unknown connection"},
	{EVENT_CONNECTION | BIT(24), HV_STATUS_INVALID_CONNECTION_ID, "connection id bit 24"},
	{EVENT_CONNECTION | BIT(31), HV_STATUS_INVALID_CONNECTION_ID, "connection id bit 31"},
	{EVENT_CONNECTION | BIT(48), HV_STATUS_INVALID_HYPERCALL_INPUT, "reserved bit 48"},
	{EVENT_CONNECTION | BIT(63), HV_STATUS_INVALID_HYPERCALL_INPUT, "reserved bit 63"},
	{EVENT_CONNECTION | UINT64_C(2048) << 32, HV_STATUS_INVALID_PARAMETER, "flag 2048"},
	{EVENT_CONNECTION | UINT64_C(0xffff) << 32, HV_STATUS_INVALID_PARAMETER, "flag 65535"},
	{MESSAGE_CONNECTION, HV_STATUS_INVALID_PORT_ID, "a message connection"},
	{EVENT_CONNECTION, HV_STATUS_SUCCESS, "an event connection"},
};

static uint16_t signal_slow(struct gx_vp *vp, uint64_t gpa, uint64_t input)
{
	__builtin_memcpy((char *)gx_at(vp, gpa), &input, sizeof(input));
	return gx_hypercall(vp, HV_CALL_SIGNAL_EVENT, gpa, 0);
}

static uint16_t expected_status(struct gx_vp *vp, const struct signal_row *row)
{
	if (gx_is_kvm_synic(vp) && row->input & UINT64_C(0xff000000))
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	return row->status;
}

static void check_signal(struct gx_vp *vp, const struct signal_row *row)
{
	uint16_t expected = expected_status(vp, row);
	uint16_t fast = gx_hypercall(vp, HV_CALL_SIGNAL_EVENT | HV_CONTROL_FAST, row->input, 0);
	uint16_t slow = signal_slow(vp, gx_input(vp), row->input);

	gx_ok(vp, fast == expected, "fast, %s: status %x, got %x", row->what, expected, fast);
	gx_ok(vp, slow == expected, "slow, %s: status %x, got %x", row->what, expected, slow);
}

static void check_signal_inputs(struct gx_vp *vp)
{
	uint64_t page = gx_pages(vp, 1);

	gx_ok(vp, signal_slow(vp, page + 4, EVENT_CONNECTION) == HV_STATUS_INVALID_ALIGNMENT,
		"slow, at a multiple of 4 only");
	gx_ok(vp,
		gx_hypercall(vp, HV_CALL_SIGNAL_EVENT, page + HV_PAGE_SIZE - 4, 0) ==
			HV_STATUS_INVALID_ALIGNMENT,
		"slow, across a page");
	gx_ok(vp,
		gx_hypercall(vp, HV_CALL_SIGNAL_EVENT, NOT_RAM_GPA, 0) ==
			HV_STATUS_INVALID_ALIGNMENT,
		"slow, outside RAM");
	gx_ok(vp, signal_slow(vp, page + HV_PAGE_SIZE - 8, EVENT_CONNECTION) == HV_STATUS_SUCCESS,
		"slow, in the last 8 bytes of a page");
	gx_ok(vp, gx_hypercall(vp, 0x7777, 0, 0) == HV_STATUS_INVALID_HYPERCALL_CODE,
		"an unknown call code");
}

static void run_signal(struct gx_vp *vp)
{
	set_up(vp);
	for (size_t i = 0; i < GX_ARRAY_LEN(signal_rows); i++)
		check_signal(vp, &signal_rows[i]);
	check_controls(
		vp, HV_CALL_SIGNAL_EVENT, gx_input(vp), reserved_rows, GX_ARRAY_LEN(reserved_rows));
	check_signal_inputs(vp);
}

const struct gx_program gx_program_signal_status = {
	.name = "signal-status",
	.rule = "HvSignalEvent answers each bad input with its own status",
	.run = run_signal,
};
