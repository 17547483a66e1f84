/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SIMP and SIEFP as overlay pages (TLFS 5.2.1, spec 3.7): contents follow a move, the RAM below
 * reappears, any page of RAM will do, GPA 0 and the last one included.
 */
#include "lib/synic.h"

enum { SINT = 2, VECTOR = 0x60, CONNECTION = 1, MARK = 0x77777777 };

#define NOT_RAM_GPA UINT64_C(0xf0000000)

static volatile uint32_t *word_at(struct gx_vp *vp, uint64_t gpa)
{
	return gx_at(vp, gpa);
}

static void set_simp(struct gx_vp *vp, uint64_t gpa)
{
	gx_set_msr(vp, HV_MSR_SIMP, gpa | HV_PAGE_ENABLE);
}

/* The type in SINT's slot of a message page at `gpa`. */
static uint32_t type_at(struct gx_vp *vp, uint64_t gpa)
{
	struct hv_message_page *page = gx_at(vp, gpa);

	return __atomic_load_n(&page->slot[SINT].header.type, __ATOMIC_ACQUIRE);
}

static void free_at(struct gx_vp *vp, uint64_t gpa)
{
	struct hv_message_page *page = gx_at(vp, gpa);

	gx_free_message(&page->slot[SINT]);
}

static bool page_is(struct gx_vp *vp, uint64_t gpa, uint32_t value)
{
	for (unsigned i = 0; i < HV_PAGE_SIZE / 4; i++)
		if (word_at(vp, gpa)[i] != value)
			return false;
	return true;
}

static uint64_t marked_page(struct gx_vp *vp)
{
	uint64_t gpa = gx_pages(vp, 1);

	for (unsigned i = 0; i < HV_PAGE_SIZE / 4; i++)
		word_at(vp, gpa)[i] = MARK;
	return gpa;
}

static void post(struct gx_vp *vp, uint32_t type)
{
	if (gx_post_patiently(vp, CONNECTION, type, &type, sizeof(type)))
		gx_die(vp, "post of message %u refused", type);
}

static void check_move(struct gx_vp *vp)
{
	uint64_t first = marked_page(vp), second = marked_page(vp);

	set_simp(vp, first);
	gx_ok(vp, page_is(vp, first, 0),
		"enabled for the first time, the page is zeroed and hides the RAM");
	post(vp, 1);
	gx_ok(vp, gx_wait(vp, type_at(vp, first) == 1), "messages go into it");
	set_simp(vp, second);
	gx_ok(vp, type_at(vp, second) == 1, "moved, its contents follow");
	gx_ok(vp, page_is(vp, first, MARK), "and the RAM it hid reappears");
	gx_set_msr(vp, HV_MSR_SIMP, second);
	gx_ok(vp, page_is(vp, second, MARK), "disabled, the RAM reappears");
	set_simp(vp, first);
	gx_ok(vp, type_at(vp, first) == 1, "enabled again, the contents are back");
	free_at(vp, first);
	gx_set_msr(vp, HV_MSR_SIMP, 0);
}

static void check_queued_over_disable(struct gx_vp *vp)
{
	uint64_t page = gx_pages(vp, 1);

	set_simp(vp, page);
	post(vp, 2);
	gx_wait(vp, type_at(vp, page) == 2);
	post(vp, 3);
	gx_set_msr(vp, HV_MSR_SIMP, 0);
	gx_sleep_ms(vp, 10);
	set_simp(vp, page);
	gx_ok(vp, type_at(vp, page) == 2, "disabling with a message queued loses nothing");
	free_at(vp, page);
	gx_eom(vp);
	gx_ok(vp, gx_wait(vp, type_at(vp, page) == 3),
		"the queued one arrives after the page is back");
	free_at(vp, page);
	gx_set_msr(vp, HV_MSR_SIMP, 0);
}

static void check_place(struct gx_vp *vp, uint64_t gpa, uint32_t type, const char *what)
{
	uint32_t before = *word_at(vp, gpa);

	gx_ok(vp, gx_wrmsr(vp, HV_MSR_SIMP, gpa | HV_PAGE_ENABLE) == GX_FAULT_NONE,
		"SIMP at %s is accepted", what);
	post(vp, type);
	gx_ok(vp, gx_wait(vp, type_at(vp, gpa) == type), "and messages arrive there");
	free_at(vp, gpa);
	gx_set_msr(vp, HV_MSR_SIMP, 0);
	gx_ok(vp, *word_at(vp, gpa) == before, "and the RAM there is unharmed");
}

/* KVM takes such a page and cannot use it: what is posted waits. */
static void check_outside_in_kvm(struct gx_vp *vp)
{
	uint64_t page = gx_pages(vp, 1);

	set_simp(vp, page);
	gx_ok(vp, gx_wrmsr(vp, HV_MSR_SIMP, NOT_RAM_GPA | HV_PAGE_ENABLE) == GX_FAULT_NONE,
		"KVM takes a page outside RAM");
	post(vp, 6);
	gx_sleep_ms(vp, 10);
	gx_ok(vp, type_at(vp, page) == HV_MESSAGE_TYPE_NONE, "the old page is out of use");
	set_simp(vp, page);
	gx_ok(vp, gx_wait(vp, type_at(vp, page) == 6), "and nothing posted meanwhile is lost");
	free_at(vp, page);
}

static void check_outside(struct gx_vp *vp)
{
	uint64_t page = gx_pages(vp, 1);

	set_simp(vp, page);
	gx_ok(vp, gx_wrmsr(vp, HV_MSR_SIMP, NOT_RAM_GPA | HV_PAGE_ENABLE) == GX_FAULT_GP,
		"outside RAM is #GP");
	gx_ok(vp, gx_msr(vp, HV_MSR_SIMP) == (page | HV_PAGE_ENABLE),
		"and the old page stays in force");
	post(vp, 6);
	gx_ok(vp, gx_wait(vp, type_at(vp, page) == 6), "and in use");
	free_at(vp, page);
}

static void check_stack(struct gx_vp *vp)
{
	uint64_t page = marked_page(vp);
	struct hv_event_flags_page *flags = gx_at(vp, page);

	set_simp(vp, page);
	gx_set_msr(vp, HV_MSR_SIEFP, page | HV_PAGE_ENABLE);
	gx_set_msr(vp, HV_MSR_SIMP, 0);
	gx_ok(vp, __atomic_load_n(&flags->sint[SINT].word[0], __ATOMIC_RELAXED) == 0,
		"of two overlays on one page one shows");
	gx_set_msr(vp, HV_MSR_SIEFP, 0);
	gx_ok(vp, page_is(vp, page, MARK), "and with both gone the RAM is back");
}

static void run(struct gx_vp *vp)
{
	gx_hypercalls_enable(vp);
	gx_ignore_interrupts(vp, VECTOR);
	gx_set_sint(vp, SINT, VECTOR);
	gx_set_msr(vp, HV_MSR_SCONTROL, HV_SCONTROL_ENABLE);
	gx_testdev(vp, GX_TESTDEV_MESSAGE_CREATE, gx_index(vp), SINT, CONNECTION);
	check_move(vp);
	check_queued_over_disable(vp);
	check_place(vp, 0, 4, "GPA 0");
	check_place(vp, gx_ram_end(vp) - HV_PAGE_SIZE, 5, "the last page of RAM");
	if (gx_is_kvm_synic(vp))
		check_outside_in_kvm(vp);
	else
		check_outside(vp);
	check_stack(vp);
}

const struct gx_program gx_program_overlay = {
	.name = "overlay",
	.rule = "SynIC pages are overlays: they move, hide RAM and give it back",
	.run = run,
};
