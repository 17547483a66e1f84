#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# figures of echo and hv_sock in a Linux guest: round trips, packets and bytes per second
# needs: vmlinuz guest-module=uio_hv_generic guest-module=hv_sock program=tests/nested/uio-echo program=tests/nested/vsock-peer
# machine: counted
# by name only
#
# One processor, whose clock counts instructions: the same figures however busy the computer is. Nothing
# passes or fails on one; docs/figures.md has those of the last change that mattered.
#
# shellcheck disable=SC2016,SC2034,SC2154 # the guest expands; lib/linux.sh reads guests, and sets the rest
set -u
. /rig/lib/tap.sh
. /rig/lib/linux.sh
guests='user-1 kernel-1'

loads() {
	in_guest 'for m in $(cat /modules/order); do insmod /modules/$m; done; lsmod' >/tmp/modules
	cat /tmp/modules
	grep -q '^uio_hv_generic' /tmp/modules && grep -q '^hv_sock' /tmp/modules
}

# tell WHAT: the last figure.
tell() {
	sed "s/^/# $label: $1: /" /tmp/figure
}

# measure NAME OPTION...: a run of echo.
measure() {
	check "$label: echo, $1" exchanges "$@"
	tell "echo, $1"
}

exchanges() {
	shift
	hvctl echo run --patience 600s "$@" >/tmp/figure
}

uptime_cs() {
	cut -d' ' -f1 /proc/uptime | tr -d .
}

# There and back: the guest echoes while it reads.
streams() {
	since=$(uptime_cs)
	hvctl sock 5000 </tmp/bulk >/tmp/back && cmp /tmp/bulk /tmp/back || return 1
	took=$(($(uptime_cs) - since))
	echo "8 MiB there and back in $((took * 10)) ms, $((8 * 1048576 / (took * 10))) kB/s each way" >/tmp/figure
}

trips() {
	vsock-peer trips "/run/hvd/$SUITE.vsock" 200 >/tmp/figure
}

connections() {
	since=$(uptime_cs)
	vsock-peer clients "/run/hvd/$SUITE.vsock" 100 || return 1
	echo "100 connections one after the other in $((($(uptime_cs) - since) * 10)) ms" >/tmp/figure
}

boot() {
	started=false
	check "$label: it boots" starts
	$started && test_figures
	stop_guest
}

starts() {
	start_guest --memory 256M --device echo --device hvsock && started=true
}

test_figures() {
	check "$label: the modules load" loads
	check "$label: the echo program" answers 'uio0: open' 'uio-echo &'
	measure 'round trip' --count 500 --window 1
	measure '64 bytes, window 512' --count 50000 --window 512
	measure '4 KiB, window 512' --count 10000 --size 4000 --window 512
	in_guest 'killall uio-echo' >/dev/null
	check "$label: the hv_sock server" answers 'listening$' 'vsock-peer echo 5000 &'
	check "$label: hv_sock, stream" streams
	tell 'hv_sock'
	check "$label: hv_sock, round trips" trips
	tell 'hv_sock'
	check "$label: hv_sock, connections" connections
	tell 'hv_sock'
}

head -c 8388608 /dev/urandom >/tmp/bulk
mkdir -p "$guest_tree/bin"
cp /rig/bin/uio-echo /rig/bin/vsock-peer "$guest_tree/bin/"
make_initrd insmod lsmod killall
for_each_guest boot
plan
