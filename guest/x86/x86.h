/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The real processor under gx: what C and assembly of guest/x86 share.
 *
 * Every VP has a 16 KiB stack whose lowest bytes hold its struct x86_cpu, so that the stack
 * pointer leads to it. All memory below 4 GiB is mapped one to one.
 *
 * Purpose: layouts and selectors known to both languages.
 * Threads: a struct x86_cpu belongs to its VP.
 * Errors:  none.
 */
#define X86_CODE64    0x08
#define X86_DATA      0x10
#define X86_CODE32    0x18
#define X86_USER_DATA 0x23
#define X86_USER_CODE 0x2b
#define X86_TSS_FIRST 0x30

#define X86_STACK_BYTES 16384
#define X86_MAX_VPS     64

/* Where a VP starts after SIPI: real mode, below 1 MiB, page aligned. */
#define X86_TRAMPOLINE 0x8000

#define X86_USER_FLAGS       0x2 /* interrupts off, IOPL 0: the I/O bitmap lets the OUT through */
#define X86_IO_BITMAP_BYTES  32  /* ports 0 to 255: the hypercall port is one of them */

/* Offsets into struct x86_user_call. */
#define X86_USER_RCX   0
#define X86_USER_RDX   8
#define X86_USER_R8    16
#define X86_USER_PAGE  24
#define X86_USER_STACK 32

#ifndef __ASSEMBLER__
#include "lib/machine.h"

struct x86_tss {
	uint32_t reserved;
	uint64_t rsp0, rsp1, rsp2;
	uint64_t reserved2;
	uint64_t ist[7];
	uint64_t reserved3;
	uint16_t reserved4, io_bitmap;
	uint8_t io_allowed[X86_IO_BITMAP_BYTES]; /* zero bits: ports CPL 3 may use */
	uint8_t io_end;                          /* all ones */
} __attribute__((packed));

struct x86_cpu {
	struct gx_vp *vp;
	struct x86_tss tss;
	uint64_t user_return; /* stack pointer to come back to from CPL 3 */
	uint64_t user_result; /* RAX when CPL 3 ended */
	uint8_t user_stack[512] __attribute__((aligned(16)));
};

struct x86_frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};

struct x86_user_call {
	uint64_t rcx, rdx, r8, page, stack;
};

/* Registers of a 32-bit hypercall: in and, for eax and edx, out. */
struct x86_call32 {
	uint32_t eax, edx, ebx, ecx, esi, edi;
};

/* multiboot 1 information: what we use of it. */
struct multiboot_info {
	uint32_t flags, mem_lower_kb, mem_upper_kb, boot_device, command_line;
};
#define MULTIBOOT_HAS_MEMORY       (1u << 0)
#define MULTIBOOT_HAS_COMMAND_LINE (1u << 2)

static inline struct x86_cpu *x86_current(void)
{
	uint64_t rsp;

	__asm__("mov %%rsp, %0" : "=r"(rsp));
	return (struct x86_cpu *)(rsp & ~(uint64_t)(X86_STACK_BYTES - 1));
}

/* ---- trap.S -------------------------------------------------------------- */

/* 0, or the vector of the exception raised instead. */
uint64_t x86_rdmsr(uint32_t index, uint64_t *ret_value);
uint64_t x86_wrmsr(uint32_t index, uint64_t value);
uint64_t x86_call64(
	uint64_t page, uint64_t control, uint64_t input, uint64_t output, uint64_t *ret_result);
/* The code of the hypercall page with a port nobody claims. */
extern const char x86_bare_exit[];
uint64_t x86_call32(uint32_t page, struct x86_call32 *regs);
/* Notes the stack pointer to come back to in the TSS's RSP0 and for x86_user_return(). */
uint64_t x86_call_user(const struct x86_user_call *call, void *ret_rsp0, uint64_t *ret_return);
/* Where code at CPL 3 ends up, by a fault, when the page has returned. */
extern const char x86_user_done[];
_Noreturn void x86_user_return(uint64_t user_return, uint64_t vector);
extern const char x86_vector_stub[256][16];
extern const uint64_t x86_fixups[], x86_fixups_end[];

/* ---- C called from assembly ---------------------------------------------- */

void x86_start(const struct multiboot_info *info);
void x86_start_ap(uint32_t index);
void x86_trap(struct x86_frame *frame);

/* ---- tables.c, apic.c ---------------------------------------------------- */

void x86_tables_init(void);
/* Loads GDT, IDT and this VP's TSS. */
void x86_tables_load(struct x86_cpu *cpu, uint32_t index);

void x86_pic_mask(struct gx_vp *vp);
void x86_apic_enable(struct gx_vp *vp);
void x86_apic_eoi(void);
void x86_apic_send(uint32_t apic_id, uint32_t command);
enum {
	X86_APIC_FIXED = 0x4000,
	X86_APIC_INIT = 0x4500,
	X86_APIC_SIPI = 0x4600,
	X86_APIC_ALL_OTHERS = 0xc0000
};
#endif
