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

	/* runs code where there is no memory */
	guest nowhere
	mov $0xd0000000, %eax
	jmp *%eax
	end_guest nowhere

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
	/* so is one of a byte, wherever in a page it stands */
	movl $0xc3f6e6, 0x201004 /* out %al, $0xf6; ret */
	mov $0x7777, %eax
	mov $0x201004, %esi
	call *%esi
	cmp $0x7777, %eax
	need_equal
	put 'b'
	finish 0
	end_guest hypercall

	/* an interrupt table whose gate `vector` leads to `handler`, both of guest `name` */
	.macro load_tables name, handler, vector
	mov $0x300000, %esp
	lgdt \name\()_gdtr - guest_\name + LOAD
	mov $\handler - guest_\name + LOAD, %eax
	mov %ax, 0x310000 + \vector * 8
	movw $8, 0x310002 + \vector * 8
	movw $0x8e00, 0x310004 + \vector * 8
	shr $16, %eax
	mov %ax, 0x310006 + \vector * 8
	lidt \name\()_idtr - guest_\name + LOAD
	.endm
	.macro tables name
	.balign 8
\name\()_gdt:
	.quad 0, 0x00cf9a000000ffff, 0x00cf92000000ffff
	.quad 0x00cf9a000800ffff /* 0x18: code that counts from 0x800 */
\name\()_gdtr:
	.word 31
	.long \name\()_gdt - guest_\name + LOAD
\name\()_idtr:
	.word 256 * 8 - 1
	.long 0x310000
	.endm

	/* a MSR access that is refused is #GP, at the instruction, once */
	guest fault
	load_tables fault, fault_handler, 13
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
	tables fault
	end_guest fault

	/* a hypercall page of its own making: #UD at the OUT, each time, registers untouched */
	guest forged
	load_tables forged, forged_handler, 6
	movl $0xfa1e0ff3, 0x201000
	movl $0xccc3f6e7, 0x201004
	mov $100, %ebp
forged_again:
	mov $0x5d, %eax
	mov $0x201000, %esi
	jmp *%esi
forged_handler:
	cmp $0x5d, %eax
	need_equal
	pop %eax
	cmp $0x201004, %eax
	need_equal
	add $8, %esp
	dec %ebp
	jnz forged_again
	finish 0
	tables forged
	end_guest forged

	/* the same page where no OUT is a hypercall: it returns, registers untouched */
	guest unforged
	mov $0x300000, %esp
	movl $0xccc3f6e7, 0x201004
	mov $0x5d, %eax
	mov $0x201004, %esi
	call *%esi
	cmp $0x5d, %eax
	need_equal
	finish 0
	end_guest unforged

	/*
	 * The hypercall page, entered in a segment that does not begin with a page; behind its ENDBR,
	 * which a KVM that must emulate this mode does not know.
	 */
	guest based
	mov $0x300000, %esp
	lgdt based_gdtr - guest_based + LOAD
	write_msr 0x40000000, 1
	write_msr 0x40000001, 0x200001
	xor %edx, %edx
	mov $0x7777, %eax
	push $based_return - guest_based + LOAD - 0x800
	ljmp $0x18, $0x200004 - 0x800
based_return:
	cmp $2, %eax /* HV_STATUS_INVALID_HYPERCALL_CODE */
	need_equal
	finish 0
	tables based
	end_guest based

	/*
	 * Takes vector 0x60 and never writes an EOI: 'r' when it may be sent, 'i' for each one taken.
	 * Interrupts are off until the word at 2 MiB is set.
	 */
	guest auto_eoi
	load_tables auto_eoi, auto_eoi_handler, 0x60
	mov $0xff, %al /* no interrupts from the PICs */
	out %al, $0x21
	out %al, $0xa1
	mov $0xfee000f0, %edi
	movl $0x1ff, (%edi)
	cli
	put 'r'
auto_eoi_wait:
	pause
	cmpl $0, 0x200000
	je auto_eoi_wait
	sti
auto_eoi_sleep:
	hlt
	jmp auto_eoi_sleep
auto_eoi_handler: /* without IRET: a KVM that must emulate this mode does not know it */
	put 'i'
	add $12, %esp
	sti
	jmp auto_eoi_sleep
	tables auto_eoi
	end_guest auto_eoi

	.section .note.GNU-stack, "", @progbits
