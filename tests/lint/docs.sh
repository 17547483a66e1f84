#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# docs/hyperv-coverage.md names files and tests; all of them exist. Speaks TAP.
#
#   docs.sh SOURCE-ROOT
set -u
. "$(dirname "$0")/tap.bash"
cd "$1" || exit 1

coverage=docs/hyperv-coverage.md

# quoted REGEX: what stands in backticks and matches, once each.
quoted() {
	grep -oE '`[^`]+`' "$coverage" | tr -d '`' | grep -xE "$1" | sort -u
}

missing_files() {
	quoted '[a-z_/]+\.c' | while read -r file; do
		[ -e "src/vmm/$file" ] || [ -e "src/vmbus/$file" ] || echo "$file"
	done
}

missing_programs() {
	quoted 'guest/[a-z0-9-]+' | while IFS=/ read -r _ program; do
		grep -qE "\bX\(${program//-/_}\)" guest/programs/programs.h || echo "guest/$program"
	done
}

missing_tests() {
	quoted '[a-z-]+/[a-z0-9_]+' | grep -v '^guest/' | while IFS=/ read -r module name; do
		grep -qE "\b$name\(void" "tests/unit/test-$module.c" 2>/dev/null || echo "$module/$name"
	done
}

echo 1..3
rule 'every file of the coverage table exists' "$(missing_files)"
rule 'every guest program it names exists' "$(missing_programs)"
rule 'every unit test it names exists' "$(missing_tests)"
