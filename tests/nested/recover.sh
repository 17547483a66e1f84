#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Debian's drivers lose the bus in every way there is, and it comes back: reset, kexec, crash, rmmod, ...
# needs: vmlinuz guest-module=hv_utils guest-module=hv_sock program=tests/nested/vsock-peer
# needs: program=tests/nested/kexec-boot
#
# --match chooses by mode and processors, as user-2: such a guest goes through all of it, one thing after
# the other. Without it a guest on one kernel loses its drivers and devices, one on the other itself.
#
# shellcheck disable=SC2016,SC2034,SC2154 # the guest expands; the libraries read guests, and set the rest
set -u
. /rig/lib/tap.sh
. /rig/lib/linux.sh
. /rig/lib/bus.sh
guests='user-2 kernel-2 user-4 kernel-4' lose='lose_drivers lose_processor lose_devices lose_modules lose_guest'
case $(cat /rig/match),$(uname -r) in
'*',6.1.*) guests=kernel-2 lose=${lose% *} ;;
'*',*) guests=user-2 lose=lose_guest ;;
esac

drivers=/sys/bus/vmbus/drivers/hv_utils
components='heartbeat shutdown timesync'

# ---- what has to be true again --------------------------------------------------------------------

load_modules='for m in $(cat /modules/order); do [ -e /sys/module/${m%.ko} ] || insmod /modules/$m; done'

# counts_are CHANNELS: all of them open, a GPADL each, and no message that waits.
counts_are() {
	hvctl vmbus show -o jsonl \
		--columns channels,open_channels,gpadls,incoming,outgoing >/tmp/counts
	cat /tmp/counts
	grep -qxF "{\"channels\":$1,\"open_channels\":$1,\"gpadls\":$1,\"incoming\":0,\"outgoing\":0}" \
		/tmp/counts
}

ready() {
	[ "$(hvctl ic list -o jsonl --columns name,state,contact | grep -c '"state":"ready"')" = 3 ]
}

# The bus is as it should be: on both sides, and it works.
whole() {
	bus_is connected '"5.3"' && comes_true counts_are 3 && same_devices 3 &&
		comes_true ready && hvctl ic ping
}

comes_back() {
	in_guest "$load_modules" && comes_true bus_is connected '"5.3"' && comes_true counts_are 3 &&
		whole
}

# unloaded: the last thing that was said on the bus; before a guest says more.
unloaded() {
	hvctl vmbus history -o jsonl --columns message.message,message.direction | head -n 1 >/tmp/last
	cat /tmp/last
	grep -qxF '{"message.message":"unload_response","message.direction":"out"}' /tmp/last
}

# ---- what happens to it ---------------------------------------------------------------------------

# relid_of DEVICE: the only one it has.
relid_of() {
	hvctl devices show "$1" -o jsonl --columns relids | sed 's/[^0-9]//g'
}

gone() {
	counts_are_closed=$(hvctl vmbus show -o jsonl --columns channels,open_channels,gpadls)
	echo "$counts_are_closed"
	[ "$counts_are_closed" = '{"channels":3,"open_channels":0,"gpadls":0}' ]
}

unbinds() {
	in_guest "cd $drivers; for d in *-*; do echo \$d >unbind; done; cd /" && comes_true gone
}

binds() {
	in_guest "cd /sys/bus/vmbus/devices; for d in *; do [ -e \$d/driver ] || echo \$d >$drivers/bind; done; cd /"
}

# moves_to VP: the channel of the heartbeat; the guest waits until hvd has answered.
moves_to() {
	relid=$(relid_of heartbeat)
	in_guest "for f in /sys/bus/vmbus/devices/*/channels/$relid/cpu; do echo $1 >\$f; done" || return 1
	hvctl channels history "$relid" -o jsonl --columns message.message,message.value,message.verdict >/tmp/moved
	cat /tmp/moved
	[ "$(hvctl channels show "$relid" -o jsonl --columns target_vp)" = "{\"target_vp\":$1}" ] &&
		head -n 2 /tmp/moved | grep -q modify_channel_response && hvctl ic ping
}

# cpu_is ONLINE: the guest's second processor.
cpu_is() {
	in_guest "echo $1 >/sys/devices/system/cpu/cpu1/online; cat /sys/devices/system/cpu/cpu1/online" \
		>/tmp/online
	cat /tmp/online
	grep -qx "$1" /tmp/online && hvctl ic ping
}

removed_while_open() {
	hvctl devices remove heartbeat && comes_true counts_are 2 && same_devices 2
}

added_again() {
	hvctl devices add "$1"
}

hvsock_listens() {
	hvctl devices add hvsock && answers 'listening$' 'vsock-peer echo 5000 &'
}

# A client that says something, and stays until its socket is taken from it.
connects_and_stays() {
	mkfifo /tmp/to-guest
	hvctl sock 5000 </tmp/to-guest >/tmp/from-guest 2>/tmp/sock-errors &
	client=$!
	exec 4>/tmp/to-guest
	echo hello >&4
	comes_true grep -q hello /tmp/from-guest && counts_are 4
}

client_is_gone() {
	! kill -0 "$client" 2>/dev/null
}

hvsock_removed_while_open() {
	hvctl devices remove hvsock && comes_true client_is_gone && comes_true counts_are 3
	status=$?
	exec 4>&-
	rm -f /tmp/to-guest
	[ ! -e "/run/hvd/$SUITE.vsock" ] && return "$status"
}

hvsock_again() {
	hvctl devices add hvsock && echo again | hvctl sock 5000 >/tmp/again &&
		grep -qx again /tmp/again && comes_true counts_are 3
}

modules_go() {
	in_guest 'for m in hv_utils hv_sock hv_vmbus; do rmmod $m || echo failed; done' >/tmp/rmmod
	cat /tmp/rmmod
	! grep -q failed /tmp/rmmod && bus_is disconnected null || return 1
	# Behind the answer Linux lets go of its relids.
	hvctl vmbus history -o jsonl --columns message.message >/tmp/history
	cat /tmp/history
	grep -v relid_released /tmp/history | head -n 1 | grep -q unload_response
}

reset_from_outside() {
	comes_up_again hvctl vm reset
}

kexecs() {
	comes_up_again type_in "kexec-boot /again/vmlinuz /again/initrd '$guest_options'" && unloaded
}

crash_is_told() {
	hvctl log --type crash --no-headers | tee /tmp/crash | grep -q 'p0='
}

# The record before the guest, which resets the machine, has come up and written over it.
crash() {
	type_in 'echo c >/proc/sysrq-trigger' && within 20 crash_is_told && cat /tmp/crash
}

crashes() {
	! crash_is_told && comes_up_again crash && unloaded
}

# ---- the whole ------------------------------------------------------------------------------------

boot() {
	start_guest --device heartbeat --device shutdown --device timesync
	check "$label: it boots" boots 1
	! boots 1 || lose_everything
	stop_guest
}

lose_everything() {
	check "$label: the bus is whole" comes_back
	for what in $lose; do
		$what
	done
	check "$label: no message was refused" nothing_refused
	check "$label: power-off ends hvd with status 0" powers_off
}

lose_drivers() {
	check "$label: unbound drivers close their channels" unbinds
	check "$label: bound again, they open them" binds
	check "$label: and the bus is whole" whole
}

lose_processor() {
	check "$label: a channel moves to VP 1" moves_to 1
	check "$label: and back" moves_to 0
	check "$label: VP 1 goes offline" cpu_is 0
	check "$label: and comes back" cpu_is 1
	check "$label: the channel moves there again" moves_to 1
	check "$label: and the bus is whole" whole
}

lose_devices() {
	check "$label: a device is removed while it is open" removed_while_open
	check "$label: and added again" added_again heartbeat
	check "$label: and the bus is whole" whole
	check "$label: hvsock is added, the guest listens" hvsock_listens
	check "$label: a connection" connects_and_stays
	check "$label: hvsock is removed under it" hvsock_removed_while_open
	check "$label: and added again, with the guest's listener still there" hvsock_again
	check "$label: and the bus is whole" whole
	hvctl devices remove hvsock >/dev/null
	in_guest 'killall vsock-peer' >/dev/null
}

lose_modules() {
	check "$label: the guest can do without the module's timers" timers_switched
	check "$label: rmmod unloads the bus" modules_go
	check "$label: loaded again, the bus is whole" comes_back
}

lose_guest() {
	check "$label: the VM is reset" reset_from_outside
	check "$label: after the reset the bus is whole" comes_back
	check "$label: the guest reboots" reboots
	check "$label: after the reboot the bus is whole" comes_back
	check "$label: kexec unloads the bus, and Linux comes up" kexecs
	check "$label: after kexec the bus is whole" comes_back
	check "$label: a crash is recorded, unloads the bus, and Linux comes up" crashes
	check "$label: after the crash the bus is whole" comes_back
}

guest_options="$guest_options $without_timers"
make_lister
make_timer_switch
cp /rig/bin/vsock-peer /rig/bin/kexec-boot "$guest_tree/bin/"
make_initrd insmod rmmod lsmod killall tail
# For kexec: this kernel, and an initrd without another in it.
mkdir "$guest_tree/again"
cp "$initrd" "$guest_tree/again/initrd"
cp /rig/vmlinuz "$guest_tree/again/vmlinuz"
pack_initrd
for_each_guest boot
plan
