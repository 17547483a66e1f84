#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# a Linux guest's whole connection in a capture; tshark outside reads the same in it as hvctl watch
# needs: vmlinuz guest-module=hv_utils guest-module=hv_sock program=tests/nested/vsock-peer
#
# --match chooses by mode and processors, as user-1. What is captured is judged when the machine is gone,
# by tests/nested/after/capture.
#
# shellcheck disable=SC2034,SC2154 # lib/linux.sh reads guests, and sets what is read here
set -u
. /rig/lib/tap.sh
. /rig/lib/linux.sh
. /rig/lib/bus.sh
choose_guests user-2 kernel-1

components_ready() {
	[ "$(hvctl ic list -o jsonl --columns state | grep -c ready)" = 3 ]
}

# A connection to nobody: an offer that is taken back.
offers_in_vain() {
	! hvctl --timeout 20s sock 4999 </dev/null
}

# The guest has let go of its channel, too.
taken_back() {
	[ "$(hvctl channels list -o jsonl --columns relid | wc -l)" = 3 ]
}

capture_ends() {
	kill -INT "$capture"
	wait "$capture"
	cat "$LOGS/capture-$guest.said"
	grep -q '^[1-9][0-9]* packets captured, 0 lost$' "$LOGS/capture-$guest.said"
}

watches() {
	[ "$(hvctl inspect daemon/streams | sed -n 's/^value: *//p')" = 1 ]
}

watch_ends() {
	kill -INT "$watch"
	wait "$watch"
	! grep '"type":"gap"' "$LOGS/messages-$guest" && [ -s "$LOGS/messages-$guest" ]
}

boot() {
	check "$label: it boots" start_guest --device heartbeat --device timesync --device shutdown \
		--device hvsock
	! boots 1 || capture_connection
	stop_guest
}

capture_connection() {
	hvctl watch --type vmbus.message -o jsonl >"$LOGS/messages-$guest" &
	watch=$!
	check "$label: the watch begins" comes "$patience" watches
	hvctl capture -w "$LOGS/capture-$guest.pcapng" --payload full 2>"$LOGS/capture-$guest.said" &
	capture=$!
	check "$label: the capture begins" comes "$patience" [ -s "$LOGS/capture-$guest.pcapng" ]
	check "$label: the modules load" loads_modules
	check "$label: version 5.3" comes "$patience" bus_is connected '"5.3"'
	check "$label: three components are ready" comes "$patience" components_ready
	check "$label: a heartbeat is answered" hvctl --timeout 60s ic ping
	check "$label: a connection to nobody is refused" offers_in_vain
	check "$label: and its offer is taken back" comes "$patience" taken_back
	check "$label: the capture ends, and has lost nothing" capture_ends
	check "$label: so has the watch" watch_ends
}

make_initrd
for_each_guest boot
plan
