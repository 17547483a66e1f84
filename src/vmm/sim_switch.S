/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Changing stacks (System V ABI): what a function must keep is pushed, the stack pointer changes
 * hands. swapcontext() would do, but makes two system calls a switch and ASan warns about it.
 */
	.text

/* void sim_fiber_switch(void **ret_stack, void *stack) */
	.global sim_fiber_switch
	.type sim_fiber_switch, @function
sim_fiber_switch:
	push %rbp
	push %rbx
	push %r12
	push %r13
	push %r14
	push %r15
	mov %rsp, (%rdi)
	mov %rsi, %rsp
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbx
	pop %rbp
	ret
	.size sim_fiber_switch, . - sim_fiber_switch

/* Where a new stack returns to: calls R13 with R12 as its argument. */
	.global sim_fiber_begin
	.type sim_fiber_begin, @function
sim_fiber_begin:
	mov %r12, %rdi
	xor %ebp, %ebp
	call *%r13
	ud2
	.size sim_fiber_begin, . - sim_fiber_begin

	.section .note.GNU-stack, "", @progbits
