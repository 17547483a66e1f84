#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# hvctl's VMBus commands against stub-hvd.
# shellcheck disable=SC2154 # stderr is set by run, requests by start_stub

bats_require_minimum_version 1.5.0

load helpers
load stub

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

# ---- remedies ----------------------------------------------------------------

@test "channels unstick says what was done, why, and what was before and after" {
	start_stub
	run "$HVCTL" channels unstick 3
	assert_success
	assert_line 'channel 3: done: packets wait for the guest\x1b[31mred\x1b[0m\xc2\x9b2J\xe2\x80\xaegnp'
	assert_line --regexp '^WHAT +BEFORE +AFTER'
	assert_line --regexp '^to_guest_used +32 +0$'
	assert_line --regexp '^signals_out +4 +5$'
	sent 'POST /v1/channels/3/unstick {}'
}

@test "channels unstick --dry-run does nothing and has no after" {
	start_stub
	run "$HVCTL" channels unstick 3 --dry-run --force
	assert_success
	assert_line --partial 'channel 3: would be done: '
	assert_line --regexp '^WHAT +BEFORE$'
	sent 'POST /v1/channels/3/unstick {"force":true,"dry_run":true}' ||
		sent 'POST /v1/channels/3/unstick {"force": true, "dry_run": true}'
}

@test "channels unstick of several goes on after one that is not there" {
	start_stub
	run "$HVCTL" channels unstick 2 9 3
	assert_failure 3
	assert_line --partial 'channel 2: done'
	assert_line --partial 'relid 9'
	assert_line --partial 'channel 3: done'
	run --separate-stderr "$HVCTL" -j channels unstick 2 9 3
	assert_failure 3
	assert_output ''
	one_json "$stderr"
	run --separate-stderr "$HVCTL" -j channels unstick 2 3
	assert_success
	one_json "$output"
	assert_equal "$(field "$output" items.1.relid)" 3
	run --separate-stderr "$HVCTL" -j channels unstick 2
	assert_equal "$(field "$output" relid)" 2
}

@test "channels unstick of what is no number does nothing: 2" {
	start_stub
	run "$HVCTL" channels unstick 2 three
	assert_failure 2
	refute sent POST
	run "$HVCTL" channels unstick
	assert_failure 2
}

@test "channels rescind needs --force: 4, with what to type" {
	start_stub
	run "$HVCTL" channels rescind 3
	assert_failure 4
	assert_output --partial 'force'
	run "$HVCTL" channels rescind 3 --force
	assert_success
	assert_line --partial 'channel 3: done: '
}

@test "synic kick says what was in the slot before and after" {
	start_stub
	run "$HVCTL" synic kick --vp 0 --sint 2 --force
	assert_success
	assert_line 'SINT 2 of VP 0: done: a message is in the slot'
	assert_line --regexp '^slot_busy +yes +no$'
	sent 'POST /v1/vps/0/sints/2/kick'
	run "$HVCTL" synic kick --vp 0
	assert_failure 2
}
