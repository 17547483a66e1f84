#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Debian's own kernel as the guest: to a shell on ttyS0, reboot, power-off, in both modes
# needs: vmlinuz
#
# --match chooses by mode and processors, as user-2. Each kernel has every mode with 1, 2 and
# 4 processors in one of the suites linux, vmbus and ic.
#
# shellcheck disable=SC2034,SC2154 # lib/linux.sh reads guests, and sets what is read here
set -u
. /rig/lib/tap.sh
. /rig/lib/linux.sh
choose_guests 'kernel-1 user-4' 'user-1 kernel-2'

# shellcheck disable=SC2016 # the guest's shell expands what is typed
boot() {
	check "$label: it boots" start_guest
	tell_boot
	check "$label: a shell on ttyS0" answers '^on /dev/ttyS0' 'echo on $(tty)'
	check "$label: all processors" \
		answers "^cpus $vps\$" 'echo cpus $(grep -c ^processor /proc/cpuinfo)'
	check "$label: it detects Hyper-V" \
		answers '^.*\] Hypervisor detected: Microsoft Hyper-V' 'dmesg | grep detected:'
	check "$label: its clock is the reference TSC page" \
		answers '^hyperv_clocksource_tsc_page' \
		'cat /sys/devices/system/clocksource/*/current_clocksource'
	check "$label: its timers are synthetic" \
		answers '^ *HVS: +[1-9]' 'grep HVS /proc/interrupts'
	check "$label: it has nothing to complain about" \
		answers '^complaints 0$' \
		'echo complaints $(dmesg | grep -cE "unchecked MSR|WARNING:|BUG:|unstable because|stalls")'
	[ "$vps" != 2 ] || check "$label: it reboots" reboots
	check "$label: power-off ends hvd with status 0" powers_off
	stop_guest
}

make_initrd tty
for_each_guest boot
plan
