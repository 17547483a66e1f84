/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules of the doctor, provoked by faults (vmm/fault.h) and by guests that misbehave, and what
 * their remedies do: all that needs a fault, and D25 to D40. The table at the end says which test is
 * whose; it is printed. The others are in test-doctor-provoke.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>
#include "common/unix_socket.h"
#include "doctor_guest.h"
#include "hvdef/hv_msr.h"
#include "vmbus/device.h"
#include "vmbus/hvsock.h"
#include "vmbus/ic.h"
#include "vmbus/internal.h"
#include "vmbus/remedy.h"
#include "vmm/fault.h"

enum { PAGES = 8, SINT = VMBUS_SINT };

static struct doctor_guest doctor;
static struct vmbus_guest *const guest = &doctor.guest;

/* ---- what tests do -------------------- */

/* What `hvctl faults clear` does. */
static void clear_faults(void)
{
	faults_clear(&guest->fake->vm.faults);
	fake_vm_run_loop(guest->fake);
}

/* What `hvctl synic kick` does; the guest then takes all there is, as its driver does. */
static void kick(void)
{
	const struct hv_message *slot = fake_vm_slot(guest->fake, 0, SINT);

	assert_int_equal(synic_kick(fake_vm_synic(guest->fake, 0), SINT), 0);
	fake_vm_run_loop(guest->fake);
	while (slot->header.type != 0) {
		fake_vm_consume(guest->fake, 0, SINT);
		fake_vm_run_loop(guest->fake);
	}
}

/* `hvctl channels unstick` */
static struct unstick_result unstick(uint32_t relid)
{
	struct unstick_result result;

	assert_int_equal(vmbus_unstick(guest->bus, relid, false, false, &result), 0);
	fake_vm_run_loop(guest->fake);
	return result;
}

/* `hvctl channels rescind`; the guest lets go, and is offered the device again. */
static void rescind_and_offer(uint32_t relid)
{
	struct rescind_result result;

	assert_int_equal(vmbus_rescind(guest->bus, relid, false, &result), 0);
	vmbus_guest_expect(guest, VMBUS_MSG_RESCIND_CHANNEL_OFFER, NULL, 0);
	vmbus_guest_release(guest, relid);
	vmbus_guest_expect(guest, VMBUS_MSG_OFFER_CHANNEL, NULL, 0);
}

static uint8_t *pages[PAGES];
static struct vmbus_ring out, in; /* the guest's ends of the channel that was opened last */

static void open_probe(void)
{
	doctor_guest_open(&doctor, PAGES);
	vmbus_guest_rings(guest, PAGES, pages, &out, &in);
	doctor_guest_wait(&doctor, NSEC_PER_SEC);
}

static bool event_of(uint32_t relid)
{
	return vmbus_guest_signalled(guest, 0, relid);
}

static unsigned guest_reads(void)
{
	_Alignas(8) uint8_t buffer[16 * VMBUS_PAGE_SIZE];
	struct ring_packet packet;
	unsigned packets = 0;
	bool signal;

	for (; ring_peek(&in, buffer, sizeof(buffer), &packet) == 0; packets++)
		assert_int_equal(ring_consume(&in, &signal), 0);
	return packets;
}

static bool guest_writes(size_t size)
{
	static uint8_t bytes[VMBUS_PAGE_SIZE];
	const struct iovec iov = {bytes, size};
	bool signal = false;

	assert_int_equal(ring_write(&out, VMBUS_PACKET_DATA_INBAND, 0, 1, &iov, 1, 0, &signal), 0);
	return signal;
}

static void post(const void *message, size_t size)
{
	vmbus_guest_post(guest, message, size);
}

static enum hv_status post_type_only(uint32_t type)
{
	const struct vmbus_message_header message = {.type = type};
	enum hv_status status = vmbus_guest_post_only(guest, &message, sizeof(message));

	fake_vm_run_loop(guest->fake);
	return status;
}

static void post_contact(uint32_t version)
{
	const struct vmbus_initiate_contact contact = {
		.header.type = VMBUS_MSG_INITIATE_CONTACT,
		.version = version,
		.sint = SINT,
	};

	post(&contact, sizeof(contact));
}

/* ---- interrupts, messages -------------------- */

static void d2_the_pending_flag_got_lost(void **state UNUSED)
{
	const struct vmbus_message_header request = {.type = VMBUS_MSG_REQUEST_OFFERS};

	assert_true(vmbus_guest_contact(guest, VMBUS_VERSION_5_3));
	doctor_guest_add_fault(&doctor, FAULT_LOSE_PENDING, FAULT_ANY);
	post(&request, sizeof(request));
	doctor_guest_expect_cause(&doctor, "D2", "vps/0/sints/2");
	fake_vm_consume(guest->fake, 0, SINT); /* no flag, and so no EOM */
	doctor_guest_expect_cause(&doctor, "D2", "vps/0/sints/2");
	doctor_guest_expect_remedy(&doctor, "D2", "hvctl synic kick --vp 0 --sint 2 --force");
	kick();
	assert_int_equal(guest->bus->connection.state, VMBUS_CONNECTED);
	doctor_guest_expect_nothing(&doctor);
}

static void d7_the_sint_was_not_raised(void **state UNUSED)
{
	open_probe();
	doctor_guest_add_fault(&doctor, FAULT_SKIP_ASSERT, FAULT_ANY);
	doctor_guest_send(&doctor);
	doctor_guest_expect_cause(&doctor, "D7", "vps/0/sints/2");
	doctor_guest_expect_remedy(&doctor, "D7", "hvctl synic kick --vp 0 --sint 2 --force");
	kick();
	assert_true(event_of(doctor.relid));
	assert_int_equal(guest_reads(), 1);
	doctor_guest_expect_nothing(&doctor);
}

static void d3_the_answer_is_held(void **state UNUSED)
{
	doctor_guest_add_fault(&doctor, FAULT_HOLD_MESSAGE, VMBUS_MSG_VERSION_RESPONSE);
	post_contact(VMBUS_VERSION_5_3);
	doctor_guest_expect_cause(&doctor, "D3", "vmbus");
	clear_faults();
	vmbus_guest_expect(guest, VMBUS_MSG_VERSION_RESPONSE, NULL, 0);
	doctor_guest_expect_nothing(&doctor);
}

static void d16_a_body_was_lost(void **state UNUSED)
{
	enum { RANGE_PAGES = 30 };
	_Alignas(8) uint8_t bytes[VMBUS_MESSAGE_MAX] = {0};
	struct vmbus_gpadl_header *header = (void *)bytes;
	struct vmbus_gpadl_body *body = (void *)bytes;
	const struct vmbus_gpa_range range = {.byte_count = RANGE_PAGES * VMBUS_PAGE_SIZE};
	char text[32];

	doctor_guest_connect(&doctor);
	doctor_guest_add_fault(&doctor, FAULT_DROP_MESSAGE, VMBUS_MSG_GPADL_BODY);
	*header = (struct vmbus_gpadl_header){
		.header.type = VMBUS_MSG_GPADL_HEADER,
		.child_relid = doctor.relid,
		.gpadl = 5,
		.range_buf_len = sizeof(range) + 8 * RANGE_PAGES,
		.range_count = 1,
	};
	memcpy(header->ranges, &range, sizeof(range));
	post(bytes, sizeof(*header) + sizeof(range) + 8 * 26);
	*body = (struct vmbus_gpadl_body){.header.type = VMBUS_MSG_GPADL_BODY, .gpadl = 5};
	post(bytes, sizeof(*body) + 8 * (RANGE_PAGES - 26));
	snprintf(text, sizeof(text), "gpadls/%u/5", doctor.relid);
	doctor_guest_expect_cause(&doctor, "D16", text);
	doctor_guest_expect_remedy(&doctor, "D16", doctor_guest_command("rescind", doctor.relid));
	rescind_and_offer(doctor.relid);
	doctor_guest_expect_nothing(&doctor);
}

/* ---- messages of the guest -------------------- */

static void d25_the_pump_stands_still(void **state UNUSED)
{
	doctor_guest_connect(&doctor);
	doctor_guest_add_fault(&doctor, FAULT_PAUSE_PUMP, FAULT_ANY);
	for (unsigned i = 0; i < VMBUS_INCOMING_MAX; i++)
		assert_int_equal(post_type_only(VMBUS_MSG_INVALID), HV_STATUS_SUCCESS);
	assert_int_equal(post_type_only(VMBUS_MSG_INVALID), HV_STATUS_INSUFFICIENT_BUFFERS);
	doctor_guest_expect_cause(&doctor, "D25", "vmbus");
	clear_faults();
	doctor_guest_expect_nothing(&doctor);
}

static void d25_is_the_cause_when_the_request_for_offers_waits(void **state UNUSED)
{
	assert_true(vmbus_guest_contact(guest, VMBUS_VERSION_5_3));
	doctor_guest_add_fault(&doctor, FAULT_PAUSE_PUMP, FAULT_ANY);
	assert_int_equal(post_type_only(VMBUS_MSG_REQUEST_OFFERS), HV_STATUS_SUCCESS);
	doctor_guest_wait(&doctor, 10 * NSEC_PER_SEC);
	doctor_guest_expect_cause(&doctor, "D25", "vmbus");
	clear_faults();
	vmbus_guest_expect(guest, VMBUS_MSG_OFFER_CHANNEL, NULL, 0);
	vmbus_guest_expect(guest, VMBUS_MSG_ALL_OFFERS_DELIVERED, NULL, 0);
	doctor_guest_expect_nothing(&doctor);
}

/* A single sample sees the counter only: it has to rise while the doctor looks. */
static void post_between_samples(void)
{
	assert_int_equal(post_type_only(VMBUS_MSG_INVALID), HV_STATUS_INSUFFICIENT_BUFFERS);
}

static void d25_posts_are_refused(void **state UNUSED)
{
	doctor_guest_connect(&doctor);
	doctor_guest_add_fault(&doctor, FAULT_REFUSE_POST, FAULT_ANY);
	doctor.meanwhile = post_between_samples;
	doctor_guest_expect_cause(&doctor, "D25", "vmbus");
	doctor.meanwhile = NULL;
	doctor_guest_expect_nothing(&doctor);
	assert_int_equal(post_type_only(VMBUS_MSG_INVALID), HV_STATUS_SUCCESS);
}

static void signal_nobody(void)
{
	struct hypercall_regs regs = {
		.rcx = HV_CALL_SIGNAL_EVENT | HV_CONTROL_FAST,
		.rdx = VMBUS_CONNECTION_ID_BASE + 99,
		.long_mode = true,
		.protected_mode = true,
	};

	assert_int_equal(hypercall_dispatch(guest->fake->vm.vcpu[0], 0, &regs), HV_FAULT_NONE);
	assert_int_equal(regs.rax & UINT16_MAX, HV_STATUS_INVALID_CONNECTION_ID);
}

static void signal_nobody_often(void)
{
	for (unsigned i = 0; i < 10; i++)
		signal_nobody();
}

static void d26_signals_lead_to_no_channel(void **state UNUSED)
{
	open_probe();
	doctor.meanwhile = signal_nobody; /* a channel that has just been closed */
	doctor_guest_expect_note(&doctor, "D26", "vmbus");
	doctor.meanwhile = signal_nobody_often;
	doctor_guest_expect_cause(&doctor, "D26", "vmbus");
	doctor.meanwhile = NULL;
	doctor_guest_expect_nothing(&doctor);
}

/* ---- rings -------------------- */

static void d9_the_event_got_lost(void **state UNUSED)
{
	open_probe();
	doctor_guest_add_fault(&doctor, FAULT_SKIP_EVENT, FAULT_ANY);
	doctor_guest_send(&doctor);
	doctor_guest_expect_cause(&doctor, "D9", doctor_guest_path(doctor.relid, "/rings/1"));
	doctor_guest_expect_remedy(&doctor, "D9", doctor_guest_command("unstick", doctor.relid));
	assert_true(unstick(doctor.relid).guest_reads);
	assert_true(event_of(doctor.relid));
	assert_int_equal(guest_reads(), 1);
	doctor_guest_expect_nothing(&doctor);
}

static void d9_the_event_came_before_the_channel_was_open(void **state UNUSED)
{
	doctor_guest_connect(&doctor);
	doctor_guest_add_fault(&doctor, FAULT_EARLY_EVENT, FAULT_ANY);
	vmbus_guest_post_open(guest, doctor.relid, PAGES);
	assert_true(event_of(doctor.relid)); /* nobody is there yet */
	vmbus_guest_expect(guest, VMBUS_MSG_OPEN_CHANNEL_RESULT, NULL, 0);
	vmbus_guest_rings(guest, PAGES, pages, &out, &in);
	doctor_guest_send(&doctor);
	channel_recheck(doctor.probe.channel);
	assert_false(event_of(doctor.relid));
	doctor_guest_expect_cause(&doctor, "D9", doctor_guest_path(doctor.relid, "/rings/1"));
	assert_true(unstick(doctor.relid).guest_reads);
	assert_true(event_of(doctor.relid));
	assert_int_equal(guest_reads(), 1);
	doctor_guest_expect_nothing(&doctor);
}

static void d11_the_guest_is_not_told_of_the_room(void **state UNUSED)
{
	open_probe();
	doctor_guest_add_fault(&doctor, FAULT_SKIP_ROOM_SIGNAL, FAULT_ANY);
	assert_true(guest_writes(3000));
	out.control->pending_send_sz = 10000;
	vmbus_guest_signal(guest, doctor.relid);
	assert_int_equal(doctor.probe.packets, 1);
	doctor_guest_expect_cause(&doctor, "D11", doctor_guest_path(doctor.relid, "/rings/0"));
	doctor_guest_expect_remedy(&doctor, "D11", doctor_guest_command("unstick", doctor.relid));
	assert_true(unstick(doctor.relid).guest_writes);
	assert_true(event_of(doctor.relid));
	assert_true(guest_writes(3000)); /* takes the wish back */
	vmbus_guest_signal(guest, doctor.relid);
	doctor_guest_expect_nothing(&doctor);
}

static void d12_the_ring_was_left_masked(void **state UNUSED)
{
	open_probe();
	doctor_guest_add_fault(&doctor, FAULT_LEAVE_MASKED, FAULT_ANY);
	assert_true(guest_writes(16));
	vmbus_guest_signal(guest, doctor.relid);
	assert_int_equal(out.control->interrupt_mask, 1);
	doctor_guest_expect_nothing(&doctor);
	assert_false(guest_writes(16)); /* the host does not want to know */
	doctor_guest_expect_cause(&doctor, "D12", doctor_guest_path(doctor.relid, "/rings/0"));
	doctor_guest_expect_remedy(&doctor, "D12", doctor_guest_command("unstick", doctor.relid));
	assert_true(unstick(doctor.relid).host_reads);
	assert_int_equal(doctor.probe.packets, 2);
	assert_int_equal(out.control->interrupt_mask, 0);
	doctor_guest_expect_nothing(&doctor);
}

/* ---- a device that is signalled by the monitor page -------------------- */

enum { MONITOR_ID = 3, MONITOR_PFN = GUEST_GPADL_PFN + GUEST_GPADL_PAGES };

static unsigned monitored;

static int monitored_open(struct vmbus_channel *channel UNUSED, void *arg UNUSED)
{
	return 0;
}

static void monitored_signalled(struct vmbus_channel *channel UNUSED, void *arg UNUSED)
{
	monitored++;
}

static const struct vmbus_device_ops monitored_ops = {
	.name = "monitored",
	.open = monitored_open,
	.close = monitored_open,
	.signalled = monitored_signalled,
};

static struct vmbus_channel *add_monitored(void)
{
	const struct vmbus_offer offer = {
		.interface_type.a = 7, .interface_instance.a = 7, .monitor_id = MONITOR_ID};
	struct vmbus_channel *channel;

	vmbus_lock(guest->bus);
	assert_int_equal(vmbus_channel_add(guest->bus, &offer, &monitored_ops, NULL, &channel), 0);
	vmbus_unlock(guest->bus);
	return channel;
}

static void skip_monitor(uint32_t relid)
{
	struct fault_spec spec = {.kind = FAULT_SKIP_MONITOR, .place = {FAULT_ANYWHERE}};
	struct fault_refusal refusal;
	struct fault fault;

	spec.place.relid = relid;
	assert_int_equal(faults_add(&guest->fake->vm.faults, &spec, &fault, &refusal), 0);
}

static void d27_nobody_takes_monitor_bits(void **state UNUSED)
{
	struct monitor *monitor = &guest->fake->vm.monitor;
	struct hv_monitor_page *page = (void *)vmbus_guest_page(guest, MONITOR_PFN);
	struct vmbus_channel *channel = add_monitored();
	uint32_t relid = vmbus_channel_relid(channel);

	doctor_guest_connect(&doctor);
	monitor->started = true; /* its thread does not run: each pass is ours */
	monitor->page_gpa = MONITOR_PFN * VMBUS_PAGE_SIZE;
	vmbus_guest_open(guest, relid, PAGES);
	skip_monitor(relid + 1);
	page->group[0].pending = 1u << MONITOR_ID;
	assert_int_equal(monitor_service(monitor), 1);
	fake_vm_run_loop(guest->fake);
	skip_monitor(relid);
	page->group[0].pending = 1u << MONITOR_ID;
	assert_int_equal(monitor_service(monitor), 0);
	doctor_guest_expect_cause(&doctor, "D27", doctor_guest_path(relid, ""));
	doctor_guest_expect_remedy(&doctor, "D27", doctor_guest_command("unstick", relid));
	clear_faults();
	assert_int_equal(monitor_service(monitor), 1);
	fake_vm_run_loop(guest->fake);
	assert_int_equal(monitored, 2);
	doctor_guest_expect_nothing(&doctor);
	monitor->page_gpa = UINT64_MAX;
	vmbus_guest_close(guest, relid);
	vmbus_lock(guest->bus);
	vmbus_channel_remove(channel);
	vmbus_unlock(guest->bus);
	vmbus_guest_expect(guest, VMBUS_MSG_RESCIND_CHANNEL_OFFER, NULL, 0);
	vmbus_guest_release(guest, relid);
	monitor->started = false;
}

/* ---- hv_sock -------------------- */

static char directory[] = "/tmp/doctor.XXXXXX", path[64];

static int make_socket(void)
{
	char spec[96];

	strcpy(directory + strlen(directory) - 6, "XXXXXX");
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/sock", directory);
	snprintf(spec, sizeof(spec), "hvsock,path=%s", path);
	doctor_guest_add_device(&doctor, spec);
	doctor_guest_connect(&doctor);
	return unix_connect(path);
}

/* A client that wants port 5000. The relid of the offer that follows. */
static uint32_t connect_client(int fd)
{
	static const char line[] = "CONNECT 5000\n";
	struct vmbus_offer_channel offer;

	assert_int_equal(send(fd, line, strlen(line), MSG_NOSIGNAL), strlen(line));
	fake_vm_run_loop(guest->fake);
	fake_vm_run_loop(guest->fake);
	vmbus_guest_expect(guest, VMBUS_MSG_OFFER_CHANNEL, &offer, sizeof(offer));
	return offer.child_relid;
}

static void remove_socket(int fd)
{
	close(fd);
	fake_vm_run_loop(guest->fake);
	vmbus_devices_remove_all(guest->bus);
	rmdir(directory);
}

static void d28_the_rescind_was_forgotten(void **state UNUSED)
{
	int fd = make_socket();
	uint32_t relid = connect_client(fd);
	struct rescind_result result;

	vmbus_guest_open(guest, relid, PAGES);
	doctor_guest_wait(&doctor, NSEC_PER_SEC);
	doctor_guest_add_fault(&doctor, FAULT_SKIP_RESCIND, FAULT_ANY);
	vmbus_guest_close(guest, relid);
	doctor_guest_expect_cause(&doctor, "D28", doctor_guest_path(relid, ""));
	doctor_guest_expect_remedy(&doctor, "D28", doctor_guest_command("rescind", relid));
	assert_int_equal(vmbus_rescind(guest->bus, relid, false, &result), 0);
	vmbus_guest_expect(guest, VMBUS_MSG_RESCIND_CHANNEL_OFFER, NULL, 0);
	vmbus_guest_release(guest, relid);
	assert_null(channel_by_relid(guest->bus, relid));
	doctor_guest_expect_nothing(&doctor);
	remove_socket(fd);
}

static void d29_nobody_listens_in_the_guest(void **state UNUSED)
{
	int fd = make_socket();
	uint32_t relid = connect_client(fd);
	char subject[32];

	snprintf(subject, sizeof(subject), "socks/%u", relid);
	doctor_guest_wait(&doctor, NSEC_PER_SEC);
	doctor_guest_expect_cause(&doctor, "D29", subject);
	vmbus_guest_open(guest, relid, PAGES);
	doctor_guest_expect_nothing(&doctor);
	remove_socket(fd);
}

/* ---- integration components -------------------- */

static struct ic *open_ic(const char *name, enum ic_component component)
{
	struct ic *ic;

	doctor_guest_add_device(&doctor, name);
	doctor_guest_open(&doctor, PAGES);
	ic = ic_find(guest->bus, component);
	assert_non_null(ic);
	vmbus_guest_open(guest, vmbus_channel_relid(ic->channel), PAGES);
	vmbus_guest_rings(guest, PAGES, pages, &out, &in);
	channel_recheck(ic->channel);
	return ic;
}

struct ic_packet {
	struct ring_packet ring;
	union {
		struct ic_header header;
		uint8_t bytes[4096];
	};
};

static void take_packet(struct ic_packet *packet)
{
	bool signal;

	assert_int_equal(ring_peek(&in, packet->bytes, sizeof(packet->bytes), &packet->ring), 0);
	assert_int_equal(ring_consume(&in, &signal), 0);
}

static void answer_packet(const struct ic *ic, struct ic_packet *packet)
{
	const struct iovec iov = {packet->bytes, packet->ring.payload_bytes};
	bool signal;

	packet->header.flags = IC_FLAG_TRANSACTION | IC_FLAG_RESPONSE;
	packet->header.status = 0;
	assert_int_equal(ring_write(&out, VMBUS_PACKET_DATA_INBAND, 0, packet->ring.transaction_id,
				 &iov, 1, 0, &signal),
		0);
	vmbus_guest_signal(guest, vmbus_channel_relid(ic->channel));
	(void)event_of(vmbus_channel_relid(ic->channel));
}

/* The versions that Linux takes: framework 3.0, and the component's own. */
static void negotiate(const struct ic *ic, uint16_t minor)
{
	const uint16_t choice[] = {1, 1, 0, 0, 3, 0, 3, minor};
	struct ic_packet packet;

	take_packet(&packet);
	memcpy(packet.bytes + sizeof(packet.header), choice, sizeof(choice));
	packet.header.body_size = sizeof(choice);
	answer_packet(ic, &packet);
	assert_int_equal(ic->state, IC_READY);
}

static void pass(struct ic *ic, uint64_t ns)
{
	doctor_guest_wait(&doctor, ns);
	ic_tick(ic);
	fake_vm_run_loop(guest->fake);
}

static void d30_the_guest_does_not_answer_heartbeats(void **state UNUSED)
{
	struct ic *ic = open_ic("heartbeat", IC_COMPONENT_HEARTBEAT);
	struct ic_packet packet;

	negotiate(ic, 0);
	take_packet(&packet);
	(void)event_of(vmbus_channel_relid(ic->channel));
	doctor_guest_expect_nothing(&doctor); /* the guest may take its time */
	pass(ic, ic->ops->patience_ns);
	take_packet(&packet); /* it reads them, and is silent */
	(void)event_of(vmbus_channel_relid(ic->channel));
	doctor_guest_expect_cause(&doctor, "D30", "ic/heartbeat");
	doctor_guest_expect_remedy(&doctor, "D30", "hvctl ic ping");
	packet.bytes[sizeof(packet.header)]++;
	answer_packet(ic, &packet);
	doctor_guest_expect_nothing(&doctor);
}

static void ignore_answer(void *arg UNUSED, const struct ic_answer *answer UNUSED)
{
}

/* A driver that reads one packet per interrupt leaves the second one there. */
static void d31_the_host_asks_without_waiting(void **state UNUSED)
{
	struct ic *ic = open_ic("shutdown", IC_COMPONENT_SHUTDOWN);
	uint32_t relid = vmbus_channel_relid(ic->channel);
	const struct ic_call call = {0};
	struct ic_packet packet;

	negotiate(ic, 2);
	pass(ic, NSEC_PER_SEC);
	doctor_guest_add_fault(&doctor, FAULT_PIPELINE_IC, FAULT_ANY);
	assert_int_equal(
		ic_request(guest->bus, IC_COMPONENT_SHUTDOWN, &call, ignore_answer, NULL), 0);
	take_packet(&packet);
	(void)event_of(relid);
	doctor_guest_expect_cause(&doctor, "D31", "ic/shutdown");
	doctor_guest_expect_remedy(&doctor, "D31", doctor_guest_command("unstick", relid));
	assert_true(unstick(relid).guest_reads);
	assert_true(event_of(relid));
	take_packet(&packet);
	doctor_guest_expect_nothing(&doctor);
}

static void d32_the_guest_agreed_and_stays(void **state UNUSED)
{
	struct ic *ic = open_ic("shutdown", IC_COMPONENT_SHUTDOWN);
	const struct ic_call call = {0};
	struct ic_packet packet;

	negotiate(ic, 2);
	pass(ic, NSEC_PER_SEC);
	assert_int_equal(
		ic_request(guest->bus, IC_COMPONENT_SHUTDOWN, &call, ignore_answer, NULL), 0);
	take_packet(&packet);
	answer_packet(ic, &packet);
	doctor_guest_expect_nothing(&doctor);
	doctor_guest_wait(&doctor, 60 * NSEC_PER_SEC);
	doctor_guest_expect_cause(&doctor, "D32", "ic/shutdown");
	doctor_guest_expect_remedy(&doctor, "D32", "hvctl ic shutdown --force");
}

/* ---- the connection -------------------- */

static void d33_the_answer_to_unload_is_lost(void **state UNUSED)
{
	open_probe();
	doctor_guest_add_fault(&doctor, FAULT_DROP_MESSAGE, VMBUS_MSG_UNLOAD_RESPONSE);
	assert_int_equal(post_type_only(VMBUS_MSG_UNLOAD), HV_STATUS_SUCCESS);
	doctor_guest_expect_cause(&doctor, "D33", "vmbus");
	doctor_guest_connect(&doctor); /* a new kernel starts anew */
	doctor_guest_expect_nothing(&doctor);
}

static void d33_a_device_keeps_the_answer_back(void **state UNUSED)
{
	open_probe();
	doctor_guest_add_fault(&doctor, FAULT_HOLD_CLOSE, FAULT_ANY);
	assert_int_equal(post_type_only(VMBUS_MSG_UNLOAD), HV_STATUS_SUCCESS);
	doctor_guest_wait(&doctor, NSEC_PER_SEC);
	doctor_guest_expect_cause(&doctor, "D33", "vmbus");
	clear_faults();
	vmbus_guest_expect(guest, VMBUS_MSG_UNLOAD_RESPONSE, NULL, 0);
	doctor_guest_expect_nothing(&doctor);
}

static void d34_a_device_is_offered_twice(void **state UNUSED)
{
	doctor_guest_add_fault(&doctor, FAULT_DUPLICATE_OFFER, FAULT_ANY);
	doctor_guest_connect(&doctor);
	doctor_guest_expect_cause(&doctor, "D34", doctor_guest_path(doctor.relid, ""));
	assert_int_equal(post_type_only(VMBUS_MSG_UNLOAD), HV_STATUS_SUCCESS);
	vmbus_guest_expect(guest, VMBUS_MSG_UNLOAD_RESPONSE, NULL, 0);
	doctor_guest_connect(&doctor); /* the guest was rebooted */
	doctor_guest_expect_nothing(&doctor);
}

static void d35_a_packet_is_too_long(void **state UNUSED)
{
	struct ic *ic = open_ic("heartbeat", IC_COMPONENT_HEARTBEAT);
	uint32_t relid = vmbus_channel_relid(ic->channel);

	doctor_guest_add_fault(&doctor, FAULT_OVERSIZE_PACKET, FAULT_ANY);
	negotiate(ic, 0); /* the first heartbeat follows */
	assert_int_equal(guest_reads(), 1);
	(void)event_of(relid);
	doctor_guest_expect_cause(&doctor, "D35", doctor_guest_path(relid, ""));
	doctor_guest_expect_remedy(&doctor, "D35", doctor_guest_command("rescind", relid));
	rescind_and_offer(relid);
	vmbus_guest_open(guest, relid, PAGES);
	doctor_guest_expect_nothing(&doctor);
}

static void d36_the_guest_does_not_ask_for_offers(void **state UNUSED)
{
	uint32_t relids[4];

	assert_true(vmbus_guest_contact(guest, VMBUS_VERSION_5_3));
	doctor_guest_expect_nothing(&doctor);
	doctor_guest_wait(&doctor, 5 * NSEC_PER_SEC);
	doctor_guest_expect_cause(&doctor, "D36", "vmbus");
	vmbus_guest_request_offers(guest, relids, ARRAY_LEN(relids));
	doctor_guest_expect_nothing(&doctor);
}

static void d37_an_old_version_is_a_note(void **state UNUSED)
{
	uint32_t relids[4];

	assert_true(vmbus_guest_contact(guest, VMBUS_VERSION_4_0));
	vmbus_guest_request_offers(guest, relids, ARRAY_LEN(relids));
	doctor_guest_expect_note(&doctor, "D37", "vmbus");
}

static void d37_no_version_is_agreed_on(void **state UNUSED)
{
	assert_false(vmbus_guest_contact(guest, 0x00070000));
	doctor_guest_expect_cause(&doctor, "D37", "vmbus");
	doctor_guest_connect(&doctor);
	doctor_guest_expect_nothing(&doctor);
}

static void d38_the_guest_is_gone_without_unload(void **state UNUSED)
{
	struct vm *vm = &guest->fake->vm;
	uint64_t guest_os_id = vm->hv[0].guest_os_id;

	open_probe();
	vm->hv[0].guest_os_id = 0;
	doctor_guest_expect_cause(&doctor, "D38", "vmbus");
	doctor_guest_expect_remedy(&doctor, "D38", "hvctl vm reset");
	vm->hv[0].guest_os_id = guest_os_id;
	doctor_guest_connect(&doctor);
	doctor_guest_expect_nothing(&doctor);
}

static void write_partition_msr(uint32_t index, uint64_t value)
{
	assert_int_equal(hv_msr_write(guest->fake->vm.vcpu[0], 0, index, value), HV_FAULT_NONE);
}

static void d39_the_guest_panicked(void **state UNUSED)
{
	open_probe();
	write_partition_msr(HV_MSR_CRASH_P0, 0xdead);
	write_partition_msr(HV_MSR_CRASH_CTL, HV_CRASH_NOTIFY);
	doctor_guest_expect_cause(&doctor, "D39", "hv");
	doctor_guest_expect_remedy(&doctor, "D39", "hvctl vm reset");
	hv_partition_reset(&guest->fake->vm.hv[0]);
	guest->fake->vm.hv[0].guest_os_id = 1;
	doctor_guest_connect(&doctor);
	assert_null(doctor_guest_finding(&doctor, "D40"));
}

static void signal_a_lot(void)
{
	for (unsigned i = 0; i < 2000; i++)
		assert_int_equal(vmbus_guest_signal(guest, doctor.relid), HV_STATUS_SUCCESS);
}

static void d40_the_guest_signals_for_nothing(void **state UNUSED)
{
	open_probe();
	doctor.meanwhile = signal_a_lot;
	doctor_guest_expect_cause(&doctor, "D40", doctor_guest_path(doctor.relid, ""));
	doctor.meanwhile = NULL;
	doctor_guest_expect_nothing(&doctor);
}

/* ---- the table -------------------- */

#define RULE(rule, test) DOCTOR_GUEST_TEST(&doctor, rule, test)

static const struct CMUnitTest tests[] = {
	RULE("D2", d2_the_pending_flag_got_lost),
	RULE("D3", d3_the_answer_is_held),
	RULE("D7", d7_the_sint_was_not_raised),
	RULE("D9", d9_the_event_got_lost),
	RULE("D9", d9_the_event_came_before_the_channel_was_open),
	RULE("D11", d11_the_guest_is_not_told_of_the_room),
	RULE("D12", d12_the_ring_was_left_masked),
	RULE("D16", d16_a_body_was_lost),
	RULE("D25", d25_the_pump_stands_still),
	RULE("D25", d25_is_the_cause_when_the_request_for_offers_waits),
	RULE("D25", d25_posts_are_refused),
	RULE("D26", d26_signals_lead_to_no_channel),
	RULE("D27", d27_nobody_takes_monitor_bits),
	RULE("D28", d28_the_rescind_was_forgotten),
	RULE("D29", d29_nobody_listens_in_the_guest),
	RULE("D30", d30_the_guest_does_not_answer_heartbeats),
	RULE("D31", d31_the_host_asks_without_waiting),
	RULE("D32", d32_the_guest_agreed_and_stays),
	RULE("D33", d33_the_answer_to_unload_is_lost),
	RULE("D33", d33_a_device_keeps_the_answer_back),
	RULE("D34", d34_a_device_is_offered_twice),
	RULE("D35", d35_a_packet_is_too_long),
	RULE("D36", d36_the_guest_does_not_ask_for_offers),
	RULE("D37", d37_an_old_version_is_a_note),
	RULE("D37", d37_no_version_is_agreed_on),
	RULE("D38", d38_the_guest_is_gone_without_unload),
	RULE("D39", d39_the_guest_panicked),
	RULE("D40", d40_the_guest_signals_for_nothing),
};

int main(void)
{
	return cmocka_run_group_tests_name("doctor-faults", tests, NULL, NULL);
}
