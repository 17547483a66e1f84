#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# hvctl's VMBus commands against stub-hvd.
# shellcheck disable=SC2154 # stderr is set by run, requests by start_stub

bats_require_minimum_version 1.5.0

setup() {
	load helpers
	load stub
	common_setup
}

teardown() {
	common_teardown
}

# The stub got this request: method, target and the beginning of the body.
sent() {
	grep -qF "$1" "$requests"
}

# ---- rings -------------------------------------------------------------------

@test "rings show prints the invariants, and of broken ones what they mean" {
	start_stub
	run "$HVCTL" rings show 1
	assert_success
	assert_line --regexp '^DIRECTION +R1 +R2 .* R13'
	assert_line --regexp '^guest_to_host +ok +ok '
	assert_line --regexp '^host_to_guest +BROKEN +ok .* -$'
	assert_line 'host_to_guest: R1: an index is out of bounds\x1b[31mred\x1b[0m\xc2\x9b2J\xe2\x80\xaegnp (4096)'
	refute_output --partial 'guest_to_host: R'
	refute_output --partial 'data_inband'
}

@test "rings show --packets and --consumed print packets with what they carry" {
	start_stub
	run "$HVCTL" rings show 1 --packets 8 --consumed 2
	assert_success
	assert_line 'guest_to_host, to be read, the next one first: none'
	assert_line 'host_to_guest, to be read, the next one first:'
	assert_line --regexp '^ *0 +0 +data_inband +16 +48 +0x1 +0x1234 +yes +shutdown 3.0/3.2 status 0x80004005 transaction 7 flags 0x5 +-$'
	assert_line --regexp '^ *1 +56 +unknown .* no type of packet$'
	assert_line 'host_to_guest, read, the last one first:'
	assert_line --partial 'hv_sock 5 bytes'
	sent 'GET /v1/channels/1/rings/1/unread?limit=8'
	sent 'GET /v1/channels/1/rings/0/consumed?limit=2'
}

@test "rings show --packets -j is one document with the packets in their rings" {
	start_stub
	run --separate-stderr "$HVCTL" -j rings show 1 --packets 8
	assert_success
	one_json "$output"
	run /usr/bin/python3 -c 'import json, sys
rings = json.load(sys.stdin)["items"]
print(len(rings[0]["unread"]), len(rings[1]["unread"]), "consumed" in rings[0], "inner" in rings[1]["unread"][0])' <<<"$output"
	assert_output '0 2 False False'
}

@test "rings show --packets more than there can be: 2" {
	start_stub
	run "$HVCTL" rings show 1 --packets 65
	assert_failure 2
}
