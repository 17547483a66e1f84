# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# Debian's hv_vmbus beside our bus, for suites that boot Linux: `. /rig/lib/bus.sh` after linux.sh.
#
#	make_lister			once, before make_initrd: `devices` in the guest
#	make_ring_lister		likewise: `rings`
#	make_timer_switch		likewise: `use-apic-timers`
#	same_devices COUNT		the guest's devices are our channels
#	same_rings COUNT		the guest's rings are ours
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
	cat >"$guest_tree/bin/devices" <<'EOT'
#!/bin/sh
states='offered opening closed open'
for device in /sys/bus/vmbus/devices/*; do
	[ -e "$device/id" ] || continue
	read -r relid <"$device/id"
	read -r class <"$device/class_id"
	read -r instance <"$device/device_id"
	read -r state <"$device/state"
	read -r mapping <"$device/channel_vp_mapping"
	class=${class#?} instance=${instance#?}
	[ "$state" = 3 ] || mapping=$relid:null
	[ "${mapping%:*}" = "$relid" ] || mapping=$relid:not-mine
	printf '{"relid":%s,"class_id":"%s","device_id":"%s","state":"%s","target_vp":%s}\n' "$relid" \
		"${class%?}" "${instance%?}" "$(echo "$states" | cut -d' ' -f$((state + 1)))" \
		"${mapping#*:}"
done
EOT
	chmod +x "$guest_tree/bin/devices"
}

# In the guest: a line for each ring of an open channel, as hvctl prints it.
make_ring_lister() {
	cat >"$guest_tree/bin/rings" <<'EOT'
#!/bin/sh
# ring DEVICE RELID DIRECTION PREFIX
ring() {
	read -r read_index <"$1/$4read_index"
	read -r write_index <"$1/$4write_index"
	read -r read_avail <"$1/$4read_bytes_avail"
	read -r write_avail <"$1/$4write_bytes_avail"
	read -r mask <"$1/$4intr_mask"
	printf '{"relid":%s,"direction":"%s","read_index":%s,"write_index":%s,' "$2" "$3" \
		"$read_index" "$write_index"
	printf '"read_avail":%s,"write_avail":%s,"intr_mask":%s}\n' "$read_avail" "$write_avail" "$mask"
}
for device in /sys/bus/vmbus/devices/*; do
	[ -e "$device/id" ] || continue
	read -r state <"$device/state"
	[ "$state" = 3 ] || continue
	read -r relid <"$device/id"
	ring "$device" "$relid" guest_to_host out_
	ring "$device" "$relid" host_to_guest in_
done
EOT
	chmod +x "$guest_tree/bin/rings"
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

# same_devices COUNT: so many, in the guest as in hvctl: relid, class, instance, state, and the VP that
# is interrupted, while a channel is open.
same_devices() {
	in_guest devices >/tmp/in-guest || return 1
	sort /tmp/in-guest >/tmp/guest-devices
	hvctl channels list -o jsonl --columns relid,class_id,device_id,state,target_vp |
		sort >/tmp/channels
	diff /tmp/guest-devices /tmp/channels && [ "$(wc -l </tmp/channels)" = "$1" ]
}

host_rings() {
	hvctl rings list -o jsonl \
		--columns relid,direction,read_index,write_index,read_avail,write_avail,intr_mask
}

# A ring that did not move between two looks of ours was in the guest what it was here.
compare_rings() {
	host_rings >/tmp/before && in_guest rings >/tmp/in-guest && host_rings >/tmp/after || return 1
	grep -Fxf /tmp/before /tmp/after >/tmp/unmoved
	grep -Fxf /tmp/in-guest /tmp/unmoved >>/tmp/agreed
	grep -Fxvf /tmp/in-guest /tmp/unmoved >>/tmp/differ
}

agreed() {
	[ "$(cut -d, -f1,2 /tmp/agreed | sort -u | wc -l)" = "$1" ]
}

agreed_or_differ() {
	compare_rings
	agreed "$1" || [ -s /tmp/differ ]
}

# same_rings COUNT: so many; each was the same on both sides at a moment when it stood still. What
# agreed is left in /tmp/agreed.
same_rings() {
	: >/tmp/agreed
	: >/tmp/differ
	comes "$patience" agreed_or_differ "$1"
	sort -u /tmp/agreed
	sed 's/^/not in the guest: /' /tmp/differ
	sed 's/^/last in the guest: /' /tmp/in-guest
	agreed "$1" && [ ! -s /tmp/differ ]
}

nothing_refused() {
	hvctl vmbus show -o jsonl --columns refused_by_port,illegal,malformed >/tmp/refused
	cat /tmp/refused
	grep -qxF '{"refused_by_port":0,"illegal":0,"malformed":0}' /tmp/refused
}
