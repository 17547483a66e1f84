/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a guest finds in CPUID in mode kernel, on KVMs that this file makes up: its ioctl() stands
 * before the C library's.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <cmocka.h>
#include "hvdef/hv_cpuid.h"
#include "vmm/kvm_backend.h"
#include "vmm/vm.h"

enum { DEV_FD = 1001, VP_FD = 1002, LEAST_ENTRIES = 10, MAX_ENTRIES = 64, VPS = 2 };
enum { FEATURE_XMM_INPUT = 1 << 4 };

/* Everything hvd may offer, and two things it never does. */
static const struct kvm_cpuid_entry2 all_features = {
	.function = HV_CPUID_FEATURES,
	.eax = 0xaff | HV_PRIV_REENLIGHTENMENT,
	.ebx = HV_PRIV_POST_MESSAGES | HV_PRIV_SIGNAL_EVENTS,
	.edx = HV_FEATURE_FREQUENCY_MSRS | HV_FEATURE_CRASH_MSRS | HV_FEATURE_STIMER_DIRECT |
	       FEATURE_XMM_INPUT,
};

/* The host, and what was asked of it. */
static struct {
	struct kvm_cpuid_entry2 features;
	int error;
	int asked_fd; /* KVM_GET_SUPPORTED_HV_CPUID */
	unsigned enforced;
	struct kvm_cpuid_entry2 set[MAX_ENTRIES];
	uint32_t set_count;
} host;

static int answer(struct kvm_cpuid2 *cpuid, const struct kvm_cpuid_entry2 *entries, uint32_t count)
{
	if (cpuid->nent < LEAST_ENTRIES) {
		errno = E2BIG;
		return -1;
	}
	memcpy(cpuid->entries, entries, count * sizeof(*entries));
	cpuid->nent = count;
	return 0;
}

static int get_supported(struct kvm_cpuid2 *cpuid)
{
	static const struct kvm_cpuid_entry2 entries[] = {
		{.function = 0, .eax = 1},
		{.function = 1, .ecx = 1},
		/* "KVMKVMKVM" */
		{.function = 0x40000000, .ebx = 0x4b4d564b, .ecx = 0x564b4d56, .edx = 0x4d},
		{.function = 0x40000001, .eax = 0xff},
	};

	return answer(cpuid, entries, ARRAY_LEN(entries));
}

static int get_supported_hyperv(int fd, struct kvm_cpuid2 *cpuid)
{
	const struct kvm_cpuid_entry2 entries[] = {
		/* "Linux KVM Hv" */
		{.function = 0x40000000,
			.eax = 0x40000082,
			.ebx = 0x756e694c,
			.ecx = 0x564b2078,
			.edx = 0x7648204d},
		{.function = 0x40000001, .eax = HV_CPUID_INTERFACE_HV1},
		{.function = 0x40000002, .eax = 0x3839},
		host.features,
		{.function = 0x40000004, .eax = 0xe2c, .ebx = 0xfff},
		{.function = 0x40000080, .ebx = 0x756e694c},
	};

	host.asked_fd = fd;
	return answer(cpuid, entries, ARRAY_LEN(entries));
}

static int set_cpuid(const struct kvm_cpuid2 *cpuid)
{
	assert_true(cpuid->nent <= MAX_ENTRIES);
	memcpy(host.set, cpuid->entries, cpuid->nent * sizeof(host.set[0]));
	host.set_count = cpuid->nent;
	return 0;
}

static int enable(int fd, const struct kvm_enable_cap *cap)
{
	assert_int_equal(fd, VP_FD);
	assert_int_equal(cap->cap, KVM_CAP_HYPERV_ENFORCE_CPUID);
	assert_int_equal(cap->args[0], 1);
	host.enforced++;
	return 0;
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (host.error) {
		errno = host.error;
		return -1;
	}
	switch (request) {
	case KVM_GET_SUPPORTED_CPUID:
		return get_supported(arg);
	case KVM_GET_SUPPORTED_HV_CPUID:
		return get_supported_hyperv(fd, arg);
	case KVM_SET_CPUID2:
		return set_cpuid(arg);
	case KVM_ENABLE_CAP:
		return enable(fd, arg);
	}
	fail_msg("ioctl 0x%lx", request);
	return -1;
}

/* ---- a VM of mode kernel, as far as CPUID looks at it ---------------------------------------- */

struct machine {
	struct vm vm;
	struct kvm_vm kvm;
	struct vcpu vcpu;
	struct kvm_vcpu kv;
};

static int setup(void **state)
{
	static struct machine machine;
	struct machine *m = &machine;

	memset(&host, 0, sizeof(host));
	host.features = all_features;
	*m = (struct machine){0};
	m->vm.synic_mode = SYNIC_MODE_KERNEL;
	m->vm.vp_count = VPS;
	m->vm.accel_data = &m->kvm;
	m->vm.reftime.tsc_valid = true;
	m->vm.reftime.tsc_hz = 1000000000;
	m->kvm.dev_fd = DEV_FD;
	m->kvm.caps[0] = (struct accel_capability){
		.number = KVM_CAP_SYS_HYPERV_CPUID,
		.value = 1,
	};
	for (size_t i = 1; i < KVM_CAPS; i++)
		m->kvm.caps[i].number = UINT32_MAX;
	m->vcpu.vm = &m->vm;
	m->kv.vcpu = &m->vcpu;
	m->kv.kvm = &m->kvm;
	m->kv.fd = VP_FD;
	assert_int_equal(kvm_cpuid_init(&m->kvm), 0);
	*state = m;
	return 0;
}

static int teardown(void **state)
{
	struct machine *m = *state;

	free(m->kvm.cpuid);
	return 0;
}

static const struct kvm_cpuid_entry2 *leaf(uint32_t function)
{
	const struct kvm_cpuid_entry2 *found = NULL;

	for (uint32_t i = 0; i < host.set_count; i++) {
		if (host.set[i].function != function)
			continue;
		assert_null(found);
		found = &host.set[i];
	}
	assert_non_null(found);
	return found;
}

static void apply(struct machine *m)
{
	assert_int_equal(kvm_cpuid_init_hyperv(&m->kv), 0);
	assert_int_equal(kvm_cpuid_apply(&m->kv), 0);
}

/* ---- rules ----------------------------------------------------------------------------------- */

static void the_guest_sees_microsoft_hv_and_no_leaf_of_kvm(void **state)
{
	apply(*state);
	assert_int_equal(leaf(0x40000000)->eax, HV_CPUID_LIMITS);
	assert_int_equal(leaf(0x40000000)->ebx, HV_CPUID_VENDOR_EBX);
	assert_int_equal(leaf(0x40000000)->ecx, HV_CPUID_VENDOR_ECX);
	assert_int_equal(leaf(0x40000000)->edx, HV_CPUID_VENDOR_EDX);
	assert_int_equal(leaf(0x40000001)->eax, HV_CPUID_INTERFACE_HV1);
	for (uint32_t i = 0; i < host.set_count; i++)
		assert_true(host.set[i].function <= HV_CPUID_LIMITS);
	assert_true(leaf(1)->ecx & HV_CPUID_1_ECX_HYPERVISOR);
}

static void offered_is_what_both_have(void **state)
{
	apply(*state);
	assert_int_equal(leaf(HV_CPUID_FEATURES)->eax, 0xaff);
	assert_int_equal(leaf(HV_CPUID_FEATURES)->ebx, 0x30);
	assert_int_equal(leaf(HV_CPUID_FEATURES)->edx, 0x80500);
	assert_int_equal(leaf(HV_CPUID_RECOMMEND)->eax, 0x220);
}

static void what_kvm_lacks_is_not_offered(void **state)
{
	host.features.eax &= ~(HV_PRIV_APIC_MSRS | HV_PRIV_FREQUENCY_MSRS);
	host.features.edx &= ~(HV_FEATURE_STIMER_DIRECT | HV_FEATURE_FREQUENCY_MSRS);
	apply(*state);
	assert_int_equal(leaf(HV_CPUID_FEATURES)->eax, 0x2ef);
	assert_int_equal(leaf(HV_CPUID_FEATURES)->edx, 0x400);
}

static void the_host_is_asked_or_vp_0(void **state)
{
	struct machine *m = *state;

	apply(m);
	assert_int_equal(host.asked_fd, DEV_FD);
	m->kvm.caps[0].value = 0;
	apply(m);
	assert_int_equal(host.asked_fd, VP_FD);
	/* VP 0 has asked for all. */
	host.asked_fd = 0;
	m->vcpu.index = 1;
	apply(m);
	assert_int_equal(host.asked_fd, 0);
}

static void every_vp_enforces_when_told_to(void **state)
{
	struct machine *m = *state;

	apply(m);
	assert_int_equal(host.enforced, 0);
	m->vm.config.enforce_cpuid = true;
	for (m->vcpu.index = 0; m->vcpu.index < VPS; m->vcpu.index++)
		assert_int_equal(kvm_cpuid_init_hyperv(&m->kv), 0);
	assert_int_equal(host.enforced, VPS);
}

static void a_failure_leaves_nothing_behind(void **state)
{
	struct machine *m = *state;

	host.features.function = 0x40000006;
	assert_int_equal(kvm_cpuid_init_hyperv(&m->kv), -EOPNOTSUPP);
	host.error = ENXIO;
	assert_int_equal(kvm_cpuid_init_hyperv(&m->kv), -ENXIO);
	assert_int_equal(m->vm.lacking.eax, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_guest_sees_microsoft_hv_and_no_leaf_of_kvm),
		TEST(offered_is_what_both_have),
		TEST(what_kvm_lacks_is_not_offered),
		TEST(the_host_is_asked_or_vp_0),
		TEST(every_vp_enforces_when_told_to),
		TEST(a_failure_leaves_nothing_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
