#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# calls of KVM that fail: the VM stops and says which and why, and the API stays up
# needs: program=tests/cli/fail-ioctl.so
set -u
. /rig/lib/tap.sh
fails=/tmp/fails

# start SYNIC REQUEST: the demo, in which this ioctl fails while $fails exists. Sets hvd.
start() {
	rm -f "$fails"
	env LD_PRELOAD=/rig/bin/fail-ioctl.so FAIL_IOCTL_REQUEST="$2" FAIL_IOCTL_WHEN="$fails" \
		hvd --demo --name failing --accel kvm --synic "$1" --cpus 2 \
		--serial "file:$LOGS/console.log" >>"$LOGS/hvd.log" 2>&1 </dev/null &
	hvd=$!
	comes_true hvctl -n failing vm wait --for state=running --timeout 1s &&
		comes_true prints 'accepted: *[1-9]' hvctl -n failing ports show 65537
}

fails_from_now() {
	: >"$fails"
	"$@"
	hvctl -n failing vm wait --for state=stopped --timeout 10s
}

# shows PATTERN: vm show, for people.
shows() {
	prints "$1" hvctl -n failing vm show
}

all_is_shown() {
	for words in 'vps list' 'sints list' 'synic show' 'stimers list' 'ports list' 'routes list' \
		'hv show' 'log --count 5' 'inspect --depth 2'; do
		# shellcheck disable=SC2086 # several words
		hvctl -n failing $words >/dev/null || { echo "$words"; return 1; }
	done
}

runs_again() {
	rm -f "$fails"
	hvctl -n failing vm reset && hvctl -n failing vm wait --for state=running --timeout 10s
}

# failure SYNIC IOCTL REQUEST ARGUMENTS [COMMAND...]: the command, if any, makes hvd call it.
failure() {
	synic=$1 ioctl=$2 request=$3 arguments=$4
	shift 4
	check "$synic $ioctl: the VM runs" start "$synic" "$request"
	check "$synic $ioctl: the VM stops" fails_from_now "$@"
	check "$synic $ioctl: because a call failed" shows '^  reason: +ioctl_failed$'
	check "$synic $ioctl: it is named" shows "^  ioctl: +$ioctl\$"
	check "$synic $ioctl: with its errno" shows '^  error: +-5$'
	check "$synic $ioctl: and its arguments" shows "^  arguments: +$arguments"
	check "$synic $ioctl: everything else is shown" all_is_shown
	check "$synic $ioctl: a reset cures it" runs_again
	check "$synic $ioctl: hvd ends with 0" ends_with_zero "$hvd"
}

failure kernel KVM_RUN 0xae80 'immediate_exit 0' true
failure kernel KVM_IRQ_LINE_STATUS 0xc008ae67 'gsi [0-9]+, VP [01]' true
failure kernel KVM_SET_MSRS 0x4008ae89 '[0-9]+ registers' hvctl -n failing vm reset
failure user KVM_SIGNAL_MSI 0x4020aea5 'VP [01] vector 0x' hvctl -n failing inject --vp 0 --sint 2
plan
