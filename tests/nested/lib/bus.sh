# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# Debian's hv_vmbus beside our bus, for suites that boot Linux: `. /rig/lib/bus.sh` after linux.sh.
#
#	make_lister			once, before make_initrd: `devices` in the guest
#	make_timer_switch		likewise: `use-apic-timers`
#	same_devices COUNT		the guest's devices are our channels
#	timers_switched			so that hv_vmbus may be removed
#	bus_is STATE VERSION
#	nothing_refused
#
# $without_timers belongs into $guest_options of a guest that is to remove hv_vmbus.
#
# shellcheck disable=SC2034,SC2154 # shared with lib/linux.sh and the suites

# In the guest: a line for each device, as hvctl prints a channel. Linux's states 0 to 3 are offer,
# opening, open and opened: with its "open" it means that a driver may open it.
make_lister() {
	mkdir -p "$guest_tree/bin"
	cat >"$guest_tree/bin/devices" <<'EOT'
#!/bin/sh
states='offered opening closed open'
for device in /sys/bus/vmbus/devices/*; do
	[ -e "$device/id" ] || continue
	read -r class <"$device/class_id"
	read -r instance <"$device/device_id"
	read -r state <"$device/state"
	class=${class#?} instance=${instance#?}
	printf '{"relid":%s,"class_id":"%s","device_id":"%s","state":"%s"}\n' "$(cat "$device/id")" \
		"${class%?}" "${instance%?}" "$(echo "$states" | cut -d' ' -f$((state + 1)))"
done
EOT
	chmod +x "$guest_tree/bin/devices"
}

# The module's end stops the synthetic timers, which Linux does not replace if they interrupt directly:
# it would stand still. With the timers of the local APICs it lives on, once these are no longer said to
# run in every state of sleep, for then Linux takes the first for broadcasts.
without_timers=clearcpuid=450 # arat

# In the guest. Linux takes the first device of that name, which is that of the processor that came
# online last, or none: so it is tried once for each.
make_timer_switch() {
	cat >"$guest_tree/bin/use-apic-timers" <<'EOT'
#!/bin/sh
for number in 3 2 1 0 3 2 1 0 3 2 1 0; do
	cpu=/sys/devices/system/clockevents/clockevent$number
	! grep -qs Hyper-V $cpu/current_device || echo 'Hyper-V clockevent' >$cpu/unbind_device
done 2>/dev/null
cat /sys/devices/system/clockevents/clockevent[0-9]*/current_device
EOT
	chmod +x "$guest_tree/bin/use-apic-timers"
}

timers_switched() {
	in_guest use-apic-timers >/tmp/timers || return 1
	cat /tmp/timers
	[ "$(grep -c '^lapic' /tmp/timers)" = "$vps" ]
}

# bus_is STATE VERSION: says hvctl; the version is JSON.
bus_is() {
	hvctl vmbus show -o jsonl --columns state,version
	[ "$(hvctl vmbus show -o jsonl --columns state,version)" = \
		"{\"state\":\"$1\",\"version\":$2}" ]
}

# same_devices COUNT: so many, in the guest as in hvctl: relid, class, instance, state.
same_devices() {
	in_guest devices >/tmp/in-guest || return 1
	sort /tmp/in-guest >/tmp/guest-devices
	hvctl channels list -o jsonl --columns relid,class_id,device_id,state | sort >/tmp/channels
	diff /tmp/guest-devices /tmp/channels && [ "$(wc -l </tmp/channels)" = "$1" ]
}

nothing_refused() {
	hvctl vmbus show -o jsonl --columns refused_by_port,illegal,malformed >/tmp/refused
	cat /tmp/refused
	grep -qxF '{"refused_by_port":0,"illegal":0,"malformed":0}' /tmp/refused
}
