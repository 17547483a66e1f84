#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs shellcheck over every shell script and bats file. Speaks TAP.
#
#   scripts.sh SOURCE-ROOT
set -u
cd "$1" || exit 1

mapfile -t scripts < <(
	{
		grep -rlE '^#!/bin/(ba)?sh' scripts tests .ci guest completions packaging 2>/dev/null
		find scripts tests -name '*.sh' -o -name '*.bash' -o -name '*.bats'
	} | sort -u
)

echo "1..${#scripts[@]}"
number=0
for script in "${scripts[@]}"; do
	number=$((number + 1))
	if complaints=$(shellcheck -x -P SCRIPTDIR -S warning "$script" 2>&1); then
		echo "ok $number $script"
	else
		echo "not ok $number $script"
		echo "$complaints" | sed 's/^/# /'
	fi
done
