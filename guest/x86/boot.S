/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the multiboot entry (32-bit, no paging) and from SIPI (real mode) to 64-bit C.
 */
#include "x86/x86.h"

#define MULTIBOOT_MAGIC 0x1badb002
#define MULTIBOOT_FLAGS 0x3 /* page-aligned modules, memory size */

#define MSR_EFER        0xc0000080
#define EFER_LME        0x100
#define CR4_PAE         0x20
#define CR0_PE          0x1
#define CR0_PG          0x80000000
#define MSR_VP_INDEX    0x40000002

	.section .multiboot, "ax"
	.balign 4
	.long MULTIBOOT_MAGIC, MULTIBOOT_FLAGS, -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)

/* ---- VP 0 ---------------------------------------------------------------- */
	.text
	.code32
	.global start
start:
	cli
	cld
	mov %ebx, %edi /* multiboot information: first argument of x86_start() */
	lgdt boot_gdt_pointer
	mov $start64, %ebp
	jmp enter_long_mode

/* Protected mode to long mode; EBP: where to go on in 64-bit code. EDI is kept. */
enter_long_mode:
	mov $X86_DATA, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	xor %eax, %eax
	mov %eax, %fs
	mov %eax, %gs
	mov %cr4, %eax
	or $CR4_PAE, %eax
	mov %eax, %cr4
	mov $page_map, %eax
	mov %eax, %cr3
	mov $MSR_EFER, %ecx
	rdmsr
	or $EFER_LME, %eax
	wrmsr
	mov %cr0, %eax
	or $(CR0_PG | CR0_PE), %eax
	mov %eax, %cr0
	ljmp $X86_CODE64, $in_long_mode

	.code64
in_long_mode:
	mov %ebp, %ebp
	jmp *%rbp

start64:
	mov $x86_stacks + X86_STACK_BYTES, %rsp
	mov %edi, %edi
	xor %ebp, %ebp
	call x86_start
	ud2

/* ---- other VPs ----------------------------------------------------------- */

/* Copied to X86_TRAMPOLINE. */
	.code16
	.global x86_trampoline, x86_trampoline_end
x86_trampoline:
	cli
	cld
	xor %eax, %eax
	mov %ax, %ds
	lgdtl X86_TRAMPOLINE + trampoline_gdt_pointer - x86_trampoline
	mov %cr0, %eax
	or $CR0_PE, %eax
	mov %eax, %cr0
	ljmpl $X86_CODE32, $start_ap32
	.balign 4
trampoline_gdt_pointer:
	.word boot_gdt_end - boot_gdt - 1
	.long boot_gdt
x86_trampoline_end:

	.code32
start_ap32:
	mov $start_ap64, %ebp
	jmp enter_long_mode

	.code64
start_ap64:
	mov $MSR_VP_INDEX, %ecx
	rdmsr
	mov %eax, %edi
	lea 1(%rax), %rsp
	imul $X86_STACK_BYTES, %rsp, %rsp
	add $x86_stacks, %rsp
	xor %ebp, %ebp
	call x86_start_ap
	ud2

/* ---- tables -------------------------------------------------------------- */
	.data
	.balign 8
boot_gdt:
	.quad 0
	.quad 0x00af9a000000ffff /* X86_CODE64 */
	.quad 0x00cf92000000ffff /* X86_DATA */
	.quad 0x00cf9a000000ffff /* X86_CODE32 */
boot_gdt_end:
boot_gdt_pointer:
	.word boot_gdt_end - boot_gdt - 1
	.long boot_gdt

/* 4 GiB one to one in 2 MiB pages, open to CPL 3. */
	.balign 4096
page_map:
	.quad page_pointers + 7
	.fill 511, 8, 0
page_pointers:
	.quad page_directories + 0x0007, page_directories + 0x1007
	.quad page_directories + 0x2007, page_directories + 0x3007
	.fill 508, 8, 0
page_directories:
	.set address, 0
	.rept 2048
	.quad address + 0x87
	.set address, address + 0x200000
	.endr

	.section .note.GNU-stack, "", @progbits
