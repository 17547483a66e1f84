/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The SynIC test device, and what a hostile guest might ask of it (spec 11).
 */
#include "lib/synic.h"

enum { SINT = 3, VECTOR = 0x63, CONNECTION = 9, ABSENT_VP = 200 };

struct counts {
	_Atomic uint32_t interrupts;
};

static void check_route(struct gx_vp *vp, struct counts *counts)
{
	uint32_t self = gx_index(vp);

	gx_testdev(vp, GX_TESTDEV_SET_SINT, self, SINT, 0);
	gx_sleep_ms(vp, 5);
	gx_ok(vp, atomic_load(&counts->interrupts) == 0, "SET_SINT without a route is ignored");
	gx_testdev(vp, GX_TESTDEV_ROUTE_CREATE, self, SINT, 0);
	gx_testdev(vp, GX_TESTDEV_SET_SINT, self, SINT, 0);
	gx_ok(vp, gx_wait(vp, atomic_load(&counts->interrupts) == 1),
		"SET_SINT through a route raises the SINT");
	gx_ok(vp, gx_slot_type(vp, SINT) == HV_MESSAGE_TYPE_NONE, "without a message");
	gx_testdev(vp, GX_TESTDEV_ROUTE_CREATE, self, SINT, 0);
	gx_testdev(vp, GX_TESTDEV_ROUTE_DESTROY, self, SINT, 0);
	gx_testdev(vp, GX_TESTDEV_SET_SINT, self, SINT, 0);
	gx_ok(vp, gx_wait(vp, atomic_load(&counts->interrupts) == 2), "of two routes one may go");
	gx_testdev(vp, GX_TESTDEV_ROUTE_DESTROY, self, SINT, 0);
	gx_testdev(vp, GX_TESTDEV_SET_SINT, self, SINT, 0);
	gx_sleep_ms(vp, 5);
	gx_ok(vp, atomic_load(&counts->interrupts) == 2,
		"with the last one gone SET_SINT is ignored");
}

static void check_nonsense(struct gx_vp *vp)
{
	uint32_t self = gx_index(vp);

	gx_testdev(vp, GX_TESTDEV_ROUTE_DESTROY, self, SINT, 0);
	gx_testdev(vp, GX_TESTDEV_MESSAGE_DESTROY, self, SINT, CONNECTION);
	gx_testdev(vp, GX_TESTDEV_EVENT_DESTROY, self, SINT, CONNECTION);
	gx_testdev(vp, GX_TESTDEV_ROUTE_CREATE, ABSENT_VP, SINT, 0);
	gx_testdev(vp, GX_TESTDEV_MESSAGE_CREATE, ABSENT_VP, SINT, CONNECTION);
	gx_testdev(vp, GX_TESTDEV_EVENT_CREATE, self, 16, CONNECTION);
	gx_testdev(vp, GX_TESTDEV_EVENT_CREATE, self, 255, CONNECTION);
	gx_testdev(vp, 0, self, SINT, CONNECTION);
	gx_testdev(vp, 8, self, SINT, CONNECTION);
	gx_testdev(vp, 255, 255, 255, 255);
	gx_ok(vp, gx_in(vp, 0x3000, 4) == 0,
		"destroying what is absent, absent VPs and SINTs, unknown commands: ignored");
	gx_ok(vp, gx_signal(vp, CONNECTION, 0) == HV_STATUS_INVALID_CONNECTION_ID,
		"and nothing was made");
}

static void check_connections(struct gx_vp *vp)
{
	uint32_t self = gx_index(vp);
	struct hv_message message;

	gx_testdev(vp, GX_TESTDEV_MESSAGE_CREATE, self, SINT, CONNECTION);
	gx_testdev(vp, GX_TESTDEV_MESSAGE_CREATE, self, SINT, CONNECTION);
	gx_testdev(vp, GX_TESTDEV_EVENT_CREATE, self, SINT, CONNECTION);
	gx_ok(vp, gx_signal(vp, CONNECTION, 0) == HV_STATUS_INVALID_PORT_ID,
		"a duplicate id is refused, the first one stands");
	gx_ok(vp, gx_post_patiently(vp, CONNECTION, 5, "hello", 5) == HV_STATUS_SUCCESS,
		"a message connection takes a message");
	gx_ok(vp, gx_wait(vp, gx_take_message(vp, SINT, &message)) && message.header.type == 5,
		"and sends it back");
	gx_testdev(vp, GX_TESTDEV_MESSAGE_DESTROY, self, SINT, CONNECTION);
	gx_ok(vp, gx_post(vp, CONNECTION, 5, "hello", 5) == HV_STATUS_INVALID_CONNECTION_ID,
		"destroyed, its id is unknown");
}

/* A refused post must not harm the one that waits. */
static void check_refused_post(struct gx_vp *vp)
{
	uint32_t self = gx_index(vp);
	struct hv_message message;
	uint16_t status;

	gx_testdev(vp, GX_TESTDEV_MESSAGE_CREATE, self, SINT, CONNECTION);
	gx_post_patiently(vp, CONNECTION, 5, "first", 5);
	gx_wait(vp, gx_slot_type(vp, SINT) == 5);
	gx_post_patiently(vp, CONNECTION, 6, "second", 6);
	status = gx_post(vp, CONNECTION, 7, "third!!", 7);
	gx_ok(vp, status == HV_STATUS_INSUFFICIENT_BUFFERS,
		"with a message waiting for its slot, the next is refused");
	gx_take_message(vp, SINT, &message);
	gx_ok(vp,
		gx_wait(vp, gx_take_message(vp, SINT, &message)) && message.header.type == 6 &&
			message.header.payload_size == 6 &&
			!__builtin_memcmp(message.payload, "second", 6),
		"and the one that waited arrives as it was posted");
	gx_testdev(vp, GX_TESTDEV_MESSAGE_DESTROY, self, SINT, CONNECTION);
}

static void run(struct gx_vp *vp)
{
	struct counts *counts = gx_state(vp);

	gx_hypercalls_enable(vp);
	gx_synic_enable(vp);
	gx_count_interrupts(vp, VECTOR, &counts->interrupts);
	gx_set_sint(vp, SINT, VECTOR);
	check_route(vp, counts);
	check_nonsense(vp);
	check_connections(vp);
	check_refused_post(vp);
}

const struct gx_program gx_program_testdev = {
	.name = "testdev",
	.rule = "the test device does what it is asked and ignores nonsense",
	.state_bytes = sizeof(struct counts),
	.run = run,
};
