#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Debian's uio_hv_generic and our device echo: packets both ways without loss, and every misbehaviour
# needs: vmlinuz guest-module=uio_hv_generic program=tests/nested/uio-echo
# by name only
#
# --match chooses by mode and processors, as user-1. The first guest exchanges a million packets.
#
# shellcheck disable=SC2016,SC2034,SC2154 # the guest expands; lib/linux.sh reads guests, and sets the rest
set -u
. /rig/lib/tap.sh
. /rig/lib/linux.sh
guests='user-1 kernel-2'

loads() {
	in_guest 'for m in $(cat /modules/order); do insmod /modules/$m; done; lsmod' >/tmp/modules
	cat /tmp/modules
	grep -q '^uio_hv_generic' /tmp/modules
}

# In the guest, in the background; its lines are numbered to be told apart, and may follow anything.
opened=0
opens() {
	opened=$((opened + 1))
	answers "run-$opened: uio0: open" "uio-echo $* | while read -r l; do echo \"run-$opened: \$l\"; done &"
}

# echo_is COLUMN VALUE
echo_is() {
	[ "$(hvctl echo list -o jsonl --columns "$1")" = "{\"$1\":\"$2\"}" ]
}

kills() {
	in_guest 'killall -KILL uio-echo' >/dev/null
	comes_true echo_is state closed
}

# Receive and send buffers, and the rings.
has_buffers() {
	hvctl gpadls list -o jsonl --columns pages | sort >/tmp/pages
	cat /tmp/pages
	printf '{"pages":%s}\n' 34 4096 7936 | sort | diff - /tmp/pages
}

# What the guest reads in its monitor page is what the host serves.
same_monitor() {
	in_guest 'cd /sys/class/uio/uio0/device; cat monitor_id client_monitor_conn_id client_monitor_latency' \
		>/tmp/guest-monitor
	hvctl inspect monitor -j | tr -d ' ,"' | sed -n 's/^\(monitor_id\|connection_id\|latency_100ns\)://p' \
		>/tmp/host-monitor
	cat /tmp/guest-monitor /tmp/host-monitor
	sort /tmp/guest-monitor >/tmp/a
	sort /tmp/host-monitor | diff - /tmp/a
}

# exchanges OPTION...: what it says is in /tmp/run.
exchanges() {
	hvctl echo run --patience 60s "$@" >/tmp/run
}

# tell FILE: figures, in the suite's output.
tell() {
	sed "s/^/# $label: /" "$1"
}

# asks: the guest is the one that counts.
guest_asks() {
	in_guest 'uio-echo --ask 2000 --size 1000 --window 16' >/tmp/asked
	grep -q '2000 came back, 0 wrong' /tmp/asked
}

# misbehaves KIND STATUS OUTCOME [CHANNEL]: of 2000 packets, the kind after 500. Only a run that is to
# stall is given up soon: a busy computer can keep the guest from answering for seconds.
misbehaves() {
	kind=$1 status=$2 outcome=$3 channel=${4:-open} give_up=60s
	[ "$outcome" != stalled ] || give_up=3s
	opens --misbehave "$kind" --after 500
	hvctl echo run --count 2000 --window 8 --patience "$give_up" >/tmp/run 2>&1
	got=$?
	cat /tmp/run
	echo "status $got, $(hvctl channels list -o jsonl --columns state,failure)"
	[ "$got" = "$status" ] && echo_is outcome "$outcome" &&
		hvctl channels list -o jsonl --columns state | grep -q "\"$channel\""
	right=$?
	[ "$channel" = closed ] || kills
	return "$right"
}

works_again() {
	opens && hvctl echo run --count 2000 --window 64 && kills
}

no_complaints() {
	in_guest 'dmesg | grep -E "WARNING:|BUG:|stalls|hung"' >/tmp/complaints
	cat /tmp/complaints
	[ ! -s /tmp/complaints ]
}

boot() {
	started=false packets=1000000
	check "$label: it boots" starts
	$started && test_echo
	stop_guest
}

starts() {
	start_guest --memory 256M --device echo && started=true
}

debug() {
	hvctl rings list -o wide
	hvctl echo list -o wide
	hvctl channels list -o wide
	hvctl inspect monitor
	hvctl log --type 'vmbus.*,monitor,event.flag,sint.*,echo' | tail -40
}
test_echo() {
	check "$label: the modules load" loads
	check "$label: the program opens the channel" opens
	check "$label: with the buffers of its driver" has_buffers
	check "$label: the guest's monitor is ours" comes_true same_monitor
	check "$label: round trips" exchanges --count 500 --window 1
	tell /tmp/run
	check "$label: $packets packets come back" exchanges --count "$packets" --window 512
	tell /tmp/run
	check "$label: large ones, too" exchanges --count 2000 --size 16000 --window 16
	tell /tmp/run
	check "$label: the program ends, the channel closes" kills
	check "$label: the guest asks, too" guest_asks
	tell /tmp/asked
	test_misbehaviour
	check "$label: after all that it works" works_again
	check "$label: the guest has nothing to complain about" no_complaints
	check "$label: power-off ends hvd with status 0" powers_off
}

test_misbehaviour() {
	for kind in mask freeze no-signal; do
		check "$label: $kind: nothing comes back any more" misbehaves "$kind" 7 stalled
	done
	for kind in flood-signal pending host-index; do
		check "$label: $kind: harmless" misbehaves "$kind" 0 complete
	done
	for kind in corrupt duplicate drop; do
		check "$label: $kind: noticed" misbehaves "$kind" 4 complete
	done
	check "$label: nonsense: ignored" misbehaves nonsense 0 complete
	check "$label: close: the run is broken" misbehaves close 4 broken closed
	for kind in bad-index unaligned bad-read-index bad-packet bad-size large; do
		check "$label: $kind: the channel fails" misbehaves "$kind" 4 broken failed
	done
}

mkdir -p "$guest_tree/bin"
cp /rig/bin/uio-echo "$guest_tree/bin/"
make_initrd insmod lsmod sed killall
for_each_guest boot
plan
