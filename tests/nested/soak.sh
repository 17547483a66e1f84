#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# minutes of hv_sock, echo and components in a healthy Linux guest: the doctor finds nothing
# needs: vmlinuz guest-module=uio_hv_generic guest-module=hv_sock guest-module=hv_utils
# needs: program=tests/nested/uio-echo program=tests/nested/vsock-peer
# by name only
#
# --match chooses by mode and processors, as kernel-2; --append soak=60 says how many minutes each guest
# works (10). scripts/soak does both, for an hour.
#
# The load is bounded: this is not about speed. Whatever the doctor finds above a note is a failure, be
# it that hvd's own watch saw it (doctor.finding) or that a request did; there is a snapshot of the
# moment in the logs.
#
# shellcheck disable=SC2016,SC2154 # the guest expands; lib/linux.sh sets what is read here
set -u
. /rig/lib/tap.sh
. /rig/lib/linux.sh
choose_guests 'user-2 kernel-2' 'kernel-2 user-2'
minutes=$(sed -n 's/.*\bsoak=\([1-9][0-9]*\).*/\1/p' /proc/cmdline)
minutes=${minutes:-10}
server=/run/hvd/$SUITE.vsock_6000
loading=/tmp/loading
snapshots_max=5

# ---- the guest --------------------------------------------------------------------------------

# In the guest: a stream to a server of the host and back, again and again.
make_caller() {
	cat >"$guest_tree/bin/caller" <<'END'
#!/bin/sh
good=0 bad=0
echo calling
while sleep 1; do
	if vsock-peer connect 6000 </stream >/back && cmp -s /stream /back; then
		good=$((good + 1))
	else
		bad=$((bad + 1))
	fi
	echo "calls: $good good, $bad bad" >/calls.new
	mv /calls.new /calls
done
END
	chmod +x "$guest_tree/bin/caller"
	head -c 16384 /dev/urandom >"$guest_tree/stream"
}

starts() {
	start_guest --memory 256M --device heartbeat --device timesync --device shutdown \
		--device hvsock --device echo
}

# Two ports: a server has one client at a time.
serves() {
	answers 'uio0: open' 'uio-echo &' && answers 'listening$' 'vsock-peer echo 5000 &' &&
		answers '^both are there' 'vsock-peer echo 5001 & sleep 1; echo both are there'
}

all_ready() {
	hvctl ic list -o jsonl --columns name,state >/tmp/components
	cat /tmp/components
	[ "$(grep -c '"state":"ready"' /tmp/components)" = 3 ]
}

no_complaints() {
	in_guest 'dmesg | grep -E "WARNING:|BUG:|stalls|hung"' >/tmp/complaints
	cat /tmp/complaints
	[ ! -s /tmp/complaints ]
}

# ---- the load ---------------------------------------------------------------------------------
# Loops in the background, each with a file of words: how often it went well, how often not.

# note_turn LOOP COMMAND...
note_turn() {
	loop=$1
	shift
	if "$@" >>"$load/$loop.says" 2>&1; then
		echo good
	else
		echo bad
		date +%T >>"$load/$loop.says"
	fi >>"$load/$loop"
}

stream_once() {
	hvctl --timeout 60s sock 5000 <"$bulk" | cmp - "$bulk"
}

packets_once() {
	hvctl echo run --count 1000 --size 256 --window 32 --patience 60s -q
}

components_once() {
	hvctl --timeout 60s ic ping -q && hvctl --timeout 60s ic timesync -q
}

# again LOOP SECONDS: LOOP_once, with a rest between.
again() {
	while [ -e "$loading" ]; do
		note_turn "$1" "$1_once"
		sleep "$2"
	done
}

# One connection all the while, whose bytes trickle: lines that are all the same.
trickle() {
	while [ -e "$loading" ]; do
		seq 64 | sed 's/.*/the same line, whose end is not far/'
		sleep 0.5
	done | hvctl sock 5001 >/tmp/trickled 2>"$load/trickle.says"
}

begins_to_work() {
	load=$LOGS/load-$guest bulk=/tmp/bulk
	rm -rf "$load"
	mkdir -p "$load"
	head -c 131072 /dev/urandom >"$bulk"
	rm -f "$server"
	vsock-peer unix "$server" >/dev/null &
	server_pid=$!
	comes_true test -S "$server" || return 1
	: >"$loading"
	again stream 0.5 &
	loops=$!
	again packets 0.5 &
	loops="$loops $!"
	again components 3 &
	loops="$loops $!"
	trickle &
	loops="$loops $!"
	answers 'calling$' 'caller &'
}

ended() {
	# shellcheck disable=SC2086 # numbers
	! kill -0 $loops 2>/dev/null
}

# count LOOP WORD
count() {
	grep -cx "$2" "$load/$1"
}

tell_load() {
	in_guest 'cat /calls; killall caller' >/tmp/calls
	{
		echo "$(count stream good) streams of 128 KiB there and back, $(count stream bad) failed"
		echo "$(count packets good) runs of 1000 packets, $(count packets bad) failed"
		echo "$(count components good) pings and time settings, $(count components bad) failed"
		echo "$(wc -c </tmp/trickled) bytes trickled there and back"
		grep '^calls:' /tmp/calls
	} >"$load/figures"
	cat "$load/figures"
}

# It all went well, and the loops end.
worked() {
	rm -f "$loading"
	comes_true ended || return 1
	tell_load
	kill "$server_pid"
	[ "$(uniq /tmp/trickled | wc -l)" = 1 ] && ! grep -qE '[1-9][0-9]* (failed|bad)' "$load/figures" &&
		[ "$(grep -cE '^(calls: )?0 ' "$load/figures")" = 0 ]
}

# ---- the doctor -------------------------------------------------------------------------------

# hvd's own watch, its records, and requests; all of it for as long as the guest works.
watches() {
	found=$LOGS/found-$guest records=$LOGS/records-$guest
	: >"$found"
	hvctl inspect doctor/watch/watching --set true || return 1
	hvctl watch --type doctor.finding >"$records" 2>&1 &
	watchers=$!
	request_all_the_time 2>"$LOGS/requests-$guest" &
	watchers="$watchers $!"
}

request_all_the_time() {
	while [ -e "$loading" ]; do
		hvctl --timeout 60s doctor --watch -o jsonl >>"$found"
		date +%T >&2
	done
}

findings() {
	{
		grep -E '"severity": *"(warn|error)"' "$found"
		grep -E 'severity=(warn|error) .*what=appeared' "$records"
	} | wc -l
}

# What is good to know, as a signal to a connection that has just gone.
notes() {
	grep -c 'severity=info .*what=appeared' "$records"
}

tell_minute() {
	echo "#   $label: minute $1: $(findings) findings, $(count stream good) streams," \
		"$(count packets good) runs of packets" >&9
}

# A snapshot as soon as something was found.
look_closer() {
	seen=$1
	[ "$snapshots" -lt "$snapshots_max" ] || return
	snapshots=$((snapshots + 1))
	hvctl --timeout 60s snapshot "$LOGS/snapshot-$guest-$snapshots.json"
}

lives() {
	alive && ! vm_stopped && ! kernel_died "$console"
}

# Whether it lived through it.
soak() {
	set_now
	begin=$now seen=0 snapshots=0 minute=0
	while [ "$minute" -lt "$minutes" ] && lives; do
		sleep 1
		set_now
		[ "$(findings)" = "$seen" ] || look_closer "$(findings)"
		[ "$(((now - begin) / 60))" = "$minute" ] && continue
		minute=$(((now - begin) / 60))
		tell_minute "$minute"
	done
	[ "$minute" = "$minutes" ]
}

nothing_found() {
	hvctl log --type doctor.finding | grep doctor.finding >/tmp/logged
	cat /tmp/logged "$records"
	tail -n 20 "$found"
	[ "$(findings)" = 0 ] && ! grep -qE 'severity=(warn|error) ' /tmp/logged
}

# The watch did look, about once a second: at least once in four, for computers that are busy, and
# then with everybody in sight.
kept_looking() {
	hvctl inspect doctor/watch
	looks=$(hvctl inspect doctor/watch/examinations | sed -n 's/^value: *//p')
	unjudged=$(hvctl inspect doctor/watch/unjudged | sed -n 's/^value: *//p')
	echo "$looks looks, $unjudged of them did not judge everybody"
	[ $((looks - unjudged)) -ge $((minutes * 15)) ]
}

# The proof that they would have seen something: the host does not give the memory of echo back.
see_a_fault() {
	relid=$(hvctl echo list -o jsonl --columns relid | tr -dc 0-9)
	hvctl faults add hold_close --relid "$relid" --for 120s || return 1
	type_in 'killall uio-echo'
	comes 60 both_saw_it
	status=$?
	hvctl faults clear && return "$status"
}

both_saw_it() {
	grep -q '"severity": *"error"' "$found" &&
		grep -q 'severity=error .*what=appeared' "$records"
}

is_well() {
	hvctl --timeout 60s doctor --fail-on warn
}

# ---- one guest --------------------------------------------------------------------------------

boot() {
	check "$label: it boots" starts
	! boots 1 || test_soak
	# shellcheck disable=SC2086 # numbers
	kill ${watchers:-} ${loops:-} 2>/dev/null
	stop_guest
}

test_soak() {
	check "$label: the modules load" loads_modules
	check "$label: its programs serve" serves
	check "$label: its components are ready" comes "$patience" all_ready
	check "$label: it begins to work" begins_to_work
	check "$label: the doctor watches" watches
	check "$label: $minutes minutes" soak
	check "$label: it is well" is_well
	check "$label: all of its work went well" worked
	sed "s/^/# $label: /" "$load/figures"
	check "$label: the doctor kept looking" kept_looking
	check "$label: and found nothing" nothing_found
	echo "# $label: $minute minutes, $(findings) findings, $(notes) notes, $looks looks, $unjudged not of everybody"
	check "$label: though it sees a fault at once" see_a_fault
	check "$label: the guest has nothing to complain about" no_complaints
	check "$label: power-off ends hvd with status 0" powers_off
}

cp /rig/bin/uio-echo /rig/bin/vsock-peer "$guest_tree/bin/"
make_caller
make_initrd sleep cmp mv killall
for_each_guest boot
plan
