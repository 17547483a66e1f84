/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest that says what it likes on the bus, and scribbles over its rings, while devices echo what
 * they get, take their time, come and go, and the machine is reset.
 *
 * The input is a list of steps, a byte that says which:
 *
 *	0 post a message      u8 type, u8 size, then that many bytes
 *	1 read one message    -
 *	2 signal a channel    u8 relid
 *	3 write guest RAM     u8 page from GUEST_GPADL_PFN, u16 offset, u32 value
 *	4 remove a device     u8 which
 *	5 add a device        u8 which
 *	6 a device is done    u8 which, u8 low bit: it failed
 *	7 look after a while  u8 which
 *	8 reset               -
 *	9 contact, offers, a GPADL and an open channel: u8 relid
 */
#include "fuzz.h"
#include "../unit/vmbus_guest.h"
#include "vmbus/internal.h"

enum { STEPS = 10, DEVICES = 3 };

struct device {
	struct vmbus_channel *channel;
	bool slow, opening, closing;
};

struct run {
	struct vmbus_guest guest;
	struct device device[DEVICES];
};

/* ---- devices -------------------- */

static int device_open(struct vmbus_channel *channel, void *arg)
{
	struct device *device = arg;

	device->opening = device->slow;
	return device->slow ? VMBUS_PENDING : 0;
}

static int device_close(struct vmbus_channel *channel, void *arg)
{
	struct device *device = arg;

	device->closing = device->slow;
	return device->slow ? VMBUS_PENDING : 0;
}

/* Echoes; a guest that never empties its ring ends it. */
static void device_signalled(struct vmbus_channel *channel, void *arg)
{
	struct ring_packet packet;
	uint8_t buffer[4096];

	for (int i = 0; i < 100; i++) {
		struct iovec iov = {buffer, 0};

		if (vmbus_channel_peek(channel, buffer, sizeof(buffer), &packet) < 0)
			return;
		iov.iov_len = packet.header_bytes + packet.payload_bytes;
		if (vmbus_channel_send(channel, packet.transaction_id, false, &iov, 1) < 0 ||
			vmbus_channel_consume(channel) < 0)
			return;
	}
}

static void device_released(struct vmbus_channel *channel, void *arg)
{
	*(struct device *)arg = (struct device){.slow = ((struct device *)arg)->slow};
}

static const struct vmbus_device_ops ops = {
	.name = "fuzz",
	.open = device_open,
	.close = device_close,
	.signalled = device_signalled,
	.released = device_released,
};

static void add_device(struct run *run, unsigned i)
{
	const struct vmbus_offer offer = {
		.interface_instance.a = i,
		.monitor_id = i == 2 ? 3 : VMBUS_MONITOR_NONE,
		.packet_limit = 4096,
	};
	struct device *device = &run->device[i];

	device->slow = i == 1;
	if (!device->channel &&
		vmbus_channel_add(run->guest.bus, &offer, &ops, device, &device->channel) < 0)
		device->channel = NULL;
}

static void finish(struct device *device, bool failed)
{
	bool opening = device->opening, closing = device->closing;

	device->opening = device->closing = false;
	if (opening)
		vmbus_channel_opened(device->channel, failed ? -1 : 0);
	else if (closing)
		vmbus_channel_closed(device->channel);
}

/* ---- steps -------------------- */

static void post(struct run *run, struct fuzz_input *input)
{
	_Alignas(8) uint8_t message[VMBUS_MESSAGE_MAX];
	uint32_t type = (uint32_t)fuzz_take(input, 1);
	size_t size = fuzz_take(input, 1) % (sizeof(message) + 1);

	for (size_t i = 0; i < size; i++)
		message[i] = (uint8_t)(i < 8 ? 0 : fuzz_take(input, 1));
	if (size >= sizeof(type))
		memcpy(message, &type, sizeof(type));
	if (vmbus_guest_post_only(&run->guest, message, size) == HV_STATUS_SUCCESS)
		fake_vm_run_loop(run->guest.fake);
}

static void read_message(struct run *run)
{
	fake_vm_consume(run->guest.fake, 0, VMBUS_SINT);
	fake_vm_run_loop(run->guest.fake);
}

static void write_ram(struct run *run, struct fuzz_input *input)
{
	uint64_t pfn = GUEST_GPADL_PFN + fuzz_take(input, 1) % GUEST_GPADL_PAGES;
	uint64_t offset = fuzz_take(input, 2) % VMBUS_PAGE_SIZE & ~3u;
	uint32_t value = (uint32_t)fuzz_take(input, 4);

	memcpy(vmbus_guest_page(&run->guest, pfn) + offset, &value, sizeof(value));
}

static void post_words(struct run *run, const void *message, size_t size)
{
	if (vmbus_guest_post_only(&run->guest, message, size) == HV_STATUS_SUCCESS)
		fake_vm_run_loop(run->guest.fake);
	read_message(run);
}

/* What a random list of bytes seldom gets to. */
static void set_up_channel(struct run *run, uint32_t relid)
{
	const struct vmbus_initiate_contact contact = {
		.header.type = VMBUS_MSG_INITIATE_CONTACT,
		.version = VMBUS_VERSION_5_3,
		.sint = VMBUS_SINT,
	};
	const struct vmbus_message_header request = {.type = VMBUS_MSG_REQUEST_OFFERS};
	/* struct vmbus_gpadl_header with one range. */
	const struct {
		struct vmbus_message_header header;
		uint32_t relid, gpadl;
		uint16_t range_buf_len, range_count;
		uint32_t byte_count, byte_offset;
		uint64_t pfn[4];
	} __attribute__((packed)) gpadl = {
		.header.type = VMBUS_MSG_GPADL_HEADER,
		.relid = relid,
		.gpadl = relid,
		.range_buf_len = 40,
		.range_count = 1,
		.byte_count = 4 * VMBUS_PAGE_SIZE,
		.pfn = {GUEST_GPADL_PFN, GUEST_GPADL_PFN + 1, GUEST_GPADL_PFN + 2,
			GUEST_GPADL_PFN + 3},
	};
	const struct vmbus_open_channel open = {
		.header.type = VMBUS_MSG_OPEN_CHANNEL,
		.child_relid = relid,
		.ring_gpadl = relid,
		.downstream_offset = 2,
	};

	post_words(run, &contact, sizeof(contact));
	post_words(run, &request, sizeof(request));
	for (int i = 0; i < 8; i++)
		read_message(run);
	post_words(run, &gpadl, sizeof(gpadl));
	post_words(run, &open, sizeof(open));
}

static void reset(struct run *run)
{
	struct vmbus *bus = run->guest.bus;

	for (uint32_t vp = 0; vp < 2; vp++) {
		synic_reset(fake_vm_synic(run->guest.fake, vp));
		fake_vm_enable(run->guest.fake, vp);
	}
	bus->device.reset(&bus->device);
	fake_vm_run_loop(run->guest.fake);
}

static void run_device_step(struct run *run, unsigned step, struct fuzz_input *input)
{
	struct device *device = &run->device[fuzz_take(input, 1) % DEVICES];

	vmbus_lock(run->guest.bus);
	if (step == 5)
		add_device(run, (unsigned)(device - run->device));
	else if (device->channel && step == 4)
		vmbus_channel_remove(device->channel);
	else if (device->channel && step == 6)
		finish(device, fuzz_take(input, 1) & 1);
	vmbus_unlock(run->guest.bus);
	if (device->channel && step == 7)
		channel_recheck(device->channel);
	fake_vm_run_loop(run->guest.fake);
}

static void run_step(struct run *run, struct fuzz_input *input)
{
	unsigned step = (unsigned)(fuzz_take(input, 1) % STEPS);

	switch (step) {
	case 0:
		post(run, input);
		return;
	case 1:
		read_message(run);
		return;
	case 2:
		vmbus_guest_signal(&run->guest, (uint32_t)fuzz_take(input, 1));
		return;
	case 3:
		write_ram(run, input);
		return;
	case 8:
		reset(run);
		return;
	case 9:
		set_up_channel(run, 1 + (uint32_t)fuzz_take(input, 1) % DEVICES);
		return;
	default:
		run_device_step(run, step, input);
		return;
	}
}

static void end(struct run *run)
{
	reset(run);
	vmbus_lock(run->guest.bus);
	for (unsigned i = 0; i < DEVICES; i++) {
		if (run->device[i].channel)
			finish(&run->device[i], false);
		if (run->device[i].channel)
			finish(&run->device[i], false); /* started, now stops */
		if (run->device[i].channel)
			vmbus_channel_remove(run->device[i].channel);
	}
	vmbus_unlock(run->guest.bus);
	vmbus_guest_end(&run->guest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	struct run run = {0};

	vmbus_guest_start(&run.guest);
	vmbus_lock(run.guest.bus);
	for (unsigned i = 0; i < DEVICES; i++)
		add_device(&run, i);
	vmbus_unlock(run.guest.bus);
	while (fuzz_more(&input))
		run_step(&run, &input);
	end(&run);
	return 0;
}
