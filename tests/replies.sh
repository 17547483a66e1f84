#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs tests that drive the server and validates every reply they got.
#
#   replies.sh SOURCE-ROOT [--all-routes] TEST...
set -u
root=$1
shift
all=
if [ "$1" = --all-routes ]; then
	all=$1
	shift
fi

HVD_REPLY_LOG=$(mktemp)
export HVD_REPLY_LOG
trap 'rm -f "$HVD_REPLY_LOG"' EXIT
for test in "$@"; do
	"$test" >/dev/null 2>&1 || echo "# $test failed; its own test says why"
done
"$root/tests/validate-replies.py" ${all:+"$all"} --ignore widget --ignore widget-list \
	--ignore part --ignore part-list "$root/schema" "$HVD_REPLY_LOG"
