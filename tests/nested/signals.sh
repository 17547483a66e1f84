#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# a guest that signals an event port: not one exit with KVM's SynIC, and every signal counted
# needs: program=tests/unit/test-kvm-eventfd
set -u
. /rig/lib/tap.sh

fast=2000 # signals with flag number 0
slow=10   # with flag number 1: SLOW_SIGNALS of guest/programs/signal-fast.c
port=65541 # takes each signal and does nothing

# is PATH VALUE: a leaf of the inspection tree.
is() {
	value=$(hvctl inspect "$1" | sed -n 's/^value: *//p')
	[ "$value" = "$2" ] || {
		echo "$1 is '$value', not '$2'"
		return 1
	}
}

# check_signals SYNIC FAST-PATH EXITS: a guest signals; then its VP has left for that many calls.
check_signals() {
	hvd --demo --name signals --accel kvm --synic "$1" --serial "file:$LOGS/$1-console.log" \
		--append "run=signal-fast count=$fast" >"$LOGS/$1-hvd.log" 2>&1 </dev/null &
	hvd=$!
	check "$1: every call succeeds" \
		comes_true grep -q '^signalled, 0 refused' "$LOGS/$1-console.log"
	check "$1: the port has a fast path: $2" is "ports/$port/fast_path" "$2"
	check "$1: $3 hypercalls left the guest" is vps/0/exits/hypercall "$3"
	check "$1: the port counts all signals" \
		comes_true is "ports/$port/accepted" "$((fast + slow))"
	check "$1: and so does HvSignalEvent" is hypercalls/93/count "$((fast + slow))"
	check "$1: hvd ends with status 0" ends_with_zero "$hvd"
}

check 'KVM takes and refuses eventfds as it says it does' test-kvm-eventfd
check_signals user no "$((fast + slow))"
check_signals kernel yes "$slow"
plan
