/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the host's KVM can do: one table, every row asked for by itself, so that whatever is missing
 * has a name. Rows that no mode needs are used where they are there, or show what a host offers.
 */
#include "vmm/kvm_backend.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "common/cleanup.h"

enum need { NEED_NEVER, NEED_ALWAYS, NEED_USER, NEED_KERNEL, NEED_ENFORCE };

struct cap {
	const char *name;
	uint32_t number;
	enum need need;
	uint32_t bits; /* that the value must have; 0: any value but 0 will do */
};

#define CAP(cap, who, ...)                                                             \
	{                                                                              \
		.name = #cap, .number = KVM_CAP_##cap, .need = NEED_##who, __VA_ARGS__ \
	}

static const struct cap caps[] = {
	/* memory and VPs */
	CAP(USER_MEMORY, ALWAYS),
	CAP(SET_TSS_ADDR, ALWAYS),
	CAP(SET_IDENTITY_MAP_ADDR, ALWAYS),
	CAP(EXT_CPUID, ALWAYS),
	CAP(SYNC_REGS, ALWAYS, .bits = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS),
	CAP(IMMEDIATE_EXIT, ALWAYS),
	CAP(VCPU_EVENTS, ALWAYS),
	CAP(MP_STATE, ALWAYS),
	CAP(XSAVE, ALWAYS),
	CAP(XCRS, ALWAYS),
	CAP(DEBUGREGS, ALWAYS),
	/* interrupts */
	CAP(IRQCHIP, ALWAYS),
	CAP(PIT2, ALWAYS),
	CAP(PIT_STATE2, ALWAYS),
	CAP(X2APIC_API, ALWAYS),
	CAP(IRQ_ROUTING, ALWAYS),
	CAP(IRQFD, ALWAYS),
	CAP(SIGNAL_MSI, ALWAYS),
	/* who holds the synthetic MSRs: hvd, through a filter ... */
	CAP(X86_USER_SPACE_MSR, USER),
	CAP(X86_MSR_FILTER, USER),
	/* ... or KVM, which tells whether a SINT was masked and when it was acknowledged */
	CAP(IRQ_INJECT_STATUS, KERNEL),
	CAP(IRQFD_RESAMPLE, KERNEL),
	CAP(HYPERV, KERNEL),
	CAP(HYPERV_TIME, KERNEL),
	CAP(HYPERV_SYNIC2, KERNEL),
	CAP(HYPERV_VP_INDEX, KERNEL),
	CAP(HYPERV_CPUID, KERNEL),
	CAP(HYPERV_ENFORCE_CPUID, ENFORCE),
	/* used where they are there */
	CAP(SYS_HYPERV_CPUID, NEVER),
	CAP(HYPERV_EVENTFD, NEVER),
	CAP(VCPU_ATTRIBUTES, NEVER),
	CAP(ADJUST_CLOCK, NEVER),
	CAP(TSC_DEADLINE_TIMER, NEVER),
	CAP(ENFORCE_PV_FEATURE_CPUID, NEVER),
	/* not used, but part of what a host's Hyper-V support is */
	CAP(HYPERV_VAPIC, NEVER),
	CAP(HYPERV_SPIN, NEVER),
	CAP(HYPERV_SYNIC, NEVER),
	CAP(HYPERV_TLBFLUSH, NEVER),
	CAP(HYPERV_SEND_IPI, NEVER),
};
_Static_assert(ARRAY_LEN(caps) == KVM_CAPS, "one entry for each row");

static bool is_needed(const struct cap *cap, enum synic_mode mode, bool enforce_cpuid)
{
	bool kernel = mode == SYNIC_MODE_KERNEL;

	switch (cap->need) {
	case NEED_NEVER:
		return false;
	case NEED_ALWAYS:
		return true;
	case NEED_USER:
		return !kernel;
	case NEED_KERNEL:
		return kernel;
	case NEED_ENFORCE:
		return kernel && enforce_cpuid;
	}
	return false;
}

static int check(int dev_fd, uint32_t number)
{
	int r = ioctl(dev_fd, KVM_CHECK_EXTENSION, (unsigned long)number);

	return MAX(r, 0);
}

void kvm_caps_probe(int dev_fd, enum synic_mode mode, bool enforce_cpuid,
	struct accel_capability ret_caps[KVM_CAPS])
{
	for (size_t i = 0; i < KVM_CAPS; i++) {
		ret_caps[i] = (struct accel_capability){
			.name = caps[i].name,
			.number = caps[i].number,
			.value = check(dev_fd, caps[i].number),
			.needed = is_needed(&caps[i], mode, enforce_cpuid),
		};
	}
}

static bool is_there(const struct cap *cap, int value)
{
	return value > 0 && ((uint32_t)value & cap->bits) == cap->bits;
}

const char *kvm_caps_missing(const struct accel_capability probed[KVM_CAPS])
{
	for (size_t i = 0; i < KVM_CAPS; i++) {
		if (probed[i].needed && !is_there(&caps[i], probed[i].value))
			return probed[i].name;
	}
	return NULL;
}

int kvm_caps_value(const struct accel_capability probed[KVM_CAPS], uint32_t number)
{
	for (size_t i = 0; i < KVM_CAPS; i++) {
		if (probed[i].number == number)
			return probed[i].value;
	}
	return 0;
}

/* Since Linux 2.6.22 there has been no other version, nor will there be. */
static int check_version(int dev_fd)
{
	int r = kvm_ioctl(dev_fd, KVM_GET_API_VERSION, NULL);

	if (r < 0)
		return r;
	return r == KVM_API_VERSION ? 0 : -EPROTONOSUPPORT;
}

int kvm_open(enum synic_mode mode, bool enforce_cpuid, struct accel_capability ret_caps[KVM_CAPS],
	int *ret_fd)
{
	CLEANUP(fd) int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int r;

	if (fd < 0)
		return -errno;
	r = check_version(fd);
	if (r < 0)
		return r;
	kvm_caps_probe(fd, mode, enforce_cpuid, ret_caps);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int accel_kvm_probe(enum synic_mode mode, bool enforce_cpuid, const char **ret_missing)
{
	struct accel_capability probed[KVM_CAPS];
	CLEANUP(fd) int fd = -1;
	const char *missing;
	int r = kvm_open(mode, enforce_cpuid, probed, &fd);

	if (r < 0)
		return r;
	missing = kvm_caps_missing(probed);
	if (!missing)
		return 0;
	*ret_missing = missing;
	return ACCEL_E_MISSING;
}

unsigned kvm_capabilities(const struct vm *vm, const struct accel_capability **ret_first)
{
	*ret_first = kvm_of(vm)->caps;
	return KVM_CAPS;
}
