/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The KVM backend: KVM runs the VPs and owns LAPICs, IOAPIC, PIC and PIT. In mode `user` every
 * Hyper-V MSR comes out to us through an MSR filter, whether or not the host's KVM knows it; in mode
 * `kernel` KVM keeps them (kvm_synic.c).
 */
#include "vmm/kvm_backend.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <x86intrin.h>
#include "common/cleanup.h"
#include "hvdef/hv_msr.h"
#include "vmm/vm.h"

/* For VMX hosts without unrestricted guest: three pages and an identity map, below the BIOS. */
static const uint64_t identity_map_gpa = 0xfffbc000;
static const uint64_t tss_gpa = 0xfffbd000;

struct kvm_vm *kvm_of(const struct vm *vm)
{
	return vm->accel_data;
}

int kvm_ioctl(int fd, unsigned long request, void *arg)
{
	int r = ioctl(fd, request, arg);

	return r < 0 ? -errno : r;
}

static int ioctl_value(int fd, unsigned long request, unsigned long value)
{
	int r = ioctl(fd, request, value);

	return r < 0 ? -errno : r;
}

/* VM */

static int enable_cap(int fd, uint32_t cap, uint64_t arg)
{
	struct kvm_enable_cap enable = {.cap = cap, .args = {arg}};

	return kvm_ioctl(fd, KVM_ENABLE_CAP, &enable);
}

/* Denied accesses to the synthetic MSRs leave the guest and are answered by msr.c. */
static int take_over_msrs(struct kvm_vm *kvm)
{
	uint8_t deny_all[HV_MSR_COUNT / 8] = {0};
	struct kvm_msr_filter filter = {
		.flags = KVM_MSR_FILTER_DEFAULT_ALLOW,
		.ranges[0] =
			{
				.flags = KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE,
				.base = HV_MSR_BASE,
				.nmsrs = HV_MSR_COUNT,
				.bitmap = deny_all,
			},
	};
	int r = enable_cap(kvm->fd, KVM_CAP_X86_USER_SPACE_MSR, KVM_MSR_EXIT_REASON_FILTER);

	return r < 0 ? r : kvm_ioctl(kvm->fd, KVM_X86_SET_MSR_FILTER, &filter);
}

static int add_memory(struct kvm_vm *kvm, const struct guest_memory *memory)
{
	for (unsigned i = 0; i < memory->region_count; i++) {
		struct kvm_userspace_memory_region region = {
			.slot = i,
			.guest_phys_addr = memory->region[i].gpa,
			.memory_size = memory->region[i].size_bytes,
			.userspace_addr = (uintptr_t)memory->region[i].hva,
		};
		int r = kvm_ioctl(kvm->fd, KVM_SET_USER_MEMORY_REGION, &region);

		if (r < 0)
			return r;
	}
	return 0;
}

static int open_host(struct kvm_vm *kvm, const struct vm *vm)
{
	int r = kvm_open(vm->synic_mode, vm->config.enforce_cpuid, kvm->caps, &kvm->dev_fd);

	if (r < 0)
		return r;
	return kvm_caps_missing(kvm->caps) ? -EOPNOTSUPP : 0;
}

static int create_vm(struct kvm_vm *kvm)
{
	uint64_t identity_map = identity_map_gpa;
	int r = kvm->fd = ioctl_value(kvm->dev_fd, KVM_CREATE_VM, 0);

	if (r >= 0)
		r = kvm_ioctl(kvm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity_map);
	if (r >= 0)
		r = ioctl_value(kvm->fd, KVM_SET_TSS_ADDR, tss_gpa);
	if (r >= 0)
		r = enable_cap(kvm->fd, KVM_CAP_X2APIC_API,
			KVM_X2APIC_API_USE_32BIT_IDS | KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK);
	if (r >= 0)
		r = ioctl_value(kvm->dev_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (r >= 0)
		kvm->run_size = (size_t)r;
	return MIN(r, 0);
}

static void query_options(struct kvm_vm *kvm)
{
	kvm->eoi_msr = kvm_caps_value(kvm->caps, KVM_CAP_HYPERV) > 0;
	kvm->tsc_deadline = kvm_caps_value(kvm->caps, KVM_CAP_TSC_DEADLINE_TIMER) > 0;
}

static int kvm_vm_init(struct vm *vm)
{
	struct kvm_vm *kvm;
	int r;

	kvm = calloc(1, sizeof(*kvm));
	if (!kvm)
		return -ENOMEM;
	kvm->dev_fd = kvm->fd = -1;
	vm->accel_data = kvm;
	r = kvm_kick_signal_init();
	if (r == 0)
		r = open_host(kvm, vm);
	if (r == 0)
		r = create_vm(kvm);
	if (r == 0 && vm->synic_mode == SYNIC_MODE_USER)
		r = take_over_msrs(kvm);
	if (r == 0)
		r = add_memory(kvm, &vm->memory);
	if (r == 0)
		r = kvm_irq_init(kvm);
	if (r == 0)
		r = kvm_cpuid_init(kvm);
	if (r == 0)
		query_options(kvm);
	return r;
}

static void kvm_vm_deinit(struct vm *vm)
{
	struct kvm_vm *kvm = kvm_of(vm);

	if (!kvm)
		return;
	if (kvm->fd >= 0)
		close(kvm->fd);
	if (kvm->dev_fd >= 0)
		close(kvm->dev_fd);
	free(kvm->cpuid);
	free(kvm);
	vm->accel_data = NULL;
}

static int kvm_vm_reset(struct vm *vm)
{
	return kvm_irq_reset(vm);
}

/* TSC */

static bool host_clocksource_is_tsc(void)
{
	static const char path[] =
		"/sys/devices/system/clocksource/clocksource0/current_clocksource";
	CLEANUP(file) FILE *file = fopen(path, "re");
	char name[16] = "";

	return file && fgets(name, sizeof(name), file) && strcmp(name, "tsc\n") == 0;
}

static bool tsc_is_constant(const struct kvm_vm *kvm)
{
	struct kvm_clock_data clock = {0};

	if (kvm_ioctl(kvm->fd, KVM_GET_CLOCK, &clock) == 0 && clock.flags & KVM_CLOCK_TSC_STABLE)
		return true;
	return host_clocksource_is_tsc();
}

static uint64_t kvm_tsc_hz(struct vm *vm)
{
	const struct kvm_vm *kvm = kvm_of(vm);

	return tsc_is_constant(kvm) ? kvm->tsc_hz : 0;
}

static uint64_t kvm_guest_tsc(struct vm *vm)
{
	return __rdtsc() + kvm_of(vm)->tsc_offset;
}

const struct accel accel_kvm = {
	.name = "kvm",
	.vm_init = kvm_vm_init,
	.vm_deinit = kvm_vm_deinit,
	.vcpu_init = kvm_vcpu_init,
	.vcpu_deinit = kvm_vcpu_deinit,
	.vcpu_reset = kvm_vcpu_reset,
	.vcpu_run = kvm_vcpu_run,
	.vcpu_kick = kvm_vcpu_kick,
	.vm_reset = kvm_vm_reset,
	.assert_vector = kvm_assert_vector,
	.hv_msrs_read = kvm_hv_msrs_read,
	.assert_sint = kvm_assert_sint,
	.irq_line = kvm_irq_line,
	.gsi_commit = kvm_gsi_commit,
	.irqfd = kvm_irqfd,
	.signal_eventfd = kvm_signal_eventfd,
	.reference_time = kvm_reference_time,
	.capabilities = kvm_capabilities,
	.vcpu_lapic = kvm_vcpu_lapic,
	.vcpu_regs = kvm_vcpu_regs,
	.tsc_hz = kvm_tsc_hz,
	.guest_tsc = kvm_guest_tsc,
};
