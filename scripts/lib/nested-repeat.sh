# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154 # set by scripts/nested
# When the emulated machine itself breaks down: what its suites have told until then counts, and those
# that had not ended run on another one. Sourced by scripts/nested.

# The machine breaks once in a while: it ends before its first process, a CPU stumbles over code that the
# other one is patching, the kernel finds its own stack spoilt, waits for a lock that it holds, or is gone
# without a word (a triple fault: QEMU ends as if all was well). None of it says anything about hvd, which
# has no way to do that; HACKING.md says more.
emulator_failed() {
	[ ! -e "$work/stood-still" ] || return 0
	[ "$qemu_status" != "$status_timeout" ] || return 1
	grep -q '^# rig: Linux' "$1/console" || return 0
	! grep -qE 'Oops: int3|Kernel panic - not syncing' "$1/console" || return 0
	[ "$qemu_status" = 0 ] && ! grep -q '^# rig: done$' "$1/console"
}

# ended_suites CONSOLE: a line each. Not those of which more is to be judged than what they told, nor the
# last one: a machine has to come to its last word.
ended_suites() {
	local suite

	sed -n 's/^# suite \([a-z-]*\) took .*/\1/p' "$1" | while read -r suite; do
		[ -x "$suites_dir/after/$suite" ] || [ "$suite" = "${suites[-1]}" ] || echo "$suite"
	done
}

# told_by SUITE... <CONSOLE
told_by() {
	awk -v names=" $* " '
		/^# suite [a-z-]+$/ { wanted = index(names, " " $3 " ") }
		wanted { print }
		/^# suite [a-z-]+ took / { wanted = 0 }'
}

# repeat_suites KIND LOGS TURN: takes those that had ended out of suites.
repeat_suites() {
	local suite ended=() left=()

	mapfile -t ended < <(ended_suites "$2/console")
	told_by "${ended[@]}" <"$2/console" >>"$2/told"
	for suite in "${suites[@]}"; do
		[[ " ${ended[*]} " == *" $suite "* ]] || left+=("$suite")
	done
	suites=("${left[@]}")
	say "REPEATED: the emulated machine itself broke down; on another one: ${suites[*]}"
	mv "$2/console" "$2/console.$3"
	make_initramfs "$1"
	boot "$1" "$2"
}

# run_suites KIND LOGS: on up to four machines. Most of those that break do so in their first seconds; to
# wait for one that stands still is too long to do it again.
run_suites() {
	local turn

	rm -f "$2"/told "$2"/console*
	boot "$1" "$2"
	for turn in first second third; do
		emulator_failed "$2" || break
		[ "$turn" = first ] || [ ! -e "$work/stood-still" ] || break
		repeat_suites "$1" "$2" "$turn"
	done
	if [ -e "$2/told" ]; then
		mv "$2/console" "$2/console.last"
		cat "$2/told" "$2/console.last" >"$2/console"
	fi
	tar -C "$2" -xzf "$work/logs.tgz" 2>/dev/null || say 'the machine sent no whole logs'
}
