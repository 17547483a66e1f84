/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The capability table on hosts that this file makes up: its ioctl() stands before the C library's.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <cmocka.h>
#include "vmm/kvm_backend.h"

enum { DEV_FD = 12345, ALL = INT32_MAX };

/* The host has everything but this, which says `value`. */
static struct {
	unsigned long cap;
	int value;
} host;

int ioctl(int fd, unsigned long request, ...)
{
	unsigned long cap;
	va_list args;

	assert_int_equal(fd, DEV_FD);
	assert_int_equal(request, KVM_CHECK_EXTENSION);
	va_start(args, request);
	cap = va_arg(args, unsigned long);
	va_end(args);
	if (cap != host.cap)
		return ALL;
	if (host.value < 0)
		errno = EINVAL;
	return host.value < 0 ? -1 : host.value;
}

/* What is missing for `mode` where `cap` has `value`. */
static const char *missing(unsigned cap, int value, enum synic_mode mode, bool enforce_cpuid)
{
	struct accel_capability caps[KVM_CAPS];

	host.cap = cap;
	host.value = value;
	kvm_caps_probe(DEV_FD, mode, enforce_cpuid, caps);
	return kvm_caps_missing(caps);
}

struct row {
	unsigned cap;
	const char *name;
	bool user, kernel,
		enforcing; /* missed by a VM in mode user, kernel, kernel with enforcement */
};

static const struct row rows[] = {
	{KVM_CAP_IRQCHIP, "IRQCHIP", true, true, true},
	{KVM_CAP_X2APIC_API, "X2APIC_API", true, true, true},
	{KVM_CAP_IRQ_ROUTING, "IRQ_ROUTING", true, true, true},
	{KVM_CAP_SYNC_REGS, "SYNC_REGS", true, true, true},
	{KVM_CAP_X86_MSR_FILTER, "X86_MSR_FILTER", true, false, false},
	{KVM_CAP_X86_USER_SPACE_MSR, "X86_USER_SPACE_MSR", true, false, false},
	{KVM_CAP_HYPERV, "HYPERV", false, true, true},
	{KVM_CAP_HYPERV_SYNIC2, "HYPERV_SYNIC2", false, true, true},
	{KVM_CAP_HYPERV_VP_INDEX, "HYPERV_VP_INDEX", false, true, true},
	{KVM_CAP_HYPERV_TIME, "HYPERV_TIME", false, true, true},
	{KVM_CAP_HYPERV_CPUID, "HYPERV_CPUID", false, true, true},
	{KVM_CAP_IRQFD_RESAMPLE, "IRQFD_RESAMPLE", false, true, true},
	{KVM_CAP_IRQ_INJECT_STATUS, "IRQ_INJECT_STATUS", false, true, true},
	{KVM_CAP_HYPERV_ENFORCE_CPUID, "HYPERV_ENFORCE_CPUID", false, false, true},
	{KVM_CAP_SYS_HYPERV_CPUID, "SYS_HYPERV_CPUID", false, false, false},
	{KVM_CAP_HYPERV_EVENTFD, "HYPERV_EVENTFD", false, false, false},
	{KVM_CAP_HYPERV_SYNIC, "HYPERV_SYNIC", false, false, false},
	{KVM_CAP_TSC_DEADLINE_TIMER, "TSC_DEADLINE_TIMER", false, false, false},
};

static void assert_missing(const char *name, const struct row *row, bool expected)
{
	if ((name && strcmp(name, row->name) == 0) != expected)
		fail_msg("without %s, %s is missed", row->name, name ? name : "nothing");
}

static void test_who_needs_what(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *row = &rows[i];

		/* Absent, or the ioctl itself fails. */
		for (int value = -1; value <= 0; value++) {
			assert_missing(
				missing(row->cap, value, SYNIC_MODE_USER, true), row, row->user);
			assert_missing(missing(row->cap, value, SYNIC_MODE_KERNEL, false), row,
				row->kernel);
			assert_missing(missing(row->cap, value, SYNIC_MODE_KERNEL, true), row,
				row->enforcing);
		}
		assert_null(missing(row->cap, ALL, SYNIC_MODE_KERNEL, true));
	}
}

static void test_sync_regs_bits(void **state)
{
	const int both = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;

	assert_null(missing(KVM_CAP_SYNC_REGS, both, SYNIC_MODE_USER, true));
	assert_string_equal(
		missing(KVM_CAP_SYNC_REGS, KVM_SYNC_X86_REGS, SYNIC_MODE_USER, true), "SYNC_REGS");
	assert_string_equal(
		missing(KVM_CAP_SYNC_REGS, both ^ KVM_SYNC_X86_REGS, SYNIC_MODE_KERNEL, true),
		"SYNC_REGS");
}

static void test_values(void **state)
{
	struct accel_capability caps[KVM_CAPS];

	host.cap = KVM_CAP_HYPERV_SYNIC2;
	host.value = -1;
	kvm_caps_probe(DEV_FD, SYNIC_MODE_USER, true, caps);
	assert_int_equal(kvm_caps_value(caps, KVM_CAP_HYPERV_SYNIC2), 0);
	assert_int_equal(kvm_caps_value(caps, KVM_CAP_HYPERV), ALL);
	assert_int_equal(kvm_caps_value(caps, 0xffff), 0);
}

static void test_table(void **state)
{
	struct accel_capability caps[KVM_CAPS];

	kvm_caps_probe(DEV_FD, SYNIC_MODE_USER, true, caps);
	for (size_t i = 0; i < KVM_CAPS; i++) {
		assert_true(strlen(caps[i].name) > 0);
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(caps[i].number, caps[j].number);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		{"each mode misses what it needs, and by its name", test_who_needs_what},
		{"sync regs must come with general and special registers", test_sync_regs_bits},
		{"an absent capability has the value 0", test_values},
		{"every capability is asked for once", test_table},
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
