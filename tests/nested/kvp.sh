#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Debian's hv_kvp_daemon and hv_vss_daemon: keys, addresses, freeze and thaw, and life without them
# needs: vmlinuz guest-module=hv_utils guest-module=dummy guest-module=brd guest-package=hyperv-daemons
#
# --match chooses by mode and processors, as user-1. The guest's disk is a RAM disk with ext2, which Linux
# freezes like any other; its network adapter is a dummy.
#
# shellcheck disable=SC2016,SC2034,SC2154 # the guest expands; lib/linux.sh reads guests, and sets the rest
set -u
. /rig/lib/tap.sh
. /rig/lib/linux.sh
case $(uname -r) in
6.1.*) guests='user-1' ;;
*) guests='kernel-1' ;;
esac
adapter=02:00:00:00:0a:01

# ---- the guest --------------------------------------------------------------------------------

make_guest() {
	mkdir -p "$guest_tree/var/lib" "$guest_tree/tmp" "$guest_tree/mnt"
	cp -r /rig/guest-root/. "$guest_tree/"
	cat >"$guest_tree/set-up" <<'EOT'
for module in $(cat /modules/order); do
	insmod "/modules/$module"
done
ip link set dummy0 address 02:00:00:00:0a:01 up
ip addr add 10.9.8.7/24 dev dummy0
ip addr add fd00::7/64 dev dummy0
mke2fs /dev/ram0 1024 >/dev/null
mount -t ext2 /dev/ram0 /mnt
EOT
	make_initrd insmod ip awk mke2fs sleep killall uname head ls echo tr
}

sets_up() {
	in_guest '. /set-up; ls -d /mnt/lost+found; ip addr show dummy0' >/tmp/set-up
	cat /tmp/set-up
	grep -q '^/mnt/lost+found' /tmp/set-up && grep -q '10.9.8.7/24' /tmp/set-up
}

# runs DAEMON: in the guest, from now on.
runs() {
	in_guest "/usr/sbin/$1; echo status \$?" >/tmp/runs
	cat /tmp/runs
	grep -qx 'status 0' /tmp/runs
}

# ---- what hvctl says --------------------------------------------------------------------------

# is NAME LEAF VALUE: of a component.
is() {
	[ "$(hvctl inspect "ic/$1/$2" | sed -n 's/^value: *//p')" = "$3" ]
}

# refused WORDS COMMAND...: with status 4, and for that reason.
refused() {
	words=$1
	shift
	"$@" >/tmp/refused 2>&1
	status=$?
	cat /tmp/refused
	[ "$status" = 4 ] && grep -q "$words" /tmp/refused
}

# The doctor knows better than to call it a stuck channel.
doctor_names_it() {
	hvctl doctor -o jsonl --columns rule,severity >/tmp/findings
	cat /tmp/findings
	[ "$(cat /tmp/findings)" = '{"rule":"D18","severity":"info"}' ]
}

# says LINE COMMAND...: a line of what it prints is that.
says() {
	line=$1
	shift
	"$@" >/tmp/says
	cat /tmp/says
	grep -qxF "$line" /tmp/says
}

osinfo() {
	hvctl ic osinfo -o jsonl
}

# ---- keys and values --------------------------------------------------------------------------

round_trip() {
	hvctl kvp set site 'zürich; "€" 𝄞' && hvctl kvp set other 1 &&
		[ "$(hvctl -j kvp get site | tr -d '\n' | grep -c 'zürich; \\"€\\" 𝄞')" = 1 ] &&
		[ "$(hvctl kvp list -o name | tr '\n' ' ')" = 'site other ' ]
}

in_its_file() {
	in_guest 'tr -d "\0" </var/lib/hyperv/.kvp_pool_0; echo' >/tmp/pool
	cat /tmp/pool
	grep -q '^sitezürich' /tmp/pool
}

deletes() {
	hvctl kvp delete other && ! hvctl kvp get other && ! hvctl kvp delete other &&
		[ "$(hvctl kvp list -o name)" = site ]
}

# The guest has something to say: an item of its pool is 512 bytes of key and 2048 of value.
from_guest() {
	in_guest '{ printf mood; head -c 508 /dev/zero; printf good; head -c 2044 /dev/zero; } \
		>/var/lib/hyperv/.kvp_pool_1' && says good hvctl kvp get mood --pool guest
}

addresses() {
	hvctl ic ips -o jsonl >/tmp/ips
	cat /tmp/ips
	grep -qxF '{"key":"ipv4","value":"10.9.8.7"}' /tmp/ips &&
		grep -qxF '{"key":"ipv6","value":"fd00::7"}' /tmp/ips
}

adapter_has() {
	hvctl ic ips --adapter "$adapter" -o jsonl >/tmp/ips
	cat /tmp/ips
	grep -qxF '{"key":"ipv4","value":"10.9.8.7"}' /tmp/ips &&
		grep -qxF '{"key":"subnet","value":"255.255.255.0"}' /tmp/ips &&
		grep -qxF '{"key":"dhcp","value":"false"}' /tmp/ips
}

test_kvp() {
	check "$label: without its daemon kvp waits, and nothing is wrong" within 60 is kvp state no_daemon
	check "$label: requests are refused, and told why" \
		refused 'hv_kvp_daemon) does not run' hvctl ic osinfo
	check "$label: the doctor names it, and nothing else" within 60 doctor_names_it
	check "$label: the daemon is started" runs hv_kvp_daemon
	check "$label: kvp is ready" within 60 is kvp state ready
	check "$label: osinfo has the kernel's release" within 60 \
		says "{\"key\":\"OSBuildNumber\",\"value\":\"$(uname -r)\"}" osinfo
	check "$label: a key is set and read" within 60 round_trip
	check "$label: it is in the guest's file" in_its_file
	check "$label: a key is deleted" deletes
	check "$label: the guest's own key is read" from_guest
	check "$label: its addresses" within 60 addresses
	check "$label: one adapter with its mask" within 60 adapter_has
	check "$label: no adapter has another MAC address" \
		refused 'no network adapter' hvctl ic ips --adapter 02:00:00:00:0a:02
}

# ---- the daemon goes and comes ----------------------------------------------------------------

misses_daemon() {
	in_guest 'killall hv_kvp_daemon' || return 1
	hvctl ic osinfo
	is kvp state no_daemon
}

test_restart() {
	check "$label: a daemon that ended is missed" misses_daemon
	check "$label: it is started again" runs hv_kvp_daemon
	check "$label: kvp is ready again" within 60 is kvp state ready
	check "$label: and answers" within 60 round_trip_left
}

round_trip_left() {
	[ "$(hvctl kvp list -o name)" = site ]
}

# ---- freeze and thaw --------------------------------------------------------------------------

# A file that cannot be written while the file system is frozen.
writes_later() {
	in_guest '(echo text >/mnt/file; echo done >/tmp/written) & sleep 0'
}

written() {
	in_guest 'cat /tmp/written' >/tmp/written
	grep -qx 'done' /tmp/written
}

# Frozen, a write waits; the guest, its shell and its daemons live.
holds_writes() {
	hvctl ic freeze --for 60s && is vss freeze/state frozen && writes_later || return 1
	sleep 1
	! written
}

# Frozen once more, for a shorter time: the time starts anew.
thawed_by_itself() {
	hvctl ic freeze --for 1s && within 60 is vss freeze/state thawed && is vss freeze/automatic_thaws 1 && within 30 written
}

by_hand() {
	hvctl ic freeze --for 60s && is vss freeze/state frozen && hvctl ic thaw &&
		is vss freeze/state thawed && is vss freeze/automatic_thaws 1 &&
		in_guest 'echo more >/mnt/file; cat /mnt/file' >/tmp/file && grep -qx more /tmp/file
}

test_vss() {
	check "$label: without its daemon nothing is frozen" \
		refused 'hv_vss_daemon may not run' hvctl ic freeze
	check "$label: its daemon is started" runs hv_vss_daemon
	check "$label: a backup is possible" within 30 hvctl ic backup
	check "$label: a frozen file system takes no writes" holds_writes
	check "$label: hvd thaws it by itself, and the write is done" thawed_by_itself
	check "$label: freeze and thaw by hand" by_hand
	check "$label: a thaw too many does no harm" hvctl ic thaw
}

# ---- all --------------------------------------------------------------------------------------

no_complaints() {
	in_guest 'dmesg | grep -E "WARNING:|BUG:|stalls|hung"' >/tmp/complaints
	cat /tmp/complaints
	[ ! -s /tmp/complaints ]
}

boot() {
	start_guest --device kvp --device vss
	check "$label: it boots" boots 1
	! boots 1 || test_guest
	stop_guest
}

test_guest() {
	check "$label: drivers, an adapter, a disk" sets_up
	test_kvp
	test_vss
	test_restart
	hvctl ic list
	hvctl log --type 'ic*' >"$LOGS/log-$guest"
	check "$label: the guest has nothing to complain about" no_complaints
	check "$label: power-off ends hvd with status 0" powers_off
}

make_guest
for_each_guest boot
plan
