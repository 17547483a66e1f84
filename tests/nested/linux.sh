#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Debian's own kernel as the guest: to a shell on ttyS0, reboot, power-off, in both modes
# needs: vmlinuz
#
# --match chooses by mode and processors, as user-2.
#
# The emulated CPU does not tell KVM of XSETBV: a guest that uses XSAVE would lose its registers now
# and then, and Linux says "XSAVE consistency problem". Hence noxsave, here only.
set -u
. /rig/lib/tap.sh

match=$(cat /rig/match) guest=/tmp/guest initrd=/tmp/guest-initrd
options='console=ttyS0 quiet panic=-1 noxsave'
boot_seconds=120

# An initramfs of busybox, whose first process says that it runs and becomes a shell.
make_initrd() {
	mkdir -p "$guest/bin" "$guest/proc" "$guest/sys" "$guest/dev"
	cp /bin/busybox "$guest/bin/"
	for name in sh mount cat grep cut dmesg setsid cttyhack tty poweroff reboot; do
		ln -s busybox "$guest/bin/$name"
	done
	cat >"$guest/init" <<'EOT'
#!/bin/sh
export PATH=/bin PS1='guest# '
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
echo "guest up after $(cut -d' ' -f1 /proc/uptime) s"
exec setsid cttyhack sh
EOT
	chmod +x "$guest/init"
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

# boots COUNT: so often has the guest come up.
boots() {
	[ "$(grep -c '^guest up after' "$console")" -ge "$1" ]
}

alive() {
	kill -0 "$hvd" 2>/dev/null
}

up_or_dead() {
	boots 1 || ! alive
}

# start MODE VPS: hvd in the background, its standard input the guest's keyboard (descriptor 3).
start() {
	console=$LOGS/console-$1-$2
	rm -f /tmp/keys
	mkfifo /tmp/keys
	hvd --name linux --accel kvm --synic "$1" --cpus "$2" --kernel /rig/vmlinuz \
		--initrd "$initrd" --append "$options" </tmp/keys >"$console" 2>"$LOGS/hvd-$1-$2" &
	hvd=$!
	exec 3>/tmp/keys
	within "$boot_seconds" up_or_dead
	boots 1
}

# Under emulation one boot in 16 ends before its first process, whoever the VMM is.
starts() {
	start "$@" && return 0
	stop
	echo "# $1, $2 VPs: did not come up; once more"
	start "$@"
}

stop() {
	exec 3>&-
	kill -KILL "$hvd" 2>/dev/null
	wait "$hvd" 2>/dev/null
}

# type_in TEXT
type_in() {
	echo "$1" >&3
}

# The console is a terminal: lines end with CR LF.
shown() {
	tr -d '\r' <"$console" | grep -qE "$1"
}

# answers PATTERN TEXT: what the shell prints when TEXT is typed.
answers() {
	type_in "$2"
	within 20 shown "$1"
}

has_ended() {
	! alive
}

# powers_off: the guest ends, and hvd with status 0.
powers_off() {
	type_in 'poweroff -f'
	within 20 has_ended && wait "$hvd"
}

reboots() {
	type_in 'reboot -f'
	within "$boot_seconds" boots 2
}

tell() {
	echo "# $1, $2 VPs: $(tr -d '\r' <"$console" | grep -m1 '^guest up after')," \
		"$(hvctl vps list -j | tr ',' '\n' | sed -n 's/.*"total": *\([0-9]*\).*/\1/p' |
			awk '{ sum += $1 } END { print sum }') exits"
}

# boot MODE VPS
# shellcheck disable=SC2016 # the guest's shell expands what is typed
boot() {
	starts "$1" "$2"
	check "$1, $2 VPs: a shell on ttyS0" answers '^on /dev/ttyS0' 'echo on $(tty)'
	tell "$1" "$2"
	check "$1, $2 VPs: all processors" \
		answers "^cpus $2\$" 'echo cpus $(grep -c ^processor /proc/cpuinfo)'
	check "$1, $2 VPs: it detects Hyper-V" \
		answers '^.*\] Hypervisor detected: Microsoft Hyper-V' 'dmesg | grep detected:'
	check "$1, $2 VPs: its clock is the reference TSC page" \
		answers '^hyperv_clocksource_tsc_page' \
		'cat /sys/devices/system/clocksource/*/current_clocksource'
	check "$1, $2 VPs: its timers are synthetic" \
		answers '^ *HVS: +[1-9]' 'grep HVS /proc/interrupts'
	check "$1, $2 VPs: it has nothing to complain about" \
		answers '^complaints 0$' \
		'echo complaints $(dmesg | grep -cE "unchecked MSR|WARNING:|BUG:|unstable because|stalls")'
	[ "$2" != 2 ] || check "$1, $2 VPs: it reboots" reboots
	check "$1, $2 VPs: power-off ends hvd with status 0" powers_off
	stop
}

make_initrd
for mode in user kernel; do
	for vps in 1 2 4; do
		# shellcheck disable=SC2254 # a pattern it is
		case $mode-$vps in
		$match) boot "$mode" "$vps" ;;
		esac
	done
done
plan
