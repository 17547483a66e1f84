/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The kinds of record hvd writes, as one table: name, meaning, argument names and how to print them.
 *
 * Purpose: the vocabulary of `hvctl watch` and `hvctl log`.
 * Threads: hv_record() on any thread, never waits, no allocation.
 * Errors:  none.
 *
 * X(ENUM, "name", "doc", "arg0", "arg1", "arg2", "arg3", "arg4"); an argument name is NULL when
 * unused; its suffix says how it is shown: "name:x" hex string, "name:u" integer, "name:i" signed
 * integer, "name:b" boolean, "name:s" enum hv_status, "name:e" errno-style status (0 or negative
 * errno, by name), "name:m" synthetic MSR by name, "name:=a|b|c" one of these words, 0 being a.
 * "name:x@0+8,other:u@8+56" are two fields: shift and number of bits. Kinds may share a name.
 */
#include <stdint.h>
#include "common/record.h"
#include "common/record_names.h"

/* enum vm_stop_reason and enum api_action (inspect/actions.h), in order. */
#define VM_STOP_WORDS                                                                              \
	"none|requested|debug_exit|power_off|triple_fault|unmapped_access|internal_error|"         \
	"entry_failed|ioctl_failed|guest_ended"
#define API_ACTION_WORDS                                                                           \
	"none|patch|vm_pause|vm_resume|vm_reset|vm_shutdown|message|event|post_message|signal_event|"     \
	"ic_request|device_add|device_remove|echo_run|echo_stop|fault_add|fault_remove|"             \
	"faults_clear|channel_unstick|channel_rescind|sint_kick"

/* enum vmbus_message_type, _verdict, _channel_state and _state (vmbus/), in order. */
#define VMBUS_MESSAGE_WORDS "invalid|" VMBUS_MESSAGE_NAMES
#define VMBUS_MESSAGE_NAMES                                                                        \
	"offer_channel|rescind_channel_offer|request_offers|all_offers_delivered|"         \
	"open_channel|open_channel_result|close_channel|gpadl_header|gpadl_body|gpadl_created|"    \
	"gpadl_teardown|gpadl_torndown|relid_released|initiate_contact|version_response|unload|"   \
	"unload_response|open_reserved_channel|close_reserved_channel|close_reserved_response|"    \
	"tl_connect_request|modify_channel|tl_connect_result|modify_channel_response|"             \
	"modify_connection|modify_connection_response|pause|pause_response|resume"
#define VMBUS_VERDICT_WORDS "ok|ignored|illegal|malformed"
#define VMBUS_CHANNEL_WORDS                                                                        \
	"client_released|closed|opening|open|failed|closing|closing_reopen|revoked|"               \
	"opening_client_release|closing_client_release"
#define VMBUS_STATE_WORDS "disconnected|connecting|negotiated|connected|disconnecting"
/* enum ic_component, ic_state and ic_contact (vmbus/ic.h), in order. */
#define IC_NAME_WORDS    "heartbeat|timesync|shutdown|kvp|vss"
#define IC_STATE_WORDS   "closed|waiting|negotiating|ready|failed|no_daemon"
#define IC_CONTACT_WORDS "no_contact|no_handshake|lost_communication|ok"
/* enum echo_outcome (vmbus/echo.h), in order. */
#define ECHO_WORDS "none|running|complete|stalled|stopped|broken"

/* enum fault_kind and fault_end (vmm/fault.h), in order. */
#define FAULT_KIND_WORDS                                                                           \
	"drop_message|delay_message|duplicate_message|reorder_message|hold_message|refuse_post|"   \
	"pause_pump|hold_open|hold_close|lose_pending|skip_assert|skip_event|skip_room_signal|"    \
	"leave_masked|skip_monitor|skip_rescind|early_event|oversize_packet|duplicate_offer|"      \
	"pipeline_ic"
#define FAULT_END_WORDS "count|time|removed|reset"
/* enum ic_outcome and enum vss_state (vmbus/vss.h), in order. */
#define IC_OUTCOME_WORDS "answered|refused|bad_answer|lost|ended"
#define VSS_STATE_WORDS  "thawed|freezing|frozen|thawing|unknown"

/* enum doctor_severity and doctor_role (doctor/doctor.h), in order. */
#define DOCTOR_SEVERITY_WORDS "info|warn|error"
#define DOCTOR_ROLE_WORDS     "cause|consequence"

/*
 * A channel message with what stands in it: a kind of record for each layout, of one name. They are
 * chosen in vmbus/history.c.
 */
#define VMBUS_MESSAGE_ROW(X, id, a, b)                                                             \
	X(id, "vmbus.message", "a VMBus channel message", "direction:=in|out",                     \
		"message:=" VMBUS_MESSAGE_WORDS, "relid:u", a, b)
#define VMBUS_MESSAGE_EVENTS(X)                                                                    \
	VMBUS_MESSAGE_ROW(X, HV_EVENT_VMBUS_MESSAGE, NULL, NULL) \
	VMBUS_MESSAGE_ROW(X, HV_EVENT_VMBUS_MESSAGE_UNKNOWN, "type:x", NULL) \
	VMBUS_MESSAGE_ROW(X, HV_EVENT_VMBUS_MESSAGE_OFFER, "monitor_id:u@0+8,monitor_allocated:b@8+8,connection_id:u@32+32", "class:x@0+32,chn_flags:x@32+16") \
	VMBUS_MESSAGE_ROW(X, HV_EVENT_VMBUS_MESSAGE_OPEN, "open_id:u@0+32,ring_gpadl:x@32+32", "target_vp:u@0+32,downstream_offset:u@32+32") \
	VMBUS_MESSAGE_ROW(X, HV_EVENT_VMBUS_MESSAGE_OPEN_RESULT, "open_id:u@0+32,status:x@32+32", NULL) \
	VMBUS_MESSAGE_ROW(X, HV_EVENT_VMBUS_MESSAGE_GPADL_HEADER, "gpadl:x@0+32,range_buf_len:u@32+16,range_count:u@48+16", "byte_count:u@0+32,byte_offset:u@32+32") \
	VMBUS_MESSAGE_ROW(X, HV_EVENT_VMBUS_MESSAGE_GPADL_BODY, "message_number:u@0+32,gpadl:x@32+32", NULL) \
	VMBUS_MESSAGE_ROW(X, HV_EVENT_VMBUS_MESSAGE_GPADL_CREATED, "gpadl:x@0+32,status:x@32+32", NULL) \
	VMBUS_MESSAGE_ROW(X, HV_EVENT_VMBUS_MESSAGE_GPADL, "gpadl:x", NULL) \
	VMBUS_MESSAGE_ROW(X, HV_EVENT_VMBUS_MESSAGE_CONTACT, "version:x@0+32,target_vp:u@32+32", "sint:u@0+8,vtl:u@8+8,feature_flags:x@32+32") \
	VMBUS_MESSAGE_ROW(X, HV_EVENT_VMBUS_MESSAGE_OLD_CONTACT, "version:x@0+32,target_vp:u@32+32", "interrupt_page:x") \
	VMBUS_MESSAGE_ROW(X, HV_EVENT_VMBUS_MESSAGE_VERSION, "supported:b@0+8,connection_state:u@8+8,selected:x@32+32", NULL) \
	VMBUS_MESSAGE_ROW(X, HV_EVENT_VMBUS_MESSAGE_OPEN_RESERVED, "target_vp:u@0+32,target_sint:u@32+32", "ring_gpadl:x@0+32,downstream_offset:u@32+32") \
	VMBUS_MESSAGE_ROW(X, HV_EVENT_VMBUS_MESSAGE_CLOSE_RESERVED, "target_vp:u@0+32,target_sint:u@32+32", NULL) \
	VMBUS_MESSAGE_ROW(X, HV_EVENT_VMBUS_MESSAGE_CONNECT, "endpoint:x@0+32,service:x@32+32", NULL) \
	VMBUS_MESSAGE_ROW(X, HV_EVENT_VMBUS_MESSAGE_CONNECT_RESULT, "endpoint:x@0+32,service:x@32+32", "status:x") \
	VMBUS_MESSAGE_ROW(X, HV_EVENT_VMBUS_MESSAGE_MODIFY, "target_vp:u", NULL) \
	VMBUS_MESSAGE_ROW(X, HV_EVENT_VMBUS_MESSAGE_STATUS, "status:x", NULL)

#define HV_EVENTS(X)                                                                               \
	X(HV_EVENT_VM_STATE, "vm.state", "the VM changed state", "from:=created|running|paused|stopped", "to:=created|running|paused|stopped", "reason:=" VM_STOP_WORDS, NULL, NULL) \
	X(HV_EVENT_VP_STATE, "vp.state", "a VP changed state", "from:=created|running|parked|stopped", "to:=created|running|parked|stopped", NULL, NULL, NULL) \
	X(HV_EVENT_MSR_WRITE, "msr.write", "the guest wrote a synthetic MSR (EOM excepted)", "msr:m", "value:x", "fault:=none|gp|ud", NULL, NULL)   \
	X(HV_EVENT_MSR_FAULT, "msr.fault", "a synthetic MSR access was answered with #GP", "msr:m", "value:x", "write:b", NULL, NULL) \
	X(HV_EVENT_HYPERCALL, "hypercall", "a hypercall that reached no port", "code:x", "control:x", "status:s", NULL, NULL) \
	X(HV_EVENT_HYPERCALL_FAULT, "hypercall.fault", "a hypercall was answered with #UD", "control:x", "cpl:u", NULL, NULL, NULL) \
	X(HV_EVENT_PORT_MESSAGE, "port.message", "HvPostMessage", "connection_id:u", "message_type:x", "payload_size:u", "status:s", NULL) \
	X(HV_EVENT_PORT_SIGNAL, "port.signal", "HvSignalEvent", "connection_id:u", "flag:u", "status:s", NULL, NULL) \
	X(HV_EVENT_PORT_SIGNAL_FAST, "port.signal.fast", "HvSignalEvent calls that KVM answered without an exit", "connection_id:u", "count:u", "status:s", NULL, NULL) \
	X(HV_EVENT_PORT_FAST_PATH_ERROR, "port.fast_path_error", "a port got no eventfd: its signals exit", "connection_id:u", "status:e", NULL, NULL, NULL) \
	X(HV_EVENT_PORT_ADD, "port.add", "a port was registered", "connection_id:u", "type:=message|event|monitor", "minimum_vtl:u", NULL, NULL) \
	X(HV_EVENT_PORT_RELEASE, "port.release", "a port was released", "connection_id:u", NULL, NULL, NULL, NULL) \
	X(HV_EVENT_STAGED, "staged", "a staged message changed state", "from:=free|busy|posted", "to:=free|busy|posted", "status:e", "message_type:x", "age_ns:u") \
	X(HV_EVENT_MESSAGE_DELIVERED, "message.delivered", "a message was written into its slot", "message_type:x", "payload_size:u", "sender:x", "queue_depth:u", "latency_ns:u") \
	X(HV_EVENT_MESSAGE_BUSY, "message.busy", "a slot was busy: pending flag set in the occupant", "occupant_type:x", "queue_depth:u", NULL, NULL, NULL) \
	X(HV_EVENT_MESSAGE_DROPPED, "message.dropped", "a queued message was dropped", "message_type:x", "status:e", NULL, NULL, NULL) \
	X(HV_EVENT_SINT_ASSERT, "sint.assert", "a SINT's vector was asserted; in mode kernel KVM knows it, and 0 stands here", "vector:u", "auto_eoi:b", "status:e", NULL, NULL) \
	X(HV_EVENT_SINT_OWED, "sint.owed", "an interrupt was withheld (masked or SynIC off) and is owed; sint_raw is 0 in mode kernel", "sint_raw:x", "scontrol:x", NULL, NULL, NULL) \
	X(HV_EVENT_SINT_ACK, "sint.ack", "mode kernel: KVM told somebody who waits for it of EOMs, or EOIs of the SINT's vector", "count:u", NULL, NULL, NULL, NULL) \
	X(HV_EVENT_EOM, "eom", "the guest wrote EOM", "acked:x", NULL, NULL, NULL, NULL)                         \
	X(HV_EVENT_FLAG_SET, "event.flag", "an event flag was set towards the guest", "flag:u", "newly:b", "status:e", NULL, NULL) \
	X(HV_EVENT_STIMER_EXPIRED, "stimer.expired", "a synthetic timer expired", "timer:u", "due_100ns:u", "late_100ns:u", "direct:b", NULL) \
	X(HV_EVENT_STIMER_DELIVERED, "stimer.delivered", "a timer message or interrupt was delivered", "timer:u", "waited_100ns:u", NULL, NULL, NULL) \
	X(HV_EVENT_PAGE, "page", "an overlay page was enabled, moved or disabled", "msr:m", "old:x", "new:x", NULL, NULL) \
	X(HV_EVENT_MONITOR, "monitor", "a monitor bit was serviced", "monitor_id:u", "connection_id:u", "flag:u", "status:s", NULL) \
	X(HV_EVENT_SYNIC_RESET, "synic.reset", "a VP's SynIC went back to its reset values", "dropped:u", NULL, NULL, NULL, NULL) \
	X(HV_EVENT_TESTDEV, "testdev", "the SynIC test device got a command", "command:u", "connection_id:u", "status:e", NULL, NULL) \
	X(HV_EVENT_API, "api", "a client changed something", "uid:u", "pid:u", "action:=" API_ACTION_WORDS, "status:u", NULL) \
	X(HV_EVENT_IOCTL, "ioctl.failed", "KVM refused a call, and the VM goes on without", "ioctl:=set_gsi_routing|irqfd|irq_line", "status:e", "gsi:u", NULL, NULL) \
	X(HV_EVENT_CRASH, "crash", "the guest reported a crash through the crash MSRs", "p0:x", "p1:x", "p2:x", "p3:x", "p4:x") \
	VMBUS_MESSAGE_EVENTS(X) \
	X(HV_EVENT_VMBUS_REFUSED, "vmbus.refused", "a VMBus channel message of the guest was not obeyed", "message:=" VMBUS_MESSAGE_WORDS, "relid:u", "verdict:=" VMBUS_VERDICT_WORDS, NULL, NULL) \
	X(HV_EVENT_VMBUS_CHANNEL, "vmbus.channel", "a VMBus channel changed state", "relid:u", "from:=" VMBUS_CHANNEL_WORDS, "to:=" VMBUS_CHANNEL_WORDS, NULL, NULL) \
	X(HV_EVENT_VMBUS_SIGNAL, "vmbus.signal", "one end of a VMBus channel signalled the other that its rings want a look", "direction:=in|out", "relid:u", "status:e", NULL, NULL) \
	X(HV_EVENT_VMBUS_CONNECTION, "vmbus.connection", "the VMBus connection changed state", "from:=" VMBUS_STATE_WORDS, "to:=" VMBUS_STATE_WORDS, "version:x", NULL, NULL) \
	X(HV_EVENT_IC, "ic", "an integration component's state changed, or whether its guest answers", "name:=" IC_NAME_WORDS, "state:=" IC_STATE_WORDS, "contact:=" IC_CONTACT_WORDS, "relid:u", NULL) \
	X(HV_EVENT_ECHO, "echo", "a run of the device echo began or ended", "relid:u", "outcome:=" ECHO_WORDS, "sent:u", "received:u", "lost:u") \
	X(HV_EVENT_FAULT_ADDED, "fault.added", "somebody made hvd misbehave on purpose; relid 0: any channel", "id:u", "kind:=" FAULT_KIND_WORDS, "uid:u", "pid:u", "relid:u") \
	X(HV_EVENT_FAULT_HIT, "fault.hit", "a fault that was added on purpose did what its kind says", "id:u", "kind:=" FAULT_KIND_WORDS, "hit:u", "relid:u", "message:=none|" VMBUS_MESSAGE_NAMES) \
	X(HV_EVENT_FAULT_ENDED, "fault.ended", "a fault that was added on purpose is over; what it kept goes on", "id:u", "kind:=" FAULT_KIND_WORDS, "hits:u", "why:=" FAULT_END_WORDS, NULL) \
	X(HV_EVENT_IC_ANSWER, "ic.answer", "what became of a client's request to the guest", "name:=" IC_NAME_WORDS, "outcome:=" IC_OUTCOME_WORDS, "status:x", "relid:u", "latency_ns:u") \
	X(HV_EVENT_IC_FREEZE, "ic.freeze", "the guest's file systems, as far as backups go", "from:=" VSS_STATE_WORDS, "to:=" VSS_STATE_WORDS, "relid:u", NULL, NULL) \
	X(HV_EVENT_DOCTOR_FINDING, "doctor.finding", "the doctor, while it watches, found something, or no longer does; relid 0: no single channel", "rule:u", "severity:=" DOCTOR_SEVERITY_WORDS, "what:=appeared|cleared", "role:=" DOCTOR_ROLE_WORDS, "relid:u")

enum hv_event {
#define HV_EVENT_ENUM(id, ...) id,
	HV_EVENTS(HV_EVENT_ENUM)
#undef HV_EVENT_ENUM
	HV_EVENT_COUNT,
};

extern const struct record_event hv_event_desc[HV_EVENT_COUNT];
/* The same with the names of statuses and MSRs: what this hvd's records mean. */
extern const struct record_names hv_record_names;

#define hv_record(recorder, event, vp, vtl, sint, ...)                                             \
	do {                                                                                       \
		if (recorder_enabled(recorder))                                                    \
			record_emit((recorder), (event), (vp), (vtl), (sint),                      \
				(const uint64_t[RECORD_ARGS]){ __VA_ARGS__ });                     \
	} while (0)
