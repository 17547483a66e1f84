/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * As many channels as there can be, and rings full of the smallest packets: what a sample of the doctor
 * may cost while the bus is locked, and what is still found then.
 *
 * All channels have the same pages for their rings: no guest would, and any may.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "doctor/doctor.h"
#include "vmbus_guest.h"
#include "vmbus/device.h"
#include "vmbus/doctor_sample.h"
#include "vmbus/internal.h"
#include "vmbus/ring_view.h"
#include "vmm/doctor_sample.h"

enum {
	CHANNELS = VMBUS_RELID_MAX,
	HEADER_BYTES = sizeof(struct vmbus_packet_header),
	PACKET_BYTES = HEADER_BYTES + VMBUS_PACKET_TRAILER_BYTES,
	RING_PAGES = 1 + RING_WALK_PACKETS * PACKET_BYTES / VMBUS_PAGE_SIZE,
	PAGES = 2 * RING_PAGES,
	PACKETS = (RING_PAGES - 1) * VMBUS_PAGE_SIZE / PACKET_BYTES - 1,
};

static struct vmbus_guest the_guest, *const guest = &the_guest;
static struct vmbus_channel *channels[CHANNELS];
static unsigned count;
static uint64_t pfns[PAGES];

/* ---- the guest ------------------------------------------------------------------------------- */

static int opened(struct vmbus_channel *channel UNUSED, void *arg UNUSED)
{
	return 0;
}

static int closed(struct vmbus_channel *channel UNUSED, void *arg UNUSED)
{
	return 0;
}

static void signalled(struct vmbus_channel *channel UNUSED, void *arg UNUSED)
{
}

static void released(struct vmbus_channel *channel UNUSED, void *arg UNUSED)
{
}

static const struct vmbus_device_ops deaf_ops = {
	.name = "deaf",
	.open = opened,
	.close = closed,
	.signalled = signalled,
	.released = released,
};

static void add_channel(unsigned i)
{
	const struct vmbus_offer offer = {
		.interface_type = {0x64656166, 0x6876, 0x4d64, {1, 2, 3, 4, 5, 6, 7, 8}},
		.interface_instance = {i + 1, 0x6876, 0x4d64, {8, 7, 6, 5, 4, 3, 2, 1}},
		.monitor_id = VMBUS_MONITOR_NONE,
	};

	vmbus_lock(guest->bus);
	assert_int_equal(vmbus_channel_add(guest->bus, &offer, &deaf_ops, NULL, &channels[i]), 0);
	vmbus_unlock(guest->bus);
}

static void open_channel(uint32_t relid)
{
	const struct vmbus_open_channel message = {
		.header.type = VMBUS_MSG_OPEN_CHANNEL,
		.child_relid = relid,
		.open_id = relid,
		.ring_gpadl = vmbus_guest_map_gpadl(guest, relid, pfns, PAGES),
		.downstream_offset = RING_PAGES,
	};

	vmbus_guest_post(guest, &message, sizeof(message));
	vmbus_guest_expect(guest, VMBUS_MSG_OPEN_CHANNEL_RESULT, NULL, 0);
}

static void put(unsigned ring, unsigned offset, const void *bytes, size_t size)
{
	uint64_t page = ring * RING_PAGES + 1 + offset / VMBUS_PAGE_SIZE;

	memcpy(vmbus_guest_page(guest, pfns[page]) + offset % VMBUS_PAGE_SIZE, bytes, size);
}

/* The host has not read or written anything: its indices are 0. A ring is never full. */
static unsigned first_offset(unsigned ring)
{
	return ring == 0 ? 0 : 8;
}

/* Packets without a payload as far as the ring goes; the guest says that it has read none of them. */
static void fill_ring(unsigned ring)
{
	struct vmbus_ring_control *control = (void *)vmbus_guest_page(
		guest, pfns[ring * RING_PAGES]);
	const struct vmbus_packet_header header = {
		.type = VMBUS_PACKET_DATA_INBAND,
		.offset8 = HEADER_BYTES / 8,
		.length8 = HEADER_BYTES / 8,
	};

	for (unsigned i = 0; i < PACKETS; i++)
		put(ring, first_offset(ring) + i * PACKET_BYTES, &header, sizeof(header));
	if (ring == 0)
		control->write_index = PACKETS * PACKET_BYTES;
	else
		control->read_index = 8;
}

static void empty_ring(unsigned ring)
{
	struct vmbus_ring_control *control = (void *)vmbus_guest_page(
		guest, pfns[ring * RING_PAGES]);

	control->write_index = control->read_index = 0;
}

static void start_with(unsigned channels_wanted)
{
	static uint32_t relids[CHANNELS];

	vmbus_guest_start(guest);
	for (unsigned i = 0; i < PAGES; i++) {
		pfns[i] = GUEST_GPADL_PFN + i;
		memset(vmbus_guest_page(guest, pfns[i]), 0, VMBUS_PAGE_SIZE);
	}
	for (count = 0; count < channels_wanted; count++)
		add_channel(count);
	assert_int_equal(vmbus_guest_connect(guest, relids, CHANNELS), count);
	for (unsigned i = 0; i < count; i++)
		open_channel(relids[i]);
	fill_ring(0);
	fill_ring(1);
}

static int end(void **state UNUSED)
{
	vmbus_devices_remove_all(guest->bus); /* makes the guest forget everything */
	vmbus_lock(guest->bus);
	while (count > 0)
		vmbus_channel_remove(channels[--count]);
	vmbus_unlock(guest->bus);
	vmbus_guest_end(guest);
	return 0;
}

/* ---- samples --------------------------------------------------------------------------------- */

static struct doctor_sample *look(uint64_t mono_ns)
{
	struct doctor_sample *sample = doctor_sample_new();

	assert_non_null(sample);
	vmbus_doctor_sample(guest->bus, sample);
	vm_doctor_sample(&guest->fake->vm, VMBUS_SINT, 0, sample);
	sample->machine.mono_ns = mono_ns;
	assert_int_equal(sample->channel_count, count);
	return sample;
}

static void every_ring_gets_its_share_of_what_a_sample_may_cost(void **state UNUSED)
{
	struct doctor_sample *sample;
	uint32_t packets = 0;

	start_with(CHANNELS);
	sample = look(1);
	for (unsigned i = 0; i < count; i++) {
		const struct doctor_channel *channel = &sample->channels[i];

		assert_true(channel->to_host.unread_packets >= 8);
		assert_true(channel->to_guest.unread_packets >= 8);
		assert_int_equal(channel->to_host.broken, DOCTOR_NONE32);
		packets += channel->to_host.unread_packets + channel->to_guest.unread_packets;
	}
	assert_int_equal(packets, VMBUS_SAMPLE_PACKETS_MAX);
	doctor_sample_free(sample);
}

static void of_few_rings_all_packets_are_looked_at(void **state UNUSED)
{
	struct doctor_sample *sample;

	start_with(VMBUS_SAMPLE_PACKETS_MAX / RING_WALK_PACKETS / 2);
	sample = look(1);
	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(sample->channels[i].to_host.unread_packets, PACKETS);
		assert_int_equal(sample->channels[i].to_guest.unread_packets, PACKETS);
	}
	doctor_sample_free(sample);
}

/* What it does not need is left for those behind it, which may then have all of theirs looked at. */
static void what_an_empty_ring_leaves_the_others_get(void **state UNUSED)
{
	struct doctor_sample *sample;

	start_with(VMBUS_SAMPLE_PACKETS_MAX / RING_WALK_PACKETS);
	empty_ring(0);
	sample = look(1);
	assert_int_equal(sample->channels[0].to_guest.unread_packets,
		VMBUS_SAMPLE_PACKETS_MAX / (2 * count - 1));
	assert_int_equal(sample->channels[count - 1].to_guest.unread_packets, PACKETS);
	doctor_sample_free(sample);
}

/* However full the rings: as many are found as a report holds. */
static void packets_without_sense_are_found_in_every_ring(void **state UNUSED)
{
	const struct doctor_limits limits = DOCTOR_LIMITS_DEFAULT;
	struct doctor_sample *then, *now;
	struct doctor_report report;

	start_with(CHANNELS);
	atomic_store(&guest->fake->vm.state, VM_RUNNING);
	put(1, first_offset(1) + 7 * PACKET_BYTES, &(uint64_t){UINT64_MAX}, 8);
	then = look(1);
	now = look(1 + NSEC_PER_SEC);
	assert_int_equal(now->channels[count - 1].to_guest.broken, RING_R4);
	assert_int_equal(doctor_examine(then, now, &limits, &report), 0);
	assert_true(report.truncated);
	assert_int_equal(report.count, DOCTOR_FINDINGS_MAX);
	assert_true(doctor_report_has(
		&report, &(struct doctor_finding){.rule = "D21", .subject = "channels/1/rings/1"}));
	doctor_report_deinit(&report);
	doctor_sample_free(then);
	doctor_sample_free(now);
}

#define TEST(f) cmocka_unit_test_teardown(f, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_ring_gets_its_share_of_what_a_sample_may_cost),
		TEST(of_few_rings_all_packets_are_looked_at),
		TEST(what_an_empty_ring_leaves_the_others_get),
		TEST(packets_without_sense_are_found_in_every_ring),
	};

	return cmocka_run_group_tests_name("doctor-maxima", tests, NULL, NULL);
}
