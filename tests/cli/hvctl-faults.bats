#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2154 # stderr and hvd_pid are set by bats and helpers
# Faults on purpose: hvctl with a real hvd.

bats_require_minimum_version 1.5.0

setup() {
	load helpers
	load stub
	common_setup
}

teardown() {
	common_teardown
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

@test "a machine without a VMBus can have none of its faults" {
	start_hvd --demo --accel sim
	run "$HVCTL" faults add drop_message
	assert_failure 4
	assert_output --partial 'needs a VMBus'
}
