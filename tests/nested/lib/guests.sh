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

# run_guests LABEL [OPTION...]: every chosen one, with further options of run-guest.
run_guests() {
	label=$1
	shift
	chosen_guests >/tmp/chosen-guests
	number=0
	while read -r name arguments; do
		number=$((number + 1))
		log=$LOGS/$name.log
		# shellcheck disable=SC2086 # arguments are words
		if run-guest "$@" --timeout 60 $arguments >"$log" 2>&1 </dev/null; then
			echo "ok $number - $label $name"
		else
			echo "not ok $number - $label $name"
			tail -n 12 "$log" | sed 's/^/#   /'
		fi
	done </tmp/chosen-guests
	echo "1..$number"
}
