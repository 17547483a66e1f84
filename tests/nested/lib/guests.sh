# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# Runs guest programs in a suite that needs guest-tests: `. /rig/lib/guests.sh`.
#
# /rig/guest-tests has a line NAME ARGUMENTS... for each; the pattern in /rig/match chooses.

chosen_guests() {
	match=$(cat /rig/match)
	while read -r name arguments; do
		# shellcheck disable=SC2254 # a pattern it is
		case $name in
		$match) echo "$name $arguments" ;;
		esac
	done </rig/guest-tests
}

# A program runs once for each mode and machine, whichever suite comes first; what it did stays in
# /tmp/guests/MODE/NAME.{console,log,records}, and NAME.failed exists if it failed.
guests=/tmp/guests

# run_guest MODE NAME ARGUMENTS [OPTION...]: the options come last, and win. 0 if it passed.
run_guest() {
	base=$guests/$1/$2
	arguments=$3
	shift 3
	if [ ! -e "$base.console" ]; then
		mkdir -p "${base%/*}"
		# shellcheck disable=SC2086 # arguments are words
		run-guest --timeout 60 --records "$base.records" $arguments "$@" \
			>"$base.console" 2>"$base.log" </dev/null || touch "$base.failed"
	fi
	[ ! -e "$base.failed" ]
}

# keep_guest MODE NAME: what it said, among the logs of the suite.
keep_guest() {
	cat "$guests/$1/$2.console" "$guests/$1/$2.log" >"$LOGS/$1-$2.log"
}

# run_guests MODE [OPTION...]: every chosen one, a test each.
run_guests() {
	mode=$1
	shift
	chosen_guests >/tmp/chosen-guests
	number=0
	while read -r name arguments; do
		number=$((number + 1))
		if run_guest "$mode" "$name" "$arguments" "$@"; then
			echo "ok $number - $mode $name"
		else
			echo "not ok $number - $mode $name"
			cat "$guests/$mode/$name.console" "$guests/$mode/$name.log" |
				tail -n 12 | sed 's/^/#   /'
		fi
		keep_guest "$mode" "$name"
	done </tmp/chosen-guests
	echo "1..$number"
}
