#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# what the flight recorder costs a guest that floods, and what a watcher that hangs costs it
# needs: program=tests/bench/bench-record
# machine: counted
# by name only
#
# The same guest does nothing but signal and post, with the recorder off, on, and on with a watcher
# that has stopped reading. On a counted machine the ratios are those of instructions, and there is one
# CPU for guest and daemon: what a watcher is sent until its socket is full counts, too. Nothing passes
# or fails on a figure.
set -u
. /rig/lib/tap.sh
rounds=20000
export HVD_RUNTIME_DIR=$LOGS/run

hvctl_quiet() {
	hvctl -q "$@" >/dev/null
}

answers() {
	hvctl vm show >/dev/null 2>&1
}

# flood MODE SETTING: the guest's own time, in $LOGS/MODE-SETTING.
flood() {
	hvd --demo --paused --accel kvm --synic "$1" --memory 64M --on-stop exit \
		--log-level error --serial "file:$LOGS/console" \
		--append "run=spin-work rounds=$rounds spins=0 vps=1" &
	hvd=$!
	comes_true answers || return 1
	[ "$2" != off ] || hvctl_quiet inspect recorder/enabled --set false || return 1
	watcher=
	if [ "$2" = stopped-watcher ]; then
		hvctl -j watch >/dev/null 2>&1 &
		watcher=$!
		sleep 0.3
		kill -STOP "$watcher"
	fi
	hvctl_quiet vm resume || return 1
	wait "$hvd"
	[ -z "$watcher" ] || kill -KILL "$watcher"
	sed -n 's/^elapsed_100ns //p' "$LOGS/console" >"$LOGS/$1-$2"
	hvctl -j log --file "$HVD_RUNTIME_DIR/vm.log" --count 1 >/dev/null &&
		hvctl -j log --file "$HVD_RUNTIME_DIR/vm.log" | tail -n 1 |
		sed 's/.*"seq":\([0-9]*\).*/# \1 records/'
	cat "$LOGS/console"
	[ -s "$LOGS/$1-$2" ]
}

report() {
	paste "$LOGS/$1-off" "$LOGS/$1-$2" | awk -v mode="$1" -v setting="$2" -v rounds="$rounds" '{
		printf "# recorder: mode %s, %s against recorder off: ratio %.3f", mode, setting, $2 / $1
		printf " (%.1f us and %.1f us a round; aim: 1.03)\n", $1 / 10 / rounds, $2 / 10 / rounds }'
}

one_record() {
	bench-record >"$LOGS/record"
}

for mode in user kernel; do
	for setting in off on stopped-watcher; do
		check "a flood in mode $mode, recorder $setting" flood "$mode" "$setting"
	done
	report "$mode" on
	report "$mode" stopped-watcher
done
check 'a record is measured' one_record
sed 's/^/# /' "$LOGS/record"
plan
