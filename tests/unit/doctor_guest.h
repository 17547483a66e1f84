/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * A scripted guest under the doctor's eyes: rules are provoked for real, and the report is judged.
 *
 * Purpose: the rule-by-rule tests.
 * Threads: the test's.
 * Errors:  anything unexpected fails the test, with the whole report in the message.
 */
#include "doctor/doctor.h"
#include "vmbus_guest.h"
#include "vmm/fault.h"

struct vmbus_channel;

/* A device of the tests' own: sends what it is told, and reads unless told not to. */
struct doctor_probe {
	struct vmbus_channel *channel; /* borrows; NULL: it is gone */
	bool deaf;
	unsigned packets; /* read */
};

struct doctor_guest {
	struct vmbus_guest guest;
	struct doctor_probe probe;
	uint32_t relid;              /* of the probe */
	struct doctor_report report; /* owns; the last one */
	void (*meanwhile)(void);     /* what happens between the samples; NULL: nothing */
};

/* Two VPs and a bus as vmbus_guest_start(), an operating system that has said its name, the probe.
 */
void doctor_guest_start(struct doctor_guest *doctor);
void doctor_guest_end(struct doctor_guest *doctor);
/* The same as cmocka wants it; the guest is the test's initial state. */
int doctor_guest_set_up(void **state);
int doctor_guest_tear_down(void **state);
/* A test of a rule, of which its name tells; the tables of these are printed by tests/lint. */
#define DOCTOR_GUEST_TEST(doctor, rule, test)                                           \
	{                                                                               \
		rule " " #test, test, doctor_guest_set_up, doctor_guest_tear_down, (doctor) \
	}
/* Contact, offers; every offer is taken. */
void doctor_guest_connect(struct doctor_guest *doctor);
/* The same, and the probe is opened with `pages` for its rings. */
void doctor_guest_open(struct doctor_guest *doctor, uint32_t pages);

/* What `--device` and `hvctl faults add` do; all faults go with the guest. */
void doctor_guest_add_device(struct doctor_guest *doctor, const char *spec);
void doctor_guest_add_fault(struct doctor_guest *doctor, enum fault_kind kind, uint32_t message);

/* A packet of the probe; its signal is sent if one is due. */
void doctor_guest_send(struct doctor_guest *doctor);

/* Time passes; timers and the loop run. */
void doctor_guest_wait(struct doctor_guest *doctor, uint64_t ns);
/* A second passes between two samples, and they are examined with the default limits. */
void doctor_guest_examine(struct doctor_guest *doctor);

/* Each examines first. Not a finding, whatever its severity. */
void doctor_guest_expect_nothing(struct doctor_guest *doctor);
/* This is the only cause worse than a note, and everything else is its consequence. */
void doctor_guest_expect_cause(struct doctor_guest *doctor, const char *rule, const char *subject);
/* There is a note of this rule, and nothing worse. */
void doctor_guest_expect_note(struct doctor_guest *doctor, const char *rule, const char *subject);

/* In the last report; NULL: none. */
const struct doctor_finding *doctor_guest_finding(
	const struct doctor_guest *doctor, const char *rule);
/* "channels/4/rings/1"; "hvctl channels unstick 4": each until the next call. */
const char *doctor_guest_path(uint32_t relid, const char *leaf);
const char *doctor_guest_command(const char *words, uint32_t relid);
/* The remedy of the rule in the last report is this. */
void doctor_guest_expect_remedy(
	const struct doctor_guest *doctor, const char *rule, const char *command);
