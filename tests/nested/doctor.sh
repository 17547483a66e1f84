#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The doctor and Debian's kernel: nothing to find while it works hard, and the right cause when it hangs
# needs: vmlinuz guest-module=hv_utils guest-module=hv_sock
# by name only
#
# --match chooses by mode and processors, as kernel-2. BUSY is how many seconds the guest works.
#
# shellcheck disable=SC2034,SC2154 # lib/linux.sh reads guests, and sets the rest
set -u
. /rig/lib/tap.sh
. /rig/lib/linux.sh
guests='user-2 kernel-2'
BUSY=20
# The emulated machine is slow: what stands still for a second may well be under way.
stuck_after=3s

# In the background: insmod waits for a probe that hangs.
loads_drivers() {
	type_in 'for m in $(cat /modules/order); do insmod /modules/$m; done &'
}

# is_well: not even a warning.
is_well() {
	hvctl doctor --stuck-after "$stuck_after" --fail-on warn
}

# finds RULE ROLE: among the findings.
finds() {
	hvctl doctor --stuck-after "$stuck_after" -j >/tmp/report
	status=$?
	cat /tmp/report
	tr -d ' \n' </tmp/report | grep -q "\"rule\":\"$1\",\"severity\":\"error\",\"role\":\"$2\"" &&
		[ "$status" = 8 ]
}

# only_cause RULE: notes aside.
only_cause() {
	finds "$1" cause && [ "$(tr -d ' \n' </tmp/report |
		grep -oE '"severity":"(error|warn)","role":"cause"' | wc -l)" = 1 ]
}

# The guest asks, computes and is asked, and the doctor looks all the while.
stays_well_while_busy() {
	hvctl inspect doctor/watch/watching --set true
	type_in 'while :; do cat /proc/interrupts; done >/dev/null &'
	end=$(($(date +%s) + BUSY))
	while [ "$(date +%s)" -lt "$end" ]; do
		hvctl ic ping >/dev/null
		hvctl ic timesync >/dev/null
		is_well || return 1
	done
	type_in 'kill $!'
}

# Of all looks of the watch nothing above a note: those have severity info.
watch_found_nothing() {
	hvctl log --type doctor.finding >/tmp/findings
	cat /tmp/findings
	! grep -vE 'severity=info' /tmp/findings | grep -q appeared
}

is_ready() {
	[ "$(hvctl inspect ic/heartbeat/state | sed -n 's/^value: *//p')" = ready ]
}

# An answer is lost while hv_utils loads: one of its three probes hangs.
hangs_in_open() {
	hvctl faults add drop_message --message open_channel_result --count 1 &&
		loads_drivers && within 60 only_cause D14
}

# What the finding says to type.
runs_remedy() {
	remedy=$(sed -n 's/^ *"remedy": "\(hvctl .*\)".*/\1/p' /tmp/report | head -n 1)
	echo "$remedy"
	[ -n "$remedy" ] && $remedy
}

all_ready() {
	[ "$(hvctl ic list --filter state=ready -o name | wc -l)" = 3 ]
}

frees_the_opener() {
	runs_remedy && within 60 all_ready
}

# Interrupts of the SINT do not reach VP 0 any more.
loses_interrupts() {
	hvctl faults add skip_assert --vp 0 --sint 2 --for 60s && within 60 only_cause D7
}

takes_interrupts_again() {
	hvctl faults clear && hvctl synic kick --vp 0 --sint 2 --force && within 60 is_well
}

# The driver of the heartbeat is taken away, and the host does not give its memory back.
hangs_in_teardown() {
	hvctl faults add hold_close --relid "$relid" --for 60s &&
		type_in 'echo fd149e91-82e0-4a7d-afa6-2a4166cbd7c0 >/sys/bus/vmbus/drivers/hv_utils/unbind &' &&
		within 60 only_cause D17
}

works_again() {
	hvctl faults clear && within 60 is_well
}

relid_of_heartbeat() {
	relid=$(hvctl inspect ic/heartbeat/relid | sed -n 's/^value: *//p')
	[ -n "$relid" ]
}

suite() {
	check "$label: the guest comes up" start_guest --device heartbeat --device timesync \
		--device shutdown --device hvsock --device null \
		--on-stop stay
	check "$label: D14 when an answer gets lost" hangs_in_open
	check "$label: the remedy makes the driver start over" frees_the_opener
	check "$label: the heartbeat is ready" within 60 is_ready
	check "$label: it is well" is_well
	check "$label: it is well while it is busy" stays_well_while_busy
	check "$label: the watch found nothing, either" watch_found_nothing
	check "$label: D7 when interrupts get lost" loses_interrupts
	check "$label: it is well when it is kicked" takes_interrupts_again
	check "$label: the heartbeat has a channel" relid_of_heartbeat
	check "$label: D17 when the memory is not given back" hangs_in_teardown
	check "$label: it is well again when it is" works_again
	stop_guest
}

make_initrd insmod sleep
for_each_guest suite
plan
