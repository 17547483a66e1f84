#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Every rule of the doctor is provoked by a test: prints which, by the tables of the two programs that do.
# Speaks TAP.
#
#   doctor-rules.sh SOURCE-ROOT
set -u
cd "$1" || exit 1

rules=40
tables=(tests/unit/test-doctor-provoke.c tests/unit/test-doctor-faults.c)

# tests_of RULE: its tests, a line each.
tests_of() {
	sed -n "s/^[[:space:]]*RULE(\"$1\", \([a-z0-9_]*\)),\$/\1/p" "${tables[@]}"
}

echo "1..$rules"
for number in $(seq 1 "$rules"); do
	found=$(tests_of "D$number")
	if [ -n "$found" ]; then
		echo "ok $number D$number"
		while read -r name; do
			echo "# D$number $name"
		done <<<"$found"
	else
		echo "not ok $number D$number: no test provokes it"
	fi
done
