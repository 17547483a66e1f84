#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2154 # hvd_pid: helpers.bash sets it
# Images of a few instructions on KVM: how a guest ends, what hvd then says, does and returns.

setup() {
	load helpers
	common_setup
	need_accel kvm
	image=$BATS_TEST_TMPDIR/guest.bin
}

teardown() {
	common_teardown
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
