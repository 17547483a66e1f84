/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tiny guests for test-kvm: multiboot images that are loaded at 1 MiB, each with its own header.
 * Port 0xe9 takes console bytes, port 0xf4 ends the VM with a status.
 */
	.section .rodata
	.code32

	.set HEADER_FLAGS, 0x00010000
	.set MAGIC, 0x1badb002
	.set LOAD, 0x100000

	.macro guest name
	.balign 16
	.globl guest_\name, guest_\name\()_end
guest_\name:
	.long MAGIC, HEADER_FLAGS, -(MAGIC + HEADER_FLAGS)
	.long LOAD, LOAD, 0, 0, LOAD + 32
	.endm
	.macro end_guest name
guest_\name\()_end:
	.endm

	/* finish with a status: the VM stops before the next instruction */
	.macro finish status
	mov $\status, %al
	out %al, $0xf4
1:	jmp 1b
	.endm
	.macro put character
	mov $\character, %al
	out %al, $0xe9
	.endm
	/* status 1 unless zero flag */
	.macro need_equal
	je 2f
	finish 1
2:
	.endm
	.macro write_msr index, low
	mov $\index, %ecx
	mov $\low, %eax
	xor %edx, %edx
	wrmsr
	.endm

	/* the machine state multiboot promises, the memory map and the command line */
	guest boot
	cmp $0x2badb002, %eax
	need_equal
	mov 16(%ebx), %esi /* cmdline */
	mov $0xe9, %dx
next_character:
	lodsb
	test %al, %al
	jz no_more_characters
	out %al, %dx
	jmp next_character
no_more_characters:
	mov 8(%ebx), %eax /* mem_upper */
	cmp $(16 * 1024 - 1024), %eax
	need_equal
	cmpl $1, 20(%ebx) /* mods_count */
	need_equal
	mov 24(%ebx), %esi
	mov (%esi), %edi
	cmpl $0x64726e69, (%edi) /* "inrd" */
	need_equal
	finish 0
	end_guest boot

	guest spin
spin:	jmp spin
	end_guest spin

	/* waits for nothing, with interrupts off */
	guest halt
	cli
	hlt
	finish 1
	end_guest halt

	guest unmapped
	mov $0xd0000010, %edi
	movw $0x1234, (%edi)
	finish 1
	end_guest unmapped

	guest triple_fault
	lidt triple_fault_idt - guest_triple_fault + LOAD
	ud2
triple_fault_idt:
	.word 0
	.long 0
	end_guest triple_fault

	/* counts its boots in memory that a reset must zero, and resets itself through the MSR */
	guest reset
	put 'b'
	cmpl $0, 0x200000
	need_equal
	movl $1, 0x200000
	write_msr 0x40000003, 1
	put 'x'
spin_reset: jmp spin_reset
	end_guest reset

	/* CPUID: hypervisor bit, Hyper-V vendor, no KVM signature */
	guest cpuid
	mov $1, %eax
	cpuid
	shr $24, %ebx /* APIC id 0 */
	cmp $0, %ebx
	need_equal
	and $0x80000000, %ecx
	cmp $0x80000000, %ecx
	need_equal
	mov $0x40000000, %eax
	cpuid
	cmp $0x7263694d, %ebx
	need_equal
	mov $0x40000001, %eax
	cpuid
	cmp $0x31237648, %eax
	need_equal
	mov $0x40000100, %eax
	cpuid
	cmp $0x4b4d564b, %ebx /* "KVMK" */
	jne no_kvm_signature
	finish 1
no_kvm_signature:
	finish 0
	end_guest cpuid

	/* ports nobody claims read all ones; string output arrives whole and in order */
	guest ports
	xor %eax, %eax
	mov $0x2345, %dx
	in %dx, %eax
	cmp $0xffffffff, %eax
	need_equal
	mov $text - guest_ports + LOAD, %esi
	mov $text_end - text, %ecx
	mov $0xe9, %dx
	cld
	rep outsb
	finish 0
text:	.ascii "string output"
text_end:
	end_guest ports

	/* turns on the hypercall page at 2 MiB and calls it: unknown code, then after disabling */
	guest hypercall
	mov $0x300000, %esp
	write_msr 0x40000000, 1
	write_msr 0x40000001, 0x200001
	xor %edx, %edx
	mov $0x7777, %eax
	mov $0x200000, %esi
	call *%esi
	cmp $2, %eax /* HV_STATUS_INVALID_HYPERCALL_CODE */
	need_equal
	cmp $0, %edx
	need_equal
	put 'h'
	/* the same OUT elsewhere is ordinary I/O */
	mov $0x11, %eax
	out %eax, $0xf6
	cmp $0x11, %eax
	need_equal
	put 'o'
	finish 0
	end_guest hypercall

	/* a MSR access that is refused is #GP, at the instruction, once */
	guest fault
	mov $0x300000, %esp
	lgdt fault_gdtr - guest_fault + LOAD
	mov $fault_handler - guest_fault + LOAD, %eax
	mov %ax, fault_gate - guest_fault + LOAD
	shr $16, %eax
	mov %ax, fault_gate_high - guest_fault + LOAD
	lidt fault_idtr - guest_fault + LOAD
	mov $0x40000002, %ecx /* VP_INDEX is read only */
	xor %eax, %eax
	xor %edx, %edx
fault_instruction:
	wrmsr
	finish 1
fault_handler:
	pop %eax /* error code */
	cmp $0, %eax
	need_equal
	pop %eax
	cmp $fault_instruction - guest_fault + LOAD, %eax
	need_equal
	finish 0
	.balign 8
fault_gdt:
	.quad 0, 0x00cf9a000000ffff, 0x00cf92000000ffff
fault_gdtr:
	.word fault_gdtr - fault_gdt - 1
	.long fault_gdt - guest_fault + LOAD
	.balign 8
fault_idt:
	.fill 13, 8, 0
fault_gate:
	.word 0, 8, 0x8e00
fault_gate_high:
	.word 0
fault_idtr:
	.word fault_idtr - fault_idt - 1
	.long fault_idt - guest_fault + LOAD
	end_guest fault

	.section .note.GNU-stack, "", @progbits
