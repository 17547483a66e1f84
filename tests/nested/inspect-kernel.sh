#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# what hvctl shows is what the guest has programmed, whoever holds the registers
set -u
. /rig/lib/tap.sh

cpus=2
lists=10

# leaf PATH: the value of a leaf of the inspection tree.
leaf() {
	hvctl inspect "$1" | sed -n 's/^value: *//p'
}

# is PATH VALUE
is() {
	shown=$(leaf "$1")
	[ "$shown" = "$2" ] || {
		echo "$1 is '$shown', not '$2'"
		return 1
	}
}

# What hvctl shows, as the guest says it: lines "VP REGISTER VALUE".
shown() {
	hvctl sints list -o wide --columns vp,sint,raw | awk 'NR > 1 { print $1, "SINT" $2, $3 }'
	hvctl stimers list --columns vp,timer,config,count | sed 1d |
		while read -r vp timer config count; do
			echo "$vp STIMER${timer}_CONFIG $config"
			printf '%s STIMER%s_COUNT 0x%x\n' "$vp" "$timer" "$count"
		done
	hvctl synic show --columns vp,scontrol,simp,siefp |
		awk 'NR > 1 { print $1, "SCONTROL", $2; print $1, "SIMP", $3; print $1, "SIEFP", $4 }'
	for vp in 0 1; do
		echo "$vp VP_ASSIST_PAGE $(leaf vps/$vp/cpu/vp_assist_page)"
	done
	hvctl hv show | awk '
		/^guest_os_id:/ { print 0, "GUEST_OS_ID", $2 }
		/^hypercall:/ { print 0, "HYPERCALL", $2 }
		/^crash_p2:/ { print 0, "CRASH_P2", $2 }'
}

# said_in_round ROUND: the same lines as the guest wrote them before it ended the round.
said_in_round() {
	tr -d '\r' <"$console" | awk -v round="$1" '
		$2 == "round" { if ($3 == round) { printf "%s", said; exit } said = ""; next }
		$1 == "#" && NF == 4 { said = said $2 " " $3 " " $4 "\n" }'
}

# all_shown: hvctl shows every line on stdin.
all_shown() {
	cat >/tmp/wanted
	shown >/tmp/shown
	[ "$(wc -l </tmp/wanted)" -gt $((cpus * 10)) ] || {
		echo 'the guest said little'
		return 1
	}
	! grep -vxFf /tmp/shown /tmp/wanted
}

shows_round() {
	said_in_round "$1" | all_shown
}

# Every register that the guest has named is back at its reset value.
shows_reset() {
	said_in_round 0 | sed -e 's/\(SINT.*\) .*/\1 0x10000/' -e t -e 's/ [^ ]*$/ 0x0/' | all_shown
}

is_known() {
	shown=$(leaf "$1")
	echo "$1 is '$shown'"
	[ -n "$shown" ] && [ "$shown" != - ]
}

round_ended() {
	tr -d '\r' <"$console" | grep -qx "# round $1"
}

# The log has the crash with its parameter.
logs_crash() {
	prints "p2=$(leaf hv/crash_p2)" hvctl log --type crash
}

# Takes the VPs out of the guest once for each list, and no more.
many_lists() {
	before=$(leaf vps/1/exits/interrupted)
	for _ in $(seq "$lists"); do
		hvctl sints list -o wide >/dev/null || return 1
	done
	after=$(leaf vps/1/exits/interrupted)
	echo "$((after - before)) exits for $lists lists"
	[ $((after - before)) -le "$lists" ]
}

# start SYNIC
start() {
	console=$LOGS/$1-console.log
	hvd --demo --name inspect --accel kvm --synic "$1" --cpus "$cpus" --serial "file:$console" \
		--on-stop stay --append 'run=registers hold' >"$LOGS/$1-hvd.log" 2>&1 </dev/null &
	hvd=$!
}

# check_values SYNIC: as the guest sets them, and as it changes them.
check_values() {
	start "$1"
	check "$1: the guest runs" comes_true round_ended 0
	check "$1: hvctl shows what the guest programmed" shows_round 0
	check "$1: a one-shot timer is due at its count" \
		is vps/1/stimers/1/due_100ns "$(leaf vps/1/stimers/1/count)"
	check "$1: a crash report is counted" is hv/crashes 1
	check "$1: and logged with what the guest wrote" logs_crash
	check "$1: a message lets the guest go on" hvctl inject --vp 0 --sint 2
	check "$1: it programs other values" comes_true round_ended 1
	check "$1: hvctl shows those" shows_round 1
}

# check_life SYNIC: whatever state the VM is in.
check_life() {
	check "$1: $lists lists leave the guest running" many_lists
	check "$1: metrics have them" prints '^hvd_sint_masked\{vp="1",sint="9"\} 1$' hvctl metrics
	check "$1: the VM pauses" hvctl vm pause
	check "$1: a paused VM shows them as well" shows_round 1
	check "$1: a reset of the paused VM" hvctl vm reset
	check "$1: puts every register back" shows_reset
	check "$1: the VM resumes" hvctl vm resume
	check "$1: and the guest programs them again" comes_true is vps/1/sints/5/raw 0x20081
	check "$1: the VM stops" hvctl vm shutdown
	check "$1: a stopped VM shows its last values" is vps/1/sints/5/raw 0x20081
}

# What only hvd's own SynIC knows, and KVM does not tell.
nulls='vps/0/synic/eoms vps/0/stimers/2/due_100ns
vps/0/stimers/1/armed vps/0/stimers/1/expirations vps/0/msr_faults hv/crash_ctl'

check_values user
for path in $nulls; do
	check "user: $path is known" is_known "$path"
done
check 'user: hvd ends with status 0' ends_with_zero "$hvd"
check_values kernel
for path in $nulls; do
	check "kernel: $path is null" is "$path" -
done
check_life kernel
check 'kernel: hvd ends with status 0' ends_with_zero "$hvd"
plan
