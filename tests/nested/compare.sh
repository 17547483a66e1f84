#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# hvd beside Debian's QEMU: the same measuring guest on the same KVM, as ratios of medians
# needs: qemu guest-image
# machine: counted
#
# Nothing passes or fails on time: a test fails when a VMM cannot run the guest or a figure is
# missing. In each figure's line the aim stands beside the ratio. The VMMs take turns; where time is
# that of a busy computer, more of them.
set -u
. /rig/lib/tap.sh
turns=5 rounds=200
[ "$(cat /rig/machine)" = plain ] || turns=2 rounds=50
image=/rig/hvd-guest.elf guest="run=measure vps=1 rounds=$rounds"
figures='message-round-trip:0.80 event-signal:1.00 timer-message:1.00'

# on_hvd CONSOLE: the exit status is what the guest wrote to the debug exit, times 2 plus 1.
on_hvd() {
	timeout 60 hvd --name compare --kernel "$image" --append "$guest" --memory 64M --testdev \
		--accel kvm --synic kernel --serial "file:$1" --on-stop exit --log-level error
	[ $? = 1 ]
}

on_qemu() {
	timeout 60 qemu-system-x86_64 -machine pc,accel=kvm -m 64 -nodefaults -display none -no-reboot \
		-cpu host,kvm=off,hv-relaxed,hv-vpindex,hv-time,hv-synic,hv-stimer \
		-device hyperv-testdev -device isa-debug-exit,iobase=0xf4,iosize=4 \
		-serial "file:$1" -kernel "$image" -append "$guest"
	[ $? = 1 ]
}

# measured VMM TURN: it runs the guest, which prints every figure.
measured() {
	console=$LOGS/$1-$2.console
	"on_$1" "$console"
	status=$?
	cat "$console"
	[ "$status" = 0 ] || return 1
	for figure in $figures; do
		grep -q "^measure ${figure%:*} [1-9]" "$console" || return 1
	done
}

# median VMM FIGURE: of the medians of its turns.
median() {
	sed -n "s/^measure $2 \([0-9]*\) .*/\1/p" "$LOGS/$1"-*.console | sort -n |
		awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'
}

# report FIGURE AIM
report() {
	hvd=$(median hvd "$1")
	qemu=$(median qemu "$1")
	unit=$(sed -n "s/^measure $1 .* //p" "$LOGS/hvd-1.console")
	echo "$hvd $qemu" | awk -v figure="$1" -v aim="$2" -v unit="$unit" 'NF == 2 {
		printf "# compare %s: hvd %d, QEMU %d %s, ratio %.2f (aim %s)\n",
			figure, $1, $2, unit, $1 / $2, aim }'
}

for turn in $(seq "$turns"); do
	check "turn $turn: hvd runs the guest" measured hvd "$turn"
	check "turn $turn: QEMU runs the guest" measured qemu "$turn"
done
for figure in $figures; do
	report "${figure%:*}" "${figure#*:}"
done
plan
