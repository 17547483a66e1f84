#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# hvd beside Debian's QEMU with its vmbus-bridge: from the start of the VMM to `Vmbus version`, as ratios
# needs: vmlinuz qemu guest-module=hv_vmbus
# machine: counted
# by name only
#
# The same kernel and the same initramfs on the same KVM; the VMMs take turns. Nothing passes or fails
# on time: a test fails when the guest does not tell its version. In each figure's line the aim stands
# beside the ratio. QEMU's bus speaks version 4.0 at most.
#
# shellcheck disable=SC2154 # lib/linux.sh sets what is read here
set -u
. /rig/lib/tap.sh
. /rig/lib/linux.sh
turns=3 aim=0.70
[ "$(cat /rig/machine)" = plain ] || turns=2

# The guest loads the driver, tells what that said, and is done.
make_start() {
	cat >"$guest_tree/start" <<'EOT'
insmod /modules/hv_vmbus.ko
dmesg | grep -o 'Vmbus version:.*'
poweroff -f
EOT
}

# on_hvd MODE
on_hvd() {
	timeout "$boot_patience" hvd --name "$SUITE" --kernel /rig/vmlinuz --initrd "$initrd" \
		--append "$guest_options" --memory 512M --accel kvm --synic "$1" --device null \
		--log-level error
}

on_qemu() {
	timeout "$boot_patience" qemu-system-x86_64 -machine pc,accel=kvm -m 512 -nodefaults \
		-display none -no-reboot -serial stdio -device vmbus-bridge \
		-cpu host,kvm=off,hv-relaxed,hv-vpindex,hv-runtime,hv-time,hv-synic,hv-stimer \
		-kernel /rig/vmlinuz -initrd "$initrd" -append "$guest_options"
}

# In hundredths of a second since boot.
uptime_cs() {
	cut -d' ' -f1 /proc/uptime | tr -d .
}

# told_after SINCE: copies the guest's console, and says when its version came.
told_after() {
	while read -r line; do
		echo "$line"
		case $line in
		*'Vmbus version:'*) echo "boot $((($(uptime_cs) - $1) * 10)) ms" ;;
		esac
	done
}

# boots_on VMM TURN: hvd-user, hvd-kernel or qemu.
boots_on() {
	console=$LOGS/$1-$2.console
	"on_${1%-*}" "${1#*-}" </dev/null 2>"$LOGS/$1-$2.log" | told_after "$(uptime_cs)" >"$console"
	cat "$console" "$LOGS/$1-$2.log"
	grep -q '^boot [1-9]' "$console"
}

# A guest may break down by itself; see lib/linux.sh.
boots_twice() {
	boots_on "$@" && return 0
	echo "REPEATED: $1, turn $2" | tee -a "$LOGS/repeated"
	boots_on "$@"
}

# median VMM
median() {
	sed -n 's/^boot \([0-9]*\) ms$/\1/p' "$LOGS/$1"-*.console | sort -n |
		awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'
}

# report MODE
report() {
	echo "$(median "hvd-$1") $(median qemu)" | awk -v mode="$1" -v aim="$aim" 'NF == 2 {
		printf "# compare boot-to-vmbus-version, %s: hvd %d, QEMU %d ms, ratio %.2f (aim %s)\n",
			mode, $1, $2, $1 / $2, aim }'
}

make_start
make_initrd
: >"$LOGS/repeated"
for turn in $(seq "$turns"); do
	check "turn $turn: hvd, mode user" boots_twice hvd-user "$turn"
	check "turn $turn: hvd, mode kernel" boots_twice hvd-kernel "$turn"
	check "turn $turn: QEMU" boots_twice qemu "$turn"
done
sed 's/^/# /' "$LOGS/repeated"
report user
report kernel
plan
