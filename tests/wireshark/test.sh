#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# test.sh SCRIPTED-CAPTURE: what a scripted guest and hvd say, seen by hvd's log and by tshark.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
if ! command -v tshark >/dev/null; then
	echo '1..0 # SKIP no tshark here (Debian: tshark)'
	exit
fi
"$1" "$folder/log" "$folder/capture.pcapng" >"$folder/said" 2>&1 || { cat "$folder/said" >&2 && exit 1; }
/usr/bin/python3 "$(dirname "$0")/check.py" "$folder/log" "$folder/capture.pcapng"
