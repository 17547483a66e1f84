#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2154 # hvd_pid: helpers.bash sets it
# Images of a few instructions on KVM: how a guest ends, what hvd then says, does and returns.

load helpers

setup() {
	common_setup
	need_accel kvm
	image=$BATS_TEST_TMPDIR/guest.bin
}

# make_image HEX: a multiboot image with load addresses whose 32-bit code is HEX, at 1 MiB + 32.
make_image() {
	/usr/bin/python3 -c '
import struct, sys
base, magic, flags = 0x100000, 0x1badb002, 0x10000
header = struct.pack("<8I", magic, flags, -(magic + flags) & 0xffffffff, base, base, 0, 0, base + 32)
open(sys.argv[1], "wb").write(header + bytes.fromhex(sys.argv[2]))' "$image" "$1"
}

# mov al, 5; out 0xf4, al
debug_exit_5='b0 05 e6 f4 f4'
# lidt [0x100000 - 8], all zeroes there; mov ds, 0xffff is #GP: no handler, none for #DF either
triple_fault='0f 01 1d f8 ff 0f 00 66 b8 ff ff 8e d8 f4'
# mov eax, [0xd0000000]
unmapped_read='a1 00 00 00 d0 f4'
# cli; hlt; jmp to the hlt
sleeps='fa f4 eb fd'

# ends_with STATUS: what hvd returns after SIGTERM. Not with `run`: only its own shell can wait for it.
ends_with() {
	local status=0

	stop_hvd || status=$?
	assert_equal "$status" "$1"
}

is_stopped() {
	api /v1/vm | grep -q '"state":"stopped"'
}

@test "debug exit: (value << 1) | 1 is hvd's exit status" {
	make_image "$debug_exit_5"
	run timeout 20 "$HVD" --kernel "$image" --serial null
	assert_failure 11
	assert_output --partial 'debug exit'
}

@test "debug exit with --on-stop stay: hvd waits, and still returns that status" {
	make_image "$debug_exit_5"
	start_hvd --kernel "$image" --on-stop stay
	wait_until is_stopped
	run api /v1/vm
	assert_output --partial '"reason":"debug_exit"'
	ends_with 11
}

@test "a triple fault: the VM stops with its reason, hvd stays, and returns 70" {
	make_image "$triple_fault"
	start_hvd --kernel "$image"
	wait_until is_stopped
	run api /v1/vm
	assert_output --partial '"reason":"triple_fault"'
	assert_output --partial '"vp":0'
	ends_with 70
}

@test "a triple fault with --on-stop exit: 70 at once, saying why" {
	make_image "$triple_fault"
	run timeout 20 "$HVD" --kernel "$image" --serial null --on-stop exit
	assert_failure 70
	assert_output --partial 'triple-faulted'
}

@test "an access to nothing: the address is in the reason" {
	make_image "$unmapped_read"
	start_hvd --kernel "$image"
	wait_until is_stopped
	run api /v1/vm
	assert_output --partial '"reason":"unmapped_access"'
	assert_output --partial '"gpa":"0xd0000000"'
	assert_output --partial '"write":false'
	ends_with 70
}

@test "a guest that sleeps for ever with interrupts off is stopped by SIGTERM: 0" {
	make_image "$sleeps"
	start_hvd --kernel "$image"
	stop_hvd
}

@test "a stopped VM boots again from the image it has read, whatever became of the file" {
	make_image "$debug_exit_5"
	start_hvd --kernel "$image" --on-stop stay
	wait_until is_stopped
	rm "$image"
	run api /v1/vm/reset -X POST
	assert_success
	wait_until is_stopped
	run api /v1/vm
	assert_output --partial '"code":'
	ends_with 11
}

@test "the command line and the initrd reach the image's boot information" {
	make_image "$sleeps"
	echo module >"$BATS_TEST_TMPDIR/initrd"
	start_hvd --kernel "$image" --append 'a=b c' --initrd "$BATS_TEST_TMPDIR/initrd"
	run api /v1/vm
	assert_output --partial '"format":"multiboot1"'
	assert_output --partial 'a=b c'
	stop_hvd
}

# make_kernel [FIELD=VALUE...]: a Linux kernel whose 64-bit entry runs `code`, with fields of the
# setup header changed.
make_kernel() {
	/usr/bin/python3 -c '
import struct, sys
offsets = {"setup_sects": (0x1f1, "B"), "syssize": (0x1f4, "I"), "version": (0x206, "H"),
           "loadflags": (0x211, "B"), "initrd_addr_max": (0x22c, "I"), "xloadflags": (0x236, "H"),
           "cmdline_size": (0x238, "I"), "pref_address": (0x258, "Q"), "init_size": (0x260, "I")}
fields = {"setup_sects": 1, "syssize": 64, "version": 0x20f, "loadflags": 1, "xloadflags": 1,
          "initrd_addr_max": 0x7fffffff, "cmdline_size": 2047, "pref_address": 0x100000,
          "init_size": 0x10000}
fields.update((name, int(value, 0)) for name, value in (word.split("=") for word in sys.argv[3:]))
kernel = bytearray(2048)
kernel[0x1fe:0x206] = b"\x55\xaa\xeb\x6aHdrS"
for name, value in fields.items():
    struct.pack_into("<" + offsets[name][1], kernel, offsets[name][0], value)
code = bytes.fromhex(sys.argv[2])
kernel[1024 + 0x200:1024 + 0x200 + len(code)] = code
open(sys.argv[1], "wb").write(kernel)' "$image" "$code" "$@"
}

# refuses WORDS ARGUMENT...: exit status 66, and a line that names the image and says why.
refuses() {
	local words=$1

	shift
	run timeout 20 "$HVD" --kernel "$image" --serial null "$@"
	assert_failure 66
	assert_line --partial "hvd: $image: $words"
}

@test "a Linux kernel is entered in long mode, by its contents and not by its name" {
	# mov rax, 0x50000000a; shr rax, 33; out 0xf4, al: 32-bit code would not give 2
	code='48 b8 0a 00 00 00 05 00 00 00 48 c1 e8 21 e6 f4 f4'
	make_kernel
	run timeout 20 "$HVD" --kernel "$image" --serial null
	assert_failure 5
}

@test "power-off through the ACPI control register: hvd returns 0" {
	# mov dx, 0x604; mov ax, 0x3400 (S5, SLP_EN); out dx, ax
	code='66 ba 04 06 66 b8 00 34 66 ef f4'
	make_kernel
	run timeout 20 "$HVD" --kernel "$image" --serial null
	assert_success
	assert_output --partial 'the guest powered off'
}

@test "a reset through 0xcf9 or the keyboard controller boots again from the same image" {
	for reset in 'b0 06 66 ba f9 0c ee' 'b0 fe e6 64'; do
		# boots are counted on the serial port: out 0x3f8, b
		code="66 ba f8 03 b0 62 ee $reset eb fe"
		make_kernel
		start_hvd --kernel "$image" --serial "file:$BATS_TEST_TMPDIR/boots"
		wait_until grep -q bbb "$BATS_TEST_TMPDIR/boots"
		stop_hvd
		rm "$BATS_TEST_TMPDIR/boots"
	done
}

@test "a kernel that cannot be booted is refused, by name and with the reason" {
	code='f4'
	make_kernel version=0x20b
	refuses 'boot protocol 2.11 is too old; 2.12 (Linux 3.8) is needed'
	make_kernel xloadflags=0
	refuses 'the kernel has no 64-bit entry'
	make_kernel loadflags=0
	refuses 'a zImage, which loads low; a bzImage is needed'
	make_kernel syssize=65
	refuses 'truncated: 2048 bytes of 2064 are there'
	make_kernel init_size=0x10000000
	refuses 'the kernel needs RAM up to 0x10100000, RAM below 4 GiB ends at 0x10000000'
	printf '\x7fELF but not much more' >"$image"
	refuses 'an ELF file without a multiboot 1 header; of a Linux kernel hvd boots the bzImage'
	echo 'a text' >"$image"
	refuses 'neither a Linux kernel (bzImage) nor a multiboot 1 image'
}

@test "an initrd or a command line that this kernel cannot take is refused" {
	code='f4'
	head -c 100000 /dev/zero >"$BATS_TEST_TMPDIR/initrd"
	make_kernel
	refuses "the initrd's 100000 bytes do not fit into RAM between the kernel's end at 0x110000 and 0x120000" \
		--initrd "$BATS_TEST_TMPDIR/initrd" --memory 1152K
	make_kernel initrd_addr_max=0x11ffff
	refuses "the initrd's 100000 bytes do not fit below the highest address this kernel takes, 0x11ffff" \
		--initrd "$BATS_TEST_TMPDIR/initrd"
	make_kernel cmdline_size=4
	run timeout 20 "$HVD" --kernel "$image" --append 'abcde' --serial null
	assert_failure 64
	assert_line "hvd: $image: the guest's command line is longer than the 4 bytes this kernel takes"
}
