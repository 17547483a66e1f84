# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154 # set by scripts/nested
# The suites of the nested rig, as their headers describe them. Sourced by scripts/nested.
#
# A suite is a file tests/nested/NAME.sh. Its third line says what it is; comment lines at its top
#	# needs: WORD...	what the machine must hold for it (nested-image.sh has the words)
#	# machine: counted	figures: it runs on a machine whose clock counts instructions
#	# by name only		not part of a run that names no suites
# An executable tests/nested/after/NAME is given the folder of the suite's logs when the machine is gone;
# it prints results, too, and ends with another status than 0 only if it cannot.

suites_dir=$root/tests/nested

suite_exists() {
	[[ $1 != */* ]] && [ -f "$suites_dir/$1.sh" ]
}

all_suites() {
	local file

	for file in "$suites_dir"/*.sh; do
		basename "$file" .sh
	done
}

is_default_suite() {
	! grep -qx '# by name only' "$suites_dir/$1.sh"
}

# suites_on KIND: the chosen suites that ask for a machine of that kind, a line each.
suites_on() {
	local suite kind

	for suite in "${suites[@]}"; do
		kind=$machine
		[ -n "$kind" ] || kind=$(sed -n 's/^# machine: //p' "$suites_dir/$suite.sh")
		[ "${kind:-plain}" != "$1" ] || echo "$suite"
	done
}

default_suites() {
	local suite

	for suite in $(all_suites); do
		! is_default_suite "$suite" || echo "$suite"
	done
}

list_suites() {
	local suite mark

	for suite in $(all_suites); do
		mark=
		is_default_suite "$suite" || mark=' [by name only]'
		printf '%-14s %s%s\n' "$suite" "$(sed -n '3s/^# //p' "$suites_dir/$suite.sh")" "$mark"
	done
}

# What the chosen suites need, a word a line, each once.
needs() {
	local suite

	for suite in "${suites[@]}"; do
		sed -n 's/^# needs: *//p' "$suites_dir/$suite.sh"
	done | tr -s ' ' '\n' | sort -u
}

needs_word() {
	needs | grep -qxF "$1"
}

check_needs() {
	local word

	for word in $(needs); do
		case $word in
		guest-tests | guest-image | qemu | tracefs | vmlinuz) ;;
		module=?* | guest-module=?* | guest-package=?* | program=?* | file=?*) ;;
		*) die "a suite needs '$word': scripts/lib/nested-image.sh does not know it" ;;
		esac
	done
}

# lacks SUITE: sets why, if one of its packages cannot be had.
lacks() {
	local word

	for word in $(sed -n 's/^# needs: *//p' "$suites_dir/$1.sh"); do
		[[ $word != guest-package=* ]] || get_package "${word#*=}" || return 0
	done
	return 1
}

# drop_suites: those that cannot run for want of a package, which is said.
drop_suites() {
	local suite kept=()

	for suite in "${suites[@]}"; do
		if lacks "$suite"; then
			note_skip "$suite: $why"
		else
			kept+=("$suite")
		fi
	done
	suites=("${kept[@]}")
}
