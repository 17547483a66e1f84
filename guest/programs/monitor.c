/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Monitored notification (TLFS 11.11, spec 9): a bit set in a shared page is a signal without a
 * hypercall. The page goes to the host through the demo's message port (src/vmm/dev/demo.h).
 */
#include "lib/synic.h"

#define MESSAGE_PORT      0x10001u
#define MONITOR_PORT      0x10003u
#define MONITOR_PAGE_TYPE 0x6d6fu
#define NOT_RAM_GPA       UINT64_C(0xf0000000)

enum { SINT = 2, VECTOR = 0x60, MONITOR_FLAG = 2, MONITOR_ID = 0 };

struct counts {
	_Atomic uint32_t interrupts;
};

/* Gives the page to the host: its answer, 0 or a negative error. */
static int32_t give_page(struct gx_vp *vp, uint64_t gpa)
{
	struct hv_message message;
	int32_t result;

	if (gx_post_patiently(vp, MESSAGE_PORT, MONITOR_PAGE_TYPE, &gpa, sizeof(gpa)))
		gx_die(vp, "the demo port does not take a monitor page");
	if (!gx_wait(vp, gx_take_message(vp, SINT, &message)) ||
		message.header.type != MONITOR_PAGE_TYPE)
		gx_die(vp, "no answer to the monitor page");
	__builtin_memcpy(&result, message.payload, sizeof(result));
	return result;
}

static void set_pending(struct hv_monitor_page *page, unsigned bit)
{
	__atomic_fetch_or(&page->group[bit / 32].pending, 1u << (bit % 32), __ATOMIC_SEQ_CST);
}

static bool serviced(struct gx_vp *vp, struct hv_monitor_page *page)
{
	return !__atomic_load_n(&page->group[0].pending, __ATOMIC_ACQUIRE) &&
	       gx_take_flag(vp, SINT, MONITOR_FLAG);
}

static void check_page(struct gx_vp *vp, struct hv_monitor_page *page)
{
	gx_ok(vp, __atomic_load_n(&page->trigger_state, __ATOMIC_ACQUIRE) & 1,
		"group 0 is enabled in the page");
	gx_ok(vp, page->parameter[0][MONITOR_ID].connection_id == MONITOR_PORT,
		"the page names the monitor's connection");
	gx_ok(vp, page->latency[0][MONITOR_ID] > 0, "and its latency");
}

static void check_trigger(struct gx_vp *vp, struct hv_monitor_page *page, struct counts *counts)
{
	uint32_t before = atomic_load(&counts->interrupts);

	set_pending(page, MONITOR_ID);
	gx_ok(vp, gx_wait(vp, serviced(vp, page)), "a pending bit is taken and signals the port");
	gx_ok(vp, gx_wait(vp, atomic_load(&counts->interrupts) > before),
		"which answers with an event");
	set_pending(page, MONITOR_ID);
	gx_ok(vp, gx_wait(vp, serviced(vp, page)), "and again");
	set_pending(page, MONITOR_ID + 1);
	gx_ok(vp,
		gx_wait(vp, !__atomic_load_n(&page->group[0].pending, __ATOMIC_ACQUIRE)) &&
			!gx_take_flag(vp, SINT, MONITOR_FLAG),
		"the bit of an unused monitor signals nothing");
}

static void run(struct gx_vp *vp)
{
	struct counts *counts = gx_state(vp);
	uint64_t gpa = gx_pages(vp, 1);
	struct hv_monitor_page *page = gx_at(vp, gpa);

	gx_hypercalls_enable(vp);
	gx_synic_enable(vp);
	gx_count_interrupts(vp, VECTOR, &counts->interrupts);
	gx_set_sint(vp, SINT, VECTOR);
	gx_ok(vp, gx_signal(vp, MONITOR_PORT, 0) == HV_STATUS_SUCCESS,
		"a monitored port may be signalled by hypercall");
	gx_ok(vp, gx_wait(vp, gx_take_flag(vp, SINT, MONITOR_FLAG)), "with the same effect");
	gx_ok(vp, give_page(vp, NOT_RAM_GPA) < 0, "a monitor page outside RAM is refused");
	gx_ok(vp, give_page(vp, gpa) == 0, "the host takes the page");
	check_page(vp, page);
	check_trigger(vp, page, counts);
}

const struct gx_program gx_program_monitor = {
	.name = "monitor",
	.rule = "a bit in the monitor page signals like a hypercall",
	.state_bytes = sizeof(struct counts),
	.run = run,
};
