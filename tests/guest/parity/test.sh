#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What the parity comparator finds, and what it must not find. Speaks TAP.
#
#   test.sh PARITY
set -u
parity=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
number=0
mkdir -p "$work/a" "$work/b"

# record SEQ TYPE VP SINT ARGUMENTS
record() {
	echo "{\"seq\":$1,\"mono_ns\":$RANDOM,\"type\":\"$2\",\"vp\":$3,\"vtl\":0,\"sint\":$4,\"args\":{$5}}"
}

message() {
	record "$1" message.delivered 0 "$2" \
		"\"message_type\":\"$3\",\"queue_depth\":$RANDOM,\"latency_ns\":$RANDOM"
}

interrupt() {
	record "$1" sint.assert 0 "$2" "\"vector\":$3,\"status\":\"ok\""
}

post() {
	record "$1" port.message 0 null "\"connection_id\":7,\"status\":\"$2\""
}

simp() {
	record "$1" page 0 null "\"msr\":\"SIMP\",\"old\":\"$2\",\"new\":\"$3\""
}

# One run that both modes share unless a test says otherwise.
usual() {
	post 1 success
	message 2 2 0x1
	interrupt 3 2 96
	message 4 2 0x2
	interrupt 5 2 96
	message 6 5 0x1
	interrupt 7 5 101
}

# given A-RECORDS B-RECORDS [DIFFERENCES]: what the two modes did, and what is documented.
given() {
	echo "$1" >"$work/a/p.records"
	echo "$2" >"$work/b/p.records"
	echo "ok 1 - fine" | tee "$work/a/p.console" >"$work/b/p.console"
	echo "${3-}" >"$work/differences"
}

# finds passed|failed NAME [OPTION]: the verdict of the comparator, and NAME for the rule.
finds() {
	local verdict=passed

	number=$((number + 1))
	# shellcheck disable=SC2086 # no word when empty
	"$parity" ${3-} "$work/differences" "$work" a b >"$work/report" 2>&1 || verdict=failed
	if [ "$verdict" = "$1" ]; then
		echo "ok $number - $2"
	else
		echo "not ok $number - $2"
		sed 's/^/# /' "$work/report"
	fi
}

without() {
	usual | grep -v "\"seq\":$1,"
}

given "$(usual)" "$(usual)"
finds passed 'times, ages and depths do not count'
given "$(usual)" "$(usual | sed 's/"0x2"/"0x3"/')"
finds failed 'another field of a record counts'
given "$(usual)" "$(without 4)"
finds failed 'a missing message counts'
given "$(usual)" "$(without 5)"
finds failed 'a missing interrupt counts'
given "$(usual)" "$(usual; message 8 2 0x2)"
finds failed 'a message that comes twice counts'
given "$(usual)" "$(post 1 success; message 2 2 0x2; interrupt 3 2 96; message 4 2 0x1; interrupt 5 2 96; message 6 5 0x1; interrupt 7 5 101)"
finds failed 'the order within a SINT counts'
given "$(usual)" "$(post 1 success; message 2 5 0x1; interrupt 3 5 101; message 4 2 0x1; interrupt 5 2 96; message 6 2 0x2; interrupt 7 2 96)"
finds passed 'the order between SINTs does not'
given "$(usual)" "$(post 0 insufficient_buffers; usual)"
finds passed 'how often a post was refused does not'
given "$(usual)" "$(usual; record 8 message.busy 0 2 '"queue_depth":1')"
finds passed 'nor whether a slot was busy'
given "$(usual)" "$(usual; record 8 event.flag 0 2 '"flag":1,"newly":false,"status":"ok"')"
finds passed 'nor an event for a flag that is set already'
given "$(usual; record 8 port.signal 1 null '"connection_id":9,"flag":0,"status":"success"')" \
	"$(usual; record 8 port.signal.fast null null '"connection_id":9,"count":1,"status":"success"')" \
	'p a-b field=vp port.signal because'
finds passed 'a signal is one, fast or not'
given "$(usual)" "$(usual; record 8 coffee 0 null '')"
finds failed 'a kind of record nobody has thought of counts'
given "$(usual)" "$(usual | sed '3s/}$//')"
finds failed 'so does one that is cut off'
given "$(simp 1 0x0 0x1001; simp 2 0x1001 0x2001; simp 3 0x2001 0x1001)" \
	"$(simp 1 0x0 0x7001; simp 2 0x7001 0x5001; simp 3 0x5001 0x7001)"
finds passed 'where the guest has its pages does not count'
given "$(simp 1 0x0 0x1001; simp 2 0x1001 0x2001; simp 3 0x2001 0x1001)" \
	"$(simp 1 0x0 0x7001; simp 2 0x7001 0x5001; simp 3 0x5001 0x6001)"
finds failed 'whether it comes back to one does'
given "$(usual)" "$(usual)"
echo "ok 1 - not so fine" >"$work/b/p.console"
finds failed 'the console counts'
echo "ok 2 - fine" >"$work/b/p.console"
finds passed 'the numbers of its tests do not'
rm "$work/b/p.console"
finds failed 'a run that is missing counts'

given "$(usual)" "$(without 4 | grep -v '"seq":5,')" \
	'p a-b only=a message.delivered:message_type=0x2 because'
finds passed 'a documented message of one mode may be missing in the other'
given "$(usual)" "$(without 2 | grep -v '"seq":3,')" \
	'p a-b only=a message.delivered:message_type=0x2 because'
finds failed 'but no other one'
given "$(usual; message 8 2 0x2)" "$(usual)" 'p a-b only=a message.delivered because'
finds passed 'nor what one mode has more of'
given "$(usual; message 8 2 0x2)" "$(usual | sed 's/"0x1"/"0x7"/')" \
	'p a-b only=a message.delivered because'
finds failed 'what both have is still compared'
given "$(usual; message 8 2 0x2)" "$(usual)" \
	'p a-b only=a message.delivered:interrupt.event= because'
finds passed 'a field may be asked to be absent'
given "$(usual)" "$(usual)" 'p a-b sometimes=a message.delivered because'
finds passed 'what a race decides need not occur'
given "$(usual)" "$(usual | sed 's/"vector":96/"vector":0/')" \
	'p a-b field=interrupt.vector message.delivered because'
finds passed 'a documented field may differ'
given "$(usual)" "$(usual)" 'p a-b field=interrupt.vector message.delivered because'
finds failed 'one that no longer does must go from the list'
finds passed 'unless only some programs were run' --partial
given "$(usual)" "$(usual)" 'p a-c field=interrupt.vector message.delivered because'
finds passed 'what is documented for other modes is of no interest'
given "$(usual)" "$(usual; usual)" 'p * timed * because'
finds passed 'how often a timed program did something does not count'
given "$(usual)" "$(post 1 success; message 2 2 0x2; interrupt 3 2 96; message 4 2 0x1; interrupt 5 2 96; message 6 5 0x1; interrupt 7 5 101)" \
	'p * timed * because'
finds passed 'nor in which order'
given "$(usual)" "$(usual)" 'p a-b perhaps=a message.delivered because'
finds failed 'a line nobody understands counts'
given "$(usual)" "$(usual)" 'p a-b only=a message.delivered'
finds failed 'a difference without a reason counts'
echo "1..$number"
