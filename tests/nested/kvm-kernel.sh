#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# unit tests of the KVM backend that need KVM's own SynIC
# needs: program=tests/unit/test-kvm-kernel
set -u
. /rig/lib/tap.sh

# Here none of it may be skipped.
runs_whole() {
	"$1" >"$LOGS/$1.log" 2>&1
	status=$?
	cat "$LOGS/$1.log"
	[ "$status" = 0 ] && ! grep -q SKIPPED "$LOGS/$1.log"
}

check 'registers that KVM holds are read and reset' runs_whole test-kvm-kernel
plan
