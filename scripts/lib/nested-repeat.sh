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

# repeat_suites KIND LOGS: takes those that had ended out of suites.
repeat_suites() {
	local suite ended=() left=()

	mapfile -t ended < <(ended_suites "$2/console")
	for suite in "${suites[@]}"; do
		[[ " ${ended[*]} " == *" $suite "* ]] || left+=("$suite")
	done
	suites=("${left[@]}")
	say "REPEATED: the emulated machine itself broke down; on another one: ${suites[*]}"
	mv "$2/console" "$2/console.first"
	make_initramfs "$1"
	boot "$1" "$2"
	mv "$2/console" "$2/console.second"
	told_by "${ended[@]}" <"$2/console.first" | cat - "$2/console.second" >"$2/console"
}
