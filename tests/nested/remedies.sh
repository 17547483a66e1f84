#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# rings, remedies and snapshots of a Debian guest whose hv_utils answers heartbeats
# needs: vmlinuz guest-module=hv_utils
# by name only
#
# shellcheck disable=SC2034,SC2154 # the libraries read guests, and set what is read here
set -u
. /rig/lib/tap.sh
. /rig/lib/linux.sh
guests='user-1 kernel-2'
file=/tmp/snapshot.json

# leaf PATH: of the tree.
leaf() {
	hvctl inspect "$1" | sed -n 's/^value: *//p'
}

# is PATH VALUE
is() {
	[ "$(leaf "$1")" = "$2" ]
}

at_least() {
	[ "$(leaf "$1")" -ge "$2" ]
}

heartbeat_relid() {
	hvctl channels list --filter device=heartbeat -o name
}

# The packets that went over a ring, as what they are.
rings_show_heartbeats() {
	hvctl rings show "$relid" --packets 4 --consumed 8 >/tmp/rings
	cat /tmp/rings
	grep -q 'data_inband .*heartbeat 3.0/3.0 status 0x0 .* flags 0x3' /tmp/rings &&
		grep -q 'data_inband .*heartbeat 3.0/3.0 status 0x0 .* flags 0x5' /tmp/rings &&
		grep -q 'data_inband .*negotiate 0.0/0.0' /tmp/rings
}

# Also what needs two looks: nothing that stood still in between is broken.
nothing_is_broken() {
	hvctl rings list >/dev/null
	sleep 1.2
	hvctl rings list --columns relid,direction,broken >/tmp/broken
	cat /tmp/broken
	! hvctl rings list -o jsonl --columns broken | grep -v null
}

# What OPEN_CHANNEL said stands in the log by name.
log_names_the_fields() {
	hvctl log --type vmbus.message --relid "$relid" >/tmp/log
	cat /tmp/log
	grep -q 'message=open_channel .*ring_gpadl=0x.* target_vp=[01] downstream_offset=4' /tmp/log &&
		grep -q 'message=gpadl_header .*range_count=1 byte_count=32768' /tmp/log
}

unstick() {
	hvctl channels unstick "$relid"
}

# The guest loses the device and gets it back; the driver opens it again.
rescinds() {
	before=$(leaf "channels/$relid/opens")
	hvctl channels rescind "$relid" --force || return 1
	within 30 at_least "channels/$relid/opens" $((before + 1)) &&
		within 30 is ic/heartbeat/state ready && within 30 at_least ic/heartbeat/responses 1
}

kicks() {
	hvctl synic kick --vp 0 --sint 2 --force
}

# The same rings, with no VM to ask.
snapshot_tells() {
	hvctl snapshot "$file" && [ "$(stat -c %a "$file")" = 600 ] || return 1
	hvctl rings show "$relid" --consumed 8 --from "$file" >/tmp/offline
	cat /tmp/offline
	grep -q 'data_inband .*heartbeat' /tmp/offline &&
		hvctl channels list --from "$file" | grep -q heartbeat &&
		hvctl doctor --from "$file"
}

remedies() {
	check "$label: the guest comes up" start_guest --device heartbeat --device shutdown
	check "$label: it loads hv_utils" in_guest \
		'while read -r m; do insmod /modules/$m; done </modules/order'
	check "$label: the heartbeat is ready" within 60 is ic/heartbeat/state ready
	check "$label: and answered" within 60 at_least ic/heartbeat/responses 3
	relid=$(heartbeat_relid)
	check "$label: rings show heartbeats both ways" rings_show_heartbeats
	check "$label: no invariant is broken" nothing_is_broken
	check "$label: the log names the fields of messages" log_names_the_fields
	check "$label: channels unstick" unstick
	check "$label: channels rescind: the driver binds again" rescinds
	check "$label: synic kick" kicks
	check "$label: a snapshot tells the same" snapshot_tells
	check "$label: the guest goes on" within 30 at_least ic/heartbeat/responses 3
	stop_guest
}

make_initrd insmod sleep
for_each_guest remedies
plan
