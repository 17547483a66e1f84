#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/nested/lib/breakdown.sh: which guests of the rig are repeated. The consoles are ours, in the
# words of Linux 6.1.

load helpers

setup() {
	common_setup
	console=$BATS_TEST_TMPDIR/console-user-2
	: >"$console"
}

# prints_lines LINE...: more of the console, as a terminal has it, with the kernel's time.
prints_lines() {
	printf '[   12.345678] %s\r\n' "$@" >>"$console"
}

# trace ENTRY EFLAGS: a panic whose call trace has an interrupt's entry upon these flags.
trace() {
	prints_lines 'BUG: unable to handle page fault for address: 0000000000001fb8' \
		'Oops: 0000 [#1] PREEMPT SMP NOPTI' \
		'RIP: 0010:handle+0x10/0x130' 'RSP: 0018:ffffa00000003f00 EFLAGS: 00000083' \
		'Call Trace:' ' <TASK>' " $1" 'RIP: 0010:work+0x0/0x20' 'Code: 0f 01 ca fc' \
		"RSP: 0018:ffffa0000000bfd8 EFLAGS: $2" 'RAX: 0000000000000000 RBX: 00000000004a90e0' \
		' </TASK>' 'Kernel panic - not syncing: Fatal exception in interrupt'
}

# library COMMAND...: one of its functions, in a shell of its own.
library() {
	sh -c '. "$0"; "$@"' "$SOURCE_ROOT/tests/nested/lib/breakdown.sh" "$@"
}

# guest_fails [HOW]: a guest whose first run fails a test, with $console's text on its console, and whose
# second passes. HOW is what is true of hvd then: lives, ended or crashed.
guest_fails() {
	fail_once=$console sh -s "$SOURCE_ROOT/tests/nested/lib" "$BATS_TEST_TMPDIR/logs" "${1:-lives}" <<'EOT'
. "$1/tap.sh"
. "$1/breakdown.sh"
LOGS=$2 how=$3 SUITE=demo guest=user-2 label='user, 2 VPs' ended_well=false turn=0
mkdir -p "$LOGS"
hvctl() { echo "$*"; }
answers() { true; }
alive() { [ "$how" = lives ]; }
boot() {
	turn=$((turn + 1))
	sleep 60 >/dev/null 9>&- &
	hvd=$!
	: >"$hvd_log"
	[ "$turn" -gt 1 ] || cat "$fail_once" >"$console"
	[ "$turn" = 1 ] || echo second >"$console"
	[ "$how" != ended ] || ended_well=true
	check 'it works' test "$turn" -gt 1
	stop_guest
}
run_guest boot
cat "$told"
EOT
}

# ---- evidence --------------------------------------------------------------------------------

@test "an interrupt taken with IF off shows that it was the machine" {
	trace 'asm_sysvec_hyperv_stimer0+0x16/0x20' 00000002
	run library machine_fault "$console"
	assert_success
	assert_output 'asm_sysvec_hyperv_stimer0+0x16/0x20 came upon 0010:work+0x0/0x20 with EFLAGS 00000002'
}

@test "so does any other interrupt, whatever the other flags" {
	local flags
	for flags in 00000086 00010046 00000492; do
		: >"$console"
		trace 'asm_common_interrupt+0x26/0x40' "$flags"
		run library machine_fault "$console"
		assert_success
	done
}

@test "an interrupt taken with IF on shows nothing" {
	local flags
	for flags in 00000202 00000246 00010a02 00000f46; do
		: >"$console"
		trace 'asm_sysvec_apic_timer_interrupt+0x1a/0x20' "$flags"
		run library machine_fault "$console"
		assert_failure
		assert_output ''
	done
}

@test "exceptions and NMIs come with IF off, and guesses of a trace count for nothing" {
	trace 'asm_exc_page_fault+0x22/0x30' 00000002
	trace 'asm_exc_nmi+0xd2/0x120' 00000002
	trace '? asm_sysvec_hyperv_stimer0+0x16/0x20' 00000002
	trace 'sysvec_hyperv_stimer0+0xa/0x90' 00000002
	run library machine_fault "$console"
	assert_failure
}

@test "a spoilt stack shows that it was the machine" {
	local line
	for line in 'BUG: ENTRY_TRAMPOLINE stack guard page was hit at 0000000095b1f30a (stack is 1..2)' \
		'Kernel panic - not syncing: corrupted stack end detected inside scheduler' \
		'Kernel panic - not syncing: stack-protector: Kernel stack is corrupted in: work+0x1/0x2'; do
		: >"$console"
		prints_lines "$line"
		run library machine_fault "$console"
		assert_success
		assert_output "$line"
	done
}

@test "without a kernel that died there is nothing to show" {
	prints_lines 'WARNING: CPU: 1 PID: 1 at work+0x1/0x2' 'Call Trace:' ' asm_common_interrupt+0x26/0x40' \
		'RIP: 0010:work+0x0/0x20' 'RSP: 0018:ffffa0000000bfd8 EFLAGS: 00000002'
	echo 'Kernel panic - not syncing: corrupted stack end detected, says a program' >>"$console"
	run library machine_fault "$console"
	assert_failure
}

@test "a panic that a suite asked for, and a lockup, are no deaths" {
	prints_lines 'sysrq: Trigger a crash' 'Kernel panic - not syncing: sysrq triggered crash' \
		'watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [uio-echo:102]'
	run library kernel_died "$console"
	assert_failure
	prints_lines 'Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000009'
	run library kernel_died "$console"
	assert_success
	assert_output --partial 'Attempted to kill init'
}

# ---- what follows ----------------------------------------------------------------------------

@test "a guest whose panic proves it is repeated, and its first console kept" {
	trace 'asm_sysvec_hyperv_stimer0+0x16/0x20' 00000002
	run guest_fails
	assert_line '# REPEATED: demo: user, 2 VPs: asm_sysvec_hyperv_stimer0+0x16/0x20 came upon 0010:work+0x0/0x20 with EFLAGS 00000002 (console-user-2.first)'
	assert_line 'ok 1 - demo: it works'
	refute_line 'not ok 1 - demo: it works'
	assert cmp "$console" "$BATS_TEST_TMPDIR/logs/console-user-2.first"
	assert grep -q '^not ok' "$BATS_TEST_TMPDIR/logs/tap-user-2.first"
	assert [ -s "$BATS_TEST_TMPDIR/logs/tree-user-2.json.first" ]
	assert grep -qx second "$BATS_TEST_TMPDIR/logs/console-user-2"
}

@test "so is one that came up again after that and powered off" {
	trace 'asm_sysvec_hyperv_stimer0+0x16/0x20' 00000002
	run guest_fails ended
	assert_line --partial '# REPEATED: demo'
	assert_line 'ok 1 - demo: it works'
}

@test "a panic for any other reason is a failure" {
	trace 'asm_sysvec_hyperv_stimer0+0x16/0x20' 00000246
	run guest_fails
	assert_line 'not ok 1 - demo: it works'
	refute_output --partial REPEATED
	assert [ ! -e "$BATS_TEST_TMPDIR/logs/console-user-2.first" ]
}

@test "an hvd that ended by itself is not excused by a panic" {
	trace 'asm_sysvec_hyperv_stimer0+0x16/0x20' 00000002
	run guest_fails crashed
	assert_line 'not ok 1 - demo: it works'
	refute_output --partial REPEATED
}
