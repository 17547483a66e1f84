# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2034,SC2154 # it shares variables with lib/linux.sh and the suite
# Guests that break down: a part of lib/linux.sh.
#
# In the emulated CPU interrupts come through now and then while a kernel has them off: the outer one in
# KVM, in the middle of an entry into the guest, or the guest's. What follows is anything: a triple
# fault, a stack spoilt, a lock taken twice, a wake-up lost. So a guest that failed a test and is dead, or
# answers no more, says nothing about hvd the first time: it is repeated, and that is told. A kernel that
# panicked says a lot, unless its console proves that this was why. So does an hvd that ended of itself.

# machine_fault CONSOLE: prints how it shows that the guest's kernel died of its CPU; false: it does not.
#
# Either an interrupt's entry in a call trace stands on registers with IF off, where no CPU may interrupt:
#
#	asm_sysvec_hyperv_stimer0+0x16/0x20
#	RIP: 0010:asm_sysvec_hyperv_stimer0+0x0/0x20
#	RSP: 0000:fffffe000003dfd8 EFLAGS: 00000002
#
# or the kernel found its stack spoilt. What a trace marks with ? is a guess, and counts for nothing.
machine_fault() {
	tr -d '\r' <"$1" | awk '
		!/\[ *[0-9]+\.[0-9]+\] / { next }
		{ sub(/^.*\[ *[0-9]+\.[0-9]+\] +/, "") }
		/^Kernel panic - not syncing|^Oops: |^BUG: |\[#[0-9]+\] / { died = 1 }
		!spoilt && /stack guard page was hit|corrupted stack end detected|Kernel stack is corrupted/ {
			spoilt = $0
		}
		/^Code: / { next }
		/^RIP: / {
			rip = $2
			next
		}
		/EFLAGS: / {
			flags = $0
			sub(/.*EFLAGS: /, "", flags)
			sub(/ .*/, "", flags)
			if (entry != "" && !interrupted && index("014589cd", substr(flags, length(flags) - 2, 1)))
				interrupted = entry " came upon " rip " with EFLAGS " flags
		}
		{ entry = /^asm_(sysvec_[a-z0-9_]+|common_interrupt)\+0x/ ? $1 : "" }
		END {
			why = interrupted ? interrupted : spoilt
			if (!died || !why)
				exit 1
			print why
		}'
}

# kernel_died CONSOLE: prints of what, unless a suite has asked for it. A lockup is no death.
kernel_died() {
	tr -d '\r' <"$1" | grep -E '\[ *[0-9]+\.[0-9]+\] .*(Kernel panic - not syncing|Oops: |BUG: |\[#[0-9]+\] )' |
		grep -m1 -vE 'sysrq triggered crash|soft lockup|workqueue lockup'
}

# why_broken: prints it; false if the guest's failure is its own.
why_broken() {
	alive || $ended_well || return 1
	machine_fault "$console" && return 0
	alive && ! kernel_died "$console" >/dev/null || return 1
	grep -m1 'the VM stopped' "$hvd_log" && return 0
	tr -d '\r' <"$console" | grep -m1 -E 'soft lockup|detected stalls' && return 0
	silent=false
	answers '^still here$' 'echo still "here"' >/dev/null && return 1
	echo 'it does not answer at its console'
}

some_failed() {
	grep -q '^not ok' "$told"
}

# What there is to say of it besides its console.
keep_evidence() {
	hvctl inspect -j >"$LOGS/tree-$guest.json" 2>&1
	hvctl log >"$LOGS/log-$guest" 2>&1
}

stop_guest() {
	if some_failed; then
		keep_evidence
		broken=$(why_broken)
	fi
	exec 3>&-
	kill -KILL "$hvd" 2>/dev/null
	wait "$hvd" 2>/dev/null
}

# What a guest's tests tell goes to a file first, and meanwhile to the console as a comment.
exec 9>&1
told=
tell_result() {
	echo "$1"
	[ -z "$told" ] || echo "#   $1" >&9
}

try_guest() {
	broken=
	"$1" >"$told"
}

# keep_first: all that its first run has left among the logs.
keep_first() {
	for file in "$LOGS"/*-"$guest" "$LOGS"/*-"$guest"[.-]*; do
		[ ! -e "$file" ] || mv "$file" "$file.first"
	done
}

# Its tests are told when it is known that they count: they are those of one run.
run_guest() {
	first=$number told=$LOGS/tap-$guest console=$LOGS/console-$guest hvd_log=$LOGS/hvd-$guest
	try_guest "$1"
	[ -n "$broken" ] || return 0
	echo "# REPEATED: $SUITE: $label: $broken (console-$guest.first)"
	keep_first
	number=$first
	try_guest "$1"
}
