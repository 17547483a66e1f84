/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupts outside the LAPICs. KVM has one routing table that is always replaced as a whole: the
 * legacy lines as on a PC (line 0 on pin 2 of the IOAPIC, line 2 is the PIC cascade), then ours.
 */
#include "vmm/kvm_backend.h"

#include <stdlib.h>
#include "common/cleanup.h"
#include "vmm/event.h"
#include "vmm/vm.h"

enum { PIC_LINES = 16, IOAPIC_PINS = 24, LEGACY_ROUTES = PIC_LINES + IOAPIC_PINS };

/* Words of HV_EVENT_IOCTL, in order. */
enum recorded_call { CALL_GSI_ROUTING, CALL_IRQFD, CALL_IRQ_LINE };

/*
 * A VM survives the failure of these: the caller takes another way, tries again, or tells whoever
 * asked for it. But it must be seen.
 */
static int call_recorded(
	struct vm *vm, unsigned long request, void *arg, enum recorded_call call, uint32_t gsi)
{
	int r = kvm_ioctl(kvm_of(vm)->fd, request, arg);

	if (r < 0)
		hv_record(vm->recorder, HV_EVENT_IOCTL, RECORD_NO_VP, 0, RECORD_NO_SINT, call,
			(uint64_t)(int64_t)r, gsi);
	return r;
}

static void add_route(struct kvm_irq_routing *routing, const struct kvm_irq_routing_entry *entry)
{
	routing->entries[routing->nr++] = *entry;
}

static void add_chip_route(
	struct kvm_irq_routing *routing, uint32_t gsi, uint32_t chip, uint32_t pin)
{
	add_route(routing, &(struct kvm_irq_routing_entry){
				   .gsi = gsi,
				   .type = KVM_IRQ_ROUTING_IRQCHIP,
				   .u.irqchip = {.irqchip = chip, .pin = pin},
			   });
}

static void add_legacy_routes(struct kvm_irq_routing *routing)
{
	for (uint32_t line = 0; line < PIC_LINES; line++) {
		if (line == 2)
			continue;
		add_chip_route(routing, line,
			line < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE, line % 8);
	}
	for (uint32_t gsi = 0; gsi < IOAPIC_PINS; gsi++) {
		if (gsi != 2)
			add_chip_route(routing, gsi, KVM_IRQCHIP_IOAPIC, gsi == 0 ? 2 : gsi);
	}
}

/* Physical destination, fixed, edge. With 32-bit ids the upper 24 bits go into the high word. */
static uint32_t msi_address_lo(uint32_t apic_id)
{
	return 0xfee00000u | (apic_id & 0xff) << 12;
}

static uint32_t msi_address_hi(uint32_t apic_id)
{
	return apic_id & 0xffffff00u;
}

static void add_gsi_route(struct kvm_irq_routing *routing, const struct vm *vm, uint32_t gsi,
	const struct gsi_entry *gsi_entry)
{
	struct kvm_irq_routing_entry entry = {.gsi = gsi};
	uint32_t apic_id;

	switch (gsi_entry->kind) {
	case GSI_NONE:
		return;
	case GSI_MSI:
		apic_id = vm->vcpu[gsi_entry->vp]->apic_id;
		entry.type = KVM_IRQ_ROUTING_MSI;
		entry.u.msi.address_lo = msi_address_lo(apic_id);
		entry.u.msi.address_hi = msi_address_hi(apic_id);
		entry.u.msi.data = gsi_entry->vector;
		break;
	case GSI_HV_SINT:
		entry.type = KVM_IRQ_ROUTING_HV_SINT;
		entry.u.hv_sint.vcpu = gsi_entry->vp;
		entry.u.hv_sint.sint = gsi_entry->sint;
		break;
	}
	add_route(routing, &entry);
}

static struct kvm_irq_routing *new_routing(uint32_t count)
{
	return calloc(
		1, sizeof(struct kvm_irq_routing) +
			   (LEGACY_ROUTES + (size_t)count) * sizeof(struct kvm_irq_routing_entry));
}

int kvm_gsi_commit(
	struct vm *vm, const struct gsi_entry *entries, uint32_t first_gsi, uint32_t count)
{
	CLEANUP(free) struct kvm_irq_routing *routing = new_routing(count);

	if (!routing)
		return -ENOMEM;
	add_legacy_routes(routing);
	for (uint32_t i = 0; i < count; i++)
		add_gsi_route(routing, vm, first_gsi + i, &entries[i]);
	return call_recorded(vm, KVM_SET_GSI_ROUTING, routing, CALL_GSI_ROUTING, first_gsi);
}

int kvm_irqfd(struct vm *vm, int set_fd, int ack_fd, uint32_t gsi, bool assign)
{
	struct kvm_irqfd irqfd = {
		.fd = (uint32_t)set_fd,
		.gsi = gsi,
		.flags = assign ? 0 : KVM_IRQFD_FLAG_DEASSIGN,
	};

	if (assign && ack_fd >= 0) {
		irqfd.flags |= KVM_IRQFD_FLAG_RESAMPLE;
		irqfd.resamplefd = (uint32_t)ack_fd;
	}
	return call_recorded(vm, KVM_IRQFD, &irqfd, CALL_IRQFD, gsi);
}

int kvm_irq_line(struct vm *vm, unsigned irq, bool level)
{
	struct kvm_irq_level line = {.irq = irq, .level = level};

	return call_recorded(vm, KVM_IRQ_LINE, &line, CALL_IRQ_LINE, irq);
}

int kvm_send_msi(struct kvm_vm *kvm, uint32_t apic_id, uint8_t vector)
{
	struct kvm_msi msi = {
		.address_lo = msi_address_lo(apic_id),
		.address_hi = msi_address_hi(apic_id),
		.data = vector,
	};

	return MIN(kvm_ioctl(kvm->fd, KVM_SIGNAL_MSI, &msi), 0);
}

/* power-on state */

static int set_legacy_routes(struct kvm_vm *kvm)
{
	CLEANUP(free) struct kvm_irq_routing *routing = new_routing(0);

	if (!routing)
		return -ENOMEM;
	add_legacy_routes(routing);
	return kvm_ioctl(kvm->fd, KVM_SET_GSI_ROUTING, routing);
}

int kvm_irq_init(struct kvm_vm *kvm)
{
	struct kvm_pit_config pit = {.flags = KVM_PIT_SPEAKER_DUMMY};
	int r = kvm_ioctl(kvm->fd, KVM_CREATE_IRQCHIP, NULL);

	if (r == 0)
		r = kvm_ioctl(kvm->fd, KVM_CREATE_PIT2, &pit);
	if (r == 0)
		r = set_legacy_routes(kvm);
	for (uint32_t i = 0; r == 0 && i < KVM_IRQCHIPS; i++) {
		kvm->irqchip[i].chip_id = i;
		r = kvm_ioctl(kvm->fd, KVM_GET_IRQCHIP, &kvm->irqchip[i]);
	}
	return r < 0 ? r : kvm_ioctl(kvm->fd, KVM_GET_PIT2, &kvm->pit);
}

int kvm_irq_reset(struct vm *vm)
{
	struct kvm_vm *kvm = kvm_of(vm);
	int r;

	for (uint32_t i = 0; i < KVM_IRQCHIPS; i++) {
		r = kvm_ioctl(kvm->fd, KVM_SET_IRQCHIP, &kvm->irqchip[i]);
		if (r < 0)
			return kvm_stop_vm_ioctl(vm, "KVM_SET_IRQCHIP", r, "chip %u", i);
	}
	r = kvm_ioctl(kvm->fd, KVM_SET_PIT2, &kvm->pit);
	return r < 0 ? kvm_stop_vm_ioctl(vm, "KVM_SET_PIT2", r, "power-on state") : 0;
}
