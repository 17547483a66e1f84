/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "doctor_guest.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "vmbus/device.h"
#include "vmbus/doctor_sample.h"
#include "vmbus/internal.h"
#include "vmm/doctor_sample.h"

#define GUEST_OS_ID UINT64_C(0x8100000006010000)

/* ---- the probe ------------------------------------------------------------------------------- */

static int probe_open(struct vmbus_channel *channel UNUSED, void *arg UNUSED)
{
	return 0;
}

static int probe_close(struct vmbus_channel *channel UNUSED, void *arg UNUSED)
{
	return 0;
}

static void probe_signalled(struct vmbus_channel *channel, void *arg)
{
	_Alignas(8) uint8_t buffer[4096];
	struct doctor_probe *probe = arg;
	struct ring_packet packet;
	int r = 0;

	while (!probe->deaf && r == 0) {
		r = vmbus_channel_peek(channel, buffer, sizeof(buffer), &packet);
		if (r == 0) {
			probe->packets++;
			r = vmbus_channel_consume(channel);
		} else if (r == -EAGAIN && vmbus_channel_idle(channel)) {
			r = 0;
		}
	}
}

static void probe_released(struct vmbus_channel *channel UNUSED, void *arg)
{
	((struct doctor_probe *)arg)->channel = NULL;
}

static const struct vmbus_device_ops probe_ops = {
	.name = "probe",
	.open = probe_open,
	.close = probe_close,
	.signalled = probe_signalled,
	.released = probe_released,
};

static void add_probe(struct doctor_guest *doctor)
{
	const struct vmbus_offer offer = {
		.interface_type = {0x70726f62, 0x6876, 0x4d64, {1, 2, 3, 4, 5, 6, 7, 8}},
		.interface_instance = {0x70726f62, 0x6876, 0x4d64, {8, 7, 6, 5, 4, 3, 2, 1}},
		.monitor_id = VMBUS_MONITOR_NONE,
	};
	struct vmbus *bus = doctor->guest.bus;

	vmbus_lock(bus);
	assert_int_equal(
		vmbus_channel_add(bus, &offer, &probe_ops, &doctor->probe, &doctor->probe.channel),
		0);
	doctor->relid = vmbus_channel_relid(doctor->probe.channel);
	vmbus_unlock(bus);
}

void doctor_guest_add_device(struct doctor_guest *doctor, const char *spec)
{
	char text[DEVICE_ERROR_BYTES];

	assert_int_equal(vmbus_device_add(doctor->guest.bus, spec, text), 0);
	fake_vm_run_loop(doctor->guest.fake);
}

void doctor_guest_add_fault(struct doctor_guest *doctor, enum fault_kind kind, uint32_t message)
{
	struct fault_spec spec = {.kind = kind, .place = {FAULT_ANYWHERE}};
	struct fault_refusal refusal;
	struct fault fault;

	spec.place.message = message;
	assert_int_equal(faults_add(&doctor->guest.fake->vm.faults, &spec, &fault, &refusal), 0);
}

void doctor_guest_send(struct doctor_guest *doctor)
{
	static const char payload[] = "fifteen letters";
	const struct iovec iov = {(void *)payload, sizeof(payload)};

	vmbus_lock(doctor->guest.bus);
	assert_int_equal(vmbus_channel_send(doctor->probe.channel, 1, false, &iov, 1), 0);
	vmbus_unlock(doctor->guest.bus);
}

/* ---- the guest ------------------------------------------------------------------------------- */

void doctor_guest_start(struct doctor_guest *doctor)
{
	struct vm *vm;

	*doctor = (struct doctor_guest){0};
	vmbus_guest_start(&doctor->guest);
	vm = &doctor->guest.fake->vm;
	atomic_store(&vm->state, VM_RUNNING);
	vm->hv[0].guest_os_id = GUEST_OS_ID;
	atomic_store(&vm->hv[0].hypercall, HV_PAGE_ENABLE);
	add_probe(doctor);
}

void doctor_guest_end(struct doctor_guest *doctor)
{
	faults_clear(&doctor->guest.fake->vm.faults);
	struct vmbus *bus = doctor->guest.bus;

	vmbus_devices_remove_all(bus); /* makes the guest forget everything */
	vmbus_lock(bus);
	if (doctor->probe.channel)
		vmbus_channel_remove(doctor->probe.channel);
	vmbus_unlock(bus);
	doctor_report_deinit(&doctor->report);
	vmbus_guest_end(&doctor->guest);
}

void doctor_guest_connect(struct doctor_guest *doctor)
{
	uint32_t relids[16];

	vmbus_guest_connect(&doctor->guest, relids, ARRAY_LEN(relids));
}

void doctor_guest_open(struct doctor_guest *doctor, uint32_t pages)
{
	doctor_guest_connect(doctor);
	vmbus_guest_open(&doctor->guest, doctor->relid, pages);
}

int doctor_guest_set_up(void **state)
{
	doctor_guest_start(*state);
	return 0;
}

int doctor_guest_tear_down(void **state)
{
	doctor_guest_end(*state);
	return 0;
}

/* ---- looking --------------------------------------------------------------------------------- */

void doctor_guest_wait(struct doctor_guest *doctor, uint64_t ns)
{
	fake_vm_advance_ns(doctor->guest.fake, ns);
	fake_vm_run_loop(doctor->guest.fake);
}

static struct doctor_sample *look(struct doctor_guest *doctor)
{
	struct doctor_sample *sample = doctor_sample_new();

	assert_non_null(sample);
	vmbus_doctor_sample(doctor->guest.bus, sample);
	vm_doctor_sample(&doctor->guest.fake->vm, sample->connection.sint, 0, sample);
	return sample;
}

void doctor_guest_examine(struct doctor_guest *doctor)
{
	const struct doctor_limits limits = DOCTOR_LIMITS_DEFAULT;
	struct doctor_sample *then, *now;

	doctor_report_deinit(&doctor->report);
	fake_vm_run_loop(doctor->guest.fake);
	then = look(doctor);
	if (doctor->meanwhile)
		doctor->meanwhile();
	doctor_guest_wait(doctor, NSEC_PER_SEC);
	now = look(doctor);
	assert_int_equal(doctor_examine(then, now, &limits, &doctor->report), 0);
	assert_true(doctor->report.judged);
	doctor_sample_free(then);
	doctor_sample_free(now);
}

static void print_report(const struct doctor_report *report)
{
	for (uint32_t i = 0; i < report->count; i++) {
		const struct doctor_finding *finding = &report->findings[i];

		print_message("  %s %s %s: %s (%s %s %s)\n", finding->rule,
			doctor_severity_names[finding->severity], finding->subject,
			finding->diagnosis,
			finding->role == DOCTOR_CAUSE ? "a cause" : "because of",
			finding->because_rule, finding->because_subject);
	}
}

static void fail_with(const struct doctor_guest *doctor, const char *why)
{
	print_report(&doctor->report);
	fail_msg("%s; the report stands above, %u findings", why, doctor->report.count);
}

const struct doctor_finding *doctor_guest_finding(
	const struct doctor_guest *doctor, const char *rule)
{
	for (uint32_t i = 0; i < doctor->report.count; i++) {
		if (strcmp(doctor->report.findings[i].rule, rule) == 0)
			return &doctor->report.findings[i];
	}
	return NULL;
}

void doctor_guest_expect_nothing(struct doctor_guest *doctor)
{
	doctor_guest_examine(doctor);
	if (doctor->report.count > 0)
		fail_with(doctor, "nothing was to be found");
}

static bool is_it(const struct doctor_finding *finding, const char *rule, const char *subject)
{
	return strcmp(finding->rule, rule) == 0 && strcmp(finding->subject, subject) == 0;
}

/* Every finding says what it saw, and every consequence leads to this cause. */
static void check_finding(const struct doctor_guest *doctor, const struct doctor_finding *finding,
	const char *rule, const char *subject)
{
	if (finding->evidence_count == 0 || finding->diagnosis[0] == '\0')
		fail_with(doctor, "a finding without evidence");
	if (finding->severity == DOCTOR_INFO)
		return;
	if (finding->role == DOCTOR_CAUSE && !is_it(finding, rule, subject))
		fail_with(doctor, "another cause");
	if (finding->role == DOCTOR_CONSEQUENCE &&
		(strcmp(finding->because_rule, rule) != 0 ||
			strcmp(finding->because_subject, subject) != 0))
		fail_with(doctor, "a consequence of something else");
}

void doctor_guest_expect_cause(struct doctor_guest *doctor, const char *rule, const char *subject)
{
	unsigned causes = 0;

	doctor_guest_examine(doctor);
	for (uint32_t i = 0; i < doctor->report.count; i++) {
		const struct doctor_finding *finding = &doctor->report.findings[i];

		check_finding(doctor, finding, rule, subject);
		causes += is_it(finding, rule, subject) && finding->role == DOCTOR_CAUSE &&
			  finding->severity > DOCTOR_INFO;
	}
	if (causes != 1) {
		print_message("wanted %s of %s\n", rule, subject);
		fail_with(doctor, "the cause was not found");
	}
}

void doctor_guest_expect_note(struct doctor_guest *doctor, const char *rule, const char *subject)
{
	bool found = false;

	doctor_guest_examine(doctor);
	for (uint32_t i = 0; i < doctor->report.count; i++) {
		const struct doctor_finding *finding = &doctor->report.findings[i];

		if (finding->severity > DOCTOR_INFO)
			fail_with(doctor, "more than a note");
		found = found || is_it(finding, rule, subject);
	}
	if (!found)
		fail_with(doctor, "the note is missing");
}

void doctor_guest_expect_remedy(
	const struct doctor_guest *doctor, const char *rule, const char *command)
{
	const struct doctor_finding *finding = doctor_guest_finding(doctor, rule);

	assert_non_null(finding);
	assert_string_equal(finding->remedy, command);
}

const char *doctor_guest_path(uint32_t relid, const char *leaf)
{
	static char text[64];

	snprintf(text, sizeof(text), "channels/%u%s", relid, leaf);
	return text;
}

const char *doctor_guest_command(const char *words, uint32_t relid)
{
	static char text[64];

	snprintf(text, sizeof(text), "hvctl channels %s %u%s", words, relid,
		strcmp(words, "rescind") == 0 ? " --force" : "");
	return text;
}
