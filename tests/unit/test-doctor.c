/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rules of the doctor on samples made by hand: what each finds, and what it lets pass. Every
 * row of the table is one rule, brought about in both samples, and then excused: a limit that has
 * not been reached, or a counter that moved in between.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "common/clock.h"
#include "common/thread_time.h"
#include "doctor/doctor.h"
#include "doctor/progress.h"
#include "hvdef/hv_synic.h"
#include "hvdef/vmbus.h"
#include "vmbus/states.h"

enum { PROBE = 4, HEARTBEAT = 5, SOCK = 7, SHUTDOWN = 8, RING_BYTES = 12288, LONG_S = 100 };

#define S NSEC_PER_SEC

/* ---- a machine that is well ------------------------------------------------------------------ */

static void add_vp(struct doctor_sample *s, uint32_t vp)
{
	struct doctor_vp *added = doctor_sample_add(s, DOCTOR_VPS);

	*added = (struct doctor_vp){
		.vp = vp,
		.sint = 2,
		.started = true,
		.thread = {.present = true, .run_ns = 9 * S, .wait_ns = S, .state = THREAD_ASLEEP},
		.answered = true,
		.interrupts_on = true,
		.registers_known = true,
		.scontrol = 1,
		.simp = 0x7e001,
		.siefp = 0x7f001,
		.raw = 0xf3,
		.vector = 0xf3,
		.slot_age_ns = DOCTOR_NONE,
		.delivered = 20,
		.last_delivery_age_ns = 5 * S,
		.events = 9,
		.last_event_age_ns = 4 * S,
		.interrupts = 29,
		.last_interrupt_age_ns = 4 * S,
		.eoms = 3,
		.last_eom_age_ns = 5 * S,
	};
}

static void add_channel(struct doctor_sample *s, uint32_t relid, const char *device)
{
	const struct doctor_ring ring = {
		.present = true,
		.size_bytes = RING_BYTES,
		.read_index = 800,
		.write_index = 800,
		.host_index = 800,
		.feature_bits = 1,
		.broken = DOCTOR_NONE32,
		.packets = 20,
		.bytes = 800,
	};
	struct doctor_channel *added = doctor_sample_add(s, DOCTOR_CHANNELS);

	*added = (struct doctor_channel){
		.relid = relid,
		.state = CHANNEL_OPEN,
		.device_state = DEVICE_OPEN,
		.time_in_state_ns = LONG_S * S,
		.connection_id = 0x2000 + relid,
		.monitor_id = DOCTOR_NONE32,
		.target_vp = 0,
		.previous_vp = DOCTOR_NONE32,
		.refused_vp = DOCTOR_NONE32,
		.gpadls = 1,
		.offers = 1,
		.opens = 1,
		.open_age_ns = LONG_S * S,
		.signals_in = 10,
		.signals_out = 10,
		.events_set = 10,
		.signal_in_age_ns = 4 * S,
		.signal_out_age_ns = 4 * S,
		.write_age_ns = 4 * S,
		.packet_limit_bytes = 4096,
		.largest_packet_bytes = 96,
		.to_host = ring,
		.to_guest = ring,
	};
	snprintf(added->device, sizeof(added->device), "%s", device);
	snprintf(added->device_id, sizeof(added->device_id), "%s", device);
}

static void add_ic(struct doctor_sample *s, const char *name, uint32_t relid, uint64_t period_ns)
{
	struct doctor_ic *added = doctor_sample_add(s, DOCTOR_ICS);

	*added = (struct doctor_ic){
		.relid = relid,
		.state = IC_READY,
		.contact = IC_CONTACT_OK,
		.time_in_state_ns = LONG_S * S,
		.period_ns = period_ns,
		.patience_ns = 4 * S,
		.requests = 50,
		.responses = 50,
		.waiting_ns = DOCTOR_NONE,
		.last_response_age_ns = S,
		.going_down_age_ns = DOCTOR_NONE,
	};
	snprintf(added->name, sizeof(added->name), "%s", name);
}

static struct doctor_sample *healthy(uint64_t mono_ns)
{
	struct doctor_sample *s = doctor_sample_new();
	struct doctor_sock *sock;

	assert_non_null(s);
	s->machine = (struct doctor_machine){
		.mono_ns = mono_ns,
		.running = true,
		.direct_timers = true,
		.deprecates_auto_eoi = true,
		.guest_os_id = 0x8100000006010000,
		.hypercall = 0x1001,
		.crash_age_ns = DOCTOR_NONE,
		.monitor_page = DOCTOR_NONE,
		.monitor_poll_age_ns = DOCTOR_NONE,
		.loop = {.present = true, .run_ns = 9 * S, .wait_ns = S, .state = THREAD_RUNNABLE},
		.monitor = {.present = true, .run_ns = S, .wait_ns = S, .state = THREAD_ASLEEP},
	};
	s->connection = (struct doctor_connection){
		.state = VMBUS_CONNECTED,
		.time_in_state_ns = LONG_S * S,
		.version = VMBUS_VERSION_5_3,
		.version_maximum = VMBUS_VERSION_5_3,
		.sint = 2,
		.contact_age_ns = DOCTOR_NONE,
		.unload_age_ns = DOCTOR_NONE,
		.incoming_capacity = 64,
		.incoming_age_ns = 5 * S,
		.messages_in = 40,
		.outgoing_age_ns = DOCTOR_NONE,
		.messages_out = 20,
		.messages_delivered = 20,
	};
	add_vp(s, 0);
	add_vp(s, 1);
	add_channel(s, PROBE, "probe");
	add_channel(s, HEARTBEAT, "heartbeat");
	add_channel(s, SOCK, "hvsock");
	add_channel(s, SHUTDOWN, "shutdown");
	s->channels[2].is_hvsock = true;
	s->channels[2].to_host.pending_send_sz = 4096; /* as Linux has it */
	add_ic(s, "heartbeat", HEARTBEAT, 2 * S);
	add_ic(s, "shutdown", SHUTDOWN, DOCTOR_NONE);
	s->ics[1].lock_step = true;
	sock = doctor_sample_add(s, DOCTOR_SOCKS);
	*sock = (struct doctor_sock){.relid = SOCK, .port = 5000, .from_host = true};
	return s;
}

/* ---- what goes wrong, and what excuses it ---------------------------------------------------- */

#define VP(s)    (&(s)->vps[0])
#define CH(s)    (&(s)->channels[0])
#define SOCKC(s) (&(s)->channels[2])
#define IC(s)    (&(s)->ics[0])
#define IC2(s)   (&(s)->ics[1])

#define CHANGE(name, ...)                         \
	static void name(struct doctor_sample *s) \
	{                                         \
		__VA_ARGS__                       \
	}

static void owe(struct doctor_sample *s, uint32_t message, uint32_t relid, uint64_t id)
{
	struct doctor_owed *owed = doctor_sample_add(s, DOCTOR_OWED);

	*owed = (struct doctor_owed){.message = message, .relid = relid, .id = id, .age_ns = 3 * S};
}

static void add_gpadl(struct doctor_sample *s, uint32_t state)
{
	struct doctor_gpadl *gpadl = doctor_sample_add(s, DOCTOR_GPADLS);

	*gpadl = (struct doctor_gpadl){
		.relid = PROBE,
		.gpadl = 9,
		.state = state,
		.time_in_state_ns = 3 * S,
		.bytes_expected = 100,
		.bytes_received = 50,
		.is_ring = true,
	};
}

static void occupy(struct doctor_sample *s, uint32_t type)
{
	VP(s)->slot_busy = true;
	VP(s)->slot_type = type;
	VP(s)->slot_age_ns = 3 * S;
	s->connection.outgoing = 2;
}

static void leave_unread(struct doctor_ring *ring)
{
	ring->used_bytes = 40;
	ring->write_index = ring->read_index + 40;
	ring->unread_packets = 1;
}

/* clang-format off */
CHANGE(d1, occupy(s, 1); VP(s)->slot_pending = true; VP(s)->queue_depth = 1;)
CHANGE(d1_moved, VP(s)->delivered++; s->connection.messages_delivered++;)
CHANGE(d2, occupy(s, 1); VP(s)->queue_depth = 1;)
CHANGE(d2_flagged, VP(s)->slot_pending = true;)
CHANGE(d2_free, VP(s)->queue_depth = 1;)
CHANGE(d2_delivered, VP(s)->delivered++;)
CHANGE(d3, s->connection.state = VMBUS_CONNECTING; owe(s, VMBUS_MSG_VERSION_RESPONSE, 0, DOCTOR_NONE);)
CHANGE(d3_young, s->owed[0].age_ns = S / 2;)
CHANGE(d3_unanswered, s->connection.state = VMBUS_DISCONNECTING; s->connection.contact_age_ns = 3 * S;)
CHANGE(d3_just_now, s->connection.contact_age_ns = S / 2;)
CHANGE(d4, VP(s)->masked = true; VP(s)->event_flag_count = 1; VP(s)->irq_owed = true;)
CHANGE(d4_nothing_there, VP(s)->event_flag_count = 0;)
CHANGE(d4_vector, VP(s)->vector = 5; VP(s)->event_flag_count = 1;)
CHANGE(d4_unknown, VP(s)->registers_known = false;)
CHANGE(d5, VP(s)->simp = 0;)
CHANGE(d5_on, VP(s)->simp = 1;)
CHANGE(d5_events, VP(s)->siefp = 0;)
CHANGE(d5_disconnected, s->connection.state = VMBUS_DISCONNECTED;)
CHANGE(d6, occupy(s, 0x99);)
CHANGE(d6_gone, VP(s)->slot_busy = false;)
CHANGE(d6_never_ours, occupy(s, 1); VP(s)->delivered = 0;)
CHANGE(d6_ours, VP(s)->delivered = 1;)
CHANGE(d7, CH(s)->event_flag = true; VP(s)->event_flag_count = 1; VP(s)->vector_irr = true;)
CHANGE(d7_again, CH(s)->events_set++;)
CHANGE(d7_isr, CH(s)->event_flag = true; VP(s)->event_flag_count = 1; VP(s)->vector_isr = true;)
CHANGE(d7_taken, CH(s)->event_flag = false;)
CHANGE(d7_dropped, occupy(s, 1); VP(s)->last_delivery_age_ns = 3 * S;)
CHANGE(d7_raised, VP(s)->last_interrupt_age_ns = 3 * S;)
CHANGE(d8, occupy(s, HV_MESSAGE_TYPE_TIMER_EXPIRED);)
CHANGE(d8_moves, s->connection.messages_delivered++;)
CHANGE(d9, leave_unread(&CH(s)->to_guest);)
CHANGE(d9_reads, CH(s)->to_guest.read_index += 8;)
CHANGE(d9_sock, leave_unread(&SOCKC(s)->to_guest);)
CHANGE(d10, leave_unread(&CH(s)->to_guest); CH(s)->to_guest.intr_mask = 1;)
CHANGE(d10_woken, leave_unread(&CH(s)->to_guest); CH(s)->wakes_since_write = 1;)
CHANGE(d10_event, CH(s)->event_flag = true;)
CHANGE(d10_sock, leave_unread(&SOCKC(s)->to_guest); SOCKC(s)->write_age_ns = 11 * S;)
CHANGE(d10_sock_lately, SOCKC(s)->write_age_ns = 9 * S;)
CHANGE(d11, CH(s)->to_host.pending_send_sz = 67;)
CHANGE(d11_signalled, CH(s)->signals_out++;)
CHANGE(d11_host, SOCKC(s)->to_guest.pending_send_sz = 64; SOCKC(s)->to_guest.host_waits = true;)
CHANGE(d11_host_heard, SOCKC(s)->signals_in++;)
CHANGE(d12, leave_unread(&CH(s)->to_host);)
CHANGE(d12_waits, CH(s)->to_host.host_waits = true;)
CHANGE(d12_masked, leave_unread(&CH(s)->to_host); CH(s)->to_host.intr_mask = 1;)
CHANGE(d12_reads, CH(s)->to_host.packets++;)
CHANGE(d13, CH(s)->state = CHANNEL_CLOSED; CH(s)->opens = 0; CH(s)->gpadls = 0; CH(s)->driver[0] = 'x';)
CHANGE(d13_gpadl, CH(s)->gpadls = 1;)
CHANGE(d14, CH(s)->state = CHANNEL_OPENING; CH(s)->time_in_state_ns = 3 * S;)
CHANGE(d14_young, CH(s)->time_in_state_ns = 3 * S / 2;)
CHANGE(d14_owed, owe(s, VMBUS_MSG_OPEN_CHANNEL_RESULT, PROBE, DOCTOR_NONE);)
CHANGE(owed_young, s->owed[0].age_ns = S / 2;)
CHANGE(d15, CH(s)->state = CHANNEL_REVOKED; CH(s)->requests_after_revoke = 1; owe(s, VMBUS_MSG_RESCIND_CHANNEL_OFFER, PROBE, DOCTOR_NONE);)
CHANGE(owed_none, s->owed_count = 0;)
CHANGE(d16, add_gpadl(s, GPADL_ASSEMBLING);)
CHANGE(d16_more, s->gpadls[0].bytes_received++;)
CHANGE(d17, add_gpadl(s, GPADL_TEARING_DOWN);)
CHANGE(d17_young, s->gpadls[0].time_in_state_ns = S;)
CHANGE(d17_owed, owe(s, VMBUS_MSG_GPADL_TORNDOWN, PROBE, 9);)
CHANGE(d18, IC2(s)->needs_daemon = true; IC2(s)->state = IC_NEGOTIATING; leave_unread(&s->channels[3].to_guest);)
CHANGE(d18_two, s->channels[3].to_guest.unread_packets = 2;)
CHANGE(d19, owe(s, VMBUS_MSG_GPADL_CREATED, PROBE, 9);)
CHANGE(d20, CH(s)->state = CHANNEL_REVOKED; CH(s)->time_in_state_ns = 11 * S;)
CHANGE(d20_young, CH(s)->time_in_state_ns = 9 * S;)
CHANGE(d21, CH(s)->to_host.broken = RING_R1;)
CHANGE(d21_good, CH(s)->to_host.broken = DOCTOR_NONE32;)
CHANGE(d21_failed, CH(s)->state = CHANNEL_FAILED; snprintf(CH(s)->failure, sizeof(CH(s)->failure), "why");)
CHANGE(d21_closing, CH(s)->state = CHANNEL_CLOSING;)
CHANGE(d21_walk, leave_unread(&CH(s)->to_guest); CH(s)->to_guest.broken = RING_R4; CH(s)->event_flag = false;)
CHANGE(d21_torn, CH(s)->to_guest.write_index += 8;)
CHANGE(d21_never, CH(s)->to_host.broken = RING_R7;)
CHANGE(d22, CH(s)->early_teardowns = 1;)
CHANGE(d22_closing, CH(s)->state = CHANNEL_CLOSING;)
CHANGE(d23, owe(s, VMBUS_MSG_MODIFY_CHANNEL_RESPONSE, PROBE, DOCTOR_NONE);)
CHANGE(d23_left, CH(s)->previous_vp = 1; CH(s)->event_flag_on_previous = true;)
CHANGE(d23_taken, CH(s)->event_flag_on_previous = false;)
CHANGE(d24, CH(s)->target_vp = 5;)
CHANGE(d24_other, CH(s)->target_vp = 1;)
CHANGE(d24_refused, CH(s)->refused_vp = 5;)
CHANGE(d24_accepted, CH(s)->refused_vp = DOCTOR_NONE32;)
CHANGE(d24_lost, CH(s)->events_lost = 1;)
CHANGE(d24_kept, CH(s)->events_lost = 0;)
CHANGE(d25, s->connection.refused_by_port = 3;)
CHANGE(d25_none, s->connection.refused_by_port = 0;)
CHANGE(d25_stands, s->connection.incoming = 3;)
CHANGE(d25_taken, s->connection.messages_in++;)
CHANGE(d26, s->machine.signals_unknown = 20;)
CHANGE(d26_none, s->machine.signals_unknown = 0;)
CHANGE(d27, CH(s)->monitor_id = 70; s->machine.monitor_pending_high = 1 << 6;)
CHANGE(d27_heard, CH(s)->signals_in++;)
CHANGE(d28, SOCKC(s)->state = CHANNEL_CLOSED; SOCKC(s)->time_in_state_ns = 2 * S;)
CHANGE(d28_revoked, SOCKC(s)->state = CHANNEL_REVOKED;)
CHANGE(d29, s->socks[0].offered = true; s->socks[0].time_in_state_ns = 2 * S; SOCKC(s)->gpadls = 0; SOCKC(s)->opens = 0; SOCKC(s)->state = CHANNEL_CLOSED; SOCKC(s)->time_in_state_ns = 2 * S;)
CHANGE(d29_young, s->socks[0].time_in_state_ns = S;)
CHANGE(d30, IC(s)->contact = IC_LOST_COMMUNICATION; IC(s)->last_response_age_ns = 5 * S;)
CHANGE(d30_answers, IC(s)->responses++;)
CHANGE(d30_wrong, IC(s)->malformed = 1;)
CHANGE(d30_right, IC(s)->malformed = 0;)
CHANGE(d31, IC2(s)->pipelined = 1; leave_unread(&s->channels[3].to_guest); s->channels[3].to_guest.unread_packets = 2;)
CHANGE(d31_reads, s->channels[3].to_guest.read_index += 8;)
CHANGE(d32, IC2(s)->going_down_age_ns = 61 * S;)
CHANGE(d32_young, IC2(s)->going_down_age_ns = 59 * S;)
CHANGE(d33, owe(s, VMBUS_MSG_UNLOAD_RESPONSE, 0, DOCTOR_NONE); s->connection.state = VMBUS_DISCONNECTED;)
CHANGE(d33_unanswered, s->connection.state = VMBUS_DISCONNECTING; s->connection.unload_age_ns = 3 * S;)
CHANGE(d33_young, s->connection.unload_age_ns = S / 2;)
CHANGE(d34, CH(s)->offers = 2;)
CHANGE(d34_once, CH(s)->offers = 1;)
CHANGE(d34_twin, memcpy(s->channels[1].device_id, CH(s)->device_id, sizeof(CH(s)->device_id));)
CHANGE(d34_released, CH(s)->state = CHANNEL_CLIENT_RELEASED;)
CHANGE(d35, CH(s)->largest_packet_bytes = 4104;)
CHANGE(d35_limit, CH(s)->largest_packet_bytes = 4096;)
CHANGE(d36, s->connection.state = VMBUS_NEGOTIATED; s->connection.time_in_state_ns = 6 * S;)
CHANGE(d36_young, s->connection.time_in_state_ns = 4 * S;)
CHANGE(d37, s->connection.version = VMBUS_VERSION_4_0;)
CHANGE(d37_newest, s->connection.version = VMBUS_VERSION_5_3;)
CHANGE(d37_refused, s->connection.state = VMBUS_DISCONNECTED; s->connection.contacts = s->connection.contacts_refused = 3;)
CHANGE(d37_none, s->connection.contacts_refused = 0;)
CHANGE(d38, s->machine.guest_os_id = 0;)
CHANGE(d38_there, s->machine.guest_os_id = 1;)
CHANGE(d38_page, s->machine.hypercall = 0x1000;)
CHANGE(d38_unknown, s->machine.hypercall = DOCTOR_NONE;)
CHANGE(d39, s->machine.crashes = 1; s->machine.crash_age_ns = 3 * S;)
CHANGE(d39_before_reset, s->machine.crash_age_ns = DOCTOR_NONE;)
CHANGE(d40, CH(s)->signals_in = 5000;)
CHANGE(d40_packets, CH(s)->to_host.packets += 4000;)

static const struct {
	const char *rule;
	void (*both)(struct doctor_sample *s), (*now)(struct doctor_sample *s);
	void (*excuse)(struct doctor_sample *s); /* of the later sample */
} rows[] = {
	{"D1", d1, NULL, d1_moved},
	{"D2", d2, NULL, d2_flagged}, {"D2", d2_free, NULL, d2_delivered},
	{"D3", d3, NULL, d3_young}, {"D3", d3_unanswered, NULL, d3_just_now},
	{"D4", d4, NULL, d4_nothing_there}, {"D4", d4_vector, NULL, d4_unknown},
	{"D5", d5, NULL, d5_on}, {"D5", d5_events, NULL, d5_disconnected},
	{"D6", d6, NULL, d6_gone}, {"D6", d6_never_ours, NULL, d6_ours},
	{"D7", d7, NULL, d7_again}, {"D7", d7_isr, NULL, d7_taken}, {"D7", d7_dropped, NULL, d7_raised},
	{"D8", d8, NULL, d8_moves},
	{"D9", d9, NULL, d9_reads},
	{"D10", d10, NULL, d10_event}, {"D10", d10_woken, NULL, d9_reads},
	{"D10", d10_sock, NULL, d10_sock_lately},
	{"D11", d11, NULL, d11_signalled}, {"D11", d11_host, NULL, d11_host_heard},
	{"D12", d12, NULL, d12_waits}, {"D12", d12_masked, NULL, d12_reads},
	{"D13", d13, NULL, d13_gpadl},
	{"D14", d14, NULL, d14_young}, {"D14", d14_owed, NULL, owed_young},
	{"D15", d15, NULL, owed_none},
	{"D16", d16, NULL, d16_more},
	{"D17", d17, NULL, d17_young}, {"D17", d17_owed, NULL, owed_young},
	{"D18", d18, NULL, d18_two},
	{"D19", d19, NULL, owed_young},
	{"D20", d20, NULL, d20_young},
	{"D21", d21, NULL, d21_good}, {"D21", d21_failed, NULL, d21_closing},
	{"D21", d21_walk, NULL, d21_torn}, {"D21", d21_never, NULL, d21_good},
	{"D22", d22, NULL, d22_closing},
	{"D23", d23, NULL, owed_young}, {"D23", d23_left, NULL, d23_taken},
	{"D24", d24, NULL, d24_other}, {"D24", d24_refused, NULL, d24_accepted},
	{"D24", NULL, d24_lost, d24_kept},
	{"D25", NULL, d25, d25_none}, {"D25", d25_stands, NULL, d25_taken},
	{"D26", NULL, d26, d26_none},
	{"D27", d27, NULL, d27_heard},
	{"D28", d28, NULL, d28_revoked},
	{"D29", d29, NULL, d29_young},
	{"D30", d30, NULL, d30_answers}, {"D30", NULL, d30_wrong, d30_right},
	{"D31", d31, NULL, d31_reads},
	{"D32", d32, NULL, d32_young},
	{"D33", d33, NULL, owed_young}, {"D33", d33_unanswered, NULL, d33_young},
	{"D34", d34, NULL, d34_once}, {"D34", d34_twin, NULL, d34_released},
	{"D35", d35, NULL, d35_limit},
	{"D36", d36, NULL, d36_young},
	{"D37", d37, NULL, d37_newest}, {"D37", d37_refused, NULL, d37_none},
	{"D38", d38, NULL, d38_there}, {"D38", d38_page, NULL, d38_unknown},
	{"D39", d39, NULL, d39_before_reset},
	{"D40", NULL, d40, d40_packets},
};
/* clang-format on */

/* ---- tests ----------------------------------------------------------------------------------- */

static struct doctor_sample *then, *now;
static struct doctor_report report;

static int set_up(void **state UNUSED)
{
	then = healthy(10 * S);
	now = healthy(11 * S);
	return 0;
}

static int tear_down(void **state UNUSED)
{
	then = doctor_sample_free(then);
	now = doctor_sample_free(now);
	doctor_report_deinit(&report);
	return 0;
}

static void examine(void)
{
	const struct doctor_limits limits = DOCTOR_LIMITS_DEFAULT;

	doctor_report_deinit(&report);
	assert_int_equal(doctor_examine(then, now, &limits, &report), 0);
}

static const struct doctor_finding *finding(const char *rule)
{
	for (uint32_t i = 0; i < report.count; i++) {
		if (strcmp(report.findings[i].rule, rule) == 0)
			return &report.findings[i];
	}
	return NULL;
}

static void nothing_is_found_where_nothing_is_wrong(void **state UNUSED)
{
	examine();
	assert_true(report.judged);
	assert_int_equal(report.count, 0);
}

static void check_texts(size_t row, const struct doctor_finding *found)
{
	if (!found->diagnosis[0] || !found->subject[0] || !found->guest_shows[0] ||
		!found->advice[0] || found->evidence_count == 0)
		fail_msg("row %zu: %s says too little", row, rows[row].rule);
}

static void bring_about(size_t row)
{
	if (rows[row].both) {
		rows[row].both(then);
		rows[row].both(now);
	}
	if (rows[row].now)
		rows[row].now(now);
}

static void every_rule_finds_what_it_is_for(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		set_up(state);
		bring_about(i);
		examine();
		if (!finding(rows[i].rule))
			fail_msg("row %zu: %s was not found", i, rows[i].rule);
		check_texts(i, finding(rows[i].rule));
		tear_down(state);
	}
}

static void every_rule_lets_pass_what_has_an_excuse(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		set_up(state);
		bring_about(i);
		rows[i].excuse(now);
		examine();
		if (finding(rows[i].rule))
			fail_msg("row %zu: %s was found", i, rows[i].rule);
		tear_down(state);
	}
}

static void every_rule_has_a_row_here(void **state UNUSED)
{
	for (unsigned rule = 0; rule < DOCTOR_RULES; rule++) {
		struct doctor_rule_text text = doctor_rule_text(rule);
		bool has = false;

		for (size_t i = 0; i < ARRAY_LEN(rows); i++)
			has = has || strcmp(rows[i].rule, text.id) == 0;
		if (!has)
			fail_msg("%s has none", text.id);
		assert_int_equal(doctor_rule_find(text.id), rule);
	}
	assert_int_equal(doctor_rule_find("D0"), -1);
	assert_int_equal(doctor_rule_find("D41"), -1);
	assert_int_equal(doctor_rule_find("D1x"), -1);
	assert_int_equal(doctor_rule_find("D"), -1);
	assert_int_equal(doctor_rule_find("-1"), -1);
}

/* Samples of one moment say nothing about time. */
static void without_time_between_them_rings_are_not_judged(void **state UNUSED)
{
	d9(then);
	d9(now);
	now->machine.mono_ns = then->machine.mono_ns + S / 2;
	examine();
	assert_null(finding("D9"));
	now->machine.mono_ns = then->machine.mono_ns;
	examine();
	assert_false(report.judged);
}

static void a_vm_that_does_not_run_is_not_judged(void **state UNUSED)
{
	d1(then);
	d1(now);
	now->machine.running = false;
	examine();
	assert_false(report.judged);
	assert_string_equal(report.why_not, "the VM does not run");
	assert_int_equal(report.count, 0);
}

/* A channel that was closed and offered anew under its relid is another one. */
static void another_channel_under_the_relid_is_not_compared(void **state UNUSED)
{
	d9(then);
	d9(now);
	snprintf(CH(now)->device_id, sizeof(CH(now)->device_id), "other");
	examine();
	assert_null(finding("D9"));
}

static void a_socket_that_is_read_slowly_is_a_note(void **state UNUSED)
{
	d9_sock(then);
	d9_sock(now);
	examine();
	assert_int_equal(report.count, 0);
	d10_sock(then);
	d10_sock(now);
	examine();
	assert_int_equal(finding("D10")->severity, DOCTOR_INFO);
	assert_string_equal(finding("D10")->remedy, "");
}

/* ---- who had no time ------------------------------------------------------------------------- */

/*
 * Whom a rule blames: v the VP of the finding, m the one that gets the messages, g any VP, l hvd's
 * main loop, p the thread that polls the monitor page. Without an entry: nobody, because what it finds
 * is so however slow the host is.
 */
static const struct {
	const char *rule, *whom;
} blames[] = {
	{"D1", "v"},
	{"D2", "vl"},
	{"D3", "ml"},
	{"D4", "v"},
	{"D5", "v"},
	{"D6", "v"},
	{"D7", "v"},
	{"D8", "v"},
	{"D9", "g"},
	{"D10", "g"},
	{"D11", "gl"},
	{"D12", "glp"},
	{"D13", "g"},
	{"D14", "ml"},
	{"D16", "gl"},
	{"D17", "ml"},
	{"D18", "g"},
	{"D19", "ml"},
	{"D20", "g"},
	{"D23", "gl"},
	{"D24", "v"},
	{"D25", "ml"},
	{"D27", "p"},
	{"D28", "l"},
	{"D29", "g"},
	{"D30", "gl"},
	{"D31", "g"},
	{"D32", "g"},
	{"D33", "ml"},
	{"D36", "gl"},
	{"D38", "g"},
};

static const char *blamed_by(const char *rule)
{
	for (size_t i = 0; i < ARRAY_LEN(blames); i++) {
		if (strcmp(blames[i].rule, rule) == 0)
			return blames[i].whom;
	}
	return "";
}

static void starve_vp0(struct doctor_sample *s)
{
	s->vps[0].thread.wait_ns += S;
}

static void starve_vp1(struct doctor_sample *s)
{
	s->vps[1].thread.wait_ns += S;
}

static void starve_loop(struct doctor_sample *s)
{
	s->machine.loop.wait_ns += S;
}

static void starve_monitor(struct doctor_sample *s)
{
	s->machine.monitor.wait_ns += S;
}

static void delay_host(struct doctor_sample *s)
{
	s->machine.late_ns += S / 2;
}

static const struct {
	void (*starve)(struct doctor_sample *s);
	uint32_t vp;      /* that is starved; none32: it is none */
	const char *whom; /* whom it concerns, besides the VP of the finding */
	const char *subject;
} shortages[] = {
	{starve_vp0, 0, "gm", "vps/0"},
	{starve_vp1, 1, "g", "vps/1"},
	{starve_loop, DOCTOR_NONE32, "l", "loop"},
	{starve_monitor, DOCTOR_NONE32, "p", "monitor"},
	{delay_host, DOCTOR_NONE32, "vmglp", "host"},
};

static bool is_withheld(const char *rule)
{
	for (uint32_t i = 0; i < report.withheld_count; i++) {
		if (strcmp(report.withheld[i].rule, rule) == 0)
			return true;
	}
	return false;
}

/* A finding about `vp`. */
static bool concerns(size_t shortage, const char *rule, uint32_t vp)
{
	const char *whom = blamed_by(rule);

	if (strchr(whom, 'v') && vp != DOCTOR_NONE32 && vp == shortages[shortage].vp)
		return true;
	return strpbrk(whom, shortages[shortage].whom);
}

static void check_shortage(size_t row, size_t shortage)
{
	const char *rule = rows[row].rule;
	uint32_t vp;
	bool silent;

	bring_about(row);
	examine();
	vp = finding(rule)->vp;
	silent = concerns(shortage, rule, vp);
	shortages[shortage].starve(now);
	examine();
	if (silent == (finding(rule) != NULL) || silent != is_withheld(rule))
		fail_msg("row %zu, %s starved: %s was %s", row, shortages[shortage].subject, rule,
			silent ? "found" : "withheld");
	assert_int_equal(report.unjudged_count, 1);
	assert_true(report.unjudged[0].starved);
	assert_string_equal(report.unjudged[0].subject, shortages[shortage].subject);
}

static void whoever_was_starved_is_not_blamed_and_nobody_else_is_spared(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		for (size_t j = 0; j < ARRAY_LEN(shortages); j++) {
			set_up(state);
			check_shortage(i, j);
			tear_down(state);
		}
	}
}

static void with_everybody_starved_only_facts_are_found(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		bool fact = *blamed_by(rows[i].rule) == '\0';

		set_up(state);
		bring_about(i);
		for (size_t j = 0; j < ARRAY_LEN(shortages); j++)
			shortages[j].starve(now);
		examine();
		if (fact != (finding(rows[i].rule) != NULL) &&
			strcmp(rows[i].rule, "D24") != 0) /* of a VP that there is not */
			fail_msg("row %zu: %s", i, rows[i].rule);
		tear_down(state);
	}
}

/* Of a VP with D1: what its thread did in the second between the samples. */
static const struct {
	uint64_t ran_ns, waited_ns;
	bool answered;
	uint32_t state;
	bool found, unjudged;
	const char *why; /* a part of it */
} lives[] = {
	/* halted all the time, as when its interrupt was lost */
	{0, 0, true, THREAD_ASLEEP, true, false, ""},
	{S / 1000, S / 1000, true, THREAD_ASLEEP, true, false, ""},
	/* a loop with interrupts off, alone and beside others */
	{S, 0, true, THREAD_RUNNABLE, true, false, ""},
	{S / 4, S * 3 / 4, true, THREAD_RUNNABLE, true, false, ""},
	{S / 5, S * 4 / 5, true, THREAD_RUNNABLE, false, true,
		"VP 0 waited 800 of 1000 ms for a processor of the host, and ran 200 ms"},
	/* woken, and not let */
	{0, S, true, THREAD_ASLEEP, false, true, "waited 1000 of 1000 ms"},
	/* a wait that began before the first sample */
	{S / 2, 7 * S, true, THREAD_ASLEEP, false, true, "waited 1000 of 1000 ms"},
	/* its wait goes on, and is not counted yet */
	{0, 0, false, THREAD_RUNNABLE, false, true, "its thread waits for a processor"},
	{0, 0, false, THREAD_BLOCKED, false, true, "held up in the host's kernel"},
	{0, 0, false, THREAD_UNKNOWN, false, true, "the host does not say why"},
	/* hvd's own fault */
	{0, 0, false, THREAD_ASLEEP, true, true, "rules that need them say nothing"},
};

static void check_life(size_t i)
{
	struct doctor_thread *thread = &VP(now)->thread;

	thread->run_ns += lives[i].ran_ns;
	thread->wait_ns += lives[i].waited_ns;
	thread->state = lives[i].state;
	VP(now)->answered = lives[i].answered;
	examine();
	if (lives[i].found != (finding("D1") != NULL) ||
		lives[i].found == (report.withheld_count > 0) ||
		lives[i].unjudged != (report.unjudged_count > 0))
		fail_msg("life %zu: D1 %s", i, finding("D1") ? "was found" : "was not found");
	if (!lives[i].unjudged)
		return;
	assert_non_null(strstr(report.unjudged[0].why, lives[i].why));
	assert_int_equal(report.unjudged[0].starved, !lives[i].found);
	assert_int_equal(report.unjudged[0].vp, 0);
}

static void what_a_vp_did_decides_whether_it_is_blamed(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(lives); i++) {
		set_up(state);
		d1(then), d1(now);
		check_life(i);
		tear_down(state);
	}
}

/* As when its memory is read from a disk: no time of waiting for a processor tells of that. */
static void a_vp_that_was_held_up_at_the_beginning_is_not_blamed(void **state UNUSED)
{
	d1(then), d1(now);
	VP(then)->answered = false;
	VP(then)->thread.state = THREAD_BLOCKED;
	examine();
	assert_null(finding("D1"));
	assert_non_null(strstr(report.unjudged[0].why,
		"for the earlier sample: its thread is held up in the host's kernel"));
	VP(then)->thread.state = THREAD_ASLEEP;
	examine();
	assert_non_null(finding("D1"));
	assert_int_equal(report.unjudged_count, 0);
}

/* A kernel without CONFIG_SCHED_INFO. */
static void without_times_only_an_answer_tells(void **state UNUSED)
{
	d1(then), d1(now);
	VP(then)->thread.run_ns = VP(then)->thread.wait_ns = DOCTOR_NONE;
	VP(now)->thread.run_ns = VP(now)->thread.wait_ns = DOCTOR_NONE;
	examine();
	assert_non_null(finding("D1"));
	VP(now)->answered = false;
	VP(now)->thread.state = THREAD_RUNNABLE;
	examine();
	assert_null(finding("D1"));
	assert_true(report.unjudged[0].ran_ns == DOCTOR_NONE);
	assert_true(report.unjudged[0].waited_ns == DOCTOR_NONE);
}

/* It is not asked for anything before a sample, so that its wait may be going on. */
static void a_monitor_that_waits_has_not_polled(void **state UNUSED)
{
	d27(then), d27(now);
	now->machine.monitor.state = THREAD_RUNNABLE;
	examine();
	assert_null(finding("D27"));
	assert_string_equal(report.unjudged[0].subject, "monitor");
	now->machine.monitor_polls++;
	examine();
	assert_non_null(finding("D27"));
	now->machine.monitor_polls--;
	now->machine.monitor.state = THREAD_ASLEEP; /* it sleeps for ever */
	examine();
	assert_non_null(finding("D27"));
}

/* Each of its turns takes a moment, and so the next one comes late. */
static void a_loop_that_is_busy_starves_nobody(void **state UNUSED)
{
	d1(then), d1(now);
	now->machine.late_ns += S / 4;
	examine();
	assert_non_null(finding("D1"));
	assert_int_equal(report.unjudged_count, 0);
}

static void a_vp_without_a_thread_is_judged(void **state UNUSED)
{
	d1(then), d1(now);
	VP(then)->thread.present = VP(now)->thread.present = false;
	VP(now)->answered = false;
	examine();
	assert_non_null(finding("D1"));
	assert_int_equal(report.unjudged_count, 0);
}

/* What a watcher knows does not clear while it cannot be judged, and clears when it is gone. */
static void what_is_withheld_is_kept(void **state UNUSED)
{
	struct doctor_report before;

	d1(then), d1(now);
	d39(then), d39(now);
	examine();
	before = report;
	report = (struct doctor_report){0};
	now->machine.crash_age_ns = DOCTOR_NONE;
	starve_vp0(now);
	examine();
	assert_int_equal(report.count, 0);
	assert_int_equal(doctor_report_keep(&report, &before), 0);
	assert_int_equal(report.count, 1);
	assert_true(doctor_report_has(&report, finding("D1")));
	assert_null(finding("D39"));
	doctor_report_deinit(&before);
	before = report;
	report = (struct doctor_report){0};
	d1_moved(now);
	examine();
	assert_int_equal(doctor_report_keep(&report, &before), 0);
	assert_int_equal(report.count, 0);
	doctor_report_deinit(&before);
}

/* ---- what lasts for longer than the samples are apart ----------------------------------------- */

/* What somebody's thread did in a second, and what it is remembered for. */
static const struct {
	uint64_t lost, elapsed_ns, waited_ns;
	bool stood;
	uint64_t lost_then;
} memories[] = {
	{0, S, 0, false, 0},
	{0, S, S * 3 / 4, false, 0},
	{0, S, S * 4 / 5, false, 1},
	{5, S, S, false, 0xb},
	{1, S + S / 10, 0, false, 2},
	/* nobody could do anything: the VM was paused, or hvd came late */
	{0, S, 0, true, 1},
	{1, 3 * S, 0, true, 0xf},
	{1, 70 * S, 0, true, UINT64_MAX},
	{UINT64_MAX, 70 * S, 0, false, 0},
	/* a wait is counted when it is over */
	{0, S, 5 * S, false, 0x1f},
	{1, S, 100 * S, false, UINT64_MAX},
};

static void lost_time_is_remembered_by_the_second(void **state UNUSED)
{
	struct doctor_thread before = {.present = true}, after = {.present = true};

	for (size_t i = 0; i < ARRAY_LEN(memories); i++) {
		uint64_t lost;

		after.wait_ns = memories[i].waited_ns;
		lost = progress_remember(memories[i].lost, &before, &after, memories[i].elapsed_ns,
			memories[i].stood);
		if (lost != memories[i].lost_then)
			fail_msg("memory %zu: 0x%" PRIx64, i, lost);
	}
	after.wait_ns = DOCTOR_NONE;
	assert_int_equal(progress_remember(1, &before, &after, S, false), 2);
	after = (struct doctor_thread){.present = true, .wait_ns = S};
	before.present = false; /* it did not wait then: it was not there */
	assert_int_equal(progress_remember(1, &before, &after, S, false), 2);
}

/* One of the seconds after an offer that the guest never takes up. */
static void pass_second(unsigned second, bool starved)
{
	struct doctor_thread *before = &then->vps[1].thread, *after = &now->vps[1].thread;

	*before = *after;
	after->run_ns += starved ? 0 : S;
	after->wait_ns += starved ? S : 0;
	after->lost_seconds = progress_remember(before->lost_seconds, before, after, S, false);
	CH(then)->time_in_state_ns = (second - 1) * S;
	CH(now)->time_in_state_ns = second * S;
	examine();
}

/* For 10 s it may do so; from the third second on it has no time for 30, and then it is let. */
static void only_time_that_the_guest_had_counts(void **state UNUSED)
{
	d13(then), d13(now);
	for (unsigned second = 1; second <= 60; second++) {
		pass_second(second, second > 2 && second <= 32);
		if ((second >= 40) != (finding("D13") != NULL) ||
			(second >= 10 && second < 40) != is_withheld("D13"))
			fail_msg("second %u: %u found, %u withheld", second, report.count,
				report.withheld_count);
		if (second == 35)
			assert_string_equal(report.unjudged[0].why,
				"VP 1 had no time in 30 of the last 64 s: what has lasted for longer "
				"than the samples are apart may only be slow");
		assert_int_equal(report.unjudged_count, second > 2 && second < 40);
	}
}

/* A host that never has enough for all of them does not silence the doctor. */
static void with_half_of_the_time_it_takes_twice_as_long(void **state UNUSED)
{
	d13(then), d13(now);
	for (unsigned second = 1; second < 200; second++) {
		pass_second(second, second % 2 == 0);
		if (second % 2 == 1 && (second >= 19) != (finding("D13") != NULL))
			fail_msg("second %u: %u found", second, report.count);
	}
}

/* To the nanosecond: an age that is just long enough is. */
static void of_a_guest_that_lost_nothing_all_time_counts(void **state UNUSED)
{
	for (uint64_t age_ns = 1; age_ns < 100 * S; age_ns = age_ns * 3 + 1)
		assert_true(progress_time_had(now, PARTY_GUEST | PARTY_LOOP, 0, age_ns) == age_ns);
	now->vps[1].thread.lost_seconds = UINT64_MAX;
	assert_true(progress_time_had(now, PARTY_GUEST, 0, 3 * S) < 4);
	assert_true(progress_time_had(now, PARTY_VP, 0, 3 * S) == 3 * S);
}

/* Those that have an age; D7 and D23 have others, too. */
static const char *const lasting[] = {"D1", "D3", "D13", "D14", "D16", "D17", "D18", "D19", "D20",
	"D28", "D29", "D32", "D33", "D36"};

static bool is_lasting(const char *rule)
{
	for (size_t i = 0; i < ARRAY_LEN(lasting); i++) {
		if (strcmp(lasting[i], rule) == 0)
			return true;
	}
	return false;
}

static void every_age_is_counted_so(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *rule = rows[i].rule;

		if (!is_lasting(rule))
			continue;
		set_up(state);
		bring_about(i);
		now->vps[0].thread.lost_seconds = now->vps[1].thread.lost_seconds = UINT64_MAX;
		now->machine.loop.lost_seconds = UINT64_MAX;
		examine();
		if (finding(rule) || !is_withheld(rule))
			fail_msg("row %zu: %s was not withheld", i, rule);
		assert_true(report.unjudged_count > 0);
		assert_false(report.unjudged[0].starved);
		tear_down(state);
	}
}

/* VP 0 does not take its messages, and VP 1, which had no time, has nothing to do with it. */
static void time_that_others_lost_does_not_count(void **state UNUSED)
{
	d1(then), d1(now);
	now->vps[1].thread.lost_seconds = now->machine.loop.lost_seconds = UINT64_MAX;
	examine();
	assert_non_null(finding("D1"));
	assert_int_equal(report.unjudged_count, 0);
}

/* ---- causes ---------------------------------------------------------------------------------- */

static void assert_because(const char *consequence, const char *cause, const char *subject)
{
	const struct doctor_finding *found = finding(consequence);

	assert_non_null(found);
	assert_int_equal(found->role, DOCTOR_CONSEQUENCE);
	assert_string_equal(found->because_rule, cause);
	assert_string_equal(found->because_subject, subject);
}

static void what_waits_behind_the_slot_is_a_consequence(void **state UNUSED)
{
	d1(then), d1(now);
	d14_owed(then), d14_owed(now);
	d25_stands(then), d25_stands(now);
	examine();
	assert_int_equal(finding("D1")->role, DOCTOR_CAUSE);
	assert_because("D14", "D1", "vps/0/sints/2");
	assert_because("D25", "D1", "vps/0/sints/2");
}

/* D7 is below D1, and D30 above both: all of it is D7's. */
static void a_chain_leads_to_its_beginning(void **state UNUSED)
{
	d7_dropped(then), d7_dropped(now);
	d1(then), d1(now);
	d30(then), d30(now);
	examine();
	assert_int_equal(finding("D7")->role, DOCTOR_CAUSE);
	assert_because("D1", "D7", "vps/0/sints/2");
	assert_because("D30", "D7", "vps/0/sints/2");
}

static void what_happens_on_another_vp_or_channel_explains_nothing(void **state UNUSED)
{
	d9(then), d9(now);
	d30(then), d30(now);
	then->vps[1].masked = now->vps[1].masked = true;
	then->vps[1].event_flag_count = now->vps[1].event_flag_count = 1;
	then->channels[2].target_vp = now->channels[2].target_vp = 1;
	examine();
	assert_int_equal(finding("D4")->role, DOCTOR_CAUSE);
	assert_int_equal(finding("D9")->role, DOCTOR_CAUSE);
	assert_int_equal(finding("D30")->role, DOCTOR_CAUSE);
}

static void a_ring_explains_the_service_above_it(void **state UNUSED)
{
	leave_unread(&then->channels[1].to_guest);
	leave_unread(&now->channels[1].to_guest);
	d30(then), d30(now);
	examine();
	assert_because("D30", "D9", "channels/5/rings/1");
}

/* The same layer: what makes no sense explains what does not move. */
static void a_broken_ring_explains_that_it_is_not_read(void **state UNUSED)
{
	d21_walk(then), d21_walk(now);
	examine();
	assert_int_equal(finding("D21")->role, DOCTOR_CAUSE);
	assert_because("D9", "D21", "channels/4/rings/1");
}

static void a_monitor_page_that_is_not_polled_explains_what_is_not_read(void **state UNUSED)
{
	d27(then), d27(now);
	d12(then), d12(now);
	examine();
	assert_int_equal(finding("D27")->role, DOCTOR_CAUSE);
	assert_because("D12", "D27", "channels/4");
}

/* The guest holds its mutex: it works on no offer and no rescind of any channel. */
static void a_teardown_that_hangs_explains_rescinds_that_do(void **state UNUSED)
{
	struct doctor_channel *old = &then->channels[1], *new = &now->channels[1];

	d17(then), d17(now);
	old->state = new->state = CHANNEL_REVOKED;
	examine();
	assert_because("D20", "D17", "gpadls/4/9");
}

static void a_note_explains_nothing(void **state UNUSED)
{
	d37(then), d37(now);
	d9(then), d9(now);
	examine();
	assert_int_equal(finding("D37")->severity, DOCTOR_INFO);
	assert_int_equal(finding("D9")->role, DOCTOR_CAUSE);
}

/* ---- SINTs that are not the bus's ------------------------------------------------------------- */

static void add_other(struct doctor_sample *s)
{
	struct doctor_vp *other;

	add_vp(s, 1);
	other = &s->vps[s->vp_count - 1];
	other->sint = 4;
	other->other = true;
	other->slot_busy = other->slot_pending = true;
	other->slot_type = 7;
	other->slot_age_ns = 3 * S;
	other->queue_depth = 2;
}

static void messages_that_wait_on_another_sint_are_found(void **state UNUSED)
{
	add_other(then);
	add_other(now);
	examine();
	assert_int_equal(report.count, 1);
	assert_string_equal(finding("D1")->subject, "vps/1/sints/4");
	assert_int_equal(finding("D1")->role, DOCTOR_CAUSE);
	assert_string_equal(finding("D1")->remedy, "hvctl synic kick --vp 1 --sint 4 --force");
}

/* Whoever reads its slot without asking for the rest is well, and so is one that gets on. */
static void a_message_on_another_sint_may_stay(void **state UNUSED)
{
	add_other(then);
	add_other(now);
	now->vps[now->vp_count - 1].queue_depth = 0;
	examine();
	assert_int_equal(report.count, 0);
	now->vps[now->vp_count - 1].queue_depth = 2;
	now->vps[now->vp_count - 1].delivered++;
	examine();
	assert_int_equal(report.count, 0);
}

/* A stuck channel has nothing to do with it. */
static void another_sint_explains_nothing_of_the_bus(void **state UNUSED)
{
	add_other(then);
	add_other(now);
	then->channels[0].state = now->channels[0].state = CHANNEL_OPENING;
	then->channels[0].device_state = now->channels[0].device_state = DEVICE_OPENING;
	then->channels[0].time_in_state_ns = 4 * S;
	now->channels[0].time_in_state_ns = 5 * S;
	examine();
	assert_int_equal(finding("D1")->role, DOCTOR_CAUSE);
	assert_int_equal(finding("D14")->role, DOCTOR_CAUSE);
}

/* ---- size ------------------------------------------------------------------------------------ */

static void findings_are_bounded(void **state UNUSED)
{
	for (uint32_t relid = 100; relid < 100 + 2 * DOCTOR_FINDINGS_MAX; relid++) {
		char name[16];

		snprintf(name, sizeof(name), "%u", relid);
		add_channel(then, relid, name);
		add_channel(now, relid, name);
		now->channels[now->channel_count - 1].largest_packet_bytes = 5000;
	}
	examine();
	assert_int_equal(report.count, DOCTOR_FINDINGS_MAX);
	assert_true(report.truncated);
	assert_int_equal(doctor_report_count(&report, DOCTOR_ERROR), DOCTOR_FINDINGS_MAX);
	/* Each has its own evidence, and nothing of the one before. */
	assert_string_equal(report.findings[0].subject, "channels/100");
	assert_string_equal(report.findings[1].subject, "channels/101");
	assert_int_equal(report.findings[1].evidence_count, report.findings[0].evidence_count);
	assert_string_equal(
		report.findings[1].evidence[0].field, "channels/101/largest_packet_bytes");
}

static void sections_are_bounded(void **state UNUSED)
{
	for (unsigned i = 0; i < DOCTOR_VPS_MAX - 2; i++)
		assert_non_null(doctor_sample_add(now, DOCTOR_VPS));
	assert_false(now->machine.truncated);
	assert_null(doctor_sample_add(now, DOCTOR_VPS));
	assert_true(now->machine.truncated);
	assert_int_equal(doctor_sample_count(now, DOCTOR_VPS), DOCTOR_VPS_MAX);
	assert_int_equal(doctor_sample_count(now, DOCTOR_MACHINE), 1);
}

static void limits_follow_the_first_one(void **state UNUSED)
{
	const struct doctor_limits usual = DOCTOR_LIMITS_DEFAULT;
	struct doctor_limits limits = doctor_limits_for(S / 2);

	assert_int_equal(limits.stuck_ns, S / 2);
	assert_int_equal(limits.driver_ns, 5 * S);
	limits = doctor_limits_for(S);
	assert_memory_equal(&limits, &usual, sizeof(usual));
	/* What hvctl is told for a snapshot may be anything. */
	limits = doctor_limits_for(UINT64_MAX / 2);
	assert_true(limits.answer_ns >= limits.stuck_ns && limits.event_ns < limits.stuck_ns);
	assert_true(limits.offers_ns == UINT64_MAX && limits.shutdown_ns == UINT64_MAX);
	assert_int_equal(doctor_limits_for(1).event_ns, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_found_where_nothing_is_wrong),
		cmocka_unit_test(every_rule_finds_what_it_is_for),
		cmocka_unit_test(every_rule_lets_pass_what_has_an_excuse),
		cmocka_unit_test(every_rule_has_a_row_here),
		TEST(without_time_between_them_rings_are_not_judged),
		TEST(a_vm_that_does_not_run_is_not_judged),
		TEST(another_channel_under_the_relid_is_not_compared),
		TEST(a_socket_that_is_read_slowly_is_a_note),
		cmocka_unit_test(whoever_was_starved_is_not_blamed_and_nobody_else_is_spared),
		cmocka_unit_test(with_everybody_starved_only_facts_are_found),
		cmocka_unit_test(what_a_vp_did_decides_whether_it_is_blamed),
		TEST(a_vp_that_was_held_up_at_the_beginning_is_not_blamed),
		TEST(without_times_only_an_answer_tells),
		TEST(a_monitor_that_waits_has_not_polled),
		TEST(a_loop_that_is_busy_starves_nobody),
		TEST(a_vp_without_a_thread_is_judged),
		TEST(what_is_withheld_is_kept),
		cmocka_unit_test(lost_time_is_remembered_by_the_second),
		TEST(only_time_that_the_guest_had_counts),
		TEST(with_half_of_the_time_it_takes_twice_as_long),
		TEST(of_a_guest_that_lost_nothing_all_time_counts),
		cmocka_unit_test(every_age_is_counted_so),
		TEST(time_that_others_lost_does_not_count),
		TEST(what_waits_behind_the_slot_is_a_consequence),
		TEST(a_chain_leads_to_its_beginning),
		TEST(what_happens_on_another_vp_or_channel_explains_nothing),
		TEST(a_ring_explains_the_service_above_it),
		TEST(a_broken_ring_explains_that_it_is_not_read),
		TEST(a_monitor_page_that_is_not_polled_explains_what_is_not_read),
		TEST(a_teardown_that_hangs_explains_rescinds_that_do),
		TEST(a_note_explains_nothing),
		TEST(findings_are_bounded),
		TEST(messages_that_wait_on_another_sint_are_found),
		TEST(a_message_on_another_sint_may_stay),
		TEST(another_sint_explains_nothing_of_the_bus),
		TEST(sections_are_bounded),
		TEST(limits_follow_the_first_one),
	};

	return cmocka_run_group_tests_name("doctor", tests, NULL, NULL);
}
