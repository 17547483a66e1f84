#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Debian's kernel with its own hv_utils: it negotiates, answers heartbeats, and powers off when asked
# needs: vmlinuz guest-module=hv_utils
# by name only
set -u
. /rig/lib/tap.sh

guest=/tmp/guest initrd=/tmp/guest-initrd

# The guest loads the drivers; orderly_poweroff() runs /sbin/poweroff. See linux.sh for noxsave.
make_initrd() {
	mkdir -p "$guest/bin" "$guest/sbin" "$guest/proc" "$guest/sys" "$guest/dev" "$guest/modules"
	cp /bin/busybox "$guest/bin/"
	cp /rig/guest-modules/* "$guest/modules/"
	for name in sh mount insmod sleep; do
		ln -s busybox "$guest/bin/$name"
	done
	printf '#!/bin/sh\nexec /bin/busybox poweroff -f\n' >"$guest/sbin/poweroff"
	cat >"$guest/init" <<'EOF'
#!/bin/sh
export PATH=/bin:/sbin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
while read -r module; do
	insmod "/modules/$module"
done </modules/order
echo 'guest up'
while :; do sleep 1; done
EOF
	chmod +x "$guest/init" "$guest/sbin/poweroff"
	(cd "$guest" && find . | cpio -o -H newc) >"$initrd" 2>/dev/null
}

# within SECONDS COMMAND...
within() {
	left=$(($1 * 5))
	shift
	while ! "$@"; do
		left=$((left - 1))
		[ "$left" -gt 0 ] || return 1
		sleep 0.2
	done
}

shown() {
	tr -d '\r' <"$console" | grep -qE "$1"
}

# is NAME KEY VALUE: of a component.
is() {
	[ "$(hvctl inspect "ic/$1/$2" | sed -n 's/^value: *//p')" = "$3" ]
}

beats() {
	[ "$(hvctl inspect ic/heartbeat/responses | sed -n 's/^value: *//p')" -ge 2 ]
}

has_ended() {
	! kill -0 "$hvd" 2>/dev/null
}

powers_off() {
	hvctl ic shutdown && within 60 has_ended && wait "$hvd"
}

# guest MODE
guest() {
	console=$LOGS/console-$1
	hvd --name ic --accel kvm --synic "$1" --kernel /rig/vmlinuz --initrd "$initrd" \
		--append 'console=ttyS0 panic=-1 noxsave' --serial "file:$console" \
		--device heartbeat --device timesync --device shutdown >"$LOGS/hvd-$1" 2>&1 &
	hvd=$!
	check "$1: the guest comes up" within 120 shown '^guest up'
	check "$1: the heartbeat is ready" within 30 is heartbeat state ready
	check "$1: the guest says so, too" shown 'Heartbeat IC version 3.0'
	check "$1: TimeSync 4.0" shown 'TimeSync IC version 4.0'
	check "$1: Shutdown 3.2" shown 'Shutdown IC version 3.2'
	check "$1: heartbeats are answered" within 30 beats
	check "$1: a ping is" hvctl ic ping
	check "$1: the time is set" hvctl ic timesync
	hvctl ic list
	hvctl ic list -j >"$LOGS/ic-$1.json"
	check "$1: the guest powers off when it is asked to" powers_off
	kill -KILL "$hvd" 2>/dev/null
}

make_initrd
guest user
guest kernel
plan
