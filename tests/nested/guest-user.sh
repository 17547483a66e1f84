#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# every guest program on real KVM, SynIC in user space
#
# /rig/guest-tests has a line NAME ARGUMENTS... for each; the pattern in /rig/match chooses.
set -u
tests=/tmp/guest-tests
match=$(cat /rig/match)
number=0

while read -r name arguments; do
	# shellcheck disable=SC2254 # a pattern it is
	case $name in
	$match) echo "$name $arguments" ;;
	esac
done </rig/guest-tests >"$tests"

echo "1..$(wc -l <"$tests")"
while read -r name arguments; do
	number=$((number + 1))
	log=$LOGS/guest-$name.log
	# shellcheck disable=SC2086 # arguments are words
	if run-guest --timeout 60 $arguments >"$log" 2>&1 </dev/null; then
		echo "ok $number - user $name"
	else
		echo "not ok $number - user $name"
		tail -n 12 "$log" | sed 's/^/#   /'
	fi
done <"$tests"
