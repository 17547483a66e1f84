/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The local APIC: x2APIC when the processor has it and the option xapic does not forbid it, else
 * the page at 0xfee00000. The PICs, where a machine has them, are masked for good.
 */
#include "x86/x86.h"

#define MSR_APIC_BASE        0x1bu
#define APIC_BASE_ENABLE     UINT64_C(0x800)
#define APIC_BASE_X2APIC     UINT64_C(0x400)
#define APIC_PAGE            UINT64_C(0xfee00000)
#define MSR_X2APIC           0x800u
#define CPUID_1_ECX_X2APIC   (1u << 21)
#define ICR_DELIVERY_PENDING (1u << 12)
#define SPURIOUS_ENABLE      0x1ffu
#define PIC_MASTER_MASK_PORT 0x21
#define PIC_SLAVE_MASK_PORT  0xa1

enum apic_register { APIC_EOI = 0xb, APIC_SPURIOUS = 0xf, APIC_ICR = 0x30, APIC_ICR_HIGH = 0x31 };

static bool use_x2apic(struct gx_vp *vp)
{
	uint32_t eax = 1, ebx, ecx = 0, edx;

	if (gx_has_option(vp, "xapic"))
		return false;
	__asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
	return ecx & CPUID_1_ECX_X2APIC;
}

static bool x2apic; /* written by VP 0 before any other VP runs */

static volatile uint32_t *apic_page(enum apic_register reg)
{
	return (volatile uint32_t *)(APIC_PAGE + 16 * (uint64_t)reg);
}

static void apic_write(enum apic_register reg, uint64_t value)
{
	if (x2apic)
		(void)x86_wrmsr(MSR_X2APIC + reg, value);
	else
		*apic_page(reg) = (uint32_t)value;
}

void x86_apic_enable(struct gx_vp *vp)
{
	uint64_t base;

	x2apic = use_x2apic(vp);
	if (!x86_rdmsr(MSR_APIC_BASE, &base))
		(void)x86_wrmsr(
			MSR_APIC_BASE, base | APIC_BASE_ENABLE | (x2apic ? APIC_BASE_X2APIC : 0));
	apic_write(APIC_SPURIOUS, SPURIOUS_ENABLE);
}

/* A BIOS leaves the timer ticking on a vector that is an exception's to us. */
void x86_pic_mask(struct gx_vp *vp)
{
	gx_out(vp, PIC_MASTER_MASK_PORT, 1, 0xff);
	gx_out(vp, PIC_SLAVE_MASK_PORT, 1, 0xff);
}

void x86_apic_eoi(void)
{
	apic_write(APIC_EOI, 0);
}

void x86_apic_send(uint32_t apic_id, uint32_t command)
{
	if (x2apic) {
		apic_write(APIC_ICR, (uint64_t)apic_id << 32 | command);
		return;
	}
	while (*apic_page(APIC_ICR) & ICR_DELIVERY_PENDING)
		__builtin_ia32_pause();
	apic_write(APIC_ICR_HIGH, apic_id << 24);
	apic_write(APIC_ICR, command);
}
