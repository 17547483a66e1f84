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

# try_guest BASE ARGUMENTS [OPTION...]
try_guest() {
	base=$1
	arguments=$2
	shift 2
	# shellcheck disable=SC2086 # arguments are words
	run-guest --timeout 60 --records "$base.records" $arguments "$@" \
		>"$base.console" 2>"$base.log" </dev/null
}

# In here a guest has died of a triple fault four times in more than a thousand runs, on 6.1, three times
# in mode kernel and once in mode user, in programs that had little in common; whether the emulated CPU
# is to blame or hvd is not known. Such a guest gets a second try, and that is told, so that nobody
# overlooks a fifth time.
died_by_itself() {
	grep -q 'triple-faulted' "$1.log"
}

# repeat_guest WHAT [OPTION...]: of the guest that try_guest ran last.
repeat_guest() {
	what=$1
	shift
	if died_by_itself "$base"; then
		echo "# REPEATED: $what: $(grep 'triple-faulted' "$base.log")"
		try_guest "$base" "$arguments" "$@" && return
	fi
	touch "$base.failed"
}

# run_guest MODE NAME ARGUMENTS [OPTION...]: the options come last, and win. 0 if it passed.
run_guest() {
	what="$1 $2"
	base=$guests/$1/$2
	arguments=$3
	shift 3
	if [ ! -e "$base.console" ]; then
		mkdir -p "${base%/*}"
		try_guest "$base" "$arguments" "$@" || repeat_guest "$what" "$@"
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
