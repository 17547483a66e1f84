#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Debian's hv_sock and our hvsock device: streams both ways, refusals, ends, a thousand connections
# needs: vmlinuz guest-module=hv_vmbus guest-module=hv_sock program=tests/nested/vsock-peer
#
# --match chooses by mode and processors, as user-1. Only to save time does mode kernel move less: it
# costs the same (docs/figures.md).
#
# shellcheck disable=SC2016,SC2034,SC2154 # the guest expands; lib/linux.sh reads guests, and sets the rest
set -u
. /rig/lib/tap.sh
. /rig/lib/linux.sh
choose_guests 'kernel-2' 'user-1'

listens() {
	answers 'listening$' 'vsock-peer echo 5000 &'
}

# echoes FILE: comes back as it went.
echoes() {
	hvctl sock 5000 <"$1" | cmp - "$1"
}

# In hundredths of a second since boot.
uptime_cs() {
	cut -d' ' -f1 /proc/uptime | tr -d .
}

# timed WHAT COMMAND...: leaves a line with its time in /tmp/figure.
timed() {
	what=$1 since=$(uptime_cs)
	shift
	"$@"
	status=$?
	echo "# $label: $what in $((($(uptime_cs) - since) * 10)) ms" >/tmp/figure
	return "$status"
}

refused() {
	hvctl sock 5001 </dev/null
	status=$?
	echo "status $status"
	[ "$status" = 4 ]
}

many() {
	vsock-peer clients "/run/hvd/$SUITE.vsock" "$times"
}

descriptors() {
	find "/proc/$hvd/fd" | wc -l
}

# Channels, GPADLs and descriptors are as before.
nothing_left() {
	[ "$(hvctl channels list -o name | wc -l)" = 0 ] &&
		[ "$(hvctl gpadls list -o name | wc -l)" = 0 ] && [ "$(descriptors)" -le "$before" ]
}

# The guest connects to a server of the host's, which sends back what it gets.
reaches_host() {
	rm -f "/run/hvd/$SUITE.vsock_6000"
	vsock-peer unix "/run/hvd/$SUITE.vsock_6000" &
	server=$!
	comes_true test -S "/run/hvd/$SUITE.vsock_6000"
	in_guest 'echo from the guest | vsock-peer connect 6000' >/tmp/answer
	kill "$server"
	cat /tmp/answer
	grep -qx 'from the guest' /tmp/answer
}

host_refuses() {
	in_guest 'vsock-peer connect 6001 </dev/null' >/tmp/refusal
	cat /tmp/refusal
	grep -q '^connect: ' /tmp/refusal
}

no_complaints() {
	in_guest 'dmesg | grep -E "WARNING:|BUG:|stalls|hung"' >/tmp/complaints
	cat /tmp/complaints
	[ ! -s /tmp/complaints ]
}

boot() {
	megabytes=8 times=100
	[ "$mode" = kernel ] || megabytes=64 times=1000
	head -c "$((megabytes * 1048576))" /dev/urandom >/tmp/bulk
	check "$label: it boots" start_guest --device hvsock
	! boots 1 || test_sockets
	stop_guest
}

test_sockets() {
	check "$label: the modules load" loads_modules
	before=$(descriptors)
	check "$label: nobody listens: refused" refused
	check "$label: a listener" listens
	check "$label: a line comes back" echoes /tmp/line
	check "$label: $megabytes MiB come back" timed "$megabytes MiB" echoes /tmp/bulk
	cat /tmp/figure
	check "$label: nothing is left of them" comes_true nothing_left
	check "$label: $times connections one after the other" timed "$times connections" many
	cat /tmp/figure
	check "$label: nothing is left of them either" comes_true nothing_left
	check "$label: the guest reaches a server of the host" reaches_host
	check "$label: the host refuses the guest" host_refuses
	check "$label: the guest has nothing to complain about" no_complaints
	check "$label: power-off ends hvd with status 0" powers_off
}

cp /rig/bin/vsock-peer "$guest_tree/bin/"
echo 'a line' >/tmp/line
make_initrd seq
for_each_guest boot
plan
