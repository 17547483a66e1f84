/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPUID of a VP: what KVM supports, less KVM's own leaves, plus the Hyper-V leaves, with the
 * topology of one package of single-threaded cores.
 *
 * KVM's signature must go: Linux prefers it over Hyper-V's when it sees both. KVM's own Hyper-V
 * leaves would say "Linux KVM Hv"; in mode kernel only their features are looked at, for what KVM
 * cannot do.
 */
#include "vmm/kvm_backend.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "common/cleanup.h"
#include "hvdef/hv_cpuid.h"
#include "vmm/cpuid.h"
#include "vmm/vm.h"

enum { CPUID_ROOM = 256 };

enum {
	LEAF_1_ECX_TSC_DEADLINE = 1 << 24,
	LEAF_1_EDX_HTT = 1 << 28,
	TOPOLOGY_LEVEL_SMT = 1,
	TOPOLOGY_LEVEL_CORE = 2,
};

static struct kvm_cpuid2 *new_cpuid(void)
{
	struct kvm_cpuid2 *cpuid = calloc(
		1, sizeof(*cpuid) + CPUID_ROOM * sizeof(struct kvm_cpuid_entry2));

	if (cpuid)
		cpuid->nent = CPUID_ROOM;
	return cpuid;
}

int kvm_cpuid_init(struct kvm_vm *kvm)
{
	kvm->cpuid = new_cpuid();
	return kvm->cpuid ? kvm_ioctl(kvm->dev_fd, KVM_GET_SUPPORTED_CPUID, kvm->cpuid) : -ENOMEM;
}

/* mode kernel */

static const struct kvm_cpuid_entry2 *find_leaf(const struct kvm_cpuid2 *cpuid, uint32_t function)
{
	for (uint32_t i = 0; i < cpuid->nent; i++) {
		if (cpuid->entries[i].function == function)
			return &cpuid->entries[i];
	}
	return NULL;
}

/* The VP's own fd answers, too, and has done so for longer. */
static int hyperv_fd(const struct kvm_vcpu *kv)
{
	bool host = kvm_caps_value(kv->kvm->caps, KVM_CAP_SYS_HYPERV_CPUID) > 0;

	return host ? kv->kvm->dev_fd : kv->fd;
}

static int find_lacking(struct kvm_vcpu *kv, struct hv_privileges *ret_lacking)
{
	CLEANUP(free) struct kvm_cpuid2 *cpuid = new_cpuid();
	const struct kvm_cpuid_entry2 *features;
	int r;

	if (!cpuid)
		return -ENOMEM;
	r = kvm_ioctl(hyperv_fd(kv), KVM_GET_SUPPORTED_HV_CPUID, cpuid);
	if (r < 0)
		return r;
	features = find_leaf(cpuid, HV_CPUID_FEATURES);
	if (!features)
		return -EOPNOTSUPP;
	*ret_lacking = (struct hv_privileges){~features->eax, ~features->ebx, ~features->edx};
	return 0;
}

static int enforce(struct kvm_vcpu *kv)
{
	struct kvm_enable_cap enable = {.cap = KVM_CAP_HYPERV_ENFORCE_CPUID, .args = {1}};

	return kvm_ioctl(kv->fd, KVM_ENABLE_CAP, &enable);
}

int kvm_cpuid_init_hyperv(struct kvm_vcpu *kv)
{
	struct vm *vm = kv->vcpu->vm;
	int r = 0;

	if (kv->vcpu->index == 0)
		r = find_lacking(kv, &vm->lacking);
	if (r == 0 && vm->config.enforce_cpuid)
		r = enforce(kv);
	return r;
}

/* leaves */

/* Bits needed to number `count` things from zero. */
static unsigned id_bits(unsigned count)
{
	unsigned bits = 0;

	while (1u << bits < count)
		bits++;
	return bits;
}

static void patch_leaf_1(struct kvm_cpuid_entry2 *e, const struct kvm_vcpu *kv, unsigned vp_count)
{
	e->ebx = (e->ebx & 0xffff) | kv->vcpu->apic_id << 24 | 1u << id_bits(vp_count) << 16;
	e->ecx |= HV_CPUID_1_ECX_HYPERVISOR;
	if (kv->kvm->tsc_deadline)
		e->ecx |= LEAF_1_ECX_TSC_DEADLINE;
	e->edx &= ~(uint32_t)LEAF_1_EDX_HTT;
	if (vp_count > 1)
		e->edx |= LEAF_1_EDX_HTT;
}

/* Deterministic cache parameters: the last level is shared by the package, the others by none. */
static void patch_cache_leaf(struct kvm_cpuid_entry2 *e, unsigned vp_count)
{
	uint32_t ids = 1u << id_bits(vp_count);
	uint32_t level = e->eax >> 5 & 7;
	uint32_t sharing = level >= 3 ? ids - 1 : 0;

	if ((e->eax & 0x1f) != 0)
		e->eax = (e->eax & 0x3fff) | sharing << 14 | MIN(ids - 1, 63u) << 26;
}

/* Extended topology: level 0 one thread, level 1 all VPs, then the end. */
static void patch_topology_leaf(
	struct kvm_cpuid_entry2 *e, const struct kvm_vcpu *kv, unsigned vp_count)
{
	static const uint32_t level_type[] = {TOPOLOGY_LEVEL_SMT, TOPOLOGY_LEVEL_CORE};
	uint32_t type = e->index < ARRAY_LEN(level_type) ? level_type[e->index] : 0;

	e->eax = type == TOPOLOGY_LEVEL_CORE ? id_bits(vp_count) : 0;
	e->ebx = type == TOPOLOGY_LEVEL_CORE ? vp_count : type == TOPOLOGY_LEVEL_SMT;
	e->ecx = e->index | type << 8;
	e->edx = kv->vcpu->apic_id;
}

static void patch_entry(struct kvm_cpuid_entry2 *e, const struct kvm_vcpu *kv, unsigned vp_count)
{
	switch (e->function) {
	case 0x1:
		patch_leaf_1(e, kv, vp_count);
		break;
	case 0x4:
	case 0x8000001d:
		patch_cache_leaf(e, vp_count);
		break;
	case 0xb:
	case 0x1f:
		patch_topology_leaf(e, kv, vp_count);
		break;
	case 0x80000008:
		e->ecx = (e->ecx & ~0xf0ffu) | (vp_count - 1) | id_bits(vp_count) << 12;
		break;
	case 0x8000001e:
		e->eax = kv->vcpu->apic_id;
		e->ebx = kv->vcpu->apic_id;
		e->ecx = 0;
		break;
	}
}

/* The range hypervisors use for themselves. */
static bool is_hypervisor_leaf(uint32_t function)
{
	return function >= 0x40000000u && function < 0x50000000u;
}

static void copy_supported(struct kvm_cpuid2 *to, const struct kvm_vcpu *kv, unsigned vp_count)
{
	const struct kvm_cpuid2 *from = kv->kvm->cpuid;

	to->nent = 0;
	for (uint32_t i = 0; i < from->nent; i++) {
		if (is_hypervisor_leaf(from->entries[i].function))
			continue;
		to->entries[to->nent] = from->entries[i];
		patch_entry(&to->entries[to->nent++], kv, vp_count);
	}
}

static int add_hyperv(struct kvm_cpuid2 *to, const struct vm *vm)
{
	struct cpuid_leaf leaves[HV_CPUID_LEAVES];

	if (to->nent + HV_CPUID_LEAVES > CPUID_ROOM)
		return -E2BIG;
	hv_cpuid_leaves(vm, leaves);
	for (unsigned i = 0; i < HV_CPUID_LEAVES; i++) {
		to->entries[to->nent++] = (struct kvm_cpuid_entry2){
			.function = leaves[i].function,
			.eax = leaves[i].eax,
			.ebx = leaves[i].ebx,
			.ecx = leaves[i].ecx,
			.edx = leaves[i].edx,
		};
	}
	return 0;
}

int kvm_cpuid_apply(struct kvm_vcpu *kv)
{
	const struct vm *vm = kv->vcpu->vm;
	CLEANUP(free) struct kvm_cpuid2 *cpuid = new_cpuid();
	int r;

	if (!cpuid)
		return -ENOMEM;
	copy_supported(cpuid, kv, vm->vp_count);
	r = add_hyperv(cpuid, vm);
	return r < 0 ? r : KVM_MUST(kv, KVM_SET_CPUID2, cpuid, "all leaves");
}
