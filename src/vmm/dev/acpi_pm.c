/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/dev/acpi_pm.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include "vmm/vm.h"

/* Offsets from ACPI_PM_EVENT_PORT. */
enum { STATUS = 0, ENABLE = 2, CONTROL = 4, REGISTER_BYTES = 6 };

/* TMR, GBL, PWRBTN, SLPBTN, RTC and PCIEXP_WAKE_DIS: 4.8.3.1.2 */
enum { ENABLE_MASK = 0x4721 };
enum {
	CONTROL_SCI_EN = 1 << 0,
	CONTROL_BM_RLD = 1 << 1,
	CONTROL_SLP_TYP_SHIFT = 10,
	CONTROL_SLP_TYP = 7 << CONTROL_SLP_TYP_SHIFT,
	CONTROL_SLP_EN = 1 << 13,
	CONTROL_KEPT = CONTROL_BM_RLD | CONTROL_SLP_TYP, /* the rest is write-only or constant */
};

struct acpi_pm {
	struct vm *vm; /* borrows; not looked at by acpi_pm_free() */
	struct vm_device device;
	pthread_mutex_t lock; /* guards the rest */
	uint16_t enable, control;
};

static uint8_t byte_of(uint16_t word, unsigned index)
{
	return (uint8_t)(word >> index * 8);
}

static uint16_t with_byte(uint16_t word, unsigned index, uint8_t byte)
{
	return (uint16_t)((word & ~(0xffu << index * 8)) | (unsigned)byte << index * 8);
}

static uint8_t read_locked(const struct acpi_pm *pm, unsigned offset)
{
	switch (offset & ~1u) {
	case ENABLE:
		return byte_of(pm->enable, offset & 1);
	case CONTROL:
		return byte_of(pm->control | CONTROL_SCI_EN, offset & 1);
	}
	return 0; /* STATUS */
}

static bool is_power_off(uint16_t control)
{
	return control & CONTROL_SLP_EN &&
	       (control & CONTROL_SLP_TYP) >> CONTROL_SLP_TYP_SHIFT == ACPI_PM_SLEEP_TYPE_S5;
}

/* Whether this was the power switch. */
static bool write_locked(struct acpi_pm *pm, unsigned offset, uint8_t byte)
{
	uint16_t control;

	switch (offset & ~1u) {
	case ENABLE:
		pm->enable = with_byte(pm->enable, offset & 1, byte) & ENABLE_MASK;
		return false;
	case CONTROL:
		control = with_byte(pm->control, offset & 1, byte);
		pm->control = control & CONTROL_KEPT;
		return is_power_off(control);
	}
	return false; /* STATUS: writing ones clears what is never set */
}

static void power_off(struct vm *vm, uint32_t vp)
{
	struct vm_stop stop = VM_STOP(VM_STOP_POWER_OFF);

	stop.vp = vp;
	snprintf(stop.what, sizeof(stop.what), "the guest powered off");
	vm_request_stop(vm, &stop);
}

static void on_access(
	void *arg, struct vcpu *vcpu, uint16_t offset, unsigned size, bool write, uint32_t *value)
{
	struct acpi_pm *pm = arg;
	bool off = false;

	pthread_mutex_lock(&pm->lock);
	for (unsigned i = 0; i < size && offset + i < REGISTER_BYTES; i++) {
		if (write) {
			off |= write_locked(pm, offset + i, (uint8_t)(*value >> i * 8));
		} else {
			*value &= ~(0xffu << i * 8);
			*value |= (uint32_t)read_locked(pm, offset + i) << i * 8;
		}
	}
	pthread_mutex_unlock(&pm->lock);
	if (off)
		power_off(pm->vm, vcpu->index);
}

static void reset(struct vm_device *device)
{
	struct acpi_pm *pm = container_of(device, struct acpi_pm, device);

	pthread_mutex_lock(&pm->lock);
	pm->enable = pm->control = 0;
	pthread_mutex_unlock(&pm->lock);
}

int acpi_pm_new(struct vm *vm, struct acpi_pm **ret_pm)
{
	struct acpi_pm *pm = calloc(1, sizeof(*pm));
	int r;

	if (!pm)
		return -ENOMEM;
	pm->vm = vm;
	pm->device.reset = reset;
	pthread_mutex_init(&pm->lock, NULL);
	r = iobus_add(&vm->iobus, ACPI_PM_EVENT_PORT, REGISTER_BYTES, "acpi-pm", on_access, pm);
	if (r < 0) {
		acpi_pm_free(pm);
		return r;
	}
	vm_add_device(vm, &pm->device);
	*ret_pm = pm;
	return 0;
}

struct acpi_pm *acpi_pm_free(struct acpi_pm *pm)
{
	if (!pm)
		return NULL;
	pthread_mutex_destroy(&pm->lock);
	free(pm);
	return NULL;
}
