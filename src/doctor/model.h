/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The model: one sample of everything the doctor looks at (spec/vmbus.md 10.1).
 *
 * A sample is a copy. hvd fills it from the live machine, each guest-owned word read once; hvctl
 * fills it from a snapshot's JSON. Every struct has a field table, so that both directions, the
 * schema and `hvctl explain` come from one place. Objects that there are several of stand in
 * sections, each a growing array; doctor_sections[] lists them all.
 *
 * Ages were measured on the host, from the moment at which the host did or saw something, to the
 * moment of the sample; all ones stand for "not known" or "does not apply", and are null in JSON.
 * What happened between two samples is told by comparing counters.
 *
 * Purpose: the data between those who observe and those who judge.
 * Threads: a sample belongs to one thread at a time.
 * Errors:  NULL without memory, or when a section is full; the sample then says it is truncated.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/field.h"
#include "common/util.h"

#define DOCTOR_NONE   UINT64_MAX
#define DOCTOR_NONE32 UINT32_MAX

/*
 * A thread of hvd, and what the host's scheduler gave it (common/thread_time.h). Its wait for a
 * processor is counted when it is over.
 */
struct doctor_thread {
	bool present;             /* false: there is none */
	uint64_t run_ns, wait_ns; /* since it began; none: not known */
	uint32_t state;           /* enum thread_state */
	uint64_t lost_seconds;    /* bit per second, the last in bit 0: it had no time (progress.h) */
};

/* What there is one of. */
struct doctor_machine {
	uint64_t mono_ns; /* when the sample was taken, on the VM's clock */
	bool running, kernel_synic, direct_timers, deprecates_auto_eoi;
	uint64_t guest_os_id, hypercall; /* all ones: not known */
	uint64_t crashes, crash_age_ns, crash_p0, crash_p1, crash_p2, crash_p3, crash_p4;
	uint64_t posts_unknown, signals_unknown; /* refused: no such connection id */
	uint64_t monitor_page, monitor_polls, monitor_poll_age_ns;
	uint64_t monitor_pending_low, monitor_pending_high; /* bits 0-63, 64-127 */
	uint32_t faults_active; /* hvd misbehaves on purpose */
	bool truncated; /* there was more than a section holds, or memory was short */
	struct doctor_thread loop;    /* hvd's main loop, which takes the sample */
	uint64_t late_ns; /* in all: how much later than it wanted it was woken while it looked */
	struct doctor_thread monitor; /* polls the monitor page */
};

struct doctor_connection {
	uint32_t state; /* enum vmbus_state */
	uint64_t time_in_state_ns;
	uint32_t version, version_maximum; /* 0: none */
	uint32_t target_vp, sint;
	uint64_t contacts, contacts_refused;     /* INITIATE_CONTACT since the last success */
	uint64_t contact_age_ns, unload_age_ns;  /* asked for, and no answer has been made yet */
	uint32_t incoming, incoming_capacity;    /* messages of the guest that wait */
	uint64_t incoming_age_ns;                /* since the last one was taken out; none: never */
	uint64_t messages_in, refused_by_port;
	uint32_t outgoing;                       /* messages to the guest that wait */
	uint64_t outgoing_age_ns;                /* how long the first of them has */
	uint64_t messages_out, messages_delivered;
};

/* A VP with the SINT that the bus uses; behind these, others on which messages wait. */
struct doctor_vp {
	uint32_t vp, sint;
	bool other;     /* not the bus's SINT */
	bool started;   /* its thread has entered the guest, or may */
	struct doctor_thread thread; /* was asked for the VP's registers; not of an `other` */
	bool answered;  /* it told them for this sample: the five below are known */
	bool halted, interrupts_on, vector_irr, vector_isr;
	uint32_t tpr;
	bool registers_known; /* the SynIC's */
	uint64_t scontrol, simp, siefp;
	uint64_t raw; /* of the SINT, as are all below */
	uint32_t vector;
	bool masked, auto_eoi;
	bool slot_busy, slot_pending; /* false without a message page */
	uint32_t slot_type;
	uint64_t slot_age_ns;
	uint32_t queue_depth, event_flag_count;
	bool irq_owed;
	/* All ones of the ages: never. */
	uint64_t delivered, last_delivery_age_ns, events, last_event_age_ns;
	uint64_t interrupts, last_interrupt_age_ns, eoms, last_eom_age_ns;
};

/* An answer, or a RESCIND, that the host has made and the guest has not been given. */
struct doctor_owed {
	uint32_t message; /* enum vmbus_message_type */
	uint32_t relid;   /* 0: none */
	uint64_t id;      /* of a GPADL; none: not about one */
	uint64_t age_ns;
};

/* Those that are not quietly accepted. */
struct doctor_gpadl {
	uint32_t relid;
	uint64_t gpadl;
	uint32_t state; /* enum vmbus_gpadl_state */
	uint64_t time_in_state_ns;
	uint32_t bytes_expected, bytes_received;
	bool is_ring, in_use;
};

/* The ring's reader or writer on the host may have to wait for somebody outside, which is fine. */
struct doctor_ring {
	bool present;
	uint32_t size_bytes, read_index, write_index, host_index;
	uint32_t used_bytes, intr_mask, pending_send_sz, feature_bits;
	uint32_t unread_packets; /* those that fit into what is used; bounded, by 8 or more */
	uint32_t broken;         /* of R1-R4 and R7 (enum ring_invariant) the first; none32 */
	bool host_waits;         /* a reader for its client to read, a writer for room */
	uint64_t packets, bytes, signals, full;
};

struct doctor_channel {
	uint32_t relid;
	char device[32];
	char class_id[40], device_id[40];
	char driver[24]; /* Linux's, for the class; "": none known */
	bool is_hvsock;
	uint32_t state, device_state; /* enum vmbus_channel_state, vmbus_device_state */
	uint32_t state_before_revoke;
	uint64_t time_in_state_ns;
	uint32_t connection_id, monitor_id; /* monitor_id: none32 none */
	uint32_t target_vp, previous_vp;    /* none32: none */
	uint32_t refused_vp;                /* OPEN or MODIFY named it, and it cannot be; none32 */
	uint32_t gpadls;
	uint64_t offers, opens, open_age_ns, requests_after_revoke, early_teardowns;
	bool event_flag, event_flag_on_previous;
	uint64_t signals_in, signals_out, events_set, events_lost;
	uint64_t signal_in_age_ns, signal_out_age_ns, write_age_ns;
	uint64_t wakes_since_write; /* signals beside those that the last packet was due */
	uint64_t packet_limit_bytes, largest_packet_bytes;
	char failure[96];
	struct doctor_ring to_host, to_guest;
};

struct doctor_ic {
	char name[16];
	uint32_t relid, state, contact; /* enum ic_state, ic_contact */
	uint64_t time_in_state_ns;
	bool lock_step;    /* the guest's driver reads one packet per interrupt */
	bool needs_daemon; /* a program of the guest must run, or the driver does not read */
	char daemon[24];   /* its name */
	uint64_t period_ns, patience_ns; /* none: it never speaks on its own */
	uint64_t requests, responses, lost, malformed;
	uint64_t waiting_ns, last_response_age_ns;
	uint64_t pipelined;         /* packets sent behind one that the guest had not read */
	uint64_t going_down_age_ns; /* the guest agreed to power off or reboot */
	char problem[96];
};

struct doctor_sock {
	uint32_t relid, port;
	bool from_host, offered; /* offered: the guest has not opened it */
	uint64_t time_in_state_ns;
};

/* The largest sample: what a guest can bring about must not be more than this. */
enum {
	DOCTOR_VPS_MAX = 128, /* twice as many as a VM has: see struct doctor_vp */
	DOCTOR_OWED_MAX = 64,
	DOCTOR_GPADLS_MAX = 4096,
	DOCTOR_CHANNELS_MAX = 2048,
	DOCTOR_ICS_MAX = 16,
	DOCTOR_SOCKS_MAX = 512,
};

struct doctor_sample {
	struct doctor_machine machine;
	struct doctor_connection connection;
	struct doctor_vp *vps;           /* owns these; in ascending order of their keys */
	struct doctor_owed *owed;
	struct doctor_gpadl *gpadls;
	struct doctor_channel *channels;
	struct doctor_ic *ics;
	struct doctor_sock *socks;
	uint32_t vp_count, owed_count, gpadl_count, channel_count, ic_count, sock_count;
};

/* One kind of object of a sample. The first two have no count: there is one. */
struct doctor_section {
	const char *name; /* the JSON key */
	const struct field_table *table;
	size_t offset;       /* of the struct, or of the pointer to the array */
	size_t count_offset; /* of the uint32_t; 0: there is one */
	uint32_t maximum;
};
extern const struct doctor_section doctor_sections[];
extern const size_t doctor_section_count;

enum doctor_section_id {
	DOCTOR_MACHINE,
	DOCTOR_CONNECTION,
	DOCTOR_VPS,
	DOCTOR_OWED,
	DOCTOR_GPADLS,
	DOCTOR_CHANNELS,
	DOCTOR_ICS,
	DOCTOR_SOCKS,
};

struct doctor_sample *doctor_sample_new(void);
/* NULL is fine; returns NULL. */
struct doctor_sample *doctor_sample_free(struct doctor_sample *sample);
/* A further object of the section, all zero; NULL: full or no memory, and the sample says so. */
void *doctor_sample_add(struct doctor_sample *sample, enum doctor_section_id section);
/* The objects of a section, one for those without a count. */
uint32_t doctor_sample_count(const struct doctor_sample *sample, enum doctor_section_id section);
void *doctor_sample_at(
	const struct doctor_sample *sample, enum doctor_section_id section, uint32_t index);

/* By key; NULL when there is none. */
/* With the bus's SINT, and with any. */
const struct doctor_vp *doctor_find_vp(const struct doctor_sample *sample, uint32_t vp);
const struct doctor_vp *doctor_find_sint(
	const struct doctor_sample *sample, uint32_t vp, uint32_t sint);
const struct doctor_channel *doctor_find_channel(
	const struct doctor_sample *sample, uint32_t relid);
const struct doctor_gpadl *doctor_find_gpadl(
	const struct doctor_sample *sample, uint32_t relid, uint64_t gpadl);
const struct doctor_ic *doctor_find_ic(const struct doctor_sample *sample, const char *name);
const struct doctor_ic *doctor_find_ic_of(const struct doctor_sample *sample, uint32_t relid);
const struct doctor_sock *doctor_find_sock(const struct doctor_sample *sample, uint32_t relid);
/* The one that has been owed longest; `message` of enum vmbus_message_type. */
const struct doctor_owed *doctor_find_owed(
	const struct doctor_sample *sample, uint32_t message, uint32_t relid, uint64_t id);
