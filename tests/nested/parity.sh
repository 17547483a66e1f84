#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# every guest program does the same in every mode, but for what is documented
# needs: guest-tests program=tests/guest/parity file=tests/guest/parity/differences
set -u
# shellcheck source=lib/guests.sh
. /rig/lib/guests.sh

# A flood is as many records as there is time for, millions on sim; for the rest it is the demo.
comparable_guests() {
	chosen_guests | grep -v '^demo-flood '
}

# run_mode MODE [OPTION...]: a program that fails leaves what no comparison lets pass.
run_mode() {
	mode=$1
	shift
	echo "# running every program in mode $mode"
	while read -r name arguments; do
		run_guest "$mode" "$name" "$arguments" "$@" ||
			echo 'the program failed' >"$guests/$mode/$name.records"
	done </tmp/comparable-guests
}

comparable_guests >/tmp/comparable-guests
run_mode sim --accel sim
run_mode user --synic user
run_mode kernel --synic kernel
whole=
[ "$(cat /rig/match)" = '*' ] || whole=--partial
# shellcheck disable=SC2086 # no word when empty
parity $whole /rig/files/differences "$guests" sim user kernel >"$LOGS/report" 2>&1
cat "$LOGS/report"
# What differed, as it was recorded.
sed -n 's/^not ok .*: //p' "$LOGS/report" | sort -u | while read -r name; do
	for mode in sim user kernel; do
		[ -e "$guests/$mode/$name.console" ] || continue
		keep_guest "$mode" "$name"
		cp "$guests/$mode/$name.records" "$LOGS/$mode-$name.records" 2>/dev/null
	done
done
