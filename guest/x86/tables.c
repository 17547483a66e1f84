/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * GDT, IDT and TSS. One GDT and one IDT for all VPs; each VP has a TSS descriptor of its own, whose
 * only use is the stack for traps from CPL 3.
 */
#include "x86/x86.h"

struct gate {
	uint16_t offset_low, selector;
	uint8_t ist, type;
	uint16_t offset_middle;
	uint32_t offset_high, reserved;
};

struct table_pointer {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

enum { GATE_INTERRUPT = 0x8e, TSS_AVAILABLE = 0x89, SEGMENTS = 6 };

static struct gate idt[256];
static uint64_t gdt[SEGMENTS + 2 * X86_MAX_VPS] = {
	[X86_CODE64 / 8] = 0x00af9a000000ffff,
	[X86_DATA / 8] = 0x00cf92000000ffff,
	[X86_CODE32 / 8] = 0x00cf9a000000ffff,
	[X86_USER_DATA / 8] = 0x00cff2000000ffff,
	[X86_USER_CODE / 8] = 0x00affa000000ffff,
};

void x86_tables_init(void)
{
	for (unsigned vector = 0; vector < 256; vector++) {
		uint64_t stub = (uint64_t)x86_vector_stub[vector];

		idt[vector] = (struct gate){
			.offset_low = (uint16_t)stub,
			.selector = X86_CODE64,
			.type = GATE_INTERRUPT,
			.offset_middle = (uint16_t)(stub >> 16),
			.offset_high = (uint32_t)(stub >> 32),
		};
	}
}

static void set_tss_descriptor(uint64_t descriptor[2], const struct x86_tss *tss)
{
	uint64_t base = (uint64_t)tss, limit = sizeof(*tss) - 1;

	descriptor[0] = limit | (base & 0xffffff) << 16 | (uint64_t)TSS_AVAILABLE << 40 |
			(base >> 24 & 0xff) << 56;
	descriptor[1] = base >> 32;
}

void x86_tables_load(struct x86_cpu *cpu, uint32_t index)
{
	struct table_pointer gdt_pointer = {sizeof(gdt) - 1, (uint64_t)gdt};
	struct table_pointer idt_pointer = {sizeof(idt) - 1, (uint64_t)idt};
	uint16_t selector = (uint16_t)(X86_TSS_FIRST + 16 * index);

	cpu->tss = (struct x86_tss){
		.io_bitmap = offsetof(struct x86_tss, io_allowed), .io_end = 0xff};
	set_tss_descriptor(&gdt[selector / 8], &cpu->tss);
	__asm__ volatile("lgdt %0" : : "m"(gdt_pointer));
	__asm__ volatile("lidt %0" : : "m"(idt_pointer));
	__asm__ volatile("ltr %0" : : "r"(selector));
}
