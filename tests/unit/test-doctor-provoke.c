/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules of the doctor, provoked for real by a guest and its host, and what their remedies do. The
 * table at the end says which test is whose; it is printed. D2, D25 to D40 are in
 * test-doctor-faults.c.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "doctor_guest.h"
#include "hvdef/hv_msr.h"
#include "vmbus/device.h"
#include "vmbus/ic.h"
#include "vmbus/internal.h"
#include "vmbus/remedy.h"
#include "vmm/fault.h"

enum { PAGES = 8, SINT = VMBUS_SINT };

static struct doctor_guest doctor;
static struct vmbus_guest *const guest = &doctor.guest;

/* ---- what tests do --------------------------------------------------------------------------- */

static void write_msr(uint32_t vp, uint32_t index, uint64_t value)
{
	assert_int_equal(
		synic_msr_write(fake_vm_synic(guest->fake, vp), index, value), HV_FAULT_NONE);
	fake_vm_run_loop(guest->fake);
}

static struct hv_message *slot(void)
{
	return fake_vm_slot(guest->fake, 0, SINT);
}

/* What `hvctl synic kick` does: the guest sees the interrupt, and takes what is there. */
static void kick(void)
{
	assert_int_equal(synic_assert(fake_vm_synic(guest->fake, 0), SINT), 0);
	while (slot()->header.type != 0) {
		fake_vm_consume(guest->fake, 0, SINT);
		fake_vm_run_loop(guest->fake);
	}
}

static struct unstick_result unstick(void)
{
	struct unstick_result result;

	assert_int_equal(vmbus_unstick(guest->bus, doctor.relid, false, false, &result), 0);
	fake_vm_run_loop(guest->fake);
	return result;
}

static void rescind(void)
{
	struct rescind_result result;

	assert_int_equal(vmbus_rescind(guest->bus, doctor.relid, false, &result), 0);
	vmbus_guest_expect(guest, VMBUS_MSG_RESCIND_CHANNEL_OFFER, NULL, 0);
}

/* The guest's ends of the rings of the channel that was opened last. */
static uint8_t *pages[PAGES];
static struct vmbus_ring out, in;

static void open_probe(void)
{
	doctor_guest_open(&doctor, PAGES);
	vmbus_guest_rings(guest, PAGES, pages, &out, &in);
}

static void take_event(void)
{
	assert_true(vmbus_guest_signalled(guest, 0, doctor.relid));
}

static void guest_reads(void)
{
	_Alignas(8) uint8_t buffer[4096];
	struct ring_packet packet;
	bool signal;

	while (ring_peek(&in, buffer, sizeof(buffer), &packet) == 0)
		assert_int_equal(ring_consume(&in, &signal), 0);
}

static void guest_writes(void)
{
	static const char payload[8] = "seven..";
	const struct iovec iov = {(void *)payload, sizeof(payload)};
	bool signal;

	assert_int_equal(ring_write(&out, VMBUS_PACKET_DATA_INBAND, 0, 1, &iov, 1, 0, &signal), 0);
}

static void post_relid(uint32_t type)
{
	const struct vmbus_relid_message message = {
		.header.type = type, .child_relid = doctor.relid};

	vmbus_guest_post(guest, &message, sizeof(message));
}

/* ---- nothing is wrong ------------------------------------------------------------------------ */

static void a_guest_that_works_has_no_findings(void **state UNUSED)
{
	doctor_guest_expect_nothing(&doctor);
	open_probe();
	doctor_guest_expect_nothing(&doctor);
	for (unsigned i = 0; i < 50; i++) {
		doctor_guest_send(&doctor);
		take_event();
		guest_reads();
		guest_writes();
		vmbus_guest_signal(guest, doctor.relid);
		doctor_guest_wait(&doctor, 10 * NSEC_PER_MSEC);
	}
	doctor_guest_expect_nothing(&doctor);
	vmbus_guest_close(guest, doctor.relid);
	doctor_guest_expect_nothing(&doctor);
}

static void one_more_each_way(void)
{
	_Alignas(8) uint8_t buffer[64];
	struct ring_packet packet;
	bool signal;

	doctor_guest_send(&doctor);
	assert_int_equal(ring_peek(&in, buffer, sizeof(buffer), &packet), 0);
	assert_int_equal(ring_consume(&in, &signal), 0);
	guest_writes();
	guest_writes();
	vmbus_guest_signal(guest, doctor.relid);
	(void)vmbus_guest_signalled(guest, 0, doctor.relid);
	doctor_guest_send(&doctor);
}

/* Between the looks everything moves, and there is always something left to do. */
static void a_guest_that_is_always_behind_has_no_findings(void **state UNUSED)
{
	open_probe();
	for (unsigned i = 0; i < 10; i++)
		doctor_guest_send(&doctor);
	doctor.meanwhile = one_more_each_way;
	doctor_guest_expect_nothing(&doctor);
	doctor_guest_expect_nothing(&doctor);
}

/* ---- the slot -------------------------------------------------------------------------------- */

static void d1_the_guest_does_not_take_the_message(void **state UNUSED)
{
	doctor_guest_connect(&doctor);
	doctor_guest_add_device(&doctor, "null");
	doctor_guest_add_device(&doctor, "heartbeat");
	doctor_guest_wait(&doctor, NSEC_PER_SEC);
	doctor_guest_expect_cause(&doctor, "D1", "vps/0/sints/2");
	doctor_guest_expect_remedy(&doctor, "D1", "hvctl synic kick --vp 0 --sint 2 --force");
	kick();
	doctor_guest_expect_nothing(&doctor);
}

/* An answer behind a message that nobody takes is no cause of its own. */
static void d1_explains_the_answers_that_wait_behind_it(void **state UNUSED)
{
	doctor_guest_connect(&doctor);
	vmbus_guest_post_open(guest, doctor.relid, PAGES);
	doctor_guest_add_device(&doctor, "null");
	doctor_guest_wait(&doctor, NSEC_PER_SEC);
	post_relid(VMBUS_MSG_CLOSE_CHANNEL); /* stays in the queue of what came in */
	doctor_guest_wait(&doctor, NSEC_PER_SEC);
	doctor_guest_expect_cause(&doctor, "D1", "vps/0/sints/2");
	assert_int_equal(doctor_guest_finding(&doctor, "D25")->role, DOCTOR_CONSEQUENCE);
	kick();
	doctor_guest_expect_nothing(&doctor);
}

static void d6_a_foreign_message_is_in_the_slot(void **state UNUSED)
{
	doctor_guest_connect(&doctor);
	slot()->header.type = 0x99;
	doctor_guest_expect_cause(&doctor, "D6", "vps/0/sints/2");
	fake_vm_consume(guest->fake, 0, SINT);
	doctor_guest_expect_nothing(&doctor);
}

static void d8_a_timer_holds_the_slot(void **state UNUSED)
{
	doctor_guest_connect(&doctor);
	slot()->header.type = HV_MESSAGE_TYPE_TIMER_EXPIRED;
	doctor_guest_add_device(&doctor, "null");
	doctor_guest_expect_cause(&doctor, "D8", "vps/0/sints/2");
	kick();
	doctor_guest_expect_nothing(&doctor);
}

/* ---- the SynIC ------------------------------------------------------------------------------- */

static void d4_the_sint_is_masked(void **state UNUSED)
{
	uint64_t unmasked = fake_vm_synic(guest->fake, 0)->sint[SINT].msr;

	open_probe();
	write_msr(0, HV_MSR_SINT0 + SINT, unmasked | HV_SINT_MASKED);
	doctor_guest_send(&doctor);
	doctor_guest_expect_cause(&doctor, "D4", "vps/0/sints/2");
	write_msr(0, HV_MSR_SINT0 + SINT, unmasked);
	take_event();
	guest_reads();
	doctor_guest_expect_nothing(&doctor);
}

static void d5_the_synic_is_off(void **state UNUSED)
{
	open_probe();
	write_msr(0, HV_MSR_SCONTROL, 0);
	doctor_guest_expect_cause(&doctor, "D5", "vps/0/synic");
	write_msr(0, HV_MSR_SCONTROL, HV_SCONTROL_ENABLE);
	doctor_guest_expect_nothing(&doctor);
}

static void d7_the_interrupt_got_lost(void **state UNUSED)
{
	open_probe();
	doctor_guest_wait(&doctor, NSEC_PER_SEC);
	fake_vm_fail(guest->fake, FAKE_ASSERT, 1, -EIO);
	doctor_guest_send(&doctor);
	doctor_guest_expect_cause(&doctor, "D7", "vps/0/sints/2");
	doctor_guest_expect_remedy(&doctor, "D7", "hvctl synic kick --vp 0 --sint 2 --force");
	kick();
	take_event();
	guest_reads();
	doctor_guest_expect_nothing(&doctor);
}

/* ---- the connection -------------------------------------------------------------------------- */

static void d3_the_answer_to_the_contact_is_lost(void **state UNUSED)
{
	const struct vmbus_initiate_contact contact = {
		.header.type = VMBUS_MSG_INITIATE_CONTACT,
		.version = VMBUS_VERSION_5_3,
		.sint = SINT,
	};

	doctor_guest_add_fault(&doctor, FAULT_DROP_MESSAGE, VMBUS_MSG_VERSION_RESPONSE);
	vmbus_guest_post(guest, &contact, sizeof(contact));
	doctor_guest_expect_cause(&doctor, "D3", "vmbus");
	doctor_guest_connect(&doctor);
	doctor_guest_expect_nothing(&doctor);
}

/* ---- rings ----------------------------------------------------------------------------------- */

static void d9_the_guest_took_the_event_and_did_not_read(void **state UNUSED)
{
	open_probe();
	doctor_guest_send(&doctor);
	take_event();
	doctor_guest_expect_cause(&doctor, "D9", doctor_guest_path(doctor.relid, "/rings/1"));
	doctor_guest_expect_remedy(&doctor, "D9", doctor_guest_command("unstick", doctor.relid));
	assert_true(unstick().guest_reads);
	take_event();
	guest_reads();
	doctor_guest_expect_nothing(&doctor);
}

static void d10_the_reader_is_masked(void **state UNUSED)
{
	open_probe();
	((struct vmbus_ring_control *)(void *)pages[PAGES / 2])->interrupt_mask = 1;
	doctor_guest_send(&doctor);
	doctor_guest_expect_cause(&doctor, "D10", doctor_guest_path(doctor.relid, "/rings/1"));
	((struct vmbus_ring_control *)(void *)pages[PAGES / 2])->interrupt_mask = 0;
	guest_reads();
	doctor_guest_expect_nothing(&doctor);
}

static void d10_waking_the_reader_does_not_help(void **state UNUSED)
{
	open_probe();
	doctor_guest_send(&doctor);
	take_event();
	unstick();
	take_event();
	doctor_guest_expect_cause(&doctor, "D10", doctor_guest_path(doctor.relid, "/rings/1"));
	doctor_guest_expect_remedy(&doctor, "D10", doctor_guest_command("rescind", doctor.relid));
	rescind();
	vmbus_guest_release(guest, doctor.relid);
	vmbus_guest_expect(guest, VMBUS_MSG_OFFER_CHANNEL, NULL, 0);
	doctor_guest_expect_nothing(&doctor);
}

static void d11_nobody_told_the_writer_of_the_room(void **state UNUSED)
{
	open_probe();
	((struct vmbus_ring_control *)(void *)pages[0])->pending_send_sz = 64;
	doctor_guest_expect_cause(&doctor, "D11", doctor_guest_path(doctor.relid, "/rings/0"));
	doctor_guest_expect_remedy(&doctor, "D11", doctor_guest_command("unstick", doctor.relid));
	assert_true(unstick().guest_writes);
	take_event();
	((struct vmbus_ring_control *)(void *)pages[0])->pending_send_sz = 0;
	doctor_guest_expect_nothing(&doctor);
}

static void d12_the_guest_wrote_and_did_not_signal(void **state UNUSED)
{
	open_probe();
	doctor_guest_wait(&doctor, NSEC_PER_SEC);
	guest_writes();
	doctor_guest_expect_cause(&doctor, "D12", doctor_guest_path(doctor.relid, "/rings/0"));
	doctor_guest_expect_remedy(&doctor, "D12", doctor_guest_command("unstick", doctor.relid));
	assert_true(unstick().host_reads);
	assert_int_equal(doctor.probe.packets, 1);
	doctor_guest_expect_nothing(&doctor);
}

static void d21_the_guest_breaks_the_ring(void **state UNUSED)
{
	open_probe();
	((struct vmbus_ring_control *)(void *)pages[0])->write_index = UINT32_MAX;
	doctor_guest_expect_cause(&doctor, "D21", doctor_guest_path(doctor.relid, "/rings/0"));
	vmbus_guest_signal(guest, doctor.relid);
	doctor_guest_expect_cause(&doctor, "D21", doctor_guest_path(doctor.relid, ""));
	doctor_guest_expect_remedy(&doctor, "D21", doctor_guest_command("rescind", doctor.relid));
	rescind();
	vmbus_guest_release(guest, doctor.relid);
	vmbus_guest_expect(guest, VMBUS_MSG_OFFER_CHANNEL, NULL, 0);
	doctor_guest_expect_nothing(&doctor);
}

/* ---- channels -------------------------------------------------------------------------------- */

static void d13_no_driver_takes_the_offer(void **state UNUSED)
{
	doctor_guest_add_device(&doctor, "heartbeat");
	doctor_guest_connect(&doctor);
	vmbus_guest_open(guest, doctor.relid, PAGES);
	doctor_guest_expect_nothing(&doctor);
	doctor_guest_wait(&doctor, 10 * NSEC_PER_SEC);
	doctor_guest_expect_cause(&doctor, "D13", doctor.relid == 1 ? "channels/2" : "channels/1");
	vmbus_guest_open(guest, doctor.relid == 1 ? 2 : 1, PAGES);
	doctor_guest_expect_nothing(&doctor);
}

/* A class that Linux has no driver for is nothing to worry about. */
static void d13_is_a_note_for_a_private_class(void **state UNUSED)
{
	doctor_guest_connect(&doctor);
	doctor_guest_wait(&doctor, 10 * NSEC_PER_SEC);
	doctor_guest_expect_note(&doctor, "D13", doctor_guest_path(doctor.relid, ""));
}

static void d14_the_device_does_not_start(void **state UNUSED)
{
	doctor_guest_connect(&doctor);
	doctor_guest_add_fault(&doctor, FAULT_HOLD_OPEN, FAULT_ANY);
	vmbus_guest_post_open(guest, doctor.relid, PAGES);
	doctor_guest_expect_nothing(&doctor);
	doctor_guest_wait(&doctor, NSEC_PER_SEC);
	doctor_guest_expect_cause(&doctor, "D14", doctor_guest_path(doctor.relid, ""));
	doctor_guest_expect_remedy(&doctor, "D14", doctor_guest_command("rescind", doctor.relid));
	rescind();
	doctor_guest_expect_nothing(&doctor);
}

static void d14_the_answer_to_the_open_is_lost(void **state UNUSED)
{
	doctor_guest_connect(&doctor);
	doctor_guest_add_fault(&doctor, FAULT_DROP_MESSAGE, VMBUS_MSG_OPEN_CHANNEL_RESULT);
	vmbus_guest_post_open(guest, doctor.relid, PAGES);
	doctor_guest_expect_cause(&doctor, "D14", doctor_guest_path(doctor.relid, ""));
	rescind();
	vmbus_guest_release(guest, doctor.relid);
	vmbus_guest_expect(guest, VMBUS_MSG_OFFER_CHANNEL, NULL, 0);
	doctor_guest_expect_nothing(&doctor);
}

static void d15_the_guest_opens_what_was_taken_back(void **state UNUSED)
{
	struct rescind_result result;

	doctor_guest_connect(&doctor);
	doctor_guest_add_fault(&doctor, FAULT_HOLD_MESSAGE, VMBUS_MSG_RESCIND_CHANNEL_OFFER);
	assert_int_equal(vmbus_rescind(guest->bus, doctor.relid, false, &result), 0);
	vmbus_guest_post_open(guest, doctor.relid, PAGES);
	doctor_guest_expect_note(&doctor, "D15", doctor_guest_path(doctor.relid, ""));
	faults_clear(&guest->fake->vm.faults);
	vmbus_guest_expect(guest, VMBUS_MSG_RESCIND_CHANNEL_OFFER, NULL, 0);
	doctor_guest_expect_nothing(&doctor);
}

static void d20_the_guest_does_not_let_go(void **state UNUSED)
{
	open_probe();
	rescind();
	doctor_guest_expect_nothing(&doctor);
	doctor_guest_wait(&doctor, 10 * NSEC_PER_SEC);
	doctor_guest_expect_cause(&doctor, "D20", doctor_guest_path(doctor.relid, ""));
	vmbus_guest_release(guest, doctor.relid);
	vmbus_guest_expect(guest, VMBUS_MSG_OFFER_CHANNEL, NULL, 0);
	doctor_guest_expect_nothing(&doctor);
}

static void post_modify(uint32_t vp)
{
	const struct vmbus_modify_channel modify = {
		.header.type = VMBUS_MSG_MODIFY_CHANNEL,
		.child_relid = doctor.relid,
		.target_vp = vp,
	};

	vmbus_guest_post(guest, &modify, sizeof(modify));
}

static void d23_the_answer_to_modify_is_lost(void **state UNUSED)
{
	open_probe();
	doctor_guest_add_fault(&doctor, FAULT_DROP_MESSAGE, VMBUS_MSG_MODIFY_CHANNEL_RESPONSE);
	post_modify(1);
	doctor_guest_expect_cause(&doctor, "D23", doctor_guest_path(doctor.relid, ""));
}

static void d23_an_event_stays_on_the_old_vp(void **state UNUSED)
{
	open_probe();
	doctor_guest_send(&doctor);
	post_modify(1);
	vmbus_guest_expect(guest, VMBUS_MSG_MODIFY_CHANNEL_RESPONSE, NULL, 0);
	doctor_guest_expect_cause(&doctor, "D23", doctor_guest_path(doctor.relid, ""));
	doctor_guest_expect_remedy(&doctor, "D23", doctor_guest_command("unstick", doctor.relid));
	assert_true(unstick().guest_reads);
	assert_true(vmbus_guest_signalled(guest, 1, doctor.relid));
	take_event();
	guest_reads();
	doctor_guest_expect_nothing(&doctor);
}

static void d24_the_guest_names_a_vp_that_there_is_not(void **state UNUSED)
{
	struct vmbus_open_channel_result result;
	struct vmbus_open_channel message = {
		.header.type = VMBUS_MSG_OPEN_CHANNEL,
		.child_relid = doctor.relid,
		.open_id = doctor.relid,
		.downstream_offset = PAGES / 2,
		.target_vp = 9,
	};

	doctor_guest_connect(&doctor);
	message.ring_gpadl = vmbus_guest_make_gpadl(guest, doctor.relid, PAGES);
	vmbus_guest_post(guest, &message, sizeof(message));
	vmbus_guest_expect(guest, VMBUS_MSG_OPEN_CHANNEL_RESULT, &result, sizeof(result));
	assert_int_not_equal(result.status, 0);
	doctor_guest_expect_cause(&doctor, "D24", doctor_guest_path(doctor.relid, ""));
	vmbus_guest_open(guest, doctor.relid, PAGES);
	doctor_guest_expect_nothing(&doctor);
}

static void d24_events_go_to_a_vp_that_never_started(void **state UNUSED)
{
	open_probe();
	post_modify(1);
	vmbus_guest_expect(guest, VMBUS_MSG_MODIFY_CHANNEL_RESPONSE, NULL, 0);
	write_msr(1, HV_MSR_SCONTROL, 0);
	write_msr(1, HV_MSR_SIMP, 0);
	write_msr(1, HV_MSR_SIEFP, 0);
	doctor_guest_expect_cause(&doctor, "D24", doctor_guest_path(doctor.relid, ""));
	fake_vm_enable(guest->fake, 1);
	doctor_guest_expect_nothing(&doctor);
}

/* ---- GPADLs ---------------------------------------------------------------------------------- */

/* GPADL 5 of `range_pages`, of which the header brings the first one. */
static void post_header(uint32_t range_pages)
{
	const struct vmbus_gpadl_header header = {
		.header.type = VMBUS_MSG_GPADL_HEADER,
		.child_relid = doctor.relid,
		.gpadl = 5,
		.range_buf_len = (uint16_t)(sizeof(struct vmbus_gpa_range) + 8 * range_pages),
		.range_count = 1,
	};
	const struct vmbus_gpa_range range = {.byte_count = range_pages * VMBUS_PAGE_SIZE};
	const uint64_t pfn = GUEST_GPADL_PFN;
	_Alignas(8) uint8_t bytes[sizeof(header) + sizeof(range) + sizeof(pfn)];

	memcpy(bytes, &header, sizeof(header));
	memcpy(bytes + sizeof(header), &range, sizeof(range));
	memcpy(bytes + sizeof(header) + sizeof(range), &pfn, sizeof(pfn));
	vmbus_guest_post(guest, bytes, sizeof(bytes));
}

static void d16_a_body_is_missing(void **state UNUSED)
{
	char text[64];

	doctor_guest_connect(&doctor);
	post_header(40);
	snprintf(text, sizeof(text), "gpadls/%u/5", doctor.relid);
	doctor_guest_expect_cause(&doctor, "D16", text);
	doctor_guest_expect_remedy(&doctor, "D16", doctor_guest_command("rescind", doctor.relid));
	rescind();
	vmbus_guest_release(guest, doctor.relid);
	vmbus_guest_expect(guest, VMBUS_MSG_OFFER_CHANNEL, NULL, 0);
	doctor_guest_expect_nothing(&doctor);
}

static void d17_the_device_keeps_the_memory(void **state UNUSED)
{
	char text[64];
	uint32_t gpadl;

	doctor_guest_connect(&doctor);
	gpadl = vmbus_guest_open(guest, doctor.relid, PAGES);
	doctor_guest_add_fault(&doctor, FAULT_HOLD_CLOSE, FAULT_ANY);
	vmbus_guest_close(guest, doctor.relid);
	vmbus_guest_tear_down(guest, doctor.relid, gpadl);
	doctor_guest_expect_nothing(&doctor);
	doctor_guest_wait(&doctor, NSEC_PER_SEC);
	snprintf(text, sizeof(text), "gpadls/%u/%u", doctor.relid, gpadl);
	doctor_guest_expect_cause(&doctor, "D17", text);
	faults_clear(&guest->fake->vm.faults);
	vmbus_guest_expect(guest, VMBUS_MSG_GPADL_TORNDOWN, NULL, 0);
	doctor_guest_expect_nothing(&doctor);
}

static void d17_the_answer_to_the_teardown_is_lost(void **state UNUSED)
{
	uint32_t gpadl;

	doctor_guest_connect(&doctor);
	gpadl = vmbus_guest_make_gpadl(guest, doctor.relid, PAGES);
	doctor_guest_add_fault(&doctor, FAULT_DROP_MESSAGE, VMBUS_MSG_GPADL_TORNDOWN);
	vmbus_guest_tear_down(guest, doctor.relid, gpadl);
	doctor_guest_wait(&doctor, NSEC_PER_SEC);
	doctor_guest_expect_cause(&doctor, "D17", doctor_guest_path(doctor.relid, ""));
}

static void d19_the_answer_to_the_gpadl_is_lost(void **state UNUSED)
{
	doctor_guest_connect(&doctor);
	doctor_guest_add_fault(&doctor, FAULT_DROP_MESSAGE, VMBUS_MSG_GPADL_CREATED);
	post_header(1);
	doctor_guest_expect_cause(&doctor, "D19", doctor_guest_path(doctor.relid, ""));
	doctor_guest_expect_remedy(&doctor, "D19", doctor_guest_command("rescind", doctor.relid));
	rescind();
	doctor_guest_expect_nothing(&doctor);
}

static void d22_the_rings_are_wanted_back_too_early(void **state UNUSED)
{
	uint32_t gpadl;

	doctor_guest_connect(&doctor);
	gpadl = vmbus_guest_open(guest, doctor.relid, PAGES);
	vmbus_guest_tear_down(guest, doctor.relid, gpadl);
	doctor_guest_expect_cause(&doctor, "D22", doctor_guest_path(doctor.relid, ""));
	doctor_guest_expect_remedy(&doctor, "D22", doctor_guest_command("rescind", doctor.relid));
	rescind();
	vmbus_guest_release(guest, doctor.relid);
	vmbus_guest_expect(guest, VMBUS_MSG_OFFER_CHANNEL, NULL, 0);
	doctor_guest_expect_nothing(&doctor);
}

/* ---- services -------------------------------------------------------------------------------- */

static void d18_the_daemon_does_not_run(void **state UNUSED)
{
	struct ic *ic;
	uint32_t relid;

	doctor_guest_add_device(&doctor, "kvp");
	doctor_guest_open(&doctor, PAGES);
	vmbus_lock(guest->bus);
	ic = ic_find(guest->bus, IC_COMPONENT_KVP);
	relid = vmbus_channel_relid(ic->channel);
	vmbus_unlock(guest->bus);
	vmbus_guest_open(guest, relid, PAGES);
	doctor_guest_wait(&doctor, 100 * NSEC_PER_MSEC);
	channel_recheck(channel_by_relid(guest->bus, relid));
	(void)vmbus_guest_signalled(guest, 0, relid);
	doctor_guest_wait(&doctor, NSEC_PER_SEC);
	doctor_guest_expect_note(&doctor, "D18", "ic/kvp");
}

/* ---- the table ------------------------------------------------------------------------------- */

#define RULE(rule, test) DOCTOR_GUEST_TEST(&doctor, rule, test)

static const struct CMUnitTest tests[] = {
	RULE("none", a_guest_that_works_has_no_findings),
	RULE("none", a_guest_that_is_always_behind_has_no_findings),
	RULE("D1", d1_the_guest_does_not_take_the_message),
	RULE("D1", d1_explains_the_answers_that_wait_behind_it),
	RULE("D3", d3_the_answer_to_the_contact_is_lost),
	RULE("D4", d4_the_sint_is_masked),
	RULE("D5", d5_the_synic_is_off),
	RULE("D6", d6_a_foreign_message_is_in_the_slot),
	RULE("D7", d7_the_interrupt_got_lost),
	RULE("D8", d8_a_timer_holds_the_slot),
	RULE("D9", d9_the_guest_took_the_event_and_did_not_read),
	RULE("D10", d10_the_reader_is_masked),
	RULE("D10", d10_waking_the_reader_does_not_help),
	RULE("D11", d11_nobody_told_the_writer_of_the_room),
	RULE("D12", d12_the_guest_wrote_and_did_not_signal),
	RULE("D13", d13_no_driver_takes_the_offer),
	RULE("D13", d13_is_a_note_for_a_private_class),
	RULE("D14", d14_the_device_does_not_start),
	RULE("D14", d14_the_answer_to_the_open_is_lost),
	RULE("D15", d15_the_guest_opens_what_was_taken_back),
	RULE("D16", d16_a_body_is_missing),
	RULE("D17", d17_the_device_keeps_the_memory),
	RULE("D17", d17_the_answer_to_the_teardown_is_lost),
	RULE("D18", d18_the_daemon_does_not_run),
	RULE("D19", d19_the_answer_to_the_gpadl_is_lost),
	RULE("D20", d20_the_guest_does_not_let_go),
	RULE("D21", d21_the_guest_breaks_the_ring),
	RULE("D22", d22_the_rings_are_wanted_back_too_early),
	RULE("D23", d23_the_answer_to_modify_is_lost),
	RULE("D23", d23_an_event_stays_on_the_old_vp),
	RULE("D24", d24_the_guest_names_a_vp_that_there_is_not),
	RULE("D24", d24_events_go_to_a_vp_that_never_started),
};

int main(void)
{
	return cmocka_run_group_tests_name("doctor-provoke", tests, NULL, NULL);
}
