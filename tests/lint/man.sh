#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# mandoc has nothing to say against the manual pages. Speaks TAP.
#
#   man.sh PAGE...
set -u

echo "1..$#"
number=0
for page in "$@"; do
	number=$((number + 1))
	# scdoc writes paragraph macros that mandoc finds superfluous; nobody sees them.
	complaints=$(mandoc -T lint -W warning "$page" | grep -v 'skipping paragraph macro: PP')
	if [ -z "$complaints" ]; then
		echo "ok $number ${page##*/}"
	else
		echo "not ok $number ${page##*/}"
		echo "$complaints" | sed 's/^/# /'
	fi
done
