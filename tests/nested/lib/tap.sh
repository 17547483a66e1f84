# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# TAP for the suites of the nested rig: `. /rig/lib/tap.sh`, tests, and `plan` at the end.
# $SUITE and $LOGS come from tests/nested/init.

number=0

# tell_result LINE. lib/linux.sh has another one.
tell_result() {
	echo "$1"
}

# check NAME COMMAND...: one test; what the command printed is kept, and shown when it fails.
check() {
	name=$1
	shift
	number=$((number + 1))
	if "$@" >"$LOGS/$number.log" 2>&1; then
		tell_result "ok $number - $SUITE: $name"
	else
		tell_result "not ok $number - $SUITE: $name"
		tail -n 20 "$LOGS/$number.log" | sed 's/^/#   /'
	fi
}

# skip NAME WHY: one test that cannot be run here.
skip() {
	number=$((number + 1))
	tell_result "ok $number - $SUITE: $1 # SKIP $2"
}

# plan: at the end of a suite; without it the suite counts as ended early.
plan() {
	echo "1..$number"
}

# runs_whole PROGRAM: a unit test passes, and here skips nothing.
runs_whole() {
	output=$("$1" 2>&1)
	status=$?
	printf '%s\n' "$output"
	[ "$status" = 0 ] && ! printf '%s\n' "$output" | grep -q SKIPPED
}

# prints PATTERN COMMAND...: the command succeeds and a line of its output matches.
prints() {
	pattern=$1
	shift
	output=$("$@" 2>&1) && printf '%s\n' "$output" && printf '%s\n' "$output" | grep -qE "$pattern"
}

# comes_true COMMAND...: within a minute, which is long for anything.
comes_true() {
	for _ in $(seq 300); do
		"$@" && return 0
		sleep 0.2
	done
	return 1
}

# ends_with_zero PID: a child, asked to end by SIGTERM.
ends_with_zero() {
	kill -TERM "$1" && wait "$1"
}
