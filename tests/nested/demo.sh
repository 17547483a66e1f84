#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# hvd --demo on real KVM in both modes, and hvctl looking in, injecting and signalling
set -u
. /rig/lib/tap.sh

# delivers MODE: the guest takes what comes from outside, on both VPs.
delivers() {
	check "$1: a message is delivered to VP 0" prints '^delivered' hvctl inject --vp 0 --sint 2
	check "$1: a message is delivered to VP 1" prints '^delivered' hvctl inject --vp 1 --sint 2
	check "$1: an event flag is set" hvctl signal --vp 0 --sint 2 --flag 5
	check "$1: watch sees deliveries" \
		prints 'message.delivered' timeout 20 hvctl watch --sint 2 --count 12
}

# demo MODE
demo() {
	hvd --demo --name demo --accel kvm --synic "$1" --cpus 2 \
		--serial "file:$LOGS/console-$1.log" >"$LOGS/hvd-$1.log" 2>&1 </dev/null &
	hvd=$!
	check "$1: the VM runs" comes_true hvctl vm wait --for state=running --timeout 1s
	check "$1: the SynIC is where it was asked to be" \
		prints "\"synic_mode\": *\"$1\"" hvctl vm show -j
	check "$1: the guest posts messages" \
		comes_true prints 'accepted: *[1-9]' hvctl ports show 65537
	check "$1: ports list shows the message port" prints '65537|0x10001' hvctl ports list
	check "$1: sints list shows SINT 2 of VP 1" \
		comes_true prints '^ *1 +0x60' hvctl sints list
	delivers "$1"
	check "$1: it pauses" hvctl vm pause
	check "$1: it resumes" hvctl vm resume
	check "$1: it resets" hvctl vm reset
	check "$1: SINT 2 of VP 1 is set up again" comes_true prints '^ *1 +0x60' hvctl sints list
	delivers "$1, after the reset"
	check "$1: hvd ends with status 0" ends_with_zero "$hvd"
}

demo user
demo kernel
plan
