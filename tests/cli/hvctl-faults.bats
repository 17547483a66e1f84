#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2154 # stderr and hvd_pid are set by bats and helpers
# Faults on purpose: hvctl with a real hvd.

bats_require_minimum_version 1.5.0

load helpers
load stub

@test "a mistyped kind, message or direction names the nearest, or where they are listed" {
	start_hvd --demo --accel sim --device null
	run "$HVCTL" faults add drop
	assert_failure 2
	assert_line 'hint: did you mean "drop_message"?'
	run "$HVCTL" faults add nonsense
	assert_line 'hint: "hvctl explain fault.kind" lists them'
	run "$HVCTL" explain fault.kind
	assert_line --partial drop_message
	run "$HVCTL" faults add drop_message --message ofer_channel
	assert_line 'hint: did you mean "offer_channel"?'
	run "$HVCTL" faults add drop_message --direction up
	assert_failure 2
	run "$HVCTL" faults add drop_message --count 0
	assert_failure 2
	assert_line 'at: --count'
}

@test "faults are added, seen and cleared" {
	start_hvd --demo --accel sim --device null
	run "$HVCTL" faults list
	assert_success
	refute_output --partial drop_message
	run "$HVCTL" faults add drop_message --message gpadl_body
	assert_success
	assert_output 'fault 1: drop_message, message gpadl_body; ends after hits: 1'
	run "$HVCTL" faults add hold_message --relid 1 --direction out --for 20s
	assert_success
	assert_output --regexp '^fault 2: hold_message, relid 1, direction out; ends in 20'
	run "$HVCTL" vm show
	assert_line --regexp '^faults_active: +2$'
	run "$HVCTL" faults list -o name
	assert_output $'1\n2'
	run "$HVCTL" faults show 2
	assert_line --regexp '^kind: +hold_message$'
	run "$HVCTL" log --type 'fault.*'
	assert_line --regexp 'fault\.added .*kind=drop_message'
	run "$HVCTL" faults clear 1
	assert_output 'fault 1: drop_message ended, hits: 0'
	run "$HVCTL" faults clear
	assert_output 'faults ended: 1'
	run "$HVCTL" faults list -o name
	assert_output ''
}

@test "a fault that makes no sense is refused: the member is named" {
	start_hvd --demo --accel sim --device null
	run "$HVCTL" faults add explode
	assert_failure 2
	assert_output --partial kind
	run "$HVCTL" faults add drop_message --vp 0
	assert_failure 2
	assert_output --partial 'drop_message does not look at vp'
	run "$HVCTL" faults clear 7
	assert_failure 3
	run "$HVCTL" faults clear ../vm
	assert_failure 2
	run "$HVCTL" faults kinds -o name
	assert_line drop_message
	run "$HVCTL" complete -- faults add d
	assert_line --partial delay_message
	assert_line --partial drop_message
	run "$HVCTL" complete -- faults add drop_message --message gpadl_b
	assert_output --partial gpadl_body
}

@test "a narrow terminal cuts sentences, but nothing that is typed" {
	start_hvd --demo --accel sim --device null
	run "$BATS_TEST_DIRNAME/pty-session" sh -c 'read -r go; "$HVCTL" faults kinds' <<-'END'
		size 24 60
		send \n
		expect KIND +HELP
		expect reorder_message +a channel message goes on after the next ?\r
	END
	assert_success
	"$HVCTL" -q faults add drop_message --message version_response
	run "$BATS_TEST_DIRNAME/pty-session" sh -c 'read -r go; "$HVCTL" faults list' <<-'END'
		size 24 60
		send \n
		expect 1 +drop_message +active +- +version_response
	END
	assert_success
	run "$BATS_TEST_DIRNAME/pty-session" sh -c 'read -r go; "$HVCTL" faults kinds -o wide' <<-'END'
		size 24 60
		send \n
		expect reorder_message +a channel message .*, or a delay +relid,message,direction
	END
	assert_success
}

@test "a machine without a VMBus can have none of its faults" {
	start_hvd --demo --accel sim
	run "$HVCTL" faults add drop_message
	assert_failure 4
	assert_output --partial 'needs a VMBus'
}

# What a guest would post: INITIATE_CONTACT for version 5.3 with SINT 2 of VP 0, and REQUEST_OFFERS.
contact=0e000000000000000300050000000000020000000000000000000000000000000000000000000000
request_offers=0300000000000000

post() {
	"$HVCTL" post --connection 4 --payload "$1"
}

doctor_finds() {
	"$HVCTL" doctor | grep -q "^error $1 "
}

doctor_is_content() {
	"$HVCTL" doctor >/dev/null
}

bus_is() {
	[ "$("$HVCTL" vmbus show -o name)" = "$1" ]
}

@test "a lost answer: the doctor says so, the guest tries again, all is well" {
	start_hvd --demo --accel sim --device null
	wait_until guest_takes_messages
	run "$HVCTL" doctor
	assert_success
	"$HVCTL" faults add drop_message --message version_response
	post "$contact"
	wait_until doctor_finds D3
	run "$HVCTL" log --type fault.hit
	assert_line --partial 'message=version_response'
	post "$contact"
	wait_until bus_is negotiated
	wait_until doctor_is_content
}

@test "a pump that stands still: faults clear sets it going" {
	start_hvd --demo --accel sim --device null
	wait_until guest_takes_messages
	post "$contact"
	wait_until bus_is negotiated
	"$HVCTL" faults add pause_pump --for 5m
	post "$request_offers"
	wait_until doctor_finds D25
	run "$HVCTL" vm show
	assert_line --regexp '^faults_active: +1$'
	"$HVCTL" faults clear
	wait_until bus_is connected
	wait_until doctor_is_content
}
