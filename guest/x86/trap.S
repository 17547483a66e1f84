/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Traps, instructions that may fault, and calls of the hypercall page from other modes.
 *
 * An instruction that may fault is listed in .fixup with the place to go on at; x86_trap() puts the
 * vector into RAX there.
 */
#include "x86/x86.h"

	.macro may_fault from, to
	.pushsection .fixup, "a"
	.quad \from, \to
	.popsection
	.endm

	.text
	.code64

/* ---- entry of all vectors ------------------------------------------------ */

	.global x86_vector_stub
	.balign 16
x86_vector_stub:
	.set vector, 0
	.rept 256
	.balign 16
	.if (vector != 8) && (vector != 10) && (vector != 11) && (vector != 12) && (vector != 13) && (vector != 14) && (vector != 17) && (vector != 21)
	push $0
	.endif
	push $vector
	jmp common_entry
	.set vector, vector + 1
	.endr

	.balign 16
common_entry:
	push %rax
	push %rbx
	push %rcx
	push %rdx
	push %rsi
	push %rdi
	push %rbp
	push %r8
	push %r9
	push %r10
	push %r11
	push %r12
	push %r13
	push %r14
	push %r15
	cld
	mov %rsp, %rdi
	mov %rsp, %rbp
	and $-16, %rsp
	call x86_trap
	mov %rbp, %rsp
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rbp
	pop %rdi
	pop %rsi
	pop %rdx
	pop %rcx
	pop %rbx
	pop %rax
	add $16, %rsp
	iretq

/* ---- MSRs ---------------------------------------------------------------- */

	.global x86_rdmsr
x86_rdmsr:
	mov %edi, %ecx
1:	rdmsr
	shl $32, %rdx
	or %rdx, %rax
	mov %rax, (%rsi)
	xor %eax, %eax
2:	ret
	may_fault 1b, 2b

	.global x86_wrmsr
x86_wrmsr:
	mov %edi, %ecx
	mov %esi, %eax
	mov %rsi, %rdx
	shr $32, %rdx
1:	wrmsr
	xor %eax, %eax
2:	ret
	may_fault 1b, 2b

/* ---- the hypercall page, 64-bit, CPL 0 ----------------------------------- */

	.global x86_call64
x86_call64:
	push %r8
	mov %rdi, %rax
	mov %rcx, %r8
	mov %rsi, %rcx
	/* RDX has the input already. */
	call *%rax
	pop %r8
	mov %rax, (%r8)
	xor %eax, %eax
	ret

	.global x86_bare_exit
x86_bare_exit:
	endbr64
	out %eax, $0x80  /* claimed by nobody */
	ret

/* ---- from compatibility mode, interrupts disabled ------------------------ */

	.global x86_call32
x86_call32:
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	mov %edi, %ebx
	mov $X86_DATA, %ecx
	mov %ecx, %ds
	mov %ecx, %es
	push $X86_CODE32
	push $1f
	lretq
	.code32
1:	push %esi
	push %ebx
	mov %esi, %ebp
	mov 0(%ebp), %eax
	mov 4(%ebp), %edx
	mov 8(%ebp), %ebx
	mov 12(%ebp), %ecx
	mov 20(%ebp), %edi
	mov 16(%ebp), %esi
	call *(%esp)
	add $4, %esp
	pop %ebp
	mov %eax, 0(%ebp)
	mov %edx, 4(%ebp)
	ljmp $X86_CODE64, $2f
	.code64
2:	mov %esp, %esp
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	xor %eax, %eax
	ret

/* ---- from CPL 3, interrupts disabled ----------------------------- */

	.global x86_call_user
x86_call_user:
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	mov %rsp, (%rsi) /* traps from CPL 3 come in below what we keep */
	mov %rsp, (%rdx)
	mov X86_USER_STACK(%rdi), %rax
	push $X86_USER_DATA
	push %rax
	push $X86_USER_FLAGS
	push $X86_USER_CODE
	push $user_entry
	mov X86_USER_RCX(%rdi), %rcx
	mov X86_USER_RDX(%rdi), %rdx
	mov X86_USER_R8(%rdi), %r8
	mov X86_USER_PAGE(%rdi), %r9
	iretq

user_entry:
	call *%r9
	.global x86_user_done
x86_user_done: /* not INT: a KVM without virtualization hardware answers it with #UD */
	hlt

	.global x86_user_return
x86_user_return:
	mov %rdi, %rsp
	mov %rsi, %rax
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	ret

	.section .note.GNU-stack, "", @progbits
