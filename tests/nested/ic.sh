#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Debian's kernel with its own hv_utils: it negotiates, answers heartbeats, and powers off when asked
# needs: vmlinuz guest-module=hv_utils
#
# --match chooses by mode and processors, as user-1. Each kernel has every mode with 1, 2 and
# 4 processors in one of the suites linux, vmbus and ic.
#
# shellcheck disable=SC2034,SC2154 # lib/linux.sh reads guests, and sets what is read here
set -u
. /rig/lib/tap.sh
. /rig/lib/linux.sh
choose_guests 'user-2 kernel-4' 'kernel-1 user-4'

# orderly_poweroff() runs /sbin/poweroff.
make_poweroff() {
	mkdir -p "$guest_tree/sbin"
	printf '#!/bin/sh\nexec /bin/busybox poweroff -f\n' >"$guest_tree/sbin/poweroff"
	chmod +x "$guest_tree/sbin/poweroff"
}

# In the guest: the driver of each device, by the component's id.
make_binding_lister() {
	cat >"$guest_tree/bin/bindings" <<'EOT'
#!/bin/sh
for device in /sys/bus/vmbus/devices/*; do
	[ ! -e "$device/driver" ] || readlink "$device/driver"
done
EOT
	chmod +x "$guest_tree/bin/bindings"
}

bound() {
	in_guest bindings >/tmp/bindings || return 1
	cat /tmp/bindings
	[ "$(grep -c '/hv_utils$' /tmp/bindings)" = 3 ]
}

# is NAME KEY VALUE: of a component.
is() {
	[ "$(hvctl inspect "ic/$1/$2" | sed -n 's/^value: *//p')" = "$3" ]
}

# guest_says TEXT: in its log.
guest_says() {
	in_guest "dmesg | grep '$1'" >/tmp/said || return 1
	cat /tmp/said
	grep -q "$1" /tmp/said
}

beats() {
	[ "$(hvctl inspect ic/heartbeat/responses | sed -n 's/^value: *//p')" -ge 2 ]
}

powers_off_when_asked() {
	hvctl --timeout 60s ic shutdown && ends_well
}

boot() {
	check "$label: it boots" start_guest --device heartbeat --device timesync --device shutdown
	! boots 1 || test_components
	stop_guest
}

test_components() {
	tell_boot
	check "$label: the modules load" loads_modules
	check "$label: version 5.3" guest_says 'Vmbus version:5.3'
	check "$label: hv_utils is bound to all of them" bound
	check "$label: the heartbeat is ready" comes "$patience" is heartbeat state ready
	check "$label: the guest says so, too" guest_says 'Heartbeat IC version 3.0'
	check "$label: TimeSync 4.0" guest_says 'TimeSync IC version 4.0'
	check "$label: Shutdown 3.2" guest_says 'Shutdown IC version 3.2'
	check "$label: heartbeats are answered" comes "$patience" beats
	check "$label: a ping is" hvctl --timeout 60s ic ping
	check "$label: the time is set" hvctl --timeout 60s ic timesync
	hvctl ic list -j >"$LOGS/ic-$guest.json"
	check "$label: the guest powers off when it is asked to" powers_off_when_asked
}

make_poweroff
make_binding_lister
make_initrd readlink
for_each_guest boot
plan
