# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# For the lints that check rules one by one: a TAP line each, below a plan of their own.

number=0

# rule NAME OFFENDERS: holds when there are no offenders.
rule() {
	number=$((number + 1))
	if [ -z "$2" ]; then
		echo "ok $number $1"
	else
		echo "not ok $number $1"
		echo "$2" | sed 's/^/# /'
	fi
}
