#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Debian's hv_vmbus on our bus: versions, offers, unload, reboot; the guest's view beside ours
# needs: vmlinuz guest-module=hv_vmbus guest-module=hv_utils guest-module=hv_sock
# needs: program=tests/nested/vsock-peer
#
# --match chooses by mode and processors, as user-1. Two devices that no driver wants are on offer, and
# two components, whose drivers come at the end.
#
# shellcheck disable=SC2034,SC2154 # the libraries read guests, and set what is read here
set -u
. /rig/lib/tap.sh
. /rig/lib/linux.sh
. /rig/lib/bus.sh
choose_guests 'user-1 kernel-2' 'user-2 kernel-4'
second=id=second,class=11112222-3333-4444-5555-666677778888,instance=6e756c6c-6876-4d64-9c2e-000000000002

# connects VERSION [PARAMETER]: the module is loaded; which version do the guest and hvctl tell?
connects() {
	in_guest "insmod /modules/hv_vmbus.ko ${2:-}" >/tmp/insmod || return 1
	in_guest "dmesg | grep -o 'Vmbus version:.*' | tail -n 1" >/tmp/said || return 1
	cat /tmp/insmod /tmp/said
	grep -qx "Vmbus version:$1" /tmp/said && bus_is connected "\"$1\""
}

# offers_are OFFERED: those channels, and whether the guest has been told of them.
offers_are() {
	hvctl offers list -o jsonl --columns relid,class_id,device_id,offered | sort >/tmp/offers
	sed "s/\"state\":.*/\"offered\":$1}/" /tmp/channels | diff - /tmp/offers
}

unloads() {
	in_guest 'rmmod hv_vmbus' || return 1
	bus_is disconnected null && hvctl vmbus history -o jsonl --columns message >/tmp/history
	cat /tmp/history
	grep -q unload_response /tmp/history
}

# Before 3.0 a guest did not say that it unloads.
goes_silently() {
	in_guest 'rmmod hv_vmbus' || return 1
	bus_is connected '"2.4"'
}

# negotiates VERSION WORD: an older guest, which leaves again.
negotiates() {
	check "$label: max_version=$2: version $1" connects "$1" "max_version=$2"
	check "$label: version $1: the guest's devices are our channels" comes_true same_devices 4
	if [ "$1" = 2.4 ]; then
		check "$label: version $1: it goes silently" goes_silently
	else
		check "$label: version $1: it unloads" unloads
	fi
}

# A server in the guest takes a connection and reads nothing of it: what the host sends stays.
holds() {
	answers 'listening$' 'vsock-peer hold 5000 &' || return 1
	head -c 10000 /dev/zero | vsock-peer send "/run/hvd/$SUITE.vsock" 5000 &
	sender=$!
	comes_true same_devices 5 && [ "$(grep -c '"state":"open"' /tmp/channels)" = 3 ]
}

# The components have spoken both ways; the connection one way, and there it waits.
same_rings_in_use() {
	same_rings 6 && [ "$(sort -u /tmp/agreed | grep -c '"write_index":0,')" = 1 ] &&
		grep -q '"host_to_guest".*"read_avail":1[0-9]\{4\},' /tmp/agreed
}

# Both ends: what was not read is given up after a while.
lets_go() {
	kill "$sender"
	# shellcheck disable=SC2016 # the guest expands
	in_guest 'kill $!' && comes_true same_devices 4
}

test_open_channels() {
	check "$label: its drivers load" loads_modules
	check "$label: a connection that nobody reads" holds
	check "$label: the guest's rings are ours" same_rings_in_use
	check "$label: the connection goes" lets_go
}

# But that it does not know our classes, and that drivers come.
no_complaints() {
	in_guest 'dmesg | grep -E "WARNING:|BUG:|unchecked MSR|stalls|hv_vmbus: [^VUr]"' >/tmp/complaints
	cat /tmp/complaints
	[ ! -s /tmp/complaints ]
}

boot() {
	check "$label: it boots" start_guest --device null --device "null,$second" --device timesync \
		--device shutdown --device hvsock
	! boots 1 || test_bus
	stop_guest
}

test_bus() {
	tell_boot
	check "$label: nothing is offered before the guest asks" bus_is disconnected null
	check "$label: version 5.3" connects 5.3
	check "$label: the guest's devices are our channels" comes_true same_devices 4
	check "$label: they are our offers" offers_are true
	check "$label: the guest can do without the module's timers" timers_switched
	check "$label: rmmod unloads" unloads
	check "$label: nothing is offered any more" offers_are false
	check "$label: it connects again" connects 5.3
	check "$label: with the same devices" comes_true same_devices 4
	case $vps in
	1) older_versions 5.0:0x50000 4.0:0x40000 2.4:0x20004 ;;
	2) older_versions 4.1:0x40001 3.0:0x30000 ;;
	*) reboot_connected ;;
	esac
	test_open_channels
	check "$label: no message was refused" nothing_refused
	check "$label: the guest has nothing to complain about" no_complaints
	check "$label: power-off, connected, ends hvd with status 0" powers_off
}

# older_versions VERSION:WORD...: one after the other, and the newest again.
older_versions() {
	check "$label: it leaves" unloads
	for word in "$@"; do
		negotiates "${word%:*}" "${word#*:}"
	done
	check "$label: after these version 5.3 again" connects 5.3
}

# A reset is a disconnection, too.
reboot_connected() {
	check "$label: it reboots" reboots
	check "$label: and is disconnected" bus_is disconnected null
	check "$label: connects after the reboot" connects 5.3
	check "$label: with the same devices after the reboot" comes_true same_devices 4
}

guest_options="$guest_options $without_timers"
make_lister
make_ring_lister
make_timer_switch
cp /rig/bin/vsock-peer "$guest_tree/bin/"
make_initrd rmmod tail
for_each_guest boot
plan
