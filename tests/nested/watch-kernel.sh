#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# hvctl watch --kernel: KVM's own trace events among hvd's records, and nothing left behind
# needs: tracefs
set -u
. /rig/lib/tap.sh
tracing=/sys/kernel/tracing
records=$LOGS/records.jsonl

# has TYPE [TEXT]: a record of that type, with that text in it.
has() {
	grep -F "\"type\":\"$1\"" "$records" | grep -qF "${2-}"
}

# A line for each record: when, and what.
moments() {
	sed -n 's/.*"mono_ns":\([0-9]*\),"type":"\([^"]*\)".*/\1 \2/p' "$records"
}

# An emulated machine may hold a record up for longer than others wait for it: at most a few.
in_order() {
	moments | awk '$1 < last { print "late:", last - $1, $2; late++ } { last = $1 }
		END { exit late > 6 }'
}

# merged: between two records of hvd there is one of KVM, and the other way round.
merged() {
	changes=$(moments | awk '{ kernel = $2 ~ /^kvm\./ } kernel != last { n++ } { last = kernel }
		END { print n }')
	echo "$changes changes of source"
	[ "$changes" -ge 20 ]
}

no_instance() {
	ls "$tracing/instances"
	[ -z "$(ls "$tracing/instances")" ]
}

has_instance() {
	[ -d "$tracing/instances/hvd-hvctl-$1" ]
}

# start_watch: in the background, until it traces. Sets watcher.
start_watch() {
	hvctl watch --kernel >/dev/null 2>&1 &
	watcher=$!
	comes_true has_instance "$watcher"
}

# ends_with STATUS SIGNAL: a watch that gets that signal.
ends_with() {
	start_watch || return 1
	kill "-$2" "$watcher"
	status=0
	wait "$watcher" || status=$?
	echo "status $status"
	[ "$status" = "$1" ] && no_instance
}

killed_leaves_one() {
	start_watch || return 1
	kill -KILL "$watcher"
	wait "$watcher"
	has_instance "$watcher"
}

next_removes_it() {
	timeout 20 hvctl watch --kernel --count 1 && no_instance
}

reader_leaves() {
	timeout 20 hvctl watch --kernel | head -n 3
	no_instance
}

# refuses STATUS CODE: what it is refused with, and that nothing is left.
refuses() {
	wanted=$1 code=$2
	shift 2
	output=$(timeout 20 "$@" 2>&1)
	status=$?
	echo "status $status: $output"
	[ "$status" = "$wanted" ] && echo "$output" | grep -q "($code)"
}

only_stimers_of_vp() {
	timeout 30 hvctl watch --kernel --type 'kvm.stimer_*' --vp "$1" --count 5 >"$LOGS/stimers" ||
		return 1
	cat "$LOGS/stimers"
	[ "$(grep -c "VP $1 .* kvm.stimer_" "$LOGS/stimers")" = 5 ]
}

# A guest writes EOM when a message waited for its slot: this one leaves one there for a while.
eom() {
	hvd --demo --paused --name eom --accel kvm --synic kernel --append 'stop-consuming=2 for=1' \
		--serial null >"$LOGS/hvd-eom.log" 2>&1 </dev/null &
	hvd=$!
	comes_true hvctl vm wait --for state=created --timeout 1s || return 1
	hvctl watch --kernel -j --type kvm.synic_set_msr >"$LOGS/eom" &
	watcher=$!
	comes_true has_instance "$watcher" || return 1
	hvctl vm resume
	comes_true grep -q '"msr":"0x40000084"' "$LOGS/eom"
	found=$?
	kill "$watcher" "$hvd"
	wait "$watcher" "$hvd"
	return "$found"
}

hvd --demo --name demo --accel kvm --synic kernel --cpus 2 --serial "file:$LOGS/console.log" \
	>"$LOGS/hvd.log" 2>&1 </dev/null &
hvd=$!
check 'the VM runs' comes_true hvctl vm wait --for state=running --timeout 1s
check 'its SynIC is in the kernel' prints '"synic_mode": *"kernel"' hvctl vm show -j
check 'the guest is at work' comes_true prints 'accepted: *[1-9]' hvctl ports show 65537

check 'so many records and no more' \
	sh -c "timeout 60 hvctl watch --kernel -j --count 600 >$records && [ \$(wc -l <$records) = 600 ]"
check 'a SINT is asserted in the kernel' has kvm.synic_set_irq '"sint":2'
check 'the vector is an argument' has kvm.synic_set_irq '"vector":'
check 'an acknowledged SINT is seen' has kvm.notify_acked_sint '"sint":'
check 'a timer that expires is seen' has kvm.stimer_expiration '"timer_index":'
check 'a hypercall is seen, and whose' has kvm.hypercall '"vp":0'
check "hvd's own records are there" has message.delivered '"sint":2'
check "KVM's have no number" sh -c "! grep '\"type\":\"kvm\\.' $records | grep -v '\"seq\":null'"
check 'everything is in order by time' in_order
check 'both sources are merged' merged
check 'its instance is gone' no_instance

check 'only timers of VP 0' only_stimers_of_vp 0
check 'a type that this kernel has not' refuses 3 no_such_event \
	hvctl watch --kernel --type 'kvm.nothing'
check 'SIGINT: 130, and no instance' ends_with 130 INT
check 'SIGTERM ends it, and no instance' ends_with 143 TERM
check 'SIGHUP ends it, and no instance' ends_with 129 HUP
check 'its reader leaves: no instance' reader_leaves
check 'SIGKILL leaves an instance' killed_leaves_one
check 'the next watch removes it' next_removes_it

umount "$tracing"
check 'tracefs not mounted: what is missing' refuses 4 tracefs_not_mounted hvctl watch --kernel
check 'and how to mount it' prints 'mount -t tracefs' sh -c 'hvctl watch --kernel 2>&1 || :'
mount -t tracefs tracefs "$tracing"

hvctl watch --kernel >"$LOGS/end" 2>&1 &
watcher=$!
comes_true grep -q message.delivered "$LOGS/end"
check 'hvd ends with status 0' ends_with_zero "$hvd"
check 'and the watch with it' wait "$watcher"
check 'it was told why' grep -q 'end .*reason=stopping' "$LOGS/end"
check 'and it leaves no instance' no_instance
check 'EOM is seen, where a message waited for it' eom
plan
