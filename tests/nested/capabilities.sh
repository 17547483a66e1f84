#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# what KVM can do: listed, chosen by it, and CPUID enforced or not
# needs: guest-image
set -u
. /rig/lib/tap.sh

# start ARGS...: the demo on KVM, until it runs. Sets hvd.
start() {
	hvd --demo --name caps --accel kvm --cpus 2 --serial "file:$LOGS/console.log" "$@" \
		>>"$LOGS/hvd.log" 2>&1 </dev/null &
	hvd=$!
	comes_true hvctl -n caps vm wait --for state=running --timeout 1s
}

# shows PATTERN: vm show, for people.
shows() {
	prints "$1" hvctl -n caps vm show
}

# The table of capabilities: NAME NUMBER VALUE NEEDED.
rows() {
	hvctl -n caps vm show | sed -n '/^capabilities:/,$p' | sed 1,2d
}

all_needed_are_there() {
	rows | awk '$4 == "yes" { needed++; if ($3 < 1) { print "lacks " $0; lacks++ } }
		END { print needed " needed, " NR " in all"; exit !(needed >= 20 && !lacks) }'
}

# needed NAME yes|no: and KVM has it.
needed() {
	rows | awk -v name="$1" -v needed="$2" \
		'$1 == name && $3 > 0 && $4 == needed { found++ } END { exit found != 1 }'
}

# what_the_mode_needs SYNIC FILTER: what KVM's own SynIC takes, and what hvd's own.
what_the_mode_needs() {
	for capability in HYPERV HYPERV_TIME HYPERV_SYNIC2 HYPERV_VP_INDEX HYPERV_CPUID \
		IRQFD_RESAMPLE IRQ_INJECT_STATUS; do
		needed "$capability" "$1" || { echo "$capability"; return 1; }
	done
	needed X86_USER_SPACE_MSR "$2" && needed X86_MSR_FILTER "$2"
}

# cpuid_program STATUS ENFORCE OPTIONS: hvd's exit status after the guest program; 1: it passed,
# 3: it failed.
cpuid_program() {
	hvd --kernel /rig/hvd-guest.elf --name cpuid --synic kernel --enforce-cpuid "$2" --testdev \
		--serial "file:$LOGS/cpuid-$2.log" --on-stop exit --append "run=cpuid vps=1 $3" \
		</dev/null
	status=$?
	echo "status $status"
	cat "$LOGS/cpuid-$2.log"
	[ "$status" = "$1" ]
}

check 'the VM runs' start
check 'KVM holds the SynIC by itself' shows '^synic_mode: +kernel$'
check 'CPUID is enforced by itself' shows '^enforce_cpuid: +yes$'
check 'every capability that is needed is there' all_needed_are_there
check 'these are what mode kernel takes' what_the_mode_needs yes no
check 'enforcement takes its own' needed HYPERV_ENFORCE_CPUID yes
check 'event ports may have eventfds' needed HYPERV_EVENTFD no
check 'the guest posts messages' \
	comes_true prints 'accepted: *[1-9]' hvctl -n caps ports show 65537
check 'hvd ends with status 0' ends_with_zero "$hvd"

check '--synic user: the VM runs' start --synic user
check '--synic user: hvd holds the SynIC' shows '^synic_mode: +user$'
check '--synic user: hvd enforces CPUID itself' shows '^enforce_cpuid: +yes$'
check '--synic user: its needs are others' what_the_mode_needs no yes
check '--synic user: the guest posts messages' \
	comes_true prints 'accepted: *[1-9]' hvctl -n caps ports show 65537
check '--synic user: hvd ends with status 0' ends_with_zero "$hvd"

check '--enforce-cpuid off: the VM runs' start --enforce-cpuid off
check '--enforce-cpuid off: KVM holds the SynIC' shows '^synic_mode: +kernel$'
check '--enforce-cpuid off: and does not enforce' shows '^enforce_cpuid: +no$'
check '--enforce-cpuid off: the capability is not needed' needed HYPERV_ENFORCE_CPUID no
check '--enforce-cpuid off: hvd ends with status 0' ends_with_zero "$hvd"

check 'enforced, what is not offered is #GP' cpuid_program 1 on ''
check 'so it is by default' cpuid_program 1 auto ''
check 'not enforced, it is not' cpuid_program 1 off not-enforced
check 'a guest that expects the other is told (on)' cpuid_program 3 on not-enforced
check 'a guest that expects the other is told (off)' cpuid_program 3 off ''
plan
