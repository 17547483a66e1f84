/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "doctor/model.h"

#include <stdlib.h>
#include <string.h>
#include "common/thread_time.h"
#include "hvdef/vmbus.h"
#include "vmbus/states.h"

/* ---- field tables ---------------------------------------------------------------------------- */

static const struct field thread_fields[] = {
	{FIELD_U(struct doctor_thread, run_ns, FIELD_NULLABLE,
		"CPU time it had since it began; null on a kernel without CONFIG_SCHED_INFO.")},
	{FIELD_U(struct doctor_thread, wait_ns, FIELD_NULLABLE,
		"How long it waited for a processor of the host; counted when such a wait is over.")},
	{FIELD_E(struct doctor_thread, state, 0, thread_state_names,
		"runnable: it runs or waits for a processor; blocked: held up in the host's "
		"kernel.")},
	{FIELD_X(struct doctor_thread, lost_seconds, 0,
		"A bit for each of the last 64 seconds, the latest in bit 0: it had less than a "
		"quarter of it, or the VM stood still.")},
};
static const struct field_table thread_table = FIELD_TABLE(struct doctor_thread, "doctor-thread",
	"What the host's scheduler gave a thread of hvd.", thread_fields);

static const struct field machine_fields[] = {
	{FIELD_U(struct doctor_machine, mono_ns, 0, "When the sample was taken, monotonic.")},
	{FIELD_B(struct doctor_machine, running, 0,
		"The VM ran. Of one that does not, nothing is judged.")},
	{FIELD_B(struct doctor_machine, kernel_synic, 0, "KVM holds the SynIC (mode kernel).")},
	{FIELD_B(struct doctor_machine, direct_timers, 0,
		"Synthetic timers may use vectors of their own instead of messages.")},
	{FIELD_B(struct doctor_machine, deprecates_auto_eoi, 0,
		"CPUID 0x40000004 EAX bit 9: guests shall send an EOI for SINTs.")},
	{FIELD_X(struct doctor_machine, guest_os_id, FIELD_NULLABLE,
		"GUEST_OS_ID; 0x0: no enlightened guest.")},
	{FIELD_X(struct doctor_machine, hypercall, FIELD_NULLABLE, "HYPERCALL; bit 0 enables.")},
	{FIELD_U(struct doctor_machine, crashes, 0, "Crashes the guest reported since power-on.")},
	{FIELD_U(struct doctor_machine, crash_age_ns, FIELD_NULLABLE, "Since the last of them.")},
	{FIELD_X(struct doctor_machine, crash_p0, 0, "Crash parameter 0.")},
	{FIELD_X(struct doctor_machine, crash_p1, 0, "Crash parameter 1.")},
	{FIELD_X(struct doctor_machine, crash_p2, 0, "Crash parameter 2.")},
	{FIELD_X(struct doctor_machine, crash_p3, 0, "Crash parameter 3.")},
	{FIELD_X(struct doctor_machine, crash_p4, 0, "Crash parameter 4.")},
	{FIELD_U(struct doctor_machine, posts_unknown, 0,
		"HvPostMessage calls that named no connection there is.")},
	{FIELD_U(struct doctor_machine, signals_unknown, 0,
		"HvSignalEvent calls that named no connection there is.")},
	{FIELD_X(struct doctor_machine, monitor_page, FIELD_NULLABLE,
		"The monitor page that is polled.")},
	{FIELD_U(struct doctor_machine, monitor_polls, 0, "Looks at the monitor page.")},
	{FIELD_U(struct doctor_machine, monitor_poll_age_ns, FIELD_NULLABLE,
		"Since the last of them.")},
	{FIELD_X(struct doctor_machine, monitor_pending_low, 0,
		"Monitor bits 0-63 that the guest has set and nobody has taken.")},
	{FIELD_X(struct doctor_machine, monitor_pending_high, 0, "Bits 64-127.")},
	{FIELD_U(struct doctor_machine, faults_active, 0, "hvd misbehaves on purpose.")},
	{FIELD_B(struct doctor_machine, truncated, 0, "There was more than a sample holds.")},
	{FIELD_O(struct doctor_machine, loop, FIELD_NULLABLE, &thread_table,
		"hvd's main loop, which does the bus's work.")},
	{FIELD_U(struct doctor_machine, late_ns, 0,
		"By how much the main loop was woken later than it wanted, in all, while it looked: "
		"it wants to be every 20 ms.")},
	{FIELD_O(struct doctor_machine, monitor, FIELD_NULLABLE, &thread_table,
		"The thread that polls the monitor page; null: there was nothing to poll.")},
};
static const struct field_table machine_table = FIELD_TABLE(struct doctor_machine, "doctor-machine",
	"What the doctor saw of the machine.", machine_fields);

static const struct field connection_fields[] = {
	{FIELD_E(struct doctor_connection, state, 0, vmbus_state_names, "As in vmbus.")},
	{FIELD_U(struct doctor_connection, time_in_state_ns, 0, "Time in that state.")},
	{FIELD_X(struct doctor_connection, version, 0, "Negotiated version; 0x0: none.")},
	{FIELD_X(struct doctor_connection, version_maximum, 0, "The highest that hvd knows.")},
	{FIELD_U(struct doctor_connection, target_vp, 0, "VP that gets the messages.")},
	{FIELD_U(struct doctor_connection, sint, 0, "SINT of messages and events.")},
	{FIELD_U(struct doctor_connection, contacts, 0, "INITIATE_CONTACT messages.")},
	{FIELD_U(struct doctor_connection, contacts_refused, 0,
		"Those answered with supported = 0.")},
	{FIELD_U(struct doctor_connection, contact_age_ns, FIELD_NULLABLE,
		"How long INITIATE_CONTACT has been without an answer.")},
	{FIELD_U(struct doctor_connection, unload_age_ns, FIELD_NULLABLE,
		"How long UNLOAD has been without an answer.")},
	{FIELD_U(struct doctor_connection, incoming, 0, "Messages of the guest that wait.")},
	{FIELD_U(struct doctor_connection, incoming_capacity, 0, "How many may.")},
	{FIELD_U(struct doctor_connection, incoming_age_ns, FIELD_NULLABLE,
		"Since the last one was taken out of the queue.")},
	{FIELD_U(struct doctor_connection, messages_in, 0, "Messages taken from the guest.")},
	{FIELD_U(struct doctor_connection, refused_by_port, 0,
		"Posts refused because the queue was full.")},
	{FIELD_U(struct doctor_connection, outgoing, 0, "Messages to the guest that wait.")},
	{FIELD_U(struct doctor_connection, outgoing_age_ns, FIELD_NULLABLE,
		"How long the first of them has waited.")},
	{FIELD_U(struct doctor_connection, messages_out, 0, "Messages made for the guest.")},
	{FIELD_U(
		struct doctor_connection, messages_delivered, 0, "Those that reached their slot.")},
};
static const struct field_table connection_table = FIELD_TABLE(struct doctor_connection,
	"doctor-connection", "What the doctor saw of the connection.", connection_fields);

static const struct field vp_fields[] = {
	{FIELD_U(struct doctor_vp, vp, 0, "VP index.")},
	{FIELD_U(struct doctor_vp, sint, 0, "The SINT that this is about.")},
	{FIELD_B(struct doctor_vp, other, 0, "It is not the one that the bus uses.")},
	{FIELD_B(struct doctor_vp, started, 0, "The VP has a thread that runs it.")},
	{FIELD_B(struct doctor_vp, answered, 0, "The VP told its registers in time.")},
	{FIELD_O(struct doctor_vp, thread, FIELD_NULLABLE, &thread_table,
		"The thread that was asked for them; null: it has none, or stands at another SINT.")},
	{FIELD_B(struct doctor_vp, halted, 0, "It stood in HLT.")},
	{FIELD_B(struct doctor_vp, interrupts_on, 0, "RFLAGS.IF.")},
	{FIELD_B(struct doctor_vp, vector_irr, 0, "The SINT's vector is requested (IRR).")},
	{FIELD_B(struct doctor_vp, vector_isr, 0, "The SINT's vector is in service (ISR).")},
	{FIELD_U(struct doctor_vp, tpr, 0, "Task priority of the local APIC.")},
	{FIELD_B(struct doctor_vp, registers_known, 0, "The SynIC's registers were read.")},
	{FIELD_X(struct doctor_vp, scontrol, 0, "SCONTROL.")},
	{FIELD_X(struct doctor_vp, simp, 0, "SIMP.")},
	{FIELD_X(struct doctor_vp, siefp, 0, "SIEFP.")},
	{FIELD_X(struct doctor_vp, raw, 0, "The SINT's register.")},
	{FIELD_U(struct doctor_vp, vector, 0, "Its vector.")},
	{FIELD_B(struct doctor_vp, masked, 0, "It is masked.")},
	{FIELD_B(struct doctor_vp, auto_eoi, 0, "It needs no EOI.")},
	{FIELD_B(struct doctor_vp, slot_busy, 0, "A message stands in its slot.")},
	{FIELD_B(struct doctor_vp, slot_pending, 0, "And the guest must write EOM for it.")},
	{FIELD_X(struct doctor_vp, slot_type, 0, "Type of that message.")},
	{FIELD_U(struct doctor_vp, slot_age_ns, FIELD_NULLABLE, "How long it has stood there.")},
	{FIELD_U(struct doctor_vp, queue_depth, 0, "Messages behind the slot.")},
	{FIELD_U(struct doctor_vp, event_flag_count, 0, "Event flags that are set.")},
	{FIELD_B(struct doctor_vp, irq_owed, 0, "An interrupt was withheld.")},
	{FIELD_U(struct doctor_vp, delivered, 0, "Messages written into the slot.")},
	{FIELD_U(struct doctor_vp, last_delivery_age_ns, FIELD_NULLABLE, "Since the last.")},
	{FIELD_U(struct doctor_vp, events, 0, "Event flags that went from clear to set.")},
	{FIELD_U(struct doctor_vp, last_event_age_ns, FIELD_NULLABLE, "Since the last.")},
	{FIELD_U(struct doctor_vp, interrupts, 0, "Interrupts asserted by hvd.")},
	{FIELD_U(struct doctor_vp, last_interrupt_age_ns, FIELD_NULLABLE, "Since the last.")},
	{FIELD_U(struct doctor_vp, eoms, FIELD_NULLABLE,
		"End-of-message writes; null where KVM executes them.")},
	{FIELD_U(struct doctor_vp, last_eom_age_ns, FIELD_NULLABLE, "Since the last.")},
};
static const struct field_table vp_table = FIELD_TABLE(struct doctor_vp, "doctor-vp",
	"What the doctor saw of a VP and the bus's SINT on it, or another on which messages wait.",
	vp_fields);

static const struct field owed_fields[] = {
	{FIELD_E(struct doctor_owed, message, 0, vmbus_message_names, "Which message.")},
	{FIELD_U(struct doctor_owed, relid, 0, "The channel it names; 0: none.")},
	{FIELD_X(struct doctor_owed, id, FIELD_NULLABLE, "The GPADL it names.")},
	{FIELD_U(struct doctor_owed, age_ns, 0, "Since it was made.")},
};
static const struct field_table owed_table = FIELD_TABLE(struct doctor_owed, "doctor-owed",
	"A message that was made and did not reach the guest's slot.", owed_fields);

static const struct field gpadl_fields[] = {
	{FIELD_U(struct doctor_gpadl, relid, 0, "Its channel.")},
	{FIELD_X(struct doctor_gpadl, gpadl, 0, "Its id.")},
	{FIELD_E(struct doctor_gpadl, state, 0, vmbus_gpadl_state_names, "As in gpadls.")},
	{FIELD_U(struct doctor_gpadl, time_in_state_ns, 0,
		"Time in that state; while it is assembled, since the last part of it came.")},
	{FIELD_U(struct doctor_gpadl, bytes_expected, 0, "Bytes of ranges announced.")},
	{FIELD_U(struct doctor_gpadl, bytes_received, 0, "Those that came.")},
	{FIELD_B(struct doctor_gpadl, is_ring, 0, "It can hold rings.")},
	{FIELD_B(struct doctor_gpadl, in_use, 0, "It holds the rings of its channel.")},
};
static const struct field_table gpadl_table = FIELD_TABLE(
	struct doctor_gpadl, "doctor-gpadl", "What the doctor saw of a GPADL.", gpadl_fields);

static const struct field ring_fields[] = {
	{FIELD_U(struct doctor_ring, size_bytes, 0, "Bytes of data.")},
	{FIELD_U(struct doctor_ring, read_index, 0, "As shared.")},
	{FIELD_U(struct doctor_ring, write_index, 0, "As shared.")},
	{FIELD_U(struct doctor_ring, host_index, 0, "The host's own.")},
	{FIELD_U(struct doctor_ring, used_bytes, 0, "Bytes that wait to be read.")},
	{FIELD_U(struct doctor_ring, intr_mask, 0, "1: the reader wants no signals.")},
	{FIELD_U(struct doctor_ring, pending_send_sz, 0, "Room the writer waits for.")},
	{FIELD_X(struct doctor_ring, feature_bits, 0, "Bit 0: pending_send_sz is honoured.")},
	{FIELD_U(struct doctor_ring, unread_packets, 0,
		"Packets that wait; of more than 1024 the first 1024.")},
	{FIELD_E(struct doctor_ring, broken, FIELD_NULLABLE, ring_invariant_names,
		"The first of the invariants R1 to R4 and R7 that does not hold; null: they hold.")},
	{FIELD_B(struct doctor_ring, host_waits, 0,
		"The host's end waits for somebody else, and knows it.")},
	{FIELD_U(struct doctor_ring, packets, 0, "Packets the host has read or written.")},
	{FIELD_U(struct doctor_ring, bytes, 0, "Their bytes.")},
	{FIELD_U(struct doctor_ring, signals, 0, "Signals the host owed for them and sent.")},
	{FIELD_U(struct doctor_ring, full, 0, "Times the host found no room.")},
};
static const struct field_table ring_table = FIELD_TABLE(
	struct doctor_ring, "doctor-ring", "What the doctor saw of a ring.", ring_fields);

static const struct field channel_fields[] = {
	{FIELD_U(struct doctor_channel, relid, 0, "Its id.")},
	{FIELD_S(struct doctor_channel, device, 0, "The host's device behind it.")},
	{FIELD_S(struct doctor_channel, class_id, 0, "GUID of the interface type.")},
	{FIELD_S(struct doctor_channel, device_id, 0, "GUID of the instance.")},
	{FIELD_S(struct doctor_channel, driver, FIELD_NULLABLE, "Linux's driver for the class.")},
	{FIELD_B(struct doctor_channel, is_hvsock, 0, "A connection of hv_sock.")},
	{FIELD_E(struct doctor_channel, state, 0, vmbus_channel_state_names, "As in channels.")},
	{FIELD_E(struct doctor_channel, device_state, 0, vmbus_device_state_names,
		"As in channels.")},
	{FIELD_E(struct doctor_channel, state_before_revoke, 0, vmbus_channel_state_names,
		"Its state when it was taken back; client_released: it was not.")},
	{FIELD_U(struct doctor_channel, time_in_state_ns, 0, "Time in that state.")},
	{FIELD_U(struct doctor_channel, connection_id, 0, "What the guest signals.")},
	{FIELD_U(struct doctor_channel, monitor_id, FIELD_NULLABLE, "Its monitor bit.")},
	{FIELD_U(struct doctor_channel, target_vp, FIELD_NULLABLE, "VP that gets its events.")},
	{FIELD_U(struct doctor_channel, previous_vp, FIELD_NULLABLE,
		"VP that got them before MODIFY_CHANNEL.")},
	{FIELD_U(struct doctor_channel, refused_vp, FIELD_NULLABLE,
		"VP that the guest named last and that cannot get events.")},
	{FIELD_U(struct doctor_channel, gpadls, 0, "GPADLs of the channel.")},
	{FIELD_U(struct doctor_channel, offers, 0, "Offers sent since the guest let go of it.")},
	{FIELD_U(struct doctor_channel, opens, 0, "How often it was opened.")},
	{FIELD_U(struct doctor_channel, open_age_ns, FIELD_NULLABLE, "Since OPEN_RESULT.")},
	{FIELD_U(struct doctor_channel, requests_after_revoke, 0,
		"OPEN_CHANNEL and GPADL_HEADER that came after RESCIND was made.")},
	{FIELD_U(struct doctor_channel, early_teardowns, 0,
		"GPADL_TEARDOWN of the rings while the channel was open: refused.")},
	{FIELD_B(struct doctor_channel, event_flag, 0, "Its event flag is set on its VP.")},
	{FIELD_B(struct doctor_channel, event_flag_on_previous, 0,
		"Its event flag is set on the VP before.")},
	{FIELD_U(struct doctor_channel, signals_in, 0, "Signals of the guest.")},
	{FIELD_U(struct doctor_channel, signals_out, 0, "Signals to the guest.")},
	{FIELD_U(struct doctor_channel, events_set, 0, "Those that set the event flag anew.")},
	{FIELD_U(struct doctor_channel, events_lost, 0,
		"Those that did not, because the VP has no event flags page.")},
	{FIELD_U(struct doctor_channel, signal_in_age_ns, FIELD_NULLABLE,
		"Since the device heard of a signal of the guest.")},
	{FIELD_U(struct doctor_channel, signal_out_age_ns, FIELD_NULLABLE,
		"Since the last signal to the guest.")},
	{FIELD_U(struct doctor_channel, write_age_ns, FIELD_NULLABLE,
		"Since the last packet to the guest.")},
	{FIELD_U(struct doctor_channel, wakes_since_write, 0,
		"Signals to the guest since then, beside the packet's own.")},
	{FIELD_U(struct doctor_channel, packet_limit_bytes, FIELD_NULLABLE,
		"Longest packet that the guest's driver takes.")},
	{FIELD_U(struct doctor_channel, largest_packet_bytes, 0, "Longest that was sent.")},
	{FIELD_S(struct doctor_channel, failure, FIELD_NULLABLE, "Why it failed.")},
	{FIELD_O(struct doctor_channel, to_host, FIELD_NULLABLE, &ring_table,
		"Linux's out_; null while the channel has no rings.")},
	{FIELD_O(struct doctor_channel, to_guest, FIELD_NULLABLE, &ring_table, "Linux's in_.")},
};
static const struct field_table channel_table = FIELD_TABLE(struct doctor_channel, "doctor-channel",
	"What the doctor saw of a channel.", channel_fields);

static const struct field ic_fields[] = {
	{FIELD_S(struct doctor_ic, name, 0, "The component.")},
	{FIELD_U(struct doctor_ic, relid, 0, "Its channel.")},
	{FIELD_E(struct doctor_ic, state, 0, ic_state_names, "As in ic.")},
	{FIELD_E(struct doctor_ic, contact, 0, ic_contact_names, "As in ic.")},
	{FIELD_U(struct doctor_ic, time_in_state_ns, 0, "Time in that state.")},
	{FIELD_B(struct doctor_ic, lock_step, 0,
		"The guest's driver reads one packet per interrupt.")},
	{FIELD_B(struct doctor_ic, needs_daemon, 0,
		"A program of the guest must run before the driver reads.")},
	{FIELD_S(struct doctor_ic, daemon, FIELD_NULLABLE, "Its name.")},
	{FIELD_U(struct doctor_ic, period_ns, FIELD_NULLABLE, "It speaks on its own this often.")},
	{FIELD_U(struct doctor_ic, patience_ns, FIELD_NULLABLE, "An answer may take so long.")},
	{FIELD_U(struct doctor_ic, requests, 0, "Requests to the guest.")},
	{FIELD_U(struct doctor_ic, responses, 0, "Answers.")},
	{FIELD_U(struct doctor_ic, lost, 0, "Requests not answered in time.")},
	{FIELD_U(struct doctor_ic, malformed, 0, "Packets that are no answer.")},
	{FIELD_U(struct doctor_ic, waiting_ns, FIELD_NULLABLE, "An answer has been waited for.")},
	{FIELD_U(struct doctor_ic, last_response_age_ns, FIELD_NULLABLE, "Since the last one.")},
	{FIELD_U(struct doctor_ic, pipelined, 0,
		"Packets sent behind one that the guest had not read.")},
	{FIELD_U(struct doctor_ic, going_down_age_ns, FIELD_NULLABLE,
		"Since the guest agreed to power off or to reboot.")},
	{FIELD_S(struct doctor_ic, problem, FIELD_NULLABLE, "What was wrong last.")},
};
static const struct field_table ic_table = FIELD_TABLE(struct doctor_ic, "doctor-ic",
	"What the doctor saw of an integration component.", ic_fields);

static const struct field sock_fields[] = {
	{FIELD_U(struct doctor_sock, relid, 0, "Its channel.")},
	{FIELD_U(struct doctor_sock, port, 0, "The port connected to.")},
	{FIELD_B(struct doctor_sock, from_host, 0, "The host connects; else the guest.")},
	{FIELD_B(struct doctor_sock, offered, 0, "The guest has not opened the channel.")},
	{FIELD_U(struct doctor_sock, time_in_state_ns, 0, "Time in its state.")},
};
static const struct field_table sock_table = FIELD_TABLE(struct doctor_sock, "doctor-sock",
	"What the doctor saw of an hv_sock connection.", sock_fields);

/* ---- sections -------------------------------------------------------------------------------- */

#define ONE(key, member, tab)                                                                    \
	{                                                                                        \
		.name = (key), .table = (tab), .offset = offsetof(struct doctor_sample, member), \
		.maximum = 1,                                                                    \
	}
#define MANY(key, member, count, tab, most)                                                      \
	{                                                                                        \
		.name = (key), .table = (tab), .offset = offsetof(struct doctor_sample, member), \
		.count_offset = offsetof(struct doctor_sample, count), .maximum = (most),        \
	}

const struct doctor_section doctor_sections[] = {
	[DOCTOR_MACHINE] = ONE("machine", machine, &machine_table),
	[DOCTOR_CONNECTION] = ONE("connection", connection, &connection_table),
	[DOCTOR_VPS] = MANY("vps", vps, vp_count, &vp_table, DOCTOR_VPS_MAX),
	[DOCTOR_OWED] = MANY("owed", owed, owed_count, &owed_table, DOCTOR_OWED_MAX),
	[DOCTOR_GPADLS] = MANY("gpadls", gpadls, gpadl_count, &gpadl_table, DOCTOR_GPADLS_MAX),
	[DOCTOR_CHANNELS] = MANY(
		"channels", channels, channel_count, &channel_table, DOCTOR_CHANNELS_MAX),
	[DOCTOR_ICS] = MANY("ics", ics, ic_count, &ic_table, DOCTOR_ICS_MAX),
	[DOCTOR_SOCKS] = MANY("socks", socks, sock_count, &sock_table, DOCTOR_SOCKS_MAX),
};
const size_t doctor_section_count = ARRAY_LEN(doctor_sections);

static uint32_t *count_of(const struct doctor_sample *sample, const struct doctor_section *section)
{
	return (uint32_t *)(void *)((char *)sample + section->count_offset);
}

static void **array_of(const struct doctor_sample *sample, const struct doctor_section *section)
{
	return (void **)(void *)((char *)sample + section->offset);
}

/* ---- life ------------------------------------------------------------------------------------ */

struct doctor_sample *doctor_sample_new(void)
{
	return calloc(1, sizeof(struct doctor_sample));
}

struct doctor_sample *doctor_sample_free(struct doctor_sample *sample)
{
	for (size_t i = 0; sample && i < doctor_section_count; i++) {
		if (doctor_sections[i].count_offset)
			free(*array_of(sample, &doctor_sections[i]));
	}
	free(sample);
	return NULL;
}

/* The room of an array of `count`: the next power of two. */
static bool is_full(uint32_t count)
{
	return (count & (count - 1)) == 0;
}

static bool grow(void **array, uint32_t count, size_t size)
{
	void *larger = reallocarray(*array, count ? 2 * (size_t)count : 1, size);

	if (!larger)
		return false;
	*array = larger;
	return true;
}

void *doctor_sample_add(struct doctor_sample *sample, enum doctor_section_id id)
{
	const struct doctor_section *section = &doctor_sections[id];
	uint32_t *count = count_of(sample, section);
	void **array = array_of(sample, section);
	char *added;

	if (*count >= section->maximum ||
		(is_full(*count) && !grow(array, *count, section->table->size))) {
		sample->machine.truncated = true;
		return NULL;
	}
	added = (char *)*array + *count * section->table->size;
	memset(added, 0, section->table->size);
	(*count)++;
	return added;
}

uint32_t doctor_sample_count(const struct doctor_sample *sample, enum doctor_section_id id)
{
	const struct doctor_section *section = &doctor_sections[id];

	return section->count_offset ? *count_of(sample, section) : 1;
}

void *doctor_sample_at(
	const struct doctor_sample *sample, enum doctor_section_id id, uint32_t index)
{
	const struct doctor_section *section = &doctor_sections[id];

	if (!section->count_offset)
		return (char *)sample + section->offset;
	return (char *)*array_of(sample, section) + index * section->table->size;
}

/* ---- look-up --------------------------------------------------------------------------------- */

const struct doctor_vp *doctor_find_vp(const struct doctor_sample *sample, uint32_t vp)
{
	for (uint32_t i = 0; i < sample->vp_count; i++) {
		if (sample->vps[i].vp == vp && !sample->vps[i].other)
			return &sample->vps[i];
	}
	return NULL;
}

const struct doctor_vp *doctor_find_sint(
	const struct doctor_sample *sample, uint32_t vp, uint32_t sint)
{
	for (uint32_t i = 0; i < sample->vp_count; i++) {
		if (sample->vps[i].vp == vp && sample->vps[i].sint == sint)
			return &sample->vps[i];
	}
	return NULL;
}

const struct doctor_channel *doctor_find_channel(const struct doctor_sample *sample, uint32_t relid)
{
	uint32_t low = 0, high = sample->channel_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (sample->channels[middle].relid < relid)
			low = middle + 1;
		else
			high = middle;
	}
	return low < sample->channel_count && sample->channels[low].relid == relid
		       ? &sample->channels[low]
		       : NULL;
}

const struct doctor_gpadl *doctor_find_gpadl(
	const struct doctor_sample *sample, uint32_t relid, uint64_t gpadl)
{
	for (uint32_t i = 0; i < sample->gpadl_count; i++) {
		if (sample->gpadls[i].relid == relid && sample->gpadls[i].gpadl == gpadl)
			return &sample->gpadls[i];
	}
	return NULL;
}

const struct doctor_ic *doctor_find_ic(const struct doctor_sample *sample, const char *name)
{
	for (uint32_t i = 0; i < sample->ic_count; i++) {
		if (strcmp(sample->ics[i].name, name) == 0)
			return &sample->ics[i];
	}
	return NULL;
}

const struct doctor_ic *doctor_find_ic_of(const struct doctor_sample *sample, uint32_t relid)
{
	for (uint32_t i = 0; i < sample->ic_count; i++) {
		if (sample->ics[i].relid == relid)
			return &sample->ics[i];
	}
	return NULL;
}

const struct doctor_sock *doctor_find_sock(const struct doctor_sample *sample, uint32_t relid)
{
	for (uint32_t i = 0; i < sample->sock_count; i++) {
		if (sample->socks[i].relid == relid)
			return &sample->socks[i];
	}
	return NULL;
}

const struct doctor_owed *doctor_find_owed(
	const struct doctor_sample *sample, uint32_t message, uint32_t relid, uint64_t id)
{
	for (uint32_t i = 0; i < sample->owed_count; i++) {
		const struct doctor_owed *owed = &sample->owed[i];

		if (owed->message == message && owed->relid == relid && owed->id == id)
			return owed;
	}
	return NULL;
}
